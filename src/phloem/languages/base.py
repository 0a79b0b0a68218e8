"""What phloem knows of a programming language: its grammar, and what a function of it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import tree_sitter

from phloem.languages.tree import Tree, flatten


class Function(NamedTuple):
    """A function or method with a body; nodes index the file's tree, offsets are bytes into the file."""

    node: int  # its definition (decorators, annotations and doc comments outside)
    stop: int  # one past its last descendant
    name: str
    name_node: int  # the leaf that holds the name
    parameters: tuple[str, ...]
    body: int  # the body's node
    doc: str  # the doc comment's text, markers and indentation removed; "" without one
    doc_span: tuple[int, int] | None  # bytes of the doc comment, which may lie inside (Python) or before the definition
    line: int  # 1-based line of the name
    end_line: int


@dataclass(frozen=True)
class Language:
    """A grammar and the reading of its trees. `find_functions(tree, language)` lists functions in source order."""

    name: str  # "python", "java", "csharp", "javascript", "typescript", "go", "c", "cpp", "rust", "ruby", "php"
    extensions: tuple[str, ...]
    package: str  # the wheel with the grammar, for its version
    grammar: Callable[[], object]  # imports the wheel when called
    find_functions: Callable[[Tree, Language], list[Function]]
    comment_kinds: frozenset[str] = field(default=frozenset({"comment"}))
    identifier_kinds: frozenset[str] = field(default=frozenset({"identifier"}))
    string_kinds: frozenset[str] = field(default=frozenset({"string"}))

    @cached_property
    def tree_sitter(self) -> tree_sitter.Language:
        return tree_sitter.Language(self.grammar())

    @cached_property
    def parser(self) -> tree_sitter.Parser:
        return tree_sitter.Parser(self.tree_sitter)

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Kind names by id; the error kind (65535) is not in it."""
        return tuple(self.tree_sitter.node_kind_for_id(i) or "" for i in range(self.tree_sitter.node_kind_count))

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Field names by id; field 0 is none."""
        grammar = self.tree_sitter
        return ("", *(grammar.field_name_for_id(i) or "" for i in range(1, grammar.field_count + 1)))

    def parse(self, source: bytes) -> Tree:
        """The tree of a whole file. Never raises on broken code: see the ERROR and MISSING flags."""
        return flatten(self.parser.parse(source), source)

    def functions(self, tree: Tree) -> list[Function]:
        """Functions and methods with a body, in source order, nested ones too."""
        return self.find_functions(tree, self)
