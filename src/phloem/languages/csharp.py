"""C#: methods and local functions with a body; constructors, operators, accessors and lambdas are none.

Doc comments are XML: what a reader sees of `<summary>` and `<remarks>` is kept.
"""

from __future__ import annotations

import re

from phloem.languages import extensions
from phloem.languages.base import Language
from phloem.languages.comments import CommentRules
from phloem.languages.functions import Definition, FunctionRules, Nodes, by_fields

_PROSE = re.compile(r"<(summary|remarks)>(.*?)(?:</\1>|\Z)", re.DOTALL)
_REFERENCE = re.compile(r"<(?:see|seealso|paramref|typeparamref)\s[^<>]*?(?:cref|name|langword|href)=\"([^\"]*)\"\s*/>")
_BREAK = re.compile(r"</?(?:para|br)\s*/?>|</?(?:list|item)[^<>]*>")
_ELEMENT = re.compile(r"<(\w+)[^<>]*>.{0,1000}?</\1>|<\w+[^<>]*/>", re.DOTALL)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")


def _grammar() -> object:
    import tree_sitter_c_sharp

    return tree_sitter_c_sharp.language()


def _method(nodes: Nodes, node: int) -> Definition | None:
    found = by_fields(nodes, node)
    if found is None or found.body >= 0:
        return found
    arrow = (child for child in nodes.children(node) if nodes.name(child) == "arrow_expression_clause")
    return found._replace(body=next(arrow, -1))


def without_xml(doc: str) -> str:
    """The summary and the remarks as plain text; a comment without XML as it is. Reads 20,000 characters at most."""
    doc = doc[:20_000]
    sections = [match[2] for match in _PROSE.finditer(doc)]
    text = "\n\n".join(sections) if sections else _ELEMENT.sub("", doc)
    text = _REFERENCE.sub(lambda match: match[1].rpartition(":")[2], text)
    text = _TAG.sub("", _BREAK.sub("\n\n", text))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.strip() for line in text.splitlines())).strip()


LANGUAGE = Language(
    name="csharp",
    extensions=extensions()["csharp"],
    package="tree-sitter-c-sharp",
    grammar=_grammar,
    find_functions=FunctionRules(
        {"method_declaration": _method, "local_function_statement": _method},
        CommentRules(openings=("///", "/**"), ignored=("////",)),
        parameter_kinds=frozenset({"identifier"}),
        only_in_field="name",
        not_in_kinds=frozenset({"attribute_list"}),
        tidy=without_xml,
    ),
    string_kinds=frozenset(
        {
            "string_literal",
            "verbatim_string_literal",
            "raw_string_literal",
            "interpolated_string_expression",
            "character_literal",
        }
    ),
)
