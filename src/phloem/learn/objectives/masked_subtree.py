"""Objectives over serialised syntax trees: subtrees or node labels are hidden, text becomes tree and tree text.

Agarwal et al., "Structured Code Representations Enable Data-Efficient Adaptation of Code Language Models" (2024,
section 3.2), in T5's form (`phloem.learn.objectives.span_corruption`):

- masked subtrees (MSP): whole constituents, none inside another, give way to sentinels until 15% of the units are
  hidden; the target holds them;
- masked nodes (MNP): labels of node types, and nothing else, give way to sentinels;
- translation of the text into its tree (TeTr) and of the tree into its text (TrTe).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int

from phloem.learn.objectives.span_corruption import SHARE, Ids, Pair, Span, corrupt
from phloem.represent.cst_units import CstUnits

LARGEST = 0.25  # of the sequence that one subtree may be


def subtrees(ids: Ids, vocabulary: CstUnits) -> list[Span]:
    """Where each constituent begins and ends, those that do not close left out."""
    found: list[Span] = []
    open_: list[int] = []
    for place in np.flatnonzero((ids == vocabulary.open) | (ids == vocabulary.close)).tolist():
        if ids[place] == vocabulary.open:
            open_.append(place)
        elif open_:
            found.append((open_.pop(), place + 1))
    return found


def balanced(ids: Ids, vocabulary: CstUnits) -> bool:
    """Whether the units are whole constituents and leaves: no closing comes before its opening and none is missing."""
    depth = np.cumsum((ids == vocabulary.open).astype(int) - (ids == vocabulary.close))
    return len(ids) == 0 or (int(depth[-1]) == 0 and int(depth.min()) >= 0)


def masked_subtree_spans(
    ids: Ids, vocabulary: CstUnits, rng: np.random.Generator, *, share: float = SHARE
) -> list[Span]:
    """Disjoint subtrees in order, drawn until `share` of the units is hidden; small sequences may have none."""
    wanted, most = round(share * len(ids)), max(LARGEST * len(ids), 6)
    candidates = [span for span in subtrees(ids, vocabulary) if span[1] - span[0] <= most]
    taken = np.zeros(len(ids), bool)
    chosen: list[Span] = []
    for number in rng.permutation(len(candidates)).tolist():
        start, end = candidates[number]
        if taken.sum() >= wanted or len(chosen) >= vocabulary.units.sentinels - 1:
            break
        if not taken[start:end].any():
            taken[start:end] = True
            chosen.append((start, end))
    return sorted(chosen)


def masked_subtrees(ids: Ids, vocabulary: CstUnits, rng: np.random.Generator) -> Pair:
    """MSP."""
    return corrupt(ids, masked_subtree_spans(ids, vocabulary, rng), vocabulary.units.sentinel)


def masked_nodes(ids: Ids, vocabulary: CstUnits, rng: np.random.Generator, *, share: float = SHARE) -> Pair:
    """MNP: each label with the probability `share`, at least one where there is one."""
    labels = np.flatnonzero(_labels(ids, vocabulary))
    chosen = labels[rng.random(len(labels)) < share]
    if not len(chosen) and len(labels):
        chosen = rng.choice(labels, 1)
    chosen = chosen[: vocabulary.units.sentinels - 1]
    return corrupt(ids, [(place, place + 1) for place in chosen.tolist()], vocabulary.units.sentinel)


def _labels(ids: Ids, vocabulary: CstUnits) -> Bool[np.ndarray, " units"]:
    return np.asarray(ids >= vocabulary.first_label)


def text_and_tree(text: Ids, tree: Int[np.ndarray, " units"], rng: np.random.Generator) -> Pair:
    """TeTr or TrTe, each as likely."""
    return Pair(text, tree) if rng.random() < 0.5 else Pair(tree, text)
