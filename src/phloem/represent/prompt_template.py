"""Two pieces of code and a question as one sequence with slots for learned prompts.

Cui et al., "Zero-Shot Code Representation Learning via Prompt Tuning" (2024). With m slots the sequence is

    m = 10: 3 slots, code_1, 4 slots, code_2, 3 slots, <mask>      m = 3: one before each part
    m = 1: code_1, slot, code_2, <mask>                            m = 2: another one before <mask>

between the marks of beginning and end. What is too long is cut: slots and <mask> never; by default the longer code
loses its end first, as released (`released`) code_2 shrinks to nothing before code_1 is touched. Slots are marked by
numbers of their own, not by a unit, so that no text looks like one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from phloem.represent.byte_pairs import END, MASK, PAD, START, UNK

SLOTS = {0: (0, 0, 0), 1: (0, 1, 0), 2: (0, 1, 1), 3: (1, 1, 1), 10: (3, 4, 3)}
"""How many slots stand before code_1, before code_2 and before <mask>."""


class PromptRow(NamedTuple):
    """A sequence; `slots` has the number of the slot at a place, or -1."""

    tokens: Int64[np.ndarray, " time"]
    slots: Int64[np.ndarray, " time"]


class PromptBatch(NamedTuple):
    tokens: Int64[Tensor, "batch time"]
    slots: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, " batch"]
    target: Int64[Tensor, " batch"]


def shortened(one: int, other: int, room: int, *, released: bool = False) -> tuple[int, int]:
    """How much of two lengths is kept so that both fit."""
    if one + other <= room:
        return one, other
    if released:
        kept = min(one, room)
        return kept, room - kept
    half = room // 2
    if one <= half:
        return one, room - one
    if other <= half:
        return room - other, other
    return room - half, half


def prompt_row(one: Sequence[int], other: Sequence[int], slots: int, most: int, *, released: bool = False) -> PromptRow:
    """The row of two codes in units, of at most `most` places. Raises ValueError where `slots` is none of SLOTS, or the
    marks alone are too many."""
    if slots not in SLOTS:
        raise ValueError(f"there are templates of {', '.join(map(str, SLOTS))} slots, none of {slots}")
    room = most - slots - 3
    if room < 0:
        raise ValueError(f"{slots} slots and the marks do not fit {most} places")
    first, second = shortened(len(one), len(other), room, released=released)
    tokens, numbers, used = [START], [-1], 0
    for count, code in zip(SLOTS[slots], (one[:first], other[:second], [MASK]), strict=True):
        tokens += [*[UNK] * count, *code]
        numbers += [*range(used, used + count), *[-1] * len(code)]
        used += count
    return PromptRow(np.array([*tokens, END]), np.array([*numbers, -1]))


def collate_prompts(rows: Sequence[PromptRow], labels: Sequence[int]) -> PromptBatch:
    """Rows padded to the longest."""
    time = max(len(row.tokens) for row in rows)
    tokens, slots = np.full((len(rows), time), PAD), np.full((len(rows), time), -1)
    for number, row in enumerate(rows):
        tokens[number, : len(row.tokens)], slots[number, : len(row.slots)] = row.tokens, row.slots
    lengths = torch.tensor([len(row.tokens) for row in rows])
    return PromptBatch(torch.from_numpy(tokens), torch.from_numpy(slots), lengths, torch.tensor(list(labels)))
