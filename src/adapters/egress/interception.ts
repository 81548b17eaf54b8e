/**
 * A tunnel to a host that has a secret: TLS ends here and begins anew, and between the two the headers of one request
 * are changed. Nothing of it is kept or logged.
 */
import { Effect, type Scope } from "effect";
import type { SandboxStream } from "../../services/Sandbox.ts";
import type { Share } from "./Allowances.ts";
import type { Authority } from "./certificates.ts";
import { answer, type Connection, linger, readUntil } from "./conversation.ts";
import { exchange, type Failure } from "./exchange.ts";
import { Refused } from "./judge.ts";
import type { OutsideConnection } from "./Outside.ts";
import { programTls } from "./programTls.ts";
import { headBytesMax, readOriginHead } from "./requestHead.ts";
import { headEnd } from "../../domain/httpHead.ts";
import type { Secrets, Substitute } from "./secrets.ts";

/** What opens tunnels, and for whom. */
export interface Interception {
  /** Those that every owner may use; none where the operator has none. */
  readonly secrets: Secrets | undefined;
  /** Trusted by those sandboxes of this process that have a secret, and by nobody else; made when the first asks. */
  readonly authority: () => Authority;
  /** Certificates in PEM that servers may prove themselves by, beside those of the runtime. */
  readonly certificates: string;
}

/** The tunnel stands already: the program sees it closed. */
const refused = (why: string) => new Refused({ status: 0, why });

/** The two sides of a tunnel. */
interface Tunnel {
  readonly stream: SandboxStream;
  readonly connection: Connection;
  readonly first: Uint8Array;
  readonly share: Share;
  readonly outside: OutsideConnection;
  /** Called when a request goes out. */
  readonly onAllowed: () => void;
}

/**
 * Sends one request of a program with its placeholders replaced, and brings the answer.
 *
 * *Fails with* `Refused` when the server proves no right to its name, or the program asks for nothing that can be sent,
 * or as `exchange` does.
 */
export const sendWithSecrets = Effect.fnUntraced(function* (
  { authority, certificates }: Interception,
  substitute: Substitute,
  { stream, connection, first, share, outside, onAllowed }: Tunnel,
): Effect.fn.Return<void, Refused | Failure, Scope.Scope> {
  const { host, port } = connection;
  const origin = yield* Effect.mapError(outside.secured(host, certificates), ({ why }) => refused(why));
  const inside = yield* programTls(stream, first, authority().issue(host));
  const tooLong = "too long" as const;
  const read = yield* readUntil(inside, new Uint8Array(), (bytes) => {
    const end = headEnd(bytes);
    return (end ?? bytes.length) > headBytesMax ? tooLong : end;
  }).pipe(Effect.catchTag("OutsideError", ({ why }) => Effect.fail(refused(why))));
  if (read === undefined) return;
  const head = read.found === tooLong
    ? { _tag: "Refused" as const, status: 431, why: "the head of the request is too long" }
    : readOriginHead(read.bytes.subarray(0, read.found), host, port, substitute);
  if (head._tag === "Refused") {
    yield* inside.write(answer(head.status, connection, head.why));
    yield* linger(inside);
    return yield* refused(head.why);
  }
  onAllowed();
  const rest = read.bytes.subarray(read.found === tooLong ? 0 : read.found);
  yield* exchange(inside, origin, { share, carried: connection, head: head.head, first: rest, body: head.body });
  yield* linger(inside);
});
