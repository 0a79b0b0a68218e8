"""Code that tries to get out of the sandbox, stay in it for ever, or fill the machine."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.execute import child
from phloem.execute.sandbox import Call, Outcome, protections, run

LINUX = sys.platform == "linux"
confined = pytest.mark.skipif(not LINUX or not protections().seccomp, reason="needs seccomp")
landlocked = pytest.mark.skipif(not LINUX or not protections().landlock, reason="needs Landlock")


def outcome(body: str, *arguments: object, seconds: float = 5.0, memory: int = 256 << 20) -> Outcome:
    code = "def f(*arguments):\n" + "\n".join(f"    {line}" for line in body.split("\n"))
    return run(code, [Call("f", arguments)], seconds=seconds, memory=memory)[0]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(max_size=4), values, max_size=4),
    max_leaves=8,
)


@given(st.lists(json_values, max_size=20))
@settings(max_examples=15, deadline=None)
def test_values_come_back_as_they_went(values: list[object]) -> None:
    outcomes = run("def same(value):\n    return value\n", [Call("same", (value,)) for value in values])
    assert outcomes == [Outcome("ok", value) for value in values]


def test_one_call_that_raises_does_not_end_the_others() -> None:
    code = "def f(x):\n    if x == 1:\n        raise SystemExit(5)\n    return 10 // x\n"
    outcomes = run(code, [Call("f", (x,)) for x in (5, 1, 0, 2)])
    assert [each.status for each in outcomes] == ["ok", "raised", "raised", "ok"]
    assert outcomes[2].error == "ZeroDivisionError: integer division or modulo by zero"


@pytest.mark.parametrize("code", ["def f(:\n", "raise OSError('no')\n", "import nothing_of_this_name\n"])
def test_code_that_fails_is_the_outcome_of_every_call(code: str) -> None:
    outcomes = run(code, [Call("f", ())] * 3)
    assert len(outcomes) == 3
    assert {each.status for each in outcomes} == {"raised"}


def test_an_unknown_function_and_a_value_without_json() -> None:
    outcomes = run("def f():\n    return {1, 2}\n", [Call("g", ()), Call("f", ())])
    assert [each.status for each in outcomes] == ["raised", "raised"]


def test_an_endless_loop_is_ended_and_what_was_answered_is_kept() -> None:
    start = time.monotonic()
    outcomes = run(
        "def f(x):\n    while x:\n        pass\n    return 'done'\n", [Call("f", (x,)) for x in (0, 1, 0)], seconds=1
    )
    assert [each.status for each in outcomes] == ["ok", "time", "time"]
    assert time.monotonic() - start < 15


def test_sleeping_counts() -> None:
    assert outcome("import time\ntime.sleep(60)", seconds=0.5).status == "time"


@pytest.mark.skipif(not LINUX, reason="other systems do not enforce a limit of memory")
@pytest.mark.parametrize(
    "body",
    ["return len(bytearray(10**10))", "a = []\nwhile True:\n    a.append(str(len(a)) * 100_000)", "return 'x' * 10**9"],
)
def test_memory_is_limited(body: str) -> None:
    assert outcome(body).status == "memory"


def test_a_huge_answer_is_refused() -> None:
    outcomes = run("def f():\n    return 'x' * 10_000\n", [Call("f", ())] * 10, output=45_000)
    assert [each.status for each in outcomes] == ["ok"] * 4 + ["output"] * 6
    assert run("def f():\n    return 'x' * 10_000\n", [Call("f", ())], output=5_000)[0].status == "output"


def test_printing_goes_nowhere() -> None:
    assert outcome("print('x' * 10**7)\nimport sys\nprint('y', file=sys.stderr)\nreturn sys.stdin.read()") == Outcome(
        "ok", ""
    )


def test_the_environment_and_the_folder_are_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHLOEM_SECRET", "hunter2")
    assert "PHLOEM_SECRET" in os.environ
    environment = outcome("import os\nreturn dict(os.environ)").value
    assert set(environment) <= {"LC_CTYPE", "SYSTEMROOT"}
    assert outcome("import os\nreturn os.getcwd()").value != os.getcwd()


def test_our_modules_are_out_of_reach() -> None:
    assert outcome("import phloem").status == "raised"
    assert outcome("import numpy").status == "raised"


@confined
@pytest.mark.parametrize(
    "body",
    [
        "import os\nreturn os.fork()",
        "import os\nwhile True:\n    os.fork()",
        "import subprocess\nreturn subprocess.check_output(['true']).decode()",
        "import os\nos.execv('/bin/true', ['true'])",
        "import os\nreturn os.posix_spawn('/bin/true', ['true'], {})",
        "import threading\nthreading.Thread(target=print).start()",
        "import socket\nsocket.socket()",
        "import socket\nsocket.socketpair()",
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
        "import os, signal\nos.killpg(os.getpgid(os.getppid()), signal.SIGKILL)",
        "import os\nos.setsid()",
        "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))",
        "import os\nos.mkdir('x')",
        "import os\nos.chmod('.', 0)",
        "import os\nos.symlink('/', 'x')",
        "import fcntl, os\nfcntl.fcntl(0, fcntl.F_SETOWN, os.getppid())",
        "import os\nos.memfd_create('x')",
    ],
)
def test_what_computing_does_not_need_is_refused(body: str) -> None:
    assert outcome(body).status == "raised"
    assert os.getppid() > 0


@confined
def test_nothing_can_be_written(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("kept")
    for path in (str(tmp_path / "new"), str(there), "here", "/tmp/phloem-was-here", "/dev/null"):
        for mode in ("w", "a", "r+", "x"):
            assert outcome("open(*arguments)", path, mode).status == "raised"
    low_level = "import os\nos.open(arguments[0], os.O_RDONLY | os.O_CREAT)"
    assert outcome(low_level, str(tmp_path / "new")).status == "raised"
    assert outcome("import os\nos.unlink(arguments[0])", str(there)).status == "raised"
    assert [each.name for each in tmp_path.iterdir()] == ["there"]
    assert there.read_text() == "kept"


@landlocked
def test_nothing_can_be_read_but_the_library(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    for path in (str(secret), "/etc/passwd", f"/proc/{os.getpid()}/environ", f"/proc/{os.getpid()}/mem", __file__):
        assert outcome("return open(arguments[0], 'rb').read(10).decode()", path).status == "raised"
    assert outcome("import os\nreturn os.listdir('/')").status == "raised"
    assert outcome("import decimal\nreturn str(decimal.Decimal('0.1') * 3)").value == "0.3"


@confined
def test_system_calls_without_python_are_refused_too() -> None:
    """ctypes reaches any function of the C library, and the kernel below it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        assert outcome("import ctypes\nreturn ctypes.CDLL(None).socket(2, 1, 0)").value == -1
    assert outcome("import ctypes\nreturn ctypes.CDLL(None).fork()").value == -1
    assert outcome("import ctypes, os\nreturn ctypes.CDLL(None).kill(os.getppid(), 9)").value == -1
    # A filter, once there, cannot be taken away, nor can another one allow what it forbids.
    assert outcome("import ctypes\nreturn ctypes.CDLL(None).prctl(22, 0, 0, 0, 0)").value == -1


