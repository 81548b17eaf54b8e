import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { DatabaseSync } from "node:sqlite";
import { createInterface } from "node:readline";
import { Deferred, Effect, type Scope } from "effect";
import { createClient } from "redis";
import OpenAI from "npm:openai@7.57.0";
import { type InstanceOptions, pushesFile, pushingLine, slowWord, webhookSecret } from "../support/instance.ts";
import { it } from "../support/it.ts";
import { redisServer, redisSkip } from "../support/redisServer.ts";
import { temporaryDirectory } from "../support/temporaryDirectory.ts";

/** Times that an instance is killed in the middle of a stream; `CAISSON_TEST_KILLS` sets another number. */
const kills = Number(Deno.env.get("CAISSON_TEST_KILLS") ?? "5");

const program = new URL("../support/instance.ts", import.meta.url).pathname;

/** Pushes of one instance that a test can wait for. */
const pushesMax = 2;

interface Instance {
  readonly url: string;
  /** It has begun to carry out so many pushes. */
  readonly pushing: (count: number) => Promise<void>;
  readonly kill: () => Promise<void>;
}

const kill = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once("close", () => resolve());
    child.kill("SIGKILL");
  });

/** Starts an instance and waits until it says where it listens. */
const startInstance = (options: InstanceOptions) =>
  Effect.acquireRelease(
    Effect.promise(() =>
      new Promise<Instance>((resolve, reject) => {
        const permissions = [
          "--allow-net=127.0.0.1",
          "--allow-read",
          `--allow-write=${options.dataPath}`,
          "--allow-env",
        ];
        const child = spawn(
          Deno.execPath(),
          ["run", "--no-check", ...permissions, "--allow-sys", program, JSON.stringify(options)],
          { stdio: ["ignore", "pipe", "inherit"] },
        );
        child.once("error", reject);
        child.once("exit", (code, signal) => reject(new Error(`the instance ended: ${code ?? signal}`)));
        const pushes = Array.from({ length: pushesMax }, () => Promise.withResolvers<void>());
        let begun = 0;
        const pushing = (count: number) => pushes[count - 1]?.promise ?? assert.fail(`${count} pushes`);
        createInterface({ input: child.stdout }).on("line", (line) => {
          if (line === pushingLine) pushes[begun++]?.resolve();
          if (line.startsWith("http://")) resolve({ url: line, pushing, kill: () => kill(child) });
        });
      })
    ),
    (instance) => Effect.promise(() => instance.kill()),
  );

