/**
 * Writing: a lowered request as the text that `@google/genai` sends for it.
 *
 * Pure. The SDK copies a request field by field, twice, to bring it into this form; a test holds that what is
 * written here is what it sends, byte by byte.
 */
import { Option } from "effect";
import type { GeminiRequest } from "./request.ts";

/** What steers an answer, in the order in which the SDK writes it. */
const generationFields = [
  "temperature",
  "topP",
  "topK",
  "maxOutputTokens",
  "stopSequences",
  "presencePenalty",
  "frequencyPenalty",
  "seed",
  "responseMimeType",
  "responseJsonSchema",
] as const;
const knownFields: ReadonlySet<string> = new Set(generationFields);

/** A body's part of a request for thinking. */
const thinkingConfig = (thinking: GeminiRequest["thinking"]) =>
  Option.isNone(thinking) ? {} : {
    thinkingConfig: {
      includeThoughts: true,
      ...("level" in thinking.value ? { thinkingLevel: thinking.value.level } : {}),
      ...("budget" in thinking.value ? { thinkingBudget: thinking.value.budget } : {}),
    },
  };

const generationConfig = ({ sampling, thinking }: GeminiRequest) => {
  const config: Record<string, unknown> = {};
  for (const field of generationFields) if (sampling[field] !== undefined) config[field] = sampling[field];
  return { ...config, ...thinkingConfig(thinking) };
};

const functionCallingConfig = ({ mode, only }: Option.Option.Value<GeminiRequest["calling"]>) => ({
  ...(only === undefined ? {} : { allowedFunctionNames: only }),
  mode,
});

/** The body of a request to the Gemini API; none for one that has to be the SDK's, which may refuse it. */
export const bodyOf = (request: GeminiRequest): string | undefined => {
  const { contents, system, functions, calling, sampling } = request;
  if (contents.length === 0 || Object.keys(sampling).some((field) => !knownFields.has(field))) return undefined;
  return JSON.stringify({
    contents,
    ...(Option.isNone(system) ? {} : { systemInstruction: { parts: [{ text: system.value }], role: "user" } }),
    ...(functions.length === 0 ? {} : { tools: [{ functionDeclarations: functions }] }),
    ...(Option.isNone(calling) ? {} : { toolConfig: { functionCallingConfig: functionCallingConfig(calling.value) } }),
    generationConfig: generationConfig(request),
  });
};
