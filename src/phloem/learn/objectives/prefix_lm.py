"""Causal language modelling by an encoder-decoder, in two forms.

Wang et al., "CodeT5+" (EMNLP 2023, section 3.2), after Soltan et al., "AlexaTM 20B" (2022):

- sequence to sequence: a text is cut at a random place between 5% and 100% of its length; the encoder reads the task's
  mark and the first part, the decoder writes the rest;
- decoder only: the encoder reads the task's mark alone, the decoder writes the whole text.

Both are drawn equally often.
"""

from __future__ import annotations

import numpy as np

from phloem.learn.objectives.span_corruption import Ids, Pair

EARLIEST = 0.05  # the share of a text before which it is never cut


def continuation(ids: Ids, task: int, rng: np.random.Generator) -> Pair:
    """The first part behind the task's mark, and the rest; a cut at the end leaves nothing to write."""
    low = min(max(int(np.ceil(EARLIEST * len(ids))), 1), len(ids))
    cut = int(rng.integers(low, len(ids) + 1)) if len(ids) else 0
    return Pair(np.concatenate([[task], ids[:cut]]).astype(ids.dtype), ids[cut:])


def from_nothing(ids: Ids, task: int) -> Pair:
    """The mark of the task alone, and the whole text."""
    return Pair(np.array([task], ids.dtype), ids)


def causal_pair(ids: Ids, task: int, rng: np.random.Generator) -> Pair:
    """One of the two forms."""
    return continuation(ids, task, rng) if rng.random() < 0.5 else from_nothing(ids, task)
