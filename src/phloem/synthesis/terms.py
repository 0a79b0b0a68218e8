"""Terms of SMT-LIB theories in prefix form: read into programs and written back, for any theory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from phloem.errors import PhloemError
from phloem.synthesis.program import Call, Constant, Input, Operator, Program, Type, postorder
from phloem.synthesis.sexpressions import Atom, Expression, read, show

Scope = Callable[[str], Program | None]


class Theory(NamedTuple):
    """What a reader of terms must know: `operator(name, types)`, whether a name is an operator at all, the constant
    that an expression writes (None: it is no constant), and how a constant is written."""

    operator: Callable[[str, tuple[Type, ...]], Operator | None]
    is_operator: Callable[[str], bool]
    literal: Callable[[Expression], Constant | None]
    constant: Callable[[Constant], str]


def build(expression: Expression, scope: Scope, theory: Theory, source: str) -> Program:
    """The program that an expression writes; `scope` knows what a symbol means. Raises PhloemError with the line."""
    found = theory.literal(expression)
    if found is not None:
        return found
    if isinstance(expression, Atom):
        named = scope(expression.text)
        if named is None:
            raise PhloemError(f"{source}:{expression.line}: unknown name {expression.text!r}")
        return named
    if len(expression.items) < 2 or not isinstance(expression.items[0], Atom):
        raise PhloemError(f"{source}:{expression.line}: expected (operator arguments), found {show(expression)}")
    arguments = tuple(build(item, scope, theory, source) for item in expression.items[1:])
    types = tuple(argument.type for argument in arguments)
    return Call(find(expression.items[0], types, theory, source), arguments)


def find(head: Atom, types: tuple[Type, ...], theory: Theory, source: str) -> Operator:
    """The operator that `head` names for these argument types. Raises PhloemError with the line and what is wrong."""
    chosen = theory.operator(head.text, types)
    if chosen is None:
        known = theory.is_operator(head.text)
        why = f"does not take ({' '.join(types)})" if known else "is not an operator that phloem knows"
        raise PhloemError(f"{source}:{head.line}: {head.text!r} {why}")
    return chosen


def parse(text: str, names: Sequence[str], types: Sequence[Type], theory: Theory) -> Program:
    """Read one term over the named inputs. Raises PhloemError."""
    expressions = read(text, "program")
    if len(expressions) != 1:
        raise PhloemError(f"a program is one expression, found {len(expressions)}")
    inputs = {each: Input(each, i, type) for i, (each, type) in enumerate(zip(names, types, strict=True))}
    return build(expressions[0], inputs.get, theory, "program")


def write(program: Program, theory: Theory) -> str:
    """The term in prefix form."""
    written: list[str] = []
    for part in postorder(program):
        if isinstance(part, Call):
            first = len(written) - len(part.arguments)
            written[first:] = [f"({' '.join([part.operator.name, *written[first:]])})"]
        else:
            written.append(part.name if isinstance(part, Input) else theory.constant(part))
    return written[0]
