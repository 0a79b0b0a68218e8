"""Flags: names that are improbable for their bodies. Where they begin, and how often they are right.

A name is flagged under a threshold of its probability a word (`per_word`). The threshold is set where the answer is
known: half of the names are swapped with another function's of the same project, and a flag is right if its name is one
of these. As the threshold is chosen on the validation split, what its flags are worth is measured on another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import nn

from phloem.assist.conventions import is_protocol_name
from phloem.assist.models import BATCH
from phloem.assist.predictions import per_word
from phloem.assist.progress import Tell, silent
from phloem.decode.rescore import score
from phloem.languages.example import Example
from phloem.languages.tree import Tree
from phloem.measure import bootstrap, calibration, subtoken_f1
from phloem.represent.base import PAD
from phloem.tasks import naming

PRECISION = 0.8  # of flags, where half of the names are wrong; in real code far fewer are
JUDGED = 20_000  # functions that the threshold is set on, and that its flags are measured on

Read = Callable[[], Iterable[Example]]  # gives the same examples afresh at each call


class FlagThreshold(NamedTuple):
    """Where flags begin, with their precision and recall on the names that it was chosen on."""

    value: float
    precision: float
    recall: float
    flagged: float  # share of all names
    examples: int


def flag_threshold(net: nn.Module, view: Any, read: Read, tell: Tell = silent) -> FlagThreshold:
    """The probability a word under which a name is flagged, for a precision of PRECISION on swapped names."""
    probability, wrong = judged_names(net, view, read, tell)
    if not len(wrong):
        return FlagThreshold(0.0, 1.0, 0.0, 0.0, 0)
    found = calibration.threshold(probability, wrong, PRECISION)
    return FlagThreshold(max(0.0, found.value), found.precision, found.recall, found.flagged, len(wrong))


def flag_figures(
    net: nn.Module, view: Any, read: Read, threshold: float, tell: Tell = silent, *, most: int | None = None
) -> dict[str, Any]:
    """`figures_of` the flags at a given threshold, on at most `most` names of which half are swapped."""
    probability, wrong = judged_names(net, view, read, tell, JUDGED if most is None else min(most, JUDGED))
    return figures_of(probability < threshold, wrong)


def figures_of(flagged: Bool[np.ndarray, " examples"], wrong: Bool[np.ndarray, " examples"]) -> dict[str, Any]:
    """Precision and recall of flags, each with NAME_interval (95%), `flagged`, their share, and `examples`.

    Only `examples` (0) of no examples.
    """
    if not len(wrong):
        return {"examples": 0}
    # The counts of precision and recall: right flags, flags that are not, wrong names without a flag.
    addends = np.stack([flagged & wrong, flagged & ~wrong, ~flagged & wrong], axis=1).astype(np.float64)
    figures: dict[str, Any] = {"examples": len(wrong), "flagged": float(flagged.mean())}
    for name, figure in (("precision", subtoken_f1.precision), ("recall", subtoken_f1.recall)):
        value, low, high = bootstrap.interval(addends, figure)
        figures |= {name: value, f"{name}_interval": [low, high]}
    return figures


def judged_names(
    net: nn.Module, view: Any, read: Read, tell: Tell = silent, most: int = JUDGED
) -> tuple[Float[np.ndarray, " examples"], Bool[np.ndarray, " examples"]]:
    """The probability a word of each name, and which names are wrong: half, swapped with one of the same project.

    At most `most` examples, spread evenly. Names that are never flagged take no part. First the names are drawn, then,
    reading afresh, scored in a stream.
    """
    none = np.empty(0)
    nothing = Tree(none, none, none, none, none, none, b"")
    pool = [(row, one._replace(tree=nothing)) for row, one in enumerate(read()) if _takes_part(view, one)]
    if len(pool) > most:
        pool = [pool[place] for place in np.linspace(0, len(pool) - 1, most).astype(int)]
    names, wrong = naming.swapped_names([one for _, one in pool])
    given = {row: name for (row, _), name in zip(pool, names, strict=True)}
    chosen = ((one, given[row]) for row, one in enumerate(read()) if row in given)
    probabilities: list[float] = []
    while part := list(islice(chosen, BATCH)):
        probabilities += name_probabilities(net, view, [one for one, _ in part], [name for _, name in part])
        tell("judging names, half of them swapped", len(probabilities) / len(pool))
    return np.array(probabilities), wrong


def _takes_part(view: Any, example: Example) -> bool:
    return not is_protocol_name(example.language, example.name) and bool(view.target(example))


@torch.inference_mode()
def name_probabilities(net: nn.Module, view: Any, examples: Sequence[Example], names: Sequence[str]) -> list[float]:
    """What a model gives each of the `names` for the body of each example, a word (`per_word`).

    The name is the target alone: what of the body spells the example's own name stays masked.
    """
    batch = view.batch(examples)
    target = torch.full_like(batch.target, PAD)
    for row, one, name in zip(target, examples, names, strict=True):
        ids = view.words.ids(view.target(one._replace(name=name))[: target.shape[1] - 1])
        row[: len(ids)] = torch.tensor(ids)
    words = (target != PAD).sum(dim=1).tolist()
    return [per_word(each, count) for each, count in zip(score(net, batch, target).tolist(), words, strict=True)]
