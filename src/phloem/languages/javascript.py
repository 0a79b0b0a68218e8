"""JavaScript: functions, methods, accessors, and function expressions that are given a name.

Of `const area = (shape) => ...`, `a.area = function () {}`, `{ area: () => ... }` and a class field the definition
is the whole assignment, so that it holds the name. The constructor is none. `/**` documents.
"""

from __future__ import annotations

from phloem.languages import extensions
from phloem.languages.base import Language
from phloem.languages.comments import CommentRules
from phloem.languages.functions import Definition, FunctionRules, Nodes, by_fields

_GIVEN_BY = {  # where a function expression gets its name: the holder's field of the name, and of the function
    "variable_declarator": ("name", "value"),
    "assignment_expression": ("left", "right"),
    "pair": ("key", "value"),
    "field_definition": ("property", "value"),
    "public_field_definition": ("name", "value"),
}
_NAMES = frozenset({"identifier", "property_identifier", "private_property_identifier"})


def _grammar() -> object:
    import tree_sitter_javascript

    return tree_sitter_javascript.language()


def _declared(nodes: Nodes, node: int) -> Definition | None:
    found = by_fields(nodes, node)
    if found is None:
        return None
    name = _name_leaf(nodes, found.name_node)
    if name < 0 or (nodes.name(node) == "method_definition" and nodes.text(name) == "constructor"):
        return None
    return found._replace(name_node=name)


def _expression(nodes: Nodes, node: int) -> Definition | None:
    """A function expression under the name it is given, else under its own."""
    holder = nodes.parent[node]
    fields = _GIVEN_BY.get(nodes.name(holder)) if holder >= 0 else None
    if fields is not None and nodes.field_name_is(node, fields[1]):
        name = _name_leaf(nodes, nodes.child(holder, fields[0]))
        if name >= 0 and nodes.text(name) != "exports":
            parameters = nodes.child(node, "parameters")
            if parameters < 0:
                parameters = nodes.child(node, "parameter")
            return Definition(holder, name, parameters, nodes.child(node, "body"))
    return _declared(nodes, node)


def _name_leaf(nodes: Nodes, name: int) -> int:
    """The leaf of an identifier, of `a.b.name`, of `a["name"]` or of the key "name"; -1 where the name is computed."""
    while name >= 0:
        kind = nodes.name(name)
        if kind in _NAMES or kind == "string_fragment":
            return name
        if kind == "member_expression":
            name = nodes.child(name, "property")
        elif kind == "subscript_expression":
            name = nodes.child(name, "index")
        elif kind == "string":
            name = next((child for child in nodes.children(name) if nodes.name(child) == "string_fragment"), -1)
        else:
            return -1
    return -1


RULES = FunctionRules(
    {
        "function_declaration": _declared,
        "generator_function_declaration": _declared,
        "method_definition": _declared,
        "function_expression": _expression,
        "generator_function": _expression,
        "arrow_function": _expression,
    },
    CommentRules(openings=("/**",), attributes=frozenset({"decorator"})),
    wrappers=frozenset({"lexical_declaration", "variable_declaration", "expression_statement", "export_statement"}),
    parameter_kinds=frozenset({"identifier", "shorthand_property_identifier_pattern"}),
    not_in_fields=frozenset({"type", "right", "key"}),
    not_in_kinds=frozenset({"decorator"}),
)
IDENTIFIERS = frozenset(
    {
        "identifier",
        "property_identifier",
        "private_property_identifier",
        "shorthand_property_identifier",
        "shorthand_property_identifier_pattern",
        "statement_identifier",
    }
)
STRINGS = frozenset({"string", "template_string", "regex"})

LANGUAGE = Language(
    name="javascript",
    extensions=extensions()["javascript"],
    package="tree-sitter-javascript",
    grammar=_grammar,
    find_functions=RULES,
    identifier_kinds=IDENTIFIERS,
    string_kinds=STRINGS,
)
