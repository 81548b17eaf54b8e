/**
 * What the cases of the Sandbox contract are written with.
 */
import assert from "node:assert/strict";
import { Effect, type Layer, Schedule, type Scope, Stream } from "effect";
import type { SettingsService } from "../../../src/config.ts";
import type { ExecutionOutcome } from "../../../src/domain/Execution.ts";
import type { Owner } from "../../../src/domain/Owner.ts";
import { type FileError, Sandbox, type SandboxError, type SandboxHandle } from "../../../src/services/Sandbox.ts";
import { it as test } from "../../support/it.ts";

/** What an adapter can do beyond the port's plain promises; a case that needs more is ignored. */
export interface SandboxCapabilities {
  /** Commands are processes of a real kernel: background jobs, signals, `setsid`, `/proc`. */
  readonly realProcesses: boolean;
  /** Symbolic links can be made. */
  readonly symbolicLinks: boolean;
  /** The server can connect to ports of the sandbox. */
  readonly streams: boolean;
  /** The workspace as a whole can be listed and put back. */
  readonly tree: boolean;
  /** Commands of one owner run at the same time. */
  readonly concurrentCommands: boolean;
  /** The kernel bounds the memory of a sandbox and the adapter reports the kill. */
  readonly memoryBound: boolean;
  /** The number of processes of a sandbox is bounded. */
  readonly processBound: boolean;
  /** The user's code can kill the sandbox's own first process or cannot reach it; either way work goes on. */
  readonly selfKill: boolean;
  /** `/workspace` outlives the sandbox and the service of an owner who is not ephemeral. */
  readonly durableWorkspace: boolean;
  /** The adapter itself starts, counts and stops sandboxes; otherwise somebody behind it does. */
  readonly ownLifecycle: boolean;
  /** Sandboxes count for their owner's principal; otherwise all of a process count for its own. */
  readonly ownPrincipals: boolean;
}

/** Builds the adapter under test with some settings changed. */
export type SandboxUnderTest = (changes?: Partial<SettingsService>) => Layer.Layer<Sandbox, unknown>;

/** Outcomes and recoveries are polled this often. */
const pollMs = 20;
/** Ends a case that hangs: on a busy machine one of a few seconds takes a minute. */
const caseMsMax = 300_000;

/** An owner nobody else has. */
export const freshOwner = (ephemeral = false): Owner => ({
  principal: "contract",
  user: crypto.randomUUID(),
  ephemeral,
});

/** Runs a command in a handle with the suite's usual limit, which no command here comes to by itself. */
export const run = (handle: SandboxHandle, command: string, timeoutMs = 60_000) =>
  handle.execute({ command, timeoutMs });

/** A text as the bytes of a file. */
export const text = (content: string) => new TextEncoder().encode(content);

/** The whole of a stream of bytes. */
export const collect = <E>(bytes: Stream.Stream<Uint8Array, E>) =>
  Effect.map(Stream.runCollect(bytes), (parts) => {
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  });

/** The reason for which a file operation is refused. */
export const failureOf = <A>(effect: Effect.Effect<A, SandboxError | FileError>) =>
  Effect.flatMap(
    Effect.flip(effect),
    (error) => error._tag === "FileError" ? Effect.succeed(error.reason) : Effect.die(error),
  );

/** The output of a command that must have gone well. */
export const ok = (outcome: ExecutionOutcome): string => {
  assert.equal(outcome.exitCode, 0, `exit ${outcome.exitCode}: ${outcome.stderr}`);
  return outcome.stdout;
};

/** Waits until an effect answers true; the case's own deadline bounds it. */
export const eventually = <E, R>(check: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(check, { until: (done: boolean) => done, schedule: Schedule.spaced(pollMs) });

/** Opens an owner's sandbox for one use, as a request does. */
export const using = <A, E, R>(owner: Owner, use: (handle: SandboxHandle) => Effect.Effect<A, E, R>) =>
  Effect.scoped(Effect.flatMap(Effect.flatMap(Sandbox, (sandbox) => sandbox.open(owner)), use));

/** Resets owners whose workspace would outlive the case. */
export const cleaned = <A, E, R>(used: ReadonlyArray<Owner>, effect: Effect.Effect<A, E, R>) =>
  Effect.ensuring(
    effect,
    Effect.forEach(used, (owner) => Effect.flatMap(Sandbox, (sandbox) => Effect.ignore(sandbox.reset(owner))), {
      discard: true,
    }),
  );

/** What a case needs beyond the plain port. */
export interface CaseOptions {
  readonly needs?: keyof SandboxCapabilities;
  readonly settings?: Partial<SettingsService>;
}

/** The adapter under test. */
export interface UnderTest {
  readonly name: string;
  readonly layerWith: SandboxUnderTest;
  readonly capabilities: SandboxCapabilities;
  readonly skip: string | undefined;
}

/** Registration of cases for one adapter. */
export const casesOf = ({ name, layerWith, capabilities, skip }: UnderTest) => {
  const unable = (needs: keyof SandboxCapabilities | undefined) =>
    needs !== undefined && !capabilities[needs] ? `lacks ${needs}` : undefined;
  /** A case on a service of its own. */
  const it = (
    title: string,
    program: () => Effect.Effect<void, unknown, Sandbox | Scope.Scope>,
    about: CaseOptions = {},
  ) =>
    test.layer(layerWith(about.settings)).live(
      `${name}: ${title}`,
      () => Effect.timeout(program(), caseMsMax),
      { skip: skip ?? unable(about.needs) },
    );
  /** A case on several services, one after the other. */
  const bare = (title: string, program: () => Effect.Effect<void, unknown, Scope.Scope>, about: CaseOptions = {}) =>
    test.live(`${name}: ${title}`, () => Effect.timeout(program(), caseMsMax), { skip: skip ?? unable(about.needs) });
  /** A case on the sandbox of an owner who lives for it only. */
  const withHandle = (
    title: string,
    body: (handle: SandboxHandle) => Effect.Effect<void, unknown, Sandbox | Scope.Scope>,
    about: CaseOptions = {},
  ) =>
    it(title, () => Effect.flatMap(Effect.flatMap(Sandbox, (sandbox) => sandbox.open(freshOwner(true))), body), about);
  const withLinks = (...[title, body]: Parameters<typeof withHandle>) =>
    withHandle(title, body, { needs: "symbolicLinks" });
  return { it, bare, withHandle, withLinks, capabilities };
};

/** What {@link casesOf} gives to a group of cases. */
export type Cases = ReturnType<typeof casesOf>;
