"""The view of code2seq and code2vec: an example is a bag of path contexts, its target a sequence of words.

Alon, Brody, Levy and Yahav, "code2seq: Generating Sequences from Structured Representations of Code", ICLR 2019,
section 3: a context is (value of the left terminal, node labels of the path, value of the right terminal). At most
1000 contexts of an example are kept and 200 of them read, drawn afresh at each visit in training. Of a value the
first 5 subtokens count, of a name the first 6. Code2vec (Alon et al., POPL 2019) reads the same contexts with whole
values, whole paths and whole names as atoms.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
from jaxtyping import Int64

from phloem.errors import PhloemError
from phloem.languages.documentation import first_sentence
from phloem.languages.example import Example
from phloem.languages.subtokens import split
from phloem.represent.base import PAD, START, UNK
from phloem.represent.copying import Copying
from phloem.represent.path_batch import PathBatch, Table, draw, path_arrays, path_batch, tensors
from phloem.represent.path_dataset import PathDataset, PathWriter, RawContexts, stored_order
from phloem.represent.paths import PRESETS, Contexts, Labels, extract
from phloem.represent.vocabulary import INPUTS, OUTPUTS, Vocabulary

CHUNK = 256  # examples extracted at once
BOUND = 20_000  # contexts of a function that are made at all; which are kept then depends on the function alone
Beyond = Int64[np.ndarray, " extra"]  # an example's row of `Copies.beyond`
WORD = re.compile(r"[A-Za-z_]+(?:'[a-z]+)?|[0-9]+")


def summary_words(doc: str) -> list[str]:
    """The words of a documentation's first sentence: lower case, identifiers split, punctuation left out."""
    words: list[str] = []
    for word in WORD.findall(first_sentence(doc)):
        words += [word.lower()] if "'" in word or (not word.isalpha() and "_" not in word) else split(word)
    return [word for word in words if word.strip("_")]


def name_words(name: str) -> list[str]:
    """The subtokens of a name."""
    return split(name)


TARGETS: dict[str, Callable[[Example], list[str]]] = {
    "name": lambda example: name_words(example.name),
    "whole-name": lambda example: ["|".join(name_words(example.name))],
    "summary": lambda example: summary_words(example.doc),
}


@dataclass(frozen=True)
class PathViewConfig:
    """What is extracted, how much of it is read, and how large the vocabularies may grow (0: no limit)."""

    preset: str = "tree-sitter"
    target: str = "name"  # one of TARGETS
    kept: int = 1000  # contexts of an example on disk
    contexts: int = 200  # of these in a batch
    value_subtokens: int = 5
    target_words: int = 6
    subtoken_limit: int = 190_000
    word_limit: int = 27_000
    least: int = 1  # occurrences that put a subtoken or target word into the vocabulary
    whole: bool = False  # values and paths are atoms (code2vec)
    path_limit: int = 0  # of whole paths
    copying: bool = False  # batches say what can be copied


