"""The view of code review: the tokens of a function and the places in it that could be wrong.

A token is a row of pieces: units of the subword vocabulary (`represent.subwords`) for names, strings and numbers, a
symbol of its own for punctuation, keywords and layout. The first sentence of the documentation comes before the code:

    [CLS] w_1 … w_n [SEP] c_1 … c_m

Places are those of `represent.bug_slots`, with tokens in place of nodes, and the documentation itself as one more. What
is compiled once is the code as it is; bugs are put in, as arrays, when a batch is drawn (`represent.bug_arrays`).
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from jaxtyping import Int32, UInt8, UInt16

from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.languages.documentation import first_sentence
from phloem.languages.example import Example
from phloem.languages.tree import NAMED, Tree
from phloem.represent.bug_slots import DOC, EXCEPTION, OPERANDS, OPERATOR, VARIABLE, slots_of
from phloem.represent.closed_words import ClosedWords
from phloem.represent.indent_tokens import LAYOUT, indent_tokens
from phloem.represent.subwords import PAD, Subwords

FORMAT = 1
PIECES = 6  # of a token that count
FIXED = ("<UNKNOWN>", "<STRING>", "<NUMBER>", "<NAME>", *LAYOUT.values())
FEWEST_DOC_UNITS = 3
LONGEST_TEXT = 200  # characters of a token that are read
# Shapes of tokens, which pieces do not tell: they are lower-case
SYMBOL, LOWER, CAPITAL, UPPER, PRIVATE, SPECIAL, STRING, NUMBER, WORD, USE, BINDING = range(11)
SHAPES = 11
KIND, TOKEN, LEFT, LEFT_STOP, RIGHT, RIGHT_STOP, VALUE, TIGHT = range(8)  # columns of slots


@dataclass(frozen=True)
class ReviewViewConfig:
    """Sizes of what is kept of a function, and the language whose table of places is read."""

    language: str = "python"
    most_tokens: int = 256  # of code; what comes behind is not judged
    fewest_tokens: int = 8
    doc_units: int = 24
    symbols: int = 300  # most of them
    learned_from: int = 20_000  # functions that symbols are collected from


class EncodedFunction(NamedTuple):
    """A function as arrays. `slots` has the columns KIND … TIGHT, tokens counted from the first of the code; a value is
    the number of a variable, of `closed` words, or 0. `variables` are occurrences as (token, number of the name)."""

    pieces: UInt16[np.ndarray, "tokens pieces"]
    shape: UInt8[np.ndarray, " tokens"]
    doc: UInt16[np.ndarray, " units"]
    slots: Int32[np.ndarray, "slots 8"]
    variables: Int32[np.ndarray, "occurrences 2"]


class Places(NamedTuple):
    """What an encoded function's numbers stand for: bytes of slots and operands, and the names of variables."""

    spans: Int32[np.ndarray, "slots 6"]  # start and end of the node, of the left and of the right operand
    names: list[str]


