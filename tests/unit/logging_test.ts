import assert from "node:assert/strict";
import { format } from "node:util";
import { Cause, Console, Effect, Logger } from "effect";
import { detailed, forTerminal } from "../../src/logging.ts";
import { ModelError, RequestRefused } from "../../src/services/Model.ts";
import { SandboxError, StartFailed } from "../../src/services/Sandbox.ts";
import { it } from "../support/it.ts";

const error = new SandboxError({ reason: new StartFailed({}), detail: "no space left on /var/lib/docker" });

for (const [name, form] of [["JSON", Logger.formatJson], ["words", Logger.formatLogFmt]] as const) {
  it.effect(`detailed tells the detail of a failure in a line of ${name}, as cause and as message`, () => {
    const lines: Array<string> = [];
    const logger = detailed(Logger.map(form, (line) => void lines.push(line)), false);
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
for (const [name, form] of Object.entries<Logger.Logger<unknown, string>>(formats)) {
  for (const tellsContent of [false, true]) {
    it.effect(`a provider's words are ${tellsContent ? "" : "not "}in a line of ${name}, as cause and as message`, () => {
      const lines: Array<string> = [];
      const logger = detailed(Logger.map(form, (line) => void lines.push(line)), tellsContent);
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

const printed = (console: Console.Console, lines: Array<string>): Console.Console => ({
  ...console,
  log: (...said: ReadonlyArray<unknown>) => void lines.push(format(...said)),
  group: () => {},
  groupEnd: () => {},
});

it.effect("a terminal is shown no control character that a caller chose, in message, annotation or cause", () =>
  Effect.gen(function* () {
    const lines: Array<string> = [];
    const attack = "eve\u001b[31mRED\u001b]0;title\u0007\r\n[12:00:00] INFO forged\u009b2J";
    yield* Effect.logWarning(attack, attack, { nested: attack }, Cause.fail(new Error(attack))).pipe(
      Effect.annotateLogs({ user: attack, [attack]: 1 }),
      Effect.provide(Logger.layer([forTerminal(Logger.consolePretty({ colors: false }))])),
      Effect.provideService(Console.Console, printed(yield* Console.Console, lines)),
    );
    const text = lines.join("\n");
    assert.deepEqual(text.match(/(?!\n)\p{Cc}/gu), null, text);
    assert.equal(text.match(/eve\\u001b\[31mRED/g)?.length, 5, text);
    // A cause has lines of its own; beside it no line begins as the attacker wished.
    assert.equal(text.match(/^\[12:00:00\] INFO forged/gm)?.length ?? 0, 1, text);
    assert.match(text, /^user: eve/m);
  }));
