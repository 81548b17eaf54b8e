/**
 * The door of previews: a port of its own, whose hosts are labels and whose answers are those of programs in sandboxes.
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { Clock, Effect, FiberSet, Layer, Option, Redacted, Scope } from "effect";
import { ConfigurationRefused, Settings, type SettingsService, settingsTable } from "../../config.ts";
import { isLoopback } from "../../domain/identity.ts";
import { ownerKey } from "../../domain/ids.ts";
import { type PreviewOrigin, previewUrl } from "../../domain/PreviewOrigin.ts";
import { noPreviews, type Preview, Previews, PreviewsOff, type PreviewsService } from "../../services/Previews.ts";
import { Sandbox, type SandboxService } from "../../services/Sandbox.ts";
import { labelId, labelKey, writeLabel } from "./labels.ts";
import { OwnerStreams } from "./OwnerStreams.ts";
import { type PreviewEntry, PreviewTable } from "./PreviewTable.ts";
import { visit, type VisitContext, type VisitWaits, visitWaits } from "./visit.ts";
import { VisitCounts } from "./VisitCounts.ts";
import { visitorOf } from "./Visitor.ts";

/** How long a link opens its preview. */
const linkSeconds = 3600;
/** A link that lasts this much longer is given again, so that pages keep their host and what they store there. */
const givenAgainSeconds = linkSeconds / 2;
/** Connections at once, the ones included that have not said yet for whom they are. */
const connectionsMax = 2_000;
/** Bytes of a secret made at start, and of an id. */
const secretBytes = 32;
const idBytes = 9;

type PreviewSettings = Pick<
  SettingsService,
  "apiHost" | "bodyBytesMax" | "linkSecret" | "mcpHost" | "preview" | "previewOrigin" | "previewPort"
>;

/** Why a process makes no previews; undefined where it does. */
const offReason = (settings: PreviewSettings, sandbox: SandboxService): string | undefined => {
  const { preview, previewOrigin, apiHost, mcpHost } = settings;
  if (preview === "off") return `previews are off: ${settingsTable.preview.key}=off`;
  if (Option.isNone(previewOrigin) && !(isLoopback(apiHost) && isLoopback(mcpHost))) {
    return `previews are off beyond loopback unless ${settingsTable.previewOrigin.key} names their hosts`;
  }
  return sandbox.dial === undefined ? "this kind of sandbox has no ports" : undefined;
};

/** The address to listen on: that of the doors. */
const addressOf = ({ apiHost, mcpHost }: PreviewSettings): string => {
  const beyond = [apiHost, mcpHost].find((host) => !isLoopback(host));
  return (beyond ?? apiHost).replace(/^\[(.{1,64})\]$/, "$1");
};

/** Listens at the port of the settings, or a free one where nobody chose it. *Fails with* `ConfigurationRefused`. */
const listening = (settings: PreviewSettings) =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        const hostname = addressOf(settings);
        try {
          return Deno.listen({ hostname, port: settings.previewPort });
        } catch (error) {
          if (Option.isSome(settings.previewOrigin) || !(error instanceof Deno.errors.AddrInUse)) throw error;
          return Deno.listen({ hostname, port: 0 });
        }
      },
      catch: (error) =>
        new ConfigurationRefused({
          problems: [
            `${settingsTable.previewPort.key}: cannot listen on port ${settings.previewPort} (${
              error instanceof Error ? error.message : String(error)
            })`,
          ],
        }),
    }),
    (listener) => Effect.sync(() => listener.close()),
  );

/** A listener, and under which names it is reached. */
interface Door {
  readonly origin: PreviewOrigin;
  readonly context: VisitContext;
}

/** Serves every connection until the scope closes, which ends all of them. */
const serving = Effect.fnUntraced(function* (
  listener: Deno.TcpListener,
  context: VisitContext,
  connections: FiberSet.FiberSet,
) {
  const serve = (socket: Deno.TcpConn) =>
    Effect.acquireUseRelease(
      Effect.succeed(socket),
      (open) => visit(context, context.counts.counted(visitorOf(open))),
      (open) =>
        Effect.sync(() => {
          try {
            open.close();
          } catch {
            // It closed by itself.
          }
        }),
    );
  const accept = Effect.gen(function* () {
    const socket = yield* Effect.tryPromise(() => listener.accept());
    if ((yield* FiberSet.size(connections)) >= connectionsMax) return socket.close();
    socket.setNoDelay(true);
    yield* FiberSet.run(connections, serve(socket));
  });
  // A connection that broke while it was accepted is nobody's; a listener that is closed ends the loop with its scope.
  yield* Effect.forkScoped(Effect.forever(Effect.catch(accept, () => Effect.sleep(acceptAgainMs))));
});

