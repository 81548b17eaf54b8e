/**
 * The Docker sandbox: the port's contract, and what is Docker's own.
 */
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { Effect, Fiber, Layer, Option, Stream } from "effect";
import { Tar } from "effect/encoding";
import { layer as dockerLayer } from "../../src/adapters/sandbox/docker/Docker.ts";
import { label } from "../../src/adapters/sandbox/docker/container.ts";
import { Engine } from "../../src/adapters/sandbox/docker/Engine.ts";
import { Image } from "../../src/adapters/sandbox/docker/Image.ts";
import { Installation } from "../../src/adapters/sandbox/docker/Installation.ts";
import { engineSees, readOnlyMounts } from "../../src/adapters/sandbox/docker/mounts.ts";
import { startSandbox } from "../../src/adapters/sandbox/docker/sandbox.ts";
import { tarArchive } from "../../src/adapters/sandbox/docker/tarArchive.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import { ownerKey } from "../../src/domain/ids.ts";
import type { Owner } from "../../src/domain/Owner.ts";
import { Sandbox } from "../../src/services/Sandbox.ts";
import { dockerode, engineSettings, skipWithoutEngine } from "../support/engine.ts";
import { it } from "../support/it.ts";
import { eventually, freshOwner, run, sandboxSuite, using } from "./sandboxSuite.ts";
import { temporaryDirectory } from "../support/temporaryDirectory.ts";

const layerWith = (changes: Partial<SettingsService> = {}) => dockerLayer.pipe(Layer.provide(engineSettings(changes)));

const options = { skip: skipWithoutEngine };

sandboxSuite("Docker", layerWith, {
  realProcesses: true,
  concurrentCommands: true,
  memoryBound: true,
  processBound: true,
  selfKill: true,
  durableWorkspace: true,
  ownLifecycle: true,
  ownPrincipals: true,
  symbolicLinks: true,
  streams: true,
  tree: true,
}, options);

const engine = dockerode();

/** Every container of an owner, as the engine sees it. */
const containersOf = (owner: Owner) =>
  Effect.promise(() => engine.listContainers({ all: true, filters: { label: [`${label.owner}=${ownerKey(owner)}`] } }));

const cleaned = <A, E, R>(owner: Owner, effect: Effect.Effect<A, E, R>) =>
  Effect.ensuring(effect, Effect.flatMap(Sandbox, (sandbox) => Effect.ignore(sandbox.reset(owner))));

const live = (
  title: string,
  body: () => Effect.Effect<void, unknown, Sandbox>,
  changes: Partial<SettingsService> = {},
) => it.layer(layerWith(changes)).live(`Docker: ${title}`, body, options);

live("health says when the engine has no image", () =>
  Effect.gen(function* () {
    const { healthy, detail } = yield* (yield* Sandbox).health;
    assert.deepEqual([healthy, detail.includes("caisson/none:none")], [false, true]);
  }), { executorImage: "caisson/none:none" });

live("open starts a container with every hardening option on", () => {
  const owner = freshOwner(true);
  return using(owner, (handle) =>
    Effect.gen(function* () {
      const inspected = yield* Effect.promise(() => engine.getContainer(handle.id).inspect());
      const { HostConfig: host, Config: config } = inspected;
      assert.equal(config.User, "1000:1000");
      assert.deepEqual(host.CapDrop, ["ALL"]);
      assert.deepEqual(host.SecurityOpt, ["no-new-privileges"]);
      assert.deepEqual(
        [host.ReadonlyRootfs, host.NetworkMode, host.Privileged, host.AutoRemove, host.PidsLimit],
        [true, "none", false, true, 256],
      );
      assert.deepEqual([host.Memory, host.MemorySwap, host.NanoCpus], [268_435_456, 268_435_456, 1e9]);
      assert.deepEqual(host.Binds ?? [], []);
      assert.ok(!JSON.stringify(inspected).includes(owner.user), "the owner's name is nowhere");
    }));
});

live("execute says the sandbox was lost when its container is killed, and the next one finds the workspace", () => {
  const owner = freshOwner();
  return cleaned(
    owner,
    using(owner, (handle) =>
      Effect.gen(function* () {
        yield* handle.writeFile("kept", new TextEncoder().encode("kept"));
        const before = handle.id;
        const fiber = yield* Effect.forkChild(run(handle, "touch begun; sleep 60"));
        yield* eventually(Effect.map(run(handle, "test -e begun"), (outcome) => outcome.exitCode === 0));
        yield* Effect.promise(() => engine.getContainer(before).kill());
        const error = yield* Effect.flip(Fiber.join(fiber));
        assert.equal(error.reason._tag, "SandboxLost");
        const next = yield* run(handle, "cat kept");
        assert.equal(next.stdout, "kept");
        assert.match(next.note ?? "", /started anew/);
        assert.notEqual(handle.id, before);
        assert.equal((yield* run(handle, "true")).note, undefined);
      })),
  );
});

