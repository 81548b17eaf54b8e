/**
 * The flags of the command line, made from the table of settings: each is the setting of the same name.
 */
import { Option } from "effect";
import { Flag } from "effect/cli";
import { type Row, settingsAreas } from "../../src/config.ts";
import type { Program } from "./programs.ts";

/** Facts of the machine that are read like settings; nobody sets them for one start. */
const facts: ReadonlySet<string> = new Set(["HOME", "XDG_RUNTIME_DIR"]);

/** The flag of a setting: `CAISSON_SANDBOX` is `--sandbox`, `AGENT_API_PORT` is `--agent-api-port`. */
export const flagName = (key: string): string => key.replace(/^CAISSON_/, "").toLowerCase().replaceAll("_", "-");

/** What is shown for the value in help. */
const metavar = (row: Row<unknown>): string => {
  const [, unit] = /\(([^)]*)\)/.exec(row.expected) ?? [];
  return unit ?? (row.expected.includes("URL") ? "url" : "text");
};

/** The text of a value, checked as the server checks it. */
const valueFlag = (row: Row<unknown>): Flag.Flag<string> => {
  const name = flagName(row.key);
  if (row.choices.join() === "true,false") return Flag.map(Flag.Boolean(name), String);
  if (row.choices.length > 0) return Flag.Literals(name, row.choices);
  return Flag.String(name).pipe(
    Flag.withMetavar(metavar(row)),
    Flag.filter(
      (text) => Option.isSome(row.parse(text)),
      () => row.expected,
    ),
  );
};

/** The settings that can be given as flags; a secret cannot, for everyone on the machine sees a command line. */
const rowsOf = (areas: Program["areas"]): ReadonlyArray<Row<unknown>> =>
  areas
    .flatMap((area) => Object.values<Row<unknown>>(settingsAreas[area]))
    .filter(({ key, secret }) => !secret && !facts.has(key));

/**
 * A flag for each setting of some areas, by the name of its variable.
 *
 * *Details*: `short` gives some of them a second name.
 */
export const settingFlags = (
  areas: Program["areas"],
  short: Readonly<Record<string, string>> = {},
): Record<string, Flag.Flag<Option.Option<string>>> =>
  Object.fromEntries(
    rowsOf(areas).map((row) => {
      const described = valueFlag(row).pipe(
        Flag.withDescription(`${row.why} (${row.key}${row.defaultText === "" ? "" : `, ${row.defaultText}`})`),
      );
      const alias = short[row.key];
      return [row.key, Flag.optional(alias === undefined ? described : Flag.withAlias(described, alias))];
    }),
  );

/** The settings that were given. */
export const given = (flags: Readonly<Record<string, Option.Option<string>>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(flags).flatMap(([key, value]) => Option.isSome(value) ? [[key, value.value]] : []),
  );

/** The setting that a flag would be if it were not a secret. */
export const secretOf = (flag: string): string | undefined =>
  Object.values(settingsAreas)
    .flatMap((area) => Object.values<Row<unknown>>(area))
    .find(({ key, secret }) => secret && `--${flagName(key)}` === flag)?.key;
