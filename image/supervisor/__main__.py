"""Supervisor of a sandbox: runs commands and moves files for a server at the other end of stdio.

Start it as `python3 -IS DIRECTORY`, best as process 1 of a container or a process namespace. It needs
Python 3.11 and nothing else, reads only its own directory, and works from a read-only one.

It is no security boundary: it runs as the same user as the commands, and the server treats what it
says as untrusted. What it does promise is truth about commands that do not set out to deceive it.
"""

import argparse
import gc
import os
import signal

import processes
from service import Service

# Signals that mean a bug in this process; anything else sent to it by user code is ignored.
_FATAL = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}
# Our own settings, which are no business of the commands.
_OWN_PREFIX = "CAISSON_"


def _settings():
    environment = os.environ
    parser = argparse.ArgumentParser(prog="supervisor", description="Serves a sandbox over stdin and stdout.")
    parser.add_argument("--workspace", default=environment.get("CAISSON_WORKSPACE", "/workspace"))
    parser.add_argument("--tools", default=environment.get("CAISSON_TOOLS", "/tools"), help="paths joined by ':'")
    parser.add_argument("--cgroup", default=environment.get("CAISSON_CGROUP", "/sys/fs/cgroup"))
    settings = parser.parse_args()
    settings.workspace = os.path.abspath(settings.workspace)
    settings.tools = [path for path in settings.tools.split(":") if path]
    settings.environment = _command_environment(settings)
    return settings


def _command_environment(settings):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OWN_PREFIX)}
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        **inherited,
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
    settings = _settings()
    processes.become_undumpable()
    processes.become_subreaper()
    for number in range(1, 32):
        if number not in _FATAL and number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_IGN)
    os.chdir(settings.workspace)
    os.umask(0o022)
    in_fd, out_fd = _take_stdio()
    service = Service(settings, in_fd, out_fd)
    gc.collect()
    gc.freeze()  # What exists now is shared with every runner; collecting it would only copy pages.
    service.run()


main()
