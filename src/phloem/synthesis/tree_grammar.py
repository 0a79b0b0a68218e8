"""Programs as derivation trees of a small context-free grammar: text, parsing, sampling, allowed next tokens.

A grammar has productions for each non-terminal, sequences of tokens and non-terminals; it must not be left recursive. A
production may be a primitive (a shape): their number in a tree is its size σ (Kapur et al. 2024, section 3).
Trees are sampled with an exact number of primitives: each non-terminal knows the fewest and the most that it can hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from phloem.errors import PhloemError

UNBOUNDED = 1 << 20
Tokens = tuple[str, ...]


class Production(NamedTuple):
    symbols: tuple[str, ...]
    primitives: int = 0  # that the production itself counts for


class Tree(NamedTuple):
    """`symbol` was expanded by its production number `choice`; `parts` are the non-terminals' trees in order."""

    symbol: str
    choice: int
    parts: tuple[Tree, ...] = ()


@dataclass(frozen=True)
class TreeGrammar:
    start: str
    rules: Mapping[str, tuple[Production, ...]]
    fewest: dict[str, int] = field(init=False)
    most: dict[str, int] = field(init=False)
    spans: dict[str, list[tuple[int, int]]] = field(init=False, repr=False)  # fewest and most of each production

    def __post_init__(self) -> None:
        object.__setattr__(self, "fewest", self._settled(UNBOUNDED, min))
        most = self._settled(0, max)
        # what still grows after as many rounds as there are non-terminals grows for ever
        object.__setattr__(self, "most", {s: UNBOUNDED if n > len(self.rules) else n for s, n in most.items()})

        spans = {
            symbol: [(self._sum(one, self.fewest), self._sum(one, self.most)) for one in productions]
            for symbol, productions in self.rules.items()
        }
        object.__setattr__(self, "spans", spans)

    def _sum(self, production: Production, found: Mapping[str, int]) -> int:
        return min(UNBOUNDED, production.primitives + sum(found.get(part, 0) for part in production.symbols))

    def _settled(self, first: int, choose: Callable[[Iterator[int]], int]) -> dict[str, int]:
        """The smallest or largest number of primitives of each non-terminal, from a first guess by repetition."""
        found = dict.fromkeys(self.rules, first)
        for _ in range(2 * len(self.rules) + 2):
            found = {
                symbol: choose(self._sum(one, found) for one in productions)
                for symbol, productions in self.rules.items()
            }
        return found

    def production(self, tree: Tree) -> Production:
        return self.rules[tree.symbol][tree.choice]

    def tokens(self, tree: Tree) -> Tokens:
        parts = iter(tree.parts)
        found: list[str] = []
        for symbol in self.production(tree).symbols:
            found += self.tokens(next(parts)) if symbol in self.rules else (symbol,)
        return tuple(found)

    def primitives(self, tree: Tree) -> int:
        """σ."""
        return self.production(tree).primitives + sum(map(self.primitives, tree.parts))

    def places(self, tree: Tree) -> list[tuple[int, int, Tree]]:
        """(first token, token after the last, sub-tree), each tree before its parts."""
        found: list[tuple[int, int, Tree]] = []
        self._place(tree, 0, found)
        return found

    def _place(self, tree: Tree, start: int, found: list[tuple[int, int, Tree]]) -> int:
        here, end = len(found), start
        found.append((start, start, tree))
        parts = iter(tree.parts)
        for symbol in self.production(tree).symbols:
            end = self._place(next(parts), end, found) if symbol in self.rules else end + 1
        found[here] = start, end, tree
        return end

    def replaced(self, tree: Tree, old: Tree, new: Tree) -> Tree:
        """The tree with `new` where the very object `old` is."""
        if tree is old:
            return new
        return tree._replace(parts=tuple(self.replaced(part, old, new) for part in tree.parts)) if tree.parts else tree

    def editable(self, tree: Tree) -> dict[int, tuple[int, Tree]]:
        """First token -> (token after the last, sub-tree) of what may be replaced there: of the trees that start at
        a token, the outermost whose non-terminal has several productions."""
        found: dict[int, tuple[int, Tree]] = {}
        for start, end, part in self.places(tree):
            if len(self.rules[part.symbol]) > 1:
                found.setdefault(start, (end, part))
        return found

    def parse(self, tokens: Sequence[str], symbol: str | None = None) -> Tree:
        """The tree of a whole sequence. Raises PhloemError naming the first token that does not fit."""
        symbol = symbol or self.start
        for tree, end in self._parses(tuple(tokens), 0, symbol):
            if end == len(tokens):
                return tree
        reader = Reader(self, symbol)
        for number, token in enumerate(tokens):
            if token not in reader.allowed():
                raise PhloemError(f"token {number + 1}, {token!r}, does not fit: {' '.join(tokens[:40])}")
            reader.take(token)
        raise PhloemError(f"the program ends too early: {' '.join(tokens[:40])}")

    def _parses(self, tokens: Tokens, start: int, symbol: str) -> Iterator[tuple[Tree, int]]:
        here = tokens[start] if start < len(tokens) else ""
        for choice, production in enumerate(self.rules[symbol]):
            first = production.symbols[0]
            if first != here and first not in self.rules:
                continue
            for parts, end in self._sequences(tokens, start, production.symbols):
                yield Tree(symbol, choice, parts), end

    def _sequences(self, tokens: Tokens, start: int, symbols: Sequence[str]) -> Iterator[tuple[tuple[Tree, ...], int]]:
        if not symbols:
            yield (), start
            return
        first, rest = symbols[0], symbols[1:]
        if first not in self.rules:
            if start < len(tokens) and tokens[start] == first:
                yield from self._sequences(tokens, start + 1, rest)
            return
        for tree, middle in self._parses(tokens, start, first):
            for parts, end in self._sequences(tokens, middle, rest):
                yield (tree, *parts), end

    def sample(self, rng: Random, primitives: int, symbol: str | None = None) -> Tree:
        """A random tree with exactly so many primitives. Raises ValueError where there is none."""
        symbol = symbol or self.start
        fitting = [choice for choice, (low, high) in enumerate(self.spans[symbol]) if low <= primitives <= high]
        if not fitting:
            raise ValueError(f"{symbol} can't have {primitives} primitives")
        choice = rng.choice(fitting)
        production = self.rules[symbol][choice]
        inner = [part for part in production.symbols if part in self.rules]
        if primitives == 0:
            return Tree(symbol, choice, tuple(self.sample(rng, 0, part) for part in inner))
        left = primitives - production.primitives
        parts = []
        for number, part in enumerate(inner):
            after = inner[number + 1 :]
            low = max(self.fewest[part], left - sum(self.most[one] for one in after))
            high = min(self.most[part], left - sum(self.fewest[one] for one in after))
            share = rng.randint(low, high)
            left -= share
            parts.append(self.sample(rng, share, part))
        return Tree(symbol, choice, tuple(parts))

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """All tokens, in the order of the grammar."""
        seen = dict.fromkeys(s for many in self.rules.values() for one in many for s in one.symbols)
        return tuple(symbol for symbol in seen if symbol not in self.rules)


