"""Problems that are solved by calls on smaller ones, each in a context of its own: training data of Re-Tuning.

Pasewark et al., "Re-Tuning: Overcoming the Compositionality Limits of Large Language Models with Recursive Tuning" (ACL
2024, section 3). A context begins with the problem; a call ends what is written; the returned value is put in, and the
same context goes on to its answer:

    5274 + 3158                         274 + 158                               (a new context)
    Solution: Call: 274 + 158           Solution: ...
    Return: Carry 0, Output 432
    Answer: Carry 0, Output 8432

So one context with a call gives two training pairs, (problem -> call) and (problem, call, return -> answer), and
returned text is never a target. Numbers are padded with zeros to one length and calls keep leading zeros; one digit is
answered at once. After an answer's head a further call may follow: the third problem, the largest sum of elements of
which no two are neighbours, first asks for its table, then for the choice that the table allows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

SOLUTION, CALL, RETURN, ANSWER = "\nSolution: ", "Call: ", "Return: ", "\nAnswer: "
CHARACTERS = "".join(dict.fromkeys(f"0123456789 +-[],|:\nCarryOutputchoosedppick{SOLUTION}{CALL}{RETURN}{ANSWER}"))


class Context(NamedTuple):
    """A problem with the contexts that it calls, in order, and its answer."""

    problem: str
    calls: tuple[Context, ...]
    answer: str


class Piece(NamedTuple):
    """A training pair: what is read, and what is to be written after it."""

    prompt: str
    completion: str


def pieces_of(context: Context) -> list[Piece]:
    """The pairs of one context alone, one a call and one for the answer."""
    text, found = context.problem + SOLUTION, []
    for call in context.calls:
        completion = f"{CALL}{call.problem}\n"
        found.append(Piece(text, completion))
        text += f"{completion}{RETURN}{call.answer}{ANSWER}"
    return [*found, Piece(text, context.answer)]


def pieces(context: Context) -> list[Piece]:
    """The pairs of a whole tree of calls, in the order in which they are written."""
    own, found = pieces_of(context), list[Piece]()
    for piece, call in zip(own, context.calls, strict=False):
        found += [piece, *pieces(call)]
    return [*found, own[-1]]


def contexts(context: Context) -> list[Context]:
    """A tree's contexts, each before those that it calls."""
    return [context, *(each for call in context.calls for each in contexts(call))]


def trace(context: Context) -> str:
    """The whole context as it stands at its end."""
    last = pieces_of(context)[-1]
    return last.prompt + last.completion


def addition(left: str, right: str) -> Context:
    """A sum of two numbers, written with equally many digits (see `padded`)."""
    answers = _sums(left, right)
    found: Context | None = None
    for place in range(len(left) - 1, -1, -1):
        inner = () if found is None else (found,)
        found = Context(f"{left[place:]} + {right[place:]}", inner, answers[place])
    assert found is not None
    return found


def padded(left: int, right: int) -> tuple[str, str]:
    """Both numbers with the digits of the longer."""
    length = max(len(str(left)), len(str(right)))
    return str(left).zfill(length), str(right).zfill(length)


def total(answer: str) -> str | None:
    """The sum that an answer says, its carry in front if it is 1; None where it is no answer."""
    carry, comma, output = answer.removeprefix("Carry ").partition(", Output ")
    if not comma or carry not in ("0", "1") or not output.isdecimal():
        return None
    return (carry + output if carry == "1" else output).lstrip("0") or "0"


def parity(bits: Sequence[int]) -> Context:
    """The exclusive or of bits: of the first and of what the call on the others returns."""
    found: Context | None = None
    value = 0
    for place in range(len(bits) - 1, -1, -1):
        value ^= bits[place]
        inner = () if found is None else (found,)
        found = Context(" ".join(map(str, bits[place:])), inner, str(value))
    assert found is not None
    return found


def best_choice(numbers: Sequence[int]) -> Context:
    """Which elements to take (1; 2 is left) for the largest sum without neighbours; the first of equally good choices
    takes as early as it can."""
    table = _table(list(numbers))
    picked = _pick(list(numbers), table.answer, True)
    return Context(f"choose {_text(numbers)}", (table, picked), picked.answer)


def best_sums(numbers: Sequence[int]) -> list[int]:
    """For each place the largest sum from there on; taking nothing is worth 0."""
    found = [0, 0]
    for number in reversed(numbers):
        found.insert(0, max(found[0], number + found[1]))
    return found[:-2]


def _table(numbers: list[int]) -> Context:
    inner = (_table(numbers[1:]),) if len(numbers) > 1 else ()
    return Context(f"dp {_text(numbers)}", inner, _text(best_sums(numbers)))


def _pick(numbers: list[int], table: str, free: bool) -> Context:
    sums = [int(each) for each in table.strip("[]").split(", ")]
    after = sums[2] if len(sums) > 2 else 0
    taken = free and numbers[0] + after == sums[0] and sums[0] > 0
    problem = f"pick {_text(numbers)} | {table} | {int(free)}"
    if len(numbers) == 1:
        return Context(problem, (), "[1]" if taken else "[2]")
    inner = _pick(numbers[1:], _text(sums[1:]), not taken)
    return Context(problem, (inner,), f"[{1 if taken else 2}, {inner.answer[1:]}")


def _text(numbers: Sequence[int]) -> str:
    return f"[{', '.join(map(str, numbers))}]"


def _sums(left: str, right: str) -> list[str]:
    """The answers of the calls from each place on."""
    carry, output, found = 0, "", list[str]()
    for one, other in zip(reversed(left), reversed(right), strict=True):
        carry, digit = divmod(int(one) + int(other) + carry, 10)
        output = f"{digit}{output}"
        found.insert(0, f"Carry {carry}, Output {output}")
    return found


def random_addition(rng: np.random.Generator, digits: int) -> Context:
    """Two numbers of so many digits, which may begin with zeros, as those of calls do."""
    left, right = ("".join(map(str, rng.integers(0, 10, digits).tolist())) for _ in range(2))
    return addition(left, right)


def random_parity(rng: np.random.Generator, bits: int) -> Context:
    return parity(rng.integers(0, 2, bits).tolist())


def random_choice(rng: np.random.Generator, numbers: int) -> Context:
    """Elements from -5 to 5."""
    return best_choice(rng.integers(-5, 6, numbers).tolist())


def balanced_piece(
    rng: np.random.Generator, make: Callable[[np.random.Generator, int], Context], largest: int
) -> Piece:
    """A training pair; all sizes of calls up to `largest` are equally likely, where natural sampling has each call's
    small ones most often. A tree of one size is drawn, and a pair of its first context, or of any where the first one's
    calls are of other kinds."""
    drawn = make(rng, int(rng.integers(1, largest + 1)))
    several = drawn if len(drawn.calls) < 2 else contexts(drawn)[int(rng.integers(len(contexts(drawn))))]
    own = pieces_of(several)
    return own[int(rng.integers(len(own)))]
