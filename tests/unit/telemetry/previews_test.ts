/** The Previews port, measured. */
import assert from "node:assert/strict";
import { Effect, Layer } from "effect";
import { noPreviews, Previews, type PreviewTotals } from "../../../src/services/Previews.ts";
import { CurrentMeter, Meter } from "../../../src/telemetry/Meter.ts";
import { previews } from "../../../src/telemetry/previews.ts";
import { exposition } from "../../../src/telemetry/prometheus.ts";
import { it } from "../../support/it.ts";

const measured = (meter: Meter, off: string | undefined, totals: Effect.Effect<PreviewTotals>) =>
  Layer.build(
    previews(Layer.succeed(Previews, { ...noPreviews(""), off, totals })).pipe(
      Layer.provide(Layer.succeed(CurrentMeter, meter)),
    ),
  );

it.effect("what is open is told as it is, what grew since is added, and refusals have their word", () =>
  Effect.gen(function* () {
    let now: PreviewTotals = { connections: 3, streams: 2, upBytes: 10, downBytes: 100, refused: { expired: 1 } };
    const meter = new Meter();
    yield* measured(meter, undefined, Effect.sync(() => now));
    const first = yield* exposition(meter);
    assert.match(first, /^caisson_preview_connections_open 3$/m);
    assert.match(first, /^caisson_preview_streams_open 2$/m);
    assert.match(first, /^caisson_preview_io_bytes_total\{network_io_direction="receive"\} 10$/m);
    assert.match(first, /^caisson_preview_io_bytes_total\{network_io_direction="transmit"\} 100$/m);
    assert.match(first, /^caisson_preview_refused_total\{caisson_preview_refusal="expired"\} 1$/m);
    now = { connections: 0, streams: 0, upBytes: 15, downBytes: 100, refused: { expired: 1, no_server: 2 } };
    const second = yield* exposition(meter);
    assert.match(second, /^caisson_preview_connections_open 0$/m);
    assert.match(second, /^caisson_preview_io_bytes_total\{network_io_direction="receive"\} 15$/m);
    assert.match(second, /^caisson_preview_io_bytes_total\{network_io_direction="transmit"\} 100$/m);
    assert.match(second, /^caisson_preview_refused_total\{caisson_preview_refusal="expired"\} 1$/m);
    assert.match(second, /^caisson_preview_refused_total\{caisson_preview_refusal="no_server"\} 2$/m);
  }));

it.effect("where there are no previews nothing of them is measured", () =>
  Effect.gen(function* () {
    const meter = new Meter();
    yield* measured(meter, "off", Effect.die("nobody asks"));
    assert.doesNotMatch(yield* exposition(meter), /preview/);
  }));
