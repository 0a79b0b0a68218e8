"""Parsing with a quasi-synchronous grammar: hypergraphs of derivations, and the best target.

Shaw et al., "Compositional Generalization and Natural Language Variation" (ACL 2021, section 4.3). The forest of a
source is a hypergraph of spans. That of the derivations which write a given target is one of (span, target) pairs,
whose edges use the same scores: an edge's score depends on its rule and its span alone.

The answer is the target of the best derivation. Where an `accepts` is given (a grammar of the target language), it is
the best target that is accepted; none where the source has no derivation: the grammar answers only when it can.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from phloem.nn.models.nqg_scorer import Hyperedge, Hypergraph
from phloem.synthesis.synchronous_grammar import Edge, Forest, Rule, Side, Span, substitute

T = TypeVar("T")
KEPT = 8  # targets of a span that the search for the best keeps


class Application(NamedTuple):
    """A rule over a span."""

    rule: Rule
    span: Span


class Derivations(NamedTuple):
    """All derivations of a source, and what is to be scored in them."""

    forest: Forest
    applications: tuple[Application, ...]
    graph: Hypergraph


def derivations(found: Forest) -> Derivations | None:
    """The hypergraph of the spans that a derivation of the whole uses; None where there is no derivation."""
    if not found:
        return None
    spans = _reached(found)
    numbers = {span: number for number, span in enumerate(spans)}
    applications: dict[Application, int] = {}
    nodes = []
    for span in spans:
        edges = []
        for edge in found.edges[span]:
            score = applications.setdefault(_application(edge, span), len(applications))
            edges.append(Hyperedge(score, tuple(numbers[child] for child in edge.children)))
        nodes.append(tuple(edges))
    return Derivations(found, tuple(applications), Hypergraph(tuple(nodes)))


def writing(all_of_them: Derivations, target: Side) -> Hypergraph | None:
    """The hypergraph of the derivations that write `target`; None where none does."""
    found = all_of_them.forest
    scores = {application: number for number, application in enumerate(all_of_them.applications)}
    parts = {target[i:j] for i in range(len(target)) for j in range(i + 1, len(target) + 1)}
    made: dict[Span, dict[Side, list[tuple[int, tuple[tuple[Span, Side], ...]]]]] = {}
    for span in _reached(found):
        here: dict[Side, list[tuple[int, tuple[tuple[Span, Side], ...]]]] = {}
        for edge in found.edges[span]:
            assert edge.rule is not None
            for children in _choices([list(made[child]) for child in edge.children]):
                written = substitute(edge.rule.target, children)
                if written in parts:
                    tails = tuple(zip(edge.children, children, strict=True))
                    here.setdefault(written, []).append((scores[Application(edge.rule, span)], tails))
        made[span] = here
    if target not in made[found.root]:
        return None
    return _graph(made, (found.root, target))


def _graph(
    made: Mapping[Span, Mapping[Side, list[tuple[int, tuple[tuple[Span, Side], ...]]]]], root: tuple[Span, Side]
) -> Hypergraph:
    """The nodes that the root needs, children first."""
    needed, waiting = {root}, [root]
    while waiting:
        span, target = waiting.pop()
        for _, tails in made[span][target]:
            new = set(tails) - needed
            needed |= new
            waiting += new
    order = sorted(needed, key=lambda node: (node[0][1] - node[0][0], node))
    order.remove(root)
    order.append(root)
    numbers = {node: number for number, node in enumerate(order)}
    return Hypergraph(
        tuple(
            tuple(Hyperedge(score, tuple(numbers[tail] for tail in tails)) for score, tails in made[span][target])
            for span, target in order
        )
    )


def best(
    all_of_them: Derivations, scores: Sequence[float], accepts: Callable[[Side], bool] | None = None
) -> tuple[Side, float] | None:
    """The target whose best derivation has the highest score, of those accepted; None where none is.

    A span keeps the `KEPT` best of its targets. Ties are broken by the target, in alphabetical order."""
    number = dict(zip(all_of_them.applications, scores, strict=True))
    kept: dict[Span, list[tuple[float, Side]]] = {}
    for span in _reached(all_of_them.forest):
        here: dict[Side, float] = {}
        for edge in all_of_them.forest.edges[span]:
            assert edge.rule is not None
            own = number[Application(edge.rule, span)]
            for children in _choices([kept[child] for child in edge.children]):
                target = substitute(edge.rule.target, tuple(side for _, side in children))
                value = own + sum(score for score, _ in children)
                here[target] = max(value, here.get(target, -float("inf")))
        ranked = heapq.nsmallest(KEPT, ((-value, target) for target, value in here.items()))
        kept[span] = [(-value, target) for value, target in ranked]
    for score, target in kept[all_of_them.forest.root]:
        if accepts is None or accepts(target):
            return target, score
    return None


def _choices(options: list[list[T]]) -> list[tuple[T, ...]]:
    """One of each; rules have at most two non-terminals."""
    if not options:
        return [()]
    if len(options) == 1:
        return [(one,) for one in options[0]]
    return [(one, other) for one in options[0] for other in options[1]]


def _application(edge: Edge, span: Span) -> Application:
    assert edge.rule is not None, "a source to parse has words only"
    return Application(edge.rule, span)


def _reached(found: Forest) -> list[Span]:
    """The spans that derivations of the whole use, smallest first."""
    reached, waiting = {found.root}, [found.root]
    while waiting:
        for edge in found.edges[waiting.pop()]:
            new = set(edge.children) - reached
            reached |= new
            waiting += new
    return sorted(reached, key=lambda span: (span[1] - span[0], span))
