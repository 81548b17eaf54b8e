/**
 * A client of the WebSocket of `/v1/responses` as the protocol is written: frames out, frames in, nothing else.
 */
import { WebSocket } from "@effect/platform-node/NodeWS";
import { Effect } from "effect";

export type Json = Readonly<Record<string, unknown>>;

/** The events that end a turn. */
const endings: ReadonlySet<unknown> = new Set([
  "response.completed",
  "response.incomplete",
  "response.failed",
  "error",
]);

/** A connection, closed with the scope. */
export class ResponsesSocket {
  readonly #socket: WebSocket;
  readonly #arrived: Array<Json> = [];
  #wake: () => void = () => {};
  /** The code with which the connection was closed. */
  readonly closed: Promise<number>;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data) => {
      this.#arrived.push(JSON.parse(String(data)));
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      socket.once("close", (code) => {
        resolve(code);
        this.#wake();
      });
    });
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Sends a frame: a request, or text as it is. */
  send(frame: Json | string | Uint8Array): void {
    this.#socket.send(
      typeof frame === "string" || frame instanceof Uint8Array
        ? frame
        : JSON.stringify({ type: "response.create", ...frame }),
    );
  }

  /** The next frame of the server's. */
  async next(): Promise<Json> {
    for (;;) {
      const event = this.#arrived.shift();
      if (event !== undefined) return event;
      if (this.#socket.readyState === WebSocket.CLOSED) throw new Error("the connection was closed");
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** The frames up to one of a type. */
  async until(type: string): Promise<ReadonlyArray<Json>> {
    const events: Array<Json> = [];
    do events.push(await this.next()); while (events.at(-1)?.["type"] !== type);
    return events;
  }

  /** The frames of one turn. */
  async ending(): Promise<ReadonlyArray<Json>> {
    const events: Array<Json> = [];
    do events.push(await this.next()); while (!endings.has(events.at(-1)?.["type"]));
    return events;
  }

  /** Asks, and hears everything up to the end. */
  turn(frame: Json | string | Uint8Array): Promise<ReadonlyArray<Json>> {
    this.send(frame);
    return this.ending();
  }

  /** Hangs up without a word. */
  cut(): void {
    this.#socket.terminate();
  }

  /** Reads nothing more from the line, or goes on reading. */
  read(reads: boolean): void {
    if (reads) this.#socket.resume();
    else this.#socket.pause();
  }
}

/** Connects; a refusal is the status and the body of the answer. */
export const connect = (base: string, headers: Readonly<Record<string, string>> = {}) =>
  Effect.acquireRelease(
    Effect.promise(() =>
      new Promise<ResponsesSocket | { readonly status: number; readonly body: string }>((resolve, reject) => {
        const socket = new WebSocket(`${base.replace("http", "ws")}/v1/responses`, { headers });
        const known = new ResponsesSocket(socket);
        socket.once("open", () => resolve(known));
        socket.once("unexpected-response", (_request, response) => {
          let body = "";
          response.on("data", (piece) => body += String(piece));
          response.once("end", () => resolve({ status: response.statusCode ?? 0, body }));
        });
        socket.once("error", reject);
      })
    ),
    (socket) => socket instanceof ResponsesSocket ? Effect.sync(() => socket.cut()) : Effect.void,
  );

/** As {@link connect}, where nothing else than a connection will do. */
export const connected = (base: string, headers: Readonly<Record<string, string>> = {}) =>
  Effect.flatMap(
    connect(base, headers),
    (socket) => socket instanceof ResponsesSocket ? Effect.succeed(socket) : Effect.die(new Error(socket.body)),
  );
