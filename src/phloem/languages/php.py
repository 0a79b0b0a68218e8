"""PHP: functions and methods with a body; closures and the constructor are none. `/**` documents."""

from __future__ import annotations

from phloem.languages import extensions
from phloem.languages.base import Language
from phloem.languages.comments import CommentRules
from phloem.languages.functions import Definition, FunctionRules, Nodes, by_fields


def _grammar() -> object:
    import tree_sitter_php

    return tree_sitter_php.language_php()


def _method(nodes: Nodes, node: int) -> Definition | None:
    found = by_fields(nodes, node)
    return None if found is None or nodes.text(found.name_node).lower() == "__construct" else found


LANGUAGE = Language(
    name="php",
    extensions=extensions()["php"],
    package="tree-sitter-php",
    grammar=_grammar,
    find_functions=FunctionRules(
        {"function_definition": by_fields, "method_declaration": _method},
        CommentRules(openings=("/**",)),
        parameter_kinds=frozenset({"name"}),
        not_in_fields=frozenset({"type", "default_value"}),
        not_in_kinds=frozenset({"attribute_list", "property_hook_list"}),
    ),
    identifier_kinds=frozenset({"name"}),
    string_kinds=frozenset({"string", "encapsed_string", "heredoc", "nowdoc"}),
)
