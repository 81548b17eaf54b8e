"""Byte streams between the server and programs of the sandbox, over the one link.

The server dials a port that a program here listens on, such as a web server that somebody wants to see. Or,
where the server wants that, a program connects to a loopback port that this listens on, and the server is told.
Each stream has a window of credit each way, so that none fills the link or the memory of either side.
Nothing is parsed and nothing judged: this runs as the user whose programs it serves.
"""

# The module of C alone: the one around it costs milliseconds and a megabyte.
import _socket
import errno
import select
import time
from _collections import deque

import wire

# Bytes on their way in one direction of a stream: enough for the speed of a link that answers in milliseconds.
WINDOW_BYTES = 4 * wire.PIECE_BYTES
# Bytes after which credit is given: the server lets no stream have fewer on their way.
CREDIT_BYTES = wire.PIECE_BYTES
# At once, of those that are dialled as of those that programs open; each holds at most two windows of memory.
STREAMS_MAX = 32
# Connections that wait in the kernel while there are as many streams as there may be.
BACKLOG = 64
# Streams that programs may open at once and then a second; more wait in the backlog. The server counts them too.
OPENINGS_AT_ONCE = 64
OPENINGS_PER_SECOND = 20
# Wait after a connection could not be taken, for want of a descriptor.
PAUSE_SECONDS = 0.1
_LOOPBACKS = ((_socket.AF_INET, "127.0.0.1"), (_socket.AF_INET6, "::1"))


class _Stream:
    def __init__(self, ident, port):
        self.id = ident
        self.port = port
        self.sock = None
        self.addresses = list(_LOOPBACKS)  # Not tried yet: a server may listen on either.
        self.is_connected = False
        self.credit = WINDOW_BYTES  # Bytes that may still go to the server.
        self.queue = deque()  # Bytes from the server that the socket has not taken.
        self.queued = 0
        self.taken = 0  # Bytes the socket took since the last credit.
        self.may_read = True
        self.server_ended = False
        self.is_shut = False  # The program has been told that the server has ended.

    @property
    def is_over(self):
        return self.server_ended and not self.may_read and not self.queue


