"""Supervisor of a sandbox: runs commands and moves files for a server at the other end of stdio.

Start it as `python3 -IS DIRECTORY/__main__.py`, best as process 1 of a container or a process namespace. It
needs Python 3.11 and nothing else, reads only its own directory, and works from a read-only one.

It is no security boundary: it runs as the same user as the commands, and the server treats what it
says as untrusted. What it does promise is truth about commands that do not set out to deceive it.
"""

import gc
import os
import _signal as signal
import sys

import files
import processes
import syscalls
from service import Service

# Signals that mean a bug in this process; anything else sent to it by user code is ignored.
_FATAL = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}
# Our own settings, which are no business of the commands.
_OWN_PREFIX = "CAISSON_"


class _Settings:
    """What this supervisor was started with: options first, then the environment, then the defaults."""

    def __init__(self, arguments):
        given = dict(zip(arguments[::2], arguments[1::2]))
        unknown = set(given) - {"--workspace", "--tools", "--cgroup", "--egress-port"}
        if unknown or len(arguments) % 2:
            sys.exit("usage: supervisor [--workspace DIR] [--tools DIR:DIR] [--cgroup DIR] [--egress-port PORT]")

        def setting(name, default):
            variable = _OWN_PREFIX + name.upper().replace("-", "_")
            return given.get(f"--{name}", os.environ.get(variable, default))

        self.workspace = os.path.abspath(setting("workspace", "/workspace"))
        self.tools = [path for path in setting("tools", "/tools").split(":") if path]
        self.cgroup = setting("cgroup", "/sys/fs/cgroup")
        self.artifacts = files.artifacts_folder(self.workspace)
        # The loopback port at which programs reach the world through the server; 0 where they do not.
        self.egress_port = int(setting("egress-port", "0"))
        self.environment = _command_environment(self)


def _command_environment(settings):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OWN_PREFIX)}
    base = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        **inherited,
    }
    if settings.egress_port:
        import egress  # Only here: a sandbox without a way out is the smaller for it.

        authorities = os.environ.get(f"{_OWN_PREFIX}EGRESS_CA", "")
        base.update(egress.environment(settings.egress_port, settings.workspace, base["PATH"], authorities))
        for line in os.environ.get(f"{_OWN_PREFIX}EGRESS_VARIABLES", "").splitlines():
            name, _, value = line.partition("=")
            base[name] = value
    return {
        **base,
        "HOME": settings.workspace,
        "PWD": settings.workspace,
        "PYTHONPATH": ":".join(settings.tools),
        "PYTHONUNBUFFERED": "1",
        "MPLBACKEND": "Agg",
        "TERM": "dumb",
    }


def _take_stdio():
    """Moves the protocol away from descriptors that a stray print or a child could reach."""
    in_fd, out_fd = os.dup(0), os.dup(1)
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    return in_fd, out_fd


def main():
    settings = _Settings(sys.argv[1:])
    try:
        syscalls.install()
    except OSError as error:
        sys.exit(f"supervisor: the filter of system calls cannot be installed: {error.strerror}")
    processes.become_undumpable()
    processes.become_subreaper()
    for number in range(1, 32):
        if number not in _FATAL and number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_IGN)
    processes.enter(settings.workspace)
    os.umask(0o022)
    if os.path.isdir(os.path.join(settings.workspace, ".caisson/undo")):
        import tree  # Only here: most servers keep no snapshots.

        tree.take_away_left(settings.workspace)
    in_fd, out_fd = _take_stdio()
    service = Service(settings, in_fd, out_fd)
    gc.collect()
    gc.freeze()  # What exists now is shared with every runner; collecting it would only copy pages.
    service.run()
