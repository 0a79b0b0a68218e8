"""Identifiers that an encoder has to find again: each occurrence of a chosen name gives way to masks.

Zhang et al., "Code Representation Learning at Scale" (ICLR 2024, section 3.1), after the deobfuscation of Roziere et
al., "DOBF" (2021), for an encoder that predicts at the places themselves. All occurrences of a chosen name are hidden,
each by as many masks as that occurrence has units (a byte pair may hold the blank before it, so one name may split in
two ways), and the units are cut at the names' borders first, so that no unit is of two names.

Names that are hidden are those that the function makes: its own, its parameters and what it assigns. Attributes of
modules, calls of what lies elsewhere, keywords and what strings hold stay.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Int

from phloem.languages.base import Language
from phloem.languages.tree import Tree, subtree_stops
from phloem.represent.identifier_occurrences import MarkedTokens

_BINDING = frozenset({"name", "left", "parameters", "pattern", "alias", "declarator", "parameter"})
_HOLDERS = frozenset(
    {"parameters", "formal_parameters", "parameter_list", "lambda_parameters", "pattern_list", "tuple_pattern"}
)
_USED = frozenset({"attribute", "field", "property", "function", "type", "value", "right", "default", "object"})


def made_names(tree: Tree, language: Language) -> frozenset[str]:
    """The identifiers that a piece of code binds: those of its definitions and parameters, and what it assigns."""
    fields = np.array([name in _BINDING for name in language.fields])
    used = np.array([name in _USED for name in language.fields])
    holders = language.kind_mask(_HOLDERS)
    identifiers = language.kind_mask(language.identifier_kinds)
    found = set()
    for node in np.flatnonzero(identifiers[tree.kind]).tolist():
        at = node
        while at >= 0 and not used[tree.field[at]]:
            if holders[tree.kind[at]] or (fields[tree.field[at]] and not _asked(tree, int(tree.parent[at]), language)):
                found.add(tree.text(node))
                break
            if tree.kind[at] != tree.kind[node] and not _transparent(tree, at, language):
                break
            at = int(tree.parent[at])
    return frozenset(found - _of_modules(tree, language))


def _of_modules(tree: Tree, language: Language) -> set[str]:
    """What imports bring, and the attributes that are asked of it."""
    imports = np.array(["import" in kind for kind in language.kinds])
    imports = np.append(imports, np.zeros((1 << 16) - len(imports), bool))[tree.kind]
    identifiers = np.flatnonzero(language.kind_mask(language.identifier_kinds)[tree.kind])
    stop = subtree_stops(tree.parent)
    inside = np.zeros(len(tree.parent), bool)
    for node in np.flatnonzero(imports).tolist():
        inside[node : stop[node]] = True
    brought = {tree.text(node) for node in identifiers[inside[identifiers]].tolist()}
    asked = {
        tree.text(after)
        for node, after in pairwise(identifiers.tolist())
        if tree.text(node) in brought and tree.parent[node] == tree.parent[after] and "." in _between(tree, node, after)
    }
    return brought | asked


def _between(tree: Tree, node: int, after: int) -> str:
    return tree.source[tree.end[node] : tree.start[after]].decode("utf-8", "replace")


def _asked(tree: Tree, node: int, language: Language) -> bool:
    """Whether a node calls or reads what its `name` says, and makes nothing."""
    return any(part in _kind(tree, node, language) for part in ("call", "invocation", "access", "argument"))


def _transparent(tree: Tree, node: int, language: Language) -> bool:
    """Whether what binds may lie above: in a pattern or a typed parameter, not in a call or a subscript."""
    return any(part in _kind(tree, node, language) for part in ("pattern", "parameter", "declarator"))


def _kind(tree: Tree, node: int, language: Language) -> str:
    return language.kinds[tree.kind[node]] if tree.kind[node] < len(language.kinds) else ""


def hidden_identifiers(
    code: MarkedTokens, rng: np.random.Generator, allowed: frozenset[str], *, share: float = 0.5, most: float = 0.3
) -> Bool[np.ndarray, " units"]:
    """The units to hide: all occurrences of names of `allowed`, each chosen with the probability `share`, at least one
    where there is any; no further name once `most` of the units are hidden."""
    numbers = [number for number, name in enumerate(code.names) if name in allowed]
    if not numbers:
        return np.zeros(len(code.ids), bool)
    order = rng.permutation(numbers)
    wanted = max(1, int((rng.random(len(numbers)) < share).sum()))
    hidden = np.zeros(len(code.ids), bool)
    for number in order[:wanted].tolist():
        own = code.name == number
        if hidden.any() and (hidden | own).mean() > most:
            continue
        hidden |= own
    return hidden


def masked(ids: Int[np.ndarray, " units"], hidden: Bool[np.ndarray, " units"], mask: int) -> Int[np.ndarray, " units"]:
    """The units with the hidden ones replaced by the mark `mask`."""
    return np.where(hidden, np.asarray(mask, ids.dtype), ids)
