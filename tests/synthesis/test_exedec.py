"""ExeDec: the list language and its released tasks, the splits, and the loop over subgoals."""

import os
from itertools import islice
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.corpora import exedec_benchmark
from phloem.errors import PhloemError
from phloem.synthesis import exedec_splits, subgoals
from phloem.synthesis.languages import deepcoder, robustfill, robustfill_tokens
from phloem.synthesis.languages.deepcoder import Bounds, Line, ListProgram, parse, run, step
from phloem.synthesis.program import run as run_string
from phloem.tasks import list_programs

NEEDS_DATA = pytest.mark.skipif("PHLOEM_DATA" not in os.environ, reason="no data sets here")


def values(program: str, *inputs: object) -> object:
    state = run(parse(program), inputs)
    return None if state is None else state[-1]


@pytest.mark.row("S013", 1)
def test_the_published_run() -> None:
    program = parse("x0 = INPUT | x1 = Scanl1 (-) x0 | x2 = Map (*(-1)) x1 | x3 = Filter (>0) x2")
    assert run(program, [(1, 0, 6, 9, 1)])[-1] == (5, 14, 15)


@pytest.mark.row("S013", 1)
@NEEDS_DATA
@pytest.mark.parametrize("split", exedec_benchmark.SPLITS)
def test_released_list_programs_give_the_stored_outputs(split: str) -> None:
    tasks = list(exedec_benchmark.tasks("deepcoder", split))
    for task in tasks:
        program = parse(task.program)
        assert deepcoder.print(program) == task.program
        assert deepcoder.decode(deepcoder.encode(task.program)) == task.program
        for given_text, output in zip(task.inputs, task.outputs, strict=True):
            state = deepcoder.parse_state(given_text)
            assert deepcoder.print_state(state) == given_text
            assert deepcoder.print_value(run(program, state)[-1]) == output
    assert len(tasks) == 700


def tokens_of(text: str) -> list[int]:
    return [int(token) for part in text.split("|") for token in part.split()]


@pytest.mark.row("S013", 1)
@NEEDS_DATA
@pytest.mark.parametrize("split", exedec_benchmark.SPLITS)
def test_released_string_programs_give_the_stored_outputs(split: str) -> None:
    for task in exedec_benchmark.tasks("robustfill", split):
        program = robustfill_tokens.decode(tokens_of(task.program))
        assert tuple(run_string(program, (text,)) for text in task.inputs) == task.outputs


@pytest.mark.row("S013", 2)
@NEEDS_DATA
@pytest.mark.parametrize("split", exedec_splits.SPLITS[1:])
def test_released_tests_are_tests_of_their_split(split: str) -> None:
    lists = [exedec_splits.shape_of_lists(parse(t.program)) for t in exedec_benchmark.tasks("deepcoder", split)]
    strings = [
        exedec_splits.shape_of_strings(robustfill_tokens.decode(tokens_of(task.program)))
        for task in exedec_benchmark.tasks("robustfill", split)
    ]
    for shapes, trained in ((lists, 4), (strings, 6)):
        assert all(exedec_splits.is_test(split, shape, trained=trained) for shape in shapes)
        assert not any(exedec_splits.is_training(split, shape, trained=trained) for shape in shapes)


