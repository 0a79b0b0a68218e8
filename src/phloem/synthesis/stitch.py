"""Library learning from the top down: the abstraction that makes a corpus of programs smallest (Stitch).

Bowers, Olausson, Wong, Grand, Tenenbaum, Ellis, Solar-Lezama: Top-Down Synthesis for Library Learning (POPL 2023). A
program costs 100 a terminal and 1 an application or lambda. An abstraction is a closed term with holes #0 … #k; where a
sub-term matches it, `(fn arg0 … argk)` may stand instead. Its utility is what that saves in the whole corpus, with the
best choice of matches that do not overlap, less the cost of its body without the holes.

Search. A partial abstraction is the prefix of a body in preorder, with the places where it matches; the first open
place becomes a terminal, an application, a lambda, a new hole or one of the holes before, whichever occur in the
corpus. What a partial abstraction can still save at a place is bounded by the cost of the sub-term there, less the call
and the arguments that it is known to need; the largest bound is expanded first, and bounds below the best utility are
dropped. A hole that is the same closed term everywhere, or always equal to another one, is never the best.

A variable bound outside of the match may occur in an argument, but one bound inside may not: it would be captured.
Sub-terms are hash-consed, so that each is matched once, whatever the number of its occurrences.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Literal, NamedTuple

from phloem.errors import MissingExtra, PhloemError
from phloem.synthesis.sexpressions import Atom, Expression, read, show

TERMINAL, INNER = 100, 1


class Node(NamedTuple):
    kind: Literal["leaf", "index", "lambda", "apply"]
    name: str = ""
    depth: int = 0
    parts: tuple[int, ...] = ()


class Corpus:
    """Hash-consed terms; a part has a smaller number than what it is part of."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.cost: list[int] = []
        self.free: list[frozenset[int]] = []  # indices that are bound outside
        self._numbers: dict[Node, int] = {}

    def add(self, node: Node) -> int:
        number = self._numbers.get(node)
        if number is None:
            number = self._numbers[node] = len(self.nodes)
            self.nodes.append(node)
            inner = [self.free[part] for part in node.parts]
            if node.kind == "lambda":
                free = frozenset(index - 1 for index in inner[0] if index)
            else:
                free = frozenset((node.depth,)) if node.kind == "index" else frozenset().union(*inner)
            self.free.append(free)
            own = INNER if node.parts else TERMINAL
            self.cost.append(own + sum(self.cost[part] for part in node.parts))
        return number

    def parse(self, text: str) -> int:
        """One program; `lam`, `lambda` and `λ` mean the same. Raises PhloemError."""
        expressions = read(text, "program")
        if len(expressions) != 1:
            raise PhloemError(f"expected one program, found {len(expressions)} in {text[:60]!r}")
        return self._read(expressions[0])

    def _read(self, expression: Expression) -> int:
        if isinstance(expression, Atom):
            name = expression.text
            if name.startswith("$") and name[1:].isdecimal():
                return self.add(Node("index", depth=int(name[1:])))
            return self.add(Node("leaf", f'"{name}"' if expression.literal else name))
        head, *others = expression.items or (None,)
        if head is None:
            raise PhloemError(f"line {expression.line}: an empty application")
        if isinstance(head, Atom) and head.text in ("lam", "lambda", "λ"):
            if len(others) != 1:
                raise PhloemError(f"line {expression.line}: a lambda has one body: {show(expression)}")
            return self.add(Node("lambda", parts=(self._read(others[0]),)))
        return self.call(self._read(head), [self._read(other) for other in others])

    def call(self, function: int, arguments: Sequence[int]) -> int:
        for argument in arguments:
            function = self.add(Node("apply", parts=(function, argument)))
        return function

    def text(self, number: int) -> str:
        node = self.nodes[number]
        if node.kind == "lambda":
            return f"(lam {self.text(node.parts[0])})"
        if node.kind != "apply":
            return node.name or f"${node.depth}"
        arguments = []
        while self.nodes[number].kind == "apply":
            number, argument = self.nodes[number].parts
            arguments.append(argument)
        return f"({' '.join(self.text(one) for one in (number, *reversed(arguments)))})"

    def shifted(self, number: int, by: int, depth: int = 0) -> int:
        """Indices from `depth` up moved by `by`."""
        if not any(index >= depth for index in self.free[number]):
            return number
        node = self.nodes[number]
        if node.kind == "index":
            return self.add(node._replace(depth=node.depth + by))
        inner = depth + (node.kind == "lambda")
        return self.add(node._replace(parts=tuple(self.shifted(part, by, inner) for part in node.parts)))

    def reachable(self, roots: Sequence[int]) -> list[int]:
        found: set[int] = set()
        waiting = list(roots)
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                waiting.extend(self.nodes[number].parts)
        return sorted(found)


