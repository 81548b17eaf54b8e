/**
 * The whole path with every part real: the official OpenAI client over a socket, the composed server,
 * a sandbox, and for Gemini a loopback server that speaks its wire format.
 */
import assert from "node:assert/strict";
import { Effect, Layer, Logger, Option, Redacted, Schedule } from "effect";
import { HttpServer } from "effect/http";
import OpenAI from "npm:openai@7.57.0";
import { label } from "../../src/adapters/sandbox/docker/container.ts";
import { agentApi } from "../../src/app.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import { dockerode, skipWithoutEngine } from "../support/engine.ts";
import * as Wire from "../support/geminiWire.ts";
import { it } from "../support/it.ts";
import { strictAnthropic, strictGemini, strictOpenAi } from "../support/strictUpstreams.ts";
import { cut, serveWire, stall } from "../support/wireServer.ts";
import { dataDirectory } from "../support/dataDirectory.ts";

const dockerHost = Option.fromUndefinedOr(Deno.env.get("DOCKER_HOST"));

/** Serves the agent API as `deno task serve` does, on a free port and a data directory of its own. */
const serve = Effect.fnUntraced(function* (changes: Partial<SettingsService>) {
  const dataPath = yield* dataDirectory;
  const context = yield* Layer.build(
    agentApi.pipe(
      Layer.provide(Settings.layerWith({ apiPort: 0, dataPath, dockerHost, logLevel: "NONE", ...changes })),
      Layer.provide(Logger.layer([])),
    ),
  );
  const { address } = yield* HttpServer.HttpServer.pipe(Effect.provideContext(context));
  const baseURL = `${HttpServer.formatAddress(address)}/v1`;
  return { baseURL, dataPath, client: new OpenAI({ baseURL, apiKey: "none-on-loopback", maxRetries: 0 }) };
});

/** A loopback provider; the list of models that a server asks for at start is no turn. */
const serveTurns = (answer: Parameters<typeof serveWire>[0]) => serveWire(answer, { turnsOnly: true });

const ask = (client: OpenAI, user: string, content: string, model = "caisson-offline") =>
  Effect.promise(async () => {
    const completion = await client.chat.completions.create({ model, user, messages: [{ role: "user", content }] });
    return completion.choices[0]?.message.content ?? "";
  });

const askStreaming = (client: OpenAI, user: string, content: string, model = "caisson-offline") =>
  Effect.promise(async () => {
    const stream = await client.chat.completions.create({
      model,
      user,
      stream: true,
      messages: [{ role: "user", content }],
    });
    let answer = "";
    const reasons: Array<string> = [];
    for await (const chunk of stream) {
      answer += chunk.choices[0]?.delta.content ?? "";
      const reason = chunk.choices[0]?.finish_reason;
      if (typeof reason === "string") reasons.push(reason);
    }
    assert.deepEqual(reasons, ["stop"]);
    return answer;
  });

