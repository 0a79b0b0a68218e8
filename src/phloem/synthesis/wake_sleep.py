"""Wake-sleep program learning (Ellis et al. 2020): solve tasks, grow a library, learn where to look, and again.

    wake              enumerate programs for each task under its grammar, keep the best K that solve it
    abstraction sleep grow the library by what solutions share (compression.py), give it weights
    dream sleep       train a model that predicts a grammar from a task's examples (recognition.py)

Each task is given the same processor seconds of enumeration. Tasks with the same grammar and type share the
enumeration of the programs, not the budget: a task's clock counts the making of the programs and its own tests, as if
it were searched for alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from phloem.synthesis.compression import PRIOR, Frontier, Prior, Step, compress
from phloem.synthesis.languages.lambda_calculus import Term
from phloem.synthesis.languages.lambda_machine import FUEL, Machine
from phloem.synthesis.library import Library
from phloem.synthesis.recognition import ExampleTask, Tokens, predicted, train_recognition
from phloem.synthesis.top_down import Enumerator
from phloem.synthesis.weighted_grammar import Derivation, WeightedGrammar

CHUNK = 50  # programs between two looks at the clock
DEEPEST_COST = 45.0  # nats: beyond this no budget in seconds reaches


class Solution(NamedTuple):
    """Programs that solve a task, cheapest first, and what was spent until the first was found."""

    programs: tuple[Term, ...]
    tried: int
    seconds: float


class Search(NamedTuple):
    """`seconds` of the processor a task, or `programs`, whichever ends first; `keep` programs a task (K)."""

    seconds: float
    keep: int = 5
    programs: int | None = None


class _Wanted:
    """A task while it is searched for."""

    def __init__(self, task: ExampleTask) -> None:
        self.task = task
        self.found: list[Derivation] = []
        self.spent = 0.0  # seconds on this task's own tests
        self.first: tuple[int, float] = (0, 0.0)

    def solved_by(self, machine: Machine, program: Derivation) -> bool:
        code = program.code
        assert code is not None
        return all(same(machine.run(code, inputs, FUEL), output) for inputs, output in self.task.examples)


def same(value: object, wanted: object) -> bool:
    """Equality that tells True from 1, in lists too."""
    if isinstance(value, tuple) and isinstance(wanted, tuple):
        return len(value) == len(wanted) and all(map(same, value, wanted))
    return type(value) is type(wanted) and value == wanted


def solve_together(grammar: WeightedGrammar, tasks: Sequence[ExampleTask], search: Search) -> dict[str, Solution]:
    """Search for tasks of one type under one grammar. A task is done at the end of the window in which its first
    program was found, or with K programs, or out of time. Solutions by the task's name; unsolved ones are missing."""
    machine = Machine()
    waiting = [_Wanted(task) for task in tasks]
    done: list[_Wanted] = []
    made, tried = 0.0, 0  # seconds in making programs
    enumerator = Enumerator(grammar, machine)
    for bound, programs in enumerator.windows(tasks[0].request):
        if bound > DEEPEST_COST:
            break
        while waiting:
            begun = time.process_time()
            chunk = list(islice(programs, CHUNK))
            made += time.process_time() - begun
            for wanted in waiting:
                _test(wanted, chunk, machine, made, tried)
            tried += len(chunk)
            over = search.programs is not None and tried >= search.programs
            left: list[_Wanted] = []
            for wanted in waiting:
                full = len(wanted.found) >= search.keep
                late = over or made + wanted.spent > search.seconds
                ended = wanted.found and len(chunk) < CHUNK
                (done if full or late or ended else left).append(wanted)
            waiting = left
            if len(chunk) < CHUNK:
                break
        if not waiting:
            break
    return {
        wanted.task.name: Solution(tuple(_cheapest(wanted.found, search.keep)), *wanted.first)
        for wanted in (*done, *waiting)
        if wanted.found
    }


def _test(wanted: _Wanted, chunk: list[Derivation], machine: Machine, made: float, tried: int) -> None:
    begun = time.process_time()
    for number, program in enumerate(chunk, 1):
        if wanted.solved_by(machine, program):
            if not wanted.found:
                wanted.first = tried + number, made + wanted.spent + time.process_time() - begun
            wanted.found.append(program)
    wanted.spent += time.process_time() - begun


