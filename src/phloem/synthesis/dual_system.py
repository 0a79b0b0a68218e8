"""Learning a documented library from tasks with descriptions: LILO without a hosted language model.

Grand et al. (ICLR 2024) loop over: a language model writes programs for descriptions; enumeration guided by a
recognition model solves others; Stitch compresses all solutions; the language model names what was found. Departure:
nothing here leaves the machine. The first solver is

- retrieval: the program of the nearest described task, with the letters of the new description in place of the old
  ones, and
- a small conditional model: the recognition network reads the words of the description, and programs are sampled from
  the grammar that it predicts. A function whose documented name shares words with the description is given more weight
  (`NAMED`), which is what readable names are for.

Compression starts from the base primitives each time (earlier abstractions are expanded, dropped and learned again),
and names come from autodoc.py. Any callable can take the writer's place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np

from phloem.errors import MissingExtra, PhloemError
from phloem.nn.models.recognition import Recognition
from phloem.synthesis import autodoc, stitch
from phloem.synthesis.autodoc import Documented, Usage, Writer
from phloem.synthesis.compression import Frontier, Prior
from phloem.synthesis.languages.lambda_calculus import (
    Abstraction,
    Index,
    Invention,
    Primitive,
    Term,
    abstracted,
    applied,
    beta_normal,
    eta_long,
    invention,
    parts,
    rewritten,
    show_term,
)
from phloem.synthesis.languages.lambda_machine import Machine
from phloem.synthesis.library import Library
from phloem.synthesis.recognition import ExampleTask, Tokens, contextual, predicted, train_recognition
from phloem.synthesis.sexpressions import Atom, Expression, read
from phloem.synthesis.wake_sleep import Search, same, solve
from phloem.synthesis.weighted_grammar import WeightedGrammar, estimate, uses

SAMPLES = 16
TEMPERATURE = 0.7
NAMED = 2.0  # nats for a function all of whose name is in the description
NEAREST = 3  # tasks whose programs are adapted


class Described(NamedTuple):
    task: ExampleTask
    description: str


class Settings(NamedTuple):
    search: Search
    test_search: Search
    iterations: int = 3
    arity: int = 2
    abstractions: int = 8
    documented: bool = True
    seconds: float | None = 20.0  # of training the conditional model, or
    epochs: int | None = None
    prior: Prior = Prior()
    writer: Writer | None = None


class Iteration(NamedTuple):
    """What one round solved, by which solver, and the library that it searched with."""

    train: dict[str, Term]
    test: dict[str, Term]
    by_description: int  # of `test`, solved by the first solver
    searched: frozenset[str]  # of `test`, solved by enumeration, whatever the first solver found
    library: Library
    names: dict[str, Documented]  # by the text of the function
    nats: dict[str, float]  # description length of the solution of each of `train`


def learn(
    primitives: Mapping[str, Primitive],
    train: Sequence[Described],
    test: Sequence[Described],
    settings: Settings,
    *,
    seed: int,
    folder: Path,
) -> Iterator[Iteration]:
    """The loop. Test tasks are solved in each round, by both solvers, and never learned from."""
    library = Library(tuple(primitives.values()))
    grammar = WeightedGrammar(library)
    solved: dict[str, Term] = {}
    names: dict[str, Documented] = {}
    solver: Conditional | None = None
    for number in range(settings.iterations):
        rng = Random(1000 * seed + number)
        tasks = {one.task.name: one for one in train}
        found = _described(train, solver, rng)
        found |= _searched([one for one in train if one.task.name not in found], grammar, settings.search)
        told, searched = _described(test, solver, rng), _searched(test, grammar, settings.test_search)
        solved |= found
        nats = {name: grammar.cost(tasks[name].task.request, term) for name, term in found.items()}
        yield Iteration(found, searched | told, len(told), frozenset(searched), library, names, nats)
        if not solved or number + 1 == settings.iterations:
            continue
        library, solved = recompressed(primitives, {tasks[n].task: t for n, t in solved.items()}, settings)
        frontiers = [Frontier(tasks[name].task.request, ((term, 0.0),)) for name, term in solved.items()]
        counted = [[(one, 0.0)] for f in frontiers if (one := uses(library, f.request, f.programs[0][0]))]
        grammar = WeightedGrammar(library, estimate(library, counted, settings.prior.pseudocount))
        names = named(library, [(tasks[name].description, term) for name, term in solved.items()], settings)
        solver = Conditional.trained(
            grammar, [(tasks[name], term) for name, term in solved.items()], names, settings, seed, folder / str(number)
        )


def _described(tasks: Sequence[Described], solver: Conditional | None, rng: Random) -> dict[str, Term]:
    """Programs that the describing solver finds; none before there is one."""
    if solver is None:
        return {}
    answers = {one.task.name: solver.solve(one, rng) for one in tasks}
    return {name: term for name, term in answers.items() if term is not None}


def _searched(tasks: Sequence[Described], grammar: WeightedGrammar, search: Search) -> dict[str, Term]:
    """Programs that enumeration finds."""
    found = solve([one.task for one in tasks], search, grammar)
    return {name: solution.programs[0] for name, solution in found.items()}


def recompressed(
    primitives: Mapping[str, Primitive], solved: Mapping[ExampleTask, Term], settings: Settings
) -> tuple[Library, dict[str, Term]]:
    """A library of the base primitives and what Stitch finds in all programs, and the programs written with it."""
    base = [beta_normal(term) for term in solved.values()]
    texts = [show_term(term) for term in base]
    options: dict[str, Any] = {"arity": settings.arity, "iterations": settings.abstractions}
    try:
        learned = stitch.compress_with_engine(texts, **options)
    except MissingExtra:
        learned = stitch.compress(texts, taken=sorted(primitives), **options)
    library = Library(tuple(primitives.values()))
    known: dict[str, Term] = dict(primitives)
    for one in learned.abstractions:
        body = invention(abstracted(_term(read(one.body)[0], known, one.arity), one.arity))
        known[one.name] = body
        library = library.extended(body)
    terms = {}
    for task, text, plain in zip(solved, learned.programs, base, strict=True):
        try:
            terms[task.name] = eta_long(_term(read(text)[0], known, 0), task.request)
        except PhloemError:  # a call in the place of a function is not always eta-long
            terms[task.name] = plain
    return library, terms


def _term(expression: Expression, known: Mapping[str, Term], arity: int, depth: int = 0) -> Term:
    """Stitch's text as a term; #i is the lambda of argument i around the body."""
    if isinstance(expression, Atom):
        name = expression.text
        if name.startswith("$"):
            return Index(int(name[1:]))
        return Index(depth + arity - 1 - int(name[1:])) if name.startswith("#") else known[name]
    head, *others = expression.items
    if isinstance(head, Atom) and head.text in ("lam", "lambda"):
        return Abstraction(_term(others[0], known, arity, depth + 1))
    return applied(*(_term(one, known, arity, depth) for one in (head, *others)))


