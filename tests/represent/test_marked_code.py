"""The view of pretraining on code, and batches of its tasks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from phloem.corpora.examples import examples_of
from phloem.languages import by_name
from phloem.learn.objectives.dual_generation import either, to_code, to_text
from phloem.learn.objectives.span_corruption import Pair
from phloem.learn.objectives.token_cross_entropy import TokenCrossEntropy
from phloem.learn.pretraining_mixture import Listed, MixedObjective, Mixture, Subset, Task, paired
from phloem.represent.marked_code import MarkedCodeConfig, MarkedCodeView, unit_text

SOURCE = b'''
def area(width, height):
    """Return the area. Of a box."""
    return width * height

def empty(): pass
'''


def test_functions_come_back_from_disk(tmp_path: Path) -> None:
    examples = examples_of(SOURCE, by_name("python"))
    config = MarkedCodeConfig(size=400, sentinels=20, extra=("<en>",), code=30, text=8)
    view = MarkedCodeView(config).fit(examples)
    data = view.compile(examples, tmp_path / "data")
    again = MarkedCodeView.from_state(view.state())
    opened = again.open(tmp_path / "data")
    assert len(opened) == 2
    assert opened.documented().tolist() == [0]
    assert opened.sizes.tolist() == data.sizes.tolist()
    for one, example in zip(opened.items(np.arange(2)), examples, strict=True):
        fresh = again.encode(example)
        for part, wanted in zip(one.code[:3], fresh.code[:3], strict=True):
            assert np.array_equal(part, wanted)
        assert one.code.names == fresh.code.names
        assert (one.name, one.own, one.language) == (example.name, 0, "python")
        assert len(one.code.ids) <= 30
    first = opened.item(0)
    assert unit_text(again.units, first.text.tolist()).startswith("Return")
    assert "Return" not in again.units.decode(first.code.ids.tolist())
    assert len(first.text) <= 8


def test_a_mixture_draws_tasks_and_resumes_exactly() -> None:
    made = {
        name: lambda items, _, number=number: paired(
            [Pair(np.array([number, item]), np.array([item])) for item in items], source=4, target=4
        )
        for number, name in enumerate(("one", "two"), 5)
    }
    tasks = [Task(name, make, TokenCrossEntropy()) for name, make in made.items()]
    items = Subset(Listed(list(range(10, 40)), lambda item: item), np.arange(5, 25))
    mixture = Mixture(items, tasks)
    assert len(mixture) == 20
    assert mixture.sizes.tolist() == list(range(15, 35))
    drawn = [mixture.batch(np.arange(4), np.random.default_rng(seed)) for seed in range(40)]
    again = [mixture.batch(np.arange(4), np.random.default_rng(seed)) for seed in range(40)]
    assert [each.task for each in drawn] == [each.task for each in again]
    assert {each.task for each in drawn} == {0, 1}
    assert all((each.batch.tokens[:, 0] == 5 + each.task).all() for each in drawn)
    assert drawn[0].batch.tokens[:, 1].tolist() == [15, 16, 17, 18]
    assert mixture.batch(np.arange(2), None).task == 0
    seen = []

    def objective(model: object, batch: object) -> object:
        seen.append(batch)
        return TokenCrossEntropy()(lambda _: torch.zeros(4, 2, 50), batch)

    loss = MixedObjective([task._replace(objective=objective) for task in tasks])(None, drawn[0])  # type: ignore[arg-type]
    assert list(loss.logs) == [f"{tasks[drawn[0].task].name}_unit_loss"]


def test_targets_end_and_are_cut() -> None:
    batch = paired([Pair(np.arange(5, 9), np.arange(5, 9)), Pair(np.array([7]), np.array([], int))], source=3, target=2)
    assert batch.tokens.tolist() == [[5, 6, 7], [7, 0, 0]]
    assert batch.lengths.tolist() == [3, 1]
    assert batch.target.tolist() == [[5, 6, 0], [0, 0, 0]]


def test_both_directions_of_generation() -> None:
    rng = np.random.default_rng(0)
    text, code = np.array([10, 11]), np.array([20, 21, 22])
    assert to_text(text, code, 3).source.tolist() == [3, 20, 21, 22]
    assert to_code(text, code, 4).source.tolist() == [4, 10, 11]
    found = [either(text, code, text_mark=3, code_mark=4, rng=rng) for _ in range(60)]
    assert {int(pair.source[0]) for pair in found} == {3, 4}
    assert all((pair.target is text) == (pair.source[0] == 3) for pair in found)
