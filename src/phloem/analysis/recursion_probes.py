"""Which algorithm did a model learn in place of the recursion? Probes of what it writes.

Zhang et al., "Transformer-Based Models Are Not Yet Perfect At Learning to Emulate Structural Recursion" (2024, sections
4 and 5): accuracy by recursion depth; shortcuts as explicit programs, with the share of a model's errors that one
foretells (91% for one function there); and edits of what was written so far: is there a token that says "recursion is
over", after which the model copies whatever the input has?
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from phloem.synthesis.languages.binary_successor import EVEN, ODD, Term, depth, modes, successor

Written = Sequence[str]
Continue = Callable[[Sequence[Term], Sequence[Written]], list[list[str]]]  # terms, beginnings: what follows each


class Shortcut(NamedTuple):
    """An algorithm that is right on some terms, and how it would be written down."""

    name: str
    run: Callable[[Term], Term]
    code: str


def accuracy_by_depth(terms: Sequence[Term], outputs: Sequence[Written]) -> dict[int, tuple[float, int]]:
    """For each recursion depth the share of right successors, and of how many terms."""
    hits = defaultdict[int, list[bool]](list)
    for term, output in zip(terms, outputs, strict=True):
        hits[depth(term)].append(tuple(output) == successor(term).term)
    return {each: (sum(found) / len(found), len(found)) for each, found in sorted(hits.items())}


def peel_then_copy(most: int) -> Shortcut:
    """Recursion that is given up after `most` constructors: what is left is copied."""

    def run(term: Term) -> Term:
        peeled = min(depth(term), most)
        left = term[peeled:]
        return (*(EVEN,) * peeled, *(left if left[0] == ODD else successor(left).term))

    code = (
        "s(term):\n"
        f"    for {most} times at most, while term = X1 rest:  write X0; term = rest\n"
        "    if term = X1 rest:  copy term\n"
        "    if term = X0 rest:  write X1; copy rest\n"
        "    if term = 01:       write X0 01"
    )
    return Shortcut(f"peel at most {most}, then copy", run, code)


def finish_after(most: int) -> Shortcut:
    """Recursion that is taken as over after `most` constructors, whatever comes: X1 is written once, then the rest."""

    def run(term: Term) -> Term:
        if depth(term) <= most:
            return successor(term).term
        return (*(EVEN,) * most, ODD, *term[most + 1 :])

    code = (
        "s(term):\n"
        f"    for {most} times at most, while term = X1 rest:  write X0; term = rest\n"
        "    if term = 01:              write X0 01\n"
        "    else term = _ rest:        write X1; copy rest"
    )
    return Shortcut(f"finish after {most}", run, code)


def foretold(shortcut: Shortcut, terms: Sequence[Term], outputs: Sequence[Written]) -> tuple[float, int]:
    """The share of wrong outputs that are exactly what the shortcut writes, and how many are wrong (0 of none: 0.0)."""
    wrong = [(term, tuple(out)) for term, out in zip(terms, outputs, strict=True) if tuple(out) != successor(term).term]
    if not wrong:
        return 0.0, 0
    return sum(shortcut.run(term) == output for term, output in wrong) / len(wrong), len(wrong)


def chance(terms: Sequence[Term], outputs: Sequence[Written]) -> float:
    """How often the outputs of two different inputs of equal length agree."""
    groups = defaultdict[int, dict[tuple[str, ...], int]](lambda: defaultdict(int))
    for term, output in zip(terms, outputs, strict=True):
        groups[len(term)][tuple(output)] += 1
    alike = sum(count * (count - 1) for group in groups.values() for count in group.values())
    pairs = sum((many := sum(group.values())) * (many - 1) for group in groups.values())
    return alike / pairs if pairs else 0.0


def best_shortcut(terms: Sequence[Term], outputs: Sequence[Written], most: int) -> tuple[Shortcut, float]:
    """Of the shortcuts that give up after up to `most` constructors, the one that foretells most errors. To be chosen
    on other terms than those it is then judged on."""
    known = [make(count) for count in range(most + 1) for make in (peel_then_copy, finish_after)]
    return max(((each, foretold(each, terms, outputs)[0]) for each in known), key=lambda found: found[1])


class Switch(NamedTuple):
    """What a model does after an edited beginning, in shares of terms: it copies the rest of the input, or it goes on
    with the recursion as if nothing had been edited."""

    copies: float
    recurses: float


def told_to_finish(complete: Continue, terms: Sequence[Term]) -> Switch:
    """Flip the first X0 that recursion writes to X1, the token that says it is over, on terms of depth at least 2."""
    chosen = [term for term in terms if depth(term) >= 2]
    followed = complete(chosen, [(ODD,)] * len(chosen))
    copies = [tuple(rest) == term[1:] for term, rest in zip(chosen, followed, strict=True)]
    recurses = [tuple(rest) == successor(term).term[1:] for term, rest in zip(chosen, followed, strict=True)]
    return Switch(_share(copies), _share(recurses))


def told_to_go_on(complete: Continue, terms: Sequence[Term]) -> Switch:
    """Flip the token that says recursion is over to X0, on terms where it is an X1 and something follows: a machine
    that reads its own output goes on with the successor of the rest, one that counts the input copies it."""
    chosen = [term for term in terms if term[depth(term)] == EVEN]
    starts = [(*(EVEN,) * depth(term), EVEN) for term in chosen]
    rests = [term[depth(term) + 1 :] for term in chosen]
    followed = complete(chosen, starts)
    copies = [tuple(after) == rest for rest, after in zip(rests, followed, strict=True)]
    recurses = [tuple(after) == successor(rest).term for rest, after in zip(rests, followed, strict=True)]
    return Switch(_share(copies), _share(recurses))


def modes_right(terms: Sequence[Term], outputs: Sequence[Written]) -> dict[str, float]:
    """For each state of the machine that writes a successor, the share of its constructors that are right."""
    hits = defaultdict[str, list[bool]](list)
    for term, output in zip(terms, outputs, strict=True):
        wanted = successor(term).term
        for place, (mode, each) in enumerate(zip(modes(term), wanted, strict=True)):
            hits[mode].append(place < len(output) and output[place] == each)
    return {mode: _share(found) for mode, found in hits.items()}


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits) if hits else 0.0
