"""Complex utterances, one step after the other: decompose, interpret, go on.

Jhamtani et al. (IJCAI 2024). The state is the utterance u with the steps n_1 … n_k and their programs p_1 … p_k:

    n_{k+1} or STOP  <-  decomposer(u, n_1 p_1 … n_k p_k)        p_{k+1}  <-  interpreter(n_{k+1}, k + 1)

A program that is no plan, or mentions what is not there yet, ends the loop. Here the interpreter is a translator of
words, and the decomposer a compiler of patterns: sentences, "and then", "if … then". What an utterance quotes or writes
with a capital is copied: both sides say text_0, text_1 … in its place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from phloem.corpora import decu
from phloem.errors import PhloemError
from phloem.represent.text_pairs import Pair
from phloem.tasks.bm25 import BM25
from phloem.tasks.decomposition_plans import checked_step, tokens, write

MOST_STEPS = 8

Decomposer = Callable[[str, Sequence[str], Sequence[str]], str | None]
Interpreter = Callable[[str, int], str]


class Questions(NamedTuple):
    """Elementary pairs to learn from, choose on and test on; complex items to learn from and test on."""

    train: list[decu.Elementary]
    validation: list[decu.Elementary]
    test: list[decu.Elementary]
    examples: list[decu.Complex]
    complex: list[decu.Complex]


def released(data: Path | None = None) -> Questions:
    """DeCU. Raises PhloemError where the set is not here."""
    train, validation, test = (decu.elementary(part, data) for part in ("train", "dev", "test"))
    examples, items = (list(decu.complex_items(part, data)) for part in ("train", "test"))
    return Questions(train, validation, test, examples, items)


def run(
    utterance: str, decomposer: Decomposer, interpreter: Interpreter, most: int = MOST_STEPS
) -> tuple[list[str], list[str]]:
    """Steps and programs, as far as they are well formed; `interpreter` gives what stands behind `val sk =`."""
    steps: list[str] = []
    programs: list[str] = []
    while len(steps) < most and (step := decomposer(utterance, steps, programs)) is not None:
        number = len(steps) + 1
        try:
            plan = checked_step(f"val s{number} = {interpreter(step, number)}", number)
        except PhloemError:
            break
        steps.append(step)
        programs.append(write(plan))
    return steps, programs


def given(steps: Sequence[str]) -> Decomposer:
    """The decomposer that says these steps."""
    return lambda _, done, __: steps[len(done)] if len(done) < len(steps) else None


# A decomposer of patterns

_IF = re.compile(r"^if (?P<condition>.+?)(?:,? then |, )(?P<rest>.+)$", re.IGNORECASE)
_PARTS = re.compile(r"(?<=[.?!])\s+(?=[A-Z])|,? and then |; |\. then ", re.IGNORECASE)


def compiled(utterance: str) -> list[str]:
    """The steps of an utterance: its sentences and what "and then" joins; a condition is checked in a step before.

    >>> compiled("If I am free, book a room. Call Tom and then leave")
    ['Check if I am free', 'If s1 is true, book a room', 'Call Tom', 'leave']
    """
    steps: list[str] = []
    for part in _PARTS.split(utterance):
        part = part.strip().rstrip(".")
        if not part:
            continue
        if conditional := _IF.match(part):
            steps.append(f"Check if {conditional['condition']}")
            steps.append(f"If s{len(steps)} is true, {conditional['rest']}")
        else:
            steps.append(part)
    return steps


# What a translator reads and writes

_WORDS = re.compile(r'"[^"]*"|\w+(?:[\'’-]\w+)*|\d+|[^\w\s]')


def spans(utterance: str) -> list[str]:
    """What may be copied: quoted texts, and runs of words with a capital behind the first word; each once."""
    quoted = re.findall(r'"([^"]+)"', utterance)
    rest = re.sub(r'"[^"]*"', " . ", utterance)
    capital = re.findall(r"(?<=[\w,] )[A-Z][\w'’-]*(?: [A-Z][\w'’-]*)*", rest)
    return list(dict.fromkeys([*quoted, *(each for each in capital if each not in ("I", "PM", "AM"))]))


def source(utterance: str) -> str:
    """An utterance as words, in lower case, with text_k for what may be copied."""
    for number, span in enumerate(spans(utterance)):
        quoted = f'"{span}"'
        utterance = utterance.replace(quoted if quoted in utterance else span, f" text_{number} ")
    return " ".join(word.lower() for word in _WORDS.findall(utterance))


def target(utterance: str, plan: str) -> str:
    """A plan as words, with text_k for a text that the utterance has; blanks in other texts are written as _."""
    copied = {span.lower(): f"text_{number}" for number, span in enumerate(spans(utterance))}
    words = []
    for token in tokens(plan):
        text = token[1:-1].lower() if token.startswith('"') else None
        words.append(copied.get(text, token.replace(" ", "_")) if text is not None else token)
    return " ".join(words)


def plan_of(utterance: str, written: str) -> str:
    """The plan that words say, copies taken from the utterance."""
    texts = {f"text_{number}": f'"{span}"' for number, span in enumerate(spans(utterance))}
    words = [texts.get(word, word) for word in written.split()]
    return " ".join(
        word.replace("_", " ") if word.startswith('"') and word not in texts.values() else word for word in words
    )


def pairs(questions: Questions) -> list[Pair]:
    """What the interpreter learns: elementary utterances, the steps of complex ones, and complex ones whole."""
    elementary = [(source(each.utterance), target(each.utterance, each.plan)) for each in questions.train]
    steps = [
        (source(step), target(step, plan.split("=", 1)[1]))
        for each in questions.examples
        for step, plan in zip(each.steps, each.plans, strict=True)
    ]
    whole = [(source(each.utterance), target(each.utterance, " ".join(each.plans))) for each in questions.examples]
    return elementary + steps + whole


class Retrieval:
    """The plan of the most similar training utterance (BM25)."""

    def __init__(self, train: Sequence[decu.Elementary]) -> None:
        self.train = list(train)
        self.index = BM25([source(each.utterance).split() for each in self.train])

    def __call__(self, utterance: str) -> str:
        scores = self.index.scores(source(utterance).split())
        return self.train[int(np.argmax(scores))].plan


# Figures


def exact(asked: Sequence[decu.Elementary], plans: Sequence[str]) -> Float[np.ndarray, " utterances"]:
    """1 where a plan is the right one but for blanks."""
    return np.array(
        [float("".join(each.plan.split()) == "".join(plan.split())) for each, plan in zip(asked, plans, strict=True)]
    )


def overlap(right: Sequence[str], found: Sequence[str]) -> tuple[int, int, int]:
    """Tokens of a plan that were found, wrongly found, and missed: as bags, of all steps together."""
    wanted, got = (Counter(token for plan in plans for token in _lenient(plan)) for plans in (right, found))
    shared = (wanted & got).total()
    return shared, got.total() - shared, wanted.total() - shared


def _lenient(plan: str) -> list[str]:
    try:
        return tokens(plan)
    except PhloemError:
        return plan.split()


# Generated utterances

_NAMES = (
    "Tom",
    "Ann",
    "Kim",
    "Ben",
    "Eva",
    "Max",
    "Lea",
    "Jan",
    "Ida",
    "Ole",
    "Ute",
    "Pia",
    "Uli",
    "Kai",
    "Nia",
    "Leo",
)
_DAYS = {"today": "today", "tomorrow": "tomorrow", "on monday": "Monday", "on friday": "Friday"}
_ACTIONS = {
    "Find the event with": "theEvent(with_({}) and queryAt({}))",
    "Create a meeting with": "createEvent(with_({}) and createAt({}))",
    "Find emails from": "findEmails(messageFrom({}) and messageSentAt({}))",
    "Delete the event with": "deleteEvent(theEvent(with_({}) and queryAt({})))",
}


def generated(seed: int = 0) -> Questions:
    """Elementary utterances of one action, a person and a day; complex ones of two, in the manner of DeCU."""
    rng = Random(seed)
    every = [
        decu.Elementary(f"{words} {name} {day}", plan.format(f'"{name}"', written))
        for words, plan in _ACTIONS.items()
        for name in _NAMES
        for day, written in _DAYS.items()
    ]
    rng.shuffle(every)
    test, validation, train = every[:30], every[30:60], every[60:]
    joined = [*test, *train[:30]]  # complex items of the test are made of its own parts, the others of training's
    made = []
    for first, second in zip(joined[::2], joined[1::2], strict=True):
        plans = (f"val s1 = {first.plan}", f"val s2 = {second.plan}")
        made.append(
            decu.Complex(f"{first.utterance} and then {second.utterance}", (first.utterance, second.utterance), plans)
        )
    return Questions(train, validation, test, made[15:], made[:15])
