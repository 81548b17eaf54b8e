"""Commands and the pool of runners that execute them.

The pool keeps one runner more than are busy. Each command has two deadlines here: its own, at which
the runner is told to kill the tree, and a later one for a runner that user code stopped or wedged.
"""

import errno
import fcntl
import os
import signal
import time
from collections import deque

import processes
import runner as runners
import wire
from capture import Capture

COMMANDS_MAX = 64  # At once; far above what one owner runs, far below what pids and descriptors allow.
READS_PER_TURN = 8  # Pieces read from one pipe before others get their turn.
READS_AT_END = 64  # Pieces read after the end; a pipe holds at most 16 once its writers are dead.
RUNNER_GRACE_SECONDS = runners.KILL_SECONDS_MAX + 1  # For a runner told to kill before it is killed itself.
ORPHAN_SECONDS_MAX = 0.5  # For killing what a lost runner left; after it, everything is killed.
IDLE_RUNNERS_MAX = 16
SURPLUS_SECONDS = 10  # Idle time after which all idle runners but one are let go.
FORK_PAUSE_SECONDS = 0.005  # Between a command's start and the fork that replaces its runner.
FORK_RETRY_SECONDS = 1  # After a fork that failed, or a waiting runner that died: the cause may last.
SIGNAL_PIPE_BYTES = 4096  # One page: all pipes of a user, across sandboxes, count against one kernel limit.
FIRST_FREE_FD = 32  # Descriptors for a child are moved above the places it will give them.


class OomCounter:
    """Reads how many processes the kernel killed in this sandbox for want of memory."""

    def __init__(self, directory):
        self._fd = None
        for name in ("memory.events", "memory/memory.oom_control"):  # cgroup v2, then v1
            try:
                self._fd = os.open(os.path.join(directory, name), os.O_RDONLY | os.O_CLOEXEC)
                break
            except OSError:
                continue  # Without a counter, no command is said to have been killed by the kernel.

    def read(self):
        if self._fd is None:
            return 0
        for line in os.pread(self._fd, 4096, 0).splitlines():
            if line.startswith(b"oom_kill "):
                return int(line.split()[1])
        return 0


class Runner:
    """The supervisor's end of a runner."""

    def __init__(self, argv, environment, workspace, with_stdin):
        pipes = []

        def pipe():
            pair = os.pipe2(os.O_CLOEXEC)
            pipes.extend(pair)
            return pair

        self.command = None
        self.doomed = with_stdin
        self.idle_since = 0.0
        try:
            self.stdout, stdout = pipe()
            self.stderr, stderr = pipe()
            self.status, status = pipe()
            go, self.go = pipe()
            for fd in (status, go):
                fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, SIGNAL_PIPE_BYTES)
            self.text = os.memfd_create("command", os.MFD_CLOEXEC)
            pipes.append(self.text)
            if with_stdin:
                stdin, self.stdin = pipe()
            else:
                stdin, self.stdin = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), None
                pipes.append(stdin)
            self.pid = os.fork()
            if self.pid == 0:
                self._become(argv, environment, workspace, stdin, (stdout, stderr, status, go, self.text))
        except BaseException:
            for fd in pipes:
                os.close(fd)
            raise
        for fd in (stdout, stderr, status, go, stdin):
            os.close(fd)
        for fd in (self.stdout, self.stderr, self.status, self.go, self.stdin):
            if fd is not None:
                os.set_blocking(fd, False)

    def _become(self, argv, environment, workspace, stdin, descriptors):
        try:
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE_FD) for fd in (stdin, *descriptors)]
            runners.settle(high[1:], high[0])
            runners.run(argv, environment, workspace, self.doomed)
        finally:
            os._exit(127)

    def give(self, text):
        """Lets the waiting shell run a text; False when the runner is gone."""
        os.ftruncate(self.text, 0)
        os.pwrite(self.text, text, 0)
        os.lseek(self.text, 0, os.SEEK_SET)  # The shell shares this offset.
        try:
            return os.write(self.go, b"\n") == 1
        except OSError:
            return False

    def signal(self, signum):
        try:
            os.kill(self.pid, signum)
        except OSError:
            pass  # It has gone; the end of its status pipe says so.

    def close(self):
        for fd in (self.stdout, self.stderr, self.status, self.go, self.text, self.stdin):
            if fd is not None:
                os.close(fd)


class Command:
    """A command that runs."""

    def __init__(self, ident, owner, timeout, stdout, stderr, oom_before):
        self.id = ident
        self.runner = owner
        self.deadline = time.monotonic() + timeout
        self.flags = 0
        self.stdout = stdout
        self.stderr = stderr
        self.oom_before = oom_before
        self.told_to_die = False
        self.alone = True
        self.input = deque()  # Bytes for its stdin that the pipe has not taken; None ends it.