/** The answer with our activity blocks removed, so that only what was said about the output counts. */
const unfenced = (answer: string) => answer.replaceAll(/^\[\/\/\]: # \(caisson:[^\n]*\n\n(`{3,})[\s\S]*?^\1$/gm, "");

const sandboxes: ReadonlyArray<readonly [SettingsService["sandbox"], string | undefined]> = [
  ["docker", skipWithoutEngine],
  ["embedded", undefined],
];

for (const [sandbox, skip] of sandboxes) {
  for (const [manner, put] of [["streaming", askStreaming], ["not streaming", ask]] as const) {
    it.live(
      `the official client runs the first requests, ${manner}, with the ${sandbox} sandbox`,
      () =>
        Effect.gen(function* () {
          const { client } = yield* serve({ sandbox });
          const user = crypto.randomUUID();
          const python = yield* put(client, user, "Execute: print('Hello, World!')");
          assert.match(unfenced(python), /Hello, World!/);
          const bash = yield* put(client, user, "Execute this bash command: echo 'Test output'");
          assert.match(unfenced(bash), /Test output/);
          const script = yield* put(
            client,
            user,
            "Write a Python script that computes 2+2 and prints the result, then execute it",
          );
          assert.match(unfenced(script), /^ *4$/m);
          yield* put(client, user, "Write a file notes.txt with content 'kept from turn one'");
          const read = yield* put(client, user, "Read the file you just created");
          assert.match(unfenced(read), /kept from turn one/);
        }),
      { skip },
    );
  }
}

/** What the server of a data directory calls itself on its containers: others run on the engine, and come and go. */
const installationOf = (dataPath: string) =>
  Effect.promise(async () => (await Deno.readTextFile(`${dataPath}/sandbox/installation`)).trim());

const containersOf = (installation: string) =>
  Effect.promise(() => dockerode().listContainers({ filters: { label: [`${label.installation}=${installation}`] } }));

it.live(
  "the server gives a user one container for requests at once, and takes it away when it stops",
  () =>
    Effect.gen(function* () {
      const mine = yield* Effect.scoped(Effect.gen(function* () {
        const { client, dataPath } = yield* serve({ sandbox: "docker" });
        const containers = containersOf(yield* installationOf(dataPath));
        yield* Effect.forEach([1, 2, 3, 4], (n) => ask(client, "ada", `Execute: print(${n})`), {
          concurrency: "unbounded",
        });
        assert.equal((yield* containers).length, 1);
        return containers;
      }));
      const gone = Effect.flatMap(mine, (left) => left.length === 0 ? Effect.void : Effect.fail("still there"));
      yield* gone.pipe(Effect.retry(Schedule.upTo(Schedule.spaced("50 millis"), { times: 2_400 })));
    }),
  { skip: skipWithoutEngine },
);

const gemini = (url: string): Partial<SettingsService> => ({
  geminiApiKey: Option.some(Redacted.make("test-key")),
  geminiBaseUrl: Option.some(url),
  modelAttemptsMax: 1,
});

for (const [sandbox, skip] of sandboxes) {
  it.live(
    `Gemini does a task of two tools with the ${sandbox} sandbox`,
    () =>
      Effect.gen(function* () {
        const upstream = yield* serveTurns((_, index) =>
          [
            Wire.turn(
              Wire.chunk(Wire.functionCall("write_file", { file_path: "a.txt", content: "forty-two" }, {
                id: "c1",
                thoughtSignature: "c2lnbmVk",
              })),
              Wire.finish(),
            ),
            Wire.turn(Wire.chunk(Wire.functionCall("execute_bash", { command: "cat a.txt" })), Wire.finish()),
            Wire.turn(Wire.chunk(Wire.text("The file says forty-two.")), Wire.finish()),
          ][index] ?? Wire.failure(500, "INTERNAL", "the script has ended")
        );
        const { client } = yield* serve({ sandbox, ...gemini(upstream.url) });
        const answer = yield* askStreaming(client, crypto.randomUUID(), "Do it", "gemini-2.0-flash-exp");
        assert.match(unfenced(answer), /The file says forty-two\./);
        assert.equal(upstream.received.length, 3);
        const last = JSON.stringify(upstream.received[2]?.body);
        assert.match(last, /"thoughtSignature":"c2lnbmVk"/);
        assert.match(last, /forty-two\\*"/);
        assert.equal(upstream.openCount(), 0);
      }),
    { skip },
  );
}

it.live(
  "a client that leaves mid-command leaves no process in the container and no open upstream request",
  () =>
    Effect.gen(function* () {
      const upstream = yield* serveTurns((_, index) =>
        index === 0
          ? Wire.turn(
            Wire.chunk(Wire.functionCall("execute_bash", { command: "touch /tmp/on; sleep 300" })),
            Wire.finish(),
          )
          : Wire.turn(Wire.chunk(Wire.text("never asked")), Wire.finish())
      );
      const { baseURL, dataPath } = yield* serve({ sandbox: "docker", ...gemini(upstream.url) });
      const containers = containersOf(yield* installationOf(dataPath));
      const leaving = new AbortController();
      const answering = fetch(`${baseURL}/chat/completions`, {
        method: "POST",
        signal: leaving.signal,
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          model: "gemini-test",
          user: "ada",
          messages: [{ role: "user", content: "x".repeat(5000) }],
        }),
      }).then(() => "answered", () => "left");

      const processes = Effect.gen(function* () {
        const [container] = yield* containers;
        if (container === undefined) return [];
        const { Processes } = yield* Effect.promise(() => dockerode().getContainer(container.Id).top());
        return (Processes ?? []).map((columns: ReadonlyArray<string>) => columns.at(-1) ?? "");
      });
      const sleeping = Effect.map(processes, (all) => all.some((command: string) => command.includes("sleep 300")));
      const until = (wanted: boolean) =>
        sleeping.pipe(
          Effect.flatMap((is) => is === wanted ? Effect.void : Effect.fail(`sleeping: ${is}`)),
          Effect.retry(Schedule.upTo(Schedule.spaced("50 millis"), { times: 2_400 })),
        );
      yield* until(true);
      leaving.abort();
      assert.equal(yield* Effect.promise(() => answering), "left");
      yield* until(false);
      assert.equal(upstream.openCount(), 0);
      assert.equal(upstream.received.length, 1);
    }),
  { skip: skipWithoutEngine },
);

