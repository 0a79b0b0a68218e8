"""What small backbones of code are pretrained by, on functions with their documentation.

- An encoder reads <s> doc </s> code </s>. Half of the sequences have every occurrence of some identifiers hidden (Wang
  et al., "CodeT5", 2021, section 3.2; Zhang et al., "CodeSage", 2024, section 3.1), the others 15% of all units (Devlin
  et al. 2019); besides, units are replaced by those of two n-gram models and found (Feng et al., "CodeBERT", 2020).
- An encoder-decoder has 15% of a sequence's units hidden in spans of 3 on average, and writes them (Raffel et al.
  2020).
- A decoder writes <s> code </s>, its documentation before it where there is one (Radford et al. 2019).

What is drawn follows torch's generator.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.causal_lm import next_unit_loss
from phloem.learn.objectives.masked_identifiers import hidden_identifiers
from phloem.learn.objectives.masked_units import SHARE, hidden_units
from phloem.learn.objectives.replaced_token_detection import Generator, ReplacedTokenDetection
from phloem.learn.objectives.span_corruption import corrupt, segmented_spans
from phloem.nn.models.encoder_decoder import LEFT_OUT
from phloem.nn.models.text_encoder import TextPairs
from phloem.represent.byte_pairs import END, MASK, PAD, SPECIALS, START
from phloem.represent.function_units import Functions, padded_rows
from phloem.represent.identifier_occurrences import MarkedTokens

BY_NAMES = 0.5  # of the sequences of an encoder


def drawing() -> np.random.Generator:
    """numpy's generator as torch's says."""
    return np.random.default_rng(int(torch.randint(1 << 62, ())))


def pairs_of(batch: Functions) -> TextPairs:
    """<s> doc </s> code </s>, without the first </s> where there is no doc."""
    rows, text, code = [], [], []
    for body, doc in zip(batch.code, batch.doc, strict=True):
        head = [START, *doc.tolist(), END] if len(doc) else [START]
        rows.append([*head, *body.tolist(), END])
        text.append([0] + [1] * len(doc) + [0] * (len(rows[-1]) - 1 - len(doc)))
        code.append([0] * len(head) + [1] * len(body) + [0])
    tokens, lengths = padded_rows(rows, PAD)
    marks = (torch.from_numpy(padded_rows(side, 0)[0] > 0) for side in (text, code))
    return TextPairs(torch.from_numpy(tokens), torch.from_numpy(lengths), *marks)


class EncoderPretraining:
    """Of a model with `words` and `original`; without generators no units are replaced."""

    def __init__(self, size: int, generators: tuple[Generator, Generator] | None = None) -> None:
        self.size = size
        self.replaced = None if generators is None else ReplacedTokenDetection(*generators)

    def __call__(self, model: Any, batch: Functions) -> Loss:
        pairs = pairs_of(batch)
        chosen, by_names = self.chosen(batch, pairs)
        hidden = hidden_units(pairs.tokens, chosen, self.size)
        hidden = torch.where(by_names[:, None] & chosen, MASK, hidden)
        states = model(hidden, pairs.lengths)
        if not chosen.any():
            return Loss(states.sum() * 0.0, {})
        logits, wanted = model.words(states[chosen]), pairs.tokens[chosen]
        value = cross_entropy(logits, wanted)
        logs = {"hidden_loss": float(value.detach()), "accuracy": _accuracy(logits, wanted)}
        if self.replaced is None:
            return Loss(value, logs)
        found = self.replaced(model, pairs)
        return Loss(value + found.value, {**logs, "replaced_loss": float(found.value.detach())})

    def chosen(self, batch: Functions, pairs: TextPairs) -> tuple[Tensor, Tensor]:
        """The places to hide, and which rows hide names."""
        rng = drawing()
        chosen = ((pairs.text | pairs.code) & (torch.rand(pairs.tokens.shape) < SHARE)).numpy()
        by_names = np.zeros(len(batch.code), bool)
        code = pairs.code.numpy()
        for row in np.flatnonzero(rng.random(len(batch.code)) < BY_NAMES).tolist():
            names = tuple(map(str, range(int(batch.name[row].max(initial=-1)) + 1)))
            if names:
                marked = MarkedTokens(batch.code[row], batch.name[row], batch.name[row], names)
                chosen[row] = False
                chosen[row, code[row]] = hidden_identifiers(marked, rng, frozenset(names))
                by_names[row] = True
        return torch.from_numpy(chosen), torch.from_numpy(by_names)


class SpanPretraining:
    """Of an encoder-decoder called with tokens, lengths and targets; `sentinels` ids follow the special ones."""

    def __init__(self, sentinels: int) -> None:
        self.sentinels = sentinels

    def __call__(self, model: Any, batch: Functions) -> Loss:
        rng = drawing()
        sources, targets = [], []
        for body, doc in zip(batch.code, batch.doc, strict=True):
            ids = np.concatenate([doc, np.array([END] * bool(len(doc)), body.dtype), body])
            spans = segmented_spans(len(ids), rng, fixed=ids == END)[: self.sentinels - 1]
            pair = corrupt(ids, spans, lambda number: len(SPECIALS) + number)
            sources.append([*pair.source.tolist(), END])
            targets.append([*pair.target.tolist(), END])
        tokens, lengths = padded_rows(sources, PAD)
        wanted = torch.from_numpy(padded_rows(targets, LEFT_OUT)[0])
        logits = model(torch.from_numpy(tokens), torch.from_numpy(lengths), wanted)
        counted = wanted != LEFT_OUT
        value = cross_entropy(logits[counted], wanted[counted])
        return Loss(value, {"accuracy": _accuracy(logits[counted], wanted[counted])})


class CausalPretraining:
    """Of a decoder with `logits`."""

    def __call__(self, model: Any, batch: Functions) -> Loss:
        rows = [
            [START, *doc.tolist(), *([END] if len(doc) else []), *body.tolist(), END]
            for body, doc in zip(batch.code, batch.doc, strict=True)
        ]
        table, count = padded_rows(rows, PAD)
        tokens, lengths = torch.from_numpy(table), torch.from_numpy(count)
        logits = model.logits(model(tokens, lengths=lengths))
        value = next_unit_loss(logits, tokens, lengths)
        counted = torch.arange(1, tokens.shape[1]) < lengths[:, None]
        return Loss(value, {"accuracy": _accuracy(logits[:, :-1][counted], tokens[:, 1:][counted])})


def _accuracy(logits: Tensor, wanted: Tensor) -> float:
    return float((logits.detach().argmax(dim=-1) == wanted).float().mean())
