"""Is a comment useful? Pairs of a C comment and the code next to it.

The task is that of the FIRE shared task on information retrieval in software engineering (2023). The labelled set here
has 400 comments from inside functions of nine C projects under permissive licences, at most 60 a project, labelled once
by one reader who saw the comment and the first line of its code, by these guidelines:

    useful       it says something about purpose, behaviour, reason, unit, meaning of a value or state that cannot be
                 read off the names and operators next to it; marks of intent (fall through) and to-dos that say what
                 is missing count
    not useful   it repeats the code or its names, is a bare label or word, a ruler, commented-out code, the condition
                 of the branch it stands in, or speaks of something that is not there

315 of the 400 are useful. One reader's labels have no measured agreement. They are for testing alone; training pairs
have weak labels: rules that decide the clear cases and leave the others out.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from phloem.corpora import doc_code_pairs
from phloem.languages.subtokens import split as subtokens

LONGEST = 300  # characters of code
LINES = 4  # of code after a comment that has its own line
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_WORD = re.compile(r"[A-Za-z]+")
_CODE_LIKE = re.compile(r";\s*$|^\s*#\s*\w+|\w\s*=\s*\w|->|\w\(.*\)\s*[;{]|^\s*[{}]", re.MULTILINE)
_LICENCE = re.compile(r"copyright|licen[cs]e|warranty|all rights reserved|spdx", re.IGNORECASE)


class CommentPair(NamedTuple):
    """A comment with its marks, the code next to it, and whether it is useful. `id` is unique within its origin."""

    id: str
    comment: str
    code: str
    useful: bool


@cache
def labelled() -> tuple[CommentPair, ...]:
    """The 400 comments of the test."""
    rows = json.loads((files("phloem.tasks") / "comment_labels.json").read_text())["rows"]
    return tuple(CommentPair(str(row["id"]), row["comment"], row["code"], row["useful"]) for row in rows)


def folded(pair: CommentPair) -> str:
    """Comment and code without differences of blanks and case."""
    return "\n".join(" ".join(text.lower().split()) for text in (pair.comment, pair.code))


def plain(comment: str) -> str:
    """The text of a comment without its marks."""
    lines = re.sub(r"^/\*+|\*+/$|^//+", "", comment.strip()).splitlines()
    return "\n".join(re.sub(r"^\s*(\*+(?!\*)|//+)\s?", "", line) for line in lines).strip()


def within(source: str) -> Iterator[tuple[str, str]]:
    """The comments inside a function, each with its code: the rest of its line, or the lines that follow."""
    for match in _COMMENT.finditer(source):
        comment, before = match.group(), source[: match.start()].rpartition("\n")[2]
        if not 4 < len(comment) < 260 or before.count('"') % 2:
            continue
        after = source[match.end() :].split("\n")
        following = "\n".join([line for line in after if line.strip()][:LINES])
        yield comment, (before.strip() + after[0] if before.strip() else following)[:LONGEST]


def weak_label(comment: str, code: str) -> bool | None:
    """Whether a comment is useful by rules that look at clear cases only; None where they do not decide."""
    text = plain(comment)
    words = [word.lower() for word in _WORD.findall(text)]
    if len(words) < 2 or _LICENCE.search(text) or _CODE_LIKE.search(text):
        return False
    known = {part for name in _WORD.findall(code) for part in subtokens(name)}
    new = [word for word in words if word not in known]
    if len(new) <= 1 and len(words) <= 4:
        return False
    return True if len(words) >= 6 and len(new) >= 0.6 * len(words) else None


def weakly_labelled(folder: Path | str, count: int) -> list[CommentPair]:
    """`count` pairs of the C functions of mined shards, half of them useful.

    No project gives more than a tenth of a half. No pair twice, and none that is in the labelled set. Fewer where the
    shards have no more.
    """
    seen = {folded(pair) for pair in labelled()}
    halves: dict[bool, list[CommentPair]] = {True: [], False: []}
    enough = (count + 1) // 2
    given: Counter[tuple[str, bool]] = Counter()
    most = -(-enough // 10)
    for number, function in enumerate(doc_code_pairs.read(folder, "train", ("c",))):
        if all(given[function.project, label] >= most or len(halves[label]) >= enough for label in halves):
            continue
        for comment, code in within(function.source.decode("utf-8", "replace")):
            label = weak_label(comment, code)
            if label is None or len(halves[label]) >= enough or given[function.project, label] >= most:
                continue
            pair = CommentPair(f"{number}-{len(halves[label])}", comment, code, label)
            if folded(pair) not in seen:
                seen.add(folded(pair))
                given[function.project, label] += 1
                halves[label].append(pair)
        if all(len(half) >= enough for half in halves.values()):
            break
    return [pair for both in zip(halves[True], halves[False], strict=False) for pair in both][:count]


def augmented(
    train: Iterable[CommentPair], more: Iterable[CommentPair], held: Iterable[CommentPair]
) -> list[CommentPair]:
    """Training pairs with `more` behind them, without those of `more` that are held out or there already."""
    found = list(train)
    seen = {folded(pair) for pair in [*found, *held]}
    for pair in more:
        if folded(pair) not in seen:
            seen.add(folded(pair))
            found.append(pair)
    return found
