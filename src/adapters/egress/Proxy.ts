/**
 * The proxy's end in the server: one request of a program, judged, and its connection to the end.
 */
import { Buffer } from "node:buffer";
import { Clock, Duration, Effect, type Scope } from "effect";
import { ownerKey } from "../../domain/ids.ts";
import { type EgressRule, hostName } from "../../domain/EgressRule.ts";
import type { Owner, OwnerKey } from "../../domain/Owner.ts";
import type { EgressConnection, EgressTotals } from "../../services/Egress.ts";
import type { SandboxStream } from "../../services/Sandbox.ts";
import type { Allowances, Share } from "./Allowances.ts";
import { readHello } from "./clientHello.ts";
import { type Carried, exchange, type Failure } from "./exchange.ts";
import { type JudgeContext, reach, Refused } from "./judge.ts";
import { OutsideError } from "./Outside.ts";
import { type Head, headBytesMax, headEnd, readHead } from "./requestHead.ts";

/** What the proxies of one server share. */
export interface ProxyContext extends JudgeContext {
  /** Owners who may reach less than the policy allows. */
  readonly limits: ReadonlyMap<OwnerKey, ReadonlyArray<EgressRule>>;
  readonly allowances: Allowances;
  readonly totals: { -readonly [K in keyof EgressTotals]: EgressTotals[K] };
}

/** A program that connects asks at once. */
const headMax = Duration.seconds(30);
/** A program that was answered reads it and closes; one that does not is closed. */
const lingerMax = Duration.seconds(10);

