"""Pass lists as language: prompts of IR, answers that are a list, two counts and the optimised code.

Cummins et al., "Large Language Models for Compiler Optimization" (2023, sections 2 and 3):

    IR <passes> p1 … pk <from> N <to> M <code> optimised IR </s>

with a mark of its own for each pass. N and M are the instructions before and after. In use only the list is written,
greedily and from the marks of passes alone, at most so long as is allowed; the compiler does the work, so that whatever
is written the result is correct code. Which parts of an answer carry loss is a setting: the list alone, with counts, or
with counts and code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Int, Int8, Int64
from torch import Tensor, nn

from phloem.execute.llvm_passes import count, run_passes
from phloem.represent.byte_pairs import END, PAD, BytePairs
from phloem.represent.llvm_normaliser import normalise
from phloem.tasks.pass_ordering import PassSequence
from phloem.tasks.pass_ordering_autotuner import VOCABULARY

PASSES, FROM, TO, CODE = "<passes>", "<from>", "<to>", "<code>"
MARKS = (PASSES, FROM, TO, CODE, *(f"<-{name}>" for name in VOCABULARY))
Part = Literal["prompt", "list", "counts", "code"]
PARTS: tuple[Part, ...] = ("prompt", "list", "counts", "code")
DIGITS = 12  # units that a count may take


class AnsweredProgram(NamedTuple):
    """Normalised IR with its list, and what the list makes of it."""

    ir: str
    passes: PassSequence
    before: int
    after: int
    code: str


def answered(ir: str, passes: PassSequence) -> AnsweredProgram:
    """What the compiler says of a list on a normalised module."""
    module, run = run_passes(ir, passes)
    return AnsweredProgram(ir, passes, run.counts[0], count(module), normalise(str(module)))


class Row(NamedTuple):
    """An example as units; `part` is the number in PARTS of each."""

    units: Int[np.ndarray, " time"]
    part: Int8[np.ndarray, " time"]


def fit_units(programs: Sequence[str], size: int) -> BytePairs:
    """Byte pairs of the training programs, with the marks."""
    return BytePairs.fit(programs, size, sentinels=0, extra=MARKS)


def row(program: AnsweredProgram, units: BytePairs) -> Row:
    """The whole example; <passes> ends the prompt and <from> the list."""
    pieces: list[tuple[list[int], Part]] = [
        ([*units.encode(program.ir), units.mark(PASSES)], "prompt"),
        ([*(units.mark(f"<-{name}>") for name in program.passes), units.mark(FROM)], "list"),
        ([*units.encode(str(program.before)), units.mark(TO)], "counts"),
        ([*units.encode(str(program.after)), units.mark(CODE)], "counts"),
        ([*units.encode(program.code), END], "code"),
    ]
    parts = [PARTS.index(part) for ids, part in pieces for _ in ids]
    return Row(np.array([unit for ids, _ in pieces for unit in ids], np.int64), np.array(parts, np.int8))


class AnswerBatch(NamedTuple):
    tokens: Int64[Tensor, "batch time"]
    part: Int64[Tensor, "batch time"]  # 0 behind the end, too: nothing to say there


class Answers:
    """Examples in memory (a `Dataset`). `longest` cuts the code; prompts are never cut."""

    def __init__(self, rows: Sequence[Row], longest: int) -> None:
        self.rows, self.longest = rows, longest

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def sizes(self) -> Int[np.ndarray, " rows"]:
        return np.array([len(each.units) for each in self.rows])

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> AnswerBatch:
        chosen = [self.rows[int(number)] for number in index]
        needed = [int((each.part < PARTS.index("code")).sum()) for each in chosen]
        cut = [max(self.longest, least) for least in needed]
        time = max(min(len(each.units), most) for each, most in zip(chosen, cut, strict=True))
        tokens, part = np.full((len(chosen), time), PAD, np.int64), np.zeros((len(chosen), time), np.int64)
        for number, (each, most) in enumerate(zip(chosen, cut, strict=True)):
            length = min(len(each.units), most)
            tokens[number, :length], part[number, :length] = each.units[:length], each.part[:length]
        return AnswerBatch(torch.from_numpy(tokens), torch.from_numpy(part))


@torch.no_grad()
def write_list(model: nn.Module, prompt: Sequence[int], units: BytePairs, most: int) -> PassSequence:
    """The greedy list for a prompt that ends with <passes>: marks of passes only, at most `most` of them."""
    names = {units.mark(f"<-{name}>"): name for name in VOCABULARY}
    allowed = torch.tensor([units.mark(FROM), *names])
    written: list[int] = []
    while len(written) < most:
        logits = model(torch.tensor([[*prompt, *written]]))[0, -1, allowed]
        unit = int(allowed[int(logits.argmax())])
        if unit == units.mark(FROM):
            break
        written.append(unit)
    return tuple(names[unit] for unit in written)


@torch.no_grad()
def write_counts(
    model: nn.Module, prompt: Sequence[int], passes: PassSequence, units: BytePairs
) -> tuple[int, int] | None:
    """The counts that the model writes behind a list, never to be trusted; None if they are no two closed numbers."""
    given = [*prompt, *(units.mark(f"<-{name}>") for name in passes), units.mark(FROM)]
    numbers = []
    for closing in (TO, CODE):
        written: list[int] = []
        while len(written) < DIGITS:
            unit = int(model(torch.tensor([[*given, *written]]))[0, -1].argmax())
            if unit == units.mark(closing):
                break
            written.append(unit)
        else:
            return None
        text = units.decode(written).strip()
        if not text.isascii() or not text.isdigit():
            return None
        numbers.append(int(text))
        given += [*written, units.mark(closing)]
    return numbers[0], numbers[1]
