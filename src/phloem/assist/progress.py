"""How long work tells what it is doing: a line of text, and which share of it is done."""

from __future__ import annotations

from collections.abc import Callable

Tell = Callable[[str, float], None]


def silent(text: str, fraction: float) -> None:
    """Tells nobody."""
