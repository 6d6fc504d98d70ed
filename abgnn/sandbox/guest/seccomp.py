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

_MACHINES = ("x86_64", "aarch64")
_REFUSED: dict[str, tuple[int, int | None]] = {  # system call numbers, in the order of _MACHINES
    "socket": (41, 198),
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "tkill": (200, 130),
    "pidfd_send_signal": (424, 424),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "setpriority": (141, 140),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "mount": (165, 40),
    "umount2": (166, 39),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "memfd_create": (319, 279),
    "symlinkat": (266, 36),
    "linkat": (265, 37),
    "mknodat": (259, 33),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "mount_setattr": (442, 442),
    "fork": (57, None),
    "vfork": (58, None),
    "symlink": (88, None),
    "link": (86, None),
    "mknod": (133, None),
}
_SELF_ONLY = {  # (kill, tgkill, prlimit64, sched_setaffinity): fine where the first argument is us
    "x86_64": (62, 234, 302, 203),
    "aarch64": (129, 131, 261, 122),
}
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435


def refused_calls(machine: str) -> dict[str, int]:
    """System call name → number on this machine; empty where the numbers are not known."""
    if machine not in _MACHINES:
        return {}
    numbers = {name: row[_MACHINES.index(machine)] for name, row in _REFUSED.items()}
    return {name: number for name, number in numbers.items() if number is not None}


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
