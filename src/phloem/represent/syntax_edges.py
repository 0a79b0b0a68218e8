"""CodeSyntax: relations between tokens of a Python program, read off its syntax tree.

Shen et al., "Benchmarking Language Models for Code Syntax Understanding" (Findings of EMNLP 2022). Tokens are all those
of `tokenize`, comments, line ends and indentation included. An edge is (relation, head, first, last): from a head token
to the tokens of a dependent, both ends inclusive. A relation is named by a node and two of its fields, such as
If:test->body; `children:parent->child` holds between any two nodes that have a place.

The head is the first token of its field, but the last one for Call:func->args, Call:func->keywords and
Call:args->keywords. Opening brackets at the beginning of a field and closing ones at its end are skipped, so that a
block that ends in `b()` ends at its `(`. Of a function definition only the statements of the body count. The released
labels hold an edge only if 0 < head < first <= last, although the description of the data shows one with head 0;
`keep_head_zero` keeps these. (The release counts bytes as characters and drops programs with other letters; here such
programs are read rightly.)
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from typing import Any, NamedTuple

_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_NO_TEXT = (tokenize.INDENT, tokenize.DEDENT, tokenize.NEWLINE, tokenize.NL, tokenize.ENDMARKER, tokenize.COMMENT)
CHILDREN = "children:parent->child"

# Relations whose head is the first token of a field and whose dependent is another field:
# node: (name, head, dependent), "" is the node itself.
_FIELDS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "If": (
        ("if->test", "", "test"),
        ("if->body", "", "body"),
        ("test->body", "test", "body"),
        ("test->orelse", "test", "orelse"),
        ("body->orelse", "body", "orelse"),
    ),
    "While": (("while->test", "", "test"), ("while->body", "", "body"), ("test->body", "test", "body")),
    "For": (
        ("for->target", "", "target"),
        ("for->iter", "", "iter"),
        ("for->body", "", "body"),
        ("target->iter", "target", "iter"),
        ("target->body", "target", "body"),
        ("iter->body", "iter", "body"),
    ),
    "Assign": (("target->value", "targets", "value"),),
    "AugAssign": (("target->value", "target", "value"),),
    "BinOp": (("left->right", "left", "right"),),
    "Compare": (("left->comparator", "left", "comparators"),),
    "Subscript": (("value->slice", "value", "slice"),),
    "Slice": (("lower->upper", "lower", "upper"),),
    "IfExp": (("body->test", "body", "test"), ("test->orelse", "test", "orelse"), ("body->orelse", "body", "orelse")),
    "Try": (
        ("body->handler", "body", "handlers"),
        ("body->orelse", "body", "orelse"),
        ("body->finalbody", "body", "finalbody"),
        ("handler->finalbody", "handlers", "finalbody"),
    ),
    "DictComp": (
        ("key->value", "key", "value"),
        ("key->generator", "key", "generators"),
        ("value->generator", "value", "generators"),
    ),
    "ListComp": (("elt->generator", "elt", "generators"),),
    "SetComp": (("elt->generator", "elt", "generators"),),
    "GeneratorExp": (("elt->generator", "elt", "generators"),),
    "comprehension": (("target->iter", "target", "iter"),),
}


class SyntaxEdge(NamedTuple):
    relation: str
    head: int
    first: int
    last: int


class LabelledProgram(NamedTuple):
    tokens: tuple[str, ...]
    edges: tuple[SyntaxEdge, ...]


def labelled(source: str, *, keep_head_zero: bool = False) -> LabelledProgram:
    """The tokens and edges of a program. Raises SyntaxError where it is none that this Python reads."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, IndentationError) as error:
        raise SyntaxError(str(error)) from None
    reader = _Reader(source, tokens, 0 if keep_head_zero else 1)
    reader.visit(ast.parse(source))
    return LabelledProgram(tuple(token.string for token in tokens), tuple(reader.edges))


