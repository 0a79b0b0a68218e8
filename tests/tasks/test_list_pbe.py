"""List functions by example: verification in the sandbox, hygiene, curves over samples, and what adaptation sees."""

from itertools import combinations
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.analysis import success_predictors
from phloem.execute.sandbox import Call
from phloem.execute.sandbox import run as run_python
from phloem.measure.pass_at_k import pass_at_k
from phloem.synthesis import list_mutation
from phloem.synthesis.languages import deepcoder, list_python
from phloem.synthesis.languages.deepcoder import Bounds, ListProgram
from phloem.systems.synthesis import pbe_llm
from phloem.tasks import list_pbe
from phloem.tasks.list_pbe import HELD, LONGER, SHOWN, WIDE, Asked, Kind, Shown

SOME = Kind()


@pytest.fixture(scope="module")
def drawn() -> tuple[list[ListProgram], list[Asked]]:
    """Generated programs, and tasks of others and of some of them."""
    rng = Random(1)
    programs = list_pbe.generated(rng, list_pbe.seeds(rng, 8, SOME), 150, SOME)
    return programs, list_pbe.asked(rng, programs[::10], SOME)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_mutants_run_and_are_new(seed: int) -> None:
    rng = Random(seed)
    seeds = list_pbe.seeds(rng, 3, SOME)
    rows = list_pbe.rows(rng, 4, SOME)
    found = list_mutation.mutant(rng, seeds, rows, SOME.bounds, most=3)
    if found is not None:
        assert found not in seeds
        assert list_mutation.states(found, rows, SOME.bounds) is not None
        assert deepcoder.used(found) >= set(range(1, 1 + len(found.lines))), "no line is idle"
        assert deepcoder.parse(deepcoder.print(found)) == found
        assert list_pbe.program_of(list_pbe.tokens_of(found)) == found


def test_python_is_the_interpreter() -> None:
    """Random programs of up to five lines, all operations among them, in one sandbox."""
    rng, text, calls, wanted, met = Random(0), "", [], [], set()
    for number in range(300):
        rows = deepcoder.sample_inputs(rng, 2, Bounds())
        program = deepcoder.sample(rng, rows, 5)
        met |= {line.operation for line in program.lines} | {
            each for line in program.lines for each in line.arguments if isinstance(each, str)
        }
        text += list_python.source(program).replace("def program(", f"def program{number}(")
        for row in rows:
            state = deepcoder.run(program, row)
            assert state is not None
            calls.append(Call(f"program{number}", tuple(list_pbe._plain(value) for value in row)))
            wanted.append(list_pbe._plain(state[-1]))
    assert met == set(deepcoder.OPERATIONS) | set(deepcoder.FUNCTIONS)
    found = run_python(text, calls, seconds=20)
    assert [each.value for each in found] == wanted


GROW = Shown((((((1, 2)),), (2, 4)), (((3,),), (6,)), (((0, 5),), (0, 10))))
PLANTED = {
    "wrong": "def program(x0):\n    return x0\n",
    "raises": "def program(x0):\n    return x0[7]\n",
    "never ends": "def program(x0):\n    while True:\n        pass\n",
    "random": "import random\ndef program(x0):\n    return [random.random() for v in x0]\n",
    "remembers": "seen = []\ndef program(x0):\n    seen.append(x0)\n    return [v * 2 for v in x0] * (len(seen) < 3)\n",
    "depends on the process": "def program(x0):\n    return [v * 2 for v in x0] + [id(object())]\n",
    "no function": "x = 1\n",
    "no Python": "def program(x0:\n",
}


@pytest.mark.row("S135", 1)
def test_what_is_returned_passes_in_a_fresh_sandbox(drawn) -> None:
    _, tests = drawn
    rng = Random(2)
    for test in tests[:6]:
        others = [each.program for each in tests if each is not test]
        samples = [None, *rng.sample(others, 5), test.program, *others]
        first = list_pbe.first_passing(samples, test.shown)
        assert first is not None
        program = samples[first]
        assert program is not None
        assert list_pbe.passes(list_python.source(program), test.shown.pairs)
        assert not any(each is not None and list_pbe.agrees(each, test.shown.pairs, WIDE) for each in samples[:first])
    good = "def program(x0):\n    return [v * 2 for v in x0]\n"
    assert list_pbe.passes(good, GROW.pairs)
    for name, text in PLANTED.items():
        assert not list_pbe.passes(text, GROW.pairs, seconds=0.5), name


