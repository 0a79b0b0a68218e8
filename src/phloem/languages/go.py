"""Go: functions and methods with a body; function literals are none. Any comment right above documents."""

from __future__ import annotations

from phloem.languages import extensions
from phloem.languages.base import Language
from phloem.languages.comments import CommentRules
from phloem.languages.functions import FunctionRules, by_fields


def _grammar() -> object:
    import tree_sitter_go

    return tree_sitter_go.language()


LANGUAGE = Language(
    name="go",
    extensions=extensions()["go"],
    package="tree-sitter-go",
    grammar=_grammar,
    find_functions=FunctionRules(
        {"function_declaration": by_fields, "method_declaration": by_fields},
        CommentRules(
            openings=("//", "/*"),
            adjacent=True,
            ignored=("//go:", "//nolint", "//export", "//line ", "//lint:", "// +build", "//sys"),
        ),
    ),
    identifier_kinds=frozenset({"identifier", "field_identifier", "package_identifier", "type_identifier"}),
    string_kinds=frozenset({"interpreted_string_literal", "raw_string_literal", "rune_literal"}),
)
