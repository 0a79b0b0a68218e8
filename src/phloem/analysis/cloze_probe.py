"""A cloze probe: what a pretrained encoder knows without being trained any further.

Feng et al., "CodeBERT" (2020, section 4.2): a word of a pair is hidden and the frozen model chooses among a few
candidates (max, min; all, any …) by the word head's logits. Of each candidate equally many places are asked, so that
guessing, whatever it prefers, is right 1 / |candidates| of the time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool

from phloem.nn.models.text_encoder import TextPairs
from phloem.represent.subwords import MASK


class Cloze(NamedTuple):
    """One place of one row whose unit is one of the candidates."""

    row: int
    place: int
    answer: int
    candidates: tuple[int, ...]


def questions(
    batch: TextPairs, groups: Sequence[Sequence[int]], side: str, *, most: int = 100, seed: int = 0
) -> list[Cloze]:
    """Places of one side ("text" or "code"), for each group of candidates equally many of each, at most `most`.

    Of a row and group one place is asked. A group of which a candidate never stands anywhere is left out."""
    rng = np.random.default_rng(seed)
    own = (batch.text if side == "text" else batch.code).numpy()
    tokens = batch.tokens.numpy()
    found: list[Cloze] = []
    for group in groups:
        places: dict[int, list[tuple[int, int]]] = defaultdict(list)
        seen: set[tuple[int, int]] = set()
        rows, columns = np.nonzero(own & np.isin(tokens, list(group)))
        for at in rng.permutation(len(rows)):
            row, place = int(rows[at]), int(columns[at])
            answer = int(tokens[row, place])
            if (row, answer) not in seen:
                seen.add((row, answer))
                places[answer].append((row, place))
        count = min(most, *(len(places[candidate]) for candidate in group))
        found += [Cloze(row, place, answer, tuple(group)) for answer in group for row, place in places[answer][:count]]
    return found


@torch.inference_mode()
def answers(model: Any, batch: TextPairs, asked: Sequence[Cloze], at_once: int = 128) -> Bool[np.ndarray, " asked"]:
    """Whether the right candidate has the largest logit, for a model of `TextPairs` with the head `words`."""
    right = np.zeros(len(asked), bool)
    for start in range(0, len(asked), at_once):
        part = asked[start : start + at_once]
        rows = torch.tensor([one.row for one in part])
        tokens, places = batch.tokens[rows].clone(), torch.tensor([one.place for one in part])
        tokens[torch.arange(len(part)), places] = MASK
        states = model(tokens, batch.lengths[rows])[torch.arange(len(part)), places]
        for number, (one, logits) in enumerate(zip(part, model.words(states), strict=True)):
            candidates = torch.tensor(one.candidates)
            right[start + number] = int(candidates[logits[candidates].argmax()]) == one.answer
    return right


def chance(asked: Sequence[Cloze]) -> float:
    """What guessing gets right."""
    return float(np.mean([1 / len(one.candidates) for one in asked])) if asked else 0.0
