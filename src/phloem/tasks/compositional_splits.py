"""Splits that ask for new combinations of known parts: by divergence of compounds, length and template.

Keysers et al., "Measuring Compositional Generalization" (ICLR 2020) define for distributions P and Q the divergence
D(P, Q) = 1 - sum_k p_k^a q_k^{1-a} (one less the Chernoff coefficient), with a = 0.5 for atoms and 0.1 for compounds, P
the frequencies in training. Shaw et al. (ACL 2021, section 3) take atoms and compounds of the target alone (TMCD): its
symbols, and its functions with the functions of their arguments. From a random split, pairs are exchanged one by one:
each exchange raises the compound divergence, and no atom may be in the test that training lacks.

With counts c and d of totals M and N the sum is  M^-a N^-(1-a) S,  S = sum_k c_k^a d_k^{1-a},  so that an exchange
changes only the terms of the compounds that it moves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from random import Random
from typing import TypeVar

COMPOUNDS, ATOMS = 0.1, 0.5  # the exponent a of each
Key = TypeVar("Key", bound=Hashable)
Parts = Counter[Hashable]


def divergence(one: Parts, other: Parts, exponent: float) -> float:
    """D of two counts, `one` of training. Not symmetric, unless the exponent is a half."""
    return 1 - _overlap(one, other, exponent) / _scale(one, other, exponent)


def _overlap(one: Parts, other: Parts, exponent: float) -> float:
    return sum(one[key] ** exponent * other[key] ** (1 - exponent) for key in one.keys() & other.keys())


def _scale(one: Parts, other: Parts, exponent: float) -> float:
    return float(one.total() ** exponent * other.total() ** (1 - exponent))


def nested(tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each function of a nested query (FunQL) with the symbol of each of its arguments."""
    callers: list[str] = []
    last = ""
    for token in tokens:
        if token == "(":
            callers.append(last)
        elif token == ")":
            callers.pop()
        elif token != ",":
            if callers:
                yield callers[-1], token
            last = token


def symbols(tokens: Sequence[str]) -> Iterator[str]:
    """The atoms of a query: its tokens but for punctuation."""
    return (token for token in tokens if token not in "(),")


class Exchange:
    """A split into train and test that pairs change sides in; the compound divergence is kept up to date."""

    def __init__(
        self, atoms: Sequence[Parts], compounds: Sequence[Parts], train: Iterable[int], exponent: float = COMPOUNDS
    ) -> None:
        self.atoms, self.compounds, self.exponent = atoms, compounds, exponent
        self.train = set(train)
        self.test = set(range(len(atoms))) - self.train
        self.counts: tuple[Parts, Parts] = (self._sum(compounds, self.train), self._sum(compounds, self.test))
        self.known = self._sum(atoms, self.train)
        self._shared = _overlap(*self.counts, exponent)

    @staticmethod
    def _sum(parts: Sequence[Parts], chosen: Iterable[int]) -> Parts:
        whole: Parts = Counter()
        for i in chosen:
            whole.update(parts[i])
        return whole

    def divergence(self) -> float:
        """Of the compounds, training first."""
        return 1 - self._shared / _scale(*self.counts, self.exponent)

    def may_leave(self, i: int) -> bool:
        """Whether a training pair can go: each of its atoms occurs in another one, too."""
        return all(self.known[atom] > count for atom, count in self.atoms[i].items())

    def move(self, i: int) -> None:
        """To the other side."""
        leaves = i in self.train
        (self.train if leaves else self.test).remove(i)
        (self.test if leaves else self.train).add(i)
        source, target = self.counts if leaves else self.counts[::-1]
        for key, count in self.compounds[i].items():
            self._shared -= self._term(key)
            source[key] -= count
            target[key] += count
            self._shared += self._term(key)
        (self.known.subtract if leaves else self.known.update)(self.atoms[i])

    def _term(self, key: Hashable) -> float:
        train, test = self.counts
        return float(train[key] ** self.exponent * test[key] ** (1 - self.exponent))


def tmcd(
    targets: Sequence[Sequence[str]],
    train: int,
    rng: Random,
    *,
    atoms: Callable[[Sequence[str]], Iterable[Hashable]] = symbols,
    compounds: Callable[[Sequence[str]], Iterable[Hashable]] = nested,
    rounds: int = 1000,
) -> tuple[list[int], list[int]]:
    """Indices of `train` training targets and of the others as test, of high compound divergence.

    First a random split that puts each atom into training; then in turn the first training target whose move to the
    test raises the divergence, and the first test target whose move back does, until no pair of moves raises it."""
    order = list(range(len(targets)))
    rng.shuffle(order)
    parts = [Counter(atoms(target)) for target in targets], [Counter(compounds(target)) for target in targets]
    split = Exchange(*parts, _covering(parts[0], order, train))
    for _ in range(rounds):
        before, there = split.divergence(), len(split.train)
        moved = [i for side in ("train", "test") if (i := _first(split, order, side)) is not None]
        if len(moved) < 2 or split.divergence() <= before:
            for i in moved:
                split.move(i)
            break
        assert len(split.train) == there
    return sorted(split.train), sorted(split.test)


def _first(split: Exchange, order: Sequence[int], side: str) -> int | None:
    """Moves the first of a side whose move raises the divergence."""
    before = split.divergence()
    for i in order:
        if i not in (split.train if side == "train" else split.test):
            continue
        if side == "train" and not split.may_leave(i):
            continue
        split.move(i)
        if split.divergence() > before:
            return i
        split.move(i)
    return None


def _covering(atoms: Sequence[Parts], order: Sequence[int], train: int) -> list[int]:
    """So many indices, those that bring a new atom first."""
    known: set[Hashable] = set()
    needed = []
    for i in order:
        if not set(atoms[i]) <= known:
            known |= set(atoms[i])
            needed.append(i)
    return [*needed, *(i for i in order if i not in set(needed))][: max(train, len(needed))]


def by_length(targets: Sequence[Sequence[str]], train: int) -> tuple[list[int], list[int]]:
    """Training has the shortest targets."""
    order = sorted(range(len(targets)), key=lambda i: (len(targets[i]), i))
    return sorted(order[:train]), sorted(order[train:])


def by_template(templates: Sequence[Key], train: int, rng: Random) -> tuple[list[int], list[int]]:
    """Targets of equal template are on one side; templates are drawn until training has at least `train`."""
    groups: dict[Key, list[int]] = {}
    for i, template in enumerate(templates):
        groups.setdefault(template, []).append(i)
    drawn = list(groups.values())
    rng.shuffle(drawn)
    chosen: list[int] = []
    for group in drawn:
        if len(chosen) < train:
            chosen += group
    rest = set(range(len(templates))) - set(chosen)
    return sorted(chosen), sorted(rest)
