"""The language of ARC: golden values, the published solutions, totality, types, and mutation."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.corpora import arc as corpus
from phloem.errors import PhloemError
from phloem.synthesis import arc_mutation
from phloem.synthesis.languages import arc
from phloem.synthesis.languages.arc import INPUT, ArcProgram, Line
from phloem.synthesis.languages.arc_signatures import CONSTANTS, SIGNATURES, fits
from phloem.synthesis.languages.arc_values import Undefined, is_output, type_of
from phloem.tasks import arc as tasks

G = ((0, 0, 0, 0, 0), (0, 1, 1, 0, 0), (0, 1, 0, 2, 0), (0, 0, 0, 2, 0), (3, 0, 0, 0, 0))
seeds = st.integers(0, 2**32)
names = st.sampled_from([*SIGNATURES])


def call(name: str, *values):
    """A function of the language on plain values."""
    return SIGNATURES[name].function.apply(*values)


def fn(name: str):
    return SIGNATURES[name].function


@pytest.mark.row("S056", 1)
def test_golden_values() -> None:
    flags = [(True, False, True), (True, True, True), (False, True, True), (True, False, False)]
    assert [len(call("objects", G, *each)) for each in flags] == [3, 3, 2, 4]
    largest = call("argmax", call("objects", G, True, False, True), fn("size"))
    assert call("toindices", largest) == {(1, 1), (1, 2), (2, 1)}
    assert call("shape", largest) == (2, 2)
    assert call("delta", largest) == {(2, 2)}
    assert call("rot90", ((1, 2), (3, 4))) == ((3, 1), (4, 2))
    assert call("cmirror", ((1, 2), (3, 4))) == ((4, 2), (3, 1))
    assert call("connect", (0, 0), (1, 2)) == frozenset()
    assert max(call("shoot", (0, 0), (1, 1))) == (42, 42)
    assert call("gravitate", frozenset({(0, 0)}), frozenset({(0, 4)})) == (0, 3)
    assert call("hsplit", ((1, 2, 3, 4, 5),), 2) == (((1, 2),), ((4, 5),))


def test_there_are_160_functions_and_their_arities() -> None:
    assert len(SIGNATURES) == 160
    assert all(each.function.arity == len(each.arguments) for each in SIGNATURES.values())


@pytest.mark.parametrize(
    ("name", "arguments", "value"),
    [
        ("add", ((1, 2), 3), (4, 5)),
        ("subtract", (3, (1, 2)), (2, 1)),
        ("divide", (-7, 2), -4),
        ("crement", ((0, -3),), (0, -4)),
        ("maximum", (frozenset(),), 0),
        ("interval", (5, 0, -2), (5, 3, 1)),
        ("combine", ((1,), (2,)), (1, 2)),
        ("dedupe", ((3, 1, 3),), (3, 1)),
        ("remove", (1, (1, 2, 1)), (2,)),
        ("merge", (((1, 2), (3,)),), (1, 2, 3)),
        ("product", (frozenset({1}), (2, 3)), frozenset({(1, 2), (1, 3)})),
        ("height", (frozenset(),), 0),
        ("centerofmass", (frozenset({(0, 0), (0, 1), (3, 1)}),), (1, 0)),
        ("position", (frozenset({(0, 0)}), frozenset({(5, 0)})), (1, 0)),
        ("hperiod", (frozenset({(1, (0, 0)), (2, (0, 1)), (1, (0, 2)), (2, (0, 3))}),), 2),
        ("inbox", (frozenset({(0, 0), (3, 3)}),), frozenset({(1, 1), (1, 2), (2, 1), (2, 2)})),
        ("occurrences", (((1, 1, 0), (0, 1, 1)), frozenset({(1, (5, 5)), (1, (5, 6))})), frozenset({(0, 0), (1, 1)})),
        ("cellwise", (((1, 2),), ((1, 3),), 0), ((1, 0),)),
        ("compress", (((0, 0, 0), (1, 0, 2), (3, 0, 4)),), ((1, 2), (3, 4))),
        ("switch", (((1, 2, 3),), 1, 2), ((2, 1, 3),)),
        ("upscale", (frozenset({(4, (1, 1))}), 2), frozenset({(4, (i, j)) for i in (1, 2) for j in (1, 2)})),
        ("downscale", (((1, 2, 3), (4, 5, 6), (7, 8, 9)), 2), ((1, 3), (7, 9))),
        ("vsplit", (((1,), (2,), (3,)), 2), (((1,),), ((3,),))),
        ("dmirror", (frozenset({(2, 3), (2, 4)}),), frozenset({(2, 3), (3, 3)})),
        ("underfill", (((0, 1, 0),), 5, frozenset({(0, 0), (0, 1), (9, 9)})), ((5, 1, 0),)),
    ],
)
def test_values_by_hand(name: str, arguments: tuple, value) -> None:
    assert call(name, *arguments) == value


@given(seed=seeds)
def test_grids_turn_and_mirror_as_the_square_does(seed: int) -> None:
    grid = tasks.random_grid(Random(seed))
    turned = grid
    for _ in range(4):
        turned = call("rot90", turned)
    assert turned == grid
    assert call("rot180", grid) == call("hmirror", call("vmirror", grid))
    assert call("rot270", call("rot90", grid)) == grid
    assert call("cmirror", grid) == call("rot180", call("dmirror", grid))
    for name in ("hmirror", "vmirror", "dmirror", "cmirror"):
        assert call(name, call(name, grid)) == grid
        patch = call("asobject", grid)
        expected = call("asobject", call(name, grid))
        assert call("normalize", call(name, patch)) == expected
    assert call("paint", call("canvas", 7, (len(grid), len(grid[0]))), call("asobject", grid)) == grid
    assert call("downscale", call("upscale", grid, 3), 3) == grid


@given(seed=seeds)
def test_objects_are_a_partition(seed: int) -> None:
    rng = Random(seed)
    grid = tasks.random_grid(rng)
    univalued, diagonal = rng.random() < 0.5, rng.random() < 0.5
    found = call("objects", grid, univalued, diagonal, False)
    cells = [cell for each in found for cell in each]
    assert frozenset(cells) == call("asobject", grid)
    assert len(cells) == len(set(cells))
    assert not univalued or all(len(call("palette", each)) == 1 for each in found)
    parts = call("partition", grid)
    assert call("merge", parts) == call("asobject", grid)
    for each in found:
        box, inside = call("backdrop", each), call("toindices", each)
        assert call("delta", each) | inside == box
        assert call("box", each) <= box


@settings(max_examples=60, deadline=None)
@given(seed=seeds)
def test_print_parse_types_and_totality(seed: int) -> None:
    """Random lines with little regard to types: values or None, never an exception; and programs that are sampled."""
    rng = Random(seed)
    grid = tasks.random_grid(rng)
    known, lines = [INPUT, *CONSTANTS, *SIGNATURES], []
    for number in range(1, rng.randint(2, 9)):
        called = rng.choice([*SIGNATURES])
        arguments = [
            rng.choice([INPUT, *CONSTANTS, *known[-number:], *SIGNATURES]) for _ in SIGNATURES[called].arguments
        ]
        lines.append(Line(called, tuple(arguments)))
        known.append(arc.variable(number))
    wild = ArcProgram(tuple(lines))
    value = arc.run(wild, grid)
    assert value is None or arc.answer(wild, grid) in (None, value)
    program = arc.sample(rng, grid, rng.randint(1, 4))
    if program is not None:
        assert arc.parse(arc.print(program)) == program
        assert arc.parse(arc.print(program).replace("x1", "x77")) == program
        types = arc.types(program, grid)
        assert types is not None
        assert types["O"] == "Grid"
        for line, name in zip(program.lines, arc.names_of(program), strict=True):
            wanted = SIGNATURES[line.called]
            for type, argument in zip(wanted.arguments, line.arguments, strict=True):
                own = types.get(argument) or ("Fn1" if argument in SIGNATURES else type_of(CONSTANTS[argument]))
                assert fits(type, own)
            assert is_output(arc.run(program, grid)), name


def test_programs_of_functions_end() -> None:
    """A function that calls itself by way of others runs out of fuel; doubling runs out of room."""
    twice = "x1 = fork(combine, identity, identity)\n"
    lines = [f"x{i + 1} = compose(x{i}, x{i})\n" for i in range(1, 30)]
    assert arc.run(arc.parse(twice + "".join(lines) + "O = x30(I)"), G) is None
    powers = "x1 = lbind(power, increment)\nx2 = multiply(TEN, TEN)\nx3 = multiply(x2, x2)\nx4 = multiply(x3, x3)\n"
    assert arc.run(arc.parse(powers + "x5 = power(increment, x4)\nO = x5(ONE)"), G) is None
    assert (
        arc.run(
            arc.parse("x1 = multiply(TEN, TEN)\nx2 = multiply(x1, x1)\nx3 = multiply(x2, x2)\nO = repeat(I, x3)"), G
        )
        is None
    )
    assert arc.run(arc.parse("O = hmirror(I)"), G, fuel=0) is None
    empty = "x1 = initset(ONE)\nx2 = difference(x1, x1)\nx3 = initset(x2)\n"
    assert arc.run(arc.parse(empty + "O = apply(color, x3)"), G) is None
    with pytest.raises(Undefined):
        fn("add")(1)


@given(text=st.text(alphabet="xIO=(),ZERO hmiror12\n", max_size=40) | st.text(max_size=20))
def test_what_is_no_program_is_refused(text: str) -> None:
    try:
        program = arc.parse(text)
    except PhloemError:
        return
    assert arc.parse(arc.print(program)) == program


@pytest.mark.row("S056", 2)
def test_the_published_solutions_solve_their_tasks() -> None:
    try:
        known, training = corpus.solutions(), list(corpus.tasks())
    except PhloemError as error:
        pytest.skip(str(error))
    assert len(known) == len(training) == 400
    for task in training:
        program = arc.parse(known[task.name])
        for given_grid, wanted in task.pairs:
            assert arc.run(program, given_grid) == wanted, task.name


def test_all_tasks_are_grids() -> None:
    try:
        every = [*corpus.tasks("training"), *corpus.tasks("evaluation"), *corpus.tasks("tasks", name="arc_1d")]
    except PhloemError as error:
        pytest.skip(str(error))
    assert len({task.name for task in every}) == len(every) == 400 + 300 + 631
    for task in every:
        assert task.train
        assert task.test
        assert all(is_output(side) for pair in task.pairs for side in pair)


def test_without_solutions_one_line_says_what_to_copy_where(tmp_path: Path) -> None:
    with pytest.raises(PhloemError, match=r"copy solvers\.py .* to arc_solvers/solvers\.py in the folder that --data"):
        corpus.solutions(tmp_path)


def test_solutions_are_read_as_text(tmp_path: Path) -> None:
    folder = tmp_path / "arc_solvers"
    folder.mkdir()
    text = "from dsl import *\n\n\ndef solve_0a(I):\n    x1 = hmirror(I)\n    O = vmirror(x1)\n    return O\n"
    (folder / "solvers.py").write_text(text)
    assert corpus.solutions(tmp_path) == {"0a": "x1 = hmirror(I)\nO = vmirror(x1)"}
    with pytest.raises(PhloemError, match=r"solvers\.py"):
        corpus.solutions(folder)


@pytest.mark.row("S056", 4)
def test_mutants_run_and_differ() -> None:
    rng = Random(0)
    attempts = accepted = 0
    for task, program in tasks.sampled(rng, 40, lines=4):
        grids = [given for given, _ in task.pairs]
        for _ in range(5):
            attempts += 1
            found = arc_mutation.mutant(rng, program, grids)
            if found is None:
                continue
            accepted += 1
            assert arc_mutation.runs(found, grids)
            assert arc.ill_typed(found, grids[0]) == arc.ill_typed(program, grids[0]) == 0
            assert arc.print(found) != arc.print(program)
            assert arc.parse(arc.print(found)) == found
    assert accepted >= 0.6 * attempts
