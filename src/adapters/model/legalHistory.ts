/**
 * Any stored history as one that providers take.
 *
 * What a model said and what a client resent is foreign input, and it is stored: arguments that are no
 * object, names and ids that a provider does not allow, calls without a result or with two, texts that
 * are no Unicode. A provider that refuses one message refuses the session for ever, so each is mended
 * on its way out; what is stored stays as it was. Pure, and a longer history never changes how its
 * beginning is sent, which keeps the provider's prompt cache good.
 */
import { Option, Schema } from "effect";
import type {
  AssistantMessage,
  AssistantPart,
  Message,
  ToolCall,
  ToolMessage,
  UserPart,
} from "../../domain/Message.ts";

/** What a provider allows of the names and ids of calls. */
export interface HistoryRules {
  /** Every character that an id may not have. */
  readonly idIllegal: RegExp;
  readonly idLengthMax: number;
  /** Every character that a name may not have. */
  readonly nameIllegal: RegExp;
  readonly nameLengthMax: number;
  /** Whether a name may begin with a digit or a dash. */
  readonly nameBeginsAnyhow: boolean;
  /** Whether a history must begin and end with something other than the model's words. */
  readonly needsUserEnds: boolean;
  /** The media types of images that it reads. */
  readonly imageType: RegExp;
}

/** Stands for the result of a call that has none. */
const noResult = "No result: the call was not completed.";
/** Stands for a message without a word, which providers do not take. */
const emptyMessage = "(empty message)";
/** Stands before a history that begins with the model's words. */
const missingBeginning = "(The beginning of this conversation is not here.)";
/** Asks for more where a history ends with the model's words. */
const goOn = "Continue.";

// Names and ids ----------------------------------------------------------------------------------

/** The name under which a provider is shown a tool. */
export const legalName = (name: string, rules: HistoryRules): string => {
  const replaced = name.replace(rules.nameIllegal, "_");
  const begun = replaced === "" || (!rules.nameBeginsAnyhow && /^[^a-zA-Z_]/.test(replaced))
    ? `_${replaced}`
    : replaced;
  return begun.slice(0, rules.nameLengthMax);
};

/** Gives each call an id of its own, the first of equal ones its own name. */
export class LegalIds {
  readonly #given = new Set<string>();

  constructor(readonly rules: HistoryRules) {}

  next(id: string): string {
    const { idIllegal, idLengthMax } = this.rules;
    const wanted = id.replace(idIllegal, "_").slice(0, idLengthMax) || "call";
    let given = wanted;
    for (let count = 2; this.#given.has(given); count++) {
      const suffix = `_${count}`;
      given = wanted.slice(0, idLengthMax - suffix.length) + suffix;
    }
    this.#given.add(given);
    return given;
  }
}

// Texts ------------------------------------------------------------------------------------------

const decodeArguments = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)),
);

/** Half a surrogate pair as JSON writes it; a whole pair matches too, which only costs a look. */
const surrogateEscape = /\\u[dD][89a-fA-F]/;

/** Whether a JSON text may hold half a surrogate pair, which no provider takes. */
export const hasSurrogates = (json: string): boolean => !json.isWellFormed() || surrogateEscape.test(json);

const wellFormed = (value: unknown): unknown => {
  if (typeof value === "string") return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.toWellFormed(), wellFormed(inner)]));
};

/** The arguments of a call as an object: a text that is none travels inside one. */
export const argumentsOf = (call: ToolCall): Readonly<Record<string, unknown>> => {
  const decoded = decodeArguments(call.argumentsJson);
  if (Option.isNone(decoded) || Array.isArray(decoded.value)) {
    return { malformed_arguments: call.argumentsJson.toWellFormed() };
  }
  return !hasSurrogates(call.argumentsJson)
    ? decoded.value
    : Object.fromEntries(Object.entries(decoded.value).map(([key, inner]) => [key.toWellFormed(), wellFormed(inner)]));
};

// Calls and results ------------------------------------------------------------------------------

/**
 * The result of each call, by the place of its message and its own place in it: the first that comes
 * after the call and before another call of the same id.
 */
const resultsOf = (messages: ReadonlyArray<Message>): ReadonlyMap<ToolCall, ToolMessage> => {
  const open = new Map<string, Array<ToolCall>>();
  const results = new Map<ToolCall, ToolMessage>();
  for (const message of messages) {
    if (message.role === "assistant") {
      const calls = message.parts.flatMap((part) => (part._tag === "ToolCall" ? [part.call] : []));
      for (const { id } of calls) open.delete(id);
      for (const call of calls) {
        const same = open.get(call.id);
        if (same === undefined) open.set(call.id, [call]);
        else same.push(call);
      }
    } else if (message.role === "tool") {
      const call = open.get(message.callId)?.shift();
      if (call !== undefined) results.set(call, message);
    }
  }
  return results;
};

