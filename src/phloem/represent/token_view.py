"""The view of sequence models: an example is its subtokens in order, its target a sequence of words.

The baselines of Alon et al. (code2seq, 2019, section 4.1) read code so: subtokens of the same vocabulary rules as the
path contexts of `phloem.represent.path_view`, and the same targets.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np
import torch
from jaxtyping import Int, Int32, Int64
from torch import Tensor

from phloem.errors import PhloemError
from phloem.languages.example import Example
from phloem.represent.base import PAD, START, UNK
from phloem.represent.path_view import TARGETS
from phloem.represent.tokens import Subtokens
from phloem.represent.vocabulary import INPUTS, OUTPUTS, Vocabulary

FORMAT = 1
OFFSETS = ("tokens.offsets", "references.offsets")


class TokenBatch(NamedTuple):
    """Sources padded to the longest of the batch, with their true lengths (at least 1); each target ends with PAD."""

    tokens: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, batch]
    target: Int64[Tensor, "batch steps"]

    def to(self, device: torch.device | str) -> TokenBatch:
        """The batch on another device."""
        return TokenBatch(*(part.to(device) for part in self))


def padded(
    flat: Int[np.ndarray, tokens], starts: Int[np.ndarray, batch], lengths: Int[np.ndarray, batch]
) -> Int64[np.ndarray, "batch time"]:
    """Slices of a flat array as rows, PAD behind; at least one column."""
    column = np.arange(max(int(lengths.max(initial=1)), 1))
    within = column < lengths[:, None]
    rows = np.full(within.shape, PAD, np.int64)
    rows[within] = flat[(starts[:, None] + column)[within]]
    return rows


def token_batch(
    rows: Int64[np.ndarray, "batch time"], lengths: Int[np.ndarray, batch], target: Int[np.ndarray, "batch steps"]
) -> TokenBatch:
    """The batch of padded rows; an empty source is read as one PAD, PAD behind the longest target is cut off."""
    steps = int((target != PAD).sum(axis=1).max(initial=0)) + 1
    return TokenBatch(
        torch.from_numpy(rows),
        torch.from_numpy(np.maximum(lengths, 1).astype(np.int64)),
        torch.from_numpy(np.ascontiguousarray(target[:, :steps], np.int64)),
    )


class TokenDataset:
    """Compiled sequences, memory-mapped (a `Dataset`). Tokens are rows of the small table of distinct subtokens."""

    def __init__(self, folder: Path | str, *, length: int) -> None:
        """`length` is how many tokens of a source a batch holds. PhloemError where the folder holds no dataset."""
        self.folder = Path(folder)
        self.length = length
        try:
            about = json.loads((self.folder / "dataset.json").read_text())
        except (OSError, ValueError) as error:
            raise PhloemError(f"{self.folder} is not a compiled dataset of tokens: {error}") from None
        if about.get("format") != FORMAT:
            raise PhloemError(f"{self.folder} has dataset format {about.get('format')}; this version reads {FORMAT}")
        self.projects: list[str] = about["projects"]
        self.skipped: int = about["skipped"]
        self.offsets = self._array("tokens.offsets", np.int64)
        self.tokens = self._array("tokens", np.int32)
        self.table = self._array("table", np.int32)
        self.targets = self._array("targets", np.int32).reshape(len(self), -1)
        self.project = self._array("project", np.int32)
        self._references = self._array("references", np.uint8), self._array("references.offsets", np.int64)

    def _array(self, name: str, kind: type[np.generic]) -> np.ndarray:
        file = self.folder / f"{name}.bin"
        if file.stat().st_size == 0:
            return np.empty(0, kind)
        return np.asarray(np.memmap(file, kind, mode="r"))  # a plain array over the mapping

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> Int64[np.ndarray, examples]:
        """Tokens of each example that a batch holds."""
        return np.minimum(np.diff(self.offsets), self.length)

    def batch(self, index: Int[np.ndarray, batch], rng: np.random.Generator | None) -> TokenBatch:
        """The batch of these examples; nothing is sampled."""
        index = np.asarray(index, np.int64)
        starts = self.offsets[index]
        lengths = np.minimum(self.offsets[index + 1] - starts, self.length)
        within = np.arange(max(int(lengths.max(initial=1)), 1)) < lengths[:, None]
        rows = padded(self.tokens, starts, lengths)
        rows[within] = self.table[rows[within]]
        return token_batch(rows, lengths, self.targets[index])

    def references(self, index: Iterable[int]) -> list[list[str]]:
        """The words of these examples' targets as they were, unknown words too."""
        text, offsets = self._references
        return [text[offsets[i] : offsets[i + 1]].tobytes().decode().split(" ") for i in index]