live("open leaves no container when it is interrupted while it starts", () => {
  const owner = freshOwner();
  return cleaned(
    owner,
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(using(owner, (handle) => run(handle, "true")));
      yield* eventually(Effect.map(containersOf(owner), (found) => found.length === 1));
      yield* Fiber.interrupt(fiber);
      yield* eventually(Effect.map(containersOf(owner), (found) => found.length === 0));
    }),
  );
}, { sandboxIdleSeconds: 2 });

it.live("Docker: closing the service removes every container and keeps the workspace's volume", () => {
  const owner = freshOwner();
  return Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    const volumes = Effect.promise(() =>
      engine.listVolumes({ filters: { label: [`${label.owner}=${ownerKey(owner)}`] } })
    );
    yield* using(owner, (handle) => run(handle, "true")).pipe(Effect.provide(layerWith({ dataPath })));
    assert.equal((yield* containersOf(owner)).length, 0);
    assert.equal((yield* volumes).Volumes.length, 1);
    yield* Effect.flatMap(Sandbox, (sandbox) => sandbox.reset(owner)).pipe(Effect.provide(layerWith({ dataPath })));
    assert.equal(((yield* volumes).Volumes ?? []).length, 0);
  });
}, options);

live("open takes a new owner's sandbox from the pool and its workspace lasts", () => {
  const owner = freshOwner();
  return cleaned(
    owner,
    Effect.gen(function* () {
      const sandbox = yield* Sandbox;
      yield* eventually(Effect.map(sandbox.health, (health) => /1 of 1 pooled/.test(health.detail)));
      const first = yield* using(owner, (handle) => Effect.as(run(handle, "echo mine > file"), handle.id));
      // The label of a pooled container cannot name its owner; only a container started for one has it.
      assert.equal((yield* containersOf(owner)).length, 0);
      yield* eventually(Effect.map(sandbox.health, (health) => health.open === 0));
      yield* using(owner, (handle) =>
        Effect.gen(function* () {
          assert.notEqual(handle.id, first);
          assert.equal((yield* run(handle, "cat file")).stdout, "mine\n");
          assert.equal((yield* containersOf(owner)).length, 1);
        }));
    }),
  );
}, { sandboxPoolSize: 1, sandboxIdleSeconds: 0.05 });

it.live(
  "Docker: building the service removes what dead servers left and nothing of live ones",
  () =>
    Effect.gen(function* () {
      const dataPath = yield* temporaryDirectory;
      const owner = freshOwner();
      const { living, dead } = yield* Effect.scoped(Effect.gen(function* () {
        const services = yield* Layer.build(layerWith({ dataPath }));
        const handle = yield* Effect.provideContext(
          Effect.flatMap(Sandbox, (sandbox) => sandbox.open(owner)),
          services,
        );
        const labels = (yield* Effect.promise(() => engine.getContainer(handle.id).inspect())).Config.Labels;
        const image = (yield* Effect.promise(() => engine.getContainer(handle.id).inspect())).Image;
        const leftover = yield* Effect.promise(() =>
          engine.createContainer({ Image: image, Labels: { ...labels, [label.instance]: "dead" } })
        );
        yield* Effect.promise(() =>
          engine.createVolume({ Name: `caisson-${leftover.id}`, Labels: { ...labels, [label.instance]: "dead" } })
        );
        // A second server of the same installation boots while the first one lives.
        yield* Effect.provide(Effect.void, layerWith({ dataPath }));
        assert.equal((yield* run(handle, "echo alive")).stdout, "alive\n");
        yield* Effect.provideContext(Effect.flatMap(Sandbox, (sandbox) => sandbox.reset(owner)), services);
        return { living: handle.id, dead: leftover.id };
      }));
      assert.notEqual(living, dead);
      const left = yield* Effect.promise(() => engine.listContainers({ all: true, filters: { id: [dead] } }));
      assert.equal(left.length, 0);
      const volumes = yield* Effect.promise(() => engine.listVolumes({ filters: { name: [`caisson-${dead}`] } }));
      assert.equal((volumes.Volumes ?? []).length, 0);
    }),
  options,
);

live("open gives each sandbox a network of its own when bridge is chosen", () => {
  const [first, second] = [freshOwner(true), freshOwner(true)];
  const networks = Effect.promise(() => engine.listNetworks({ filters: { label: [`${label.app}=caisson`] } }));
  return Effect.gen(function* () {
    const ids = yield* using(first, (one) =>
      using(second, (two) =>
        Effect.promise(async () => {
          const inspected = await Promise.all([one, two].map(({ id }) => engine.getContainer(id).inspect()));
          return inspected.map(({ HostConfig }) => HostConfig.NetworkMode ?? "");
        })));
    assert.equal(new Set(ids).size, 2);
    yield* eventually(
      Effect.map(networks, (found) => found.every(({ Id, Name }) => !ids.includes(Id) && !ids.includes(Name))),
    );
  });
}, { sandboxNetwork: "bridge" });

