"""What runs inside the sandbox: give up every right that pure computing does not need, then run the code.

The file is started as `python -I -S child.py` and imports nothing of phloem. It reads a job from its standard input,
{code, calls: [[function, [argument, …]], …], seconds, memory, output}, and writes a line of JSON for each call to its
standard output: ["ok", value], ["raised", "ValueError: …"], or ["memory" | "output", "…"]. The first line says which
protections the system granted.

Rights are given up in this order, all of them for good and without privileges:

- limits of the process (POSIX `setrlimit`): processor time, memory, no growing of any file, no core dump, few files;
- Landlock (Linux ≥ 5.13): the only folders that can be read are those of Python's own library; nothing can be written;
- seccomp (Linux): a list of some 50 system calls that computing needs. What is not in the list fails with EPERM:
  sockets, new processes and threads, signals to others, opening for writing, changing limits. `fcntl` and `ioctl` are
  cut down to the harmless commands, since F_SETOWN with F_SETSIG sends signals too.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from typing import Any

# Numbers of system calls, in the order of NAMES. Sources: Linux arch/x86/entry/syscalls/syscall_64.tbl and
# include/uapi/asm-generic/unistd.h. -1: the architecture has no such call.
NAMES = (  # noqa: SIM905
    "read write close fstat lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn pread64 sched_yield"
    " mremap madvise dup nanosleep getpid exit uname getcwd gettimeofday getrusage sysinfo times getuid getgid geteuid"
    " getegid sigaltstack gettid futex sched_getaffinity getdents64 clock_gettime clock_getres clock_nanosleep"
    " exit_group newfstatat readlinkat faccessat dup3 getrandom statx rseq faccessat2 stat lstat access readlink time"
).split()
ALLOWED = {
    "x86_64": (
        "0 1 3 5 8 9 10 11 12 13 14 15 17 24 25 28 32 35 39 60 63 79 96 98 99 100 102 104 107"
        " 108 131 186 202 204 217 228 229 230 231 262 267 269 292 318 332 334 439 4 6 21 89 201"
    ),
    "aarch64": (
        "63 64 57 80 62 222 226 215 214 134 135 139 67 124 216 233 23 101 172 93 160 17 169 165 179 153 174 176 175"
        " 177 132 178 98 123 61 113 114 115 94 79 78 48 24 278 291 293 439 -1 -1 -1 -1 -1"
    ),
}
OPENAT, FCNTL, IOCTL = {"x86_64": 257, "aarch64": 56}, {"x86_64": 72, "aarch64": 25}, {"x86_64": 16, "aarch64": 29}
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
FCNTL_COMMANDS = (0, 1, 2, 3, 1030)  # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC
IOCTL_COMMANDS = (0x5401, 0x5450, 0x5451)  # TCGETS, FIONCLEX, FIOCLEX
# O_WRONLY, O_RDWR, O_CREAT, O_TRUNC. O_TMPFILE cannot be had without one of the first two.
WRITING = 0o1 | 0o2 | 0o100 | 0o1000

OPEN_FILES = 64


def limit(seconds: float, memory: int) -> bool:
    """Limits of the process. False where the system has none (Windows)."""
    try:
        import resource
    except ImportError:
        return False
    wanted = {
        "RLIMIT_CPU": int(seconds) + 1,
        "RLIMIT_AS": memory,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": OPEN_FILES,
        "RLIMIT_NPROC": 0,
    }
    for name, value in wanted.items():
        which = getattr(resource, name, None)
        if which is None:
            continue
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(which, (value, value))
        except (ValueError, OSError):
            if name != "RLIMIT_AS":  # macOS refuses this one
                raise
    return True


def read_only(folders: list[str]) -> bool:
    """Landlock: allow reading below `folders` and no other use of the file system. False where there is no Landlock."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    create, add, restrict = 444, 445, 446  # the same numbers on every architecture
    version = libc.syscall(create, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    handled = {1: 13, 2: 14}.get(version, 15 if version < 5 else 16)
    rights = ctypes.c_uint64((1 << handled) - 1)
    rules = libc.syscall(create, ctypes.byref(rights), ctypes.c_size_t(8), 0)
    if rules < 0:
        return False
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS

    class Beneath(ctypes.Structure):
        _pack_ = 1
        _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))

    for folder in folders:
        descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        rule = Beneath(1 << 2 | 1 << 3, descriptor)  # READ_FILE, READ_DIR
        failed = libc.syscall(add, rules, 1, ctypes.byref(rule), 0)
        os.close(descriptor)
        if failed:
            return False
    granted = libc.syscall(restrict, rules, 0) == 0
    os.close(rules)
    return granted


