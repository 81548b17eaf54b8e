"""Background jobs: what they print, kept in bounded memory for whoever asks later.

A job is a command whose output nobody waits for. Its first bytes and its last are kept; what is between
them is dropped once there is more, and a reader learns where a part begins.
"""

import errno
import struct

RUNNING_MAX = 8  # Jobs at once: far more than a server and its helpers, and each holds a runner.
KEPT_MAX = 16  # Logs kept, the running jobs' included; of those that ended the oldest goes first.
HEAD_BYTES = 32 << 10  # How a program began: its address, its first error.
TAIL_BYTES = 128 << 10  # What it printed last.
READ_BYTES_MAX = 256 << 10

_READ = struct.Struct(">IQI")  # id of the job, first byte, bytes at most
_PART = struct.Struct(">QQ")  # bytes printed in all, where the part begins


class Log:
    """What a job printed on both its streams, in the order of reading; stands in for two captures."""

    saved = False
    saved_in_part = False

    def __init__(self):
        self.total = 0
        self.ended = False
        self._head = bytearray()
        self._tail = bytearray()

    def feed(self, data):
        """Takes output; nothing of it is sent now."""
        self.total += len(data)
        room = HEAD_BYTES - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data
        if len(self._tail) > 2 * TAIL_BYTES:  # Cut now and then, not at every piece.
            del self._tail[:-TAIL_BYTES]
        return b""

    def tail(self):
        return b""

    def close(self):
        self.ended = True

    def part(self, first, count):
        """Returns where the bytes that are kept from `first` on begin, and `count` of them at most."""
        if first < len(self._head):
            return first, bytes(self._head[first : first + count])
        begin = self.total - len(self._tail)
        at = max(first, begin)
        return min(at, self.total), bytes(self._tail[at - begin : at - begin + count])


class Jobs:
    """The logs of the jobs of one supervisor."""

    def __init__(self):
        self.logs = {}  # id → Log, oldest first

    def begin(self, ident):
        """Makes the log of a job that is about to start."""
        if sum(not log.ended for log in self.logs.values()) >= RUNNING_MAX:
            raise OSError(errno.EAGAIN, "too many background jobs at once")
        while len(self.logs) >= KEPT_MAX:
            del self.logs[next(ident for ident, log in self.logs.items() if log.ended)]
        log = self.logs[ident] = Log()
        return log

    def drop(self, ident):
        """Forgets a job that did not start."""
        self.logs.pop(ident, None)

    def read(self, payload):
        """Returns a part of what a job printed."""
        job, first, count = _READ.unpack(payload)
        log = self.logs.get(job)
        if log is None:
            raise OSError(errno.ENOENT, "no such job")
        at, data = log.part(first, min(count, READ_BYTES_MAX))
        return _PART.pack(log.total, at) + data
