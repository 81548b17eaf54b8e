/**
 * Cases of the Sandbox contract about code that attacks its own sandbox.
 */
import assert from "node:assert/strict";
import { Duration, Effect, Option, type Scope } from "effect";
import { kernelProof } from "../../../src/adapters/sandbox/docker/container.ts";
import type { ExecutionOutcome } from "../../../src/domain/Execution.ts";
import type { Owner } from "../../../src/domain/Owner.ts";
import type { SandboxHandle } from "../../../src/services/Sandbox.ts";
import { type CaseOptions, type Cases, cleaned, freshOwner, ok, run, text, using } from "./SandboxCases.ts";

/** What the next command must come back within after an abuse, on a machine that is idle. */
const recoveryMsMax = 1_000;
/** Or within so many times of what opening a sandbox and a command took before, where the machine is busy. */
const recoveryTimesMax = 3;
const abusesMax = 3;

/**
 * Runs an abuse and asserts that both its owner and another one can work again at once; a second and third time
 * where a busy machine made them wait.
 */
const recovers = <A, E>(abuse: (handle: SandboxHandle) => Effect.Effect<A, E, Scope.Scope>) =>
  Effect.gen(function* () {
    const waitedMs: Array<number> = [];
    while (waitedMs.length < abusesMax) {
      const [owner, other] = [freshOwner(), freshOwner()];
      const { result, beforeMs, longestMs } = yield* cleaned([owner, other], recoversBetween(owner, other, abuse));
      if (longestMs <= Math.max(recoveryMsMax, recoveryTimesMax * beforeMs)) return result;
      waitedMs.push(Math.round(longestMs));
    }
    return assert.fail(`the next commands took ${waitedMs.join(", ")} ms`);
  });

const recoversBetween = <A, E>(
  owner: Owner,
  other: Owner,
  abuse: (handle: SandboxHandle) => Effect.Effect<A, E, Scope.Scope>,
) =>
  Effect.gen(function* () {
    const [before] = yield* Effect.timed(using(other, (handle) => run(handle, "echo up")));
    const result = yield* using(owner, abuse);
    let longestMs = 0;
    for (const who of [owner, other]) {
      const [elapsed, stdout] = yield* using(who, (handle) => run(handle, "echo back")).pipe(
        Effect.map(ok),
        Effect.timed,
      );
      assert.equal(stdout, "back\n");
      longestMs = Math.max(longestMs, Duration.toMillis(elapsed));
    }
    return { result, beforeMs: Duration.toMillis(before), longestMs };
  });

/** Registers them for one adapter. */
export const abuseCases = ({ it }: Cases): void => {
  const abuse = (
    title: string,
    command: string,
    timeoutMs: number,
    about: CaseOptions,
    check: (outcome: ExecutionOutcome) => void = () => {},
  ) =>
    it(`execute hurts nobody when ${title}`, () =>
      Effect.map(
        recovers((handle) => Effect.option(run(handle, command, timeoutMs))),
        (outcome) => Option.match(outcome, { onNone: () => {}, onSome: check }),
      ), about);

  abuse("a fork bomb goes off", "bomb() { bomb | bomb & }; bomb; sleep 60", 1_500, { needs: "processBound" });
  abuse("output never ends", "yes", 1_000, { needs: "realProcesses" }, (outcome) => {
    assert.deepEqual([outcome.timedOut, outcome.truncated], [true, true]);
    assert.ok(outcome.stdout.length <= 2 * 65_536, `kept ${outcome.stdout.length}`);
  });
  abuse(
    "a program eats all memory",
    `python3 -c 'a = []\nwhile True: a.append(bytearray(1 << 20))'`,
    60_000,
    { needs: "memoryBound", settings: { sandboxMemoryMb: 192 } },
    (outcome) => assert.equal(outcome.oomKilled, true),
  );
  abuse(
    "the disk is filled",
    "i=0; while head -c 4194304 /dev/zero > fill$i 2>/dev/null && [ $i -lt 64 ]; do i=$((i+1)); done; echo full; rm -f fill*",
    60_000,
    { needs: "realProcesses", settings: { sandboxWorkspaceMb: 32 } },
  );
  abuse("it kills every process it can", "kill -9 -1; echo still here", 5_000, { needs: "selfKill" });
  abuse("it kills the first process", "kill -9 1; kill -TERM 1; kill -STOP 1; echo still here", 5_000, {
    needs: "selfKill",
  });

  it(
    "execute gives programs no kernel interface that nobody needs",
    () =>
      Effect.asVoid(recovers((handle) =>
        Effect.gen(function* () {
          assert.equal(ok(yield* run(handle, kernelProof)), "ok\n");
        })
      )),
    { needs: "realProcesses" },
  );

  it("execute gives no command a way into the shells that wait for later ones", () => {
    // Opens whatever it can of every other bash, beyond the three streams that all have.
    const snoop = `
import os, time
mine = {os.getpid(), os.getppid()}
def waiting():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if int(pid) not in mine and open(f"/proc/{pid}/comm").read() == "bash\\n": yield pid
        except OSError: pass
while not (found := list(waiting())): time.sleep(0.01)
opened = []
for pid in found:
    for fd in os.listdir(f"/proc/{pid}/fd"):
        if int(fd) < 3: continue
        try: opened.append(os.open(f"/proc/{pid}/fd/{fd}", os.O_RDWR | os.O_NONBLOCK))
        except OSError: pass
print(len(opened))
`;
    return Effect.asVoid(
      recovers((handle) =>
        Effect.gen(function* () {
          yield* handle.writeFile("snoop.py", text(snoop));
          assert.equal(ok(yield* run(handle, "python3 snoop.py")), "0\n");
        })
      ),
    );
  }, { needs: "realProcesses" });

  abuse(
    "it stops the shells that wait",
    'for p in /proc/[0-9]*; do p=${p#/proc/}; [ $p != $$ ] && [ "$(cat /proc/$p/comm)" = bash ] && kill -STOP $p; done 2>/dev/null; echo stopped',
    5_000,
    { needs: "realProcesses" },
    (outcome) => assert.equal(outcome.stdout, "stopped\n"),
  );
};
