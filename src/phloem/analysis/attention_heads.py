"""What single heads of attention point at.

Shen et al., "Benchmarking Language Models for Code Syntax Understanding" (2022), after Clark et al., "What Does BERT
Look At?" (2019). The weights between units, of every head of every layer, become weights between tokens; marks are
dropped, the diagonal is set to 0, and the weights from a head token rank all tokens. A head that always looks at what
an edge leads to has learned the relation.

The weights are computed from the projections of the module, beside the fused kernel that the model itself runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int

from phloem.measure.topk_accuracy import rank_of_dependent, ranks_from_one
from phloem.nn.models.roberta import Roberta
from phloem.represent.byte_pairs import END, START, BytePairs
from phloem.represent.syntax_edges import LabelledProgram
from phloem.represent.token_alignment import merged, pieces


@torch.no_grad()
def head_weights(model: Roberta, ids: Sequence[int]) -> Float[np.ndarray, "heads units units"]:
    """The weights of all heads on one sequence, layer by layer; a row sums to 1."""
    states = model.states(torch.tensor([list(ids)]))
    found = []
    for block, state in zip(model.blocks, states, strict=False):
        attention = block.attention
        key, _ = attention.read(state)  # type: ignore[operator,union-attr]  # a MultiHeadAttention's
        found.append(attention.weights(state, key)[0])  # type: ignore[operator,union-attr]
    return torch.cat(found).numpy() if found else np.zeros((0, len(ids), len(ids)), np.float32)


def units_of_tokens(units: BytePairs, tokens: Sequence[str]) -> list[list[int]]:
    """The units of each token, which are its own; a token without text (the end of a block) has none."""
    return [units.encode(" " + token) if token else [] for token in tokens]


def token_weights(model: Roberta, units: BytePairs, tokens: Sequence[str]) -> Float[np.ndarray, "heads tokens tokens"]:
    """Attention between a program's tokens, the diagonal 0. Raises ValueError where it is longer than the model."""
    own = units_of_tokens(units, tokens)
    ids = [START, *(unit for token in own for unit in token), END]
    alignment = pieces([len(token) for token in own], before=1, units=len(ids))
    return without_diagonal(merged(head_weights(model, ids), alignment))


def without_diagonal(weights: Float[np.ndarray, "heads tokens tokens"]) -> Float[np.ndarray, "heads tokens tokens"]:
    """A copy with every token's weight on itself 0."""
    weights = weights.copy()
    weights[:, np.arange(weights.shape[1]), np.arange(weights.shape[1])] = 0.0
    return weights


def edge_ranks(
    weights: Float[np.ndarray, "heads tokens tokens"], program: LabelledProgram, reading: str
) -> dict[str, list[Int[np.ndarray, " heads"]]]:
    """By relation, for each edge the rank at which each head of attention finds its dependent."""
    found: dict[str, list[Int[np.ndarray, " heads"]]] = {}
    ranked: dict[int, Int[np.ndarray, "heads tokens"]] = {}
    for edge in program.edges:
        if edge.head not in ranked:
            ranked[edge.head] = ranks_from_one(weights[:, edge.head])
        found.setdefault(edge.relation, []).append(rank_of_dependent(ranked[edge.head], edge.first, edge.last, reading))
    return found


def ranks_by_relation(
    model: Roberta, units: BytePairs, programs: Sequence[LabelledProgram], reading: str
) -> dict[str, Int[np.ndarray, "edges heads"]]:
    """`edge_ranks` over programs."""
    found: dict[str, list[Int[np.ndarray, " heads"]]] = {}
    for program in programs:
        for relation, ranks in edge_ranks(token_weights(model, units, program.tokens), program, reading).items():
            found.setdefault(relation, []).extend(ranks)
    return {relation: np.stack(ranks) for relation, ranks in found.items()}
