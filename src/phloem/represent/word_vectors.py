"""Word vectors of a small text: positive pointwise mutual information, and its singular vectors.

Levy and Goldberg, "Neural Word Embedding as Implicit Matrix Factorization" (2014); Bullinaria and Levy (2012). With
#(w, c) the number of windows of a sentence that hold w and c,

    PPMI(w, c) = max(0, log [#(w, c) N / (#(w) #(c))])      PPMI = U S V^T      vector(w) = U_w S^(1/2), of length 1
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float


def word_vectors(
    sentences: Iterable[Sequence[str]], size: int, *, window: int | None = None
) -> dict[str, Float[np.ndarray, " size"]]:
    """Unit vectors of all words. `window` None: all words of a sentence see each other. Deterministic but for signs,
    which are settled by making each dimension's largest entry positive."""
    counts: Counter[tuple[str, str]] = Counter()
    for sentence in sentences:
        for place, word in enumerate(sentence):
            low = 0 if window is None else max(0, place - window)
            high = len(sentence) if window is None else place + window + 1
            counts.update((word, other) for at, other in enumerate(sentence[low:high], low) if at != place)
    words = sorted({word for word, _ in counts})
    number = {word: i for i, word in enumerate(words)}
    table = np.zeros((len(words), len(words)))
    for (word, other), count in counts.items():
        table[number[word], number[other]] = count
    rows, total = table.sum(axis=1, keepdims=True), table.sum()
    with np.errstate(divide="ignore"):
        information = np.maximum(np.log(table * total / (rows * rows.T)), 0.0)
    left, values, _ = np.linalg.svd(information)
    made = left[:, :size] * np.sqrt(values[:size])
    made *= np.sign(made[np.abs(made).argmax(axis=0), np.arange(made.shape[1])])
    made = np.pad(made, ((0, 0), (0, size - made.shape[1])))
    lengths = np.linalg.norm(made, axis=1, keepdims=True)
    made /= np.where(lengths > 0, lengths, 1.0)
    return dict(zip(words, made, strict=True))
