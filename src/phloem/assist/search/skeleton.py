"""The part of a syntax tree that an outline reads: definitions, their heads and comments, without what bodies do.

Copying a tree out of tree-sitter node by node costs more than parsing it, and of a body's statements an outline needs
none. A query, which runs in C, tells where definitions and comments begin; statements that hold neither become leaves,
and of a block without definitions only what may be its docstring is kept.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import tree_sitter

from phloem.languages import by_name
from phloem.languages.base import Language
from phloem.languages.functions import FunctionRules
from phloem.languages.tree import ERROR, MISSING, NAMED, Tree

# Kinds whose children are statements or members.
_BLOCKS = frozenset(
    {"module", "block", "program", "compilation_unit", "source_file", "translation_unit", "statement_block"}
    | {"compound_statement", "class_body", "declaration_list", "field_declaration_list", "body_statement"}
    | {"constructor_body", "statement_list", "switch_body", "interface_body"}
)
_QUOTES = frozenset(b"\"'rRuUbBfF(")  # how a docstring begins


class _Marks(NamedTuple):
    query: tree_sitter.Query
    blocks: frozenset[int]
    comments: frozenset[int]
    statement: int  # the kind of a docstring's statement, -1 where documentation is no statement


@lru_cache
def _marks(language: str, definitions: frozenset[str]) -> _Marks:
    known = by_name(language)
    rules = known.find_functions
    wanted, beside = set(definitions), set[str]()
    documented = False
    if isinstance(rules, FunctionRules):
        wanted |= set(rules.readers)
        documented = rules.docstring is not None
        if rules.comments is not None:
            beside = {*known.comment_kinds, *rules.comments.attributes}
    kinds = {kind: number for number, kind in enumerate(known.kinds)}

    def pattern(names: set[str], capture: str) -> str:
        there = " ".join(f"({kind})" for kind in sorted(names) if kind in kinds)
        return f"[{there}] @{capture}" if there else ""

    text = f"{pattern(wanted, 'definition')}\n{pattern(beside - wanted, 'beside')}"
    statement = kinds.get("expression_statement", -1) if documented else -1
    blocks = frozenset(number for number, kind in enumerate(known.kinds) if kind in _BLOCKS) | {statement}
    comments = frozenset(kinds[kind] for kind in known.comment_kinds if kind in kinds)
    return _Marks(tree_sitter.Query(known.tree_sitter, text), blocks, comments, statement)


def skeleton(source: bytes, language: Language, definitions: frozenset[str]) -> Tree:
    """The tree of a file as `Language.parse` gives it, without the inside of statements in which nothing is found.

    `definitions` are kinds of nodes that are found besides functions. Never raises on broken code.
    """
    parsed = language.parser.parse(source)
    query, blocks, comments, statement = _marks(language.name, definitions)
    captured = tree_sitter.QueryCursor(query).captures(parsed.root_node)
    beyond = len(source) + 1
    defined = [*sorted(node.start_byte for node in captured.get("definition", ())), beyond]
    starts = sorted([*defined, *(node.start_byte for node in captured.get("beside", ()))])
    cursor = parsed.walk()
    kind, field, parent = array("H"), array("H"), array("i")
    start, end, flags = array("i"), array("i"), array("B")
    down, right, up = cursor.goto_first_child, cursor.goto_next_sibling, cursor.goto_parent
    broken = parsed.root_node.has_error
    ancestors: list[tuple[int, bool, bool, bool]] = []
    above, index, in_block, in_statement, brief = -1, 0, False, False, False
    while True:
        node = cursor.node
        number, first, last = node.kind_id, node.start_byte, node.end_byte
        kind.append(number)
        field.append(cursor.field_id or 0)
        parent.append(above)
        start.append(first)
        end.append(last)
        if broken:
            flags.append(node.is_named * NAMED | node.is_error * ERROR | node.is_missing * MISSING)
        else:
            flags.append(node.is_named)
        inside = (
            not in_block
            or number == statement
            or starts[bisect_left(starts, first)] < last
            or (in_statement and source[first] in _QUOTES)
        )
        if inside and down():
            ancestors.append((above, in_block, in_statement, brief))
            above, in_block, in_statement = index, number in blocks, number == statement
            brief = in_block and not in_statement and defined[bisect_left(defined, first)] >= last
            index += 1
            continue
        index += 1
        while (brief and number not in comments) or not right():
            if not up():
                return Tree(
                    np.frombuffer(kind, np.uint16),
                    np.frombuffer(field, np.uint16),
                    np.frombuffer(parent, np.int32),
                    np.frombuffer(start, np.int32),
                    np.frombuffer(end, np.int32),
                    np.frombuffer(flags, np.uint8),
                    source,
                )
            number = kind[above]
            above, in_block, in_statement, brief = ancestors.pop()
