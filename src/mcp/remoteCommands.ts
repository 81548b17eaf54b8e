/**
 * The commands that run for remote callers: each can be ended by its name, and all of them end with the
 * server, which tells their callers.
 */
import { Deferred, type Duration, Effect } from "effect";
import { SandboxError, SandboxLost } from "../services/Sandbox.ts";

/** A command under way. */
interface Running {
  /** Fails the command with this error, which interrupts it first. */
  readonly stopped: Deferred.Deferred<never, SandboxError>;
  /** Completed when nothing of it is left. */
  readonly ended: Deferred.Deferred<void>;
}

/** The commands of one server. */
export interface RemoteCommands {
  /** Runs a command under a name of its caller's, which nobody else can choose. */
  readonly run: <A, E>(name: string, command: Effect.Effect<A, E>) => Effect.Effect<A, E | SandboxError>;
  /** Ends a command and waits until nothing of it is left; one that is not known has ended. */
  readonly stop: (name: string) => Effect.Effect<void>;
  /** Waits until the server leaves. */
  readonly leaving: Effect.Effect<void>;
  /** Begins to leave: waits for what runs, at most for the grace, and ends the rest. */
  readonly drain: (grace: Duration.Duration) => Effect.Effect<void>;
}

const lost = (detail: string) => new SandboxError({ reason: new SandboxLost(), detail });

/** Makes the commands of a server: none. */
export const makeRemoteCommands: Effect.Effect<RemoteCommands> = Effect.gen(function* () {
  const commands = new Map<string, Running>();
  const leaving = yield* Deferred.make<void>();

  const end = ({ stopped, ended }: Running, error: SandboxError) =>
    Effect.andThen(Deferred.fail(stopped, error), Deferred.await(ended));

  return {
    run: <A, E>(name: string, command: Effect.Effect<A, E>) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          const running: Running = {
            stopped: yield* Deferred.make<never, SandboxError>(),
            ended: yield* Deferred.make<void>(),
          };
          commands.set(name, running);
          return yield* restore(Effect.raceFirst(command, Deferred.await(running.stopped))).pipe(
            Effect.ensuring(Effect.suspend(() => {
              if (commands.get(name) === running) commands.delete(name);
              return Deferred.succeed(running.ended, undefined);
            })),
          );
        })
      ),
    stop: (name) =>
      Effect.suspend(() => {
        const running = commands.get(name);
        return running === undefined ? Effect.void : end(running, lost("its caller ended the command"));
      }),
    leaving: Deferred.await(leaving),
    drain: (grace) =>
      Effect.gen(function* () {
        yield* Deferred.succeed(leaving, undefined);
        yield* Effect.forEach(
          [...commands.values()],
          (running) =>
            Deferred.await(running.ended).pipe(
              Effect.timeoutOption(grace),
              Effect.andThen(end(running, lost("the server is stopping"))),
            ),
          { concurrency: "unbounded", discard: true },
        );
      }),
  };
});
