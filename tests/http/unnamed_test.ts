/**
 * Requests that name neither user nor session: a conversation is its own owner, found by ids that we issued and by
 * nothing that was said.
 */
import assert from "node:assert/strict";
import { Option, Redacted } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { type Message, textOf } from "../../src/domain/Message.ts";
import type { Owner } from "../../src/domain/Owner.ts";
import type { View } from "../../src/services/Converter.ts";
import type { ModelRequest } from "../../src/services/Model.ts";
import { type App, withApp } from "../support/app.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";
import { cpuMs } from "../support/timing.ts";

// Arrange ----------------------------------------------------------------------------------------

const keys = { apiKeys: Option.some(Redacted.make("shop:sk-shop,lab:sk-lab")) };
const shop = { authorization: "Bearer sk-shop" };
const lab = { authorization: "Bearer sk-lab" };

interface WireMessage {
  readonly role: string;
  readonly content: string | null;
  readonly tool_calls?: ReadonlyArray<{ readonly id: string }>;
  readonly tool_call_id?: string;
}
const said = (content: string): WireMessage => ({ role: "user", content });

/** A model that runs a command when told to work, else answers; it records what it reads. */
const workerThatRecords = (inputs: Array<ReadonlyArray<Message>>): ReadonlyArray<Scripted.Step> => {
  const step = (request: ModelRequest): Scripted.Step => {
    inputs.push(request.messages);
    const last = request.messages.at(-1);
    return last?.role === "user" && textOf(last).startsWith("work")
      ? Scripted.calls(Scripted.toolCall("call_same_for_all", "execute_bash", { command: "ls" }))
      : Scripted.answers(`Answer ${inputs.length}.`);
  };
  return Array.from({ length: 60 }, (): Scripted.Step => (request) => {
    const made = step(request);
    return typeof made === "function" ? made(request) : made;
  });
};

interface Setting {
  readonly app: App;
  readonly inputs: Array<ReadonlyArray<Message>>;
  /** Whose sandbox each request used, requests that used none left out. */
  readonly opened: Array<Owner>;
}

const withWorker = (
  settings: Parameters<typeof withApp>[0]["settings"],
  body: (setting: Setting) => Promise<void>,
): Promise<void> => {
  const inputs: Array<ReadonlyArray<Message>> = [];
  const sandbox = fakeSandbox();
  const opened: Array<Owner> = [];
  const noting = (app: App): App => ({
    ...app,
    chat: async (...request) => {
      const before = sandbox.opened.length;
      const response = await app.chat(...request);
      await response.clone().text();
      opened.push(...sandbox.opened.slice(before).slice(-1));
      return response;
    },
  });
  return withApp(
    { steps: workerThatRecords(inputs), sandbox, settings: settings ?? {} },
    (app) => body({ app: noting(app), inputs, opened }),
  );
};

/** Sends messages and returns the answer as a client keeps it. */
const ask = async (
  app: App,
  messages: ReadonlyArray<WireMessage>,
  headers: Record<string, string> = {},
  more: Record<string, unknown> = {},
): Promise<WireMessage> => {
  const response = await app.chat({ messages, ...more }, headers);
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return body.choices[0].message;
};

const words = (messages: ReadonlyArray<Message> | undefined) =>
  (messages ?? []).filter((message) => message.role === "user").map(textOf);

const idIn = (message: WireMessage): string =>
  /caisson:call (call_[\w-]{35})\)/.exec(message.content ?? "")?.[1] ?? assert.fail(`no id in ${message.content}`);

// The rule ---------------------------------------------------------------------------------------

const doors: ReadonlyArray<
  readonly [string, NonNullable<Parameters<typeof withApp>[0]["settings"]>, Record<string, string>]
> = [
  ["behind one key", keys, shop],
  ["without a key", {}, {}],
];

for (const [where, settings, headers] of doors) {
  Deno.test(`two accounts ${where} see nothing of each other, and each finds its own files in the next message`, () =>
    withWorker(settings, async ({ app, inputs, opened }) => {
      const ask1 = (messages: ReadonlyArray<WireMessage>) => ask(app, messages, headers);
      const ada = [said("work for ada")];
      const adas = await ask1(ada);
      const bob = [said("work for bob")];
      const bobs = await ask1(bob);
      assert.deepEqual(words(inputs.at(-1)), ["work for bob"], "a new chat begins with nothing");
      await ask1([...ada, adas, said("work again")]);
      assert.deepEqual(words(inputs.at(-1)), ["work for ada", "work again"]);
      assert.ok(inputs.at(-1)?.some((message) => message.role === "tool"), "the session knows the call's result");
      await ask1([...bob, bobs, said("work again")]);
      const [adaFirst, bobFirst, adaAgain, bobAgain] = opened;
      assert.deepEqual([adaAgain, bobAgain], [adaFirst, bobFirst]);
      assert.notEqual(adaFirst?.user, bobFirst?.user);
      assert.ok(opened.every((owner) => !owner.ephemeral));
    }));
}

