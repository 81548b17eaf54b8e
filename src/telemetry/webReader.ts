/**
 * The WebReader port, measured: what the server reads of the web counts as the connections of sandboxes do.
 */
import { Effect, Layer } from "effect";
import { type OnConnection, WebReader, type WebReaderService } from "../services/WebReader.ts";
import { countConnection } from "./egress.ts";
import { CurrentMeter, type Meter } from "./Meter.ts";

/** Counts a connection, then tells whoever listens of it. */
const counting = (meter: Meter, onConnection: OnConnection | undefined): OnConnection => (record) => {
  countConnection(meter, record);
  onConnection?.(record);
};

const measured = ({ fetch, search, ...rest }: WebReaderService, meter: Meter): WebReaderService => ({
  ...rest,
  fetch: fetch && ((owner, url, onConnection) => fetch(owner, url, counting(meter, onConnection))),
  search: search &&
    ((owner, query, count, onConnection) => search(owner, query, count, counting(meter, onConnection))),
});

/** The same reader, measured where measurements are asked for and there is anything to read with. */
export const webReader = <E, R>(layer: Layer.Layer<never, E, R>): Layer.Layer<never, E, R> =>
  Layer.effect(
    WebReader,
    Effect.gen(function* () {
      const inner = yield* WebReader;
      const meter = yield* CurrentMeter;
      const isOff = inner.fetch === undefined && inner.search === undefined;
      return meter === undefined || isOff ? inner : measured(inner, meter);
    }),
  ).pipe(Layer.provide(layer));
