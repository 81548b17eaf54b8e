"""How often the kernel killed a process of this sandbox for want of memory."""

import os


class OomCounter:
    """Reads how many processes the kernel killed in this sandbox for want of memory."""

    def __init__(self, directory):
        self._fd = None
        for name in ("memory.events", "memory/memory.oom_control"):  # cgroup v2, then v1
            try:
                self._fd = os.open(os.path.join(directory, name), os.O_RDONLY | os.O_CLOEXEC)
                break
            except OSError:
                continue  # Without a counter, no command is said to have been killed by the kernel.

    def read(self):
        """Returns the count as text, to be compared later: nothing is taken apart before a command begins."""
        return b"" if self._fd is None else os.pread(self._fd, 4096, 0)

    def has_risen(self, before):
        """Tells whether a process was killed since a text was read."""
        after = self.read()
        return after != before and _count(after) > _count(before)


def _count(text):
    for line in text.splitlines():
        if line.startswith(b"oom_kill "):
            return int(line.split()[1])
    return 0
