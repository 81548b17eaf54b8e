/**
 * The parts that a completion needs, each tried as a completion would use it.
 */
import { Duration, Effect, Option } from "effect";
import { Model } from "../../services/Model.ts";
import { Sandbox } from "../../services/Sandbox.ts";
import { Sessions } from "../../services/Sessions.ts";
import { Toolbox } from "../../services/Toolbox.ts";
import { UsageLedger } from "../../services/UsageLedger.ts";
import { logged } from "../../domain/failureDetail.ts";

/** Time that trying a part may take; an orchestrator's probe waits no longer either. */
const checkDeadline = Duration.seconds(3);

interface Part {
  readonly healthy: boolean;
  readonly detail: string;
}

interface Failure {
  readonly _tag: string;
  readonly message: string;
}

const silent = { healthy: false, detail: "did not answer in time" } as const;

/** Tries a part; how it failed goes to the log with its detail, and to the answer without. */
const tried = (name: string, check: Effect.Effect<unknown, Failure>): Effect.Effect<Part> =>
  check.pipe(
    Effect.as({ healthy: true, detail: "" }),
    Effect.catch((error) =>
      Effect.as(
        Effect.annotateLogs(Effect.logWarning(`health: ${name} does not work`), logged(error)),
        { healthy: false, detail: error.message },
      )
    ),
    Effect.timeoutOption(checkDeadline),
    Effect.map(Option.getOrElse((): Part => silent)),
  );

/** Makes the check of all parts at once; it never fails, and no part is waited for longer than three seconds. */
export const makeParts = Effect.gen(function* () {
  const sandbox = yield* Sandbox;
  const toolbox = yield* Toolbox;
  const sessions = yield* Sessions;
  const model = yield* Model;
  const ledger = yield* UsageLedger;

  const defaultModel = Effect.gen(function* () {
    const name = yield* Effect.timeoutOption(Effect.option(model.defaultModel), checkDeadline);
    const part = yield* tried("the default model", Effect.flatMap(model.defaultModel, model.find));
    return { default: Option.getOrNull(Option.flatten(name)), ...part };
  });

  const sandboxes = Effect.map(
    Effect.timeoutOption(sandbox.health, checkDeadline),
    Option.getOrElse(() => ({ ...silent, open: 0 })),
  );

  // null: no tool server is configured, the tools are part of this process.
  const toolServer = Effect.map(
    Effect.timeoutOption(toolbox.serverConnected, checkDeadline),
    Option.getOrElse((): boolean | null => false),
  );

  return Effect.all({
    sandbox: sandboxes,
    toolServer,
    sessions: tried("the session store", sessions.check),
    model: defaultModel,
    disk: tried("the disk", ledger.check),
  }, { concurrency: "unbounded" });
});
