/**
 * A host that a person grants, the whole way: a chat, its approval, and a program in a live sandbox.
 */
import assert from "node:assert/strict";
import { Effect, Layer, Option } from "effect";
import { layerOver } from "../../src/adapters/egress/Configured.ts";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import type { SettingsService } from "../../src/config.ts";
import { egressRows } from "../../src/config/egress.ts";
import { textOf } from "../../src/domain/Message.ts";
import type { ModelRequest } from "../../src/services/Model.ts";
import { makeApp } from "../support/app.ts";
import { egressWorld, publicAddress } from "../support/egressWorld.ts";
import { it } from "../support/it.ts";
import type { SandboxForm } from "./egressSuite.ts";

const list = <A>(row: { readonly parse: (text: string) => Option.Option<A> }, text: string): A =>
  Option.getOrElse(row.parse(text), () => assert.fail(text));

const curl = (id: string) =>
  Scripted.toolCall(id, "execute_bash", {
    command:
      "curl -sS https://asked.example/ 2>/dev/null; curl -s -o /dev/null -w '%{http_connect}' https://rebound.example/",
  });

/** What the model reads of its commands: what was printed, and the note. */
const readings = (request: ModelRequest | undefined) =>
  (request?.messages ?? []).flatMap((message) =>
    message.role === "tool" && message.name === "execute_bash" ? [JSON.parse(textOf(message))] : []
  );

/** Registers the cases of asking for a host for one form of the sandbox. */
export const accessSuite = (name: string, form: SandboxForm, options: { readonly skip?: string | undefined }): void =>
  it.live(
    `${name}: a program reaches a host that a person granted in the chat, and no other and no other way`,
    () =>
      Effect.gen(function* () {
        const world = yield* egressWorld({ "rebound.example": ["169.254.169.254"] });
        const directory = yield* Effect.acquireRelease(
          Effect.sync(() => Deno.makeTempDirSync({ prefix: "caisson-ca-" })),
          (path) => Effect.sync(() => Deno.removeSync(path, { recursive: true })),
        );
        Deno.writeTextFileSync(`${directory}/ca.pem`, world.certificate);
        const settings: Partial<SettingsService> = {
          egress: "allowlist",
          egressAsk: list(egressRows.egressAsk, "*"),
          egressCaFile: list(egressRows.egressCaFile, `${directory}/ca.pem`),
        };
        const seen: Array<ModelRequest> = [];
        const ask = (id: string, host: string) =>
          Scripted.toolCall(id, "request_access", { host, reason: "for the test" });
        const answer: Scripted.Step = (request) => {
          seen.push(request);
          return [Scripted.text("done"), Scripted.finished()];
        };
        const steps = [
          Scripted.calls(curl("c1")),
          Scripted.calls(ask("c2", "asked.example"), ask("c3", "rebound.example")),
          Scripted.calls(curl("c4")),
          answer,
          Scripted.calls(curl("c5")),
          answer,
        ];
        const app = yield* Effect.acquireRelease(
          Effect.sync(() =>
            makeApp({
              steps,
              settings,
              sandbox: { layer: Layer.orDie(form(settings)) },
              egress: layerOver(world.outside),
            })
          ),
          ({ dispose }) => Effect.promise(dispose),
        );
        const say = (content: string, user = "ada") =>
          Effect.promise(async () => {
            const response = await app.chat({ model: "scripted", user, messages: [{ role: "user", content }] });
            return (await response.json()).choices[0].message.content;
          });
        assert.match(yield* say("Go."), /request_access\(asked\.example:443\)/);
        yield* say("yes");
        const [before, after] = readings(seen[0]);
        assert.deepEqual([before.stdout, after.stdout], ["403", "hello from asked.example\n403"]);
        assert.match(before.note, /refused asked\.example:443, .*\(request_access asks the user for it\)/);
        assert.match(after.note, /refused rebound\.example:443, it leads to 169\.254\.169\.254/);
        assert.deepEqual(world.contacts, [`${publicAddress}:443`]);
        // Another user of the server was granted nothing.
        yield* say("Go.", "bob");
        const [others] = readings(seen[1]);
        assert.equal(others.stdout, "403");
        const sandbox = yield* Effect.promise(async () =>
          (await app.get("/v1/sandbox?user=ada", { host: "127.0.0.1:8000" })).json()
        );
        assert.deepEqual(sandbox.egress_granted.map(({ host }: { readonly host: string }) => host), [
          "asked.example",
          "rebound.example",
        ]);
        assert.deepEqual(world.requests.map(({ host }) => host), ["asked.example"]);
      }).pipe(Effect.timeout("10 minutes")),
    options,
  );
