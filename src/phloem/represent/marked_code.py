"""The view of pretraining on code: functions as byte pairs with their identifiers, and the texts that describe them.

What a model is asked (which spans or names are hidden, what is generated from what) is an objective's; this view holds
what all of them need, once on disk: the units of the code without its documentation, the word and the identifier that
each belongs to, and the units of the documentation's first sentence.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from jaxtyping import Int, Int32, Int64

from phloem.languages import by_name
from phloem.languages.documentation import first_sentence
from phloem.languages.example import Example
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.code_text import code_text
from phloem.represent.identifier_occurrences import MarkedTokens, marked_tokens


@dataclass(frozen=True)
class MarkedCodeConfig:
    """The vocabulary's size with its marks, and how many units of a code and of a text are kept."""

    size: int = 8192
    sentinels: int = 100
    extra: tuple[str, ...] = ()
    code: int = 256
    text: int = 48


class MarkedFunction(NamedTuple):
    """A function as a model reads it. `own` is the number of its own name among the code's names, -1 if cut off."""

    code: MarkedTokens
    text: Int32[np.ndarray, " units"]
    name: str
    own: int
    language: str


class MarkedCodeDataset:
    """Functions in memory-mapped arrays; `items` gives them whole."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        about = json.loads((self.folder / "functions.json").read_text())
        self._names, self._texts, self._languages = about["names"], about["own"], about["languages"]
        self._flat = {part: np.load(self.folder / f"{part}.npy", mmap_mode="r") for part in _PARTS}
        self._offsets = {part: np.load(self.folder / f"{part}.offsets.npy") for part in ("ids", "names", "text")}

    def __len__(self) -> int:
        return len(self._languages)

    @property
    def sizes(self) -> Int64[np.ndarray, " functions"]:
        """Units of each function's code."""
        return np.diff(self._offsets["ids"])

    def item(self, number: int) -> MarkedFunction:
        """One function."""
        ids, word, name, names, text = (self._row(part, number) for part in _PARTS)
        known = tuple(self._names[each] for each in names.tolist())
        own = self._texts[number]
        code = MarkedTokens(ids, word, name, known)
        place = known.index(own) if own in known else -1
        return MarkedFunction(code, text, own, place, self._languages[number])

    def items(self, index: Int[np.ndarray, " chosen"]) -> list[MarkedFunction]:
        return [self.item(number) for number in index.tolist()]

    def documented(self) -> Int64[np.ndarray, " documented"]:
        """The functions with a text."""
        return np.flatnonzero(np.diff(self._offsets["text"]))

    def _row(self, part: str, number: int) -> np.ndarray:
        offsets = self._offsets["ids" if part in ("word", "name") else part]
        return np.asarray(self._flat[part][offsets[number] : offsets[number + 1]])


_PARTS = ("ids", "word", "name", "names", "text")


class MarkedCodeView:
    """Functions as `MarkedFunction`s."""

    def __init__(self, config: MarkedCodeConfig, units: BytePairs | None = None) -> None:
        self.config = config
        self._units = units

    @property
    def units(self) -> BytePairs:
        assert self._units is not None, "fit the view first"
        return self._units

    def fit(self, examples: Iterable[Example]) -> Self:
        """Learn the byte pairs of codes and texts."""
        texts = (text for example in examples for text in (code_text(example), first_sentence(example.doc)) if text)
        config = self.config
        self._units = BytePairs.fit(texts, config.size, sentinels=config.sentinels, extra=config.extra)
        return self

    def encode(self, example: Example, rng: np.random.Generator | None = None) -> MarkedFunction:
        """A function; nothing is sampled."""
        code = marked_tokens(example.tree, by_name(example.language), self.units, without=example.doc_span)
        code = first_units(code, self.config.code)
        sentence = first_sentence(example.doc)
        text = np.array(self.units.encode(sentence)[: self.config.text], np.int32)
        own = code.names.index(example.name) if example.name in code.names else -1
        return MarkedFunction(code, text, example.name, own, example.language)

    def compile(self, examples: Iterable[Example], folder: Path | str) -> MarkedCodeDataset:
        """Encode into a new folder."""
        folder = Path(folder)
        partial = folder.with_name(folder.name + ".partial")
        partial.mkdir(parents=True, exist_ok=True)
        rows: dict[str, list[np.ndarray]] = {part: [] for part in _PARTS}
        table: dict[str, int] = {}
        own: list[str] = []
        languages: list[str] = []
        for example in examples:
            found = self.encode(example)
            names = np.array([table.setdefault(name, len(table)) for name in found.code.names], np.int32)
            columns = (found.code.ids, found.code.word, found.code.name, names, found.text)
            for part, row in zip(_PARTS, columns, strict=True):
                rows[part].append(row)
            own.append(found.name)
            languages.append(found.language)
        for part, parts in rows.items():
            np.save(partial / f"{part}.npy", np.concatenate([np.zeros(0, np.int32), *parts]))
            np.save(partial / f"{part}.offsets.npy", np.cumsum([0, *map(len, parts)]).astype(np.int64))
        facts = {"names": list(table), "own": own, "languages": languages}
        (partial / "functions.json").write_text(json.dumps(facts))
        partial.rename(folder)
        return MarkedCodeDataset(folder)

    def open(self, folder: Path | str) -> MarkedCodeDataset:
        """A dataset that this view compiled."""
        return MarkedCodeDataset(folder)

    def state(self) -> dict[str, Any]:
        """What `from_state` needs; JSON can hold it."""
        return {"config": asdict(self.config), "units": self._units and self._units.state()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        config = MarkedCodeConfig(**{**state["config"], "extra": tuple(state["config"]["extra"])})
        return cls(config, state["units"] and BytePairs.from_state(state["units"]))


def first_units(code: MarkedTokens, most: int) -> MarkedTokens:
    """The code cut to `most` units; names that no longer occur are dropped, the last ones."""
    name = code.name[:most]
    known = int(name.max(initial=-1)) + 1
    return MarkedTokens(code.ids[:most], code.word[:most], name, code.names[:known])


def unit_text(units: BytePairs, ids: Sequence[int]) -> str:
    """A generated sequence as text, its blanks trimmed."""
    return units.decode(ids).strip()
