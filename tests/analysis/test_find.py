"""Black boxes and their interpreters: what is drawn, how it is scored, what is found."""

from __future__ import annotations

import os

import numpy as np
import pytest

from phloem.analysis import function_interpretation as numeric
from phloem.analysis.function_interpretation_strings import explained as explained_string
from phloem.corpora import find_functions, find_strings
from phloem.corpora.find_functions import POINTS, NumericFunction, Region
from phloem.synthesis.program import run
from phloem.tasks.find_scoring import called, compare, score, string_score, unit_tests

LINE = NumericFunction("line", lambda x: 3 * x + 5, (-100.0, 100.0), seed=1)


@pytest.mark.row("S130", 1)
def test_oracles_pass_and_zero_fails():
    count = 0
    for function in find_functions.draw(120, 0):
        points, truth = find_functions.scored(function.clean)
        assert compare(function.clean(points), truth, points).passes
        nothing = compare(np.zeros_like(truth), truth, points)
        assert nothing.nmse == 1.0
        assert not nothing.passes
        count += 1
        some = points[::9]
        assert (function(some) == function(some)).all()  # noise is a function of x
    assert count == 120


@pytest.mark.row("S130", 1)
def test_functions_without_a_truth_to_score_are_refused():
    zero = NumericFunction("zero", np.zeros_like, (-100.0, 100.0))
    assert not find_functions.admissible(zero)
    assert not find_functions.admissible(zero._replace(clean=lambda x: x * np.nan))
    assert find_functions.admissible(LINE)
    assert not compare(np.zeros(3), np.zeros(3), np.arange(3.0)).passes
    assert score("def f(x):\n    return 0\n", zero).passes is False


@pytest.mark.row("S130", 1)
@pytest.mark.parametrize("noise", ["uniform", "normal"])
def test_noise_is_seeded_by_the_function_and_x(noise):
    one, x = LINE._replace(noise=noise, scale=0.5), np.linspace(-9, 9, 400)
    assert (one(x) == one(x[::-1])[::-1]).all()
    assert (one(x) != one._replace(seed=2)(x)).any()
    off = one(x) - LINE(x)
    assert abs(off.mean()) < 0.1
    assert 0.2 < np.abs(off).mean() < 0.5
    assert score("def f(x):\n    return 3 * x + 5\n", one).nmse == 0


REGIONS = [Region(-np.inf, -20.5), Region(31.0, np.inf), Region(-4.0, 12.3)]


@pytest.mark.row("S130", 2)
@pytest.mark.parametrize("region", REGIONS)
def test_corruption_is_where_it_says(region):
    function = find_functions.corrupted(LINE, region)
    x = np.random.default_rng(0).uniform(-100, 100, 20_000)
    inside = region.holds(x)
    y = function(x)
    assert (y[~inside] == LINE(x[~inside])).all()
    draws = y[inside][:2000]
    assert len(draws) > 1000
    assert abs(draws.mean() - function.mean) < 0.02
    assert abs(draws.std() - 0.1) < 0.02
    assert function.mean == pytest.approx(5)
    # one-sided regions hold their end, the others neither of theirs
    ends = [end for end in region if np.isfinite(end)]
    assert region.holds(np.array(ends)).tolist() == [len(ends) == 1] * len(ends)


@pytest.mark.row("S130", 2)
def test_drawn_regions_have_the_published_shares():
    rng = np.random.default_rng(1)
    regions = [find_functions.draw_region(rng, (-100, 100)) for _ in range(2000)]
    inside = [one for one in regions if np.isfinite(one.low + one.high)]
    assert 0.45 < len(inside) / 2000 < 0.55
    assert all(5 <= one.high - one.low <= 25 for one in inside)
    assert 0.2 < sum(np.isposinf(one.high) for one in regions) / 2000 < 0.3


@pytest.mark.row("S130", 3)
def test_the_points_and_the_poles():
    assert POINTS.tolist() == [-127.5 + step for step in range(256)]
    root = NumericFunction("root", find_functions.FORMS["root"](2.0, 1.0, 2), (0.0, 100.0))
    points, truth = find_functions.scored(root.clean)
    assert points.min() == 0.5
    assert len(points) == 128
    assert np.isfinite(truth).all()
    # code that would raise below 0 is never called there
    assert score("def f(x):\n    return 2 * x ** 0.5 + 1 if x > 0 else 1 / 0\n", root).nmse < 1e-20
    pole = NumericFunction("pole", lambda x: 1 / (x - 3.5), (-100.0, 100.0))
    assert 3.5 not in find_functions.scored(pole.clean)[0]
    assert len(find_functions.scored(pole.clean)[0]) == 255
    assert called("def f(x):\n    return 1 / (x - 3.5)\n", np.array([3.5])) is None
    assert not score("def f(x):\n    raise ValueError\n", LINE).passes
    assert not score("def f(x):\n    return float('nan')\n", LINE).passes


@pytest.mark.row("S130", 3)
def test_what_is_wrong_locally_passes_and_is_told():
    local = score("def f(x):\n    return 0 if 10 < x < 20 else 3 * x + 5\n", LINE)
    assert local.passes
    assert local.local == ((10.5, 19.5),)
    assert score("def f(x):\n    return 3 * x + 5\n", LINE).local == ()
    assert score("def f(x):\n    return 3 * abs(x) + 5\n", LINE)[1:] == (False, ())


