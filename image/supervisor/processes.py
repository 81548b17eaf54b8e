"""Process trees: finding every descendant, and killing all of them.

A process can leave its group and its session but not its ancestry: whatever is orphaned below a
subreaper becomes that subreaper's child. That is what makes "the whole tree is dead" provable.
"""

import errno
import os
import _signal as signal
import time

import libc
import wire

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 1, 4, 36

# Processes in the sandbox from which on a command may be a fork bomb that would starve us of the CPU.
_CROWD = 32
# Pause between two looks at a tree that has been killed but not reaped.
_REAP_PAUSE_SECONDS = 0.002


def fork():
    """Forks as `os.fork` does, and says by name that no process is left."""
    try:
        return os.fork()
    except OSError as error:
        if error.errno != errno.EAGAIN:
            raise
        raise wire.Refused(wire.NO_PROCESS_LEFT, "no process is left in the sandbox") from error


def die_with_parent(signum):
    """Asks the kernel to send this process a signal when its parent dies."""
    libc.prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0)


def become_subreaper():
    """Makes every orphan below this process its child."""
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def become_undumpable():
    """Keeps code of the same user from tracing this process and from opening its descriptors."""
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def enter(directory):
    """Makes a directory current, or the root when it cannot be entered.

    A workspace that a command closed to its own user is opened again: otherwise no later command could
    start there to undo it.
    """
    try:
        try:
            os.chdir(directory)
        except PermissionError:
            os.chmod(directory, 0o755)
            os.chdir(directory)
    except OSError:
        os.chdir("/")


def _parents():
    """Maps each live process to its parent, zombies left out."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb", buffering=0) as stat:
                # The name of the program stands in parentheses and may itself hold any byte.
                fields = stat.read(1024).rpartition(b")")[2].split(None, 2)
        except OSError:
            continue
        if len(fields) > 1 and fields[0] not in (b"Z", b"X"):
            found[int(name)] = int(fields[1])
    return found


def descendants(root, spare=frozenset()):
    """Lists the live descendants of a process, leaving out those in `spare` and all below them."""
    children = {}
    for pid, parent in _parents().items():
        children.setdefault(parent, []).append(pid)
    found, todo = [], [root]
    while todo:
        below = [pid for pid in children.get(todo.pop(), ()) if pid not in spare]
        found += below
        todo += below
    return found


def freeze(root):
    """Stops everything below `root` at once when the sandbox is crowded; only for process 1.

    One signal to all is atomic with respect to fork, so nothing escapes and nothing competes for the
    CPU while the rest of the sandbox, which stood still for a moment, is let go again.
    """
    if os.getpid() != 1 or sum(name.isdigit() for name in os.listdir("/proc")) < _CROWD:
        return
    os.kill(-1, signal.SIGSTOP)
    doomed = set(descendants(root))
    _signal_all([pid for pid in _parents() if pid not in doomed and pid != 1], signal.SIGCONT)


def _signal_all(pids, signum):
    for pid in pids:
        try:
            os.kill(pid, signum)
        except OSError:
            pass  # It has gone already, which is what was wanted.


def kill_descendants(seconds_max, spare=frozenset(), on_reaped=None):
    """Kills and reaps everything below this process; False when something outlived the time.

    All are stopped before any is killed: a stopped process keeps its place under the pids limit, so a
    fork bomb runs out of places and the sweep converges.
    """
    me = os.getpid()
    deadline = time.monotonic() + seconds_max
    stopped = set()
    while time.monotonic() < deadline:
        fresh = [pid for pid in descendants(me, spare) if pid not in stopped]
        if not fresh:
            break
        _signal_all(fresh, signal.SIGSTOP)
        stopped.update(fresh)
    while True:
        alive = descendants(me, spare)
        _signal_all(alive, signal.SIGKILL)
        nothing_left = reap(on_reaped)
        if nothing_left or not alive:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(_REAP_PAUSE_SECONDS)


def reap(on_reaped=None):
    """Collects dead children; True when there is no child left, dead or alive."""
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return False
            if on_reaped is not None:
                on_reaped(pid, status)
    except ChildProcessError:
        return True
