"""Positions that align the parts of a target with the examples of its source (Shi et al., ExeDec, ICLR 2024, appendix).

A target lists one part an example, "p q r | s | t u"; the encoded examples stand one after the other, each in `longest`
places. If the parts are counted on, the distance between a part and its example depends on how long the parts before it
are. So counting begins anew after every separator, at the place where the example begins:

    p q r |  s  |   t   u
    0 1 2 3 50 51 100 101        with longest = 50

A separator belongs to the part that it closes. Relative positions (t5_relative_bias.py) between these and the source's
places are then the same for all examples.
"""

from __future__ import annotations

import torch
from jaxtyping import Int64
from torch import Tensor


def aligned_positions(tokens: Int64[Tensor, "batch time"], separator: int, longest: int) -> Int64[Tensor, "batch time"]:
    """The position of every token of a target."""
    place = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
    closes = (tokens == separator).long()
    part = closes.cumsum(1) - closes
    begins = torch.where(closes == 1, place + 1, 0).cummax(1).values
    begin = torch.cat([torch.zeros_like(begins[:, :1]), begins[:, :-1]], 1)
    return part * longest + place - begin


def next_position(
    position: Int64[Tensor, " rows"], token: Int64[Tensor, " rows"], separator: int, longest: int
) -> Int64[Tensor, " rows"]:
    """The position after a token at `position`: the beginning of the next part, or one further."""
    return torch.where(token == separator, (position // longest + 1) * longest, position + 1)
