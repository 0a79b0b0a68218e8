"""Random strings and what a RASP program answers, for taggers of the size that its analysis predicts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor, nn

from phloem.corpora import algorithmic_sequences as sequences
from phloem.nn.models.tagger import IGNORED, TaggedBatch
from phloem.represent.base import fixed_batches
from phloem.synthesis.rasp import Node, Schedule, Session, analyse
from phloem.synthesis.rasp.evaluate import all_values
from phloem.synthesis.rasp.graph import ancestors

EVALUATED_AT_ONCE = 128


class Program(NamedTuple):
    """A program of the library, its oracle, and whether inputs have a mark in front."""

    name: str
    oracle: sequences.Oracle
    marked: bool


PROGRAMS = {
    "reverse": Program("reverse", sequences.reverse, False),
    "hist": Program("hist_bos", sequences.hist, True),
    "sort": Program("sort_bos", sequences.sort, True),
}


@cache
def _session() -> Session:
    return Session()


def predicted(name: str) -> Schedule:
    """The layers and heads of a program of PROGRAMS."""
    return analyse(_session().node(PROGRAMS[name].name))


class ProgramStrings:
    """Strings as a `Dataset`: drawn afresh in training, fixed ones in evaluation. The mark has no target."""

    def __init__(
        self,
        name: str,
        *,
        alphabet: Sequence[str],
        longest: int,
        examples: int,
        seed: int = 0,
        patterns: bool = False,
    ) -> None:
        self.program, self.alphabet, self.longest, self.patterns = PROGRAMS[name], tuple(alphabet), longest, patterns
        self.symbols = {token: number for number, token in enumerate((sequences.MARK, *self.alphabet))}
        answers = range(1, longest + 1) if name == "hist" else self.alphabet
        self.classes: dict[Any, int] = {answer: number for number, answer in enumerate(answers)}
        self.schedule = predicted(name)
        rng = np.random.default_rng(seed)
        self.fixed = [self.draw(rng) for _ in range(examples)]

    def draw(self, rng: np.random.Generator) -> list[str]:
        return sequences.random_string(rng, self.alphabet, 1, self.longest, marked=self.program.marked)

    @property
    def places(self) -> int:
        return self.longest + self.program.marked

    def __len__(self) -> int:
        return len(self.fixed)

    @property
    def sizes(self) -> Int64[np.ndarray, examples]:
        return np.array([len(tokens) for tokens in self.fixed])

    def batch(self, index: Int[np.ndarray, batch], rng: np.random.Generator | None) -> TaggedBatch:
        """As many strings as `index` has: new ones from `rng`, or the fixed ones."""
        strings = [self.fixed[number] if rng is None else self.draw(rng) for number in index]
        lengths = torch.tensor([len(tokens) for tokens in strings])
        time = int(lengths.max())
        tokens = torch.zeros(len(strings), time, dtype=torch.long)
        target = torch.full((len(strings), time), IGNORED)
        skip = int(self.program.marked)
        for row, string in enumerate(strings):
            tokens[row, : len(string)] = torch.tensor([self.symbols[token] for token in string])
            answers = [self.classes[answer] for answer in self.program.oracle(string[skip:])]
            target[row, skip : len(string)] = torch.tensor(answers)
        return TaggedBatch(tokens, lengths, target, self._patterns(strings, time) if self.patterns else ())

    def _patterns(self, strings: list[list[str]], time: int) -> tuple[Float[Tensor, "batch heads time time"], ...]:
        """The program's selectors, rows divided by their sums, padded with zeros."""
        layers = []
        for layer in self.schedule.layers:
            heads = [torch.stack([_padded(_rows(head, tokens), time) for tokens in strings]) for head in layer.heads]
            layers.append(torch.stack(heads, dim=1))
        return tuple(layers)


def _rows(selector: Node, tokens: list[str]) -> Tensor:
    if any(node.kind == "tokens" for node in ancestors([selector])):
        return _normalised(selector, tuple(tokens))
    return _of_length(selector, len(tokens))


@cache
def _of_length(selector: Node, length: int) -> Tensor:
    return _normalised(selector, ("a",) * length)


def _normalised(selector: Node, tokens: tuple[str, ...]) -> Float[Tensor, "time time"]:
    matrix = torch.tensor(all_values([selector], tokens)[selector], dtype=torch.float32)
    return matrix / matrix.sum(dim=1, keepdim=True).clamp(min=1)


def _padded(matrix: Tensor, time: int) -> Tensor:
    missing = time - len(matrix)
    return nn.functional.pad(matrix, (0, missing, 0, missing))


@torch.no_grad()
def hits(model: nn.Module, dataset: ProgramStrings) -> Float[np.ndarray, "examples 2"]:
    """For each fixed string (right answers, answers)."""
    rows = []
    for batch in fixed_batches(dataset, EVALUATED_AT_ONCE):
        counted = batch.target != IGNORED
        right = (model(batch).argmax(dim=-1) == batch.target) & counted
        rows.append(torch.stack([right.sum(dim=1), counted.sum(dim=1)], dim=1).double().numpy())
    return np.concatenate(rows)


def evaluate(model: nn.Module, dataset: ProgramStrings) -> dict[str, float]:
    """Token accuracy."""
    right, counted = hits(model, dataset).sum(axis=0)
    return {"accuracy": float(right / counted)}
