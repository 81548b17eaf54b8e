/**
 * Both doors over one sandbox runtime, with a victim whose secret must not come out.
 *
 * The model reads a file of the workspace and then repeats everything it was given, so that anything
 * of another's history or files would be in the answer.
 */
import assert from "node:assert/strict";
import { Layer, Option, Redacted } from "effect";
import { HttpRouter, HttpServer } from "effect/http";
import * as Configured from "../../src/adapters/identity/Configured.ts";
import * as Limits from "../../src/adapters/limits/Counted.ts";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import * as LocalToolbox from "../../src/agent/LocalToolbox.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import { ownerOf } from "../../src/domain/identity.ts";
import { ownerKey } from "../../src/domain/ids.ts";
import { Callers } from "../../src/mcp/callers.ts";
import { routes } from "../../src/mcp/http.ts";
import { SandboxRequests } from "../../src/mcp/sandboxRoutes.ts";
import { McpSessions } from "../../src/mcp/sessions.ts";
import { layer as surfacesLayer } from "../../src/mcp/surfaces.ts";
import { makeApp } from "./app.ts";
import { fakeSandbox } from "./fakeSandbox.ts";

/** What no attacker may read. */
export const secret = "the-victims-diary-4711";

/** The victim: a user of the key `alice`, with a named session, a file and an MCP session. */
export const victim = {
  user: "victim",
  session: "diary",
  key: "sk-alice-0123456789abcdef",
  file: "diary.txt",
} as const;

/** The attacker's own valid key, of the principal `bob`. */
export const attackerKey = "sk-bob-0123456789abcdef";

export const jwtSecret = "0123456789abcdef0123456789abcdef";
export const forwardedSecret = "fedcba9876543210fedcba9876543210";

export const settings: Partial<SettingsService> = {
  apiKeys: Option.some(Redacted.make(`alice:${victim.key},bob:${attackerKey},proxy:sk-proxy-0123456789abcdef`)),
  jwtSecret: Option.some(Redacted.make(jwtSecret)),
  jwtIssuer: Option.some("https://issuer"),
  jwtAudience: Option.some("caisson"),
  trustedProxyKeys: "proxy",
  forwardedUserJwtSecret: Option.some(Redacted.make(forwardedSecret)),
};

/** Model turns in the script: far more than the attacks take. */
const scriptLength = 2_000;

const steps: ReadonlyArray<Scripted.Step> = Array.from({ length: scriptLength }, (_, n) => (request) => {
  const last = request.messages.at(-1);
  return last?.role === "tool"
    ? [Scripted.text(JSON.stringify(request.messages)), Scripted.finished()]
    : [Scripted.toolCall(`call-${n}`, "read_file", { file_path: victim.file }), Scripted.finished("ToolCalls")];
});

const mcpBase = "http://127.0.0.1:8989";
const httpBase = "http://127.0.0.1:8000";

/** The two doors as functions, and what the victim has behind them. */
export interface AttackTarget {
  readonly http: (path: string, init?: RequestInit) => Promise<Response>;
  readonly mcp: (path: string, init?: RequestInit) => Promise<Response>;
  readonly victimMcpSession: string;
  /** The id of the victim's file, and the path and query of the link that opens it. */
  readonly victimArtifact: { readonly id: string; readonly link: string };
  /** Fails unless everything of the victim is as it was. */
  readonly assertUnharmed: () => Promise<void>;
  readonly dispose: () => Promise<void>;
}

export const jsonHeaders = { "content-type": "application/json", accept: "application/json, text/event-stream" };

export const rpc = (method: string, params: unknown = {}): string =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });

export const initialize = rpc("initialize", {
  protocolVersion: "2025-11-25",
  capabilities: {},
  clientInfo: { name: "attacker", version: "1" },
});

/** Builds both doors and lets the victim live behind them. */
export const makeTarget = async (): Promise<AttackTarget> => {
  const sandbox = fakeSandbox();
  const app = makeApp({ steps, settings, sandbox });
  const toolbox = LocalToolbox.layer.pipe(Layer.provideMerge(sandbox.layer));
  const server = HttpRouter.toWebHandler(
    routes.pipe(
      Layer.provide(Callers.layer),
      Layer.provide(Limits.layerMemory),
      Layer.provide(Configured.layer),
      Layer.provide(SandboxRequests.layer),
      Layer.provide(McpSessions.layer),
      Layer.provide(surfacesLayer),
      Layer.provide(toolbox),
      Layer.provide(Settings.layerWith(settings)),
      Layer.provide(HttpServer.layerServices),
    ),
    { disableLogger: true },
  );
  const request = (base: string, path: string, init?: RequestInit) => {
    const made = new Request(`${base}${path}`, init);
    if (!made.headers.has("host")) made.headers.set("host", new URL(base).host);
    return made;
  };
  const http: AttackTarget["http"] = (path, init) => app.send(request(httpBase, path, init));
  const mcp: AttackTarget["mcp"] = (path, init) => server.handler(request(mcpBase, path, init));

  const credentials = { authorization: `Bearer ${victim.key}`, "x-user-id": victim.user };
  const owner = ownerOf({ principal: { name: "alice", kind: "api-key" } }, { user: victim.user });
  const filePath = `${ownerKey(owner)}:/workspace/${victim.file}`;
  sandbox.files.set(filePath, new TextEncoder().encode(secret));

  const told = await http("/v1/chat/completions", {
    method: "POST",
    headers: { ...jsonHeaders, ...credentials, "x-session-id": victim.session, "idempotency-key": "victims-key" },
    body: JSON.stringify({ messages: [{ role: "user", content: `remember ${secret}` }] }),
  });
  assert.equal(told.status, 200);
  assert.ok((await told.text()).includes(secret));
  const opened = await mcp("/mcp", { method: "POST", headers: { ...jsonHeaders, ...credentials }, body: initialize });
  assert.equal(opened.status, 200);
  await opened.body?.cancel();
  const victimMcpSession = opened.headers.get("mcp-session-id") ?? assert.fail();

  const files = await (await http("/v1/artifacts", { headers: credentials })).json();
  const artifact = files.data[0] ?? assert.fail();
  const { pathname, search } = new URL(artifact.url);
  const victimArtifact = { id: String(artifact.id), link: pathname + search };
  assert.equal(await (await http(victimArtifact.link)).text(), secret);

  const shown = async () => {
    const response = await http(`/v1/sessions/${victim.session}`, { headers: credentials });
    const { last_used_at: _, ...session } = await response.json();
    // A link is signed for the second it is made in, so it differs from look to look.
    for (const turn of session.turns) {
      for (const file of turn.files ?? []) {
        delete file.url;
        delete file.url_expires_at;
      }
    }
    return session;
  };
  const before = await shown();

  return {
    http,
    mcp,
    victimMcpSession,
    victimArtifact,
    assertUnharmed: async () => {
      assert.deepEqual(await shown(), before);
      assert.equal(new TextDecoder().decode(sandbox.files.get(filePath)), secret);
      const alive = await mcp("/mcp", {
        method: "POST",
        headers: { ...jsonHeaders, ...credentials, "mcp-session-id": victimMcpSession },
        body: rpc("tools/call", { name: "read_file", arguments: { file_path: victim.file } }),
      });
      assert.ok((await alive.text()).includes(secret));
    },
    dispose: async () => {
      await app.dispose();
      await server.dispose();
    },
  };
};
