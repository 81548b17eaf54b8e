/**
 * Runs the official MCP conformance suite: `deno task test:mcp-conformance`.
 *
 * Server: the production surface with the scenarios of `baseline.yml` expected to fail, then the fixture
 * surface with nothing expected to fail. Client: the scenarios that concern a client without OAuth,
 * against the very connection the agent uses. Exits non-zero when any of them does.
 */
import { Effect, Layer } from "effect";
import { HttpServer } from "effect/http";
import { Settings } from "../../../src/config.ts";
import { layerSurfaces } from "../../../src/mcp/http.ts";
import type { Surfaces } from "../../../src/mcp/Surface.ts";
import { layer as production } from "../../../src/mcp/surfaces.ts";
import { makeFakeToolbox } from "../support/fakeToolbox.ts";
import * as Limits from "../../../src/adapters/limits/Counted.ts";
import { anonymous } from "../support/server.ts";
import { layer as fixture } from "./fixtureSurface.ts";

const suite = "npm:@modelcontextprotocol/conformance@0.1.16";
const baseline = new URL("baseline.yml", import.meta.url).pathname;

/** Runs the suite's command line and yields its exit code. */
const conformance = (...args: ReadonlyArray<string>) =>
  Effect.promise(async () => {
    const { code } = await new Deno.Command("deno", {
      args: [
        "run",
        "--cached-only",
        "--lock=tests/deno.lock",
        "--allow-net=127.0.0.1,localhost,[::]",
        "--allow-read",
        "--allow-env",
        // The suite starts the client under test through a shell.
        "--allow-run",
        suite,
        ...args,
      ],
    }).spawn().status;
    return code;
  });

const againstServer = (surfaces: Layer.Layer<Surfaces>, ...args: ReadonlyArray<string>) =>
  Effect.scoped(Effect.gen(function* () {
    const { layer } = yield* makeFakeToolbox;
    const server = yield* Layer.build(
      layerSurfaces.pipe(
        Layer.provide(surfaces),
        Layer.provide([layer, anonymous]),
        Layer.provide(Limits.layerMemory),
        Layer.provide(Settings.layerWith({ mcpPort: 0 })),
      ),
    );
    const { address } = yield* Effect.provide(HttpServer.HttpServer, server);
    const port = "port" in address ? address.port : 0;
    return yield* conformance("server", "--url", `http://127.0.0.1:${port}/mcp`, "--suite", "all", ...args);
  }));

/** Scenarios of the suite that concern a client without OAuth and without elicitation. */
const clientScenarios = ["initialize", "tools_call", "sse-retry"];
const client = new URL("client.ts", import.meta.url).pathname;

const asClient = (scenario: string) =>
  conformance(
    "client",
    "--command",
    `deno run --no-check --allow-net=127.0.0.1,localhost --allow-env --allow-read ${client}`,
    "--scenario",
    scenario,
  );

const codes = await Effect.runPromise(Effect.gen(function* () {
  const { layer } = yield* makeFakeToolbox;
  return [
    yield* againstServer(Layer.provide(production, [layer, Settings.layerWith()]), "--expected-failures", baseline),
    yield* againstServer(fixture),
    ...(yield* Effect.forEach(clientScenarios, asClient)),
  ];
}));
Deno.exit(codes.some((code) => code !== 0) ? 1 : 0);
