"""Serialised trees as units: a vocabulary of byte pairs with marks for structure behind it.

Agarwal et al. (2024, section 3.1): opening, closing and each node type are one new token each, behind the old ones, so
that the ids of plain text stay what they were (`phloem.nn.models.grown`). A leaf is the units of a blank and its text;
blanks inside a leaf are the mark BLANK of the byte pairs, so that a unit which begins with a blank begins a leaf, in
trees and in plain text alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Int32

from phloem.represent.byte_pairs import BytePairs
from phloem.represent.serialized_cst import CLOSE, Close, Element, Open

BLANK = "<blank>"  # an extra mark that the byte pairs must have
OTHER = "other"  # the label of node types that are not in the vocabulary


class CstUnits:
    """`kinds` are the node types that have a label of their own. Raises KeyError for units without the mark BLANK."""

    def __init__(self, units: BytePairs, kinds: Iterable[str]) -> None:
        self.units = units
        self.kinds = tuple(dict.fromkeys([OTHER, *kinds]))
        self.blank = units.mark(BLANK)
        self.open, self.close, self.first_label = (units.size + number for number in range(3))
        self._label = {kind: self.first_label + number for number, kind in enumerate(self.kinds)}
        self.size = self.first_label + len(self.kinds)

    def label(self, kind: str) -> int:
        """The id of a node type."""
        return self._label.get(kind, self._label[OTHER])

    def pieces(self) -> list[list[int]]:
        """For each new id the old units whose mean vector it begins with: of brackets, of the label's name."""
        marks = [self.units.encode(text) for text in ("(", ")")]
        return marks + [self.units.encode(kind.replace("_", " ")) for kind in self.kinds]

    def encode(self, elements: Iterable[Element]) -> Int32[np.ndarray, " ids"]:
        ids: list[int] = []
        for element in elements:
            if isinstance(element, Open):
                ids += [self.open, self.label(element.kind)]
            elif isinstance(element, Close):
                ids.append(self.close)
            else:
                first, *more = element.split(" ")
                ids += self.units.encode(" " + first)
                for piece in more:
                    ids += [self.blank, *self.units.encode(piece)]
        return np.array(ids, np.int32)

    def decode(self, ids: Sequence[int]) -> list[Element]:
        """The elements of ids; labels without an opening and sentinels are left out, as a model may write them."""
        elements: list[Element] = []
        leaf: list[int] | None = None
        texts: list[str] = []

        def end() -> None:
            nonlocal leaf
            if leaf is not None:
                elements.append(" ".join([*texts, self.units.decode(leaf)]).removeprefix(" "))
                texts.clear()
                leaf = None

        opening = False
        for unit in ids:
            if unit == self.blank:
                if leaf is not None:
                    texts.append(self.units.decode(leaf))
                    leaf = []
            elif unit < len(self.units.marks):
                end()
            elif unit < self.units.size:
                if self.units.begins_with_blank[unit] or leaf is None:
                    end()
                    leaf = []
                leaf.append(unit)
            else:
                end()
                if unit == self.close:
                    elements.append(CLOSE)
                elif unit >= self.first_label and opening:
                    elements.append(Open(self.kinds[unit - self.first_label]))
            opening = unit == self.open
        end()
        return elements
