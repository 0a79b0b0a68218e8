"""StaQC's annotated blocks of code: which of an answer's blocks stand alone as a solution of the question?

Yao, Weld, Chen and Sun, "StaQC: A Systematically Mined Question-Code Dataset from Stack Overflow" (WWW 2018). People
labelled the code blocks of answers that have several of them; a block comes with the text before and behind it, and
with the question's title. All is released as numbers of words and tokens, in pickles of Python 2: four lists, one a
bucket of like lengths, of records

    ((question, index), [text before, text behind], their lengths, [code], [its length], title, its length,
     label, 1, blocks)

padded with 0 to the bucket's lengths; `blocks` is 2 where the answer ends with the code, else 3. A pickle can run any
code when it is read, so these are read by an unpickler that knows plain values and sets and refuses everything else.

The released split is one of blocks, not of questions: most test blocks have a neighbour in the training split.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from phloem.corpora import datasets
from phloem.errors import PhloemError

LANGUAGES = ("python", "sql")
FILE = "data_partialcontext_shared_text_vocab_in_buckets.pickle"
ORIGIN = "LittleYUYU/StackOverflow-Question-Code-Dataset at commit 81b74afb40b2 (data/data_hnn), CC BY 4.0"
Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")


class Block(NamedTuple):
    """A code block of an answer as numbers of words and tokens; `after` is None where the answer ends with the code.

    `place` counts the answer's code blocks from 0; `label` is 1 where the block stands alone as a solution."""

    question: int
    place: int
    before: tuple[int, ...]
    after: tuple[int, ...] | None
    code: tuple[int, ...]
    title: tuple[int, ...]
    label: int


class PlainUnpickler(pickle.Unpickler):
    """Reads lists, tuples, numbers, texts and sets; raises PhloemError for any other class or function."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in (("__builtin__", "set"), ("builtins", "set")):
            return set
        raise PhloemError(f"the pickle asks for {module}.{name}; data may hold plain values only")


def plain(path: Path) -> Any:
    """The value of a pickle of plain values. Raises PhloemError for one that is not, or is damaged."""
    try:
        with path.open("rb") as stream:
            return PlainUnpickler(stream, encoding="latin-1").load()
    except FileNotFoundError as error:
        raise PhloemError(f"{path} is missing; StaQC's annotated blocks come from {ORIGIN}") from error
    except (OSError, EOFError, ValueError, TypeError, IndexError, AttributeError, pickle.UnpicklingError) as error:
        raise PhloemError(f"{path} is no readable pickle: {error}") from error


def load(language: str, split: Split, data: str | Path | None = None) -> list[Block]:
    """The blocks of a split, from the folder staqc/LANGUAGE/SPLIT of the data folder, which is laid out as released.

    Raises PhloemError where the data is not here or is not of this form."""
    if language not in LANGUAGES or split not in SPLITS:
        raise PhloemError(f"StaQC has {', '.join(LANGUAGES)} and {', '.join(SPLITS)}, not {language} {split}")
    place = datasets.folder(data)
    if place is None:
        raise PhloemError(
            f"StaQC is needed: name the folder with the data sets in {datasets.VARIABLE} or --data; it is {ORIGIN}"
        )
    path = place / "staqc" / language / split / FILE
    buckets = plain(path)
    try:
        return [_block(record) for bucket in buckets for record in bucket]
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise PhloemError(f"{path} does not hold StaQC's records: {error}") from error


def _block(record: Sequence[Any]) -> Block:
    (question, place), texts, text_lengths, (code,), (code_length,), title, title_length, label, _, blocks = record
    if label not in (0, 1) or blocks not in (2, 3):
        raise ValueError(f"label {label!r} and {blocks!r} blocks")
    before, after = (tuple(text[:length]) for text, length in zip(texts, text_lengths, strict=True))
    own = tuple(code[:code_length])
    return Block(question, place, before, after if blocks == 3 else None, own, tuple(title[:title_length]), label)


def disjoint(blocks: Iterable[Block], *others: Iterable[Block]) -> list[int]:
    """Places of the blocks whose question has no block in any of the others."""
    known = {block.question for other in others for block in other}
    return [place for place, block in enumerate(blocks) if block.question not in known]
