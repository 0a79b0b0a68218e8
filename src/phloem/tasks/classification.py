"""Which problem does a program solve, its names hidden? (Mou et al. 2016, section 4.1.)

The programs are students' solutions of the POJ judge; a whole file is one example, its `name` the class. The generated
sample asks for nothing but shape: its two classes hold the same node types equally often.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.represent.base import Dataset, fixed_batches
from phloem.tasks.rows import rows

EVALUATED_AT_ONCE = 64


def program(source: str, label: str, language: str = "cpp", path: str = "") -> Example:
    """A whole file as an example of the class `label`."""
    tree = by_name(language).parse(source.encode())
    return Example(language, path, "", label, "", tree, name_node=-1)


def judged_programs(name: str, split: str, folder: Path | None = None) -> list[Example]:
    """The POJ programs of a data set's split, "train" or "test". Raises PhloemError where PHLOEM_DATA lacks them."""
    return [program(row["code"], str(row["label"]), path=str(row["id"])) for row in rows(name, split, folder)]


def shaped_programs(count: int, seed: int) -> list[Example]:
    """Generated programs of two classes in turn: a loop around a condition, or a condition around a loop.

    The statements around and within are the same for both, so that a bag of node types knows nothing.
    """
    rng = np.random.default_rng(seed)
    simple = ("a = b + 1;", "print(a);", "a++;", "b = f(a, 2);", "return_to(b);")
    made = []
    for number in range(count):
        before, inner, after = (" ".join(rng.choice(simple, size=int(rng.integers(1, 4)))) for _ in range(3))
        loop, condition = "for (i = 0; i < n; i++)", "if (a > b)"
        outer, nested = (loop, condition) if number % 2 else (condition, loop)
        code = f"int main() {{ {before} {outer} {{ {nested} {{ {inner} }} }} {after} }}"
        made.append(program(code, "loop" if number % 2 else "condition"))
    return made


def split_by_class(examples: Iterable[Example], every: int = 7) -> tuple[list[Example], list[Example]]:
    """Most of the examples, and every `every`-th of each class, to choose the best weights on."""
    kept: list[Example] = []
    held: list[Example] = []
    seen: dict[str, int] = {}
    for example in examples:
        seen[example.name] = seen.get(example.name, 0) + 1
        (held if seen[example.name] % every == 0 else kept).append(example)
    return kept, held


@torch.no_grad()
def hits(model: nn.Module, dataset: Dataset) -> Float[np.ndarray, "examples 2"]:
    """For each example (1 if its class was found, 1), in order: the addends of the accuracy."""
    training = model.training
    model.eval()
    found: list[Any] = []
    for batch in fixed_batches(dataset, EVALUATED_AT_ONCE):
        found.append((model(batch).argmax(dim=1) == batch.target).double().numpy())
    model.train(training)
    right = np.concatenate(found)
    return np.stack([right, np.ones_like(right)], axis=1)


def evaluate(model: nn.Module, dataset: Dataset) -> dict[str, float]:
    """The accuracy."""
    return {"accuracy": float(hits(model, dataset)[:, 0].mean())}
