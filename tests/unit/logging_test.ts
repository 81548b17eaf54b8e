import assert from "node:assert/strict";
import { Cause, Effect, Logger } from "effect";
import { detailed } from "../../src/logging.ts";
import { SandboxError, StartFailed } from "../../src/services/Sandbox.ts";
import { it } from "../support/it.ts";

const error = new SandboxError({ reason: new StartFailed({}), detail: "no space left on /var/lib/docker" });

for (const [name, format] of [["JSON", Logger.formatJson], ["words", Logger.formatLogFmt]] as const) {
  it.effect(`detailed tells the detail of a failure in a line of ${name}, as cause and as message`, () => {
    const lines: Array<string> = [];
    const logger = detailed(Logger.map(format, (line) => void lines.push(line)));
    return Effect.gen(function* () {
      yield* Effect.logWarning("run failed", Cause.fail(error));
      yield* Effect.logWarning("run failed", error);
      yield* Effect.logInfo("nothing failed");
      assert.ok(lines.slice(0, 2).every((line) => line.includes(error.detail) && line.includes("StartFailed")));
      assert.ok(lines.length === 3 && !lines[2]?.includes("StartFailed"), lines.join("\n"));
    }).pipe(Effect.provide(Logger.layer([logger])));
  });
}
