"""Questions about scenes as first-order programs, what they mean in classical logic, and symbolic scenes to ask about.

The language is that of Hsu et al. (LEFT, 2023) as Kamali et al. (NeSyCoCo, AAAI 2025) use it. A set is a formula with
one free variable; what is asked of it is a sentence:

    set       ::= scene | word(x) and set | exists y. r(x, y) and y = iota(set) | set and set | set or set | not set
    question  ::= exists x. set | forall x. set -> set | count(set) | count(set) > < = count(set) | describe(kind, set)

Scenes are those of CLEVR (Johnson et al. 2017): objects with a colour, a shape, a size, a material, and a place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import NamedTuple, TypeAlias

KINDS = {
    "color": ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow"),
    "shape": ("cube", "sphere", "cylinder"),
    "size": ("small", "large"),
    "material": ("rubber", "metal"),
}
RELATIONS = ("left", "right", "behind", "front")
SYNONYMS = {"ball": "sphere", "block": "cube", "big": "large", "tiny": "small", "shiny": "metal", "matte": "rubber"}
_KIND_OF = {word: kind for kind, words in KINDS.items() for word in words}


class Thing(NamedTuple):
    """An object of a scene; y grows away from who looks."""

    color: str
    shape: str
    size: str
    material: str
    x: float
    y: float


Scene: TypeAlias = tuple[Thing, ...]


@dataclass(frozen=True)
class All:
    """Every object."""


@dataclass(frozen=True)
class Filter:
    """Those of a set that a word is true of."""

    word: str
    of: Set


@dataclass(frozen=True)
class Relate:
    """What is in this relation to the one object of a set."""

    word: str
    of: Set


@dataclass(frozen=True)
class Both:
    """In the one set and in the other."""

    left: Set
    right: Set


@dataclass(frozen=True)
class Either:
    """In the one set or in the other."""

    left: Set
    right: Set


@dataclass(frozen=True)
class Other:
    """Not in the set."""

    of: Set


@dataclass(frozen=True)
class Exists:
    """Whether a set has an object."""

    of: Set


@dataclass(frozen=True)
class Forall:
    """Whether the one set is part of the other."""

    left: Set
    right: Set


@dataclass(frozen=True)
class Count:
    """How many a set has."""

    of: Set


@dataclass(frozen=True)
class Compare:
    """Whether the one set has more ("greater"), fewer ("less") or as many ("equal") objects than the other."""

    op: str
    left: Set
    right: Set


@dataclass(frozen=True)
class Describe:
    """The word of a kind that is true of the one object of a set."""

    kind: str
    of: Set


Set: TypeAlias = All | Filter | Relate | Both | Either | Other
Program: TypeAlias = Exists | Forall | Count | Compare | Describe
Answer: TypeAlias = bool | int | str


class Asked(NamedTuple):
    """A scene, a question about it, and the right answer."""

    scene: Scene
    program: Program
    answer: Answer


# Classical logic


def is_true(word: str, thing: Thing) -> bool:
    """Whether a word is true of an object; a synonym is what it stands for."""
    word = SYNONYMS.get(word, word)
    return getattr(thing, _KIND_OF[word]) == word


def related(word: str, one: Thing, other: Thing) -> bool:
    """Whether the one is left (right, behind, in front) of the other."""
    if one == other:
        return False
    return {"left": one.x < other.x, "right": one.x > other.x, "behind": one.y > other.y, "front": one.y < other.y}[
        word
    ]


def members(of: Set, scene: Scene) -> list[bool] | None:
    """For each object whether it is in a set; None where a relation is to other than one object."""
    match of:
        case All():
            return [True] * len(scene)
        case Filter(word, inner):
            found = members(inner, scene)
            return found and [inside and is_true(word, thing) for inside, thing in zip(found, scene, strict=True)]
        case Relate(word, inner):
            place = only(inner, scene)
            return None if place is None else [related(word, thing, scene[place]) for thing in scene]
        case Other(inner):
            found = members(inner, scene)
            return found and [not inside for inside in found]
        case Both(left, right) | Either(left, right):
            one, other = members(left, scene), members(right, scene)
            if one is None or other is None:
                return None
            joined: Callable[..., bool] = min if isinstance(of, Both) else max
            return [joined(pair) for pair in zip(one, other, strict=True)]


def only(of: Set, scene: Scene) -> int | None:
    """The place of the one object of a set."""
    found = members(of, scene)
    return found.index(True) if found is not None and sum(found) == 1 else None


def answer(program: Program, scene: Scene) -> Answer | None:
    """The right answer; None where the question takes one object for granted and there is not one."""
    match program:
        case Describe(kind, of):
            place = only(of, scene)
            return None if place is None else str(getattr(scene[place], kind))
        case Exists(of):
            found = members(of, scene)
            return None if found is None else any(found)
        case Count(of):
            found = members(of, scene)
            return None if found is None else sum(found)
        case Forall(left, right) | Compare(_, left, right):
            one, other = members(left, scene), members(right, scene)
            if one is None or other is None:
                return None
            if isinstance(program, Forall):
                return all(there or not here for here, there in zip(one, other, strict=True))
            few, many = sum(one), sum(other)
            return {"greater": few > many, "less": few < many, "equal": few == many}[program.op]


def words_of(part: Program | Set) -> list[str]:
    """The words of a program, relations too, in their order; of `describe` all words of its kind."""
    match part:
        case All():
            return []
        case Filter(word, of) | Relate(word, of):
            return [word, *words_of(of)]
        case Describe(kind, of):
            return [*KINDS[kind], *words_of(of)]
        case Both(left, right) | Either(left, right) | Forall(left, right) | Compare(_, left, right):
            return [*words_of(left), *words_of(right)]
        case Other(of) | Exists(of) | Count(of):
            return words_of(of)


def renamed(part: Set, names: dict[str, str]) -> Set:
    """The set with other words in the places of these."""
    match part:
        case Filter(word, of):
            return Filter(names.get(word, word), renamed(of, names))
        case Relate(word, of):
            return Relate(names.get(word, word), renamed(of, names))
        case Both(left, right):
            return Both(renamed(left, names), renamed(right, names))
        case Either(left, right):
            return Either(renamed(left, names), renamed(right, names))
        case Other(of):
            return Other(renamed(of, names))
        case All():
            return part


# Scenes and questions


def scene(rng: Random, least: int = 3, most: int = 6) -> Scene:
    """Objects with random attributes at random places."""
    return tuple(
        Thing(**{kind: rng.choice(words) for kind, words in KINDS.items()}, x=rng.random(), y=rng.random())
        for _ in range(rng.randint(least, most))
    )


def random_set(rng: Random, size: int, words: tuple[str, ...] = tuple(_KIND_OF)) -> Set:
    """A set of about `size` words."""
    if size <= 0:
        return All()
    kind = rng.random()
    if size >= 3 and kind < 0.4:
        return Filter(rng.choice(words), Relate(rng.choice(RELATIONS), random_set(rng, size - 2, words)))
    if size >= 2 and kind < 0.55:
        left = rng.randint(1, size - 1)
        join = rng.choice((Both, Either))
        return join(random_set(rng, left, words), random_set(rng, size - left, words))
    if kind < 0.62:
        return Other(random_set(rng, size, words))
    return Filter(rng.choice(words), random_set(rng, size - 1, words))


def random_program(rng: Random, size: int) -> Program:
    """A question of about `size` words."""
    form = rng.choice(("exists", "exists", "forall", "count", "compare", "describe"))
    if form in ("forall", "compare") and size > 1:
        left = rng.randint(1, size - 1)
        one, other = random_set(rng, left), random_set(rng, size - left)
        return Forall(one, other) if form == "forall" else Compare(rng.choice(("greater", "less", "equal")), one, other)
    inner = random_set(rng, size)
    if form == "describe":
        return Describe(rng.choice(tuple(KINDS)), inner)
    return Count(inner) if form == "count" else Exists(inner)


def questions(count: int, sizes: tuple[int, ...], seed: int = 0) -> list[Asked]:
    """Questions with an answer, such that none can be guessed by its form: of each form of sentence as many are true as
    false, and of counts at most a third have the same answer."""
    rng = Random(seed)
    found: list[Asked] = []
    often: Counter[tuple[str, Answer | None]] = Counter()
    while len(found) < count:
        place, program = scene(rng), random_program(rng, rng.choice(sizes))
        right = answer(program, place)
        form = f"{type(program).__name__} {getattr(program, 'op', '')}"
        if right is None:
            continue
        share = 1 / 2 if isinstance(right, bool) else 1 / 3
        if not isinstance(right, str) and often[form, str(right)] > share * often[form, None]:
            continue
        often[form, None] += 1
        often[form, str(right)] += 1
        found.append(Asked(place, program, right))
    return found


def synonym_questions(count: int, seed: int = 0) -> list[Asked]:
    """Whether there is an object (at times: of a colour that some object has) of which a synonym is true, so that the
    synonym decides; as many true as false."""
    rng = Random(seed)
    found: list[Asked] = []
    wanted = True
    while len(found) < count:
        place = scene(rng)
        rest: Set = Filter(rng.choice(KINDS["color"]), All()) if rng.random() < 0.5 else All()
        program = Exists(Filter(rng.choice(tuple(SYNONYMS)), rest))
        if answer(Exists(rest), place) and answer(program, place) is wanted:
            found.append(Asked(place, program, wanted))
            wanted = not wanted
    return found
