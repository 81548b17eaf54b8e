"""Work that may take long or much: done in a forked child that harms nobody when it does."""

import os
import _signal as signal
import struct

import processes

# What a child tells its parent: a wire code, 0 for an answer, and the answer or the words of a failure.
RESULT = struct.Struct(">H")


def fork(work, first_free_fd):
    """Starts a child that answers what `work` returns, a code and bytes; returns its pid and the answer's pipe."""
    answer, out = os.pipe2(os.O_CLOEXEC)
    try:
        pid = processes.fork()
    except BaseException:
        os.close(answer)
        os.close(out)
        raise
    if pid:
        os.close(out)
        os.set_blocking(answer, False)
        return pid, answer
    try:
        os.dup2(out, first_free_fd)
        os.closerange(0, first_free_fd)
        os.closerange(first_free_fd + 1, 1 << 16)
        processes.die_with_parent(signal.SIGKILL)
        code, body = work()
        view = memoryview(RESULT.pack(code) + body)
        while view:
            view = view[os.write(first_free_fd, view) :]
    finally:
        os._exit(0)
