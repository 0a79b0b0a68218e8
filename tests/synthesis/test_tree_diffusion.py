"""Drawing languages, small edits of trees, paths of edits, and the search that edits programs."""

import math
from itertools import pairwise
from random import Random

import numpy as np
import pytest
import torch

from phloem.errors import PhloemError
from phloem.learn.objectives.edit_likelihood import EditLikelihood
from phloem.nn.models.tree_edit_policy import EOS, SOS, SPECIAL, EditPolicy
from phloem.synthesis.languages import csg, tiny_svg
from phloem.synthesis.tree_diffusion import (
    Codes,
    Domain,
    EditExamples,
    _next_logits,
    beam_search,
    best_of,
    csg_domain,
    example,
    propose,
)
from phloem.synthesis.tree_edits import SMALL, Edit, differences, find_path, mutate
from phloem.synthesis.tree_grammar import Reader, Tree, text, tokens_of

GRAMMARS = {"csg": csg.GRAMMAR, "tiny-svg": tiny_svg.GRAMMAR}


def drawn(program: str, **options: bool) -> np.ndarray:
    return csg.render(csg.GRAMMAR.parse(tokens_of(program)), **options)


def tiny(domain: Domain, seed: int = 0) -> EditPolicy:
    torch.manual_seed(seed)
    return EditPolicy(len(domain.grammar.vocabulary), domain.longest, width=16, layers=1, heads=2).eval()


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.row("S049", 1)
@pytest.mark.parametrize("name", sorted(GRAMMARS))
def test_every_noised_program_parses(name: str) -> None:
    grammar, rng, checked = GRAMMARS[name], Random(0), 0
    while checked < 4_500:
        tree = grammar.sample(rng, rng.randint(1, 4))
        for _ in range(5):
            before = grammar.tokens(tree)
            edit, tree = mutate(grammar, tree, rng)
            assert grammar.parse(edit.apply(before)) == tree
            assert grammar.tokens(tree) != before
            checked += 1


@pytest.mark.row("S049", 1)
@torch.no_grad()
def test_every_decoded_edit_parses_and_without_the_mask_few_do() -> None:
    domain = csg_domain(primitives=(1, 2), pixels=16)
    model, codes, rng = tiny(domain), Codes(domain), Random(1)
    generator = torch.Generator().manual_seed(0)
    decoded = 0
    for _ in range(10):
        programs = [domain.sample(rng) for _ in range(100)]
        for one in propose(model, codes, programs, domain.draw(domain.sample(rng)), generator):
            if one is not None:
                domain.grammar.parse(one.program)
                decoded += 1
    assert decoded > 900
    invalid = sum(not free_running(model, codes, domain.sample(rng), generator) for _ in range(20))
    assert invalid > 10


def free_running(model: EditPolicy, codes: Codes, tree: Tree, generator: torch.Generator) -> bool:
    """Whether an edit sampled from all tokens makes a program."""
    before = codes.domain.grammar.tokens(tree)
    row = [*codes.of(before), SOS]
    picture = codes.domain.draw(tree)
    seen = model.pictures(torch.from_numpy(codes.pictures(picture, picture))[None].float())
    while len(row) < len(before) + 12 and row[-1] != EOS:
        with torch.no_grad():
            row.append(int(torch.multinomial(_next_logits(model, [row], seen)[0].softmax(0), 1, generator=generator)))
    place, *new = row[len(before) + 1 :]
    first = codes.place(0)
    if row[-1] != EOS or place < first or any(not SPECIAL <= token < first for token in new[:-1]):
        return False
    start = place - first
    try:
        end = codes.domain.grammar.editable(tree)[start][0]
        words = tuple(codes.names[token - SPECIAL] for token in new[:-1])
        codes.domain.grammar.parse(Edit(start, end, words).apply(before))
    except (KeyError, PhloemError):
        return False
    return True


