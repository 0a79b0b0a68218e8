"""What programming by example is asked, and what answers: specification, grammar, budget, candidate.

A `Spec` is a table: one row an example, inputs and the wanted output. A `Grammar` says which programs are allowed, in
the manner of syntax-guided synthesis (Alur et al., FMCAD 2013): typed non-terminals whose rules are a leaf (input or
constant) or an operator over non-terminals. A `Language` makes the grammar where the task brings none. A synthesizer
yields candidates, best first, for as long as the budget lasts and the caller listens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple, Protocol

from phloem.synthesis.program import Operator, Program, Type, Value, run

MEMORY = 1 << 30


class Rule(NamedTuple):
    """`head` may become `leaf`, or `operator` over the non-terminals `arguments`; exactly one of the two is given."""

    head: str
    operator: Operator | None = None
    arguments: tuple[str, ...] = ()
    leaf: Program | None = None
    weight: int = 1


class Grammar(NamedTuple):
    """Programs that are allowed: those that `start` derives. `types` holds every non-terminal's type."""

    start: str
    types: dict[str, Type]
    rules: tuple[Rule, ...]

    def of(self, head: str) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.head == head)


class Spec(NamedTuple):
    """Examples: `inputs[i]` is the row of values of example i (as `names` and `types` say), `outputs[i]` its output.

    `waiting`: some rows for which the program is meant, as far as they are known."""

    names: tuple[str, ...]
    types: tuple[Type, ...]
    inputs: tuple[tuple[Value, ...], ...]
    outputs: tuple[Value, ...]
    result: Type
    grammar: Grammar | None = None
    waiting: tuple[tuple[Value, ...], ...] = ()

    def only(self, chosen: Sequence[int]) -> Spec:
        """The same question with the chosen examples alone."""
        rows, outputs = tuple(self.inputs[i] for i in chosen), tuple(self.outputs[i] for i in chosen)
        return self._replace(inputs=rows, outputs=outputs)


class Budget(NamedTuple):
    """When to stop: wall-clock seconds, candidates tried (None: any number), bytes that the search may hold."""

    seconds: float = 10.0
    candidates: int | None = None
    memory: int = MEMORY


class Candidate(NamedTuple):
    """A program, its size in nodes, what was spent until it was found, and the examples that it gets wrong."""

    program: Program
    size: int
    tried: int
    seconds: float
    wrong: tuple[int, ...] = ()

    @property
    def solved(self) -> bool:
        return not self.wrong


class Language(Protocol):
    """A language of programs: see the files of `synthesis/languages/`."""

    name: str
    operators: tuple[Operator, ...]

    def grammar(self, spec: Spec) -> Grammar:
        """The programs that may answer `spec`: the operators, its inputs, and constants taken from its examples."""

    def parse(self, text: str, names: Sequence[str], types: Sequence[Type]) -> Program:
        """Read what `print` wrote. Raises PhloemError with the place of the first thing that is not understood."""

    def print(self, program: Program) -> str:
        """The program in the language's own syntax."""

    def sample(self, rng: Random, names: Sequence[str], types: Sequence[Type], result: Type, size: int) -> Program:
        """A random program of about `size` nodes and type `result`."""


class Synthesizer(Protocol):
    """Candidates best first: distinct programs that agree with all but `noise` examples, smaller before larger."""

    def __call__(
        self, spec: Spec, language: Language, budget: Budget, *, noise: int = 0, most: int = 1
    ) -> Iterator[Candidate]: ...


def wrong(program: Program, spec: Spec) -> tuple[int, ...]:
    """The examples, by index, whose output the program does not give; () when it solves the task."""
    rows = zip(spec.inputs, spec.outputs, strict=True)
    return tuple(i for i, (row, output) in enumerate(rows) if not same(run(program, row), output))


def agrees(program: Program, spec: Spec, noise: int = 0) -> bool:
    """Whether at most `noise` examples are wrong; stops at the first one too many."""
    left = noise
    for row, output in zip(spec.inputs, spec.outputs, strict=True):
        if not same(run(program, row), output):
            left -= 1
            if left < 0:
                return False
    return True


def same(left: Value | None, right: Value | None) -> bool:
    """Equality that tells True from 1."""
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def contradictions(spec: Spec) -> list[tuple[int, int]]:
    """Pairs (earlier, later) of examples with the same inputs and different outputs: no program agrees with both."""
    first: dict[tuple[Value, ...], int] = {}
    found = []
    for i, row in enumerate(spec.inputs):
        earlier = first.setdefault(row, i)
        if not same(spec.outputs[earlier], spec.outputs[i]):
            found.append((earlier, i))
    return found
