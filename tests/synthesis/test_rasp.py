"""RASP: what programs are on inputs, how many layers and heads they need, and that compiled weights agree."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.analysis.rasp_compile import agreement, compile_rasp, every_input, load, save
from phloem.corpora import algorithmic_sequences as oracles
from phloem.corpora.algorithmic_sequences import MARK, random_brackets, random_string, unmarked
from phloem.errors import PhloemError
from phloem.synthesis.rasp import RaspError, Session, analyse, evaluate
from phloem.synthesis.rasp.evaluate import all_values
from phloem.systems.claims import Job, scale_of
from phloem.systems.synthesis import rasp
from phloem.systems.synthesis.rasp import goal_reached


@pytest.fixture(scope="module")
def session():
    return Session()


def value(session, code):
    return session.run(code + ";")[-1].value


def on(session, code):
    return value(session, code).value


@pytest.mark.row("S018", 1)
def test_golden_values_of_the_paper(session):
    rows = on(session, 'select(indices, indices, <)("hello")')
    assert sum(map(sum, rows)) == 10
    assert all(not rows[i][j] for i in range(5) for j in range(i, 5))
    assert on(session, 'hist("hello")') == [1, 1, 2, 2, 1]
    assert "".join(on(session, 'reverse("hello")')) == "olleh"
    assert "".join(on(session, 'sort(tokens, tokens)("hello")')) == "ehllo"
    assert on(session, 'dyck1("(())")') == ["P", "P", "P", "T"]
    assert on(session, 'dyck1("())")')[-1] == "F"


PROGRAMS = {
    "reverse": oracles.reverse,
    "hist": oracles.hist,
    "sorted": oracles.sort,
    "hist_bos": unmarked(oracles.hist, 0),
    "sort_bos": unmarked(oracles.sort, MARK),
    "double_hist_bos": unmarked(oracles.double_hist, 0),
    "most_frequent_bos": unmarked(oracles.most_frequent, MARK),
    "dyck1": oracles.dyck1,
    "dyck2": oracles.dyck2,
}


@pytest.mark.row("S018", 2)
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_agree_with_python_on_1000_strings(session, name):
    rng, oracle, node = np.random.default_rng(7), PROGRAMS[name], session.node(name)
    for _ in range(1000):
        if name.startswith("dyck"):
            pairs = ["()", "{}"][: int(name[-1])]
            tokens = random_brackets(rng, pairs, 10)
        else:
            tokens = random_string(rng, "abcdef", 1, 8, marked=name.endswith("_bos"))
        got = evaluate(node, tokens)
        want = oracle(tokens)
        skip = 1 if name in ("hist_bos", "double_hist_bos") else 0  # what stands at the mark means nothing
        assert got[skip:] == want[skip:], tokens


@pytest.mark.row("S018", 2)
def test_functions_of_the_library_agree_with_python(session):
    rng = np.random.default_rng(3)
    known = {}
    for _ in range(1000):
        text = "".join(random_string(rng, "abc", 1, 7))
        n, places = len(text), range(len(text))
        expected = {
            "length": [n] * n,
            'count(tokens, "a")': [text.count("a")] * n,
            'contains(tokens, "b")': ["b" in text] * n,
            "shift(tokens, 2, '-')": list(("--" + text)[:n]),
            'mark_last_instance(tokens, "a")': [i == text.rfind("a") for i in places],
            'mark_first_instance(tokens, "a")': [i == text.find("a") for i in places],
            "has_focus(select(tokens, tokens, <))": [min(text) < token for token in text],
            "selector_width(select(indices, indices, <))": list(places),
            "average(indices)": [(n - 1) / 2] * n,
            "max(indices, 3)": [max(i, 3) for i in places],
            "min(indices, 3)": [min(i, 3) for i in places],
            "load_from_location(tokens, 0)": [text[0]] * n,
            'select_from_last(tokens, "a")': [[j == text.rfind("a") for j in places]] * n,
            'select_from_first(tokens, "a")': [[j == text.find("a") for j in places]] * n,
            "select_next_identical(tokens)": [[j == text.find(text[i], i + 1) for j in places] for i in places],
        }
        known = known or {code: value(session, code) for code in expected}
        values = all_values(list(known.values()), text)
        for code, want in expected.items():
            assert values[known[code]] == want, (code, text)


@pytest.mark.row("S018", 3)
@pytest.mark.parametrize(
    ("name", "layers", "heads"),
    [
        ("reverse", 2, [1, 1]),
        ("hist", 1, [2]),
        ("hist_bos", 1, [1]),
        ("sort_bos", 2, [1, 1]),
        ("sorted", 2, [2, 1]),
        ("double_hist_bos", 2, [2, 1]),
        ("most_frequent_bos", 3, [2, 1, 1]),
        ("dyck1", 2, [1, 1]),
        ("dyck2", 4, [1, 2, 1, 1]),
    ],
)
def test_layers_and_heads_are_those_of_the_reference_analyser(session, name, layers, heads):
    schedule = analyse(session.node(name))
    assert len(schedule.layers) == layers
    assert [len(layer.heads) for layer in schedule.layers] == heads
    assert schedule.heads == max(heads)


def test_equal_selectors_of_a_layer_are_one_head(session):
    same = "aggregate(select(tokens, tokens, ==), indices)"
    one = value(session, f"{same} + {same} + aggregate(select(tokens, tokens, ==), 2 * indices)")
    two = value(session, f"{same} + aggregate(select(tokens, tokens, !=), indices)")
    assert (analyse(one).heads, analyse(two).heads) == (1, 2)


@pytest.mark.row("S018", 4)
def test_aggregate_averages_numbers_takes_defaults_and_refuses_the_rest(session):
    with pytest.raises(RaspError, match="only numbers"):
        on(session, 'aggregate(select(tokens, tokens, ==), tokens)("abb")')
    assert on(session, 'aggregate(select(indices, indices, <=), indices)("abc")') == [0, 0.5, 1]
    assert on(session, 'aggregate(select(indices, indices, <), indices, 7)("ab")') == [7, 0]
    assert on(session, 'aggregate(select(indices, indices, >), indices)("ab")') == [1, 0]
    assert on(session, 'aggregate(select(indices + 1, indices, ==), tokens, "-")("abc")') == ["-", "a", "b"]
    with pytest.raises(RaspError, match="one kind"):
        on(session, 'aggregate(select(indices + 1, indices, ==), tokens)("abc")')


@pytest.mark.row("S018", 5)
@pytest.mark.parametrize("name", ["reverse", "hist"])
def test_compiled_weights_agree_on_every_string_up_to_six_of_three_letters(session, name):
    torch.set_num_threads(1)
    one = compile_rasp(session.node(name), "abc", 6)
    inputs = list(every_input("abc", 6))
    assert len(inputs) == 1092
    found = agreement(one, inputs)
    assert found.exact
    assert found.trials == 1092
    assert found.largest_error < 1e-6
    schedule = analyse(session.node(name))
    assert [layer.attention.heads for layer in one.model.net.stack()] == [len(each.heads) for each in schedule.layers]


@pytest.mark.parametrize(
    ("name", "alphabet", "longest"), [("dyck1", "()", 6), ("sorted", "abc", 4), ("hist_bos", "§ab", 4)]
)
def test_other_programs_compile_too(session, name, alphabet, longest):
    one = compile_rasp(session.node(name), alphabet, longest)
    inputs = [one for one in every_input(alphabet, longest) if "§" not in alphabet or one[0] == "§"]
    assert agreement(one, inputs).exact


def test_dyck2_compiles_to_the_reference_size(session):
    one = compile_rasp(session.node("dyck2"), "(){}", 3)
    assert agreement(one, list(every_input("(){}", 3))).exact
    assert [layer.attention.heads for layer in one.model.net.stack()] == [1, 2, 1, 1]


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_random_programs_compile_to_what_they_mean(data):
    session = Session()
    leaves = ["tokens_int", "indices", "1"]
    s_op = st.recursive(
        st.sampled_from(leaves),
        lambda inner: st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "=="]), inner),
            st.builds(
                "aggregate(select({}, {}, {}), {}, {})".format,
                inner,
                inner,
                st.sampled_from(["==", "<", "!="]),
                st.builds("indicator({} > {})".format, inner, inner),
                st.sampled_from(["0", "1", "3"]),
            ),
        ),
        max_leaves=5,
    )
    node = value(session, f"({data.draw(s_op)}) + 0 * indices")
    one = compile_rasp(node, ["0", "1"], 3)
    assert agreement(one, list(every_input(["0", "1"], 3))).exact


def test_saved_weights_are_read_again(session, tmp_path):
    one = compile_rasp(session.node("reverse"), "ab", 4)
    save(one, tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.run(["abba", "aabb"]) == [list("abba"), list("bbaa")]
    with pytest.raises(PhloemError, match="already"):
        save(one, tmp_path / "model")
    with pytest.raises(PhloemError, match="not in the alphabet"):
        again.run(["abc"])
    (tmp_path / "model" / "weights.safetensors").write_bytes(b"nothing")
    with pytest.raises(PhloemError, match="no compiled program"):
        load(tmp_path / "model")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = ;", "line 1: expected a name"),
        ("x = 1", "expected ';'"),
        ("\n\n1 ? 2;", "line 3: '\\?'"),
        ("y;", "y is not defined"),
        ("1 / 0;", "division by zero"),
        ('"a" - 1;', "not defined"),
        ("def f(x) { return f(x); } f(1);", "nested deeper"),
        ("select(1, 2, 3);", "select ends with"),
        ("aggregate(1, 2);", "selector first"),
        ("full + 1;", "not defined on selectors"),
        ("reverse(3);", "on one input"),
        ("(" * 500 + "1" + ")" * 500 + ";", "nested deeper"),
        ("1 if True else 2 if False else 3;", "in brackets"),
        ('load "nowhere";', "can't load"),
        ("x, y = 1;", "2 names"),
        ("10 ^ 100000000;", "too large"),
    ],
)
def test_wrong_programs_are_told_in_a_line(code, message):
    with pytest.raises(RaspError, match=message):
        Session().run(code)


def test_the_language_beside_s_ops(tmp_path):
    (tmp_path / "lib.rasp").write_text("_hidden = 1; seen = _hidden + 1;")
    session = Session(tmp_path)
    session.run(
        """
        load "lib";
        total = 0;  # a comment
        for a, b in zip([1, 2], [10, 20]) { total = total + a * b; }
        def both(x) { y = x + 1; return x, y; }
        p, q = both(5);
        table = {k: k ^ 2 for k in range(3)};
        looked = table[indices];
        last = tokens[-1];
        """
    )
    names = session.scope.names
    assert (names["seen"], names["total"], names["p"], names["q"]) == (2, 50, 5, 6)
    assert evaluate(names["looked"], "abc") == [0, 1, 4]
    assert evaluate(names["last"], "abc") == ["c", "c", "c"]
    assert "_hidden" not in names
    assert value(session, "1 / 3") == Fraction(1, 3)
    assert value(session, "not 1 == 2") is False  # `not` binds more tightly than ==


def test_steps_to_the_goal_are_read_from_the_log_so_that_a_resumed_run_counts_all(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text(
        '{"step": 50, "evaluation": {"accuracy": 0.4}}\n{"step": 75, "loss": 0.1}\n'
        '{"step": 100, "evaluation": {"accuracy": 0.96}}\n{"step": 150, "evaluation": {"accuracy": 0.9}}\n'
    )
    assert goal_reached(log) == 100
    log.write_text('{"step": 50, "evaluation": {"accuracy": 0.94}}\n')
    assert goal_reached(log) is None


def test_a_supervised_run_that_misses_the_goal_is_not_the_faster_one(tmp_path):
    """Supervision makes fewer steps in the same time; that alone must not confirm the claim."""
    torch.set_num_threads(1)
    scale = scale_of("smoke", minutes=0.003)
    steps = {}
    for supervised in (False, True):
        job = Job(0, tmp_path / str(supervised), tmp_path, lambda done: None)
        outcome = rasp.train_tagger(job, scale, scale.budget(smoke=1, laptop=1, paper=1), "reverse", 0, supervised)
        assert not outcome.facts["reached"]
        steps[supervised] = float(outcome.units["steps"][0, 0])
    assert steps[True] > 1e6 > steps[False] > 0
