/**
 * Which requests are the same request again.
 *
 * The official clients number their tries in `x-stainless-retry-count` and send no key of their own;
 * other clients may send an `Idempotency-Key`. Everything a run depends on is part of the comparison:
 * the principal, the headers that choose user, session and view, and the body.
 */
import { createHash } from "node:crypto";
import { Effect } from "effect";
import type { Headers } from "effect/http";
import type { Principal } from "../../domain/Owner.ts";
import { type Attempt, single } from "../../runs/Attempt.ts";
import { InvalidRequest } from "../frame/errors.ts";

/** Headers beside the body that a run depends on. */
const meaningfulHeaders = [
  "x-user-id",
  "x-session-id",
  "x-caisson-view",
  "x-openwebui-user-id",
  "x-openwebui-user-jwt",
  "x-openwebui-chat-id",
  "x-openwebui-task",
] as const;

/** Characters of an `Idempotency-Key`; the IETF draft names no limit, 255 is what others accept. */
const idempotencyKeyMax = 255;

const hash = (...parts: ReadonlyArray<string>): string => {
  const digest = createHash("sha256");
  // Lengths in front keep one part from reaching into the next.
  for (const part of parts) digest.update(`${part.length}:`).update(part);
  return digest.digest("base64url");
};

/** Whether a request may be a try of one that came before, which only its body can tell. */
export const mayJoin = (headers: Headers.Headers): boolean =>
  headers["idempotency-key"] !== undefined || Number(headers["x-stainless-retry-count"] ?? 0) >= 1;

/** Reads which try of which request this is. *Fails with* `InvalidRequest` for a key that is too long. */
export const readAttempt = (
  principal: Principal,
  headers: Headers.Headers,
  body: string,
): Effect.Effect<Attempt, InvalidRequest> => {
  const idempotencyKey = headers["idempotency-key"];
  const tries = headers["x-stainless-retry-count"];
  if (idempotencyKey === undefined && tries === undefined) {
    return Effect.succeed(single);
  }
  if (idempotencyKey !== undefined && idempotencyKey.length > idempotencyKeyMax) {
    return Effect.fail(
      new InvalidRequest({
        param: "Idempotency-Key",
        why: `Expected an Idempotency-Key of at most ${idempotencyKeyMax} characters`,
        code: "invalid_value",
      }),
    );
  }
  const who = [principal.kind, principal.name];
  const fingerprint = hash(...who, ...meaningfulHeaders.map((name) => headers[name] ?? ""), body);
  return Effect.succeed(
    idempotencyKey === undefined
      ? { kind: "retrying-client", key: fingerprint, joins: Number(tries) >= 1, fingerprint }
      : { kind: "idempotency-key", key: hash("key", ...who, idempotencyKey), joins: true, fingerprint },
  );
};
