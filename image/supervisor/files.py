"""Files of the sandbox: written atomically, read in bounded pieces, listed.

Work that may take long is a generator that yields after every piece, so that the loop serves others
in between. Paths are whatever the caller named: all access happens as the sandbox's own user, which
could do the same from a command.
"""

import errno
import os
import stat
import struct

import wire

# Entries looked at in one listing, or in one search for changes, so that a huge tree costs bounded memory.
ENTRIES_MAX = 200_000
ENTRIES_PER_TURN = 500
SCAN_BYTES = 4 * wire.PIECE_BYTES
# Bytes a read may send ahead of the server's credit, and thus memory per read on both sides.
WINDOW_BYTES = 8 * wire.PIECE_BYTES
# Bytes of a file copied inside the sandbox before others have their turn: a few milliseconds.
COPY_BYTES = 64 * wire.PIECE_BYTES
# A file system, or a kernel, that copies nothing by itself.
_NO_COPYING = {errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}
# Our own files in a workspace begin so, and are not what a run made.
OWN_PREFIX = ".caisson"
# A link to a folder in the workspace that shows in no plain listing; what it holds is named by the link.
ARTIFACTS_LINK = "/artifacts"
ARTIFACTS_FOLDER = ".caisson/artifacts"
REPLY_BYTES_MAX = wire.PAYLOAD_BYTES_MAX - 4096

_OPEN_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_READ_TEXT_HEAD = struct.Struct(">QQII")
_READ_BYTES_HEAD = struct.Struct(">QQ")
ALL_LINES = 0xFFFFFFFF
_PLURALS = {"line": "lines", "entry": "entries"}
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def artifacts_folder(workspace):
    """Returns the folder that ARTIFACTS_LINK leads to, None when this sandbox has no such link."""
    folder = os.path.join(workspace, ARTIFACTS_FOLDER)
    try:
        return folder if os.readlink(ARTIFACTS_LINK) == folder else None
    except OSError:
        return None


def make_artifacts_folder(folder):
    """Makes the folder unless it is there; whoever needs it and finds it missing says why."""
    if folder is None:
        return
    try:
        os.mkdir(folder)
    except FileExistsError:
        pass
    except OSError:
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError:
            pass  # The workspace is full, or its user closed it or put something else there.


def decode_path(raw, workspace):
    """Turns a path of the wire into an absolute one; as in a shell, `~` is the workspace."""
    path = os.fsdecode(raw)
    if path == "~" or path.startswith("~/"):
        path = path[2:].lstrip("/") or "."
    if not path or "\0" in path:
        raise OSError(errno.EINVAL, "not a path")
    return os.path.join(workspace, path)


def open_regular(path):
    """Opens a regular file for reading; refuses devices, pipes and sockets without waiting for them."""
    try:
        fd = os.open(path, _OPEN_READ)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        import walk  # Only here: hardly any path is too long for the kernel.

        fd = walk.open_long(path, _OPEN_READ)
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "is a directory")
        if not stat.S_ISREG(mode):
            raise wire.Refused(wire.UNSUPPORTED_FILE, "not a regular file")
    except BaseException:
        os.close(fd)
        raise
    return fd


def _followed(path, workspace):
    """Returns where a write to a path goes: through a link to what it names, as long as that is in the workspace."""
    if not os.path.islink(path):
        return path
    target = os.path.realpath(path)
    if os.path.islink(target):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    root = os.path.realpath(workspace)
    if os.path.commonpath([root, target]) != root:
        raise wire.Refused(wire.LEADS_OUT, "the link leads out of the workspace")
    return target


