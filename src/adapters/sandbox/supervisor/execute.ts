/**
 * Running commands on a link: start, wait, interrupt, and the last deadline.
 */
import { Effect, Stream } from "effect";
import type { ExecutionOutcome, ExecutionRequest } from "../../../domain/Execution.ts";
import type { Job } from "../../../domain/Job.ts";
import type { SandboxError } from "../../../services/Sandbox.ts";
import { crowdNote, withNote } from "./crowd.ts";
import { type Ending, Execution, type ExecutionPlan, notStarted } from "./Execution.ts";
import { Ask, encodeExec, payloadBytesMax, windowBytes } from "./frames.ts";
import { type LinkSession, piecesOf } from "./LinkSession.ts";
import { textBytes } from "./textBytes.ts";

/** What the commands of one link have in common. */
export interface ExecuteContext {
  readonly session: LinkSession;
  readonly outputBytesMax: number;
  /** Directory in the sandbox for outputs that are too long to return. */
  readonly savedDirectory: string;
  /** Names the saved output of a command; no other link of the workspace has the same. */
  readonly nextName: () => string;
  /** Wait beyond a command's own limit, and for the confirmation of a kill. */
  readonly graceMs: number;
  /** The background jobs of the link. */
  readonly jobs: () => ReadonlyArray<Job>;
  /** A clock that never goes back. */
  readonly nowMs: () => number;
}

type Outcome = Omit<ExecutionOutcome, "durationMs">;

/** Longest command: with its head it must fit one frame. */
export const commandBytesMax = payloadBytesMax - 1024;
/** Frames by which a command may take one piece of input, in bytes: a pipe takes it page by page at worst. */
const takenBytesMax = 16 * 4;
/** A limit on the wire is 32 bits of milliseconds. */
const timeoutMsMax = 0xffff_ffff;

/** Fails the link when an effect takes longer than it may; the effect then sees the link's error. */
export const withLastDeadline =
  (session: LinkSession, afterMs: number, what: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      const deadline = session.deadlines.begin(afterMs, what);
      return Effect.ensuring(effect, Effect.sync(() => session.deadlines.meet(deadline)));
    });

/** Why a command cannot be sent; undefined when it can. */
export const refusal = (command: Uint8Array): string | undefined =>
  command.includes(0)
    ? "the command holds a NUL byte"
    : command.length > commandBytesMax
    ? `the command is longer than ${commandBytesMax} bytes`
    : undefined;

/** A command under way; `onEnding` is called once, when the ending was not there yet. */
export interface Running {
  id: number;
  execution: Execution | undefined;
  ending: Ending | undefined;
  onEnding: ((ending: Ending) => void) | undefined;
}

/** What is started: its first frame, and what it is told beside output. */
export interface Begun extends Pick<ExecutionPlan, "onTaken" | "onDisplay" | "displayBytesMax"> {
  readonly kind: Ask;
  readonly encode: (timeoutMs: number, outputName: string) => ReadonlyArray<Uint8Array>;
}

type Limited = Pick<ExecutionRequest, "timeoutMs" | "onOutput">;

const start = (
  { session, outputBytesMax, savedDirectory, nextName }: ExecuteContext,
  request: Limited,
  begun: Begun,
) => {
  const outputName = nextName();
  const running: Running = { id: 0, execution: undefined, ending: undefined, onEnding: undefined };
  const { kind, encode, ...plan } = begun;
  const execution = new Execution(request, {
    ...plan,
    outputBytesMax,
    savedPath: `${savedDirectory}/${outputName}`,
    onEnding: (ending) => {
      if (running.ending !== undefined) return;
      running.ending = ending;
      if (ending._tag === "Threw") session.send(Ask.cancel, running.id);
      session.release(running.id);
      running.onEnding?.(ending);
    },
  });
  running.execution = execution;
  running.id = session.register(execution);
  const timeoutMs = Math.min(Math.max(1, Math.ceil(request.timeoutMs)), timeoutMsMax);
  session.send(kind, running.id, ...encode(timeoutMs, outputName));
  return running;
};

/** A command as it is started. */
const commandOf = (
  { outputBytesMax }: ExecuteContext,
  command: Uint8Array,
  onTaken?: (bytes: number) => void,
): Begun => ({
  kind: Ask.exec,
  encode: (timeoutMs, outputName) =>
    encodeExec({ timeoutMs, outputBytesMax, withStdin: onTaken !== undefined, outputName }, command),
  ...(onTaken !== undefined && { onTaken }),
});

const resultOf = ({ jobs }: ExecuteContext, ending: Ending): Effect.Effect<Outcome, SandboxError> => {
  switch (ending._tag) {
    case "Outcome":
      return Effect.succeed(withNote(ending.outcome, crowdNote(ending, jobs)));
    case "Refused":
      return Effect.succeed(withNote(notStarted(ending.why), crowdNote(ending, jobs)));
    case "Lost":
      return Effect.fail(ending.error);
    case "Threw":
      return Effect.die(ending.error);
  }
};

const ended = (running: Running): Effect.Effect<Ending> =>
  Effect.callback((resume) => {
    if (running.ending !== undefined) return resume(Effect.succeed(running.ending));
    const { onEnding } = running;
    running.onEnding = (ending) => {
      onEnding?.(ending);
      resume(Effect.succeed(ending));
    };
  });

/** Kills what still runs and waits until the supervisor says that it is dead. */
const kill = (context: ExecuteContext, running: Running): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (running.ending !== undefined) return Effect.void;
    context.session.send(Ask.cancel, running.id);
    return Effect.asVoid(
      withLastDeadline(context.session, context.graceMs, "a kill was not confirmed")(ended(running)),
    );
  });

