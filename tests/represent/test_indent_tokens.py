"""Lexical tokens with layout, against Python's own lexer."""

import io
import tokenize
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import phloem
from phloem.languages import by_name
from phloem.represent.indent_pieces import IndentPieces
from phloem.represent.indent_tokens import LAYOUT, indent_tokens, texts, to_text

PYTHON = by_name("python")
NEWLINE, INDENT, DEDENT = LAYOUT.values()
SOURCES = sorted((Path(phloem.__file__).parent / "languages").glob("*.py"))
SNIPPET = '''
async def fetch(self, url, *args, retry: int = 3, **options):
    """Get a page."""
    if url not in self.known and retry is not None:  # a comment
        x = (url +
             "a" 'b')
    else: x = 1; y = 2
\ttotal = 0

    # alone
    while x \\
            < 3:
        try:
            pass
        except (KeyError, OSError) as error: raise
    return f"{x!r} {y}", lambda a: a ** -1
'''.replace("\ttotal", "    total")


def lexed(source: str) -> list[str]:
    """The tokens as the standard library gives them."""
    names = {tokenize.NEWLINE: NEWLINE, tokenize.INDENT: INDENT, tokenize.DEDENT: DEDENT}
    left_out = (tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER, tokenize.ENCODING)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [names.get(token.type, token.string) for token in tokens if token.type not in left_out]


def words(source: str) -> list[str]:
    tree = PYTHON.parse(source.encode())
    return texts(indent_tokens(tree, PYTHON), tree.source)


@pytest.mark.parametrize("source", [SNIPPET, *(file.read_text() for file in SOURCES)], ids=lambda s: s[:20].strip())
def test_the_tokens_are_those_of_the_lexer(source: str) -> None:
    assert words(source) == lexed(source)


@pytest.mark.row("S093", 1)
@pytest.mark.parametrize("source", [SNIPPET, *(file.read_text() for file in SOURCES)], ids=lambda s: s[:20].strip())
def test_tokens_to_text_to_tokens_is_stable_and_layout_is_balanced(source: str) -> None:
    once = words(source)
    text = to_text(once)
    assert words(text) == once
    assert to_text(words(text)) == text
    level = 0
    for word in once:
        level += (word == INDENT) - (word == DEDENT)
        assert level >= 0
    assert level == 0
    assert once.count(INDENT) > 0


WORDS = ["getFileName", "x", "'some text'", "HTTP_date2", "+", "(", "3.14", "ß"]


@pytest.mark.row("S093", 1)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12))
def test_no_subword_crosses_a_token(tokens: list[str]) -> None:
    units = IndentPieces().fit([words(SNIPPET)] * 2, size=400)
    flat, starts = units.rows(tokens, 1000)
    ends = [*starts[1:], len(flat)]
    assert [tuple(flat[a:b]) for a, b in zip(starts, ends, strict=True)] == [units.of(token) for token in tokens]
    assert all(units.of(token) for token in tokens)
    again = IndentPieces.from_state(units.state())
    assert again.rows(tokens, 1000) == (flat, starts)
    assert again.size == units.size
    cut, _ = units.rows(tokens, 5)
    assert flat[: len(cut)] == cut
    assert len(cut) <= 5


def test_operators_of_two_words_and_strings_with_code() -> None:
    tree = PYTHON.parse(b"a not in f'{b} c'\n")
    whole = indent_tokens(tree, PYTHON, whole_operators=True, whole_strings=False)
    assert texts(whole, tree.source) == ["a", "not in", "f'", "{", "b", "}", " c", "'", NEWLINE]


def test_documentation_is_left_out_and_other_languages_have_no_layout() -> None:
    source = b'def f():\n    """Doc."""\n    return 1\n'
    tree = PYTHON.parse(source)
    assert '"""Doc."""' not in texts(indent_tokens(tree, PYTHON, doc_span=(13, 23)), source)
    java = by_name("java")
    tree = java.parse(b"class A { int f(int a) { return a + 1; } // end\n}")
    assert " ".join(texts(indent_tokens(tree, java), tree.source)) == "class A { int f ( int a ) { return a + 1 ; } }"


def test_broken_code_has_tokens() -> None:
    for source in (b"", b"def", b"if (((", b"\xff\xfe x = = 3", b"  x\n y\n"):
        tree = PYTHON.parse(source)
        levels = texts(indent_tokens(tree, PYTHON), source)
        assert levels.count(INDENT) == levels.count(DEDENT)
