"""How much a workspace holds, in bytes of disk and in entries."""

import errno
import os
import struct

MEASURE_SECONDS_MAX = 5
ANSWER = struct.Struct(">QQ")
BLOCK_BYTES = 512  # The unit of st_blocks, whatever the file system's own is.


def answer(workspace, entries_max):
    """Returns a worker's answer: bytes and entries below a directory, counted no further than `entries_max`."""
    try:
        return 0, ANSWER.pack(*_measure(workspace, entries_max))
    except OSError as error:
        return error.errno or errno.EIO, (error.strerror or "failed").encode()


def _measure(workspace, entries_max):
    root = os.stat(workspace)
    used, entries, todo, linked = root.st_blocks * BLOCK_BYTES, 0, [workspace], set()
    while todo and entries < entries_max:
        try:
            found = os.scandir(todo.pop())
        except OSError:
            continue  # Removed, or closed to us, since its parent was read.
        with found:
            for entry in found:
                entries += 1
                if entries >= entries_max:
                    break
                try:
                    status = entry.stat(follow_symlinks=False)
                    is_directory = entry.is_dir(follow_symlinks=False)
                except OSError:
                    continue  # Removed meanwhile.
                if status.st_dev != root.st_dev:
                    continue
                if is_directory:
                    todo.append(entry.path)
                elif status.st_nlink > 1:
                    if status.st_ino in linked:
                        continue
                    linked.add(status.st_ino)
                used += status.st_blocks * BLOCK_BYTES
    return used, entries
