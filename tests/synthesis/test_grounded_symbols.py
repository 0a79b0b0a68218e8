"""Grounded symbols: gold modules, abduction, arithmetic, programs, and the parser."""

import random

import pytest
import torch

from phloem.corpora import datasets, pcfg_set, scan
from phloem.nn.models.nsr_parser import LEFT, RIGHT, SHIFT, ParserState, TransitionParser, masked, parse
from phloem.synthesis.deduction_abduction import Abduction, Hypothesis, odds, rotated
from phloem.synthesis.grounded_symbols import MISSING, Meaning, arguments, children, deduce, projective
from phloem.synthesis.grounded_symbols_arithmetic import combined, evaluate, sample
from phloem.synthesis.grounded_symbols_gold import GOLD, pcfg_heads, pcfg_meaning, scan_heads, scan_meaning
from phloem.synthesis.grounded_symbols_programs import lists, numbers
from phloem.synthesis.languages import pcfg


def root_value(kind: str, words: str):
    heads_of, meaning = GOLD[kind]
    symbols = words.split()
    heads = heads_of(symbols)
    assert projective(heads)
    return deduce(symbols, heads, meaning)[heads.index(-1)]


@pytest.mark.row("S040", 1)
def test_gold_modules_solve_all_of_scan():
    for command in scan.commands():
        symbols = command.words.split()
        heads = scan_heads(symbols)
        assert deduce(symbols, heads, scan_meaning)[heads.index(-1)] == command.actions
    assert all(projective(scan_heads(command.words.split())) for command in scan.commands()[::50])


@pytest.mark.row("S040", 1)
def test_gold_modules_solve_pcfg_and_arithmetic():
    rng = random.Random(0)
    for _ in range(300):
        program = pcfg.sample(rng)
        assert root_value("pcfg", pcfg.print(program)) == pcfg.run(program)
    for words, value in sample(rng, 1000, range(0, 8)):
        assert root_value("arithmetic", words) == value


@pytest.mark.row("S040", 1)
def test_gold_modules_solve_the_released_expressions():
    if datasets.folder() is None:
        pytest.skip("PHLOEM_DATA is not set")
    for each in list(pcfg_set.split("test"))[:500]:
        symbols = each.words.split()
        heads = pcfg_heads(symbols)
        assert deduce(symbols, heads, pcfg_meaning)[heads.index(-1)] == each.value


@pytest.mark.row("S040", 3)
def test_arithmetic():
    assert (combined("-", 3, 5), combined("/", 7, 2), combined("/", 6, 2), combined("/", 1, 0)) == (0, 4, 3, None)
    assert evaluate("4 / ( 2 - 5 )") is None
    assert root_value("arithmetic", "4 / ( 2 - 5 )") is MISSING
    assert evaluate("9 - 2 * 3 + 1") == 4
    rng = random.Random(1)
    made = sample(rng, 10_000, range(1, 9))
    assert len(made) == 10_000
    assert all(evaluate(words) == value for words, value in made)


