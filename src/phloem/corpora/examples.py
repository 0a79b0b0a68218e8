"""From a source file to its functions, each with a tree of its own."""

from __future__ import annotations

from phloem.languages.base import Language
from phloem.languages.example import Example
from phloem.languages.tree import cut

DEEPEST = 16  # functions around a function; a function's tree holds those inside it, so depth multiplies memory


def examples_of(source: bytes, language: Language, path: str = "", project: str = "") -> list[Example]:
    """The functions of a file in source order, nested ones too: parsed once, then cut out of the file's tree.

    Never raises on broken code; what parses is used. Functions inside more than `DEEPEST` others are left out.
    """
    tree = language.parse(source)
    examples: list[Example] = []
    around: list[int] = []  # where the functions end that are open here
    for function in language.functions(tree):
        while around and around[-1] <= function.node:
            around.pop()
        around.append(function.stop)
        if len(around) > DEEPEST + 1:
            continue
        start, end = int(tree.start[function.node]), int(tree.end[function.node])
        span = function.doc_span
        inside = (span[0] - start, span[1] - start) if span and start <= span[0] and span[1] <= end else None
        examples.append(
            Example(
                language=language.name,
                path=path,
                project=project,
                name=function.name,
                doc=function.doc,
                tree=cut(tree, function.node, function.stop),
                name_node=function.name_node - function.node,
                doc_span=inside,
                line=function.line,
                start=start,
            )
        )
    return examples
