/**
 * What people install, from the registries that this machine reaches, in both forms of the sandbox, and again in a
 * session that reaches nothing.
 *
 * Which hosts those are the presets say. A machine whose mirror has a private address and an authority of its own is
 * met where Debian keeps such authorities.
 */
import assert from "node:assert/strict";
import { lookup } from "node:dns/promises";
import { Effect, Layer, Option } from "effect";
import { layer as egressLayer } from "../../src/adapters/egress/Configured.ts";
import { layer as docker } from "../../src/adapters/sandbox/docker/Docker.ts";
import { layerBubblewrap } from "../../src/adapters/sandbox/Embedded.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import { parseEgressEntry } from "../../src/domain/EgressRule.ts";
import { parseRange, whyNotPublic } from "../../src/domain/IpAddress.ts";
import { Sandbox } from "../../src/services/Sandbox.ts";
import { engineSettings, skipWithoutEngine } from "../support/engine.ts";
import { it } from "../support/it.ts";
import { temporaryDirectory } from "../support/temporaryDirectory.ts";
import { freshOwner, run } from "./sandboxSuite.ts";

const rules = ["python", "npm"].flatMap((preset) => parseEgressEntry(preset) ?? []);
const localAuthorities = "/usr/local/share/ca-certificates";

/** Addresses of the registries as this machine resolves them; none when it does not. */
const addresses = (await Promise.all(rules.map(({ name }) => lookup(name, { all: true }).catch(() => [])))).flat()
  .map(({ address }) => address);

const authorities = (): string => {
  try {
    return [...Deno.readDirSync(localAuthorities)].filter(({ name }) => name.endsWith(".crt"))
      .map(({ name }) => Deno.readTextFileSync(`${localAuthorities}/${name}`)).join("\n");
  } catch {
    return "";
  }
};

const canConnect = await Promise.all(
  addresses.map((hostname) =>
    Deno.connect({ hostname, port: 443, signal: AbortSignal.timeout(5_000) })
      .then((connection) => (connection.close(), true), () => false)
  ),
);
const skip = canConnect.some((can) => can) ? undefined : "no package registry can be reached";

const bubblewrap = (changes: Partial<SettingsService>) =>
  Layer.unwrap(Effect.map(temporaryDirectory, (dataPath) => {
    Deno.chmodSync(dataPath, 0o711);
    const settings = Settings.layerWith({ ...changes, dataPath });
    return layerBubblewrap("under test").pipe(Layer.provide(egressLayer), Layer.provide(settings));
  }));

const forms = {
  bubblewrap: {
    form: bubblewrap,
    skip: await Effect.runPromise(
      Effect.scoped(Layer.build(bubblewrap({}))).pipe(
        Effect.as(undefined),
        Effect.catch(() => Effect.succeed("no bubblewrap")),
      ),
    ),
  },
  Docker: {
    form: (changes: Partial<SettingsService>) =>
      docker.pipe(Layer.provide(egressLayer), Layer.provide(engineSettings(changes))),
    skip: skipWithoutEngine,
  },
};

const pip = "python3 -m pip install --no-cache-dir --quiet --ignore-installed six markupsafe httpx 2>&1; " +
  "python3 -c 'import six, markupsafe._speedups, httpx; print(six.__file__, markupsafe._speedups.__file__)'";
const npm = "npm install --silent is-odd 2>&1 && node -e 'console.log(require(\"is-odd\")(3))'";

for (const [name, { form, skip: without }] of Object.entries(forms)) {
  it.live(
    `Egress (${name}): pure and compiled wheels and npm packages install, and are there in the next session`,
    () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory;
        const pem = authorities();
        Deno.writeTextFileSync(`${directory}/ca.pem`, pem);
        const owner = freshOwner();
        const settings: Partial<SettingsService> = {
          egress: "allowlist",
          egressAllow: rules,
          egressPrivate: addresses.filter((address) => whyNotPublic(address) !== undefined)
            .flatMap((address) => parseRange(address) ?? []),
          egressCaFile: pem === "" ? Option.none() : Option.some(`${directory}/ca.pem`),
          sandboxMemoryMb: 1024,
        };
        yield* Effect.gen(function* () {
          const sandbox = yield* Sandbox;
          const using = (command: string) =>
            Effect.scoped(Effect.flatMap(sandbox.open(owner), (handle) => run(handle, command, 300_000)));
          yield* Effect.gen(function* () {
            const installed = yield* using(pip);
            assert.match(installed.stdout, /^\/workspace\/\.local\/lib\/.*six\.py \/workspace\/\.local\/lib\/.*\.so$/m);
            const asked = yield* using(
              "python3 - <<'END'\nimport httpx, os, urllib.request\n" +
                `url = "https://${rules[0]?.name}/simple/six/"\n` +
                "context = __import__('ssl').create_default_context()\n" +
                "print(httpx.get(url, verify=context).status_code, urllib.request.urlopen(url).status)\nEND",
            );
            assert.equal(asked.stdout, "200 200\n", asked.stderr);
            const hasNpm = (yield* using("command -v npm")).exitCode === 0;
            if (hasNpm) assert.equal((yield* using(npm)).stdout, "true\n");
            // The sandbox of the next session is a new one; nothing is asked of the world.
            yield* sandbox.stop?.(owner) ?? Effect.void;
            const again = yield* using(
              "http_proxy= https_proxy= HTTPS_PROXY= HTTP_PROXY= python3 -c 'import six, markupsafe, httpx; print(\"there\")'" +
                (hasNpm ? " && node -e 'console.log(require(\"is-odd\")(3))'" : ""),
            );
            assert.equal(again.stdout, hasNpm ? "there\ntrue\n" : "there\n", again.stderr);
            const refused = yield* using(
              "python3 -m pip install --retries 0 --index-url https://evil.example/simple nothing",
            );
            assert.match(refused.note ?? "", /^Egress: refused evil\.example:443, it is not on the allowlist/);
          }).pipe(Effect.ensuring(Effect.ignore(sandbox.reset(owner))));
        }).pipe(Effect.provide(form(settings)));
      }).pipe(Effect.timeout("20 minutes")),
    { skip: skip ?? without },
  );
}
