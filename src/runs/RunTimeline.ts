/**
 * What happened in a run and when, gathered while it happens.
 */
import type { AgentEvent } from "../domain/AgentEvent.ts";
import { type EgressSummary, EgressTally } from "../domain/EgressRecord.ts";
import type { CommandFlag, RunFile, RunStep } from "../domain/RunHistory.ts";
import type { ToolResult } from "../domain/Tool.ts";

/** Steps of a run that are remembered; a run has at most as many turns as it may, and few calls each. */
const stepsMax = 500;
/** Files of a run that are remembered. */
const filesMax = 100;
/** Kinds of connections of a run that are remembered; what a person can look through. */
const egressMax = 64;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type OpenStep = Mutable<RunStep>;

const flagsOf = ({ outcome }: ToolResult): ReadonlyArray<CommandFlag> => [
  ...(outcome?.timedOut === true ? ["timed_out" as const] : []),
  ...(outcome?.truncated === true ? ["truncated" as const] : []),
  ...(outcome?.oomKilled === true ? ["oom_killed" as const] : []),
];

/** The steps of one run; times are in milliseconds since it was started. */
export class RunTimeline {
  readonly #steps: Array<OpenStep> = [];
  readonly #tools = new Map<string, Extract<OpenStep, { readonly _tag: "ToolStep" }>>();
  #turn: Extract<OpenStep, { readonly _tag: "ModelTurn" }> | undefined;
  #files: ReadonlyArray<RunFile> = [];
  readonly #egress = new EgressTally(egressMax);
  #leftOut = 0;
  /** When the last thing ended: the model is asked then. */
  #boundaryMs = 0;

  get steps(): ReadonlyArray<RunStep> {
    return this.#steps;
  }

  get leftOut(): number {
    return this.#leftOut;
  }

  /** What the calls asked of the network; undefined when nothing. */
  get egress(): EgressSummary | undefined {
    return this.#egress.summary;
  }

  get files(): ReadonlyArray<RunFile> {
    return this.#files;
  }

  /** Takes what the run says next, at a time. */
  see(events: ReadonlyArray<AgentEvent>, atMs: number): void {
    for (const event of events) this.#step(event, atMs);
  }

  #step(event: AgentEvent, atMs: number): void {
    switch (event._tag) {
      case "RunStarted":
        this.#boundaryMs = atMs;
        return;
      case "TurnStarted": {
        const startedMs = this.#boundaryMs;
        this.#turn = { _tag: "ModelTurn", turn: event.turn, startedMs, firstChunkMs: atMs - startedMs };
        this.#add(this.#turn);
        return;
      }
      case "TurnFinished":
        this.#boundaryMs = atMs;
        if (this.#turn === undefined) return;
        this.#turn.durationMs = atMs - this.#turn.startedMs;
        this.#turn.usage = event.usage;
        if (event.costUsd !== undefined) this.#turn.costUsd = event.costUsd;
        this.#turn = undefined;
        return;
      case "ToolCallStarted": {
        const { id: callId, name: tool } = event.call;
        const step = { _tag: "ToolStep" as const, callId, tool, startedMs: atMs, flags: [] };
        this.#tools.set(callId, step);
        this.#add(step);
        return;
      }
      case "ToolCallFinished":
        this.#boundaryMs = atMs;
        this.#finish(event.call.id, event.result, event.durationMs);
        if (event.result.egress !== undefined) this.#egress.addAll(event.result.egress);
        return;
      case "ArtifactsChanged":
        this.#files = event.artifacts.slice(0, filesMax).map(
          ({ path, sizeBytes, modifiedAtMs, isImage, mediaType }) => ({
            path,
            sizeBytes,
            modifiedAtMs,
            ...(isImage && { imageType: mediaType }),
          }),
        );
        return;
      default:
    }
  }

  #finish(callId: string, result: ToolResult, durationMs: number): void {
    const step = this.#tools.get(callId);
    if (step === undefined) return;
    this.#tools.delete(callId);
    step.durationMs = durationMs;
    step.isError = result.isError;
    step.flags = flagsOf(result);
    if (result.outcome !== undefined) step.exitCode = result.outcome.exitCode;
  }

  #add(step: OpenStep): void {
    if (this.#steps.length < stepsMax) this.#steps.push(step);
    else this.#leftOut++;
  }
}