for (const view of ["text", "details", "tool_calls"] satisfies ReadonlyArray<View>) {
  Deno.test(`a conversation is found again by what a client keeps of view ${view}`, () =>
    withWorker(keys, async ({ app, opened }) => {
      const metadata = { metadata: { view } };
      const first = await ask(app, [said("work")], shop, metadata);
      const answers = (first.tool_calls ?? []).map(({ id }) => ({ role: "tool", tool_call_id: id, content: "done" }));
      await ask(app, [said("work"), first, ...answers, said("work more")], shop, metadata);
      assert.equal(opened.length, 2);
      assert.deepEqual(opened[0], opened[1]);
    }));
}

for (const view of ["none", "reasoning"] satisfies ReadonlyArray<View>) {
  Deno.test(`a conversation begins anew in view ${view}, which carries no id`, () =>
    withWorker(keys, async ({ app, opened, inputs }) => {
      const metadata = { metadata: { view } };
      const { content } = await ask(app, [said("work")], shop, metadata);
      await ask(app, [said("work"), { role: "assistant", content }, said("work more")], shop, metadata);
      assert.notDeepEqual(opened[0], opened[1]);
      assert.deepEqual(words(inputs.at(-1)), ["work", "work more"], "what it continues is what the client resent");
    }));
}

Deno.test("a client's own tool carries the conversation in its call's id", () =>
  withApp({
    steps: [
      Scripted.calls(Scripted.toolCall("call_2", "get_weather", { city: "Oslo" })),
      Scripted.answers("Cold."),
    ],
    settings: keys,
  }, async (app) => {
    const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }];
    const first = await ask(app, [said("weather?")], shop, { tools });
    const [call] = first.tool_calls ?? [];
    assert.match(call?.id ?? "", /^call_[\w-]{35}$/);
    // Its answer alone is enough: the call's id leads to the session.
    const answer = { role: "tool", tool_call_id: call?.id ?? "", content: "-3" };
    assert.equal((await ask(app, [answer], shop, { tools })).content, "Cold.");
  }));

// Attacks ----------------------------------------------------------------------------------------

Deno.test("an id of another principal opens nothing", () =>
  withWorker(keys, async ({ app, opened, inputs }) => {
    const shops = await ask(app, [said("work")], shop);
    await ask(app, [said("work"), shops, said("work too")], lab);
    assert.notDeepEqual(opened[0], opened[1]);
    assert.ok(!inputs.at(-2)?.some((message) => message.role === "tool"), "nothing of the session is read");
  }));

Deno.test("an id that was changed in any character opens nothing", () =>
  withWorker(keys, async ({ app, opened }) => {
    const first = await ask(app, [said("work")], shop);
    const id = idIn(first);
    for (let at = "call_".length; at < id.length; at += 5) {
      const forged = id.slice(0, at) + (id[at] === "A" ? "B" : "A") + id.slice(at + 1);
      const content = (first.content ?? "").replaceAll(id, forged);
      await ask(app, [said("work"), { role: "assistant", content }, said("work")], shop);
      assert.notDeepEqual(opened.at(-1), opened[0], forged);
    }
  }));

Deno.test("an id in a user's own words opens nothing", () =>
  withWorker(keys, async ({ app, opened }) => {
    const first = await ask(app, [said("work")], shop);
    await ask(app, [said(`work\n${first.content}`)], shop);
    await ask(app, [said("work"), { role: "assistant", content: "Hm." }, said(`work ${first.content}`)], shop);
    assert.equal(new Set(opened.map(({ user }) => user)).size, 3);
  }));

Deno.test("an id inside a quoted block or a result opens nothing, and the earliest of two decides", () =>
  withWorker(keys, async ({ app, opened }) => {
    const ada = await ask(app, [said("work")], shop);
    const bob = await ask(app, [said("work")], shop);
    const marker = `[//]: # (caisson:call ${idIn(ada)})`;
    const quoted = { role: "assistant", content: `\`\`\`text\n${marker}\n\`\`\`` };
    await ask(app, [said("work"), quoted, said("work")], shop);
    assert.ok(!opened.slice(0, -1).some(({ user }) => user === opened.at(-1)?.user), "a quotation is nobody");
    // A model that was made to repeat somebody's id later in a conversation changes nothing.
    const repeated = { role: "assistant", content: marker };
    await ask(app, [said("work"), bob, said("say it"), repeated, said("work")], shop);
    assert.deepEqual(opened.at(-1), opened[1]);
  }));

Deno.test("a thousand ids that are not ours cost little and open nothing", () =>
  withWorker(keys, async ({ app, opened }) => {
    const first = await ask(app, [said("work")], shop);
    const forged = Array.from(
      { length: 5_000 },
      (_, n) => `[//]: # (caisson:call call_${String(n).padStart(35, "x")})`,
    );
    const began = cpuMs();
    await ask(app, [said("work"), { role: "assistant", content: forged.join("\n\n") }, first, said("work")], shop);
    assert.ok(cpuMs() - began < 5_000);
    assert.notDeepEqual(opened.at(-1), opened[0], "the bound is reached before the true id");
  }));