class Network:
    """The streams of one sandbox: even ids are those that the server dials, odd ones those that programs open."""

    def __init__(self, loop, outbox):
        self.loop = loop
        self.outbox = outbox
        self.streams = {}
        self.opened = 0
        self.next_id = 1
        self.listener = None
        self.resume_at = None  # When the listener is looked at again; None while it is, or waits for a stream to end.
        self.openings = OPENINGS_AT_ONCE
        self.counted_at = time.monotonic()
        self.handlers = {
            wire.NET_DATA: self._on_data,
            wire.NET_CREDIT: self._on_credit,
            wire.NET_END: self._on_end,
            wire.NET_RESET: self._on_reset,
        }

    def on_frame(self, kind, ident, payload):
        """Takes a frame. *Raises* Disconnected where the server breaks the protocol."""
        if kind == wire.NET_DIAL:
            self._on_dial(ident, payload)
            return
        stream = self.streams.get(ident)
        if stream is not None:  # Else it was on its way when the stream ended here.
            self.handlers[kind](stream, payload)

    # Frames --------------------------------------------------------------------------------------

    def _on_dial(self, ident, payload):
        dialled = len(self.streams) - self.opened
        if ident % 2 or ident in self.streams or dialled >= STREAMS_MAX or len(payload) != 2:
            raise wire.Disconnected
        stream = self.streams[ident] = _Stream(ident, int.from_bytes(payload, "big"))
        self._connect(stream)

    def _on_data(self, stream, payload):
        stream.queued += len(payload)
        if not payload or stream.server_ended or stream.queued + stream.taken > WINDOW_BYTES:
            raise wire.Disconnected
        stream.queue.append(payload)
        self._go_on(stream)

    def _on_credit(self, stream, payload):
        given = int.from_bytes(payload, "big")
        stream.credit += given
        if not given or stream.credit > WINDOW_BYTES:
            raise wire.Disconnected
        self._go_on(stream)

    def _on_end(self, stream, _):
        if stream.server_ended:
            raise wire.Disconnected
        stream.server_ended = True
        self._go_on(stream)

    def _on_reset(self, stream, _):
        self._drop(stream)

    # Listening -----------------------------------------------------------------------------------

    def listen(self, port):
        """Lets programs open streams by connecting to a loopback port. *Raises* OSError where it is taken."""
        listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
        listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(BACKLOG)
        self.listener = listener
        self._resume()

    def next_wake(self):
        return self.resume_at

    def on_time(self, now):
        if self.resume_at is not None and now >= self.resume_at:
            self._resume()

    def _resume(self):
        self.resume_at = None
        self.loop.watch(self.listener.fileno(), self._on_connection)

    def _pause(self, until):
        self.resume_at = until
        self.loop.forget(self.listener.fileno())

    def _on_connection(self):
        if self.opened >= STREAMS_MAX:
            self._pause(None)
            return
        now = time.monotonic()
        self.openings = min(OPENINGS_AT_ONCE, self.openings + (now - self.counted_at) * OPENINGS_PER_SECOND)
        self.counted_at = now
        if self.openings < 1:
            self._pause(now + 1 / OPENINGS_PER_SECOND)
            return
        try:
            fd, _ = self.listener._accept()
        except BlockingIOError:
            return
        except OSError:
            self._pause(now + PAUSE_SECONDS)
            return
        self.openings -= 1
        self._open(_socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, fd))

    def _open(self, sock):
        sock.setblocking(False)
        sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        stream = self.streams[self.next_id] = _Stream(self.next_id, None)
        stream.sock = sock
        stream.is_connected = True
        self.next_id = self.next_id + 2 if self.next_id < 0xFFFFFFFF else 1
        self.opened += 1
        self.outbox.send(wire.NET_OPEN, stream.id)
        self._go_on(stream)

    # Sockets -------------------------------------------------------------------------------------

    def _connect(self, stream):
        """Begins to connect to the next address, or gives the stream up where none is left."""
        while stream.addresses:
            family, address = stream.addresses.pop(0)
            self._close(stream)
            try:
                stream.sock = _socket.socket(family, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
                stream.sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
                if stream.sock.connect_ex((address, stream.port)) in (0, errno.EINPROGRESS):
                    self._watch(stream, select.EPOLLOUT)
                    return
            except OSError:
                continue  # No such family here, or no descriptor left.
        self._reset(stream)

    def _on_ready(self, stream):
        if not stream.is_connected:
            if stream.sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR):
                self._connect(stream)
                return
            stream.is_connected = True
            self.outbox.send(wire.NET_OPEN, stream.id)
        if stream.may_read and stream.credit > 0:
            try:
                self._read(stream)
            except OSError:
                self._reset(stream)
                return
        self._go_on(stream)

    def _read(self, stream):
        try:
            data = stream.sock.recv(min(wire.PIECE_BYTES, stream.credit))
        except BlockingIOError:
            return
        if data:
            stream.credit -= len(data)
            self.outbox.send(wire.TELL_NET_DATA, stream.id, data)
        else:
            stream.may_read = False
            self.outbox.send(wire.TELL_NET_END, stream.id)

    def _go_on(self, stream):
        """Writes what there is, and waits for what may come next."""
        if not stream.is_connected:
            return
        try:
            self._write(stream)
        except OSError:
            self._reset(stream)
            return
        if stream.is_over:
            self._drop(stream)
            return
        reads = select.EPOLLIN if stream.may_read and stream.credit > 0 else 0
        self._watch(stream, reads | (select.EPOLLOUT if stream.queue else 0))

    def _write(self, stream):
        while stream.queue:
            data = stream.queue[0]
            try:
                sent = stream.sock.send(data)
            except BlockingIOError:
                break
            stream.queued -= sent
            stream.taken += sent
            if sent < len(data):
                stream.queue[0] = data[sent:]
                break
            stream.queue.popleft()
        if stream.server_ended:
            if not stream.queue and not stream.is_shut:
                stream.is_shut = True
                stream.sock.shutdown(_socket.SHUT_WR)
        elif stream.taken >= CREDIT_BYTES:
            self.outbox.send(wire.TELL_NET_CREDIT, stream.id, stream.taken.to_bytes(4, "big"))
            stream.taken = 0

    def _watch(self, stream, events):
        if events:
            self.loop.watch_for(stream.sock.fileno(), lambda: self._on_ready(stream), events)
        else:
            # Its reader waits for credit: even a peer that hangs up is heard only then.
            self.loop.forget(stream.sock.fileno())

    def _reset(self, stream):
        self.outbox.send(wire.TELL_NET_RESET, stream.id)
        self._drop(stream)

    def _drop(self, stream):
        del self.streams[stream.id]
        self._close(stream)
        if stream.id % 2:
            self.opened -= 1
            if self.resume_at is None:
                self._resume()

    def _close(self, stream):
        if stream.sock is not None:
            self.loop.forget(stream.sock.fileno())
            stream.sock.close()
            stream.sock = None
