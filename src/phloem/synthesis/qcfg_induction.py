"""Inducing a quasi-synchronous grammar by minimum description length.

Shaw et al., "Compositional Generalization and Natural Language Variation" (ACL 2021, section 4.2 and appendix). The
first grammar holds every training pair as a rule of its own, and optionally a rule for each word that both sides of a
pair share. It becomes smaller by steps. The description length is that of the rules and of the targets given sources:

    L(G) = sum over rules of (l_T words + l_NT non-terminals, both sides)
         + sum over pairs of  - log2  Z(x, y) / Z(x, anything)            (numbers of derivations)

A step adds one rule that splits rules of the grammar, NT -> <alpha, beta>, in two: an outer one with a non-terminal in
place of a pair of spans, and an inner one that is this pair. One of the two is derivable already, the other is the
candidate. It makes all rules superfluous that are split by it; its saving is their length less its own. Candidates are
ordered by saving, the rise of the second term is estimated for each on ten pairs that it concerns, and the best is
taken, as long as it gains. After a step, rules that have become derivable otherwise are dropped, too.

Removing several rules at once is safe: both parts of a split are smaller than the rule, in words or else in length, so
derivations of the removed rules never go in a circle.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from phloem.synthesis.synchronous_grammar import (
    Grammar,
    Rule,
    SharedForest,
    Side,
    forest,
    matches,
    outputs,
    substitute,
    table,
    total,
    well_formed,
)

Pairs = Sequence[tuple[Side, Side]]


@dataclass(frozen=True)
class Induction:
    """What a symbol costs, and which rules are allowed. The costs are in bits (32 for SCAN, 8 for GeoQuery)."""

    word_cost: float = 8.0  # l_T
    nonterminal_cost: float = 1.0  # l_NT
    repeated: bool = True  # may a target repeat a non-terminal
    shared_words: bool = True  # begin with rules for words that both sides have
    balanced: bool = False  # targets of new rules have balanced parentheses
    sample: int | None = 10  # pairs on which the encoding's rise is estimated; None: all that are concerned
    least_gain: float = 0.0
    seed: int = 0


class Step(NamedTuple):
    """What one step did. `before` and `after` are description lengths (of a sample, where the encoding is estimated):
    `after` before the clean-up, whose rules are `dropped`."""

    added: Rule
    removed: tuple[Rule, ...]
    dropped: tuple[Rule, ...]
    gain: float
    before: float
    after: float


def length(rule: Rule, settings: Induction) -> float:
    """A rule's own description length in bits."""
    symbols = [*rule.source, *rule.target]
    numbers = sum(isinstance(symbol, int) for symbol in symbols)
    return settings.nonterminal_cost * numbers + settings.word_cost * (len(symbols) - numbers)


def encoding(grammar: Grammar, source: Side, target: Side) -> float:
    """-log2 of the share of the source's derivations that write the target; infinite where none does."""
    found = forest(grammar, source)
    right = outputs(found, target).get(target, 0)
    return math.log2(total(found)) - math.log2(right) if right else math.inf


def shortest(pairs: Iterable[tuple[Side, Side]], count: int | None) -> list[tuple[Side, Side]]:
    """The unique pairs with the shortest sources, all of them for None; ties in alphabetical order."""
    unique = sorted(set(pairs), key=lambda each: (len(each[0]), each))
    return unique[:count]


def complete(grammar: Grammar, pairs: Pairs) -> list[Rule]:
    """Gives each pair that the grammar does not derive a rule of its own; the rules added."""
    shared = SharedForest(grammar)
    lacking = [Rule(*pair) for pair in pairs if pair[1] not in outputs(shared(pair[0]), pair[1])]
    added = sorted(set(lacking), key=str)
    for rule in added:
        grammar.add(rule)
    return added


