"""One file a paper: its card, its composition and its claim.

`names()` and `card(name)` list what there is; `phloem.systems.reproduce.run(name, scale)` runs a claim.
"""

from phloem.systems.registry import Card, card, names, system

__all__ = ["Card", "card", "names", "system"]
