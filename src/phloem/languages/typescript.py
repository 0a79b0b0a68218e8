"""TypeScript: as JavaScript, with types; signatures and abstract methods have no body."""

from __future__ import annotations

from dataclasses import replace

from phloem.languages import extensions, javascript
from phloem.languages.base import Language


def _grammar() -> object:
    import tree_sitter_typescript

    return tree_sitter_typescript.language_typescript()


# A default value is in the field `value` of its parameter; so is `b` in the pattern `{a: b}`, which is a name.
RULES = replace(
    javascript.RULES,
    not_in_fields=javascript.RULES.not_in_fields | {"required_parameter.value", "optional_parameter.value"},
)
IDENTIFIERS = javascript.IDENTIFIERS | {"type_identifier"}

LANGUAGE = Language(
    name="typescript",
    extensions=extensions()["typescript"],
    package="tree-sitter-typescript",
    grammar=_grammar,
    find_functions=RULES,
    identifier_kinds=IDENTIFIERS,
    string_kinds=javascript.STRINGS,
)
