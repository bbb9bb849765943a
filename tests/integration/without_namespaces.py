"""python without_namespaces.py PROGRAM…: runs a program where user namespaces are forbidden, as containers do it.

A seccomp filter (seccomp(2)) answers EPERM to unshare(CLONE_NEWUSER) for the program and all its children. x86-64 only.
"""

import ctypes
import os
import struct
import sys

PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
ANSWER_EPERM = 0x00050000 | 1
ALLOW = 0x7FFF0000
UNSHARE = 272  # its number on x86-64
CLONE_NEWUSER = 0x10000000

# Classic BPF: (code, jump if true, jump if false, operand)
LOAD, JUMP_IF_EQUAL, JUMP_IF_BIT, ANSWER = 0x20, 0x15, 0x45, 0x06
FILTER = (
    (LOAD, 0, 0, 0),  # the system call's number
    (JUMP_IF_EQUAL, 0, 3, UNSHARE),
    (LOAD, 0, 0, 16),  # the low half of its first argument
    (JUMP_IF_BIT, 0, 1, CLONE_NEWUSER),
    (ANSWER, 0, 0, ANSWER_EPERM),
    (ANSWER, 0, 0, ALLOW),
)


class Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


if __name__ == "__main__":
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in FILTER)
    program = Program(len(FILTER), code)
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), ctypes.byref(program), 0, 0) != 0:
        sys.exit(f"no seccomp here: {os.strerror(ctypes.get_errno())}")
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - running that program is the purpose
