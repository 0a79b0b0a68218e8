"""Two speeds of one encoder for queries and code.

The fast speed is a bag of unit vectors (`phloem.nn.encoders.static_bag`). The slow one reads the first units in order
with a small Transformer, whose output is added to the fast vector: with s(x) the static vector and t(x) what the
Transformer makes of x,

    v(x) = (s(x) + t(x)) / |s(x) + t(x)|

and t begins at 0. Both speeds of both sides lie in one space: a query of either speed finds code of either. (That the
layers above a shallow exit refine what the exit gives is the residual reading of deep networks, Veit et al. 2016; exits
that stay comparable are those of Gurioli et al., "One Model to Train them All", 2025.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from phloem.nn.encoders.static_bag import Side, StaticBag
from phloem.nn.encoders.transformer_encoder import TransformerEncoder
from phloem.represent.bags import Bags
from phloem.represent.search_view import PairBatch
from phloem.represent.subwords import CLS, PAD, SEP, Ragged

PADDED_TOGETHER = 64  # rows of like length: what is padded is computed, too
PREFIX = {"query": CLS, "code": SEP}  # the first unit of a sequence says which side it is


class PairVectors(NamedTuple):
    """Unit vectors of a batch of pairs; the last two are None for a model of one speed."""

    static_queries: Float[Tensor, "pairs width"]
    static_codes: Float[Tensor, "pairs width"]
    queries: Float[Tensor, "pairs width"] | None = None
    codes: Float[Tensor, "pairs width"] | None = None


class DualEncoder(nn.Module):
    """`refinement` is None for a model of the fast speed alone. With it, the static part is not trained any more."""

    def __init__(self, static: StaticBag, refinement: TransformerEncoder | None = None, most_units: int = 128) -> None:
        super().__init__()
        self.static = static
        self.refinement = refinement
        self.most_units = most_units
        if refinement is not None:
            static.requires_grad_(False)
            width = static.table.embedding_dim
            self.project_in = nn.Linear(width, refinement.width, bias=False)
            self.project_out = nn.Linear(refinement.width, width, bias=False)
            nn.init.zeros_(self.project_out.weight)

    def forward(self, batch: PairBatch) -> PairVectors:
        queries = self.static(batch.query_bags, "query")
        codes = self.static(batch.code_bags, "code")
        if self.refinement is None:
            return PairVectors(queries, codes)
        return PairVectors(
            queries,
            codes,
            self.refined(queries, batch.queries, "query"),
            self.refined(codes, batch.codes, "code"),
        )

    def encode(self, rows: Ragged, bags: Bags, side: Side) -> Float[Tensor, "rows width"]:
        """Vectors of the slow speed, or of the fast one where there is no other; 0 for rows without units."""
        static = self.static(bags, side)
        return static if self.refinement is None else self.refined(static, rows, side)

    def refined(self, static: Float[Tensor, "rows width"], rows: Ragged, side: Side) -> Float[Tensor, "rows width"]:
        """The static vectors of rows, moved by what the Transformer reads. Rows without units stay as they are."""
        order = np.argsort(rows.lengths(), kind="stable")
        parts = [order[start : start + PADDED_TOGETHER] for start in range(0, len(order), PADDED_TOGETHER)]
        moves = [self._read(rows.rows(part), side) for part in parts]
        back = torch.from_numpy(np.argsort(order))
        return normalize(static + torch.cat(moves)[back.to(static.device)], dim=1) if moves else static

    def _read(self, rows: Ragged, side: Side) -> Float[Tensor, "rows width"]:
        """What is added to the static vectors; 0 for rows without units."""
        assert self.refinement is not None
        index, lengths = padded(rows, self.most_units, PREFIX[side])
        device = self.static.table.weight.device
        index, lengths = index.to(device), lengths.to(device)
        read = self.refinement(self.project_in(self.static.table(index)), lengths)
        inside = torch.arange(index.shape[1], device=device) < lengths[:, None]
        mean = (read * inside[:, :, None]).sum(dim=1) / lengths[:, None]
        return self.project_out(mean) * (lengths > 1)[:, None]


def padded(rows: Ragged, most: int, first: int) -> tuple[Tensor, Tensor]:
    """The first `most` units of each row behind the unit `first`, PAD behind; and the lengths, at least 1."""
    ids = torch.from_numpy(rows.ids).long()
    starts, lengths = torch.from_numpy(rows.offsets[:-1]), torch.from_numpy(rows.lengths()).clamp(max=most)
    column = torch.arange(int(lengths.max()) if len(lengths) else 0)
    inside = column < lengths[:, None]
    index = torch.full((len(lengths), len(column) + 1), PAD)
    index[:, 0] = first
    index[:, 1:][inside] = ids[(starts[:, None] + column)[inside]]
    return index, lengths + 1
