/**
 * A host that a person grants, in the processes that people start: one that does all, and the two services, of which
 * the agent asks and the tool server lets its sandbox reach it.
 */
import assert from "node:assert/strict";
import { Effect, Schedule } from "effect";
import { dataDirectory } from "../support/dataDirectory.ts";
import { skipWithoutEngine } from "../support/engine.ts";
import { it } from "../support/it.ts";
import { start } from "./processes.ts";
import { obedientModel } from "./support/obedientModel.ts";
import { twoProcesses } from "./support/twoProcesses.ts";

/** Names of nobody: they are refused, or, once granted, have no address. */
const [asked, denied] = ["caisson-asked.example", "caisson-denied.example"];

const say = async (port: string, user: string, content: string): Promise<string> => {
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-caisson-view": "none" },
    body: JSON.stringify({ model: "test-model", user, messages: [{ role: "user", content }] }),
  });
  const { choices, error } = await response.json();
  assert.equal(error, undefined, JSON.stringify(error));
  return choices[0].message.content;
};

const call = (port: string, user: string, name: string, args: Record<string, unknown>) =>
  say(port, user, JSON.stringify({ name, arguments: args }));

const reach = (port: string, user: string, host: string) =>
  call(port, user, "execute_bash", { command: `curl -sS https://${host}/` });

/** The judge lets it pass, whatever becomes of a name that nobody has. */
const reaches = async (port: string, user: string) => {
  const result = await reach(port, user, asked);
  assert.match(result, /exit_code/);
  assert.doesNotMatch(result, /allowlist/);
};

const request = (port: string, user: string, host: string) =>
  call(port, user, "request_access", { host, reason: "for the test" });

it.live(
  "two processes ask a person for a host and let the sandbox of that user reach it, whichever of them knows the hosts",
  () =>
    Effect.gen(function* () {
      const { port } = yield* twoProcesses(
        { CAISSON_EGRESS: "allowlist", CAISSON_EGRESS_ASK: "*", CAISSON_EGRESS_DENY: denied },
        { CAISSON_PREVIEW: "off" },
      );
      yield* Effect.promise(async () => {
        const hint = new RegExp(`refused ${asked}:443, .*request_access asks the user for it`);
        assert.match(await reach(port, "ada", asked), hint);
        assert.match(await request(port, "ada", asked), /Waiting for you/);
        assert.match(await say(port, "ada", "yes"), new RegExp(`^Granted: .* ${asked}:443`));
        await reaches(port, "ada");
        assert.match(await reach(port, "bob", asked), hint);
        const of = async (user: string) =>
          (await (await fetch(`http://127.0.0.1:${port}/v1/sandbox?user=${user}`)).json()).egress_granted;
        assert.deepEqual((await of("ada")).map(({ host }: { readonly host: string }) => host), [asked]);
        assert.deepEqual(await of("bob"), []);
        // This process does not know what is denied, so it asks; the tool server grants nothing.
        assert.match(await request(port, "ada", denied), /Waiting for you/);
        assert.match(await say(port, "ada", "yes"), /cannot be asked for: it is never reached from here/);
        assert.match(await request(port, "bob", asked), /Waiting for you/);
        assert.match(await say(port, "bob", "no"), /Not run: the user refused/);
        assert.match(await reach(port, "bob", asked), hint);
      });
    }).pipe(Effect.timeout("10 minutes")),
  { skip: skipWithoutEngine },
);

it.live(
  "one process asks a person for a host and lets the sandbox of that user reach it",
  () =>
    Effect.gen(function* () {
      const dataPath = yield* dataDirectory;
      const engine = Deno.env.get("DOCKER_HOST");
      const provider = yield* obedientModel;
      const api = yield* start("server.ts", {
        AGENT_API_PORT: "0",
        CAISSON_PREVIEW: "off",
        CAISSON_SANDBOX: "docker",
        CAISSON_DATA_PATH: dataPath,
        CAISSON_EGRESS: "allowlist",
        CAISSON_EGRESS_ASK: "*",
        CAISSON_EGRESS_DENY: denied,
        CAISSON_WEB_FETCH: "open",
        CAISSON_METRICS: "true",
        OPENAI_API_KEY: "a-key",
        OPENAI_BASE_URL: `http://127.0.0.1:${provider.addr.port}/v1`,
        ...(engine !== undefined && { DOCKER_HOST: engine }),
      });
      const [port = ""] = yield* api.line(/agent API listens on http:\/\/127\.0\.0\.1:(\d+)/);
      yield* Effect.promise(async () => {
        assert.match(await reach(port, "ada", asked), new RegExp(`refused ${asked}:443`));
        // What could not be granted is not asked for.
        assert.match(await request(port, "ada", denied), /cannot be asked for: it is never reached from here/);
        assert.match(await request(port, "ada", asked), /Waiting for you/);
        assert.match(await say(port, "ada", "yes"), new RegExp(`^Granted: .* ${asked}:443`));
        await reaches(port, "ada");
        assert.match(await reach(port, "bob", asked), new RegExp(`refused ${asked}:443`));
      });
      // What the server reads itself is counted with what programs ask, which is when their connections are over.
      const refused = (count: string) =>
        Effect.promise(async () => {
          const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
          return /^caisson_egress_connections_total\{caisson_egress_verdict="refused"\} (\d+)$/m.exec(text)?.[1];
        }).pipe(
          Effect.filterOrFail((found) => found === count, (found) => `${found} refused connections`),
          Effect.retry(Schedule.upTo(Schedule.spaced("250 millis"), { times: 600 })),
        );
      yield* refused("2");
      const fetched = yield* Effect.promise(() => call(port, "bob", "web_fetch", { url: `https://${denied}/` }));
      assert.match(fetched, /never reached from here/);
      yield* refused("3");
    }).pipe(Effect.timeout("10 minutes")),
  { skip: skipWithoutEngine },
);