it.live("a client that leaves mid-answer ends the upstream request", () =>
  Effect.gen(function* () {
    const upstream = yield* serveTurns(() => {
      const { body } = Wire.turn(Wire.chunk(Wire.text("Once upon a")));
      return { body: [...body, stall] };
    });
    const { client } = yield* serve({ sandbox: "embedded", ...gemini(upstream.url) });
    const stream = yield* Effect.promise(() =>
      client.chat.completions.create({
        model: "gemini-test",
        stream: true,
        messages: [{ role: "user", content: "Tell" }],
      })
    );
    yield* Effect.promise(async () => {
      for await (const chunk of stream) if ((chunk.choices[0]?.delta.content ?? "") !== "") break;
    });
    yield* upstream.departure;
    assert.equal(upstream.openCount(), 0);
  }));

it.live(
  "six turns over three providers, tools in each, share one container and one history",
  () =>
    Effect.gen(function* () {
      const command = (turn: number) => `echo ${turn} >> turns.txt; wc -l < turns.txt`;
      const upstreams = [strictGemini(command), strictAnthropic(command), strictOpenAi(command)] as const;
      const at = (upstream: (typeof upstreams)[number]) =>
        Effect.map(serveTurns((request) => upstream.answer(request)), ({ url }) => Option.some(url));
      const key = Option.some(Redacted.make("k"));
      const { client, dataPath } = yield* serve({
        sandbox: "docker",
        geminiApiKey: key,
        geminiBaseUrl: yield* at(upstreams[0]),
        anthropicApiKey: key,
        anthropicBaseUrl: yield* at(upstreams[1]),
        openaiApiKey: key,
        openaiBaseUrl: yield* at(upstreams[2]),
      });
      const user = crypto.randomUUID();
      const models = ["gemini-3-flash", "claude-sonnet-5", "gpt-test", "gemini-3-flash", "gpt-test", "claude-sonnet-5"];
      for (const [index, model] of models.entries()) {
        const answer = yield* ask(client, user, `step ${index + 1}`, model);
        // Each turn's command adds a line to the same file, so the count is the number of the turn.
        assert.match(answer, new RegExp(`caisson:result[^)]*\\)\n\n\`\`\`text\n${index + 1}\n`));
      }
      assert.deepEqual(upstreams.flatMap(({ refusals }) => refusals), []);
      assert.equal((yield* containersOf(yield* installationOf(dataPath))).length, 1);
    }),
  { skip: skipWithoutEngine },
);

const refusals = [
  ["a wrong key", Wire.failure(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."), 502],
  [
    "an upstream that limits",
    Wire.failure(429, "RESOURCE_EXHAUSTED", "Quota exceeded for requests per minute", [Wire.retryInfo("7s")]),
    429,
  ],
  ["a broken upstream", Wire.failure(500, "INTERNAL", "An internal error has occurred."), 503],
] as const;

for (const [what, reply, status] of refusals) {
  it.live(`the client is told of ${what} by status before the first byte`, () =>
    Effect.gen(function* () {
      const upstream = yield* serveTurns(() => reply);
      const { client } = yield* serve({ sandbox: "embedded", ...gemini(upstream.url) });
      const error = yield* Effect.flip(
        Effect.tryPromise({
          try: () =>
            client.chat.completions.create({
              model: "gemini-x",
              stream: true,
              messages: [{ role: "user", content: "Hi" }],
            }),
          catch: (thrown) => thrown,
        }),
      );
      assert.ok(error instanceof OpenAI.APIError);
      assert.equal(error.status, status, error.message);
    }));
}

it.live("a cut upstream is told in the stream, and the session keeps what was completed", () =>
  Effect.gen(function* () {
    const upstream = yield* serveTurns((_, index) =>
      index === 0
        ? Wire.turn(
          Wire.chunk(Wire.functionCall("execute_bash", { command: "echo kept > k.txt; cat k.txt" })),
          Wire.finish(),
        )
        : index === 1
        ? { body: [...Wire.turn(Wire.chunk(Wire.text("Half an"))).body, cut] }
        : Wire.turn(Wire.chunk(Wire.text("Whole")), Wire.finish())
    );
    const { client } = yield* serve({ sandbox: "embedded", ...gemini(upstream.url) });
    const user = crypto.randomUUID();
    const put = (content: string) =>
      Effect.promise(async () => {
        const stream = await client.chat.completions.create({
          model: "gemini-x",
          user,
          stream: true,
          messages: [{ role: "user", content }],
        });
        let answer = "";
        try {
          for await (const chunk of stream) answer += chunk.choices[0]?.delta.content ?? "";
          return { answer, error: undefined };
        } catch (error) {
          return { answer, error };
        }
      });
    const first = yield* put("Go");
    assert.match(first.answer, /Half an/);
    assert.ok(first.error instanceof OpenAI.APIError, String(first.error));
    yield* put("Go on");
    const remembered = JSON.stringify(upstream.received[2]?.body);
    assert.match(remembered, /kept/);
    assert.match(remembered, /Half an/);
  }));
