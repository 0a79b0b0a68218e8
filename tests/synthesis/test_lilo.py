"""Stitch, the regular-expression edits, documentation, and the loop that joins them."""

import keyword
import random

import pytest
import torch

from phloem.corpora.re2_tasks import edit_tasks
from phloem.errors import PhloemError
from phloem.synthesis import autodoc, dual_system, stitch
from phloem.synthesis.autodoc import Documented, Usage
from phloem.synthesis.dual_system import Described, Settings, recompressed
from phloem.synthesis.languages.lambda_calculus import beta_normal, parse_term, show_term
from phloem.synthesis.languages.lambda_machine import run
from phloem.synthesis.languages.list_functions import COMMON
from phloem.synthesis.languages.re2 import CONSONANT, EDIT, RE2, VOWEL, match, split
from phloem.synthesis.library import Library
from phloem.synthesis.polymorphic_types import parse_type
from phloem.synthesis.recognition import ExampleTask
from phloem.synthesis.wake_sleep import Search
from phloem.synthesis.weighted_grammar import WeightedGrammar
from phloem.systems.synthesis.lilo import shortened

NESTED = ["(h (k (k q q) q))", "(m (k (k (w 1) (w 1)) (w 1)))", "(n 0)"]
SQUARES = ["(lam (* (+ $0 1) (+ $0 1)))", "(lam (* (+ 7 $0) (+ 7 $0)))", "(lam (map (lam (* (- $0 2) (- $0 2))) $0))"]


def random_program(rng: random.Random, depth: int, bound: int = 0) -> str:
    point = rng.random()
    if depth == 0 or point < 0.2:
        return rng.choice(["a", "b", "c", *(f"${i}" for i in range(bound))])
    if point < 0.35:
        return f"(lam {random_program(rng, depth - 1, bound + 1)})"
    arguments = " ".join(random_program(rng, depth - 1, bound) for _ in range(rng.randint(1, 2)))
    return f"({rng.choice('fgh')} {arguments})"


@pytest.mark.row("S032", 1)
@pytest.mark.parametrize("engine", [stitch.compress, stitch.compress_with_engine])
def test_the_published_examples(engine) -> None:
    if engine is stitch.compress_with_engine:
        pytest.importorskip("stitch_core")
    learned = engine(NESTED, arity=2, iterations=1)
    assert [one.body for one in learned.abstractions] == ["(k (k #0 #0) #0)"]
    assert learned.programs == ("(h (fn_0 q))", "(m (fn_0 (w 1)))", "(n 0)")
    assert (learned.cost_before, learned.cost_after) == (1714, 906)
    learned = engine(SQUARES, arity=2, iterations=1)
    assert [one.body for one in learned.abstractions] == ["(* #0 #0)"]
    assert (learned.cost_before, learned.cost_after) == (2324, 1415)


@pytest.mark.row("S032", 1)
def test_parity_with_stitch_core_on_random_corpora() -> None:
    """Of abstractions with the same utility each engine takes one; all else is equal."""
    pytest.importorskip("stitch_core")
    rng = random.Random(0)
    ties = 0
    for _ in range(50):
        programs = [random_program(rng, 5) for _ in range(12)]
        ours = stitch.compress(programs, arity=2, iterations=1)
        theirs = stitch.compress_with_engine(programs, arity=2, iterations=1)
        assert ours.cost_before == theirs.cost_before
        assert [one.utility for one in ours.abstractions] == [one.utility for one in theirs.abstractions]
        if [one.body for one in ours.abstractions] == [one.body for one in theirs.abstractions]:
            assert ours.cost_after == theirs.cost_after
            assert ours.programs == theirs.programs
        else:
            ties += 1
    assert ties <= 7


