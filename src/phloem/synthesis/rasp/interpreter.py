"""RASP programs run: statements make s-ops and selectors, calls of these give their values on an input.

    session = Session()
    session.run('twice = 2 * indices; twice("abc");')[-1].value        # [0, 2, 4]

A session starts with `tokens`, `indices` and the library (library.rasp and programs.rasp beside this file): length,
selector_width, reverse, hist, sort, dyck1 and others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from phloem.synthesis.rasp import grammar
from phloem.synthesis.rasp.evaluate import evaluate
from phloem.synthesis.rasp.grammar import RaspError, Statement
from phloem.synthesis.rasp.graph import Graph, Node, apply

LIBRARY = ("library.rasp", "programs.rasp")
DEEPEST = 100  # calls within calls
LARGEST = 10_000_000  # bytes of a file that is loaded


class Computed(NamedTuple):
    """An s-op or selector on an input: a list of values, or of rows of booleans."""

    node: Node
    tokens: Any
    value: list[Any]


class Shown(NamedTuple):
    """What a statement gave: the name that was assigned, if any, and the value."""

    name: str
    value: Any


class Scope:
    """Names; those of the enclosing scope can be read."""

    def __init__(self, outer: Scope | None = None) -> None:
        self.names: dict[str, Any] = {}
        self.outer = outer

    def find(self, name: str) -> Any:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        raise KeyError(name)


class Function(NamedTuple):
    definition: grammar.Define
    scope: Scope


class Builtin(NamedTuple):
    name: str
    run: Callable[..., Any]


@cache
def _library(name: str) -> tuple[Statement, ...]:
    return grammar.parse(files("phloem.synthesis.rasp").joinpath(name).read_text())


class Session:
    """A graph, the names so far, and how deep calls are. `folder` is where `load` looks for files."""

    def __init__(self, folder: Path | None = None) -> None:
        self.graph, self.folder, self.depth = Graph(), folder or Path(), 0
        self.loading: list[Path] = []
        self.scope = Scope()
        names = self.scope.names
        names["indices"] = self.graph.indices
        names["tokens"] = self.graph.tokens()
        for kind in ("str", "int", "float", "bool"):
            names[f"tokens_{kind}"] = self.graph.tokens(kind)
        names["tokens_asis"] = names["tokens"]
        for name in ("aggregate", "round", "indicator", "range", "len", "zip"):
            names[name] = Builtin(name, getattr(self, f"_{name}"))
        for library in LIBRARY:
            for statement in _library(library):
                self.execute(statement, self.scope)
        self.scope = Scope(self.scope)

    def run(self, source: str) -> list[Shown]:
        """Run a program; what each of its assignments and expressions gave. Raises RaspError."""
        return [shown for statement in grammar.parse(source) for shown in self.execute(statement, self.scope)]

    def node(self, name: str) -> Node:
        """The s-op or selector of this name. Raises RaspError."""
        value = self._find(name, 1, self.scope)
        if not isinstance(value, Node):
            raise RaspError(f"{name} is no s-op and no selector")
        return value

    # Statements

    def execute(self, statement: Statement, scope: Scope) -> Iterator[Shown]:
        """Run one statement at once, and return what it gave."""
        try:
            return iter(list(self._execute(statement, scope)))
        except RaspError as error:
            if str(error).startswith("line "):
                raise
            raise RaspError(f"line {statement.line}: {error}") from error

    def _execute(self, statement: Statement, scope: Scope) -> Iterator[Shown]:
        if isinstance(statement, grammar.Evaluate):
            yield Shown("", self.value(statement.expression, scope))
        elif isinstance(statement, grammar.Assign):
            values = [self.value(each, scope) for each in statement.values]
            yield from self._assign(statement.names, values[0] if len(values) == 1 else values, scope)
        elif isinstance(statement, grammar.Define):
            scope.names[statement.name] = Function(statement, scope)
        elif isinstance(statement, grammar.Loop):
            for item in self._items(self.value(statement.iterable, scope)):
                self._bind(statement.names, item, scope)
                for each in statement.body:
                    yield from self.execute(each, scope)
        else:
            yield from self._load(statement.file)

    def _assign(self, names: tuple[str, ...], values: Any, scope: Scope) -> Iterator[Shown]:
        self._bind(names, values, scope)
        for name in names:
            value = scope.names[name]
            if isinstance(value, Node) and not value.name:
                value.name = name
            yield Shown(name, value)

    def _bind(self, names: tuple[str, ...], values: Any, scope: Scope) -> None:
        if len(names) == 1:
            scope.names[names[0]] = values
            return
        if not isinstance(values, list | str) or len(values) != len(names):
            raise RaspError(f"{len(names)} names need as many values")
        scope.names.update(zip(names, values, strict=True))

    def _load(self, name: str) -> Iterator[Shown]:
        path = (self.folder / name).with_suffix(".rasp").resolve()
        if path in self.loading:
            raise RaspError(f"{path.name} loads itself")
        try:
            if path.stat().st_size > LARGEST:
                raise RaspError(f"{path}: larger than {LARGEST // 1_000_000} MB")
            source = path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise RaspError(f"can't load {path}: {getattr(error, 'strerror', None) or 'no text'}") from error
        self.loading.append(path)
        inner = Scope(self.scope)
        try:
            for statement in grammar.parse(source):
                yield from self.execute(statement, inner)
        except RaspError as error:
            raise RaspError(f"{path.name}: {error}") from error
        finally:
            self.loading.pop()
        self.scope.names.update({name: value for name, value in inner.names.items() if not name.startswith("_")})

    # Expressions

    def value(self, expression: grammar.Expression, scope: Scope) -> Any:
        """An atom, list, dictionary, function, s-op, selector, or what one of the last two gave on an input."""
        if isinstance(expression, grammar.Literal):
            return expression.value
        if isinstance(expression, grammar.Name):
            return self._find(expression.name, expression.line, scope)
        if isinstance(expression, grammar.ListOf):
            return [self.value(item, scope) for item in expression.items]
        if isinstance(expression, grammar.DictOf):
            return {self._key(self.value(key, scope)): self.value(item, scope) for key, item in expression.items}
        if isinstance(expression, grammar.Unary):
            return self._unary(expression.operator, self.value(expression.operand, scope))
        if isinstance(expression, grammar.Binary):
            return self._binary(
                expression.operator, self.value(expression.left, scope), self.value(expression.right, scope)
            )
        if isinstance(expression, grammar.Conditional):
            parts = expression.condition, expression.then, expression.otherwise
            return self._map("if", *(self.value(part, scope) for part in parts))
        if isinstance(expression, grammar.SelectOf):
            key, query = self.value(expression.key, scope), self.value(expression.query, scope)
            return self.graph.select(self.s_op(key), self.s_op(query), expression.predicate)
        if isinstance(expression, grammar.Index):
            return self._index(self.value(expression.base, scope), self.value(expression.place, scope))
        if isinstance(expression, grammar.Comprehension):
            return self._comprehension(expression, scope)
        arguments = [self.value(argument, scope) for argument in expression.arguments]
        return self.call(self.value(expression.function, scope), arguments)

    def call(self, function: Any, arguments: list[Any]) -> Any:
        """Call a function, or compute an s-op or selector on an input."""
        if isinstance(function, Node):
            if len(arguments) != 1 or not isinstance(arguments[0], str | list):
                raise RaspError(f"{function.label} is computed on one input: a string or a list")
            if any(not isinstance(token, bool | int | float | Fraction | str) for token in arguments[0]):
                raise RaspError("an input holds numbers, booleans or strings")
            return Computed(function, arguments[0], evaluate(function, arguments[0]))
        if isinstance(function, Builtin):
            try:
                return function.run(*arguments)
            except TypeError as error:
                raise RaspError(f"{function.name} can't be called so: {error}") from error
        if not isinstance(function, Function):
            raise RaspError(f"a value of type {type(function).__name__} can't be called")
        definition, scope = function.definition, Scope(function.scope)
        if len(arguments) != len(definition.parameters):
            raise RaspError(f"{definition.name} takes {len(definition.parameters)} arguments, not {len(arguments)}")
        if self.depth >= DEEPEST:
            raise RaspError(f"calls nested deeper than {DEEPEST}: RASP has no recursion that ends")
        scope.names.update(zip(definition.parameters, arguments, strict=True))
        self.depth += 1
        try:
            for statement in definition.body:
                self.execute(statement, scope)
            results = [self.value(result, scope) for result in definition.results]
        finally:
            self.depth -= 1
        return results[0] if len(results) == 1 else results

    def s_op(self, value: Any) -> Node:
        """The value as an s-op: an atom is one that is the same everywhere. Raises RaspError."""
        if isinstance(value, Node) and not value.selects:
            return value
        if isinstance(value, bool | int | float | Fraction | str):
            return self.graph.constant(value)
        raise RaspError("an s-op is needed here, not a " + ("selector" if isinstance(value, Node) else "list"))

    def _find(self, name: str, line: int, scope: Scope) -> Any:
        try:
            return scope.find(name)
        except KeyError:
            raise RaspError(f"line {line}: {name} is not defined") from None

    def _map(self, name: str, *values: Any) -> Any:
        if all(not isinstance(value, Node) for value in values):
            return apply(name, (), values)
        return self.graph.map(name, [self.s_op(value) for value in values])

    def _unary(self, name: str, value: Any) -> Any:
        if name == "not" and isinstance(value, Node) and value.selects:
            return self.graph.combine("not", value)
        return self._map({"-": "negative", "+": "positive"}.get(name, name), value)

    def _binary(self, name: str, left: Any, right: Any) -> Any:
        if name == "in":
            return self._contains(left, right)
        selectors = [isinstance(value, Node) and value.selects for value in (left, right)]
        if name in ("and", "or") and all(selectors):
            return self.graph.combine(name, left, right)
        if any(selectors):
            raise RaspError(f"{name} is not defined on selectors")
        return self._map(name, left, right)

    def _contains(self, value: Any, container: Any) -> Any:
        """`x in list` element by element; `atom in s-op` asks whether it occurs anywhere."""
        if isinstance(container, Node):
            return self.call(self.scope.find("contains"), [container, value])
        if not isinstance(container, list | dict | str):
            raise RaspError("`in` needs a list, a dictionary or an s-op on its right")
        if not isinstance(value, Node):
            return value in container
        return self.graph.map("member", [self.s_op(value)], tuple(self._key(item) for item in container))

    def _index(self, base: Any, index: Any) -> Any:
        if isinstance(base, Node) and not base.selects and isinstance(index, int):
            place = index if index >= 0 else self._binary("+", self.scope.find("length"), index)
            return self.call(self.scope.find("load_from_location"), [base, place])
        if not isinstance(base, list | dict | str):
            raise RaspError("only lists, dictionaries, strings and s-ops (by a whole number) have parts")
        pairs = tuple(base.items()) if isinstance(base, dict) else tuple(enumerate(base))
        if isinstance(base, list | str):
            pairs += tuple((place - len(base), value) for place, value in enumerate(base))
        if isinstance(index, Node):
            return self.graph.map("lookup", [self.s_op(index)], tuple((key, self._key(value)) for key, value in pairs))
        return apply("lookup", (pairs,), [index])

    def _comprehension(self, expression: grammar.Comprehension, scope: Scope) -> Any:
        pairs = []
        for item in self._items(self.value(expression.iterable, scope)):
            inner = Scope(scope)
            self._bind(expression.names, item, inner)
            key = None if expression.key is None else self._key(self.value(expression.key, inner))
            pairs.append((key, self.value(expression.value, inner)))
        return [value for _, value in pairs] if expression.key is None else dict(pairs)

    def _key(self, value: Any) -> Any:
        if not isinstance(value, bool | int | float | Fraction | str):
            raise RaspError("numbers, booleans or strings are needed within this list or dictionary")
        return value

    def _items(self, value: Any) -> list[Any]:
        if not isinstance(value, list | dict | str):
            raise RaspError("a list, a dictionary or a string is needed to go through")
        return list(value)

    # Functions of the language itself

    def _aggregate(self, selector: Any, values: Any, default: Any = None) -> Node:
        if not isinstance(selector, Node) or not selector.selects:
            raise RaspError("aggregate needs a selector first")
        if default is not None:
            self._key(default)
        return self.graph.aggregate(selector, self.s_op(values), default)

    def _round(self, value: Any) -> Any:
        return self._map("round", value)

    def _indicator(self, value: Any) -> Any:
        return self._map("indicator", value)

    def _range(self, *bounds: Any) -> list[int]:
        if not 1 <= len(bounds) <= 3 or not all(isinstance(bound, int) for bound in bounds):
            raise RaspError("range takes one to three whole numbers")
        try:
            numbers = range(*bounds)
        except ValueError as error:
            raise RaspError(str(error)) from error
        if len(numbers) > 100_000:
            raise RaspError("a range of more than 100,000 numbers")
        return list(numbers)

    def _len(self, value: Any) -> int:
        return len(self._items(value))

    def _zip(self, *lists: Any) -> list[list[Any]]:
        return [list(items) for items in zip(*map(self._items, lists), strict=False)]