@dataclass(frozen=True)
class TokenViewConfig:
    """How much is read, and how large the vocabularies may grow (0: no limit)."""

    target: str = "name"  # one of path_view.TARGETS
    length: int = 200  # subtokens of a function that are read, the first ones
    value_subtokens: int = 5  # of a token
    target_words: int = 6
    subtoken_limit: int = 190_000
    word_limit: int = 27_000
    least: int = 1  # occurrences that put a subtoken or target word into the vocabulary


def view_config(config: Any) -> TokenViewConfig:
    """The part of a system's flat configuration that concerns its view."""
    return TokenViewConfig(**{field.name: getattr(config, field.name) for field in fields(TokenViewConfig)})


class TokenView:
    """Examples as subtokens (a `View`). Fit it on training data, or restore it from a state."""

    def __init__(self, config: TokenViewConfig = TokenViewConfig()) -> None:
        if config.target not in TARGETS:
            raise PhloemError(f"unknown target {config.target!r}; known: {', '.join(TARGETS)}")
        self.config = config
        self.subtokens = Subtokens(config.value_subtokens)
        self.values = Vocabulary(INPUTS)
        self.words = Vocabulary(OUTPUTS)

    def target(self, example: Example) -> list[str]:
        """The words that a model should write of it, whole and as they are; [] where it has none."""
        return TARGETS[self.config.target](example)

    def fit(self, examples: Iterable[Example]) -> Self:
        """Vocabularies from training data, in one streaming pass."""
        subtokens: Counter[str] = Counter()
        words: Counter[str] = Counter()
        for example in examples:
            if target := self.target(example):
                subtokens.update(self.subtokens.of(example))
                words.update(target)
        self._fit(subtokens, words)
        return self

    def compile(self, examples: Iterable[Example], folder: Path | str) -> TokenDataset:
        """Arrays of a stream of examples in a new folder. Examples without a target are left out, counted."""
        return self._compile(examples, Path(folder), fit=False)

    def fit_compile(self, examples: Iterable[Example], folder: Path | str) -> TokenDataset:
        """`fit` and `compile` on the same examples in one pass."""
        return self._compile(examples, Path(folder), fit=True)

    def open(self, folder: Path | str) -> TokenDataset:
        """A dataset that this view compiled."""
        return TokenDataset(folder, length=self.config.length)

    def _fit(self, subtokens: Counter[str], words: Counter[str]) -> None:
        config = self.config
        self.values = Vocabulary.most_frequent(subtokens, INPUTS, config.subtoken_limit, config.least)
        self.words = Vocabulary.most_frequent(words, OUTPUTS, config.word_limit, config.least)

    def _compile(self, examples: Iterable[Example], folder: Path, *, fit: bool) -> TokenDataset:
        if folder.exists():
            raise PhloemError(f"{folder} exists already")
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            writer = _Writer(partial)
            for example in examples:
                target = self.target(example)
                writer.add(self.subtokens.of(example) if target else [], target, example.project)
            writer.close()
            if fit:
                counts = Counter(dict(zip(writer.interned, writer.counts, strict=True)))
                self._fit(counts, writer.words)
            np.array(self.values.ids(writer.interned), np.int32).tofile(partial / "table.bin")
            writer.write_targets(self.words, self.config.target_words)
            about = {"format": FORMAT, "skipped": writer.skipped, "projects": list(writer.projects)}
            (partial / "dataset.json").write_text(json.dumps(about))
            partial.rename(folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        return self.open(folder)

    def encode(self, example: Example, rng: np.random.Generator | None = None) -> dict[str, np.ndarray]:
        """One example's `tokens` and `target`."""
        target = np.full(self.config.target_words + 1, PAD, np.int64)
        ids = self.words.ids(self.target(example)[: self.config.target_words])
        target[: len(ids)] = ids
        tokens = self.values.ids(self.subtokens.of(example)[: self.config.length])
        return {"tokens": np.array(tokens, np.int64), "target": target}

    def collate(self, encoded: list[dict[str, np.ndarray]]) -> TokenBatch:
        """One batch of encoded examples."""
        lengths = np.array([len(one["tokens"]) for one in encoded], np.int64)
        rows = padded(np.concatenate([one["tokens"] for one in encoded]), np.cumsum(lengths) - lengths, lengths)
        return token_batch(rows, lengths, np.stack([one["target"] for one in encoded]))

    def batch(self, examples: list[Example], rng: np.random.Generator | None = None) -> TokenBatch:
        """The batch of these examples, which need not be on disk."""
        return self.collate([self.encode(example, rng) for example in examples])

    def decode(self, ids: np.ndarray, example: Example | None = None) -> list[str]:
        """The words of ids up to the end mark; unknown words are left out."""
        words: list[str] = []
        for number in np.asarray(ids).tolist():
            if number == PAD:
                break
            if number not in (UNK, START):
                words += self.words.words[number].split("|")
        return words

    def state(self) -> dict[str, Any]:
        """What `from_state` needs; JSON can hold it."""
        return {
            "config": asdict(self.config),
            "values": self.values.words[len(INPUTS) :],
            "words": self.words.words[len(OUTPUTS) :],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The view that a `state` describes."""
        view = cls(TokenViewConfig(**state["config"]))
        view.values = Vocabulary((*INPUTS, *state["values"]))
        view.words = Vocabulary((*OUTPUTS, *state["words"]))
        return view


class _Writer:
    """Streams examples to the files of a dataset; subtokens are interned, so that one pass serves fitting too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.interned: dict[str, int] = {}
        self.counts: list[int] = []
        self.words: Counter[str] = Counter()
        self.projects: dict[str, int] = {}
        self.skipped = self.examples = 0
        names = ("tokens", "references", "project", *OFFSETS)
        self._files: dict[str, BinaryIO] = {name: (folder / f"{name}.bin").open("wb") for name in names}
        self._ends = dict.fromkeys(OFFSETS, 0)
        for name in OFFSETS:
            self._files[name].write(np.zeros(1, np.int64).tobytes())

    def add(self, subtokens: list[str], target: list[str], project: str) -> None:
        """One example; counted as skipped if it has no target."""
        if not target:
            self.skipped += 1
            return
        self.examples += 1
        self.words.update(target)
        interned, counts = self.interned, self.counts
        row = [interned.setdefault(word, len(interned)) for word in subtokens]
        counts += [0] * (len(interned) - len(counts))
        for number in row:
            counts[number] += 1
        text = " ".join(target).encode()
        self._files["tokens"].write(np.array(row, np.int32).tobytes())
        self._files["references"].write(text)
        self._end("tokens.offsets", len(row))
        self._end("references.offsets", len(text))
        number = self.projects.setdefault(project, len(self.projects))
        self._files["project"].write(np.int32(number).tobytes())

    def _end(self, name: str, size: int) -> None:
        self._ends[name] += size
        self._files[name].write(np.int64(self._ends[name]).tobytes())

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def write_targets(self, words: Vocabulary, most: int) -> None:
        """Rows of `most` word ids and an end mark, from the references."""
        ends = np.fromfile(self.folder / "references.offsets.bin", np.int64)
        with (
            (self.folder / "references.bin").open("rb") as references,
            (self.folder / "targets.bin").open("wb") as targets,
        ):
            for size in np.diff(ends).tolist():
                row: Int32[np.ndarray, steps] = np.full(most + 1, PAD, np.int32)
                ids = words.ids(references.read(size).decode().split(" "))[:most]
                row[: len(ids)] = ids
                targets.write(row.tobytes())
