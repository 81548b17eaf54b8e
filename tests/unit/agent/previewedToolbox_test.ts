/** The tool for previews beside tools of another server. */
import assert from "node:assert/strict";
import { Effect, Layer } from "effect";
import { previewedToolbox } from "../../../src/agent/previewedToolbox.ts";
import type { Owner } from "../../../src/domain/Owner.ts";
import { noPreviews, Previews, type PreviewsService } from "../../../src/services/Previews.ts";
import { Sandbox } from "../../../src/services/Sandbox.ts";
import { Toolbox } from "../../../src/services/Toolbox.ts";
import { it } from "../../support/it.ts";
import { loopbackSandbox } from "../../support/loopbackSandbox.ts";

const owner: Owner = { principal: "p", user: "ada", ephemeral: false };

/** The tools of a server, which has one for previews of its own. */
const inner = Layer.succeed(
  Toolbox,
  Toolbox.of({
    open: () =>
      Effect.succeed({
        declarations: ["execute_bash", "preview_port"].map((name) => ({ name, description: "theirs", parameters: {} })),
        call: ({ name }) => Effect.succeed({ text: `their ${name}`, isError: false }),
      }),
    systemPrompt: () => Effect.succeed("prompt"),
    serverConnected: Effect.succeed(true),
  }),
);

const previews: PreviewsService = {
  ...noPreviews(""),
  off: undefined,
  open: (_, port) => Effect.succeed({ port, url: `http://ours-${port}.example/`, expiresAtMs: 0 }),
};

/** What a model is offered, and what a call for a preview of a port comes to. */
const seen = (previews: PreviewsService, hasPorts: boolean, port: number) =>
  Effect.gen(function* () {
    const toolbox = yield* Toolbox;
    const { declarations, call } = yield* toolbox.open(owner);
    const { text } = yield* call({ id: "1", name: "preview_port", argumentsJson: JSON.stringify({ port }) });
    const other = yield* call({ id: "2", name: "execute_bash", argumentsJson: "{}" });
    assert.equal(other.text, "their execute_bash");
    return { offered: declarations.map(({ name, description }) => `${name} ${description}`.slice(0, 24)), text };
  }).pipe(
    Effect.provide(previewedToolbox(inner)),
    Effect.provide(
      Layer.effect(Sandbox, Effect.map(Sandbox, (sandbox) => ({ ...sandbox, hasPorts: Effect.succeed(hasPorts) })))
        .pipe(Layer.provide(loopbackSandbox([owner]).layer)),
    ),
    Effect.provideService(Previews, previews),
  );

it.live("links are this process's where it makes any and the server has ports, else the server's own", () =>
  Effect.gen(function* () {
    const listener = yield* Effect.acquireRelease(
      Effect.sync(() => Deno.listen({ hostname: "127.0.0.1", port: 0 })),
      (open) => Effect.sync(() => open.close()),
    );
    const { port } = listener.addr;
    const theirs = { offered: ["execute_bash theirs", "preview_port theirs"], text: "their preview_port" };
    assert.deepEqual(yield* seen(previews, true, port), {
      offered: ["execute_bash theirs", "preview_port Return a li"],
      text: `{"url":"http://ours-${port}.example/","port":${port},"minutes_left":0}`,
    });
    assert.deepEqual(yield* seen(previews, false, port), theirs);
    assert.deepEqual(yield* seen(noPreviews("off"), true, port), theirs);
  }));
