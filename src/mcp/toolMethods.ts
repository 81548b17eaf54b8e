/**
 * `tools/list` and `tools/call`, served from the toolbox of the session's owner.
 */
import { Effect, Schema } from "effect";
import type { CallToolResult, Tool } from "@modelcontextprotocol/sdk/types";
import { requestAccess } from "../domain/accessRequest.ts";
import { agentTools, jsonSchemaOf } from "../domain/agentTools.ts";
import { previewPort } from "../domain/previewTool.ts";
import { webTools } from "../domain/webTools.ts";
import type { ToolCall } from "../domain/Message.ts";
import { ObjectCall } from "../domain/toolArguments.ts";
import type { ToolDeclaration, ToolResult } from "../domain/Tool.ts";
import { deniedText, judge, refusedText, type ToolPolicy, unaskableText } from "../domain/toolPolicy.ts";
import { failureMeta, resultMeta, saysApproved } from "../services/toolResultMeta.ts";
import type { ToolboxError, Tools } from "../services/Toolbox.ts";
import { askPerson } from "./askPerson.ts";
import { internalError, invalidParams, toolboxFailureText } from "./errors.ts";
import { makeProgress } from "./progress.ts";
import type { McpCall, MethodHandler } from "./Surface.ts";

/** How the tools of an owner are reached for one call; the scope around it is the call's. */
export type WithTools = <A, E>(use: (tools: Tools) => Effect.Effect<A, E>) => Effect.Effect<A, E | ToolboxError>;

const openWorld: ReadonlySet<string> = new Set([...webTools, requestAccess].map(({ name }) => name));

const ours = new Map([...agentTools, previewPort, ...webTools, requestAccess].map((tool) => [tool.name as string, {
  title: tool.title,
  annotations: {
    title: tool.title,
    readOnlyHint: tool.annotations.readOnly,
    destructiveHint: tool.annotations.destructive,
    idempotentHint: tool.annotations.idempotent,
    // A sandbox is a closed world of its own.
    openWorldHint: openWorld.has(tool.name),
  },
  outputSchema: objectSchema(jsonSchemaOf(tool.output)),
}]));

function objectSchema(schema: ToolDeclaration["parameters"]): Tool["inputSchema"] {
  return { ...schema, type: "object" };
}

const listed = ({ name, description, parameters }: ToolDeclaration): Tool => ({
  name,
  description,
  inputSchema: objectSchema(parameters),
  ...ours.get(name),
});

const decodeCall = Schema.decodeUnknownEffect(Schema.Struct({
  name: Schema.String,
  arguments: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
}));

/** Unknown arguments that a refusal names, and characters of each: they are a caller's own text. */
const namedMax = { names: 5, characters: 64 } as const;

const isObject = Schema.is(Schema.Record(Schema.String, Schema.Unknown));

/** What the tool's schema says of the arguments that it does not know: none of them is passed over in silence. */
const unknownArguments = ({ name, parameters }: ToolDeclaration, given: object): CallToolResult | undefined => {
  const { properties, additionalProperties } = parameters;
  if (additionalProperties !== false || !isObject(properties)) return undefined;
  const unknown = Object.keys(given).filter((key) => !Object.hasOwn(properties, key));
  if (unknown.length === 0) return undefined;
  const named = unknown.slice(0, namedMax.names).map((key) => `'${key.slice(0, namedMax.characters).toWellFormed()}'`);
  const text = `Error: Invalid arguments for ${name}: it has no ${named.join(", ")}; it takes ${
    Object.keys(properties).join(", ")
  }`;
  return { content: [{ type: "text", text }], isError: true };
};

const answered = (result: ToolResult): CallToolResult => {
  const { text, isError, structured, images = [] } = result;
  const meta = resultMeta(result);
  return {
    content: [
      { type: "text", text },
      ...images.map(({ mediaType, base64 }) => ({ type: "image" as const, data: base64, mimeType: mediaType })),
    ],
    isError,
    ...(structured !== undefined && { structuredContent: structured }),
    ...(meta !== undefined && { _meta: meta }),
  };
};