def named(library: Library, programs: Sequence[tuple[str, Term]], settings: Settings) -> dict[str, Documented]:
    """Documentation of each invention, by its text; `fn_k` without descriptions where `documented` is off."""
    functions = {show_term(one): str(one.type) for one in library.inventions}
    if not settings.documented:
        return {text: Documented(f"fn_{number}", "") for number, text in enumerate(functions)}
    usages: dict[str, list[Usage]] = {text: [] for text in functions}
    for description, term in programs:
        for part in set(parts(term)):
            if isinstance(part, Invention):
                usages[show_term(part)].append(Usage(description, show_term(term)))
    return autodoc.document(functions, usages, settings.writer)


class Conditional:
    """The solver that reads descriptions."""

    def __init__(
        self,
        grammar: WeightedGrammar,
        known: Sequence[tuple[Described, Term]],
        names: Mapping[str, Documented],
        tokens: Tokens,
        model: Recognition | None,
    ) -> None:
        self.grammar, self.known, self.tokens, self.model = grammar, list(known), tokens, model
        self.words = [
            set(names[show_term(one)].name.split("_")) if isinstance(one, Invention) else set[str]()
            for one in grammar.library.productions
        ]

    @classmethod
    def trained(
        cls,
        grammar: WeightedGrammar,
        known: Sequence[tuple[Described, Term]],
        names: Mapping[str, Documented],
        settings: Settings,
        seed: int,
        folder: Path,
    ) -> Conditional:
        read_as = [(_as_words(one), term) for one, term in known]
        tokens = Tokens([task for task, _ in read_as])
        training: dict[str, Any] = {"seconds": settings.seconds, "epochs": settings.epochs, "most_fantasies": 0}
        model = train_recognition(grammar, read_as, [], tokens, seed=seed, folder=folder, **training)
        return cls(grammar, known, names, tokens, model)

    def solve(self, described: Described, rng: Random) -> Term | None:
        """The first program, adapted or sampled, that gives all outputs."""
        machine, tried = Machine(), set()
        for term in self.proposals(described, rng):
            if term in tried:
                continue
            tried.add(term)
            code = machine.compile(term)
            if all(same(machine.run(code, inputs), output) for inputs, output in described.task.examples):
                return term
        return None

    def proposals(self, described: Described, rng: Random) -> Iterator[Term]:
        words = _words(described.description)
        near = sorted(self.known, key=lambda one: -_overlap(words, _words(one[0].description)))
        for one, term in near[:NEAREST]:
            yield self._adapted(term, one.description, described.description)
        rules = self.conditioned(described)
        for _ in range(SAMPLES):
            made = rules.sample(described.task.request, rng)
            if made is not None:
                yield made.term()

    def conditioned(self, described: Described) -> WeightedGrammar:
        """The grammar for a description."""
        rules = contextual(self.grammar)
        if self.model is not None:
            rules = predicted(self.model, self.grammar, self.tokens, _as_words(described))
        words = set(_words(described.description))
        bonus = [NAMED * len(words & name) / len(name) if name else 0.0 for name in self.words]
        return WeightedGrammar(rules.library, (rules.weights + np.array([*bonus, 0.0])) / TEMPERATURE)

    def _adapted(self, term: Term, old: str, new: str) -> Term:
        """The term with the primitives that the old description names (`x` names `_x`) as the new one has them."""
        primitives = {one.name: one for one in self.grammar.library.productions if isinstance(one, Primitive)}
        before = [f"_{word}" for word in _words(old) if f"_{word}" in primitives]
        after = [f"_{word}" for word in _words(new) if f"_{word}" in primitives]
        if len(before) != len(after):
            return term
        change = dict(zip(before, after, strict=True))

        def renamed(part: Term) -> Term | None:
            return primitives[change[part.name]] if isinstance(part, Primitive) and part.name in change else None

        return rewritten(term, renamed)


def _words(description: str) -> list[str]:
    return re.findall(r"[a-z]+", description.lower())


def _overlap(left: Sequence[str], right: Sequence[str]) -> float:
    """Shared words over all words; single letters count for nothing."""
    one, other = ({word for word in words if len(word) > 1} for words in (left, right))
    return len(one & other) / max(len(one | other), 1)


def _as_words(described: Described) -> ExampleTask:
    """The description as the one example that the conditional model reads."""
    return described.task._replace(examples=(((tuple(_words(described.description)),), ()),))