@pytest.mark.row("S013", 2)
@pytest.mark.parametrize("split", exedec_splits.SPLITS)
def test_no_training_program_is_one_of_the_tests(split: str) -> None:
    rng, seen = Random(0), 0
    drawn = list_programs.tasks(rng, split, trained=3, bounds=list_programs.SMALL)
    for task in islice(drawn, 300):
        shape = exedec_splits.shape_of_lists(task.program)
        assert not exedec_splits.is_test(split, shape, trained=3)
        seen += 1
    rows, bounds = [((1, 2, 3), 1), ((4, -2), 0), ((0, 5), 2)], Bounds()
    while seen < 5_000 / len(exedec_splits.SPLITS) * 1.2:
        length = rng.randint(*exedec_splits.lengths(split, test=False, trained=4))
        planned = exedec_splits.plan(rng, split, length, test=False)
        program = exedec_splits.draw(rng, rows, planned, bounds)
        if program is not None and exedec_splits.is_training(split, exedec_splits.shape_of_lists(program), trained=4):
            assert not exedec_splits.is_test(split, exedec_splits.shape_of_lists(program), trained=4)
            seen += 1
    if split != "none":
        for task in islice(list_programs.tasks(rng, split, test=True, trained=3, bounds=list_programs.SMALL), 40):
            assert exedec_splits.is_test(split, exedec_splits.shape_of_lists(task.program), trained=3)


def test_sampled_tasks_have_no_dead_lines_and_no_shorter_program() -> None:
    drawn = list_programs.tasks(Random(3), "none", trained=3, bounds=list_programs.SMALL)
    for task in islice(drawn, 80):
        program = task.program
        made = range(program.inputs, program.inputs + len(program.lines))
        assert set(made) <= deepcoder.used(program)
        assert len(set(task.outputs)) > 1
        assert all(
            run(program, row, bounds=list_programs.SMALL) == s for row, s in zip(task.inputs, task.values, strict=True)
        )
        if len(program.lines) > 1:
            types = [deepcoder.type_of(value) for value in task.inputs[0]]
            for line in deepcoder.lines(types):
                assert tuple(step(line, row, list_programs.SMALL) for row in task.inputs) != task.outputs
    with pytest.raises(PhloemError, match="no split 'other'"):
        exedec_splits.is_test("other", [], trained=3)


@pytest.mark.row("S013", 5)
def test_ways_to_fail() -> None:
    assert values("x0 = INPUT | x1 = INPUT | x2 = Take x0 x1", -1, (1, 2, 3)) == (1, 2)
    assert values("x0 = INPUT | x1 = INPUT | x2 = Drop x0 x1", -1, (1, 2, 3)) == (3,)
    assert values("x0 = INPUT | x1 = Map (/2) x0", (-3, 3)) == (-2, 1)
    assert values("x0 = INPUT | x1 = Map (/3) x0", (-1, -4)) == (-1, -2)
    assert values("x0 = INPUT | x1 = Map (+1) x0", (50,)) is None
    assert values("x0 = INPUT | x1 = Map (+1) x0 | x2 = Count (>0) x1", (50,)) is None
    assert values("x0 = INPUT | x1 = Map (-1) x0", (-49,)) == (-50,)
    assert values("x0 = INPUT | x1 = INPUT | x2 = ZipWith (+) x0 x1", (1, 2, 3), (10, 20)) == (11, 22)
    for called in ("Head", "Last", "Minimum", "Maximum"):
        assert values(f"x0 = INPUT | x1 = {called} x0", ()) is None
    assert values("x0 = INPUT | x1 = Sum x0", ()) == 0
    assert values("x0 = INPUT | x1 = Scanl1 (+) x0", ()) == ()
    for n, expected in ((-1, None), (0, 5), (1, 6), (2, None)):
        assert values("x0 = INPUT | x1 = INPUT | x2 = Access x0 x1", n, (5, 6)) == expected
    assert values("x0 = INPUT | x1 = Head x0", 3) is None
    assert run(parse("x0 = INPUT"), [(1,), (2,)]) is None