class ReviewView:
    """Functions as tokens and places. `subwords` is a vocabulary that was learned for code search."""

    def __init__(self, config: ReviewViewConfig | None = None, subwords: Subwords | None = None) -> None:
        self.config = config or ReviewViewConfig()
        self._subwords = subwords
        self.symbols: dict[str, int] = {}
        self.closed = ClosedWords(self.config.language)
        self._known: dict[bytes, tuple[tuple[int, ...], int]] = {}

    @property
    def subwords(self) -> Subwords:
        assert self._subwords is not None, "the view has no vocabulary"
        return self._subwords

    @property
    def size(self) -> int:
        """Distinct pieces."""
        return self.subwords.size + len(self.symbols)

    def fit(self, examples: Iterable[Example]) -> Self:
        """Collect the symbols: what stands at anonymous nodes."""
        counts: Counter[str] = Counter()
        for example in islice(examples, self.config.learned_from):
            tree = example.tree
            kinds = by_name(example.language).kinds
            found = np.unique(tree.kind[(tree.flags & NAMED) == 0])
            counts.update(kinds[kind] for kind in found.tolist() if kind < len(kinds))
        fixed = dict.fromkeys((*FIXED, *self.closed.words))
        words = dict.fromkeys([*fixed, *sorted(word for word, _ in counts.most_common(self.config.symbols))])
        self.symbols = {word: self.subwords.size + i for i, word in enumerate(words)}
        return self

    def encode(self, example: Example, rng: np.random.Generator | None = None) -> EncodedFunction | None:
        """A function's arrays; None where it is too short, or where nothing could be wrong in it."""
        found = self.encode_places(example)
        return None if found is None else found[0]

    def encode_places(self, example: Example) -> tuple[EncodedFunction, Places] | None:
        """The arrays, and where the slots are in the source."""
        tree, language = example.tree, by_name(example.language)
        tokens = indent_tokens(tree, language, doc_span=example.doc_span, whole_strings=False, whole_operators=True)
        total = len(tokens.node)
        if total < self.config.fewest_tokens:
            return None
        most = min(total, self.config.most_tokens)
        doc = self.doc_units(example.doc)
        found = slots_of(tree, example.language)
        real = tokens.node >= 0
        at = np.flatnonzero(real)  # the sequence's index of each real token
        starts = tokens.start[real]
        pieces, shape = self._pieces(tree, tokens.node[:most], tokens.start[:most], tokens.end[:most], language.kinds)
        names: dict[str, int] = {}
        occurrences = _rows([(node, names.setdefault(name, len(names))) for node, name in found.variables], 2)
        occurrences[:, 0] = _token(tree, occurrences[:, 0], starts, at)
        occurrences = occurrences[occurrences[:, 0] < most]
        rows = np.array([slot[:4] for slot in found.slots], np.int64).reshape(-1, 4)
        values = [self._value(slot.kind, slot.text, names) for slot in found.slots]
        node, left, right = rows[:, 1], rows[:, 2], rows[:, 3]
        slots = np.stack(
            [
                rows[:, 0],
                _token(tree, node, starts, at),
                _token(tree, left, starts, at),
                _stop(tree, left, starts, at),
                _token(tree, right, starts, at),
                _stop(tree, right, starts, at),
                np.array(values, np.int64),
                [slot.tight for slot in found.slots],
            ],
            axis=1,
        ).astype(np.int32)
        keep = slots[:, [TOKEN, LEFT_STOP, RIGHT_STOP]].max(axis=1, initial=0) < most
        slots, rows = slots[keep], rows[keep]
        spans = np.stack([each[rows[:, i]] for i in (1, 2, 3) for each in (tree.start, tree.end)], axis=1)
        uses = slots[slots[:, KIND] == VARIABLE, TOKEN]
        shape[occurrences[:, 0]] = BINDING
        shape[uses] = USE
        if len(doc):
            slots = np.concatenate([slots, np.array([[DOC, -1, -1, -1, -1, -1, 0, 0]], np.int32)])
            span = example.doc_span or (0, 0)
            spans = np.concatenate([spans, np.array([span * 3], np.int32)])
        if not len(slots):
            return None
        encoded = EncodedFunction(pieces, shape, doc, slots, occurrences)
        return encoded, Places(spans.astype(np.int32), list(names))

    def _value(self, kind: int, text: str, names: Mapping[str, int]) -> int:
        if kind == VARIABLE:
            return names[text]
        return self.closed.number[text] if kind in (OPERATOR, OPERANDS, EXCEPTION) else 0

    def doc_units(self, doc: str) -> UInt16[np.ndarray, " units"]:
        """The units of a first sentence; none where it is too short to say anything."""
        units = self.subwords.units(first_sentence(doc), self.config.doc_units) if doc else []
        return np.array(units if len(units) >= FEWEST_DOC_UNITS else [], np.uint16)

    def _pieces(
        self, tree: Tree, node: np.ndarray, start: np.ndarray, end: np.ndarray, kinds: tuple[str, ...]
    ) -> tuple[UInt16[np.ndarray, "tokens pieces"], UInt8[np.ndarray, " tokens"]]:
        source, known, symbols = tree.source, self._known, self.symbols
        if len(known) > 1 << 20:
            known.clear()
        flags, kind = tree.flags[np.maximum(node, 0)].tolist(), tree.kind[np.maximum(node, 0)].tolist()
        rows: list[tuple[int, ...]] = []
        shapes = np.zeros(len(node), np.uint8)
        for i, (each, first, last) in enumerate(zip(node.tolist(), start.tolist(), end.tolist(), strict=True)):
            if each < 0:
                rows.append(self._symbol(symbols[LAYOUT[each]]))
            elif not flags[i] & NAMED and kind[i] < len(kinds):
                rows.append(self._symbol(symbols.get(kinds[kind[i]], symbols["<UNKNOWN>"])))
            else:
                text = source[first : min(last, first + LONGEST_TEXT)]
                found = known.get(text)
                if found is None:
                    found = known[text] = self.pieces_of(text.decode("utf-8", "replace"))
                rows.append(found[0])
                shapes[i] = found[1]
        return np.array(rows, np.uint16).reshape(-1, PIECES), shapes

    def _symbol(self, number: int) -> tuple[int, ...]:
        return (number, *[PAD] * (PIECES - 1))

    def pieces_of(self, text: str) -> tuple[tuple[int, ...], int]:
        """The pieces and the shape of a name, string, number or symbol."""
        symbols = self.symbols
        if text in symbols:
            return self._symbol(symbols[text]), SYMBOL
        first = text[:1]
        head: list[int] = []
        if first.isdigit():
            head, shape = [symbols["<NUMBER>"]], NUMBER
        elif text.isidentifier():
            bare = text.strip("_")
            shape = (
                SPECIAL if text.startswith("__") else PRIVATE if first == "_"
                else UPPER if bare.isupper() and len(bare) > 1 else CAPITAL if first.isupper() else LOWER
            )  # fmt: skip
        else:
            head, shape = [symbols["<STRING>"]], STRING
        units = head + self.subwords.units(text, PIECES - len(head))
        units = units or [symbols["<NAME>"]]
        return (*units, *[PAD] * (PIECES - len(units))), shape

    def closed_pieces(self) -> UInt16[np.ndarray, "closed pieces"]:
        """The pieces of each word of `closed`."""
        return np.array([self.pieces_of(word)[0] for word in self.closed.words], np.uint16)

    def compile(self, examples: Iterable[Example], folder: Path | str) -> ReviewDataset:
        """Encode functions into a new folder; those without places are left out."""
        folder = Path(folder)
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        rows: list[EncodedFunction] = []
        projects: dict[str, int] = {}
        project: list[int] = []
        for example in examples:
            encoded = self.encode(example)
            if encoded is not None:
                rows.append(encoded)
                project.append(projects.setdefault(example.project, len(projects)))
        for i, name in enumerate(EncodedFunction._fields):
            parts = [row[i] for row in rows]
            flat = np.concatenate(parts) if parts else np.zeros((0, *_TAILS[name]), _TYPES[name])
            np.save(partial / f"{name}.npy", flat)
            np.save(partial / f"{name}.offsets.npy", np.cumsum([0, *map(len, parts)]).astype(np.int64))
        np.save(partial / "project.npy", np.array(project, np.int32))
        (partial / "dataset.json").write_text(json.dumps({"format": FORMAT, "projects": list(projects)}))
        partial.rename(folder)
        return self.open(folder)

    def open(self, folder: Path | str) -> ReviewDataset:
        """A dataset that this view compiled."""
        return ReviewDataset(Path(folder))

    def state(self) -> dict[str, Any]:
        return {
            "config": asdict(self.config),
            "subwords": self._subwords.state() if self._subwords else None,
            "symbols": list(self.symbols),
            "closed": self.closed.words,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        subwords = Subwords.from_state(state["subwords"]) if state["subwords"] else None
        view = cls(ReviewViewConfig(**state["config"]), subwords)
        if subwords is not None:
            view.symbols = {word: subwords.size + i for i, word in enumerate(state["symbols"])}
        if view.closed.words != state["closed"]:
            raise PhloemError("the model's operators are not those of this phloem: train it again")
        return view


_TAILS: dict[str, tuple[int, ...]] = {
    "pieces": (PIECES,), "shape": (), "doc": (), "slots": (8,), "variables": (2,)
}  # fmt: skip
_TYPES: dict[str, type] = {
    "pieces": np.uint16, "shape": np.uint8, "doc": np.uint16, "slots": np.int32, "variables": np.int32
}  # fmt: skip


def _rows(values: Sequence[tuple[int, ...]], width: int) -> Int32[np.ndarray, "rows width"]:
    return np.array(values, np.int32).reshape(-1, width)


def _token(tree: Tree, node: np.ndarray, starts: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The index of the token that a node begins with."""
    return at[np.minimum(np.searchsorted(starts, tree.start[node]), len(at) - 1)]


def _stop(tree: Tree, node: np.ndarray, starts: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The index behind the last token of a node."""
    return at[np.searchsorted(starts, tree.end[node]) - 1] + 1


class ReviewDataset:
    """Compiled functions, memory-mapped."""

    def __init__(self, folder: Path) -> None:
        """Raises PhloemError where the folder has no dataset of this version."""
        try:
            about = json.loads((folder / "dataset.json").read_text())
            if about.get("format") != FORMAT:
                raise PhloemError(f"{folder} has dataset format {about.get('format')}; this version reads {FORMAT}")
            self.projects: list[str] = about["projects"]
            self.project = np.load(folder / "project.npy")
            self._columns = [
                (np.load(folder / f"{name}.npy", mmap_mode="r"), np.load(folder / f"{name}.offsets.npy"))
                for name in EncodedFunction._fields
            ]
        except (OSError, ValueError, EOFError, KeyError) as error:
            raise PhloemError(f"{folder} is not a compiled dataset of code review: {error}") from None

    def __len__(self) -> int:
        return len(self.project)

    @property
    def sizes(self) -> np.ndarray:
        """Tokens of each function."""
        return np.diff(self._columns[0][1])

    def function(self, index: int) -> EncodedFunction:
        """The arrays of one function."""
        return EncodedFunction(*(np.asarray(flat[ends[index] : ends[index + 1]]) for flat, ends in self._columns))
