"""Karel: what holds of any language of programs, its golden runs, its interventions, and its grammar as a mask."""

from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.analysis.semantic_intervention import changed
from phloem.decode.top_p import TopP
from phloem.errors import PhloemError
from phloem.nn.models.program_lm import Constrained, ProgramLM
from phloem.represent.base import START, UNK
from phloem.synthesis.languages import karel, karel_grammar
from phloem.synthesis.languages.karel import (
    ACTIONS,
    CYCLE,
    MOVE_FOR_PUT,
    OPPOSITE,
    ORIGINAL,
    Action,
    Condition,
    If,
    Repeat,
    While,
    Worlds,
)
from phloem.tasks import karel as tasks

seeds = st.integers(0, 2**32)
meanings = st.sampled_from((ORIGINAL, OPPOSITE, CYCLE))


@given(seed=seeds, size=st.integers(0, 25))
def test_print_and_parse(seed: int, size: int) -> None:
    program = karel.sample(Random(seed), size)
    text = karel.print(program)
    assert karel.parse(text) == program
    assert karel_grammar.after(text.split()) == ()


@settings(max_examples=60)
@given(seed=seeds, size=st.integers(0, 25), fuel=st.integers(0, 120), semantics=meanings)
def test_one_world_as_many(seed: int, size: int, fuel: int, semantics: karel.Semantics) -> None:
    rng = Random(seed)
    program = karel.sample(rng, size)
    worlds = [karel.sample_world(rng, 6) for _ in range(5)]
    found, ended = karel.run_many(program, Worlds.of(worlds), fuel=fuel, semantics=semantics)
    for number, world in enumerate(worlds):
        alone = karel.run(program, world, fuel=fuel, semantics=semantics)
        assert (alone is not None) == ended[number]
        if alone is not None:
            assert found.world(number) == alone
            assert not alone.walls[alone.row][alone.column]
            assert all(0 <= count <= karel.MOST_MARKERS for row in alone.markers for count in row)


@given(text=st.lists(st.sampled_from(karel_grammar.WORDS), max_size=12).map(" ".join) | st.text(max_size=20))
def test_what_is_no_program_is_refused(text: str) -> None:
    for whole in (text, f"def run ( ) {{ {text} }}"):
        try:
            written = karel.print(karel.parse(whole))
        except PhloemError:
            written = None
        try:
            accepted = karel_grammar.after(whole.split()) == ()
        except PhloemError:
            accepted = False
        assert accepted == (written is not None)
        if written is not None:
            assert written == " ".join(whole.split())


def test_runs_without_an_end_and_deep_programs() -> None:
    world = karel.empty_world()
    assert karel.run((While(Condition("front_is_clear"), (Action("turn_left"),) * 4),), world) is None
    assert karel.run((While(Condition("front_is_clear"), ()),), world) is None
    program: karel.Program = (Action("move"),)
    for _ in range(5_000):
        program = (Repeat(1, program),)
    assert karel.run(program, world, fuel=20_000) == karel.act(world, "move")
    with pytest.raises(PhloemError, match="within each other"):
        karel.parse(karel.print(program))


def test_control_flow() -> None:
    world = karel.empty_world()
    walk = (While(Condition("front_is_clear"), (Action("move"),)), Repeat(3, (Action("put_marker"),)))
    end = karel.run(walk, world)
    assert end is not None
    assert (end.column, end.markers[1][6]) == (6, 3)
    choose = (If(Condition("markers_present"), (Action("pick_marker"),), (Action("turn_left"),)),)
    assert karel.run(choose, end) == karel.act(end, "pick_marker")
    assert karel.run(choose, world) == karel.act(world, "turn_left")
    assert karel.run((If(Condition("right_is_clear", True), (Action("move"),)),), world) == world


@pytest.mark.row("S003", 1)
def test_golden_runs() -> None:
    world = karel.empty_world()
    end = karel.run(karel.parse("def run ( ) { move move turn_left put_marker }"), world)
    assert end is not None
    assert (end.row, end.column, karel.FACINGS[end.facing]) == (1, 3, "north")
    assert end.markers[1][3] == 1
    assert sum(map(sum, end.markers)) == 1
    assert karel.act(end, "move") == end, "a wall"
    assert karel.act(world, "pick_marker") == world
    full = karel.run((Repeat(10, (Action("put_marker"),)),), world)
    assert full is not None
    assert full.markers[1][1] == karel.MOST_MARKERS
    assert karel.act(full, "put_marker") == full
    everywhere = (Repeat(6, (Repeat(10, (Action("put_marker"),)), Action("move"))),)
    end = karel.run(everywhere, world)
    assert end is not None
    assert sum(map(sum, end.markers)) == 60, "the bag does not empty"


@pytest.mark.row("S003", 2)
def test_interventions_change_states_and_not_texts() -> None:
    rng = Random(0)
    drawn = [(karel.sample_straight(rng, 6, 6), karel.sample_world(rng)) for _ in range(4_000)]
    texts = [karel.print(program) for program, _ in drawn]
    for semantics in (OPPOSITE, CYCLE):
        assert sum(changed(program, world, semantics) for program, world in drawn) >= 0.9 * len(drawn)
    assert not any(changed(program, world, MOVE_FOR_PUT, facing=True) for program, world in drawn)
    assert sum(changed(program, world, MOVE_FOR_PUT) for program, world in drawn) > 0.5 * len(drawn)
    assert [karel.print(program) for program, _ in drawn] == texts


@pytest.mark.row("S003", 4)
def test_the_mask_writes_programs_only() -> None:
    torch.manual_seed(0)
    kind = tasks.Kind(2, 1, 1, 4)
    model = ProgramLM(tasks.VOCABULARY, width=8, layers=1, heads=2, places=kind.prompt + 32).eval()
    batch = tasks.prompts([tasks.spec(Random(i), kind) for i in range(500)])
    accepted = 0
    for seed in range(2):
        masked = TopP(10, p=1.0, temperature=2.0, seed=seed)(Constrained(model, tasks.Grammar(14)), batch, length=14)
        for one in masked:
            for each in one:
                program = tasks.decode(each.value)
                assert len(each.value) <= 14
                assert tasks.encode(program) == list(each.value)
                accepted += 1
    assert accepted == 10_000
    invalid = 0
    for one in TopP(4, p=1.0)(model, batch, length=14):
        for each in one:
            try:
                tasks.decode([token for token in each.value if token not in (UNK, START)])
            except PhloemError:
                invalid += 1
    assert invalid > 0, "the mask has nothing to do"


def test_straight_lines_under_the_mask() -> None:
    torch.manual_seed(0)
    model = ProgramLM(tasks.VOCABULARY, width=8, layers=1, heads=2, places=tasks.SMALL.places).eval()
    batch = tasks.prompts([tasks.spec(Random(i), tasks.SMALL) for i in range(40)])
    length = tasks.SMALL.longest + tasks.BRACKETS
    for one in TopP(2, p=1.0)(Constrained(model, tasks.Grammar(length, tasks.SMALL.actions)), batch, length=length):
        for each in one:
            program = tasks.decode(each.value)
            assert 1 <= len(program) <= tasks.SMALL.longest
            assert all(isinstance(part, Action) and part.name in tasks.SMALL.actions for part in program)


def test_semantics_are_permutations() -> None:
    for semantics in (ORIGINAL, OPPOSITE, CYCLE, MOVE_FOR_PUT):
        assert sorted(semantics) == sorted(semantics.values()) == sorted(ACTIONS)
