"""Writing words by copying them from the source, beside those of the vocabulary.

Vinyals, Fortunato and Jaitly, "Pointer Networks" (2015): attention over the source as a distribution over its words.
Gu, Lu, Li and Li, "Incorporating Copying Mechanism in Sequence-to-Sequence Learning" (ACL 2016), section 3.3: with
logits g_y of the vocabulary's words and scores c_i of copying word w_i of the source, both in one softmax,

    p(y) = (exp g_y + Σ_{i: w_i = y} exp c_i) / Z        Z = Σ_y exp g_y + Σ_i exp c_i

where g_y = -∞ for a word that the vocabulary lacks. See, Liu and Manning (ACL 2017) mix two softmaxes by a gate; here
the gate is implied, p_copy = Σ_i exp c_i / Z, and what comes out is again logits, which any search and loss can read.

What can be copied are the distinct subtokens w_i of a function's paths (`represent.copying`). With their embeddings
e_i, the decoder's output a_t, and n_i, how many ends of paths have w_i:

    c_ti = a_t^T W_p e_i + u log(1 + n_i) + v
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from phloem.nn.mixers.cross_attention import MASKED
from phloem.represent.base import PAD
from phloem.represent.copying import Copies


class Offers(NamedTuple):
    """What each source offers: keys, a bias (MASKED where there is nothing), the ids that copying writes."""

    keys: Float[Tensor, "sources places width"]
    bias: Float[Tensor, "sources places"]
    words: Int64[Tensor, "sources places"]
    extra: int  # ids behind the vocabulary's

    def scores(self, query: Float[Tensor, "sources each width"]) -> Float[Tensor, "sources each places"]:
        """c of queries by source."""
        return torch.bmm(query, self.keys.transpose(1, 2)) + self.bias[:, None]


class Pointer(nn.Module):
    """Scores of copying; `embedding` is that of subtokens, `width` that of queries."""

    def __init__(self, embedding: int, width: int) -> None:
        super().__init__()
        self.key = nn.Linear(embedding, width, bias=False)  # its weight is W_p
        self.prior = nn.Parameter(torch.zeros(2))  # u and v
        nn.init.xavier_uniform_(self.key.weight)

    def offers(self, copies: Copies, table: Float[Tensor, "subtokens embedding"]) -> Offers:
        """Of a batch, with the embeddings of all subtokens."""
        bias = self.prior[0] * copies.occurrences + self.prior[1]
        bias = bias.masked_fill(copies.subtokens == PAD, MASKED)
        keys = self.key(functional.embedding(copies.subtokens, table))
        return Offers(keys, bias, copies.words, copies.beyond.shape[1])

    def forward(
        self,
        logits: Float[Tensor, "rows words"],
        query: Float[Tensor, "rows width"],
        offers: Offers,
        source: Int64[Tensor, " rows"],
    ) -> Float[Tensor, "rows words+extra"]:
        """Logits of words and copies; row r copies from `source[r]`."""
        batch, each = len(offers.keys), len(source) // max(len(offers.keys), 1)
        whole = torch.arange(batch, device=source.device).repeat_interleave(each)
        if len(whole) == len(source) and bool((whole == source).all()):  # a beam: rows lie together by source
            copied = offers.scores(query.view(batch, each, query.shape[1])).flatten(0, 1)
        else:
            offered = offers.keys[source]
            copied = torch.bmm(offered, query[:, :, None])[:, :, 0] + offers.bias[source]
        return joined(logits, copied, offers.words[source], offers.extra)

    def packed(
        self,
        logits: Float[Tensor, "packed words"],
        query: Float[Tensor, "packed width"],
        offers: Offers,
        positions: Int64[Tensor, " packed"],
        time: int,
    ) -> Float[Tensor, "packed words+extra"]:
        """`forward` at positions of a flattened batch × time, each source's keys read once."""
        batch, width = len(offers.keys), query.shape[1]
        padded = query.new_zeros(batch * time, width).index_copy(0, positions, query)
        copied = offers.scores(padded.view(batch, time, width)).flatten(0, 1).index_select(0, positions)
        words = offers.words.index_select(0, positions.div(time, rounding_mode="floor"))
        return joined(logits, copied, words, offers.extra)


def joined(
    logits: Float[Tensor, "rows words"],
    copied: Float[Tensor, "rows places"],
    words: Int64[Tensor, "rows places"],
    extra: int,
) -> Float[Tensor, "rows words+extra"]:
    """log(exp g_y + Σ_i exp c_i): the places of a row have distinct words, those that offer nothing the last column."""
    wide = functional.pad(logits, (0, extra + 1), value=MASKED)
    both = torch.logaddexp(wide.gather(1, words), copied)
    return wide.scatter(1, words, both)[:, :-1]
