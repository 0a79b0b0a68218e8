"""Hindsight replay, the text of grids, and the loop that ties them."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.errors import PhloemError
from phloem.synthesis import hindsight_replay
from phloem.synthesis.hindsight_replay import TINY, Buffer, Experience
from phloem.synthesis.languages import arc
from phloem.tasks import arc as tasks


@pytest.mark.row("S056", 5)
def test_sparse_text_gives_the_grid_back() -> None:
    rng = np.random.default_rng(0)
    for _ in range(1_000):
        height = int(rng.integers(1, 31))
        width = int(rng.choice([each for each in range(1, 31) if each != height]))
        colours = int(rng.integers(1, 11))
        grid = tuple(map(tuple, rng.integers(0, colours, (height, width)).tolist()))
        text = tasks.sparse(grid)
        assert tasks.parse_sparse(text) == grid
        assert tasks.UNK not in [tasks.SOURCE.get(word, tasks.UNK) for word in tasks.words_of(text)]


@given(st.text(max_size=20) | st.text(alphabet="0123x=, background", max_size=30))
def test_what_is_no_grid_is_refused(text: str) -> None:
    try:
        grid = tasks.parse_sparse(text)
    except PhloemError:
        return
    assert len({len(row) for row in grid}) == 1
    assert tasks.parse_sparse(tasks.sparse(grid)) == grid


def test_programs_are_words() -> None:
    for _, program in tasks.sampled(Random(1), 20, lines=4):
        assert tasks.program_of(tasks.target(program)) == program
    assert tasks.program_of([]) is None
    assert tasks.program_of([0, 1, 2]) is None


@pytest.mark.row("S056", 3)
def test_every_experience_is_what_its_program_does() -> None:
    """Programs of some tasks, relabelled on the inputs of others."""
    rng, buffer = Random(2), Buffer()
    some = list(tasks.sampled(rng, 25, lines=3))
    demonstrations = {task.name: task.train for task, _ in some}
    for task, own in some:
        for _, program in [(task, own), *rng.sample(some, 10)]:
            made = hindsight_replay.relabelled(task.name, arc.print(program), program, task.train, arc.answer)
            if made is not None:
                buffer.add("policy", made)
    entries = list(buffer.pools["policy"].values())
    assert len(entries) > 50
    assert any(len(each.pairs) < len(demonstrations[each.parent]) for each in entries) or len(entries) == 275
    for each in entries:
        program = arc.parse(each.text)
        assert [arc.answer(program, given) for given, _ in each.pairs] == [output for _, output in each.pairs]
        assert each.priority == tasks.shares(program, demonstrations[each.parent]) + TINY
        assert hindsight_replay.solves(each, len(demonstrations[each.parent])) == (
            tasks.shares(program, demonstrations[each.parent]) == 1
        )
    for task, program in some:
        assert buffer.pools["policy"][task.name, arc.print(program)].priority == 1


def test_a_key_is_kept_once() -> None:
    buffer, one = Buffer(), Experience("a", "O = hmirror(I)", (), 0.5)
    assert buffer.add("policy", one)
    assert not buffer.add("policy", one._replace(priority=1.0))
    assert buffer.add("initial", one)
    assert buffer.add("policy", one._replace(parent="b"))
    assert len(buffer.pools["policy"]) == 2


def test_draws_follow_priority_without_replacement() -> None:
    weights = np.array([TINY, 1.0, 3.0, TINY, 1.0])
    rng = np.random.default_rng(0)
    counts = np.zeros(5)
    for _ in range(4_000):
        chosen = hindsight_replay.drawn(rng, weights, 1)
        counts[chosen] += 1
    assert np.allclose(counts / 4_000, weights / weights.sum(), atol=0.03)
    three = {tuple(sorted(hindsight_replay.drawn(rng, weights, 3))) for _ in range(50)}
    assert three == {(1, 2, 4)}
    buffer = Buffer()
    for number in range(6):
        buffer.add("policy", Experience(number, "O = hmirror(I)", (), TINY if number else 1.0))
    assert len(buffer.draw(rng, "policy", 10)) == 6
    drawn = buffer.draw(rng, "policy", 3)
    assert len({each.parent for each in drawn}) == 3
    assert 0 in {each.parent for each in drawn}
    uniform = np.mean([0 in {e.parent for e in buffer.draw(rng, "policy", 3, prioritised=False)} for _ in range(500)])
    assert 0.4 < uniform < 0.6


def test_the_best_programs_are_right_and_short() -> None:
    task, program = next(tasks.sampled(Random(3), 1, lines=1))
    longer = arc.parse("x1 = identity(I)\n" + arc.print(program).replace("(I", "(x1"))
    wrong = arc.parse("O = crop(I, ORIGIN, UNITY)")
    assert tasks.top([longer, wrong, program, program], task) == [program, longer]
