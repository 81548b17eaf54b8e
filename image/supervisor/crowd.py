"""Whether a sandbox has used up the processes that it may have."""

import os
import resource

# Programs of a crowd come and go: near the bound hardly any command finds a place.
_SHARE_FULL = 0.9
# Where versions 2 and 1 of control groups tell how many there are, and may be.
_COUNTS = (("pids.current", "pids.max"), ("pids/pids.current", "pids/pids.max"))


def is_full(group):
    """Tells whether hardly a process is left, as its control group, or else the limit of its user, says."""
    for names in _COUNTS:
        try:
            current, bound = (_number(os.path.join(group, name)) for name in names)
        except (OSError, ValueError):
            continue  # There is none, or no bound.
        return current >= _SHARE_FULL * bound
    bound = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    return bound > 0 and sum(name.isdigit() for name in os.listdir("/proc")) >= _SHARE_FULL * bound


def _number(path):
    with open(path, "rb", buffering=0) as file:
        return int(file.read(64))
