/**
 * What the three providers check of a request before they answer it, as functions of the body.
 *
 * Written after the providers' documents and the messages with which they refuse. Each gives the reasons
 * for which a body would be a 400; none for a legal one.
 */
import { Option, Schema } from "effect";

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Half a surrogate pair anywhere; the servers' JSON readers refuse it. */
const halves = (value: unknown, path = "$"): ReadonlyArray<string> => {
  if (typeof value === "string") return value.isWellFormed() ? [] : [`${path} is no Unicode`];
  if (Array.isArray(value)) return value.flatMap((inner, index) => halves(inner, `${path}[${index}]`));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    ...(key.isWellFormed() ? [] : [`a key of ${path} is no Unicode`]),
    ...halves(inner, `${path}.${key}`),
  ]);
};

const duplicates = (ids: ReadonlyArray<string>): ReadonlyArray<string> =>
  ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `id ${JSON.stringify(id)} is there twice`);

const same = (left: ReadonlyArray<unknown>, right: ReadonlyArray<unknown>): boolean =>
  JSON.stringify(left) === JSON.stringify(right);

const checked = <A>(
  schema: Schema.ConstraintDecoder<A>,
  check: (body: A) => ReadonlyArray<string>,
): (body: unknown) => ReadonlyArray<string> => {
  const decode = Schema.decodeUnknownResult(schema, { onExcessProperty: "error" });
  return (body) => {
    const decoded = decode(body);
    return decoded._tag === "Failure" ? [String(decoded.failure)] : [...check(decoded.success), ...halves(body)];
  };
};

const Filled = Schema.String.check(
  Schema.makeFilter((text) => text.trim() !== "", { expected: "text that is not blank" }),
);
const Args = Schema.Record(Schema.String, Schema.Unknown);

// OpenAI -----------------------------------------------------------------------------------------

const OpenAiMessages = Schema.Array(Schema.Union([
  Schema.Struct({ role: Schema.Literal("system"), content: Schema.String }),
  Schema.Struct({
    role: Schema.Literal("user"),
    content: Schema.Union([
      Filled,
      Schema.NonEmptyArray(Schema.Union([
        Schema.Struct({ type: Schema.Literal("text"), text: Filled }),
        Schema.Struct({ type: Schema.Literal("image_url"), image_url: Schema.Struct({ url: Schema.String }) }),
      ])),
    ]),
  }),
  Schema.Struct({
    role: Schema.Literal("assistant"),
    content: Schema.NullOr(Schema.String),
    reasoning_content: Schema.optionalKey(Schema.String),
    reasoning: Schema.optionalKey(Schema.String),
    tool_calls: Schema.optionalKey(Schema.NonEmptyArray(Schema.Struct({
      id: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(40)),
      type: Schema.Literal("function"),
      function: Schema.Struct({
        name: Schema.String.check(Schema.isPattern(/^[a-zA-Z0-9_-]{1,64}$/)),
        arguments: Schema.String,
      }),
      extra_content: Schema.optionalKey(Schema.Unknown),
    }))),
  }),
  Schema.Struct({ role: Schema.Literal("tool"), tool_call_id: Schema.String, content: Schema.String }),
]));

const decodeArguments = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown));

const argumentProblems = (text: string): ReadonlyArray<string> => {
  const decoded = Option.getOrUndefined(decodeArguments(text));
  return isObject(decoded) ? halves(decoded, "arguments") : [`arguments ${text.slice(0, 40)} are no object`];
};

/** What OpenAI refuses of `messages`. */
export const openAiProblems = checked(OpenAiMessages, (messages) => [
  ...(messages.some(({ role }) => role !== "system") ? [] : ["there is no message"]),
  ...messages.flatMap((message, index) => {
    if (message.role === "tool") {
      return ["assistant", "tool"].includes(messages[index - 1]?.role ?? "") ? [] : ["a tool message after no call"];
    }
    if (message.role !== "assistant") return [];
    const calls = message.tool_calls ?? [];
    const results: Array<string> = [];
    for (let next = index + 1; messages[next]?.role === "tool"; next++) {
      const result = messages[next];
      if (result?.role === "tool") results.push(result.tool_call_id);
    }
    return [
      ...(message.content === null && calls.length === 0 ? ["an assistant message without a word"] : []),
      ...(message.content === "" && calls.length === 0 ? ["an assistant message without a word"] : []),
      ...(same(calls.map(({ id }) => id), results) ? [] : ["tool_calls without their tool messages at once"]),
      ...calls.flatMap((call) => argumentProblems(call.function.arguments)),
    ];
  }),
  ...duplicates(
    messages.flatMap((message) => message.role === "assistant" ? (message.tool_calls ?? []).map(({ id }) => id) : []),
  ),
]);

// Anthropic --------------------------------------------------------------------------------------

