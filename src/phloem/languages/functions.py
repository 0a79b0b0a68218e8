"""Finding functions in a tree: one reader for all languages, a table for each.

A language says which kinds define functions and how to read one of them; the common case (fields `name`,
`parameters`, `body`) needs no more than the kinds. Kinds are looked up for the whole file at once on the arrays,
Python looks at the definitions only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from phloem.languages.base import Function, Language
from phloem.languages.comments import CommentRules, Comments
from phloem.languages.tree import Tree, subtree_stops

_NO_FIELD = -1  # the id of a field that a grammar lacks: equal to none


class Nodes:
    """Single nodes of a tree, read fast: a memoryview gives plain ints, ten times quicker than an array."""

    def __init__(self, tree: Tree, language: Language) -> None:
        self.tree = tree
        self.kind = tree.kind.data
        self.field = tree.field.data
        self.parent = tree.parent.data
        self.start = tree.start.data
        self.end = tree.end.data
        self.stop = subtree_stops(tree.parent).data
        self._kinds = language.kinds
        self._field_ids = language.field_ids

    def name(self, node: int) -> str:
        """The node's kind by name."""
        kind = self.kind[node]
        return self._kinds[kind] if kind < len(self._kinds) else "ERROR"

    def field_name_is(self, node: int, field: str) -> bool:
        return self.field[node] == self._field_ids.get(field, _NO_FIELD)

    def children(self, node: int) -> Iterator[int]:
        child, stop = node + 1, self.stop[node]
        while child < stop:
            yield child
            child = self.stop[child]

    def child(self, node: int, field: str) -> int:
        """The first child in `field`, or -1."""
        wanted = self._field_ids.get(field, _NO_FIELD)
        child, stop = node + 1, self.stop[node]
        while child < stop:
            if self.field[child] == wanted:
                return child
            child = self.stop[child]
        return -1

    def is_leaf(self, node: int) -> bool:
        return self.stop[node] == node + 1

    def last_leaf(self, node: int) -> int:
        """In preorder the last descendant is a leaf: of `operator==` the `==`, of `~Tree` the `Tree`."""
        return self.stop[node] - 1

    def text(self, node: int) -> str:
        return self.tree.source[self.start[node] : self.end[node]].decode("utf-8", "replace")


class Definition(NamedTuple):
    """What a reader finds at a node: where the function is, its name, parameters and body (-1: none)."""

    node: int
    name_node: int
    parameters: int
    body: int
    name: str = ""  # "": the text of name_node


Reader = Callable[[Nodes, int], Definition | None]


def by_fields(nodes: Nodes, node: int) -> Definition | None:
    """A definition whose name, parameters and body are fields of those names."""
    name = nodes.child(node, "name")
    if name < 0:
        return None
    return Definition(node, name, nodes.child(node, "parameters"), nodes.child(node, "body"))


