"""String edits with descriptions, in the manner of Andreas et al. (2018) and LILO's REGEX domain (Grand et al. 2024).

The published descriptions are not here; these are generated: an action (replace, put before, put after, remove), what
it happens to, everywhere (a letter, two letters, a vowel, a consonant, a letter and a vowel, every letter), and a
letter. Each task has several wordings of which one is drawn, and examples on real-looking words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import NamedTuple

CONSONANTS, VOWELS = "bcdfghjklmnpqrstvwxyz", "aeiou"
ACTIONS: dict[str, tuple[tuple[str, ...], Callable[[str, str], str]]] = {
    "replace": (("replace {what} with {x}", "change {what} to {x}"), lambda piece, x: x),
    "prepend": (("put {x} before {what}", "add {x} in front of {what}"), lambda piece, x: x + piece),
    "append": (("put {x} after {what}", "add {x} behind {what}"), lambda piece, x: piece + x),
    "remove": (("remove {what}", "delete {what}"), lambda piece, x: ""),
}


class EditTask(NamedTuple):
    name: str
    description: str
    examples: tuple[tuple[str, str], ...]


def edit_tasks(count: int, seed: int = 0, *, examples: int = 6) -> list[EditTask]:
    """Distinct tasks in random order."""
    rng = Random(seed)
    found: dict[str, EditTask] = {}
    while len(found) < count:
        action = rng.choice(list(ACTIONS))
        pattern, what = _pattern(rng)
        x = rng.choice(CONSONANTS + VOWELS)
        name = f"{action} {pattern} {x}" if action != "remove" else f"{action} {pattern}"
        if name in found:
            continue
        wordings, edit = ACTIONS[action]
        description = rng.choice(wordings).format(what=what, x=x)
        words = [_word(rng, pattern) for _ in range(examples)]
        found[name] = EditTask(name, description, tuple((word, _edited(word, pattern, edit, x)) for word in words))
    return list(found.values())


def _edited(word: str, pattern: str, edit: Callable[[str, str], str], x: str) -> str:
    return re.sub(pattern, lambda found: edit(found[0], x), word)


def _pattern(rng: Random) -> tuple[str, str]:
    letter, other = rng.choice(CONSONANTS + VOWELS), rng.choice(CONSONANTS + VOWELS)
    return rng.choice(
        [
            (letter, f"every {letter}"),
            (letter + other, f"every {letter} followed by {other}"),
            (f"[{VOWELS}]", "every vowel"),
            (f"[^{VOWELS}]", "every consonant"),
            (f"{letter}[{VOWELS}]", f"every {letter} with the vowel after it"),
            (".", "every letter"),
        ]
    )


def _word(rng: Random, pattern: str) -> str:
    """A word of syllables that the pattern matches somewhere, where trying finds one."""
    for _ in range(400):
        word = "".join(rng.choice(CONSONANTS) + rng.choice(VOWELS) + rng.choice(CONSONANTS) for _ in range(2))
        at = rng.randrange(len(word))
        letters = re.sub(r"\[.*?\]|\.", "", pattern)
        word = word[:at] + letters + word[at:]
        if re.search(pattern, word):
            return word
    return word
