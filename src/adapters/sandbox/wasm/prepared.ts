/**
 * Gets a machine ready for WebAssembly guests, once: packages fetched, memory image made.
 */
import { resolve } from "node:path";
import { Effect, Schema, Semaphore } from "effect";
import { guestProgram } from "../../../root.ts";
import { RuntimeUnavailable, SandboxError } from "../../../services/Sandbox.ts";
import { runToEnd } from "../local/childProcess.ts";
import { tellingProgress } from "../local/progress.ts";

/** Where a guest finds what it needs. */
export interface Prepared {
  readonly denoDir: string;
  readonly snapshot: string;
  /** The directory of the Python package, the only code a guest reads at run time. */
  readonly pyodide: string;
}

const preparation = guestProgram("prepare");
/**
 * Fetching 40 MB of packages on a slow line; with them here it takes a fraction of a second, or a few to
 * make the image.
 */
const prepareTimeout = "5 minutes";

/** What is said meanwhile. */
const firstTime = "getting the embedded Python ready, once: its packages are fetched and its memory image is made";

const decodeInfo = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Struct({ denoDir: Schema.String })));
const decodePlaces = Schema.decodeUnknownEffect(
  Schema.fromJsonString(Schema.Struct({ snapshot: Schema.String, pyodide: Schema.String })),
);

/** The paths of a permission flag; {@link unheldPaths} have no place in one. */
export const flagPaths = (paths: ReadonlyArray<string>): string => paths.join(",");

/** Those of some paths that no permission flag of Deno can hold: a comma always ends a path there. */
export const unheldPaths = (paths: ReadonlyArray<string | undefined>): ReadonlyArray<string> =>
  paths.filter((path) => path !== undefined).filter((path) => path.includes(","));

const run = Effect.fnUntraced(function* (directory: string) {
  const root = resolve(directory);
  yield* Effect.tryPromise({
    try: () => Deno.mkdir(root, { recursive: true, mode: 0o755 }),
    catch: (cause) => cause,
  });
  // Both run our own code only, and need the server's environment to find the package cache and a proxy.
  const [info, places] = yield* Effect.all([
    runToEnd(Deno.execPath(), { args: ["info", "--json"] }),
    runToEnd(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--no-prompt",
        ...preparation.flags,
        "--allow-read",
        `--allow-write=${flagPaths([root])}`,
        preparation.entry,
        root,
      ],
    }),
  ], { concurrency: 2 });
  const { denoDir } = yield* decodeInfo(info);
  return { denoDir, ...(yield* decodePlaces(places)) };
}, Effect.timeout(prepareTimeout));

/**
 * Makes the effect that prepares the machine: concurrent callers share one run, a success is kept and
 * a failure is not.
 *
 * *Fails with* `SandboxError`, reason `RuntimeUnavailable`, for instance when packages are neither
 * cached nor to be fetched.
 */
export const makePrepare = (directory: string): Effect.Effect<Prepared, SandboxError> => {
  const turn = Semaphore.makeUnsafe(1);
  let prepared: Prepared | undefined;
  return Semaphore.withPermit(
    turn,
    Effect.suspend(() =>
      prepared !== undefined ? Effect.succeed(prepared) : tellingProgress(run(directory), () => firstTime).pipe(
        Effect.tap((result) => Effect.sync(() => prepared = result)),
        Effect.mapError((cause) =>
          new SandboxError({
            reason: new RuntimeUnavailable(),
            detail: "WebAssembly guests cannot be prepared",
            cause,
          })
        ),
      )
    ),
  );
};
