"""PCFG: the interpreter against the released values, and what holds of any expression."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.corpora import datasets, pcfg_set
from phloem.errors import PhloemError
from phloem.synthesis.languages import pcfg

programs = st.integers(0, 2**32).map(lambda seed: pcfg.sample(random.Random(seed)))


def test_the_interpreter_equals_the_released_values():
    if datasets.folder() is None:
        pytest.skip("PHLOEM_DATA is not set")
    for name in pcfg_set.SPLITS:
        for each in pcfg_set.split(name):
            program = pcfg.parse(each.words)
            assert pcfg.run(program) == each.value
            assert pcfg.print(program) == each.words
    for name in pcfg_set.TWINS:
        assert all(pcfg.run(pcfg.parse(pair.other.words)) == pair.one.value for pair in pcfg_set.twins(name))
    assert all(pcfg.run(pcfg.parse(each.words)) == each.regular for each in pcfg_set.exceptions())


@given(programs)
def test_print_parse_and_totality(program):
    assert pcfg.parse(pcfg.print(program)) == program
    value = pcfg.run(program)
    assert value is not None
    assert pcfg.run(program, fuel=0) is None


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("A", "A"),
        ("swap_first_last A", "A"),
        ("shift A B C", "B C A"),
        ("echo reverse A B", "B A A"),
        ("remove_first A , remove_second B , C", "B"),
        ("prepend append_twin A , B , C", "C A B"),
    ],
)
def test_values(words, value):
    assert " ".join(pcfg.run(pcfg.parse(words))) == value


@pytest.mark.parametrize("words", ["", "copy", "append A", "append A ,", "copy A , B", "A copy B", ", A"])
def test_what_is_no_expression_is_refused(words):
    with pytest.raises(PhloemError, match="word"):
        pcfg.parse(words)


def test_deep_nesting_and_doubling_end():
    assert pcfg.run(pcfg.parse("reverse " * 20_000 + "A B")) == ("A", "B")
    assert pcfg.run(pcfg.parse("repeat " * 64 + "A")) is None
