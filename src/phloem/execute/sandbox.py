"""Running generated Python apart from ours.

>>> run("def double(x):\\n    return 2 * x\\n", [Call("double", ("ab",)), Call("double", (None,))])
[Outcome(status='ok', value='abab', error=''), Outcome(status='raised', value=None, error="TypeError: ...")]

The code runs in a separate Python (`python -I -S`: no site packages, no user folder, an empty environment, an empty
folder of its own to start in), which first gives up its rights for good; `execute/child.py` tells how. What holds:

- everywhere: another process, its wall time, the size of its answers, an empty environment;
- Linux and macOS: processor time, no file can grow, no core dump, few open files; Linux: memory too;
- Linux with seccomp (x86-64 and ARM64): no sockets, no new processes or threads, no signals to other processes, no file
  opened for writing, at all;
- Linux with Landlock (kernel 5.13 and later): no file can be read either, but for Python's own library.

`protections` says what the machine at hand grants. Where seccomp is missing, code that wants to can reach the network
and the files of the user: run there only what you would run yourself.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

from phloem.errors import PhloemError

Status = Literal["ok", "raised", "time", "memory", "output", "crashed"]
CHILD = Path(__file__).with_name("child.py")
START = 20.0  # seconds that Python may take to start; only then the clock of the code begins to matter


class Call(NamedTuple):
    """A function of the code, by name, and its arguments: values that JSON has."""

    function: str
    arguments: tuple[Any, ...]


class Outcome(NamedTuple):
    """What a call gave. `value` is what JSON keeps of it (a tuple comes back as a list) where the status is "ok"."""

    status: Status
    value: Any = None
    error: str = ""


class Protections(NamedTuple):
    """Which protections were in force: limits of the process, Landlock on files, seccomp on system calls."""

    limits: bool
    landlock: bool
    seccomp: bool


def run(
    code: str,
    calls: Sequence[Call],
    *,
    seconds: float = 5.0,
    memory: int = 256 << 20,
    output: int = 16 << 20,
) -> list[Outcome]:
    """Run `code`, then the calls one after the other in the same process: an outcome for each, in order.

    seconds: wall time for all together (and processor time). memory: bytes of address space. output: bytes of all
    answers together. Calls that no longer came to run have the status of what ended the process: "time", "memory",
    "output", "crashed". An error while the code itself runs is the outcome of every call.
    """
    if not calls:
        return []
    return _run(code, calls, seconds, memory, output)[1]


@cache
def protections() -> Protections:
    """What this machine grants: found out by starting an empty program."""
    granted, _ = _run("def nothing():\n    pass\n", [Call("nothing", ())], 5.0, 256 << 20, 1 << 16)
    if granted is None:
        raise PhloemError("the sandbox does not start on this machine")
    return granted


def _run(
    code: str, calls: Sequence[Call], seconds: float, memory: int, output: int
) -> tuple[Protections | None, list[Outcome]]:
    job = {"code": code, "calls": calls, "seconds": seconds, "memory": memory, "output": output}
    with tempfile.TemporaryDirectory(prefix="phloem-") as folder, tempfile.TemporaryFile() as file:
        file.write(json.dumps(job).encode())
        file.seek(0)
        return _outcomes(*_spoken(file, folder, seconds, output), count=len(calls), allowed=output)


def _spoken(job: IO[bytes], folder: str, seconds: float, output: int) -> tuple[bytes, int, bool]:
    """What the child wrote (at most a little more than `output` bytes), its exit code, whether its time ran out."""
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", "-X", "utf8", str(CHILD)],
        stdin=job,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env={name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ},
        start_new_session=True,
    )
    assert child.stdout is not None
    stream = child.stdout
    received = bytearray()
    started = threading.Event()

    def listen() -> None:
        while len(received) <= output and (chunk := os.read(stream.fileno(), 1 << 16)):
            received.extend(chunk)
            started.set()
        started.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    late = True
    try:
        started.wait(START)
        listener.join(seconds)
        late = listener.is_alive()
    finally:
        code = _end(child, patience=0.0 if late or len(received) > output else 1.0)
        listener.join()
        stream.close()
    return bytes(received), code, late


def _end(child: subprocess.Popen[bytes], patience: float) -> int:
    """Wait a little for the child to end, then kill it and whatever is left of what it started. Its exit code."""
    until = time.monotonic() + patience
    if hasattr(os, "waitid"):
        # WNOWAIT leaves the ended child in the table, so that its number cannot mean another process yet.
        looking = os.WEXITED | os.WNOHANG | os.WNOWAIT
        while os.waitid(os.P_PID, child.pid, looking) is None and time.monotonic() < until:
            time.sleep(0.002)
        os.killpg(child.pid, signal.SIGKILL)
    else:
        try:
            return child.wait(patience)
        except subprocess.TimeoutExpired:
            child.kill()
    return child.wait()


def _outcomes(
    received: bytes, code: int, late: bool, *, count: int, allowed: int
) -> tuple[Protections | None, list[Outcome]]:
    """The lines of the child as outcomes; what is missing has the status of what ended it."""
    over = len(received) > allowed
    lines = received[:allowed].split(b"\n")[:-1]  # what follows the last newline is a line cut off
    granted = None
    outcomes: list[Outcome] = []
    try:
        for line in lines[: 1 + count]:
            told = json.loads(line)
            if granted is None:
                granted = Protections(**told)
            else:
                outcomes.append(Outcome("ok", told[1]) if told[0] == "ok" else Outcome(told[0], None, str(told[1])))
    except (ValueError, TypeError, IndexError, RecursionError):
        over = False  # the code wrote over the answers; what it wrote is worth nothing
        late, code = False, code or 1
    if len(lines) == 2 and len(outcomes) == 1 and count > 1 and code == 0:
        return granted, outcomes * count  # the code itself failed, and with it every call
    if over:
        missing = Outcome("output", None, f"more than {allowed} bytes of answers")
    elif late or -code in (getattr(signal, "SIGXCPU", 0), signal.SIGKILL):
        missing = Outcome("time", None, "out of time")
    else:
        missing = Outcome("crashed", None, f"the process ended early (exit code {code})")
    return granted, outcomes + [missing] * (count - len(outcomes))
