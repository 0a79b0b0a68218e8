"""LOGO: printing, totality, exact positions, and pictures one by one as many at once."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.errors import PhloemError
from phloem.execute.sandbox import Call
from phloem.execute.sandbox import run as run_python
from phloem.synthesis.languages import logo
from phloem.synthesis.languages.logo import DEGREES, ORIGIN, Embed, Move, Number, Repeat

seeds = st.integers(0, 2**32)
TURTLE = """
from contextlib import contextmanager
import math
x, y, heading, down, lines = 0.0, 0.0, 0.0, True, []

def forward(by):
    global x, y
    old = x, y
    x, y = x + by * math.cos(math.radians(heading)), y + by * math.sin(math.radians(heading))
    if down and by:
        lines.append([*old, x, y])

def left(by):
    global heading
    heading += by

def right(by):
    left(-by)

def penup():
    global down
    down = False

def pendown():
    global down
    down = True

@contextmanager
def embed():
    global x, y, heading, down
    kept = x, y, heading, down
    yield
    x, y, heading, down = kept

def drawn():
    return lines

"""


@given(seed=seeds, size=st.integers(0, 20))
def test_print_parse_and_totality(seed: int, size: int) -> None:
    rng = Random(seed)
    program = logo.sample(rng, size)
    assert logo.parse(logo.print(program)) == program
    whole, short = logo.run(program), logo.run(program, fuel=rng.randint(0, 30))
    assert short is None or short == whole
    if whole is not None:
        assert not whole.segments or whole.turtle.heading in range(logo.ROOTS)


@given(seed=seeds)
def test_pictures_one_by_one_and_at_once(seed: int) -> None:
    rng = Random(seed)
    found = [logo.run(logo.sample(rng, rng.randint(0, 15))) for _ in range(4)]
    pictures = [each.segments for each in found if each is not None]
    together = logo.draw_many(pictures, pixels=24, scale=0.75)
    for alone, picture in zip(pictures, together, strict=True):
        assert (logo.draw(alone, pixels=24, scale=0.75) == picture).all()


@given(text=st.text(max_size=40) | st.text(alphabet="forwadleft(1)*i: \n+-", max_size=40))
def test_what_is_no_program_is_refused(text: str) -> None:
    try:
        program = logo.parse(text)
    except PhloemError:
        return
    assert logo.parse(logo.print(program)) == program


@pytest.mark.parametrize("sides", [3, 4, 6, 8, 12, 24])
def test_polygons_close_exactly(sides: int) -> None:
    body = (Move("forward", Number(1_000)), Move("left", Number(360 // sides)))
    drawn = logo.run((Repeat(sides, body),))
    assert drawn is not None
    assert drawn.turtle == logo.Turtle()
    assert len({each.start for each in drawn.segments}) == sides


@given(seed=seeds)
def test_the_same_lines_as_python_draws(seed: int) -> None:
    rng = Random(seed)
    for power in range(logo.ROOTS):
        x, y = logo.point(logo.root(power))
        assert math.isclose(x, math.cos(math.radians(DEGREES * power)), abs_tol=1e-12)
        assert math.isclose(y, math.sin(math.radians(DEGREES * power)), abs_tol=1e-12)
    a, b = rng.randrange(24), rng.randrange(24)
    turned = logo.run((Move("left", Number(15 * a)), Move("left", Number(15 * b)), Move("forward", Number(7))))
    assert turned is not None
    assert turned.turtle.position == tuple(7 * part for part in logo.root(a + b))


def test_programs_are_python() -> None:
    """Random programs in Python's own interpreter, against ours."""
    rng = Random(3)
    checked = 0
    while checked < 4:
        program = logo.sample(rng, 12)
        ours = logo.run(program)
        if ours is None or len(ours.segments) < 3:
            continue
        (theirs,) = run_python(TURTLE + logo.print(program), [Call("drawn", ())])
        assert theirs.status == "ok", theirs
        lines = [[*logo.point(each.start), *logo.point(each.end)] for each in ours.segments]
        assert len(lines) == len(theirs.value)
        for one, other in zip(lines, theirs.value, strict=True):
            assert all(math.isclose(p, q, abs_tol=1e-6) for p, q in zip(one, other, strict=True))
        checked += 1


def test_embedding_goes_back() -> None:
    drawn = logo.run((Embed((Move("forward", Number(3)), Move("left", Number(90)))), Move("forward", Number(2))))
    assert drawn is not None
    assert [each.start for each in drawn.segments] == [ORIGIN, ORIGIN]
    assert logo.ascii_art(logo.draw(drawn.segments, pixels=8)).splitlines()[4] == "....####"


def test_loops_end() -> None:
    body: logo.Program = (Move("forward", Number(1)),)
    for _ in range(10):
        body = (Repeat(100, body),)
    assert logo.run(body) is None