const cache_control = Schema.optionalKey(Schema.Struct({ type: Schema.Literal("ephemeral") }));
const AnthropicId = Schema.String.check(Schema.isPattern(/^[a-zA-Z0-9_-]{1,64}$/));
const AnthropicMessages = Schema.NonEmptyArray(Schema.Struct({
  role: Schema.Literals(["user", "assistant"]),
  content: Schema.NonEmptyArray(Schema.Union([
    Schema.Struct({ type: Schema.Literal("text"), text: Filled, cache_control }),
    Schema.Struct({
      type: Schema.Literal("image"),
      source: Schema.Struct({
        type: Schema.Literal("base64"),
        media_type: Schema.Literals(["image/jpeg", "image/png", "image/gif", "image/webp"]),
        data: Schema.String,
      }),
      cache_control,
    }),
    Schema.Struct({ type: Schema.Literal("thinking"), thinking: Schema.String, signature: Schema.NonEmptyString }),
    Schema.Struct({ type: Schema.Literal("redacted_thinking"), data: Schema.NonEmptyString }),
    Schema.Struct({
      type: Schema.Literal("tool_use"),
      id: AnthropicId,
      name: Schema.String.check(Schema.isPattern(/^[a-zA-Z0-9_-]{1,64}$/)),
      input: Args,
    }),
    Schema.Struct({
      type: Schema.Literal("tool_result"),
      tool_use_id: AnthropicId,
      content: Schema.optionalKey(Filled),
      is_error: Schema.optionalKey(Schema.Boolean),
      cache_control,
    }),
  ])),
}));

/** What Anthropic refuses of `messages`. */
export const anthropicProblems = checked(AnthropicMessages, (messages) => [
  ...(messages.at(-1)?.role === "user" ? [] : ["the last message is not the user's"]),
  ...messages.flatMap((message, index) => {
    const uses = message.content.flatMap((block) => block.type === "tool_use" ? [block.id] : []);
    const next = messages[index + 1]?.content ?? [];
    const results = message.content.flatMap((block) => block.type === "tool_result" ? [block.tool_use_id] : []);
    const before = messages[index - 1]?.content ?? [];
    const answers = before.flatMap((block) => block.type === "tool_use" ? [block.id] : []);
    const last = message.content.at(-1)?.type;
    return [
      ...((index % 2 === 0) === (message.role === "user") ? [] : ["roles do not alternate"]),
      ...(same(uses, next.slice(0, uses.length).map((block) => block.type === "tool_result" ? block.tool_use_id : ""))
        ? []
        : ["tool_use without tool_result at once"]),
      ...(same(results, answers) ? [] : ["tool_result without its tool_use"]),
      ...(message.role === "assistant" && (last === "thinking" || last === "redacted_thinking")
        ? ["the last block is a thought"]
        : []),
    ];
  }),
  ...duplicates(
    messages.flatMap(({ content }) => content.flatMap((block) => block.type === "tool_use" ? [block.id] : [])),
  ),
  ...(messages.flatMap(({ content }) => content).filter((block) => "cache_control" in block).length > 3
    ? ["too many cache marks"]
    : []),
]);

// Gemini -----------------------------------------------------------------------------------------

const GeminiName = Schema.String.check(Schema.isPattern(/^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$/));
const signature = Schema.optionalKey(Schema.NonEmptyString);
const GeminiContents = Schema.NonEmptyArray(Schema.Struct({
  role: Schema.Literals(["user", "model"]),
  parts: Schema.NonEmptyArray(Schema.Union([
    Schema.Struct({ text: Schema.String, thought: Schema.optionalKey(Schema.Boolean), thoughtSignature: signature }),
    Schema.Struct({ inlineData: Schema.Struct({ mimeType: Schema.String, data: Schema.String }) }),
    Schema.Struct({
      functionCall: Schema.Struct({ id: Schema.optionalKey(Schema.NonEmptyString), name: GeminiName, args: Args }),
      thoughtSignature: signature,
    }),
    Schema.Struct({
      functionResponse: Schema.Struct({
        id: Schema.optionalKey(Schema.NonEmptyString),
        name: GeminiName,
        response: Args,
      }),
    }),
  ])),
}));

/** What Gemini 3 refuses of `contents`. */
export const geminiProblems = checked(GeminiContents, (contents) => {
  const callsOf = (at: number) =>
    (contents[at]?.parts ?? []).flatMap((part) =>
      "functionCall" in part ? [[part.functionCall.id, part.functionCall.name]] : []
    );
  const responsesOf = (at: number) =>
    (contents[at]?.parts ?? []).flatMap((part) =>
      "functionResponse" in part ? [[part.functionResponse.id, part.functionResponse.name]] : []
    );
  return [
    ...(contents[0].role === "user" ? [] : ["the first content is the model's"]),
    ...(contents.at(-1)?.role === "user" ? [] : ["the last content is the model's"]),
    ...contents.flatMap((content, index) => {
      const calls = callsOf(index);
      const first = content.parts.find((part) => "functionCall" in part);
      return [
        ...(content.role === "user" && calls.length > 0 ? ["the user calls a function"] : []),
        ...(calls.length > 0 && contents[index - 1]?.role !== "user" ? ["a call that follows the model's words"] : []),
        ...(calls.length > 0 && !same(calls, responsesOf(index + 1))
          ? ["the responses are not those of the calls"]
          : []),
        ...(responsesOf(index).length > 0 && !same(callsOf(index - 1), responsesOf(index))
          ? ["a response to no call"]
          : []),
        ...(responsesOf(index).length > 0 && responsesOf(index).length < content.parts.length
          ? ["words among the responses"]
          : []),
        ...(first !== undefined && "functionCall" in first && first.thoughtSignature === undefined
          ? ["the first call has no signature"]
          : []),
        ...content.parts.flatMap((part) =>
          "text" in part && part.text === "" && part.thoughtSignature === undefined ? ["a text without a word"] : []
        ),
      ];
    }),
    ...duplicates(contents.flatMap((_, index) => callsOf(index)).flatMap(([id]) => id === undefined ? [] : [id])),
  ];
});
