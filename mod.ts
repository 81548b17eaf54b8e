/**
 * Caisson as a library: the ports, the agent, the ready-made layers and the domain they speak.
 *
 * A program takes the layers of {@link app}, replaces those it wants to replace and serves the result,
 * or runs the agent without any server.
 *
 * *Example* (run the agent without a server):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer, Stream } from "effect";
 * import { app, Message, Runs, Sandbox, Scripted, Settings } from "@caisson/caisson";
 *
 * const program = Effect.gen(function* () {
 *   const runs = yield* Runs.Runs;
 *   const owner = { principal: "example", user: "ada", ephemeral: true };
 *   const run = yield* runs.start({ owner, model: "scripted", messages: [Message.user("Hello")] });
 *   return yield* Stream.runCollect(Stream.filter(run.events, ({ _tag }) => _tag === "TextDelta"));
 * });
 *
 * // In earnest: `app.model` and `app.sandbox` instead of these two.
 * const model = Scripted.layer([Scripted.answers("Hello, Ada.")]);
 * const sandbox = Layer.mock(Sandbox.Sandbox, { info: { kind: "scripted", why: "example", controls: [], notes: [] } });
 *
 * const layers = app.runs.pipe(
 *   Layer.provide([model, sandbox]),
 *   Layer.provide(Settings.layerWith({ sessions: "memory" })),
 * );
 * const said = await Effect.runPromise(Effect.scoped(Effect.provide(program, layers)));
 * assert.deepEqual(said, [{ _tag: "TextDelta", text: "Hello, Ada." }]);
 * ```
 *
 * @module
 */

// The domain
export type * as AgentEvent from "./src/domain/AgentEvent.ts";
export * as Message from "./src/domain/Message.ts";
export { type CellDisplay, type CellError, cellNotRun, type CellOutcome, type CellRequest } from "./src/domain/Cell.ts";
export type { ExecutionOutcome, ExecutionRequest } from "./src/domain/Execution.ts";
export { ownerOf, type UserClaims } from "./src/domain/identity.ts";
export { ownerKey } from "./src/domain/ids.ts";
export type { Owner, Principal } from "./src/domain/Owner.ts";
export type { NewTurn, Session, SessionKey, Turn } from "./src/domain/Session.ts";
export type { ToolDeclaration, ToolResult } from "./src/domain/Tool.ts";
export * as Usage from "./src/domain/Usage.ts";

// The ports
export * as Converter from "./src/services/Converter.ts";
export * as Identity from "./src/services/Identity.ts";
export * as Limits from "./src/services/Limits.ts";
export * as Model from "./src/services/Model.ts";
export * as Previews from "./src/services/Previews.ts";
export * as PromptTexts from "./src/services/PromptTexts.ts";
export * as RunLedger from "./src/services/RunLedger.ts";
export * as Sandbox from "./src/services/Sandbox.ts";
export * as Sessions from "./src/services/Sessions.ts";
export * as WebReader from "./src/services/WebReader.ts";
export * as Egress from "./src/services/Egress.ts";
export * as Skills from "./src/services/Skills.ts";
export * as Toolbox from "./src/services/Toolbox.ts";
export * as ToolsLibrary from "./src/services/ToolsLibrary.ts";
export * as SnapshotStore from "./src/services/SnapshotStore.ts";
export * as UsageLedger from "./src/services/UsageLedger.ts";

// The agent
export * as Agent from "./src/agent/Agent.ts";
export * as Conversation from "./src/agent/Conversation.ts";
export * as Runs from "./src/runs/Runs.ts";
export * as RunError from "./src/runs/RunError.ts";
export { announceArtifacts } from "./src/runs/changedArtifacts.ts";
export { erase } from "./src/runs/erase.ts";
export { systemPrompt, type SystemPromptInput } from "./src/agent/systemPrompt.ts";

// Configuration and composition
export { ConfigurationRefused, defaults, Settings, type SettingsService } from "./src/config.ts";
export * as app from "./src/app.ts";
export * as Scripted from "./src/adapters/model/Scripted.ts";
