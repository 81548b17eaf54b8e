/**
 * What every door of a process stands on: settings, logs, measurements, and where code runs.
 *
 * Apart from the doors, so that a process can ask the machine for its sandboxes while it loads the rest of itself.
 */
import process from "node:process";
import { Effect, Layer, Option } from "effect";
import * as Egress from "../adapters/egress/Configured.ts";
import * as SandboxChoice from "../adapters/sandbox/choice.ts";
import { granted } from "../adapters/sandbox/egress/granted.ts";
import { attended } from "../adapters/web/attended.ts";
import * as WebReader from "../adapters/web/Configured.ts";
import { environment } from "../config/environment.ts";
import { Settings } from "../config.ts";
import * as LibraryLines from "../libraryLines.ts";
import * as Logging from "../logging.ts";
import { egress as measuredEgress } from "../telemetry/egress.ts";
import * as Otlp from "../telemetry/endpoints.ts";
import * as Meter from "../telemetry/Meter.ts";
import { byNameOnly } from "../telemetry/propagation.ts";
import { webReader as measuredWebReader } from "../telemetry/webReader.ts";
import { loaded, loadedBeside } from "./loaded.ts";

// Settings and logs ------------------------------------------------------------------------------

/**
 * The settings of this process.
 *
 * *Fails with* `ConfigurationRefused`, naming every wrong key, or saying why `.env` cannot be read.
 *
 * *Example* (read the settings of this process):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect } from "effect";
 * import { app, Settings } from "@caisson/caisson";
 *
 * const program = Effect.gen(function* () {
 *   const { toolView } = yield* Settings;
 *   return toolView;
 * });
 * const view = await Effect.runPromise(
 *   program.pipe(Effect.provide(app.settings), Effect.catchTag("ConfigurationRefused", () => Effect.succeed("text"))),
 * );
 * assert.equal(typeof view, "string");
 * ```
 */
export const settings = Settings.layer.pipe(Layer.provide(environment));

const logging = (toStderr: boolean) =>
  Layer.unwrap(Effect.gen(function* () {
    const settings = yield* Settings;
    const further = Option.isNone(Otlp.endpointOf(settings, "logs")) ? Option.none() : yield* Effect.flatMap(
      loaded(() => import("../telemetry/otlp.ts")),
      ({ logger }) => logger,
    );
    const lines = Logging.layer(settings.logLevel, {
      isTerminal: (toStderr ? process.stderr : process.stdout).isTTY === true,
      toStderr,
      tellsContent: settings.captureContent,
      ...(Option.isSome(further) && { further: further.value }),
    });
    return Layer.provideMerge(LibraryLines.logged, lines);
  }));

/** The log of a process, on standard output. */
export const logs = logging(false);

/** The log of a process whose standard output is a protocol. */
export const logsBesideProtocol = logging(true);

/** Measurements, where the settings ask for them; without them the measured form of a port is the port itself. */
const measurements = Layer.merge(
  Layer.unwrap(
    Effect.map(
      Settings,
      (settings) => settings.metrics || Option.isSome(Otlp.endpointOf(settings, "metrics")) ? Meter.layer : Layer.empty,
    ),
  ),
  byNameOnly,
);

/** Spans, where the settings send them somewhere. */
const tracing = Layer.unwrap(
  Effect.flatMap(
    Settings,
    (settings) =>
      Otlp.isSent(settings)
        ? Effect.map(loaded(() => import("../telemetry/otlp.ts")), ({ layer }) => layer)
        : Effect.succeed(Layer.empty),
  ),
);

/** Measurements and spans, as the settings say. */
export const telemetry = Layer.provideMerge(tracing, measurements);

// Where code runs -------------------------------------------------------------------------------

/** The Egress port: what programs in sandboxes may reach. *Fails with* `ConfigurationRefused`. */
export const egress = measuredEgress(Egress.layer);

/** What the server reads of the web; one for the tools and for what sandboxes tell of it. */
export const webReader = measuredWebReader(WebReader.layer);

/**
 * The Sandbox port: Docker when the settings say so, or when they leave the choice and an engine
 * answers; the embedded sandbox otherwise. Closing it stops every sandbox.
 *
 * *Fails with* `SandboxError` when the chosen runtime cannot be used, or an engine that is named;
 * `ConfigurationRefused` when the certificates of egress cannot be read.
 */
export const sandbox = granted(attended(SandboxChoice.layer)).pipe(Layer.provide([egress, webReader]));

// Loading ----------------------------------------------------------------------------------------

/**
 * A door that is loaded while the machine answers whether it can run sandboxes; `log` is the log of the door.
 *
 * *Details*: the sandboxes are those of the door, made once and let go of when it is closed.
 *
 * *Fails with* what the door fails with, and `SandboxError` and `ConfigurationRefused` as {@link sandbox} does. A door
 * that cannot be loaded is a defect.
 */
export const besideSandboxes = <A, E, R>(load: () => Promise<Layer.Layer<A, E, R>>, log: typeof logs) =>
  loadedBeside(sandbox.pipe(Layer.provide(telemetry), Layer.provide(log)), load);
