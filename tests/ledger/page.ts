/**
 * `docs/ledger.md`: the ledger as people read it.
 */
import { type SamplingKind, takenBy } from "../../src/adapters/model/sampling.ts";
import { parameterTable, type Treatment } from "../../src/http/openai/chat/parameters.ts";
import { notAppliedHeader } from "../../src/http/openai/notApplied.ts";
import { frames } from "./claims.ts";
import type { Entry, OperationEntry } from "./ledger.ts";
import type { Json } from "./place.ts";
import type { Seen } from "./probe.ts";
import { surface } from "./surface.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|");

const shown = (value: Json): string => `\`${cell(typeof value === "string" ? value : JSON.stringify(value))}\``;

const valuesOf = ({ seen }: Entry, fits: (seen: Seen) => boolean): ReadonlyArray<string> =>
  seen.filter(([, each]) => fits(each)).map(([value]) => shown(value));

const refusalOf = ({ seen }: Entry): string => {
  const found = seen.map(([, each]) => each).find((each) => each._tag === "Refused");
  return found === undefined ? "" : `${found.status}${found.code === null ? "" : ` \`${found.code}\``}`;
};

/** What a request shows, in a few words. */
const words: Readonly<Record<Seen["_tag"], string>> = {
  Required: "must be there",
  Asked: "the model is asked otherwise",
  Answered: "the answer is another",
  Echoed: "stands in the answer",
  Unseen: "",
  Refused: "",
  Named: "",
};

const seenText = (entry: Entry): string => {
  const { state, claim, seen } = entry;
  const test = claim?.test === undefined ? "" : ` ([test](../${claim.test[0]}))`;
  switch (state) {
    case "refused":
      return refusalOf(entry);
    case "not applied":
    case "unseen":
      return "";
    case "by provider":
      return "the model is asked otherwise, where its provider takes it; named where not";
    case "partly": {
      const refused = valuesOf(entry, ({ _tag }) => _tag === "Refused");
      const named = valuesOf(entry, ({ _tag }) => _tag === "Named");
      const taken = valuesOf(entry, ({ _tag }) => _tag !== "Refused" && _tag !== "Named");
      return [
        ...(taken.length === 0 ? [] : [`${taken.join(" ")} taken`]),
        ...(refused.length === 0 ? [] : [`${refused.join(" ")} ${refusalOf(entry)}`]),
        ...(named.length === 0 ? [] : [`${named.join(" ")} not applied`]),
      ].join("; ");
    }
    case "accepted":
    case "hint":
      return claim === undefined
        ? [...new Set(seen.map(([, { _tag }]) => words[_tag]).filter((text) => text !== ""))].join("; ")
        : `${cell(claim.how)}${test}`;
  }
};

const rowOf = (entry: Entry): string => `| \`${cell(entry.field.path)}\` | ${entry.state} | ${seenText(entry)} |`;

const operationText = ({ operation, isServed, entries }: OperationEntry): ReadonlyArray<string> => {
  const title = `### ${operation.method} /v1${operation.path}`;
  const call = `The SDK's \`${operation.name}\``;
  if (!isServed) return [title, "", `${call}: not served, 404 or 405.`, ""];
  const elsewhere = operation.fields.filter(({ as }) => as !== undefined).length;
  return [
    title,
    "",
    `${call}: served.${elsewhere === 0 ? "" : " Kinds of values that were told above are not told again."}`,
    "",
    ...(entries.length === 0 ? [] : ["| Field | | What is seen |", "| --- | --- | --- |", ...entries.map(rowOf), ""]),
  ];
};

const samplingKinds: ReadonlyArray<SamplingKind> = [
  "gemini-2.0",
  "gemini",
  "openai",
  "openai-compatible",
  "anthropic",
  "offline",
];

const isPassed = (entry: readonly [string, Treatment]): entry is [string, Extract<Treatment, { _tag: "Passed" }>] =>
  entry[1]._tag === "Passed";

/** Parameters that chat interfaces send beside OpenAI's. */
const furtherParameters = (): ReadonlyArray<string> => {
  const known = new Set(surface.operations.flatMap(({ fields }) => fields.map(({ path }) => path)));
  return Object.keys(parameterTable).filter((name) => !known.has(name)).map((name) => `\`${name}\``);
};

/** The page. */
export const ledgerMarkdown = (ledger: ReadonlyArray<OperationEntry>): string =>
  [
    "# Ledger of the API",
    "",
    "Every operation of OpenAI's API that Caisson is about, and every field of its requests, with what becomes of it",
    `here. What there is comes from the types of OpenAI's own SDK (${surface.sdk}); what becomes of it is seen, by sending`,
    "each field to the server and comparing what the model is asked and what is answered with the same request without",
    "it. `tests/http/ledger_test.ts` does so again, and fails where this page, the code and the table of the SDK",
    "(`tests/ledger/openai.json`) do not agree, or where a field is taken and nothing shows what it does.",
    "",
    "| | |",
    "| --- | --- |",
    "| accepted | it does what it says; what a single request cannot show has a link to the test that does |",
    "| by provider | passed to the providers that take it, see [below](#who-takes-which-sampling-parameter) |",
    "| partly | some values only |",
    "| hint | accepted; by its nature nothing is to be seen of it here |",
    `| not applied | the request goes on without it, and the header \`${notAppliedHeader}\` and the log name it |`,
    "| refused | an error that names it as `param` |",
    "",
    "`a[b].c` is the field `c` of an `a` of the kind `b`. What stands below a field that is refused or not applied is not",
    "told. Fields that nobody knows are refused by chat completions (400 `unknown_parameter`) and not applied by",
    `responses; \`null\` always means that a field is not given. Chat takes besides: ${
      furtherParameters().join(", ")
    }.`,
    "",
    "This page is generated from what the tests see, by `deno task docs`.",
    "",
    ...ledger.flatMap(operationText),
    "### GET /v1/responses, as a WebSocket",
    "",
    "The fields of a `response.create` are those of `POST /v1/responses`. What is not applied is named in the log alone.",
    "",
    "| Frame | | |",
    "| --- | --- | --- |",
    ...surface.clientEvents.map((type) => {
      const frame = frames[type];
      return `| \`${type}\` | ${frame === undefined ? "unseen |" : `${frame.state} | [test](../${frame.test[0]})`} |`;
    }),
    "",
    "## Who takes which sampling parameter",
    "",
    "`openai` is OpenAI itself, `openai-compatible` any other server behind `OPENAI_BASE_URL`.",
    "",
    `| Parameter | ${samplingKinds.map((kind) => `\`${kind}\``).join(" | ")} |`,
    `| --- |${" --- |".repeat(samplingKinds.length)}`,
    ...Object.entries(parameterTable).filter(isPassed).map(([name, treatment]) =>
      `| \`${name}\` | ${samplingKinds.map((kind) => (takenBy[kind].has(treatment.as) ? "yes" : "–")).join(" | ")} |`
    ),
    `| \`strict\` of a function | ${
      samplingKinds.map((kind) => (takenBy[kind].has("strictTools") ? "yes" : "–")).join(" | ")
    } |`,
    "",
    "`gemini-2.0` stands for Gemini models up to 2.0, `gemini` for newer ones.",
    "",
  ].join("\n");
