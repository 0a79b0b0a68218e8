"""DreamCoder's grammar, enumeration, refactoring, compression and recognition."""

import math
import random
from collections import Counter
from itertools import islice

import numpy as np
import pytest
import torch

from phloem.corpora.dreamcoder_tasks import text_tasks
from phloem.nn.models.recognition import Recognition
from phloem.synthesis.compression import Frontier, compress, objective
from phloem.synthesis.languages.lambda_calculus import (
    Abstraction,
    Term,
    beta_normal,
    eta_long,
    infer,
    invention,
    leaves,
    parse_term,
    show_term,
    size,
)
from phloem.synthesis.languages.list_functions import COMMON, MCCARTHY, MULTIPLY
from phloem.synthesis.library import Library
from phloem.synthesis.polymorphic_types import Polytype, is_arrow, parse_type, shifted, signature, unify, variables
from phloem.synthesis.recognition import (
    ExampleTask,
    Lessons,
    Tokens,
    collate,
    contextual,
    fantasies,
    lesson,
    predicted,
    starting_at,
)
from phloem.synthesis.refactorings import EMPTY, Spaces
from phloem.synthesis.top_down import WINDOW, Enumerator
from phloem.synthesis.wake_sleep import Search, solve_together
from phloem.synthesis.weighted_grammar import WeightedGrammar, estimate, uses

NUMBERS = parse_type("list(int) -> list(int)")
SMALL = tuple(MCCARTHY[name] for name in ("empty", "cons", "car", "cdr", "if", "empty?", "+", "1"))


def grammar(seed: int = 0, primitives: tuple = SMALL) -> WeightedGrammar:
    weights = np.random.default_rng(seed).normal(0, 0.7, len(primitives) + 1)
    return WeightedGrammar(Library(primitives), weights)


def brute_force(
    rules: WeightedGrammar, request: Polytype, environment: tuple, bound: dict, free: int, left: float
) -> list[tuple[float, Term, dict, int]]:
    """Every term cheaper than `left`, by the definition alone: no tables, no canonical problems."""
    from phloem.synthesis.languages.lambda_calculus import Index, applied
    from phloem.synthesis.polymorphic_types import resolve

    request = resolve(request, bound)
    if is_arrow(request):
        argument, result = request.arguments
        found = brute_force(rules, result, (argument, *environment), bound, free, left)
        return [(cost, Abstraction(term), then, next_free) for cost, term, then, next_free in found]
    fitting = []
    for child, production in enumerate(rules.library.productions):
        instance = shifted(production.type, free)
        after = free + len(set(variables(instance)))
        unified = unify(signature(instance)[1], request, bound)
        if unified is not None:
            fitting.append((rules.weights[0, child], production, signature(instance)[0], unified, after))
    inside = []
    for depth, type in enumerate(environment):
        arguments, result = signature(resolve(type, bound))
        unified = unify(result, request, bound)
        if unified is not None:
            inside.append((Index(depth), arguments, unified, free))
    fitting += [(rules.weights[0, -1] - math.log(len(inside)), *one) for one in inside]
    normal = np.logaddexp.reduce([one[0] for one in fitting]) if fitting else 0.0
    results = []
    for weight, head, arguments, unified, after in fitting:
        partial = [(float(normal - weight), (), unified, after)]
        for argument in arguments:
            partial = [
                (cost + more, (*terms, term), then, later)
                for cost, terms, known, now in partial
                if cost < left
                for more, term, then, later in brute_force(rules, argument, environment, known, now, left - cost)
            ]
        results += [(cost, applied(head, *terms), k, f) for cost, terms, k, f in partial if cost < left]
    return results


