"""What a Python program does, line by line: which line runs, and the variables after it ran.

The program runs in the sandbox under `sys.settrace` (Liu et al., "Code Execution with Pre-trained Language Models", ACL
Findings 2023, section 3.1, record the same). A line's state belongs AFTER the line, so it is read at the frame's next
event; what a line prints is told before it. Variables whose values are functions, classes or modules are left out, as
are names that begin with an underscore.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from phloem.execute.sandbox import Call, run

AT_ONCE = 100  # programs of one process
# Runs inside the sandbox; nothing of phloem is there.
_TRACER = '''
import builtins
import sys
import types


def trace(program, most, longest):
    """[[line, {name: repr}, printed], ...], or an error's name where the program raises or runs too long."""
    steps, open_, printed = [], {}, []
    hidden = (types.FunctionType, types.BuiltinFunctionType, type, types.ModuleType)

    class TooLong(Exception):
        pass

    def state(frame):
        found = {}
        for name, value in list(frame.f_locals.items()):
            if not name.startswith("_") and not isinstance(value, hidden):
                found[name] = repr(value)[:longest]
        return found

    def settle(frame):
        step = open_.pop(id(frame), None)
        if step is not None:
            step[1] = state(frame)

    events = [0]

    def local(frame, event, argument):
        events[0] += 1
        if events[0] > 500 * most:
            raise TooLong
        if event == "opcode":
            return local
        settle(frame)
        if event == "line":
            if len(steps) >= most:
                raise TooLong
            step = [frame.f_lineno - 1, {}, []]
            printed[:] = [step[2]]
            steps.append(step)
            open_[id(frame)] = step
        return local

    def outer(frame, event, argument):
        if frame.f_code.co_filename != "<program>":
            return None
        frame.f_trace_opcodes = True  # a loop on one line has no events of lines
        return local

    def say(*values, sep=" ", end="\\n", file=None, flush=False):
        printed[0].append(sep.join(map(str, values)))

    space = {"__name__": "__main__", "print": say}
    try:
        code = compile(program, "<program>", "exec")
        sys.settrace(outer)
        try:
            exec(code, space)
        finally:
            sys.settrace(None)
    except BaseException as error:
        return type(error).__name__
    return [[line, values, "\\n".join(texts) if texts else None] for line, values, texts in steps]
'''


class Step(NamedTuple):
    """Line `line` (from 0) ran; the variables after it as texts, and what it printed (None: nothing)."""

    line: int
    state: dict[str, str]
    printed: str | None = None


def traces(
    programs: Sequence[str], *, steps: int = 200, longest: int = 200, seconds: float = 20.0
) -> list[list[Step] | None]:
    """The steps of each program; None for one that raises, runs longer than `steps` lines, or is stopped by the
    sandbox. `longest` is how many characters of a value are kept."""
    found: list[list[Step] | None] = []
    while len(found) < len(programs):
        some = programs[len(found) : len(found) + AT_ONCE]
        calls = [Call("trace", (program, steps, longest)) for program in some]
        for outcome in run(_TRACER, calls, seconds=seconds):
            if outcome.status == "ok":
                told = outcome.value if isinstance(outcome.value, list) else None
                found.append(None if told is None else [Step(*step) for step in told])
            else:  # the process ended here: what follows was never begun
                found.append(None)
                if outcome.status != "raised":
                    break
    return found
