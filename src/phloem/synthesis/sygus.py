"""Files of syntax-guided synthesis (SyGuS-IF, versions 1 and 2.x) that ask for a function by examples.

    (set-logic SLIA)
    (synth-fun f ((name String)) String ((Start String (name " " (str.++ Start Start)))))    ; version 1
    (constraint (= (f "Ada") "Ada "))
    (check-synth)

In version 2 the non-terminals are declared before the rules. Without a grammar the language's own is taken. The answer
is a `define-fun` that the grammar derives, with the operators named as the file names them. Source: Padhi, Polgreen,
Raghothaman, Reynolds, Udupa: The SyGuS Language Standard Version 2.1 (2021).

    problem = load("bikes.sl");  answer(problem, program)  ->  '(define-fun f ((name String)) String …)'
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from phloem.errors import PhloemError
from phloem.synthesis import grammars, terms
from phloem.synthesis.base import Grammar, Language, Rule, Spec
from phloem.synthesis.languages import bit_vectors, sygus_strings
from phloem.synthesis.program import (
    BOOLEAN,
    INTEGER,
    STRING,
    Constant,
    Input,
    Operator,
    Program,
    Type,
    Value,
    compiled,
    run,
)
from phloem.synthesis.sexpressions import Atom, Expression, Group, read, show
from phloem.synthesis.terms import Theory

LARGEST = 8 << 20  # bytes of a file
STRING_LOGICS = {"SLIA", "S", "LIA", "NIA", "ALL", "QF_S", "QF_SLIA", "QF_LIA", "PBE_SLIA"}
BIT_VECTOR_LOGICS = {"BV", "QF_BV", "PBE_BV"}
IGNORED = {"check-synth", "set-option", "set-feature", "set-info", "set-options", "declare-weight"}
_SORTS: dict[str, Type] = {"String": STRING, "Int": INTEGER, "Bool": BOOLEAN}


class Problem(NamedTuple):
    """A question of a file: the function's name, its examples with the grammar, and the theory's language."""

    function: str
    spec: Spec
    language: Language
    theory: Theory
    sorts: tuple[str, ...]  # of the arguments, then of the result, as the file writes them


def load(path: str | Path) -> Problem:
    """Read a file. Raises PhloemError with file and line."""
    try:
        if Path(path).stat().st_size > LARGEST:
            raise PhloemError(f"{path} is larger than {LARGEST >> 20} MB")
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PhloemError(f"cannot read {path}: {error}") from error
    return parse(text, str(path))


def parse(text: str, source: str = "input") -> Problem:
    """Read the text of a file; `source` names it in messages. Raises PhloemError with line for an unknown command,
    logic, sort or operator, a constraint that is not an example, and a grammar that derives nothing."""
    return _Reader(source).problem(read(text, source))


def answer(problem: Problem, program: Program) -> str:
    """The `define-fun` of the program, with the function's name, sorts and argument names."""
    arguments = " ".join(f"({name} {sort})" for name, sort in zip(problem.spec.names, problem.sorts, strict=False))
    body = terms.write(program, problem.theory)
    return f"(define-fun {problem.function} ({arguments}) {problem.sorts[-1]} {body})"