class Beliefs:
    """Random probabilities, the same each time they are asked."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def _drawn(self, *what) -> float:
        return random.Random(f"{self.seed} {what}").uniform(0.05, 0.95)

    def symbol(self, place: int, symbol: str) -> float:
        return self._drawn("symbol", place, symbol)

    def program(self, symbol: str) -> float:
        return self._drawn("program", symbol)

    def arc(self, place: int) -> float:
        return self._drawn("arc", place)


def gold_sample(kind: str, rng: random.Random, count: int):
    """(symbols, heads, values) of some sentences, and tables of all their (arguments, value) pairs."""
    if kind == "scan":
        sentences = [each.words for each in rng.sample(scan.commands(), count)]
    else:
        sentences = [words for words, _ in sample(rng, count, range(1, 6), largest=200)]
    heads_of, meaning = GOLD[kind]
    found, tables = [], {}
    for words in sentences:
        symbols = tuple(words.split())
        heads = heads_of(symbols)
        values = deduce(symbols, heads, meaning)
        found.append((symbols, heads, values))
        for place, below in enumerate(children(heads)):
            tables.setdefault(symbols[place], {})[arguments(values[child] for child in below)] = values[place]
    return found, tables, meaning


def planted(kind: str, module: str, rng: random.Random, count: int):
    """Sentences with one corruption each, whose root is wrong because of it."""
    sentences, tables, meaning = gold_sample(kind, rng, 150)
    made = 0
    while made < count:
        symbols, heads, values = rng.choice(sentences)
        place = rng.randrange(len(symbols))
        target = values[heads.index(-1)]
        start = Hypothesis(symbols, heads, {})
        if module == "perception":
            other = rng.choice(sorted(tables))
            start = start._replace(symbols=(*symbols[:place], other, *symbols[place + 1 :]))
        elif module == "semantics":
            start = start._replace(fixed={place: rng.choice(rng.choice(sentences)[2])})
        elif heads[place] < 0:
            continue
        else:
            start = start._replace(heads=rotated(heads, place))
        now = deduce(start.symbols, start.heads, meaning, start.fixed)
        if now[start.heads.index(-1)] != target:
            made += 1
            yield start, target, Abduction(meaning, tables, Beliefs(made), module), tables, meaning


def cheapest_at_the_root(start: Hypothesis, target, module: str, beliefs: Beliefs, tables, meaning) -> float:
    """The least cost of any single change of the root that gives the target."""
    root = start.heads.index(-1)
    prices = []
    if module == "perception":
        for symbol in tables:
            changed = (*start.symbols[:root], symbol, *start.symbols[root + 1 :])
            if deduce(changed, start.heads, meaning, start.fixed)[root] == target:
                prices.append(odds_of(beliefs.symbol(root, start.symbols[root]), beliefs.symbol(root, symbol)))
    elif module == "semantics":
        prices.append(odds(beliefs.program(start.symbols[root])))
    else:
        for child in children(start.heads)[root]:
            heads = rotated(start.heads, child)
            if deduce(start.symbols, heads, meaning, start.fixed)[heads.index(-1)] == target:
                prices.append(odds(beliefs.arc(child)))
    return min(prices)


def odds_of(now: float, other: float) -> float:
    return float(torch.log(torch.tensor(now, dtype=torch.float64) / other))


@pytest.mark.row("S040", 2)
@pytest.mark.parametrize("kind", ["scan", "arithmetic"])
@pytest.mark.parametrize("module", ["perception", "semantics", "syntax"])
def test_abduction_repairs_every_planted_corruption(kind, module):
    at_the_root = 0
    for start, target, search, tables, meaning in planted(kind, module, random.Random(0), 500):
        repair = search(start, target)
        assert repair is not None
        found = repair.hypothesis
        assert repair.values == deduce(found.symbols, found.heads, meaning, found.fixed)
        assert repair.values[found.heads.index(-1)] == target
        root = start.heads.index(-1)
        if changed_root(start, found, root):
            at_the_root += 1
            least = cheapest_at_the_root(start, target, module, search.beliefs, tables, meaning)
            assert repair.cost == pytest.approx(least)
    assert at_the_root > 5


def changed_root(start: Hypothesis, found: Hypothesis, root: int) -> bool:
    return (
        start.symbols[root] != found.symbols[root]
        or start.heads[root] != found.heads[root]
        or (root in found.fixed and found.fixed.get(root) != start.fixed.get(root))
    )


@pytest.mark.row("S040", 4)
@pytest.mark.parametrize("count", range(1, 13))
def test_random_transitions_make_a_projective_tree(count):
    torch.manual_seed(count)
    for _ in range(20):
        state, taken = ParserState([1] * count), []
        while not state.done:
            legal = torch.tensor([state.legal()])
            log = masked(torch.randn(1, 3) * 3, legal)
            assert log.exp().sum() == pytest.approx(1)
            assert not log.exp()[~legal].any()
            taken.append(int(torch.multinomial(log.exp(), 1)))
            state.take(taken[-1])
            assert len(state.features()) == 18
        assert len(taken) == 2 * count - 1
        assert sum(head >= 0 for head in state.heads) == count - 1
        assert projective(tuple(state.heads))


def test_features_name_the_places():
    state = ParserState([5, 6, 7, 8])
    for transition in (SHIFT, SHIFT, LEFT, SHIFT, RIGHT, SHIFT):
        state.take(transition)
    assert state.heads == [1, -1, 1, -1]
    assert state.features()[:6] == [8, 6, 0, 0, 0, 0]
    assert state.features()[12:] == [5, 0, 7, 0, 0, 0]


def test_parses_of_a_batch_are_those_of_each_alone():
    torch.manual_seed(0)
    model = TransitionParser(6, embedding=8, hidden=16).eval()
    sentences = [[1, 2, 3], [4], [5, 6, 1, 2, 3]]
    together = parse(model, sentences)
    for sentence, one in zip(sentences, together, strict=True):
        (alone,) = parse(model, [sentence])
        assert one.heads == alone.heads
        assert one.log_probability == pytest.approx(alone.log_probability, abs=1e-5)
        assert len(one.transitions) == 2 * len(sentence) - 1


def test_programs_are_found_from_tables():
    rng = random.Random(0)
    library = []
    for operator in "+-*/":
        table = {(a, b): combined(operator, a, b) for a in range(6) for b in range(6)}
        program = numbers({k: v for k, v in table.items() if v is not None}, library, rng)
        library.append(program)
        assert all(program.call((a, b)) == combined(operator, a, b) for a in range(9) for b in range(1, 9))
    shown = {((letter,), ("L",)): ("L", letter) * 4 for letter in "abcd"}
    around = lists(shown, (), rng)
    assert around.call((("x",), ("R",))) == ("R", "x") * 4
    swap = lists({(tuple("abcd"),): tuple("dbca"), (tuple("xy"),): tuple("yx"), (("z",),): ("z",)}, (), rng)
    assert swap.call((tuple("12345"),)) == tuple("52341")


def test_tables_forget_and_trust_majorities():
    meaning = Meaning()
    for value in ("old", "new", "new"):
        meaning.update([((), (value,))])
    assert meaning.table == {(): {("old",): 0.25, ("new",): 1.5}}
    assert meaning.confident() == {(): ("new",)}
    meaning.synthesize(lists, (), random.Random(0))
    assert meaning.value((), None) == ("new",)
    assert meaning.value((("x",), ("y",)), None) is MISSING
