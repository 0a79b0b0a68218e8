"""What phloem knows of a programming language: its grammar, and what a function of it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
import tree_sitter
from jaxtyping import Bool

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

    name: str  # "python", "java", "csharp", "javascript", "typescript", "tsx", "go", "c", "cpp", "rust", "ruby", "php"
    extensions: tuple[str, ...]
    package: str  # the wheel with the grammar, for its version
    grammar: Callable[[], object]  # imports the wheel when called
    find_functions: Callable[[Tree, Language], list[Function]]
    comment_kinds: frozenset[str] = field(default=frozenset({"comment"}))
    identifier_kinds: frozenset[str] = field(default=frozenset({"identifier"}))
    string_kinds: frozenset[str] = field(default=frozenset({"string"}))

    def __reduce__(self) -> tuple[Callable[[str], Language], tuple[str]]:
        """Pickled by name: grammars are handles of C and travel to worker processes as their language's name."""
        from phloem.languages import by_name

        return by_name, (self.name,)

    @cached_property
    def tree_sitter(self) -> tree_sitter.Language:
        return tree_sitter.Language(self.grammar())

    @property
    def parser(self) -> tree_sitter.Parser:
        """A parser of one's own (half a microsecond): one parser must not serve two threads at once."""
        return tree_sitter.Parser(self.tree_sitter)

    @cached_property
    def version(self) -> str:
        """The version of the grammar's wheel; kind ids change between versions."""
        return version(self.package)

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Kind names by id; the error kind (65535) is not in it."""
        return tuple(self.tree_sitter.node_kind_for_id(i) or "" for i in range(self.tree_sitter.node_kind_count))

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Field names by id; field 0 is none."""
        grammar = self.tree_sitter
        return ("", *(grammar.field_name_for_id(i) or "" for i in range(1, grammar.field_count + 1)))

    @cached_property
    def field_ids(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.fields) if name}

    @cached_property
    def _masks(self) -> dict[frozenset[str], Bool[np.ndarray, "65536"]]:
        return {}

    def kind_mask(self, names: frozenset[str]) -> Bool[np.ndarray, "65536"]:
        """True at the ids of the named kinds `names` (a keyword token of the same name is another kind)."""
        mask = self._masks.get(names)
        if mask is None:
            mask = np.zeros(1 << 16, dtype=bool)
            named = self.tree_sitter.node_kind_is_named
            mask[[i for i, name in enumerate(self.kinds) if name in names and named(i)]] = True
            self._masks[names] = mask
        return mask

    def parse(self, source: bytes) -> Tree:
        """The tree of a whole file. Never raises on broken code: see the ERROR and MISSING flags."""
        return flatten(self.parser.parse(source), source)

    def functions(self, tree: Tree) -> list[Function]:
        """Functions and methods with a body, in source order, nested ones too."""
        return self.find_functions(tree, self)
