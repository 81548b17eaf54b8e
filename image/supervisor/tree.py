"""The workspace as a list of what lies in it, and putting parts of it back.

The list goes to the server as a stream of records, paced like a file that is read. What is put back is first
compared with what the server believes stands there: whoever changed it meanwhile keeps their work. Links are
never followed here, neither at the end of a path nor on the way to it.
"""

import errno
import os
import stat
import struct

import files
import walk
import wire

# Kind, mode, size, times of content and of change in ns, inode, lengths of the path and of a link's target.
_RECORD = struct.Struct(">BIQqqQHH")
FILE, LINK, DIRECTORY, OTHER, UNLISTED, END = 1, 2, 3, 4, 5, 255
# A record tells of paths with two bytes of length, and what reads a file puts the place of the workspace before it.
_PATH_BYTES_MAX = 0xFFFF - 1024
# What has a longer one is told by the beginning of it and its name.
_TOLD_HEAD_BYTES, _TOLD_BETWEEN = 200, b"/.../"
# The mode of the last record: whether the list is whole.
_CUT, _WHOLE = 0, 1
# Installed packages and caches: they can be had again, and are most of a workspace.
_PASSED_OVER = {"node_modules", "__pycache__", "site-packages", ".cache"}
# A file that a virtual environment of Python has at its top, whatever its name.
_ENVIRONMENT_MARK = "pyvenv.cfg"
# Of our own folder only what people are given is theirs.
_OWN_FOLDER, _GIVEN_OUT = ".caisson", "artifacts"

_PUT_BACK = struct.Struct(">BBIqQqqQHH")
_PUT_FILE, _PUT_LINK, _PUT_DIRECTORY, _REMOVE = 1, 2, 3, 4
_NOTHING, _SAME, _FOLDER = 0, 1, 2
# The write that a range goes to, its offset and length, and the version of the file that it is taken from.
_COPY = struct.Struct(">IQQQqqQ")
# Where files are put together that are to be put back; what a server that ended left there is nobody's.
_STAGING = os.path.join(_OWN_FOLDER, "undo")
_LEFT_ENTRIES_MAX = 10_000


class Tree(files.Read):
    """A list of the workspace on its way to the server, kept in memory that counts for the sandbox."""

    def __init__(self):
        self._fd = os.memfd_create("caisson-tree", os.MFD_CLOEXEC)
        self._at = self._left = 0
        self.credit = files.WINDOW_BYTES

    def fill(self, payload, workspace):
        """Lists everything, yielding now and then; a list that would be too long ends where the bound is."""
        entries_max, bytes_max = struct.unpack(">II", payload)
        batch, seen, whole = bytearray(), 0, True
        for folder, prefix, inner in walk.folders(workspace, ""):
            for entry in _entries(folder):
                record, goes_on = _record(entry, prefix, folder)
                if record is None:
                    continue
                if goes_on:
                    inner.append((entry.name, f"{prefix}{entry.name}/"))
                batch += record
                seen += 1
                if seen > entries_max or self._left + len(batch) > bytes_max:
                    whole = False
                    break
                if seen % files.ENTRIES_PER_TURN == 0:
                    self._keep(batch)
                    yield
            if not whole:
                break
        batch += _RECORD.pack(END, _WHOLE if whole else _CUT, 0, 0, 0, 0, 0, 0)
        self._keep(batch)

    def _keep(self, batch):
        self._left += len(batch)
        view = memoryview(bytes(batch))
        while view:
            view = view[os.write(self._fd, view) :]
        batch.clear()


def _entries(folder):
    with os.scandir(folder) as entries:
        yield from entries


def _record(entry, prefix, folder):
    """Returns an entry as bytes and whether to go into it; None for what is not looked at."""
    own = _OWN_FOLDER if not prefix else _GIVEN_OUT if prefix == f"{_OWN_FOLDER}/" else None
    if entry.name.startswith(files.OWN_PREFIX) or own == _GIVEN_OUT:
        return (b"", True) if entry.name == own and entry.is_dir(follow_symlinks=False) else (None, False)
    try:
        status = entry.stat(follow_symlinks=False)
        target = os.fsencode(os.readlink(entry.name, dir_fd=folder)) if stat.S_ISLNK(status.st_mode) else b""
    except OSError:
        return None, False  # Removed meanwhile.
    kind = _kind(status.st_mode)
    if kind == DIRECTORY and _is_passed_over(entry, folder):
        return None, False
    path = os.fsencode(f"{prefix}{entry.name}")
    if len(path) > _PATH_BYTES_MAX:
        told = path[:_TOLD_HEAD_BYTES] + _TOLD_BETWEEN + os.fsencode(entry.name)
        return _RECORD.pack(UNLISTED, 0, 0, 0, 0, 0, len(told), 0) + told, False
    head = _RECORD.pack(
        kind,
        stat.S_IMODE(status.st_mode) & 0o777,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
        len(path),
        len(target),
    )
    return head + path + target, kind == DIRECTORY


