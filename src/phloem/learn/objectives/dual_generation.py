"""Bimodal dual generation: text from code and code from text, by one model.

Wang et al., "CodeT5" (EMNLP 2021, section 3.2), the second stage of its pretraining; Guo et al., "UniXcoder" (ACL 2022,
section 3.2), cross-modal generation. Either direction is as likely; a mark of the language that is wanted begins the
source (<en> …, <java> …), so that the two do not disturb each other.
"""

from __future__ import annotations

import numpy as np

from phloem.learn.objectives.span_corruption import Ids, Pair


def to_text(text: Ids, code: Ids, wanted: int) -> Pair:
    """Code to text, the mark `wanted` of the text's language in front."""
    return Pair(np.concatenate([[wanted], code]).astype(code.dtype), text)


def to_code(text: Ids, code: Ids, wanted: int) -> Pair:
    """Text to code, the mark `wanted` of the code's language in front."""
    return Pair(np.concatenate([[wanted], text]).astype(text.dtype), code)


def either(text: Ids, code: Ids, *, text_mark: int, code_mark: int, rng: np.random.Generator) -> Pair:
    """One of the two directions."""
    return to_text(text, code, text_mark) if rng.random() < 0.5 else to_code(text, code, code_mark)
