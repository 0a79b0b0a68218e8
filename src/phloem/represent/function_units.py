"""The view of small pretrained backbones: a function as byte pairs, each with the identifier that it belongs to, and
its documentation as byte pairs.

One vocabulary serves encoder, encoder-decoder and decoder (`phloem.represent.byte_pairs`); its marks are the special
ids, its sentinels what stands for hidden spans. Documentation is taken out of the code and kept beside it, so that a
model reads pairs, code alone, or both as one sequence.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from jaxtyping import Int16, Int32, Int64

from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.languages.documentation import first_sentence
from phloem.languages.example import Example
from phloem.represent.byte_pairs import SPECIALS, BytePairs
from phloem.represent.code_text import code_text
from phloem.represent.identifier_occurrences import marked_tokens
from phloem.represent.subwords import Ragged

FORMAT = 1
COLUMNS = ("code", "name", "doc")
FEWEST_UNITS = 16  # of code: less is not worth a row


@dataclass(frozen=True)
class FunctionUnitsConfig:
    """Sizes; `learned_from` functions teach the vocabulary."""

    vocabulary: int = 8192
    sentinels: int = 32
    code_units: int = 224
    doc_units: int = 30
    learned_from: int = 20_000

    def __post_init__(self) -> None:
        least = len(SPECIALS) + self.sentinels + 256
        if self.vocabulary < least:
            raise ValueError(f"a vocabulary of {self.vocabulary} ids is less than the {least} of marks and bytes")


class Functions(NamedTuple):
    """Rows of units. `name` says which identifier of its row a unit is of, -1 for none; a doc may be empty."""

    code: list[Int32[np.ndarray, " units"]]
    name: list[Int16[np.ndarray, " units"]]
    doc: list[Int32[np.ndarray, " units"]]


class FunctionDataset:
    """Compiled functions (a `Dataset`), memory-mapped."""

    def __init__(self, folder: Path | str) -> None:
        folder = Path(folder)
        try:
            offsets = {name: np.load(folder / f"{'code' if name == 'name' else name}.offsets.npy") for name in COLUMNS}
            self._columns = {
                name: Ragged(np.load(folder / f"{name}.npy", mmap_mode="r"), offsets[name]) for name in COLUMNS
            }
        except (OSError, ValueError, EOFError) as error:
            raise PhloemError(f"{folder} is no compiled dataset of functions: {error}") from None

    def __len__(self) -> int:
        return len(self._columns["code"].offsets) - 1

    @property
    def sizes(self) -> Int64[np.ndarray, " functions"]:
        """Units of each code."""
        return self._columns["code"].lengths()

    def batch(self, index: np.ndarray, rng: np.random.Generator | None) -> Functions:
        """These functions; nothing is sampled."""

        def rows(name: str, kind: type) -> list[np.ndarray]:
            column = self._columns[name]
            bounds = column.offsets
            return [np.asarray(column.ids[bounds[at] : bounds[at + 1]], kind) for at in np.asarray(index).tolist()]

        return Functions(rows("code", np.int32), rows("name", np.int16), rows("doc", np.int32))


class FunctionUnits:
    """Functions as units; `units` is learned from training data."""

    def __init__(self, config: FunctionUnitsConfig | None = None, units: BytePairs | None = None) -> None:
        self.config = config or FunctionUnitsConfig()
        self._units = units

    @property
    def units(self) -> BytePairs:
        assert self._units is not None, "fit the view first"
        return self._units

    def fit(self, examples: Iterable[Example]) -> Self:
        """Learn the vocabulary from the first `learned_from` examples."""
        texts: list[str] = []
        for example in examples:
            texts += [code_text(example)[:4000], first_sentence(example.doc)]
            if len(texts) >= 2 * self.config.learned_from:
                break
        self._units = BytePairs.fit(texts, self.config.vocabulary, sentinels=self.config.sentinels)
        return self

    def encode(self, example: Example) -> dict[str, np.ndarray]:
        """The columns of one function, cut to the view's sizes."""
        config = self.config
        marked = marked_tokens(example.tree, by_name(example.language), self.units, without=example.doc_span)
        doc = self.units.encode(first_sentence(example.doc)) if example.doc else []
        return {
            "code": marked.ids[: config.code_units],
            "name": marked.name[: config.code_units],
            "doc": np.array(doc[: config.doc_units], np.int32),
        }

    def compile(self, examples: Iterable[Example], folder: Path | str) -> FunctionDataset:
        """Encode functions into a new folder; those of a few units are left out."""
        folder = Path(folder)
        partial = folder.with_name(folder.name + ".partial")
        partial.mkdir(parents=True, exist_ok=True)
        rows: dict[str, list[np.ndarray]] = {name: [] for name in COLUMNS}
        kinds: dict[str, type] = dict.fromkeys(COLUMNS, np.uint16 if self.units.size <= 1 << 16 else np.uint32)
        kinds["name"] = np.int16
        for example in examples:
            encoded = self.encode(example)
            if len(encoded["code"]) >= FEWEST_UNITS:
                for name, column in rows.items():
                    column.append(encoded[name].astype(kinds[name]))
        for name, column in rows.items():
            np.save(partial / f"{name}.npy", np.concatenate(column) if column else np.zeros(0, kinds[name]))
            if name != "name":
                np.save(partial / f"{name}.offsets.npy", np.cumsum([0, *map(len, column)]).astype(np.int64))
        (partial / "view.json").write_text(json.dumps(self.state()))
        partial.rename(folder)
        return FunctionDataset(folder)

    def open(self, folder: Path | str) -> FunctionDataset:
        """A dataset that this view compiled."""
        return FunctionDataset(folder)

    def state(self) -> dict[str, Any]:
        """What `from_state` needs; JSON can hold it."""
        units = None if self._units is None else self._units.state()
        return {"format": FORMAT, "config": asdict(self.config), "units": units}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The inverse of `state`. Raises PhloemError for a state of another format."""
        if state.get("format") != FORMAT:
            raise PhloemError(f"function units have format {state.get('format')}, this phloem reads {FORMAT}")
        units = BytePairs.from_state(state["units"]) if state["units"] else None
        return cls(FunctionUnitsConfig(**state["config"]), units)


def padded_rows(rows: Sequence[Sequence[int]], fill: int) -> tuple[Int64[np.ndarray, "rows time"], np.ndarray]:
    """Rows with `fill` behind, at least one column; and their lengths."""
    lengths = np.array([len(row) for row in rows], np.int64)
    table = np.full((len(rows), max(1, int(lengths.max(initial=0)))), fill, np.int64)
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    return table, lengths
