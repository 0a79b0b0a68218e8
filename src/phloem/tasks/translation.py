"""Translation between natural languages: captions of Multi30k, English to German (Elliott et al. 2016), and the news of
WMT'14, English to French, for machines that can train on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from phloem.decode.base import Search
from phloem.learn.objectives.sequence_cross_entropy import counted
from phloem.measure.text import bleu, bleu_addends
from phloem.represent.base import Dataset, fixed_batches
from phloem.represent.text_pairs import Pair, PairView
from phloem.tasks.rows import rows

EVALUATED_AT_ONCE = 64
LONGEST = 60  # units of a translation


class Corpus(NamedTuple):
    """A data set of pairs: where its rows are, and what their fields are called."""

    name: str
    source: str
    target: str
    files: Mapping[str, str]  # of "train", "validation" and "test"

    def pairs(self, split: str, folder: Path | None = None) -> list[Pair]:
        """Source and target texts. Raises PhloemError where PHLOEM_DATA lacks them."""
        return [(row[self.source], row[self.target]) for row in rows(self.name, self.files[split], folder)]


CORPORA = {
    corpus.name: corpus
    for corpus in (
        Corpus("multi30k", "en", "de", {"train": "train", "validation": "val", "test": "test_2016"}),
        Corpus("wmt14_en_fr", "en", "fr", {split: split for split in ("train", "validation", "test")}),
    )
}


@torch.no_grad()
def surprise(model: nn.Module, dataset: Dataset) -> Float[np.ndarray, "pairs 2"]:
    """For each pair (negative log probability of its target, units with the end mark): addends of the perplexity."""
    training = model.training
    model.eval()
    found: list[Any] = []
    for batch in fixed_batches(dataset, EVALUATED_AT_ONCE):
        mask = counted(batch.target)
        log = model(batch).log_softmax(dim=2).gather(2, batch.target[:, :, None])[:, :, 0]
        found.append(torch.stack([-(log * mask).sum(dim=1), mask.sum(dim=1)], dim=1).double().numpy())
    model.train(training)
    return np.concatenate(found)


def perplexity(model: nn.Module, dataset: Dataset) -> dict[str, float]:
    """exp of the mean negative log probability a unit."""
    total, units = surprise(model, dataset).sum(axis=0)
    return {"perplexity": float(np.exp(total / units))}


def translate(model: Any, view: PairView, sources: Sequence[str], search: Search, length: int = LONGEST) -> list[str]:
    """The best translation of each source, of at most `length` units."""
    training = model.training
    model.eval()
    found: list[str] = []
    for start in range(0, len(sources), EVALUATED_AT_ONCE):
        batch = view.batch([(source, "") for source in sources[start : start + EVALUATED_AT_ONCE]])
        found += [view.decode(best[0].value) for best in search(model, batch, length=length)]
    model.train(training)
    return found


def translation_addends(model: Any, view: PairView, pairs: list[Pair], search: Search) -> Float[np.ndarray, "pairs 10"]:
    """The addends of corpus BLEU over words, a pair each."""
    return bleu_addends(
        [target for _, target in pairs], translate(model, view, [source for source, _ in pairs], search)
    )


def evaluate(model: Any, view: PairView, dataset: Dataset, pairs: list[Pair], search: Search) -> dict[str, float]:
    """Perplexity a unit, and BLEU of the best translations."""
    addends = translation_addends(model, view, pairs, search)
    return {**perplexity(model, dataset), "bleu": float(bleu(addends.sum(axis=0)))}
