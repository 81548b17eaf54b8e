/**
 * Where a client's messages belong in a stored session.
 *
 * Chat clients resend what they can see and forget the rest; the store keeps the whole truth. This
 * pure function finds the turns a client means, so that their rich form is used and nothing is said
 * twice to the model.
 */
import {
  type AssistantMessage,
  attachmentsOf,
  type Message,
  textOf,
  toolCallsOf,
  type ToolMessage,
} from "./Message.ts";
import { stripActivity } from "./resentActivity.ts";
import { pathTo, type Turn, type TurnParent } from "./Session.ts";

/** A request placed in its session. */
export interface Alignment {
  /** Where the turn of this request goes. */
  readonly parent: TurnParent;
  /** The kept turns in their rich form, every tool call answered or answered by `fresh`. */
  readonly history: ReadonlyArray<Message>;
  /** What the client newly says; never empty unless `incoming` is. */
  readonly fresh: ReadonlyArray<Message>;
}

/** What is known about the client before its messages are read. */
export interface AlignOptions {
  /**
   * The client always sends the whole conversation, as chat UIs that name their chats do. Then a
   * lone first message starts the conversation anew instead of continuing it.
   */
  readonly sendsWholeHistory?: boolean;
}

/** What the model reads about a call that nobody answered: every provider wants an answer to every call. */
const unansweredText = "This call was not answered.";

// Visible form -----------------------------------------------------------------------------------

/** A run of messages as a client sees it: something it said itself, or an answer it was given. */
type Segment =
  | { readonly _tag: "Said"; readonly form: string }
  | {
    readonly _tag: "Answer";
    /** Answer text without activity; white space in it does not count. */
    readonly text: string;
    readonly calls: ReadonlySet<string>;
    /** Calls answered inside the turn: their results are ours and invisible in most views. */
    readonly answered: ReadonlySet<string>;
  };

const answerText = (messages: ReadonlyArray<Message>): string =>
  stripActivity(messages.map(textOf).filter((text) => text !== "").join("\n\n")).trim();

const saidForm = (message: Message): string => {
  switch (message.role) {
    case "tool":
      return JSON.stringify(["tool", message.callId, message.content.trim()]);
    case "assistant":
      return JSON.stringify(["assistant", textOf(message).trim()]);
    case "user":
      return JSON.stringify([
        "user",
        textOf(message).replaceAll("\r\n", "\n").trim(),
        ...message.parts.flatMap((part) => (part._tag === "Image" ? [part.mediaType, part.base64] : [])),
        // By name and content, because a file may have been put elsewhere than where it belongs.
        ...attachmentsOf(message).flatMap(({ hash, name }) => [hash, name]),
      ]);
  }
};

/** Ids of the calls of the turn before that the first messages of a turn answer. */
const carriedCalls = ({ decides, messages }: Turn): ReadonlyArray<string> => {
  if (decides === undefined) return [];
  const end = messages.findIndex((message) => message.role !== "tool");
  return messages.slice(0, end === -1 ? messages.length : end).flatMap((message) =>
    message.role === "tool" ? [message.callId] : []
  );
};

const makeSegments = (turn: Turn): ReadonlyArray<Segment> => {
  const segments: Array<Segment> = [];
  /** Calls that waited: ours, and shown in the answer of the turn that carried them out, if anywhere. */
  let carried = carriedCalls(turn);
  let open:
    | { readonly messages: Array<Message>; readonly calls: Set<string>; readonly answered: Set<string> }
    | undefined;
  const close = () => {
    if (open === undefined) return;
    const { messages, calls, answered } = open;
    segments.push({ _tag: "Answer", text: answerText(messages), calls, answered });
    open = undefined;
  };
  for (const message of turn.messages.slice(carried.length)) {
    if (message.role === "assistant") {
      open ??= { messages: [], calls: new Set(carried), answered: new Set(carried) };
      carried = [];
      open.messages.push(message);
      for (const call of toolCallsOf(message)) open.calls.add(call.id);
    } else if (message.role === "tool" && open?.calls.has(message.callId)) {
      open.answered.add(message.callId);
    } else {
      close();
      segments.push({ _tag: "Said", form: saidForm(message) });
    }
  }
  close();
  return segments;
};

/** Segments by turn: turns never change, and stores hand out the same ones again and again. */
const segmentsByTurn = new WeakMap<Turn, ReadonlyArray<Segment>>();

const segmentsOf = (turn: Turn): ReadonlyArray<Segment> => {
  const known = segmentsByTurn.get(turn);
  if (known !== undefined) return known;
  const segments = makeSegments(turn);
  segmentsByTurn.set(turn, segments);
  return segments;
};

