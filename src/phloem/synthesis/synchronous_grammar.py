"""Quasi-synchronous context-free grammars with one non-terminal, their forests, and what they derive.

Shaw, Chang, Pasupat and Toutanova, "Compositional Generalization and Natural Language Variation" (ACL 2021, section
4.1); the formalism is of D. Smith and Eisner (2006) and Chiang (2007). A rule rewrites both sides at once:

    NT -> < alpha , beta >        NT -> < NT_1 twice , NT_1 NT_1 >        NT -> < jump , I_JUMP >

alpha is of source words and at most two non-terminals, NT_1 before NT_2; beta is of target words and the same
non-terminals, each at least once. A symbol is a string for a word and an integer for a non-terminal.

`forest(grammar, words)` is the chart of CKY over the source: for every span the ways to derive it by a rule from
smaller spans. (Rules of rank two need no binarisation: a span is tried with each rule at the places where the words
between its non-terminals stand.) Derivations are counted by a sum of products over it, and of the pair of x and y by
the same with the target string as part of the state:

    Z(i, j, y) = sum over rules and spans of   prod Z(child)      with y the rule's target with the children's in place

Integers may stand among the words too: NT_1 of a rule that is itself being parsed derives itself and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from phloem.errors import PhloemError

Symbol: TypeAlias = str | int
Side: TypeAlias = tuple[Symbol, ...]
Span: TypeAlias = tuple[int, int]
RANK = 2


class Rule(NamedTuple):
    """`source` and `target` share the non-terminals 1 and 2, numbered as the source has them."""

    source: Side
    target: Side

    @property
    def rank(self) -> int:
        """How many non-terminals the source has."""
        return sum(isinstance(symbol, int) for symbol in self.source)

    def __str__(self) -> str:
        sides = (" ".join(f"NT_{each}" if isinstance(each, int) else each for each in side) for side in self)
        return "NT -> < {} , {} >".format(*sides)


def well_formed(rule: Rule, repeated: bool = True) -> bool:
    """Rank at most two, the same non-terminals on both sides, in order on the source, and no chain NT -> < NT_1 , … >.

    With `repeated` a non-terminal may stand several times in the target."""
    numbers = [symbol for symbol in rule.source if isinstance(symbol, int)]
    wanted = [symbol for symbol in rule.target if isinstance(symbol, int)]
    if numbers != list(range(1, len(numbers) + 1)) or len(numbers) > RANK or set(wanted) != set(numbers):
        return False
    if not rule.source or not rule.target or rule.source == (1,):
        return False
    return repeated or len(wanted) == len(numbers)


class Edge(NamedTuple):
    """A span derived by a rule from smaller spans; no rule for a non-terminal among the words."""

    rule: Rule | None
    children: tuple[Span, ...]


class Forest(NamedTuple):
    """All derivations of the spans of `words`; spans that nothing derives are left out."""

    words: Side
    edges: dict[Span, list[Edge]]

    @property
    def root(self) -> Span:
        return 0, len(self.words)

    def __bool__(self) -> bool:
        return self.root in self.edges


class Grammar:
    """A set of rules, kept so that those which may match are found fast."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules: dict[Rule, frozenset[Symbol]] = {}  # and the words of their sources
        self._lexical: dict[Side, list[Rule]] = {}
        for rule in rules:
            self.add(rule)

    def add(self, rule: Rule) -> None:
        """Raises PhloemError for a rule that is not well formed."""
        if not well_formed(rule):
            raise PhloemError(f"{rule} is no rule: both sides need the same non-terminals, at most two, in order")
        if rule in self._rules:
            return
        self._rules[rule] = frozenset(symbol for symbol in rule.source if isinstance(symbol, str))
        if rule.rank == 0:
            self._lexical.setdefault(rule.source, []).append(rule)

    def remove(self, rule: Rule) -> None:
        del self._rules[rule]
        if rule.rank == 0:
            self._lexical[rule.source].remove(rule)

    def changed(self, added: Iterable[Rule], removed: Iterable[Rule] = ()) -> Grammar:
        """A copy with some rules more and some less."""
        less = set(removed)
        return Grammar([*(rule for rule in self._rules if rule not in less), *added])

    def __contains__(self, rule: object) -> bool:
        return rule in self._rules

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def lexical(self, words: Side) -> list[Rule]:
        """The rules without non-terminals that have this source."""
        return self._lexical.get(words, [])

    def composing(self, words: Side) -> list[Rule]:
        """The rules with non-terminals whose words all occur in `words`."""
        there = frozenset(words)
        return [rule for rule, needed in self._rules.items() if needed <= there and rule.rank]


def forest(grammar: Grammar, words: Side) -> Forest:
    """All derivations of all spans of the source."""
    edges: dict[Span, list[Edge]] = {}
    composing = grammar.composing(words)
    for length in range(1, len(words) + 1):
        for start in range(len(words) - length + 1):
            span = start, start + length
            found = [Edge(rule, ()) for rule in grammar.lexical(words[start : start + length])]
            if length == 1 and isinstance(words[start], int):
                found.append(Edge(None, ()))
            for rule in composing:
                for children in matches(rule.source, words, span):
                    if all(child in edges for child in children):
                        found.append(Edge(rule, children))
            if found:
                edges[span] = found
    return Forest(words, edges)


