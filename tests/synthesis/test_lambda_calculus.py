"""The λ-calculus: text, types, reduction, evaluation; the list and text primitives."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.errors import PhloemError
from phloem.synthesis.languages import list_functions, text_functions
from phloem.synthesis.languages.lambda_calculus import (
    Abstraction,
    Application,
    Index,
    Primitive,
    Term,
    abstracted,
    applied,
    beta_normal,
    eta_long,
    free_indices,
    infer,
    invention,
    parse_term,
    parts,
    show_term,
    size,
    substitute,
)
from phloem.synthesis.languages.lambda_machine import Machine, run
from phloem.synthesis.library import Library
from phloem.synthesis.polymorphic_types import (
    INT,
    T0,
    arrow,
    list_of,
    parse_type,
    resolve,
    unify,
)
from phloem.synthesis.weighted_grammar import WeightedGrammar

LANGUAGES = {
    "common": list_functions.COMMON,
    "mccarthy": list_functions.MCCARTHY,
    "rich": list_functions.RICH,
    "text": text_functions.TEXT,
}
NUMBERS = st.lists(st.integers(-5, 20), max_size=6).map(tuple)


GRAMMARS = {name: WeightedGrammar(Library(tuple(one.values()))) for name, one in LANGUAGES.items()}


def sampled(name: str, seed: int, request: str = "list(int) -> list(int)") -> Term:
    made = GRAMMARS[name].sample(parse_type(request), random.Random(seed), deepest=8)
    assert made is not None
    return made.term()


def requests(name: str) -> str:
    return "list(char) -> list(char)" if name == "text" else "list(int) -> list(int)"


@pytest.mark.parametrize("name", sorted(LANGUAGES))
@given(seed=st.integers(0, 10**9))
def test_random_programs_are_read_back_typed_and_run(name: str, seed: int) -> None:
    request = requests(name)
    term = sampled(name, seed, request)
    assert parse_term(show_term(term), LANGUAGES[name]) == term
    general = infer(term)
    assert unify(parse_type(request), general, {}) is not None
    assert eta_long(term, parse_type(request)) == term
    value = run(term, [tuple("ab,c") if name == "text" else (3, 1, 2)], fuel=500)
    assert value is None or isinstance(value, tuple)


@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_no_primitive_ends_in_a_python_error(name: str) -> None:
    rng = random.Random(1)
    grammar = GRAMMARS[name]
    machine = Machine()
    given = [tuple("x-y"), ()] if name == "text" else [(7, 0, 19, 2), ()]
    outcomes = set()
    for _ in range(300):
        made = grammar.sample(parse_type(requests(name)), rng, deepest=10)
        if made is not None:
            code = machine.compile(made.term())
            outcomes |= {machine.run(code, [one], 300) is None for one in given}
    assert outcomes == {True, False}


def test_programs_end_within_their_fuel() -> None:
    loop = parse_term("(lambda (fix1 $0 (lambda (lambda (+ ($1 (+ $0 1)) ($1 (+ $0 1)))))))", list_functions.MCCARTHY)
    assert run(loop, [0]) is None
    nested = parse_term("(lambda (unfold 0 (lambda (eq? 1 0)) (lambda $0) (lambda $0)))", list_functions.COMMON)
    assert run(nested, [0]) is None
    big = parse_term("(lambda (fold (range $0) $0 (lambda (lambda (* $0 $0)))))", list_functions.COMMON)
    assert run(big, [99]) is None
    assert run(big, [2]) == 16


@pytest.mark.parametrize(
    ("name", "program", "given", "wanted"),
    [
        ("common", "(lambda (map (lambda (* $0 $0)) $0))", (1, 2, 3), (1, 4, 9)),
        ("common", "(lambda (fold $0 0 (lambda (lambda (- $1 $0)))))", (1, 2, 3), 2),
        ("common", "(lambda (unfold $0 (lambda (empty? $0)) (lambda (car $0)) (lambda (cdr $0))))", (4, 5), (4, 5)),
        ("common", "(lambda (index (length (cdr $0)) $0))", (4, 5, 6), 6),
        ("common", "(lambda (index 1 $0))", (4,), None),
        ("common", "(lambda (if (is-prime (car $0)) (car (cdr $0)) 1))", (4,), 1),
        ("common", "(lambda (range (car $0)))", (100,), None),
        ("common", "(lambda (is-square (car $0)))", (49,), True),
        ("common", "(lambda (mod (car $0) 0))", (49,), None),
        (
            "mccarthy",
            "(lambda (fix1 $0 (lambda (lambda (if (empty? $0) 0 (+ 1 ($1 (cdr $0))))))))",
            tuple(range(19)),
            19,
        ),
        (
            "mccarthy",
            "(lambda (fix1 $0 (lambda (lambda (if (empty? $0) 0 (+ 1 ($1 (cdr $0))))))))",
            tuple(range(20)),
            None,
        ),
        ("rich", "(lambda (reducei (lambda (lambda (lambda (+ $0 (+ $1 $2))))) 0 $0))", (5, 5), 11),
        ("rich", "(lambda (mapi (lambda (lambda (+ $0 $1))) $0))", (5, 5), (5, 6)),
        ("rich", "(lambda (filter (lambda (gt? $0 2)) (sort $0)))", (5, 1, 3), (3, 5)),
        ("rich", "(lambda (slice 1 3 (reverse $0)))", (5, 1, 3), (1, 5)),
        ("text", "(lambda (map (lambda (if (char-eq? $0 DOT) DASH $0)) $0))", tuple("a.b"), tuple("a-b")),
    ],
)
def test_golden(name: str, program: str, given: tuple[object, ...], wanted: object) -> None:
    assert run(parse_term(program, LANGUAGES[name]), [given]) == wanted


@given(st.integers(0, 10**9), NUMBERS)
def test_a_program_means_what_its_expansion_means(seed: int, numbers: tuple[int, ...]) -> None:
    """Inventions are evaluated when needed: abstracting a part changes no value."""
    term = sampled("common", seed)
    assert isinstance(term, Abstraction)
    body = term.body
    closed = invention(abstracted(body, 1 + max(free_indices(body), default=-1)))
    called = applied(closed, *(Index(i) for i in range(closed_arity(closed) - 1, -1, -1)))
    assert run(Abstraction(called), [numbers]) == run(term, [numbers])
    assert beta_normal(Abstraction(called)) == beta_normal(term)


def closed_arity(term: Term) -> int:
    lambdas, body = 0, term.body  # type: ignore[union-attr]
    while isinstance(body, Abstraction):
        lambdas, body = lambdas + 1, body.body
    return lambdas


def test_a_conditional_in_an_invention_evaluates_one_branch() -> None:
    text = "(lambda (#(lambda (lambda (if (empty? $0) 0 $1))) (car $0) $0))"
    assert run(parse_term(text, list_functions.COMMON), [()]) == 0
    assert run(parse_term(text, list_functions.COMMON), [(4,)]) == 4


@given(st.integers(0, 10**9))
def test_substitution_undoes_a_beta_redex(seed: int) -> None:
    term = sampled("common", seed)
    assert isinstance(term, Abstraction)
    value = parse_term("(cons 1 empty)", list_functions.COMMON)
    assert beta_normal(Application(term, value)) == beta_normal(substitute(term.body, value))
    assert size(term) == len(list(parts(term)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(lambda (foo $0))", "unknown primitive 'foo'"),
        ("(lambda)", "one body"),
        ("()", "empty application"),
        ("(cons 1", "never closed"),
        ("0 1", "expected one program"),
        ("(#)", "nothing after"),
        ("#(lambda $1)", "not bound"),
    ],
)
def test_what_is_not_understood_is_named(text: str, message: str) -> None:
    with pytest.raises(PhloemError, match=message):
        parse_term(text, list_functions.COMMON)


def test_types() -> None:
    assert str(parse_type("list(int) -> (int -> t0) -> list(t0)")) == "list(int) -> (int -> t0) -> list(t0)"
    for wrong in ("", "list(", "int ->", "(int", "int)", "list(int,)", "-> int"):
        with pytest.raises(PhloemError, match="not a type"):
            parse_type(wrong)
    assert unify(T0, list_of(T0), {}) is None, "no infinite type"
    bound = unify(arrow(T0, T0), arrow(list_of(INT), parse_type("t1")), {})
    assert bound is not None
    assert resolve(parse_type("t1"), bound) == list_of(INT)
    with pytest.raises(PhloemError, match="no type"):
        infer(parse_term("(+ empty 1)", list_functions.COMMON))
    assert str(infer(parse_term("(lambda (lambda (map $0 (cdr $1))))", list_functions.COMMON))) == (
        "list(t0) -> (t0 -> t1) -> list(t1)"
    )


def test_every_primitive_of_the_row_is_there() -> None:
    common = "0 1 map unfold range index fold length if + - empty cons car cdr empty? * mod gt? eq? is-prime is-square"
    assert set(common.split()) == set(list_functions.COMMON)
    mccarthy = "empty cons car cdr empty? gt? if eq? + - 0 1 fix1"
    assert set(mccarthy.split()) == set(list_functions.MCCARTHY)
    rich = "0 1 2 3 4 5 empty singleton range ++ mapi reducei true not and or sort + * negate mod eq? gt? is-prime"
    rich += " is-square sum reverse all any index filter slice"
    assert set(rich.split()) == set(list_functions.RICH)
    constants = text_functions.with_constants(["Dr. Who", "Dr. No"])
    assert set(constants) - set(text_functions.TEXT) == {"STRING"}
    assert isinstance(constants["STRING"], Primitive)
    assert constants["STRING"].value == tuple("Dr. ")
