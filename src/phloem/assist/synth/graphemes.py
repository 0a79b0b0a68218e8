"""What a reader sees as one character stays one: clusters of code points are folded into single ones and back.

The languages of programs count code points. A family emoji, a flag or a letter with a combining mark is several of
them, and a program that takes "the first character" would cut it apart. So a table with such clusters is folded first:
each becomes the one composed character that Unicode has for it (NFC), else a character of the private use area;
programs run on the folded text, and what comes out is unfolded. Text without clusters, which is nearly all, is left as
it is.

The clusters are those of Unicode Standard Annex 29 as far as `re` can tell them: marks, variation selectors, skin
tones, tags and joiners stay with what is before them; regional indicators pair; conjoining jamo make a syllable. (Not:
CR LF, and the conjuncts of Indic scripts.)
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

EXTEND = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u07a6-\u07b0\u0900-\u0903\u093a-\u093c"
    "\u093e-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc\u09be-\u09cd\u09d7\u0a01-\u0a03\u0a3c-\u0a4d\u0abc"
    "\u0abe-\u0acd\u0b01-\u0b03\u0b3c\u0b3e-\u0b4d\u0bbe-\u0bcd\u0c00-\u0c04\u0c3e-\u0c4d\u0cbc\u0cbe-\u0ccd\u0d00-\u0d03"
    "\u0d3e-\u0d4d\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u0f71-\u0f84\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u200d\u20d0-\u20ff\u3099\u309a\ufe00-\ufe0f\ufe20-\ufe2f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\U000e0100-\U000e01ef"
)
CLUSTER = (
    "[\U0001f1e6-\U0001f1ff]{2}|[\u1100-\u115f]+[\u1160-\u11a7]+[\u11a8-\u11ff]*"
    f"|[^\r\n](?:(?<=\u200d)[\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff]|[{EXTEND}])+"
)
PRIVATE = 0xF0000  # the first of 65,534 characters that no text is meant to use

_cluster = re.compile(CLUSTER)


def has_clusters(texts: Iterable[str]) -> bool:
    """Whether any of the texts has a character of several code points."""
    return any(not text.isascii() and _cluster.search(text) for text in texts)


class Folding:
    """Folds texts and unfolds what programs make of them; one for a table, so that equal clusters fold alike."""

    def __init__(self) -> None:
        self.folded: dict[str, str] = {}
        self.clusters: dict[str, str] = {}

    def fold(self, text: str) -> str:
        """The text with one code point a cluster."""
        return text if text.isascii() else _cluster.sub(self._fold, text)

    def unfold(self, text: str) -> str:
        """The text with the clusters that it stands for.

        >>> folding = Folding()
        >>> folded = folding.fold("👩‍👩‍👧 e\u0301")
        >>> len(folded), folding.unfold(folded[::-1]) == "e\u0301 👩‍👩‍👧"
        (3, True)
        """
        return text if text.isascii() else "".join(self.clusters.get(each, each) for each in text)

    def _fold(self, match: re.Match[str]) -> str:
        cluster = match[0]
        if cluster not in self.folded:
            composed = unicodedata.normalize("NFC", cluster)
            # A run of jamo may be more than one syllable.
            single = composed if len(composed) == 1 else chr(PRIVATE + len(self.folded) % 65_534)
            self.folded[cluster] = single
            self.clusters.setdefault(single, cluster)
        return self.folded[cluster]


PYTHON = f"""
CLUSTER = re.compile({CLUSTER.encode("unicode_escape").decode()!r})
folded, clusters = {{}}, {{}}


def fold(text):
    def one(match):
        cluster = match[0]
        if cluster not in folded:
            composed = unicodedata.normalize("NFC", cluster)
            folded[cluster] = composed if len(composed) == 1 else chr({PRIVATE:#x} + len(folded) % 65534)
            clusters.setdefault(folded[cluster], cluster)
        return folded[cluster]

    return CLUSTER.sub(one, text)


def unfold(text):
    return "".join(clusters.get(each, each) for each in text)
"""