@settings(max_examples=40)
@given(st.randoms(use_true_random=False))
def test_printing_and_parsing_are_inverse_and_runs_never_raise(rng: Random) -> None:
    rows = deepcoder.sample_inputs(rng, 3)
    program = deepcoder.sample(rng, rows, 4)
    assert parse(deepcoder.print(program)) == program
    for row in rows:
        state = run(program, row)
        assert state is not None
        assert deepcoder.parse_state(deepcoder.print_state(state)) == state
    foreign = [tuple(rng.choice((7, (), (1, 2), -50)) for _ in rows[0]) for _ in range(3)]
    for row in foreign:
        run(program, row)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x1 = INPUT", "line 1: expected x0"),
        ("x0 = INPUT | x1 = Turn x0", "line 2: there is no operation Turn"),
        ("x0 = INPUT | x1 = Map (>0) x0", "is no int -> int"),
        ("x0 = INPUT | x1 = Head x1", "x1 is no list"),
        ("x0 = INPUT | x1 = Head", "takes 1 arguments"),
        ("x0 = INPUT | x1 =", "line 2"),
    ],
)
def test_errors_name_the_line(text: str, message: str) -> None:
    with pytest.raises(PhloemError, match=message.replace("(", r"\(")):
        parse(text)


def decomposed(tasks: list[list_programs.ListTask], told: list[list_programs.ListTask]) -> float:
    """The share of tasks that the loop solves by exhaustive writing, the subgoals taken from `told`."""
    solved, domain = 0, subgoals.Lists()
    for task, other in zip(tasks, told, strict=True):

        def propose(waiting, task=task, other=other):
            proposals = []
            for each in waiting:
                done = len(each.states[0]) - task.program.inputs
                at = other.program.inputs + min(done, len(other.program.lines) - 1)
                proposals.append([(tuple(state[at] for state in other.values), 0.0)])
            return proposals

        begin = subgoals.ListsLeft(task.inputs, task.outputs)
        found = subgoals.decompose(begin, domain, propose, subgoals.every_line(), width=10, steps=5)
        if found:
            program = ListProgram(task.program.inputs, found[0].parts)
            assert [run(program, row)[-1] for row in task.inputs] == list(task.outputs)
        solved += bool(found)
    return solved / len(tasks)


@pytest.mark.row("S013", 4)
def test_true_subgoals_solve_everything_and_shuffled_ones_little() -> None:
    tasks = list(islice(list_programs.tasks(Random(11), "none", trained=4), 60))
    assert max(len(task.program.lines) for task in tasks) == 5
    assert decomposed(tasks, tasks) == 1.0
    others = [*tasks[17:], *tasks[:17]]
    assert decomposed(tasks, others) < 0.2


def test_the_domain_of_strings() -> None:
    domain = subgoals.Strings()
    task = subgoals.StringsLeft(("ab cd", "x y"), ("cd!", "y!"))
    x = robustfill_tokens.INPUT
    word = robustfill.language.call("GetToken", x, "Word", -1)
    left = domain.after(task, word)
    assert left == subgoals.StringsLeft(("ab cd", "x y"), ("!", "!"))
    assert domain.after(task, robustfill.language.call("GetToken", x, "Word", 1)) is None
    assert domain.after(task, robustfill.language.call("GetToken", x, "Word", 9)) is None
    bang = robustfill.parse('Concat("!")', ["text"], ["string"])
    done = domain.after(left, bang)
    assert domain.complete(done)
    assert not domain.complete(left)
    whole = domain.program([word, bang])
    assert [run_string(whole, (text,)) for text in task.inputs] == list(task.left)


def test_the_loop_keeps_the_likeliest_and_drops_repeated_executions() -> None:
    domain, state = subgoals.Lists(), ((1, 2),)
    lines = [(Line("Reverse", (0,)), -1.0), (Line("Sort", (0,)), -0.5), (Line("Map", ("(+1)", 0)), -0.2)]
    written = []

    def write(asked):
        written.append(len(asked))
        return [lines for _ in asked]

    begin = subgoals.ListsLeft((state,), ((2, 1),))
    found = subgoals.decompose(begin, domain, lambda tasks: [[(None, 0.0)] for _ in tasks], write, width=3, steps=2)
    assert found[0].parts == (Line("Reverse", (0,)),)
    assert found[0].score == -1.0
    assert written == [1, 2]
