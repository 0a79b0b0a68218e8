"""Answers to a question about code as tags of units, and which parts of a file to ask (CodeQueries, Sahu et al. 2024).

The tagger puts dropout and one linear layer of five classes on every state of an encoder that reads [CLS] question
[SEP] code [SEP]. The relevance of a block is told by the pooled state through a linear layer to twice the width, a
relu, and another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from phloem.nn.models.roberta import Roberta
from phloem.represent.byte_pairs import END, PAD, START
from phloem.represent.span_tags import NONE, TAGS


class TaggedRows(NamedTuple):
    """Questions and code; `code` is where the code begins, `tags` are of every place."""

    tokens: Int64[Tensor, "batch time"]
    segments: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, " batch"]
    code: Int64[Tensor, " batch"]
    tags: Int64[Tensor, "batch time"]


def tagged_rows(
    questions: Sequence[Sequence[int]], codes: Sequence[Sequence[int]], tags: Sequence[Sequence[int]], most: int
) -> TaggedRows:
    """Rows of exactly `most` places; code that is too long is cut off with its tags."""
    tokens, classes, starts, lengths = [], [], [], []
    for question, code, own in zip(questions, codes, tags, strict=True):
        head = [START, *question, END]
        kept = list(code[: most - len(head) - 1])
        row = [*head, *kept, END]
        tokens.append(row + [PAD] * (most - len(row)))
        classes.append([NONE] * len(head) + list(own[: len(kept)]) + [NONE] * (most - len(head) - len(kept)))
        starts.append(len(head))
        lengths.append(len(row))
    begin = torch.tensor(starts)
    segments = (torch.arange(most) >= begin[:, None]).long()
    return TaggedRows(torch.tensor(tokens), segments, torch.tensor(lengths), begin, torch.tensor(classes))


class SpanTagger(nn.Module):
    """Logits of the tags; the encoder has two segments."""

    def __init__(self, encoder: Roberta, dropout: float = 0.1) -> None:
        super().__init__()
        if encoder.config.segments < 2:
            raise ValueError("questions and code are told apart by two segments")
        self.encoder, self.dropout = encoder, nn.Dropout(dropout)
        self.output = nn.Linear(encoder.width, TAGS)

    def forward(self, batch: TaggedRows) -> Float[Tensor, "batch time tags"]:
        states = self.encoder(batch.tokens, None, batch.lengths, segments=batch.segments)
        return self.output(self.dropout(states))


class BlockRelevance(nn.Module):
    """Logits that a block is irrelevant and relevant to a question."""

    def __init__(self, encoder: Roberta, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder, self.dropout = encoder, nn.Dropout(dropout)
        self.inner, self.output = nn.Linear(encoder.width, 2 * encoder.width), nn.Linear(2 * encoder.width, 2)

    def forward(self, batch: TaggedRows) -> Float[Tensor, "batch 2"]:
        states = self.encoder(batch.tokens, None, batch.lengths, segments=batch.segments)
        return self.output(torch.relu(self.inner(self.dropout(self.encoder.pooled(states)))))


def windows(code: Sequence[int], size: int) -> list[list[int]]:
    """Code in pieces that do not overlap; joined they are the code."""
    return [list(code[start : start + size]) for start in range(0, len(code), size)] or [[]]
