"""The supervisor's loop: one thread that serves frames, pipes, files and deadlines."""

import errno
import os
import resource
import select
import _signal as signal
import struct
import sys
import time
from _collections import deque

import files
import processes
import wire
from commands import Commands
from pool import FIRST_FREE_FD

EVENTS_PER_TURN = 64
FILE_OPERATIONS_MAX = 64  # Reads and writes under way; each holds a descriptor and at most a window of memory.
CLOSE_SECONDS_MAX = 3.5  # For runners to kill what they run when the server has gone.
# Limits of this process that code of the same user can lower, and never raise again.
_LIMITS = [
    getattr(resource, name)
    for name in ("RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_FSIZE", "RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_STACK")
]
# Frames that begin something under their id, which must be free.
_BEGINNINGS = {wire.EXEC, wire.WRITE, wire.READ_TEXT, wire.READ_BYTES, wire.DOCSTRING, wire.CHANGED, wire.USAGE}
_BEGINNINGS |= {wire.KERNEL_RUN, wire.TREE, wire.PUT_BACK, wire.COPY, wire.JOB_READ}


class Loop:
    """Descriptors and who handles them."""

    def __init__(self, on_reaped):
        self._epoll = select.epoll()
        self._handlers = {}
        self.workers = set()
        self.on_reaped = on_reaped

    def watch(self, fd, handler):
        self.watch_for(fd, handler, select.EPOLLIN)

    def watch_writable(self, fd, handler):
        self.watch_for(fd, handler, select.EPOLLOUT)

    def watch_for(self, fd, handler, events):
        if fd in self._handlers:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._handlers[fd] = handler

    def forget(self, fd):
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def turn(self, seconds):
        for fd, _ in self._epoll.poll(seconds, EVENTS_PER_TURN):
            handler = self._handlers.get(fd)  # An earlier handler of this turn may have closed it.
            if handler is not None:
                handler()


def _limits():
    return [resource.getrlimit(limit) for limit in _LIMITS]


