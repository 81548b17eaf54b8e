/** Commands on the real supervisor. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { Deferred, Effect, Fiber, Stream } from "effect";
import type { SupervisorLink } from "../../../../../src/adapters/sandbox/supervisor/SupervisorLink.ts";
import { it } from "../../../../support/it.ts";
import { outlived } from "../../../../support/outlived.ts";
import { hostSupervisor } from "./hostSupervisor.ts";

/** Which of these processes still exist, asked through the link because Deno keeps /proc to itself. */
const aliveOf = (link: SupervisorLink, pids: ReadonlyArray<number>) =>
  Effect.map(
    link.execute({ command: `for p in ${pids.join(" ")}; do [ -e /proc/$p ] && echo $p; done`, timeoutMs: 60_000 }),
    ({ stdout }) => stdout.split("\n").filter((line) => line !== "").map(Number),
  );

it.live("execute returns exit code, stdout and stderr when a command ends", () =>
  Effect.gen(function* () {
    const { link } = yield* hostSupervisor();
    const outcome = yield* link.execute({ command: "echo out; echo err >&2; exit 3", timeoutMs: 60_000 });
    const { durationMs, ...rest } = outcome;
    assert.deepEqual(rest, {
      exitCode: 3,
      stdout: "out\n",
      stderr: "err\n",
      timedOut: false,
      truncated: false,
      oomKilled: false,
      stdoutBytes: 4,
      stderrBytes: 4,
    });
    assert.ok(durationMs > 0);
  }));

it.live("execute gives every command a fresh shell when runners are used again", () =>
  Effect.gen(function* () {
    const { link, workspace, tools } = yield* hostSupervisor();
    yield* link.execute({ command: "X=1; export X; cd /; umask 077; set -e; alias a=b; exec 9>&1", timeoutMs: 60_000 });
    for (let round = 0; round < 4; round++) {
      const { stdout } = yield* link.execute({
        command: 'echo "[$X] $PWD $HOME $(umask) $PYTHONPATH $PYTHONUNBUFFERED $MPLBACKEND [$REPLY] $0 $-"',
        timeoutMs: 60_000,
      });
      assert.equal(stdout, `[] ${workspace} ${workspace} 0022 ${tools} 1 Agg [] bash hBc\n`);
    }
  }));

it.live("execute uses its runners again, however soon after a command the next one comes", () =>
  Effect.gen(function* () {
    const { link } = yield* hostSupervisor();
    const atOnce = 4;
    const outcomes = yield* Effect.forEach(
      Array.from({ length: 60 }),
      () => link.execute({ command: "echo $PPID", timeoutMs: 60_000 }),
      { concurrency: atOnce },
    );
    const runners = new Set(outcomes.map(({ stdout }) => stdout));
    assert.ok(runners.size <= atOnce + 1, `${runners.size} runners for ${atOnce} commands at once`);
  }));

it.live("execute hands the command text over unchanged when it holds any character", () =>
  Effect.gen(function* () {
    const { link } = yield* hostSupervisor();
    const texts = ["", "  a  b ", "\\n\\", "\t\u0001\u007f", "é日😀", "'\"`$x*", "a\n\nb\n", "x".repeat(200_000)];
    for (const text of texts) {
      const outcome = yield* link.execute({
        command: `cat <<'END' | od -An -v -tx1 | tr -d ' \\n'\n${text}\nEND\n`,
        timeoutMs: 60_000,
      });
      const expected = new TextEncoder().encode(`${text}\n`);
      const shown = [...expected].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      if (outcome.truncated) assert.equal(outcome.stdoutBytes, shown.length);
      else assert.equal(outcome.stdout, shown);
    }
  }));

it.live("execute keeps partial output and kills the whole tree when a command times out", () =>
  Effect.gen(function* () {
    const { link, workspace } = yield* hostSupervisor();
    writeFileSync(
      `${workspace}/escape.sh`,
      `trap '' TERM INT HUP
       record() { echo $BASHPID >> ${workspace}/pids; while :; do sleep 1; done; }
       record & setsid bash -c "trap '' TERM; echo \\$\\$ >> ${workspace}/pids; sleep 1000; :" &
       env -i bash -c 'setsid bash -c "(setsid bash -c \\"echo \\\\\\$\\\\\\$ >> ${workspace}/pids; sleep 1000; :\\" &) ; exit" &'
       while [ "$(wc -l < ${workspace}/pids 2>/dev/null || echo 0)" -lt 3 ]; do sleep 0.05; done
       echo partial; echo warning >&2; sleep 1000`,
    );
    const outcome = yield* outlived(
      (timeoutMs) => link.execute({ command: "rm -f pids; bash escape.sh", timeoutMs }),
      ({ stderr }) => stderr.includes("warning"),
      1_000,
    );
    assert.equal(outcome.exitCode, 124);
    assert.equal(outcome.timedOut, true);
    assert.equal(outcome.stdout, "partial\n");
    assert.match(outcome.stderr, /warning/);
    assert.ok(outcome.durationMs >= 1_000, `${outcome.durationMs}`);
    const pids = readFileSync(`${workspace}/pids`, "utf8").trim().split("\n").map(Number);
    assert.equal(pids.length, 3);
    assert.deepEqual(yield* aliveOf(link, pids), []);
  }));

