/**
 * Webhooks of background responses: signed for the official client, tried again under the same id, nowhere private.
 */
import assert from "node:assert/strict";
import { Clock, Effect, Layer, Option, Queue, Redacted } from "effect";
import OpenAI from "npm:openai@7.57.0";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import * as Responses from "../../src/adapters/responses/Memory.ts";
import * as Outbox from "../../src/adapters/responses/webhooks/Memory.ts";
import { Settings } from "../../src/config.ts";
import { OwnerKey } from "../../src/domain/Owner.ts";
import * as Webhooks from "../../src/http/openai/responses/webhooks/deliver.ts";
import { postWebhook } from "../../src/http/openai/responses/webhooks/post.ts";
import { ResponseStore } from "../../src/services/ResponseStore.ts";
import { WebhookOutbox } from "../../src/services/WebhookOutbox.ts";
import { it } from "../support/it.ts";
import { served } from "../support/served.ts";

const secret = `whsec_${btoa("0123456789abcdef0123456789abcdef")}`;
const client = new OpenAI({ apiKey: "any" });

/** A receiver that answers with the given statuses, the last of them for ever, and notes what it hears. */
const receiver = (...statuses: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const heard = yield* Queue.unbounded<{ readonly id: string; readonly type: string; readonly response: string }>();
    let count = 0;
    const server = yield* Effect.acquireRelease(
      Effect.sync(() =>
        Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
          const body = await request.text();
          const { id, type, data } = JSON.parse(body);
          await client.webhooks.verifySignature(body, request.headers, secret);
          await assert.rejects(client.webhooks.verifySignature(`${body} `, request.headers, secret));
          assert.equal((await client.webhooks.unwrap(body, request.headers, secret)).type, type);
          assert.equal(request.headers.get("webhook-id"), id);
          Queue.offerUnsafe(heard, { id, type, response: data.id });
          return new Response(null, { status: statuses[Math.min(count++, statuses.length - 1)] ?? 200 });
        })
      ),
      (server) => Effect.promise(() => server.shutdown()),
    );
    const settings = {
      webhookUrl: Option.some(`http://127.0.0.1:${server.addr.port}/hook`),
      webhookSecret: Option.some(Redacted.make(secret)),
      webhookPrivate: true,
    };
    return { settings, heard: Queue.take(heard), left: Queue.size(heard) };
  });

it.live("each end of a background response is told once it is there, no other response's", () =>
  Effect.gen(function* () {
    const { settings, heard, left } = yield* receiver(200);
    const steps = [
      Scripted.answers("Hi."),
      [Scripted.text("We"), Scripted.finished("OutputLimit")],
      [Scripted.text("We")],
      Scripted.answers("Not in the background."),
    ];
    const base = yield* served({ steps, settings });
    const begin = (background: boolean) =>
      Effect.promise(async () => {
        const response = await fetch(`${base}/v1/responses`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ input: "Hi", background }),
        });
        return (await response.json()).id;
      });
    for (const type of ["response.completed", "response.incomplete", "response.failed"]) {
      const id = yield* begin(true);
      const event = yield* heard;
      assert.deepEqual([event.type, event.response], [type, id]);
    }
    yield* begin(false);
    assert.equal(yield* left, 0);
  }));

it.live("what was not heard is told again under the same id, also of a response that was cancelled", () =>
  Effect.gen(function* () {
    const { settings, heard } = yield* receiver(500, 200);
    const createdAtMs = yield* Clock.currentTimeMillis;
    yield* Effect.gen(function* () {
      const owner = OwnerKey.make("a".repeat(32));
      const body = { id: "resp_1", status: "cancelled" };
      const turn = { messages: [], instructions: [] };
      const response = { id: "resp_1", previous: null, body, input: [], events: null, turn, aliveUntilMs: 0 };
      yield* (yield* ResponseStore).put(owner, response);
      const outbox = yield* WebhookOutbox;
      yield* outbox.put({ id: "evt_1", owner, response: "resp_1", createdAtMs, attempts: 0 }, 0);
      const first = yield* heard;
      assert.deepEqual(first, { id: "evt_1", type: "response.cancelled", response: "resp_1" });
      // What waiting would do, as soon as the failed try has been noted.
      yield* outbox.due("resp_1", 0).pipe(Effect.andThen(Effect.yieldNow), Effect.forever, Effect.forkScoped);
      assert.deepEqual(yield* heard, first);
    }).pipe(
      Effect.provide(
        Webhooks.layer.pipe(
          Layer.provideMerge(Layer.merge(Outbox.layer, Responses.layer)),
          Layer.provide(Settings.layerWith(settings)),
        ),
      ),
    );
  }));

it.live("an address that is not public is refused before anything is sent, redirects are not followed", () =>
  Effect.gen(function* () {
    for (const url of ["http://127.0.0.1:1/", "http://localhost:1/", "http://169.254.169.254/", "http://[::1]:1/"]) {
      const { detail } = yield* Effect.flip(postWebhook(new URL(url), {}, "{}", false));
      assert.match(detail, /not public/, url);
    }
    const asked: Array<string> = [];
    const server = yield* Effect.acquireRelease(
      Effect.sync(() =>
        Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, ({ url }) => {
          asked.push(new URL(url).pathname);
          return new Response(null, { status: 302, headers: { location: "/other" } });
        })
      ),
      (server) => Effect.promise(() => server.shutdown()),
    );
    const url = new URL(`http://127.0.0.1:${server.addr.port}/hook`);
    assert.equal((yield* Effect.flip(postWebhook(url, {}, "{}", true))).status, 302);
    assert.deepEqual(asked, ["/hook"]);
  }));

it.live("webhooks without a secret are refused at boot", () =>
  Effect.gen(function* () {
    const { layer } = yield* Effect.promise(() => import("../../src/adapters/responses/webhooks/Configured.ts"));
    const settings = Settings.layerWith({ webhookUrl: Option.some("https://example.com/hook") });
    const error = yield* Effect.flip(Layer.build(Layer.provide(layer, settings)));
    assert.match(error.message, /CAISSON_WEBHOOK_SECRET/);
  }));
