"""Trees and meanings that are right by definition: SCAN, PCFG and arithmetic as grounded symbol systems.

What a Neural-Symbolic Recursive Machine (Li et al., ICLR 2024) has to find from pairs alone. In SCAN a verb is a list
of one action, "twice" doubles its child, "left" puts a turn before it, "opposite" and "around" have the verb on their
left and the side on their right, and "turn" is EMPTY. In PCFG a function has its arguments below it and a letter the
letters that follow it; commas are EMPTY. In arithmetic (HINT: Li et al., "A Minimalist Dataset for Systematic
Generalization", 2021) an operator has its operands, parentheses are EMPTY below it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from phloem.corpora.scan import TURNS, VERBS
from phloem.errors import PhloemError
from phloem.synthesis.grounded_symbols import EMPTY, MISSING, Arguments, Heads, Value
from phloem.synthesis.grounded_symbols_arithmetic import DIGITS, PRECEDENCE, combined
from phloem.synthesis.languages import pcfg

Letters = tuple[str, ...]


def scan_heads(words: Sequence[str]) -> Heads:
    """The tree of a command."""
    heads = [-1] * len(words)
    joint = next((place for place, word in enumerate(words) if word in ("and", "after")), None)
    if joint is None:
        _phrase(words, 0, len(words), heads)
    else:
        for start, end in ((0, joint), (joint + 1, len(words))):
            heads[_phrase(words, start, end, heads)] = joint
    return tuple(heads)


def _phrase(words: Sequence[str], start: int, end: int, heads: list[int]) -> int:
    """The root of a phrase."""
    last = end - 1
    if words[last] in ("twice", "thrice"):
        heads[_phrase(words, start, last, heads)] = last
        return last
    if end - start == 3:  # a verb, how, and the side
        heads[start] = heads[last] = start + 1
        return start + 1
    if end - start == 2:
        heads[start] = last
    return last


def scan_meaning(symbol: str, given: Arguments) -> Value:
    """What a word of SCAN makes of its arguments."""
    lists = tuple(each for each in given if isinstance(each, tuple))
    if symbol == "turn":
        return EMPTY
    if symbol in VERBS:
        return (VERBS[symbol],)
    if symbol in TURNS:
        return (TURNS[symbol], *(letter for each in lists for letter in each))
    *first, side = lists or ((),)
    verb = first[0] if first else ()
    match symbol:
        case "opposite":
            return (*side, *side, *verb)
        case "around":
            return (*side, *verb) * 4
        case "twice" | "thrice":
            return side * (2 if symbol == "twice" else 3)
        case "and" | "after" if len(lists) == 2:
            return verb + side if symbol == "and" else side + verb
    return MISSING


def pcfg_heads(words: Sequence[str]) -> Heads:
    """The tree of an expression."""
    heads = [-1] * len(words)
    waiting: list[tuple[int, int]] = []  # functions that lack arguments, and how many
    place = 0
    while place < len(words):
        start = place
        while place < len(words) and (needed := pcfg.arity(words[place])):
            waiting.append((place, needed))
            place += 1
        first = place
        while place < len(words) and words[place] != "," and not pcfg.arity(words[place]):
            heads[place] = place - 1 if place > first else -1
            place += 1
        if place == start:
            raise PhloemError(f"word {place + 1} of {' '.join(words)!r} begins no argument")
        done = first
        while waiting:
            function, needed = waiting.pop()
            heads[done] = function
            if needed > 1:
                waiting.append((function, needed - 1))
                break
            done = function
        if place < len(words):
            heads[place] = waiting[-1][0]  # the comma
            place += 1
    return tuple(heads)


def pcfg_meaning(symbol: str, given: Arguments) -> Value:
    """What a word of PCFG makes of its arguments."""
    lists = tuple(each for each in given if isinstance(each, tuple))
    if symbol == ",":
        return EMPTY
    plain = symbol.removesuffix(pcfg.TWIN)
    if pcfg.arity(symbol) != (len(lists) or 1) and pcfg.arity(symbol):
        return MISSING
    if plain in pcfg.UNARY:
        return pcfg.UNARY[plain](*lists) if lists else MISSING
    if plain in pcfg.BINARY:
        return pcfg.BINARY[plain](*lists)
    return (symbol, *(lists[0] if lists else ()))


def arithmetic_heads(words: Sequence[str]) -> Heads:
    """The tree of an expression: operators by precedence, those of equal precedence from the left."""
    heads = [-1] * len(words)
    operands: list[int] = []
    operators: list[int] = []

    def reduce() -> None:
        operator, right, left = operators.pop(), operands.pop(), operands.pop()
        heads[left] = heads[right] = operator
        operands.append(operator)

    for place, word in enumerate(words):
        if word in DIGITS:
            operands.append(place)
        elif word == "(":
            operators.append(place)
        elif word == ")":
            while words[operators[-1]] != "(":
                reduce()
            heads[operators.pop()] = heads[place] = operands[-1]
        else:
            while operators and words[operators[-1]] != "(" and PRECEDENCE[words[operators[-1]]] >= PRECEDENCE[word]:
                reduce()
            operators.append(place)
    while operators:
        reduce()
    return tuple(heads)


def arithmetic_meaning(symbol: str, given: Arguments) -> Value:
    """What a sign of arithmetic makes of its arguments."""
    if symbol in "()":
        return EMPTY
    if symbol in DIGITS:
        return MISSING if given else int(symbol)
    numbers = tuple(each for each in given if isinstance(each, int))
    value = combined(symbol, *numbers) if len(numbers) == 2 else None
    return MISSING if value is None else value


GOLD: dict[str, tuple[Callable[[Sequence[str]], Heads], Callable[[str, Arguments], Value]]] = {
    "scan": (scan_heads, scan_meaning),
    "pcfg": (pcfg_heads, pcfg_meaning),
    "arithmetic": (arithmetic_heads, arithmetic_meaning),
}
