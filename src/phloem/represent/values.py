"""Values of terminals: what stands at both ends of a path context.

A value is the subtokens of a leaf's text joined by `|` (Alon et al. 2019, section 3.2 and the released extractors):
`getFileName` -> `get|file|name`, `"no such file"` -> `no|such|file`, `17` -> `<NUM>`. An empty value says that the
leaf is no terminal. Values never hold white space or commas, so that they can be written to `.c2s` files.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from phloem.languages.subtokens import split

METHOD_NAME = "METHOD_NAME"
NUMBER = "<NUM>"
KEPT_NUMBERS = frozenset({"0", "1", "32", "64"})
LONGEST_TEXT = 1000  # characters of a leaf that are read; only string literals are longer
MOST_TEXTS = 1 << 20  # distinct texts remembered before starting afresh: bounds the memory of long runs

_ALPHANUMERIC = re.compile(r"[^\W_]")
_NUMERIC = re.compile(r"[-+]?\.?[0-9]")
_QUOTE = re.compile(r"(?:[A-Za-z@$]{0,3})#*(?=[\"'`])")
_ESCAPE = re.compile(r"\\[abfnrtv0]")
_DELIMITER = re.compile(r"[\s,|]+")
_CAMEL = re.compile(r".+?(?:(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|$)")


def bare(text: str) -> str:
    """A string literal's content (prefix and quotes removed); any other text unchanged."""
    opening = _QUOTE.match(text)
    return text[opening.end() :].strip("\"'`#") if opening else text


def subtoken_value(text: str) -> str:
    """The value of a leaf: subtokens of lower-case letters; numbers except 0, 1, 32, 64 become `<NUM>`."""
    text = text[:LONGEST_TEXT].strip()
    if not _ALPHANUMERIC.search(text):
        return ""
    if _NUMERIC.match(text):
        return text if text in KEPT_NUMBERS else NUMBER
    content = bare(text)
    if content is not text:
        content = _ESCAPE.sub(" ", content).strip()
        if not _ALPHANUMERIC.search(content):
            return ""
    return "|".join(part for part in (_DELIMITER.sub("_", part.strip()) for part in split(content)) if part)


def python150k_value(text: str) -> str:
    """The value that the released Python150k script writes: split at `_` and case, lower-cased, digits kept."""
    text = text[:LONGEST_TEXT].strip()
    if _NUMERIC.match(text):
        return "NUM"
    return "|".join(block.lower() for part in text.split("_") for block in _CAMEL.findall(part))


class Texts:
    """Remembers each distinct text once: its value, and its bare content for comparing it with a function's name."""

    def __init__(self, value: Callable[[str], str]) -> None:
        self._value = value
        self._id: dict[bytes, int] = {}
        self.values: list[str] = []
        self.bare: list[int] = []  # the id of the bare content, itself a text

    def trim(self) -> None:
        """Forget everything if too much is remembered. Ids given before are void."""
        if len(self._id) > MOST_TEXTS:
            self._id.clear()
            self.values.clear()
            self.bare.clear()

    def ids(self, source: bytes, starts: list[int], ends: list[int]) -> list[int]:
        """The text ids of spans of `source`."""
        known = self._id
        try:
            return [known[source[start:end]] for start, end in zip(starts, ends, strict=True)]
        except KeyError:
            return [self.id(source[start:end]) for start, end in zip(starts, ends, strict=True)]

    def id(self, text: bytes) -> int:
        known = self._id.get(text)
        if known is None:
            known = self._id[text] = len(self.values)
            decoded = text[: 4 * LONGEST_TEXT].decode("utf-8", "replace")
            self.values.append(self._value(decoded))
            self.bare.append(known)
            content = bare(decoded)
            if content is not decoded:
                self.bare[known] = self.id(content.encode())
        return known