const post = (instance: Instance, words: string, stream: boolean) =>
  fetch(`${instance.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user: "u", stream, messages: [{ role: "user", content: words }] }),
  });

/** Says something and returns the whole answer. */
const ask = (instance: Instance, words: string) =>
  Effect.promise(async () => {
    const response = await post(instance, words, false);
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return text;
  });

/** Begins a run that does not end, waits for its first word and kills the instance. */
const killMidStream = (instance: Instance, words: string) =>
  Effect.promise(async () => {
    const response = await post(instance, words, true);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader() ?? assert.fail();
    for (let text = ""; !text.includes(slowWord);) {
      const { value, done } = await reader.read();
      assert.ok(!done);
      text += value;
    }
    await instance.kill();
    // The stream ends or breaks with its server; either way it is over.
    await reader.read().catch(() => undefined);
  });

/** How often something was said in what the model was given. */
const times = (answer: string, words: string) => answer.split(`\\"text\\":\\"${words}\\"`).length - 1;

it.live(`an instance keeps every finished turn when it was killed in the middle of a stream ${kills} times`, () =>
  Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    for (let n = 0; n < kills; n++) {
      const instance = yield* startInstance({ sessions: "sqlite", dataPath });
      const answer = yield* ask(instance, `finished ${n}`);
      for (let before = 0; before <= n; before++) assert.equal(times(answer, `finished ${before}`), 1, answer);
      yield* killMidStream(instance, `slow ${n}`);
    }
    const file = new DatabaseSync(`${dataPath}/sessions.sqlite`, { readOnly: true });
    assert.equal(file.prepare("PRAGMA integrity_check").get()?.["integrity_check"], "ok");
    assert.ok(Number(file.prepare("SELECT turns FROM sessions").get()?.["turns"]) >= kills);
    file.close();
  }));

it.live(
  "an instance continues a session when another on the same Redis was killed in the middle of a run",
  () =>
    Effect.gen(function* () {
      const { url: redisUrl } = yield* redisServer;
      const options = { sessions: "redis", dataPath: yield* temporaryDirectory, redisUrl } as const;
      const [one, two] = [yield* startInstance(options), yield* startInstance(options)];
      yield* ask(one, "first of one");
      const second = yield* ask(two, "first of two");
      assert.equal(times(second, "first of one"), 1);
      assert.ok(second.includes("ran: first of one"), "the tool result of the other instance's turn is there");
      yield* killMidStream(one, "slow work");
      const third = yield* ask(two, "second of two");
      for (const words of ["first of one", "first of two", "second of two"]) {
        assert.equal(times(third, words), 1, words);
      }
    }),
  { skip: redisSkip },
);

/** Begins a response in the background that does not end, and waits for its first word. */
const beginEndless = (instance: Instance, more: Record<string, unknown> = {}) =>
  Effect.promise(async () => {
    const response = await fetch(`${instance.url}/v1/responses`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ input: "endless", background: true, stream: true, ...more }),
    });
    let text = "";
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += piece;
      if (text.includes(slowWord)) break;
    }
    return /"id":"(resp_[0-9a-f]+)"/.exec(text)?.[1] ?? assert.fail(text);
  });

/** Somebody who is told by webhooks, and the first event that they check and open with the official client. */
const receiver = Effect.gen(function* () {
  const heard = yield* Deferred.make<{ readonly type: string; readonly response: string }>();
  const client = new OpenAI({ apiKey: "any" });
  const server = yield* Effect.acquireRelease(
    Effect.sync(() =>
      Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
        const event = await client.webhooks.unwrap(await request.text(), request.headers, webhookSecret);
        const response = "data" in event && "id" in event.data ? event.data.id : "";
        Deferred.doneUnsafe(heard, Effect.succeed({ type: event.type, response }));
        return new Response();
      })
    ),
    (server) => Effect.promise(() => server.shutdown()),
  );
  return { url: `http://127.0.0.1:${server.addr.port}/hook`, heard: Deferred.await(heard) };
});

const statusOf = (instance: Instance, id: string, query = "") =>
  Effect.promise(async () => (await (await fetch(`${instance.url}/v1/responses/${id}${query}`)).json()).status);

it.live("a background response whose server was killed has failed at the next, which tells so", () =>
  Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    const { url: webhookUrl, heard } = yield* receiver;
    const options = { sessions: "sqlite", dataPath, webhookUrl } as const;
    const first = yield* startInstance(options);
    const id = yield* beginEndless(first);
    yield* Effect.promise(() => first.kill());
    // What half a minute of waiting would do.
    for (
      const [name, change] of [
        ["responses", "UPDATE responses SET alive_until_ms = 1"],
        ["webhooks", "UPDATE notices SET due_ms = 1"],
      ] as const
    ) {
      const file = new DatabaseSync(`${dataPath}/${name}.sqlite`);
      assert.equal(Number(file.prepare(change).run().changes), 1);
      file.close();
    }
    const second = yield* startInstance(options);
    assert.equal(yield* statusOf(second, id), "failed");
    assert.deepEqual(yield* heard, { type: "response.failed", response: id });
  }));

it.live(
  "another instance on the same Redis answers for a background response whose server was killed",
  () =>
    Effect.gen(function* () {
      const { url: redisUrl } = yield* redisServer;
      const options = { sessions: "redis", dataPath: yield* temporaryDirectory, redisUrl } as const;
      const [one, two] = [yield* startInstance(options), yield* startInstance(options)];
      const id = yield* beginEndless(one);
      assert.equal(yield* statusOf(two, id), "in_progress");
      yield* Effect.promise(() => one.kill());
      const redis = createClient({ url: redisUrl });
      yield* Effect.promise(async () => {
        await redis.connect();
        const [key = ""] = await redis.keys(`*:response:${id}`);
        await redis.hSet(key, "alive", "1");
        await redis.close();
      });
      assert.equal(yield* statusOf(two, id), "failed");
    }),
  { skip: redisSkip },
);

