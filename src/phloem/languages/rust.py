"""Rust: `fn` with a body, free, in `impl` and in `trait`; closures are none. `///` and `/**` document."""

from __future__ import annotations

from phloem.languages import extensions
from phloem.languages.base import Language
from phloem.languages.comments import CommentRules
from phloem.languages.functions import FunctionRules, by_fields


def _grammar() -> object:
    import tree_sitter_rust

    return tree_sitter_rust.language()


LANGUAGE = Language(
    name="rust",
    extensions=extensions()["rust"],
    package="tree-sitter-rust",
    grammar=_grammar,
    find_functions=FunctionRules(
        {"function_item": by_fields},
        CommentRules(
            openings=("///", "/**"),
            ignored=("////", "/***"),
            attributes=frozenset({"attribute_item"}),
        ),
        parameter_kinds=frozenset({"identifier", "self", "shorthand_field_identifier"}),
        not_in_kinds=frozenset({"lifetime", "attribute_item"}),
    ),
    comment_kinds=frozenset({"line_comment", "block_comment"}),
    identifier_kinds=frozenset(
        {"identifier", "field_identifier", "shorthand_field_identifier", "type_identifier", "metavariable"}
    ),
    string_kinds=frozenset({"string_literal", "raw_string_literal", "char_literal"}),
)
