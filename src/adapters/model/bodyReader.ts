/**
 * The body of a provider's answer as the values it carries: server-sent events, or one JSON document.
 *
 * Pure and incremental: text goes in as it arrives, in pieces of any size, and each character is looked
 * at once. What a server calls its body is not trusted; the first character that says something decides.
 *
 * *Source*: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
import { Result } from "effect";
import { BadOutput } from "../../services/Model.ts";
import { type Fault, fault } from "./fault.ts";

/**
 * Characters of one event. A whole file in one tool call has hundreds of thousands, an inline image some
 * millions; more would hold the event loop for the time of its parsing.
 */
const eventCharactersMax = 8 * 1024 * 1024;
/** Characters of a whole answer of a server that does not stream. */
const documentCharactersMax = 16 * 1024 * 1024;
/** What ends a stream in OpenAI's format. */
const doneMark = "[DONE]";

/** On the path of every event, and decoded by its provider's schema right after: the engine's own parser alone. */
const parseJson = (text: string): Result.Result<unknown, unknown> => Result.try((): unknown => JSON.parse(text));

const notEvents = (detail: string): Fault =>
  fault(new BadOutput({ why: "the response is not a stream of JSON events" }), detail);
const tooLarge = (): Fault => fault(new BadOutput({ why: "an event is too large" }), "an event is too large");

type Form = "unknown" | "events" | "document";

/** Reads one body; what it found is taken with {@link BodyReader.take}. */
export class BodyReader {
  #form: Form = "unknown";
  #found: Array<unknown> = [];
  #failure: Fault | undefined;
  #isDone = false;
  /** Pieces of a line, or of the document, whose end has not come. */
  #pieces: Array<string> = [];
  #piecesLength = 0;
  /** The last piece ended with a carriage return, so a line feed that follows belongs to it. */
  #skipsLineFeed = false;
  /** The `data` of the event that is under way, undefined before its first line. */
  #data: string | undefined;

  /** Values that have been found and not been taken. */
  get foundCount(): number {
    return this.#found.length;
  }

  /** Why nothing more is read. */
  get failure(): Fault | undefined {
    return this.#failure;
  }

  /** Whether nothing more is wanted: the body said that it is over, or it cannot be read. */
  get isOver(): boolean {
    return this.#isDone || this.#failure !== undefined;
  }

  /** Whether the body is a whole document, or had the mark that nothing follows. */
  get saidDone(): boolean {
    return this.#isDone;
  }

  /** The values found since the last time. */
  take(): ReadonlyArray<unknown> {
    const found = this.#found;
    this.#found = [];
    return found;
  }

  /** Takes in more text. */
  feed(text: string): void {
    if (this.isOver || text === "") return;
    if (this.#form === "unknown") {
      const known = this.#recognize(text);
      if (known === undefined) return;
      text = known;
    }
    if (this.#form === "events") this.#lines(text);
    else this.#hold(text, documentCharactersMax);
  }

  /** Takes in that the body has ended: a last event counts without its blank line if it is whole. */
  end(): void {
    if (this.isOver) return;
    switch (this.#form) {
      case "unknown":
        return;
      case "document":
        this.#document();
        return;
      case "events": {
        if (this.#piecesLength > 0) this.#line(this.#pieces.join(""));
        const data = this.#data;
        this.#data = undefined;
        // A last event that was cut is no event; that the turn did not finish is for the assembly to see.
        if (data !== undefined && (data === doneMark || Result.isSuccess(parseJson(data)))) this.#event(data);
      }
    }
  }

  /** Tells by its first character what the body is; undefined while there is none. */
  #recognize(text: string): string | undefined {
    const joined = this.#pieces.join("") + text;
    const start = /[^\s\uFEFF]/.exec(joined);
    if (start === null) {
      // Blank lines before the first event say nothing.
      this.#pieces = [joined.slice(-1)];
      return undefined;
    }
    this.#pieces = [];
    if (start[0] === "<") {
      this.#failure = fault(new BadOutput({ why: "the response is an HTML page" }), joined.slice(start.index));
      return undefined;
    }
    this.#form = start[0] === "{" || start[0] === "[" ? "document" : "events";
    return joined.slice(start.index);
  }

  #hold(text: string, most: number): void {
    this.#piecesLength += text.length;
    if (this.#piecesLength > most) {
      this.#pieces = [];
      this.#failure = tooLarge();
    } else {
      this.#pieces.push(text);
    }
  }

  #lines(text: string): void {
    let from = 0;
    if (this.#skipsLineFeed) {
      this.#skipsLineFeed = false;
      if (text.charCodeAt(0) === 10) from = 1;
    }
    let nextReturn = text.indexOf("\r", from);
    let nextFeed = text.indexOf("\n", from);
    while (nextReturn >= 0 || nextFeed >= 0) {
      const isReturn = nextReturn >= 0 && (nextFeed < 0 || nextReturn < nextFeed);
      const end = isReturn ? nextReturn : nextFeed;
      const piece = text.slice(from, end);
      if (this.#piecesLength === 0) {
        this.#line(piece);
      } else {
        this.#pieces.push(piece);
        const line = this.#pieces.join("");
        this.#pieces = [];
        this.#piecesLength = 0;
        this.#line(line);
      }
      if (this.isOver) return;
      from = end + 1;
      if (isReturn) {
        if (nextFeed === from) from += 1;
        else if (from === text.length) this.#skipsLineFeed = true;
        nextReturn = text.indexOf("\r", from);
      }
      if (nextFeed >= 0 && nextFeed < from) nextFeed = text.indexOf("\n", from);
    }
    if (from < text.length) this.#hold(text.slice(from), eventCharactersMax);
  }

  #line(line: string): void {
    if (line === "") {
      const data = this.#data;
      this.#data = undefined;
      if (data !== undefined) this.#event(data);
      return;
    }
    // Comments, event names, ids and retry times say nothing that the data does not.
    if (!line.startsWith("data")) return;
    let value = "";
    if (line.length > 4) {
      if (line.charCodeAt(4) !== 58) return;
      value = line.charCodeAt(5) === 32 ? line.slice(6) : line.slice(5);
    }
    this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
    if (this.#data.length > eventCharactersMax) this.#failure = tooLarge();
  }

  #event(data: string): void {
    if (data === doneMark) {
      this.#isDone = true;
      return;
    }
    if (data.trim() === "") return;
    const parsed = parseJson(data);
    if (Result.isSuccess(parsed)) this.#found.push(parsed.success);
    else this.#failure = notEvents(data);
  }

  /** A document is the one value, or a list of what would else be events. */
  #document(): void {
    const text = this.#pieces.join("");
    this.#pieces = [];
    const parsed = parseJson(text);
    if (Result.isFailure(parsed)) {
      this.#failure = notEvents(text);
      return;
    }
    this.#isDone = true;
    if (Array.isArray(parsed.success)) this.#found.push(...parsed.success);
    else this.#found.push(parsed.success);
  }
}
