"""Encode, process, decode: a network that executes an algorithm step by step and tells its state after each.

Veličković et al., "The CLRS Algorithmic Reasoning Benchmark" (ICML 2022), as changed by Ibarz et al., "A Generalist
Neural Algorithmic Learner" (2022). At every step inputs and hints are encoded, each probe by a linear map of its own:
what stands at nodes is added up at nodes, pointers and what stands at edges at edges. A processor makes the next states
of them, and from [x ; c ; h'] (c is what the processor was given of the old states) each hint of the next step and each
output is decoded. Pointers from i to j are

    W4 max(W1 d_i, W2 d_j + W3 e_ji)

The first hints are given, as they follow from the inputs; all others are the network's own predictions, softly: by
softmax or sigmoid. None of the algorithms here has probes of the whole graph, so that its features are 0. Sorted orders
are read as pointers, without the Sinkhorn operator of the release.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import one_hot

from phloem.corpora.clrs import Kind, Probe
from phloem.nn.models.forget_net import NEVER, Memory, Processor

State = dict[str, Tensor]  # by the name of a probe; pointers as rows of probabilities


class ClrsBatch(NamedTuple):
    """Samples of one algorithm; the arrays of a stage stand in the order of the probes. Masked nodes are padding."""

    inputs: tuple[Float[Tensor, "batch ..."], ...]
    hints: tuple[Float[Tensor, "steps batch ..."], ...]
    outputs: tuple[Float[Tensor, "batch ..."], ...]
    lengths: Int64[Tensor, " batch"]
    mask: Bool[Tensor, "batch nodes"]


class Trace(NamedTuple):
    """What a network said: hints of the snapshots 1, 2 …, outputs after each run's last step (both logits), gates."""

    hints: list[State]
    outputs: State
    gates: Float[Tensor, "steps batch nodes width"] | None


class Pointers(nn.Module):
    """Logits of pointers from every node to every node."""

    def __init__(self, nodes: int, edges: int, width: int) -> None:
        super().__init__()
        self.source, self.target = nn.Linear(nodes, width), nn.Linear(nodes, width)
        self.edge, self.out = nn.Linear(edges, width), nn.Linear(width, 1)

    def forward(
        self, states: Float[Tensor, "batch nodes any"], edges: Float[Tensor, "batch senders receivers some"]
    ) -> Float[Tensor, "batch nodes nodes"]:
        target = self.target(states)[:, :, None] + self.edge(edges)  # j, i
        return cast(Tensor, self.out(torch.maximum(self.source(states)[:, :, None], target.transpose(1, 2)))[..., 0])


class ClrsNetwork(nn.Module):
    """Executes the algorithm whose probes are `probes`."""

    def __init__(
        self,
        probes: Mapping[str, Probe],
        width: int,
        memory: Memory = "gated",
        *,
        triplets: bool = False,
        gated_update: bool = False,
    ) -> None:
        super().__init__()
        self.probes, self.width = dict(probes), width
        self.names = {stage: [name for name in probes if probes[name].stage == stage] for stage in _STAGES}
        self.processor = Processor(width, memory, triplets=triplets, gated_update=gated_update)
        read, told = self.names["input"] + self.names["hint"], self.names["hint"] + self.names["output"]
        self.encoders = nn.ModuleDict({name: nn.Linear(1, width) for name in read})
        edges = 2 * width if triplets else width
        self.decoders = nn.ModuleDict(
            {
                name: Pointers(3 * width, edges, width) if probes[name].kind == "pointer" else nn.Linear(3 * width, 1)
                for name in told
            }
        )

    def encode(self, state: State, nodes: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
        """Add the codes of probes to nodes and edges."""
        for name, data in state.items():
            code = self.encoders[name](data[..., None])
            probe = self.probes[name]
            if probe.place == "edge" or probe.kind == "pointer":
                edges = edges + code
            else:
                nodes = nodes + code
        return nodes, edges

    def step(
        self, nodes: Tensor, edges: Tensor, hints: State, hidden: Tensor, mask: Bool[Tensor, "batch nodes"]
    ) -> tuple[State, Tensor, Tensor | None]:
        """Logits of the next hints and of outputs, the next states, gates. `nodes` and `edges` encode the inputs."""
        nodes, edges = self.encode(hints, nodes, edges)
        done = self.processor(nodes, edges, nodes.new_zeros(len(nodes), self.width), hidden, mask)
        states = torch.cat([nodes, done.carried, done.hidden], -1)
        edges = edges if done.triplets is None else torch.cat([edges, done.triplets], -1)
        logits = {}
        for name, decoder in self.decoders.items():
            kind = self.probes[name].kind
            if kind == "pointer":
                logits[name] = decoder(states, edges).masked_fill(~mask[:, None], NEVER)
            else:
                values = decoder(states)[..., 0]
                logits[name] = values.masked_fill(~mask, NEVER) if kind == "mask one" else values
        return logits, done.hidden, done.gate

    def forward(self, batch: ClrsBatch, *, forced: bool = False) -> Trace:
        """Execute. With `forced` every step reads the true hints instead of the network's own."""
        size = batch.mask.shape
        nodes, edges = self.encode(
            self.state("input", batch.inputs),
            torch.zeros(*size, self.width, device=batch.mask.device),
            torch.zeros(*size, size[1], self.width, device=batch.mask.device),
        )
        hidden = torch.zeros_like(nodes)
        hints = self.state("hint", tuple(data[0] for data in batch.hints))
        trace, gates = list[State](), list[Tensor]()
        outputs: State = {}
        for step in range(max(1, len(batch.hints[0]) - 1)):
            logits, hidden, gate = self.step(nodes, edges, hints, hidden, batch.mask)
            trace.append({name: logits[name] for name in self.names["hint"]})
            for name in self.names["output"]:
                runs = (batch.lengths > step + 1).view(-1, *[1] * (logits[name].dim() - 1))
                outputs[name] = torch.where(runs, logits[name], outputs[name]) if step else logits[name]
            if gate is not None:
                gates.append(gate)
            if forced:
                hints = self.state("hint", tuple(data[step + 1] for data in batch.hints))
            else:
                hints = {name: soft(self.probes[name].kind, logits[name]) for name in self.names["hint"]}
        return Trace(trace, outputs, torch.stack(gates) if gates else None)

    def state(self, stage: str, arrays: tuple[Tensor, ...]) -> State:
        """Arrays of a stage by name, pointers as rows with a single 1."""
        named = dict(zip(self.names[stage], arrays, strict=True))
        return {
            name: one_hot(data.long(), data.shape[-1]).to(data.dtype) if self.probes[name].kind == "pointer" else data
            for name, data in named.items()
        }


def soft(kind: Kind, logits: Tensor) -> Tensor:
    """A prediction as it is read at the next step; gradients pass."""
    if kind == "scalar":
        return logits
    return torch.sigmoid(logits) if kind == "mask" else logits.softmax(-1)


_STAGES = ("input", "hint", "output")
