"""Message passing among all pairs of nodes, with a memory of the step before, without it, or with a gate before it.

Bohde, Liu, Saxton, Ji, "On the Markov Property of Neural Algorithmic Reasoning" (ICLR 2024). Of nodes x_i, edges e_ij
(i sends, j receives), the graph g and the states h_i of the step before,

    z_i  = [x_i ; c_i],  c_i = h_i (kept) | 0 (forgotten: ForgetNet) | G_i ⊙ h_i (gated: G-ForgetNet)
    G_i  = sigmoid(A2 ReLU(A1 [x_i ; h_i ; g]))
    m_i  = max_j M2 ReLU(M1 ReLU(W1 z_i + W2 z_j + We e_ji + Wg g))
    h'_i = LayerNorm(ReLU(U1 z_i + U2 m_i))

The maximum runs over all nodes j, whatever the graph's edges are. Where c_i is 0 the state of the step before reaches
nothing: only the inputs and hints in x and e say where the algorithm stands.

Triplets (Dudzik, Veličković 2022; Ibarz et al. 2022, the Triplet-GMPNN) write to edges,

    t_ij = ReLU(Wt max_k (P1 z_k + P2 z_i + P3 z_j + Q1 e_ki + Q2 e_kj + Q3 e_ij + R g)),  P, Q, R to 8 channels

and its gated update mixes new and old, h' = u ⊙ h'_i + (1 - u) ⊙ c_i with u = sigmoid(V3 ReLU(V1 z_i + V2 m_i)); the
bias of V3 is -3, so that it begins by keeping.

No code of ForgetNet was published: what G reads, and that its last bias is 0, are choices made here.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

Memory = Literal["kept", "forgotten", "gated"]
TRIPLET_CHANNELS = 8
NEVER = -1e9  # a message from a node that is not there

Nodes = Float[Tensor, "batch nodes width"]
Edges = Float[Tensor, "batch senders receivers width"]


class Processed(NamedTuple):
    """States after a step; what was carried into it; messages of triplets and gates where there are any."""

    hidden: Nodes
    carried: Nodes
    triplets: Edges | None
    gate: Nodes | None


class Gate(nn.Module):
    """How much of each state is let in; a half of it before training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(3 * width, width), nn.Linear(width, width)
        nn.init.zeros_(self.outer.bias)

    def forward(self, x: Nodes, hidden: Nodes, graph: Float[Tensor, "batch width"]) -> Nodes:
        seen = torch.cat([x, hidden, graph[:, None].expand_as(x)], -1)
        return torch.sigmoid(self.outer(torch.relu(self.inner(seen))))


class Triplets(nn.Module):
    """Edges that hear of every third node."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.nodes = nn.ModuleList(nn.Linear(2 * width, TRIPLET_CHANNELS) for _ in range(3))
        self.edges = nn.ModuleList(nn.Linear(width, TRIPLET_CHANNELS) for _ in range(3))
        self.graph = nn.Linear(width, TRIPLET_CHANNELS)
        self.out = nn.Linear(TRIPLET_CHANNELS, width)

    def forward(
        self,
        z: Float[Tensor, "batch nodes twice"],
        edges: Edges,
        graph: Float[Tensor, "batch width"],
        mask: Bool[Tensor, "batch nodes"],
    ) -> Edges:
        third, sender, receiver = (linear(z) for linear in self.nodes)
        to_sender, to_receiver, between = (linear(edges) for linear in self.edges)
        psi = (
            third[:, :, None, None]
            + sender[:, None, :, None]
            + receiver[:, None, None]
            + to_sender[:, :, :, None]
            + to_receiver[:, :, None]
            + between[:, None]
            + self.graph(graph)[:, None, None, None]
        )
        psi = psi.masked_fill(~mask[:, :, None, None, None], NEVER)
        return torch.relu(self.out(psi.amax(1)))


class Processor(nn.Module):
    """One step of message passing; see the module. `triplets` and `gated_update` make it the (gated) Triplet-GMPNN."""

    def __init__(
        self, width: int, memory: Memory = "gated", *, triplets: bool = False, gated_update: bool = False
    ) -> None:
        super().__init__()
        self.memory = memory
        self.gate = Gate(width) if memory == "gated" else None
        self.receiver, self.sender = nn.Linear(2 * width, width), nn.Linear(2 * width, width)
        self.edge, self.graph = nn.Linear(width, width), nn.Linear(width, width)
        self.message = nn.Sequential(nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.own, self.heard = nn.Linear(2 * width, width), nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.triplets = Triplets(width) if triplets else None
        self.update = nn.ModuleList()
        if gated_update:
            last = nn.Linear(width, width)
            nn.init.constant_(last.bias, -3.0)
            self.update.extend([nn.Linear(2 * width, width), nn.Linear(width, width), last])

    def forward(
        self,
        x: Nodes,
        edges: Edges,
        graph: Float[Tensor, "batch width"],
        hidden: Nodes,
        mask: Bool[Tensor, "batch nodes"],
    ) -> Processed:
        """`mask` is true for the nodes that are there; the others send nothing."""
        gate = None if self.gate is None else self.gate(x, hidden, graph)
        carried = torch.zeros_like(x) if self.memory == "forgotten" else hidden if gate is None else gate * hidden
        z = torch.cat([x, carried], -1)
        pairs = self.sender(z)[:, :, None] + self.receiver(z)[:, None] + self.edge(edges)
        messages = self.message(pairs + self.graph(graph)[:, None, None])
        heard = messages.masked_fill(~mask[:, :, None, None], NEVER).amax(1)
        new = self.norm(torch.relu(self.own(z) + self.heard(heard)))
        if len(self.update):
            first, second, third = self.update
            share = torch.sigmoid(third(torch.relu(first(z) + second(heard))))
            new = share * new + (1 - share) * carried
        triplets = None if self.triplets is None else self.triplets(z, edges, graph, mask)
        return Processed(new, carried, triplets, gate)