class SharedForest:
    """Forests of many sources under one grammar that stays as it is.

    How a span is derived depends on its words alone, so that what one source has shown of a span serves all. The
    forests are those of `forest`, without the spans that no derivation of the whole uses."""

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self._edges: dict[Side, list[Edge]] = {}  # with spans counted from the start of the words

    def __call__(self, words: Side) -> Forest:
        edges: dict[Span, list[Edge]] = {}
        waiting = [(0, len(words))]
        while waiting:
            span = waiting.pop()
            found = self._of(words[span[0] : span[1]]) if span not in edges else []
            if found:
                edges[span] = [
                    Edge(rule, tuple((span[0] + start, span[0] + end) for start, end in children))
                    for rule, children in found
                ]
                waiting += [child for edge in edges[span] for child in edge.children]
        return Forest(words, edges)

    def _of(self, words: Side) -> list[Edge]:
        if words in self._edges:
            return self._edges[words]
        found = [Edge(rule, ()) for rule in self.grammar.lexical(words)]
        if len(words) == 1 and isinstance(words[0], int):
            found.append(Edge(None, ()))
        for rule in self.grammar.composing(words):
            for children in matches(rule.source, words, (0, len(words))):
                if all(self._of(words[start:end]) for start, end in children):
                    found.append(Edge(rule, children))
        self._edges[words] = found
        return found


def matches(source: Side, words: Side, span: Span) -> Iterator[tuple[Span, ...]]:
    """The spans that the non-terminals of a source can take, where the whole takes `span`; none is empty."""
    start, end = span
    head = next(place for place, symbol in enumerate(source) if isinstance(symbol, int))
    tail = next(place for place, symbol in enumerate(reversed(source)) if isinstance(symbol, int))
    first, last = start + head, end - tail  # what lies between the outer words
    if first >= last or words[start:first] != source[:head] or words[last:end] != source[len(source) - tail :]:
        return
    middle = source[head + 1 : len(source) - tail - 1]
    if head + tail + 1 == len(source):
        yield ((first, last),)
        return
    for cut in range(first + 1, last - len(middle)):
        if words[cut : cut + len(middle)] == middle:
            yield (first, cut), (cut + len(middle), last)


def substitute(target: Side, children: tuple[Side, ...]) -> Side:
    """The target with what the non-terminals derived in their places."""
    done: list[Symbol] = []
    for symbol in target:
        if isinstance(symbol, int):
            done += children[symbol - 1]
        else:
            done.append(symbol)
    return tuple(done)


def total(found: Forest) -> int:
    """How many derivations the source has, whatever they write."""
    counts: dict[Span, int] = {}
    for span in _smallest_first(found):
        many = 0
        for edge in found.edges[span]:
            product = 1
            for child in edge.children:
                product *= counts[child]
            many += product
        counts[span] = many
    return counts.get(found.root, 0)


def outputs(found: Forest, within: Side | None = None) -> Mapping[Side, int]:
    """How many derivations write each target; with `within` only those targets of spans that are a part of it."""
    return table(found, within).get(found.root, {})


def table(found: Forest, within: Side | None = None) -> dict[Span, Counter[Side]]:
    """For each span the targets that it derives, and by how many derivations."""
    part = _part_of(within)
    counts: dict[Span, Counter[Side]] = {}
    for span in _smallest_first(found):
        here: Counter[Side] = Counter()
        for edge in found.edges[span]:
            for target, count in _written(edge, found.words[span[0]], counts):
                if part(target):
                    here[target] += count
        counts[span] = here
    return counts


def _written(edge: Edge, word: Symbol, counts: Mapping[Span, Counter[Side]]) -> Iterator[tuple[Side, int]]:
    if edge.rule is None:
        yield (word,), 1
    elif not edge.children:
        yield edge.rule.target, 1
    elif len(edge.children) == 1:
        for one, count in counts[edge.children[0]].items():
            yield substitute(edge.rule.target, (one,)), count
    else:
        for one, count in counts[edge.children[0]].items():
            for other, times in counts[edge.children[1]].items():
                yield substitute(edge.rule.target, (one, other)), count * times


def _part_of(whole: Side | None) -> Callable[[Side], bool]:
    if whole is None:
        return lambda _: True
    parts = {whole[i:j] for i in range(len(whole)) for j in range(i + 1, len(whole) + 1)}
    return parts.__contains__


def _smallest_first(found: Forest) -> list[Span]:
    return sorted(found.edges, key=lambda span: span[1] - span[0])


def derives(grammar: Grammar, source: Side, target: Side) -> bool:
    """Whether the grammar derives this pair; non-terminals in it derive themselves."""
    return target in outputs(forest(grammar, source), target)


def pair(source: str, target: str) -> Rule:
    """A training pair as the rule that derives just it."""
    return Rule(tuple(source.split()), tuple(target.split()))
