"""Does a model that calls itself read what its calls return?

A completer that recomputes everything from the problem in front of it looks as good as one that builds on returned
values, as long as all is right. A planted wrong value tells them apart: of two that are otherwise always right, the one
that reads changes its answer, at whatever depth the value was planted (after Pasewark et al., "Re-Tuning", ACL 2024,
section 5, on errors that go up the call stack).
"""

from __future__ import annotations

from collections.abc import Callable

from phloem.decode.recursive_calls import Complete, solve


def answers_to_planted(
    complete: Complete, problem: str, wrong: Callable[[str], str], depths: range, *, limit: int
) -> dict[int, str | None]:
    """The problem's answer where the value returned from each depth (2 is a call of the first context) is changed."""
    found = {}
    for depth in depths:

        def planted(at: int, value: str, depth: int = depth) -> str:
            return wrong(value) if at == depth else value

        found[depth] = solve(complete, [problem], limit=limit, planted=planted)[0].answer
    return found


def reads_returns(complete: Complete, problem: str, wrong: Callable[[str], str], depths: range, *, limit: int) -> bool:
    """Whether every planted value changes the answer."""
    right = solve(complete, [problem], limit=limit)[0].answer
    return all(answer != right for answer in answers_to_planted(complete, problem, wrong, depths, limit=limit).values())
