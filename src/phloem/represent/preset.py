"""Named choices of terminals, labels and limits of paths: those that published extractors made, and phloem's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from phloem.represent.values import METHOD_NAME

MODIFIERS = frozenset(
    {"modifiers", "modifier", "accessibility_modifier", "override_modifier", "visibility_modifier"}
    | {"function_modifiers", "extern_modifier", "var_modifier", "final_modifier", "abstract_modifier"}
    | {"readonly_modifier", "static_modifier", "storage_class_specifier"}
)


@dataclass(frozen=True)
class PathPreset:
    """Which leaves are terminals, how nodes are labelled, and which paths are kept."""

    name: str
    tree: Literal["tree-sitter", "javaparser"] = "tree-sitter"  # whose trees and labels
    max_edges: int = 8
    width: Literal["siblings", "balance"] = "siblings"  # distance of the branches, or abs(edges up - edges down)
    max_width: int = 2
    indices: bool = True  # child indices (saturated at 3) on end terminals
    terminals: Literal["leaves", "names"] = "leaves"  # all leaves, or only variables, functions and numbers
    mask_recursion: bool = True  # leaves that spell the function's own name become METHOD_NAME
    dropped_kinds: frozenset[str] = MODIFIERS
    method_name: str = METHOD_NAME
    mask_name: bool = True  # the leaf that is the function's name becomes METHOD_NAME
    values: Literal["subtokens", "python150k", "javaextractor"] = "subtokens"


TREE_SITTER = PathPreset("tree-sitter")
"""The default for all languages: named node types with operators folded in, child indices on the end terminals."""

NAMED = PathPreset("tree-sitter-named", mask_recursion=False, mask_name=False)
"""The same with the function's name left as it is: for what is written of functions that have one: summaries."""

OFFICIAL_JAVA = PathPreset("official-java", tree="javaparser", mask_recursion=False, values="javaextractor")
"""What the JavaExtractor released with code2seq writes: JavaParser's tree and short names. Java only.

Of the 13,977 methods that it reads in java.base/java of JDK 17, 99.7 % get exactly its contexts, 99.9 % of all contexts
agree. The rest needs the whole file: a member `int[] a` or a constructor without modifiers takes the comments of the
members before it. JavaParser reads Java 8 without syntax errors: functions with errors get no contexts here either,
and newer constructs get labels of their own."""

PYTHON150K = PathPreset(
    "python150k",
    max_edges=7,
    width="balance",
    indices=False,
    terminals="names",
    mask_recursion=False,
    method_name="METHODNAME",
    values="python150k",
)
"""The rules of the Python150k script released with code2seq: paths of at most 8 NODES, "width" the difference of the
two halves' lengths, terminals only variables and numbers, METHODNAME at the function node itself. The node labels are
tree-sitter's (`identifier`), not those of the Python150k data set (`NameLoad`)."""

PRESETS = {preset.name: preset for preset in (TREE_SITTER, NAMED, OFFICIAL_JAVA, PYTHON150K)}


def reads(preset: PathPreset, language: str) -> bool:
    """Whether a preset is made for a language (by name)."""
    return language == {"python150k": "python", "javaextractor": "java"}.get(preset.values, language)
