"""Windows of whole snippets, of one repository or of several (Gurioli et al. 2025).

A window is [CLS] s_1 [SEP] s_2 [SEP] … with at least two snippets, each whole: one that does not fit any more is left
out, none is cut. Half of the windows are of one repository; of the others at least one snippet is of another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int, Int64
from torch import Tensor

from phloem.represent.subwords import CLS, PAD, SEP

FEWEST = 2  # snippets of a window
TRIES = 50  # snippets that are drawn before a window is full


class Window(NamedTuple):
    """`snippets` are their numbers, `starts` their places in `tokens`."""

    tokens: Int64[np.ndarray, " time"]
    snippets: tuple[int, ...]
    starts: tuple[int, ...]
    one_repository: bool


class WindowBatch(NamedTuple):
    tokens: Int64[Tensor, "batch time"]
    real: Bool[Tensor, "batch time"]
    content: Bool[Tensor, "batch time"]  # units, no marks
    one_repository: Bool[Tensor, " batch"]


def windows(
    snippets: Sequence[Sequence[int]],
    repositories: Int[np.ndarray, " snippets"],
    *,
    size: int,
    count: int,
    rng: np.random.Generator,
) -> list[Window]:
    """`count` windows of at most `size` units, every other one of one repository. Raises ValueError without enough
    snippets that fit."""
    short = np.array([len(snippet) + 1 <= (size - 1) // FEWEST for snippet in snippets])
    usable = np.flatnonzero(short)
    own = [usable[repositories[usable] == number] for number in np.unique(repositories[usable])]
    several = [numbers for numbers in own if len(numbers) >= FEWEST]
    if not several or len(own) < 2:
        raise ValueError("windows need two snippets of one repository, and one of another, that fit together")
    found = []
    for number in range(count):
        home = several[rng.integers(len(several))]
        if number % 2 == 0:
            order = rng.permutation(home)[:TRIES]
        else:
            first = home[rng.integers(len(home))]
            away = usable[repositories[usable] != repositories[first]]
            mixed = rng.choice(usable, min(TRIES, len(usable)), replace=False)
            order = np.array(list(dict.fromkeys([first, away[rng.integers(len(away))], *mixed])))
        found.append(_filled(snippets, order, size, one_repository=number % 2 == 0))
    return found


def _filled(
    snippets: Sequence[Sequence[int]], order: Int[np.ndarray, " drawn"], size: int, one_repository: bool
) -> Window:
    tokens, kept, starts = [CLS], [], []
    for number in order.tolist():
        if len(tokens) + len(snippets[number]) + 1 <= size:
            kept.append(number)
            starts.append(len(tokens))
            tokens += [*snippets[number], SEP]
    return Window(np.array(tokens), tuple(kept), tuple(starts), one_repository)


def collate_windows(many: Sequence[Window]) -> WindowBatch:
    """Windows padded on the right."""
    time = max(len(window.tokens) for window in many)
    tokens = np.full((len(many), time), PAD)
    for row, window in enumerate(many):
        tokens[row, : len(window.tokens)] = window.tokens
    units = torch.from_numpy(tokens)
    real = torch.arange(time) < torch.tensor([len(window.tokens) for window in many])[:, None]
    content = real & (units != CLS) & (units != SEP)
    return WindowBatch(units, real, content, torch.tensor([window.one_repository for window in many]))
