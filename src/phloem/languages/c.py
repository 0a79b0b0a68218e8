"""C: function definitions. Any comment right above documents."""

from __future__ import annotations

from phloem.languages import extensions
from phloem.languages.base import Language
from phloem.languages.comments import CommentRules
from phloem.languages.declarators import declared_function
from phloem.languages.functions import FunctionRules


def _grammar() -> object:
    import tree_sitter_c

    return tree_sitter_c.language()


LANGUAGE = Language(
    name="c",
    extensions=extensions()["c"],
    package="tree-sitter-c",
    grammar=_grammar,
    find_functions=FunctionRules(
        {"function_definition": declared_function},
        CommentRules(
            openings=("/*", "//"),
            adjacent=True,
            ignored=("/* clang-format", "// clang-format", "// NOLINT", "/* NOLINT"),
        ),
        wrappers=frozenset({"linkage_specification"}),
        not_in_fields=frozenset({"type", "size", "parameters"}),
        not_in_kinds=frozenset({"attribute_specifier", "attribute_declaration", "type_qualifier", "ms_call_modifier"}),
    ),
    identifier_kinds=frozenset({"identifier", "field_identifier", "type_identifier", "statement_identifier"}),
    string_kinds=frozenset({"string_literal", "char_literal"}),
)
