"""Code and prose as subwords of one vocabulary.

A text becomes words first: identifiers are cut at underscores and where the case changes (`parseHTTPDate` is parse,
http, date), everything is lower-cased, operators are words of their own and punctuation that only separates is left
out. So a query and an identifier that say the same are the same words. Words become units by byte-level byte-pair
encoding (Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword Units", 2016; bytes:
Radford et al., "Language Models are Unsupervised Multitask Learners", 2019, section 2.2): no word is unknown, a
frequent one is one unit. Units never cross words, so each distinct word is encoded once and remembered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from jaxtyping import Int32, Int64

from phloem.errors import PhloemError
from phloem.represent.ascii_words import spans

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD, MASK, CLS, SEP = range(4)
SPECIALS = ("[PAD]", "[MASK]", "[CLS]", "[SEP]")
FORMAT = 1
LONGEST_WORD = 32  # characters of a word that count: longer ones are data
CHARACTERS_A_UNIT = 24  # of a text that are read for each unit that is wanted: code has about six
KNOWN_WORDS = 400_000  # that are remembered
FEW, TOGETHER = 8, 256  # texts: fewer are encoded one by one, more in portions
# fmt: off
OPERATORS = frozenset((
    "+", "-", "*", "/", "%", "<", ">", "&", "|", "^", "~", "!", "==", "!=", "<=", ">=", "+=", "-=", "*=", "/=", "**",
    "//", "<<", ">>", "&&", "||", "++", "--",
))
# fmt: on

# Letters beyond ASCII have no case here. In order: capitals, a word, a number, an operator.
_WORD = re.compile(r"[A-Z]+(?![^\W\d_A-Z])|[A-Z]?[^\W\d_A-Z]+|[0-9]+|[+\-*/%<>=!&|^~]+")


def words(text: str) -> list[str]:
    """The words of a text in order, lower-cased.

    >>> words("def parseHTTPDate(text_2) -> int: return text_2 << 1")
    ['def', 'parse', 'http', 'date', 'text', '2', 'int', 'return', 'text', '2', '<<', '1']
    """
    return [word for piece in _WORD.findall(text) if (word := _word(piece))]


def _word(piece: str) -> str:
    """A piece that `_WORD` found as a word; "" where it is punctuation."""
    first = piece[0]
    if first.isalnum():
        return piece[:LONGEST_WORD].lower()
    return piece if piece in OPERATORS else ""


class Ragged(NamedTuple):
    """Rows of different lengths, one behind the other: row r is `ids[offsets[r]:offsets[r + 1]]`."""

    ids: Int32[np.ndarray, " units"]
    offsets: Int64[np.ndarray, rows + 1]

    def lengths(self) -> Int64[np.ndarray, " rows"]:
        return np.diff(self.offsets)

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> Self:
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return cls(np.fromiter(chain.from_iterable(rows), np.int32, offsets[-1]), offsets)

    @classmethod
    def joined(cls, parts: Sequence[Ragged]) -> Self:
        lengths = np.concatenate([part.lengths() for part in parts])
        return cls(np.concatenate([part.ids for part in parts]), np.concatenate([[0], np.cumsum(lengths)]))

    def cut(self, most: int) -> Ragged:
        """Of each row the first `most`."""
        lengths = self.lengths()
        place = np.arange(len(self.ids)) - np.repeat(self.offsets[:-1], lengths)
        return Ragged(self.ids[place < most], np.concatenate([[0], np.cumsum(np.minimum(lengths, most))]))

    def rows(self, index: Int64[np.ndarray, " chosen"]) -> Ragged:
        """The rows of an index, in its order."""
        starts, lengths = self.offsets[index], np.diff(self.offsets)[index]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        place = np.arange(offsets[-1]) - np.repeat(offsets[:-1] - starts, lengths)
        return Ragged(self.ids[place], offsets)


class _Units(dict[str, tuple[int, ...]]):
    """Piece of a text → its units, encoded when first asked for."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self._tokenizer = tokenizer

    def __missing__(self, piece: str) -> tuple[int, ...]:
        word = _word(piece)
        if len(self) >= KNOWN_WORDS:
            self.clear()
        units = self[piece] = tuple(self._tokenizer.encode(word).ids) if word else ()
        return units