/** One connection while it lasts. */
interface Connection extends Carried {
  host: string;
  port: number;
  address: string | undefined;
  verdict: EgressConnection["verdict"];
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
const answer = (status: number, { host, port }: Connection, why: string): Uint8Array => {
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
const linger = (stream: SandboxStream) =>
  Effect.gen(function* () {
    yield* stream.end;
    while ((yield* stream.read) !== undefined);
  }).pipe(Effect.timeoutOption(lingerMax), Effect.ignore);

/** Reads until enough is there; *fails with* `OutsideError` when the program says too little for too long. */
const readUntil = <A>(
  stream: SandboxStream,
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

/** The head of a request and what followed it; undefined when the program went away first. */
const request = Effect.fnUntraced(function* (
  stream: SandboxStream,
  connection: Connection,
): Effect.fn.Return<{ readonly head: Head; readonly rest: Uint8Array } | undefined, Refused | Failure> {
  const tooLong = "too long" as const;
  const read = yield* readUntil(stream, new Uint8Array(), (bytes) => {
    const end = headEnd(bytes);
    return (end ?? bytes.length) > headBytesMax ? tooLong : end;
  });
  if (read === undefined) return undefined;
  if (read.found === tooLong) return yield* new Refused({ status: 431, why: "the head of the request is too long" });
  const head = readHead(read.bytes.subarray(0, read.found));
  connection.host = head.host;
  connection.port = head.port;
  if (head._tag === "Refused") return yield* new Refused(head);
  return { head, rest: read.bytes.subarray(read.found) };
});

/** A tunnel that carries TLS to the name it was asked for, and nothing else. */
const tunnel = Effect.fnUntraced(function* (
  context: ProxyContext,
  stream: SandboxStream,
  connection: Connection,
  rest: Uint8Array,
  share: Share,
): Effect.fn.Return<void, Refused | Failure, Scope.Scope> {
  const { host, port } = connection;
  const reached = yield* reach(context, host, port);
  connection.address = reached.address;
  yield* stream.write(Buffer.from("HTTP/1.1 200 Connection established\r\n\r\n", "latin1"));
  const hello = yield* readUntil(stream, rest, (bytes) => {
    const read = readHello(bytes);
    return read._tag === "More" ? undefined : read;
  });
  // Answered already: the program sees its connection closed.
  if (hello === undefined) return yield* new Refused({ status: 0, why: "the program asked for nothing" });
  const { found, bytes } = hello;
  if (found._tag !== "Name") {
    return yield* new Refused({ status: 0, why: "only TLS that names its server goes through" });
  }
  if (hostName(found.name) !== host) {
    return yield* new Refused({ status: 0, why: "TLS asked for another server" });
  }
  allowed(context, connection);
  yield* exchange(stream, reached.connection, { share, carried: connection, first: bytes });
});

/** One plain request and its answer. */
const plain = Effect.fnUntraced(function* (
  context: ProxyContext,
  stream: SandboxStream,
  connection: Connection,
  { head, bodyBytes }: Extract<Head, { readonly _tag: "Plain" }>,
  rest: Uint8Array,
  share: Share,
): Effect.fn.Return<void, Refused | Failure, Scope.Scope> {
  const reached = yield* reach(context, connection.host, connection.port);
  connection.address = reached.address;
  allowed(context, connection);
  yield* reached.connection.write(head);
  yield* exchange(stream, reached.connection, { share, carried: connection, first: rest, upBytesMax: bodyBytes });
  yield* linger(stream);
});

const allowed = ({ totals }: ProxyContext, connection: Connection): void => {
  connection.verdict = "allowed";
  totals.allowed += 1;
};

const outcomeOf = (connection: Connection, durationMs: number): EgressConnection => {
  const { host, port, address, verdict, why, upBytes, downBytes } = connection;
  return {
    host,
    port,
    verdict,
    upBytes,
    downBytes,
    durationMs,
    ...(address !== undefined && { address }),
    ...(why !== undefined && { why }),
  };
};

const logged = (key: string, { host, port, verdict, ...about }: EgressConnection) =>
  Effect.logInfo(`egress ${verdict}: ${host}:${port}`).pipe(Effect.annotateLogs({ owner: key.slice(0, 12), ...about }));

/** Serves one connection; see the port's `serve`. */
export const serve = (shared: ProxyContext) =>
  Effect.fnUntraced(function* (
    owner: Owner,
    stream: SandboxStream,
    onRefused: (connection: EgressConnection) => void,
  ): Effect.fn.Return<EgressConnection | undefined> {
    const { allowances, totals } = shared;
    const clock = yield* Clock.Clock;
    const now = () => clock.currentTimeMillisUnsafe();
    const [key, startedAtMs] = [ownerKey(owner), now()];
    const rules = shared.limits.get(key);
    const context = rules === undefined ? shared : { ...shared, policy: { _tag: "Allowlist" as const, rules } };
    const connection: Connection = {
      host: "?",
      port: 0,
      address: undefined,
      verdict: "refused",
      why: undefined,
      upBytes: 0,
      downBytes: 0,
    };
    const over = () => outcomeOf(connection, now() - startedAtMs);
    const isNothing = () => connection.host === "?" && connection.why === undefined;
    const refuse = Effect.fnUntraced(function* (status: number, why: string, verdict: "refused" | "failed") {
      totals[verdict] += 1;
      Object.assign(connection, { verdict, why });
      onRefused(over());
      if (status === 0) return yield* stream.reset;
      yield* Effect.ignore(stream.write(answer(status, connection, why)));
      yield* linger(stream);
    });
    const work = Effect.gen(function* () {
      const asked = yield* request(stream, connection);
      if (asked === undefined) return;
      const share = allowances.enter(key, startedAtMs);
      if (typeof share === "string") return yield* new Refused({ status: 429, why: share });
      yield* Effect.addFinalizer(() => Effect.sync(share.leave));
      const { head, rest } = asked;
      yield* head._tag === "Tunnel"
        ? tunnel(context, stream, connection, rest, share)
        : plain(context, stream, connection, head, rest, share);
    }).pipe(Effect.scoped);
    totals.open += 1;
    yield* work.pipe(
      Effect.catch((failure) => {
        if (failure._tag === "Refused") return refuse(failure.status, failure.why, "refused");
        const why = failure._tag === "OutsideError" ? failure.why : failure.message;
        if (connection.verdict !== "allowed") return refuse(502, why, "failed");
        connection.why = why;
        return stream.reset;
      }),
      Effect.ensuring(Effect.suspend(() => {
        totals.open -= 1;
        totals.upBytes += connection.upBytes;
        totals.downBytes += connection.downBytes;
        return isNothing() ? Effect.void : logged(key, over());
      })),
    );
    return isNothing() ? undefined : over();
  });
