import assert from "node:assert/strict";
import { Effect } from "effect";
import { Meter } from "../../../src/telemetry/Meter.ts";
import { type Instrument, instruments, key } from "../../../src/telemetry/names.ts";
import { exposition } from "../../../src/telemetry/prometheus.ts";
import { it } from "../../support/it.ts";

const seriesIn = (text: string) => text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));

it.effect("names carry unit and _total as Prometheus wants them, values their labels", () =>
  Effect.gen(function* () {
    const meter = new Meter();
    meter.record(instruments.cost, { [key.model]: "m" }, 0.25);
    meter.record(instruments.cost, { [key.model]: "m" }, 0.5);
    meter.record(instruments.toolDuration, { [key.tool]: "execute_bash", [key.errorType]: "" }, 0.03);
    let open: number | undefined = 3;
    meter.gauge(instruments.openSandboxes, { [key.sandbox]: "docker" }, Effect.sync(() => open));
    const text = yield* exposition(meter);
    assert.match(text, /^# TYPE caisson_cost_usd_total counter$/m);
    assert.match(text, /^caisson_cost_usd_total\{gen_ai_request_model="m"\} 0\.75$/m);
    assert.match(text, /^gen_ai_execute_tool_duration_seconds_bucket\{.*le="0\.04"\} 1$/m);
    assert.match(text, /^caisson_sandboxes_open\{caisson_sandbox_kind="docker"\} 3$/m);
    open = undefined;
    assert.match(yield* exposition(meter), /^caisson_sandboxes_open\{caisson_sandbox_kind="docker"\} 3$/m);
  }));

it.effect("there are never more series than a thousand and one of each instrument for the rest", () =>
  Effect.gen(function* () {
    const meter = new Meter();
    for (let at = 0; at < 10_000; at++) meter.record(instruments.cost, { [key.model]: `invented-${at}` }, 1);
    const text = yield* exposition(meter);
    assert.ok(seriesIn(text).length <= 1_002, String(seriesIn(text).length));
    assert.match(text, /^caisson_cost_usd_total\{gen_ai_request_model="_OTHER"\} 90\d\d$/m);
    assert.match(text, /^caisson_telemetry_series_overflow_total 90\d\d$/m);
  }));

for (const value of ['a"b\nc 1', "x".repeat(101), "\u0000", "\ud800", "a\r\nb", "\u2028"]) {
  it.effect(`a hostile value (${JSON.stringify(value).slice(0, 20)}) is counted and not told`, () =>
    Effect.gen(function* () {
      const meter = new Meter();
      meter.record(instruments.cost, { [key.model]: value }, 1);
      assert.match(yield* exposition(meter), /^caisson_cost_usd_total\{gen_ai_request_model="_OTHER"\} 1$/m);
    }));
}

it.effect("every instrument has a name of its own once it is written for Prometheus", () =>
  Effect.gen(function* () {
    const meter = new Meter();
    const all = Object.values<Instrument>(instruments);
    for (const instrument of all) meter.record(instrument, {}, 1);
    const types = (yield* exposition(meter)).split("\n").filter((line) => line.startsWith("# TYPE "));
    assert.equal(new Set(types.map((line) => line.split(" ")[2])).size, all.length);
  }));
