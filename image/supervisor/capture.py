"""One output stream of a command: live at first, its tail afterwards, the whole in a file.

The server gets the first `bound` bytes as they come and, once there were more, the last half of the
bound at the end. Memory stays within twice the bound however much a command prints.
"""

import os
from _collections import deque

# Bytes of one stream saved in the workspace; a program that prints for ever must not fill the disk.
SAVED_BYTES_MAX = 32 << 20
# Saved outputs kept, oldest removed first.
SAVED_FILES_MAX = 16


class Capture:
    """Bounds one stream and saves it when it overflows."""

    def __init__(self, bound, directory, name):
        self.bound = bound
        self.total = 0
        self.saved = False
        self.saved_in_part = False
        self._directory = directory
        self._name = name
        self._kept = deque()  # all bytes until the overflow, the last half of the bound after it
        self._kept_size = 0
        self._file = None

    @property
    def overflowed(self):
        return self.total > self.bound

    def feed(self, data):
        """Takes what the command printed and returns the part to send now."""
        live = data[: self.bound - self.total] if self.total < self.bound else b""
        before = self.overflowed
        self.total += len(data)
        self._kept.append(data)
        self._kept_size += len(data)
        if self.overflowed:
            if not before:
                self._open()
                for chunk in self._kept:
                    self._save(chunk)
            else:
                self._save(data)
            half = self.bound // 2
            while self._kept_size - len(self._kept[0]) >= half:
                self._kept_size -= len(self._kept.popleft())
        return live

    def tail(self):
        """Returns the last half of the bound, nothing when all was sent live."""
        if not self.overflowed:
            return b""
        return b"".join(self._kept)[-(self.bound // 2) :]

    def close(self):
        """Ends the file; the stream takes no more."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._kept.clear()

    def _open(self):
        try:
            os.makedirs(self._directory, exist_ok=True)
            _remove_oldest(self._directory)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.open(os.path.join(self._directory, self._name), flags, 0o644)
            self.saved = True
            self._saved_size = 0
        except OSError:
            self._file = None  # The outcome then names no file.

    def _save(self, data):
        if self._file is None:
            return
        room = SAVED_BYTES_MAX - self._saved_size
        try:
            view = memoryview(data)[:room]
            while view:
                view = view[os.write(self._file, view) :]
            self._saved_size += min(room, len(data))
            if room >= len(data):
                return
        except OSError:
            # The disk is full, or the file reached its limit: give the space back.
            self._drop()
            return
        self.saved_in_part = True
        os.close(self._file)
        self._file = None

    def _drop(self):
        os.close(self._file)
        self._file = None
        self.saved = False
        try:
            os.unlink(os.path.join(self._directory, self._name))
        except OSError:
            pass  # The command removed it first.


def _remove_oldest(directory):
    with os.scandir(directory) as entries:
        aged = sorted((entry.stat(follow_symlinks=False).st_mtime_ns, entry.path) for entry in entries)
    for _, path in aged[: max(0, len(aged) - SAVED_FILES_MAX + 1)]:
        try:
            os.unlink(path)
        except OSError:
            continue  # A directory that user code put here, or a file it removed first.
