"""The words of code and of questions, as BM25 (Robertson & Zaragoza 2009) counts them.

An identifier is its subtokens: `readJsonFile` and `read_json_file` are read, json, file. Names and documentation say
more of a function than its body does, so their words are repeated, which is how the fields of BM25F (Robertson et al.
2004) are weighted in an index of one field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from phloem.languages.subtokens import split

NAME_WEIGHT, DOC_WEIGHT = 3, 2
LONGEST_CODE = 6_000  # characters of a body whose words count
LONGEST_QUERY = 2_000  # characters of a question that are read
MOST_TERMS = 64  # distinct words of a query that are looked up
_WORD = re.compile(r"[^\W\d]\w*")
_LONGEST_WORD = 40
MOST_WORDS = 1 << 18  # distinct words remembered before starting afresh: bounds the memory of long runs

# fmt: off
SILENT = frozenset((  # words that explain no match
    "a", "all", "an", "and", "are", "as", "at", "be", "by", "can", "def", "do", "does", "each", "for", "from", "get",
    "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "of", "on", "or", "return", "returns", "self",
    "that", "the", "their", "then", "this", "to", "using", "want", "was", "what", "when", "where", "which", "with",
))
# fmt: on


class _Split(dict[str, str]):
    """Words to their subtokens, parted by blanks; each distinct word is split once."""

    def __missing__(self, word: str) -> str:
        if len(self) > MOST_WORDS:
            self.clear()
        found = self[word] = " ".join(part for part in split(word) if len(part) <= _LONGEST_WORD)
        return found


_split = _Split()


def spaced(text: str) -> str:
    """The subtokens of every identifier and word, lower-cased, in order, parted by blanks.

    >>> spaced("def readJson(path): return json.load(path)")
    'def read json path return json load path'
    """
    return " ".join([_split[word] for word in _WORD.findall(text)])


def words(text: str) -> list[str]:
    """As `spaced`, as a list."""
    return spaced(text).split()


def document(name: str, doc: str, code: str, path: str) -> str:
    """The text of a definition that is searched: words parted by blanks."""
    parts = [spaced(name)] * NAME_WEIGHT + [spaced(doc)] * DOC_WEIGHT + [spaced(path), spaced(code[:LONGEST_CODE])]
    return " ".join(parts)


def query_terms(text: str) -> list[str]:
    """The distinct words of a question in order, at most MOST_TERMS, the longest of them first to stay."""
    distinct = list(dict.fromkeys(words(text)))
    if len(distinct) <= MOST_TERMS:
        return distinct
    kept = set(sorted(distinct, key=len, reverse=True)[:MOST_TERMS])
    return [word for word in distinct if word in kept]


def shared(terms: Iterable[str], *texts: str) -> list[str]:
    """Which of the terms occur as words in the texts."""
    there = {word for text in texts for word in words(text)}
    return [term for term in terms if term in there]
