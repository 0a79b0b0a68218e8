"""Random expressions, their notation, the questions made of them, and the checks (Lample and Charton 2020)."""

from collections import Counter

import numpy as np
import pytest

from phloem.corpora.expression_trees import Kinds, TreeCounts, random_expression, random_shape
from phloem.errors import PhloemError
from phloem.execute.cas_check import is_antiderivative, solves
from phloem.synthesis.languages import prefix_maths
from phloem.synthesis.languages.prefix_maths import parse, symbol, tokens
from phloem.systems.claims import Job
from phloem.systems.synthesis import symbolic_math
from phloem.tasks import symbolic_maths
from phloem.tasks.symbolic_maths import Maker

sympy = pytest.importorskip("sympy")
SMALL = Kinds(binary={"add": 10, "mul": 10}, unary={"pow2": 4, "exp": 4, "sin": 4, "cos": 4, "ln": 4})


def _excess(counts, expected):
    """How much a chi-square statistic is above what 1 in 1,000 uniform samples reaches (Wilson and Hilferty 1931)."""
    freedom = len(counts) - 1
    limit = freedom * (1 - 2 / (9 * freedom) + 3.0902 * (2 / (9 * freedom)) ** 0.5) ** 3
    return float(((np.array(counts) - expected) ** 2 / expected).sum()) - limit


def _fair_coin(rng, operators):
    """The usual sampler that isn't uniform: each operator's arity by a coin, at a random empty node."""
    shape, empty = [], 1
    for _ in range(operators):
        skipped, arity = int(rng.integers(empty)), int(rng.integers(1, 3))
        shape += [0] * skipped + [arity]
        empty += arity - skipped - 1
    return (*shape, *[0] * empty)


@pytest.mark.row("S054", 1)
def test_tree_counts_and_the_uniform_sampler():
    counts = TreeCounts()
    assert [counts(1, n) for n in range(5)] == [1, 2, 6, 22, 90]
    assert [TreeCounts(unary=0)(1, n) for n in range(5)] == [1, 1, 2, 5, 14]
    assert counts(0, 3) == 0
    for kinds in (counts, TreeCounts(leaves=3, unary=2, binary=4)):
        for empty in range(1, 8):
            for operators in range(1, 8):
                assert kinds.draws(empty, operators).sum() == pytest.approx(1)
    rng, samples = np.random.default_rng(0), 50_000
    found = Counter(random_shape(rng, 3, counts) for _ in range(samples))
    assert len(found) == 22
    assert _excess(list(found.values()), samples / 22) < 0
    coin = Counter(_fair_coin(rng, 3) for _ in range(samples))
    assert _excess([*coin.values(), *[0] * (22 - len(coin))], samples / 22) > 0


@pytest.mark.row("S054", 2)
def test_notation_and_tree_are_the_same():
    rng, counts = np.random.default_rng(1), TreeCounts()
    kinds = Kinds(variables=("x", "y", "c"), largest=120, signed=True)
    for _ in range(10_000):
        written = list(random_expression(rng, int(rng.integers(0, 10)), kinds, counts))
        assert tokens(parse(written)) == written


@pytest.mark.row("S054", 2)
def test_what_sympy_evaluated_comes_back_equal():
    rng, counts, seen = np.random.default_rng(2), TreeCounts(), 0
    while seen < 10_000:
        drawn = random_expression(rng, int(rng.integers(1, 4)), Kinds(signed=True), counts)
        value = prefix_maths.to_sympy(parse(drawn))
        try:
            written = prefix_maths.from_sympy(value)
        except PhloemError:  # infinite, or not real
            assert value.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo, sympy.I, sympy.AccumBounds), value
            continue
        again = prefix_maths.to_sympy(parse(tokens(written)))
        assert again == value or sympy.simplify(again - value) == 0, drawn
        seen += 1


@pytest.mark.row("S054", 2)
def test_sympy_may_reorder_and_evaluate():
    value = prefix_maths.to_sympy(parse(["add", "x", "x"]))
    assert value == 2 * symbol("x")
    assert tokens(prefix_maths.from_sympy(value)) == ["mul", "x", "INT+", "2"]


