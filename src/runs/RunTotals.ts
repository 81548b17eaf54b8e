/**
 * What a run has come to so far, for the line that is logged of its request.
 */
import type { AgentEvent, FinishReason } from "../domain/AgentEvent.ts";
import * as Usage from "../domain/Usage.ts";

/** Counts of one run; also of one that failed or was cut. */
export class RunTotals {
  #turns = 0;
  #tools = 0;
  #failedTools = 0;
  #usage: Usage.Usage = Usage.zero;
  #costUsd: number | undefined;
  #finish: FinishReason | undefined;

  /** Model turns that have begun to answer. */
  get turns(): number {
    return this.#turns;
  }

  /** Calls of our tools that have ended. */
  get tools(): number {
    return this.#tools;
  }

  /** Those of them that the model was told of as errors. */
  get failedTools(): number {
    return this.#failedTools;
  }

  /** Tokens of the model turns that have ended. */
  get usage(): Usage.Usage {
    return this.#usage;
  }

  /** What they cost, in US dollars; undefined where the model has no price. */
  get costUsd(): number | undefined {
    return this.#costUsd;
  }

  /** Why the run ended; undefined before that, and when it did not come to its end. */
  get finish(): FinishReason | undefined {
    return this.#finish;
  }

  /** Takes what the run says next. */
  see(events: ReadonlyArray<AgentEvent>): void {
    for (const event of events) {
      switch (event._tag) {
        case "TurnStarted":
          this.#turns = event.turn;
          break;
        case "TurnFinished":
          this.#usage = Usage.add(this.#usage, event.usage);
          if (event.costUsd !== undefined) this.#costUsd = (this.#costUsd ?? 0) + event.costUsd;
          break;
        case "ToolCallFinished":
          this.#tools++;
          if (event.result.isError) this.#failedTools++;
          break;
        case "RunFinished":
          this.#finish = event.reason;
          this.#usage = event.usage;
          this.#turns = event.turns;
          this.#costUsd = event.costUsd;
          break;
        default:
      }
    }
  }
}