def _cheapest(found: list[Derivation], keep: int) -> Iterator[Term]:
    ranked = sorted(found, key=lambda program: program.cost)
    return (program.term() for program in ranked[:keep])


def solve(
    tasks: Sequence[ExampleTask], search: Search, grammar_of: Callable[[ExampleTask], WeightedGrammar] | WeightedGrammar
) -> dict[str, Solution]:
    """Search for all tasks, under one grammar or under one for each."""
    if isinstance(grammar_of, WeightedGrammar):
        found: dict[str, Solution] = {}
        for request in dict.fromkeys(task.request for task in tasks):
            found |= solve_together(grammar_of, [task for task in tasks if task.request == request], search)
        return found
    return {k: v for task in tasks for k, v in solve_together(grammar_of(task), [task], search).items()}


class Settings(NamedTuple):
    """One cycle: search for training and test tasks, then sleep. `learn_library` and `recognize` switch the parts."""

    search: Search
    cycles: int = 3
    learn_library: bool = True
    recognize: bool = True
    recognition_seconds: float | None = 20.0  # of training, or
    recognition_epochs: int | None = None
    most_fantasies: int = 1000
    steps: int = 2  # of beta expansion
    prior: Prior = PRIOR
    top: int = 2  # programs of each frontier that are compressed
    most_candidates: int = 100


class Cycle(NamedTuple):
    """What one cycle found: solved tasks of both sets, inventions of its sleep, the library that it searched with."""

    train: dict[str, Solution]
    test: dict[str, Solution]
    library: Library
    inventions: tuple[Step, ...]
    objective: tuple[float, float]  # before and after the sleep


def wake_sleep(
    library: Library,
    train_tasks: Sequence[ExampleTask],
    test_tasks: Sequence[ExampleTask],
    settings: Settings,
    *,
    seed: int = 0,
    folder: Path,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Iterator[Cycle]:
    """Cycles, one after another. Test tasks are searched for in each, and never learned from."""
    tokens = Tokens(train_tasks)
    grammar = WeightedGrammar(library)
    by_name = {task.name: task for task in train_tasks}
    known: dict[str, dict[Term, None]] = {}  # every program that solved a task, in the newest library
    model = None
    for number in range(settings.cycles):
        chosen = grammar if model is None else partial(predicted, model, grammar, tokens)
        solved = solve(train_tasks, settings.search, chosen)
        tested = solve(test_tasks, settings.search, chosen)
        for name, solution in solved.items():
            known.setdefault(name, {}).update(dict.fromkeys(solution.programs))
        searched = library
        steps: tuple[Step, ...] = ()
        frontiers = [_frontier(by_name[name], terms, grammar, settings.top) for name, terms in known.items()]
        objective = (0.0, 0.0)
        if frontiers and settings.learn_library and number + 1 < settings.cycles:
            found = compress(
                library,
                frontiers,
                steps=settings.steps,
                prior=settings.prior,
                most_candidates=settings.most_candidates,
            )
            library, grammar, steps = found.library, found.grammar(settings.prior), found.steps
            objective = found.first, steps[-1].objective if steps else found.first
            known = {
                name: {term: None for term, _ in frontier.programs}
                for name, frontier in zip(known, found.frontiers, strict=True)
            }
        if settings.recognize and number + 1 < settings.cycles:
            model = train_recognition(
                grammar,
                [(by_name[name], term) for name, terms in known.items() for term in terms],
                train_tasks,
                tokens,
                seconds=settings.recognition_seconds,
                epochs=settings.recognition_epochs,
                most_fantasies=settings.most_fantasies,
                seed=seed + 1000 * number,
                folder=folder / f"recognition-{number + 1}",
            )
        progress((number + 1) / settings.cycles)
        yield Cycle(solved, tested, searched, steps, objective)


def _frontier(task: ExampleTask, terms: dict[Term, None], grammar: WeightedGrammar, top: int) -> Frontier:
    ranked = sorted(terms, key=lambda term: grammar.cost(task.request, term))
    return Frontier(task.request, tuple((term, 0.0) for term in ranked[:top]))
