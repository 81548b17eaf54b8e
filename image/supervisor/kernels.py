"""Kernels: Python processes that keep their variables between cells, each under a name.

None is started before its first cell. What a cell is told to be is what became of its process: variables are
said to be kept only where the process that holds them has answered.
"""

import errno
import fcntl
import os
import select
import _signal as signal
import struct
import sys
import time
from _collections import deque

import caisson_kernel
import processes
import runner as runners
import wire
from capture import Capture
from pool import FIRST_FREE_FD

KERNELS_MAX = 4  # At once; the idle one that rested longest is ended for a fifth.
INTERRUPT_SECONDS = 3.0  # From SIGINT to SIGKILL, for a cell that does not end.
EVENT_BYTES_MAX = 12 << 20
# Of one cell: displays, their number, and an error; what an honest kernel keeps to.
EVENTS_BYTES_MAX = caisson_kernel.DISPLAY_BYTES_MAX + (1 << 20)
EVENTS_MAX = caisson_kernel.DISPLAYS_MAX + 2
IDLE_OUTPUT_BYTES_MAX = 64 << 10  # Printed by threads and children between cells; the next cell tells it.
READS_PER_TURN = 8  # Pieces read from one pipe before others get their turn.
READS_AT_END = 64  # Pieces read after the end; a pipe holds at most 16, more is still being printed.
MARKS_MAX = 64  # Names remembered in a workspace as those of kernels that were there.
_LENGTH = struct.Struct(">I")


class Cell:
    """A cell that runs."""

    def __init__(self, ident, timeout, captures, oom_before, alone):
        self.id = ident
        self.deadline = time.monotonic() + timeout
        self.captures = captures
        self.flags = 0
        self.oom_before = oom_before
        self.alone = alone
        self.interrupted = False
        self.events = self.event_bytes = 0


class Kernel:
    """The supervisor's end of a kernel's process."""

    def __init__(self, name, settings):
        self.name = name
        self.cell = None
        self.used = time.monotonic()
        self.drain = False  # Its last cell was interrupted; the signal may still be on its way.
        self.events_read = bytearray()
        self.to_send = b""
        self.idle_output = (bytearray(), bytearray())
        self.printed = select.poll()
        pairs = [os.pipe2(os.O_CLOEXEC) for _ in range(4)]
        (requests, self.requests), (self.events, events), (self.stdout, stdout), (self.stderr, stderr) = pairs
        null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        theirs = (null, stdout, stderr, requests, events)
        try:
            self.pid = processes.fork()
            if self.pid == 0:
                self._become(theirs, settings)
        except BaseException:
            for pair in pairs:
                os.close(pair[0])
                os.close(pair[1])
            os.close(null)
            raise
        for fd in theirs:
            os.close(fd)
        for fd in self.pipes():
            os.set_blocking(fd, False)
        for fd in (self.stdout, self.stderr):
            self.printed.register(fd, select.POLLIN)
        try:
            # Not the end of a pipe tells of its death: a child of its own may hold that open.
            self.exit = os.pidfd_open(self.pid)
        except OSError:
            self.exit = None

    def _become(self, descriptors, settings):
        try:
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE_FD) for fd in descriptors]
            for place, fd in enumerate(high):
                os.dup2(fd, place)
            os.setsid()
            processes.become_subreaper()
            processes.die_with_parent(signal.SIGKILL)
            for number in range(1, 32):
                if number not in (signal.SIGKILL, signal.SIGSTOP):
                    signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGINT})
            processes.enter(settings.workspace)
            _raise_oom_score()
            here = os.path.dirname(os.path.abspath(caisson_kernel.__file__))
            program = (
                f"import sys;sys.path.insert(1,{here!r});import caisson_kernel as kernel;"
                "del sys.path[1];kernel.main()"
            )
            os.execve(sys.executable, [sys.executable, "-c", program], settings.environment)
        finally:
            os._exit(127)

    def pipes(self):
        return (self.requests, self.events, self.stdout, self.stderr)


