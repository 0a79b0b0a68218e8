"""ExeDec's loop: what should the next step compute, which step computes it, what is left to do?

A task is decomposed in the space of executions (Shi et al., ICLR 2024, section 3, algorithm 1). One model proposes what
the next part of the program gives on every example (a subgoal), another writes a part that gives it; the part is run,
and what was really computed, not the subgoal, updates the task. Both are beams, carried from step to step:

    repeat   each hypothesis  ->  subgoals  ->  parts  ->  run on every example
             keep the `width` best by summed log probability; those that fail, or whose executions repeat those of a
             better one, are dropped
    until    the best of all is complete, or the steps are used up

The loop knows neither models nor languages: `Domain` runs parts, `Propose` and `Write` are given. Without subgoals (the
ablation) a proposal is None and the part is written from the task alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from phloem.synthesis.languages import deepcoder
from phloem.synthesis.languages.deepcoder import Bounds, Line, ListValue, State
from phloem.synthesis.languages.robustfill import expressions, joined
from phloem.synthesis.program import Program, run

T = TypeVar("T", bound=Hashable)  # what the task is after some steps, on all examples
P = TypeVar("P")  # a part of a program
P_contra = TypeVar("P_contra", contravariant=True)


class Domain(Protocol[T, P_contra]):
    """Runs parts."""

    def after(self, task: T, part: P_contra) -> T | None:
        """The task that is left after a part; None where the part fails or can't be right."""

    def complete(self, task: T) -> bool:
        """Whether nothing is left to do."""


class Hypothesis(NamedTuple, Generic[T, P]):
    """Some parts, the log probability of all choices, and what is left; `history` are the tasks before."""

    parts: tuple[P, ...]
    score: float
    task: T
    history: tuple[T, ...]


Subgoal = tuple[ListValue | str, ...]
Propose = Callable[[Sequence[T]], Sequence[Sequence[tuple[Subgoal | None, float]]]]
"""Of each task subgoals with their log probabilities."""
Write = Callable[[Sequence[tuple[T, Subgoal | None]]], Sequence[Sequence[tuple[P, float]]]]
"""Of each task with a subgoal parts with their log probabilities."""


def decompose(
    task: T, domain: Domain[T, P], propose: Propose[T], write: Write[T, P], *, width: int = 10, steps: int = 5
) -> list[Hypothesis[T, P]]:
    """Complete hypotheses, best first; [] where none was found."""
    beam: list[Hypothesis[T, P]] = [Hypothesis((), 0.0, task, ())]
    complete: list[Hypothesis[T, P]] = []
    for _ in range(steps):
        proposed = propose([each.task for each in beam])
        asked = [
            (hypothesis, subgoal, hypothesis.score + score)
            for hypothesis, subgoals in zip(beam, proposed, strict=True)
            for subgoal, score in subgoals
        ]
        asked = sorted(asked, key=lambda each: -each[2])[:width]
        if not asked:
            break
        answers = write([(hypothesis.task, subgoal) for hypothesis, subgoal, _ in asked])
        extended = []
        for (hypothesis, _, score), parts in zip(asked, answers, strict=True):
            for part, more in parts:
                left = domain.after(hypothesis.task, part)
                if left is not None:
                    history = (*hypothesis.history, hypothesis.task)
                    extended.append(Hypothesis((*hypothesis.parts, part), score + more, left, history))
        kept = _distinct(sorted(extended, key=lambda each: -each.score))[:width]
        complete += [each for each in kept if domain.complete(each.task)]
        beam = [each for each in kept if not domain.complete(each.task)]
        best = max((each.score for each in complete), default=None)
        if best is not None:
            beam = [each for each in beam if each.score > best]  # a score only falls
        if not beam:
            break
    return sorted(complete, key=lambda each: -each.score)


def _distinct(hypotheses: Sequence[Hypothesis[T, P]]) -> list[Hypothesis[T, P]]:
    """The first of those with the same executions."""
    found: dict[Hashable, Hypothesis[T, P]] = {}
    for each in hypotheses:
        found.setdefault((each.task, each.history), each)
    return list(found.values())


class ListsLeft(NamedTuple):
    """Of every example the values of all variables, and the output."""

    states: tuple[State, ...]
    outputs: tuple[ListValue, ...]


class Lists:
    """The `Domain` of list programs: done when the last variable is the output."""

    def __init__(self, bounds: Bounds = Bounds()) -> None:  # noqa: B008
        self.bounds = bounds

    def after(self, task: ListsLeft, part: Line) -> ListsLeft | None:
        """The states with one more variable."""
        states = []
        for state in task.states:
            value = deepcoder.step(part, state, self.bounds)
            if value is None:
                return None
            states.append((*state, value))
        return task._replace(states=tuple(states))

    def complete(self, task: ListsLeft) -> bool:
        """Whether the last variables are the outputs."""
        return all(state[-1] == output for state, output in zip(task.states, task.outputs, strict=True))


class StringsLeft(NamedTuple):
    """Of every example the input, and what is still to be written of the output."""

    inputs: tuple[str, ...]
    left: tuple[str, ...]


class Strings:
    """The `Domain` of RobustFill's concatenations: a part writes a prefix of what is left."""

    def after(self, task: StringsLeft, part: Program) -> StringsLeft | None:
        """What is left after an expression."""
        written = [run(part, (text,)) for text in task.inputs]
        pairs = list(zip(written, task.left, strict=True))
        if not all(isinstance(text, str) and left.startswith(text) for text, left in pairs) or not any(written):
            return None
        return task._replace(left=tuple(left[len(str(text)) :] for text, left in pairs))

    def complete(self, task: StringsLeft) -> bool:
        """Whether everything is written."""
        return not any(task.left)

    def program(self, parts: Sequence[Program]) -> Program:
        """The expressions as one program."""
        return joined([inner for part in parts for inner in expressions(part)])


def every_line(bounds: Bounds = Bounds()) -> Write[ListsLeft, Line]:  # noqa: B008
    """A writer without a model: all lines that give the subgoal on every example, equally good."""

    def write(asked: Sequence[tuple[ListsLeft, Subgoal | None]]) -> list[list[tuple[Line, float]]]:
        answers = []
        for task, subgoal in asked:
            found = []
            for line in deepcoder.lines([deepcoder.type_of(value) for value in task.states[0]]):
                given = (deepcoder.step(line, state, bounds) for state in task.states)
                if subgoal is not None and all(a == b for a, b in zip(given, subgoal, strict=True)):
                    found.append((line, 0.0))
            answers.append(found)
        return answers

    return write
