"""The two modules that NS3 builds its networks of.

Arakelyan et al., "NS3: Neuro-Symbolic Semantic Code Search" (NeurIPS 2022, sections 3.2 and 3.3). Entity discovery says
of each unit of a code whether a noun phrase speaks of it. With h_i the state of unit i in [phrase ; code] and p that of
the sequence's first place,

    s_i = σ(w · relu(W [p ; h_i]))

An action says where its masked argument is, from the verb, the prepositions and the scores of the other arguments.
With v the verb's vector, p_j the preposition's (0 without one), J arguments of scores s_j (the masked one's are 0) and
c_i the state of unit i in the code alone,

    u_j = U_2 relu(U_1 [v ; p_j])  of 7 numbers        x_i = [u_1 ; s_1i ; … ; u_J ; s_Ji ; c_i]
    ŝ_i = σ(w · relu(W Layer(x)_i))

Layer is one block of a Transformer encoder with the norm behind each sum. There is one such module for each J up to 3,
as x has d + 8J numbers; U is shared by all.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from phloem.nn.models.text_encoder import TextEncoder, text_pairs

TOLD = 7  # numbers of u


class EntityDiscovery(nn.Module):
    """Scores of the units of codes for phrases."""

    def __init__(self, encoder: TextEncoder, *, most: int, most_text: int = 16) -> None:
        super().__init__()
        self.encoder, self.most, self.most_text = encoder, most, most_text
        width = encoder.table.embedding_dim
        self.score = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, 1))

    @property
    def longest(self) -> int:
        """Units of a code that can be read beside any phrase."""
        return self.most - self.most_text - 3

    def logits(self, phrases: list[list[int]], codes: list[list[int]]) -> Float[Tensor, "pairs units"]:
        """Before the sigmoid, padded to the longest code; `codes` have at most `longest` units."""
        batch = text_pairs(phrases, codes, most=self.most, most_text=self.most_text)
        states = self.encoder(batch.tokens, batch.lengths)
        lengths = batch.code.sum(dim=1)
        first = batch.lengths - 1 - lengths
        place = (first[:, None] + torch.arange(int(lengths.max()))).clamp(max=states.shape[1] - 1)
        own = states.gather(1, place[:, :, None].expand(-1, -1, states.shape[2]))
        told = states[:, :1].expand_as(own)
        return self.score(torch.cat([told, own], dim=2))[:, :, 0]

    def forward(self, phrases: list[list[int]], codes: list[list[int]]) -> Float[Tensor, "pairs units"]:
        """In [0, 1]; 0 behind a code's end."""
        scores = torch.sigmoid(self.logits(phrases, codes))
        return scores * real_places(codes, scores.shape[1])


def real_places(codes: list[list[int]], time: int) -> Bool[Tensor, "codes units"]:
    """Which places hold a unit."""
    return torch.arange(time) < torch.tensor([len(code) for code in codes])[:, None]


class ActionModule(nn.Module):
    """Where the masked one of `arguments` arguments is."""

    def __init__(self, width: int, arguments: int, *, heads: int = 8, inner: int = 2048) -> None:
        super().__init__()
        whole = width + (TOLD + 1) * arguments
        if whole % heads:
            raise ValueError(f"{whole} numbers of a unit do not part into {heads} heads")
        self.arguments = arguments
        self.layer = nn.TransformerEncoderLayer(whole, heads, inner, dropout=0.0, batch_first=True)
        self.score = nn.Sequential(nn.Linear(whole, whole // 2), nn.ReLU(), nn.Linear(whole // 2, 1))

    def forward(
        self,
        told: Float[Tensor, "actions arguments 7"],
        scores: Float[Tensor, "actions arguments units"],
        masked: Int64[Tensor, " actions"],
        states: Float[Tensor, "actions units width"],
        real: Bool[Tensor, "actions units"],
    ) -> Float[Tensor, "actions units"]:
        """ŝ, 0 where there is no unit. The scores of the argument `masked` are not read."""
        hidden = torch.arange(self.arguments)[None, :, None] == masked[:, None, None]
        seen = torch.where(hidden, 0.0, scores)
        time = states.shape[1]
        repeated = told[:, :, :, None].expand(-1, -1, -1, time)
        arguments = torch.cat([repeated, seen[:, :, None]], dim=2).flatten(1, 2).transpose(1, 2)
        mixed = self.layer(torch.cat([arguments, states], dim=2), src_key_padding_mask=~real)
        return torch.sigmoid(self.score(mixed)[:, :, 0]) * real


class Actions(nn.Module):
    """The action modules of one to three arguments, and what they share."""

    def __init__(self, width: int, most: int = 3, *, inner: int = 2048) -> None:
        super().__init__()
        self.tell = nn.Sequential(nn.Linear(2 * width, 512), nn.ReLU(), nn.Linear(512, TOLD))
        self.of = nn.ModuleList(ActionModule(width, count, inner=inner) for count in range(1, most + 1))
