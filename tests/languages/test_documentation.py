"""First sentences of doc comments of every kind, and the removal of comment markers."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phloem.languages.comments import clean
from phloem.languages.csharp import without_xml
from phloem.languages.documentation import first_sentence

UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    ("doc", "sentence"),
    [
        ("Return the name.", "Return the name."),
        ("Return the name", "Return the name"),
        ("Return the\n   name. Never empty.", "Return the name."),
        ("Return the name\n\nof the person.", "Return the name"),
        ("Return the name.\n\n:param x: the x\n:returns: it", "Return the name."),
        ("Return it\n\nArgs:\n    x: the x", "Return it"),
        ("Return it\nParameters\n----------\nx : int", "Return it"),
        ("Return it.\n>>> f()\n3", "Return it."),
        ("Return it\n@param x the x\n@return it", "Return it"),
        ("Sort e.g. names, i.e. strings. Stable.", "Sort e.g. names, i.e. strings."),
        ("Compare a vs. b, cf. Knuth. Slow.", "Compare a vs. b, cf. Knuth."),
        ("Use version 1.2 or os.path. Then stop.", "Use version 1.2 or os.path."),
        ("Wait ... and see. Done.", "Wait ... and see."),
        ("Is it empty? Perhaps.", "Is it empty?"),
        ("Stop! Now.", "Stop!"),
        ("By J. Smith. Later.", "By J. Smith."),
        ("Get it (or None. Really). More.", "Get it (or None. Really)."),
        ("Return {@code x < y} of {@link Foo#bar(int, String) the bar}.", "Return x < y of the bar."),
        ("See {@link #size()} and {@linkplain java.util.List}.", "See size() and java.util.List."),
        ("{@inheritDoc}", ""),
        ("@return the name", ""),
        (":param x: the x", ""),
        (">>> f(1)\n2", ""),
        ("", ""),
        ("----", ""),
        ("<p>Adds <b>bold</b> &amp; <i>more</i>.</p> Rest.", "Adds bold & more."),
        ("Adds a<br/>and b.", "Adds aand b."),
        ("Title\n=====\n\nText.", "Title"),
        ("The :class:`~a.b.Thing` of :py:meth:`do it <x.do>`.", "The Thing of do it."),
        ("Use ``x`` and `y`.", "Use x and y."),
        ("Use the [docs](http://x.org/a_(b)) now.", "Use the docs now."),
        ("**Bold** and *light* * 2.", "Bold and light * 2."),
        ("\\brief Adds \\p a to \\c b. Then.", "Adds a to b."),
        ("Returns x.\n\n# Panics\nNever.", "Returns x."),
        ("# Examples\n```\nf();\n```", ""),
        (".. deprecated:: 1.0\n   Old.", ""),
        ("- first item. Second.", "first item."),
        ("frob() - Frobnicates it. Twice.", "Frobnicates it."),
        ("frob:\n@x: the x\n\nFrobnicates.", ""),
        ("名前を返す。空ではない。", "名前を返す。"),
        ("Return the name.\r\n\r\nMore.", "Return the name."),
    ],
)
def test_first_sentence(doc: str, sentence: str) -> None:
    assert first_sentence(doc) == sentence


@UNTIMED
@given(st.text())
def test_it_is_one_line_and_never_fails(doc: str) -> None:
    sentence = first_sentence(doc)
    assert sentence == " ".join(sentence.split())
    assert sentence == "" or any(character.isalpha() for character in sentence)


@UNTIMED
@given(st.text(st.sampled_from("<>{}@`*[]()\\. \na:/-!"), max_size=60))
def test_markup_in_any_order_never_fails(doc: str) -> None:
    assert "\n" not in first_sentence(doc)


@pytest.mark.parametrize("piece", ["<!--", "{@link ", "[a](", "`a <", "<a ", "(a. ", "**", "\\brief ", " .", "<b>" * 3])
def test_of_a_long_comment_only_the_beginning_is_read(piece: str) -> None:
    long = piece * 10_000
    for read, bound in ((first_sentence, 4096), (without_xml, 20_000)):
        assert read(long) == read(long[:bound]) == read(long[:bound] + ". Another ending */ --> </summary>")


@pytest.mark.parametrize(
    ("comments", "text"),
    [
        (["/** One. */"], "One."),
        (["/**\n * Two.\n *   indented\n *\n * more\n */"], "Two.\n  indented\n\nmore"),
        (["/*\n   Plain.\n   Block.\n*/"], "Plain.\nBlock."),
        (["/*! Doxygen. */"], "Doxygen."),
        (["/** a * b */"], "a * b"),
        (["/// One.", "///   two", "///", "/// three"], "One.\n  two\n\nthree"),
        (["//! Inner."], "Inner."),
        (["// a // b"], "a // b"),
        (["# One.", "#   two", "# three"], "One.\n  two\nthree"),
        (["## Doc."], "Doc."),
        (["=begin\nBlock.\n=end"], "Block."),
        (["/**\r\n * Windows.\r\n */"], "Windows."),
        (["/***/"], ""),
    ],
)
def test_markers_and_indentation_are_removed(comments: list[str], text: str) -> None:
    assert clean(comments) == text


@pytest.mark.parametrize(
    ("doc", "text"),
    [
        ("<summary>Adds.</summary>\n<param name='x'>the x</param>", "Adds."),
        ('<summary>\nSee <see cref="T:A.B"/> or <c>x</c>.\n</summary>', "See A.B or x."),
        ("<summary>One.<para>Two.</para></summary>", "One.\n\nTwo."),
        ("<returns>It.</returns>", ""),
        ("Plain text.", "Plain text."),
        ("<summary>Never closed", "Never closed"),
    ],
)
def test_xml_is_removed(doc: str, text: str) -> None:
    assert without_xml(doc) == text
