"""Consistent is not right: does a program that agrees with the examples agree with the rest of the task too?

A task has observed examples and held-out ones. A program is consistent if it gives every observed output, and it
generalises if it gives the held-out ones too; "generalisation accuracy" (Devlin et al. 2017, section 6) is the share of
tasks that are solved by a program that does both. A predictor that writes outputs instead of a program can be right on
some held-out examples of a task and wrong on others, so it is judged twice: all of them right, and their mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

P = TypeVar("P")


class Verdict(NamedTuple):
    """Of one task: what its answer did."""

    consistent: bool
    generalises: bool
    held_right: float  # the share of held-out examples


def right(give: Callable[[str], object], inputs: Sequence[str], outputs: Sequence[str]) -> list[bool]:
    """For each example whether `give(input)` is the output."""
    return [give(text) == output for text, output in zip(inputs, outputs, strict=True)]


def judge(
    give: Callable[[str], object] | None,
    observed: tuple[Sequence[str], Sequence[str]],
    held: tuple[Sequence[str], Sequence[str]],
) -> Verdict:
    """The verdict on a function of one input; None, no answer, is wrong everywhere."""
    if give is None:
        return Verdict(False, False, 0.0)
    consistent, unseen = all(right(give, *observed)), right(give, *held)
    share = sum(unseen) / len(unseen) if unseen else 1.0
    return Verdict(consistent, consistent and all(unseen), share)


def first_consistent(
    programs: Iterable[P], run: Callable[[P, str], object], observed: tuple[Sequence[str], Sequence[str]]
) -> P | None:
    """The first program that gives every observed output; where none does, the one that gives most (the first of
    them), as the examples may be noisy; None of no programs."""
    best: tuple[int, P] | None = None
    for program in programs:
        agreed = sum(right(lambda text, each=program: run(each, text), *observed))  # type: ignore[misc]
        if agreed == len(observed[1]):
            return program
        if best is None or agreed > best[0]:
            best = agreed, program
    return None if best is None else best[1]
