"""Who may read whom in the three modes of one Transformer.

Guo et al., "UniXcoder" (ACL 2022, section 3.1), after Dong et al., "Unified Language Model Pre-training" (2019). True
where the row's position may read the column's:

    encoder-only      every real position of the sequence
    decoder-only      real positions up to its own
    encoder-decoder   the source reads all of the source and nothing of the target; the target reads all of the source,
                      and of the target positions up to its own

The masks are square: a mask of one row (which positions are real) given to a backbone that is flagged as a decoder is
silently made causal by some libraries, and an encoder in disguise decodes.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

Mode = Literal["encoder-only", "decoder-only", "encoder-decoder"]
MODES: tuple[Mode, ...] = ("encoder-only", "decoder-only", "encoder-decoder")


def mode_mask(
    mode: Mode,
    lengths: Int64[Tensor, " batch"],
    time: int,
    sources: Int64[Tensor, " batch"] | None = None,
) -> Bool[Tensor, "batch time time"]:
    """The mask of sequences padded to `time`; `sources` are the lengths of the encoder-decoder mode's source blocks.

    Rows behind a sequence's end read its first position, so that no softmax is over nothing. Raises ValueError for an
    unknown mode, and for one that needs `sources` and has none.
    """
    place = torch.arange(time, device=lengths.device)
    real = place < lengths[:, None]
    if mode == "encoder-only":
        mask = real[:, None].expand(-1, time, -1).clone()
    elif mode == "decoder-only":
        mask = real[:, None] & (place <= place[:, None])
    elif mode == "encoder-decoder":
        if sources is None:
            raise ValueError("the encoder-decoder mode needs the lengths of its sources")
        in_source = place < sources[:, None]
        causal = (place <= place[:, None]) & ~in_source[:, :, None]
        mask = real[:, None] & (in_source[:, None] | causal)
    else:
        raise ValueError(f"no mode {mode!r}: there are {', '.join(MODES)}")
    mask[:, :, 0] |= ~real
    return mask & (real[:, :, None] | (place == 0))
