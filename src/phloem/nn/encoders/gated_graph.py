"""Gated graph neural network: vertices tell their neighbours what they know, once a step, along typed edges.

Li, Tarlow, Brockschmidt, Zemel, "Gated Graph Sequence Neural Networks" (ICLR 2016) with the positions of Cummins et
al., "ProGraML: Graph-based Deep Learning for Program Optimization and Analysis" (2020, ICML 2021, section 4.2). An edge
from w to v has a type k and a position (which operand, which successor). In step t

    M_wv = W_k (h_w * p(pos)) + b_k                          p(pos) = 2 sigmoid(W_p e(pos) + b_p)
    m_v  = mean of M_wv over all edges into v, of all types together (0 where there is none)
    h_v  = GRU(m_v, h_v)

with the same weights in every step. e(pos) is the sinusoidal encoding of the position: sines, then cosines, of
pos x 10000^(-2j/d) (and zeros for those features that no position concerns). The gate p lies in (0, 2) and is 1 where
W_p = b_p = 0. The paper gates what goes into the linear map; its published code gates what comes out, (W_k h_w + b_k) *
p(pos). Both are here, as well as no gate at all. With `backward`, every edge can be walked against its direction, too,
as an edge of a type of its own with the same position; without, nothing that lies downstream is ever heard of.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

Gate = Literal["before", "after"]
BASE = 10_000.0


class Edges(NamedTuple):
    """The edges of a graph, or of many graphs side by side whose vertices are numbered through."""

    source: Int64[Tensor, " edges"]
    target: Int64[Tensor, " edges"]
    kind: Int64[Tensor, " edges"]
    position: Int64[Tensor, " edges"]  # zeros where edges of a vertex are not ordered


def position_encoding(positions: Int64[Tensor, " n"], width: int, silent: int = 0) -> Float[Tensor, "n width"]:
    """Sines, then cosines, then `silent` zeros; `width - silent` must be even."""
    half = (width - silent) // 2
    dtype = torch.get_default_dtype()
    frequency = BASE ** (-torch.arange(half, dtype=dtype, device=positions.device) / half)
    angle = positions.to(dtype)[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos(), angle.new_zeros(len(positions), silent)], dim=1)


class PositionGate(nn.Module):
    """p(pos) = 2 sigmoid(W_p e(pos) + b_p), one factor a feature; see the module's docstring."""

    def __init__(self, width: int, silent: int = 0) -> None:
        super().__init__()
        self.width, self.silent = width, silent
        self.linear = nn.Linear(width, width)

    def forward(self, positions: Int64[Tensor, " edges"]) -> Float[Tensor, "edges width"]:
        distinct, which = torch.unique(positions, return_inverse=True)
        return (2 * torch.sigmoid(self.linear(position_encoding(distinct, self.width, self.silent))))[which]


class _Walk(NamedTuple):
    """Edges of one direction and type, ready to be walked."""

    linear: nn.Linear
    source: Int64[Tensor, " edges"]
    target: Int64[Tensor, " edges"]
    gate: Float[Tensor, "edges width"] | None


class GatedGraph(nn.Module):
    """Message passing over typed edges with a GRU at every vertex.

    Args:
        width: of the states.
        kinds: how many types of edges there are.
        steps: how often messages are sent, where a call names no other number.
        gate: the position's factor before the linear map (paper), after it (published code), or None.
        backward: edges are walked against their direction too.
        silent: features at the end of a state whose position encoding is zero.
    """

    def __init__(
        self,
        width: int,
        kinds: int,
        *,
        steps: int,
        gate: Gate | None = "before",
        backward: bool = True,
        silent: int = 0,
    ) -> None:
        super().__init__()
        self.kinds, self.steps, self.gate, self.backward = kinds, steps, gate, backward
        self.messages = nn.ModuleList([nn.Linear(width, width) for _ in range(kinds * (2 if backward else 1))])
        self.position = PositionGate(width, silent) if gate else None
        self.update = nn.GRUCell(width, width)

    def forward(
        self, states: Float[Tensor, "vertices width"], edges: Edges, steps: int | None = None
    ) -> Float[Tensor, "vertices width"]:
        """The states after `steps` rounds of messages."""
        walks = list(self._walks(edges))
        degree = states.new_zeros(len(states))
        for walk in walks:
            degree.index_add_(0, walk.target, torch.ones_like(walk.target, dtype=states.dtype))
        share = 1 / degree.clamp(min=1)[:, None]
        for _ in range(self.steps if steps is None else steps):
            states = self.update(share * self._received(states, walks), states)
        return states

    def _received(self, states: Float[Tensor, "vertices width"], walks: list[_Walk]) -> Float[Tensor, "vertices width"]:
        """For every vertex the sum of the messages that reach it."""
        sums = torch.zeros_like(states)
        for walk in walks:
            if walk.gate is None:
                message = walk.linear(states)[walk.source]
            elif self.gate == "before":
                message = walk.linear(states[walk.source] * walk.gate)
            else:
                message = walk.linear(states)[walk.source] * walk.gate
            sums = sums.index_add(0, walk.target, message)
        return sums

    def _walks(self, edges: Edges) -> Iterator[_Walk]:
        """The edges sorted by type, then again against their direction. Types without edges are left out."""
        order = torch.argsort(edges.kind, stable=True)
        source, target, position = edges.source[order], edges.target[order], edges.position[order]
        stops = torch.bincount(edges.kind, minlength=self.kinds).cumsum(0).tolist()
        factor = self.position(position) if self.position is not None and len(order) else None
        for kind, (start, stop) in enumerate(pairwise([0, *stops])):
            if start == stop:
                continue
            part = slice(start, stop)
            gate = None if factor is None else factor[part]
            yield _Walk(self._linear(kind), source[part], target[part], gate)
            if self.backward:
                yield _Walk(self._linear(self.kinds + kind), target[part], source[part], gate)

    def _linear(self, number: int) -> nn.Linear:
        linear = self.messages[number]
        assert isinstance(linear, nn.Linear)
        return linear
