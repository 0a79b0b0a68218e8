"""Trains a recognition model for a library, and makes a task's grammar of its prediction (Ellis et al. 2020).

Half of what it is trained on are replays, the programs that solved tasks; half are fantasies: programs sampled from the
grammar and run on the inputs of training tasks. Of the programs that make the same fantasy only the most probable one
is learned (L_MAP), so that the model does not waste probability on `(+ $0 0)` for `$0`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from phloem.learn.objectives.program_likelihood import ProgramLikelihood
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import train
from phloem.nn.models.recognition import Recognition, TaskBatch
from phloem.synthesis.languages.lambda_calculus import Term
from phloem.synthesis.languages.lambda_machine import Machine
from phloem.synthesis.polymorphic_types import Polytype
from phloem.synthesis.weighted_grammar import Choice, Derivation, WeightedGrammar, row_count

MOST_EXAMPLES = 8  # that are read of a task
MOST_TOKENS = 48  # that are read of an example
BATCH = 32


class ExampleTask(NamedTuple):
    """What is asked: a program of type `request` that gives each example's output for its inputs."""

    name: str
    request: Polytype
    examples: tuple[tuple[tuple[Any, ...], Any], ...]  # (inputs, output); lists are tuples


class Tokens:
    """Values as tokens: brackets of lists, separators of inputs and output, and whatever else occurs (or UNKNOWN)."""

    PADDING, START, BETWEEN, END, OPEN, CLOSE, UNKNOWN = range(7)

    def __init__(self, tasks: Iterable[ExampleTask]) -> None:
        self.known: dict[tuple[type, Any], int] = {}
        for task in tasks:
            for inputs, output in task.examples:
                for value in (*inputs, output):
                    self._learn(value)

    def __len__(self) -> int:
        return self.UNKNOWN + 1 + len(self.known)

    def _learn(self, value: Any) -> None:
        if isinstance(value, tuple):
            for one in value:
                self._learn(one)
        else:
            self.known.setdefault((type(value), value), len(self))

    def _of(self, value: Any) -> list[int]:
        if isinstance(value, tuple):
            return [self.OPEN, *(token for one in value for token in self._of(one)), self.CLOSE]
        return [self.known.get((type(value), value), self.UNKNOWN)]

    def of(self, inputs: Sequence[Any], output: Any) -> list[int]:
        found = [self.START]
        for value in inputs:
            found += [*self._of(value)[: MOST_TOKENS // 2], self.BETWEEN]
        return [*found, *self._of(output)[: MOST_TOKENS // 2], self.END]


class Lesson(NamedTuple):
    """A task and a program that answers it, as arrays: what a training example is made of."""

    tokens: list[list[int]]
    row: list[int]
    child: list[int]
    possible: np.ndarray  # decisions children

    @property
    def size(self) -> int:
        return sum(map(len, self.tokens))


def lesson(tokens: Tokens, task: ExampleTask, grammar: WeightedGrammar, term: Term) -> Lesson | None:
    """None where the grammar can't make the program. `grammar` must be contextual: its rows are those to be learned."""
    children = len(grammar.library.productions) + 1
    found = Lesson([tokens.of(*example) for example in task.examples[:MOST_EXAMPLES]], [], [], np.zeros((0, children)))
    masks: list[np.ndarray] = []

    def observe(row: int, chosen: Choice, choices: list[Choice]) -> None:
        found.row.append(row)
        found.child.append(chosen.fit.child % children)
        mask = np.zeros(children, bool)
        mask[[choice.fit.child for choice in choices]] = True
        masks.append(mask)

    if grammar.derivation(task.request, term, observe) is None or not masks:
        return None
    return found._replace(possible=np.stack(masks))


class Lessons:
    """Lessons as the trainer's data set."""

    def __init__(self, lessons: Sequence[Lesson]) -> None:
        self.lessons = list(lessons)

    def __len__(self) -> int:
        return len(self.lessons)

    @property
    def sizes(self) -> np.ndarray:
        return np.array([one.size for one in self.lessons])

    def batch(self, index: np.ndarray, rng: np.random.Generator | None) -> TaskBatch:
        return collate([self.lessons[i] for i in index])


def collate(lessons: Sequence[Lesson]) -> TaskBatch:
    texts = [(torch.tensor(text), i) for i, one in enumerate(lessons) for text in one.tokens]
    decided = [i for i, one in enumerate(lessons) for _ in one.row]
    return TaskBatch(
        torch.nn.utils.rnn.pad_sequence([text for text, _ in texts], batch_first=True),
        torch.tensor([len(text) for text, _ in texts]),
        torch.tensor([i for _, i in texts]),
        torch.tensor(decided, dtype=torch.int64),
        torch.tensor([row for one in lessons for row in one.row], dtype=torch.int64),
        torch.tensor([child for one in lessons for child in one.child], dtype=torch.int64),
        torch.from_numpy(np.concatenate([one.possible for one in lessons])).bool(),
        len(lessons),
    )


def contextual(grammar: WeightedGrammar) -> WeightedGrammar:
    """The plain grammar with a row for each place, all the same."""
    rows = row_count(grammar.library)
    return WeightedGrammar(grammar.library, np.broadcast_to(grammar.weights[0], (rows, grammar.weights.shape[1])))


def fantasies(
    grammar: WeightedGrammar, tasks: Sequence[ExampleTask], count: int, rng: Random
) -> list[tuple[ExampleTask, Term]]:
    """Sampled programs run on the inputs of tasks; of those with the same outputs the most probable one.

    A program without a value on some input is dropped, and so is one whose outputs are all equal although its inputs
    differ: it asks nothing."""
    machine = Machine()
    best: dict[tuple[Any, ...], tuple[Derivation, ExampleTask]] = {}
    for _ in range(count):
        task = rng.choice(tasks)
        made = grammar.sample(task.request, rng)
        if made is None:
            continue
        code = machine.compile(made.term())
        inputs = [row for row, _ in task.examples[:MOST_EXAMPLES]]
        outputs = [machine.run(code, row) for row in inputs]
        if None in outputs or any(map(callable, outputs)) or (len(inputs) > 1 and len(set(map(repr, outputs))) == 1):
            continue
        key = (task.request, repr(inputs), repr(outputs))
        if key not in best or made.cost < best[key][0].cost:
            examples = tuple(zip(inputs, outputs, strict=True))
            best[key] = made, ExampleTask("fantasy", task.request, examples)
    return [(task, made.term()) for made, task in best.values()]


def train_recognition(
    grammar: WeightedGrammar,
    replays: Sequence[tuple[ExampleTask, Term]],
    tasks: Sequence[ExampleTask],
    tokens: Tokens,
    *,
    seconds: float | None = None,
    epochs: int | None = None,
    seed: int,
    folder: Path,
    most_fantasies: int = 1000,
) -> Recognition | None:
    """A model for the library of `grammar`, trained for some processor seconds or epochs; None where there is nothing
    to learn from. Its output starts as the grammar's own weights."""
    rows = contextual(grammar)
    dreamed = fantasies(grammar, tasks, most_fantasies, Random(seed))
    replayed = [one for task, term in replays if (one := lesson(tokens, task, rows, term))]
    dreams = [one for task, term in dreamed if (one := lesson(tokens, task, rows, term))]
    if replayed and dreams:  # half and half
        replayed = replayed * math.ceil(len(dreams) / len(replayed))
    lessons = Lessons([*replayed[: max(len(dreams), len(replayed) if not dreams else 0)], *dreams])
    if not lessons:
        return None
    torch.manual_seed(seed)
    model = starting_at(Recognition(len(tokens), *rows.weights.shape), rows)
    settings = TrainingSettings(
        seed=seed,
        minutes=None if seconds is None else seconds / 60,
        epochs=epochs,
        clock="processor",
        batch_size=BATCH,
        threads=1,
    )
    train(model, lessons, ProgramLikelihood(), settings, folder=folder, resume=False)
    return model


def starting_at(model: Recognition, rows: WeightedGrammar) -> Recognition:
    """The model whose bias is the grammar's weights: untrained, it predicts nearly the grammar itself."""
    with torch.no_grad():
        model.weights.bias.copy_(torch.from_numpy(rows.weights.copy()).float().flatten())
        model.weights.weight.mul_(0.1)
    return model


@torch.no_grad()
def predicted(model: Recognition, grammar: WeightedGrammar, tokens: Tokens, task: ExampleTask) -> WeightedGrammar:
    """The contextual grammar that the model predicts for a task."""
    children = len(grammar.library.productions) + 1
    read = [tokens.of(*example) for example in task.examples[:MOST_EXAMPLES]]
    weights: Tensor = model(collate([Lesson(read, [], [], np.zeros((0, children), bool))]))[0]
    return WeightedGrammar(grammar.library, weights.double().numpy())