@pytest.mark.row("S049", 2)
@pytest.mark.parametrize("name", sorted(GRAMMARS))
def test_paths_end_in_the_target_by_small_edits(name: str) -> None:
    grammar, rng, given_up = GRAMMARS[name], Random(2), 0
    for number in range(1_000):
        sizes = [(8, 1), (1, 8)][number % 2] if number < 200 else (rng.randint(1, 8), rng.randint(1, 8))
        start, target = (grammar.sample(rng, size) for size in sizes)
        path = find_path(grammar, start, target, rng)
        if path is None:
            given_up += 1
            continue
        program = grammar.tokens(start)
        for edit in path:
            program = edit.apply(program)
            assert sum(token in SHAPES for token in edit.tokens) <= SMALL
        assert program == grammar.tokens(target)
    assert given_up < 10


SHAPES = {"Circle", "Quad", "Rectangle", "Ellipse", "Move"}


def test_a_round_of_differences_has_disjoint_places() -> None:
    grammar, rng = csg.GRAMMAR, Random(3)
    for _ in range(100):
        start, target = grammar.sample(rng, 5), grammar.sample(rng, 5)
        edits = sorted(differences(grammar, start, target, rng))
        assert all(one.end <= other.start for one, other in pairwise(edits))
        assert differences(grammar, target, target, rng) == []


@pytest.mark.row("S049", 3)
@pytest.mark.parametrize("name", sorted(GRAMMARS))
def test_a_mutation_is_undone_by_its_reverse_also_after_other_edits(name: str) -> None:
    grammar, rng, shifted = GRAMMARS[name], Random(4), 0
    for _ in range(300):
        tree = grammar.sample(rng, rng.randint(2, 6))
        program = grammar.tokens(tree)
        edit, _ = mutate(grammar, tree, rng)
        changed = edit.apply(program)
        back = edit.reverse(program)
        assert text(back.apply(changed)) == text(program)
        other, _ = mutate(grammar, grammar.parse(changed), rng)
        moved = back.after(other)
        if moved is not None:
            both = moved.apply(other.apply(changed))
            apart = other.after(back)
            assert apart is not None
            assert both == apart.apply(program)
            undone = other.reverse(changed).after(moved)
            assert undone is not None
            assert undone.apply(both) == program
            shifted += 1
    assert shifted > 100


@pytest.mark.row("S049", 4)
@pytest.mark.parametrize("name", sorted(GRAMMARS))
@pytest.mark.parametrize("count", range(1, 11))
def test_the_sampler_hits_the_number_of_primitives(name: str, count: int) -> None:
    grammar, rng = GRAMMARS[name], Random(count)
    for _ in range(50):
        tree = grammar.sample(rng, count)
        assert grammar.primitives(tree) == count
        assert sum(token in SHAPES for token in grammar.tokens(tree)) == count
        assert grammar.parse(tokens_of(text(grammar.tokens(tree)))) == tree
    with pytest.raises(ValueError, match="can't have"):
        grammar.sample(rng, 0)


@pytest.mark.row("S049", 5)
def test_drawings_have_the_right_area_and_tree_semantics() -> None:
    unit = (csg.PIXELS / csg.UNITS) ** 2
    assert drawn("(Circle 4 8 8)").sum() / unit == pytest.approx(math.pi * 8**2, rel=0.02)
    ring = drawn("(- (Quad 8 8 8 8 G) (Circle 2 8 8))")
    assert ring.sum() / unit == pytest.approx(256 - math.pi * 16, rel=0.02)
    nested = "(- (Quad 8 8 8 8 G) (+ (Circle 2 8 8) (Quad 2 2 2 2 G)))"
    assert (drawn(nested) != drawn(nested, flatten=True)).any()
    assert (drawn(nested, flatten=True) == drawn("(+ (- (Quad 8 8 8 8 G) (Circle 2 8 8)) (Quad 2 2 2 2 G))")).all()
    turned = drawn("(Quad 8 8 8 2 I)")
    assert (turned == drawn("(Quad 8 8 2 8 G)")).all()
    assert drawn("(Quad 8 8 8 2 H)").sum() / unit == pytest.approx(16 * 4, rel=0.05)
    assert csg.solved(ring, ring)
    assert not csg.solved(ring, drawn("(Circle 4 8 8)"))


def painted(program: str) -> np.ndarray:
    return tiny_svg.render(tiny_svg.GRAMMAR.parse(tokens_of(program)))


