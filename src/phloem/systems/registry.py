"""The systems by name: a user types `phloem reproduce NAME`.

A system is one file in a room of `phloem.systems`. Its card is the function that makes its claim:

    @system("tbcnn", row="S033", room="understanding")
    def tbcnn(scale: Scale) -> Claim:
        \"\"\"Mou et al., "Convolutional Neural Networks over Tree Structures" (AAAI 2016).\"\"\"
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from phloem.errors import PhloemError

if TYPE_CHECKING:
    from phloem.systems.claims import Claim, Scale

_CARDS: dict[str, Card] = {}


class Card(NamedTuple):
    """What is known of a system before anything runs; `claim(scale)` says what would run."""

    name: str
    row: str  # of the catalogue
    room: str
    source: str  # the paper: the first paragraph of the card's docstring
    claim: Callable[[Scale], Claim]


def system(name: str, *, row: str, room: str) -> Callable[[Callable[[Scale], Claim]], Callable[[Scale], Claim]]:
    """Register the function that makes a system's claim."""

    def register(claim: Callable[[Scale], Claim]) -> Callable[[Scale], Claim]:
        source = " ".join((inspect.getdoc(claim) or "").partition("\n\n")[0].split())
        _CARDS[name] = Card(name, row, room, source, claim)
        return claim

    return register


@cache
def _import_all() -> None:
    import phloem.systems

    for room in pkgutil.iter_modules(phloem.systems.__path__, "phloem.systems."):
        if room.ispkg:
            for module in pkgutil.iter_modules(import_module(room.name).__path__, f"{room.name}."):
                import_module(module.name)


def names() -> list[str]:
    """The systems in alphabetical order."""
    _import_all()
    return sorted(_CARDS)


def card(name: str) -> Card:
    """The card of a system, by its name or by its row in the catalogue. Raises PhloemError for an unknown one."""
    found = _CARDS.get(name) if name in names() else None
    found = found or next((each for each in _CARDS.values() if each.row == name.upper()), None)
    if found is None:
        raise PhloemError(f"unknown system {name!r}; known: {', '.join(names())}")
    return found
