/**
 * What is done when a scope closes, in the context of whoever wished for it.
 */
import assert from "node:assert/strict";
import { Context, Effect, Exit, Scope } from "effect";
import { heldUntilClose, onClose } from "../../src/services/onClose.ts";
import { makeToken } from "../../src/domain/ids.ts";

const Name = Context.Reference<string>("test/Name", { defaultValue: () => "nobody" });

Deno.test("What is done at the close sees the context it was wished in, and no copy of it", async () => {
  const seen: Array<unknown> = [];
  const program = Effect.gen(function* () {
    const scope = yield* Scope.make();
    const wish = Effect.contextWith((context: Context.Context<never>) =>
      Effect.andThen(
        Effect.sync(() => seen.push(context)),
        onClose(() =>
          Effect.contextWith((later: Context.Context<never>) =>
            Effect.flatMap(Name, (name) =>
              Effect.sync(() => {
                seen.push(later, name);
              }))
          )
        ),
      )
    );
    yield* wish.pipe(Effect.provideService(Scope.Scope, scope), Effect.provideService(Name, "ada"));
    yield* Scope.close(scope, Exit.void).pipe(Effect.provideService(Name, "grace"));
    return yield* Name;
  });
  assert.equal(await Effect.runPromise(program), "nobody");
  assert.equal(seen[2], "ada");
  assert.ok(seen[0] === seen[1]);
});

Deno.test("The last wish comes first, and each hears how the scope ended", async () => {
  const heard: Array<string> = [];
  const hear = (name: string) =>
    onClose((exit) =>
      Effect.sync(() => {
        heard.push(`${name} ${exit._tag}`);
      })
    );
  const exit = await Effect.runPromiseExit(
    Effect.scoped(Effect.andThen(Effect.andThen(hear("a"), hear("b")), Effect.fail(1))),
  );
  assert.ok(Exit.isFailure(exit));
  assert.deepEqual(heard, ["b Failure", "a Failure"]);
});

Deno.test("What was taken is given back, and what was refused is not", async () => {
  const heard: Array<string> = [];
  const give = (name: string) =>
    Effect.sync(() => {
      heard.push(name);
    });
  await Effect.runPromiseExit(
    Effect.scoped(Effect.andThen(heldUntilClose(Effect.succeed("a"), give), heldUntilClose(Effect.fail("b"), give))),
  );
  assert.deepEqual(heard, ["a"]);
});

Deno.test("An interruption between taking and giving back loses nothing", async () => {
  const heard: Array<string> = [];
  const held = heldUntilClose(
    Effect.andThen(
      Effect.interruptible(Effect.void),
      Effect.withFiber((fiber) => Effect.sync(() => fiber.interruptUnsafe())),
    ),
    () =>
      Effect.sync(() => {
        heard.push("given back");
      }),
  );
  await Effect.runPromiseExit(Effect.scoped(held));
  assert.deepEqual(heard, ["given back"]);
});

Deno.test("Identifiers are of one length and safe in URLs, and no two are alike", () => {
  const made = Array.from({ length: 1_000 }, makeToken);
  assert.equal(new Set(made).size, made.length);
  assert.ok(made.every((token) => /^[\w-]{24}$/.test(token)));
  // Neither half repeats either: no characters are given twice.
  assert.equal(new Set(made.flatMap((token) => [token.slice(0, 12), token.slice(12)])).size, 2 * made.length);
});