@pytest.mark.parametrize(
    "bad", [[], ["add", "x"], ["x", "x"], ["INT+"], ["INT+", "0", "1"], ["INT-", "0"], ["frob", "x"], ["5"]]
)
def test_what_is_no_expression_is_refused(bad):
    with pytest.raises(PhloemError):
        parse(bad)


def _value(units, x):
    return prefix_maths.evaluate(parse(units), {"x": x})


def _is_derivative(answer, asked, x, width=1e-5):
    """By central differences of our own evaluation, which knows nothing of SymPy; None where there is no value."""
    slope = (_value(answer, x + width) - _value(answer, x - width)) / (2 * width)
    wanted = _value(asked, x)
    if not np.isfinite(slope) or not np.isfinite(wanted) or abs(_value(answer, x)) > 1e3:
        return None
    return abs(slope - wanted) <= 1e-4 * max(1.0, abs(wanted))


@pytest.mark.row("S054", 3)
@pytest.mark.parametrize("way", ["backward", "by_parts", "forward"])
def test_pairs_are_functions_with_their_antiderivatives(way):
    maker = Maker(np.random.default_rng(3), SMALL, 2 if way == "forward" else 3)
    found = maker.many(getattr(maker, way), 60 if way == "backward" else 10)
    assert len(found) >= 10
    x, told = symbol("x"), 0
    for asked, answer in found:
        integrand, function = (prefix_maths.to_sympy(parse(each)) for each in (asked, answer))
        assert is_antiderivative(function, integrand, x), (asked, answer)
        near = [_is_derivative(answer, asked, place) for place in (0.6, 1.1, 1.7)]
        assert False not in near, (asked, answer)
        told += True in near
    assert told > len(found) / 2


@pytest.mark.row("S054", 4)
def test_the_checker_knows_right_answers_and_wrong_ones():
    x = symbol("x")
    integrand = sympy.sin(x) * sympy.cos(x)
    for answer in (sympy.sin(x) ** 2 / 2, -sympy.cos(2 * x) / 4):
        assert is_antiderivative(answer, integrand, x)
        assert is_antiderivative(answer + 3, integrand, x)
        assert not is_antiderivative(answer + x, integrand, x)
    assert symbolic_maths.is_right(["mul", "INT+", "2", "x"], ["pow2", "x"])
    assert not symbolic_maths.is_right(["mul", "INT+", "2", "x"], ["pow3", "x"])
    assert not symbolic_maths.is_right(["mul", "INT+", "2", "x"], ["pow2"])


@pytest.mark.parametrize("way", ["first_order", "second_order"])
def test_differential_equations_are_solved_by_their_functions(way):
    maker = Maker(np.random.default_rng(4), SMALL, 4)
    found = maker.many(getattr(maker, way), 2)
    assert len(found) == 2
    names = {name: symbol(name) for name in ("x", "y", "y'", "y''")}
    for asked, answer in found:
        equation, function = (prefix_maths.to_sympy(parse(each)) for each in (asked, answer))
        assert not equation.has(symbol("c"), symbol("c1"), symbol("c2"))
        assert equation.has(names["y'" if way == "first_order" else "y''"])
        assert solves(function, equation, names), (asked, answer)
        assert not solves(function + names["x"] ** 3 + sympy.exp(names["x"]), equation, names)


def test_what_was_made_in_parts_is_the_same_after_a_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(symbolic_math, "PART", 4)
    told = list[float]()
    job = Job(0, tmp_path / "run", tmp_path / "shared", told.append)
    made = symbolic_math.questions(job, symbolic_math.SMOKE, "backward", 10, 3)
    assert told == [0.0, 0.4, 0.8]
    assert len({units.asked for units in made}) == len(made) > 5
    files = sorted(job.shared.glob("*.json"))
    assert len(files) == 3
    files[1].unlink()  # of a run that was stopped
    assert symbolic_math.questions(job, symbolic_math.SMOKE, "backward", 10, 3) == made
    assert len(told) == 4
    other = symbolic_math.questions(job, symbolic_math.SMOKE, "backward", 10, 4)
    assert [units.asked for units in other] != [units.asked for units in made]