it.live("execute ends background processes when the shell ends", () =>
  Effect.gen(function* () {
    const { link } = yield* hostSupervisor();
    const { stdout } = yield* link.execute({ command: "setsid sleep 1000 & echo $!", timeoutMs: 60_000 });
    assert.deepEqual(yield* aliveOf(link, [Number(stdout)]), []);
  }));

it.live("execute has killed the whole tree when its interruption completes", () =>
  Effect.gen(function* () {
    const { link } = yield* hostSupervisor();
    const seen = yield* Deferred.make<string>();
    const fiber = yield* Effect.forkChild(link.execute({
      command: "(trap '' TERM; setsid sleep 1000 & echo $!; wait)",
      timeoutMs: 60_000,
      onOutput: (_, text) => void Deferred.doneUnsafe(seen, Effect.succeed(text)),
    }));
    const pid = Number(yield* Deferred.await(seen));
    assert.deepEqual(yield* aliveOf(link, [pid]), [pid]);
    yield* Fiber.interrupt(fiber);
    assert.deepEqual(yield* aliveOf(link, [pid]), []);
    assert.equal((yield* link.execute({ command: "echo next", timeoutMs: 60_000 })).stdout, "next\n");
  }));

it.live("execute runs commands side by side when several are asked for", () =>
  Effect.gen(function* () {
    const { link, workspace } = yield* hostSupervisor();
    // Each waits for all the others: only together can they end.
    const outcomes = yield* Effect.forEach(
      Array.from({ length: 8 }, (_, index) => index),
      (index) =>
        link.execute({
          command:
            `touch ${workspace}/at-$(( ${index} )); while [ $(ls | grep -c at-) -lt 8 ]; do sleep 0.02; done; echo ${index}`,
          timeoutMs: 60_000,
        }),
      { concurrency: "unbounded" },
    );
    assert.deepEqual(outcomes.map((outcome) => outcome.stdout), Array.from({ length: 8 }, (_, index) => `${index}\n`));
  }));

it.live("execute keeps head and tail and saves the whole when output exceeds the bound", () =>
  Effect.gen(function* () {
    const { link, workspace } = yield* hostSupervisor({ outputBytesMax: 2048 });
    const outcome = yield* link.execute({ command: "seq 1 20000; seq 5 >&2", timeoutMs: 60_000 });
    const whole = Array.from({ length: 20000 }, (_, index) => `${index + 1}\n`).join("");
    assert.equal(outcome.truncated, true);
    assert.equal(outcome.stdoutBytes, whole.length);
    assert.equal(outcome.stderr, "1\n2\n3\n4\n5\n");
    assert.ok(new TextEncoder().encode(outcome.stdout).length <= 2048);
    const [start, end] = outcome.stdout.split(/\n\[… .* …\]\n/);
    assert.ok(start !== undefined && start.length > 800 && whole.startsWith(start));
    assert.ok(end !== undefined && end.length > 800 && whole.endsWith(end));
    assert.ok(outcome.outputPath?.startsWith(`${workspace}/.caisson/output/`));
    assert.ok(outcome.stdout.includes(outcome.outputPath ?? "?"));
    assert.equal(readFileSync(outcome.outputPath ?? "", "utf8"), whole);
  }));

