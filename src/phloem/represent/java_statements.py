"""Statements as JavaParser makes them (see `java_parser`)."""

from __future__ import annotations

from phloem.represent.java_declarations import variable_id, variables
from phloem.represent.java_translation import (
    NOWHERE,
    JavaNode,
    Rule,
    Translation,
    annotation_steps,
    brackets_nowhere,
    convert,
    each,
    element_type,
)


def condition(t: Translation, node: int, parent: JavaNode) -> None:
    """A condition without its parentheses."""
    if t.kind[node] == "parenthesized_expression":
        t.then(parent, *each(convert, t.children[node]))
    else:
        convert(t, node, parent)


def empty_statement(t: Translation, node: int, parent: JavaNode) -> None:
    t.make("EmptyStmt", node, parent)


def _statement_of(type_: str, *fields: str) -> Rule:
    """A statement made of the parts in these fields, conditions without parentheses."""

    def rule(t: Translation, node: int, parent: JavaNode) -> None:
        made = t.make(type_, node, parent)
        parts = [(field, part) for field in fields for part in t.of(node, field)]
        t.then(made, *((condition if field == "condition" else convert, part) for field, part in parts))

    return rule


def _for(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ForStmt", node, parent)
    init = [
        (variables if t.kind[part] == "local_variable_declaration" else convert, part) for part in t.of(node, "init")
    ]
    t.then(
        made,
        *each(convert, t.of(node, "condition")),
        *init,
        *each(convert, t.of(node, "update")),
        *each(convert, t.of(node, "body")),
    )


def _for_each(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ForeachStmt", node, parent)
    t.then(made, (_loop_variable, node), *each(convert, t.of(node, "value")), *each(convert, t.of(node, "body")))


def _loop_variable(t: Translation, node: int, parent: JavaNode) -> None:
    (type_,), (name,) = t.of(node, "type")[:1], t.of(node, "name")[:1]
    modifiers = t.of_kind(node, "modifiers")
    begin = t.begin[modifiers[0] if modifiers else type_]
    made = JavaNode("VariableDeclarationExpr", parent, begin, t.end[name])
    if t.kind[type_] == "array_type" and not modifiers:
        made.begin = NOWHERE
    t.then(made, *annotation_steps(t, node), (element_type, type_), (_loop_declarator, name), (brackets_nowhere, type_))


def _loop_declarator(t: Translation, node: int, parent: JavaNode) -> None:
    t.leaf("VariableDeclaratorId", node, t.make("VariableDeclarator", node, parent))


def _labeled(t: Translation, node: int, parent: JavaNode) -> None:
    t.then(t.make("LabeledStmt", node, parent), *each(convert, t.children[node][1:]))


def _synchronized(t: Translation, node: int, parent: JavaNode) -> None:
    locked, *rest = t.children[node]
    t.then(t.make("SynchronizedStmt", node, parent), (condition, locked), *each(convert, rest))


def _try(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("TryStmt", node, parent)
    resources = t.inside(t.of(node, "resources"))
    t.then(
        made,
        *((variables if t.of(part, "type") else convert, part) for part in resources),
        *each(convert, t.of(node, "body")),
        *each(_catch, t.of_kind(node, "catch_clause")),
        *each(convert, t.inside(t.of_kind(node, "finally_clause"))),
    )


def _catch(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("CatchClause", node, parent)
    t.then(made, (_caught, node), *each(convert, t.of(node, "body")))


def _caught(t: Translation, node: int, parent: JavaNode) -> None:
    """The parameter of a catch clause, to which JavaParser gives the clause's position."""
    made = t.make("Parameter", node, parent)
    for parameter in t.of_kind(node, "catch_formal_parameter"):
        types = t.of_kind(parameter, "catch_type")
        t.then(made, *annotation_steps(t, parameter), (variable_id, parameter), *each(_caught_types, types))


def _caught_types(t: Translation, node: int, parent: JavaNode) -> None:
    if len(t.children[node]) > 1:
        parent = JavaNode("UnionType", parent, NOWHERE, NOWHERE)
    t.then(parent, *each(convert, t.children[node]))


def _switch(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("SwitchStmt", node, parent)
    t.then(made, *each(condition, t.of(node, "condition")), *each(_switch_group, t.inside(t.of(node, "body"))))


def _switch_group(t: Translation, node: int, parent: JavaNode) -> None:
    """One SwitchEntryStmt for each label; the statements belong to the last."""
    labels = t.of_kind(node, "switch_label")
    for label in labels[:-1]:
        earlier = t.make("SwitchEntryStmt", label, parent)
        t.then(earlier, *each(convert, t.children[label]))
    last = labels[-1] if labels else node
    entry = JavaNode("SwitchEntryStmt", parent, t.begin[last], t.end[node])
    rest = [child for child in t.children[node] if t.kind[child] != "switch_label"]
    t.then(entry, *each(convert, t.children[last] if labels else []), *each(convert, rest))


def _explicit_constructor(t: Translation, node: int, parent: JavaNode) -> None:
    made = t.make("ExplicitConstructorInvocationStmt", node, parent)
    t.then(
        made,
        *each(convert, t.of(node, "object")),
        *each(convert, t.inside(t.of_kind(node, "type_arguments"))),
        *each(convert, t.inside(t.of(node, "arguments"))),
    )


RULES: dict[str, Rule] = {
    ";": empty_statement,
    "if_statement": _statement_of("IfStmt", "condition", "consequence", "alternative"),
    "while_statement": _statement_of("WhileStmt", "condition", "body"),
    "do_statement": _statement_of("DoStmt", "body", "condition"),
    "for_statement": _for,
    "enhanced_for_statement": _for_each,
    "labeled_statement": _labeled,
    "synchronized_statement": _synchronized,
    "try_statement": _try,
    "try_with_resources_statement": _try,
    "switch_expression": _switch,
    "explicit_constructor_invocation": _explicit_constructor,
}