class State:
    """An induction in progress: the grammar, and each pair's encoding under it."""

    def __init__(self, pairs: Pairs, settings: Induction) -> None:
        self.pairs, self.settings = shortest(pairs, None), settings
        self.grammar = Grammar(Rule(*pair) for pair in self.pairs)
        if settings.shared_words:
            for source, target in self.pairs:
                for word in sorted({*map(str, source)} & {*map(str, target)}):
                    self.grammar.add(Rule((word,), (word,)))
        self._words = [frozenset(source) for source, _ in self.pairs]
        self._encoding = [encoding(self.grammar, *pair) for pair in self.pairs]
        self._splits: dict[Rule, set[Rule]] = {}
        self._random = random.Random(settings.seed)

    def description_length(self) -> float:
        """In bits, of the grammar and of all pairs."""
        return sum(length(rule, self.settings) for rule in self.grammar) + sum(self._encoding)

    def steps(self) -> Iterator[Step]:
        """Steps until none gains."""
        while (step := self._step()) is not None:
            yield step

    def _step(self) -> Step | None:
        best = self._best()
        if best is None:
            return None
        added, removed, gain = best
        before = self.description_length()
        self._change(added, removed)
        after = self.description_length()
        dropped = self._clean(added)
        return Step(added, removed, dropped, gain, before, after)

    def _best(self) -> tuple[Rule, tuple[Rule, ...], float] | None:
        """The candidate of the greatest gain, with the rules that it makes superfluous."""
        split: dict[Rule, list[Rule]] = {}
        for rule in self.grammar:
            if rule not in self._splits:
                self._splits[rule] = candidates(self.grammar, rule, self.settings)
            for new in self._splits[rule]:
                split.setdefault(new, []).append(rule)
        saved = {
            new: sum(length(rule, self.settings) for rule in rules) - length(new, self.settings)
            for new, rules in split.items()
        }
        best, found = self.settings.least_gain, None
        for new in sorted(saved, key=lambda rule: (-saved[rule], str(rule))):
            if saved[new] <= best:
                break
            gain = saved[new] - self._rise(new, split[new])
            if gain > best:
                best, found = gain, (new, tuple(split[new]), gain)
        return found

    def _rise(self, new: Rule, removed: list[Rule]) -> float:
        """By how much the encoding rises: of all pairs that the rule's words concern, or estimated on some."""
        concerned = self._concerned(new)
        chosen = concerned
        if self.settings.sample is not None and len(concerned) > self.settings.sample:
            chosen = self._random.sample(concerned, self.settings.sample)
        changed = self.grammar.changed([new], removed)
        rise = sum(encoding(changed, *self.pairs[i]) - self._encoding[i] for i in chosen)
        return rise * len(concerned) / max(len(chosen), 1)

    def _concerned(self, rule: Rule) -> list[int]:
        """The pairs that may be derived by a rule, or by rules that it splits: they have its words."""
        words = {symbol for symbol in rule.source if isinstance(symbol, str)}
        return [i for i, there in enumerate(self._words) if words <= there]

    def _change(self, added: Rule | None, removed: Iterable[Rule]) -> None:
        changed = [*removed] if added is None else [added, *removed]
        for rule in removed:
            self.grammar.remove(rule)
            self._splits.pop(rule, None)
        if added is not None:
            self.grammar.add(added)
        for one in changed:
            words = {symbol for symbol in one.source if isinstance(symbol, str)}
            for rule in [rule for rule in self._splits if words <= set(rule.source)]:
                del self._splits[rule]
        for i in sorted({i for rule in changed for i in self._concerned(rule)}):
            self._encoding[i] = encoding(self.grammar, *self.pairs[i])

    def _clean(self, added: Rule) -> tuple[Rule, ...]:
        """Drop rules that the others derive, the longest first."""
        words = {symbol for symbol in added.source if isinstance(symbol, str)}
        touched = [rule for rule in self.grammar if words <= set(rule.source) and rule != added]
        dropped = []
        for rule in sorted(touched, key=lambda rule: (-length(rule, self.settings), str(rule))):
            if outputs(forest(self.grammar, rule.source), rule.target)[rule.target] > 1:
                self.grammar.remove(rule)
                dropped.append(rule)
        if dropped:
            for rule in dropped:
                self.grammar.add(rule)
            self._change(None, dropped)
        return tuple(dropped)


