"""The pool of runners: one more than are busy, so that a command waits for no fork.

Runners are used in turn, the one that rested longest first: its shell has had the time to get ready.
"""

# The modules of C alone, here and elsewhere: those around them cost milliseconds of every start and a megabyte.
import _socket
import errno
import fcntl
import os
import _signal as signal
import struct
import time
from _collections import deque

import processes
import runner as runners
import wire

IDLE_RUNNERS_MAX = 16
SURPLUS_SECONDS = 10  # Idle time after which all idle runners but one are let go.
FORK_PAUSE_SECONDS = 0.005  # Between a command's start and the fork that replaces its runner.
FORK_RETRY_SECONDS = 1  # After a fork that failed, or a waiting runner that died: the cause may last.
FIRST_FREE_FD = 32  # Descriptors for a child are moved above the places it will give them.
# A second, for a shell to take a text that is longer than a socket's buffer; one that stands still is given up.
_GIVE_TIME = struct.pack("ll", 1, 0)
SIGNAL_PIPE_BYTES = 4096  # One page: all pipes of a user, across sandboxes, count against one kernel limit.


def _shrink(fd):
    try:
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, SIGNAL_PIPE_BYTES)
    except OSError:
        pass  # A kernel that cannot only keeps a larger pipe.


class Runner:
    """The supervisor's end of a runner."""

    def __init__(self, argv, environment, workspace, with_stdin):
        pipes = []

        def pipe():
            pair = os.pipe2(os.O_CLOEXEC)
            pipes.extend(pair)
            return pair

        self.command = None
        self.shell = None  # The pid of its waiting shell, once it has told.
        self.doomed = with_stdin
        self.idle_since = 0.0
        try:
            self.stdout, stdout = pipe()
            self.stderr, stderr = pipe()
            self.status, status = pipe()
            _shrink(status)
            ours, theirs = _socket.socketpair()
            ours.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, _GIVE_TIME)
            self.line, line = ours.detach(), theirs.detach()
            pipes.extend((self.line, line))
            if with_stdin:
                stdin, self.stdin = pipe()
            else:
                stdin, self.stdin = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), None
                pipes.append(stdin)
            self.pid = processes.fork()
            if self.pid == 0:
                self._become(argv, environment, workspace, stdin, (stdout, stderr, status, line))
        except BaseException:
            for fd in pipes:
                os.close(fd)
            raise
        for fd in (stdout, stderr, status, line, stdin):
            os.close(fd)
        for fd in (self.stdout, self.stderr, self.status, self.stdin):
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
        """Lets the waiting shell run a text; False when the runner is gone or the shell does not take it."""
        view = memoryview(runners.line_of(text))
        try:
            while view:
                view = view[os.write(self.line, view) :]
        except OSError:
            return False
        return True

    def is_untouched(self):
        """Tells whether the waiting shell is still nobody's but ours: not stopped and not traced."""
        try:
            # A shell that was not told of yet has not begun to wait; then its runner must be at work.
            fd = os.open(f"/proc/{self.shell or self.pid}/status", os.O_RDONLY | os.O_CLOEXEC)
            status = os.read(fd, 1024)  # The lines looked for stand at its beginning.
            os.close(fd)
        except OSError:
            return False  # It has gone.
        return b"\nTracerPid:\t0\n" in status and b"\nState:\tT" not in status and b"\nState:\tt" not in status

    def signal(self, signum):
        try:
            os.kill(self.pid, signum)
        except OSError:
            pass  # It has gone; the end of its status pipe says so.

    def close(self):
        for fd in (self.stdout, self.stderr, self.status, self.line, self.stdin):
            if fd is not None:
                os.close(fd)


class Pool:
    """Runners, busy and idle; tells `on_fork` of each new one and `on_retire` before one goes."""

    def __init__(self, settings, on_fork, on_retire):
        self.runners = {}
        self._settings = settings
        self._argv = runners.waiting_shell()
        self._idle = deque()
        self._fork_at = time.monotonic()
        self._on_fork = on_fork
        self._on_retire = on_retire

    def start(self, text, with_stdin):
        """Returns a runner whose shell has begun to run a text."""
        while self._idle and not with_stdin:
            owner = self._idle.popleft()
            if owner.is_untouched() and owner.give(text):
                return owner
            self.retire(owner)
        owner = self._fork(with_stdin)
        if not owner.give(text):
            self.retire(owner)
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        return owner

    def keep_spare(self, busy):
        """Sees to it that soon there is a runner more than are busy."""
        if len(self.runners) <= busy and self._fork_at is None:
            self._fork_at = time.monotonic() + FORK_PAUSE_SECONDS

    def release(self, owner):
        """Takes a runner back whose command has ended, and its shell with it: the next one is told of when it waits."""
        owner.command = owner.shell = None
        if owner.doomed or len(self._idle) >= IDLE_RUNNERS_MAX:
            self.retire(owner)
        else:
            owner.idle_since = time.monotonic()
            self._idle.append(owner)

    def retire(self, owner):
        """Lets a runner go; one that still lives is told to end."""
        if owner in self._idle:
            self._idle.remove(owner)
        self.runners.pop(owner.pid, None)
        self._on_retire(owner)
        owner.signal(signal.SIGTERM)
        owner.close()
        if not self._idle and self._fork_at is None:
            self._fork_at = time.monotonic() + FORK_RETRY_SECONDS

    def next_wake(self):
        """Returns when `on_time` has work next, None for never."""
        surplus = self._idle[0].idle_since + SURPLUS_SECONDS if len(self._idle) > 1 else None
        if self._fork_at is None or surplus is None:
            return surplus if self._fork_at is None else self._fork_at
        return min(surplus, self._fork_at)

    def on_time(self, now):
        while len(self._idle) > 1 and now >= self._idle[0].idle_since + SURPLUS_SECONDS:
            self.retire(self._idle[0])
        if self._fork_at is None or now < self._fork_at:
            return
        self._fork_at = None
        try:
            owner = self._fork(False)
        except (OSError, wire.Refused):
            self._fork_at = now + FORK_RETRY_SECONDS
            return
        owner.idle_since = now
        self._idle.append(owner)

    def _fork(self, with_stdin):
        settings = self._settings
        owner = Runner(self._argv, settings.environment, settings.workspace, with_stdin)
        self.runners[owner.pid] = owner
        self._on_fork(owner)
        return owner
