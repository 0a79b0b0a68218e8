"""Expressions as JavaParser makes them (see `java_parser`)."""

from __future__ import annotations

import re

from phloem.represent.java_declarations import member, name_as_type
from phloem.represent.java_translation import (
    NOWHERE,
    JavaNode,
    Rule,
    Translation,
    convert,
    each,
    element_type,
    name_leaf,
    nameless,
)

_BINARY: dict[str, str] = dict(
    re.findall(
        r"(\S+):(\w+)",
        """||:or &&:and |:binOr &:binAnd ^:xor ==:equals !=:notEquals <:less >:greater <=:lessEquals >=:greaterEquals
        <<:lShift >>:rSignedShift >>>:rUnsignedShift +:plus -:minus *:times /:divide %:remainder""",
    )
)
_ASSIGN: dict[str, str] = dict(
    re.findall(
        r"(\S+):(\w+)",
        """=:assign +=:plus -=:minus *=:star /=:slash &=:and |=:or ^=:xor %=:rem <<=:lShift >>=:rSignedShift
        >>>=:rUnsignedShift""",
    )
)
_UNARY = {"+": "positive", "-": "negative", "!": "not", "~": "inverse"}


def _call(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("MethodCallExpr", node, parent)
    t.then(
        made,
        *_scope(t, node),
        *each(convert, t.inside(t.of_kind(node, "type_arguments"))),
        (nameless, node),
        *each(convert, t.inside(t.of(node, "arguments"))),
        *each(name_leaf, t.of(node, "name")),
    )


def _scope(t: Translation, node: int) -> list[tuple[Rule, int]]:
    """What stands before the last dot; `A.super` is one SuperExpr."""
    supers = [child for child in t.of_kind(node, "super") if t.field[child] != "object"]
    return [(_qualified_super, node)] if supers else each(convert, t.of(node, "object"))


def _qualified_super(t: Translation, node: int, parent: JavaNode) -> None:
    objects, (word,) = t.of(node, "object"), [c for c in t.of_kind(node, "super") if t.field[c] != "object"][:1]
    made = JavaNode("SuperExpr", parent, t.begin[objects[0] if objects else word], t.end[word], "super")
    t.then(made, *each(convert, objects))


def _field_access(t: Translation, node: int, parent: JavaNode) -> None:
    fields = t.of(node, "field")
    if fields and t.kind[fields[0]] == "this":
        t.then(t.make("ThisExpr", node, parent), *each(convert, t.of(node, "object")))
        return
    made = t.make("FieldAccessExpr", node, parent)
    t.then(made, *_scope(t, node), (nameless, node), *each(name_leaf, fields))


def _creation(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ObjectCreationExpr", node, parent)
    known = ("type_arguments", "argument_list", "class_body")
    scope = [child for child in t.children[node] if not t.field[child] and t.kind[child] not in known]
    arguments = t.inside(t.of_kind(node, "type_arguments"))
    t.then(
        made,
        *each(convert, scope),
        *each(convert, t.of(node, "type")),
        *each(convert, arguments),
        *each(convert, t.inside(t.of(node, "arguments"))),
        *each(member, t.inside(t.of_kind(node, "class_body"))),
    )


def _array_creation(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ArrayCreationExpr", node, parent)
    levels = [(_level, part) for part in t.of(node, "dimensions")]
    t.then(made, *levels, *each(element_type, t.of(node, "type")), *each(convert, t.of(node, "value")))


def _level(t: Translation, node: int, parent: JavaNode) -> None:
    """Dimensions of a new array, each with the position of the whole expression."""
    if t.kind[node] == "dimensions_expr":
        made = JavaNode("ArrayCreationLevel", parent, parent.begin, parent.end)
        t.then(made, *each(convert, t.children[node]))
    else:
        for _ in range(sum(t.kind[token] == "[" for token in t.tokens[node])):
            JavaNode("ArrayCreationLevel", parent, parent.begin, parent.end, "[]")


def _cast(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("CastExpr", node, parent)
    *others, last = t.of(node, "type")
    if others:  # JavaParser nests a cast to an intersection: (C) (A & B) x
        t.then(made, (convert, last), (_intersection_cast, node))
    else:
        values = t.of(node, "value")
        lambdas = [value for value in values if t.kind[value] == "lambda_expression"]
        t.then(made, (convert, last), *each(_trial_of_lambda, lambdas), *each(convert, values))


def _trial_of_lambda(t: Translation, node: int, parent: JavaNode) -> None:
    """What JavaParser leaves in a cast of `() -> …` or `a -> …`: the parameters read as an expression."""
    (parameters,) = t.of(node, "parameters")[:1]
    if t.kind[parameters] == "identifier":
        t.leaf("NameExpr", parameters, parent)
    elif not t.children[parameters]:
        t.make("EnclosedExpr", parameters, parent, "()")


def _intersection_cast(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("CastExpr", node, parent)
    t.then(made, (_intersection, node), *each(convert, t.of(node, "value")))


def _intersection(t: Translation, node: int, parent: JavaNode) -> None:
    t.then(t.make("IntersectionType", node, parent), *each(convert, t.of(node, "type")[:-1]))


def _integer(t: Translation, node: int, parent: JavaNode) -> None:
    is_long = t.text(node)[-1] in "lL"
    t.leaf("LongLiteralExpr" if is_long else "IntegerLiteralExpr", node, parent)


def _operator(t: Translation, node: int) -> str:
    return next((t.kind[token] for token in t.tokens[node] if t.kind[token] not in "()"), "")


def _binary(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("BinaryExpr", node, parent)
    made.operator = _BINARY.get(_operator(t, node), "")
    t.then(made, *each(convert, t.children[node]))


def _assignment(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("AssignExpr", node, parent)
    made.operator = _ASSIGN.get(_operator(t, node), "")
    t.then(made, *each(convert, t.children[node]))


def _unary(t: Translation, node: int, parent: JavaNode) -> None:
    text = t.text(node)
    if text in ("-2147483648", "-9223372036854775808L", "-9223372036854775808l"):
        t.leaf("IntegerLiteralMinValueExpr" if text[-1] == "8" else "LongLiteralMinValueExpr", node, parent)
        return
    made = t.make("UnaryExpr", node, parent)
    made.operator = _UNARY.get(_operator(t, node), "")
    t.then(made, *each(convert, t.children[node]))


def _update(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("UnaryExpr", node, parent)
    token = t.tokens[node][0]
    before = t.begin[token] == t.begin[node]
    made.operator = ("pre" if before else "pos") + ("Increment" if t.kind[token] == "++" else "Decrement")
    t.then(made, *each(convert, t.children[node]))


def _class_literal(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ClassExpr", node, parent)
    (type_,) = t.children[node][:1]
    if t.kind[type_] == "array_type":
        made.begin = NOWHERE
    t.then(made, (convert, type_))


def _method_reference(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("MethodReferenceExpr", node, parent)
    scope, *rest = t.children[node]
    arguments = t.inside([part for part in rest if t.kind[part] == "type_arguments"])
    if t.kind[scope] in ("identifier", "field_access", "array_type", "generic_type", "scoped_type_identifier"):
        made.end = t.end[scope]
        is_array = t.kind[scope] == "array_type"
        begin, end = (NOWHERE, NOWHERE) if is_array else (t.begin[scope], t.end[scope])
        made.begin, made.end = begin, end
        type_expression = JavaNode("TypeExpr", made, begin, end)
        is_name = t.kind[scope] in ("identifier", "field_access")
        t.then(made, *each(convert, arguments))
        t.then(type_expression, (name_as_type if is_name else convert, scope))
    else:
        t.then(made, (convert, scope), *each(convert, arguments))


def _lambda(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("LambdaExpr", node, parent)
    (parameters,), (body,) = t.of(node, "parameters")[:1], t.of(node, "body")[:1]
    inferred = t.children[parameters]
    if t.kind[parameters] == "identifier":
        made.end = t.end[parameters]
        steps: list[tuple[Rule, int]] = [(_inferred, parameters)]
    elif t.kind[parameters] == "inferred_parameters":
        steps = [(_only_inferred, parameters)] if len(inferred) == 1 else each(_inferred, inferred)
    else:
        steps = each(convert, inferred)
    if inferred and (len(inferred) > 1 or t.kind[parameters] == "formal_parameters"):
        made.begin = t.begin[inferred[0]]
    t.then(made, *steps, (convert if t.kind[body] == "block" else expression_body, body))


def _inferred(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("Parameter", node, parent)
    t.leaf("VariableDeclaratorId", node, made)
    JavaNode("UnknownType", made, NOWHERE, NOWHERE)


def _only_inferred(t: Translation, node: int, parent: JavaNode) -> None:
    _inferred(t, t.children[node][0], parent)
    parent.children[-1].begin, parent.children[-1].end = t.begin[node], t.end[node]


def expression_body(t: Translation, node: int, parent: JavaNode) -> None:
    t.then(t.make("ExpressionStmt", node, parent), (convert, node))


RULES: dict[str, Rule] = {
    "method_invocation": _call,
    "field_access": _field_access,
    "object_creation_expression": _creation,
    "array_creation_expression": _array_creation,
    "cast_expression": _cast,
    "decimal_integer_literal": _integer,
    "hex_integer_literal": _integer,
    "octal_integer_literal": _integer,
    "binary_integer_literal": _integer,
    "binary_expression": _binary,
    "assignment_expression": _assignment,
    "unary_expression": _unary,
    "update_expression": _update,
    "class_literal": _class_literal,
    "method_reference": _method_reference,
    "lambda_expression": _lambda,
}
