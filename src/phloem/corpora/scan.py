"""SCAN: commands of a small grammar and the actions that they stand for.

Lake and Baroni, "Generalization without systematicity" (2018, section 2 and supplement). A command is one phrase or two
joined by "and" or "after"; a phrase is a verb, turned or not, once, twice or thrice:

    C -> S and S | S after S | S        S -> V twice | V thrice | V
    V -> D opposite d | D around d | D d | U        D -> U | turn
    U -> walk | look | run | jump                   d -> left | right

The grammar is finite: 20,910 commands, each with one reading. The splits ask what is learned of the parts: at random
("simple"); by the number of actions ("length"); a verb that training shows alone ("jump", "turn left"); and, of Loula,
Baroni and Lake, "Rearranging the Familiar" (2018), a template that it never shows ("around right").
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from phloem.corpora import datasets
from phloem.errors import PhloemError

VERBS = {"walk": "I_WALK", "look": "I_LOOK", "run": "I_RUN", "jump": "I_JUMP"}
TURNS = {"left": "I_TURN_LEFT", "right": "I_TURN_RIGHT"}
TIMES = {"": 1, "twice": 2, "thrice": 3}
LONGEST_TRAINED = 22  # actions of the split "length"
SPLITS = ("simple", "length", "jump", "turn left", "around right")
_FILES = {"jump": "addprim_jump", "turn left": "addprim_turn_left", "around right": "around_right"}


class Command(NamedTuple):
    """Words parted by blanks, and what to do."""

    words: str
    actions: tuple[str, ...]


def actions(words: str) -> tuple[str, ...]:
    """What a command stands for. Raises PhloemError for words that are no command.

    >>> actions("jump twice after turn left")
    ('I_TURN_LEFT', 'I_JUMP', 'I_JUMP')
    """
    for joint in ("and", "after"):
        first, found, second = words.partition(f" {joint} ")
        if found:
            one, two = _phrase(first, words), _phrase(second, words)
            return one + two if joint == "and" else two + one
    return _phrase(words, words)


def _phrase(phrase: str, command: str) -> tuple[str, ...]:
    verb, _, last = phrase.rpartition(" ")
    return _verb(verb, command) * TIMES[last] if last in TIMES and verb else _verb(phrase, command)


def _verb(phrase: str, command: str) -> tuple[str, ...]:
    match phrase.split(" "):
        case [verb] if verb in VERBS:
            return (VERBS[verb],)
        case [verb, side] if side in TURNS and (verb in VERBS or verb == "turn"):
            return (TURNS[side], *_done(verb))
        case [verb, "opposite", side] if side in TURNS and (verb in VERBS or verb == "turn"):
            return (TURNS[side], TURNS[side], *_done(verb))
        case [verb, "around", side] if side in TURNS and (verb in VERBS or verb == "turn"):
            return (TURNS[side], *_done(verb)) * 4
    raise PhloemError(f"{command!r} is no command of SCAN")


def _done(verb: str) -> tuple[str, ...]:
    """What follows the turn: nothing where turning is all that is asked."""
    return (VERBS[verb],) if verb in VERBS else ()


@lru_cache
def commands() -> tuple[Command, ...]:
    """All 20,910, in the order of the grammar."""
    turned = [
        f"{verb}{how} {side}" for verb in (*VERBS, "turn") for how in ("", " opposite", " around") for side in TURNS
    ]
    phrases = [f"{verb} {times}".strip() for verb in (*VERBS, *turned) for times in TIMES]
    joined = [f"{one} {joint} {two}" for joint in ("and", "after") for one in phrases for two in phrases]
    return tuple(Command(words, actions(words)) for words in (*phrases, *joined))


def split(name: str, part: str, seed: int = 0) -> list[Command]:
    """The commands of a split's "train" or "test" part; where a verb is shown alone, its line is repeated.

    The random split is drawn from `seed`; the others follow from the grammar, as the released files do. Raises
    PhloemError for an unknown one."""
    if name not in SPLITS or part not in ("train", "test"):
        raise PhloemError(f"SCAN has no {part} of a split {name!r}: there are {', '.join(SPLITS)}")
    training = part == "train"
    if name == "simple":
        order = np.random.default_rng(seed).permutation(len(commands()))
        cut = len(order) * 4 // 5
        return [commands()[i] for i in (order[:cut] if training else order[cut:])]
    if name == "length":
        return [each for each in commands() if (len(each.actions) <= LONGEST_TRAINED) == training]
    if name == "around right":
        # what says "turn around right" is in neither part of the released files
        return [
            each
            for each in commands()
            if ("around right" in each.words) != training and "turn around right" not in each.words
        ]
    if not training:
        return [each for each in commands() if name in each.words and each.words != name]
    rest = [each for each in commands() if name not in each.words]
    return rest + [Command(name, actions(name))] * round(len(rest) / 9)  # a tenth of all lines


def released(name: str, part: str, data: str | Path | None = None) -> Iterator[Command]:
    """The lines of a released file; of the test parts the set holds 70%, at most 3,500 lines.

    Raises PhloemError for an unknown split and where the set is not here."""
    if name not in SPLITS or part not in ("train", "test"):
        raise PhloemError(f"SCAN has no {part} of a split {name!r}: there are {', '.join(SPLITS)}")
    for row in datasets.load("scan", f"{_FILES.get(name, name)}_{part}", data):
        yield Command(row["in"], tuple(row["out"].split()))