class PathView:
    """Examples as path contexts (a `View`). Fit it on training data, or restore it from a state."""

    def __init__(self, config: PathViewConfig = PathViewConfig()) -> None:
        if config.preset not in PRESETS:
            raise PhloemError(f"unknown preset of paths {config.preset!r}; known: {', '.join(PRESETS)}")
        if config.target not in TARGETS:
            raise PhloemError(f"unknown target {config.target!r}; known: {', '.join(TARGETS)}")
        self.config = config
        self.preset = PRESETS[config.preset]
        self.labels = Labels()
        self.values = Vocabulary(INPUTS)
        self.nodes = Vocabulary(INPUTS)
        self.words = Vocabulary(OUTPUTS)
        self._label_ids = np.empty(0, np.int64)  # number of a label → its id among the nodes

    def target(self, example: Example) -> list[str]:
        """The words that a model should write of it, whole and as they are; [] where it has none."""
        return TARGETS[self.config.target](example)

    # Fitting and compiling

    def fit(self, examples: Iterable[Example]) -> Self:
        """Vocabularies from training data, in one streaming pass."""
        with PathWriter(None) as writer:
            self._write(examples, writer)
            self._fit(writer)
        return self

    def compile(self, examples: Iterable[Example], folder: Path | str) -> PathDataset:
        """Arrays of a stream of examples in a new folder. Examples without contexts or target are left out, counted."""
        return self._compile(folder, lambda writer: self._write(examples, writer), fit=False)

    def fit_compile(self, examples: Iterable[Example], folder: Path | str) -> PathDataset:
        """`fit` and `compile` on the same examples in one pass."""
        return self._compile(folder, lambda writer: self._write(examples, writer), fit=True)

    def import_c2s(self, file: Path | str, folder: Path | str, *, fit: bool = False) -> PathDataset:
        """Compile a `.c2s` file (see `phloem.represent.c2s`); lines that are none are left out, counted."""
        return self._compile(folder, lambda writer: self._write_c2s(Path(file), writer), fit=fit)

    def open(self, folder: Path | str) -> PathDataset:
        """A dataset that this view compiled."""
        whole_names = self.config.target == "whole-name"
        return PathDataset(folder, contexts=self.config.contexts, copying=self.copying, whole_names=whole_names)

    def _compile(self, folder: Path | str, write: Callable[[PathWriter], None], *, fit: bool) -> PathDataset:
        with PathWriter(folder) as writer:
            write(writer)
            if fit:
                self._fit(writer)
            writer.finish(self._value_ids, self._path_ids, self.words.ids, self.config.target_words + 1)
        return self.open(folder)

    def _write(self, examples: Iterable[Example], writer: PathWriter) -> None:
        for chunk in _chunks(examples, CHUNK):
            wanted = [(example, words) for example in chunk if (words := self.target(example))]
            writer.skipped += len(chunk) - len(wanted)
            kept, targets = [example for example, _ in wanted], [words for _, words in wanted]
            self._add(self.extract(kept), targets, _seeds(kept), [example.project for example in kept], writer)

    def _write_c2s(self, file: Path, writer: PathWriter) -> None:
        from phloem.represent import c2s  # not needed to predict, and reading it takes time at every start

        malformed = c2s.Malformed()
        for chunk in _chunks(c2s.read(file, malformed), CHUNK):
            contexts, names = c2s.from_text(chunk, self.labels)
            seeds = [zlib.crc32(f"{name} {len(one.contexts)}".encode()) for name, one in zip(names, chunk, strict=True)]
            targets = [[name] if self.config.target == "whole-name" else name.split("|") for name in names]
            self._add(contexts, targets, seeds, [""] * len(chunk), writer)
        writer.skipped += malformed.lines
        if not writer.examples:
            raise PhloemError(f"{file} holds no path contexts of the .c2s format")

    def _add(
        self,
        contexts: Contexts,
        targets: list[list[str]],
        seeds: list[int],
        projects: list[str],
        writer: PathWriter,
    ) -> None:
        counts = np.diff(contexts.offsets)
        has = np.flatnonzero(counts)  # examples without contexts have no place among them
        writer.skipped += len(counts) - len(has)
        order, offsets = self._order(counts[has], [seeds[row] for row in has])
        values, paths = writer.value_ids(contexts.values), writer.path_ids(contexts.paths)
        raw = RawContexts(
            offsets, values[contexts.left[order]], values[contexts.right[order]], paths[contexts.path[order]]
        )
        writer.add(raw, [targets[row] for row in has], [projects[row] for row in has])

    def _order(self, counts: np.ndarray, seeds: list[int]) -> tuple[np.ndarray, np.ndarray]:
        return stored_order(counts, seeds, self.config.kept, self.config.contexts)

    def _fit(self, writer: PathWriter) -> None:
        config = self.config
        subtokens: Counter[str] = Counter()
        for value, count in zip(writer.values, writer.value_counts.tolist(), strict=False):
            for part in self._parts(value):
                subtokens[part] += count
        nodes: Counter[str] = Counter()
        first, labels = 0, np.zeros(len(self.labels))
        for block in writer.path_labels():
            counts = writer.path_counts[first : (first := first + len(block.offsets) - 1)]
            if config.whole:
                nodes.update(dict(zip(self._whole(block), counts.tolist(), strict=True)))
            else:
                labels += np.bincount(block.ids, np.repeat(counts, np.diff(block.offsets)), len(labels))
        nodes.update(
            {name: int(count) for name, count in zip(self.labels.names, labels.tolist(), strict=True) if count}
        )
        self.values = Vocabulary.most_frequent(subtokens, INPUTS, config.subtoken_limit, config.least)
        self.nodes = Vocabulary.most_frequent(nodes, INPUTS, config.path_limit if config.whole else 0)
        self.words = Vocabulary.most_frequent(writer.word_counts, OUTPUTS, config.word_limit, config.least)
        self.__dict__.pop("copying", None)
        self._label_ids = np.empty(0, np.int64)

    @cached_property
    def copying(self) -> Copying | None:
        """How copies are numbered, of a fitted view."""
        return Copying(self.values, self.words) if self.config.copying else None

    # From text to ids

    def _parts(self, value: str) -> list[str]:
        return [value] if self.config.whole else value.split("|")[: self.config.value_subtokens]

    def _whole(self, paths: Table) -> list[str]:
        """Each path of label numbers as one word."""
        names = [self.labels.names[label] for label in paths.ids.tolist()]
        return ["|".join(names[start:stop]) for start, stop in pairwise(paths.offsets.tolist())]

    def _value_ids(self, values: Iterable[str]) -> Table:
        return _table([self.values.ids(self._parts(value)) for value in values])

    def _path_ids(self, paths: Table) -> Table:
        """Paths of label numbers in terms of the vocabulary."""
        if self.config.whole:
            return _table([[number] for number in self.nodes.ids(self._whole(paths))])
        names = self.labels.names
        if len(self._label_ids) < len(names):
            fresh = self.nodes.ids(names[len(self._label_ids) :])
            self._label_ids = np.concatenate([self._label_ids, np.array(fresh, np.int64)])
        return Table(self._label_ids[paths.ids], paths.offsets)

    def _tables(self, contexts: Contexts) -> tuple[Table, Table]:
        """The distinct values and paths of extracted contexts in terms of the vocabularies."""
        valid = contexts.paths >= 0
        offsets = np.zeros(len(valid) + 1, np.int64)
        np.cumsum(valid.sum(axis=1), out=offsets[1:])
        return self._value_ids(contexts.values), self._path_ids(Table(contexts.paths[valid], offsets))

    # Batches of examples that are not on disk

    def extract(self, examples: list[Example]) -> Contexts:
        """The contexts of these examples in terms of this view's `labels`, before `sample` draws of them."""
        return extract(examples, self.preset, self.labels, limit=max(BOUND, self.config.kept))

    def sample(
        self, contexts: Contexts, examples: list[Example], rng: np.random.Generator | None = None
    ) -> tuple[Int64[np.ndarray, " drawn"], Int64[np.ndarray, examples + 1]]:
        """Which of the extracted contexts a batch holds, in its order: as a compiled dataset would draw them."""
        stored, offsets = self._order(np.diff(contexts.offsets), _seeds(examples))
        within, drawn = draw(np.diff(offsets), self.config.contexts, rng)
        return stored[np.repeat(offsets[:-1], np.diff(drawn)) + within], drawn

    def batch(
        self, examples: list[Example], rng: np.random.Generator | None = None, contexts: Contexts | None = None
    ) -> PathBatch:
        """The batch of these examples, extracted at once (or from their `contexts`)."""
        return tensors(self.arrays(examples, rng, contexts))

    def arrays(
        self, examples: list[Example], rng: np.random.Generator | None = None, contexts: Contexts | None = None
    ) -> Any:
        """`batch`, of arrays."""
        contexts = self.extract(examples) if contexts is None else contexts
        drawn, offsets = self.sample(contexts, examples, rng)
        values, paths = self._tables(contexts)
        words = [self.target(example) for example in examples]
        target = np.full((len(examples), self.config.target_words + 1), PAD, np.int64)
        for row, each in zip(target, words, strict=True):
            ids = self.words.ids(each[: self.config.target_words])
            row[: len(ids)] = ids
        left, right, path = contexts.left[drawn], contexts.right[drawn], contexts.path[drawn]
        spelled = None if self.copying is None else self.copying.spelled(words, target.shape[1])
        return path_arrays(offsets, left, right, path, values, paths, target, self.copying, spelled)

    def encode(self, example: Example, rng: np.random.Generator | None = None) -> dict[str, np.ndarray]:
        """One example's arrays: `left`, `right`, `path` into the ragged tables `values` and `paths`, and `target`."""
        contexts = self.extract([example])
        drawn, _ = self.sample(contexts, [example], rng)
        values, paths = self._tables(contexts)
        target = np.full(self.config.target_words + 1, PAD, np.int64)
        words = self.target(example)
        ids = self.words.ids(words[: self.config.target_words])
        target[: len(ids)] = ids
        copied = {} if self.copying is None else {"spelled": self.copying.spelled([words], len(target))[0]}
        return {
            **copied,
            "left": contexts.left[drawn],
            "right": contexts.right[drawn],
            "path": contexts.path[drawn],
            "values": values.ids,
            "value_offsets": values.offsets,
            "paths": paths.ids,
            "path_offsets": paths.offsets,
            "target": target,
        }

    def collate(self, encoded: list[dict[str, np.ndarray]]) -> PathBatch:
        """One batch of encoded examples."""
        values, value_shift = _joined(encoded, "values", "value_offsets")
        paths, path_shift = _joined(encoded, "paths", "path_offsets")
        offsets = np.concatenate([[0], np.cumsum([len(one["left"]) for one in encoded], dtype=np.int64)])
        left, right = (
            np.concatenate([one[end] + shift for one, shift in zip(encoded, value_shift, strict=True)])
            for end in ("left", "right")
        )
        path = np.concatenate([one["path"] + shift for one, shift in zip(encoded, path_shift, strict=True)])
        target = np.stack([one["target"] for one in encoded])
        spelled = None if self.copying is None else np.stack([one["spelled"] for one in encoded])
        return path_batch(offsets, left, right, path, values, paths, target, self.copying, spelled)

    def decode(self, ids: np.ndarray, example: Example | Beyond | None = None) -> list[str]:
        """The words of ids up to the end mark; unknown words are left out.

        Copies of words beyond the vocabulary are resolved from the example, or from its row of `Copies.beyond`.
        """
        words: list[str] = []
        for number in np.asarray(ids).tolist():
            if number == PAD:
                break
            if number >= len(self.words):
                words += self._copied(number, example)
            elif number not in (UNK, START):
                words += self.words.words[number].split("|")
        return words

    def _copied(self, number: int, example: Example | Beyond | None) -> list[str]:
        if self.copying is None or example is None:
            raise ValueError(f"id {number} is a copy: to be resolved it needs the example that it was made of")
        beyond = self.arrays([example]).copies.beyond[0] if isinstance(example, Example) else np.asarray(example)
        text = self.copying.text(number, beyond)
        return [text] if text else []

    def state(self) -> dict[str, Any]:
        """What `from_state` needs; JSON can hold it."""
        config = asdict(self.config)
        if not self.config.copying:
            del config["copying"]  # what is compiled without copies is what earlier versions compiled
        return {
            "config": config,
            "values": self.values.words[len(INPUTS) :],
            "nodes": self.nodes.words[len(INPUTS) :],
            "words": self.words.words[len(OUTPUTS) :],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The view that a `state` describes."""
        view = cls(PathViewConfig(**state["config"]))
        view.values = Vocabulary((*INPUTS, *state["values"]))
        view.nodes = Vocabulary((*INPUTS, *state["nodes"]))
        view.words = Vocabulary((*OUTPUTS, *state["words"]))
        return view


T = TypeVar("T")


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _seeds(examples: list[Example]) -> list[int]:
    return [zlib.crc32(example.tree.source) for example in examples]


def _table(rows: list[list[int]]) -> Table:
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    return Table(np.array([number for row in rows for number in row], np.int64), offsets)


def _joined(encoded: list[dict[str, np.ndarray]], ids: str, offsets: str) -> tuple[Table, np.ndarray]:
    """The tables of all examples as one, and by how much each example's row numbers shift."""
    sizes = np.concatenate([np.diff(one[offsets]) for one in encoded])
    rows = np.array([len(one[offsets]) - 1 for one in encoded], np.int64)
    joined = Table(np.concatenate([one[ids] for one in encoded]), np.concatenate([[0], np.cumsum(sizes)]))
    return joined, np.cumsum(rows) - rows