/** Wait after an accept that failed, in milliseconds: without open files left it fails at once, again and again. */
const acceptAgainMs = 50;

const shown = ({ origin, context: { key } }: Door, { port, expiresSeconds, id }: PreviewEntry): Preview => ({
  port,
  url: previewUrl(origin, writeLabel(key, { port, expiresSeconds, id })),
  expiresAtMs: expiresSeconds * 1000,
});

/** Makes the previews of a process over its sandboxes. */
const make = Effect.fnUntraced(function* (
  settings: PreviewSettings,
  dial: NonNullable<SandboxService["dial"]>,
  waits: VisitWaits,
) {
  const scope = yield* Scope.Scope;
  const connections = yield* FiberSet.make();
  const table = new PreviewTable();
  const streams = new OwnerStreams();
  const counts = new VisitCounts();
  const key = labelKey(Option.match(settings.linkSecret, {
    onNone: () => Buffer.from(randomBytes(secretBytes)).toString("hex"),
    onSome: Redacted.value,
  }));
  const open = Effect.gen(function* () {
    const listener = yield* listening(settings);
    const origin: PreviewOrigin = Option.getOrElse(settings.previewOrigin, () => ({
      scheme: "http",
      suffix: "localhost",
      port: listener.addr.port,
    }));
    const context: VisitContext = {
      key,
      table,
      streams,
      counts,
      dial,
      origin,
      bodyBytesMax: settings.bodyBytesMax,
      waits,
    };
    yield* serving(listener, context, connections);
    yield* Effect.logInfo(`previews are served at ${previewUrl(origin, "*")} on port ${listener.addr.port}`);
    return { origin, context } satisfies Door;
  }).pipe(Scope.provide(scope));
  // Without a wish of the operator nothing listens before somebody wants a preview.
  const door = yield* Effect.cached(open);
  if (Option.isSome(settings.previewOrigin)) yield* door;

  const listed = Effect.fnUntraced(function* (opened: Door, owner: Parameters<PreviewsService["list"]>[0]) {
    const nowSeconds = Math.floor((yield* Clock.currentTimeMillis) / 1000);
    const byPort = new Map(table.of(ownerKey(owner), nowSeconds).map((entry) => [entry.port, entry]));
    return [...byPort.values()].map((entry) => shown(opened, entry));
  });

  return Previews.of({
    off: undefined,
    open: Effect.fnUntraced(function* (owner, port) {
      const opened = yield* Effect.catch(
        door,
        (error) =>
          Effect.andThen(Effect.logError(error.message), new PreviewsOff({ why: "the port of previews is taken" })),
      );
      const nowSeconds = Math.floor((yield* Clock.currentTimeMillis) / 1000);
      const known = table.of(ownerKey(owner), nowSeconds).findLast((entry) =>
        entry.port === port && entry.expiresSeconds - nowSeconds > givenAgainSeconds
      );
      const entry = known ??
        table.add(labelId(randomBytes(idBytes)), owner, port, nowSeconds + linkSeconds, nowSeconds);
      return shown(opened, entry);
    }),
    // Where no door was opened there is nothing to list, and none is opened for that.
    list: (owner) =>
      Effect.suspend(() =>
        table.isEmpty ? Effect.succeed([]) : Effect.orElseSucceed(
          Effect.flatMap(door, (opened) => listed(opened, owner)),
          () => [],
        )
      ),
    end: (owner, port) => Effect.sync(() => table.end(ownerKey(owner), port)),
    totals: Effect.map(FiberSet.size(connections), (open) => {
      const { upBytes, downBytes, refused } = counts;
      return { connections: open, streams: streams.open, upBytes, downBytes, refused };
    }),
  });
});

/** As {@link layer}, with other waits than a server has. */
export const layerWith = (waits: VisitWaits): Layer.Layer<never, ConfigurationRefused, Sandbox | Settings> =>
  Layer.effect(
    Previews,
    Effect.gen(function* () {
      const settings = yield* Settings;
      const sandbox = yield* Sandbox;
      const why = offReason(settings, sandbox);
      return why !== undefined || sandbox.dial === undefined
        ? noPreviews(why ?? "")
        : yield* make(settings, sandbox.dial, waits);
    }),
  );

/**
 * The Previews port: makes links, and serves them until its scope closes.
 *
 * *Details*: it listens from the first link on, or from its start where the operator says under which names. Closing
 * ends every connection.
 *
 * *Fails with* `ConfigurationRefused` when the port that the operator chose cannot be listened on.
 */
export const layer: Layer.Layer<never, ConfigurationRefused, Sandbox | Settings> = layerWith(visitWaits);