/** Makes one history legal; ids are given in the order of calls. */
class Mending {
  readonly #legal: Array<Message> = [];
  readonly #ids: LegalIds;
  readonly #results: ReadonlyMap<ToolCall, ToolMessage>;
  readonly #used: ReadonlySet<ToolMessage>;
  readonly #callIds: ReadonlySet<string>;

  constructor(readonly messages: ReadonlyArray<Message>, readonly rules: HistoryRules) {
    this.#ids = new LegalIds(rules);
    this.#results = resultsOf(messages);
    this.#used = new Set(this.#results.values());
    this.#callIds = new Set([...this.#results.keys()].map(({ id }) => id));
  }

  run(): ReadonlyArray<Message> {
    for (const message of this.messages) this.#add(message);
    const legal = this.#legal;
    if (this.rules.needsUserEnds) {
      if (legal[0]?.role !== "user") legal.unshift(said(legal.length === 0 ? emptyMessage : missingBeginning));
      if (legal.at(-1)?.role === "assistant") legal.push(said(goOn));
    } else if (legal.length === 0) {
      legal.push(said(emptyMessage));
    }
    return legal;
  }

  #add(message: Message): void {
    switch (message.role) {
      case "user": {
        const parts = message.parts.flatMap((part) => this.#userPart(part));
        this.#legal.push(parts.length === 0 ? said(emptyMessage) : { role: "user", parts });
        return;
      }
      case "assistant":
        this.#assistant(message);
        return;
      case "tool":
        // A second answer to a call says nothing new; one to a call that is not here is kept as words.
        if (!this.#used.has(message) && !this.#callIds.has(message.callId)) {
          this.#legal.push(said(`Result of a tool call: ${message.content.toWellFormed()}`));
        }
    }
  }

  /** An image that the provider does not read is told of in words. */
  #userPart(part: UserPart): ReadonlyArray<UserPart> {
    if (part._tag === "Text") return part.text.trim() === "" ? [] : [{ ...part, text: part.text.toWellFormed() }];
    return this.#isRead(part) ? [part] : [{ _tag: "Text", text: unseen(part) }];
  }

  #isRead({ mediaType }: { readonly mediaType: string }): boolean {
    return this.rules.imageType.test(mediaType);
  }

  /** What a result says, and of its images those that the provider reads; the rest is told of in words. */
  #resultOf({ content, isError, images = [] }: ToolMessage): Pick<ToolMessage, "content" | "isError" | "images"> {
    const read = images.filter((image) => this.#isRead(image));
    const untold = images.length === read.length ? [] : images.filter((image) => !this.#isRead(image)).map(unseen);
    return {
      content: [content.toWellFormed(), ...untold].join("\n"),
      isError,
      ...(read.length > 0 && { images: read }),
    };
  }

  #assistant(message: AssistantMessage): void {
    const results: Array<Message> = [];
    const parts = message.parts.flatMap((part): ReadonlyArray<AssistantPart> => {
      if (part._tag !== "ToolCall") {
        return [part.text.isWellFormed() ? part : { ...part, text: part.text.toWellFormed() }];
      }
      const { call } = part;
      const id = this.#ids.next(call.id);
      const name = legalName(call.name, this.rules);
      const result = this.#results.get(call);
      results.push({
        role: "tool",
        callId: id,
        name,
        ...(result === undefined ? { content: noResult, isError: true } : this.#resultOf(result)),
      });
      return [{ _tag: "ToolCall", call: { ...call, id, name } }];
    });
    if (parts.length > 0) this.#legal.push({ role: "assistant", parts }, ...results);
  }
}

/** Tells of an image that the provider does not read. */
const unseen = ({ mediaType }: { readonly mediaType: string }): string =>
  `(An image of type ${mediaType.toWellFormed()}, which this model cannot be shown.)`;

const said = (text: string): Message => ({ role: "user", parts: [{ _tag: "Text", text }] });

/**
 * Makes a history legal for a provider with these rules.
 *
 * *Details*: the results of a message's calls follow it at once and in their order; one that is missing
 * says so. Every id is there once, every name and text is one that the provider takes.
 */
export const legalHistory = (messages: ReadonlyArray<Message>, rules: HistoryRules): ReadonlyArray<Message> =>
  new Mending(messages, rules).run();
