"""A filter of system calls of our own, beneath whatever the engine has, that nothing started here can leave.

It refuses kernel interfaces that no program of a user needs and that have been ways out of sandboxes, and
sockets of families that reach beyond a sandbox without a network, such as those between a virtual machine
and its host. An engine's default filter refuses many of them as well; not every version does, and bubblewrap
has none.
"""

import errno
import os
import struct

import libc

# Unix, IPv4, IPv6, and netlink, by which programs list network interfaces.
FAMILIES_ALLOWED = (1, 2, 10, 16)

# Per machine: its architecture in a filter, `socket`, and what is refused, by number.
_MACHINES = {
    "x86_64": (
        0xC000003E,
        41,
        {
            "acct": 163, "add_key": 248, "bpf": 321, "clock_settime": 227, "delete_module": 176, "finit_module": 313,
            "fsconfig": 431, "fsmount": 432, "fsopen": 430, "fspick": 433, "init_module": 175, "io_uring_enter": 426,
            "io_uring_register": 427, "io_uring_setup": 425, "ioperm": 173, "iopl": 172, "kexec_file_load": 320,
            "kexec_load": 246, "keyctl": 250, "lookup_dcookie": 212, "mount": 165, "mount_setattr": 442,
            "move_mount": 429, "nfsservctl": 180, "open_by_handle_at": 304, "open_tree": 428, "perf_event_open": 298,
            "pivot_root": 155, "quotactl": 179, "reboot": 169, "request_key": 249, "setns": 308, "settimeofday": 164,
            "swapoff": 168, "swapon": 167, "syslog": 103, "umount2": 166, "unshare": 272, "userfaultfd": 323,
            "vhangup": 153,
        },
    ),
    "aarch64": (
        0xC00000B7,
        198,
        {
            "acct": 89, "add_key": 217, "bpf": 280, "clock_settime": 112, "delete_module": 106, "finit_module": 273,
            "fsconfig": 431, "fsmount": 432, "fsopen": 430, "fspick": 433, "init_module": 105, "io_uring_enter": 426,
            "io_uring_register": 427, "io_uring_setup": 425, "kexec_file_load": 294, "kexec_load": 104, "keyctl": 219,
            "lookup_dcookie": 18, "mount": 40, "mount_setattr": 442, "move_mount": 429, "nfsservctl": 42,
            "open_by_handle_at": 265, "open_tree": 428, "perf_event_open": 241, "pivot_root": 41, "quotactl": 60,
            "reboot": 142, "request_key": 218, "setns": 268, "settimeofday": 170, "swapoff": 225, "swapon": 224,
            "syslog": 116, "umount2": 39, "unshare": 97, "userfaultfd": 282, "vhangup": 58,
        },
    ),
}  # fmt: skip
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_X32_CALLS = 0x40000000  # From here on, numbers of another convention of the same architecture.

# Of a filter's machine: instructions, and where things stand in what it looks at.
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_INSTRUCTION = struct.Struct("=HBBI")

_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER = 1
_SPEC_ALLOW = 4  # Without it some kernels slow every program of a filtered process.


def program(machine):
    """Returns the filter of a machine as bytes. *Raises* KeyError for a machine it is not written for."""
    architecture, socket, refused = _MACHINES[machine]
    lines = []

    def emit(code, value, if_true=0, if_false=0):
        lines.append(_INSTRUCTION.pack(code, if_true, if_false, value))

    def refuse(number):
        emit(_RETURN, _REFUSE | number)

    # A program of another architecture has other numbers for the same calls.
    emit(_LOAD, _ARCHITECTURE_AT)
    emit(_JUMP_EQUAL, architecture, if_true=1)
    refuse(errno.ENOSYS)
    emit(_LOAD, _NUMBER_AT)
    if machine == "x86_64":
        emit(_JUMP_AT_LEAST, _X32_CALLS, if_false=1)
        refuse(errno.ENOSYS)
    for number in sorted(refused.values()):
        emit(_JUMP_EQUAL, number, if_false=1)
        refuse(errno.EPERM)
    emit(_JUMP_EQUAL, socket, if_true=1)
    emit(_RETURN, _ALLOW)
    emit(_LOAD, _FIRST_ARGUMENT_AT)  # Its lower half: both machines are little endian.
    for family in FAMILIES_ALLOWED:
        emit(_JUMP_EQUAL, family, if_false=1)
        emit(_RETURN, _ALLOW)
    refuse(errno.EAFNOSUPPORT)
    return b"".join(lines)


class _Program(libc.Structure):
    _fields_ = (("length", libc.UnsignedShort), ("instructions", libc.Bytes))


def install():
    """Puts the filter on this process and all that it will start. *Raises* OSError where that is impossible."""
    machine = os.uname().machine
    if machine not in _MACHINES:
        raise OSError(errno.ENOSYS, f"no filter is written for {machine}")
    code = program(machine)
    wanted = _Program(len(code) // _INSTRUCTION.size, code)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.syscall(_SECCOMP[machine], _SET_MODE_FILTER, _SPEC_ALLOW, libc.byref(wanted)):
        number = libc.get_errno()
        raise OSError(number, os.strerror(number))
