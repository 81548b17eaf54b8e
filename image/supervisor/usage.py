"""How much a sandbox holds: bytes of disk and entries of its workspace, and bytes of memory."""

import errno
import os
import struct

import walk

MEASURE_SECONDS_MAX = 5
ANSWER = struct.Struct(">QQQQ")
BLOCK_BYTES = 512  # The unit of st_blocks, whatever the file system's own is.
STATUS_BYTES_MAX = 1 << 16
# Where versions 2 and 1 of control groups tell what this one uses, and which part of it is cached files, given back
# as soon as somebody needs the memory.
GROUP_MEMORY = (
    ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat", "inactive_file"),
    ("/sys/fs/cgroup/memory/memory.usage_in_bytes", "/sys/fs/cgroup/memory/memory.stat", "total_inactive_file"),
)


def answer(workspace, entries_max):
    """Returns a worker's answer: bytes and entries below a directory, bytes of memory, and bytes free on its disk.

    Entries are counted to `entries_max`."""
    try:
        return 0, ANSWER.pack(*_measure(workspace, entries_max), _memory(), _free(workspace))
    except OSError as error:
        return error.errno or errno.EIO, (error.strerror or "failed").encode()


def _free(workspace):
    status = os.statvfs(workspace)
    return status.f_bavail * status.f_frsize


def _memory():
    """Returns the memory of the sandbox's own control group or, where it has none, that of its processes."""
    for current, stat, cached in GROUP_MEMORY:
        try:
            return max(0, int(_text(current)) - _fields(_text(stat)).get(cached, 0))
        except (OSError, ValueError):
            continue
    kib = 0
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            fields = _fields(_text(f"/proc/{name}/status"))
        except OSError:
            continue  # It has ended meanwhile.
        kib += fields.get("RssAnon:", 0) + fields.get("RssShmem:", 0)
    return kib * 1024


def _text(path):
    with open(path, "rb", buffering=0) as file:
        return file.read(STATUS_BYTES_MAX).decode("ascii", "replace")


def _fields(text):
    """Maps the first word of each line to the number behind it."""
    words = [line.split(None, 2) for line in text.splitlines()]
    return {word[0]: int(word[1]) for word in words if len(word) > 1 and word[1].isdecimal()}


def _measure(workspace, entries_max):
    root = os.stat(workspace)
    used, entries, linked = root.st_blocks * BLOCK_BYTES, 0, set()
    for folder, _, inner in walk.folders(workspace):
        with os.scandir(folder) as found:
            for entry in found:
                entries += 1
                if entries >= entries_max:
                    return used, entries
                try:
                    status = entry.stat(follow_symlinks=False)
                    is_directory = entry.is_dir(follow_symlinks=False)
                except OSError:
                    continue  # Removed meanwhile.
                if status.st_dev != root.st_dev:
                    continue
                if is_directory:
                    inner.append((entry.name, None))
                elif status.st_nlink > 1:
                    if status.st_ino in linked:
                        continue
                    linked.add(status.st_ino)
                used += status.st_blocks * BLOCK_BYTES
    return used, entries
