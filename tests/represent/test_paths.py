"""Path contexts: the row's exact examples, an independent reference on random code, masking, sampling, bad input."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phloem.corpora.examples import examples_of
from phloem.errors import PhloemError
from phloem.languages import LANGUAGES, by_name
from phloem.represent import paths as paths_module
from phloem.represent.java_comments import attribute_comments
from phloem.represent.java_forest import SHORT, java_value
from phloem.represent.java_parser import java_method
from phloem.represent.paths import OFFICIAL_JAVA, PRESETS, PYTHON150K, TREE_SITTER, Labels, extract

from . import path_reference, snippets

FIXTURES = Path(__file__).parent / "fixtures"
relaxed = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def examples(source, language="python"):
    return examples_of(source.encode() if isinstance(source, str) else source, by_name(language))


def written(found, preset, **options):
    """The contexts of each function as text."""
    labels = Labels()
    contexts = extract(found, preset, labels, **options)
    return [[f"{a},{'|'.join(p)},{b}" for a, p, b in contexts.of(e, labels)] for e in range(len(found))]


# The row ------------------------------------------------------------------------------------------------------------


@pytest.mark.row("S001", 1)
def test_official_getter_has_exactly_three_contexts():
    found = examples("class A { public String getName() { return name; } }", "java")
    assert found[0].name == "getName"
    assert written(found, OFFICIAL_JAVA) == [
        [
            "string,Cls0|Mth|Nm1,METHOD_NAME",
            "string,Cls0|Mth|Bk|Ret|Nm0,name",
            "METHOD_NAME,Nm1|Mth|Bk|Ret|Nm0,name",
        ]
    ]


@pytest.mark.row("S001", 1)
def test_official_sum_has_exactly_twenty_two_contexts():
    (contexts,) = written(examples("class A { int add(int a, int b) { return a + b; } }", "java"), OFFICIAL_JAVA)
    assert len(contexts) == 22
    assert "a,Nm0|Plus|Nm1,b" in contexts
    assert not [context for context in contexts if context.startswith("METHOD_NAME") and "Plus" in context]


@pytest.mark.row("S001", 2)
def test_tree_sitter_getter_has_exactly_six_contexts():
    (contexts,) = written(examples("def get_name(self):\n    return self.name\n"), TREE_SITTER)
    body = "function_definition|block|return_statement|attribute"
    assert contexts == [
        "METHOD_NAME,identifier0|function_definition|parameters|identifier0,self",
        f"METHOD_NAME,identifier0|{body}|identifier0,self",
        f"METHOD_NAME,identifier0|{body}|identifier1,name",
        f"self,identifier0|parameters|{body}|identifier0,self",
        f"self,identifier0|parameters|{body}|identifier1,name",
        "self,identifier0|attribute|identifier1,name",
    ]


# Against an independent reference -------------------------------------------------------------------------------------


@relaxed
@given(source=snippets.python_functions, preset=st.sampled_from([TREE_SITTER, PYTHON150K]))
def test_python_equals_the_definition(source, preset):
    found = examples(source)
    labels = Labels()
    contexts = extract(found, preset, labels)
    for number, example in enumerate(found):
        assert Counter(contexts.of(number, labels)) == Counter(path_reference.contexts(example, preset))


@relaxed
@given(
    source=snippets.java_functions,
    preset=st.builds(
        lambda edges, width, indices: replace(TREE_SITTER, max_edges=edges, max_width=width, indices=indices),
        st.integers(2, 10),
        st.integers(1, 4),
        st.booleans(),
    ),
)
def test_java_equals_the_definition_within_any_limits(source, preset):
    found = examples(source, "java")
    labels = Labels()
    contexts = extract(found, preset, labels)
    for number, example in enumerate(found):
        assert Counter(contexts.of(number, labels)) == Counter(path_reference.contexts(example, preset))


@relaxed
@given(source=snippets.java_functions)
def test_official_java_equals_loops_over_all_pairs(source):
    found = examples(source, "java")
    labels = Labels()
    contexts = extract(found, OFFICIAL_JAVA, labels)

    def value(node):
        named = node.type == "NameExpr" and node.parent.type == "MethodDeclaration"
        return "METHOD_NAME" if named else java_value(node)

    for number, example in enumerate(found):
        method, comments = java_method(example, by_name("java"))
        attribute_comments(method, comments, example.tree.source)
        expected = path_reference.java_contexts(method, lambda n: SHORT.get(n.label_type, n.label_type), value)
        assert Counter(contexts.of(number, labels)) == Counter(expected)


def test_official_java_equals_the_released_extractor():
    """official.c2s is what the released extractor printed for Official.java."""
    found = examples((FIXTURES / "Official.java").read_bytes(), "java")
    lines = (FIXTURES / "official.c2s").read_text().splitlines()
    assert len(found) == len(lines)
    for contexts, line in zip(written(found, OFFICIAL_JAVA), lines, strict=True):
        assert Counter(contexts) == Counter(line.split(" ")[1:])


# Terminals, values, masking -------------------------------------------------------------------------------------------


def values(source, language="python", preset=TREE_SITTER):
    labels = Labels()
    contexts = extract(examples(source, language), preset, labels)
    return {value for e in range(len(contexts.offsets) - 1) for a, _, b in contexts.of(e, labels) for value in (a, b)}


def test_values():
    source = (
        'def f(x):\n    g(17, 0, 1, 32, 64, 2.5, "no such\\nfile_name", getHTTPResponse, x.été, f"{x} is", b"raw")\n'
    )
    assert {"<NUM>", "0", "no|such|file|name", "get|http|response", "été", "x|is", "raw"} <= values(source)
    assert not {"17", "2.5", "file"} & values(source)


def test_values_can_be_written_to_c2s():
    for value in values('def f(x):\n    g("1, 2 | 3", "a,b|c d", x)\n    return "--,--"\n'):
        assert all(path_reference.WORD.fullmatch(part) for part in value.split("|"))


def test_documentation_comments_and_modifiers_are_no_terminals():
    plain = "def read_all(path):\n    return open(path)\n"
    documented = "def read_all(path):\n    '''Secret words.'''\n    # hidden too\n    return open(path)\n"
    assert written(examples(plain), TREE_SITTER) == written(examples(documented), TREE_SITTER)
    java = "class A {{ {}int f(int a) {{ return a; }} }}"
    bare, modified = (examples(java.format(text), "java") for text in ("", "public static final "))
    assert written(bare, TREE_SITTER) == written(modified, TREE_SITTER)


def test_own_name_is_masked_wherever_it_stands():
    source = (
        "def fact(n):\n    def step(k):\n        return fact(k)\n    log('fact')\n    return step(n) * fact(n - 1)\n"
    )
    outer, inner = written(examples(source), TREE_SITTER)
    assert not [context for context in outer if context.startswith("fact,") or context.endswith(",fact")]
    assert [context for context in inner if context.endswith(",fact")]
    assert not [context for context in inner if ",step" in context or context.startswith("step,")]


def test_masking_of_recursion_is_off_for_parity():
    found = examples("class A { int fact(int n) { return fact(n); } }", "java")
    (contexts,) = written(found, OFFICIAL_JAVA)
    assert [context for context in contexts if context.endswith(",fact")]
    (masked,) = written(found, replace(OFFICIAL_JAVA, mask_recursion=True))
    assert not [context for context in masked if context.endswith(",fact")]


def test_operators_are_folded_into_labels():
    labels = Labels()
    extract(examples("def f(a, b):\n    a |= a or b not in -b\n"), TREE_SITTER, labels)
    expected = {"augmented_assignment:bar=", "boolean_operator:or", "comparison_operator:not-in", "unary_operator:-"}
    assert expected <= set(labels.names)


def test_spans_point_at_the_terminals():
    found = examples("def f(x):\n    return x + 'é' + y\n")
    labels = Labels()
    contexts = extract(found, TREE_SITTER, labels)
    source = found[0].tree.source
    texts = {
        (source[a:b].decode(), contexts.values[value])
        for (a, b), value in zip(contexts.right_span, contexts.right, strict=True)
    }
    assert texts == {("x", "x"), ("'é'", "é"), ("y", "y")}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_gives_contexts_that_do_not_name_the_function(language):
    folder = Path(__file__).parents[1] / "languages" / "fixtures"
    files = [file for file in sorted(folder.iterdir()) if file.suffix in by_name(language).extensions]
    found = [example for file in files for example in examples(file.read_bytes(), language)]
    assert found
    labels = Labels()
    contexts = extract(found, TREE_SITTER, labels)
    assert len(contexts.left) > 5 * len(found)
    assert "METHOD_NAME" in contexts.values
    for number, example in enumerate(found):
        for end in contexts.left_span, contexts.right_span:
            spans = end[contexts.offsets[number] : contexts.offsets[number + 1]]
            names = [example.tree.source[a:b].decode() == example.name for a, b in spans]
            side = contexts.left if end is contexts.left_span else contexts.right
            shown = [contexts.values[value] for value in side[contexts.offsets[number] : contexts.offsets[number + 1]]]
            assert {value for value, own in zip(shown, names, strict=True) if own} <= {"METHOD_NAME"}


# Lists of functions, sampling -----------------------------------------------------------------------------------------

SOURCES = [
    ("def f(a, b):\n    return [a, b, a + b, 'x', 1]\n", "python"),
    ("class A { int f(int a) { return a; } }", "java"),
    ("def g():\n    pass\n", "python"),
    ("func h(a int) int { return a * 2 }", "go"),
]


def mixed(times):
    return [
        example
        for _ in range(times)
        for source, language in SOURCES
        for example in examples(source if language != "go" else "package p\n" + source, language)
    ]


def test_a_list_gives_what_its_members_give(monkeypatch):
    found = mixed(5)
    alone = [written([example], TREE_SITTER)[0] for example in found]
    assert written(found, TREE_SITTER) == alone
    monkeypatch.setattr(paths_module, "NODES_AT_ONCE", 30)
    assert written(found, TREE_SITTER) == alone


@given(seed=st.integers(0, 1000), limit=st.integers(0, 40))
@relaxed
def test_samples_are_subsets_without_replacement(seed, limit):
    found = mixed(2)
    everything = extract(found, TREE_SITTER, Labels())
    for labels in (Labels(),):
        drawn = extract(found, TREE_SITTER, labels, limit=limit, rng=np.random.default_rng(seed))
        later = everything.sampled(limit, np.random.default_rng(seed))
        for sample in (drawn, later):
            assert np.diff(sample.offsets).tolist() == np.minimum(np.diff(everything.offsets), limit).tolist()
            for number in range(len(found)):
                part = slice(sample.offsets[number], sample.offsets[number + 1])
                spans = np.concatenate([sample.left_span[part], sample.right_span[part]], axis=1)
                assert len(np.unique(spans, axis=0)) == len(spans)
                assert Counter(sample.of(number, labels)) <= Counter(everything.of(number, labels))


def test_samples_are_drawn_evenly():
    found = examples("def f(a, b, c, d, e):\n    return g(a, b, c, d, e, a + b, c + d)\n")
    everything = extract(found, TREE_SITTER, Labels())
    size, drawn = len(everything.left), Counter()
    for seed in range(400):
        sample = extract(found, TREE_SITTER, Labels(), limit=size // 4, rng=np.random.default_rng(seed))
        drawn.update(map(tuple, np.concatenate([sample.left_span, sample.right_span], axis=1).tolist()))
    assert len(drawn) == size
    expected = 400 * (size // 4) / size
    assert max(abs(count - expected) for count in drawn.values()) < 5 * expected**0.5


def test_equal_paths_have_one_id():
    contexts = extract(mixed(3), TREE_SITTER, Labels())
    assert len(np.unique(contexts.paths, axis=0)) == len(contexts.paths)
    assert len(set(contexts.values)) == len(contexts.values)


# Hostile and degenerate input ---------------------------------------------------------------------------------------


def test_nothing_to_extract():
    assert written([], TREE_SITTER) == []
    assert extract([], TREE_SITTER, Labels()).left.shape == (0,)
    for preset in PRESETS.values():
        language = "java" if preset is OFFICIAL_JAVA else "python"
        source = "class A { void f() { } }" if language == "java" else "def f():\n    ...\n"
        assert len(written(examples(source, language), preset)) == 1


def test_two_long_lists_side_by_side_stay_within_the_limit():
    items = ", ".join(f"x{i}" for i in range(20_000))
    found = examples(f"def f():\n    return g([{items}], [{items}])\n")
    contexts = extract(found, TREE_SITTER, Labels(), limit=1000)
    assert contexts.offsets.tolist() == [0, 1000]


@pytest.mark.parametrize(("preset", "language"), [(TREE_SITTER, "python"), (OFFICIAL_JAVA, "java")])
def test_deep_nesting(preset, language):
    deep = "(" * 10_000 + "x" + ")" * 10_000
    source = (
        f"def f(a):\n    return {deep}\n"
        if language == "python"
        else f"class A {{ int f(int a) {{ return {deep}; }} }}"
    )
    assert len(written(examples(source, language), preset, limit=100)[0]) >= 1


@pytest.mark.parametrize(
    ("source", "language", "preset", "kept"),
    [
        ("def f(a):\n    return a + b +\n", "python", TREE_SITTER, {"METHOD_NAME", "a", "b"}),
        ("def f(a):\n    return a + b +\n", "python", PYTHON150K, {"METHODNAME", "a", "b"}),
        ("class A { int f( { return a + b; } }", "java", TREE_SITTER, {"int", "METHOD_NAME", "a", "b"}),
        ("class A { int f( { return a + b; } }", "java", OFFICIAL_JAVA, set()),  # JavaParser reads no broken code
    ],
)
def test_broken_code_gives_what_parses(source, language, preset, kept):
    contexts = extract(examples(source, language), preset, Labels())
    assert len(contexts.offsets) == 2
    assert {contexts.values[end] for end in (*contexts.left, *contexts.right)} == kept


def test_presets_of_one_language_refuse_others():
    with pytest.raises(PhloemError, match="does not read python"):
        extract(examples("def f(a): return a\n"), OFFICIAL_JAVA, Labels())
    with pytest.raises(PhloemError, match="does not read java"):
        extract(examples("class A { int f() { return 1; } }", "java"), PYTHON150K, Labels())
