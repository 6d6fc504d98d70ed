"""A seccomp filter: system calls that a generated program has no business making.

No new process, no other program, no socket but a pair, no signal to anybody else, no other
process's memory, limits or priority, no mount, namespace, link or key. Threads are allowed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from . import kernel

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NR, _ARCH, _ARG0 = 0, 4, 16  # offsets into struct seccomp_data (little endian: the low half)
_X32, _CLONE_THREAD = 0x40000000, 0x10000
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_NAMES = (
    "socket execve execveat ptrace process_vm_readv process_vm_writev tkill pidfd_send_signal "
    "pidfd_open pidfd_getfd setpriority sched_setparam sched_setscheduler mount umount2 chroot "
    "unshare setns keyctl add_key request_key bpf perf_event_open userfaultfd io_uring_setup "
    "memfd_create symlinkat linkat mknodat shmget msgget semget open_tree move_mount fsopen "
    "mount_setattr fork vfork symlink link mknod"
).split()
_NUMBERS = {  # in the order of _NAMES; 64-bit ARM lacks the last five
    "x86_64": (
        (41, 59, 322, 101, 310, 311, 200, 424, 434, 438, 141, 142, 144, 165, 166, 161)
        + (272, 308, 250, 248, 249, 321, 298, 323, 425, 319, 266, 265, 259, 29, 68, 64)
        + (428, 429, 430, 442, 57, 58, 88, 86, 133)
    ),
    "aarch64": (
        (198, 221, 281, 117, 270, 271, 130, 424, 434, 438, 140, 118, 119, 40, 39, 51)
        + (97, 268, 219, 217, 218, 280, 241, 282, 425, 279, 36, 37, 33, 194, 186, 190)
        + (428, 429, 430, 442)
    ),
}
_SELF_ONLY = {  # (kill, tgkill, prlimit64, sched_setaffinity): fine where the first argument is us
    "x86_64": (62, 234, 302, 203),
    "aarch64": (129, 131, 261, 122),
}
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435


def refused_calls(machine: str) -> dict[str, int]:
    """System call name → number on this machine; empty where the numbers are not known."""
    return dict(zip(_NAMES, _NUMBERS.get(machine, ()), strict=False))


def install() -> None:
    """Filter this thread and all that it starts, for good; needs `no_new_privs`.

    Raises:
        OSError: another machine or kernel.
    """
    machine = os.uname().machine
    if machine not in _AUDIT_ARCH:
        raise OSError(errno.ENOSYS, f"no filter for {machine}")
    code = b"".join(_program(machine, os.getpid()))
    buffer = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    program = Program(len(code) // 8, ctypes.addressof(buffer))
    kernel.call("prctl", kernel.PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0)


def _program(machine: str, pid: int) -> list[bytes]:
    """Classic BPF: one comparison and one verdict per call."""
    refuse = _ERRNO | errno.EPERM
    code = [_op(_LOAD, _ARCH), _op(_EQUAL, _AUDIT_ARCH[machine], 1, 0), _op(_RETURN, _KILL)]
    code.append(_op(_LOAD, _NR))
    if machine == "x86_64":
        code += [_op(_AT_LEAST, _X32, 0, 1), _op(_RETURN, refuse)]
    for number in refused_calls(machine).values():
        code += [_op(_EQUAL, number, 0, 1), _op(_RETURN, refuse)]
    code += [_op(_EQUAL, _CLONE3, 0, 1), _op(_RETURN, _ERRNO | errno.ENOSYS)]  # then clone is tried
    code += [_op(_EQUAL, _CLONE[machine], 0, 4), _op(_LOAD, _ARG0)]
    code += [_op(_ANY_BIT, _CLONE_THREAD, 1, 0), _op(_RETURN, refuse), _op(_RETURN, _ALLOW)]
    for number in _SELF_ONLY[machine]:
        code += [_op(_EQUAL, number, 0, 5), _op(_LOAD, _ARG0), _op(_EQUAL, 0, 2, 0)]
        code += [_op(_EQUAL, pid, 1, 0), _op(_RETURN, refuse), _op(_RETURN, _ALLOW)]
    return [*code, _op(_RETURN, _ALLOW)]


def _op(code: int, k: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, k)