class Service:
    """Serves one server until it goes."""

    def __init__(self, settings, in_fd, out_fd):
        self.settings = settings
        self.inbox = wire.Inbox(in_fd)
        self.outbox = wire.Outbox(out_fd)
        self.loop = Loop(self._on_reaped)
        self.commands = Commands(self.loop, self.outbox, settings)
        self.writes = {}
        self.reads = {}
        self.jobs = deque()  # (id, generator) of file work that is not finished
        self.kernels = None  # Until the first cell.
        self.lookups = {}  # id → (pid, pipe, deadline, bytes so far, what silence means)
        self.network = None  # Made, and its module loaded, when the server first dials or wants programs to.
        self.greeted = False
        self.limits = _limits()
        os.set_blocking(in_fd, False)
        os.set_blocking(out_fd, False)
        self.handlers = {
            wire.EXEC: self.commands.start,
            wire.STDIN: self.commands.feed,
            wire.CANCEL: self._cancel,
            wire.WRITE: self._write,
            wire.CHUNK: self._chunk,
            wire.COMMIT: self._commit,
            wire.READ_TEXT: self._read_text,
            wire.READ_BYTES: self._read_bytes,
            wire.CREDIT: self._credit,
            wire.DOCSTRING: self._docstring,
            wire.CHANGED: self._changed,
            wire.USAGE: self._usage,
            wire.KERNEL_RUN: self._run_cell,
            wire.JOB_READ: self.commands.read_job,
            wire.TREE: self._tree,
            wire.PUT_BACK: self._put_back,
            wire.COPY: self._copy,
            **{kind: self._network(kind) for kind in range(wire.NET_DATA, wire.NET_DIAL + 1)},
            wire.PING: lambda ident, _: self.outbox.send(wire.PONG, ident),
        }

    def run(self):
        """Serves until the server goes; then everything that runs is told to die."""
        if self.settings.egress_port:
            self._load_network().listen(self.settings.egress_port)
        self.loop.watch(self.inbox.fd, self._on_frames)
        try:
            while True:
                self._turn()
        except wire.Disconnected:
            self._close()

    def _turn(self):
        self.loop.turn(self._wait_seconds())
        self._flush()  # Somebody waits for what is there; nobody for the rest of the turn.
        now = time.monotonic()
        wake = self.commands.next_wake()
        if wake is not None and now >= wake:
            self.commands.on_time(now)
        if self.kernels is not None:
            self.kernels.on_time(now)
        if self.network is not None:
            self.network.on_time(now)
        self._run_jobs()
        for ident, (pid, _, deadline, _, _) in list(self.lookups.items()):
            if now >= deadline:
                os.kill(pid, signal.SIGKILL)
                self._end_lookup(ident)
        processes.reap(self._on_reaped)
        self._flush()

    def _wait_seconds(self):
        if self.jobs:
            return 0
        wakes = [lookup[2] for lookup in self.lookups.values()]
        for part in (self.commands, self.kernels, self.network):
            wake = None if part is None else part.next_wake()
            if wake is not None:
                wakes.append(wake)
        return max(0.0, min(wakes) - time.monotonic()) if wakes else None

    def _flush(self):
        outbox = self.outbox
        if not outbox.queue:
            return
        if outbox.flush():
            self.loop.forget(outbox.fd)
        else:
            self.loop.watch_writable(outbox.fd, lambda: None)
        if outbox.size > wire.OUTBOX_BYTES_HIGH and not self.commands.paused:
            self.commands.pause()
            if self.kernels is not None:
                self.kernels.pause()
        elif outbox.size < wire.OUTBOX_BYTES_LOW and self.commands.paused:
            self.commands.resume()
            if self.kernels is not None:
                self.kernels.resume()

    def _on_reaped(self, pid, status):
        self.loop.workers.discard(pid)
        if self.kernels is not None:
            self.kernels.on_reaped(pid, status)

    def _close(self):
        for write in self.writes.values():
            write.discard()
        self.commands.close()
        if self.kernels is not None:
            self.kernels.close()
        deadline = time.monotonic() + CLOSE_SECONDS_MAX
        while not processes.reap() and time.monotonic() < deadline:
            time.sleep(0.005)

    # Frames --------------------------------------------------------------------------------------

    def _on_frames(self):
        frames = self.inbox.frames()
        if self.inbox.synced and not self.greeted:
            self.greeted = True
            self.outbox.send(wire.HELLO, 0, struct.pack(">H", wire.VERSION))
        for kind, ident, payload in frames:
            handler = self.handlers.get(kind)
            if handler is None:
                raise wire.Disconnected
            if kind in _BEGINNINGS and self._is_busy(ident):
                raise wire.Disconnected
            self._guard(ident, handler, ident, payload)

    def _is_busy(self, ident):
        return (
            ident in self.commands.active
            or ident in self.writes
            or ident in self.reads
            or ident in self.lookups
            or (self.kernels is not None and self.kernels.is_busy(ident))
            or any(job[0] == ident for job in self.jobs)
        )

    def _guard(self, ident, function, *arguments):
        """Runs a piece of work and turns its failure into an ERROR frame; True when it did not fail."""
        try:
            function(*arguments)
            return True
        except wire.Refused as refused:
            self.outbox.fail(ident, refused.code, str(refused))
        except OSError as error:
            self.outbox.fail(ident, error.errno or errno.EIO, error.strerror or "failed")
        except (ValueError, struct.error) as error:
            self.outbox.fail(ident, errno.EINVAL, str(error))
        except MemoryError:
            self.outbox.fail(ident, errno.ENOMEM, "out of memory")
        if _limits() != self.limits:
            # Whatever failed may fail for ever; the server starts a fresh sandbox instead.
            print("a command changed the limits of the supervisor", file=sys.stderr)
            raise wire.Disconnected
        return False

    def _cancel(self, ident, _):
        self.commands.cancel(ident)
        if self.kernels is not None:
            self.kernels.cancel(ident)
        write = self.writes.pop(ident, None)
        if write is not None:
            write.discard()
            self.inbox.widen(bool(self.writes))
        self._end_read(ident)
        for job in list(self.jobs):
            if job[0] == ident:
                job[1].close()
                self.jobs.remove(job)
        if ident in self.lookups:
            os.kill(self.lookups[ident][0], signal.SIGKILL)
            self._forget_lookup(ident)

    def _run_cell(self, ident, payload):
        if self.kernels is None:
            import kernels  # Only here: a sandbox without cells is the smaller for it.

            self.kernels = kernels.Kernels(self.loop, self.outbox, self.settings, self.commands)
        self.kernels.run(ident, payload)

    # Files ---------------------------------------------------------------------------------------

    def _limit_file_operations(self):
        if len(self.writes) + len(self.reads) + len(self.jobs) + len(self.lookups) >= FILE_OPERATIONS_MAX:
            raise OSError(errno.EAGAIN, "too many file operations at once")

    def _write(self, ident, payload):
        whole, length = struct.unpack_from(">BH", payload)
        self._limit_file_operations()
        files.make_artifacts_folder(self.settings.artifacts)
        write = files.Write(files.decode_path(payload[3 : 3 + length], self.settings.workspace), self.settings.workspace)
        try:
            write.append(memoryview(payload)[3 + length :])
            if whole:
                write.commit()
                self.outbox.send(wire.OK, ident, struct.pack(">Q", write.size))
            else:
                self.writes[ident] = write
                self.inbox.widen(True)
        except BaseException:
            write.discard()
            raise

    def _chunk(self, ident, payload):
        self._go_on_writing(ident, lambda write: write.append(payload))

    def _commit(self, ident, _):
        self._go_on_writing(ident, lambda write: write.commit())
        write = self.writes.pop(ident, None)
        if write is not None:
            self.outbox.send(wire.OK, ident, struct.pack(">Q", write.size))
        self.inbox.widen(bool(self.writes))

    def _go_on_writing(self, ident, step):
        write = self.writes.get(ident)
        if write is None:
            return  # It failed before and was answered; the rest was already on its way.
        try:
            step(write)
        except BaseException:
            del self.writes[ident]
            self.inbox.widen(bool(self.writes))
            write.discard()
            raise

    def _read_text(self, ident, payload):
        self._begin_job(ident, files.read_text(payload, self.settings.workspace, self._reply(ident)))

    def _changed(self, ident, payload):
        import changes  # Only here, as all that an idle sandbox does not need.

        settings = self.settings
        self._begin_job(ident, changes.changed(payload, settings.workspace, settings.artifacts, self._reply(ident)))

    def _reply(self, ident):
        return lambda kind, payload: self.outbox.send(kind, ident, payload)

    def _read_bytes(self, ident, payload):
        self._limit_file_operations()
        read = files.Read(payload, self.settings.workspace)
        self.reads[ident] = read
        self._begin_job(ident, self._send_pieces(ident, read))

    def _send_pieces(self, ident, read):
        for piece in read.pieces():
            if not piece:
                return  # `_credit` begins again.
            self.outbox.send(wire.DATA, ident, piece)
            yield
        self._end_read(ident)
        self.outbox.send(wire.OK, ident)

    def _tree(self, ident, payload):
        import tree  # Only here: most servers keep no snapshots.

        self._limit_file_operations()
        self.reads[ident] = tree.Tree()
        self._begin_job(ident, self._send_tree(ident, self.reads[ident], payload))

    def _send_tree(self, ident, read, payload):
        yield from read.fill(payload, self.settings.workspace)
        yield from self._send_pieces(ident, read)

    def _put_back(self, ident, payload):
        import tree

        tree.put_back(payload, self.settings.workspace)
        self.outbox.send(wire.OK, ident)

    def _copy(self, ident, payload):
        import tree

        self._begin_job(ident, tree.copy(payload, self.settings.workspace, self.writes, self._reply(ident)))

    def _credit(self, ident, payload):
        read = self.reads.get(ident)
        if read is None:
            return
        read.credit = min(read.credit + int.from_bytes(payload[:4], "big"), files.WINDOW_BYTES)
        if not any(job[0] == ident for job in self.jobs):
            self._begin_job(ident, self._send_pieces(ident, read))

    def _end_read(self, ident):
        read = self.reads.pop(ident, None)
        if read is not None:
            read.close()

    def _begin_job(self, ident, job):
        if len(self.jobs) >= FILE_OPERATIONS_MAX:
            raise OSError(errno.EAGAIN, "too many file operations at once")
        self._step(ident, job)  # Most work is done in one step.

    def _run_jobs(self):
        for _ in range(len(self.jobs)):
            self._step(*self.jobs.popleft())

    def _step(self, ident, job):
        unfinished = []

        def step():
            for _ in job:
                unfinished.append(job)
                break

        if not self._guard(ident, step):
            self._end_read(ident)
        elif unfinished:
            self.jobs.append((ident, job))

    # Streams -------------------------------------------------------------------------------------

    def _network(self, kind):
        return lambda ident, payload: self._load_network().on_frame(kind, ident, payload)

    def _load_network(self):
        if self.network is None:
            import network

            self.network = network.Network(self.loop, self.outbox)
        return self.network

    # Workers -------------------------------------------------------------------------------------

    def _docstring(self, ident, payload):
        import docstrings

        (length,) = struct.unpack_from(">H", payload)
        path, name = payload[2 : 2 + length], payload[2 + length :].decode("utf-8")
        silence = (wire.NOT_PYTHON, "too large or too deeply nested to parse")
        self._look_up(
            ident, lambda: docstrings.answer(path, name, self.settings), docstrings.PARSE_SECONDS_MAX, silence
        )

    def _usage(self, ident, payload):
        import usage

        (entries_max,) = struct.unpack_from(">I", payload)
        silence = (errno.ETIMEDOUT, "the workspace could not be measured in time")
        self._look_up(
            ident, lambda: usage.answer(self.settings.workspace, entries_max), usage.MEASURE_SECONDS_MAX, silence
        )

    def _look_up(self, ident, work, seconds_max, silence):
        """Answers with what a worker finds, or with `silence` when it ends without a word."""
        import worker

        self._limit_file_operations()
        pid, pipe = worker.fork(work, FIRST_FREE_FD)
        self.loop.workers.add(pid)
        self.lookups[ident] = (pid, pipe, time.monotonic() + seconds_max, bytearray(), silence)
        self.loop.watch(pipe, lambda: self._on_lookup(ident))

    def _on_lookup(self, ident):
        _, pipe, _, answer, _ = self.lookups[ident]
        try:
            data = os.read(pipe, wire.PIECE_BYTES)
        except BlockingIOError:
            return
        answer += data
        if not data:
            self._end_lookup(ident)

    def _end_lookup(self, ident):
        import worker

        answer, silence = self.lookups[ident][3:]
        self._forget_lookup(ident)
        if len(answer) < worker.RESULT.size:
            self.outbox.fail(ident, *silence)
            return
        (code,) = worker.RESULT.unpack_from(answer)
        body = bytes(answer[worker.RESULT.size :])
        if code:
            self.outbox.fail(ident, code, body.decode("utf-8", "replace"))
        else:
            self.outbox.send(wire.OK, ident, body)

    def _forget_lookup(self, ident):
        pipe = self.lookups.pop(ident)[1]
        self.loop.forget(pipe)
        os.close(pipe)