def _kind(mode):
    if stat.S_ISREG(mode):
        return FILE
    if stat.S_ISLNK(mode):
        return LINK
    return DIRECTORY if stat.S_ISDIR(mode) else OTHER


def _is_passed_over(entry, folder):
    if entry.name in _PASSED_OVER:
        return True
    try:
        os.stat(f"{entry.name}/{_ENVIRONMENT_MARK}", dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return True


def put_back(payload, workspace):
    """Puts one thing in its place, or takes it away, unless something else stands there than was expected."""
    step, expected, mode, mtime_ns, *version, path_length, other_length = _PUT_BACK.unpack_from(payload)
    path = payload[_PUT_BACK.size : _PUT_BACK.size + path_length]
    other = payload[_PUT_BACK.size + path_length :]
    if len(path) != path_length or len(other) != other_length:
        raise OSError(errno.EINVAL, "malformed")
    folder, name = _open_parent(path, workspace, step != _REMOVE)
    try:
        _check(name, folder, expected, tuple(version))
        if step == _PUT_FILE:
            _put_file(other, workspace, name, folder, mode, mtime_ns)
        elif step == _PUT_LINK:
            beside = f"{files.OWN_PREFIX}-{os.urandom(8).hex()}.part"
            os.symlink(other, beside, dir_fd=folder)
            _take_place(beside, folder, name, folder)
        elif step == _PUT_DIRECTORY:
            os.mkdir(name, mode & 0o777, dir_fd=folder)
        elif step == _REMOVE:
            (os.rmdir if expected == _FOLDER else os.unlink)(name, dir_fd=folder)
        else:
            raise OSError(errno.EINVAL, "no such step")
    finally:
        os.close(folder)


def copy(payload, workspace, writes, reply):
    """Appends a range of a file of the workspace to a write, as long as that file is the one the server knows."""
    ident, offset, length, *version = _COPY.unpack_from(payload)
    write = writes.get(ident)
    if write is None:
        raise OSError(errno.ESTALE, "there is no such write")
    folder, name = _open_parent(payload[_COPY.size :], workspace, False)
    try:
        source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        _check_version(os.fstat(source), version)
        yield from write.append_range(source, offset, length)
        _check_version(os.fstat(source), version)  # Whoever wrote to it meanwhile left us neither the one nor the other.
    finally:
        os.close(source)
    reply(wire.OK, b"")


def _check_version(status, version):
    found = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    if not stat.S_ISREG(status.st_mode) or found != version:
        raise wire.Refused(wire.CHANGED_MEANWHILE, "it was changed meanwhile")


def take_away_left(workspace):
    """Takes away what was to be put back by a server that ended before it was; bounded, for users can write there."""
    staging = os.path.join(workspace, _STAGING)
    if os.path.islink(staging):
        return
    left = _LEFT_ENTRIES_MAX
    try:
        for folder in os.scandir(staging):
            if not folder.is_dir(follow_symlinks=False):
                continue
            for entry in os.scandir(folder.path):
                left -= 1
                if left == 0:
                    return
                os.unlink(entry.path)
            os.rmdir(folder.path)
        os.rmdir(staging)
    except OSError:
        pass  # It is not as we leave it, so somebody else made it.


def _open_parent(path, workspace, make):
    """Opens the folder that something lies in, going through folders only, and returns it with the last name."""
    *way, name = path.split(b"/")
    if b"\0" in path or any(part in (b"", b".", b"..") for part in (*way, name)):
        raise OSError(errno.EINVAL, "not a path in the workspace")
    folder = os.open(workspace, walk.OPEN_FOLDER)
    for part in way:
        try:
            try:
                inner = os.open(part, walk.OPEN_FOLDER, dir_fd=folder)
            except FileNotFoundError:
                if not make:
                    raise
                os.mkdir(part, 0o755, dir_fd=folder)
                inner = os.open(part, walk.OPEN_FOLDER, dir_fd=folder)
        finally:
            os.close(folder)
        folder = inner
    return folder, name


def _check(name, folder, expected, version):
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        status = None
    if expected == _NOTHING:
        as_expected = status is None
    elif status is None:
        as_expected = False
    elif expected == _FOLDER:
        as_expected = stat.S_ISDIR(status.st_mode)
    else:
        found = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        as_expected = not stat.S_ISDIR(status.st_mode) and found == version
    if not as_expected:
        raise wire.Refused(wire.CHANGED_MEANWHILE, "it was changed meanwhile")


def _put_file(source, workspace, name, folder, mode, mtime_ns):
    origin, source_name = _open_parent(source, workspace, False)
    try:
        fd = os.open(source_name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=origin)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise wire.Refused(wire.UNSUPPORTED_FILE, "not a regular file")
            os.fchmod(fd, mode & 0o777)
            os.utime(fd, ns=(mtime_ns, mtime_ns))
        finally:
            os.close(fd)
        _take_place(source_name, origin, name, folder)
    finally:
        os.close(origin)


def _take_place(source_name, origin, name, folder):
    try:
        os.rename(source_name, name, src_dir_fd=origin, dst_dir_fd=folder)
    except BaseException:
        os.unlink(source_name, dir_fd=origin)
        raise