@pytest.mark.row("S055", 1)
def test_the_prior_normalises_and_sampler_and_scorer_agree() -> None:
    rules = grammar(1)
    enumerator, total, before = Enumerator(rules), 0.0, 0.0
    for bound, programs in islice(enumerator.windows(NUMBERS), 8):
        total += sum(math.exp(-program.cost) for program in programs)
        assert before <= total <= 1 + 1e-9, bound
        before = total
    assert total > 0.3
    rng = random.Random(0)
    for _ in range(10_000):
        made = rules.sample(NUMBERS, rng, deepest=8)
        assert made is not None
        assert abs(made.cost - rules.cost(NUMBERS, made.term())) < 1e-9


@pytest.mark.row("S055", 2)
@pytest.mark.parametrize("request_", ["list(int) -> list(int)", "int -> (int -> int) -> int"])
@pytest.mark.parametrize("seed", [0, 1])
def test_enumeration_by_windows_is_complete_and_without_duplicates(request_: str, seed: int) -> None:
    rules, wanted = grammar(seed), parse_type(request_)
    end = 6 * WINDOW
    found: list[tuple[float, Term]] = []
    for high, programs in islice(Enumerator(rules).windows(wanted), 6):
        window = [(program.cost, program.term()) for program in programs]
        assert all(high - WINDOW <= cost < high for cost, _ in window)
        found += window
    plain = {term: cost for cost, term, _, _ in brute_force(rules, wanted, (), {}, 0, end)}
    assert len({term for _, term in found}) == len(found)
    assert {term for _, term in found} == set(plain)
    assert all(abs(cost - plain[term]) < 1e-9 for cost, term in found)
    assert len(found) > 20


INPUTS = ("list(int) -> list(int)", "list(int) -> int", "list(int) -> bool", "list(int) -> list(int) -> list(int)")


@pytest.mark.row("S055", 3)
def test_inverse_beta_reduces_to_what_it_came_from() -> None:
    spaces = Spaces()
    sum_of_ones = spaces.of(parse_term("(+ 1 1)", COMMON))
    texts = {show_term(term) for term in spaces.terms(spaces.step_back(sum_of_ones))}
    assert "((lambda (+ $0 $0)) 1)" in texts
    rules = WeightedGrammar(Library(tuple(COMMON.values())))
    known = [
        program.term()
        for request in map(parse_type, (*INPUTS, "int -> int", "int -> bool", "int -> list(int)"))
        for program in Enumerator(rules).between(request, 0.0, 12.0)
    ]
    programs = random.Random(0).sample([term for term in known if size(term) <= 7], 200)
    checked = 0
    for term in programs:
        spaces = Spaces()
        for space in spaces.steps_back(spaces.of(term), 2):
            for other in spaces.terms(space):
                assert beta_normal(other, inventions=False) == term
                checked += 1
    assert checked > 10_000


def mapped(body: str) -> Frontier:
    text = f"(lambda (fix1 $0 (lambda (lambda (if (empty? $0) empty (cons {body} ($1 (cdr $0))))))))"
    return Frontier(NUMBERS, ((parse_term(text, MCCARTHY | {"*": MULTIPLY}), 0.0),))


MAPS = [mapped("(+ (car $0) (car $0))"), mapped("(* (car $0) (car $0))"), mapped("(+ (car $0) 1)")]


@pytest.mark.row("S055", 4)
@pytest.mark.parametrize("steps", [1, 2])
def test_map_is_invented_from_double_square_and_increment(steps: int) -> None:
    library = Library((*MCCARTHY.values(), MULTIPLY))
    heard = []
    found = compress(library, MAPS, steps=steps, most_candidates=40, accepted=heard.append)
    values = [found.first, *(step.objective for step in found.steps)]
    assert values == sorted(values)
    assert tuple(heard) == found.steps
    assert values[-1] == pytest.approx(objective(found.library, found.frontiers))
    maps = [step for step in found.steps if is_map(step.invention.body)]
    if steps == 1:
        assert not maps
    else:
        assert [step.tasks for step in maps] == [3]
    for before, after in zip(MAPS, found.frontiers, strict=True):
        assert beta_normal(after.programs[0][0]) == beta_normal(before.programs[0][0])