class Subwords:
    """A learned vocabulary of units. Ids 0 to 3 are SPECIALS."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.size: int = tokenizer.get_vocab_size()
        self._units = _Units(tokenizer)
        self._by_key: dict[int, tuple[int, ...]] = {}  # as _units, by the key of `ascii_words`

    @classmethod
    def fit(cls, texts: Iterable[str], size: int = 16_384) -> Self:
        """Learn `size` units (specials and the 256 bytes included) from the texts' words."""
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)]
        )
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=list(SPECIALS),
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        tokenizer.train_from_iterator((" ".join(words(text)) for text in texts), trainer)
        return cls(tokenizer)

    def units(self, text: str, most: int | None = None) -> list[int]:
        """The unit ids of a text, the first `most` of them."""
        return list(islice(self._stream(text, most), most))

    def encode(self, texts: Sequence[str], most: int | None = None) -> Ragged:
        """The units of many texts, of each the first `most`."""
        if len(texts) < FEW:
            return self._encode_each(texts, most)
        ascii_only = np.fromiter(map(str.isascii, texts), np.bool_, len(texts))
        plain, rest = (np.flatnonzero(chosen).tolist() for chosen in (ascii_only, ~ascii_only))
        portions = [plain[start : start + TOGETHER] for start in range(0, len(plain), TOGETHER)]
        parts = [self._encode_together([texts[i] for i in portion], most) for portion in portions]
        together = Ragged.joined([*parts, self._encode_each([texts[i] for i in rest], most)])
        return together.rows(np.argsort([*plain, *rest]))

    def _encode_each(self, texts: Sequence[str], most: int | None) -> Ragged:
        flat: list[int] = []
        offsets = np.zeros(len(texts) + 1, np.int64)
        for row, text in enumerate(texts):
            flat.extend(islice(self._stream(text, most), most))
            offsets[row + 1] = len(flat)
        return Ragged(np.array(flat, np.int32), offsets)

    def _encode_together(self, texts: Sequence[str], most: int | None) -> Ragged:
        """As `_encode_each`, of ASCII texts: each distinct word is looked up once."""
        if most is not None:
            texts = [text[: most * CHARACTERS_A_UNIT] for text in texts]
        text = "\n".join(texts).encode()
        found = spans(text, LONGEST_WORD)
        keys, first, word = np.unique(found.keys, return_index=True, return_inverse=True)
        if len(self._by_key) > KNOWN_WORDS:
            self._by_key.clear()
        units = [self._by_key.get(key) for key in keys.tolist()]
        for i, known in enumerate(units):
            if known is None:
                start, end = found.starts[first[i]], found.ends[first[i]]
                units[i] = self._by_key[int(keys[i])] = self._units[text[start:end].decode()]
        distinct = Ragged.of([each for each in units if each is not None])
        rows = distinct.rows(word)
        # of each text: where its words begin, then where its units do
        edges = np.cumsum([0, *(len(each) + 1 for each in texts)])
        offsets = rows.offsets[np.searchsorted(found.starts, edges)]
        return Ragged(rows.ids, offsets) if most is None else Ragged(rows.ids, offsets).cut(most)

    def _stream(self, text: str, most: int | None) -> Iterator[int]:
        if most is not None:
            text = text[: most * CHARACTERS_A_UNIT]
        return chain.from_iterable(map(self._units.__getitem__, _WORD.findall(text)))

    def text(self, ids: Iterable[int]) -> list[str]:
        """What each unit stands for, a space before the units that begin a word."""
        return [_readable(self.tokenizer.id_to_token(int(unit)) or "") for unit in ids]

    def state(self) -> dict[str, Any]:
        return {"format": FORMAT, "tokenizer": self.tokenizer.to_str()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The inverse of `state`. Raises PhloemError for a state that is none."""
        from tokenizers import Tokenizer

        if state.get("format") != FORMAT:
            raise PhloemError(f"subwords have format {state.get('format')}, this phloem reads {FORMAT}: train again")
        try:
            return cls(Tokenizer.from_str(state["tokenizer"]))
        except Exception as error:  # the library raises this very class
            raise PhloemError(f"the subwords of the model are not readable: {error}") from error


def _readable(unit: str) -> str:
    if unit in SPECIALS:
        return unit
    from tokenizers import decoders

    text: str = decoders.ByteLevel().decode([unit])
    return text
