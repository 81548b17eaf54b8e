/**
 * A program as a process: how signals end it, and with which exit code.
 */
import process from "node:process";
import { Cause, Exit, Runtime } from "effect";
import { typedCommand } from "./root.ts";

/**
 * The arguments of this process, which may be these and no others.
 *
 * *Details*: what is set differently is told on standard error with the way to do it, and the process ends with 2.
 */
export const argumentsAmong = (accepted: ReadonlyArray<string>): ReadonlySet<string> => {
  const found = process.argv.slice(2);
  const other = found.find((argument) => !accepted.includes(argument));
  if (other === undefined) return new Set(found);
  process.stderr.write(
    `unexpected ${JSON.stringify(other)}: ${
      accepted.join(", ")
    } is all that can be said here. Settings are variables ` +
      `of the environment or lines of .env; ${typedCommand} serve and mcp take ` +
      "them as flags, which --help lists\n",
  );
  process.exit(2);
};

/** What a shell reports of a program that a signal ended, by signal. */
const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

type Signal = keyof typeof exitCodes;

const signals: ReadonlyArray<Signal> = ["SIGINT", "SIGTERM"];

/** Signals this close are one wish: a terminal sends Ctrl-C to a task and its program, and the task passes it on. */
const sameWishMs = 500;

/** A program that was asked to stop and did has done its work; whatever else ends it is a failure. */
const teardown: Runtime.Teardown = (exit, onExit) =>
  onExit(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? 0 : 1);

/**
 * Runs a program as this process.
 *
 * *Details*: the first `SIGINT` or `SIGTERM` asks it to stop and waits; the second ends the process at once with the
 * code that shells know. A program that stopped when it was asked to exits with 0, one that failed with 1; what
 * was wrong it has said itself.
 */
export const runProcess = Runtime.makeRunMain(({ fiber, teardown: onEnd }) => {
  let askedAtMs: number | undefined;
  const onSignal = (signal: Signal) => {
    const nowMs = performance.now();
    if (askedAtMs === undefined) {
      askedAtMs = nowMs;
      fiber.interruptUnsafe(fiber.id);
    } else if (nowMs - askedAtMs > sameWishMs) process.exit(exitCodes[signal]);
  };
  const listeners = signals.map((signal) => [signal, () => onSignal(signal)] as const);
  for (const [signal, listener] of listeners) process.on(signal, listener);
  fiber.addObserver((exit) => {
    onEnd(exit, (code) => {
      for (const [signal, listener] of listeners) process.removeListener(signal, listener);
      // Connections that clients keep open, and timers of libraries, would hold the process.
      if (askedAtMs !== undefined || code !== 0) process.exit(code);
    });
  });
});

/** Options for every entry: failures are explained by the program, exit codes are ours. */
export const entryOptions = { disableErrorReporting: true, teardown } as const;
