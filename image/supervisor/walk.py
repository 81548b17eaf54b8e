"""Going through folders by their descriptors: no path is too long for that, and no link is followed."""

import errno
import os

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# The kernel takes a path of 4096 bytes at once, with the NUL behind it.
PATH_BYTES_MAX = 4095
# What says that a folder was removed or exchanged since its parent was read, or is closed to us by its owner.
_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM}


def open_long(path, flags):
    """Opens a path of any length, as the kernel opens a short one."""
    left, folder = os.fsencode(path), None
    try:
        while len(left) > PATH_BYTES_MAX:
            cut = left.rfind(b"/", 1, PATH_BYTES_MAX)
            if cut < 0:
                raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
            inner = os.open(left[:cut], os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
            if folder is not None:
                os.close(folder)
            folder, left = inner, left[cut:].lstrip(b"/") or b"."
        return os.open(left, flags, dir_fd=folder)
    finally:
        if folder is not None:
            os.close(folder)


class _Place:
    """The folder that a walk has come to: one descriptor, whatever fails on the way."""

    def __init__(self, fd):
        self.fd = fd

    def move(self, fd):
        left, self.fd = self.fd, fd
        os.close(left)


def folders(root, tag=None):
    """Yields a descriptor, a tag and a list for each folder from `root` down.

    Whoever looks at a folder puts the name and the tag of those in it that are to be gone into on the list. The
    descriptor is good until the next folder is asked for. Takes time in the number of folders, however deep they
    lie: the way back leads through `..`, and down again by name only where that leads elsewhere.
    """
    above = []  # Of each folder on the way: who it is, its name, and what in it is left to go into.
    place, name = _Place(os.open(root, OPEN_FOLDER)), None
    try:
        while True:
            inner = []
            yield place.fd, tag, inner
            above.append((_identity(place.fd), name, inner))
            found = None
            while found is None:
                inner = above[-1][2]
                if inner:
                    name, tag = inner.pop()
                    found = _opened(name, place.fd)
                else:
                    above.pop()
                    if not above:
                        return
                    _go_back(root, place, above)
            place.move(found)
    finally:
        os.close(place.fd)


def _go_back(root, place, above):
    """Goes to the last folder of the way that is still where it was, and forgets those behind it."""
    found = _opened("..", place.fd)
    while found is None or _identity(found) != above[-1][0]:
        if found is not None:
            os.close(found)
        if len(above) == 1:
            found = os.open(root, OPEN_FOLDER)
            break
        found = _opened("/".join([root, *(name for _, name, _ in above[1:])]), None)
        if found is None or _identity(found) != above[-1][0]:
            above.pop()
    place.move(found)


def _identity(fd):
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


def _opened(path, folder):
    try:
        return os.open(path, OPEN_FOLDER, dir_fd=folder) if folder is not None else open_long(path, OPEN_FOLDER)
    except OSError as error:
        if error.errno in _NOT_THERE:
            return None
        raise
