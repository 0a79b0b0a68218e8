"""BiV-HNN: does a code block stand alone as a solution, judged from code and question, and from the text around?

Yao et al., "StaQC" (WWW 2018, section 4): a hierarchical network with two views. With s(x) the final states of both
directions of a GRU over x, one GRU for texts and titles and one of its own for code,

    code view    c = tanh(W [s(title) ; s(code)] + b)
    text view    s(before), s(after)
    h = bidirectional GRU over (s(before), c, s(after))        p = softmax(U h_c)

h_c being the state at the code; where no text follows, the sequence ends with it. Text-HNN has one learned vector in
the place of c, the same for all blocks; Code-HNN has no text view, its p = softmax(U c). Dropout is before the tanh
layer, before the block GRU and before the last layer.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from phloem.represent.code_snippet_views import PAD, SnippetBatch

Views = Literal["both", "text", "code"]


class FinalStates(nn.Module):
    """Sequences of ids to the final states of a GRU's two directions; 0 for an empty one."""

    def __init__(self, vocabulary: int, embedding: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary, embedding, padding_idx=PAD)
        self.recurrence = nn.GRU(embedding, width, batch_first=True, bidirectional=True)

    def forward(
        self, ids: Int64[Tensor, "batch time"], lengths: Int64[Tensor, " batch"]
    ) -> Float[Tensor, "batch 2*width"]:
        _, last = self.recurrence(_packed(self.table(ids), lengths.clamp(min=1)))
        return torch.cat([last[0], last[1]], dim=1) * (lengths > 0)[:, None]


def _packed(rows: Tensor, lengths: Tensor) -> nn.utils.rnn.PackedSequence:
    return pack_padded_sequence(rows, lengths.cpu(), batch_first=True, enforce_sorted=False)


class BiViewNetwork(nn.Module):
    """Logits of {not standalone, standalone}. `views` "both" is BiV-HNN, "text" Text-HNN, "code" Code-HNN."""

    def __init__(
        self,
        words: int,
        tokens: int,
        *,
        views: Views = "both",
        embedding: int = 150,
        width: int = 64,
        block_width: int = 128,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.views = views
        self.dropout = nn.Dropout(dropout)
        self.text = FinalStates(words, embedding, width)
        if views == "text":
            self.any_code = nn.Parameter(torch.empty(2 * width).uniform_(-0.1, 0.1))
        else:
            self.code = FinalStates(tokens, embedding, width)
            self.view = nn.Linear(4 * width, 2 * width)
        if views != "code":
            self.blocks = nn.GRU(2 * width, block_width, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * width if views == "code" else 2 * block_width, 2)
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.xavier_uniform_(parameter)

    def code_view(self, batch: SnippetBatch) -> Float[Tensor, "batch view"]:
        """c of each block."""
        if self.views == "text":
            return self.any_code.expand(len(batch.target), -1)
        title, code = self.text(batch.title, batch.title_length), self.code(batch.code, batch.code_length)
        return torch.tanh(self.view(self.dropout(torch.cat([title, code], dim=1))))

    def forward(self, batch: SnippetBatch) -> Float[Tensor, "batch 2"]:
        read = self.code_view(batch)
        if self.views != "code":
            before = self.text(batch.before, batch.before_length)
            after = self.text(batch.after, batch.after_length)
            sequence = self.dropout(torch.stack([before, read, after], dim=1))
            read = self._at_code(sequence, batch.blocks)
        return self.output(self.dropout(read))

    def _at_code(
        self, sequence: Float[Tensor, "batch 3 view"], blocks: Int64[Tensor, " batch"]
    ) -> Float[Tensor, "batch 2*block_width"]:
        """The block GRU's states at the code, the second of each row's `blocks` steps."""
        states, _ = self.blocks(_packed(sequence, blocks))
        padded, _ = nn.utils.rnn.pad_packed_sequence(states, batch_first=True)
        return padded[:, 1]