/** A failure of the machinery: the client's model can only try later, the operator finds it in the log. */
const failed = (error: ToolboxError, call: McpCall) => {
  const text = toolboxFailureText(error);
  return Effect.logError("tool call failed", error).pipe(
    Effect.andThen(call.log("error", text)),
    Effect.as<CallToolResult>({ content: [{ type: "text", text }], isError: true, _meta: failureMeta(error) }),
  );
};

/** What is decided about a call: why it is not carried out, or whether a person approved it. */
type Decision = { readonly refusal: string } | { readonly refusal?: never; readonly approved: boolean };

/**
 * Decides about a call: a rule allows it, or a person does who is asked.
 *
 * *Details*: `grants` takes the rules that a person grants for the rest of the session. An agent of ours that calls has
 * asked the person, and says so beside the arguments.
 */
const decide = Effect.fnUntraced(function* (
  policy: ToolPolicy,
  grants: Set<string>,
  asked: ToolCall,
  call: McpCall,
): Effect.fn.Return<Decision> {
  const verdict = judge(policy, [asked], grants);
  if (verdict._tag === "Allow") return { approved: verdict.approved === true };
  const { rule } = verdict;
  if (verdict._tag === "Deny") return { refusal: deniedText(rule) };
  if (asked.name === requestAccess.name && saysApproved(call.extra._meta)) return { approved: true };
  // A call that claims to be approved would be the model's own word: only the client's answer counts.
  const answer = yield* askPerson(call, asked, rule);
  if (answer === "always") grants.add(rule);
  if (answer === "no") return { refusal: refusedText(rule) };
  return answer === "none" ? { refusal: unaskableText(rule) } : { approved: true };
});

/** Makes the two methods over an owner's tools, for calls of one session that a policy or a person allows. */
export const toolMethods = (
  withTools: WithTools,
  policy: ToolPolicy,
  grants: Set<string> = new Set(),
): ReadonlyArray<readonly [string, MethodHandler]> => [
  [
    "tools/list",
    (_params, call) =>
      withTools((tools) => Effect.succeed({ tools: tools.declarations.map(listed) })).pipe(
        Effect.catch((error) =>
          Effect.logError("tools could not be listed", error).pipe(
            Effect.andThen(call.log("error", toolboxFailureText(error))),
            Effect.andThen(internalError),
          )
        ),
      ),
  ],
  [
    "tools/call",
    Effect.fnUntraced(function* (params, call) {
      const { name, arguments: given } = yield* Effect.mapError(
        decodeCall(params),
        () => invalidParams("tools/call takes a name and an object of arguments"),
      );
      return yield* withTools(Effect.fnUntraced(function* (tools) {
        const declared = tools.declarations.find((each) => each.name === name);
        if (declared === undefined) {
          const names = tools.declarations.map((each) => each.name).join(", ");
          return yield* invalidParams(`Unknown tool: the tools are ${names}`);
        }
        const refused = unknownArguments(declared, given ?? {});
        if (refused !== undefined) return refused;
        const asked = new ObjectCall(String(call.extra.requestId), name, given ?? {});
        const decision = yield* decide(policy, grants, asked, call);
        if (decision.refusal !== undefined) return answered({ text: decision.refusal, isError: true });
        const onOutput = call.progressToken === undefined ? undefined : yield* makeProgress(call, call.progressToken);
        const result = yield* tools.call(asked, {
          ...(onOutput !== undefined && { onOutput }),
          ...(decision.approved && { approved: true }),
        });
        return answered(result);
      }, Effect.scoped)).pipe(
        Effect.catchTags({
          SandboxError: (error) => failed(error, call),
          ToolServerUnavailable: (error) => failed(error, call),
        }),
      );
    }),
  ],
];
