"""TypeScript with JSX (.tsx)."""

from __future__ import annotations

from phloem.languages import extensions, javascript, typescript
from phloem.languages.base import Language


def _grammar() -> object:
    import tree_sitter_typescript

    return tree_sitter_typescript.language_tsx()


LANGUAGE = Language(
    name="tsx",
    extensions=extensions()["tsx"],
    package="tree-sitter-typescript",
    grammar=_grammar,
    find_functions=typescript.RULES,
    identifier_kinds=typescript.IDENTIFIERS,
    string_kinds=javascript.STRINGS,
)
