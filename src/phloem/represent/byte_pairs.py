"""Text as byte pairs, exactly: every text comes back from its units byte for byte.

Byte-level byte-pair encoding (Radford et al., "Language Models are Unsupervised Multitask Learners", 2019, section
2.2), fitted to code as CodeT5 fits it (Wang et al. 2021, section 4.1), which makes sequences of code 30 to 45% shorter
than with units of prose. A text is first cut into words: letters, digits and underscores with the blank before them;
other characters with the blank before them; white space. Units never cross words.

Ids 0 to 4 are the marks of SPECIALS, then come the sentinels <extra_id_0> …, then the extra marks of a model, then the
units. A mark is never made of text: code that holds "<mask>" is four or more units, so no source can forge a mark.
PAD also ends a target and START begins one, as decoding wants it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from jaxtyping import Bool

from phloem.errors import PhloemError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIALS = ("<pad>", "<unk>", "<s>", "</s>", "<mask>")
PAD, UNK, START, END, MASK = range(5)
FORMAT = 1
KNOWN_TEXTS = 200_000  # whose units are remembered
_BLANK = "\u0120"  # as byte-level units write it
# The blank goes with the word behind it; runs of blanks leave their last one to it.
_WORDS = r" ?\w+| ?[^\s\w]+|\s+(?!\S)|\s+"


class BytePairs:
    """A learned vocabulary of units behind the marks."""

    def __init__(self, tokenizer: Tokenizer, sentinels: int, extra: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        self.sentinels, self.extra = sentinels, tuple(extra)
        self.marks = (*SPECIALS, *(f"<extra_id_{k}>" for k in range(sentinels)), *self.extra)
        self._mark_ids = {mark: number for number, mark in enumerate(self.marks)}
        if len(self._mark_ids) != len(self.marks):
            raise ValueError("the marks of a vocabulary must differ")
        self.size = len(self.marks) + tokenizer.get_vocab_size()
        self._known: dict[str, tuple[list[int], list[int]]] = {}

    @classmethod
    def fit(
        cls, texts: Iterable[str], size: int = 8192, *, sentinels: int = 100, extra: Sequence[str] = (), least: int = 2
    ) -> Self:
        """Learn from texts so that marks, the 256 bytes and units are `size` ids; pairs occur `least` times."""
        from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

        marks = len(SPECIALS) + sentinels + len(extra)
        if size < marks + 256:
            raise ValueError(f"{size} ids do not hold {marks} marks and 256 bytes")
        tokenizer = Tokenizer(models.BPE())
        split = pre_tokenizers.Split(Regex(_WORDS), "isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        )
        trainer = trainers.BpeTrainer(
            vocab_size=size - marks,
            min_frequency=least,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer, sentinels, extra)

    def mark(self, name: str) -> int:
        """The id of a mark. Raises KeyError for a name that is none."""
        return self._mark_ids[name]

    def sentinel(self, number: int) -> int:
        """The id of <extra_id_number>. Raises ValueError where there are not so many."""
        if not 0 <= number < self.sentinels:
            raise ValueError(f"there are {self.sentinels} sentinels, number {number} is none")
        return len(SPECIALS) + number

    def is_sentinel(self, unit: int) -> bool:
        return len(SPECIALS) <= unit < len(SPECIALS) + self.sentinels

    @cached_property
    def blank(self) -> int:
        """The unit of one blank alone."""
        return len(self.marks) + (self.tokenizer.token_to_id(_BLANK) or 0)

    @cached_property
    def begins_with_blank(self) -> Bool[np.ndarray, " ids"]:
        """The units whose text begins with a blank."""
        found = np.zeros(self.size, bool)
        for token, unit in self.tokenizer.get_vocab().items():
            found[len(self.marks) + unit] = token.startswith(_BLANK)
        return found

    def encode(self, text: str) -> list[int]:
        """The units of a text."""
        return list(self.encode_words(text)[0])

    def encode_words(self, text: str) -> tuple[list[int], list[int]]:
        """The units of a text, and the number of the word that each belongs to. Not to be changed."""
        found = self._known.get(text)
        if found is None:
            encoding = self.tokenizer.encode(text)
            words = [word or 0 for word in encoding.word_ids]
            found = [len(self.marks) + unit for unit in encoding.ids], words
            if len(text) <= 64:
                if len(self._known) >= KNOWN_TEXTS:
                    self._known.clear()
                self._known[text] = found
        return found

    def decode(self, ids: Iterable[int], *, marks: bool = False) -> str:
        """The text of units; marks are left out, or written by their names."""
        from tokenizers import decoders

        decoder = decoders.ByteLevel()
        pieces: list[str] = []
        run: list[str] = []
        for unit in ids:
            if unit >= len(self.marks):
                run.append(self.tokenizer.id_to_token(int(unit) - len(self.marks)) or "")
            elif marks:
                pieces += [decoder.decode(run) if run else "", self.marks[int(unit)]]
                run = []
        pieces.append(decoder.decode(run) if run else "")
        return "".join(pieces)

    def state(self) -> dict[str, Any]:
        """What `from_state` needs; JSON can hold it."""
        return {
            "format": FORMAT,
            "tokenizer": self.tokenizer.to_str(),
            "sentinels": self.sentinels,
            "extra": list(self.extra),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The inverse of `state`. Raises PhloemError for a state that is none."""
        from tokenizers import Tokenizer

        if state.get("format") != FORMAT:
            raise PhloemError(f"byte pairs have format {state.get('format')}, this phloem reads {FORMAT}: train again")
        try:
            return cls(Tokenizer.from_str(state["tokenizer"]), state["sentinels"], state["extra"])
        except Exception as error:  # the library raises this very class
            raise PhloemError(f"the byte pairs of the model are not readable: {error}") from error