class Reader:
    """Which tokens may come next, token by token: every way to go on is a stack of symbols that are still expected."""

    def __init__(self, grammar: TreeGrammar, symbol: str) -> None:
        self.grammar = grammar
        self._stacks = self._opened([(symbol,)])

    def _opened(self, stacks: Sequence[tuple[str, ...]]) -> set[tuple[str, ...]]:
        """Non-terminals on top expanded, until each stack is empty or has a token on top. The top is the first."""
        waiting, found = list(stacks), set()
        while waiting:
            stack = waiting.pop()
            if not stack or stack[0] not in self.grammar.rules:
                found.add(stack)
            else:
                waiting += [(*one.symbols, *stack[1:]) for one in self.grammar.rules[stack[0]]]
        return found

    def allowed(self) -> set[str]:
        return {stack[0] for stack in self._stacks if stack}

    @property
    def complete(self) -> bool:
        return () in self._stacks

    def take(self, token: str) -> None:
        self._stacks = self._opened([stack[1:] for stack in self._stacks if stack and stack[0] == token])


def text(tokens: Sequence[str]) -> str:
    """`( Circle 4 8 8 )` as `(Circle 4 8 8)`."""
    return " ".join(tokens).replace("( ", "(").replace(" )", ")")


def tokens_of(program: str) -> Tokens:
    return tuple(program.replace("(", " ( ").replace(")", " ) ").split())