class _Reader:
    """Visits a tree as the released labeller does."""

    def __init__(self, source: str, tokens: list[tokenize.TokenInfo], least_head: int) -> None:
        self.lines = [line.encode() for line in source.splitlines(keepends=True)]
        self.strings = [token.string for token in tokens]
        places = [(number, token) for number, token in enumerate(tokens) if token.type not in _NO_TEXT]
        self.starts = {token.start: number for number, token in places}
        self.ends = {token.end: number for number, token in places}
        self.least_head = least_head
        self.edges: list[SyntaxEdge] = []

    def first(self, node: Any) -> int:
        """The first token of a node or of a list of nodes; -1 where it has none."""
        node = node[0] if isinstance(node, list) else node
        node = node.target if isinstance(node, ast.comprehension) else node
        place = self.starts.get(self._place(node.lineno, node.col_offset), -1)
        while 0 <= place < len(self.strings) - 1 and self.strings[place] in _OPENING:
            if self.strings[place + 1] in _CLOSING:
                break
            place += 1
        return place

    def last(self, node: Any) -> int:
        """The last token, likewise."""
        node = node[-1] if isinstance(node, list) else node
        node = node.iter if isinstance(node, ast.comprehension) else node
        place = self.ends.get(self._place(node.end_lineno, node.end_col_offset), -1)
        while place >= 0 and self.strings[place] in _CLOSING:
            place -= 1
        return place

    def _place(self, line: int, column: int) -> tuple[int, int]:
        """A place in characters; the tree counts bytes."""
        return line, len(self.lines[line - 1][:column].decode("utf-8", "replace"))

    def add(self, relation: str, head: int, first: int, last: int) -> None:
        if self.least_head <= head < first <= last:
            self.edges.append(SyntaxEdge(relation, head, first, last))

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, _FUNCTIONS):
            for statement in node.body:
                self.visit(statement)
            return
        name = type(node).__name__
        for relation, head, dependent in _FIELDS.get(name, ()):
            heads, dependents = (getattr(node, field) if field else node for field in (head, dependent))
            if heads and dependents:
                self.add(f"{name}:{relation}", self.first(heads), self.first(dependents), self.last(dependents))
        for relation, heads, first, last in self.special(node):
            self.add(relation, heads, first, last)
        for child in ast.iter_child_nodes(node):
            self.child(node, child)
            self.visit(child)

    def child(self, node: ast.AST, child: ast.AST) -> None:
        if hasattr(node, "lineno") and hasattr(child, "lineno") and not isinstance(child, _FUNCTIONS):
            head = self.first(node)
            if head > 0:
                self.add(CHILDREN, head, self.first(child), self.last(child))

    def special(self, node: ast.AST) -> Iterator[tuple[str, int, int, int]]:
        """Relations that are more than two fields."""
        match node:
            case ast.If() if node.orelse:
                for place in range(self.last(node.body) + 1, self.first(node.orelse) + 1):
                    if self.strings[place] in ("else", "elif"):
                        yield "If:if->else", self.first(node), place, place
                        break
            case ast.Call():
                for name, heads, dependents in (
                    ("func->args", node.func, node.args),
                    ("func->keywords", node.func, node.keywords),
                    ("args->keywords", node.args[:1], node.keywords),
                ):
                    if heads and dependents:
                        yield f"Call:{name}", self.last(heads), self.first(dependents), self.last(dependents)
            case ast.BoolOp():
                one, other = node.values[:2]
                yield "BoolOp:value->value", self.first(one), self.first(other), self.last(other)
            case ast.Attribute():
                attribute = self.last(node)
                yield "Attribute:value->attr", self.first(node.value), attribute, attribute
            case ast.Dict():
                for key, value in zip(node.keys, node.values, strict=True):
                    if key is not None:
                        yield "Dict:key->value", self.first(key), self.first(value), self.last(value)
            case ast.With():
                item = node.items[0].context_expr
                yield "With:item->body", self.first(item), self.first(node.body), self.last(node.body)
            case ast.Try() if node.handlers and node.orelse:
                after = node.orelse[0]
                yield "Try:handler->orelse", self.first(node.handlers), self.first(after), self.last(after)
