"""Exact answers to questions about Python files: which spans are an answer, which facts support it.

In the place of the CodeQL queries that CodeQueries (Sahu et al. 2024) is labelled with stand checkers over Python's own
syntax tree, of the same kind: most look at one place, the last three at several classes of a file. An answer is a span
of characters; a fact is another place that the answer rests on. A file without an answer is a negative example.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

CharSpan = tuple[int, int]
Found = Iterator[tuple[ast.AST | CharSpan, tuple[ast.AST | CharSpan, ...]]]


class Answers(NamedTuple):
    """Spans of characters, in order."""

    answers: tuple[CharSpan, ...]
    facts: tuple[CharSpan, ...]


class Query(NamedTuple):
    """A question in words; `hops` is 1 where one place decides."""

    text: str
    find: Callable[[File], Found]
    hops: int = 1


class File:
    """A parsed file and where its nodes are."""

    def __init__(self, source: str) -> None:
        self.source, self.tree = source, ast.parse(source)
        self._lines = [line + "\n" for line in source.split("\n")]  # Unicode's other ends of lines are none of Python's
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))
        self.nodes = list(ast.walk(self.tree))
        self.classes = {node.name: node for node in self.nodes if isinstance(node, ast.ClassDef)}

    def place(self, line: int, column: int) -> int:
        """The character of a place that the tree gives in bytes."""
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())

    def span(self, node: ast.AST | CharSpan) -> CharSpan:
        """A node's characters; of a function or class the name."""
        if isinstance(node, tuple):
            return node
        start = self.place(node.lineno, node.col_offset)  # type: ignore[attr-defined]  # nodes with a place
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            word = "class" if isinstance(node, ast.ClassDef) else "def"
            start = self.source.index(node.name, self.source.index(word, start) + len(word))
            return start, start + len(node.name)
        return start, self.place(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def of(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        return (node for node in self.nodes if isinstance(node, kinds))


def labelled(source: str | File, query: Query) -> Answers:
    """What answers a query in a file. Raises SyntaxError where it does not parse."""
    file = File(source) if isinstance(source, str) else source
    answers, facts = set(), set()
    for answer, supporting in query.find(file):
        answers.add(file.span(answer))
        facts |= {file.span(fact) for fact in supporting}
    return Answers(tuple(sorted(answers)), tuple(sorted(facts - answers)))


def unused_imports(file: File) -> Found:
    used = {node.id for node in file.nodes if isinstance(node, ast.Name)}
    exported = {node.value for node in file.nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    for node in file.of(ast.Import, ast.ImportFrom):
        if getattr(node, "module", "") == "__future__":
            continue
        for alias in node.names:  # type: ignore[attr-defined]  # both have it
            name = alias.asname or alias.name.partition(".")[0]
            if name not in used and name not in exported and alias.name != "*":
                yield alias, ()


def compares_with_none(file: File) -> Found:
    for node in file.of(ast.Compare):
        assert isinstance(node, ast.Compare)
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, ast.Eq | ast.NotEq) and isinstance(right, ast.Constant) and right.value is None:
                yield node, ()


def unnecessary_passes(file: File) -> Found:
    for node in file.nodes:
        for body in (getattr(node, field, None) for field in ("body", "orelse", "finalbody")):
            if isinstance(body, list) and len(body) > 1:
                yield from ((statement, ()) for statement in body if isinstance(statement, ast.Pass))


def mutable_defaults(file: File) -> Found:
    for node in file.of(ast.FunctionDef, ast.AsyncFunctionDef):
        arguments = node.args  # type: ignore[attr-defined]
        for default in [*arguments.defaults, *arguments.kw_defaults]:
            if isinstance(default, ast.List | ast.Dict | ast.Set):
                yield default, ()


def flask_debug(file: File) -> Found:
    made = {
        target.id: node
        for node in file.nodes
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _name(node.value.func) == "Flask"
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in file.of(ast.Call):
        assert isinstance(node, ast.Call)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "run" and _name(node.func.value) in made:
            debug = [word for word in node.keywords if word.arg == "debug" and _is(word.value, True)]
            if debug:
                yield node, (made[_name(node.func.value)],)


def bare_excepts(file: File) -> Found:
    for node in file.of(ast.ExceptHandler):
        assert isinstance(node, ast.ExceptHandler)
        if node.type is None:
            start = file.span(node)[0]
            yield (start, start + len("except")), ()


def compared_types(file: File) -> Found:
    for node in file.of(ast.Compare):
        assert isinstance(node, ast.Compare)
        calls = isinstance(node.left, ast.Call) and _name(node.left.func) == "type" and len(node.left.args) == 1
        if calls and isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.Is | ast.IsNot):
            yield node, ()


def asserted_tuples(file: File) -> Found:
    for node in file.of(ast.Assert):
        if isinstance(node.test, ast.Tuple) and node.test.elts:  # type: ignore[attr-defined]
            yield node, ()


def self_assignments(file: File) -> Found:
    for node in file.of(ast.Assign):
        assert isinstance(node, ast.Assign)
        one = len(node.targets) == 1 and isinstance(node.value, ast.Name | ast.Attribute)
        if one and ast.unparse(node.targets[0]) == ast.unparse(node.value):
            yield node, ()


def duplicate_keys(file: File) -> Found:
    for node in file.of(ast.Dict):
        first: dict[str, ast.AST] = {}
        for key in node.keys:  # type: ignore[attr-defined]
            if isinstance(key, ast.Constant):
                known = first.setdefault(repr(key.value), key)
                if known is not key:
                    yield key, (known,)


def values_from_init(file: File) -> Found:
    for node in file.of(ast.ClassDef):
        for method in node.body:  # type: ignore[attr-defined]
            if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                yield from ((one, (method,)) for one in _returns(method) if one.value and not _is(one.value, None))


def unreachable_statements(file: File) -> Found:
    for node in file.nodes:
        for body in (getattr(node, field, None) for field in ("body", "orelse", "finalbody")):
            statements = body if isinstance(body, list) else []
            for one, following in pairwise(statements):
                if isinstance(one, ast.Return | ast.Raise | ast.Continue | ast.Break):
                    yield following, (one,)


def constant_comparisons(file: File) -> Found:
    for node in file.of(ast.Compare):
        if all(isinstance(part, ast.Constant) for part in (node.left, *node.comparators)):  # type: ignore[attr-defined]
            yield node, ()


def mismatched_formats(file: File) -> Found:
    for node in file.of(ast.BinOp):
        assert isinstance(node, ast.BinOp)
        left, right = node.left, node.right
        if not (isinstance(node.op, ast.Mod) and isinstance(left, ast.Constant) and isinstance(left.value, str)):
            continue
        wanted = left.value.replace("%%", "").count("%")
        plain = "%(" not in left.value and "*" not in left.value and isinstance(right, ast.Tuple)
        elements = right.elts if plain and isinstance(right, ast.Tuple) else []
        if plain and len(elements) != wanted and not any(isinstance(one, ast.Starred) for one in elements):
            yield node, ()


def missing_super_calls(file: File) -> Found:
    for node, base in _subclasses(file):
        own, inherited = _method(node, "__init__"), _method(base, "__init__")
        if own is not None and inherited is not None:
            calls = [one.func for one in ast.walk(own) if isinstance(one, ast.Call)]
            if not any(isinstance(call, ast.Attribute) and call.attr == "__init__" for call in calls):
                yield own, (inherited,)


def equality_without_hash(file: File) -> Found:
    for node in file.of(ast.ClassDef):
        assert isinstance(node, ast.ClassDef)
        equality = _method(node, "__eq__")
        assigned = any("__hash__" in ast.unparse(one) for one in node.body if isinstance(one, ast.Assign))
        if equality is not None and _method(node, "__hash__") is None and not assigned:
            yield node, (equality,)


def mismatched_overrides(file: File) -> Found:
    for node, base in _subclasses(file):
        for own in node.body:
            inherited = _method(base, own.name) if isinstance(own, ast.FunctionDef) else None
            if not isinstance(own, ast.FunctionDef) or inherited is None or own.name.startswith("__"):
                continue
            sides = [(len(one.args.args) - len(one.args.defaults), len(one.args.args)) for one in (own, inherited)]
            stars = any(one.args.vararg or one.args.kwarg for one in (own, inherited))
            if not stars and (sides[0][0] > sides[1][0] or sides[0][1] < sides[1][1]):
                yield own, (inherited,)


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _is(node: ast.AST, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _method(node: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    return next((one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == name), None)


def _subclasses(file: File) -> Iterator[tuple[ast.ClassDef, ast.ClassDef]]:
    """Classes with a base that the file defines."""
    for node in file.classes.values():
        for base in node.bases:
            if isinstance(base, ast.Name) and base.id in file.classes and base.id != node.name:
                yield node, file.classes[base.id]


def _returns(function: ast.FunctionDef) -> Iterator[ast.Return]:
    """Those of a function, not of functions within."""
    stack: list[ast.AST] = list(function.body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Return):
            yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            stack += ast.iter_child_nodes(node)


QUERIES = {
    "unused-import": Query("unused import", unused_imports),
    "none-comparison": Query("testing equality to None", compares_with_none),
    "unnecessary-pass": Query("unnecessary pass", unnecessary_passes),
    "mutable-default": Query("mutable default argument", mutable_defaults),
    "flask-debug": Query("flask app is run in debug mode", flask_debug),
    "bare-except": Query("except block handles all exceptions", bare_excepts),
    "type-comparison": Query("comparison of types instead of isinstance", compared_types),
    "assert-tuple": Query("asserting a tuple", asserted_tuples),
    "self-assignment": Query("redundant assignment", self_assignments),
    "duplicate-key": Query("duplicate key in dict literal", duplicate_keys),
    "init-value": Query("init method returns a value", values_from_init),
    "unreachable": Query("unreachable statement", unreachable_statements),
    "constant-comparison": Query("comparison of constants", constant_comparisons),
    "format-mismatch": Query("wrong number of arguments for format", mismatched_formats),
    "missing-super": Query("missing call to init of superclass during object initialization", missing_super_calls, 2),
    "equality-hash": Query("inconsistent equality and hashing", equality_without_hash, 2),
    "override-mismatch": Query("signature mismatch in overriding method", mismatched_overrides, 2),
}