def unfolded(programs: tuple[str, ...], learned: stitch.Learned) -> list[str]:
    """Every call replaced by its body, by plain reduction of λ-terms over uninterpreted names."""
    corpus = stitch.Corpus()
    names = {name for text in programs for name in text.replace("(", " ").replace(")", " ").split()}
    from phloem.synthesis.languages.lambda_calculus import Primitive, abstracted, rewritten

    known = {name: Primitive(name, parse_type("t0"), None) for name in names if name[0] not in "$#"}
    bodies: dict[str, object] = {}
    for one in learned.abstractions:
        text = one.body
        from phloem.synthesis.sexpressions import read

        names = {token for token in text.replace("(", " ").replace(")", " ").split() if token[0] not in "$#"}
        known |= {name: Primitive(name, parse_type("t0"), None) for name in names - set(known)}
        bodies[one.name] = abstracted(dual_system._term(read(text)[0], known, one.arity), one.arity)

    def opened(term):
        return rewritten(term, lambda part: opened(bodies[part.name]) if getattr(part, "name", "") in bodies else None)

    texts = []
    for program in programs:
        term = opened(parse_term(program.replace("(lam ", "(lambda "), known))
        texts.append(corpus.text(corpus.parse(show_term(beta_normal(term)))))
    return texts


@pytest.mark.row("S032", 2)
def test_rewritten_programs_reduce_to_the_originals_and_cost_never_grows() -> None:
    rng = random.Random(1)
    for _ in range(12):
        programs = [random_program(rng, 4) for _ in range(8)]
        costs = []
        for iterations in (1, 2, 4):
            learned = stitch.compress(programs, arity=2, iterations=iterations)
            costs.append(learned.cost_after)
            assert unfolded(learned.programs, learned) == unfolded(tuple(programs), learned)
        assert [learned.cost_before, *costs] == sorted([learned.cost_before, *costs], reverse=True)


@pytest.mark.row("S032", 2)
def test_a_frontier_keeps_its_meaning_in_the_compressed_library() -> None:
    rules, request = WeightedGrammar(Library(tuple(COMMON.values()))), parse_type("list(int) -> list(int)")
    rng = random.Random(2)
    made = {f"t{i}": rules.sample(request, rng, deepest=5) for i in range(40)}
    solved = {ExampleTask(name, request, ()): one.term() for name, one in made.items() if one is not None}
    library, terms = recompressed(COMMON, solved, Settings(Search(1.0), Search(1.0)))
    assert library.inventions
    for task, term in solved.items():
        assert beta_normal(terms[task.name]) == beta_normal(term)
        assert WeightedGrammar(library).cost(request, terms[task.name]) < float("inf")


SPLIT = "(_rsplit (_rconcat _a _n) $0)"
FOUND = "(_rmatch (_rconcat _a _n) $0)"


@pytest.mark.row("S032", 3)
@pytest.mark.parametrize(
    ("program", "given", "wanted"),
    [
        (f"(lambda (_rflatten (map (lambda (if {FOUND} _u $0)) {SPLIT})))", "banana", "buua"),
        (f"(lambda (_rflatten (map (lambda (if {FOUND} (_rconcat _u $0) $0)) {SPLIT})))", "banana", "buanuana"),
        (f"(lambda (_rflatten (map (lambda (if {FOUND} (_rconcat $0 _u) $0)) {SPLIT})))", "banana", "banuanua"),
        (f"(lambda (_rflatten (map (lambda (if {FOUND} _rempty $0)) {SPLIT})))", "banana", "ba"),
        (f"(lambda (_rflatten (cons _u (cdr {SPLIT}))))", "anban", "uban"),
        (f"(lambda (_rflatten (_rappend _u (_rrevcdr {SPLIT}))))", "anban", "anbu"),
    ],
)
def test_edits(program: str, given: str, wanted: str) -> None:
    assert run(parse_term(program, RE2), [given]) == wanted


def test_patterns() -> None:
    assert split("", "abc") == ("a", "b", "c")
    assert split("((a)", "abc") == ("abc",)
    assert not match("((a)", "((a)")
    assert split("an", "banana") == ("b", "an", "an", "a")
    assert (VOWEL.value, CONSONANT.value) == ("(a|e|i|o|u)", "[^aeiou]")
    assert not {"_rvowel", "_rconsonant"} & set(RE2)
    assert len(RE2) == 26 + 2 + 3 + 6 + 5
    grown = "_a"
    for _ in range(8):
        grown = f"(_rconcat {grown} {grown})"
    assert run(parse_term(f"(lambda (_rflatten (_rsplit {grown} $0)))", RE2), ["a"]) is None


VERBS = ["replace", "remove", "double", "swap", "reverse", "join", "rotate", "count"]
THINGS = ["vowels", "digits", "spaces", "commas", "words", "letters", "lines", "brackets"]