class _Reader:
    """Reads the commands of a file in order."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.language: Language = sygus_strings
        self.theory = sygus_strings.theory
        self.macros: dict[tuple[str, tuple[Type, ...]], Operator] = {}
        self.variables: set[str] = set()
        self.function: Group | None = None
        self.constraints: list[Group] = []

    def problem(self, commands: list[Expression]) -> Problem:
        for command in commands:
            if not isinstance(command, Group) or not command.items or not isinstance(command.items[0], Atom):
                raise self.error(command, f"expected a command, found {show(command)}")
            self.command(command.items[0].text, command)
        if self.function is None:
            raise PhloemError(f"{self.source}: no synth-fun command, so nothing is asked for")
        return self.question(self.function)

    def command(self, name: str, command: Group) -> None:
        if name == "set-logic":
            self.logic(command)
        elif name == "synth-fun":
            if self.function is not None:
                raise self.error(command, "a second synth-fun: phloem synthesizes one function a file")
            self.function = command
        elif name == "define-fun":
            self.macro(command)
        elif name in ("declare-var", "declare-primed-var"):
            self.variables.update(item.text for item in command.items[1:2] if isinstance(item, Atom))
        elif name == "constraint":
            self.constraints.append(command)
        elif name not in IGNORED:
            raise self.error(command, f"the command {name!r} is not supported")

    def error(self, where: Expression, message: str) -> PhloemError:
        return PhloemError(f"{self.source}:{where.line}: {message}")

    def logic(self, command: Group) -> None:
        name = show(command.items[1]) if len(command.items) == 2 else ""
        if name in BIT_VECTOR_LOGICS:
            self.language, self.theory = bit_vectors, bit_vectors.theory
        elif name not in STRING_LOGICS:
            known = ", ".join(sorted(STRING_LOGICS | BIT_VECTOR_LOGICS))
            raise self.error(command, f"the logic {name!r} is not supported; there are {known}")
        self.theory = self.theory._replace(operator=self.operator, is_operator=self.is_operator)

    def operator(self, name: str, types: tuple[Type, ...]) -> Operator | None:
        macro = self.macros.get((name, types))
        return macro or self.language_theory.operator(name, types)

    def is_operator(self, name: str) -> bool:
        return any(name == known for known, _ in self.macros) or self.language_theory.is_operator(name)

    @property
    def language_theory(self) -> Theory:
        return bit_vectors.theory if self.language is bit_vectors else sygus_strings.theory

    def sort(self, expression: Expression) -> Type:
        if isinstance(expression, Atom) and expression.text in _SORTS:
            return _SORTS[expression.text]
        width = bit_vectors.width(expression)
        if width is not None and self.language is bit_vectors:
            return bit_vectors.bits(width)
        raise self.error(expression, f"the sort {show(expression)} is not supported")

    def signature(self, command: Group) -> tuple[str, list[Input], Type]:
        """Name, arguments and result type of `(synth-fun name ((x Sort) …) Sort …)` and of define-fun."""
        match command.items:
            case (_, Atom(text=name), Group(items=arguments), result, *_):
                pass
            case _:
                raise self.error(command, f"expected a name, arguments and a sort, found {show(command)}")
        inputs = []
        for index, argument in enumerate(arguments):
            match argument:
                case Group(items=(Atom(text=called), sort)):
                    inputs.append(Input(called, index, self.sort(sort)))
                case _:
                    raise self.error(argument, f"expected (name Sort), found {show(argument)}")
        return name, inputs, self.sort(result)

    def macro(self, command: Group) -> None:
        name, inputs, result = self.signature(command)
        if len(command.items) != 5:
            raise self.error(command, f"define-fun {name} has no body")
        scope = {each.name: each for each in inputs}
        body = terms.build(command.items[4], scope.get, self.theory, self.source)
        if body.type != result:
            raise self.error(command, f"define-fun {name} has a body of another sort")
        types = tuple(each.type for each in inputs)
        self.macros[name, types] = Operator(name, types, result, compiled(body))

    def question(self, command: Group) -> Problem:
        name, inputs, result = self.signature(command)
        rows = dict.fromkeys(
            example
            for each in self.constraints
            for example in self.examples(each, each.items[1:], name, inputs, result)
        )
        if not rows:
            raise self.error(command, f"no constraint gives an example of {name}")
        names, types = tuple(each.name for each in inputs), tuple(each.type for each in inputs)
        given, outputs = tuple(row for row, _ in rows), tuple(output for _, output in rows)
        spec = Spec(names, types, given, outputs, result)
        if len(command.items) > 4:
            spec = spec._replace(grammar=self.grammar(command, inputs, spec))
        sorts = [argument.items[1] for argument in command.items[2].items if isinstance(argument, Group)]  # type: ignore[union-attr]
        return Problem(name, spec, self.language, self.theory, tuple(map(show, [*sorts, command.items[3]])))

    def examples(
        self, command: Group, items: tuple[Expression, ...], name: str, inputs: list[Input], result: Type
    ) -> Iterator[tuple[tuple[Value, ...], Value]]:
        """(inputs, output) of a constraint: `(= (f …) value)`, either way around, or several under `and`."""
        for item in items:
            match item:
                case Group(items=(Atom(text="and"), *parts)):
                    yield from self.examples(command, tuple(parts), name, inputs, result)
                    continue
                case Group(items=(Atom(text="="), Group(items=(Atom(text=called), *given)), output)) if called == name:
                    pass
                case Group(items=(Atom(text="="), output, Group(items=(Atom(text=called), *given)))) if called == name:
                    pass
                case _:
                    raise self.not_an_example(item, name)
            if len(given) != len(inputs):
                raise self.error(command, f"{name} takes {len(inputs)} arguments, here it has {len(given)}")
            row = tuple(self.value(each, argument.type, name) for each, argument in zip(given, inputs, strict=True))
            yield row, self.value(output, result, name)

    def not_an_example(self, where: Expression, name: str) -> PhloemError:
        return self.error(where, f"not an example of the form (= ({name} constants) constant): {show(where)}")

    def value(self, expression: Expression, type: Type, name: str) -> Value:
        if isinstance(expression, Atom) and not expression.literal and expression.text in self.variables:
            raise self.not_an_example(expression, name)
        program = terms.build(expression, lambda _: None, self.theory, self.source)
        if program.type != type:
            raise self.error(expression, f"{show(expression)} is not of the type {type}")
        value = run(program, ())
        if value is None:
            raise self.error(expression, f"{show(expression)} has no value")
        return value

    def grammar(self, command: Group, inputs: list[Input], spec: Spec) -> Grammar:
        groups = command.items[-1]
        if len(command.items) > 6 or not isinstance(groups, Group):
            raise self.error(command, "the grammar is not understood")
        heads: dict[str, Type] = {}
        for group in groups.items:
            match group:
                case Group(items=(Atom(text=head), sort, Group())):
                    heads[head] = self.sort(sort)
                case _:
                    raise self.error(group, f"expected (non-terminal Sort (rules)), found {show(group)}")
        if not heads:
            raise self.error(groups, "the grammar has no non-terminal, so it derives nothing")
        start = next(iter(heads)) if len(command.items) == 6 else ("Start" if "Start" in heads else next(iter(heads)))
        rules = _Rules(self, heads, inputs, spec)
        for group in groups.items:
            match group:
                case Group(items=(Atom(text=head), _, Group(items=bodies))):
                    for body in bodies:
                        rules.add(head, body)
        made = rules.grammar(start)
        if made.types[start] != spec.result:
            raise self.error(groups, f"the grammar starts with {start} of another sort than the function's result")
        if grammars.derives_nothing(made):
            raise self.error(groups, f"the grammar derives nothing from {start}")
        return grammars.productive(made)


class _Rules:
    """Collects the rules of a grammar; a rule that is deeper than one operator gets non-terminals of its own."""

    def __init__(self, reader: _Reader, heads: dict[str, Type], inputs: list[Input], spec: Spec) -> None:
        self.reader, self.types, self.spec = reader, dict(heads), spec
        self.named = set(heads)
        self.inputs = {each.name: each for each in inputs}
        self.rules: list[Rule] = []
        self.chains: list[tuple[str, str]] = []
        self.own: dict[Expression, str] = {}

    def add(self, head: str, expression: Expression) -> None:
        """A rule `head -> expression`."""
        reader, type = self.reader, self.types[head]
        match expression:
            case Group(items=(Atom(text="Constant" | "Variable" as kind), sort)):
                wanted = reader.sort(sort)
                leaves = self.any_constant(wanted) if kind == "Constant" else self.variables(wanted)
                self.rules.extend(Rule(head, leaf=leaf) for leaf in leaves)
                found = wanted
            case Atom(text=called, literal=False) if called in self.named:
                self.chains.append((head, called))
                found = self.types[called]
            case Group(items=(Atom() as operator, *arguments)) if reader.theory.literal(expression) is None:
                children = tuple(self.head(each) for each in arguments)
                types = tuple(self.types[each] for each in children)
                rule = Rule(head, terms.find(operator, types, reader.theory, reader.source), children)
                self.rules.append(rule)
                assert rule.operator is not None
                found = rule.operator.result
            case _:
                leaf = terms.build(expression, self.inputs.get, reader.theory, reader.source)
                self.rules.append(Rule(head, leaf=leaf))
                found = leaf.type
        if found != type:
            raise reader.error(expression, f"{show(expression)} is not of the sort of {head}")

    def head(self, expression: Expression) -> str:
        """The non-terminal for an argument of a rule: itself, or one made for this expression alone."""
        if isinstance(expression, Atom) and not expression.literal and expression.text in self.named:
            return expression.text
        key = _without_lines(expression)
        if key not in self.own:
            name = self.own[key] = f"{show(expression)}#{len(self.own)}"
            self.types[name] = self.type_of(expression)
            self.add(name, expression)
        return self.own[key]

    def type_of(self, expression: Expression) -> Type:
        reader = self.reader
        match expression:
            case Group(items=(Atom(text="Constant" | "Variable"), sort)):
                return reader.sort(sort)
            case Group(items=(Atom() as operator, *arguments)) if reader.theory.literal(expression) is None:
                types = tuple(self.types[self.head(each)] for each in arguments)
                return terms.find(operator, types, reader.theory, reader.source).result
        return terms.build(expression, self.inputs.get, reader.theory, reader.source).type

    def any_constant(self, type: Type) -> list[Program]:
        language: Callable[[Spec], Grammar] = self.reader.language.grammar
        rules = language(self.spec._replace(grammar=None)).rules
        found = [rule.leaf for rule in rules if isinstance(rule.leaf, Constant) and rule.leaf.type == type]
        return [leaf for leaf in found if leaf is not None]

    def variables(self, type: Type) -> list[Program]:
        return [each for each in self.inputs.values() if each.type == type]

    def grammar(self, start: str) -> Grammar:
        """All rules, chains `A -> B` replaced by B's rules."""
        reach: dict[str, list[str]] = {}
        for head in self.types:
            order = [head]
            for each in order:
                order.extend(below for above, below in self.chains if above == each and below not in order)
            reach[head] = order
        rules = dict.fromkeys(
            rule._replace(head=head)
            for head, order in reach.items()
            for source in order
            for rule in self.rules
            if rule.head == source
        )
        return Grammar(start, self.types, tuple(rules))


def _without_lines(expression: Expression) -> Expression:
    if isinstance(expression, Atom):
        return Atom(expression.text, 0, expression.literal)
    return Group(tuple(map(_without_lines, expression.items)), 0)
