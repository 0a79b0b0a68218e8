"""Training data from searches without a task: what a program is made of, and what it is not.

BUSTLE (Odena et al., ICLR 2021, section 3.1 and appendix) needs no corpus of programs. Random inputs are drawn; a plain
bottom-up search enumerates programs over them; any program that was found is the solution of the task whose outputs it
gives. For such a target one of its proper parts is a useful value, and another program of the same search, which is no
part of it, is a useless one. A model that tells the two apart from property signatures alone then guides searches for
real tasks (guides.py).

Inputs have a form: a column is made of slots, each with characters of some classes and a length; some slots have the
same text in all examples, and a column may come in two forms, as do names with and without a second initial. Only
values that cost an operator are labelled, since a search never moves its leaves.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int8

from phloem.represent.property_signature import Signatures, example_signature
from phloem.synthesis import constants, grammars
from phloem.synthesis.base import Spec
from phloem.synthesis.bottom_up import Enumerator
from phloem.synthesis.languages import spreadsheet
from phloem.synthesis.program import BOOLEAN, INTEGER, STRING, Constant, Operator, Program, Type, Value

CLASSES = (string.ascii_uppercase, string.ascii_lowercase, string.digits, " ", " ,.!?()[]<>{}-+_/$#:;@%")
LONGEST = 10  # characters of an input
NOWHERE = "\0"  # an output that no program gives
TARGETS: tuple[tuple[Type, float], ...] = ((STRING, 0.8), (INTEGER, 0.15), (BOOLEAN, 0.05))
"""How often a target is of each type."""

Node = tuple[str, int]
"""A program of a search: its non-terminal and its row there."""


class Form(NamedTuple):
    """What a string of a column looks like: of each slot its characters, its length, and its text where that is the
    same in all examples."""

    slots: tuple[tuple[str, int, str | None], ...]

    def draw(self, rng: Random) -> str:
        return "".join(
            "".join(rng.choices(characters, k=length)) if text is None else text
            for characters, length, text in self.slots
        )


class Labelled(NamedTuple):
    """Signatures of examples and of a value, side by side, and whether the value is a part of the solution."""

    signatures: Int8[np.ndarray, "values 206"]
    useful: Bool[np.ndarray, "values"]


def form(rng: Random) -> Form:
    """A random form of 1 to LONGEST characters."""
    left, slots = rng.randint(1, LONGEST), []
    while left:
        length = rng.randint(1, left)
        classes = rng.sample(CLASSES, rng.choice((1, 1, 1, 2, 2, 3)))
        characters = "".join(classes)
        text = "".join(rng.choices(characters, k=length)) if rng.random() < 0.25 else None
        slots.append((characters, length, text))
        left -= length
    return Form(tuple(slots))


def inputs(rng: Random) -> tuple[tuple[str, ...], ...]:
    """Two to six rows of one to three columns; an example takes the first or the second form in all columns."""
    columns = rng.choice((1, 1, 2, 3))
    forms = [[form(rng) for _ in range(rng.choice((1, 1, 2)))] for _ in range(columns)]
    rows = []
    for _ in range(rng.randint(2, 6)):
        which = rng.randrange(2)
        rows.append(tuple(column[min(which, len(column) - 1)].draw(rng) for column in forms))
    return tuple(rows)


class Search:
    """A bottom-up search over random inputs that looks for nothing, and what can be asked of it afterwards."""

    def __init__(
        self,
        rng: Random,
        *,
        rows: Sequence[tuple[Value, ...]] | None = None,
        operators: Sequence[Operator] = spreadsheet.operators,
        candidates: int = 30_000,
    ) -> None:
        """Enumerates whole weights until at least a tenth of `candidates` was tried, and never more than these.

        `rows` are the inputs, by default random ones."""
        given = tuple(rows) if rows is not None else inputs(rng)
        names = tuple(f"var_{i}" for i in range(len(given[0])))
        self.spec = Spec(names, (STRING,) * len(names), given, (NOWHERE,) * len(given), STRING)
        self.bank = Enumerator(
            self.spec, grammars.typed(self.spec, operators, leaves(rng, self.spec)), limits=spreadsheet.LIMITS
        )
        while self.bank.tried < candidates / 10 and not self.bank.full:
            for _ in self.bank.grow(candidates=candidates):
                pass
        self.built: dict[Type, list[Node]] = {
            head: [
                (head, row)
                for row in range(shelf.count)
                if self.bank.grammar.rules[int(shelf.rule[row])].operator is not None
            ]
            for head, shelf in self.bank.shelves.items()
        }

    def parts(self, node: Node) -> set[Node]:
        """The program itself and all its parts that are no leaves."""
        found: set[Node] = set()
        waiting = [node]
        while waiting:
            head, row = waiting.pop()
            shelf = self.bank.shelves[head]
            rule = self.bank.grammar.rules[int(shelf.rule[row])]
            if rule.operator is None or (head, row) in found:
                continue
            found.add((head, row))
            waiting.extend(zip(rule.arguments, shelf.arguments[row].tolist(), strict=False))
        return found

    def values(self, node: Node) -> tuple[Value, ...]:
        """What a program gives on the rows."""
        return self.bank.row_values(self.bank.shelves[node[0]], node[1])

    def labelled(self, rng: Random, targets: int) -> Labelled:
        """For each of up to `targets` programs one part and one other program of the search."""
        signatures, useful = [], []
        for _ in range(targets):
            drawn = self._drawn(rng)
            if drawn is None:
                continue
            target, part, other = drawn
            outputs = self.values(target)
            examples, compared = example_signature(self.spec.inputs, outputs), Signatures(outputs)
            for node in (part, other):
                signatures.append(np.concatenate([examples, compared.of([self.values(node)])[0]]))
                useful.append(node is part)
        stacked = np.stack(signatures) if signatures else np.empty((0, 206), np.int8)
        return Labelled(stacked, np.array(useful, bool))

    def _drawn(self, rng: Random) -> tuple[Node, Node, Node] | None:
        """(target, a proper part of it, no part of it); None where the target that was drawn has no such part."""
        types, shares = zip(*((type, share) for type, share in TARGETS if self.built.get(type)), strict=True)
        target = rng.choice(self.built[rng.choices(types, shares)[0]])
        parts = self.parts(target)
        proper = sorted(parts - {target})
        counts = [len(self.built[head]) for head in self.built]
        if not proper or sum(counts) <= len(parts):
            return None
        while True:
            other = rng.choice(self.built[rng.choices(list(self.built), counts)[0]])
            if other not in parts:
                return target, rng.choice(proper), other


def leaves(rng: Random, spec: Spec) -> list[Program]:
    """The constants that the inputs suggest, and up to three separators, as outputs would add them."""
    texts = constants.strings(spec._replace(outputs=("",) * len(spec.outputs)))
    texts += [each for each in rng.sample(constants.COMMON, rng.randrange(4)) if each not in texts]
    return [
        *(Constant(text, STRING) for text in texts),
        *(Constant(number, INTEGER) for number in constants.NUMBERS),
    ]


def examples(seed: int, searches: int, *, targets: int = 50, candidates: int = 30_000) -> Labelled:
    """What `searches` random searches teach: the data of one training run, a function of the seed."""
    rng = Random(seed)
    found = [Search(rng, candidates=candidates).labelled(rng, targets) for _ in range(searches)]
    return Labelled(
        np.concatenate([each.signatures for each in found]), np.concatenate([each.useful for each in found])
    )
