"""The view of code search: the units of a function's code, and of texts that someone may search it by.

What is searched by stands in for queries, which no corpus has: the first sentence of the documentation, the whole
documentation, or the function's name as words (Husain et al., "CodeSearchNet Challenge", 2019, section 3). Every time
that a function is drawn one of them is drawn anew (Sampling). So that a pair can not be solved by the name alone, which
the documentation often repeats, the name is left out of the code at random; where it is the query, it is always left
out, and the documentation is put into the code at random, as in a tree that is searched it is there to be found.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Self
from zlib import crc32

import numpy as np
from jaxtyping import Bool, Int, Int32, Int64, UInt16

from phloem.corpora.doc_code_pairs import DocumentedCode
from phloem.errors import PhloemError
from phloem.languages.documentation import first_sentence
from phloem.represent.bags import Bags, bags
from phloem.represent.code_text import around_name, without_documentation
from phloem.represent.subwords import Ragged, Subwords

FORMAT = 1
COLUMNS = ("code", "own_name", "sentence", "doc", "name")  # own_name: 1 where a unit of the code is of the name
FEWEST_CODE_UNITS = 4  # besides the name: less says nothing
FEWEST_QUERY_UNITS = 2
HEADING = 16  # units of the code before which no documentation is put in


@dataclass(frozen=True)
class SearchViewConfig:
    """Sizes of what is kept of a function, and how a vocabulary is learned."""

    vocabulary: int = 16_384
    code_units: int = 256  # that are kept
    doc_units: int = 64
    learned_from: int = 100_000  # functions; more change the vocabulary little
    undocumented: float = 0.3  # of the functions without documentation, which only have a name to be searched by


@dataclass(frozen=True)
class Sampling:
    """How a query is drawn for a documented function, and what of the code is left out."""

    sentence: float = 0.6
    doc: float = 0.2  # the rest: the name
    without_name: float = 0.25  # of the pairs whose query is documentation
    with_doc: float = 0.3  # of the pairs whose query is the name


class PairBatch(NamedTuple):
    """Pairs: row r of `queries` searches row r of `codes`. Rows with equal keys are not negatives of each other."""

    queries: Ragged
    codes: Ragged
    query_bags: Bags
    code_bags: Bags
    query_key: Int64[np.ndarray, " pairs"]
    code_key: Int64[np.ndarray, " pairs"]


class SearchDataset:
    """Compiled functions (a `Dataset`): columns of units one behind the other, and what each function is of."""

    def __init__(
        self,
        columns: Mapping[str, Ragged],
        facts: Int32[np.ndarray, "functions 2"],
        languages: list[str],
        projects: list[str],
        sampling: Sampling | None = None,
    ) -> None:
        self._columns = columns
        self.facts = facts
        self.languages = languages
        self.projects = projects
        self.sampling = sampling or Sampling()

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """The functions that `SearchView.compile` wrote, memory-mapped. Raises PhloemError."""
        folder = Path(folder)
        try:
            about = json.loads((folder / "dataset.json").read_text())
            if about.get("format") != FORMAT:
                raise PhloemError(f"{folder} has dataset format {about.get('format')}; this version reads {FORMAT}")
            columns = {
                name: Ragged(
                    np.load(folder / f"{name}.npy", mmap_mode="r"),
                    np.load(folder / f"{'code' if name == 'own_name' else name}.offsets.npy"),
                )
                for name in COLUMNS
            }
            return cls(columns, np.load(folder / "facts.npy"), about["languages"], about["projects"])
        except (OSError, ValueError, EOFError, KeyError) as error:
            raise PhloemError(f"{folder} is not a compiled dataset of code search: {error}") from None

    @classmethod
    def joined(cls, parts: Sequence[SearchDataset], sampling: Sampling | None = None) -> Self:
        """The functions of all parts, one behind the other; projects of different parts are different projects."""
        columns = {}
        for name in COLUMNS:
            flats = [part._columns[name] for part in parts]
            shifts = np.cumsum([0, *(len(flat.ids) for flat in flats)])
            offsets = [flat.offsets[:-1] + shift for flat, shift in zip(flats, shifts[:-1], strict=True)]
            columns[name] = Ragged(
                np.concatenate([flat.ids for flat in flats]), np.concatenate([*offsets, shifts[-1:]])
            )
        languages = list(dict.fromkeys(language for part in parts for language in part.languages))
        facts: list[np.ndarray] = []
        projects: list[str] = []
        for part in parts:
            renumbered = np.array([languages.index(language) for language in part.languages], np.int32)
            facts.append(np.stack([renumbered[part.language], part.project + len(projects)], axis=1))
            projects += part.projects
        return cls(columns, np.concatenate(facts).astype(np.int32), languages, projects, sampling)

    def __len__(self) -> int:
        return len(self._columns["code"].offsets) - 1

    @property
    def sizes(self) -> Int64[np.ndarray, " functions"]:
        """Units of each code."""
        return self._columns["code"].lengths()

    @property
    def language(self) -> Int32[np.ndarray, " functions"]:
        """Which of `languages` a function is in."""
        return self.facts[:, 0]

    @property
    def project(self) -> Int32[np.ndarray, " functions"]:
        """Which of `projects` a function is of."""
        return self.facts[:, 1]

    def column(self, name: str, index: Int[np.ndarray, " chosen"]) -> Ragged:
        """One of COLUMNS for some functions."""
        rows = self._columns[name].rows(np.asarray(index, np.int64))
        return Ragged(rows.ids.astype(np.int32, copy=False), rows.offsets)

    def documented(self) -> Int64[np.ndarray, " functions"]:
        """The functions that have a first sentence."""
        return np.flatnonzero(self._columns["sentence"].lengths() >= FEWEST_QUERY_UNITS)

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> PairBatch:
        """A pair for each function; without `rng` the query is the first sentence, else the name, and nothing is
        left out of the code."""
        index = np.asarray(index, np.int64)
        columns = {name: self.column(name, index) for name in COLUMNS}
        has_sentence = columns["sentence"].lengths() >= FEWEST_QUERY_UNITS
        if rng is None:
            queries = _chosen([columns["sentence"], columns["name"]], np.where(has_sentence, 0, 1))
            return _batch(queries, columns["code"])
        plan, draw = self.sampling, rng.random((3, len(index)))
        kind = np.where(draw[0] < plan.sentence, 0, np.where(draw[0] < plan.sentence + plan.doc, 1, 2))
        kind[~has_sentence] = 2
        kind[(kind == 2) & has_sentence & (columns["name"].lengths() < FEWEST_QUERY_UNITS)] = 0
        queries = _chosen([columns["sentence"], columns["doc"], columns["name"]], kind)
        nameless = (kind == 2) | (draw[1] < plan.without_name)
        codes = _without(columns["code"], columns["own_name"].ids, nameless)
        return _batch(queries, _with_doc(codes, columns["doc"], (kind == 2) & (draw[2] < plan.with_doc)))


def _batch(queries: Ragged, codes: Ragged) -> PairBatch:
    return PairBatch(queries, codes, bags(queries), bags(codes), keys(queries), keys(codes))


def keys(rows: Ragged) -> Int64[np.ndarray, " rows"]:
    """A number for each row, equal where the rows are."""
    content, bounds = rows.ids.astype(np.int32, copy=False).tobytes(), (4 * rows.offsets).tolist()
    return np.array([crc32(content[a:b]) for a, b in pairwise(bounds)], np.int64)


def _chosen(options: Sequence[Ragged], kind: Int[np.ndarray, " rows"]) -> Ragged:
    """Row r of option `kind[r]`."""
    together = np.concatenate([option.ids for option in options])
    ends = np.cumsum([0, *(len(option.ids) for option in options)])
    starts = np.stack([option.offsets[:-1] + end for option, end in zip(options, ends[:-1], strict=True)])
    lengths = np.stack([option.lengths() for option in options])
    row = np.arange(len(kind))
    return gather(together, starts[kind, row], lengths[kind, row])


def gather(flat: np.ndarray, starts: Int64[np.ndarray, " rows"], lengths: Int64[np.ndarray, " rows"]) -> Ragged:
    """The slices `flat[start : start + length]`, one behind the other."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    place = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
    return Ragged(flat[place].astype(np.int32, copy=False), offsets)


