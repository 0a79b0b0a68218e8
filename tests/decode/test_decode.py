"""Searches against exhaustive search and a plain-loop beam, and the scores that they report against `forward`."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.decode import beam as beams
from phloem.decode import beam_numpy
from phloem.decode.beam import Beam
from phloem.decode.ensemble import Ensemble
from phloem.decode.greedy import greedy
from phloem.decode.rescore import rescore, score, score_lists
from phloem.represent.base import PAD, START, UNK

from .conftest import Recurrent, Source, sources

NEVER = (UNK, START)
seeds = st.integers(0, 10_000)


def one(source: Source, row: int) -> Source:
    return Source(*(part[row : row + 1] for part in source))


def teacher_forced(model: Recurrent, source: Source, value: tuple[int, ...]) -> float:
    """log p(value, end) of one source by forward, in a plain loop."""
    target = torch.tensor([[*value, PAD]])
    logs = model(source._replace(target=target))[0].log_softmax(-1)
    return sum(float(logs[time, word]) for time, word in enumerate(target[0].tolist()))


def all_sequences(words: list[int], length: int) -> list[tuple[int, ...]]:
    return [value for count in range(length + 1) for value in itertools.product(words, repeat=count)]


def plain_beam(model: Recurrent, source: Source, width: int, length: int) -> list[tuple[tuple[int, ...], float]]:
    """Sutskever et al.'s search of one source in plain loops, every prefix scored from its beginning."""
    beam: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    finished: list[tuple[tuple[int, ...], float]] = []
    for step in range(length + 1):
        extended = []
        for value, total in beam:
            logs = model(source._replace(target=torch.tensor([[*value, PAD]])))[0, -1].log_softmax(-1)
            allowed = [PAD] if step == length else [word for word in range(len(logs)) if word not in NEVER]
            extended += [((*value, word), total + float(logs[word])) for word in allowed]
        extended.sort(key=lambda entry: -entry[1])
        finished += [(value[:-1], total) for value, total in extended[:width] if value[-1] == PAD]
        beam = [(value, total) for value, total in extended[:width] if value[-1] != PAD]
    return sorted(finished, key=lambda entry: -entry[1])[:width]


@pytest.mark.row("S048", 2)
@given(seed=seeds)
@settings(max_examples=25, deadline=None)
def test_a_beam_as_wide_as_the_vocabulary_is_exhaustive_up_to_three_symbols(seed):
    """Five ids, two of which are never taken; two words and the end mark are three symbols."""
    model, source = Recurrent(5, seed), sources(3, seed)
    found = Beam(5, forbid=NEVER)(model, source, length=2)
    for row in range(3):
        scored = {value: teacher_forced(model, one(source, row), value) for value in all_sequences([3, 4], 2)}
        best = max(scored, key=scored.__getitem__)
        assert found[row][0].value == best
        assert found[row][0].score == pytest.approx(scored[best], abs=1e-8)


