"""Which word may follow: Karel's grammar as a machine with a stack, for decoding under a mask.

The grammar is LL(1): the top of a stack of expected symbols and the next word say what replaces the top. A prefix of a
program is therefore a stack, the words that may follow are those its top allows, and the shortest end of a program is
the sum of the shortest derivations on the stack. A decoder that is kept to words whose shortest end still fits its
length writes whole programs only (grammar-constrained decoding: Yin and Neubig 2017; Scholak et al. 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from phloem.errors import PhloemError
from phloem.synthesis.languages.karel import ACTIONS, CONDITIONS, DEEPEST, MOST_REPEATS

NUMBERS = tuple(str(number) for number in range(MOST_REPEATS + 1))
MARKS = ("def", "run", "(", ")", "{", "}", "not", "repeat", "while", "if", "ifelse")
WORDS = (*MARKS, *ACTIONS, *CONDITIONS, *NUMBERS)

Stack: TypeAlias = tuple[str, ...]
"""What is expected, the next symbol last: words, and STATEMENTS, CONDITION, NAME, COUNT."""
STATEMENTS, CONDITION, NAME, COUNT = "<statements>", "<condition>", "<name>", "<count>"
START: Stack = ("}", STATEMENTS, "{", ")", "(", "run", "def")
_BLOCK: Stack = ("}", STATEMENTS, "{")
_TESTED: Stack = (*_BLOCK, ")", CONDITION, "(")
HEADS: dict[str, Stack] = {
    "repeat": (*_BLOCK, ")", COUNT, "("),
    "while": _TESTED,
    "if": _TESTED,
    "ifelse": (*_BLOCK, *_TESTED),
}
CHOICES = {CONDITION: ("not", *CONDITIONS), NAME: CONDITIONS, COUNT: NUMBERS}


def shortest(stack: Stack) -> int:
    """The fewest words that end the program; statements may be none."""
    return sum(symbol != STATEMENTS for symbol in stack)


def step(stack: Stack, word: str) -> Stack:
    """The stack after a word. Raises PhloemError for a word that may not follow."""
    if stack and stack[-1] == STATEMENTS and word == "}":
        stack = stack[:-1]
    rest, top = stack[:-1], stack[-1] if stack else "the end"
    if top == STATEMENTS and word in ACTIONS:
        return stack
    if top == STATEMENTS and word in HEADS:
        return (*stack, *HEADS[word])
    if top == CONDITION and word == "not":
        return (*rest, NAME)
    if word == top or word in CHOICES.get(top, ()):
        return rest
    raise PhloemError(f"expected {top}, found {word}")


def after(words: Sequence[str]) -> Stack:
    """The stack after a prefix of a program. Raises PhloemError for what is no prefix."""
    stack = START
    for word in words:
        stack = step(stack, word)
    return stack


@lru_cache(maxsize=1 << 16)
def following(stack: Stack, room: int, statements: tuple[str, ...] = (*ACTIONS, *HEADS)) -> tuple[str, ...]:
    """The words that may follow, such that the program can end within `room` words; () at its end.

    `statements` are the words that may begin one: the actions alone give programs without control flow."""
    if not stack:
        return ()
    top = stack[-1]
    possible: Sequence[str]
    if top == STATEMENTS:
        deep = stack.count(STATEMENTS) > DEEPEST
        possible = ("}", *(word for word in statements if word in ACTIONS or not deep))
    else:
        possible = CHOICES.get(top, (top,))
    return tuple(word for word in possible if 1 + shortest(step(stack, word)) <= room)