def is_map(body: Term) -> bool:
    """Whether the function is map, whatever the order of its arguments."""
    recursion = "(fix1 {xs} (lambda (lambda (if (empty? $0) empty (cons ({f} (car $0)) ($1 (cdr $0)))))))"
    orders = [recursion.format(xs="$0", f="$3"), recursion.format(xs="$1", f="$2")]
    return body in [parse_term(f"(lambda (lambda {order}))", MCCARTHY) for order in orders]


@pytest.mark.row("S055", 5)
def test_equal_logits_are_the_unconditional_grammar() -> None:
    plain = grammar(4)
    rows = contextual(plain)
    rng = random.Random(5)
    task = ExampleTask("t", NUMBERS, (((((1, 2),), (2,))),))
    tokens = Tokens([task])
    model = Recognition(len(tokens), *rows.weights.shape)
    with torch.no_grad():
        model.weights.weight.zero_()
        model.weights.bias.copy_(torch.from_numpy(rows.weights.copy()).float().flatten())
    guessed = predicted(model, plain, tokens, task)
    for _ in range(200):
        made = plain.sample(NUMBERS, rng)
        assert made is not None
        assert rows.cost(NUMBERS, made.term()) == pytest.approx(made.cost, abs=1e-9)
        assert guessed.cost(NUMBERS, made.term()) == pytest.approx(made.cost, abs=1e-5)
        lessons = Lessons([one for one in [lesson(tokens, task, rows, made.term())] if one])
        from phloem.learn.objectives.program_likelihood import ProgramLikelihood

        loss = ProgramLikelihood()(
            lambda batch: torch.from_numpy(rows.weights.copy())[None], lessons.batch(np.arange(1), None)
        )
        shared = uses(plain.library, NUMBERS, made.term())
        assert shared is not None
        assert float(loss.value) == pytest.approx(made.cost - shared.variables, abs=1e-6)


def test_weights_are_estimated_from_uses() -> None:
    library = Library(SMALL)
    terms = [parse_term(text, MCCARTHY) for text in ("(lambda (cdr (cdr $0)))", "(lambda (cons 1 $0))")]
    counted = [uses(library, NUMBERS, term) for term in terms]
    assert counted[0] is not None
    assert counted[1] is not None
    assert counted[0].actual == Counter({library.number[MCCARTHY["cdr"]]: 2, -1: 1})
    weights = estimate(library, [[(counted[0], 0.0)], [(counted[1], 0.0)]], pseudocount=1.0)
    rules = WeightedGrammar(library, weights)
    for term, one in zip(terms, counted, strict=True):
        assert one is not None
        assert one.cost(weights) == pytest.approx(rules.cost(NUMBERS, term))
    assert rules.cost(NUMBERS, terms[0]) < WeightedGrammar(library).cost(NUMBERS, terms[0])


def test_a_library_extended_fits_what_a_fresh_one_fits() -> None:
    second = invention(parse_term("(lambda (car (cdr $0)))", MCCARTHY))
    base = Library(SMALL)
    base_rules = WeightedGrammar(base)
    assert base_rules.cost(NUMBERS, parse_term("(lambda (cons 1 $0))", MCCARTHY)) < math.inf
    extended, fresh = base.extended(second), Library((*SMALL, second))
    for seed in range(50):
        made = WeightedGrammar(fresh).sample(NUMBERS, random.Random(seed))
        assert made is not None
        assert WeightedGrammar(extended).cost(NUMBERS, made.term()) == pytest.approx(made.cost)
    assert fresh.size == len(SMALL) + leaves(second.body) == len(SMALL) + 3


def test_continuations_end_with_the_innermost_variable() -> None:
    from phloem.synthesis.languages.lambda_calculus import Index, Primitive
    from phloem.synthesis.polymorphic_types import TypeConstructor, arrow

    turtle = TypeConstructor("turtle")
    move = Primitive("move", arrow(turtle, turtle), lambda state: state)
    around = Primitive("around", arrow(arrow(turtle, turtle), turtle, turtle), lambda body, state: body(state))
    rules = WeightedGrammar(Library((move, around), continuation=turtle))
    inner = [Index(0)]
    for program in islice((p for _, w in islice(Enumerator(rules).windows(arrow(turtle, turtle)), 5) for p in w), 200):
        assert all(term in inner or not isinstance(term, Index) for term in _ends(program.term()))


