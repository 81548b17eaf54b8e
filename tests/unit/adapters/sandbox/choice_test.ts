import assert from "node:assert/strict";
import { Effect, Layer, Option } from "effect";
import { layer, passedOver } from "../../../../src/adapters/sandbox/choice.ts";
import { EngineError, type EngineErrorKind } from "../../../../src/adapters/sandbox/docker/EngineError.ts";
import { locateAt } from "../../../../src/adapters/sandbox/docker/probe.ts";
import { Settings, type SettingsService } from "../../../../src/config.ts";
import { it } from "../../../support/it.ts";
import { temporaryDirectory } from "../../../support/temporaryDirectory.ts";
import { engineServer } from "./docker/engineServer.ts";

const refusalOf = (changes: Partial<SettingsService>) =>
  Effect.scoped(Effect.flip(Layer.build(Layer.provide(layer, Settings.layerWith(changes)))));

const named: ReadonlyArray<readonly [dockerHost: string, why: RegExp]> = [
  ["tcp://127.0.0.1:2375", /DOCKER_HOST is "tcp:.*expected unix:\/\/\/path/],
  ["ssh://me@engine", /DOCKER_HOST is "ssh:/],
  ["unix:///nonexistent/engine.sock", /\/nonexistent\/engine\.sock: /],
];
for (const [dockerHost, why] of named) {
  it.live(`the choice of a sandbox refuses DOCKER_HOST=${dockerHost} instead of taking weaker walls`, () =>
    Effect.gen(function* () {
      const error = yield* refusalOf({ dockerHost: Option.some(dockerHost) });
      assert.equal(error.reason._tag, "RuntimeUnavailable");
      assert.match(error.detail, /^DOCKER_HOST asks for a container engine, and none can be used: /);
      assert.match(error.detail, why);
    }));
}

it.live("the choice of a sandbox names every setting that wants an engine", () =>
  Effect.gen(function* () {
    const socketPath = yield* engineServer((_method, path) =>
      path === "/version" ? { status: 403, body: { message: "go away" } } : undefined
    );
    const error = yield* refusalOf({
      dockerHost: Option.some(`unix://${socketPath}`),
      dockerRuntime: Option.some("runsc"),
    });
    assert.match(error.detail, /^DOCKER_HOST and CAISSON_DOCKER_RUNTIME asks? .*go away/);
  }));

const kinds: ReadonlyArray<readonly [EngineErrorKind, RegExp | undefined]> = [
  ["Unavailable", undefined],
  ["NotGranted", undefined],
  ["Denied", /is there, whose group this user is not in, and cannot be used \(why\).*CAISSON_SANDBOX=embedded/],
  ["Refused", /is there, and cannot be used \(why\)/],
  ["Timeout", /is there, and cannot be used \(why\)/],
];
for (const [kind, warning] of kinds) {
  Deno.test(`an engine that is ${kind} is ${warning === undefined ? "nothing to warn of" : "a warning"}`, () => {
    const warnings = passedOver(new EngineError({ operation: "locate", kind, detail: "why" }));
    assert.equal(warnings.length, warning === undefined ? 0 : 1);
    if (warning !== undefined) assert.match(warnings.join(), warning);
  });
}

it.live("locateAt tells of the engine that is there before those that are not, by its socket", () =>
  Effect.gen(function* () {
    const forbidden = yield* engineServer((_method, path) =>
      path === "/version" ? { status: 403, body: { message: "go away" } } : undefined
    );
    const directory = yield* temporaryDirectory;
    const nobody = `${directory}/nobody.sock`;
    const error = yield* Effect.flip(locateAt([nobody, forbidden, nobody]));
    assert.deepEqual([error.kind, error.detail], ["Refused", `${forbidden}: {"message":"go away"}`]);
    const none = yield* Effect.flip(locateAt([nobody, nobody]));
    assert.deepEqual([none.kind, none.detail], ["Unavailable", `no engine at ${nobody}, ${nobody}`]);
    const answering = yield* engineServer(() => undefined);
    assert.equal((yield* locateAt([nobody, forbidden, answering])).socketPath, answering);
  }));
