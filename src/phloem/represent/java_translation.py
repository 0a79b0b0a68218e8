"""From trees of tree-sitter to those of JavaParser: the machinery, and what every rule may need (`java_parser`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from phloem.languages.base import Language
from phloem.languages.example import Example
from phloem.languages.tree import NAMED

NOWHERE = -1  # before every position, as JavaParser's (line 0, column 0)

_BOXED = frozenset({"Integer", "Long", "Short", "Byte", "Character", "Boolean", "Float", "Double"})
_STATEMENTS_WITHOUT_CHILDREN = frozenset({"BreakStmt", "ContinueStmt", "EmptyStmt"})


class JavaNode:
    """A node of JavaParser's tree. `text` is what its printer writes, for leaves."""

    __slots__ = ("begin", "children", "comment", "end", "operator", "parent", "text", "type")

    def __init__(self, type_: str, parent: JavaNode | None, begin: int, end: int, text: str = "") -> None:
        self.type = type_
        self.parent = parent
        self.begin = begin
        self.end = end
        self.text = text
        self.operator = ""
        self.comment = ""
        self.children: list[JavaNode] = []
        if parent is not None:
            parent.children.append(self)

    @property
    def label_type(self) -> str:
        """The class name with its operator; boxed class types count as primitive ones."""
        if self.operator:
            return f"{self.type}:{self.operator}"
        if self.type == "ClassOrInterfaceType" and re.split(r"[.<]", self.text.split("<")[0])[-1] in _BOXED:
            return "PrimitiveType"
        return self.type


class Comment(NamedTuple):
    """A comment of the source; `text` is what the printer writes before a node that owns it."""

    begin: int
    end: int
    is_line: bool
    text: str


Rule = Callable[["Translation", int, JavaNode], None]


class Translation:
    """One function on its way from tree-sitter's tree to JavaParser's. `steps` are the nodes yet to be made."""

    def __init__(self, example: Example, language: Language, rules: Mapping[str, Rule]) -> None:
        self.rules = rules
        tree = example.tree
        kinds, fields = [*language.kinds, "ERROR"], language.fields
        self.source = tree.source
        self.kind = [kinds[min(kind, len(kinds) - 1)] for kind in tree.kind.tolist()]
        self.field = [fields[field] for field in tree.field.tolist()]
        self.begin = tree.start.tolist()
        self.end = [end - 1 for end in tree.end.tolist()]
        self.children: list[list[int]] = [[] for _ in self.kind]
        self.tokens: list[list[int]] = [[] for _ in self.kind]
        self.comments: list[Comment] = []
        named = (tree.flags & NAMED).astype(bool).tolist()
        for node, parent in enumerate(tree.parent.tolist()):
            if self.kind[node] in language.comment_kinds:
                self.comments.append(self._comment(node))
            elif parent < 0:
                continue
            elif named[node] or self._is_empty_statement(node, parent):
                self.children[parent].append(node)
            else:
                self.tokens[parent].append(node)
        self.steps: list[tuple[Rule, int, JavaNode]] = []

    def _is_empty_statement(self, node: int, parent: int) -> bool:
        """Whether a `;` is a statement or member of its own: no named node in tree-sitter's tree."""
        stands_alone = self.kind[parent] in _HOLDS_EMPTY or self.field[node] in _STATEMENT_FIELDS
        return self.kind[node] == ";" and stands_alone

    def _comment(self, node: int) -> Comment:
        text = self.text(node)
        is_line = text.startswith("//")
        end = self.end[node]
        return Comment(self.begin[node], end, is_line, text.rstrip("\r\n") + "\n")

    def text(self, node: int) -> str:
        return self.source[self.begin[node] : self.end[node] + 1].decode("utf-8", "replace")

    def make(self, type_: str, node: int, parent: JavaNode, text: str = "") -> JavaNode:
        return JavaNode(type_, parent, self.begin[node], self.end[node], text)

    def leaf(self, type_: str, node: int, parent: JavaNode) -> JavaNode:
        return self.make(type_, node, parent, self.text(node))

    def then(self, parent: JavaNode, *steps: tuple[Rule, int] | None) -> None:
        """Make these under `parent`, in this order."""
        for step in reversed(steps):
            if step is not None:
                self.steps.append((step[0], step[1], parent))

    def run(self) -> None:
        while self.steps:
            rule, node, parent = self.steps.pop()
            rule(self, node, parent)

    def of(self, node: int, field: str) -> list[int]:
        return [child for child in self.children[node] if self.field[child] == field]

    def of_kind(self, node: int, *kinds: str) -> list[int]:
        return [child for child in self.children[node] if self.kind[child] in kinds]

    def inside(self, nodes: list[int]) -> list[int]:
        return [child for node in nodes for child in self.children[node]]