/** Whether the character at `index` is white space; ASCII is decided without a regular expression. */
const isSpace = (text: string, index: number): boolean => {
  const code = text.charCodeAt(index);
  if (code < 128) return code === 32 || (code >= 9 && code <= 13);
  return /\s/.test(text.charAt(index));
};

const skipSpace = (text: string, from: number): number => {
  let index = from;
  while (index < text.length && isSpace(text, index)) index++;
  return index;
};

/**
 * Compares two texts without their white space, which differs between views.
 *
 * It runs over every resent answer, so it allocates nothing.
 */
const compareAnswers = (left: string, right: string): "same" | "prefix" | "different" => {
  if (left === right) return "same";
  let leftIndex = skipSpace(left, 0);
  let rightIndex = skipSpace(right, 0);
  while (leftIndex < left.length && rightIndex < right.length) {
    if (left.charCodeAt(leftIndex) !== right.charCodeAt(rightIndex)) return "different";
    leftIndex = skipSpace(left, leftIndex + 1);
    rightIndex = skipSpace(right, rightIndex + 1);
  }
  return leftIndex >= left.length && rightIndex >= right.length ? "same" : "prefix";
};

// Matching ---------------------------------------------------------------------------------------

/** Runs that ended early: a client may have seen more or less of them than was kept, or nothing. */
const endedEarly = (turn: Turn): boolean =>
  turn.status === "cancelled" || turn.status === "failed" || turn.status === "limited";

/** The messages from `start` that belong to one answer: assistant messages and results of calls answered in it. */
const answerEnd = (incoming: ReadonlyArray<Message>, start: number, answered: ReadonlySet<string>): number => {
  let end = start;
  for (; end < incoming.length; end++) {
    const message = incoming[end];
    if (message === undefined || message.role === "user") break;
    if (message.role === "tool" && !answered.has(message.callId)) break;
  }
  return end;
};

const sameAnswer = (
  segment: Segment & { readonly _tag: "Answer" },
  shown: ReadonlyArray<Message>,
  lenient: boolean,
): boolean => {
  const assistants = shown.filter((message): message is AssistantMessage => message.role === "assistant");
  if (!assistants.every((message) => toolCallsOf(message).every((call) => segment.calls.has(call.id)))) return false;
  const text = answerText(assistants);
  if (text === "") return true;
  const comparison = compareAnswers(text, segment.text);
  return comparison === "same" || (lenient && comparison === "prefix");
};

/** Matches a turn from `start`; returns where it ends, or -1 when the client means something else. */
const matchTurn = (turn: Turn, incoming: ReadonlyArray<Message>, forms: Forms, start: number): number => {
  const segments = segmentsOf(turn);
  let position = start;
  for (const [index, segment] of segments.entries()) {
    if (segment._tag === "Said") {
      if (position >= incoming.length || forms(position) !== segment.form) return -1;
      position++;
      continue;
    }
    const lenient = index === segments.length - 1 && endedEarly(turn);
    const end = answerEnd(incoming, position, segment.answered);
    if (end === position) {
      const invisible = segment.text === "" && [...segment.calls].every((id) => segment.answered.has(id));
      if (!lenient && !invisible) return -1;
    } else if (!sameAnswer(segment, incoming.slice(position, end), lenient)) return -1;
    position = end;
  }
  return position;
};

/** The comparable form of an incoming message by its index, made once. */
type Forms = (index: number) => string;

const formsOf = (incoming: ReadonlyArray<Message>): Forms => {
  const made: Array<string> = [];
  return (index) => {
    const message = incoming[index];
    return message === undefined ? "" : (made[index] ??= saidForm(message));
  };
};

interface Match {
  readonly turn: string;
  /** How many incoming messages the matched turns account for. */
  readonly end: number;
  /** The first matched turn; not a root when the client dropped the oldest turns. */
  readonly first: string;
  readonly fromRoot: boolean;
}

/**
 * The longest run of stored turns that `incoming` begins with and that leaves something new.
 *
 * Parents are stored before their children, so one pass in stored order visits every path. A path
 * from the root wins over one that starts later, and the newest of equals wins.
 */
