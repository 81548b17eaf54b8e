/**
 * The tools, prompts and resources that the official conformance suite expects of a server under test.
 *
 * They are a surface like the production one, on the very same protocol server, session table and
 * HTTP door; nothing of them is reachable outside the tests.
 */
import { Duration, Effect, Layer, Schema } from "effect";
// @ts-types="@modelcontextprotocol/sdk/types"
import { CreateMessageResultSchema, ElicitResultSchema } from "@modelcontextprotocol/sdk/types.js";
import type {
  CallToolResult,
  ElicitRequestFormParams,
  GetPromptResult,
  PromptMessage,
  Tool,
} from "@modelcontextprotocol/sdk/types";
import { internalError, invalidParams, rpcCode, RpcFailure } from "../../../src/mcp/errors.ts";
import { type McpCall, type MethodHandler, Surfaces } from "../../../src/mcp/Surface.ts";

const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
const wav = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";

const text = (value: string): CallToolResult => ({ content: [{ type: "text", text: value }] });
const image = { type: "image" as const, data: png, mimeType: "image/png" };

type Arguments = Readonly<Record<string, unknown>>;
type Run = (given: Arguments, call: McpCall) => Effect.Effect<CallToolResult, RpcFailure>;

/** The suite times what happens between two notifications; its own fixtures wait this long. */
const pause = Effect.sleep(Duration.millis(50));

const string = { type: "string" as const };
const object = (properties: Readonly<Record<string, object>>, required: ReadonlyArray<string> = []) => ({
  type: "object" as const,
  properties: { ...properties },
  required: [...required],
});

/** Asks the user of the client to fill in a form and reports what came of it. */
const elicit = (
  call: McpCall,
  message: string,
  requestedSchema: ElicitRequestFormParams["requestedSchema"],
  label: (action: string, content: string) => string,
) =>
  Effect.tryPromise({
    try: () =>
      call.extra.sendRequest(
        { method: "elicitation/create", params: { message, requestedSchema } },
        ElicitResultSchema,
      ),
    catch: internalError,
  }).pipe(Effect.map(({ action, content }) => text(label(action, JSON.stringify(content)))));

const completed = (action: string, content: string) => `Elicitation completed: action=${action}, content=${content}`;

