/**
 * `/v1/sandbox`: the sandbox of a user, looked at without starting one, stopped, and emptied.
 */
import { Effect, Schema } from "effect";
import { ownerKey } from "../../domain/ids.ts";
import { Job } from "../../domain/Job.ts";
import type { Owner } from "../../domain/Owner.ts";
import { Sandbox, SandboxState } from "../../services/Sandbox.ts";
import { SnapshotStore } from "../../services/SnapshotStore.ts";
import { Caller } from "../frame/Caller.ts";
import { egressFields, egressOut } from "./egressWire.ts";

/** A command in the background of a sandbox. */
const JobOut = Schema.Struct({
  id: Schema.String,
  command: Schema.String.annotate({ description: "Its beginning" }),
  status: Job.fields.status,
  started_at: Schema.Int.annotate({ description: "Unix seconds" }),
  ended_at: Schema.NullOr(Schema.Int),
  exit_code: Schema.NullOr(Schema.Int),
}).annotate({ identifier: "SandboxJob" });

const secondsOf = (ms: number): number => Math.floor(ms / 1000);

const jobOut = ({ id, command, status, startedAtMs, endedAtMs, exitCode }: Job): typeof JobOut.Type => ({
  id,
  command,
  status,
  started_at: secondsOf(startedAtMs),
  ended_at: endedAtMs === undefined ? null : secondsOf(endedAtMs),
  exit_code: exitCode ?? null,
});

/** A user's sandbox. */
export const SandboxOut = Schema.Struct({
  object: Schema.Literal("sandbox"),
  state: Schema.NullOr(SandboxState).annotate({
    description: "Null where it cannot be told: the sandboxes are another server's.",
  }),
  kind: Schema.Literals(["docker", "embedded", "remote", "scripted"]),
  jobs: Schema.Array(JobOut).annotate({
    description: "Commands in the background: those that run and the last that ended, oldest first. Empty where they " +
      "cannot be told.",
  }),
  ...egressFields,
}).annotate({ identifier: "Sandbox" });

interface UserQuery {
  readonly user?: string;
}

/** Builds the handlers of the sandbox's endpoints. */
export const make = Effect.gen(function* () {
  const sandbox = yield* Sandbox;
  const snapshots = yield* SnapshotStore;

  const stateOf = (owner: Owner) =>
    Effect.all([
      sandbox.status?.(owner) ?? Effect.succeed(null),
      sandbox.jobs?.(owner) ?? Effect.succeed([]),
      sandbox.egress?.(owner) ?? Effect.undefined,
    ]).pipe(
      Effect.map(([state, jobs, egress]): typeof SandboxOut.Type => ({
        object: "sandbox",
        state,
        kind: sandbox.info.kind,
        jobs: jobs.map(jobOut),
        ...egressOut(egress),
      })),
    );

  const show = Effect.fnUntraced(function* (query: UserQuery) {
    return yield* stateOf((yield* Caller).ownerOf(query));
  });

  const stop = Effect.fnUntraced(function* (query: UserQuery) {
    const owner = (yield* Caller).ownerOf(query);
    yield* sandbox.stop?.(owner) ?? Effect.void;
    return yield* stateOf(owner);
  });

  const reset = Effect.fnUntraced(function* (query: UserQuery) {
    const owner = (yield* Caller).ownerOf(query);
    yield* sandbox.reset(owner);
    yield* snapshots.erase(ownerKey(owner));
    return yield* stateOf(owner);
  });

  return { show, stop, reset };
});