const overdue = "a command outlived its limit";

/** A command that was started: how to end it and wait until it is dead. */
export interface Started {
  readonly kill: Effect.Effect<void>;
}

/** Starts a command and calls back with its end; on a dead link, at once. */
export const launch = (
  context: ExecuteContext,
  request: Limited,
  begun: Begun,
  onEnding: (ending: Ending) => void,
): Started => {
  const { session, graceMs } = context;
  if (session.failure !== undefined) {
    onEnding({ _tag: "Lost", error: session.failure });
    return { kill: Effect.void };
  }
  const running = start(context, request, begun);
  const deadline = session.deadlines.begin(request.timeoutMs + graceMs, overdue);
  running.onEnding = (ending) => {
    session.deadlines.meet(deadline);
    onEnding(ending);
  };
  if (running.ending !== undefined) running.onEnding(running.ending);
  return {
    kill: Effect.suspend(() => {
      session.deadlines.meet(deadline);
      return kill(context, running);
    }),
  };
};

/** Starts a command and waits for its end; whatever cuts the wait kills the whole tree first. */
const ending = (context: ExecuteContext, request: Limited, begun: Begun): Effect.Effect<Ending> =>
  // One step: nothing comes between what is sent and the finalizer.
  Effect.callback((resume) => launch(context, request, begun, (how) => resume(Effect.succeed(how))).kill);

/** Starts a command and waits for its end beside `also`; whatever cuts the wait kills the whole tree first. */
export const supervise = <E>(
  context: ExecuteContext,
  request: Limited,
  begun: Begun,
  also: (running: Running) => Effect.Effect<Ending, E>,
): Effect.Effect<Ending, E> =>
  // Nothing may interrupt between sending and the finalizer, or the command would be left running.
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const running = start(context, request, begun);
      const limitMs = request.timeoutMs + context.graceMs;
      const end = withLastDeadline(context.session, limitMs, overdue)(ended(running));
      return restore(Effect.raceFirst(end, also(running))).pipe(Effect.ensuring(kill(context, running)));
    })
  );

/** Makes an outcome and adds how long it took. */
export const timed = <A, E>(
  { nowMs }: ExecuteContext,
  make: () => Effect.Effect<A, E>,
): Effect.Effect<A & { readonly durationMs: number }, E> =>
  Effect.suspend(() => {
    const startedAtMs = nowMs();
    return Effect.map(make(), (result) => ({ ...result, durationMs: nowMs() - startedAtMs }));
  });

const begin = <E>(
  context: ExecuteContext,
  request: ExecutionRequest,
  run: (command: Uint8Array) => Effect.Effect<Ending, SandboxError | E>,
): Effect.Effect<ExecutionOutcome, SandboxError | E> =>
  timed(context, () => {
    if (context.session.failure !== undefined) return Effect.fail(context.session.failure);
    const command = textBytes(request.command);
    const refused = refusal(command);
    return refused === undefined
      ? Effect.flatMap(run(command), (how) => resultOf(context, how))
      : Effect.succeed(notStarted(refused));
  });

/** Runs a command; see the port's `execute`. */
export const execute =
  (context: ExecuteContext) => (request: ExecutionRequest): Effect.Effect<ExecutionOutcome, SandboxError> =>
    begin(context, request, (command) => ending(context, request, commandOf(context, command)));

/** Waits for a word to stop, kills what runs then, and yields how it ended. */
export const untilStopped = (
  context: ExecuteContext,
  running: Running,
  stop: Effect.Effect<void>,
): Effect.Effect<Ending> => stop.pipe(Effect.andThen(kill(context, running)), Effect.andThen(ended(running)));

/**
 * Runs a command that is killed with its whole tree when `stop` completes before it.
 *
 * *Details*: what it printed until then is in the outcome, as it is after a timeout.
 */
export const executeUntil =
  (context: ExecuteContext) =>
  (request: ExecutionRequest, stop: Effect.Effect<void>): Effect.Effect<ExecutionOutcome, SandboxError> =>
    begin(
      context,
      request,
      (command) =>
        supervise(context, request, commandOf(context, command), (running) => untilStopped(context, running, stop)),
    );

/**
 * Runs a command that reads bytes on its stdin; their end closes it.
 *
 * At most a window of bytes is ahead of what the command has read. A command that ends early leaves
 * the rest of the input unread, which is no failure; input that fails kills the command.
 */
export const executeWithInput = (context: ExecuteContext) =>
<E>(
  request: ExecutionRequest,
  input: Stream.Stream<Uint8Array, E>,
): Effect.Effect<ExecutionOutcome, SandboxError | E> =>
  begin(context, request, (command) => {
    let window = windowBytes;
    let onRoom: (() => void) | undefined;
    const room = Effect.callback<void>((resume) => {
      if (window > 0) return resume(Effect.void);
      onRoom = () => resume(Effect.void);
    });
    const pump = (running: Running) => {
      const pass = (piece: Uint8Array) =>
        Effect.map(room, () => {
          window -= piece.length;
          if (running.execution !== undefined) running.execution.allowance += takenBytesMax;
          context.session.send(Ask.stdin, running.id, piece);
        });
      return Stream.runForEach(input, (bytes) => Effect.forEach(piecesOf(bytes), pass, { discard: true })).pipe(
        Effect.andThen(Effect.sync(() => context.session.send(Ask.stdin, running.id))),
        Effect.andThen(Effect.never),
      );
    };
    const onTaken = (bytes: number) => {
      window += bytes;
      onRoom?.();
    };
    return supervise(context, request, commandOf(context, command, onTaken), pump);
  });