def _without(rows: Ragged, marked: np.ndarray, chosen: Bool[np.ndarray, " rows"]) -> Ragged:
    """The rows, without their marked units where chosen."""
    keep = ~((marked > 0) & np.repeat(chosen, rows.lengths()))
    kept = np.concatenate([[0], np.cumsum(keep)])
    return Ragged(rows.ids[keep], kept[rows.offsets])


def _with_doc(codes: Ragged, docs: Ragged, chosen: Bool[np.ndarray, " rows"]) -> Ragged:
    """The codes, with their documentation after the heading where chosen."""
    head = np.minimum(codes.lengths(), HEADING)
    inserted = np.where(chosen, docs.lengths(), 0)
    together = np.concatenate([codes.ids, docs.ids])
    starts = np.stack([codes.offsets[:-1], docs.offsets[:-1] + len(codes.ids), codes.offsets[:-1] + head], axis=1)
    lengths = np.stack([head, inserted, codes.lengths() - head], axis=1)
    pieces = gather(together, starts.ravel(), lengths.ravel())
    return Ragged(pieces.ids, pieces.offsets[::3])


class SearchView:
    """Functions as units. `subwords` is learned from training data."""

    def __init__(self, config: SearchViewConfig | None = None, subwords: Subwords | None = None) -> None:
        self.config = config or SearchViewConfig()
        self._subwords = subwords

    @property
    def fitted(self) -> bool:
        """Whether there is a vocabulary."""
        return self._subwords is not None

    @property
    def subwords(self) -> Subwords:
        assert self._subwords is not None, "fit the view first"
        return self._subwords

    def fit(self, examples: Iterable[DocumentedCode]) -> Self:
        """Learn the vocabulary from the codes and documentation of an even sample of the examples."""
        config = self.config
        rng = np.random.default_rng(0)
        kept: list[DocumentedCode] = []
        for seen, example in enumerate(examples):  # reservoir sampling (Vitter 1985, algorithm R)
            place = seen if seen < config.learned_from else int(rng.integers(0, seen + 1))
            if place < len(kept):
                kept[place] = example
            elif place < config.learned_from:
                kept.append(example)
        texts = (f"{without_documentation(each.source, each.doc_span)[:4000]}\n{each.doc[:1000]}" for each in kept)
        self._subwords = Subwords.fit(texts, config.vocabulary)
        return self

    def compile(self, examples: Iterable[DocumentedCode], folder: Path | str) -> SearchDataset:
        """Encode functions into a new folder; trivial ones are left out, undocumented ones thinned."""
        folder = Path(folder)
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        writer = _Writer(self.subwords, self.config)
        for example in examples:
            writer.add(example)
        writer.write(partial)
        partial.rename(folder)
        return SearchDataset.open(folder)

    def open(self, folder: Path | str) -> SearchDataset:
        """A dataset that this view compiled."""
        return SearchDataset.open(folder)

    def state(self) -> dict[str, Any]:
        return {"config": asdict(self.config), "subwords": self._subwords.state() if self._subwords else None}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        subwords = Subwords.from_state(state["subwords"]) if state["subwords"] else None
        return cls(SearchViewConfig(**state["config"]), subwords)