@pytest.mark.row("S135", 2)
def test_training_has_no_program_of_a_test(drawn) -> None:
    programs, tests = drawn
    kept = list_pbe.clean(programs, tests)
    assert 0 < len(kept) < len(programs), "some programs are those of tasks"
    for program in kept:
        for test in tests:
            found = [deepcoder.run(program, row, bounds=WIDE) for row, _ in test.pairs]
            assert any(
                state is None or state[-1] != output for state, (_, output) in zip(found, test.pairs, strict=True)
            )
    for program in programs:
        rng = Random(5)
        outputs = [
            (row, state[-1])
            for row in list_pbe.rows(rng, 200, SOME)
            if (state := deepcoder.run(program, row, bounds=SOME.bounds)) is not None
        ]
        assert len({output for _, output in outputs}) > 1, f"{program} is constant"
        assert any(row[0] != output for row, output in outputs), f"{program} changes nothing"


@pytest.mark.row("S135", 3)
def test_more_samples_never_solve_less(drawn) -> None:
    _, tests = drawn
    rng = Random(3)
    curves = []
    for test in tests[:3]:
        samples = [each.program for each in rng.choices(tests, k=7)] + [test.program]
        firsts = [list_pbe.first_passing(samples[:k], test.shown) for k in range(1, len(samples) + 1)]
        curves.append([first is not None for first in firsts])
    rates = np.mean(curves, axis=0)
    assert (np.diff(rates) >= 0).all()
    assert rates[-1] == 1


@pytest.mark.row("S135", 3)
@pytest.mark.parametrize("right", range(9))
def test_the_estimator_is_the_mean_over_subsets(right: int) -> None:
    samples, differs = [1] * right + [0] * (8 - right), False
    for k in range(1, 9):
        mean = np.mean([max(chosen) for chosen in combinations(samples, k)])
        assert abs(pass_at_k(8, right, k) - mean) <= 1e-12
        differs |= abs(1 - (1 - right / 8) ** k - mean) > 1e-12
    assert differs == (0 < right < 8)


class Watched:
    """A task that tells when more than its shown pairs is looked at."""

    def __init__(self, task: Asked) -> None:
        self.task, self.read = task, []

    def __getattr__(self, name: str):
        self.read.append(name)
        return getattr(self.task, name)


@pytest.mark.row("S135", 4)
def test_adaptation_reads_examples_alone(drawn, monkeypatch, tmp_path) -> None:
    programs, tests = drawn
    watched = [Watched(test) for test in tests[:4]]
    size = pbe_llm.Sizes(16, 1, 8, 40, 4, 5, SOME)
    base = pbe_llm.make(size).eval()
    trained_on = []

    def fitted(job, name, begin, examples, size, settings):
        trained_on.extend(examples.programs)
        assert sorted(vars(examples)) == ["kind", "near", "programs", "repeat"]
        return begin(), {}

    def answers(net, tasks, size, seed):
        assert all(type(each) is Shown for each in tasks)
        return [programs[0], None, None, None]

    monkeypatch.setattr(pbe_llm, "fitted", fitted)
    monkeypatch.setattr(pbe_llm, "answers", answers)
    job = SimpleNamespace(seed=0, folder=tmp_path, shared=tmp_path)
    pbe_llm.adapted(job, base, [each.shown for each in watched], programs, size, {"epochs": 1})
    assert all(each.read == ["shown"] for each in watched)
    assert set(Shown.__annotations__) == {"pairs"}
    assert trained_on


@pytest.mark.row("S135", 5)
def test_a_table_of_what_is_shown_is_no_solution(drawn) -> None:
    _, tests = drawn
    test = tests[0]
    table = {str(list(row[0])): list_pbe._plain(output) for row, output in test.shown.pairs}
    text = f"TABLE = {table!r}\ndef program(x0):\n    return TABLE.get(str(x0))\n"
    assert list_pbe.passes(text, test.shown.pairs)
    assert not list_pbe.solved(text, test)
    assert list_pbe.solved(list_python.source(test.program), test)
    assert len(test.shown.pairs) == SHOWN
    assert len(test.held) == HELD


def test_longer_tasks_are_longer() -> None:
    rng = Random(4)
    for each in list_pbe.asked(rng, list_pbe.seeds(rng, 10, LONGER), LONGER):
        assert all(len(row[0]) >= LONGER.shortest for row, _ in each.pairs)
        assert LONGER.few <= len(each.program.lines) <= LONGER.most
        found = pbe_llm.enumerated(each.shown, 0.05)
        assert found is None or list_pbe.agrees(found, each.shown.pairs, WIDE)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=2, max_size=12))
def test_area_is_the_share_of_pairs_in_order(tasks: list[tuple[int, bool]]) -> None:
    values, solved = np.array([value for value, _ in tasks]), np.array([right for _, right in tasks])
    pairs = [(x > y) + 0.5 * (x == y) for x, a in tasks for y, b in tasks if a and not b]
    area = success_predictors.area(values, solved)
    assert np.isnan(area) if not pairs else area == pytest.approx(np.mean(pairs))


def test_tasks_are_made_once_for_all_arms_and_seeds() -> None:
    size = pbe_llm.Sizes(16, 1, 8, 60, 3, 5, SOME)
    assert pbe_llm.data(size, smoke=True) is pbe_llm.data(size, smoke=True)