it.live(
  "Docker: /tools is mounted read-only and its modules can be imported and looked up",
  () =>
    Effect.gen(function* () {
      const toolsPath = yield* temporaryDirectory;
      yield* Effect.promise(async () => {
        await Deno.chmod(toolsPath, 0o755);
        await Deno.mkdir(`${toolsPath}/pack`);
        await Deno.writeTextFile(`${toolsPath}/pack/__init__.py`, "");
        await Deno.writeTextFile(`${toolsPath}/pack/math.py`, 'def double(x):\n    """Doubles."""\n    return 2 * x\n');
      });
      const owner = freshOwner(true);
      yield* using(owner, (handle) =>
        Effect.gen(function* () {
          const imported = yield* run(handle, `python3 -c 'from pack.math import double; print(double(21))'`);
          assert.equal(imported.stdout, "42\n");
          assert.equal(yield* handle.readDocstring("pack.math", "double"), "Doubles.");
          assert.equal(yield* handle.readDocstring("/tools/pack/math.py", "double"), "Doubles.");
          const error = yield* Effect.flip(handle.writeFile("/tools/evil.py", new Uint8Array()));
          assert.ok(error._tag === "FileError" && error.reason === "ReadOnly");
        })).pipe(Effect.provide(layerWith({ toolsPath })));
    }),
  options,
);

live("readBytes and writeFile carry ten mebibytes whole", () => {
  const owner = freshOwner(true);
  return using(owner, (handle) =>
    Effect.gen(function* () {
      const content = crypto.getRandomValues(new Uint8Array(65_536));
      const big = new Uint8Array(160 * content.length);
      for (let at = 0; at < big.length; at += content.length) big.set(content, at);
      assert.equal(yield* handle.writeFile("big", big), big.length);
      let seen = 0;
      yield* Stream.runForEach(handle.readBytes("big"), (piece) =>
        Effect.sync(() => {
          seen += piece.length;
        }));
      assert.equal(seen, big.length);
      const sum = yield* run(handle, "sha256sum big | cut -c1-64");
      const digest = new Uint8Array(yield* Effect.promise(() => crypto.subtle.digest("SHA-256", big)));
      assert.equal(sum.stdout.trim(), Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join(""));
    }));
});

it.live(
  "Docker: /skills is copied into a volume when the engine does not know the server's paths",
  () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory;
      yield* Effect.promise(async () => {
        await Deno.mkdir(`${directory}/deep`);
        await Deno.writeTextFile(`${directory}/deep/run.sh`, "echo copied");
        await Deno.chmod(`${directory}/deep/run.sh`, 0o755);
      });
      const settings = yield* Layer.build(engineSettings());
      const services = yield* Layer.build(
        Layer.mergeAll(Image.layer.pipe(Layer.provideMerge(Engine.layer)), Installation.layer).pipe(
          Layer.provideMerge(Layer.succeedContext(settings)),
        ),
      );
      const volume = yield* Effect.gen(function* () {
        const client = yield* Engine;
        const context = {
          settings: yield* Settings,
          engine: yield* client.info,
          version: client.version,
          volumeQuota: false,
        };
        const reference = yield* Effect.flatMap(Image, (image) => image.ensure);
        assert.equal(yield* engineSees(reference, [directory]), true, "the tests' engine is on their machine");
        const mounts = yield* readOnlyMounts({ tools: `${directory}/none`, skills: directory }, reference, true);
        assert.deepEqual(mounts.map(({ Target, Type, ReadOnly }) => [Target, Type, ReadOnly]), [[
          "/skills",
          "volume",
          true,
        ]]);
        const { link } = yield* startSandbox(
          { ...context, readOnlyMounts: mounts, egress: undefined },
          reference,
          { _tag: "Memory" },
          undefined,
        );
        const outcome = yield* link.execute({ command: "/skills/deep/run.sh; : > /skills/x", timeoutMs: 60_000 });
        assert.equal(outcome.stdout, "copied\n");
        assert.match(outcome.stderr, /Read-only file system/);
        return mounts[0]?.Source ?? "";
      }).pipe(Effect.scoped, Effect.provideContext(services));
      const all = yield* Effect.promise(() => engine.listVolumes());
      assert.ok(!all.Volumes.some(({ Name }) => Name === volume));
    }),
  options,
);

