"""The abstract walk that finds a data flow graph (see `data_flow_graph`), as GraphCodeBERT's extractor does it.

The released extractor returns lists of uses from every node of the tree and copies the state at each. Here the
variables below a node are a range of numbers, the state is changed in place and copied at branches alone, and whatever
holds no statement of interest is read as one run of variables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

import numpy as np
from jaxtyping import Int64

from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.languages.functions import Nodes
from phloem.languages.tree import depths
from phloem.represent.data_flow_rules import RULES, Rules, variables_of
from phloem.represent.tokens import terminals

DEEPEST = 200  # what lies deeper in the tree is read as if it were one expression
MOST_NESTED = 5  # loops within loops that are walked twice: k of them walk the innermost body 2^k times
MOST_DEFINITIONS = 64  # of a name at one place that are remembered: the latest

State = dict[bytes, tuple[int, ...]]


class Walk:
    """One walk; `edges` maps (variable, source) to whether an assignment made the value.

    A variable is a number in order of occurrence, and `places[variable]` is its token.
    """

    careful = False

    def __init__(self, example: Example) -> None:
        tree, language = example.tree, by_name(example.language)
        self.nodes, self.rules = Nodes(tree, language), RULES[example.language]
        self.tokens = self.tokens_of(example)
        chosen, binds = variables_of(example, self.tokens, self.careful)
        variables = self.tokens[chosen]
        self.places = np.flatnonzero(chosen)
        stops = np.asarray(self.nodes.stop)
        self.first: list[int] = np.searchsorted(variables, np.arange(len(stops))).tolist()
        self.last: list[int] = np.searchsorted(variables, stops).tolist()
        starts, ends = tree.start[variables].tolist(), tree.end[variables].tolist()
        self.names = [tree.source[start:end] for start, end in zip(starts, ends, strict=True)]
        self.binds: list[bool] = binds.tolist()
        self.steps = _steps(type(self), example.language)  # type: ignore[arg-type]  # a class is hashable
        kinds = np.zeros(1 << 16, bool)
        kinds[list(self.steps)] = True
        special = kinds[tree.kind] & (depths(tree.parent) <= DEEPEST)
        before = np.concatenate([[0], np.cumsum(special)])
        self.is_special: list[bool] = special.tolist()
        self.has_special: list[bool] = (before[stops] > before[:-1]).tolist()
        self.state: State = {}
        self.edges: dict[tuple[int, int], bool] = {}
        self.nesting = 0

    @classmethod
    def table(cls, rules: Rules) -> list[tuple[frozenset[str], Callable[..., None]]]:
        """What is done at the kinds that are more than their parts in order."""
        return [
            (rules.definitions, cls.definition),
            (rules.assignments, cls.assignment),
            (rules.updates, cls.update),
            (rules.branches, cls.branch),
            (rules.loops, cls.loop),
            (rules.each_loops, cls.each_loop),
            (rules.clauses, cls.clause),
        ]

    def tokens_of(self, example: Example) -> Int64[np.ndarray, " tokens"]:
        """The tree's nodes that are tokens."""
        return terminals(example)

    def node(self, node: int) -> None:
        """Walk a node; `state` is the one before it, then the one after it."""
        if not self.has_special[node]:
            self.use(self.below(node))
        elif self.is_special[node]:
            self.steps[self.nodes.kind[node]](self, node)
        else:
            self.parts(self.nodes.children(node))

    def parts(self, children: Iterable[int]) -> None:
        """Children in order; the `for` clauses of a comprehension come first."""
        listed = list(children)
        clauses = [child for child in listed if self.nodes.name(child) in self.rules.clauses]
        for child in clauses:
            self.node(child)
        for child in listed:
            if child not in clauses:
                self.node(child)

    def below(self, node: int) -> range:
        """The variables of a node; none of -1."""
        return range(self.first[node], self.last[node]) if node >= 0 else range(0)

    def use(self, variables: range) -> None:
        """Occurrences that read; the first one of an identifier defines it."""
        for variable in variables:
            sources = self.state.get(self.names[variable])
            if sources is not None:
                for source in sources:
                    self.edges.setdefault((variable, source), False)
            elif self.binds[variable]:
                self.state[self.names[variable]] = (variable,)

    def bind(self, targets: range, sources: range, *, computed: bool = True) -> None:
        """The targets get their values from the sources, and are their names' state."""
        for target in targets:
            for source in sources:
                self.edges[target, source] = computed
        for target in targets:
            self.state[self.names[target]] = (target,)

    def definition(self, node: int) -> None:
        """A declaration `name = value`, or a parameter with a default."""
        name, value = self.nodes.child(node, self.rules.definition_name), self.nodes.child(node, "value")
        if value >= 0:
            self.node(value)
        self.bind(self.below(name), self.below(value), computed=False)

    def assignment(self, node: int) -> None:
        left, right = self.nodes.child(node, "left"), self.nodes.child(node, "right")
        if left < 0 or right < 0:
            return
        pairs = self.pairs(left, right)
        for _, value in pairs:
            self.node(value)
        for target, value in pairs:
            self.bind(self.below(target), self.below(value))

    def pairs(self, left: int, right: int) -> list[tuple[int, int]]:
        """The parts of both sides that belong together: `a, b = c, d` is two assignments."""
        if not self.rules.splits:
            return [(left, right)]
        sides = [
            [child for child in self.nodes.children(side) if self.nodes.name(child) not in (",", "comment")]
            for side in (left, right)
        ]
        if len(sides[0]) != len(sides[1]) or not sides[0]:
            return [(left, right)]
        return list(zip(*sides, strict=True))

    def update(self, node: int) -> None:
        """`i++`."""
        self.bind(self.below(node), self.below(node))

    def branch(self, node: int) -> None:
        entry = dict(self.state)
        ends: list[State] = []
        alternative, closed = False, False
        for child in self.nodes.children(node):
            name = self.nodes.name(child)
            closed |= "else" in name
            if alternative or name in self.rules.alternatives:
                alternative = self.rules.alternatives_last
                here, self.state = self.state, dict(entry)
                self.node(child)
                ends.append(self.state)
                self.state = here
            else:
                self.node(child)
        self.state = united([*ends, self.state] if closed else [*ends, self.state, entry])

    def loop(self, node: int) -> None:
        children = list(self.nodes.children(node))
        headers = [i for i, child in enumerate(children) if self.nodes.name(child) in self.rules.loop_headers]
        again = children[headers[0] + 1 :] if headers else children
        if not headers and self.nodes.name(node) in self.rules.counted_loops:
            again = []
        self.twice(children, again)

    def twice(self, first: list[int], second: list[int]) -> None:
        """The two walks through a loop."""
        self.nesting += 1
        self.parts(first)
        if self.nesting <= MOST_NESTED:
            self.parts(second)
        self.nesting -= 1

    def each_loop(self, node: int) -> None:
        """`for x in y`. In Python the release takes the last child for the body, and it may be an `else`."""
        nodes, rules = self.nodes, self.rules
        pairs = self.pairs(nodes.child(node, rules.each_left), nodes.child(node, rules.each_right))
        body = nodes.child(node, "body")
        self.nesting += 1
        for _ in range(2 if self.nesting <= MOST_NESTED else 1):
            for _, value in pairs:
                self.node(value)
            for target, value in pairs:
                self.bind(self.below(target), self.below(value))
            if body >= 0 and (not rules.splits or nodes.stop[body] == nodes.stop[node]):
                self.node(body)
        self.nesting -= 1

    def clause(self, node: int) -> None:
        """`for x in y` of a comprehension."""
        right = self.nodes.child(node, "right")
        if right >= 0:
            self.node(right)
        self.bind(self.below(self.nodes.child(node, "left")), self.below(right))


@cache
def _steps(walk: type[Walk], language: str) -> dict[int, Callable[[Walk, int], None]]:
    """The table by ids of kinds."""
    kinds = by_name(language).kinds
    return {i: step for names, step in walk.table(RULES[language]) for i, kind in enumerate(kinds) if kind in names}


def united(states: list[State]) -> State:
    """For each name the definitions of all states."""
    whole = dict(states[0])
    for state in states[1:]:
        for name, definitions in state.items():
            known = whole.get(name)
            if known is None:
                whole[name] = definitions
            elif known != definitions:
                whole[name] = tuple(sorted({*known, *definitions})[-MOST_DEFINITIONS:])
    return whole