@dataclass(frozen=True)
class FunctionRules:
    """What the functions of a language are: called with a tree, it lists them in source order."""

    readers: Mapping[str, Reader]  # by the kind of the node
    comments: CommentRules | None = None  # of the doc comment before a definition
    docstring: Callable[[Nodes, int], tuple[str, tuple[int, int]] | None] | None = None  # of a body
    wrappers: frozenset[str] = frozenset()  # kinds around a definition that stand between it and its doc comment
    parameter_kinds: frozenset[str] = frozenset({"identifier"})  # leaves that are names of parameters ...
    not_in_fields: frozenset[str] = frozenset({"type", "value"})  # ... except in these fields, or "kind.field"s,
    not_in_kinds: frozenset[str] = frozenset()  # ... and under these kinds
    only_in_field: str = ""  # where given, names are in this field
    tidy: Callable[[str], str] | None = None  # of doc comments with a markup of their own

    def __call__(self, tree: Tree, language: Language) -> list[Function]:
        candidates = np.flatnonzero(language.kind_mask(frozenset(self.readers))[tree.kind]).tolist()
        if not candidates:
            return []
        nodes = Nodes(tree, language)
        comments = None if self.comments is None else Comments(tree, language, self.comments)
        parameters = _Parameters(nodes, language, self)
        found: list[Function] = []
        for candidate in candidates:
            definition = self.readers[nodes.name(candidate)](nodes, candidate)
            if definition is None or definition.body < 0:
                continue
            name = definition.name or nodes.text(definition.name_node)
            if not name:
                continue
            node = definition.node
            documented = self._documentation(nodes, comments, definition)
            doc, span = documented if documented is not None else ("", None)
            found.append(
                Function(
                    node,
                    nodes.stop[node],
                    name,
                    nodes.last_leaf(definition.name_node),
                    parameters.names(definition.parameters),
                    definition.body,
                    doc,
                    span,
                    line=0,
                    end_line=0,
                )
            )
        found.sort(key=lambda function: function.node)
        return _with_lines(found, tree)

    def _documentation(
        self, nodes: Nodes, comments: Comments | None, definition: Definition
    ) -> tuple[str, tuple[int, int]] | None:
        if self.docstring is not None:
            return self.docstring(nodes, definition.body)
        if comments is None:
            return None
        documented = comments.before(nodes.start[self._outermost(nodes, definition.node)])
        if documented is not None and self.tidy is not None:
            return self.tidy(documented[0]), documented[1]
        return documented

    def _outermost(self, nodes: Nodes, node: int) -> int:
        """The widest wrapper that the definition opens: of `const f = ..., g = ...` the declaration belongs to f."""
        while nodes.parent[node] >= 0:
            parent = nodes.parent[node]
            kind = nodes.kind[node]
            if nodes.name(parent) not in self.wrappers:
                break
            if next(child for child in nodes.children(parent) if nodes.kind[child] == kind) != node:
                break
            node = parent
        return node


class _Parameters:
    """Names of parameters: the name leaves of a parameter list; patterns give several, types and defaults none."""

    def __init__(self, nodes: Nodes, language: Language, rules: FunctionRules) -> None:
        self._nodes = nodes
        self._names = language.kind_mask(rules.parameter_kinds)
        self._skipped_kinds = language.kind_mask(rules.not_in_kinds)
        fields = language.field_ids
        self._skipped_fields = {fields.get(field, _NO_FIELD) for field in rules.not_in_fields if "." not in field}
        self._skipped_in = {
            (field.partition(".")[0], fields.get(field.partition(".")[2], _NO_FIELD))
            for field in rules.not_in_fields
            if "." in field
        }
        self._field = fields[rules.only_in_field] if rules.only_in_field else None

    def names(self, parameters: int) -> tuple[str, ...]:
        if parameters < 0:
            return ()
        nodes = self._nodes
        found: list[str] = []
        node, stop = parameters, nodes.stop[parameters]
        while node < stop:
            if node != parameters and self._is_skipped(node):
                node = nodes.stop[node]
                continue
            if self._names[nodes.kind[node]] and (self._field is None or nodes.field[node] == self._field):
                found.append(nodes.text(node))
            node += 1
        return tuple(found)

    def _is_skipped(self, node: int) -> bool:
        nodes = self._nodes
        field = nodes.field[node]
        if field in self._skipped_fields or self._skipped_kinds[nodes.kind[node]]:
            return True
        return bool(self._skipped_in) and (nodes.name(nodes.parent[node]), field) in self._skipped_in


def _with_lines(functions: list[Function], tree: Tree) -> list[Function]:
    """Fill in lines: those of the name and of the definition's last byte."""
    newlines = np.flatnonzero(np.frombuffer(tree.source, np.uint8) == ord("\n"))
    names = tree.start[[function.name_node for function in functions]]
    ends = tree.end[[function.node for function in functions]] - 1
    lines = (np.searchsorted(newlines, names) + 1).tolist()
    end_lines = (np.searchsorted(newlines, ends) + 1).tolist()
    return [
        function._replace(line=line, end_line=end_line)
        for function, line, end_line in zip(functions, lines, end_lines, strict=True)
    ]
