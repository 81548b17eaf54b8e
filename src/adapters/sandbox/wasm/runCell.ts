/**
 * Cells in a guest, whose interpreter keeps the variables of every kernel as long as it lives.
 */
import { Clock, Effect, Schema } from "effect";
import { cellNotRun, CellOutcome, kernelDefault, kernelNameBytesMax } from "../../../domain/Cell.ts";
import { SandboxError, type SandboxHandle, SandboxLost } from "../../../services/Sandbox.ts";
import { graceMs } from "./execute.ts";
import { answerOf } from "./Guest.ts";
import type { GuestSlot } from "./guestSlot.ts";
import { noteFor } from "./notes.ts";

const ran = answerOf(Schema.Struct({
  ...CellOutcome.fields,
  oomKilled: Schema.optionalKey(Schema.Boolean),
  worn: Schema.Boolean,
}));

/** How a cell ended whose process was killed and took the output with it. */
const died = (message: string): Pick<CellOutcome, "error" | "stateLost"> => ({
  error: { name: "KernelDied", message, traceback: "" },
  stateLost: true,
});
const stuck = {
  ...died(
    "The cell could not be interrupted and its process was killed; output and variables are lost, files are kept.",
  ),
  timedOut: true,
};
const outOfMemory = {
  ...died("The cell used more memory than its process may; output and variables are lost, files are kept."),
  oomKilled: true,
};
const interrupted = "The cell was interrupted, and with it the interpreter ended that holds all variables.";

/** Runs cells in the guest of a slot. */
export const runCell = (slot: GuestSlot): SandboxHandle["runCell"] => ({ kernel = kernelDefault, ...request }) =>
  new TextEncoder().encode(kernel).length > kernelNameBytesMax
    ? Effect.succeed(cellNotRun(`the name of a kernel has at most ${kernelNameBytesMax} bytes`))
    : slot.inTurn((running) =>
      Effect.gen(function* () {
        const started = yield* Clock.currentTimeMillis;
        const killed = (cut: Partial<CellOutcome>) =>
          Effect.andThen(
            slot.replace,
            Effect.map(Clock.currentTimeMillis, (now) => ({ ...cellNotRun(""), ...cut, durationMs: now - started })),
          );
        const { code, timeoutMs } = request;
        return yield* running.ask(ran, { op: "cell", kernel, code, timeoutMs }).pipe(
          Effect.flatMap(({ head: { worn, ...outcome } }) => {
            if (outcome.stdout !== "") request.onOutput?.("stdout", outcome.stdout);
            if (outcome.stderr !== "") request.onOutput?.("stderr", outcome.stderr);
            const note = outcome.stateLost ? interrupted : noteFor(outcome.error?.traceback ?? "");
            const whole: CellOutcome = { ...outcome, oomKilled: false, ...(note !== undefined && { note }) };
            return Effect.as(worn ? slot.replace : Effect.void, whole);
          }),
          Effect.timeout(timeoutMs + graceMs),
          Effect.catchTags({
            TimeoutError: () => killed(stuck),
            GuestGone: (gone) => gone.outOfMemory ? killed(outOfMemory) : slot.lost(gone),
            GuestRefused: (refused) =>
              new SandboxError({ reason: new SandboxLost(), detail: `a cell was refused: ${refused.why}` }),
          }),
        );
      })
    );
