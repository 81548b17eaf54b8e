/**
 * Commands in a guest: one at a time, with an outcome also when their process had to be killed.
 */
import { Clock, Effect, Schema } from "effect";
import type { ExecutionOutcome } from "../../../domain/Execution.ts";
import { SandboxError, type SandboxHandle, SandboxLost } from "../../../services/Sandbox.ts";
import { answerOf } from "./Guest.ts";
import type { GuestSlot } from "./guestSlot.ts";
import { noteFor } from "./notes.ts";
import type { GuestRequest } from "./wire.ts";

/** The guest ends commands itself; one that cannot, in the midst of a long native call, is killed this much later. */
export const graceMs = 4_000;
/** What a shell reports for a program that was killed. */
const killedExitCode = 137;
const timeoutExitCode = 124;

const executed = answerOf(Schema.Struct({
  exitCode: Schema.Int,
  stdout: Schema.String,
  stderr: Schema.String,
  timedOut: Schema.Boolean,
  truncated: Schema.Boolean,
  durationMs: Schema.Number,
  stdoutBytes: Schema.Number,
  stderrBytes: Schema.Number,
  outputPath: Schema.optionalKey(Schema.String),
  worn: Schema.Boolean,
}));

/** How a command ended whose process was killed and took the output with it. */
type Cut = Partial<ExecutionOutcome> & Pick<ExecutionOutcome, "exitCode" | "note">;

const stuck: Cut = {
  exitCode: timeoutExitCode,
  timedOut: true,
  note: "The command could not be interrupted and its process was killed; its output is lost, files are kept.",
};
const outOfMemory: Cut = {
  exitCode: killedExitCode,
  oomKilled: true,
  note: "The command used more memory than its process may; its output is lost, files are kept.",
};

const cutOutcome = (cut: Cut, durationMs: number): ExecutionOutcome => ({
  stdout: "",
  stderr: "",
  timedOut: false,
  truncated: false,
  oomKilled: false,
  stdoutBytes: 0,
  stderrBytes: 0,
  ...cut,
  durationMs,
});

/** Runs commands in the guest of a slot. */
export const execute = (slot: GuestSlot): SandboxHandle["execute"] => (request) =>
  slot.inTurn((running) =>
    Effect.gen(function* () {
      const started = yield* Clock.currentTimeMillis;
      const killed = (cut: Cut) =>
        Effect.andThen(
          slot.replace,
          Effect.map(Clock.currentTimeMillis, (now) => cutOutcome(cut, now - started)),
        );
      const sent: GuestRequest = { op: "execute", command: request.command, timeoutMs: request.timeoutMs };
      return yield* running.ask(executed, sent).pipe(
        Effect.flatMap(({ head: { worn, ...outcome } }) => {
          request.onOutput?.("stdout", outcome.stdout);
          request.onOutput?.("stderr", outcome.stderr);
          const note = noteFor(outcome.stderr);
          const whole: ExecutionOutcome = { ...outcome, oomKilled: false, ...(note === undefined ? {} : { note }) };
          return Effect.as(worn ? slot.replace : Effect.void, whole);
        }),
        Effect.timeout(request.timeoutMs + graceMs),
        Effect.catchTags({
          TimeoutError: () => killed(stuck),
          GuestGone: (gone) => gone.outOfMemory ? killed(outOfMemory) : slot.lost(gone),
          GuestRefused: (refused) =>
            new SandboxError({ reason: new SandboxLost(), detail: `execute was refused: ${refused.why}` }),
        }),
      );
    })
  );
