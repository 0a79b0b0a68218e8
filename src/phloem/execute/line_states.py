"""What a call of a Python program goes through, as Nye et al. write it for a scratchpad.

"Show Your Work" (2021, section 5 and appendix): before each line that runs, the variables of its frame as JSON, then
the line itself; an exception where one is raised; at the end what came back.

    state: {"n": 3}
    line: total = n * 2
    ...
    output: 6

Variables that JSON can't hold (sets, functions, objects, numbers that are none) are left out, and keys are sorted, so
that equal states have equal texts. The program runs in the sandbox under `sys.settrace`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from phloem.execute.sandbox import Call, run

# Runs inside the sandbox; nothing of phloem is there.
_TRACER = '''
import json
import sys


def frozen(variables):
    """JSON texts by name, of those that JSON holds exactly enough to say."""
    found = {}
    for name, value in variables.items():
        try:
            found[name] = json.dumps(value, sort_keys=True, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            pass
    return found


def trace(program, expression, most):
    """[[[line, {name: JSON}], ...], how it ended, what came back or was raised]."""
    steps, space = [], {"__name__": "program"}

    class TooLong(BaseException):
        pass

    def local(frame, event, argument):
        if event == "line":
            if len(steps) >= most:
                raise TooLong
            steps.append([frame.f_lineno - 1, frozen(frame.f_locals)])
        return local

    def outer(frame, event, argument):
        return local if frame.f_code.co_filename == "<program>" else None

    try:
        if expression is not None:
            exec(compile(program, "<program>", "exec"), space)
        sys.settrace(outer)
        try:
            if expression is None:
                own = {}
                exec(compile(program, "<program>", "exec"), own)
                own.pop("__builtins__", None)
                value = own
            else:
                value = eval(expression, space)
        finally:
            sys.settrace(None)
    except TooLong:
        return [steps, "too long", None]
    except BaseException as error:
        return [steps, "raised", type(error).__name__]
    told = frozen({"": value} if expression is not None else value)
    return [steps, "returned", told.get("") if expression is not None else told]
'''


class LineState(NamedTuple):
    """Line `line` (from 0) is about to run; the variables as JSON texts."""

    line: int
    variables: dict[str, str]


class Traced(NamedTuple):
    """`ended` is "returned", "raised", "too long", or the sandbox's word where it stopped the program. `value` is what
    came back as a JSON text (None if JSON can't hold it), for a whole program its variables; or what was raised."""

    steps: tuple[LineState, ...]
    ended: str
    value: Any


def line_states(
    jobs: Sequence[tuple[str, str | None]], *, most: int = 256, seconds: float = 5.0, memory: int = 256 << 20
) -> list[Traced]:
    """Trace for each (program, expression) what evaluating the expression in the program does, or with None the
    program itself. `most`: lines; `seconds` and `memory` are for each process, of which an unstopped one does all."""
    found: list[Traced] = []
    while len(found) < len(jobs):
        calls = [Call("trace", (program, expression, most)) for program, expression in jobs[len(found) :]]
        for outcome in run(_TRACER, calls, seconds=seconds, memory=memory):
            if outcome.status == "ok":
                steps, ended, value = outcome.value
                found.append(Traced(tuple(LineState(*step) for step in steps), ended, value))
                continue
            found.append(Traced((), outcome.status, None))
            if outcome.status != "raised":  # the process ended here: what follows was never begun
                break
    return found


def state_text(variables: dict[str, str]) -> str:
    """The variables in the order of their names."""
    return "{" + ", ".join(f"{json.dumps(name)}: {variables[name]}" for name in sorted(variables)) + "}"


def scratch_text(program: str, traced: Traced) -> str:
    """The scratchpad of a trace."""
    source = program.splitlines()
    lines = []
    for step in traced.steps:
        lines += [f"state: {state_text(step.variables)}", f"line: {source[step.line].strip()}"]
    if traced.ended == "returned":
        value = traced.value
        lines.append(f"output: {state_text(value) if isinstance(value, dict) else value}")
    else:
        lines.append(f"exception: {traced.value}" if traced.ended == "raised" else f"stopped: {traced.ended}")
    return "\n".join(lines)