live("execute is stopped when it fills a workspace that the engine cannot bound", () => {
  const owner = freshOwner();
  return cleaned(
    owner,
    using(owner, (handle) =>
      Effect.gen(function* () {
        const outcome = yield* run(
          handle,
          "echo begun; echo trouble >&2; for i in 1 2 3 4 5 6 7 8; do head -c 4194304 /dev/zero > f$i || exit 0; done; sleep 50",
        );
        // An engine with quotas refuses the writes instead, and the command ends itself.
        if (outcome.exitCode === 0) return assert.match(outcome.stderr, /No space|quota/i);
        assert.match(outcome.note ?? "", /filled the workspace/);
        assert.deepEqual([outcome.exitCode, outcome.stdout, outcome.stderr], [153, "begun\n", "trouble\n"]);
        const refused = yield* Effect.flip(handle.writeFile("more", new Uint8Array(1)));
        assert.ok(refused._tag === "FileError" && refused.reason === "NoSpace");
        yield* run(handle, "rm -f f*");
        yield* eventually(Effect.map(Effect.option(handle.writeFile("more", new Uint8Array(1))), Option.isSome));
      })),
  );
}, { sandboxWorkspaceMb: 16 });

/** An image FROM the default one with a package that it lacks, as its documentation shows, removed with the scope. */
const childImage = Effect.acquireRelease(
  Effect.gen(function* () {
    const tag = `caisson-test-child:${crypto.randomUUID()}`;
    const dockerfile = [
      `FROM ${yield* Effect.flatMap(Image, (image) => image.ensure)}`,
      "USER root",
      "RUN apt-get update && apt-get install -y --no-install-recommends hello python3-pytest",
      "USER 1000:1000",
    ].join("\n");
    const context = yield* tarArchive([Tar.file("Dockerfile", new TextEncoder().encode(dockerfile))]);
    const last = yield* Effect.flatMap(
      Engine,
      (service) =>
        service.buildImage(context, { t: tag, buildargs: {}, labels: {} }).pipe(
          Stream.runFold(() => "", (said, { error, stream }) => (error ?? stream ?? said).trim() || said),
        ),
    );
    assert.match(last, /^Successfully tagged/);
    return tag;
  }),
  (tag) => Effect.promise(() => engine.getImage(tag).remove()),
);

it.live("Docker: an image FROM the default one installs packages and runs sandboxes", () =>
  Effect.gen(function* () {
    const executorImage = yield* childImage;
    const check = "hello && python3 -m pytest --version";
    const outcome = yield* using(freshOwner(true), (handle) => run(handle, check)).pipe(
      Effect.provide(layerWith({ executorImage }), { local: true }),
    );
    assert.equal(outcome.exitCode, 0, outcome.stderr);
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.provideMerge(Image.layer, Engine.layer).pipe(Layer.provideMerge(engineSettings()))),
  ), options);

live(
  "the image draws charts in other scripts, and commits have an author",
  () =>
    using(freshOwner(true), (handle) =>
      Effect.gen(function* () {
        const drawn = yield* run(handle, "python3 /opt/caisson/check_fonts.py", 120_000);
        assert.equal(drawn.exitCode, 0, drawn.stderr);
        const author = yield* run(
          handle,
          "git init -q . && touch a && git add a && git commit -qm a && git log --format=%an",
        );
        assert.equal(author.stdout, "coderunner\n", author.stderr);
      })),
);

it.layer(layerWith()).live(
  "Docker: a figure left open is shown as a picture, and one of a gigabyte is not drawn",
  () =>
    using(freshOwner(true), (handle) =>
      Effect.gen(function* () {
        const cell = (code: string) => handle.runCell({ code, timeoutMs: 60_000 });
        const open = yield* cell("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nx = 1");
        assert.deepEqual([open.error, open.displays.length], [undefined, 1]);
        const png = Buffer.from(open.displays[0]?.forms["image/png"] ?? "", "base64");
        assert.equal(png.toString("latin1", 1, 4), "PNG");
        const shown = yield* cell(
          "plt.plot([3])\nplt.show()\nprint('after')\nfig = plt.figure(); fig.add_subplot()\nfig",
        );
        assert.deepEqual(shown.displays.map(({ kind, forms }) => [kind, "image/png" in forms]), [
          ["display", true],
          ["result", true],
        ]);
        const huge = yield* cell("plt.figure(figsize=(160, 160), dpi=100).add_subplot()\nprint('drawn')");
        assert.deepEqual([huge.error, huge.stateLost], [undefined, false]);
        assert.match(huge.displays[0]?.forms["text/plain"] ?? "", /left out: 16000 × 16000 pixels/);
        const table = yield* cell("import pandas as pd\npd.DataFrame({'a': [x]})");
        assert.match(table.displays[0]?.forms["text/html"] ?? "", /<table/);
        // A script that a cell starts has the backend that scripts have.
        const script = yield* cell("!python3 -c 'import matplotlib.pyplot as p; print(p.get_backend())'");
        assert.equal(script.stdout, "agg\n");
      })),
  options,
);