const tools: ReadonlyArray<{ readonly name: string; readonly inputSchema?: Tool["inputSchema"]; readonly run: Run }> = [
  { name: "test_simple_text", run: () => Effect.succeed(text("This is a simple text response for testing.")) },
  { name: "test_image_content", run: () => Effect.succeed({ content: [image] }) },
  {
    name: "test_audio_content",
    run: () => Effect.succeed({ content: [{ type: "audio", data: wav, mimeType: "audio/wav" }] }),
  },
  {
    name: "test_embedded_resource",
    run: () =>
      Effect.succeed({
        content: [{
          type: "resource",
          resource: {
            uri: "test://embedded-resource",
            mimeType: "text/plain",
            text: "This is an embedded resource content.",
          },
        }],
      }),
  },
  {
    name: "test_multiple_content_types",
    run: () =>
      Effect.succeed({
        content: [
          { type: "text", text: "Multiple content types test:" },
          image,
          {
            type: "resource",
            resource: {
              uri: "test://mixed-content-resource",
              mimeType: "application/json",
              text: '{"test":"data","value":123}',
            },
          },
        ],
      }),
  },
  {
    name: "test_tool_with_logging",
    run: (_given, call) =>
      Effect.as(
        Effect.forEach(
          ["Tool execution started", "Tool processing data", "Tool execution completed"],
          (line) => Effect.andThen(call.log("info", line), pause),
        ),
        text("logged"),
      ),
  },
  {
    name: "test_tool_with_progress",
    run: (_given, call) =>
      Effect.as(
        Effect.forEach([0, 50, 100], (progress) =>
          call.progressToken === undefined ? Effect.void : call.notify({
            method: "notifications/progress",
            params: { progressToken: call.progressToken, progress, total: 100 },
          }).pipe(Effect.andThen(pause))),
        text("progressed"),
      ),
  },
  {
    name: "test_error_handling",
    run: () => Effect.succeed({ ...text("This tool intentionally returns an error for testing"), isError: true }),
  },
  {
    name: "test_sampling",
    inputSchema: object({ prompt: string }, ["prompt"]),
    run: ({ prompt }, call) =>
      Effect.tryPromise({
        try: () =>
          call.extra.sendRequest({
            method: "sampling/createMessage",
            params: {
              messages: [{ role: "user", content: { type: "text", text: String(prompt) } }],
              maxTokens: 100,
            },
          }, CreateMessageResultSchema),
        catch: internalError,
      }).pipe(Effect.map(({ content }) => text(`LLM response: ${content.type === "text" ? content.text : ""}`))),
  },
  {
    name: "test_elicitation",
    inputSchema: object({ message: string }, ["message"]),
    run: ({ message }, call) =>
      elicit(
        call,
        String(message),
        {
          type: "object",
          properties: {
            username: { type: "string", description: "User's response" },
            email: { type: "string", description: "User's email address" },
          },
          required: ["username", "email"],
        },
        (action, content) => `User response: <action: ${action}, content: ${content}>`,
      ),
  },
  {
    name: "test_elicitation_sep1034_defaults",
    run: (_given, call) =>
      elicit(call, "Defaults", {
        type: "object",
        properties: {
          name: { type: "string", default: "John Doe" },
          age: { type: "integer", default: 30 },
          score: { type: "number", default: 95.5 },
          status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
          verified: { type: "boolean", default: true },
        },
      }, completed),
  },
  {
    name: "test_elicitation_sep1330_enums",
    run: (_given, call) =>
      elicit(call, "Choices", {
        type: "object",
        properties: {
          untitledSingle: { type: "string", enum: ["option1", "option2", "option3"] },
          titledSingle: {
            type: "string",
            oneOf: [
              { const: "value1", title: "First Option" },
              { const: "value2", title: "Second Option" },
              { const: "value3", title: "Third Option" },
            ],
          },
          legacyEnum: {
            type: "string",
            enum: ["opt1", "opt2", "opt3"],
            enumNames: ["Option One", "Option Two", "Option Three"],
          },
          untitledMulti: { type: "array", items: { type: "string", enum: ["option1", "option2", "option3"] } },
          titledMulti: {
            type: "array",
            items: {
              anyOf: [
                { const: "value1", title: "First Choice" },
                { const: "value2", title: "Second Choice" },
                { const: "value3", title: "Third Choice" },
              ],
            },
          },
        },
      }, completed),
  },
  {
    name: "test_reconnection",
    run: (_given, call) =>
      Effect.sync(() => call.extra.closeSSEStream?.()).pipe(
        Effect.andThen(pause),
        Effect.as(text("Reconnection test completed")),
      ),
  },
  {
    name: "json_schema_2020_12_tool",
    inputSchema: {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      $defs: { address: { type: "object", properties: { street: string, city: string } } },
      properties: { name: string, address: { $ref: "#/$defs/address" } },
      additionalProperties: false,
    },
    run: () => Effect.succeed(text("ok")),
  },
];

const user = (content: PromptMessage["content"]): PromptMessage => ({ role: "user", content });

const promptOf = (name: string, given: Arguments): GetPromptResult | undefined => {
  switch (name) {
    case "test_simple_prompt":
      return { messages: [user({ type: "text", text: "This is a simple prompt for testing." })] };
    case "test_prompt_with_arguments":
      return {
        messages: [
          user({ type: "text", text: `Prompt with arguments: arg1='${given["arg1"]}', arg2='${given["arg2"]}'` }),
        ],
      };
    case "test_prompt_with_embedded_resource":
      return {
        messages: [
          user({
            type: "resource",
            resource: {
              uri: String(given["resourceUri"]),
              mimeType: "text/plain",
              text: "Embedded resource content for testing.",
            },
          }),
          user({ type: "text", text: "Please process the embedded resource above." }),
        ],
      };
    case "test_prompt_with_image":
      return { messages: [user(image), user({ type: "text", text: "Please analyze the image above." })] };
  }
};