class Place(NamedTuple):
    """Where a partial abstraction matches: the sub-term, what stands at its open places, and the arguments so far.

    An argument is a pair: moved out of the lambdas of the abstraction, and as it stands in the program."""

    root: int
    open: tuple[int, ...]
    arguments: tuple[tuple[int, int], ...] = ()


class Partial(NamedTuple):
    body: tuple[str, ...]  # preorder: "@", "lam", "$0", "#0", names
    depths: tuple[int, ...]  # of the open places: how many lambdas of the body are above
    arity: int
    places: tuple[Place, ...]
    cost: int  # of the body so far, holes not counted


class Abstraction(NamedTuple):
    name: str
    arity: int
    body: str
    utility: int
    uses: int  # calls in the rewritten programs
    programs: int  # that call it


class Learned(NamedTuple):
    abstractions: tuple[Abstraction, ...]
    programs: tuple[str, ...]
    cost_before: int
    cost_after: int


def compress(
    programs: Sequence[str], *, arity: int = 2, iterations: int = 1, prefix: str = "fn_", taken: Sequence[str] = ()
) -> Learned:
    """Learn up to `iterations` abstractions of at most `arity` arguments, each from the programs that the last one
    rewrote. `taken` are names that may not be used. Raises PhloemError for text that is no program."""
    corpus = Corpus()
    roots = [corpus.parse(text) for text in programs]
    before = sum(corpus.cost[root] for root in roots)
    names = (name for name in map(f"{prefix}{{}}".format, count()) if name not in taken)
    found: list[Abstraction] = []
    while len(found) < iterations:
        best = _Search(corpus, roots, arity).best()
        if best is None:
            break
        utility, partial = best[0], _renumbered(best[1])
        name = next(names)
        rewrite = _Rewriting(corpus, partial, name)
        roots = [rewrite.of(root) for root in roots]
        leaf = corpus.add(Node("leaf", name))
        calls = [_occurrences(corpus, root, leaf) for root in roots]
        using = sum(times > 0 for times in calls)
        found.append(Abstraction(name, partial.arity, body_text(partial.body), utility, sum(calls), using))
    after = sum(corpus.cost[root] for root in roots)
    return Learned(tuple(found), tuple(map(corpus.text, roots)), before, after)


def _renumbered(partial: Partial) -> Partial:
    """Holes numbered from the right, as stitch-core does."""
    order = list(dict.fromkeys(int(token[1:]) for token in reversed(partial.body) if token.startswith("#")))
    names = {f"#{old}": f"#{new}" for new, old in enumerate(order)}
    places = [place._replace(arguments=tuple(place.arguments[old] for old in order)) for place in partial.places]
    return partial._replace(body=tuple(names.get(token, token) for token in partial.body), places=tuple(places))


def _occurrences(corpus: Corpus, root: int, leaf: int) -> int:
    times: dict[int, int] = {}
    for number in corpus.reachable([root]):
        times[number] = (number == leaf) + sum(times[part] for part in corpus.nodes[number].parts)
    return times[root]


