"""The protocol between the server and the supervisor, and the buffers that carry it.

Both ways a frame is  u32 payload length | u8 kind | u32 id | payload,  big endian. The server's first
bytes are PREAMBLE: an engine may deliver other bytes before them, and those are skipped. Its mirror
in TypeScript is src/adapters/sandbox/supervisor/frames.ts; the two change together.
"""

import fcntl
import os
import struct
from _collections import deque

VERSION = 7
PREAMBLE = b"\x00\xffcaisson-supervisor-1\xff\x00\n"
HEADER = struct.Struct(">IBI")

# A command or a piece of a file fits; a peer that lost its place in the stream is noticed at once.
PAYLOAD_BYTES_MAX = 1 << 20
# Files move in pieces of this size, the default capacity of a pipe.
PIECE_BYTES = 65536
# Output waiting for the server above which commands' pipes are left unread, so that they block.
OUTBOX_BYTES_HIGH = 1 << 20
OUTBOX_BYTES_LOW = 1 << 18
# What the pipe of the transport holds, and while large files arrive: each part of the way wakes so much less often.
PIPE_BYTES, PIPE_BYTES_WIDE = PIECE_BYTES, 1 << 20
_SET_PIPE_BYTES = 1031  # F_SETPIPE_SZ, which older Pythons have no name for.
# Buffers handed to one writev; the kernel's own limit is 1024.
WRITEV_BUFFERS = 64

# Server to supervisor
EXEC, STDIN, CANCEL, WRITE, CHUNK, COMMIT, READ_TEXT, READ_BYTES, CREDIT, DOCSTRING, CHANGED, PING, USAGE = range(1, 14)
TREE, PUT_BACK, COPY = 24, 25, 26
NET_DATA, NET_CREDIT, NET_END, NET_RESET, NET_DIAL = range(32, 37)
KERNEL_RUN = 48
JOB_READ = 49
# Supervisor to server
STDOUT, STDERR, STDOUT_TAIL, STDERR_TAIL, EXIT, OK, ERROR, DATA, HELLO, PONG, TAKEN = range(65, 76)
NET_OPEN, TELL_NET_DATA, TELL_NET_CREDIT, TELL_NET_END, TELL_NET_RESET = range(96, 101)
DISPLAY = 104

EXEC_HEAD = struct.Struct(">IIBB")  # timeout in ms, output bound in bytes, flags, length of the output name
EXEC_WITH_STDIN, EXEC_BACKGROUND = 1, 2
# Timeout in ms, output bound in bytes, length of the kernel's name, length of the output name
KERNEL_RUN_HEAD = struct.Struct(">IIBB")

EXIT_BODY = struct.Struct(">iHQQ")  # exit code, flags, bytes of stdout and of stderr in all
TIMED_OUT, OOM_KILLED, CANCELLED, SURVIVORS, RUNNER_LOST, STDOUT_SAVED, STDERR_SAVED, SAVED_IN_PART = (
    1 << bit for bit in range(8)
)
# Somebody's process was killed for want of memory while this command ran beside others; processes that the
# command left behind were ended with it.
OOM_BESIDE, LEFT_BEHIND = 256, 512
# A kernel of this name was there before and is gone; the variables of this cell's kernel are gone.
RESTARTED, STATE_LOST = 1024, 2048
# It failed while hardly a process was left in the sandbox.
CROWDED = 4096

# First byte of a page of text
MORE_FOLLOWS, CUT_IN_LINE, ONLY_NOTE = 1, 2, 4  # With the last, what follows is said of a page without any text.

# Error codes beside errno
NOT_TEXT, UNSUPPORTED_FILE, NOT_PYTHON, NO_SUCH_FUNCTION, TOO_LARGE, LEADS_OUT = range(1001, 1007)
CHANGED_MEANWHILE, READ_ONLY, NO_PROCESS_LEFT = 1010, 1011, 1012
ERROR_TEXT_BYTES_MAX = 500


class Refused(Exception):
    """An operation that fails for a reason errno has no number for; the text is for the reader."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Disconnected(Exception):
    """The server has gone or does not speak the protocol."""


class Inbox:
    """Cuts the server's bytes into frames."""

    def __init__(self, fd):
        self.fd = fd
        self.synced = False
        self.wide = False
        self.buffer = bytearray()

    def widen(self, wide):
        """Makes room on the way for what comes in bulk, or gives it back: such room is counted for the whole host."""
        if wide == self.wide:
            return
        self.wide = wide
        try:
            fcntl.fcntl(self.fd, _SET_PIPE_BYTES, PIPE_BYTES_WIDE if wide else PIPE_BYTES)
        except OSError:
            pass  # No pipe, nothing left of that room, or more in it than it is to hold: it stays as it is.

    def frames(self):
        """Reads once and returns the frames now complete, as (kind, id, payload)."""
        try:
            data = os.read(self.fd, PIPE_BYTES_WIDE if self.wide else PIPE_BYTES)
        except BlockingIOError:
            return []
        except OSError as error:
            raise Disconnected from error
        if not data:
            raise Disconnected
        buffer = self.buffer
        buffer += data
        if not self.synced:
            at = buffer.find(PREAMBLE)
            if at < 0:
                del buffer[: -len(PREAMBLE)]
                return []
            del buffer[: at + len(PREAMBLE)]
            self.synced = True
        complete = []
        at, size = 0, len(buffer)
        while size - at >= HEADER.size:
            length, kind, ident = HEADER.unpack_from(buffer, at)
            if length > PAYLOAD_BYTES_MAX:
                raise Disconnected
            end = at + HEADER.size + length
            if end > size:
                break
            complete.append((kind, ident, bytes(buffer[at + HEADER.size : end])))
            at = end
        del buffer[:at]
        return complete


class Outbox:
    """Frames on their way to the server; never blocks."""

    def __init__(self, fd):
        self.fd = fd
        self.queue = deque()
        self.size = 0

    def send(self, kind, ident, payload=b""):
        """Queues a frame; it leaves with the next flush."""
        frame = HEADER.pack(len(payload), kind, ident) + payload
        self.queue.append(frame)
        self.size += len(frame)

    def fail(self, ident, code, text):
        """Answers a request with an error."""
        cut = text.encode("utf-8", "replace")[:ERROR_TEXT_BYTES_MAX]
        self.send(ERROR, ident, struct.pack(">H", code) + cut)

    def flush(self):
        """Writes what the transport takes and tells whether everything has left."""
        queue = self.queue
        while queue:
            batch = [queue[index] for index in range(min(len(queue), WRITEV_BUFFERS))]
            try:
                written = os.writev(self.fd, batch)
            except BlockingIOError:
                return False
            except OSError as error:
                raise Disconnected from error
            self.size -= written
            while written:
                first = queue[0]
                if written < len(first):
                    queue[0] = first[written:]
                    break
                written -= len(first)
                queue.popleft()
        return True
