"""Random RobustFill tasks, in the released form of ExeDec (Shi et al. 2023): inputs first, then a program that fits
them.

Inputs: three to five slots, each a delimiter (with probability 1/3) or one to three repetitions of a random delimiter
and a token of one to four characters; every example has the same slots with other content, in an order of its own,
cut at 20 characters. Then one to ten expressions, uniform over four pools: substrings, modifications, compositions of
a modification with either, one constant character. Indices go no further than tokens there are, and an expression
that is empty on some input is drawn again. What is not published in numbers (the lengths of tokens by class) is
uniform here.
"""

from __future__ import annotations

import string
from random import Random
from typing import NamedTuple

from phloem.synthesis.languages import robustfill
from phloem.synthesis.languages.robustfill import (
    BOUNDARIES,
    CASES,
    CHARACTERS,
    CLASS,
    CLASSES,
    DELIMITERS,
    EXEDEC,
    MODIFICATIONS,
    MOST,
    SUBSTRINGS,
    joined,
)
from phloem.synthesis.languages.robustfill_tokens import INPUT
from phloem.synthesis.program import STRING, Call, Constant, Program, run

LENGTH = 20  # characters of an input
NEAR = 5  # indices of tokens go from -NEAR to NEAR
TRIES = 200  # draws of an expression before the inputs are drawn anew
_ALPHABETS = {
    "Number": string.digits,
    "Word": string.ascii_letters,
    "Alphanum": string.ascii_letters + string.digits,
    "AllCaps": string.ascii_uppercase,
    "Lower": string.ascii_lowercase,
    "Digit": string.digits,
    "Char": CHARACTERS,
}


class Task(NamedTuple):
    """A program with inputs and its outputs on them."""

    program: Program
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def task(rng: Random, examples: int = 4, most: int = MOST) -> Task:
    """A random task with so many examples and at most `most` expressions; no output is empty."""
    while True:
        given = inputs(rng, examples)
        parts = [_expression(rng, given) for _ in range(rng.randint(1, most))]
        if all(part is not None for part in parts):
            program = joined([part for part in parts if part is not None])
            outputs = tuple(str(run(program, (text,))) for text in given)
            return Task(program, given, outputs)


def inputs(rng: Random, examples: int) -> tuple[str, ...]:
    """Inputs of one form."""
    slots: list[tuple[str, str, int]] = []
    for _ in range(rng.randint(3, 5)):
        if rng.random() < 1 / 3:
            slots.append((rng.choice(DELIMITERS), "", 1))
        else:
            slots.append((rng.choice(DELIMITERS), rng.choice(list(CLASSES)), rng.randint(1, 3)))
    texts = []
    for _ in range(examples):
        parts = [(delimiter + _token(rng, kind)) for delimiter, kind, times in slots for _ in range(times)]
        rng.shuffle(parts)
        texts.append("".join(parts)[:LENGTH])
    return tuple(texts)


def _token(rng: Random, kind: str) -> str:
    if not kind:
        return ""
    count = 1 if kind in ("Digit", "Char") else rng.randint(1, 4)
    if kind == "PropCase":
        return rng.choice(string.ascii_uppercase) + "".join(rng.choices(string.ascii_lowercase, k=count))
    return "".join(rng.choices(_ALPHABETS[kind], k=count))


def _expression(rng: Random, given: tuple[str, ...]) -> Program | None:
    """An expression that is empty on no input; None after TRIES draws."""
    pool = rng.choice(("substring", "modification", "compose", "constant"))
    if pool == "constant":
        return Constant(rng.choice(CHARACTERS), STRING)
    for _ in range(TRIES):
        if pool == "compose":
            inner = drawn(rng, given, rng.choice((*SUBSTRINGS, *MODIFICATIONS)), INPUT)
            if inner is None or not all(run(inner, (text,)) for text in given):
                continue
            results = tuple(str(run(inner, (text,))) for text in given)
            found = drawn(rng, results, rng.choice(MODIFICATIONS), inner)
        else:
            found = drawn(rng, given, rng.choice(SUBSTRINGS if pool == "substring" else MODIFICATIONS), INPUT)
        if found is not None and all(run(found, (text,)) for text in given):
            return found
    return None


def drawn(rng: Random, given: tuple[str, ...], called: str, text: Program) -> Call | None:
    """The operator with random arguments that occur in the texts; None where there are none."""
    classes = [each for each in CLASSES if all(EXEDEC.pattern(each).search(value) for value in given)]
    delimiters = [each for each in DELIMITERS if all(each in value for value in given)]
    arguments: list[str | int] = []
    regex = ""
    for type in robustfill.language.named[called].arguments[1:]:
        choices: list[str | int]
        if type == "index" and called == "SubStr":
            far = min(len(value) for value in given)
            choices = [*range(-far, 0), *range(1, far + 1)]
        elif type == "index":
            count = min(NEAR, *(len(EXEDEC.pattern(regex).findall(value)) for value in given), NEAR)
            choices = [*range(-count, 0), *range(1, count + 1)]
        else:
            choices = list(_choices(type, classes, delimiters))
        if not choices:
            return None
        arguments.append(rng.choice(choices))
        if type in (CLASS, "regex"):
            regex = str(arguments[-1])
    return robustfill.language.call(called, text, *arguments)


def _choices(type: str, classes: list[str], delimiters: list[str]) -> list[str]:
    return {
        "class": classes,
        "regex": [*classes, *delimiters],
        "delimiter": delimiters,
        "replacement": list(DELIMITERS),
        "character": list(CHARACTERS),
        "case": list(CASES),
        "boundary": list(BOUNDARIES),
    }[type]
