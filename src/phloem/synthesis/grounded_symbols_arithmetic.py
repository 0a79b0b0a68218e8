"""HINT-like arithmetic: expressions of one-digit numbers, whose results are whole numbers from 0 up.

Li et al., "A Minimalist Dataset for Systematic Generalization of Perception, Syntax, and Semantics" (2021, section 2)
has digits, + - * / and parentheses. Subtraction stops at zero, a - b = max(0, a - b); division rounds up; division by
zero has no value, and expressions with it are not generated. Longer expressions than in training ask for the syntax,
larger results for the programs.
"""

from __future__ import annotations

from random import Random

DIGITS = "0123456789"
PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}


def combined(operator: str, left: int, right: int) -> int | None:
    """The value of an operator; None for a division by zero."""
    match operator:
        case "+":
            return left + right
        case "-":
            return max(0, left - right)
        case "*":
            return left * right
    return -(-left // right) if right else None


def evaluate(words: str) -> int | None:
    """The value of an expression, by precedence and from left to right; None where something is divided by zero.

    A reading of its own: recursive descent over the signs, where the generator keeps values as it builds."""
    signs = words.split()
    place = 0

    def atom() -> int | None:
        nonlocal place
        place += 1
        if signs[place - 1] != "(":
            return int(signs[place - 1])
        value = level(1)
        place += 1
        return value

    def level(strength: int) -> int | None:
        nonlocal place
        if strength > 2:
            return atom()
        value = level(strength + 1)
        while place < len(signs) and PRECEDENCE.get(signs[place]) == strength:
            operator = signs[place]
            place += 1
            other = level(strength + 1)
            value = None if value is None or other is None else combined(operator, value, other)
        return value

    return level(1)


def expression(rng: Random, operators: int, largest: int = 1000) -> tuple[str, int]:
    """A random expression of so many operators and its value; parentheses where the tree needs them."""
    while True:
        made = _build(rng, operators)
        if made is not None and made[1] <= largest:
            return made[0], made[1]


def _build(rng: Random, operators: int) -> tuple[str, int, int] | None:
    """(words, value, strength of the outermost operator; 3 for a digit)."""
    if not operators:
        digit = rng.choice(DIGITS)
        return digit, int(digit), 3
    share = rng.randrange(operators)
    left, right = _build(rng, share), _build(rng, operators - 1 - share)
    if left is None or right is None:
        return None
    operator = rng.choice(list(PRECEDENCE))
    strength = PRECEDENCE[operator]
    value = combined(operator, left[1], right[1])
    if value is None:
        return None
    one = f"( {left[0]} )" if left[2] < strength else left[0]
    other = f"( {right[0]} )" if right[2] <= strength else right[0]
    return f"{one} {operator} {other}", value, strength


def sample(rng: Random, count: int, operators: range, largest: int = 1000) -> list[tuple[str, int]]:
    """So many distinct expressions, their numbers of operators drawn from a range."""
    found: dict[str, int] = {}
    for _ in range(100 * count):
        if len(found) == count:
            break
        words, value = expression(rng, rng.choice(operators), largest)
        found[words] = value
    return list(found.items())
