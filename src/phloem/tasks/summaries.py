"""Code summarization: the first sentence of a function's documentation from its body (Alon et al. 2019, 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from phloem.decode.base import Search
from phloem.measure import bootstrap, text
from phloem.represent.base import View
from phloem.tasks.answers import Referenced, answers, report

LENGTH = 20  # words of a sentence that are predicted


def evaluate(
    model: Any,
    view: View,
    dataset: Referenced,
    search: Search,
    batch_size: int = 256,
    *,
    length: int = LENGTH,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """bleu, codenn_bleu, rouge_l and chrf (0 to 100), each with NAME_interval, and `examples`.

    Sentences are the words joined by spaces, as both views give them. References are whole. `resamples=0` leaves the
    intervals out (during training).
    """
    found = answers(model, view, dataset, search, length=length, batch_size=batch_size)
    return figures(found.references, found.predictions, resamples=resamples, seed=seed)


def figures(
    references: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]], *, resamples: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """`evaluate` of sentences that are already predicted."""
    wanted, given = ([" ".join(words) for words in side] for side in (references, predictions))
    addends = {
        "bleu": (text.bleu_addends(wanted, given), text.bleu),
        "codenn_bleu": (bootstrap.with_count(text.codenn_bleu(wanted, given)), bootstrap.mean),
        "rouge_l": (bootstrap.with_count(text.rouge_l(wanted, given)), bootstrap.mean),
        "chrf": (text.chrf_addends(wanted, given), text.chrf),
    }
    return report(addends, resamples=resamples, seed=seed)
