"""Java: methods with a body. Constructors and lambdas are none, as in JavaParser's MethodDeclaration."""

from __future__ import annotations

from phloem.languages import extensions
from phloem.languages.base import Language
from phloem.languages.comments import CommentRules
from phloem.languages.functions import FunctionRules, by_fields


def _grammar() -> object:
    import tree_sitter_java

    return tree_sitter_java.language()


LANGUAGE = Language(
    name="java",
    extensions=extensions()["java"],
    package="tree-sitter-java",
    grammar=_grammar,
    find_functions=FunctionRules(
        {"method_declaration": by_fields},
        CommentRules(openings=("/**",)),
        not_in_kinds=frozenset({"modifiers"}),
    ),
    comment_kinds=frozenset({"line_comment", "block_comment"}),
    identifier_kinds=frozenset({"identifier", "type_identifier"}),
    string_kinds=frozenset({"string_literal"}),
)