const argument = (name: string) => ({ name, description: name, required: true });
const prompts = [
  { name: "test_simple_prompt", description: "A prompt", arguments: [] },
  {
    name: "test_prompt_with_arguments",
    description: "A prompt with arguments",
    arguments: [argument("arg1"), argument("arg2")],
  },
  {
    name: "test_prompt_with_embedded_resource",
    description: "A prompt with a resource",
    arguments: [argument("resourceUri")],
  },
  { name: "test_prompt_with_image", description: "A prompt with an image", arguments: [] },
];

const contentsOf = (uri: string) => {
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id !== undefined) {
    const data = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
    return { uri, mimeType: "application/json", text: data };
  }
  if (uri === "test://static-text") {
    return { uri, mimeType: "text/plain", text: "This is the content of the static text resource." };
  }
  return uri === "test://static-binary" ? { uri, mimeType: "image/png", blob: png } : undefined;
};

const Named = Schema.Struct({
  name: Schema.String,
  arguments: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
});
const decoded = <A>(schema: Schema.Codec<A, unknown>) => {
  const decode = Schema.decodeUnknownEffect(schema);
  return (params: unknown) => Effect.mapError(decode(params), () => invalidParams("bad parameters"));
};
const decodeNamed = decoded(Named);
const decodeUri = decoded(Schema.Struct({ uri: Schema.String }));

const methods = new Map<string, MethodHandler>([
  ["tools/list", () =>
    Effect.succeed({
      tools: tools.map(({ name, inputSchema }) => ({
        name,
        description: name,
        inputSchema: inputSchema ?? object({}),
      })),
    })],
  [
    "tools/call",
    Effect.fnUntraced(function* (params, call) {
      const { name, arguments: given = {} } = yield* decodeNamed(params);
      const found = tools.find((tool) => tool.name === name);
      return yield* found === undefined ? invalidParams("Unknown tool") : found.run(given, call);
    }),
  ],
  ["prompts/list", () => Effect.succeed({ prompts })],
  [
    "prompts/get",
    Effect.fnUntraced(function* (params) {
      const { name, arguments: given = {} } = yield* decodeNamed(params);
      return promptOf(name, given) ?? (yield* invalidParams("Unknown prompt"));
    }),
  ],
  ["resources/list", () =>
    Effect.succeed({
      resources: [
        { uri: "test://static-text", name: "text", description: "A text", mimeType: "text/plain" },
        { uri: "test://static-binary", name: "binary", description: "An image", mimeType: "image/png" },
      ],
    })],
  ["resources/templates/list", () =>
    Effect.succeed({
      resourceTemplates: [{ uriTemplate: "test://template/{id}/data", name: "template", description: "Data by id" }],
    })],
  [
    "resources/read",
    Effect.fnUntraced(function* (params) {
      const { uri } = yield* decodeUri(params);
      const contents = contentsOf(uri);
      if (contents === undefined) {
        return yield* new RpcFailure({ code: rpcCode.resourceNotFound, message: "Resource not found", data: { uri } });
      }
      return { contents: [contents] };
    }),
  ],
  ["resources/subscribe", () => Effect.succeed({})],
  ["resources/unsubscribe", () => Effect.succeed({})],
  [
    "completion/complete",
    () => Effect.succeed({ completion: { values: ["paris", "park", "party"], total: 3, hasMore: false } }),
  ],
]);

/** The surface of every session of the fixture server. */
export const layer: Layer.Layer<Surfaces> = Layer.succeed(
  Surfaces,
  Surfaces.of({
    open: () =>
      Effect.succeed({
        capabilities: { tools: {}, prompts: {}, resources: { subscribe: true }, logging: {}, completions: {} },
        methods,
      }),
  }),
);
