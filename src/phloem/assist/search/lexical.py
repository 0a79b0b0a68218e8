"""The words of code and of questions, as BM25 (Robertson & Zaragoza 2009) counts them.

An identifier is its subtokens: `readJsonFile` and `read_json_file` are read, json, file. Names and documentation say
more of a function than its body does, so their words are repeated, which is how the fields of BM25F (Robertson et al.
2004) are weighted in an index of one field. What is counted are stems (Porter's second stemmer, "Snowball", 2001): each
distinct word is stemmed once here, where an index that stems does it for each occurrence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache, lru_cache

from phloem.errors import MissingExtra
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
        found = self[word] = " ".join(self.parts(word))
        return found

    def parts(self, word: str) -> list[str]:
        return [part for part in split(word) if len(part) <= _LONGEST_WORD]


class _Stems(_Split):
    """Words to the stems of their subtokens."""

    def parts(self, word: str) -> list[str]:
        return list(map(_stemmer(), super().parts(word)))


_split, _stems = _Split(), _Stems()


@cache
def _stemmer() -> Callable[[str], str]:
    try:
        from Stemmer import Stemmer
    except ImportError as error:
        raise MissingExtra("search", "PyStemmer") from error
    stem: Callable[[str], str] = Stemmer("english").stemWord
    return stem


def spaced(text: str) -> str:
    """The subtokens of every identifier and word, lower-cased, in order, parted by blanks.

    >>> spaced("def readJson(path): return json.load(path)")
    'def read json path return json load path'
    """
    return " ".join([_split[word] for word in _WORD.findall(text)])


def stems(text: str) -> str:
    """As `spaced`, of each subtoken the stem.

    >>> stems("parseQueries(files)")
    'pars queri file'
    """
    return " ".join([_stems[word] for word in _WORD.findall(text)])


_stems_of_path = lru_cache(maxsize=256)(stems)  # many definitions one after the other have the same


def words(text: str) -> list[str]:
    """As `spaced`, as a list."""
    return spaced(text).split()


def document(name: str, doc: str, code: str, path: str) -> str:
    """The text of a definition that is searched: stems parted by blanks."""
    parts = [stems(name)] * NAME_WEIGHT + [stems(doc)] * DOC_WEIGHT + [_stems_of_path(path), stems(code[:LONGEST_CODE])]
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