class Write:
    """A file being written beside its place, which it takes when it is whole."""

    def __init__(self, path, workspace):
        mode = 0o644
        path = _followed(path, workspace)
        try:
            target = os.stat(path)
            if stat.S_ISDIR(target.st_mode):
                raise IsADirectoryError(errno.EISDIR, "is a directory")
            if not stat.S_ISREG(target.st_mode):
                raise wire.Refused(wire.UNSUPPORTED_FILE, "not a regular file")
            mode = stat.S_IMODE(target.st_mode)
            if not mode & stat.S_IWUSR:
                why = f"the file is read-only (mode {mode:o}); if it is to be changed, run chmod u+w on it first"
                raise wire.Refused(wire.READ_ONLY, why)
        except FileNotFoundError:
            pass  # A new file.
        if path.endswith("/"):
            raise IsADirectoryError(errno.EISDIR, "is a directory")
        directory = os.path.dirname(path)
        os.makedirs(directory, exist_ok=True)
        self._path = path
        self._temporary = os.path.join(directory, f"{OWN_PREFIX}-{os.urandom(8).hex()}.part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._fd = os.open(self._temporary, flags, 0o600)
        self.size = 0
        try:
            os.fchmod(self._fd, mode & 0o777)
        except OSError:
            self.discard()
            raise

    def append(self, data):
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        self.size += len(data)

    def append_range(self, source, offset, length):
        """Appends a range of another file and yields now and then; it is shared where the file system can do that."""
        end = offset + length
        while offset < end:
            if self._fd is None:
                raise OSError(errno.ESTALE, "the write was given up")
            copied = self._copy(source, offset, min(COPY_BYTES, end - offset))
            if not copied:
                raise wire.Refused(wire.CHANGED_MEANWHILE, "it was changed meanwhile")
            offset += copied
            yield

    def _copy(self, source, offset, count):
        try:
            copied = os.copy_file_range(source, self._fd, count, offset)
        except OSError as error:
            if error.errno not in _NO_COPYING:
                raise
            piece = os.pread(source, count, offset)
            self.append(piece)
            return len(piece)
        self.size += copied
        return copied

    def commit(self):
        """Puts the file in its place, replacing what stood there."""
        os.close(self._fd)
        self._fd = None
        os.rename(self._temporary, self._path)
        self._temporary = None

    def discard(self):
        """Leaves nothing behind of a write that was not committed."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        if self._temporary is not None:
            try:
                os.unlink(self._temporary)
            except OSError:
                pass  # User code removed it first.
            self._temporary = None


def read_text(payload, workspace, reply):
    """Replies with lines of a file from a byte of the first one on, or with the entries of a directory."""
    first, column, count, bound = _READ_TEXT_HEAD.unpack_from(payload)
    bound = min(bound, REPLY_BYTES_MAX)
    path = decode_path(payload[_READ_TEXT_HEAD.size :], workspace)
    try:
        fd = open_regular(path)
    except IsADirectoryError:
        yield from _list(path, first, count, bound, reply)
        return
    try:
        at, missing = yield from _find_line(fd, first)
        page, flags = yield from _read_lines(fd, at + column, count, bound)
        if first and not page and not column and not flags:
            half = 1 if missing and at and os.pread(fd, 1, at - 1) != b"\n" else 0
            page, flags = _ends_before("file", "line", first, first - missing + half), wire.ONLY_NOTE
        is_utf16 = b"\0" in page and os.pread(fd, 2, 0) in _UTF16_MARKS
    finally:
        os.close(fd)
    if b"\0" in page:
        why = "UTF-16 text; `iconv -f UTF-16 -t UTF-8` makes it readable" if is_utf16 else "not a text file"
        raise wire.Refused(wire.NOT_TEXT, why)
    reply(wire.OK, bytes([flags]) + page)


def _ends_before(what, part, first, count):
    return f"the {what} ends before {part} {first}: it has {count} {_PLURALS[part] if count != 1 else part}".encode()


def _find_line(fd, first):
    """Returns the offset at which a line starts and 0, or that of the end and how many line breaks are missing."""
    at = 0
    while first:
        piece = os.pread(fd, SCAN_BYTES, at)
        if not piece:
            return at, first
        lines = piece.count(b"\n")
        if lines < first:
            first -= lines
            at += len(piece)
            yield
            continue
        cut = -1
        for _ in range(first):
            cut = piece.find(b"\n", cut + 1)
        return at + cut + 1, 0
    return at, 0


def _read_lines(fd, at, count, bound):
    """Returns at most `count` lines in at most `bound` bytes, and flags that say how the file goes on after them.

    A page ends with a whole line, unless its first line alone is longer than the bound.
    """
    page = bytearray()
    while len(page) <= bound:
        piece = os.pread(fd, min(SCAN_BYTES, bound + 1 - len(page)), at + len(page))
        if not piece:
            break
        page += piece
        if count != ALL_LINES and page.count(b"\n") > count:
            break
        yield
    whole = len(page)
    if count != ALL_LINES:
        cut = 0
        for _ in range(count):
            found = page.find(b"\n", cut)
            if found < 0:
                cut = whole
                break
            cut = found + 1
        del page[cut:]
    if len(page) > bound:
        del page[bound:]
        last = page.rfind(b"\n")
        if last >= 0:
            del page[last + 1 :]
        else:
            _trim_to_character(page)
            return bytes(page), wire.MORE_FOLLOWS | wire.CUT_IN_LINE
    more = len(page) < whole or bool(os.pread(fd, 1, at + len(page)))
    return bytes(page), wire.MORE_FOLLOWS if more else 0


def _trim_to_character(page):
    """Removes the beginning of a UTF-8 character that the end of a page cut."""
    for back in range(1, min(4, len(page)) + 1):
        byte = page[-back]
        if byte >= 0xC0:
            width = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2
            if width > back:
                del page[-back:]
            return
        if byte < 0x80:
            return


def _list(path, first, count, bound, reply):
    names, more = [], False
    with os.scandir(path) as entries:
        for entry in entries:
            if len(names) >= ENTRIES_MAX:
                more = True
                break
            names.append(os.fsencode(entry.name) + (b"/" if _is_directory(entry) else b""))
            if len(names) % ENTRIES_PER_TURN == 0:
                yield
    if first and len(names) <= first:
        reply(wire.OK, bytes([wire.ONLY_NOTE]) + _ends_before("directory", "entry", first, len(names)))
        return
    names.sort()
    end = len(names) if count == ALL_LINES else min(len(names), first + count)
    lines, size = [], 0
    for index in range(min(first, len(names)), end):
        line = names[index].replace(b"\n", b"?") + b"\n"
        if size + len(line) > bound:
            end = index
            break
        lines.append(line)
        size += len(line)
    reply(wire.OK, bytes([more or end < len(names)]) + b"".join(lines))


def _is_directory(entry):
    try:
        return entry.is_dir()
    except OSError:
        return False  # A link that leads nowhere we may look.


class Read:
    """A file on its way to the server, as fast as the server grants credit."""

    def __init__(self, payload, workspace):
        offset, length = _READ_BYTES_HEAD.unpack_from(payload)
        self._fd = open_regular(decode_path(payload[_READ_BYTES_HEAD.size :], workspace))
        self._at = offset
        self._left = length
        self.credit = WINDOW_BYTES

    def pieces(self):
        """Yields pieces, b"" for a pause without credit; ends with the file or the range."""
        while self._left > 0:
            wanted = min(wire.PIECE_BYTES, self._left)
            if self.credit < wanted:
                yield b""
                continue
            piece = os.pread(self._fd, wanted, self._at)
            if not piece:
                return
            self._at += len(piece)
            self._left -= len(piece)
            self.credit -= len(piece)
            yield piece

    def close(self):
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
