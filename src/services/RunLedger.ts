/**
 * The RunLedger port: what other instances know of a request that is tried again.
 *
 * One process remembers its own runs; the ledger is for a retry that reaches another instance.
 */
import { Context, type Effect, type Option, type Stream } from "effect";
import type { AgentEvent } from "../domain/AgentEvent.ts";

/** A finished run of some instance. */
export interface RecordedRun {
  /** What the run depended on, hashed: a key that comes with another request is not the same request. */
  readonly fingerprint: string;
  readonly events: ReadonlyArray<AgentEvent>;
}

/** The name of a request's tries and what the request depends on. */
export interface RunKey {
  readonly key: string;
  readonly fingerprint: string;
}

/**
 * What a run ledger offers. It never fails: one that cannot be reached knows nothing, and says so in
 * the log.
 */
export interface RunLedgerService {
  /**
   * Passes a run through and keeps its events for later tries once it has finished.
   *
   * *Details*: a run that fails or is interrupted is forgotten; so is one with too many events to keep.
   */
  readonly record: <E, R>(name: RunKey, run: Stream.Stream<AgentEvent, E, R>) => Stream.Stream<AgentEvent, E, R>;
  /** Finds the run of a key, waiting while another instance is at it; none when nobody is or was. */
  readonly find: (key: string) => Effect.Effect<Option.Option<RecordedRun>>;
}

/**
 * The RunLedger port.
 *
 * *Example* (run a request without knowing of other instances):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer, Option, Stream } from "effect";
 * import { type AgentEvent, app, RunLedger, Settings } from "@caisson/caisson";
 *
 * const program = Effect.gen(function* () {
 *   const ledger = yield* RunLedger.RunLedger;
 *   const run = Stream.make<[AgentEvent.AgentEvent]>({ _tag: "TextDelta", text: "Hi" });
 *   const events = yield* Stream.runCollect(ledger.record({ key: "try-1", fingerprint: "f" }, run));
 *   return { events: events.length, known: yield* ledger.find("try-1") };
 * });
 * const alone = Layer.provide(app.runLedger, Settings.layerWith());
 * const { events, known } = await Effect.runPromise(Effect.provide(program, alone));
 * assert.equal(events, 1);
 * assert.ok(Option.isNone(known));
 * ```
 */
export class RunLedger extends Context.Service<RunLedger, RunLedgerService>()("caisson/services/RunLedger") {}
