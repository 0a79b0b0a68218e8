"""A judge of comments that knows the rules but not the program that writes the pairs.

A comment is useful if it is prose, speaks of something in the code, and says about it what the code does not: at least
one word in common with the subtokens of the code, and at least three others that carry meaning. Everything else is not:
code, rulers, marks, single words, names said again, and prose about other things.
"""

from __future__ import annotations

import re

from phloem.languages.subtokens import split as subtokens
from phloem.tasks.comment_pairs import plain

NEW = 3  # words that the code does not have
_WORD = re.compile(r"[A-Za-z]+")
_FUNCTION_WORDS = frozenset(
    {
        *("a", "an", "and", "as", "at", "before", "here", "in", "is", "it", "many", "of", "on", "or", "so", "that"),
        *("the", "this", "to", "until", "when", "with", "be"),
    }
)


def useful(comment: str, code: str) -> bool:
    """The judgement."""
    text = plain(comment)
    if re.search(r"[;{}=<>\[\]]|\w\(", text):
        return False
    words = [word.lower() for word in _WORD.findall(text)]
    spoken_of = {part for name in re.findall(r"\w+", code) for part in subtokens(name)}
    if not spoken_of & set(words):
        return False
    return len({word for word in words if word not in spoken_of and word not in _FUNCTION_WORDS}) >= NEW


def accepts(comment: str, code: str, label: bool) -> bool:
    """Whether a pair is right under a label."""
    return useful(comment, code) == label
