"""Scores of rules over spans, and the log of the sum over all derivations of a forest.

Shaw et al., "Compositional Generalization and Natural Language Variation" (ACL 2021, section 4.3). A derivation's score
is the sum over its rule applications, and its probability is normalised over all derivations of the source:

    f(r, i, j) = MLP([h_i ; h_{j-1} ; e_r])         p(d | x) = exp sum_{(r, i, j) in d} f(r, i, j) / Z(x)

h are states of an encoder of the source: BERT in the paper, a bidirectional LSTM over words here. Words are forgotten
at random in training (`forget`), so that those that training shows seldom or alone are read as others are.

Z is computed by the inside algorithm over a `Hypergraph`: a node's log weight is the log-sum-exp over its edges of the
edge's score and its children's log weights. The gradient of log Z with respect to a score is the expected number of its
uses (inside times outside over the total), which `LogPartition` computes going down the same nodes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from phloem.nn.encoders.lstm import LSTMEncoder
from phloem.represent.base import PAD, UNK


class Hyperedge(NamedTuple):
    """One rule application: which score it takes, and the nodes it joins."""

    score: int
    children: tuple[int, ...]


class Hypergraph(NamedTuple):
    """Nodes by their edges, children before parents; the last node is the root."""

    nodes: tuple[tuple[Hyperedge, ...], ...]


class Applications(NamedTuple):
    """Rules over spans of the sources of a batch: what is to be scored, in one row."""

    tokens: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, " batch"]
    source: Int64[Tensor, " applications"]  # whose span it is
    rule: Int64[Tensor, " applications"]
    start: Int64[Tensor, " applications"]
    last: Int64[Tensor, " applications"]


class DerivationBatch(NamedTuple):
    """What is to be scored, and for each source where its scores begin, the forest of all its derivations and that of
    those which write its target."""

    applications: Applications
    offsets: list[int]
    everything: list[Hypergraph]
    right: list[Hypergraph]


class SpanRuleScorer(nn.Module):
    """f(rule, span) for all applications of a batch."""

    def __init__(self, vocabulary: int, rules: int, *, width: int = 64, layers: int = 1, forget: float = 0.1) -> None:
        super().__init__()
        self.forget = forget
        self.embedding = nn.Embedding(vocabulary, width)
        self.encoder = LSTMEncoder(width, width, layers=layers, bidirectional=True, dropout=0.0)
        self.rules = nn.Embedding(rules, width)
        self.hidden = nn.Linear(3 * width, width)
        self.output = nn.Linear(width, 1)
        nn.init.normal_(self.embedding.weight, std=0.1)

    def forward(self, asked: Applications) -> Float[Tensor, " applications"]:
        tokens = asked.tokens
        if self.training and self.forget:
            lost = torch.rand(tokens.shape, device=tokens.device) < self.forget
            tokens = torch.where(lost & (tokens != PAD), UNK, tokens)
        states, _, _ = self.encoder(self.embedding(tokens), asked.lengths)
        spans = [states[asked.source, place] for place in (asked.start, asked.last)]
        read = torch.cat([*spans, self.rules(asked.rule)], dim=1)
        return self.output(torch.tanh(self.hidden(read)))[:, 0]


class LogPartition(torch.autograd.Function):
    """log of the sum over derivations of exp of their scores, a hypergraph each."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, offsets: list[int], graphs: list[Hypergraph]) -> Tensor:
        values = scores.detach().tolist()
        own = [values[offset:] for offset in offsets]
        insides = [inside(graph, each) for graph, each in zip(graphs, own, strict=True)]
        ctx.count = len(values)
        ctx.saved = own, offsets, graphs, insides
        return scores.new_tensor([weights[-1] for weights in insides])

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        own, offsets, graphs, insides = ctx.saved
        gradient = [0.0] * ctx.count
        factors = upstream[0].tolist()
        for graph, scores, offset, weights, factor in zip(graphs, own, offsets, insides, factors, strict=True):
            expected(graph, scores, weights, gradient, offset, factor)
        return upstream[0].new_tensor(gradient), None, None


def inside(graph: Hypergraph, scores: Sequence[float]) -> list[float]:
    """The log weight of each node."""
    weights: list[float] = []
    for edges in graph.nodes:
        terms = [scores[edge.score] + sum([weights[child] for child in edge.children]) for edge in edges]
        top = max(terms)
        weights.append(top + math.log(sum([math.exp(term - top) for term in terms])) if len(terms) > 1 else top)
    return weights


def expected(
    graph: Hypergraph, scores: Sequence[float], weights: list[float], into: list[float], offset: int, factor: float
) -> None:
    """Adds `factor` times the expected number of uses of each score in a derivation to `into`, from `offset` on."""
    reached = [0.0] * len(graph.nodes)  # the expected number of uses of each node
    reached[-1] = factor
    for node in range(len(graph.nodes) - 1, -1, -1):
        for edge in graph.nodes[node]:
            log = scores[edge.score] + sum([weights[child] for child in edge.children]) - weights[node]
            share = reached[node] * math.exp(log)
            into[offset + edge.score] += share
            for child in edge.children:
                reached[child] += share


def log_partition(scores: Tensor, offsets: list[int], graphs: list[Hypergraph]) -> Float[Tensor, " graphs"]:
    """log Z of each hypergraph, whose scores begin at its offset; differentiable."""
    found: Tensor = LogPartition.apply(scores, offsets, graphs)
    return found
