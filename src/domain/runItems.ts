/**
 * The items of a run: what it says, thinks and calls, each opened once, added to and closed once.
 *
 * Agent events say what happens; every wire format that people read has items. This step makes the one into the
 * other, so that a dialect is a small function on it.
 */
import type { AgentEvent, ApprovalRequested, FinishReason, ToolCallFinished, ToolOutput } from "./AgentEvent.ts";
import type { Artifact } from "./Artifact.ts";
import type { ToolCall } from "./Message.ts";
import type { Usage } from "./Usage.ts";

/** A piece of a run that has a place of its own in a response. */
export type RunItem =
  & {
    /** Its place, counted from 0; the same for everybody who listens to the run. */
    readonly index: number;
    /** The model turn it belongs to, counted from 1. */
    readonly turn: number;
  }
  & (
    | { readonly kind: "Text" | "Reasoning" }
    /** A call to a tool of ours, or to one that the client answers. */
    | { readonly kind: "Call" | "ClientCall"; readonly call: ToolCall }
  );
export type CallItem = Extract<RunItem, { readonly call: ToolCall }>;

/** What happens to the items of a run, and what is said of the run itself. */
export type ItemEvent =
  | { readonly _tag: "ItemOpened"; readonly item: RunItem }
  /** More of a text or of a thought. */
  | { readonly _tag: "ItemDelta"; readonly item: RunItem; readonly text: string }
  /** More of what a running call prints. */
  | { readonly _tag: "ItemOutput"; readonly item: CallItem; readonly output: ToolOutput }
  /** The item is whole; a call of ours brings what came of it. */
  | { readonly _tag: "ItemClosed"; readonly item: RunItem; readonly finished?: ToolCallFinished }
  | { readonly _tag: "ApprovalAsked"; readonly asked: ApprovalRequested }
  | { readonly _tag: "FilesChanged"; readonly artifacts: ReadonlyArray<Artifact> }
  | { readonly _tag: "RunEnded"; readonly reason: FinishReason; readonly usage: Usage };

/** Takes the events of one run, each once and in order, and says what they do to its items. */
export type ItemStep = (event: AgentEvent) => ReadonlyArray<ItemEvent>;

/**
 * Makes the step of one run.
 *
 * *Details*: at most one text or thought is open at a time; whatever follows it closes it. Calls of ours stay open
 * until they have finished, and a run that is cut leaves them open.
 */
export const makeItemStep = (): ItemStep => {
  let count = 0;
  let turn = 1;
  /** The text or thought that is being said. */
  let saying: RunItem | undefined;
  const calls = new Map<string, CallItem>();

  const closed = (): ReadonlyArray<ItemEvent> => {
    if (saying === undefined) return [];
    const item = saying;
    saying = undefined;
    return [{ _tag: "ItemClosed", item }];
  };
  const say = (kind: "Text" | "Reasoning", text: string): ReadonlyArray<ItemEvent> => {
    if (text === "") return [];
    if (saying?.kind === kind) return [{ _tag: "ItemDelta", item: saying, text }];
    const before = closed();
    saying = { kind, index: count++, turn };
    return [...before, { _tag: "ItemOpened", item: saying }, { _tag: "ItemDelta", item: saying, text }];
  };
  const opened = (kind: CallItem["kind"], call: ToolCall): CallItem => ({ kind, index: count++, turn, call });
  /** A call that was opened; one that was not is opened late, so that nothing is lost of a run heard in part. */
  const called = (call: ToolCall): readonly [CallItem, ReadonlyArray<ItemEvent>] => {
    const known = calls.get(call.id);
    if (known !== undefined) return [known, []];
    const item = opened("Call", call);
    return [item, [...closed(), { _tag: "ItemOpened", item }]];
  };

  return (event) => {
    switch (event._tag) {
      case "RunStarted":
        return [];
      case "TurnStarted":
        turn = event.turn;
        return closed();
      case "TurnFinished":
        return closed();
      case "TextDelta":
        return say("Text", event.text);
      case "ReasoningDelta":
        return say("Reasoning", event.text);
      case "ToolCallStarted": {
        const item = opened("Call", event.call);
        calls.set(event.call.id, item);
        return [...closed(), { _tag: "ItemOpened", item }];
      }
      case "ToolOutput": {
        const item = calls.get(event.callId);
        return item === undefined ? [] : [{ _tag: "ItemOutput", item, output: event }];
      }
      case "ToolCallFinished": {
        const [item, before] = called(event.call);
        calls.delete(event.call.id);
        return [...before, { _tag: "ItemClosed", item, finished: event }];
      }
      case "ClientToolCalled": {
        const item = opened("ClientCall", event.call);
        return [...closed(), { _tag: "ItemOpened", item }, { _tag: "ItemClosed", item }];
      }
      case "ApprovalRequested":
        return [...closed(), { _tag: "ApprovalAsked", asked: event }];
      case "ArtifactsChanged":
        return [...closed(), { _tag: "FilesChanged", artifacts: event.artifacts }];
      case "RunFinished":
        return [...closed(), { _tag: "RunEnded", reason: event.reason, usage: event.usage }];
    }
  };
};
