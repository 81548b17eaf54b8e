import assert from "node:assert/strict";
import { Effect, Fiber, Stream } from "effect";
import { TestClock } from "effect/testing";
import { announceArtifacts, describeByPath } from "../../../src/runs/changedArtifacts.ts";
import type { AgentEvent } from "../../../src/domain/AgentEvent.ts";
import { zero } from "../../../src/domain/Usage.ts";
import type { Owner } from "../../../src/domain/Owner.ts";
import {
  type FileEntry,
  RuntimeUnavailable,
  Sandbox,
  SandboxError,
  type SandboxHandle,
} from "../../../src/services/Sandbox.ts";
import { fakeSandbox } from "../../support/fakeSandbox.ts";
import { it } from "../../support/it.ts";

const owner: Owner = { principal: "p", user: "u", ephemeral: false };
const call = { id: "c1", name: "execute_bash", argumentsJson: "{}" };
const ran: ReadonlyArray<AgentEvent> = [
  { _tag: "ToolCallStarted", call },
  { _tag: "ToolCallFinished", call, result: { text: "{}", isError: false }, durationMs: 1 },
];
const ending: AgentEvent = { _tag: "RunFinished", reason: "Stop", usage: zero, turns: 1 };

/** Announces a run's files with `changedFiles` replaced; the tags of what comes out. */
const announced = (
  events: ReadonlyArray<AgentEvent>,
  changedFiles: SandboxHandle["changedFiles"],
  changes: Partial<Owner> = {},
) =>
  Effect.gen(function* () {
    const sandbox = yield* Sandbox;
    const replaced = {
      ...sandbox,
      open: (who: Owner) => Effect.map(sandbox.open(who), (handle) => ({ ...handle, changedFiles })),
    };
    const out = yield* Stream.runCollect(announceArtifacts(Stream.fromIterable(events), {
      sandbox: replaced,
      owner: { ...owner, ...changes },
      describe: (entry, imageType) =>
        Effect.succeed({
          id: "i",
          path: entry.path,
          name: "n",
          sizeBytes: entry.sizeBytes,
          mediaType: "m",
          modifiedAtMs: entry.modifiedAtMs,
          isImage: imageType !== undefined,
          url: "u",
          urlExpiresAtMs: 0,
        }),
    }));
    return out.map((event) => event._tag === "ArtifactsChanged" ? event.artifacts.map(({ path }) => path) : event._tag);
  }).pipe(Effect.provide(fakeSandbox().layer));

const entry = (path: string): FileEntry => ({ path, sizeBytes: 1, modifiedAtMs: 1 });
const never: SandboxHandle["changedFiles"] = () => Effect.die("nobody should look");

it.effect("announceArtifacts tells what changed since the run began, just before its end", () =>
  Effect.gen(function* () {
    yield* TestClock.setTime(5_000);
    const asked: Array<number> = [];
    const files = (since: number) =>
      Effect.sync(() => {
        asked.push(since);
        return [entry("/workspace/a.csv"), entry("/workspace/.cache/x"), entry("/workspace/uploads/mine")];
      });
    const tags = yield* announced([...ran, ending], files);
    assert.deepEqual(tags, ["ToolCallStarted", "ToolCallFinished", ["/workspace/a.csv"], "RunFinished"]);
    assert.deepEqual(asked, [5_000]);
  }));

it.effect("announceArtifacts says nothing and looks nowhere when no tool ran or the owner is ephemeral", () =>
  Effect.gen(function* () {
    assert.deepEqual(yield* announced([ending], never), ["RunFinished"]);
    assert.deepEqual((yield* announced([...ran, ending], never, { ephemeral: true })).at(-1), "RunFinished");
    assert.deepEqual((yield* announced([...ran, ending], () => Effect.succeed([]))).slice(2), ["RunFinished"]);
  }));

it.effect("announceArtifacts ends a run as it ended when the sandbox cannot be looked at, or takes too long", () =>
  Effect.gen(function* () {
    const lost = () => Effect.fail(new SandboxError({ reason: new RuntimeUnavailable(), detail: "gone" }));
    assert.deepEqual((yield* announced([...ran, ending], lost)).slice(2), ["RunFinished"]);
    const slow = yield* Effect.forkChild(announced([...ran, ending], () => Effect.never));
    yield* TestClock.adjust("6 seconds");
    assert.deepEqual((yield* Fiber.join(slow)).slice(2), ["RunFinished"]);
  }));

it.effect("announceArtifacts tells at most twenty files of a run", () =>
  Effect.gen(function* () {
    const many = Array.from({ length: 30 }, (_, n) => entry(`/workspace/${n}`));
    const tags = yield* announced([...ran, ending], () => Effect.succeed(many));
    assert.equal(tags[2]?.length, 20);
  }));

it.effect("announceArtifacts looks while the answer is still said, and again when another tool has run", () =>
  Effect.gen(function* () {
    const looks: Array<string> = [];
    const said: AgentEvent = { _tag: "TextDelta", text: "…" };
    const seen = (name: string) => Effect.sync(() => void looks.push(name));
    const step = (event: AgentEvent, name: string) => Stream.fromEffect(Effect.as(seen(name), event));
    const events = Stream.fromIterable(ran).pipe(
      Stream.concat(step(said, "first word")),
      Stream.concat(Stream.fromEffect(Effect.as(Effect.sleep("10 seconds"), said))),
      Stream.concat(Stream.fromIterable(ran)),
      Stream.concat(step(said, "word after another tool")),
      Stream.concat(Stream.fromEffect(Effect.as(Effect.sleep("10 seconds"), said))),
      Stream.concat(step(ending, "end")),
    );
    const sandbox = yield* Sandbox;
    const changedFiles: SandboxHandle["changedFiles"] = () =>
      Effect.as(Effect.andThen(seen("look"), Effect.sleep("3 seconds")), [entry(`/workspace/${looks.length}.txt`)]);
    const open = (who: Owner) => Effect.map(sandbox.open(who), (handle) => ({ ...handle, changedFiles }));
    const running = yield* Effect.forkChild(
      Stream.runCollect(announceArtifacts(events, { sandbox: { ...sandbox, open }, owner, describe: describeByPath })),
    );
    yield* TestClock.adjust("21 seconds");
    const out = yield* Fiber.join(running);
    assert.deepEqual(looks, ["first word", "look", "word after another tool", "look", "end"]);
    const told = out.flatMap((event) => event._tag === "ArtifactsChanged" ? event.artifacts : []);
    assert.deepEqual(told.map(({ url }) => url), ["sandbox:/workspace/3.txt"]);
    assert.equal(out.at(-1)?._tag, "RunFinished");
  }).pipe(Effect.provide(fakeSandbox().layer)));
