/**
 * Whether this machine can run sandboxes, and whether they are as sealed as they claim.
 *
 * Each control is proved from inside a live sandbox, not read back from the engine that was asked for it.
 */
import { Effect, Layer } from "effect";
import { Settings } from "../../../config.ts";
import type { Owner } from "../../../domain/Owner.ts";
import { Egress } from "../../../services/Egress.ts";
import { Sandbox, type SandboxHandle } from "../../../services/Sandbox.ts";
import { bridgeProof, reachProof, refusalProof } from "../egress/proof.ts";
import { type ContainerContext, controlRows } from "./container.ts";
import { layer as dockerLayer } from "./Docker.ts";
import { Engine } from "./Engine.ts";
import { Image } from "./Image.ts";
import { describe } from "./probe.ts";
import { reportRunc } from "./runcAdvisories.ts";

/** One checked thing: `warning` is a known weakness that the operator must weigh, `failure` a broken promise. */
export interface Finding {
  readonly name: string;
  readonly verdict: "ok" | "warning" | "failure";
  readonly detail: string;
}

/** A proof is a few reads of /proc. */
const proofMsMax = 10_000;

/** A name server that is away takes ten seconds to say so. */
const egressMsMax = 30_000;

const ok = (name: string, detail: string): Finding => ({ name, verdict: "ok", detail });
const warning = (name: string, detail: string): Finding => ({ name, verdict: "warning", detail });
const failure = (name: string, detail: string): Finding => ({ name, verdict: "failure", detail });

const checkRunc = (version: Parameters<typeof reportRunc>[0]): Finding => {
  const report = reportRunc(version);
  if (report === undefined) return ok("runtime version", "the engine does not name a runc");
  if (report.open.length === 0) return ok("runtime version", `runc ${report.version}, no known escape`);
  const listed = `runc ${report.version} has the number of a version with ${report.open.join(", ")}`;
  return report.patchedByDistribution
    ? warning("runtime version", `${listed}; your distribution may have mended it, its tracker says`)
    : failure("runtime version", `${listed}; upgrade it`);
};

const prove = Effect.fnUntraced(function* (
  handle: SandboxHandle,
  context: ContainerContext,
  names: (name: string) => boolean,
) {
  return yield* Effect.forEach(
    controlRows.filter((row) => names(row.name)),
    (row) =>
      handle.execute({ command: row.proof(context), timeoutMs: proofMsMax }).pipe(
        Effect.map((outcome) => {
          const promise = row.promise(context);
          const found = outcome.stdout.trim();
          const lack = row.lacks?.(context);
          if (found === "ok") {
            return lack === undefined ? ok(row.name, promise) : warning(row.name, `${promise} (${lack})`);
          }
          return failure(row.name, `promised: ${promise}; ${found === "" ? outcome.stderr.trim() : found}`);
        }),
        Effect.catch((error) => Effect.succeed(failure(row.name, error.detail))),
      ),
  );
});

/** What the image's build had to leave out, which is no broken promise but must not surprise anybody. */
const checkContents = (handle: SandboxHandle) =>
  handle.execute({ command: "cat /opt/caisson/contents/absent.txt 2>/dev/null", timeoutMs: proofMsMax }).pipe(
    Effect.map(({ stdout }) =>
      stdout.trim() === ""
        ? ok("image contents", "complete")
        : warning("image contents", `built where no Python package index answered, without ${stdout.trim()}`)
    ),
    Effect.catch((error) => Effect.succeed(failure("image contents", error.detail))),
  );

const firstLine = (handle: SandboxHandle, command: string) =>
  handle.execute({ command, timeoutMs: egressMsMax }).pipe(
    Effect.map(({ stdout, stderr }) => stdout.trim() === "" ? stderr.trim() : stdout.trim()),
    Effect.catch((error) => Effect.succeed(error.detail)),
  );

/** Whether the way out refuses what it must, and leads somewhere. */
const checkEgress = Effect.fnUntraced(function* (handle: SandboxHandle, { egress, settings }: ContainerContext) {
  if (settings.sandboxNetwork === "bridge") {
    const answered = yield* firstLine(handle, bridgeProof);
    return [warning("bridge", `no table of addresses applies to what code connects to; it reaches ${answered}`)];
  }
  if (egress === undefined) return [];
  const refusals = yield* firstLine(handle, refusalProof);
  const findings = [
    refusals === "ok"
      ? ok("egress", `${egress.promise}; addresses are refused, and nothing leaves beside it`)
      : failure("egress", refusals),
  ];
  if (egress.sample === undefined) return findings;
  const reached = yield* firstLine(handle, reachProof(egress.sample));
  const found = reached === "ok"
    ? ok("egress reach", `${egress.sample} can be reached`)
    : warning("egress reach", `${egress.sample} cannot be reached: ${reached}`);
  return [...findings, found];
});

const inspect = Effect.gen(function* () {
  const settings = yield* Settings;
  const engine = yield* Engine;
  const image = yield* Image;
  const sandbox = yield* Sandbox;
  const findings: Array<Finding> = [
    ok("engine", `${describe(engine.version)} at ${engine.socketPath}`),
    checkRunc(engine.version),
  ];
  const reference = yield* Effect.result(image.ensure);
  findings.push(
    reference._tag === "Success" ? ok("image", reference.success) : failure("image", reference.failure.detail),
  );
  if (reference._tag === "Failure") return findings;
  const context: ContainerContext = {
    settings,
    engine: yield* engine.info,
    version: engine.version,
    volumeQuota: sandbox.info.controls.some(({ name, applied }) => name === "workspace of a user" && applied),
    readOnlyMounts: [],
    egress: (yield* Egress).offer,
  };
  const owner = (ephemeral: boolean): Owner => ({
    principal: "doctor",
    user: crypto.randomUUID(),
    ephemeral,
  });
  const perUser = "workspace of a user";
  const [contents, passing, egress] = yield* Effect.scoped(
    Effect.flatMap(sandbox.open(owner(true)), (handle) =>
      Effect.all([
        checkContents(handle),
        prove(handle, context, (name) => name !== perUser),
        checkEgress(handle, context),
      ])),
  );
  const durable = owner(false);
  const lasting = yield* Effect.scoped(
    Effect.flatMap(sandbox.open(durable), (handle) => prove(handle, context, (name) => name === perUser)),
  ).pipe(Effect.ensuring(Effect.ignore(sandbox.reset(durable))));
  return [...findings, contents, ...passing, ...egress, ...lasting];
});

/**
 * Examines engine, image and every control; never fails, what is wrong is a finding.
 *
 * *Details*: starts two sandboxes of its own and removes them; builds the image when it is absent.
 */
export const examine: Effect.Effect<ReadonlyArray<Finding>, never, Settings> = Effect.suspend(() => {
  const services = Layer.mergeAll(dockerLayer, Layer.provideMerge(Image.layer, Engine.layer));
  return inspect.pipe(
    Effect.provide(services),
    Effect.catch((error) =>
      Effect.succeed([failure("engine", error._tag === "SandboxError" ? error.detail : error.message)])
    ),
  );
});

/** One line of a report, such as `ok       memory: 1024 MiB`. */
export const lineOf = (finding: Finding): string => `${finding.verdict.padEnd(8)} ${finding.name}: ${finding.detail}`;
