/**
 * The doctor on a real engine: every promise is proved from inside, and a broken one is found.
 */
import assert from "node:assert/strict";
import { Effect, Layer, Option } from "effect";
import { layerOver } from "../../src/adapters/egress/Configured.ts";
import { examine, lineOf } from "../../src/adapters/sandbox/docker/doctor.ts";
import { controlRows } from "../../src/adapters/sandbox/docker/container.ts";
import type { SettingsService } from "../../src/config.ts";
import { egressWorld } from "../support/egressWorld.ts";
import { engineSettings, skipWithoutEngine } from "../support/engine.ts";
import { it } from "../support/it.ts";
import { temporaryDirectory } from "../support/temporaryDirectory.ts";

const options = { skip: skipWithoutEngine };

it.live("examine proves every control from inside a live sandbox", () =>
  Effect.gen(function* () {
    const findings = yield* Effect.provide(examine, engineSettings());
    assert.deepEqual(findings.filter(({ verdict }) => verdict === "failure"), []);
    assert.deepEqual(
      new Set(findings.map(({ name }) => name)),
      new Set(["engine", "runtime version", "image", "image contents", ...controlRows.map(({ name }) => name)]),
    );
    for (const finding of findings) assert.match(lineOf(finding), /^(ok|warning) +[^:]+: .+$/);
  }), options);

it.live("examine tries the way out from inside, and finds one that leads nowhere", () =>
  Effect.gen(function* () {
    const world = yield* egressWorld({ "gone.example": [] });
    const findingsWith = (egressAllow: SettingsService["egressAllow"]) => {
      const settings = engineSettings({ egress: "allowlist", egressAllow });
      return Effect.provide(examine, Layer.provideMerge(layerOver(world.outside), settings)).pipe(
        Effect.map((findings) => findings.filter(({ name }) => name.startsWith("egress"))),
      );
    };
    const rule = (name: string) => [{ name, subdomains: false, port: 443 }];
    const good = yield* findingsWith(rule("allowed.example"));
    assert.deepEqual(
      good.map(({ name, verdict }) => [name, verdict]),
      [["egress", "ok"], ["egress reach", "ok"]],
      JSON.stringify(good),
    );
    const gone = yield* findingsWith(rule("gone.example"));
    assert.deepEqual(gone.map(({ verdict }) => verdict), ["ok", "warning"]);
  }), options);

it.live("examine warns of a bridge, and says what of the machine answers over it", () =>
  Effect.gen(function* () {
    const findings = yield* Effect.provide(examine, engineSettings({ sandboxNetwork: "bridge" }));
    const found = findings.find(({ name }) => name === "bridge");
    assert.equal(found?.verdict, "warning");
    assert.match(found?.detail ?? "", /it reaches (this machine at \d|the metadata|none of the addresses)/);
    assert.deepEqual(findings.filter(({ verdict }) => verdict === "failure"), []);
  }), options);

it.live("examine finds a failure when no engine answers", () =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory;
    const dockerHost = Option.some(`unix://${directory}/none.sock`);
    const findings = yield* Effect.provide(examine, engineSettings({ dockerHost }));
    assert.deepEqual(findings.map(({ name, verdict }) => [name, verdict]), [["engine", "failure"]]);
  }));

it.live("examine finds a failure when the runtime is not there", () =>
  Effect.gen(function* () {
    const findings = yield* Effect.provide(examine, engineSettings({ dockerRuntime: Option.some("no-such-runtime") }));
    assert.deepEqual(findings.map(({ verdict }) => verdict), ["failure"]);
    assert.match(findings[0]?.detail ?? "", /CAISSON_DOCKER_RUNTIME is "no-such-runtime", and the engine has /);
  }), options);
