/**
 * Writes `docs/errors.md` and `docs/parameters.md` from the tables of the HTTP edge.
 */
import { errorTable } from "../src/http/frame/errorTable.ts";
import { refusalTable, rpcCode } from "../src/mcp/errors.ts";
import { type SamplingKind, takenBy } from "../src/adapters/model/sampling.ts";
import { listed, notAppliedHeader, parameterTable, type Treatment } from "../src/http/openai/chat/parameters.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|");

const byStatus = <R extends { readonly status: number }>(rows: ReadonlyArray<R>): ReadonlyArray<R> =>
  rows.toSorted((left, right) => left.status - right.status);

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
    "This page is generated from `src/http/frame/errorTable.ts` and `src/mcp/errors.ts` by `deno task docs`.",
    "",
    "| Status | type | code | Retry | When |",
    "| --- | --- | --- | --- | --- |",
    ...byStatus(Object.values(errorTable)).map(({ status, type, code, retry, when }) =>
      `| ${status} | \`${type}\` | ${code === null ? "by field" : `\`${code}\``} | ${retry ? "yes" : "no"} | ${
        cell(when)
      } |`
    ),
    "",
    "## At the MCP server",
    "",
    "A request that reaches no session is answered with a JSON-RPC error under these statuses; what both doors refuse",
    "is told in the same sentence. A tool whose sandbox failed answers with that sentence as its result.",
    "",
    "| Status | JSON-RPC code | When |",
    "| --- | --- | --- |",
    ...byStatus(Object.values(refusalTable)).map(({ status, rpcCode: code = rpcCode.refused, when }) =>
      `| ${status} | ${code} | ${cell(when)} |`
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
    case "Passed":
      return "passed to the providers that take it, see below";
    case "Refused":
      return `refused: ${treatment.why}`;
  }
};

const samplingKinds: ReadonlyArray<SamplingKind> = [
  "gemini-2.0",
  "gemini",
  "openai",
  "openai-compatible",
  "anthropic",
  "offline",
];

/** The document of request parameters. */
export const parametersMarkdown = (): string =>
  [
    "# Request parameters",
    "",
    "What `POST /v1/chat/completions` does with each parameter of OpenAI's document, and with some that chat",
    "interfaces send beside it. None is ignored in silence: one that cannot be honoured is a 400 whose `param` names",
    "it, and so is an unknown name. A sampling parameter that the model's provider does not take is left out, and the",
    `response header \`${notAppliedHeader}\` and the log name it. \`null\` always means that the parameter was not given.`,
    "",
    "This page is generated from the table in `src/http/openai/chat/parameters.ts` by `deno task docs`.",
    "",
    "| Parameter | What becomes of it |",
    "| --- | --- |",
    ...Object.entries(parameterTable).map(([name, treatment]) => `| \`${name}\` | ${cell(treatmentText(treatment))} |`),
    "",
    "## Who takes which sampling parameter",
    "",
    "`openai` is OpenAI itself, `openai-compatible` any other server behind `OPENAI_BASE_URL`.",
    "",
    `| Parameter | ${samplingKinds.map((kind) => `\`${kind}\``).join(" | ")} |`,
    `| --- |${" --- |".repeat(samplingKinds.length)}`,
    ...Object.entries(parameterTable).flatMap(([name, treatment]) =>
      treatment._tag !== "Passed" ? [] : [
        `| \`${name}\` | ${samplingKinds.map((kind) => (takenBy[kind].has(treatment.as) ? "yes" : "–")).join(" | ")} |`,
      ]
    ),
    "",
    "`gemini-2.0` stands for Gemini models up to 2.0, `gemini` for newer ones.",
    "",
  ].join("\n");

if (import.meta.main) {
  Deno.writeTextFileSync("docs/errors.md", errorsMarkdown());
  Deno.writeTextFileSync("docs/parameters.md", parametersMarkdown());
}
