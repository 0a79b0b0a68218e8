"""The declarators of C and C++: `char *(*f(int x))(void)` declares f, whose parameters are the innermost list."""

from __future__ import annotations

from phloem.languages.functions import Definition, Nodes

_BRACKETS = frozenset({"parenthesized_declarator", "reference_declarator", "attributed_declarator"})
_QUALIFIED = frozenset({"qualified_identifier", "template_function", "template_method", "dependent_name"})
_PLAIN = frozenset({"identifier", "field_identifier", "type_identifier"})
# What the grammars make of unknown macros, and of C++ read as C, e.g. of `MACRO if (x) { }`.
# fmt: off
_NO_NAMES = frozenset((
    "alignas", "case", "catch", "decltype", "defined", "do", "else", "for", "if", "noexcept", "operator", "requires",
    "return", "sizeof", "switch", "while",
))
# fmt: on


def declared_function(nodes: Nodes, node: int) -> Definition | None:
    """The function that a `function_definition` defines.

    None for a macro's call that looks like one and, in C++, for a constructor: a plain name without a return type.
    """
    declarator = nodes.child(node, "declarator")
    parameters = -1
    while declarator >= 0:
        kind = nodes.name(declarator)
        if kind in _QUALIFIED:
            declarator = nodes.child(declarator, "name")
        elif kind in _PLAIN or kind in ("operator_name", "destructor_name", "operator_cast"):
            break
        elif kind in _BRACKETS:
            declarator = _declarator_in(nodes, declarator)
        else:
            if kind == "function_declarator":
                parameters = nodes.child(declarator, "parameters")
            declarator = nodes.child(declarator, "declarator")
    if declarator < 0:
        return None
    body = nodes.child(node, "body")
    kind = nodes.name(declarator)
    name = nodes.text(declarator)
    if kind == "operator_cast":
        target = nodes.child(declarator, "type")
        return Definition(node, target, -1, body, f"operator {nodes.text(target)}")
    if parameters < 0 or name in _NO_NAMES or (kind in _PLAIN and nodes.child(node, "type") < 0):
        return None
    return Definition(node, declarator, parameters, body, name)


def _declarator_in(nodes: Nodes, brackets: int) -> int:
    """The declarator in brackets, behind a reference, or before attributes: there it has no field."""
    inner = nodes.child(brackets, "declarator")
    if inner >= 0:
        return inner
    kinds = (child for child in nodes.children(brackets) if _is_declarator(nodes.name(child)))
    return next(kinds, -1)


def _is_declarator(kind: str) -> bool:
    return kind.endswith("_declarator") or kind in _QUALIFIED or kind in _PLAIN or kind.endswith("_name")