const longestMatch = (turns: ReadonlyArray<Turn>, incoming: ReadonlyArray<Message>): Match | undefined => {
  const forms = formsOf(incoming);
  const reached = new Map<string, Match>();
  let best: Match | undefined;
  for (const turn of turns) {
    const before = turn.parent === null ? undefined : reached.get(turn.parent);
    const continued = before === undefined ? -1 : matchTurn(turn, incoming, forms, before.end);
    const continues = before !== undefined && continued > before.end;
    const end = continues ? continued : matchTurn(turn, incoming, forms, 0);
    if (end <= 0 || end >= incoming.length) continue;
    const match: Match = continues
      ? { ...before, turn: turn.id, end }
      : { turn: turn.id, end, first: turn.id, fromRoot: turn.parent === null };
    reached.set(turn.id, match);
    const better = best === undefined || end > best.end ||
      (end === best.end && (match.fromRoot || !best.fromRoot));
    if (better) best = match;
  }
  return best;
};

// History ----------------------------------------------------------------------------------------

/** The results that directly follow the message at `index`. */
const resultsAfter = (messages: ReadonlyArray<Message>, index: number): ReadonlySet<string> => {
  const results = new Set<string>();
  for (let next = index + 1; next < messages.length; next++) {
    const message = messages[next];
    if (message?.role !== "tool") break;
    results.add(message.callId);
  }
  return results;
};

/** Answers every call of `history` that neither `history` nor the beginning of `fresh` answers. */
export const closeOpenCalls = (
  history: ReadonlyArray<Message>,
  fresh: ReadonlyArray<Message>,
): ReadonlyArray<Message> => {
  const all = [...history, ...fresh];
  return history.flatMap((message, index): ReadonlyArray<Message> => {
    const calls = toolCallsOf(message);
    if (calls.length === 0) return [message];
    const results = resultsAfter(all, index);
    const missing = calls.filter((call) => !results.has(call.id)).map((call): ToolMessage => ({
      role: "tool",
      callId: call.id,
      name: call.name,
      content: unansweredText,
      isError: true,
    }));
    return [message, ...missing];
  });
};

const placed = (parent: TurnParent, kept: ReadonlyArray<Turn>, fresh: ReadonlyArray<Message>): Alignment => ({
  parent,
  history: closeOpenCalls(kept.flatMap((turn) => turn.messages), fresh),
  fresh: closeOpenCalls(fresh, []),
});

/** The newest turn whose open calls `incoming` answers without any history before it. */
const awaitingTurn = (turns: ReadonlyArray<Turn>, incoming: ReadonlyArray<Message>): Turn | undefined => {
  const answers = new Set(incoming.flatMap((message) => (message.role === "tool" ? [message.callId] : [])));
  if (answers.size === 0 || incoming.find((message) => message.role !== "assistant")?.role !== "tool") return undefined;
  return turns.findLast((turn) => {
    const open = new Set(turn.messages.flatMap(toolCallsOf).map((call) => call.id));
    for (const message of turn.messages) if (message.role === "tool") open.delete(message.callId);
    return [...answers].some((id) => open.has(id));
  });
};

/**
 * Places a client's messages in a session.
 *
 * *Details*: only new user messages continue after the newest turn. Answers to client tools continue
 * the turn that awaits them. Resent history keeps the longest common prefix of visible turns in its
 * rich form, whatever view it was rendered in; an edited or regenerated turn branches there. When a
 * client dropped its oldest turns, only those it still shows are kept. History that shares nothing
 * starts at the root with all of it as fresh. The cost is linear in what is stored and sent.
 */
export const align = (
  turns: ReadonlyArray<Turn>,
  incoming: ReadonlyArray<Message>,
  options: AlignOptions = {},
): Alignment => {
  const awaiting = awaitingTurn(turns, incoming);
  if (awaiting !== undefined) {
    const from = incoming.findIndex((message) => message.role !== "assistant");
    return placed({ _tag: "After", turn: awaiting.id }, pathTo(turns, awaiting.id), incoming.slice(from));
  }
  const continues = { parent: { _tag: "Newest" }, turns: pathTo(turns, turns.at(-1)?.id ?? null) } as const;
  if (incoming.length === 1 && incoming[0]?.role === "user" && options.sendsWholeHistory !== true) {
    return placed(continues.parent, continues.turns, incoming);
  }
  const match = longestMatch(turns, incoming);
  if (match !== undefined) {
    const path = pathTo(turns, match.turn);
    const kept = path.slice(path.findIndex((turn) => turn.id === match.first));
    return placed({ _tag: "After", turn: match.turn }, kept, incoming.slice(match.end));
  }
  const onlySaid = incoming.every((message) => message.role === "user");
  return onlySaid && options.sendsWholeHistory !== true
    ? placed(continues.parent, continues.turns, incoming)
    : placed({ _tag: "Root" }, [], incoming);
};
