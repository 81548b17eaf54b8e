/**
 * The proxy's end in the server: one request of a program, judged, and its connection to the end.
 */
import { Buffer } from "node:buffer";
import { Clock, Duration, Effect, type Scope } from "effect";
import { ownerKey } from "../../domain/ids.ts";
import { hostName, tlsPort } from "../../domain/EgressRule.ts";
import type { Owner, OwnerKey } from "../../domain/Owner.ts";
import type { DecidedConnection, EgressConnection, EgressTotals } from "../../services/Egress.ts";
import type { SandboxStream } from "../../services/Sandbox.ts";
import type { Allowances, Share } from "./Allowances.ts";
import { readHello } from "./clientHello.ts";
import { answer, type Connection, linger, readUntil } from "./conversation.ts";
import { exchange, type Failure } from "./exchange.ts";
import { OutsideError } from "./Outside.ts";
import type { Grants } from "./Grants.ts";
import { type JudgeContext, reach, type Reached, Refused } from "./judge.ts";
import { logged } from "./logged.ts";
import { type Interception, sendWithSecrets } from "./interception.ts";
import type { OwnerLimits } from "./OwnerLimits.ts";
import { type Head, headBytesMax, readHead } from "./requestHead.ts";
import { headEnd } from "../../domain/httpHead.ts";
import { together } from "./secrets.ts";

/** What the proxies of one server share. */
export interface ProxyContext extends Omit<JudgeContext, "access"> {
  /** What persons granted; absent where nobody is asked. */
  readonly granting?: {
    readonly isAskable: (owner: OwnerKey, host: string, port: number) => boolean;
    readonly grants: Grants;
  };
  /** Owners who may reach less than the policy allows, and have secrets of their own. */
  readonly limits: OwnerLimits;
  readonly allowances: Allowances;
  /** How secrets get into requests. */
  readonly interception: Interception;
  readonly totals: { -readonly [K in keyof EgressTotals]: EgressTotals[K] };
}

/** What one connection is served with. */
interface ConnectionContext extends ProxyContext, JudgeContext {
  readonly owner: OwnerKey;
  readonly onDecided: (connection: DecidedConnection) => void;
}

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

/** Ends what is carried when the time that a person granted is over. */
const withinGrant = <A>({ untilMs }: Reached, carried: Effect.Effect<A, Failure>): Effect.Effect<A, Failure> =>
  untilMs === undefined ? carried : Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
    Effect.timeoutOrElse(carried, {
      duration: Duration.millis(Math.max(0, untilMs - nowMs)),
      orElse: () => Effect.fail(new OutsideError({ why: "the time for which it was granted is over" })),
    }));

/** A tunnel that carries TLS to the name it was asked for, and nothing else. */
const tunnel = Effect.fnUntraced(function* (
  context: ConnectionContext,
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
  const onAllowed = () => allowed(context, connection);
  const { interception, limits, owner } = context;
  const substitute = port === tlsPort
    ? together(limits.of(owner)?.secrets?.of(host), interception.secrets?.of(host))
    : undefined;
  if (substitute === undefined) {
    onAllowed();
    return yield* withinGrant(
      reached,
      exchange(stream, reached.connection, { share, carried: connection, first: bytes }),
    );
  }
  yield* sendWithSecrets(interception, substitute, {
    stream,
    connection,
    first: bytes,
    share,
    outside: reached.connection,
    onAllowed,
  });
});

/** One plain request and its answer. */
const plain = Effect.fnUntraced(function* (
  context: ConnectionContext,
  stream: SandboxStream,
  connection: Connection,
  { head, body }: Extract<Head, { readonly _tag: "Plain" }>,
  rest: Uint8Array,
  share: Share,
): Effect.fn.Return<void, Refused | Failure, Scope.Scope> {
  const reached = yield* reach(context, connection.host, connection.port);
  connection.address = reached.address;
  allowed(context, connection);
  yield* withinGrant(
    reached,
    exchange(stream, reached.connection, { share, carried: connection, head, first: rest, body }),
  );
  yield* linger(stream);
});

const allowed = ({ totals, onDecided }: ConnectionContext, connection: Connection): void => {
  connection.verdict = "allowed";
  totals.allowed += 1;
  onDecided(connection);
};

/** Serves one connection; see the port's `serve`. */
export const serve = (shared: ProxyContext) =>
  Effect.fnUntraced(function* (
    owner: Owner,
    stream: SandboxStream,
    onDecided: (connection: DecidedConnection) => void,
  ): Effect.fn.Return<EgressConnection | undefined> {
    const { allowances, totals } = shared;
    const clock = yield* Clock.Clock;
    const now = () => clock.currentTimeMillisUnsafe();
    const [key, startedAtMs] = [ownerKey(owner), now()];
    const limit = shared.limits.of(key)?.rules;
    const { granting } = shared;
    const context: ConnectionContext = {
      ...shared,
      owner: key,
      onDecided,
      ...(limit !== undefined && { limit }),
      ...(granting !== undefined && {
        access: {
          isAskable: (host, port) => granting.isAskable(key, host, port),
          untilMs: (host, port) => granting.grants.untilMs(key, { host, port }, now()),
        },
      }),
    };
    const connection: Connection = {
      host: "?",
      port: 0,
      address: undefined,
      verdict: "refused",
      why: undefined,
      upBytes: 0,
      downBytes: 0,
    };
    const over = (): EgressConnection => ({ ...connection, durationMs: now() - startedAtMs });
    const isNothing = () => connection.host === "?" && connection.why === undefined;
    const refuse = Effect.fnUntraced(function* (status: number, why: string, verdict: "refused" | "failed") {
      totals[verdict] += 1;
      Object.assign(connection, { verdict, why });
      onDecided(connection);
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
        // A program that closes without a farewell, as most do, is nothing to tell.
        if (failure._tag === "OutsideError") connection.why = why;
        return stream.reset;
      }),
      Effect.ensuring(Effect.suspend(() => {
        totals.open -= 1;
        totals.upBytes += connection.upBytes;
        totals.downBytes += connection.downBytes;
        return isNothing() ? Effect.void : logged("egress", key, over());
      })),
    );
    return isNothing() ? undefined : over();
  });