def test_svg_layout() -> None:
    red = painted("(Rectangle 4 2 red none 0)")
    assert (red != 255).any(axis=2).sum() == 24 * 12
    assert tuple(red[112, 112]) == (255, 0, 0)
    beside = painted("(Arrange h (Rectangle 4 4 red none 0) (Rectangle 4 4 blue none 0) 9)")
    columns = np.flatnonzero((beside != 255).any(axis=2).any(axis=0))
    assert len(columns) == 48
    assert columns[-1] - columns[0] + 1 == 48 + 9
    moved = painted("(Move (Rectangle 4 4 red none 0) 5 0 true false)")
    assert np.flatnonzero((moved != 255).any(axis=2).any(axis=0))[0] == 112 - 12 - 30
    stroked = painted("(Ellipse 8 8 none black 8)")
    assert tuple(stroked[112, 112]) == (255, 255, 255)
    assert (stroked == 0).all(axis=2).sum() == pytest.approx(math.pi * (26**2 - 22**2), rel=0.05)
    assert tiny_svg.solved(red, red)
    assert not tiny_svg.solved(red, painted("(Rectangle 4 2 blue none 0)"))


def test_what_does_not_parse_is_named() -> None:
    for program, message in (
        ("(Circle 4 8)", r"token 5, '\)'"),
        ("(Circle 4 8 8", "too early"),
        ("(Square 1)", "token 2, 'Square'"),
        ("(Circle 4 8 8) (", r"token 7, '\('"),
    ):
        with pytest.raises(PhloemError, match=message):
            csg.GRAMMAR.parse(tokens_of(program))


def test_a_reader_allows_what_can_follow() -> None:
    reader = Reader(csg.GRAMMAR, "s")
    assert reader.allowed() == {"("}
    reader.take("(")
    assert reader.allowed() == {"+", "-", "Circle", "Quad"}
    for token in ("Circle", "4", "8", "8"):
        assert not reader.complete
        reader.take(token)
    assert reader.allowed() == {")"}
    reader.take(")")
    assert reader.complete
    assert not reader.allowed()


@pytest.mark.parametrize("targets", ["path", "last mutation", "whole program"])
def test_examples_are_steps_to_their_targets(targets) -> None:
    domain, rng = csg_domain(pixels=16), Random(5)
    for _ in range(20):
        one = example(domain, rng, targets)
        before = domain.grammar.tokens(one.program) if one.program else ()
        after = one.edit.apply(before)
        domain.grammar.parse(after)
        if targets == "whole program" or (targets == "path" and one.left == 1):
            assert after == domain.grammar.tokens(one.target)
    batch = EditExamples(domain, 10, targets).batch(np.arange(4), None)
    again = EditExamples(domain, 10, targets).batch(np.arange(4), None)
    assert torch.equal(batch.tokens, again.tokens)
    assert batch.pictures.abs().max() == 1
    loss = EditLikelihood()(tiny(domain), batch)
    assert torch.isfinite(loss.value)


def test_search_looks_at_distinct_programs_and_stops() -> None:
    domain = csg_domain(primitives=(1, 1), pixels=16)
    codes, model = Codes(domain), tiny(domain)
    wanted = domain.draw(domain.grammar.parse(tokens_of("(Circle 4 8 8)")))
    for search in (beam_search, best_of):
        found = search(model, codes, wanted, seed=0, most=40)
        assert found.expansions <= 40
        assert found == search(model, codes, wanted, seed=0, most=40)
        if found.program is not None:
            assert domain.solved(domain.draw(domain.grammar.parse(found.program)), wanted)


def test_the_model_is_not_asked_where_the_grammar_leaves_no_choice() -> None:
    domain = csg_domain(primitives=(1, 1), pixels=16)
    model, codes, asked = tiny(domain), Codes(domain), []
    real = model.after
    model.after = lambda *given: asked.append(given) or real(*given)  # type: ignore[method-assign]
    wanted, checked = domain.draw(domain.sample(Random(0))), 0
    for seed in range(20):
        asked.clear()
        made = propose(model, codes, [None], wanted, torch.Generator().manual_seed(seed))[0]
        if made is not None:
            checked += 1
            domain.grammar.parse(made.program)
            assert len(asked) == 1 + sum(token not in "()" for token in made.program)  # a place, names and numbers
    assert checked > 10
