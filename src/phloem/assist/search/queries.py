"""What is asked of an index: a question in words, a piece of code, or FILE:NAME; and where is looked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from phloem.assist.places import place
from phloem.assist.search.lexical import LONGEST_QUERY
from phloem.assist.search.outline import KINDS
from phloem.assist.search.table import literal
from phloem.errors import PhloemError
from phloem.languages import by_name

LONGEST_CODE_QUERY = 20_000  # characters
LONGEST_SPELLED = 300  # characters of a question in which names are looked for
_MIXED = re.compile(r"[a-z][A-Z]")
_FENCED = re.compile(r"\A\s*```[\w+#-]*\n(.*?)\n?```\s*\Z", re.DOTALL)
_CODE = re.compile(
    r"^\s*(?:def|class|async def|import|from \w[\w.]* import|public|private|protected|static|func|fn|pub fn|function"
    r"|const|let|var|void|#include|package|struct|impl)\b.*[({:;=]|[;{}]\s*$|^\s*return\b.*;?$|=>|\w\(.*\)\s*[:{]\s*$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Filters:
    """What is looked for only. `path` is a glob over paths from the tree's root (`src/**/*.py`, `tests/*`)."""

    language: str | None = None
    path: str | None = None
    kind: str | None = None
    below: str = ""  # a folder of the tree, with a slash behind it

    def condition(self) -> str | None:
        """As SQL. Raises PhloemError for an unknown language or kind."""
        parts = []
        if self.language:
            known = "markdown" if self.language.lower() in ("markdown", "md") else by_name(self.language).name
            parts.append(f"language = {literal(known)}")
        if self.kind:
            if self.kind not in KINDS:
                raise PhloemError(f"--kind: {self.kind!r} is not one of {', '.join(KINDS)}")
            parts.append(f"kind = {literal(self.kind)}")
        if self.path:
            parts.append(f"regexp_like(path, {literal(glob_as_regex(self.path))})")
        if self.below:
            parts.append(f"starts_with(path, {literal(self.below)})")
        return " AND ".join(parts) or None


def glob_as_regex(glob: str) -> str:
    """A glob as a regular expression over paths with slashes.

    `*` stays within a folder and `**` does not; without a slash the glob is for names in any folder, and a folder's
    name stands for what is in it.

    >>> glob_as_regex("src/**/*.py")
    '^src/(?:.*/)?[^/]*\\\\.py(?:/.*)?$'
    """
    text = glob.removeprefix("./").rstrip("/")
    pattern = "^" if "/" in text else "^(?:.*/)?"
    place = 0
    while place < len(text):
        if text.startswith("**/", place):
            pattern, place = pattern + "(?:.*/)?", place + 3
        elif text.startswith("**", place):
            pattern, place = pattern + ".*", place + 2
        else:
            character = text[place]
            pattern += {"*": "[^/]*", "?": "[^/]"}.get(character) or re.escape(character)
            place += 1
    return pattern + "(?:/.*)?$"


class Question(NamedTuple):
    """What was asked, and how it was understood."""

    text: str
    is_code: bool
    cut_from: int  # characters, where it was longer than what is read; else 0


def names_a_place(query: str) -> bool:
    """Whether a query is FILE:NAME of a file that is there."""
    if ":" not in query or len(query) > 1_000 or "\n" in query:
        return False
    try:
        return place(query.strip()).file.is_file()
    except (PhloemError, OSError, ValueError):
        return False


def understand(query: str) -> Question:
    """Text or code, cut to what is read. Raises PhloemError for an empty question."""
    fenced = _FENCED.match(query[: 2 * LONGEST_CODE_QUERY])
    text = fenced[1] if fenced else query.strip()
    if not text.strip():
        raise PhloemError("the query is empty: say in words what the code does, or give code")
    is_code = bool(fenced) or ("\n" in text[:LONGEST_CODE_QUERY] and bool(_CODE.search(text[:LONGEST_CODE_QUERY])))
    is_code = is_code or bool(re.fullmatch(r"\s*(?:def|func|fn|function|class)\s+\w+.*[:{)].*", text[:300]))
    limit = LONGEST_CODE_QUERY if is_code else LONGEST_QUERY
    return Question(text[:limit], is_code, len(text) if len(text) > limit else 0)


def spelled_names(question: str) -> frozenset[str]:
    """What of a question can only be a name: `read_csv`, `readCsv`, and a question of one word."""
    if len(question) > LONGEST_SPELLED:
        return frozenset()
    names = {word for word in re.findall(r"[^\W\d]\w*", question) if "_" in word.strip("_") or _MIXED.search(word)}
    return frozenset({*names, question.strip().removesuffix("()")})