_HOLDS_EMPTY = frozenset(
    {"block", "constructor_body", "switch_block_statement_group", "class_body", "interface_body", "labeled_statement"}
)
_STATEMENT_FIELDS = frozenset({"body", "consequence", "alternative"})


def convert(t: Translation, node: int, parent: JavaNode) -> None:
    """Any statement, expression, type or member, by its kind."""
    kind = t.kind[node]
    if kind in _LEAVES:
        t.leaf(_LEAVES[kind], node, parent)
    elif kind in _PLAIN:
        made = t.make(_PLAIN[kind], node, parent)
        if made.type not in _STATEMENTS_WITHOUT_CHILDREN:
            t.then(made, *((convert, child) for child in t.children[node]))
    elif kind in t.rules:
        t.rules[kind](t, node, parent)
    else:
        name = "".join(part.capitalize() for part in kind.split("_"))  # newer Java than JavaParser's
        made = t.make(name, node, parent, "" if t.children[node] else t.text(node))
        t.then(made, *((convert, child) for child in t.children[node]))


_MADE = r"(\w+)=(\w+)"
_LEAVES: dict[str, str] = dict(
    re.findall(
        _MADE,
        """identifier=NameExpr this=ThisExpr super=SuperExpr null_literal=NullLiteralExpr true=BooleanLiteralExpr
        false=BooleanLiteralExpr string_literal=StringLiteralExpr character_literal=CharLiteralExpr
        decimal_floating_point_literal=DoubleLiteralExpr hex_floating_point_literal=DoubleLiteralExpr
        void_type=VoidType integral_type=PrimitiveType floating_point_type=PrimitiveType boolean_type=PrimitiveType
        type_identifier=ClassOrInterfaceType""",
    )
)
_PLAIN: dict[str, str] = dict(
    re.findall(
        _MADE,
        """block=BlockStmt constructor_body=BlockStmt return_statement=ReturnStmt throw_statement=ThrowStmt
        break_statement=BreakStmt continue_statement=ContinueStmt assert_statement=AssertStmt
        array_access=ArrayAccessExpr ternary_expression=ConditionalExpr parenthesized_expression=EnclosedExpr
        expression_statement=ExpressionStmt instanceof_expression=InstanceOfExpr
        array_initializer=ArrayInitializerExpr element_value_array_initializer=ArrayInitializerExpr""",
    )
)


def nameless(t: Translation, node: int, parent: JavaNode) -> None:
    """The empty name that JavaParser first gives to calls, field accesses, classes and constructors."""
    JavaNode("NameExpr", parent, NOWHERE, NOWHERE)


def name_leaf(t: Translation, node: int, parent: JavaNode) -> None:
    t.leaf("NameExpr", node, parent)


def brackets_nowhere(t: Translation, node: int, parent: JavaNode) -> None:
    """Brackets of an array type, which JavaParser takes off the element's type."""
    for _ in range(dimensions(t, node)):
        JavaNode("ArrayBracketPair", parent, NOWHERE, NOWHERE, "[]")


def brackets(t: Translation, node: int, parent: JavaNode) -> None:
    """Brackets after a name or a parameter list."""
    opening = [token for token in t.tokens[node] if t.kind[token] == "["]
    closing = [token for token in t.tokens[node] if t.kind[token] == "]"]
    for first, last in zip(opening, closing, strict=False):
        JavaNode("ArrayBracketPair", parent, t.begin[first], t.end[last], "[]")


def dimensions(t: Translation, node: int) -> int:
    """The number of brackets of an array type."""
    return sum(t.kind[token] == "[" for part in t.of_kind(node, "dimensions") for token in t.tokens[part])


def element_type(t: Translation, node: int, parent: JavaNode) -> None:
    """A declared type without its brackets."""
    while t.kind[node] in ("array_type", "annotated_type"):
        node = (t.of(node, "element") or t.children[node][-1:])[0]
    convert(t, node, parent)


def starts_with_array(t: Translation, node: int, type_: int) -> bool:
    """Whether a declaration begins with an array type, which costs it its position."""
    return t.kind[type_] == "array_type" and t.begin[node] == t.begin[type_]


def annotation_steps(t: Translation, node: int) -> list[tuple[Rule, int]]:
    modifiers = t.inside(t.of_kind(node, "modifiers"))
    return [(convert, part) for part in modifiers if t.kind[part] in ("annotation", "marker_annotation")]


def each(rule: Rule, nodes: list[int]) -> list[tuple[Rule, int]]:
    return [(rule, node) for node in nodes]
