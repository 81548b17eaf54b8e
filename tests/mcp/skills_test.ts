import assert from "node:assert/strict";
import { Effect, Layer } from "effect";
import { SkillNotFound, Skills } from "../../src/services/Skills.ts";
import { probes } from "../../src/mcp/probes.ts";
import { it } from "../support/it.ts";
import { connectClient, keyed, makeServer } from "./support/server.ts";

const plotting = { name: "plotting", description: "How to plot", location: "/skills/plotting/SKILL.md" };
const skills = Layer.succeed(Skills, {
  catalogue: Effect.succeed({ skills: [plotting], problems: [] }),
  read: (skill: string) =>
    skill === plotting.name
      ? Effect.succeed("# Plotting")
      : Effect.fail(new SkillNotFound({ skill, available: [plotting.name] })),
});

it.live("resources are the skills of the server, and only they can be read", () =>
  Effect.gen(function* () {
    const server = yield* makeServer({ skills });
    const { client } = yield* connectClient(server);
    const { resources } = yield* Effect.promise(() => client.listResources());
    assert.deepEqual(resources.map(({ uri }) => uri), ["skill://plotting/SKILL.md"]);
    const { contents } = yield* Effect.promise(() => client.readResource({ uri: "skill://plotting/SKILL.md" }));
    assert.deepEqual(contents, [{ uri: "skill://plotting/SKILL.md", mimeType: "text/markdown", text: "# Plotting" }]);
    for (const uri of ["skill://other/SKILL.md", "skill://../../etc/passwd", "file:///etc/passwd"]) {
      const code = yield* Effect.promise(() =>
        client.readResource({ uri }).then(() => undefined, (error: { code: number }) => error.code)
      );
      assert.equal(code, -32002, uri);
    }
  }));

it.live("GET /skills lists the catalogue and GET /skills/{name} gives a skill's text, to known callers only", () =>
  Effect.gen(function* () {
    const server = yield* makeServer({ skills, identity: keyed });
    const get = (path: string, headers: Record<string, string> = { authorization: "Bearer key-a" }) =>
      Effect.promise(async () => {
        const response = await server.fetch(path, { headers });
        return [response.status, await response.text()] as const;
      });
    assert.deepEqual(yield* get("/skills"), [200, JSON.stringify({ skills: [plotting] })]);
    assert.deepEqual(yield* get("/skills/plotting"), [200, "# Plotting"]);
    assert.equal((yield* get("/skills/other"))[0], 404);
    assert.equal((yield* get("/skills/..%2f..%2fetc%2fpasswd"))[0], 404);
    assert.equal((yield* get("/skills", {}))[0], 401);
    assert.equal((yield* get("/skills", { authorization: "Bearer key-a", host: "evil.example" }))[0], 403);
  }));

it.live("GET /health needs no credential and says what is in use", () =>
  Effect.gen(function* () {
    const server = yield* makeServer({ identity: keyed });
    const health = yield* Effect.promise(async () => (await server.fetch("/health")).json());
    assert.equal(health.status, "healthy");
    assert.equal(health.service, "mcp-server");
    assert.equal(health.sandbox.kind, "scripted");
    assert.match(health.timestamp, /^\d{4}-\d\d-\d\dT/);
  }));

it.live("GET /health/live and /health/ready need no credential and tell whether calls should be sent here", () =>
  Effect.gen(function* () {
    const asked = (server: { readonly fetch: (path: string) => Promise<Response> }, path: string) =>
      Effect.promise(async () => {
        const response = await server.fetch(path);
        return [response.status, (await response.json()).status];
      });
    const server = yield* makeServer({ identity: keyed });
    assert.deepEqual(yield* asked(server, "/health/live"), [200, "alive"]);
    assert.deepEqual(yield* asked(server, "/health/ready"), [200, "ready"]);
    const sandbox = { health: Effect.succeed({ healthy: false, detail: "gone", open: 0 }) };
    const status = (draining: boolean) =>
      Effect.map(
        probes(sandbox, { draining: Effect.succeed(draining) }).ready,
        (response) => response.status,
      );
    assert.deepEqual([yield* status(false), yield* status(true)], [503, 503]);
  }));
