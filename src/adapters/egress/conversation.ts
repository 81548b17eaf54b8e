/**
 * One connection of a program while it lasts: what it has said, what it is answered, and how it closes.
 */
import { Buffer } from "node:buffer";
import { Duration, Effect } from "effect";
import type { EgressVerdict } from "../../domain/EgressRecord.ts";
import type { Carried, End, Failure } from "./exchange.ts";
import { OutsideError } from "./Outside.ts";

/** A program that connects asks at once. */
const headMax = Duration.seconds(30);
/** A program that was answered reads it and closes; one that does not is closed. */
const lingerMax = Duration.seconds(10);

/** What is known of a connection so far. */
export interface Connection extends Carried {
  host: string;
  port: number;
  address: string | undefined;
  verdict: EgressVerdict;
  why: string | undefined;
}

const join = (a: Uint8Array, b: Uint8Array): Uint8Array => a.length === 0 ? b : Buffer.concat([a, b]);

const reasons: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  411: "Length Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  502: "Bad Gateway",
};

/** The answer to a program that asked for what it does not get. */
export const answer = (status: number, { host, port }: Connection, why: string): Uint8Array => {
  const body = Buffer.from(`egress: ${host}:${port}: ${why}\n`, "utf8");
  const head = [
    `HTTP/1.1 ${status} ${reasons[status] ?? "Refused"}`,
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${body.length}`,
    "X-Caisson-Egress: refused",
    "Connection: close",
  ];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`, "latin1"), body]);
};

/** Ends our direction and waits for the program's, so that what was sent is read before all is closed. */
export const linger = (stream: Pick<End, "end" | "read">) =>
  Effect.gen(function* () {
    yield* stream.end;
    while ((yield* stream.read) !== undefined);
  }).pipe(Effect.timeoutOption(lingerMax), Effect.ignore);

/** Reads until enough is there; *fails with* `OutsideError` when the program says too little for too long. */
export const readUntil = <A>(
  stream: Pick<End, "read">,
  first: Uint8Array,
  found: (bytes: Uint8Array) => A | undefined,
): Effect.Effect<{ readonly found: A; readonly bytes: Uint8Array } | undefined, Failure> =>
  Effect.gen(function* () {
    let bytes = first;
    for (;;) {
      const result = found(bytes);
      if (result !== undefined) return { found: result, bytes };
      const piece = yield* stream.read;
      if (piece === undefined) return undefined;
      bytes = join(bytes, piece);
    }
  }).pipe(Effect.timeoutOrElse({
    duration: headMax,
    orElse: () => Effect.fail(new OutsideError({ why: "the program asked for nothing in time" })),
  }));