def candidates(grammar: Grammar, rule: Rule, settings: Induction) -> set[Rule]:
    """The rules, not of the grammar, that would derive `rule` together with one that the grammar derives."""
    chart = forest(grammar, rule.source)
    written = table(chart, rule.target)
    found = {outer for outer in _outer(rule, written) if well_formed(outer, settings.repeated)}
    found |= {inner for inner in _inner(grammar, rule, written) if well_formed(inner, settings.repeated)}
    if settings.balanced:
        found = {new for new in found if _balanced(new.target)}
    return {new for new in found if new not in grammar}


def _outer(rule: Rule, written: Mapping[tuple[int, int], Mapping[Side, int]]) -> Iterator[Rule]:
    """A non-terminal in place of a span that is derivable, all of its places in the target or any one."""
    for (start, end), targets in written.items():
        inside = set(rule.source[start:end])
        if end - start == len(rule.source) or not any(isinstance(symbol, str) for symbol in inside):
            continue
        source = (*rule.source[:start], 0, *rule.source[end:])
        for target in targets:
            places = _places(rule.target, target)
            for chosen in [places, *([place] for place in places if len(places) > 1)]:
                new, last = [], 0
                for place in chosen:
                    new += [*rule.target[last:place], 0]
                    last = place + len(target)
                yield renumbered(source, (*new, *rule.target[last:]))


def _places(whole: Side, part: Side) -> list[int]:
    """Where a part begins, from left to right without overlap."""
    found, place = [], 0
    while place + len(part) <= len(whole):
        if whole[place : place + len(part)] == part:
            found.append(place)
            place += len(part)
        else:
            place += 1
    return found


def _inner(grammar: Grammar, rule: Rule, written: Mapping[tuple[int, int], Mapping[Side, int]]) -> Iterator[Rule]:
    """What a rule of the grammar leaves to be derived, when it is the outermost and derives its other part."""
    for outer in grammar.composing(rule.source):
        if outer == rule:
            continue
        for children in matches(outer.source, rule.source, (0, len(rule.source))):
            for asked, (start, end) in enumerate(children):
                others = [written.get(child, {}) for place, child in enumerate(children) if place != asked]
                for other in others[0] if others else ((),):
                    target = _solved(outer.target, rule.target, asked, other)
                    if target:
                        yield renumbered(rule.source[start:end], target)


def _solved(pattern: Side, whole: Side, asked: int, other: Side) -> Side | None:
    """What the non-terminal `asked` (from 0) has to write, the other one writing `other`, so that all is `whole`."""
    number = asked + 1
    count = pattern.count(number)
    rest = sum(1 if isinstance(symbol, str) else len(other) for symbol in pattern if symbol != number)
    size, odd = divmod(len(whole) - rest, count)
    if odd or size <= 0:
        return None
    place = 0
    for symbol in pattern:
        if symbol == number:
            break
        place += 1 if isinstance(symbol, str) else len(other)
    found = whole[place : place + size]
    children = (found, other) if asked == 0 else (other, found)
    return found if substitute(pattern, children) == whole else None


def renumbered(source: Side, target: Side) -> Rule:
    """The rule whose non-terminals, any integers, are numbered as the source has them."""
    order: dict[int, int] = {}
    for symbol in source:
        if isinstance(symbol, int):
            order.setdefault(symbol, len(order) + 1)
    number = {**order}
    sides = (
        tuple(number.get(symbol, -1) if isinstance(symbol, int) else symbol for symbol in side)
        for side in (source, target)
    )
    return Rule(*sides)


def _balanced(target: Side) -> bool:
    depth = 0
    for symbol in target:
        depth += (symbol == "(") - (symbol == ")")
        if depth < 0:
            return False
    return depth == 0