def _ends(term: Term) -> list[Term]:
    from phloem.synthesis.languages.lambda_calculus import parts

    return list(parts(term))


def test_fantasies_are_the_most_probable_programs_of_their_outcomes() -> None:
    task = ExampleTask("t", NUMBERS, tuple(((tuple(range(k, k + 4)),), ()) for k in range(3)))
    rules = grammar(6)
    made = fantasies(rules, [task], 300, random.Random(0))
    outcomes = [repr(one.examples) for one, _ in made]
    assert len(set(outcomes)) == len(outcomes) > 5
    copy = [show_term(term) for one, term in made if all(row[0] == output for row, output in one.examples)]
    assert copy in ([], ["(lambda $0)"])


def test_rewritten_programs_keep_their_type_and_meaning() -> None:
    library = Library((*MCCARTHY.values(), MULTIPLY))
    found = compress(library, MAPS, steps=1, most_candidates=20)
    for frontier in found.frontiers:
        for term, _ in frontier.programs:
            assert eta_long(term, NUMBERS) == term
            assert unify(infer(term), NUMBERS, {}) is not None
    assert found.grammar().cost(NUMBERS, found.frontiers[0].programs[0][0]) < math.inf


def test_spaces_are_shared_and_empty_ones_vanish() -> None:
    spaces = Spaces()
    one = spaces.of(parse_term("(+ 1 1)", COMMON))
    assert spaces.of(parse_term("(+ 1 1)", COMMON)) == one
    assert spaces.apply(one, EMPTY) == EMPTY == spaces.abstract(EMPTY)
    other = spaces.of(parse_term("(+ 1 0)", COMMON))
    both = spaces.union([one, other])
    assert spaces.intersection(both, one) == one
    assert spaces.intersection(one, other) == EMPTY
    assert len(list(spaces.terms(both))) == 2


def test_tasks_of_one_type_are_searched_together_as_if_alone() -> None:
    rules = grammar(0)
    rows = [((4, 5, 6),), ((1, 2, 3),)]
    tasks = [
        ExampleTask("tail", NUMBERS, tuple((row, row[0][1:]) for row in rows)),
        ExampleTask("second", NUMBERS, tuple((row, row[0][2:]) for row in rows)),
        ExampleTask("impossible", NUMBERS, tuple((row, (99,)) for row in rows)),
    ]
    search = Search(math.inf, programs=400)
    together = solve_together(rules, tasks, search)
    alone = {name: one for task in tasks for name, one in solve_together(rules, [task], search).items()}
    assert set(together) == {"tail", "second"}
    assert {name: (one.programs, one.tried) for name, one in together.items()} == {
        name: (one.programs, one.tried) for name, one in alone.items()
    }


def test_the_untrained_model_predicts_the_grammar() -> None:
    rules = contextual(grammar(1))
    task = ExampleTask("t", NUMBERS, ((((1, 2),), (2,)),))
    tokens = Tokens([task])
    model = starting_at(Recognition(len(tokens), *rules.weights.shape), rules)
    assert np.abs(predicted(model, rules, tokens, task).weights - rules.weights).max() < 0.2
    batch = collate([one for one in [lesson(tokens, task, rules, parse_term("(lambda (cdr $0))", MCCARTHY))] if one])
    assert batch.possible.shape == (2, len(SMALL) + 1)


def test_text_tasks_are_what_their_names_say() -> None:
    made = {task.name: task for task in text_tasks(3)}
    assert len(made) > 70
    for (given,), output in made["dash to dot"].examples:
        assert "".join(given).replace("-", ".") == "".join(output)
    assert [task.name for task in text_tasks(3)] == [task.name for task in text_tasks(3)]
