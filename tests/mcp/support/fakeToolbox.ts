/**
 * A toolbox without sandboxes: `execute_bash` does what its command says, under the test's control.
 */
import { Deferred, Effect, Latch, Layer, Schema } from "effect";
import { declarations } from "../../../src/domain/agentTools.ts";
import type { EgressSummary } from "../../../src/domain/EgressRecord.ts";
import type { ExecutionOutcome } from "../../../src/domain/Execution.ts";
import type { Owner } from "../../../src/domain/Owner.ts";
import type { ToolCall } from "../../../src/domain/Message.ts";
import { NoCapacity, Sandbox, SandboxError } from "../../../src/services/Sandbox.ts";
import { Toolbox } from "../../../src/services/Toolbox.ts";

/** What the toolbox saw and how a test steers it. */
export interface FakeToolbox {
  /** Owners whose tools were opened, in order. */
  readonly opened: Array<Owner>;
  /** Owners whose tools were released, in order. */
  readonly released: Array<Owner>;
  /** Every call, in order. */
  readonly calls: Array<ToolCall>;
  /** Completed when the command `hang` runs. */
  readonly hanging: Deferred.Deferred<void>;
  /** Completed when the command `hang` was interrupted. */
  readonly interrupted: Deferred.Deferred<void>;
  /** Lets the command `wait` end. */
  readonly proceed: Latch.Latch;
  readonly layer: Layer.Layer<Toolbox | Sandbox>;
}

const decodeCommand = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Struct({ command: Schema.String })));

/** What the command `curl` asks of the network. */
export const reached: EgressSummary = {
  records: [{ host: "a.example", port: 443, verdict: "refused", why: "no", connections: 2, upBytes: 0, downBytes: 0 }],
  connectionsLeftOut: 3,
};

const outcome = (stdout: string): ExecutionOutcome => ({
  exitCode: 0,
  stdout,
  stderr: "",
  timedOut: false,
  truncated: false,
  oomKilled: false,
  durationMs: 5,
  stdoutBytes: stdout.length,
  stderrBytes: 0,
});

export const makeFakeToolbox: Effect.Effect<FakeToolbox> = Effect.gen(function* () {
  const opened: Array<Owner> = [];
  const released: Array<Owner> = [];
  const calls: Array<ToolCall> = [];
  const hanging = yield* Deferred.make<void>();
  const interrupted = yield* Deferred.make<void>();
  const proceed = yield* Latch.make();
  const toolbox = Layer.succeed(
    Toolbox,
    Toolbox.of({
      serverConnected: Effect.succeed(null),
      systemPrompt: (owner) => Effect.succeed(`prompt of ${owner.user}`),
      open: (owner) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            opened.push(owner);
            return {
              declarations,
              call: Effect.fnUntraced(function* (call, options) {
                calls.push(call);
                if (call.name === "write_file") {
                  return {
                    text: "Successfully wrote 1 bytes to /workspace/a",
                    isError: false,
                    structured: { path: "/workspace/a", bytes: 1 },
                  };
                }
                if (call.name !== "execute_bash") return { text: `Error: ${call.name} refused`, isError: true };
                const { command } = decodeCommand(call.argumentsJson);
                switch (command) {
                  case "hang":
                    yield* Deferred.succeed(hanging, undefined);
                    return yield* Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined));
                  case "wait":
                    options?.onOutput?.("stdout", "one\n");
                    yield* proceed.await;
                    break;
                  case "boom":
                    return yield* Effect.die(new Error("secret detail"));
                  case "full":
                    return yield* new SandboxError({
                      reason: new NoCapacity({ scope: "server", limit: 7 }),
                      detail: "secret detail",
                    });
                }
                const found = outcome(`${owner.user}: ${command}`);
                return {
                  text: found.stdout,
                  isError: false,
                  outcome: found,
                  ...(command === "curl" && { egress: reached }),
                  structured: { exit_code: 0, stdout: found.stdout, stderr: "" },
                };
              }),
            };
          }),
          () => Effect.sync(() => released.push(owner)),
        ),
    }),
  );
  const sandbox = Layer.mock(Sandbox, {
    info: { kind: "scripted", why: "a test", controls: [], notes: [] },
    health: Effect.succeed({ healthy: true, detail: "scripted", open: 0 }),
  });
  return { opened, released, calls, hanging, interrupted, proceed, layer: Layer.merge(toolbox, sandbox) };
});
