import assert from "node:assert/strict";
import { request } from "node:http";
import { inspect } from "node:util";
import { Effect, Layer, Option, Result, Stream } from "effect";
import { Engine } from "../../../../../src/adapters/sandbox/docker/Engine.ts";
import { EngineAgent } from "../../../../../src/adapters/sandbox/docker/engineAgent.ts";
import { probe } from "../../../../../src/adapters/sandbox/docker/probe.ts";
import { Settings } from "../../../../../src/config.ts";
import { it } from "../../../../support/it.ts";
import { type Answer, engineServer } from "./engineServer.ts";
import { temporaryDirectory } from "../../../../support/temporaryDirectory.ts";

const settingsAt = (socketPath: string) => Settings.layerWith({ dockerHost: Option.some(`unix://${socketPath}`) });

const withEngine = <A, E, R>(
  answer: (method: string, path: string) => Answer | undefined,
  use: Effect.Effect<A, E, R | Engine>,
) =>
  Effect.flatMap(
    engineServer(answer),
    (socketPath) => Effect.provide(use, Engine.layer.pipe(Layer.provide(settingsAt(socketPath)))),
  );

it.live("probe names the engine and its socket when one answers", () =>
  Effect.gen(function* () {
    const socketPath = yield* engineServer(() => undefined);
    const found = yield* Effect.provide(probe, settingsAt(socketPath));
    assert.ok(Result.isSuccess(found));
    assert.deepEqual([found.success.summary, found.success.socketPath], ["Docker 27.1.0 (API 1.46)", socketPath]);
  }));

it.live("probe knows Podman when it speaks Docker's language", () =>
  Effect.gen(function* () {
    const body = { Version: "5.2.0", ApiVersion: "1.41", Components: [{ Name: "Podman Engine", Version: "5.2.0" }] };
    const socketPath = yield* engineServer((_method, path) => path === "/version" ? { status: 200, body } : undefined);
    const found = yield* Effect.provide(probe, settingsAt(socketPath));
    assert.ok(Result.isSuccess(found) && found.success.summary.startsWith("Podman 5.2.0"));
  }));

it.live("probe says why there is no engine", () =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory;
    const why = (host: string) =>
      Effect.map(
        Effect.provide(probe, Settings.layerWith({ dockerHost: Option.some(host) })),
        (found) => Result.isFailure(found) ? found.failure : "found one",
      );
    assert.match(yield* why(`unix://${directory}/none.sock`), /^Unavailable: .*none\.sock/);
    assert.match(yield* why("tcp://127.0.0.1:2375"), /^Refused: DOCKER_HOST is "tcp.*expected unix:\/\/\/path/);
    const broken = yield* engineServer((_method, path) =>
      path === "/version" ? { status: 200, body: "<html>" } : undefined
    );
    assert.match(yield* why(`unix://${broken}`), /^Fault: .*no container engine at/);
    const forbidden = yield* engineServer((_method, path) =>
      path === "/version" ? { status: 403, body: { message: "go away" } } : undefined
    );
    assert.match(yield* why(`unix://${forbidden}`), /^Refused: .*go away/);
  }));

/** Answers one call and the question for the version. */
const only = (method: string, path: string, answer: Answer) => (asked: string, at: string) =>
  asked === method && at === path ? answer : undefined;

for (
  const [status, kind] of [[404, "NotFound"], [409, "Conflict"], [400, "Refused"], [500, "Fault"]] as const
) {
  it.live(`Engine fails with ${kind} when the engine answers ${status}`, () =>
    withEngine(
      only("POST", "/volumes/create", { status, body: { message: "because" } }),
      Effect.gen(function* () {
        const engine = yield* Engine;
        const error = yield* Effect.flip(engine.createVolume({ Name: "v" }));
        assert.deepEqual([error.kind, error.operation], [kind, "createVolume"]);
        assert.match(error.detail, /because/);
      }),
    ));
}

it.live("Engine fails with Fault when an answer is not what the API promises", () =>
  withEngine(
    only("GET", "/containers/json", { status: 200, body: [{ Id: 7 }] }),
    Effect.gen(function* () {
      const engine = yield* Engine;
      const error = yield* Effect.flip(engine.listContainers(["a=b"]));
      assert.equal(error.kind, "Fault");
      assert.match(error.detail, /unexpected answer/);
    }),
  ));

it.live("Engine.removeContainer succeeds when the container is gone and waits when the engine is removing it", () =>
  withEngine(
    (method, path) =>
      method === "DELETE" && path === "/containers/going"
        ? { status: 409, body: { message: "removal of container going is already in progress" } }
        : method === "POST" && path === "/containers/going/wait"
        ? { status: 200, body: { StatusCode: 137 } }
        : method === "DELETE" && path === "/containers/busy"
        ? { status: 409, body: { message: "cannot" } }
        : undefined,
    Effect.gen(function* () {
      const engine = yield* Engine;
      yield* engine.removeContainer("gone");
      yield* engine.removeContainer("going");
      assert.equal((yield* Effect.flip(engine.removeContainer("busy"))).kind, "Conflict");
    }),
  ));

it.live("Engine.inspectImage answers none when the engine does not have it", () =>
  withEngine(
    only("GET", "/images/known/json", { status: 200, body: { Id: "sha256:1", Config: { Labels: { a: "b" } } } }),
    Effect.gen(function* () {
      const engine = yield* Engine;
      assert.ok(Option.isNone(yield* engine.inspectImage("unknown")));
      const found = yield* engine.inspectImage("known");
      assert.equal(Option.getOrUndefined(found)?.Config?.Labels?.["a"], "b");
    }),
  ));

it.live("Engine.listVolumes is empty when the engine answers null", () =>
  withEngine(
    only("GET", "/volumes", { status: 200, body: { Volumes: null } }),
    Effect.gen(function* () {
      assert.deepEqual(yield* (yield* Engine).listVolumes([]), []);
    }),
  ));

it.live("Engine.buildImage streams every message, the failure included", () =>
  withEngine(
    only("POST", "/build", {
      status: 200,
      body: '{"stream":"Step 1/2 : FROM x"}\r\n{"status":"Pulling"}\r\n{"error":"no such package"}\r\n',
    }),
    Effect.gen(function* () {
      const engine = yield* Engine;
      const messages = yield* Stream.runCollect(
        engine.buildImage(new Uint8Array(1024), { t: "t", buildargs: { BASE: "x" }, labels: {} }),
      );
      assert.deepEqual(messages, [{ stream: "Step 1/2 : FROM x" }, { status: "Pulling" }, {
        error: "no such package",
      }]);
    }),
  ));

it.live("Engine calls under way do not make the next one dearer: an agent with sockets is shown as one word", () =>
  Effect.gen(function* () {
    const socketPath = yield* engineServer(() => undefined);
    const agent = new EngineAgent();
    const ask = Effect.callback<void, Error>((resume) => {
      const asked = request({ socketPath, path: "/version", agent }, (answer) => {
        // While the socket is the agent's: what it shows must not lead to it.
        const shown = inspect({ agent, path: "/x" }, { showHidden: true, depth: null });
        answer.on("end", () =>
          resume(
            shown === "{ agent: EngineAgent, path: '/x' }" ? Effect.void : Effect.fail(new Error(shown.slice(0, 200))),
          ));
        answer.resume();
      });
      asked.on("error", (error) => resume(Effect.fail(error)));
      asked.end();
    });
    yield* Effect.all([ask, ask, ask], { concurrency: "unbounded" });
  }));
