/**
 * The Toolbox port: the tools that a run may call on an owner's behalf.
 *
 * In one process they work on the Sandbox port; with `MCP_SERVER_URL` set they live behind an MCP
 * server. The agent cannot tell the difference.
 */
import { Context, type Effect, Schema, type Scope } from "effect";
import type { ToolCall } from "../domain/Message.ts";
import type { Owner } from "../domain/Owner.ts";
import type { ToolDeclaration, ToolResult } from "../domain/Tool.ts";
import type { SandboxError } from "./Sandbox.ts";

/** The server that runs the tools cannot be reached, or was lost under a call; `detail` is for the log only. */
export class ToolServerUnavailable extends Schema.TaggedError<ToolServerUnavailable>()("ToolServerUnavailable", {
  server: Schema.String,
  detail: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {
  override get message(): string {
    return `tool server ${this.server} is not available`;
  }

  /** The detail is a server's own text: it may repeat a call's arguments. */
  get isForeign(): boolean {
    return true;
  }
}

/** Everything the machinery behind the tools fails with. */
export type ToolboxError = SandboxError | ToolServerUnavailable;

/** What a call comes with beside its arguments, from whoever makes it and never from a model. */
export interface ToolCallOptions {
  /** Called with a command's live output, where it can be told; it must not block. */
  readonly onOutput?: (stream: "stdout" | "stderr", text: string) => void;
  /** The Python kernel of the run, whose variables its calls share; the owner's default when absent. */
  readonly kernel?: string;
  /** A person approved this very call, or what it asks for in its session: what only a person may grant is granted. */
  readonly approved?: boolean;
}

/** One owner's tools, valid while the scope that opened them is open. */
export interface Tools {
  /** What the model is offered; names are unique. */
  readonly declarations: ReadonlyArray<ToolDeclaration>;
  /**
   * Executes a call and returns what the model reads.
   *
   * *Details*: malformed arguments, an unknown tool, failing user code and refused files are results
   * with `isError`, because the model can mend them. The sandbox is acquired at the first call that
   * needs it, not before.
   *
   * Interrupting a call kills the command behind it.
   *
   * *Fails with* `SandboxError` or `ToolServerUnavailable` when the machinery failed.
   */
  readonly call: (call: ToolCall, options?: ToolCallOptions) => Effect.Effect<ToolResult, ToolboxError>;
}

/**
 * Tools of ours under names of somebody else's, in a place of their own.
 *
 * *Details*: a run that is given a kit offers its declarations and no others, and works in the sandbox of the kit's
 * owner; sessions, limits and usage stay the run's owner's.
 */
export interface ToolKit {
  readonly owner: Owner;
  /** What the place is called by whoever made the kit; the run tells it with its start. */
  readonly container: string;
  /** What is to last as long as the run, such as the use of the place. */
  readonly held: Effect.Effect<void, never, Scope.Scope>;
  readonly declarations: ReadonlyArray<ToolDeclaration>;
  /** What a model must know of them. */
  readonly prompt: string;
  /** The calls of ours that a call of the kit comes to, for the rules that judge calls. */
  readonly comesTo: (call: ToolCall) => ReadonlyArray<ToolCall>;
  /** Carries out a call of the kit with the tools of its owner. *Fails with* what these fail with. */
  readonly call: (call: ToolCall, tools: Tools, options: ToolCallOptions) => Effect.Effect<ToolResult, ToolboxError>;
}

/** What a toolbox offers. */
export interface ToolboxService {
  /**
   * Opens an owner's tools; cheap, and starts no sandbox by itself. What the calls held is released
   * when the scope closes.
   *
   * *Fails with* `ToolServerUnavailable` when the tools live behind a server that does not answer.
   */
  readonly open: (owner: Owner) => Effect.Effect<Tools, ToolboxError, Scope.Scope>;
  /**
   * The system prompt that explains these tools to a model.
   *
   * *Fails with* `ToolServerUnavailable` when the tools live behind a server that does not answer.
   */
  readonly systemPrompt: (owner: Owner) => Effect.Effect<string, ToolboxError>;
  /** Whether a tool server stands behind this toolbox and answers; null when the tools are in process. */
  readonly serverConnected: Effect.Effect<boolean | null>;
}

/**
 * The Toolbox port.
 *
 * *Example* (give the agent a tool of your own):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer } from "effect";
 * import { Toolbox } from "@caisson/caisson";
 *
 * const weather = Layer.succeed(
 *   Toolbox.Toolbox,
 *   Toolbox.Toolbox.of({
 *     open: () =>
 *       Effect.succeed({
 *         declarations: [{ name: "weather", description: "Today's weather.", parameters: { type: "object" } }],
 *         call: ({ name }) =>
 *           Effect.succeed(
 *             name === "weather" ? { text: "sunny", isError: false } : { text: `no tool ${name}`, isError: true },
 *           ),
 *       }),
 *     systemPrompt: () => Effect.succeed("You tell the weather."),
 *     serverConnected: Effect.succeed(null),
 *   }),
 * );
 *
 * const program = Effect.gen(function* () {
 *   const toolbox = yield* Toolbox.Toolbox;
 *   const tools = yield* toolbox.open({ principal: "example", user: "ada", ephemeral: true });
 *   return yield* tools.call({ id: "1", name: "weather", argumentsJson: "{}" });
 * });
 * const result = await Effect.runPromise(Effect.scoped(Effect.provide(program, weather)));
 * assert.deepEqual(result, { text: "sunny", isError: false });
 * ```
 */
export class Toolbox extends Context.Service<Toolbox, ToolboxService>()("caisson/services/Toolbox") {}
