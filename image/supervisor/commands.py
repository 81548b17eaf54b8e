"""Commands: started on a runner, their output carried and bounded, ended on time.

Each command has two deadlines here: its own, at which its runner is told to kill the tree, and a
later one for a runner that user code stopped or wedged.
"""

import errno
import os
import _signal as signal
import time
from _collections import deque

import files
import processes
import runner as runners
import wire
from capture import Capture
from oom import OomCounter
from pool import Pool

COMMANDS_MAX = 64  # At once; far above what one owner runs, far below what pids and descriptors allow.
READS_PER_TURN = 8  # Pieces read from one pipe before others get their turn.
READS_AT_END = 64  # Pieces read after the end; a pipe holds at most 16 once its writers are dead.
RUNNER_GRACE_SECONDS = runners.KILL_SECONDS_MAX + 1  # For a runner told to kill before it is killed itself.
ORPHAN_SECONDS_MAX = 0.5  # For killing what a lost runner left; after it, everything is killed.


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
        self.oom = OomCounter(settings.cgroup)
        self.active = {}
        self.paused = False
        self.jobs = None  # Until the first background job.
        self.pool = Pool(settings, self._on_fork, self._on_retire)

    # Starting ------------------------------------------------------------------------------------

    def start(self, ident, payload):
        """Runs the command of an EXEC frame."""
        timeout_ms, bound, flags, length = wire.EXEC_HEAD.unpack_from(payload)
        name = payload[wire.EXEC_HEAD.size : wire.EXEC_HEAD.size + length].decode("ascii")
        text = payload[wire.EXEC_HEAD.size + length :]
        if len(self.active) >= COMMANDS_MAX:
            raise OSError(errno.EAGAIN, "too many commands at once")
        files.make_artifacts_folder(self.settings.artifacts)
        oom_before = self.oom.read()  # The shell runs as soon as a runner has the text.
        if flags & wire.EXEC_BACKGROUND:
            stdout = stderr = self._load_jobs().begin(ident)
        else:
            saved = os.path.join(self.settings.workspace, ".caisson", "output")
            stdout, stderr = (Capture(bound, saved, f"{name}.{stream}") for stream in ("stdout", "stderr"))
        try:
            owner = self.pool.start(text, bool(flags & wire.EXEC_WITH_STDIN))
        except BaseException:
            if flags & wire.EXEC_BACKGROUND:
                self.jobs.drop(ident)
            raise
        command = Command(ident, owner, timeout_ms / 1000, stdout, stderr, oom_before)
        owner.command = command
        if self.active:
            command.alone = False
            for other in self.active.values():
                other.alone = False
        self.active[ident] = command
        self.pool.keep_spare(len(self.active))

    def read_job(self, ident, payload):
        """Answers with a part of what a background job printed."""
        self.outbox.send(wire.OK, ident, self._load_jobs().read(payload))

    def _load_jobs(self):
        if self.jobs is None:
            import jobs  # Only here: most sandboxes have no job.

            self.jobs = jobs.Jobs()
        return self.jobs

    def _on_fork(self, owner):
        self.loop.watch(owner.status, lambda: self._on_status(owner))
        if not self.paused:
            self._watch_output(owner)

    def _on_retire(self, owner):
        for fd in (owner.stdout, owner.stderr, owner.status, owner.stdin):
            self.loop.forget(fd)

    def _watch_output(self, owner):
        self.loop.watch(owner.stdout, lambda: self._on_output(owner, False, READS_PER_TURN))
        self.loop.watch(owner.stderr, lambda: self._on_output(owner, True, READS_PER_TURN))

    # Output --------------------------------------------------------------------------------------

    def pause(self):
        """Leaves the commands' pipes unread until `resume`: the server is behind."""
        self.paused = True
        for owner in self.pool.runners.values():
            self.loop.forget(owner.stdout)
            self.loop.forget(owner.stderr)

    def resume(self):
        self.paused = False
        for owner in self.pool.runners.values():
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
        if flags & runners.WAITING:
            owner.shell = code
            return
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
        if flags & runners.LEFT_BEHIND:
            command.flags |= wire.LEFT_BEHIND
        if flags & runners.KILLED and not command.told_to_die:
            command.flags |= wire.RUNNER_LOST
        self._finish(command, code)
        self.pool.release(owner)

    def _lose(self, owner):
        """Cleans up after a runner that ended or was killed without being asked."""
        owner.signal(signal.SIGKILL)
        command = owner.command
        if command is not None:
            if not self.kill_orphans(owner):
                command.flags |= wire.SURVIVORS
            if not command.told_to_die:
                command.flags |= wire.RUNNER_LOST
            self._finish(command, 137)
            owner.command = None
        self.pool.retire(owner)

    def kill_orphans(self, owner=None):
        """Kills what is below this process and below no runner but `owner`, and no worker; False when it cannot."""
        others = frozenset(pid for pid, runner in self.pool.runners.items() if runner is not owner) | self.loop.workers
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
        if self.oom.has_risen(command.oom_before):
            # Of several commands at once, the kernel does not say whose process it was.
            flags |= wire.OOM_KILLED if command.alone or code == 137 else wire.OOM_BESIDE
        if code and self.is_crowded():
            flags |= wire.CROWDED
        for capture, tail_kind, saved_flag in (
            (command.stdout, wire.STDOUT_TAIL, wire.STDOUT_SAVED),
            (command.stderr, wire.STDERR_TAIL, wire.STDERR_SAVED),
        ):
            tail = capture.tail()
            for at in range(0, len(tail), wire.PIECE_BYTES):
                self.outbox.send(tail_kind, command.id, tail[at : at + wire.PIECE_BYTES])
            flags |= saved_flag if capture.saved else 0
            flags |= wire.SAVED_IN_PART if capture.saved_in_part else 0
            capture.close()
        body = wire.EXIT_BODY.pack(code, flags, command.stdout.total, command.stderr.total)
        self.outbox.send(wire.EXIT, command.id, body)
        del self.active[command.id]

    def is_crowded(self):
        """Tells whether hardly a process is left, which is then why things fail."""
        import crowd  # Only here: most commands succeed.

        return crowd.is_full(self.settings.cgroup)

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
        spare = self.pool.next_wake()
        if spare is not None:
            wakes.append(spare)
        return min(wakes) if wakes else None

    def on_time(self, now):
        for command in list(self.active.values()):
            if now < command.deadline:
                continue
            if command.told_to_die:
                self._lose(command.runner)
            else:
                self._tell_to_die(command, wire.TIMED_OUT)
        self.pool.on_time(now)

    def close(self):
        """Tells every runner to kill what it runs and end."""
        for owner in self.pool.runners.values():
            owner.signal(signal.SIGTERM)
