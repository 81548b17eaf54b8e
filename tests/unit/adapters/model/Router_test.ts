import assert from "node:assert/strict";
import { Effect, Option, Result, Stream } from "effect";
import type { Provider } from "../../../../src/adapters/model/Provider.ts";
import * as Router from "../../../../src/adapters/model/Router.ts";
import { type ModelInfo, ModelNotFound, type ModelRequest } from "../../../../src/services/Model.ts";
import { type Message, user } from "../../../../src/domain/Message.ts";
import { zero } from "../../../../src/domain/Usage.ts";

const info = (provider: string, id: string): ModelInfo => ({ id, provider, vision: false });

/** A provider that serves some names and says which provider and model ran. */
const answering = (name: string, ids: ReadonlyArray<string>, serves = (id: string) => ids.includes(id)): Provider => ({
  name,
  list: Effect.succeed(ids.map((id) => info(name, id))),
  find: (id) => Effect.succeed(serves(id) ? Option.some(info(name, id)) : Option.none()),
  stream: (request) =>
    Stream.make(
      { _tag: "TextDelta", text: `${name} ran ${request.model}` },
      { _tag: "Finished", reason: "Stop", usage: zero },
    ),
});

const router = Router.make({
  providers: [
    answering("offline", ["caisson-offline"]),
    answering("first", ["shared", "one"]),
    answering("second", ["two", "shared"], (id) => id === "two" || id.startsWith("two-")),
  ],
  absent: [{ name: "gemini", claims: (id) => id.startsWith("gemini-"), why: "GOOGLE_API_KEY is not set" }],
  defaultModel: Effect.succeed("caisson-offline"),
});

const request = (model: string): ModelRequest => ({ model, system: "", messages: [], tools: [], parameters: {} });
const text = (model: string) => router.stream(request(model)).pipe(Stream.runCollect, Effect.map((all) => [...all][0]));

Deno.test("Router.stream runs the first provider that knows the model", async () => {
  assert.deepEqual(await Effect.runPromise(text("shared")), { _tag: "TextDelta", text: "first ran shared" });
});

Deno.test("Router.stream runs a model that a provider serves without listing it", async () => {
  assert.deepEqual(await Effect.runPromise(text("two-b")), { _tag: "TextDelta", text: "second ran two-b" });
});

Deno.test("Router.list shows each model once, in the order of the providers", async () => {
  const listed = await Effect.runPromise(router.list);
  assert.deepEqual(listed.map((each) => `${each.provider}/${each.id}`), [
    "offline/caisson-offline",
    "first/shared",
    "first/one",
    "second/two",
  ]);
});

Deno.test("Router.find says which key is missing and what can be used when a provider is not configured", async () => {
  const found = await Effect.runPromise(Effect.result(router.find("gemini-2.0-flash-exp")));
  assert.ok(Result.isFailure(found));
  assert.ok(found.failure instanceof ModelNotFound);
  assert.equal(found.failure.why, "GOOGLE_API_KEY is not set");
  assert.deepEqual(found.failure.available, ["caisson-offline", "shared", "one", "two"]);
});

Deno.test("Router.stream fails with ModelNotFound when no provider knows the model", async () => {
  const found = await Effect.runPromise(Effect.result(text("nonsense")));
  assert.ok(Result.isFailure(found));
  assert.equal(found.failure._tag, "ModelNotFound");
});

Deno.test("Router.stream says what can be used when the upstream does not know a model its provider claims", async () => {
  const unaware: Provider = {
    ...answering("gemini", ["gemini-a"], (id) => id.startsWith("gemini-")),
    stream: ({ model }) => Stream.fail(new ModelNotFound({ model, why: "gemini has no such model", available: [] })),
  };
  const { stream } = Router.make({ providers: [unaware], defaultModel: Effect.succeed("gemini-a") });
  const failure = await Effect.runPromise(Effect.flip(Stream.runDrain(stream(request("gemini-b")))));
  assert.ok(failure instanceof ModelNotFound);
  assert.deepEqual([failure.why, failure.available], ["gemini has no such model", ["gemini-a"]]);
});

Deno.test("Router.stream sends a conversation without its oldest output when the window is known to be small", async () => {
  const sent: Array<ModelRequest> = [];
  const small: Provider = {
    ...answering("small", ["s"]),
    find: (id) => Effect.succeed(Option.some({ ...info("small", id), contextTokens: 2000 })),
    stream: (asked) => {
      sent.push(asked);
      return Stream.make({ _tag: "Finished", reason: "Stop", usage: zero });
    },
  };
  const { stream } = Router.make({ providers: [small], defaultModel: Effect.succeed("s") });
  const old: Message = { role: "tool", callId: "c", name: "t", content: "x".repeat(9000), isError: false };
  await Effect.runPromise(Stream.runDrain(stream({ ...request("s"), messages: [user("a"), old, user("b")] })));
  const [, result] = sent[0]?.messages ?? [];
  assert.ok(result?.role === "tool" && result.content.includes("removed to fit the model's context window"));
});

Deno.test("Router.stream fails with ContextTooLong without asking when the conversation cannot fit", async () => {
  const small: Provider = {
    ...answering("small", ["s"]),
    find: (id) => Effect.succeed(Option.some({ ...info("small", id), contextTokens: 2000 })),
    stream: () => Stream.die(new Error("asked")),
  };
  const { stream } = Router.make({ providers: [small], defaultModel: Effect.succeed("s") });
  const failure = await Effect.runPromise(
    Effect.flip(Stream.runDrain(stream({ ...request("s"), messages: [user("x".repeat(20_000))] }))),
  );
  assert.ok(failure._tag === "ModelError");
  assert.equal(failure.reason._tag, "ContextTooLong");
});
