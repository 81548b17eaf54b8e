/** The WebReader port, measured. */
import assert from "node:assert/strict";
import { Effect, Layer } from "effect";
import type { EgressRecord } from "../../../src/domain/EgressRecord.ts";
import { WebReader, type WebReaderService, WebUnavailable } from "../../../src/services/WebReader.ts";
import { CurrentMeter, Meter } from "../../../src/telemetry/Meter.ts";
import { exposition } from "../../../src/telemetry/prometheus.ts";
import { webReader } from "../../../src/telemetry/webReader.ts";
import { it } from "../../support/it.ts";

const owner = { principal: "p", user: "u", ephemeral: false };

const record = (verdict: EgressRecord["verdict"], downBytes: number): EgressRecord => ({
  host: "a.example",
  port: 443,
  verdict,
  connections: 1,
  upBytes: 7,
  downBytes,
});

/** A page that redirects to what is refused, and a search engine. */
const inner: WebReaderService = {
  fetch: (_owner, _url, onConnection) =>
    Effect.suspend(() => {
      onConnection?.(record("allowed", 10));
      onConnection?.(record("refused", 0));
      return Effect.fail(new WebUnavailable({ why: "no" }));
    }),
  search: (_owner, _query, _count, onConnection) =>
    Effect.sync(() => {
      onConnection?.(record("allowed", 5));
      return [];
    }),
};

const over = (service: WebReaderService, meter: Meter | undefined) =>
  Effect.provide(
    WebReader,
    webReader(Layer.succeed(WebReader, service)).pipe(Layer.provide(Layer.succeed(CurrentMeter, meter))),
  );

it.effect("what the server reads of the web counts as connections to the world, each once, and is told on", () =>
  Effect.gen(function* () {
    const meter = new Meter();
    const { fetch, search } = yield* over(inner, meter);
    const told: Array<string> = [];
    yield* Effect.flip(fetch?.(owner, "https://a.example/", ({ verdict }) => told.push(verdict)) ?? Effect.die("none"));
    // Nobody has to listen.
    yield* search?.(owner, "tides", 3) ?? Effect.die("none");
    assert.deepEqual(told, ["allowed", "refused"]);
    const text = yield* exposition(meter);
    assert.match(text, /^caisson_egress_connections_total\{caisson_egress_verdict="allowed"\} 2$/m);
    assert.match(text, /^caisson_egress_connections_total\{caisson_egress_verdict="refused"\} 1$/m);
    assert.match(text, /^caisson_egress_io_bytes_total\{network_io_direction="receive"\} 15$/m);
    assert.match(text, /^caisson_egress_io_bytes_total\{network_io_direction="transmit"\} 21$/m);
    assert.ok(!text.includes("a.example"));
  }));

it.effect("a reader that reads nothing, or that nobody measures, stays as it is", () =>
  Effect.gen(function* () {
    const off = WebReader.defaultValue();
    assert.equal(yield* over(off, new Meter()), off);
    assert.equal(yield* over(inner, undefined), inner);
  }));
