/**
 * Writes `docs/configuration.md` from the configuration table.
 */
import { type Row, settingsTable } from "../src/config.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|");

const tableRow = (entry: Row<unknown>): string => {
  const names = [entry.key, ...entry.aliases].map((name) => `\`${name}\``).join(" or ");
  const fallback = entry.defaultText === "" ? "" : `\`${entry.defaultText}\``;
  return `| ${names} | ${cell(entry.expected)}${entry.secret ? ", secret" : ""} | ${fallback} | ${cell(entry.why)} |`;
};

/** The whole document. */
export const configurationMarkdown = (): string =>
  [
    "# Configuration",
    "",
    "Read once at start from the environment and then from `.env` in the working directory; an empty value counts as",
    "unset. A wrong value is refused at boot by name, with what was expected. Secrets are never printed.",
    "",
    "This page is generated from the table in `src/config.ts` by `deno task docs`.",
    "",
    "| Name | Value | Default | Why |",
    "| --- | --- | --- | --- |",
    ...Object.values<Row<unknown>>(settingsTable).map(tableRow),
    "",
  ].join("\n");

if (import.meta.main) Deno.writeTextFileSync("docs/configuration.md", configurationMarkdown());
