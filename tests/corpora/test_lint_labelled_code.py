"""CodeQueries: checkers with exact spans, tags, blocks, and the metric."""

import functools
import operator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phloem.corpora.lint_labelled_code import QUERIES, labelled
from phloem.learn.objectives.token_tagging import tagging_loss
from phloem.measure.span_exact_match import exact_match
from phloem.nn.models.roberta import Roberta, RobertaConfig
from phloem.nn.models.span_tagger import SpanTagger, tagged_rows, windows
from phloem.represent.code_blocks import blocks_of, tokens_of
from phloem.represent.span_tags import NONE, TAGS, Span, spans_of, tags_of

B, I, O, F = 0, 1, 2, 3  # noqa: E741

# query: (a file, its answers, its facts, a near miss of the same length in place of the marked line)
FILLER = "\ndef other(x):\n    y = x\n    return y\n"
GOLDEN = {
    "unused-import": ("import os\nimport re\nprint(re)\n", ["os"], [], "import os\nimport re\nprint(os, re)\n"),
    "none-comparison": (
        "a = b\nif a == None:\n    print(a)\n",
        ["a == None"],
        [],
        "a = b\nif a is None:\n    print(a)\n",
    ),
    "unnecessary-pass": ("def f():\n    pass\n    return 1\n", ["pass"], [], "def f():\n    pass\n\na = 1\n"),
    "mutable-default": (
        "def f(a, b=[]):\n    b = a\n    return b\n",
        ["[]"],
        [],
        "def f(a, b=()):\n    b = a\n    return b\n",
    ),
    "flask-debug": (
        "app = Flask(__name__)\napp.run(debug=True)\n",
        ["app.run(debug=True)"],
        ["app = Flask(__name__)"],
        "app = Flask(__name__)\napp.run(debug=False)\n",
    ),
    "bare-except": ("try:\n    f()\nexcept:\n    g()\n", ["except"], [], "try:\n    f()\nexcept E:\n    g()\n"),
    "type-comparison": (
        "a = 'ö'\nif type(a) == int:\n    f()\n",
        ["type(a) == int"],
        [],
        "a = 'ö'\nif kind(a) == int:\n    f()\n",
    ),
    "assert-tuple": ("a = 1\nassert (a, 'no')\nb = a\n", ["assert (a, 'no')"], [], "a = 1\nassert a, 'no'\nb = a\n"),
    "self-assignment": ("a = b\na.x = a.x\nf(a)\n", ["a.x = a.x"], [], "a = b\na.x = a.y\nf(a)\n"),
    "duplicate-key": (
        "a = {'x': 1,\n     'y': 2,\n     \"x\": 3}\n",
        ['"x"'],
        ["'x'"],
        "a = {'x': 1,\n     'y': 2,\n     \"z\": 3}\n",
    ),
    "init-value": (
        "class A:\n    def __init__(self):\n        return 1\n",
        ["return 1"],
        ["__init__"],
        "class A:\n    def __init__(self):\n        return\n",
    ),
    "unreachable": (
        "def f(a):\n    return a\n    g(a)\n",
        ["g(a)"],
        ["return a"],
        "def f(a):\n    g(a)\n    return a\n",
    ),
    "constant-comparison": ("a = 1\nif 1 < 2:\n    f(a)\n", ["1 < 2"], [], "a = 1\nif 1 < a:\n    f(a)\n"),
    "format-mismatch": (
        "a = 1\nb = '%s %%' % (a, a)\nf(b)\n",
        ["'%s %%' % (a, a)"],
        [],
        "a = 1\nb = '%s %s' % (a, a)\nf(b)\n",
    ),
    "missing-super": (
        "class A:\n    def __init__(self): self.a = 1\nclass C(A):\n    def __init__(self): self.b = 2\n",
        ["__init__"],
        ["__init__"],
        "class A:\n    def __init__(self): self.a = 1\nclass C(A):\n    def __init__(self): super().__init__()\n",
    ),
    "equality-hash": (
        "class A:\n    def __eq__(self, other): return 1\n    def hash(self): return 1\n",
        ["A"],
        ["__eq__"],
        "class A:\n    def __eq__(self, other): return 1\n    def __hash__(self): return 1\n",
    ),
    "override-mismatch": (
        "class A:\n    def run(self, a): f(a)\nclass C(A):\n    def run(self, a, b): f(b)\n",
        ["run"],
        ["run"],
        "class A:\n    def run(self, a): f(a)\nclass C(A):\n    def run(self, a, b=1): f(b)\n",
    ),
}


def ten_lines(source: str) -> str:
    whole = source + FILLER
    return whole + "\n" * (10 - whole.count("\n"))


@pytest.mark.row("S047", 3)
@pytest.mark.parametrize("name", sorted(QUERIES))
def test_golden_files(name):
    source, answers, facts, near_miss = GOLDEN[name]
    source, near_miss = ten_lines(source), ten_lines(near_miss)
    assert source.count("\n") == near_miss.count("\n") == 10
    found = labelled(source, QUERIES[name])
    assert [source[start:end] for start, end in found.answers] == answers
    assert [source[start:end] for start, end in found.facts] == facts
    if name in ("missing-super", "override-mismatch"):
        assert found.facts[0] < found.answers[0], "the base class comes first"
    assert labelled(near_miss, QUERIES[name]).answers == ()
    assert len(QUERIES) >= 15


