/**
 * Both doors scraped by a real Prometheus: every panel of the dashboard answers, every alert is an expression it takes.
 */
import assert from "node:assert/strict";
import { Effect, Option, Redacted, Schedule, Schema } from "effect";
import { agentDoor, mcpDoor } from "../support/doors.ts";
import { it } from "../support/it.ts";
import { prometheusServer, prometheusSkip, promtool } from "../support/prometheusServer.ts";
import { provider, recorder } from "../support/recorder.ts";

const at = (name: string) => new URL(`../../docs/observability/${name}`, import.meta.url);

const Dashboard = Schema.Struct({
  panels: Schema.Array(Schema.Struct({
    title: Schema.String,
    targets: Schema.Array(Schema.Struct({ expr: Schema.String })),
  })),
});
const { panels } = Schema.decodeUnknownSync(Schema.fromJsonString(Dashboard))(
  Deno.readTextFileSync(at("dashboard.json")),
);
const expressions = panels.flatMap(({ title, targets }) =>
  targets.map(({ expr }) => ({ title, expr: expr.replaceAll("$__rate_interval", "1m") }))
);

const key = "0123456789abcdef0123456789abcdef";

/** Both doors under a key, with a provider that calls a tool and answers. */
const bothDoors = Effect.gen(function* () {
  const upstream = yield* recorder(provider);
  const shared = {
    metrics: true,
    metricsKey: Option.some(Redacted.make("scrape-key")),
    apiKeys: Option.some(Redacted.make(`shop:${key}`)),
  };
  const tools = yield* mcpDoor(shared);
  const base = yield* agentDoor({
    ...shared,
    openaiBaseUrl: Option.some(`${upstream.url}/v1`),
    mcpServerUrl: Option.some(`${tools}/mcp`),
    mcpApiKey: Option.some(Redacted.make(key)),
  });
  const ask = (model: string) =>
    Effect.promise(async () => {
      const response = await fetch(`${base}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
        body: JSON.stringify({ model, user: "ada", messages: [{ role: "user", content: "hi" }] }),
      });
      await response.text();
      return response.status;
    });
  return { tools, base, ask };
});

const scrape = (base: string) =>
  Effect.promise(async () => {
    const response = await fetch(`${base}/metrics`, { headers: { authorization: "Bearer scrape-key" } });
    return await response.text();
  });

it.live(
  "a real Prometheus scrapes both doors, promtool is silent, and every panel and alert answers",
  () =>
    Effect.gen(function* () {
      const { tools, base, ask } = yield* bothDoors;
      assert.equal(yield* ask("fake-1"), 200);
      assert.equal(yield* ask("broken"), 404);
      for (const door of [base, tools]) {
        const { code, text } = yield* promtool(["check", "metrics"], yield* scrape(door));
        assert.deepEqual([code, text], [0, ""]);
      }
      const rules = yield* promtool(["check", "rules", at("alerts.yml").pathname], "");
      assert.equal(rules.code, 0, rules.text);

      const prometheus = yield* prometheusServer([
        { job: "caisson-api", url: base, key: "scrape-key" },
        { job: "caisson-mcp", url: tools, key: "scrape-key" },
        { job: "stranger", url: base, key: "wrong" },
      ]);
      const isUp = prometheus.ask("sum by (job) (up) == 1").pipe(
        Effect.filterOrFail(({ data }) => data?.result.length === 2, () => "not both are up"),
      );
      yield* Effect.retry(isUp, Schedule.spaced("200 millis")).pipe(Effect.timeout("5 minutes"));
      for (const { title, expr } of expressions) {
        const answered = prometheus.ask(expr).pipe(
          Effect.filterOrFail(
            ({ status, data }) => status === "success" && (data?.result.length ?? 0) > 0,
            ({ error = "no series" }) => `${title}: ${expr}: ${error}`,
          ),
        );
        yield* Effect.retry(answered, { schedule: Schedule.spaced("200 millis"), times: 1_000 });
      }
      const alerts = Deno.readTextFileSync(at("alerts.yml")).matchAll(/expr: (?:>-\n\s+)?((?:(?!\n\s+\w+:)[^])+)/g);
      let count = 0;
      for (const [, expr = ""] of alerts) {
        count++;
        const { status, error } = yield* prometheus.ask(expr.replaceAll(/\s+/g, " "));
        assert.equal(status, "success", `${expr}: ${error}`);
      }
      assert.equal(count, 8);
      const isRefused = prometheus.ask('up{job="stranger"} == 0').pipe(
        Effect.filterOrFail(({ data }) => data?.result.length === 1, () => "the stranger is not refused"),
      );
      yield* Effect.retry(isRefused, { schedule: Schedule.spaced("200 millis"), times: 1_000 });
    }),
  { skip: prometheusSkip },
);