const push = "git push origin main";

/** Makes a response with a shell. */
const respond = async (instance: Instance, body: Record<string, unknown>) => {
  const tools = [{ type: "shell", environment: { type: "container_auto" } }];
  const response = await fetch(`${instance.url}/v1/responses`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user: "u", tools, ...body }),
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
};

/** Responses that one instance made are read, listed, gone on from and deleted at another, and the other way round. */
const answerForOneAnother = Effect.fnUntraced(function* (options: InstanceOptions) {
  const [one, two] = [yield* startInstance(options), yield* startInstance(options)];
  const at = async (instance: Instance, method: string, path: string) => {
    const response = await fetch(`${instance.url}/v1/responses/${path}?user=u`, { method });
    return { status: response.status, body: await response.json() };
  };
  yield* Effect.promise(async () => {
    const first = await respond(one, { input: "first of one", background: false });
    assert.deepEqual((await at(two, "GET", first.id)).body, first);
    const items = (await at(two, "GET", `${first.id}/input_items`)).body;
    assert.match(JSON.stringify(items.data), /first of one/);
    const second = await respond(two, { input: "first of two", previous_response_id: first.id });
    assert.ok(JSON.stringify(second.output).includes("first of one"), "the turn of the other instance is there");
    const third = await respond(one, { input: "second of one", previous_response_id: second.id });
    for (const words of ["first of one", "first of two", "second of one"]) {
      assert.ok(JSON.stringify(third.output).includes(words), words);
    }
    // A second question to what is known already sees what the other instance has deleted.
    assert.equal((await at(two, "DELETE", first.id)).status, 200);
    assert.equal((await at(one, "GET", first.id)).status, 404);
    const fourth = await respond(one, { input: "third of one", previous_response_id: third.id });
    assert.ok(!JSON.stringify(fourth.output).includes("first of one"), "what was deleted is remembered nowhere");
    assert.ok(JSON.stringify(fourth.output).includes("first of two"));
  });
});

/** The runs that an instance has at work. */
const running = (instance: Instance): Effect.Effect<ReadonlyArray<string>> =>
  Effect.promise(async () =>
    (await (await fetch(`${instance.url}/v1/runs?user=u`)).json()).data
      .filter(({ status }: { readonly status: string }) => status === "in_progress")
      .map(({ id }: { readonly id: string }) => id)
  );

/** Hears a run to its end; its instance looks every ten seconds whether its response was ended elsewhere. */
const heard = (instance: Instance, run: string) =>
  Effect.promise(async () => {
    const response = await fetch(`${instance.url}/v1/runs/${run}/events?user=u`);
    assert.equal(response.status, 200, await response.text());
  }).pipe(Effect.timeout("5 minutes"));

/** Cancels at one instance what another makes: it is cancelled at once for both, and its run ends. */
const cancelForOneAnother = Effect.fnUntraced(function* (options: InstanceOptions) {
  const [one, two] = [yield* startInstance(options), yield* startInstance(options)];
  const id = yield* beginEndless(one, { user: "u" });
  const [run = assert.fail("nothing runs")] = yield* running(one);
  const cancelled = yield* Effect.promise(async () => {
    const response = await fetch(`${two.url}/v1/responses/${id}/cancel?user=u`, { method: "POST" });
    return { status: response.status, body: await response.json() };
  });
  assert.deepEqual([cancelled.status, cancelled.body.status], [200, "cancelled"]);
  assert.equal(yield* statusOf(one, id, "?user=u"), "cancelled");
  yield* heard(one, run);
  for (const instance of [one, two]) assert.equal(yield* statusOf(instance, id, "?user=u"), "cancelled");
});