def _raise_oom_score():
    """Lets the kernel of the system take this process before its keepers."""
    path = "/proc/self/oom_score_adj"
    try:
        with open(path, encoding="utf-8") as file:
            score = int(file.read())
        with open(path, "w", encoding="utf-8") as file:
            file.write(str(min(1000, score + runners.OOM_SCORE_ABOVE_OURS)))
    except OSError:
        pass  # Then it is one among equals.


class Kernels:
    """Starts kernels, gives them cells and carries what these print and show."""

    def __init__(self, loop, outbox, settings, commands):
        self.loop = loop
        self.outbox = outbox
        self.settings = settings
        self.commands = commands
        self.kernels = {}
        self.statuses = {}  # pid → how a kernel ended, until it is told

    def is_busy(self, ident):
        return any(kernel.cell is not None and kernel.cell.id == ident for kernel in self.kernels.values())

    # Starting ------------------------------------------------------------------------------------

    def run(self, ident, payload):
        """Runs the cell of a KERNEL_RUN frame."""
        timeout_ms, bound, name_length, output_length = wire.KERNEL_RUN_HEAD.unpack_from(payload)
        at = wire.KERNEL_RUN_HEAD.size
        name = payload[at : at + name_length]
        output = payload[at + name_length : at + name_length + output_length].decode("ascii")
        code = payload[at + name_length + output_length :]
        code.decode()  # *Raises* ValueError, which is answered, before a kernel is touched.
        kernel, flags = self._find(name)
        if kernel.cell is not None:
            raise OSError(errno.EBUSY, "this kernel runs another cell")
        oom_before = self.commands.oom.read()
        flag = caisson_kernel.DRAIN if kernel.drain else 0
        kernel.drain = False
        kernel.to_send = _LENGTH.pack(len(code) + 1) + bytes([flag]) + code
        self._pump_request(kernel)  # It wakes while the rest is made.
        try:
            kernel.cell = self._cell(ident, timeout_ms / 1000, (bound, output), oom_before)
        except BaseException:
            self._end(kernel)  # The code it was given is nobody's any more.
            raise
        kernel.cell.flags = flags
        for which, kept in enumerate(kernel.idle_output):
            if kept:
                self._tell_output(kernel.cell, which, bytes(kept))
                kept.clear()

    def _cell(self, ident, timeout, output, oom_before):
        bound, name = output
        saved = os.path.join(self.settings.workspace, ".caisson", "output")
        captures = tuple(Capture(bound, saved, f"{name}.{stream}") for stream in ("stdout", "stderr"))
        busy = [other.cell for other in self.kernels.values() if other.cell is not None]
        others = [*busy, *self.commands.active.values()]
        for other in others:
            other.alone = False
        return Cell(ident, timeout, captures, oom_before, not others)

    def _find(self, name):
        kernel = self.kernels.get(name)
        if kernel is not None:
            return kernel, 0
        if len(self.kernels) >= KERNELS_MAX:
            idle = [other for other in self.kernels.values() if other.cell is None]
            if not idle:
                raise OSError(errno.EAGAIN, f"{KERNELS_MAX} kernels are busy, and there are no more")
            self._end(min(idle, key=lambda other: other.used))
        kernel = Kernel(name, self.settings)
        self.kernels[name] = kernel
        self.loop.workers.add(kernel.pid)
        if kernel.exit is not None:
            self.loop.watch(kernel.exit, lambda: self._on_death(kernel))
        if not self.commands.paused:
            self._watch(kernel)
        return kernel, wire.RESTARTED if self._mark(name) else 0

    def _mark(self, name):
        """Remembers in the workspace that a kernel of this name was there; True when one was before."""
        folder = os.path.join(self.settings.workspace, ".caisson", "kernels")
        path = os.path.join(folder, name.hex())
        try:
            os.makedirs(folder, exist_ok=True)
            if os.path.lexists(path):
                os.utime(path, follow_symlinks=False)
                return True
            with os.scandir(folder) as entries:
                aged = sorted((entry.stat(follow_symlinks=False).st_mtime_ns, entry.path) for entry in entries)
            for _, oldest in aged[: max(0, len(aged) - MARKS_MAX + 1)]:
                os.unlink(oldest)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644))
        except OSError:
            pass  # A full disk, or a folder that user code put there: the next life then is not told of this one.
        return False

    def _pump_request(self, kernel):
        try:
            while kernel.to_send:
                kernel.to_send = kernel.to_send[os.write(kernel.requests, kernel.to_send) :]
        except BlockingIOError:
            self.loop.watch_writable(kernel.requests, lambda: self._pump_request(kernel))
            return
        except OSError:
            kernel.to_send = b""  # It is gone, which is told when its end is seen.
        self.loop.forget(kernel.requests)

    # Output --------------------------------------------------------------------------------------

    def pause(self):
        """Leaves the kernels' pipes unread until `resume`: the server is behind."""
        for kernel in self.kernels.values():
            for fd in (kernel.events, kernel.stdout, kernel.stderr):
                self.loop.forget(fd)

    def resume(self):
        for kernel in self.kernels.values():
            self._watch(kernel)

    def _watch(self, kernel):
        self.loop.watch(kernel.events, lambda: self._on_events(kernel))
        self.loop.watch(kernel.stdout, lambda: self._on_output(kernel, 0, READS_PER_TURN))
        self.loop.watch(kernel.stderr, lambda: self._on_output(kernel, 1, READS_PER_TURN))

    def _on_output(self, kernel, which, reads_max):
        fd = (kernel.stdout, kernel.stderr)[which]
        for _ in range(reads_max):
            try:
                data = os.read(fd, wire.PIECE_BYTES)
            except BlockingIOError:
                return
            if not data:
                self.loop.forget(fd)  # Closed by the program, or the kernel is gone.
                return
            if kernel.cell is not None:
                self._tell_output(kernel.cell, which, data)
            else:
                kept = kernel.idle_output[which]
                kept += data[: IDLE_OUTPUT_BYTES_MAX - len(kept)]
            if len(data) < wire.PIECE_BYTES:
                return

    def _tell_output(self, cell, which, data):
        live = cell.captures[which].feed(data)
        if live:
            self.outbox.send((wire.STDOUT, wire.STDERR)[which], cell.id, live)

    def _on_events(self, kernel):
        """Reads once; False when there is nothing to read."""
        try:
            data = os.read(kernel.events, wire.PIECE_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self.loop.forget(kernel.events)
            if kernel.exit is None:
                self._lose(kernel)
            return False
        buffer = kernel.events_read
        buffer += data
        while len(buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer)
            if not 0 < length <= EVENT_BYTES_MAX:
                self._lose(kernel)  # No kernel of ours says that: the program wrote on its descriptor.
                return False
            if len(buffer) < _LENGTH.size + length:
                break
            event = bytes(buffer[_LENGTH.size : _LENGTH.size + length])
            del buffer[: _LENGTH.size + length]
            if not self._on_event(kernel, event):
                self._lose(kernel)
                return False
        return True

    def _on_event(self, kernel, event):
        cell = kernel.cell
        if cell is None:
            return True  # Shown by a thread after its cell had ended.
        if event[0] == caisson_kernel.DONE:
            self._finish(kernel, 1 if event[1:] == b"\1" else 0)
            return True
        cell.events += 1
        cell.event_bytes += len(event)
        if cell.events > EVENTS_MAX or cell.event_bytes > EVENTS_BYTES_MAX:
            return False
        for at in range(0, len(event), wire.PIECE_BYTES):
            is_last = at + wire.PIECE_BYTES >= len(event)
            self.outbox.send(wire.DISPLAY, cell.id, bytes([is_last]) + event[at : at + wire.PIECE_BYTES])
        return True

    # Ending --------------------------------------------------------------------------------------

    def _finish(self, kernel, code):
        # Asked before it is read: most cells print nothing.
        for which in (0, 1) if kernel.printed.poll(0) else ():
            self._on_output(kernel, which, READS_AT_END)
        cell, kernel.cell, kernel.used = kernel.cell, None, time.monotonic()
        kernel.drain = cell.interrupted
        flags = cell.flags
        if self.commands.oom.has_risen(cell.oom_before):
            flags |= wire.OOM_KILLED if cell.alone or flags & wire.STATE_LOST else wire.OOM_BESIDE
        if code and self.commands.is_crowded():
            flags |= wire.CROWDED
        flags |= self._end_captures(cell)
        totals = [capture.total for capture in cell.captures]
        self.outbox.send(wire.EXIT, cell.id, wire.EXIT_BODY.pack(code, flags, *totals))

    def _end_captures(self, cell):
        flags = 0
        kinds = ((wire.STDOUT_TAIL, wire.STDOUT_SAVED), (wire.STDERR_TAIL, wire.STDERR_SAVED))
        for capture, (tail_kind, saved_flag) in zip(cell.captures, kinds):
            tail = capture.tail()
            for at in range(0, len(tail), wire.PIECE_BYTES):
                self.outbox.send(tail_kind, cell.id, tail[at : at + wire.PIECE_BYTES])
            flags |= saved_flag if capture.saved else 0
            flags |= wire.SAVED_IN_PART if capture.saved_in_part else 0
            capture.close()
        return flags

    def on_reaped(self, pid, status):
        if any(kernel.pid == pid for kernel in self.kernels.values()):
            self.statuses[pid] = os.waitstatus_to_exitcode(status)

    def _on_death(self, kernel):
        """A kernel's process has ended by itself, or by a signal of somebody else."""
        while kernel.cell is not None and self._on_events(kernel):
            pass
        if self.kernels.get(kernel.name) is kernel:
            self._lose(kernel)

    def _lose(self, kernel):
        """Ends a kernel and tells its cell, if it has one, that the variables are gone."""
        processes.reap(self.loop.on_reaped)
        processes.freeze(kernel.pid)
        cell = kernel.cell
        if not self._kill(kernel) and cell is not None:
            cell.flags |= wire.SURVIVORS
        code = self.statuses.pop(kernel.pid, -signal.SIGKILL)
        if cell is not None:
            cell.flags |= wire.STATE_LOST
            self._finish(kernel, code if code >= 0 else 128 - code)
        self._close(kernel)

    def _end(self, kernel):
        self._kill(kernel)
        self._close(kernel)

    def _kill(self, kernel):
        self.loop.workers.discard(kernel.pid)
        # What a dead kernel left is nobody's: it lies below this process like the orphans of a lost runner.
        return self.commands.kill_orphans()

    def _close(self, kernel):
        self.kernels.pop(kernel.name, None)
        self.statuses.pop(kernel.pid, None)
        for fd in (*kernel.pipes(), kernel.exit):
            if fd is not None:
                self.loop.forget(fd)
                os.close(fd)

    def cancel(self, ident):
        """Interrupts a cell; its EXIT frame confirms."""
        for kernel in self.kernels.values():
            if kernel.cell is not None and kernel.cell.id == ident and not kernel.cell.interrupted:
                self._interrupt(kernel, wire.CANCELLED)

    def _interrupt(self, kernel, flag):
        cell = kernel.cell
        cell.interrupted = True
        cell.flags |= flag
        cell.deadline = time.monotonic() + INTERRUPT_SECONDS
        try:
            os.killpg(kernel.pid, signal.SIGINT)  # As a terminal does: what it waits for hears it as well.
        except OSError:
            pass  # It has gone, or has no group yet; then the later deadline ends it.

    def next_wake(self):
        """Returns when `on_time` has work next, None for never."""
        wakes = [kernel.cell.deadline for kernel in self.kernels.values() if kernel.cell is not None]
        return min(wakes) if wakes else None

    def on_time(self, now):
        for kernel in list(self.kernels.values()):
            if kernel.cell is None or now < kernel.cell.deadline:
                continue
            if kernel.cell.interrupted:
                self._lose(kernel)
            else:
                self._interrupt(kernel, wire.TIMED_OUT)

    def close(self):
        """Tells every kernel to die."""
        for kernel in self.kernels.values():
            try:
                os.kill(kernel.pid, signal.SIGKILL)
            except OSError:
                pass  # It has gone already.
