"""Traces of Python programs, their mutants, their format and their metric: what CodeExecutor stands on."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from phloem.corpora.python_mutators import mutants
from phloem.execute.python_tracer import traces
from phloem.learn.curriculum import CODE_EXECUTOR, spread
from phloem.learn.objectives.token_cross_entropy import TokenCrossEntropy
from phloem.measure.trace_accuracy import Counts, addends, count, f1, whole
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.execution_trace import (
    EXTRA,
    MARKS,
    Printed,
    Ran,
    Segment,
    fitted,
    segments_of,
    source_units,
    trace_units,
)
from phloem.tasks.trace_programs import held_out_sets, programs, segments_of_steps, single_lines, training_sets

PROGRAM = "a = 2\nb = a + 3\nfor i in range(2):\n    b = b * a\nprint(b)"


@pytest.fixture(scope="module")
def units() -> BytePairs:
    return BytePairs.fit([PROGRAM, "x = [1, 2]"] * 3, 600, sentinels=0, extra=EXTRA)


@pytest.mark.row("S122", 1)
def test_the_state_is_that_after_the_line() -> None:
    (steps,) = traces([PROGRAM])
    assert steps is not None
    assert [step.line for step in steps] == [0, 1, 2, 3, 2, 3, 2, 4]
    assert [step.state.get("b") for step in steps] == [None, "5", "5", "10", "10", "20", "20", "20"]
    assert [step.state.get("i") for step in steps[2:]] == ["0", "0", "1", "1", "1", "1"]
    assert [step.printed for step in steps] == [None] * 7 + ["20"]
    segments = segments_of_steps(steps)
    assert segments[-2:] == (Printed("20"), Ran(4, {"a": "2", "b": "20", "i": "1"})), "the output comes before the line"


@pytest.mark.row("S122", 1)
def test_programs_that_raise_or_run_on_have_no_trace(tmp_path: Path) -> None:
    written = tmp_path / "x"
    told = traces(
        ["1 / 0", "while True: pass", "import os\nos.listdir('/')\nx = 1", f"open({str(written)!r}, 'w')", "x ="]
    )
    assert told[0] is told[1] is told[3] is told[4] is None
    assert not written.exists()
    inner = traces(["def f(y):\n    z = y + 1\n    return z\nx = f(2)\n"])[0]
    assert inner is not None
    assert [(step.line, step.state) for step in inner] == [
        (0, {}),
        (3, {"x": "3"}),
        (1, {"y": "2", "z": "3"}),
        (2, {"y": "2", "z": "3"}),
    ]


GOLD: list[Segment] = [
    Ran(0, {"a": "2"}),
    Ran(1, {"a": "2", "b": "5"}),
    Printed("5"),
    Ran(2, {"a": "2", "b": "5", "c": "[1, 2]"}),
]


def scored(predicted: Sequence[Segment]) -> Counts:
    return count(GOLD, predicted)


@pytest.mark.row("S122", 2)
def test_gold_traces_are_perfect(units: BytePairs) -> None:
    read = segments_of(trace_units(GOLD, units).tolist(), units)
    assert read == GOLD
    found = scored(read)
    assert found == Counts(1, 1, 1, 4, 4, 4, 6, 6, 6)
    sums = addends([found]).sum(axis=0)
    assert float(f1(sums[3:6])) == float(f1(sums[6:9])) == 1.0
    told = training_sets(20, seed=3)[1]
    assert all(count(one.segments, list(one.segments)).trace == 1 for one in told)


@pytest.mark.row("S122", 2)
@pytest.mark.parametrize("place", [0, 1, 3])
def test_one_changed_value_costs_a_segment_and_an_identifier(place: int) -> None:
    predicted = list(GOLD)
    own = predicted[place]
    assert isinstance(own, Ran)
    predicted[place] = own._replace(state={**own.state, "a": "7"})
    found = scored(predicted)
    assert found.trace == 0
    assert (found.right, found.predicted, found.wanted) == (3, 4, 4)
    assert found.names_right == 5
    moved = list(GOLD)
    moved[place] = own._replace(line=9)
    other = scored(moved)
    assert other.names_right == 6 - len(own.state), "all identifiers of the segment are lost"
    assert (other.right, other.trace) == (3, 0)


@pytest.mark.row("S122", 2)
def test_a_trace_cut_inside_its_last_state_loses_that_segment_alone(units: BytePairs) -> None:
    cut = segments_of(trace_units(GOLD, units)[:-2].tolist(), units)
    assert len(cut) == 4
    assert whole(cut) == GOLD[:3], "that segment alone"
    found = scored(cut)
    assert (found.right, found.predicted, found.wanted, found.trace) == (3, 3, 4, 0)
    assert whole([GOLD[0], Printed("x")]) == [GOLD[0]], "an output that comes last is dropped, in gold too"


@pytest.mark.row("S122", 3)
def test_mutants_parse_differ_end_and_touch_no_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    parents = [
        *programs(12, rng),
        PROGRAM,
        "x = [1, 2, 3][0:2]\nwhile True:\n    if x and not x:\n        continue\n    break\n",
    ]
    made = [(parent, mutant) for parent in parents for mutant in mutants(parent, rng, 6)]
    assert len(made) > 60
    for parent, mutant in made:
        ast.parse(mutant)
        assert ast.unparse(ast.parse(mutant)) != ast.unparse(ast.parse(parent))
    told = traces([mutant for _, mutant in made], steps=40)
    assert all(steps is None or 0 < len(steps) <= 40 for steps in told)
    assert sum(steps is not None for steps in told) > len(told) / 2
    assert not any(tmp_path.iterdir())
    kinds = "".join(mutant for _, mutant in made)
    assert "not " in kinds
    assert mutants("x = (", rng) == []


@pytest.mark.row("S122", 3)
def test_a_mutant_that_would_write_cannot(tmp_path: Path) -> None:
    target = tmp_path / "file"
    program = f"x = 3\nopen({str(target)!r}, 'w').write('a')\ny = 4"
    for mutant in mutants(program, np.random.default_rng(0)):
        traces([mutant])
    assert not target.exists()


@pytest.mark.row("S122", 4)
def test_the_loss_of_uniform_logits() -> None:
    size, easy = 50, (11, 12, 13, 14)
    target = torch.tensor([[20, 11, 30, 12, 13, 0], [14, 40, 0, 0, 0, 0]])
    flat = lambda _: torch.zeros(2, 6, size)  # noqa: E731
    loss = TokenCrossEntropy(10.0, easy)(flat, SimpleNamespace(target=target))
    counted = [20, 11, 30, 12, 13, 0, 14, 40, 0]
    soft = sum(unit in easy for unit in counted)
    hard = len(counted) - soft
    assert float(loss.value) == pytest.approx(math.log(size) * (10 * hard + soft) / (hard + soft), abs=1e-5)
    weighted = float(loss.value) * len(counted) / (10 * hard + soft)
    assert weighted == pytest.approx(math.log(size), abs=1e-5), "divided by weights it would be ln V"
    assert float(TokenCrossEntropy()(flat, SimpleNamespace(target=target)).value) == pytest.approx(math.log(size))


@pytest.mark.row("S122", 5)
def test_lengths_in_a_block() -> None:
    assert fitted(300, 2000) == (255, 762)
    assert 3 + 255 + 1 + 1 + 1 + 762 + 1 == 1024
    assert fitted(300, 500) == (300, 500)
    assert fitted(255, 762) == (255, 762)
    assert fitted(900, 100) == (900, 100)
    assert fitted(1000, 100) == (917, 100)
    for source in range(0, 1200, 61):
        for trace in range(0, 1500, 53):
            kept, told = fitted(source, trace)
            assert kept <= source
            assert told <= trace
            assert 3 + kept + 1 + 1 + 1 + told + 1 <= 1024


def test_programs_as_units(units: BytePairs) -> None:
    assert len(MARKS) == 211
    ids = source_units(PROGRAM, units, "<tutorial>")
    text = units.decode(ids.tolist(), marks=True)
    assert text.startswith("<tutorial><0>a = 2<1>b = a + 3<2>for i in range(2):<indent><3>b = b * a<dedent><4>print(b)")
    broken = segments_of([units.mark("<line>"), units.mark("<state>"), 300], units)
    assert broken == [Ran(-1, {}, closed=False)]
    assert segments_of([7, 8], units) == []


def test_the_order_is_all_that_differs() -> None:
    (mixed,) = spread(CODE_EXECUTOR)
    assert mixed.share == pytest.approx(1.0)
    assert mixed.rates == pytest.approx((0.3 + 0.15 + 0.4 * 0.33, 0.15 + 0.4 * 0.33, 0.4 * 0.34))


def test_templates_of_the_test_are_not_those_of_training() -> None:
    single, held = held_out_sets(20, seed=0)
    seen = {one.program for group in training_sets(60, seed=0) for one in group}
    assert not seen & {one.program for one in held}
    assert all(len(one.segments) == 1 for one in single)
    assert len(single_lines(5, np.random.default_rng(0))) == 5
