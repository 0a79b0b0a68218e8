"""A model that calls itself: each call is solved in a context of its own.

Pasewark et al., "Re-Tuning" (ACL 2024, section 3.2). What a model writes is read when it ends: if it ends with a line
`Call: problem`, a new context is opened with that problem; what comes back is put into the calling context behind
`Return: `, and the model goes on after `Answer: `. Anything else is the context's answer. A problem of depth L takes
2 L - 1 completions, so a completion that is right with probability p gives p^(2L-1); no context is longer than one
problem with its call, return and answer, whatever the depth.

Many problems are solved side by side: in each round the contexts that wait, one a problem, are completed together.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple

from phloem.corpora.recursion_calls import ANSWER, CALL, RETURN, SOLUTION

Complete = Callable[[list[str]], list[str]]  # contexts, and what is written after each
Planted = Callable[[int, str], str]  # what is put in for a value that came back from a call of this depth (from 2)


class Solved(NamedTuple):
    """`answer` is None where calls went deeper than the limit, or a context called too often."""

    answer: str | None
    generations: int
    depth: int
    longest: int  # characters of a context, with what was written


class _TooDeep(Exception):
    pass


class _Run:
    """One problem: counts, and answers of calls that were made before."""

    def __init__(self, limit: int, planted: Planted | None) -> None:
        self.limit, self.planted = limit, planted
        self.known: dict[str, str] = {}
        self.generations = self.depth = self.longest = 0

    def context(self, problem: str, depth: int) -> Generator[str, str, str]:
        """Yields contexts, is sent completions, returns the answer."""
        if depth > self.limit:
            raise _TooDeep
        self.depth = max(self.depth, depth)
        text = problem + SOLUTION
        for _ in range(self.limit):
            written = yield text
            self.generations += 1
            text += written
            self.longest = max(self.longest, len(text))
            called = _call(written)
            if called is None:
                return written
            if called not in self.known:
                self.known[called] = yield from self.context(called, depth + 1)
            value = self.known[called]
            value = value if self.planted is None else self.planted(depth + 1, value)
            text += f"{RETURN}{value}{ANSWER}"
        raise _TooDeep


def solve(complete: Complete, problems: Sequence[str], *, limit: int, planted: Planted | None = None) -> list[Solved]:
    """Every problem's answer. `limit`: how deep calls may go, and how often one context may call.

    `planted` replaces returned values, to see whether a model reads them.
    """
    runs = [_Run(limit, planted) for _ in problems]
    going = {number: run.context(problems[number], 1) for number, run in enumerate(runs)}
    answers: dict[int, str] = {}
    waiting = {number: next(each) for number, each in going.items()}
    while waiting:
        numbers = list(waiting)
        for number, written in zip(numbers, complete([waiting[n] for n in numbers]), strict=True):
            try:
                waiting[number] = going[number].send(written)
            except StopIteration as ended:
                answers[number] = ended.value
                del waiting[number]
            except _TooDeep:
                del waiting[number]
    return [Solved(answers.get(number), run.generations, run.depth, run.longest) for number, run in enumerate(runs)]


def _call(written: str) -> str | None:
    """The problem that is called, where what was written is a call."""
    if not written.startswith(CALL) or not written.endswith("\n"):
        return None
    return written.removeprefix(CALL).removesuffix("\n")
