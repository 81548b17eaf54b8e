"""Calls of the C library that Python has no names for.

Only the module of C beneath ctypes is used: what ctypes defines around it is half a megabyte of every sandbox, and
milliseconds of its start.
"""

import _ctypes


class _Int(_ctypes._SimpleCData):
    _type_ = "i"


class UnsignedShort(_ctypes._SimpleCData):
    _type_ = "H"


class Bytes(_ctypes._SimpleCData):
    _type_ = "z"


class _Call(_ctypes.CFuncPtr):
    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = _Int


_own = _ctypes.dlopen(None, 0)
prctl = _Call(_ctypes.dlsym(_own, "prctl"))
syscall = _Call(_ctypes.dlsym(_own, "syscall"))
Structure, byref, get_errno = _ctypes.Structure, _ctypes.byref, _ctypes.get_errno
