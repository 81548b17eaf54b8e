/**
 * Posting one webhook: signed after Standard Webhooks, to an address that was looked at.
 */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { lookup } from "node:dns/promises";
import { request as requestHttp, type RequestOptions } from "node:http";
import { request as requestHttps } from "node:https";
import { Duration, Effect, Schema } from "effect";
import { whyNotPublic } from "../../../../domain/IpAddress.ts";

/** Time that one try may take, its names resolved and its answer begun. */
const tryMax = Duration.seconds(10);

/** A try that did not reach its receiver, or was answered otherwise than with success. */
export class WebhookUndelivered extends Schema.TaggedError<WebhookUndelivered>()("WebhookUndelivered", {
  /** The status of the answer, null where there was none. */
  status: Schema.NullOr(Schema.Number),
  detail: Schema.String,
}) {}

/** The headers that say which event a body is, and that it is ours. */
export const signedHeaders = (secret: string, id: string, nowMs: number, body: string) => {
  const timestamp = String(Math.floor(nowMs / 1000));
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` };
};

/** The address to connect to: the first of the name, once every one of them may be used. */
const addressOf = async (hostname: string, allowsPrivate: boolean): Promise<string> => {
  const found = await lookup(hostname.replace(/^\[|\]$/g, ""), { all: true });
  const [first] = found;
  if (first === undefined) throw new Error(`${hostname} has no address`);
  for (const { address } of found) {
    const why = allowsPrivate ? undefined : whyNotPublic(address);
    if (why !== undefined) throw new Error(`${hostname} is at ${address}, which is not public (${why})`);
  }
  return first.address;
};

const send = (url: URL, options: RequestOptions, body: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const request = url.protocol === "https:"
      ? requestHttps({ ...options, servername: url.hostname })
      : requestHttp(options);
    request.once("error", reject);
    request.once("response", (response) => {
      // Nothing of the answer is of interest but its status.
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
    request.end(body);
  });

/**
 * Posts a body to a URL, following no redirect.
 *
 * *Fails with* `WebhookUndelivered`: an address that is not public where none may be used, no connection, no answer in
 * ten seconds, a status that is no success.
 */
export const postWebhook = (
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
  allowsPrivate: boolean,
): Effect.Effect<void, WebhookUndelivered> =>
  Effect.tryPromise({
    try: async (signal) => {
      const host = await addressOf(url.hostname, allowsPrivate);
      const all = {
        ...headers,
        host: url.host,
        "content-type": "application/json",
        "content-length": String(Buffer.byteLength(body)),
        "user-agent": "Caisson-Webhooks",
      };
      const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
      const path = `${url.pathname}${url.search}`;
      return await send(url, { host, port, path, method: "POST", headers: all, agent: false, signal }, body);
    },
    catch: (cause) => new WebhookUndelivered({ status: null, detail: cause instanceof Error ? cause.message : "" }),
  }).pipe(
    Effect.timeoutOrElse({
      duration: tryMax,
      orElse: () => Effect.fail(new WebhookUndelivered({ status: null, detail: "no answer in time" })),
    }),
    Effect.flatMap((status) =>
      status >= 200 && status < 300
        ? Effect.void
        : Effect.fail(new WebhookUndelivered({ status, detail: `answered with ${status}` }))
    ),
  );