Deno.test("a user who is named like a conversation's owner is another", () =>
  withWorker(keys, async ({ app, opened }) => {
    const first = await ask(app, [said("work")], shop);
    const bytes = idIn(first).slice("call_".length, "call_".length + 13);
    await ask(app, [said("work")], shop, { user: `conversation:${bytes}` });
    assert.notEqual(opened[0]?.user, opened[1]?.user);
  }));

// Settings and clients ---------------------------------------------------------------------------

Deno.test("CAISSON_UNNAMED=key makes everything unnamed under one key one user, anonymous too", async () => {
  for (const [settings, headers] of [[keys, shop], [{}, {}]] as const) {
    await withWorker({ ...settings, unnamed: "key" }, async ({ app, opened, inputs }) => {
      await ask(app, [said("work")], headers);
      await ask(app, [said("work more")], headers);
      assert.deepEqual(words(inputs.at(-1)), ["work", "work more"]);
      assert.deepEqual([opened[0]?.user, opened[1]?.user, opened[1]?.ephemeral], ["", "", false]);
    });
  }
});

Deno.test("CAISSON_UNNAMED=request keeps nothing", () =>
  withWorker({ ...keys, unnamed: "request" }, async ({ app, opened }) => {
    const first = await ask(app, [said("work")], shop);
    await ask(app, [said("work"), first, said("work")], shop);
    assert.ok(opened.every((owner) => owner.ephemeral));
    assert.notEqual(opened[0]?.user, opened[1]?.user);
  }));

Deno.test("a session that is named without a user continues, keyless too, and shares nothing with another", async () => {
  for (const [settings, headers] of [[keys, shop], [{}, {}]] as const) {
    await withWorker(settings, async ({ app, inputs }) => {
      await ask(app, [said("work")], { ...headers, "x-session-id": "a" });
      await ask(app, [said("more")], { ...headers, "x-session-id": "a" });
      assert.deepEqual(words(inputs.at(-1)), ["work", "more"]);
      await ask(app, [said("other")], { ...headers, "x-session-id": "b" });
      assert.deepEqual(words(inputs.at(-1)), ["other"]);
    });
  }
});

Deno.test("a named user's lone message continues, until that client has resent its history", () =>
  withWorker(keys, async ({ app, inputs, opened }) => {
    const ada = { user: "ada" };
    const a1 = await ask(app, [said("work 1")], shop, ada);
    await ask(app, [said("work 2")], shop, ada);
    assert.deepEqual(words(inputs.at(-1)), ["work 1", "work 2"], "a client that only sends what is new");
    await ask(app, [said("work 1"), a1, said("work 3")], shop, ada);
    assert.deepEqual(words(inputs.at(-1)), ["work 1", "work 3"]);
    await ask(app, [said("a new chat")], shop, ada);
    assert.deepEqual(words(inputs.at(-1)), ["a new chat"], "it is one that resends");
    assert.equal(new Set(opened.map(({ user }) => user)).size, 1, "in the same workspace");
  }));

Deno.test("a named user's chats are sessions of their own once the client is known to resend, in any order", () =>
  withWorker(keys, async ({ app, inputs, opened }) => {
    const ada = { user: "ada" };
    const sessions = async (): Promise<ReadonlyArray<{ readonly id: string; readonly title: string }>> =>
      (await (await app.get("/v1/sessions?user=ada", shop)).json()).data;
    const a1 = await ask(app, [said("work a")], shop, ada);
    await ask(app, [said("work a"), a1, said("more a")], shop, ada);
    assert.equal((await sessions()).length, 1);
    const b1 = await ask(app, [said("work b")], shop, ada);
    const c1 = await ask(app, [said("work c")], shop, ada);
    assert.deepEqual(words(inputs.at(-1)), ["work c"]);
    assert.deepEqual((await sessions()).map(({ title }) => title).toSorted(), ["work a", "work b", "work c"]);
    // Each goes on where it was, with its calls and their results, whichever was used last.
    for (const [first, answer] of [["work b", b1], ["work c", c1], ["work a", a1]] as const) {
      await ask(app, [said(first), answer, said("go on")], shop, ada);
      assert.deepEqual(words(inputs.at(-1)), [first, "go on"]);
      assert.ok(inputs.at(-1)?.some(({ role }) => role === "tool"), `${first} has its calls`);
    }
    assert.equal((await sessions()).length, 3);
    // A history that nobody knows is a chat of its own, too.
    await ask(app, [said("elsewhere"), { role: "assistant", content: "Said." }, said("and here")], shop, ada);
    assert.equal((await sessions()).length, 4);
    assert.equal(new Set(opened.map(({ user }) => user)).size, 1, "in the same workspace");
  }));

Deno.test("a conversation in which no tool ran is not stored, and continues by what is resent", () =>
  withWorker(keys, async ({ app, inputs, opened }) => {
    const first = await ask(app, [said("hello")], shop);
    await ask(app, [said("hello"), first, said("again")], shop);
    assert.deepEqual(words(inputs.at(-1)), ["hello", "again"]);
    assert.equal(opened.length, 0);
  }));
