"""What changed in the workspace since a time.

The search yields now and then, so that the loop serves others in between, and is bounded in time and count:
a workspace of a hundred thousand files must not hold up the end of a turn.
"""

import _heapq as heapq
import os
import stat
import struct
import time
from _collections import deque

import files
import walk
import wire

# Both of this process's own time, for what a busy machine makes of it tells nothing of the size of a workspace.
# A search for what a turn changed holds up its end: a flat folder of a hundred thousand files would take longer.
LOOK_SECONDS_MAX = 0.3
# For files that were written in place, in folders where nothing was made: enough for a few thousand of them.
LOOK_IN_PLACE_SECONDS_MAX = 0.01
# Folders of installed packages and caches, besides the hidden ones, are not what a run made for people.
PASSED_OVER = {"node_modules", "__pycache__", "site-packages"}
# A file that a virtual environment of Python has at its top, whatever its name.
ENVIRONMENT_MARK = "pyvenv.cfg"
# A name in a folder, as long as file systems have them.
NAME_BYTES_MAX = 255
# Longest path that is told: a link to the file must fit the head of a request.
PATH_BYTES_MAX = 8192
# Kernel timestamps lag behind the clock by up to a tick.
TIMESTAMP_SLACK_NS = 10_000_000
_CHANGED_HEAD = struct.Struct(">QI")


def _is_in_place(folder):
    """Whether a folder is one, and not a link that leads elsewhere."""
    return folder is not None and os.path.isdir(folder) and os.path.realpath(folder) == folder


class _Search:
    """The newest regular files changed since a time, and how far the search for them has come.

    First come the folders that something was made in, renamed into or removed from since then: their own
    change time tells. A file written in place does not show in its folder, so a little time goes to the
    other folders, the small and shallow ones first: people work there, and not in piles of data.
    """

    def __init__(self, roots, since, limit):
        self.roots, self.since, self.limit = roots, since, limit
        self.newest, self.seen = [], 0
        # A listing of everything is asked for by somebody who waits for it; a search after each turn is not.
        self.deadline = time.thread_time() + LOOK_SECONDS_MAX if since > 0 else None
        self.counts_links = False
        self.deep = []  # Folders in which a name may make a path that is too long for the kernel.

    def run(self):
        """Searches, yielding now and then; a folder that was removed or closed to us meanwhile holds nothing."""
        todo, others = deque((root, None) for root in self.roots), []
        while todo and not self._is_over(self.deadline):
            path, status = todo.popleft()
            try:
                status = status or os.stat(path)
                untouched = status.st_ctime_ns < self.since
                if untouched:
                    others.append((path, status.st_size))
                if not (untouched and self.counts_links and status.st_nlink == 2):
                    yield from self._look(path, None if untouched else self._take, todo)
            except OSError:
                continue
            if path == self.roots[0]:
                # Where a folder's links count its folders, one with two has none to go into.
                self.counts_links = 0 < self.folders == status.st_nlink - 2
        for path in self.deep:
            try:
                yield from self._look_below(path)
            except OSError:
                continue
        deadline = time.thread_time() + LOOK_IN_PLACE_SECONDS_MAX
        for path, _ in sorted(others, key=lambda other: other[1]):
            if self._is_over(deadline):
                return
            try:
                yield from self._look(path, self._take, None, deadline)
            except OSError:
                continue

    def _look(self, path, take, todo, deadline=None):
        """Goes through one folder: its files to `take`, its folders to `todo`, where these are wanted."""
        self.folders = 0
        if path not in self.roots and os.path.lexists(os.path.join(path, ENVIRONMENT_MARK)):
            return
        if todo is not None and len(os.fsencode(path)) + 1 + NAME_BYTES_MAX > walk.PATH_BYTES_MAX:
            self.deep.append(path)
        with os.scandir(path) as entries:
            for entry in entries:
                self.seen += 1
                if self.seen % files.ENTRIES_PER_TURN == 0:
                    yield
                    if self._is_over(deadline or self.deadline):
                        return
                try:
                    if entry.is_dir(follow_symlinks=False):
                        self.folders += 1
                        if todo is not None and not _is_passed_over(entry.name):
                            todo.append((entry.path, entry.stat(follow_symlinks=False)))
                    elif take is not None and not entry.name.startswith(files.OWN_PREFIX):
                        take(entry.path, entry.stat(follow_symlinks=False))
                except OSError:
                    continue  # Removed meanwhile.

    def _look_below(self, path):
        """Goes by descriptors to what no path leads to, in folders that were changed and in others."""
        for folder, (above, name), inner in walk.folders(path, (path, "")):
            prefix = f"{above}{name}/"
            if name and _has(folder, ENVIRONMENT_MARK):
                continue
            with os.scandir(folder) as entries:
                for entry in entries:
                    self.seen += 1
                    if self.seen % files.ENTRIES_PER_TURN == 0:
                        yield
                    if self._is_over(self.deadline):
                        return
                    length = len(os.fsencode(prefix)) + len(os.fsencode(entry.name))
                    if not walk.PATH_BYTES_MAX < length <= PATH_BYTES_MAX:
                        continue
                    try:
                        if not entry.is_dir(follow_symlinks=False):
                            if not entry.name.startswith(files.OWN_PREFIX):
                                self._take(prefix + entry.name, entry.stat(follow_symlinks=False))
                        elif not _is_passed_over(entry.name):
                            inner.append((entry.name, (prefix, entry.name)))
                    except OSError:
                        continue  # Removed meanwhile.

    def _take(self, path, status):
        # The change time also tells of files that were moved or unpacked with an old date.
        if not stat.S_ISREG(status.st_mode) or status.st_ctime_ns < self.since:
            return
        found = (status.st_ctime_ns, path, status.st_size)
        if len(self.newest) < self.limit:
            heapq.heappush(self.newest, found)
        elif self.limit:
            heapq.heappushpop(self.newest, found)

    def _is_over(self, deadline):
        return self.seen >= files.ENTRIES_MAX or (deadline is not None and time.thread_time() >= deadline)


def _has(folder, name):
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return True


def _is_passed_over(name):
    return name.startswith(".") or name in PASSED_OVER


def changed(payload, workspace, artifacts, reply):
    """Replies with regular files of the workspace changed since a time, newest first, as JSON.

    Passed over are folders of others: hidden ones, installed packages, caches, virtual environments.
    """
    import json  # Only here: it brings the regular expressions, a megabyte nobody else needs.

    since_ms, limit = _CHANGED_HEAD.unpack_from(payload)
    roots = [workspace, files.ARTIFACTS_LINK] if _is_in_place(artifacts) else [workspace]
    search = _Search(roots, since_ms * 1_000_000 - TIMESTAMP_SLACK_NS, limit)
    yield from search.run()
    listed, size = [], 2
    for changed_ns, path, length in sorted(search.newest, reverse=True):
        shown = os.fsencode(path).decode("utf-8", "replace")
        text = json.dumps({"path": shown, "sizeBytes": length, "modifiedAtMs": changed_ns // 1_000_000})
        size += len(text) + 1
        if size > files.REPLY_BYTES_MAX:
            break
        listed.append(text)
    reply(wire.OK, f"[{','.join(listed)}]".encode())