class Commands:
    """Starts commands, carries their output, ends them on time."""

    def __init__(self, loop, outbox, settings):
        self.loop = loop
        self.outbox = outbox
        self.settings = settings
        self.argv = runners.waiting_shell()
        self.oom = OomCounter(settings.cgroup)
        self.active = {}
        self.runners = {}
        self.idle = deque()
        self.fork_at = time.monotonic()
        self.paused = False

    # Starting ------------------------------------------------------------------------------------

    def start(self, ident, payload):
        """Runs the command of an EXEC frame."""
        timeout_ms, bound, flags, length = wire.EXEC_HEAD.unpack_from(payload)
        name = payload[wire.EXEC_HEAD.size : wire.EXEC_HEAD.size + length].decode("ascii")
        text = payload[wire.EXEC_HEAD.size + length :]
        if len(self.active) >= COMMANDS_MAX:
            raise OSError(errno.EAGAIN, "too many commands at once")
        oom_before = self.oom.read()  # The shell runs as soon as a runner has the text.
        owner = self._ready_runner(text, bool(flags & wire.EXEC_WITH_STDIN))
        saved = os.path.join(self.settings.workspace, ".caisson", "output")
        command = Command(
            ident,
            owner,
            timeout_ms / 1000,
            Capture(bound, saved, f"{name}.stdout"),
            Capture(bound, saved, f"{name}.stderr"),
            oom_before,
        )
        owner.command = command
        if self.active:
            command.alone = False
            for other in self.active.values():
                other.alone = False
        self.active[ident] = command
        if len(self.runners) <= len(self.active) and self.fork_at is None:
            self.fork_at = time.monotonic() + FORK_PAUSE_SECONDS

    def _ready_runner(self, text, with_stdin):
        while self.idle and not with_stdin:
            owner = self.idle.popleft()
            if owner.give(text):
                return owner
            self._lose(owner)
        owner = self._fork(with_stdin)
        owner.give(text)
        return owner

    def _fork(self, with_stdin=False):
        settings = self.settings
        owner = Runner(self.argv, settings.environment, settings.workspace, with_stdin)
        self.runners[owner.pid] = owner
        self.loop.watch(owner.status, lambda: self._on_status(owner))
        if not self.paused:
            self._watch_output(owner)
        return owner

    def _watch_output(self, owner):
        self.loop.watch(owner.stdout, lambda: self._on_output(owner, False, READS_PER_TURN))
        self.loop.watch(owner.stderr, lambda: self._on_output(owner, True, READS_PER_TURN))

    # Output --------------------------------------------------------------------------------------

    def pause(self):
        """Leaves the commands' pipes unread until `resume`: the server is behind."""
        self.paused = True
        for owner in self.runners.values():
            self.loop.forget(owner.stdout)
            self.loop.forget(owner.stderr)

    def resume(self):
        self.paused = False
        for owner in self.runners.values():
            self._watch_output(owner)

    def _on_output(self, owner, is_stderr, reads_max):
        fd = owner.stderr if is_stderr else owner.stdout
        command = owner.command
        for _ in range(reads_max):
            try:
                data = os.read(fd, wire.PIECE_BYTES)
            except BlockingIOError:
                return
            if not data:
                self.loop.forget(fd)  # The runner is gone; its status pipe tells the rest.
                return
            if command is None:
                continue  # Printed by nobody we run: a leftover that outlived its command.
            live = (command.stderr if is_stderr else command.stdout).feed(data)
            if live:
                self.outbox.send(wire.STDERR if is_stderr else wire.STDOUT, command.id, live)
            if len(data) < wire.PIECE_BYTES:
                return  # The pipe is empty, or will say again that it is not.

    # Ending --------------------------------------------------------------------------------------

    def cancel(self, ident):
        """Kills a command; its EXIT frame confirms."""
        command = self.active.get(ident)
        if command is not None:
            self._tell_to_die(command, wire.CANCELLED)

    def _tell_to_die(self, command, flag):
        if command.told_to_die:
            return
        command.told_to_die = True
        command.flags |= flag
        command.runner.doomed = True
        command.deadline = time.monotonic() + RUNNER_GRACE_SECONDS
        processes.freeze(command.runner.pid)
        command.runner.signal(signal.SIGTERM)

    def _on_status(self, owner):
        try:
            record = os.read(owner.status, runners.STATUS.size)
        except BlockingIOError:
            return
        command = owner.command
        if len(record) < runners.STATUS.size:
            self._lose(owner)
            return
        code, flags = runners.STATUS.unpack(record)
        if flags & runners.ENDING:
            owner.doomed = True
        if command is None:
            self._lose(owner)  # Something killed its shell while it waited.
            return
        if flags & runners.NO_SHELL:
            reason = os.strerror(-code)
            self.outbox.send(wire.STDERR, command.id, f"bash: cannot start: {reason}\n".encode())
            code = 126
        if flags & runners.SURVIVORS:
            command.flags |= wire.SURVIVORS
        if flags & runners.KILLED and not command.told_to_die:
            command.flags |= wire.RUNNER_LOST
        self._finish(command, code)
        owner.command = None
        if owner.doomed or len(self.idle) >= IDLE_RUNNERS_MAX:
            self._retire(owner)
        else:
            owner.idle_since = time.monotonic()
            self.idle.append(owner)

    def _lose(self, owner):
        """Cleans up after a runner that ended or was killed without being asked."""
        owner.signal(signal.SIGKILL)
        command = owner.command
        if owner in self.idle:
            self.idle.remove(owner)
        if command is not None:
            if not self._kill_orphans(owner):
                command.flags |= wire.SURVIVORS
            if not command.told_to_die:
                command.flags |= wire.RUNNER_LOST
            self._finish(command, 137)
            owner.command = None
        self._retire(owner)
        if not self.idle and self.fork_at is None:
            self.fork_at = time.monotonic() + FORK_RETRY_SECONDS

    def _kill_orphans(self, owner):
        others = frozenset(pid for pid in self.runners if pid != owner.pid) | self.loop.workers
        if processes.kill_descendants(ORPHAN_SECONDS_MAX, others, self.loop.on_reaped):
            return True
        if os.getpid() != 1:
            return False
        os.kill(-1, signal.SIGKILL)  # Spares process 1 alone and cannot be outrun by forks.
        return True

    def _finish(self, command, code):
        for is_stderr in (False, True):
            self._on_output(command.runner, is_stderr, READS_AT_END)
        flags = command.flags
        if self.oom.read() > command.oom_before and (command.alone or code == 137):
            flags |= wire.OOM_KILLED
        for capture, tail_kind, saved_flag in (
            (command.stdout, wire.STDOUT_TAIL, wire.STDOUT_SAVED),
            (command.stderr, wire.STDERR_TAIL, wire.STDERR_SAVED),
        ):
            tail = capture.tail()
            if tail:
                self.outbox.send(tail_kind, command.id, tail)
            flags |= saved_flag if capture.saved else 0
            flags |= wire.SAVED_IN_PART if capture.saved_in_part else 0
            capture.close()
        body = wire.EXIT_BODY.pack(code, flags, command.stdout.total, command.stderr.total)
        self.outbox.send(wire.EXIT, command.id, body)
        del self.active[command.id]

    def _retire(self, owner):
        """Lets a runner go; one that still lives ends with its supervisor's signal."""
        self.runners.pop(owner.pid, None)
        for fd in (owner.stdout, owner.stderr, owner.status):
            self.loop.forget(fd)
        if owner.stdin is not None:
            self.loop.forget(owner.stdin)
        owner.signal(signal.SIGTERM)
        owner.close()

    # Stdin ---------------------------------------------------------------------------------------

    def feed(self, ident, data):
        """Passes bytes to a command's stdin; no bytes close it."""
        command = self.active.get(ident)
        if command is None or command.runner.stdin is None:
            return
        command.input.append(data or None)
        self._pump_input(command)

    def _pump_input(self, command):
        owner = command.runner
        while command.input and owner.stdin is not None:
            data = command.input[0]
            try:
                if data is None:
                    raise BrokenPipeError
                written = os.write(owner.stdin, data)
            except BlockingIOError:
                self.loop.watch_writable(owner.stdin, lambda: self._pump_input(command))
                return
            except OSError:
                self.loop.forget(owner.stdin)
                os.close(owner.stdin)
                owner.stdin = None
                command.input.clear()
                return
            self.outbox.send(wire.TAKEN, command.id, written.to_bytes(4, "big"))
            if written < len(data):
                command.input[0] = data[written:]
            else:
                command.input.popleft()
        if owner.stdin is not None:
            self.loop.forget(owner.stdin)

    # Time ----------------------------------------------------------------------------------------

    def next_wake(self):
        """Returns when `on_time` has work next, None for never."""
        wakes = [command.deadline for command in self.active.values()]
        if self.fork_at is not None:
            wakes.append(self.fork_at)
        if len(self.idle) > 1:
            wakes.append(self.idle[0].idle_since + SURPLUS_SECONDS)
        return min(wakes) if wakes else None

    def on_time(self, now):
        for command in list(self.active.values()):
            if now < command.deadline:
                continue
            if command.told_to_die:
                self._lose(command.runner)
            else:
                self._tell_to_die(command, wire.TIMED_OUT)
        while len(self.idle) > 1 and now >= self.idle[0].idle_since + SURPLUS_SECONDS:
            self._retire(self.idle.popleft())
        if self.fork_at is not None and now >= self.fork_at:
            self.fork_at = None
            self._fork_spare(now)

    def _fork_spare(self, now):
        try:
            owner = self._fork()
        except OSError:
            self.fork_at = now + FORK_RETRY_SECONDS
            return
        owner.idle_since = now
        self.idle.append(owner)

    def close(self):
        """Tells every runner to kill what it runs and end."""
        for owner in self.runners.values():
            owner.signal(signal.SIGTERM)
