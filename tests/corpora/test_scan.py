"""SCAN: the grammar, its meaning, and the splits, against the released files where they are at hand."""

from collections import Counter

import pytest

from phloem.corpora import datasets, scan
from phloem.errors import PhloemError

SIZES = {
    "simple": (16_728, 4_182),
    "length": (16_990, 3_920),
    "jump": (14_670, 7_706),
    "turn left": (21_890, 1_208),
    "around right": (15_225, 4_476),
}


@pytest.fixture(scope="module")
def released():
    if datasets.folder() is None:
        pytest.skip("PHLOEM_DATA is not set")
    return {(name, part): list(scan.released(name, part)) for name in scan.SPLITS for part in ("train", "test")}


@pytest.mark.row("S058", 1)
def test_the_grammar_has_20910_commands_of_at_most_48_actions():
    commands = scan.commands()
    assert len(commands) == len({each.words for each in commands}) == 20_910
    assert max(len(each.actions) for each in commands) == 48
    assert {word for each in commands for word in each.words.split()} == {
        *scan.VERBS, *scan.TURNS, "turn", "opposite", "around", "twice", "thrice", "and", "after",
    }  # fmt: skip


@pytest.mark.row("S058", 1)
@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("jump", "I_JUMP"),
        ("turn left", "I_TURN_LEFT"),
        ("turn opposite right", "I_TURN_RIGHT I_TURN_RIGHT"),
        ("walk opposite left", "I_TURN_LEFT I_TURN_LEFT I_WALK"),
        ("look around right", " ".join(["I_TURN_RIGHT I_LOOK"] * 4)),
        ("turn around left", " ".join(["I_TURN_LEFT"] * 4)),
        ("run left twice and walk", "I_TURN_LEFT I_RUN I_TURN_LEFT I_RUN I_WALK"),
        ("run left twice after walk", "I_WALK I_TURN_LEFT I_RUN I_TURN_LEFT I_RUN"),
    ],
)
def test_meaning(words, meaning):
    assert " ".join(scan.actions(words)) == meaning


@pytest.mark.row("S058", 1)
def test_the_interpreter_equals_the_released_lines(released):
    assert all(scan.actions(each.words) == each.actions for lines in released.values() for each in lines)


@pytest.mark.parametrize(
    "words", ["", "turn", "jump and", "walk walk", "jump up", "twice", "run and run and run", "left jump"]
)
def test_what_is_no_command_is_refused(words):
    with pytest.raises(PhloemError, match="no command of SCAN"):
        scan.actions(words)


@pytest.mark.row("S058", 2)
@pytest.mark.parametrize("name", scan.SPLITS)
def test_splits_have_the_published_sizes_and_share_no_command(name):
    train, test = scan.split(name, "train"), scan.split(name, "test")
    assert (len(train), len(test)) == SIZES[name]
    assert not {each.words for each in train} & {each.words for each in test}
    assert len({*train, *test}) == (19_701 if name == "around right" else 20_910)


@pytest.mark.row("S058", 2)
@pytest.mark.parametrize("name", scan.SPLITS)
def test_released_files_are_these_splits(name, released):
    train, test = released[name, "train"], released[name, "test"]
    assert len(train) == SIZES[name][0]
    assert not set(train) & set(test)
    if name == "simple":
        assert set(train) | set(test) <= set(scan.commands())
    else:
        assert Counter(train) == Counter(scan.split(name, "train"))
        assert set(test) <= set(scan.split(name, "test"))


@pytest.mark.row("S058", 3)
def test_what_training_shows_of_the_held_out_part():
    jump, turn = scan.split("jump", "train"), scan.split("turn left", "train")
    assert {each.words for each in jump if "jump" in each.words} == {"jump"}
    assert sum(each.words == "jump" for each in jump) == 1_467
    assert len(set(jump)) == 13_204
    assert {each.words for each in turn if "turn left" in each.words} == {"turn left"}
    assert sum(each.words == "turn left" for each in turn) == 2_189
    assert len(set(turn)) == 19_702
    assert not any("around right" in each.words for each in scan.split("around right", "train"))
    assert all("jump" in each.words for each in scan.split("jump", "test"))
    assert all("around right" in each.words for each in scan.split("around right", "test"))
    assert all(24 <= len(each.actions) <= 48 for each in scan.split("length", "test"))


def test_unknown_splits_are_named():
    with pytest.raises(PhloemError, match="there are simple, length"):
        scan.split("mcd1", "train")
    with pytest.raises(PhloemError, match="no dev of a split 'simple'"):
        list(scan.released("simple", "dev"))
