"""Which variables a compiled program keeps, what values they take, and in which layer each is computed.

A variable is an s-op whose value stands one-hot in the residual stream. Needed are the output, the values that
aggregates read, what selectors compare, and whatever else an element-wise chain reads of earlier layers. A chain
within one layer is one function of its `bases`: variables of earlier layers and aggregates of this one.

The values that an s-op can take are found by abstract interpretation from the alphabet and the longest input: a
superset of those that occur. An aggregate of numbers can be any mean of up to `longest` values. Where a combination of
values has no result (a division by zero), it can't occur in a run that has one, and is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple

from phloem.synthesis.rasp.evaluate import READ_AS
from phloem.synthesis.rasp.grammar import RaspError
from phloem.synthesis.rasp.graph import PREDICATES, Node, ancestors, apply, kind_of, number
from phloem.synthesis.rasp.schedule import Schedule, analyse, depths

MOST_VALUES = 5_000  # of a variable
MOST_COMBINATIONS = 200_000  # of the bases of a chain
Values = tuple[Any, ...]


class Chain(NamedTuple):
    """A variable as a function of its bases; `table` has its value for each combination that has one."""

    node: Node
    bases: tuple[Node, ...]
    table: dict[Values, Any]


class Pattern(NamedTuple):
    """A selector between joint variables: which keys' values are selected by which queries' values."""

    selector: Node
    key: Node | None  # None: the same for all positions
    query: Node | None
    selected: dict[tuple[Any, Any], bool]  # (key's value, query's value); () stands for None


class Plan(NamedTuple):
    output: Node
    alphabet: tuple[Any, ...]
    longest: int
    schedule: Schedule
    depth: dict[Node, int]
    values: dict[Node, Values]  # of each variable, and of each aggregate
    chains: dict[Node, Chain]  # of each variable of layer 1 and later
    patterns: dict[Node, Pattern]  # of each selector

    def layer_chains(self, layer: int) -> list[Chain]:
        return [chain for node, chain in self.chains.items() if self.depth[node] == layer]


def plan(output: Node, alphabet: Sequence[Any], longest: int) -> Plan:
    """The plan for inputs of 1 to `longest` tokens of `alphabet`.

    Raises:
        RaspError: a selector, or more values or combinations of values than can be written down.
    """
    if output.selects:
        raise RaspError("a selector has no sequence to compile: aggregate something with it")
    if not alphabet or longest < 1:
        raise RaspError("an alphabet and a length of at least 1 are needed")
    return _Planner(output, tuple(dict.fromkeys(alphabet)), longest).plan()


class _Planner:
    def __init__(self, output: Node, alphabet: Values, longest: int) -> None:
        self.output, self.alphabet, self.longest = output, alphabet, longest
        self.depth = depths(ancestors([output]))
        self.values: dict[Node, Values] = {}
        self.chains: dict[Node, Chain] = {}
        self.patterns: dict[Node, Pattern] = {}

    def plan(self) -> Plan:
        for node in ancestors([self.output]):  # parents first, so that no recursion is deep
            if node.kind == "aggregate":
                self.aggregate(node)
        self.variable(self.output)
        return Plan(
            self.output,
            self.alphabet,
            self.longest,
            analyse(self.output),
            self.depth,
            self.values,
            self.chains,
            self.patterns,
        )

    def variable(self, node: Node) -> Values:
        """Make the node a variable, and return the values that it can take."""
        if node in self.chains or (node in self.values and self.depth[node] == 0):
            return self.values[node]
        if self.depth[node] == 0:
            found = [embedded(node, token, place) for token, place in product(self.alphabet, range(self.longest))]
            self.values[node] = _distinct([value for value in found if value is not None], node)
            return self.values[node]
        bases = self.bases(node)
        domains = [self.values[base] if self.here(base, node) else self.variable(base) for base in bases]
        combinations = 1
        for domain in domains:
            combinations *= len(domain)
        if combinations > MOST_COMBINATIONS:
            named = ", ".join(f"{base.label} ({len(domain)})" for base, domain in zip(bases, domains, strict=True))
            raise RaspError(f"{node.label} depends on {combinations} combinations of values of {named}: too many")
        table = {}
        inner = _between(node, bases)
        for combination in product(*domains):
            try:
                table[combination] = _chain_value(node, inner, dict(zip(bases, combination, strict=True)))
            except RaspError:
                continue
        self.chains[node] = Chain(node, bases, table)
        self.values[node] = _distinct(list(table.values()), node)
        return self.values[node]

    def here(self, base: Node, node: Node) -> bool:
        """Whether a base is an aggregate that is computed in the node's own layer."""
        return base.kind == "aggregate" and self.depth[base] == self.depth[node]

    def bases(self, node: Node) -> tuple[Node, ...]:
        """Where the chain that ends in the node begins, constants left out."""
        found: dict[Node, None] = {}
        waiting = [node]
        while waiting:
            one = waiting.pop()
            if one.kind == "constant":
                continue
            if one.kind == "map" and self.depth[one] == self.depth[node]:
                waiting += one.parents
            else:
                found[one] = None
        return tuple(sorted(found, key=lambda base: base.number))

    def aggregate(self, node: Node) -> None:
        """The values of an aggregate, its selector's pattern and all that they need."""
        selector, read = node.parents
        if selector not in self.patterns:
            self.patterns[selector] = self.pattern(selector)
        values = (read.payload,) if read.kind == "constant" else self.variable(read)
        default = 0 if node.payload is None else node.payload
        if all(kind_of(value) == "number" for value in values) and len(values) > 1 and not _reads_one(selector):
            values = _means(values, self.longest, node)
        self.values[node] = _distinct([*values, default], node)

    def pattern(self, selector: Node) -> Pattern:
        """The keys of all its comparisons as one joint variable, and the queries as another."""
        leaves = [leaf for leaf in ancestors([selector]) if leaf.kind == "select"]
        key = self.joint([leaf.parents[0] for leaf in leaves], selector)
        query = self.joint([leaf.parents[1] for leaf in leaves], selector)
        keys = [()] if key is None else list(self.variable(key))
        queries = [()] if query is None else list(self.variable(query))
        if len(keys) * len(queries) > MOST_COMBINATIONS:
            raise RaspError(f"{selector.label} compares {len(keys)} values with {len(queries)}: too many")
        sides = [(key, keys), (query, queries)]
        parts = [[(value, _parts(joint, value)) for value in values] for joint, values in sides]
        selected = {
            (k, q): _selected(selector, key_parts, query_parts) for (k, key_parts), (q, query_parts) in product(*parts)
        }
        return Pattern(selector, key, query, selected)

    def joint(self, nodes: list[Node], selector: Node) -> Node | None:
        """One node for several: itself, or a tuple of their values."""
        distinct = sorted({node for node in nodes if node.kind != "constant"}, key=lambda node: node.number)
        if len(distinct) <= 1:
            return distinct[0] if distinct else None
        node = selector.graph.map("tuple", distinct)
        self.depth[node] = max(self.depth[each] for each in distinct)
        return node