it.live("execute stays within bounds when a command prints for ever", () =>
  Effect.gen(function* () {
    const { link, pid } = yield* hostSupervisor();
    const rss = Effect.map(
      link.execute({ command: `awk '/VmRSS/ { print $2 }' /proc/${pid}/status`, timeoutMs: 60_000 }),
      ({ stdout }) => Number(stdout),
    );
    const before = yield* rss;
    const outcome = yield* outlived(
      (timeoutMs) => link.execute({ command: "yes & yes >&2", timeoutMs }),
      ({ stdoutBytes }) => stdoutBytes > 4e7,
      1_000,
    );
    assert.equal(outcome.exitCode, 124);
    assert.ok(outcome.stdoutBytes > 4e7, `${outcome.stdoutBytes}`);
    assert.ok(outcome.stdout.length <= 64 * 1024 && outcome.stderr.length <= 64 * 1024);
    const after = yield* rss;
    assert.ok(before > 0 && after - before < 8 * 1024, `${before} to ${after} KiB`);
    assert.equal(statSync(outcome.outputPath ?? "").size, 32 * 1024 * 1024);
    assert.match(outcome.note ?? "", /only its beginning/);
  }));

it.live("execute decodes characters that pieces cut and replaces what is not UTF-8", () =>
  Effect.gen(function* () {
    const { link } = yield* hostSupervisor();
    const live: Array<string> = [];
    const outcome = yield* link.execute({
      command: `printf '\\xf0\\x9f'; sleep 0.1; printf '\\x98\\x80|\\xff|\\xc3'`,
      timeoutMs: 60_000,
      onOutput: (_, text) => void live.push(text),
    });
    assert.equal(outcome.stdout, "😀|\ufffd|\ufffd");
    assert.equal(live.join(""), outcome.stdout);
  }));

it.live("executeWithInput feeds stdin and closes it when the input ends", () =>
  Effect.gen(function* () {
    const { link } = yield* hostSupervisor();
    const piece = new Uint8Array(200_000).fill(97);
    const outcome = yield* link.executeWithInput(
      { command: "wc -c", timeoutMs: 60_000 },
      Stream.fromIterable(Array.from({ length: 20 }, () => piece)),
    );
    assert.equal(outcome.stdout, "4000000\n");
    const ignored = yield* link.executeWithInput(
      { command: "echo early", timeoutMs: 60_000 },
      Stream.forever(Stream.make(piece)),
    );
    assert.equal(ignored.stdout, "early\n");
  }));

it.live("execute says that the kernel killed for memory when the cgroup's counter rose", () =>
  Effect.gen(function* () {
    for (const file of ["memory.events", "memory/memory.oom_control"]) {
      const { link, cgroup } = yield* hostSupervisor({}, { counterFile: file });
      const quiet = yield* link.execute({ command: "exit 137", timeoutMs: 60_000 });
      assert.equal(quiet.oomKilled, false);
      const killed = yield* link.execute({
        command: `printf 'oom 2\\noom_kill 2\\n' > ${cgroup}/${file}; exit 137`,
        timeoutMs: 60_000,
      });
      assert.equal(killed.oomKilled, true);
      assert.equal(killed.exitCode, 137);
    }
  }));

it.live("execute reports a killed runner and the next command works when user code kills its parent", () =>
  Effect.gen(function* () {
    const { link } = yield* hostSupervisor();
    const outcome = yield* link.execute({
      command: "echo before; setsid sleep 1000 & kill -9 $PPID; sleep 1000",
      timeoutMs: 60_000,
    });
    assert.equal(outcome.exitCode, 137);
    assert.equal(outcome.stdout, "before\n");
    assert.match(outcome.note ?? "", /was killed/);
    assert.equal((yield* link.execute({ command: "echo next", timeoutMs: 60_000 })).stdout, "next\n");
  }));

it.live("execute ends on time when user code stops its runner", () =>
  Effect.gen(function* () {
    const { link } = yield* hostSupervisor();
    const outcome = yield* link.execute({ command: "kill -STOP $PPID; sleep 1000", timeoutMs: 300 });
    assert.equal(outcome.exitCode, 124);
    assert.equal((yield* link.execute({ command: "echo next", timeoutMs: 60_000 })).stdout, "next\n");
  }));

it.live("execute runs commands in the root when the workspace is gone", () =>
  Effect.gen(function* () {
    const { link, workspace } = yield* hostSupervisor();
    rmSync(workspace, { recursive: true });
    // The shells made ready before still stand in the directory that was removed.
    yield* Effect.forEach([1, 2, 3, 4], () => link.execute({ command: ":", timeoutMs: 60_000 }), { discard: true });
    assert.equal((yield* link.execute({ command: "pwd", timeoutMs: 60_000 })).stdout, "/\n");
    yield* link.writeFile("back", new Uint8Array(1));
    assert.equal((yield* link.execute({ command: `cat ${workspace}/back | wc -c`, timeoutMs: 60_000 })).stdout, "1\n");
  }));
