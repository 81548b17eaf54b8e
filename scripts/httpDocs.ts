/**
 * Writes `docs/errors.md` and `docs/parameters.md` from the tables of the HTTP edge.
 */
import { errorTable } from "../src/http/frame/errors.ts";
import { listed, parameterTable, type Treatment } from "../src/http/openai/chat/parameters.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|");

/** The document of errors. */
export const errorsMarkdown = (): string =>
  [
    "# Errors",
    "",
    'Every failure is `{"error":{"message","type","param","code"}}` with all four keys, before the first byte under',
    "the status below, after it as one `data:` frame that ends the stream. Every response has `x-request-id`; the log",
    "has the cause under that id, the message never does. `param` names the field that is wrong.",
    "",
    "The official clients retry 408, 409, 429 and 5xx by themselves. `x-should-retry` tells them whether it can help:",
    "it is `false` where the table says so, when the wait would be over 60 seconds, and when a tool has already run.",
    "",
    "This page is generated from the table in `src/http/frame/errors.ts` by `deno task docs`.",
    "",
    "| Status | type | code | Retry | When |",
    "| --- | --- | --- | --- | --- |",
    ...Object.values(errorTable)
      .toSorted((left, right) => left.status - right.status)
      .map(({ status, type, code, retry, when }) =>
        `| ${status} | \`${type}\` | ${code === null ? "by field" : `\`${code}\``} | ${retry ? "yes" : "no"} | ${
          cell(when)
        } |`
      ),
    "",
  ].join("\n");

const treatmentText = (treatment: Treatment): string => {
  switch (treatment._tag) {
    case "Honoured":
      return `honoured: ${treatment.how}`;
    case "Harmless":
      return treatment.values === "any"
        ? "accepted: a hint that changes nothing here"
        : `only ${listed(treatment.values).split(" or ").map((value) => `\`${value}\``).join(" or ")}`;
    case "Refused":
      return `refused: ${treatment.why}`;
  }
};

/** The document of request parameters. */
export const parametersMarkdown = (): string =>
  [
    "# Request parameters",
    "",
    "What `POST /v1/chat/completions` does with each parameter of OpenAI's document. None is ignored in silence: one",
    "that cannot be honoured is a 400 whose `param` names it, and so is a name that OpenAI does not know. `null` always",
    "means that the parameter was not given.",
    "",
    "This page is generated from the table in `src/http/openai/chat/parameters.ts` by `deno task docs`.",
    "",
    "| Parameter | What becomes of it |",
    "| --- | --- |",
    ...Object.entries(parameterTable).map(([name, treatment]) => `| \`${name}\` | ${cell(treatmentText(treatment))} |`),
    "",
  ].join("\n");

if (import.meta.main) {
  Deno.writeTextFileSync("docs/errors.md", errorsMarkdown());
  Deno.writeTextFileSync("docs/parameters.md", parametersMarkdown());
}
