"""PCFG: ten functions that edit strings of letters, nested at will.

Hupkes, Dankers, Mul and Bruni, "Compositionality Decomposed" (JAIR 2020, section 3.1):

    S -> F_U S | F_B S , S | X          X -> x X | x
    F_U -> copy | reverse | shift | swap_first_last | repeat | echo
    F_B -> append | prepend | remove_first | remove_second

    copy x_1..x_n             x_1..x_n                 append X , Y          X Y
    reverse x_1..x_n          x_n..x_1                 prepend X , Y         Y X
    shift x_1..x_n            x_2..x_n x_1             remove_first X , Y    Y
    swap_first_last x_1..x_n  x_n x_2..x_{n-1} x_1     remove_second X , Y   X
    repeat x_1..x_n           x_1..x_n x_1..x_n
    echo x_1..x_n             x_1..x_n x_n

Every function has a second name for the tests of substitutivity, with `_twin` behind it. The notation is prefix, so
that an expression has one reading, though a letter and a function look alike to who has not learned them.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple, TypeAlias

from phloem.errors import PhloemError

Letters: TypeAlias = tuple[str, ...]
name = "pcfg"
TWIN = "_twin"
LONGEST = 100_000  # letters of a value: `repeat` doubles

UNARY: dict[str, Callable[[Letters], Letters]] = {
    "copy": lambda x: x,
    "reverse": lambda x: x[::-1],
    "shift": lambda x: x[1:] + x[:1],
    "swap_first_last": lambda x: x if len(x) < 2 else (x[-1], *x[1:-1], x[0]),
    "repeat": lambda x: x + x,
    "echo": lambda x: x + x[-1:],
}
BINARY: dict[str, Callable[[Letters, Letters], Letters]] = {
    "append": lambda x, y: x + y,
    "prepend": lambda x, y: y + x,
    "remove_first": lambda x, y: y,
    "remove_second": lambda x, y: x,
}
# relative frequencies of the productions of S, and of the number of letters, in the released random split
NESTING = {"unary": 0.379, "binary": 0.249, "letters": 0.372}
LETTERS = {2: 0.161, 3: 0.297, 4: 0.274, 5: 0.268}
ALPHABET = tuple(f"{letter}{number}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" for number in range(1, 21))


class Letter(NamedTuple):
    """A string as it is written."""

    letters: Letters


class Apply(NamedTuple):
    """A function by name, and its one or two arguments."""

    function: str
    arguments: tuple[Edit, ...]


Edit: TypeAlias = Letter | Apply


def parse(text: str) -> Edit:
    """Read an expression. Raises PhloemError naming the word at which it goes wrong."""
    words = text.split()
    program, end = _read(words)
    if end < len(words):
        raise PhloemError(f"word {end + 1} of {text!r}: {words[end]!r} is left over")
    return program


def _read(words: list[str]) -> tuple[Edit, int]:
    """The expression at the start, and where it ends. Functions that wait for arguments are held on a stack, not on
    Python's, so that nesting has no limit."""
    waiting: list[tuple[str, list[Edit]]] = []
    place = 0
    while True:
        while place < len(words) and arity(words[place]):
            waiting.append((words[place], []))
            place += 1
        start = place
        while place < len(words) and words[place] != "," and not arity(words[place]):
            place += 1
        if place == start:
            found = repr(words[place]) if place < len(words) else "the end"
            raise PhloemError(f"word {place + 1} of {' '.join(words)!r}: expected a letter or function, not {found}")
        done: Edit = Letter(tuple(words[start:place]))
        while waiting:
            function, arguments = waiting[-1]
            arguments.append(done)
            if len(arguments) < arity(function):
                break
            done = Apply(function, tuple(arguments))
            waiting.pop()
        if not waiting:
            return done, place
        if place == len(words) or words[place] != ",":
            raise PhloemError(f"word {place + 1} of {' '.join(words)!r}: {waiting[-1][0]} expects a comma")
        place += 1


def arity(word: str) -> int:
    """Of a function by either of its names; 0 for a letter."""
    plain = word.removesuffix(TWIN)
    return 1 if plain in UNARY else 2 if plain in BINARY else 0


def print(program: Edit) -> str:
    """The expression in prefix notation."""
    words: list[str] = []
    waiting: list[Edit | str] = [program]
    while waiting:
        match waiting.pop():
            case str(word):
                words.append(word)
            case Letter(letters):
                words += letters
            case Apply(function, arguments):
                words.append(function)
                waiting += [part for each in reversed(arguments) for part in (each, ",")][:-1]
    return " ".join(words)


def run(program: Edit, *, fuel: int = LONGEST) -> Letters | None:
    """The value; None when a part of it has more letters than `fuel`. Total.

    >>> " ".join(run(parse("append swap_first_last F G H , repeat I J")))
    'H G F I J I J'
    """
    values: list[Letters] = []
    waiting: list[tuple[Edit, bool]] = [(program, False)]
    while waiting:
        node, ready = waiting.pop()
        if isinstance(node, Letter):
            value = node.letters
        elif not ready:
            waiting.append((node, True))
            waiting += [(each, False) for each in node.arguments]  # the last is evaluated first
            continue
        else:
            plain = node.function.removesuffix(TWIN)
            first = values.pop()
            value = UNARY[plain](first) if plain in UNARY else BINARY[plain](first, values.pop())
        if len(value) > fuel:
            return None
        values.append(value)
    return values[0]


def sample(rng: Random, *, functions: int = 20, alphabet: tuple[str, ...] = ALPHABET) -> Edit:
    """A random expression of at most so many functions, with the frequencies of the released random split."""
    left = functions

    def expression() -> Edit:
        nonlocal left
        kind = rng.choices(list(NESTING), list(NESTING.values()))[0]
        if kind == "letters" or left <= 0:
            count = rng.choices(list(LETTERS), list(LETTERS.values()))[0]
            return Letter(tuple(rng.choice(alphabet) for _ in range(count)))
        left -= 1
        chosen = rng.choice(list(UNARY if kind == "unary" else BINARY))
        return Apply(chosen, tuple(expression() for _ in range(arity(chosen))))

    return expression()
