"""Which language a piece of code is in: the one whose grammar reads most of it.

Every grammar recovers from errors, so each parses anything; what differs is how many bytes end up in error nodes. Ties
(much Java is C#, all JavaScript is TypeScript) go to the grammar that finds a function, then to the order of ORDER.
"""

from __future__ import annotations

import numpy as np

from phloem.languages import by_name
from phloem.languages.base import Language
from phloem.languages.tree import ERROR, MISSING, Tree, subtree_stops

ORDER = ("python", "java", "javascript", "typescript", "tsx", "go", "c", "cpp", "csharp", "rust", "ruby", "php")
# What a grammar needs at a glance: PHP's takes a file without its tag as text, and reads all of it.
REQUIRED = {"php": b"<?"}
SAMPLE = 16_384  # bytes; more says nothing new, and eleven parsers read it


def errors(tree: Tree) -> tuple[int, int]:
    """Places that the grammar could not read (an error inside another counts once), and the bytes in them."""
    bad = np.flatnonzero(tree.flags & ERROR)
    missing = int(np.count_nonzero(tree.flags & MISSING))
    if not len(bad):
        return missing, missing
    stops = subtree_stops(tree.parent)
    places, size, beyond = 0, 0, 0
    for node in bad.tolist():
        if node >= beyond:
            beyond = int(stops[node])
            places += 1
            size += max(1, int(tree.end[node] - tree.start[node]))
    return places + missing, size + missing


def detect(source: bytes) -> Language:
    """The language whose grammar leaves the fewest bytes of `source` unread."""
    sample = source[:SAMPLE]
    ranked = []
    for order, name in enumerate(ORDER):
        if REQUIRED.get(name, b"") not in sample:
            continue
        language = by_name(name)
        tree = language.parse(sample)
        ranked.append((errors(tree)[1], not language.functions(tree), order, language))
    return min(ranked, key=lambda entry: entry[:3])[3]
