"""How many layers and heads a transformer needs to do what a program does.

Weiss, Goldberg and Yahav, "Thinking Like Transformers" (2021, section 4; and their released analyser). Every s-op
is computed as early as it can be:

    layer(tokens, indices, constants) = 0      what depends on these alone, element by element, is in the embedding
    layer(element-wise) = max over parents     it joins the feed-forward net of the layer of its latest parent
    layer(selector)     = 1 + max over what it compares
    layer(aggregate)    = max(layer(selector), 1 + layer(values))

A head of a layer is a selector that some aggregate of this layer uses; several aggregates share the head of one
selector.
"""

from __future__ import annotations

from typing import NamedTuple

from phloem.synthesis.rasp.graph import Node, ancestors


class Layer(NamedTuple):
    heads: tuple[Node, ...]  # selectors
    aggregates: tuple[Node, ...]
    maps: tuple[Node, ...]  # element-wise s-ops of the feed-forward net


class Schedule(NamedTuple):
    """The layers from 1 on; `embedding` are the s-ops of layer 0."""

    embedding: tuple[Node, ...]
    layers: tuple[Layer, ...]

    @property
    def heads(self) -> int:
        """Most heads in one layer."""
        return max((len(layer.heads) for layer in self.layers), default=0)


def depths(nodes: list[Node]) -> dict[Node, int]:
    """The layer of each of these nodes, which come parents first and with all their ancestors."""
    depth: dict[Node, int] = {}
    for node in nodes:
        latest = max((depth[parent] for parent in node.parents), default=0)
        if node.kind == "select":
            latest += 1
        elif node.kind == "aggregate":
            selector, values = node.parents
            latest = max(depth[selector], depth[values] + 1)
        depth[node] = latest
    return depth


def analyse(*outputs: Node) -> Schedule:
    """The schedule of these s-ops (or of selectors, whose heads are then not counted)."""
    nodes = ancestors(outputs)
    depth = depths(nodes)
    s_ops = [node for node in nodes if not node.selects]
    layers = []
    for number in range(1, max((depth[node] for node in s_ops), default=0) + 1):
        here = [node for node in s_ops if depth[node] == number]
        aggregates = tuple(node for node in here if node.kind == "aggregate")
        heads = tuple(dict.fromkeys(node.parents[0] for node in aggregates))
        layers.append(Layer(heads, aggregates, tuple(node for node in here if node.kind == "map")))
    return Schedule(tuple(node for node in s_ops if depth[node] == 0), tuple(layers))