def test_the_set_is_the_published_mixture():
    drawn = [find_functions.draw_clean(np.random.default_rng((2, number))) for number in range(1000)]
    assert 0.11 < sum(";" in one.name for one in drawn) / 1000 < 0.19
    assert {one.name.partition("(")[0] for one in drawn if ";" not in one.name} == set(find_functions.SIMPLE)
    rough = next(find_functions.draw(20, 3))
    assert rough.name.startswith("network of")


@pytest.mark.skipif("PHLOEM_DATA" not in os.environ, reason="PHLOEM_DATA names no folder of data sets")
def test_published_means_are_those_of_our_forms():
    """The corrupted mean of an entry is its function's mean on its domain."""
    compared = {"linear", "absolute", "root", "relu", "constant", "logarithm"}
    entries = find_functions.published()
    assert len(entries) == 1000
    assert sum(entry["type"] == "simple" for entry in entries) == 850
    seen = 0
    for entry in entries:
        name = entry["name"].partition("(")[0]
        if entry["type"] != "simple" or name not in compared:
            continue
        numbers = entry["params"] if isinstance(entry["params"], list) else [entry["params"]]
        x = np.linspace(*entry["domain"], 100)
        mean = find_functions.FORMS[name](*numbers)(x).mean()
        assert mean == pytest.approx(entry["corruption_params"]["std"], rel=0.05, abs=0.5), entry["name"]
        seen += 1
    assert seen > 200


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("linear", (3.0, -2.0)),
        ("absolute", (-4.5, 9.0)),
        ("relu", (7.0, 1.0, 0.3)),
        ("root", (5.0, 2.0, 2)),
        ("logarithm", (3.0, 1.0, 2.5)),
        ("step", (4.0, -3.0, 17.2)),
        ("sin", (4.0, 2.3, 1.0, -3.0)),
        ("polynomial", (0.3, -2.0, 1.0, 4.0)),
        ("reciprocal", (6.0,)),
    ],
)
def test_known_forms_are_found_in_spite_of_a_corrupted_region(name, values):
    clean = NumericFunction(name, find_functions.FORMS[name](*values), find_functions.DOMAINS.get(name, (-100, 100)))
    function = find_functions.corrupted(clean, Region(40.3, 58.9))
    x, y = numeric.samples(function, 0)
    assert len(x) <= numeric.CALLS
    fit = numeric.explained(x, y)
    points, truth = find_functions.scored(clean.clean)
    np.testing.assert_allclose(called(fit.python, points), fit.of(points), rtol=1e-9, atol=1e-9)
    assert compare(fit.of(points), truth, points).passes
    found = numeric.corrupted_run(x, y, fit.of)
    assert found is not None
    assert numeric.overlap(found, (40.3, 58.9), (-128, 128)) > 0.7
    x, y = numeric.samples(clean, 0)
    assert numeric.corrupted_run(x, y, numeric.explained(x, y).of) is None


def test_integer_formulas_are_found():
    x, y = numeric.samples(lambda x: np.floor(x) % 2, 0)
    found = numeric.symbolic(x, y)
    assert found is not None
    points = np.arange(-20.0, 20)
    assert (called(found, points) == points % 2).all()
    assert numeric.symbolic(*numeric.samples(np.sin, 0)) is None


def test_overlap():
    assert numeric.overlap((0, 2), (1, 3), (-9, 9)) == pytest.approx(1 / 3)
    assert numeric.overlap((0, 2), (-np.inf, 2), (0, 9)) == 1
    assert numeric.overlap((0, 1), (2, 3), (-9, 9)) == 0


def test_string_functions_and_their_score():
    functions = list(find_strings.draw(300, 0))
    assert 0.22 < sum(one.edits == 1 for one in functions) / 300 < 0.38
    texts = find_strings.inputs(60, 0)
    assert len(set(texts)) == 60
    for one in functions:
        assert all(isinstance(one.apply(text), str) for text in texts)
        assert string_score(one.apply, one.apply, texts) == 1
    assert string_score(str.upper, lambda text: text[::-1], texts) < 0.5
    assert string_score(lambda text: None, str.upper, texts) == 0
    assert string_score(lambda text: text[99], str.upper, texts) == 0


@pytest.mark.parametrize("name", ["reverse", "without the first", "remove spaces"])
def test_edits_are_synthesised(name):
    texts = find_strings.inputs(40, 1)
    program = explained_string(find_strings.PLAIN[name], texts[:30], seconds=20, candidates=300_000)
    assert program is not None
    assert [run(program, (text,)) for text in texts[30:]] == [find_strings.PLAIN[name](text) for text in texts[30:]]


def test_a_judge_picks_sets():
    sets = [[("a", "A")], [("a", "aa")], [("b", "")]]
    answers = unit_tests(lambda text, choices: 0 if "upper" in text else 1, "upper case", [sets, sets], [0, 2])
    assert answers.tolist() == [1.0, 0.0]