/** Deletes at one instance what another makes: its run ends, and nothing brings it back. */
const deleteForOneAnother = Effect.fnUntraced(function* (options: InstanceOptions) {
  const [one, two] = [yield* startInstance(options), yield* startInstance(options)];
  const id = yield* beginEndless(one, { user: "u" });
  const ask = (instance: Instance, method: string) =>
    Effect.promise(async () => {
      const response = await fetch(`${instance.url}/v1/responses/${id}?user=u`, { method });
      await response.body?.cancel();
      return response.status;
    });
  const [run = assert.fail("nothing runs")] = yield* running(one);
  assert.equal(yield* ask(two, "DELETE"), 200);
  yield* heard(one, run);
  for (const instance of [one, two]) assert.equal(yield* ask(instance, "GET"), 404);
});

/** What two instances do for one another, over each store that they can share. */
const shared = [
  ["two instances answer for one another's responses", answerForOneAnother],
  ["a response is cancelled at another instance", cancelForOneAnother],
  ["a response is deleted at another instance", deleteForOneAnother],
] as const;

for (const [title, check] of shared) {
  it.live(`${title} with one data directory`, () =>
    Effect.gen(function* () {
      yield* check({ sessions: "sqlite", dataPath: yield* temporaryDirectory });
    }));

  it.live(`${title} on one Redis`, () =>
    Effect.gen(function* () {
      const { url: redisUrl } = yield* redisServer;
      yield* check({ sessions: "redis", dataPath: yield* temporaryDirectory, redisUrl });
    }), { skip: redisSkip });
}

const waitingIn = (instance: Instance) =>
  Effect.promise(async () => (await (await fetch(`${instance.url}/v1/approvals?user=u`)).json()).data.length);

/** The request that approves what a response asks. */
const approvalOf = (asked: { readonly id: string; readonly output: ReadonlyArray<Record<string, unknown>> }) => {
  const [request] = asked.output.filter(({ type }) => type === "mcp_approval_request");
  assert.ok(request, JSON.stringify(asked));
  const input = [{ type: "mcp_approval_response", approval_request_id: request["id"], approve: true }];
  return { input, previous_response_id: asked.id };
};

/**
 * Has two pushes approved at one instance, over chat and as a response, kills it in the middle of both, and asks the
 * next what came of them.
 */
const killMidPush = Effect.fnUntraced(function* (
  { dataPath }: InstanceOptions,
  one: Instance,
  next: Effect.Effect<Instance, never, Scope.Scope>,
) {
  const pushes = () => Deno.readTextFileSync(`${dataPath}/${pushesFile}`);
  const asked = yield* ask(one, push);
  assert.match(asked, /Waiting for you \(appr_/);
  const approval = approvalOf(yield* Effect.promise(() => respond(one, { input: push })));
  const reply = post(one, "yes", true).then((response) => response.text()).catch(() => "");
  const decision = respond(one, approval).catch(() => "");
  yield* Effect.promise(() => one.pushing(2));
  yield* Effect.promise(() => one.kill());
  yield* Effect.promise(() => Promise.all([reply, decision]));
  assert.equal(pushes(), `${push}\n${push}\n`);

  const two = yield* next;
  // Nobody knows what came of it: the reply was never heard to its end, and the question stands.
  assert.equal(yield* waitingIn(two), 1);
  const [told, answered] = yield* Effect.all(
    [ask(two, "yes"), Effect.promise(() => respond(two, approval))],
    { concurrency: 2 },
  );
  assert.match(told, /Approved and started before, but its outcome is not known/);
  assert.equal(yield* waitingIn(two), 0);
  assert.match(JSON.stringify(answered.output), /Approved and started before, but its outcome is not known/);
  assert.equal(pushes(), `${push}\n${push}\n`);
});

it.live("an approved call whose server is killed in the middle of it is not carried out again after a restart", () =>
  Effect.gen(function* () {
    const options = { sessions: "sqlite", dataPath: yield* temporaryDirectory } as const;
    yield* killMidPush(options, yield* startInstance(options), startInstance(options));
  }));

it.live(
  "an approved call whose server is killed in the middle of it is not carried out by another on the same Redis",
  () =>
    Effect.gen(function* () {
      const { url: redisUrl } = yield* redisServer;
      const options = { sessions: "redis", dataPath: yield* temporaryDirectory, redisUrl } as const;
      const [one, two] = [yield* startInstance(options), yield* startInstance(options)];
      yield* killMidPush(options, one, Effect.succeed(two));
    }),
  { skip: redisSkip },
);