def test_a_crash_is_told() -> None:
    assert outcome("import ctypes\nctypes.string_at(0)").status == "crashed"
    assert outcome("import os\nos._exit(0)").status == "crashed"


def test_forged_answers_do_not_count() -> None:
    lines = run("import os\nos.write(3, b'forged\\n' * 5)\ndef f():\n    return 1\n", [Call("f", ())] * 2)
    assert [each.status for each in lines] == ["crashed", "crashed"]
    closed = "import os\nos.closerange(0, 10)\ndef f():\n    return 1\n"
    assert run(closed, [Call("f", ())])[0].status == "crashed"


def test_deep_recursion_ends() -> None:
    assert (
        outcome("import sys\nsys.setrecursionlimit(10**9)\ndef g(x):\n    return g(x + 1)\nreturn g(0)").status != "ok"
    )


def test_no_process_and_no_folder_is_left() -> None:
    marker = f"left-{os.getpid()}-{time.monotonic_ns()}"
    outcome(f"'{marker}'\nwhile True:\n    pass", seconds=0.5)
    if LINUX:
        shown = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True, check=True).stdout
        ours = [
            line for line in shown.splitlines() if line.split()[0] == str(os.getpid()) and str(child.__file__) in line
        ]
        assert not ours


def test_protections_are_told_plainly() -> None:
    granted = protections()
    assert granted.limits == (os.name == "posix")
    if not LINUX:
        assert not granted.seccomp
        assert not granted.landlock


@pytest.mark.parametrize("machine", sorted(child.ALLOWED))
def test_the_filter_ends_in_a_refusal_and_its_jumps_stay_inside(machine: str) -> None:
    program = child.filter_program(machine)
    assert len(child.ALLOWED[machine].split()) == len(child.NAMES)
    assert program[-1][0] == 0x06
    assert program[-1][3] >> 16 == 0x0005
    for i, (code, yes, no, _) in enumerate(program):
        if code in (0x15, 0x45):
            assert i + 1 + max(yes, no) < len(program)


@confined
def test_the_numbers_of_system_calls_are_those_of_the_kernel_headers() -> None:
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists() or os.uname().machine != "x86_64":
        pytest.skip("no kernel headers")
    known = {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", header.read_text())}
    numbers = list(map(int, child.ALLOWED["x86_64"].split()))
    assert {name: known[name] for name in child.NAMES} == dict(zip(child.NAMES, numbers, strict=True))
    assert (known["openat"], known["fcntl"], known["ioctl"]) == (257, 72, 16)


def test_a_signal_to_us_is_not_swallowed() -> None:
    """Running a sandbox changes no handler of ours."""
    before = signal.getsignal(signal.SIGINT)
    outcome("return 1")
    assert signal.getsignal(signal.SIGINT) is before