class _Search:
    """The best abstraction of one corpus."""

    def __init__(self, corpus: Corpus, roots: Sequence[int], arity: int) -> None:
        self.corpus, self.roots, self.arity = corpus, roots, arity
        self.order = corpus.reachable(roots)
        self.uses = dict.fromkeys(self.order, 0)
        for root in roots:
            self.uses[root] += 1
        for number in reversed(self.order):
            for part in corpus.nodes[number].parts:
                self.uses[part] += self.uses[number]
        self.within: dict[int, int] = {}  # bit set of the programs that a sub-term is in
        for program, root in enumerate(roots):
            for number in corpus.reachable([root]):
                self.within[number] = self.within.get(number, 0) | 1 << program

    def best(self) -> tuple[int, Partial] | None:
        first = Partial((), (0,), 0, tuple(Place(number, (number,)) for number in self.order), 0)
        best: tuple[int, Partial] | None = None
        ticket = count()
        waiting = [(-self._bound(first), next(ticket), first)]
        while waiting:
            bound, _, partial = heapq.heappop(waiting)
            if best is not None and -bound <= best[0]:
                break
            for longer in self._expansions(partial):
                if not self._shared(longer.places):
                    continue
                if longer.depths:
                    limit = self._bound(longer)
                    if limit > (best[0] if best else 0):
                        heapq.heappush(waiting, (-limit, next(ticket), longer))
                elif self._worthy(longer):
                    utility = self._utility(longer)
                    if utility > (best[0] if best else 0):
                        best = utility, longer
        return best

    def _shared(self, places: Sequence[Place]) -> bool:
        """Whether the places are in two programs at least."""
        programs = 0
        for place in places:
            programs |= self.within[place.root]
        return programs & (programs - 1) != 0

    def _bound(self, partial: Partial) -> int:
        cost = self.corpus.cost
        total = 0
        for place in partial.places:
            call = TERMINAL + sum(INNER + cost[argument] for argument, _ in place.arguments)
            total += self.uses[place.root] * max(0, cost[place.root] - call)
        return total - partial.cost

    def _expansions(self, partial: Partial) -> Iterator[Partial]:
        groups: dict[str, list[Place]] = {}
        depth, *later = partial.depths
        for place in partial.places:
            here = place.open[0]
            kind, name, index, parts = self.corpus.nodes[here]
            if kind == "index" and index >= depth:
                continue  # bound outside: only an argument can hold it
            token = {"leaf": name, "index": f"${index}", "lambda": "lam", "apply": "@"}[kind]
            groups.setdefault(token, []).append(place._replace(open=(*parts, *place.open[1:])))
        for token, places in groups.items():
            inner = {"lam": (depth + 1,), "@": (depth, depth)}.get(token, ())
            cost = partial.cost + (INNER if inner else TERMINAL)
            yield Partial((*partial.body, token), (*inner, *later), partial.arity, tuple(places), cost)
        if partial.body:
            yield from self._holes(partial, depth, tuple(later))

    def _holes(self, partial: Partial, depth: int, later: tuple[int, ...]) -> Iterator[Partial]:
        """The first open place as a hole: one of those before, or a new one."""
        again: dict[int, list[Place]] = {}
        new = []
        for place in partial.places:
            here = place.open[0]
            if any(index < depth for index in self.corpus.free[here]):
                continue  # it would be captured
            moved = self.corpus.shifted(here, -depth)
            rest = place._replace(open=place.open[1:])
            for i, (argument, _) in enumerate(place.arguments):
                if argument == moved:
                    again.setdefault(i, []).append(rest)
            new.append(rest._replace(arguments=(*place.arguments, (moved, here))))
        for i, places in again.items():
            yield partial._replace(body=(*partial.body, f"#{i}"), depths=later, places=tuple(places))
        if partial.arity < self.arity and new:
            body = (*partial.body, f"#{partial.arity}")
            yield partial._replace(body=body, depths=later, arity=partial.arity + 1, places=tuple(new))

    def _worthy(self, partial: Partial) -> bool:
        """No hole is the same closed term everywhere, and no two are always equal."""
        columns = [{place.arguments[i][0] for place in partial.places} for i in range(partial.arity)]
        if any(len(column) == 1 and not self.corpus.free[next(iter(column))] for column in columns):
            return False
        return not any(
            all(place.arguments[i][0] == place.arguments[j][0] for place in partial.places)
            for i in range(partial.arity)
            for j in range(i)
        )

    def _utility(self, partial: Partial) -> int:
        if self._bound(partial) <= 0:
            return 0
        costs = _Rewriting(self.corpus, partial, "")
        saved = sum(self.corpus.cost[root] - costs.cost_of(root) for root in self.roots)
        return saved - partial.cost