def filtered() -> bool:
    """Seccomp: allow the listed system calls only. False where the system or the machine is unknown."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in ALLOWED:
        return False
    import ctypes

    class Instruction(ctypes.Structure):
        _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("k", ctypes.c_uint32))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(Instruction)))

    lines = filter_program(machine)
    instructions = (Instruction * len(lines))(*(Instruction(*line) for line in lines))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    return bool(libc.prctl(22, 2, ctypes.byref(Program(len(lines), instructions)), 0, 0) == 0)


def filter_program(machine: str) -> list[tuple[int, int, int, int]]:
    """The filter in classic BPF: (code, jump if true, jump if false, constant) over struct seccomp_data.

    Its fields: the number of the call at 0, the architecture at 4, the low word of argument i at 16 + 8i.
    """
    load, equal, any_bit, give = 0x20, 0x15, 0x45, 0x06
    allow, deny, kill = 0x7FFF0000, 0x00050001, 0x80000000  # deny: errno 1, EPERM
    numbers = sorted({int(each) for each in ALLOWED[machine].split()} - {-1})
    program = [(load, 0, 0, 4), (equal, 1, 0, AUDIT_ARCH[machine]), (give, 0, 0, kill), (load, 0, 0, 0)]
    for number in numbers:
        program += [(equal, 0, 1, number), (give, 0, 0, allow)]
    program += [(equal, 0, 4, OPENAT[machine]), (load, 0, 0, 16 + 16)]
    program += [(any_bit, 0, 1, WRITING), (give, 0, 0, deny), (give, 0, 0, allow)]
    for call, commands in ((FCNTL, FCNTL_COMMANDS), (IOCTL, IOCTL_COMMANDS)):
        program += [(equal, 0, 2 * len(commands) + 2, call[machine]), (load, 0, 0, 16 + 8)]
        for command in commands:
            program += [(equal, 0, 1, command), (give, 0, 0, allow)]
        program += [(give, 0, 0, deny)]
    return [*program, (give, 0, 0, deny)]


def confine(seconds: float, memory: int) -> dict[str, bool]:
    """Give the rights up; which protections are now in force."""
    library = [folder for folder in sys.path if os.path.isdir(folder)]
    landlock = sys.platform == "linux" and read_only(library)
    limits = limit(seconds, memory)
    return {"limits": limits, "landlock": landlock, "seccomp": filtered()}


def answer(name: str, arguments: list[Any], names: dict[str, Any], limit_of_output: int) -> str:
    """One call as a line of JSON."""
    try:
        line = json.dumps(["ok", names[name](*arguments)])
    except MemoryError:
        return json.dumps(["memory", "out of memory"])
    except BaseException as error:  # SystemExit too: nothing that the code raises may end the list of answers
        return json.dumps(["raised", describe(error)])
    return line if len(line) <= limit_of_output else json.dumps(["output", f"a value of {len(line)} bytes"])


def describe(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:500]
    except BaseException:
        return type(error).__name__


def main() -> None:
    job = json.load(sys.stdin)
    results = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    sys.stdin, sys.stdout, sys.stderr = (open(nowhere, mode, closefd=False) for mode in ("r", "w", "w"))  # noqa: SIM115

    def tell(line: str) -> None:
        data = line.encode() + b"\n"
        while data:
            data = data[os.write(results, data) :]

    tell(json.dumps(confine(job["seconds"], job["memory"])))
    names: dict[str, Any] = {"__name__": "generated"}
    try:
        exec(compile(job["code"], "<generated>", "exec"), names)
    except MemoryError:
        tell(json.dumps(["memory", "out of memory"]))
        return
    except BaseException as error:
        tell(json.dumps(["raised", describe(error)]))
        return
    for name, arguments in job["calls"]:
        tell(answer(name, arguments, names, job["output"]))
    os._exit(0)  # nothing that the code registered to run at the end runs


if __name__ == "__main__":
    main()
