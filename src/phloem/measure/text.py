"""BLEU, ROUGE-L and chrF of generated sentences, each as addends an example, so that intervals come from the bootstrap.

- BLEU (Papineni et al. 2002) as sacrebleu computes it (Post 2018): n-gram counts summed over the corpus, tokenizer 13a,
  "exp" smoothing of orders without a match.
- CodeNN's BLEU (Iyer et al. 2016), the one that code2seq reports: BLEU-4 of each sentence, orders 2 to 4 smoothed by
  adding one to matches and totals (Lin and Och 2004), brevity penalty with one added to both lengths, averaged over
  sentences; words are lower-cased, punctuation is split off.
- ROUGE-L (Lin 2004): F-measure of the longest common subsequence of words, averaged over sentences.
- chrF (Popović 2015): F2 of character n-grams up to 6, counts summed over the corpus, as in sacrebleu.

All are between 0 and 100.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

BLEU_ORDER, CHRF_ORDER, CHRF_BETA = 4, 6, 2


def bleu_addends(references: Sequence[str], predictions: Sequence[str]) -> Float[np.ndarray, "examples 10"]:
    """Matches and totals of orders 1 to 4, then the lengths of prediction and reference, in words."""
    from sacrebleu.metrics.bleu import BLEU

    metric = BLEU(effective_order=True)  # its counts do not depend on it; it keeps single sentences from warning
    rows = []
    for reference, prediction in zip(references, predictions, strict=True):
        found = metric.sentence_score(prediction, [reference])
        rows.append([*found.counts, *found.totals, found.sys_len, found.ref_len])
    return np.array(rows, dtype=np.float64).reshape(-1, 10)


def bleu(sums: Float[np.ndarray, "*any 10"]) -> Float[np.ndarray, "*any"]:
    """Corpus BLEU of summed addends."""
    matches, totals, given, wanted = sums[..., :4], sums[..., 4:8], sums[..., 8], sums[..., 9]
    # "exp" smoothing: the k-th order without a match counts as 1 / 2^k of one.
    missing = (matches == 0) & (totals > 0)
    smoothed = np.where(missing, 0.5 ** np.cumsum(missing, axis=-1), matches)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(smoothed / totals).mean(axis=-1)
        brevity = np.where(given < wanted, np.exp(1 - wanted / given), 1.0)
    valid = (totals > 0).all(axis=-1) & (matches > 0).any(axis=-1)
    return np.where(valid, 100 * brevity * np.exp(np.where(valid, logs, 0.0)), 0.0)


def codenn_bleu(references: Sequence[str], predictions: Sequence[str]) -> Float[np.ndarray, " examples"]:
    """Smoothed sentence BLEU of every example; the figure of a corpus is the mean."""
    pairs = zip(references, predictions, strict=True)
    return np.array([_codenn_sentence(_words(reference), _words(prediction)) for reference, prediction in pairs])


def _codenn_sentence(reference: list[str], prediction: list[str]) -> float:
    if not prediction:
        return 0.0
    log = 0.0
    for order in range(1, BLEU_ORDER + 1):
        given = _grams(prediction, order)
        matches, total = (given & _grams(reference, order)).total(), given.total()
        if order > 1:
            matches, total = matches + 1, total + 1
        if matches == 0:
            return 0.0
        log += math.log(matches / total) / BLEU_ORDER
    return 100 * math.exp(log + min(0.0, 1 - (len(reference) + 1) / (len(prediction) + 1)))


def rouge_l(references: Sequence[str], predictions: Sequence[str]) -> Float[np.ndarray, " examples"]:
    """ROUGE-L of every example, without stemming."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    pairs = zip(references, predictions, strict=True)
    return np.array([100 * scorer.score(reference, prediction)["rougeL"].fmeasure for reference, prediction in pairs])


def chrf_addends(references: Sequence[str], predictions: Sequence[str]) -> Float[np.ndarray, "examples 18"]:
    """For each order 1 to 6: n-grams of the prediction, of the reference, and in both. White space does not count."""
    rows = []
    for reference, prediction in zip(references, predictions, strict=True):
        wanted, given = "".join(reference.split()), "".join(prediction.split())
        row: list[int] = []
        for order in range(1, CHRF_ORDER + 1):
            left, right = _grams(given, order), _grams(wanted, order)
            # As in sacrebleu: a reference too short for this order takes the prediction's n-grams out of the count.
            row += [left.total() if right else 0, right.total(), (left & right).total()]
        rows.append(row)
    return np.array(rows, dtype=np.float64).reshape(-1, 3 * CHRF_ORDER)


def chrf(sums: Float[np.ndarray, "*any 18"]) -> Float[np.ndarray, "*any"]:
    """Corpus chrF2 of summed addends: precision and recall averaged over the orders that occur."""
    given, wanted, both = (sums[..., part::3] for part in range(3))
    occurs = (given > 0) & (wanted > 0)
    orders = np.maximum(1, occurs.sum(axis=-1))
    precision = np.divide(both, given, out=np.zeros_like(both), where=occurs).sum(axis=-1) / orders
    recall = np.divide(both, wanted, out=np.zeros_like(both), where=occurs).sum(axis=-1) / orders
    bottom = CHRF_BETA**2 * precision + recall
    top = (1 + CHRF_BETA**2) * precision * recall
    return 100 * np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)


def _grams(items: Sequence[str], order: int) -> Counter[tuple[str, ...] | str]:
    pieces = (items[at : at + order] for at in range(len(items) - order + 1))
    return Counter(piece if isinstance(piece, str) else tuple(piece) for piece in pieces)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\s\w]", text.lower())
