"""What text models read of a function: its source without the documentation that describes it.

Models of code search learn from pairs (documentation, code); where the documentation stays in the code a model learns
to compare a text with its copy (Husain et al., "CodeSearchNet Challenge", 2019, section 3.1, strip it likewise).
Comments inside the body stay: whoever searches finds by them, too.
"""

from __future__ import annotations

from phloem.languages.example import Example


def code_text(example: Example) -> str:
    """Signature and body of a function as text, its documentation removed; broken UTF-8 is replaced."""
    return without_documentation(example.tree.source, example.doc_span)


def without_documentation(source: bytes, doc_span: tuple[int, int] | None) -> str:
    """A source without the bytes `doc_span`, which may lie outside of it.

    >>> without_documentation(b'def f():\\n  \"\"\"Do.\"\"\"\\n  g()', (11, 20))
    'def f():\\n  \\n  g()'
    """
    if doc_span is not None:
        first, last = max(doc_span[0], 0), max(doc_span[1], 0)
        source = source[:first] + source[last:]
    return source.decode("utf-8", "replace")


def around_name(text: str, name: str) -> list[str]:
    """The text cut at every occurrence of the whole identifier `name`, which is left out.

    >>> around_name("def walk(x): rewalk(walk(x.left))", "walk")
    ['def ', '(x): rewalk(', '(x.left))']
    """
    pieces, start, at = [], 0, text.find(name) if name else -1
    while at >= 0:
        end = at + len(name)
        if not (_in_word(text[at - 1 : at]) or _in_word(text[end : end + 1])):
            pieces.append(text[start:at])
            start = end
        at = text.find(name, end)
    return [*pieces, text[start:]]


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"