@pytest.mark.parametrize("space", [" ", " # \x0c\n ", " # \u2028\x85\n "])
def test_names_are_found_behind_their_keyword_and_lines_are_pythons(space):
    source = f"class A:\n def f(self, a): g(a)\n{space}\nclass s(A):\n def f(self, a, b): g(b)\n"
    (answer,) = labelled(source, QUERIES["override-mismatch"]).answers
    assert answer == (source.rindex("f("), source.rindex("f(") + 1)
    equal = source + "class l:\n def __eq__(self, other): return 1\n"
    (answer,) = labelled(equal, QUERIES["equality-hash"]).answers
    assert answer == (equal.index(" l:") + 1, equal.index(" l:") + 2)


spans = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4), st.booleans()), max_size=8)


@pytest.mark.row("S047", 1)
@given(spans, st.integers(0, 5))
def test_spans_to_tags_and_back(drawn, behind):
    place, wanted = 0, []
    for gap, size, fact in drawn:
        wanted.append(Span(place + gap, place + gap + size, fact))
        place += gap + size
    tags = tags_of(wanted, place + behind)
    assert spans_of(tags) == wanted
    merged: list[Span] = []
    for span in wanted:
        if merged and merged[-1].last == span.first:
            merged[-1] = merged[-1]._replace(last=span.last)
        else:
            merged.append(span)
    assert spans_of(tags_of(wanted, place + behind, merge_touching=True)) == merged


@pytest.mark.row("S047", 1)
def test_reading_tags_and_matching():
    found = spans_of([O, I, I, B, I, F, I, O])
    assert found == [Span(3, 5), Span(5, 7, True)]
    assert exact_match(found, [Span(5, 7, True), Span(3, 5)], "both")
    assert not exact_match([Span(3, 5), Span(5, 7)], found, "both")
    assert not exact_match([Span(3, 5, True)], [Span(3, 5)], "answer")
    assert not exact_match([Span(3, 6)], [Span(3, 5)], "answer")


@pytest.mark.row("S047", 4)
def test_negative_examples_and_lost_answers():
    assert not exact_match([Span(1, 2)], [], "answer")
    fact = [Span(1, 2, True)]
    assert exact_match(fact, [], "answer")
    assert not exact_match(fact, [], "both")
    assert not exact_match(fact, [], "fact")
    gold = [Span(2, 4), Span(30, 33)]
    kept = spans_of(tags_of(gold, 10))
    assert kept == gold[:1]
    assert not exact_match(kept, gold, "answer")
    assert exact_match([((1, 4), (1, 6), False)], [((1, 4), (1, 6), False)], "both"), "by block and place in it"


@pytest.mark.row("S047", 2)
@given(st.text(alphabet="ab(:)\n \tdefclass ö\"'", max_size=80))
def test_blocks_hold_every_token_once(noise):
    source = (
        f"import os\n\nclass A:\n    x = 1\n    def f(self):\n        return 1\n    y = 2\n{noise}\ndef g(): pass\n"
    )
    tokens = tokens_of(source)
    assert "".join(token.text for token in tokens) == source
    found = blocks_of(source, tokens)
    places = [place for block in found for place in range(block.first, block.last)]
    assert places == list(range(len(tokens)))
    pieces = ["".join(token.text for token in tokens[block.first : block.last]) for block in found]
    assert "".join(pieces) == source
    assert "def f(self):\n        return 1" in pieces
    assert blocks_of("") == []


@pytest.mark.row("S047", 5)
def test_padding_is_tagged_and_windows_join():
    torch.manual_seed(0)
    encoder = Roberta(RobertaConfig(40, width=16, layers=1, heads=2, inner=24, places=40, pad=0, segments=2))
    batch = tagged_rows([[7, 8]], [[9, 10, 11]], [[O, B, I]], 12)
    assert batch.tags.tolist() == [[NONE] * 4 + [O, B, I] + [NONE] * 5]
    assert batch.segments.tolist() == [[0] * 4 + [1] * 8]
    logits = SpanTagger(encoder).eval()(batch)
    assert logits.shape == (1, 12, TAGS)
    before = tagging_loss(logits, batch.tags)
    raised = logits.detach().clone()
    raised[0, 11, NONE] += 1
    assert tagging_loss(raised, batch.tags) < before
    code = list(range(23))
    assert functools.reduce(operator.iadd, windows(code, 5), []) == code
    assert len(windows([], 5)) == 1
    cut = tagged_rows([[7]], [code], [[O] * 23], 12)
    assert int(cut.lengths) == 12
    with pytest.raises(ValueError, match="segments"):
        SpanTagger(Roberta(RobertaConfig(40, width=16, layers=1, heads=2, inner=24)))
