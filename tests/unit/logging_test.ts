import assert from "node:assert/strict";
import { Cause, Effect, Logger } from "effect";
import { detailed } from "../../src/logging.ts";
import { ModelError, RequestRefused } from "../../src/services/Model.ts";
import { SandboxError, StartFailed } from "../../src/services/Sandbox.ts";
import { it } from "../support/it.ts";

const error = new SandboxError({ reason: new StartFailed({}), detail: "no space left on /var/lib/docker" });

for (const [name, format] of [["JSON", Logger.formatJson], ["words", Logger.formatLogFmt]] as const) {
  it.effect(`detailed tells the detail of a failure in a line of ${name}, as cause and as message`, () => {
    const lines: Array<string> = [];
    const logger = detailed(Logger.map(format, (line) => void lines.push(line)), false);
    return Effect.gen(function* () {
      yield* Effect.logWarning("run failed", Cause.fail(error));
      yield* Effect.logWarning("run failed", error);
      yield* Effect.logInfo("nothing failed");
      assert.ok(lines.slice(0, 2).every((line) => line.includes(error.detail) && line.includes("StartFailed")));
      assert.ok(lines.length === 3 && !lines[2]?.includes("StartFailed"), lines.join("\n"));
    }).pipe(Effect.provide(Logger.layer([logger])));
  });
}

const prompt = "my password is swordfish";
const echoed = new ModelError({
  provider: "openai",
  model: "m",
  reason: new RequestRefused({}),
  status: 400,
  code: "invalid_request_error",
  detail: `HTTP 400: {"error":{"message":"cannot read: ${prompt}"}}`,
  cause: new Error(`thrown at ${prompt}`),
});

const formats = { JSON: Logger.formatJson, words: Logger.formatLogFmt };
for (const [name, format] of Object.entries<Logger.Logger<unknown, string>>(formats)) {
  for (const tellsContent of [false, true]) {
    it.effect(`a provider's words are ${tellsContent ? "" : "not "}in a line of ${name}, as cause and as message`, () => {
      const lines: Array<string> = [];
      const logger = detailed(Logger.map(format, (line) => void lines.push(line)), tellsContent);
      return Effect.gen(function* () {
        yield* Effect.logWarning("run failed", Cause.fail(echoed));
        yield* Effect.logWarning("run failed", echoed);
        yield* Effect.logWarning("run failed", "name", Cause.combine(Cause.fail(error), Cause.fail(echoed)), echoed);
        assert.equal(lines.length, 3);
        for (const line of lines) {
          assert.equal(line.includes("swordfish"), tellsContent, line);
          for (const word of ["RequestRefused", "400", "invalid_request_error"]) assert.ok(line.includes(word), line);
        }
        assert.ok(lines[2]?.includes(error.detail), lines[2]);
      }).pipe(Effect.provide(Logger.layer([logger])));
    });
  }
}
