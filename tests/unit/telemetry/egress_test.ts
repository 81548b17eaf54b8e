/** The Egress port, measured. */
import assert from "node:assert/strict";
import { Effect, Layer } from "effect";
import { Egress, type EgressConnection, type EgressService } from "../../../src/services/Egress.ts";
import type { SandboxStream } from "../../../src/services/Sandbox.ts";
import { egress } from "../../../src/telemetry/egress.ts";
import { CurrentMeter, Meter } from "../../../src/telemetry/Meter.ts";
import { exposition } from "../../../src/telemetry/prometheus.ts";
import { it } from "../../support/it.ts";

const owner = { principal: "p", user: "u", ephemeral: false };
const stream: SandboxStream = {
  read: Effect.succeed(undefined),
  write: () => Effect.void,
  end: Effect.void,
  reset: Effect.void,
};
const connection = (verdict: EgressConnection["verdict"], downBytes: number): EgressConnection => ({
  host: "a.example",
  port: 443,
  address: undefined,
  why: undefined,
  verdict,
  upBytes: 1,
  downBytes,
  durationMs: 1,
});

it.effect("connections are counted by verdict and bytes by direction, no host is a label", () =>
  Effect.gen(function* () {
    const outcomes = [connection("allowed", 10), connection("refused", 0), undefined];
    const inner: EgressService = {
      offer: { promise: "", notes: [], certificates: "", sample: undefined, variables: {} },
      serve: () => Effect.sync(() => outcomes.shift()),
      ownOffer: () => Effect.undefined,
      beyond: () => [],
      limit: () => Effect.void,
      totals: Effect.succeed({ allowed: 1, refused: 1, failed: 0, open: 2, upBytes: 0, downBytes: 0 }),
    };
    const meter = new Meter();
    const layer = egress(Layer.succeed(Egress, inner)).pipe(Layer.provide(Layer.succeed(CurrentMeter, meter)));
    yield* Effect.gen(function* () {
      const { serve } = yield* Egress;
      for (let at = 0; at < 3; at++) yield* serve(owner, stream, () => {});
    }).pipe(Effect.provide(layer));
    const text = yield* exposition(meter);
    assert.match(text, /^caisson_egress_connections_total\{caisson_egress_verdict="allowed"\} 1$/m);
    assert.match(text, /^caisson_egress_connections_total\{caisson_egress_verdict="refused"\} 1$/m);
    assert.match(text, /^caisson_egress_io_bytes_total\{network_io_direction="receive"\} 10$/m);
    assert.match(text, /^caisson_egress_connections_open 2$/m);
    assert.ok(!text.includes("a.example"));
  }));