def embedded(node: Node, token: Any, place: int) -> Any:
    """The value of an s-op of layer 0 at a place; None where it has none."""
    known: dict[Node, Any] = {}
    for one in ancestors([node]):
        try:
            if one.kind == "tokens":
                known[one] = number(Fraction(token)) if one.payload == "float" else READ_AS[one.payload](token)
            elif one.kind == "indices":
                known[one] = place
            else:
                known[one] = _step(one, known)
        except (RaspError, ValueError, TypeError):
            return None
    return known[node]


def _between(node: Node, bases: Sequence[Node]) -> list[Node]:
    """The nodes of a chain, parents first, without its bases."""
    stop, seen, waiting = set(bases), set(), [node]
    while waiting:
        one = waiting.pop()
        if one not in stop and one not in seen:
            seen.add(one)
            waiting += one.parents
    return sorted(seen, key=lambda each: each.number)


def _chain_value(node: Node, inner: Sequence[Node], known: dict[Node, Any]) -> Any:
    for one in inner:
        known[one] = _step(one, known)
    return known[node]


def _step(node: Node, known: dict[Node, Any]) -> Any:
    if node.kind == "constant":
        return node.payload
    name, *fixed = node.payload
    return apply(name, fixed, [known[parent] for parent in node.parents])


def _parts(joint: Node | None, value: Any) -> dict[Node, Any]:
    """The value of each node of a joint variable."""
    if joint is None:
        return {}
    if joint.kind == "map" and joint.payload[0] == "tuple":
        return dict(zip(joint.parents, value, strict=True))
    return {joint: value}


def _selected(selector: Node, keys: dict[Node, Any], queries: dict[Node, Any]) -> bool:
    if selector.kind == "select":
        sides = zip(selector.parents, (keys, queries), strict=True)
        key, query = (node.payload if node.kind == "constant" else known[node] for node, known in sides)
        try:
            return PREDICATES[selector.payload](key, query)
        except TypeError:
            return False
    cells = (_selected(parent, keys, queries) for parent in selector.parents)
    if selector.payload == "not":
        return not next(cells)
    return all(cells) if selector.payload == "and" else any(cells)


def _reads_one(selector: Node) -> bool:
    """Whether the selector certainly reads at most one position: its keys are the indices and must be equal."""
    if selector.kind == "combine":
        return selector.payload == "and" and any(map(_reads_one, selector.parents))
    return selector.payload == "==" and selector.parents[0].kind == "indices"


def _means(values: Values, longest: int, node: Node) -> Values:
    """All means of 1 to `longest` of the values, with repetition."""
    sums, means = {Fraction(0)}, set()
    for count in range(1, longest + 1):
        sums = {total + Fraction(value) for total in sums for value in values}
        means |= {total / count for total in sums}
        if len(means) > MOST_VALUES:
            raise RaspError(f"{node.label} can take more than {MOST_VALUES} values")
    return tuple(number(mean) for mean in means)


def _distinct(values: list[Any], node: Node) -> Values:
    """Without repetition, True and 1 apart, numbers in order."""
    found = list({(kind_of(value), value): value for value in values}.values())
    if len(found) > MOST_VALUES:
        raise RaspError(f"{node.label} can take {len(found)} values, more than {MOST_VALUES}")
    if all(kind_of(value) == "number" and not isinstance(value, tuple) for value in found):
        found.sort()
    return tuple(found)
