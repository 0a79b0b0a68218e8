"""Version spaces of refactorings: all programs that beta-reduce to a given one within a few steps.

Ellis et al. (2020, appendix on abstraction sleep). A version space is a set of λ-terms, written

    v ::= primitive | $i | λv | (v v) | union of v's | empty | everything

where `(f x)` stands for all applications of a member of f to a member of x. Spaces are hash-consed: an integer stands
for a space, equal spaces have equal numbers, and a part has a smaller number than what it is part of.

Inverse beta. S_n(v) maps spaces of values to spaces of bodies: if S_n(v) has w -> b, then b[$n := w] is in v for every
member. The values that occur in a term are its sub-terms (without variables bound inside), so

    S_n(v)        has shiftFree(v, n) -> $n  where that is not empty, and
    S_n(p)        everything -> p
    S_n($i)       everything -> $i if i < n else $(i+1)
    S_n(λv)       w -> λb               for w -> b in S_{n+1}(v)
    S_n((f x))    w1 ∩ w2 -> (b1 b2)    for w1 -> b1 in S_n(f), w2 -> b2 in S_n(x), if not empty
    S_n(∪v)       the maps of the members, bodies of the same value united

and one step back is I(v) = { ((λ b) w) : w -> b in S_0(v), w not everything, b not $0 }, and I of each part in its
place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from phloem.synthesis.languages.lambda_calculus import Abstraction, Application, Index, Invention, Primitive, Term

EMPTY, EVERYTHING = 0, 1


class Node(NamedTuple):
    """`kind`: a leaf ("leaf", "index"), "lambda" of one part, "apply" of two, "union" of several."""

    kind: Literal["empty", "everything", "leaf", "index", "lambda", "apply", "union"]
    parts: tuple[int, ...] = ()
    leaf: Primitive | Invention | Index | None = None


class Spaces:
    """A table of version spaces, and what is asked of them; everything is worked out once."""

    def __init__(self) -> None:
        self.nodes = [Node("empty"), Node("everything")]
        self.single = [False, False]  # whether the space is one term
        self._numbers = {node: i for i, node in enumerate(self.nodes)}
        self._shifted: dict[tuple[int, int, int], int] = {}
        self._common: dict[tuple[int, int], int] = {}
        self._substitutions: dict[tuple[int, int], dict[int, int]] = {}
        self._steps: dict[int, int] = {}
        self._refactored: dict[tuple[int, int], int] = {}

    def _intern(self, node: Node) -> int:
        number = self._numbers.get(node)
        if number is None:
            number = self._numbers[node] = len(self.nodes)
            self.nodes.append(node)
            self.single.append(node.kind != "union" and all(self.single[part] for part in node.parts))
        return number

    def leaf(self, leaf: Primitive | Invention) -> int:
        return self._intern(Node("leaf", (), leaf))

    def index(self, depth: int) -> int:
        return self._intern(Node("index", (), Index(depth)))

    def abstract(self, body: int) -> int:
        return EMPTY if body == EMPTY else self._intern(Node("lambda", (body,)))

    def apply(self, function: int, argument: int) -> int:
        if EMPTY in (function, argument):
            return EMPTY
        return self._intern(Node("apply", (function, argument)))

    def union(self, spaces: Iterable[int]) -> int:
        members: set[int] = set()
        for space in spaces:
            node = self.nodes[space]
            members.update(node.parts if node.kind == "union" else (space,))
        members.discard(EMPTY)
        if EVERYTHING in members:
            return EVERYTHING
        if len(members) < 2:
            return members.pop() if members else EMPTY
        return self._intern(Node("union", tuple(sorted(members))))

    def of(self, term: Term) -> int:
        """The space of one term."""
        match term:
            case Index(depth):
                return self.index(depth)
            case Abstraction(body):
                return self.abstract(self.of(body))
            case Application(function, argument):
                return self.apply(self.of(function), self.of(argument))
        return self.leaf(term)

    def terms(self, space: int) -> Iterator[Term]:
        """All members, the first of a union first; without end for everything, which raises ValueError."""
        kind, parts, leaf = self.nodes[space]
        if kind == "everything":
            raise ValueError("everything has no list of members")
        if kind == "union":
            for part in parts:
                yield from self.terms(part)
        elif kind == "lambda":
            yield from map(Abstraction, self.terms(parts[0]))
        elif kind == "apply":
            for function in self.terms(parts[0]):
                for argument in self.terms(parts[1]):
                    yield Application(function, argument)
        elif leaf is not None:
            yield leaf

    def shift_free(self, space: int, by: int, depth: int = 0) -> int:
        """The members that use no index from `depth` up to `depth + by`, free indices moved down by `by`."""
        if not by:
            return space
        key = (space, by, depth)
        found = self._shifted.get(key)
        if found is None:
            found = self._shifted[key] = self._shift(space, by, depth)
        return found

    def _shift(self, space: int, by: int, depth: int) -> int:
        kind, parts, leaf = self.nodes[space]
        if isinstance(leaf, Index):
            if leaf.depth < depth:
                return space
            return self.index(leaf.depth - by) if leaf.depth >= depth + by else EMPTY
        if kind == "lambda":
            return self.abstract(self.shift_free(parts[0], by, depth + 1))
        if kind == "apply":
            return self.apply(self.shift_free(parts[0], by, depth), self.shift_free(parts[1], by, depth))
        if kind == "union":
            return self.union(self.shift_free(part, by, depth) for part in parts)
        return space

    def intersection(self, left: int, right: int) -> int:
        if left == right or right == EVERYTHING:
            return left
        if left == EVERYTHING:
            return right
        if self.single[left] and self.single[right]:
            return EMPTY
        key = (left, right) if left < right else (right, left)
        found = self._common.get(key)
        if found is None:
            found = self._common[key] = self._intersect(*key)
        return found

    def _intersect(self, left: int, right: int) -> int:
        one, other = self.nodes[left], self.nodes[right]
        if one.kind == "union":
            return self.union(self.intersection(part, right) for part in one.parts)
        if other.kind == "union":
            return self.union(self.intersection(left, part) for part in other.parts)
        if one.kind != other.kind or one.kind not in ("lambda", "apply"):
            return EMPTY
        common = [self.intersection(a, b) for a, b in zip(one.parts, other.parts, strict=True)]
        return self.abstract(*common) if one.kind == "lambda" else self.apply(*common)

    def substitutions(self, space: int, n: int = 0) -> dict[int, int]:
        """S_n: value space -> body space."""
        key = (space, n)
        found = self._substitutions.get(key)
        if found is None:
            found = self._substitutions[key] = self._substitute(space, n)
        return found

    def _substitute(self, space: int, n: int) -> dict[int, int]:
        kind, parts, leaf = self.nodes[space]
        bodies: dict[int, list[int]] = {}
        whole = self.shift_free(space, n)
        if whole != EMPTY:
            bodies[whole] = [self.index(n)]
        if isinstance(leaf, Index):
            bodies.setdefault(EVERYTHING, []).append(self.index(leaf.depth + (leaf.depth >= n)))
        elif kind == "leaf":
            bodies.setdefault(EVERYTHING, []).append(space)
        elif kind == "lambda":
            for value, body in self.substitutions(parts[0], n + 1).items():
                bodies.setdefault(value, []).append(self.abstract(body))
        elif kind == "apply":
            self._substitute_both(parts, n, bodies)
        elif kind == "union":
            for part in parts:
                for value, body in self.substitutions(part, n).items():
                    bodies.setdefault(value, []).append(body)
        return {value: self.union(found) for value, found in bodies.items()}

    def _substitute_both(self, parts: tuple[int, ...], n: int, bodies: dict[int, list[int]]) -> None:
        functions, arguments = (self.substitutions(part, n) for part in parts)
        wide = [value for value in arguments if not self.single[value]]
        for value, function in functions.items():
            # two different single terms have nothing in common, so only these can meet
            others = ([value, *wide] if value in arguments else wide) if self.single[value] else list(arguments)
            for other in others:
                common = self.intersection(value, other)
                if common != EMPTY:
                    bodies.setdefault(common, []).append(self.apply(function, arguments[other]))

    def step_back(self, space: int) -> int:
        """I: the terms that one beta step turns into a member."""
        found = self._steps.get(space)
        if found is None:
            found = self._steps[space] = self._step_back(space)
        return found

    def _step_back(self, space: int) -> int:
        kind, parts, _ = self.nodes[space]
        if kind == "union":
            return self.union(self.step_back(part) for part in parts)
        found = []
        if kind not in ("empty", "everything"):
            for value, body in self.substitutions(space).items():
                if value != EVERYTHING and body != self.index(0):
                    found.append(self.apply(self.abstract(body), value))
        if kind == "lambda":
            found.append(self.abstract(self.step_back(parts[0])))
        elif kind == "apply":
            function, argument = parts
            found.append(self.apply(self.step_back(function), argument))
            found.append(self.apply(function, self.step_back(argument)))
        return self.union(found)

    def steps_back(self, space: int, most: int) -> list[int]:
        """I^0, …, I^most."""
        found = [space]
        for _ in range(most):
            found.append(self.step_back(found[-1]))
        return found

    def refactored(self, space: int, most: int) -> int:
        """The union of I^0 … I^most, and the same at every sub-term."""
        key = (space, most)
        found = self._refactored.get(key)
        if found is None:
            kind, parts, _ = self.nodes[space]
            inner = [self.refactored(part, most) for part in parts]
            if kind == "lambda":
                whole = self.abstract(*inner)
            elif kind == "apply":
                whole = self.apply(*inner)
            else:
                whole = self.union(inner) if kind == "union" else space
            found = self._refactored[key] = self.union([whole, *self.steps_back(space, most)])
        return found

    def reachable(self, spaces: Iterable[int]) -> set[int]:
        """The spaces and all their parts."""
        found: set[int] = set()
        waiting = list(spaces)
        while waiting:
            space = waiting.pop()
            if space not in found:
                found.add(space)
                waiting.extend(self.nodes[space].parts)
        return found
