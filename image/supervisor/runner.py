"""A runner: the process that owns one shell at a time and everything that shell starts.

A runner keeps a bash started ahead of need. That bash has read its environment and waits on a socket for
the command's text, so that a command waits for no fork and no exec. It is a socket because a file, a pipe
and a memory file of another process can be opened through /proc by any command of the same user, which
could then read or write what later commands run. When the shell ends, the runner kills what it left behind, reports, and starts the next bash.
A runner whose shell did not end by itself ends as well: nothing of such a command is ever reused.
"""

import os
import _signal as signal
import struct
import sys

import processes

STATUS = struct.Struct(">iB")  # exit code, flags; with WAITING, the pid of a shell that waits
KILLED, SURVIVORS, NO_SHELL, ENDING, LEFT_BEHIND, WAITING = 1, 2, 4, 8, 16, 32

# Seconds in which a tree must be dead; a fork bomb at its pids limit takes about 20 ms.
KILL_SECONDS_MAX = 3.0
# Added to the shell's badness, so that the kernel kills commands before their keepers.
OOM_SCORE_ABOVE_OURS = 300

# Descriptors of a runner. 0 to 2 are what its shells inherit.
STATUS_FD, LINE_FD = 3, 4
SHELL_LINE_FD = 9
LENGTH_DIGITS = 7  # Of the length of a command, which a frame bounds to a mebibyte.

# Everything before the first `read` runs ahead of need. The text comes behind its length in bytes, because
# bash reads a known length in large pieces. `eval` sees the text only after expansion, so the descriptor and
# the variable can be gone before the command's first word runs.
_WAITING_SHELL = (
    "printf {score} 2>/dev/null >/proc/self/oom_score_adj;"
    f"read -rN{LENGTH_DIGITS} -u{SHELL_LINE_FD}||exit;LC_ALL=C read -rN$REPLY -u{SHELL_LINE_FD}||exit;"
    f'eval "exec {SHELL_LINE_FD}<&-;unset REPLY;$REPLY"'
)


def line_of(text):
    """Returns what a waiting shell takes for a command."""
    return b"%0*d%b" % (LENGTH_DIGITS, len(text), text)


_CATCHABLE = [number for number in range(1, 32) if number not in (signal.SIGKILL, signal.SIGSTOP)]
_AWAITED = {signal.SIGCHLD, signal.SIGTERM}


def waiting_shell():
    """Returns the argv of a bash that waits for its command."""
    try:
        with open("/proc/self/oom_score_adj", encoding="utf-8") as file:
            score = min(1000, int(file.read()) + OOM_SCORE_ABOVE_OURS)
    except OSError:
        score = OOM_SCORE_ABOVE_OURS
    return ["bash", "-c", _WAITING_SHELL.format(score=score)]


class _Shell:
    """One bash and how it ended."""

    def __init__(self, argv, environment):
        self.code = None
        self.pid = os.posix_spawn(
            "/bin/bash",
            argv,
            environment,
            file_actions=[(os.POSIX_SPAWN_DUP2, LINE_FD, SHELL_LINE_FD)],
            setsid=True,
            setsigmask=(),
            setsigdef=_CATCHABLE,
        )

    def on_reaped(self, pid, status):
        if pid == self.pid:
            self.code = os.waitstatus_to_exitcode(status)


def run(argv, environment, workspace, once):
    """Serves commands until told to stop; never returns. Signals must be blocked already."""
    supervisor = os.getppid()
    processes.become_undumpable()
    processes.become_subreaper()
    processes.die_with_parent(signal.SIGTERM)
    while os.getppid() == supervisor:
        try:
            processes.enter(workspace)
            shell = _Shell(argv, environment)
            os.write(STATUS_FD, STATUS.pack(shell.pid, WAITING))
        except OSError as error:
            os.write(STATUS_FD, STATUS.pack(-(error.errno or 0), NO_SHELL | ENDING))
            break
        killed = False
        while shell.code is None:
            if signal.sigwaitinfo(_AWAITED).si_signo == signal.SIGTERM:
                killed = True
                break
            processes.reap(shell.on_reaped)
        clean, left_behind = processes.reap(shell.on_reaped), False
        if not clean:
            left_behind = not killed and bool(processes.descendants(os.getpid()))
            clean = processes.kill_descendants(KILL_SECONDS_MAX, on_reaped=shell.on_reaped)
        code = -signal.SIGKILL if shell.code is None else shell.code
        # A shell killed while it waited left its command unread, and the next one must not run it.
        ending = once or killed or not clean or code < 0
        flags = (KILLED if killed else 0) | (0 if clean else SURVIVORS) | (ENDING if ending else 0)
        flags |= LEFT_BEHIND if left_behind else 0
        os.write(STATUS_FD, STATUS.pack(code if code >= 0 else 128 - code, flags))
        if ending:
            break
    os._exit(0)


def settle(descriptors, stdin):
    """Gives a freshly forked runner its descriptors and closes every other one.

    `descriptors` are those of stdout, stderr, status and line, in this order; they must lie above
    the places they are moved to.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, _CATCHABLE)
    os.dup2(stdin, 0)
    for place, fd in enumerate(descriptors, start=1):
        os.dup2(fd, place, inheritable=place < STATUS_FD)
    os.closerange(LINE_FD + 1, 1 << 16)
    os.umask(0o022)
    sys.stdin = sys.stdout = sys.stderr = None
