/**
 * What of a conversation is sent when not all of it fits the model's context window.
 *
 * Pure. Old tool output goes first and leaves a note in its place; the oldest turns go only where the request wishes
 * it, so calls keep their results and the people's words stay whole.
 */
import { Buffer } from "node:buffer";
import { Option, Schema } from "effect";
import type { Message, ToolMessage } from "../../domain/Message.ts";
import { messageTokens, textTokens, toolTokens } from "../../domain/tokenEstimate.ts";
import type { ToolDeclaration } from "../../domain/Tool.ts";
import type { Truncation } from "../../services/Model.ts";

/**
 * The part of an estimate that is there in any case: plain English has 5 bytes to a token. Below it a
 * conversation may still fit, and whether it does is left to the provider to say.
 */
const certainShare = 0.7;
/** Room that is kept for the answer when the request does not say how much it wants. */
const answerTokensUsual = 4096;
/** The answer never takes more than this part of the window from the conversation. */
const answerShareMax = 0.25;
/** Results this short are not worth replacing by a note. */
const noteworthyBytes = 512;
/**
 * Trimming advances in steps of this part of the window: each step changes the beginning of the prompt and
 * empties the provider's cache of it, so few large steps cost less than half of many small ones.
 */
const stepShare = 0.5;
/** The newest results of the turn that is under way, which the model is about to use. */
const newestKept = 2;

/** What is to be sent to a model, and how much it reads. */
export interface Window {
  readonly contextTokens: number;
  /** The output limit of the request. */
  readonly outputTokensMax?: number | undefined;
  readonly system: string;
  readonly messages: ReadonlyArray<Message>;
  readonly tools: ReadonlyArray<ToolDeclaration>;
  /** Absent, only old tool output may go. */
  readonly truncation?: Truncation | undefined;
}

/** What fits. */
export interface Fitted {
  readonly messages: ReadonlyArray<Message>;
  /** Results that were replaced by a note. */
  readonly trimmed: number;
  /** Messages that were left out from the beginning. */
  readonly dropped: number;
}

const decodeSaved = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ output_path: Schema.NonEmptyString })),
);

/**
 * What stands in place of a result: where it was saved, if it was. It never asks for a command to be run
 * again, since commands have effects.
 */
const note = ({ content }: ToolMessage): string => {
  const removed = `[This result of ${Buffer.byteLength(content)} bytes was removed to fit the model's context window.`;
  const saved = Option.getOrUndefined(decodeSaved(content));
  return saved === undefined
    ? `${removed} The call was carried out and need not be repeated; files can be read again.]`
    : `${removed} Its output is in ${saved.output_path}; read that if it is needed.]`;
};

/** Results that may be trimmed, oldest first: all but the newest of the turn that is under way. */
const candidates = (messages: ReadonlyArray<Message>): ReadonlyArray<number> => {
  const lastUser = messages.findLastIndex((message) => message.role === "user");
  const results = messages.flatMap((message, index) => (message.role === "tool" ? [index] : []));
  const current = results.filter((index) => index > lastUser);
  const kept = new Set(current.slice(-newestKept));
  return results.filter((index) => !kept.has(index));
};

/** Messages to leave out from the beginning so that this many tokens go: whole turns, and never the last. */
const droppedFor = (messages: ReadonlyArray<Message>, goal: number): number => {
  let dropped = 0;
  let freed = 0;
  for (const [index, message] of messages.entries()) {
    if (message.role === "user") {
      dropped = index;
      if (freed >= goal) break;
    }
    freed += messageTokens(message);
  }
  return dropped;
};

/**
 * Fits a conversation to a window: unchanged when it fits, else with its oldest tool output replaced
 * by notes; none when it is certain that even so it does not fit.
 *
 * *Details*: counts are estimates on the cautious side. With `truncation: "disabled"` nothing is changed, with `"auto"`
 * whole turns go from the beginning where notes do not free enough. Otherwise the number, order, roles and call ids of
 * messages never change.
 */
export const fit = (window: Window): Option.Option<Fitted> => {
  const { contextTokens, messages } = window;
  const answer = Math.min(window.outputTokensMax ?? answerTokensUsual, contextTokens * answerShareMax);
  const fixed = textTokens(window.system) + toolTokens(window.tools);
  const room = contextTokens - answer - fixed;
  const total = messages.reduce((sum, message) => sum + messageTokens(message), 0);
  if (total <= room) return Option.some({ messages, trimmed: 0, dropped: 0 });
  if (window.truncation === "disabled") {
    return total * certainShare <= room ? Option.some({ messages, trimmed: 0, dropped: 0 }) : Option.none();
  }

  const step = contextTokens * stepShare;
  const goal = Math.ceil((total - room) / step) * step;
  const fitted = [...messages];
  let freed = 0;
  let trimmed = 0;
  for (const index of candidates(messages)) {
    if (freed >= goal) break;
    const message = messages[index];
    if (message?.role !== "tool") continue;
    const bytes = Buffer.byteLength(message.content);
    const { images, ...withoutImages } = message;
    if (bytes < noteworthyBytes && images === undefined) continue;
    const replaced = { ...withoutImages, content: note(message) };
    fitted[index] = replaced;
    freed += messageTokens(message) - messageTokens(replaced);
    trimmed += 1;
  }
  const left = total - freed;
  if (window.truncation === "auto" && left > room) {
    const dropped = droppedFor(fitted, Math.ceil((left - room) / step) * step);
    const kept = fitted.slice(dropped);
    const keptTokens = kept.reduce((sum, message) => sum + messageTokens(message), 0);
    return keptTokens * certainShare <= room ? Option.some({ messages: kept, trimmed, dropped }) : Option.none();
  }
  return left * certainShare <= room ? Option.some({ messages: fitted, trimmed, dropped: 0 }) : Option.none();
};