class _Rewriting:
    """Programs with the calls of an abstraction that make them smallest."""

    def __init__(self, corpus: Corpus, partial: Partial, name: str) -> None:
        self.corpus, self.name = corpus, name
        self.places = {place.root: place.arguments for place in partial.places}
        self._costs: dict[int, int] = {}

    def cost_of(self, number: int) -> int:
        found = self._costs.get(number)
        if found is None:
            parts = self.corpus.nodes[number].parts
            found = self.corpus.cost[number] - sum(self.corpus.cost[part] - self.cost_of(part) for part in parts)
            found = self._costs[number] = min(found, self._call_cost(number))
        return found

    def _call_cost(self, number: int) -> int:
        arguments = self.places.get(number)
        if arguments is None:
            return 1 << 62
        return TERMINAL + sum(INNER + self.cost_of(inside) for _, inside in arguments)

    def of(self, number: int) -> int:
        """The rewritten program. An abstraction is closed, so that an argument is rewritten before it is moved."""
        node = self.corpus.nodes[number]
        if self._call_cost(number) == self.cost_of(number):
            arguments = []
            for moved, inside in self.places[number]:
                by = self._moved_by(moved, inside)
                arguments.append(self.corpus.shifted(self.of(inside), -by))
            return self.corpus.call(self.corpus.add(Node("leaf", self.name)), arguments)
        return self.corpus.add(node._replace(parts=tuple(map(self.of, node.parts))))

    def _moved_by(self, moved: int, inside: int) -> int:
        free = self.corpus.free
        return max(free[inside]) - max(free[moved]) if free[inside] else 0


def body_text(body: Sequence[str]) -> str:
    """The text of a body in preorder."""
    text, rest = _body_text(tuple(body))
    assert not rest
    return text


def _body_text(body: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    token, rest = body[0], body[1:]
    if token == "lam":
        inner, rest = _body_text(rest)
        return f"(lam {inner})", rest
    if token != "@":
        return token, rest
    function, rest = _body_text(rest)
    argument, rest = _body_text(rest)
    head = function[1:-1] if function.startswith("(") and not function.startswith("(lam ") else function
    return f"({head} {argument})", rest


def compress_with_engine(
    programs: Sequence[str], *, arity: int = 2, iterations: int = 1, prefix: str = "fn_"
) -> Learned:
    """The same by the `stitch-core` package, which is written in Rust and much faster. Raises MissingExtra without it,
    and PhloemError for what it refuses."""
    try:
        import stitch_core
    except ImportError:
        raise MissingExtra("symbolic", "stitch-core") from None
    corpus = Corpus()
    texts = [corpus.text(corpus.parse(text)) for text in programs]
    try:
        result = stitch_core.compress(
            texts, iterations=iterations, max_arity=arity, silent=True, abstraction_prefix=prefix
        )
    except stitch_core.StitchException as error:
        raise PhloemError(f"stitch-core refuses the programs: {error}") from error
    roots = [corpus.parse(text) for text in result.rewritten]
    found = []
    for entry in result.json["abstractions"]:
        leaf = corpus.add(Node("leaf", entry["name"]))
        calls = [_occurrences(corpus, root, leaf) for root in roots]
        using = sum(times > 0 for times in calls)
        found.append(
            Abstraction(entry["name"], entry["arity"], entry["body"], int(entry["utility"]), sum(calls), using)
        )
    return Learned(
        tuple(found),
        tuple(map(corpus.text, roots)),
        int(result.json["original_cost"]),
        int(result.json["final_cost"]),
    )
