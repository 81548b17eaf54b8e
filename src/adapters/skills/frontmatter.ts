/**
 * Reading a `SKILL.md`: its YAML frontmatter, leniently, with the line of everything wrong.
 *
 * The rules are those of the Agent Skills specification. What breaks a rule but can still be used is
 * a warning; only a skill that the agent could not choose or read is refused.
 */
import { Option, Result, Schema } from "effect";
import * as Yaml from "effect/encoding/Yaml";
import type { Skill } from "../../domain/Skill.ts";

/** Bounds of the specification. */
const nameCharsMax = 64;
const descriptionCharsMax = 1_024;
const compatibilityCharsMax = 500;
const linesMax = 500;
/** About 5,000 tokens at four characters each. */
const bodyCharsMax = 20_000;

/** Something wrong in one file; `line` counts from 1. */
export interface Finding {
  readonly line: number;
  readonly message: string;
  readonly refused: boolean;
}

/** What a `SKILL.md` came to: a skill unless it was refused, and every finding. */
export interface Parsed {
  readonly skill: Option.Option<Omit<Skill, "location">>;
  readonly findings: ReadonlyArray<Finding>;
}

const knownKeys = new Set(["name", "description", "license", "compatibility", "metadata", "allowed-tools"]);

const warning = (line: number, message: string): Finding => ({ line, message, refused: false });
const refusal = (line: number, message: string): Parsed => ({
  skill: Option.none(),
  findings: [{ line, message, refused: true }],
});

type Fields = Readonly<Record<string, unknown>>;
const decodeFields = Schema.decodeUnknownOption(Schema.Record(Schema.String, Schema.Unknown));

const parseYaml = (text: string): Result.Result<unknown, string> =>
  Result.try({ try: () => Yaml.parse(text), catch: (error) => error instanceof Error ? error.message : String(error) });

/** A value without the quotes around it; a sign that announces a block of lines says nothing by itself. */
const unquoted = (value: string): string => {
  const quote = value.charAt(0);
  if ((quote === "'" || quote === '"') && value.length > 1 && value.endsWith(quote)) return value.slice(1, -1);
  return /^[>|][+-]?$/.test(value) ? "" : value;
};

/** Reads top-level `key: text` lines as plain text, for frontmatter that is not quite YAML. */
const parseLoosely = (lines: ReadonlyArray<string>): Fields => {
  const fields: Record<string, string> = {};
  let key: string | undefined;
  for (const line of lines) {
    const found = /^([A-Za-z][\w-]{0,200}):/.exec(line);
    if (found?.[1] !== undefined) {
      key = found[1];
      fields[key] = unquoted(line.slice(found[0].length).trim());
    } else if (key !== undefined && /^\s/.test(line) && line.trim() !== "") {
      fields[key] = `${fields[key] ?? ""} ${line.trim()}`.trim();
    }
  }
  return fields;
};

const textOf = (value: unknown): string | undefined =>
  typeof value === "string"
    ? value.trim()
    : typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : undefined;

/** The first line of a key in the frontmatter, or the line that opens it. */
const lineOf = (lines: ReadonlyArray<string>, key: string): number =>
  lines.findIndex((line) => line.startsWith(`${key}:`)) + 2;

const checkName = (name: string, folder: string, line: number): ReadonlyArray<Finding> => {
  const findings: Array<Finding> = [];
  if (name.length > nameCharsMax) findings.push(warning(line, `name is longer than ${nameCharsMax} characters`));
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) {
    findings.push(warning(line, `name '${name}' has characters other than a-z, 0-9 and single hyphens between them`));
  }
  if (name !== folder) findings.push(warning(line, `name '${name}' differs from its folder '${folder}'`));
  return findings;
};

const metadataOf = (value: unknown): Record<string, string> | undefined =>
  Option.getOrUndefined(
    Option.map(decodeFields(value), (fields) =>
      Object.fromEntries(
        Object.entries(fields).flatMap(([key, each]) => {
          const text = textOf(each);
          return text === undefined ? [] : [[key, text]];
        }),
      )),
  );

const allowedToolsOf = (value: unknown): ReadonlyArray<string> | undefined =>
  typeof value === "string"
    ? value.split(/[\s,]+/).filter((tool) => tool !== "")
    : Array.isArray(value)
    ? value.flatMap((tool) => textOf(tool) ?? [])
    : undefined;

/** Parses the text of a `SKILL.md` that stands in `folder`. */
export const parseSkill = (source: string, folder: string): Parsed => {
  const text = source.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");
  const all = text.split("\n");
  if (all[0]?.trimEnd() !== "---") return refusal(1, "no frontmatter: the first line must be ---");
  const end = all.findIndex((line, index) => index > 0 && line.trimEnd() === "---");
  if (end < 0) return refusal(1, "the frontmatter is never closed by a line ---");
  const lines = all.slice(1, end);
  const body = all.slice(end + 1);
  const findings: Array<Finding> = [];

  const yaml = parseYaml(lines.join("\n"));
  const strict = Result.isSuccess(yaml) ? decodeFields(yaml.success) : Option.none<Fields>();
  if (Result.isFailure(yaml)) {
    const line = Number(/line (\d+)/.exec(yaml.failure)?.[1] ?? 1) + 1;
    findings.push(warning(line, `the frontmatter is not valid YAML and was read line by line: ${yaml.failure}`));
  } else if (Option.isNone(strict)) return refusal(2, "the frontmatter is not a mapping of keys to values");
  const fields = Option.getOrElse(strict, () => parseLoosely(lines));

  for (const key of Object.keys(fields)) {
    if (!knownKeys.has(key)) findings.push(warning(lineOf(lines, key), `unknown key '${key}'`));
  }
  const description = textOf(fields["description"])?.replace(/\s+/g, " ");
  if (description === undefined || description === "") {
    return {
      skill: Option.none(),
      findings: [...findings, {
        line: "description" in fields ? lineOf(lines, "description") : 1,
        message: "description is missing: the agent could not tell when to use this skill",
        refused: true,
      }],
    };
  }
  if (description.length > descriptionCharsMax) {
    findings.push(
      warning(lineOf(lines, "description"), `description is longer than ${descriptionCharsMax} characters`),
    );
  }
  const named = textOf(fields["name"]);
  if (named === undefined || named === "") findings.push(warning(1, `name is missing; the folder's is used`));
  const name = named || folder;
  if (named) findings.push(...checkName(name, folder, lineOf(lines, "name")));

  const compatibility = textOf(fields["compatibility"]);
  if ((compatibility?.length ?? 0) > compatibilityCharsMax) {
    findings.push(
      warning(lineOf(lines, "compatibility"), `compatibility is longer than ${compatibilityCharsMax} characters`),
    );
  }
  if (body.every((line) => line.trim() === "")) findings.push(warning(end + 1, "there are no instructions"));
  if (body.length > linesMax) {
    findings.push(warning(end + 1 + linesMax, `more than ${linesMax} lines: move details to references/`));
  } else if (body.join("\n").length > bodyCharsMax) {
    findings.push(warning(end + 2, "more than about 5,000 tokens: move details to references/"));
  }
  const license = textOf(fields["license"]);
  const metadata = metadataOf(fields["metadata"]);
  const allowedTools = allowedToolsOf(fields["allowed-tools"]);
  return {
    skill: Option.some({
      name,
      description,
      ...(license !== undefined && { license }),
      ...(compatibility !== undefined && { compatibility }),
      ...(metadata !== undefined && { metadata }),
      ...(allowedTools !== undefined && { allowedTools }),
    }),
    findings,
  };
};
