"""What of a definition is shown: the lines that say most of what was asked, and why it matched."""

from __future__ import annotations

import re
from collections.abc import Sequence

from phloem.assist.search.lexical import words

SNIPPET_LINES = 6
LONGEST_SHOWN = 20_000  # characters of a definition that are looked through
_DOCSTRING = re.compile(r"\A[^\n]*(?:\n[^\n]*){0,30}?:\s*\n\s*([rRuU]?(?:\"\"\".*?\"\"\"|'''.*?'''))", re.DOTALL)


def why(in_name: Sequence[str], in_rest: Sequence[str], cosine: float) -> str:
    """Why a definition matched, in a line."""
    parts = []
    if in_name:
        parts.append("name says " + ", ".join(in_name[:6]))
    if in_rest:
        parts.append(("text says " if not in_name else "text ") + ", ".join(in_rest[:6]))
    parts.append(f"meaning {cosine:.2f}")
    return "; ".join(parts)


def snippet_of(code: str, line: int, kind: str, terms: Sequence[str]) -> tuple[tuple[int, ...], str]:
    """Lines of a definition that tell it from others, and their numbers: its first, then those that say most terms.

    Of code without its docstring and empty lines; of a document the first ones; of a class, whose code here is an
    outline, the head alone.
    """
    lines = code.split("\n")
    if kind == "class":
        return (line,), lines[0][:200].rstrip()
    if kind not in ("module", "section"):
        documented = _DOCSTRING.search(code[:LONGEST_SHOWN])
        quoted = range(0)
        if documented:
            first = code.count("\n", 0, documented.start(1))
            quoted = range(first, first + documented[1].count("\n") + 1)
        places = [i for i, text in enumerate(lines) if text.strip() and (i not in quoted or i == 0)] or [0]
    else:
        places = [i for i, text in enumerate(lines) if text.strip()] or [0]
    start = 1
    if kind in ("function", "method") and len(places) > SNIPPET_LINES:
        wanted, width = set(terms), SNIPPET_LINES - 1
        said = [frozenset(words(lines[i][:400])) & wanted for i in places[:400]]
        counts = [len(frozenset().union(*said[i : i + width])) for i in range(1, max(2, len(said) - width + 1))]
        start += counts.index(max(counts))
    chosen = [places[0], *places[start : start + SNIPPET_LINES - 1]]
    return tuple(line + i for i in chosen), "\n".join(lines[i][:200].rstrip() for i in chosen)