def usages(seed: int) -> dict[str, list[Usage]]:
    """Eight functions, each used for one verb on many things."""
    rng = random.Random(seed)
    return {
        f"f{i}": [Usage(f"{verb} the {rng.choice(THINGS)} of the text", "") for _ in range(6)]
        for i, verb in enumerate(VERBS)
    }


@pytest.mark.row("S032", 4)
def test_names_are_unique_identifiers_that_fit_their_uses() -> None:
    uses = usages(0)
    functions = dict.fromkeys(uses, "tsubstr -> tfullstr -> tfullstr")
    documented = autodoc.document(functions, uses)
    names = [one.name for one in documented.values()]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in names)
    assert autodoc.retrieval(documented, uses) > 0.6
    every = [usage for many in uses.values() for usage in many]
    random.Random(1).shuffle(every)
    shuffled = {name: every[6 * i : 6 * i + 6] for i, name in enumerate(uses)}
    assert autodoc.retrieval(autodoc.document(functions, shuffled), uses) < 0.3


def test_an_external_writer_names_and_falls_back() -> None:
    def writer(name, type, uses, before):
        return Documented("class", "A word of Python.") if name == "f0" else None

    documented = autodoc.document(dict.fromkeys(["f0", "f1", "f2"], "int -> int"), {}, writer)
    assert [one.name for one in documented.values()] == ["f_class", "int_int", "int_int_2"]


def test_generated_edits_are_described_and_true() -> None:
    tasks = edit_tasks(60, 1)
    assert len({task.name for task in tasks}) == 60
    assert [task.name for task in edit_tasks(60, 1)] == [task.name for task in tasks]
    for task in tasks:
        if task.name.startswith("remove") and "[" not in task.name and "." not in task.name:
            letters = task.name.split()[1]
            assert all(given.replace(letters, "") == wanted for given, wanted in task.examples)
        assert any(given != wanted for given, wanted in task.examples)


def test_programs_are_adapted_from_the_nearest_description(tmp_path) -> None:
    torch.set_num_threads(1)
    program = parse_term("(lambda (_rflatten (_rappend _a (_rsplit _rempty $0))))", RE2)

    def described(letter: str) -> Described:
        task = ExampleTask(letter, EDIT, ((("bob",), f"bob{letter}"), (("x",), f"x{letter}")))
        return Described(task, f"put {letter} at the end")

    rules = WeightedGrammar(Library(tuple(RE2.values())))
    settings = Settings(Search(1.0), Search(1.0), seconds=None, epochs=1)
    solver = dual_system.Conditional.trained(rules, [(described("a"), program)], {}, settings, 0, tmp_path)
    found = solver.solve(described("q"), random.Random(0))
    assert found is not None
    assert show_term(found) == "(lambda (_rflatten (_rappend _q (_rsplit _rempty $0))))"


@pytest.mark.parametrize("text", ["(lam)", "()", "(a", "a b", ""])
def test_what_is_no_program_is_refused(text: str) -> None:
    with pytest.raises(PhloemError):
        stitch.compress([text])


def test_what_search_finds_is_counted_apart_and_test_tasks_are_not_learned_from(tmp_path) -> None:
    """The describing solver adapts a training program for a test task that few programs of search do not reach."""
    torch.set_num_threads(1)

    def described(letter: str) -> Described:
        examples = tuple(((word,), word + letter) for word in ("bob", "xyz", "ax"))
        return Described(ExampleTask(f"end {letter}", EDIT, examples), f"put {letter} at the end")

    search = Search(float("inf"), keep=1, programs=20_000)
    settings = Settings(search, search._replace(programs=50), 2, seconds=None, epochs=1)
    rounds = list(dual_system.learn(RE2, [described("a")], [described("q")], settings, seed=0, folder=tmp_path))
    assert set(rounds[0].train) == {"end a"}
    assert not rounds[0].test
    assert rounds[1].by_description == 1
    assert set(rounds[1].test) == {"end q"}
    assert rounds[1].searched <= set(rounds[1].test)
    assert not rounds[0].searched
    assert set(rounds[0].nats) == {"end a"}


def test_lengths_are_compared_over_tasks_solved_both_times() -> None:
    assert shortened({"easy": 10.0, "lost": 90.0}, {"easy": 8.0, "hard": 50.0}) == pytest.approx(0.2)
    assert shortened({}, {"hard": 50.0}) == 0.0
