"""C++: functions, methods, operators and destructors with a body; constructors and lambdas are none."""

from __future__ import annotations

from phloem.languages import extensions
from phloem.languages.base import Language
from phloem.languages.comments import CommentRules
from phloem.languages.declarators import declared_function
from phloem.languages.functions import FunctionRules


def _grammar() -> object:
    import tree_sitter_cpp

    return tree_sitter_cpp.language()


LANGUAGE = Language(
    name="cpp",
    extensions=extensions()["cpp"],
    package="tree-sitter-cpp",
    grammar=_grammar,
    find_functions=FunctionRules(
        {"function_definition": declared_function},
        CommentRules(
            openings=("/*", "//"),
            adjacent=True,
            ignored=("/* clang-format", "// clang-format", "// NOLINT", "/* NOLINT"),
        ),
        wrappers=frozenset({"template_declaration", "linkage_specification"}),
        not_in_fields=frozenset({"type", "size", "parameters", "default_value"}),
        not_in_kinds=frozenset(
            {
                "attribute_specifier",
                "attribute_declaration",
                "type_qualifier",
                "ms_call_modifier",
                "trailing_return_type",
                "template_argument_list",
            }
        ),
    ),
    identifier_kinds=frozenset(
        {"identifier", "field_identifier", "namespace_identifier", "type_identifier", "statement_identifier"}
    ),
    string_kinds=frozenset({"string_literal", "raw_string_literal", "char_literal"}),
)
