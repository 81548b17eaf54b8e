/**
 * Writes `docs/configuration.md` from the configuration table.
 */
import { type Row, settingsAreas } from "../src/config.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|");

const tableRow = (entry: Row<unknown>): string => {
  const names = [entry.key, ...entry.aliases].map((name) => `\`${name}\``).join(" or ");
  const fallback = entry.defaultText === "" ? "" : `\`${entry.defaultText}\``;
  return `| ${names} | ${cell(entry.expected)}${entry.secret ? ", secret" : ""} | ${fallback} | ${cell(entry.why)} |`;
};

/** The heading of each area of the table. */
const headings: Readonly<Record<keyof typeof settingsAreas, string>> = {
  doors: "Doors",
  identity: "Identity",
  limits: "Limits",
  agent: "Agent",
  models: "Models",
  sandbox: "Sandbox",
  egress: "Egress",
  sessions: "Sessions",
  webhooks: "Webhooks",
  telemetry: "Logs",
};

const tables: Readonly<Record<string, Readonly<Record<string, Row<unknown>>>>> = settingsAreas;

const section = ([area, heading]: readonly [string, string]): ReadonlyArray<string> => [
  `## ${heading}`,
  "",
  "| Name | Value | Default | Why |",
  "| --- | --- | --- | --- |",
  ...Object.values(tables[area] ?? {}).map(tableRow),
  "",
];

/** The whole document. */
export const configurationMarkdown = (): string =>
  [
    "# Configuration",
    "",
    "Read once at start from the environment and then from `.env` in the working directory; an empty value counts as",
    "unset. A wrong value is refused at boot by name, with what was expected. Secrets are never printed.",
    "",
    "This page is generated from the tables in `src/config/` by `deno task docs`.",
    "",
    ...Object.entries(headings).flatMap(section),
  ].join("\n");

if (import.meta.main) Deno.writeTextFileSync("docs/configuration.md", configurationMarkdown());