class _Writer:
    """Columns that grow, as arrays of small integers."""

    def __init__(self, subwords: Subwords, config: SearchViewConfig) -> None:
        self.subwords, self.config = subwords, config
        self.kind: type[np.unsignedinteger] = np.uint16 if subwords.size <= 1 << 16 else np.uint32
        self.rows: dict[str, list[UInt16[np.ndarray, " units"]]] = {name: [] for name in COLUMNS}
        self.facts: list[tuple[int, int]] = []
        self.languages: dict[str, int] = {}
        self.projects: dict[str, int] = {}

    def add(self, example: DocumentedCode) -> None:
        config, units = self.config, self.subwords.units
        sentence = units(first_sentence(example.doc), config.doc_units) if example.doc else []
        if len(sentence) < FEWEST_QUERY_UNITS:
            sentence = []
            place = f"{example.project}/{example.path}:{example.line}"
            if crc32(place.encode("utf-8", "replace")) >= config.undocumented * 2**32:
                return
        name = units(example.name, config.doc_units)
        code: list[int] = []
        own: list[int] = []
        for number, piece in enumerate(
            around_name(without_documentation(example.source, example.doc_span), example.name)
        ):
            part = units(piece, config.code_units)
            code += (name if number else []) + part
            own += ([1] * len(name) if number else []) + [0] * len(part)
            if len(code) >= config.code_units:
                break
        if len(code) - sum(own) < FEWEST_CODE_UNITS or not (name or sentence):
            return
        values = {
            "code": code[: config.code_units],
            "own_name": own[: config.code_units],
            "sentence": sentence,
            "doc": units(example.doc, config.doc_units) if sentence else [],
            "name": name,
        }
        for column, row in values.items():
            self.rows[column].append(np.array(row, self.kind))
        language = self.languages.setdefault(example.language, len(self.languages))
        self.facts.append((language, self.projects.setdefault(example.project, len(self.projects))))

    def write(self, folder: Path) -> None:
        for column, rows in self.rows.items():
            flat = np.concatenate(rows) if rows else np.zeros(0, self.kind)
            np.save(folder / f"{column}.npy", flat.astype(np.uint8) if column == "own_name" else flat)
            if column != "own_name":
                np.save(folder / f"{column}.offsets.npy", np.cumsum([0, *map(len, rows)]).astype(np.int64))
        np.save(folder / "facts.npy", np.array(self.facts, np.int32).reshape(-1, 2))
        about = {"format": FORMAT, "languages": list(self.languages), "projects": list(self.projects)}
        (folder / "dataset.json").write_text(json.dumps(about))