@pytest.mark.row("S048", 2)
@given(seed=seeds, words=st.integers(1, 4), length=st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_a_beam_that_drops_nothing_lists_all_sequences_in_order(seed, words, length):
    model, source = Recurrent(3 + words, seed), sources(2, seed)
    ids = list(range(3, 3 + words))
    everything = all_sequences(ids, length)
    found = Beam(len(everything) + words**length, forbid=NEVER)(model, source, length=length)
    for row in range(2):
        scored = {value: teacher_forced(model, one(source, row), value) for value in everything}
        assert [h.value for h in found[row]] == sorted(scored, key=lambda value: -scored[value])
        assert sum(math.exp(h.score) for h in found[row]) <= 1 + 1e-8


@pytest.mark.row("S048", 2)
@given(seed=seeds, vocabulary=st.integers(4, 12), length=st.integers(0, 6), forbid=st.sampled_from([(), (UNK,), NEVER]))
@settings(max_examples=30, deadline=None)
def test_width_one_is_greedy(seed, vocabulary, length, forbid):
    model, source = Recurrent(vocabulary, seed), sources(5, seed)
    narrow = Beam(1, forbid=forbid)(model, source, length=length)
    plain = greedy(model, source, length=length, forbid=forbid)
    for (left,), (right,) in zip(narrow, plain, strict=True):
        assert left.value == right.value
        assert left.score == pytest.approx(right.score, abs=1e-8)
        torch.testing.assert_close(left.trace, right.trace, atol=1e-8, rtol=0)


@given(seed=seeds, width=st.integers(1, 6), length=st.integers(1, 5), sharpness=st.sampled_from([0.3, 1.0, 3.0]))
@settings(max_examples=40, deadline=None)
def test_the_batched_beam_is_the_plain_one(seed, width, length, sharpness):
    model, source = Recurrent(8, seed, sharpness=sharpness), sources(4, seed)
    found = Beam(width, forbid=NEVER)(model, source, length=length)
    for row in range(4):
        plain = plain_beam(model, one(source, row), width, length)
        assert [h.value for h in found[row]] == [value for value, _ in plain]
        assert [h.score for h in found[row]] == pytest.approx([total for _, total in plain], abs=1e-8)


@pytest.mark.row("S048", 3)
@given(seed=seeds, width=st.integers(1, 5), length=st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_the_sum_of_steps_is_the_teacher_forced_score(seed, width, length):
    model, source = Recurrent(9, seed), sources(4, seed)
    lists = Beam(width)(model, source, length=length)
    by_steps = score_lists(model, source, [[h.value for h in found] for found in lists])
    for row, found in enumerate(lists):
        expected = [teacher_forced(model, one(source, row), h.value) for h in found]
        assert [h.score for h in found] == pytest.approx(expected, abs=1e-8)
        assert by_steps[row] == pytest.approx(expected, abs=1e-8)
    firsts = [found[0].value for found in lists]
    time = max(map(len, firsts)) + 1
    padded = torch.tensor([[*value, *[PAD] * (time - len(value))] for value in firsts])
    assert score(model, source, padded).tolist() == pytest.approx([found[0].score for found in lists], abs=1e-8)


def test_score_adds_the_end_mark_where_a_target_fills_its_row():
    model, source = Recurrent(9, 1), sources(2, 1)
    targets = torch.tensor([[4, 5, 6], [7, PAD, PAD]])
    expected = [teacher_forced(model, one(source, 0), (4, 5, 6)), teacher_forced(model, one(source, 1), (7,))]
    assert score(model, source, targets).tolist() == pytest.approx(expected, abs=1e-8)


@given(seed=seeds, width=st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_traces_are_the_attention_of_each_step(seed, width):
    """Each hypothesis replayed alone attends to the same positions; one row a word and one for the end mark."""
    model, source = Recurrent(9, seed), sources(3, seed)
    for row, found in enumerate(Beam(width)(model, source, length=4)):
        for hypothesis in found:
            state, rows = model.start(one(source, row)), []
            for token in (START, *hypothesis.value):
                _, state = model.next(torch.tensor([token]), state)
                rows.append(model.trace(state)[0])
            torch.testing.assert_close(hypothesis.trace, torch.stack(rows), atol=1e-8, rtol=0)


@given(seed=seeds, width=st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_a_source_is_decoded_as_if_it_were_alone(seed, width):
    model, source = Recurrent(9, seed), sources(6, seed)
    together = Beam(width)(model, source, length=5)
    for row in range(6):
        (alone,) = Beam(width)(model, one(source, row), length=5)
        assert [h.value for h in alone] == [h.value for h in together[row]]


@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_forbidden_words_never_appear_and_are_there_otherwise(seed):
    model, source = Recurrent(6, seed), sources(8, seed)
    with torch.no_grad():
        model.out.bias[UNK] += 5
    free = [UNK in h.value for search in (greedy, Beam(3)) for found in search(model, source, length=4) for h in found]
    assert any(free)
    for found in [*greedy(model, source, length=4, forbid=(UNK,)), *Beam(3, forbid=(UNK,))(model, source, length=4)]:
        assert all(UNK not in h.value for h in found)


def test_a_length_penalty_ranks_longer_hypotheses_higher():
    model, source = Recurrent(7, 11, sharpness=0.5), sources(20, 3)
    mean = lambda lists: sum(len(found[0].value) for found in lists) / len(lists)  # noqa: E731
    plain, long = Beam(6)(model, source, length=5), Beam(6, length_penalty=1.0)(model, source, length=5)
    assert mean(long) > mean(plain)
    for found in long:
        ranks = [h.score / (len(h.value) + 1) for h in found]
        assert ranks == sorted(ranks, reverse=True)


def test_an_ensemble_averages_distributions():
    models, source = [Recurrent(8, seed) for seed in (1, 2, 3)], sources(5, 4)
    tokens = torch.tensor([3, 4, 5, 6, 7])
    together = Ensemble(models)
    logits, state = together.next(tokens, together.start(source))
    each = [model.next(tokens, model.start(source)) for model in models]
    mean = torch.stack([logits.softmax(-1) for logits, _ in each]).mean(0)
    torch.testing.assert_close(logits.exp(), mean, atol=1e-8, rtol=0)
    attention = torch.stack([state.weights for _, state in each]).mean(0)
    torch.testing.assert_close(together.trace(state), attention, atol=1e-8, rtol=0)
    (alone,) = (Beam(3)(Ensemble(models[:1]), one(source, 0), length=4),)
    assert [h.value for h in alone[0]] == [h.value for h in Beam(3)(models[0], one(source, 0), length=4)[0]]


def test_an_ensemble_can_prefer_what_no_member_prefers():
    """The distributions are averaged, not the votes: [.5 .4 .1] and [.1 .4 .5] together choose the middle."""

    class Constant:
        def __init__(self, probabilities):
            self.logits = torch.tensor([1e-9, 1e-9, 1e-9, *probabilities], dtype=torch.float64).log()

        def start(self, source):
            return ()

        def next(self, tokens, state):
            return self.logits.repeat(len(tokens), 1), state

        def reorder(self, state, index):
            return state

        def trace(self, state):
            return None

    models = [Constant([0.5, 0.4, 0.1]), Constant([0.1, 0.4, 0.5])]
    ((found,),) = greedy(Ensemble(models), sources(1, 0), length=1)
    assert found.value == (4,)
    assert found.trace is None
    assert Beam(2)(Ensemble(models), sources(1, 0), length=1)[0][0].value == (4,)


def test_rescoring_averages_with_another_score():
    model, other, source = Recurrent(8, 5), Recurrent(8, 6), sources(4, 7)
    lists = Beam(4)(model, source, length=3)
    scores = score_lists(other, source, [[h.value for h in found] for found in lists])
    for found, others, new in zip(lists, scores, rescore(lists, scores), strict=True):
        expected = {h.value: (h.score + own) / 2 for h, own in zip(found, others, strict=True)}
        assert [h.value for h in new] == sorted(expected, key=lambda value: -expected[value])
        assert [h.score for h in new] == pytest.approx([expected[h.value] for h in new])
    assert [h.value for found in rescore(lists, scores, weight=0) for h in found] == [h.value for f in lists for h in f]
    assert score_lists(model, source, [[], [], [], []]) == [[], [], [], []]
    with pytest.raises(ValueError, match="2 lists for 4 sources"):
        score_lists(model, source, [[], []])


@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_sequence_of_words_is_written_twice(size: int) -> None:
    model, batch = Recurrent(6, seed=3, sharpness=6.0), sources(7, 4)
    free = Beam(4)(model, batch, length=9)
    for found in Beam(4, no_repeat=size)(model, batch, length=9):
        for each in found:
            words = each.value
            grams = [words[at : at + size] for at in range(len(words) - size + 1)]
            assert len(set(grams)) == len(grams)
            assert all(one != other for one, other in itertools.pairwise(words))
    assert any(len(set(each.value)) < len(each.value) for found in free for each in found)


@given(st.lists(st.lists(st.integers(0, 3), min_size=6, max_size=6), min_size=1, max_size=4), st.integers(1, 4))
def test_words_that_would_repeat_are_those_found_by_hand(rows: list[list[int]], size: int) -> None:
    wanted = set()
    for row, words in enumerate(rows):
        grams = {tuple(words[at : at + size]) for at in range(len(words) - size + 1)}
        ends = {word for word in range(4) if (*words[len(words) - size + 1 :], word) in grams}
        wanted |= {(row, word) for word in ends | {words[-1]}}
    torch_found = beams.repeats(torch.tensor(rows), size)
    numpy_found = beam_numpy.repeats(np.array(rows), size)
    assert set(zip(*(part.tolist() for part in torch_found), strict=True)) == wanted
    assert set(zip(*(part.tolist() for part in numpy_found), strict=True)) == wanted
