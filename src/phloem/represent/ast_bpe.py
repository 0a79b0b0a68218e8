"""Byte-pair encoding of programs: frequent neighbours become one symbol, within one node of the tree.

Mueller and Vlachos, "Byte-Pair Encoding for Text-to-SQL Generation" (2019). Symbols begin as the words of queries. A
merge (a, b) replaces each a b by one symbol, from left to right without overlap; merges are applied in their order and
undone by taking symbols apart. The most frequent admissible pair is merged next; pairs that overlap are counted, and of
equally frequent ones the first that is met is taken.

*AST BPE.* In a sentence the pair (u, v) is admissible iff some node of its tree has a run of children i..j with a place
k in it such that u is the text of i..k and v that of k+1..j.

*When to stop* (`fit_to_validation`). Let unk be the number of symbols of the merged validation sentences that occur
less than m times in the merged training sentences. A pair that changes unk is not merged and never tried again; after
r of them, or when no pair is left, learning ends.

(The released code joins a a a into one symbol under the merge (a, a), which loses a word. Here it becomes X a.)
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from phloem.errors import PhloemError
from phloem.represent.production_tree import Tree, leaves

JOINT = "\u2581"  # between the words of a symbol

Pair = tuple[str, str]


class Sentence(NamedTuple):
    """Words, and the tree that restricts what may be merged; None restricts nothing."""

    words: tuple[str, ...]
    tree: Tree | None = None


class Learned(NamedTuple):
    """Merges in their order, and those that were tried and changed unk."""

    merges: tuple[Pair, ...]
    violations: tuple[Pair, ...]


def runs(tree: Tree) -> dict[str, set[int]]:
    """For the text of every run of children, after how many words it may be cut; text is words parted by JOINT."""
    found: dict[str, set[int]] = {}
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            continue
        stack += node
        texts = [leaves(child) for child in node]
        for start in range(len(texts)):
            words: list[str] = []
            cuts: list[int] = []
            for child in texts[start:]:
                words += child
                found.setdefault(JOINT.join(words), set()).update(cuts)
                cuts.append(len(words))
    return found


def merged(symbols: Sequence[str], pair: Pair) -> list[str]:
    """The symbols with each occurrence of a pair as one, from left to right.

    >>> merged(["a", "a", "a"], ("a", "a")) == ["a" + JOINT + "a", "a"]
    True
    """
    found: list[str] = []
    place, joined = 0, JOINT.join(pair)
    while place < len(symbols):
        if symbols[place] == pair[0] and place + 1 < len(symbols) and symbols[place + 1] == pair[1]:
            found.append(joined)
            place += 2
        else:
            found.append(symbols[place])
            place += 1
    return found


class _Corpus:
    """Distinct sentences with their numbers of copies, merged so far, and the counts of their pairs."""

    def __init__(self, sentences: Iterable[Sentence]) -> None:
        copies = Counter(sentences)
        self.copies = list(copies.values())
        self.symbols = [list(each.words) for each in copies]
        self.runs = [None if each.tree is None else runs(each.tree) for each in copies]
        self.pairs = [self._count(i) for i in range(len(self.symbols))]
        self.total: Counter[Pair] = Counter()
        self.frequency: Counter[str] = Counter()
        self.holders: dict[Pair, set[int]] = {}
        for i in range(len(self.symbols)):
            self._add(i, 1)

    def admissible(self, i: int, pair: Pair) -> bool:
        """Whether sentence i may merge this pair."""
        allowed = self.runs[i]
        return allowed is None or pair[0].count(JOINT) + 1 in allowed.get(JOINT.join(pair), ())

    def _count(self, i: int) -> Counter[Pair]:
        symbols = self.symbols[i]
        found = Counter(itertools.pairwise(symbols))
        return Counter({pair: count for pair, count in found.items() if self.admissible(i, pair)})

    def _add(self, i: int, sign: int) -> None:
        times = sign * self.copies[i]
        for symbol in self.symbols[i]:
            self.frequency[symbol] += times
        for pair, count in self.pairs[i].items():
            self.total[pair] += times * count
            holders = self.holders.setdefault(pair, set())
            holders.add(i) if sign > 0 else holders.discard(i)

    def replace(self, changed: Mapping[int, list[str]]) -> dict[int, list[str]]:
        """Take these symbols for these sentences; what they were."""
        before = {i: self.symbols[i] for i in changed}
        for i, symbols in changed.items():
            self._add(i, -1)
            self.symbols[i] = symbols
            self.pairs[i] = self._count(i)
            self._add(i, 1)
        return before

    def merge(self, pair: Pair) -> dict[int, list[str]]:
        """Merge a pair wherever it is admissible; what the changed sentences were."""
        return self.replace({i: merged(self.symbols[i], pair) for i in sorted(self.holders.get(pair, ()))})

    def most_frequent(self, ignored: set[Pair]) -> Pair | None:
        """The pair to merge next."""
        count = max((count for pair, count in self.total.items() if pair not in ignored), default=0)
        if count <= 0:
            return None
        best = {pair for pair, found in self.total.items() if found == count and pair not in ignored}
        first = min(min(self.holders[pair]) for pair in best)
        return next(pair for pair in self.pairs[first] if pair in best)


def fit(sentences: Iterable[Sentence], merges: int) -> Learned:
    """A fixed number of merges, or as many as there are."""
    corpus = _Corpus(_checked(sentences))
    found: list[Pair] = []
    while len(found) < merges and (pair := corpus.most_frequent(set())) is not None:
        corpus.merge(pair)
        found.append(pair)
    return Learned(tuple(found), ())


def fit_to_validation(
    training: Iterable[Sentence], validation: Iterable[Sentence], *, least: int = 100, violations: int = 20
) -> Learned:
    """Merges until `violations` pairs have changed how many symbols of validation occur less than `least` times."""
    train, held = _Corpus(_checked(training)), _Corpus(_checked(validation))
    found: list[Pair] = []
    ignored: list[Pair] = []
    unknown = _unknown(train, held, least)
    while (pair := train.most_frequent(set(ignored))) is not None:
        before = train.merge(pair), held.merge(pair)
        if _unknown(train, held, least) != unknown:
            train.replace(before[0])
            held.replace(before[1])
            ignored.append(pair)
            if len(ignored) >= violations:
                break
        else:
            found.append(pair)
    return Learned(tuple(found), tuple(ignored))


def _unknown(train: _Corpus, held: _Corpus, least: int) -> int:
    return sum(count > 0 and train.frequency[symbol] < least for symbol, count in held.frequency.items())


def _checked(sentences: Iterable[Sentence]) -> Iterable[Sentence]:
    for sentence in sentences:
        if any(JOINT in word for word in sentence.words):
            raise PhloemError(f"a word holds {JOINT!r}, which parts the words of symbols")
        yield sentence


def transform(sentence: Sentence, merges: Sequence[Pair]) -> list[str]:
    """The symbols of a sentence.

    >>> transform(Sentence(("a", "b", "c")), [("a", "b")]) == ["a" + JOINT + "b", "c"]
    True
    """
    symbols = list(sentence.words)
    allowed = None if sentence.tree is None else runs(sentence.tree)
    for pair in merges:
        if allowed is None or pair[0].count(JOINT) + 1 in allowed.get(JOINT.join(pair), ()):
            symbols = merged(symbols, pair)
    return symbols


def untransform(symbols: Iterable[str]) -> list[str]:
    """The words that symbols are made of."""
    return [word for symbol in symbols for word in symbol.split(JOINT)]
