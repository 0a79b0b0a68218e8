"""Random regular languages and strings of them: RegBench.

Akyürek et al., "In-Context Language Learning" (ICML 2024, section 3, and the released loader). A machine is drawn with
4 to 12 states over 4 to 18 symbols; each state gets one to three edges with different symbols to different other
states; then it is minimised and trimmed. Every state accepts, so that strings are random walks from the start, of 1 to
49 symbols; the next symbol is uniform over the edges of the state.

After minimising, states that no walk reaches are gone, which may leave fewer than four, and merged states may have
edges to themselves. States are numbered by breadth-first search in the order of symbols, so that equal languages are
equal machines; repeated ones are dropped. (The release compares them by a hash alone and keeps some repetitions.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

SYMBOLS = 18
SEPARATOR, NOTHING, UNITS = SYMBOLS, SYMBOLS + 1, SYMBOLS + 2

Edges = dict[int, int]  # symbol to state


class Draw(NamedTuple):
    """How machines and sequences are drawn; upper bounds are included, but for the number of strings."""

    states: tuple[int, int] = (4, 12)
    symbols: tuple[int, int] = (4, SYMBOLS)
    alphabet: int = SYMBOLS  # from which a machine's symbols are taken
    edges: tuple[int, int] = (1, 3)
    longest: int = 49
    strings: tuple[int, int] = (10, 20)


class Machine(NamedTuple):
    """A minimal machine; the start is state 0. Machines of equal edges, in the order of symbols, are equal."""

    edges: tuple[tuple[tuple[int, int], ...], ...]

    def legal(self, state: int) -> list[int]:
        return [symbol for symbol, _ in self.edges[state]]

    def after(self, state: int, symbol: int) -> int:
        return dict(self.edges[state])[symbol]


STANDARD = Draw()


def raw_edges(rng: np.random.Generator, draw: Draw = STANDARD) -> list[Edges]:
    """Before minimising."""
    states = int(rng.integers(draw.states[0], draw.states[1] + 1))
    size = int(rng.integers(draw.symbols[0], draw.symbols[1] + 1))
    symbols = rng.choice(draw.alphabet, size=size, replace=False)
    machine = []
    for state in range(states):
        count = int(rng.integers(draw.edges[0], draw.edges[1] + 1))
        others = [other for other in range(states) if other != state]
        ends = rng.choice(others, size=count, replace=False)
        named = rng.choice(symbols, size=count, replace=False)
        machine.append({int(symbol): int(end) for symbol, end in zip(named, ends, strict=True)})
    return machine


def minimised(edges: list[Edges], start: int = 0) -> Machine:
    """Moore's refinement over the states that are reached; a missing edge is an edge to nowhere."""
    reached, waiting = {start}, [start]
    while waiting:
        for end in edges[waiting.pop()].values():
            if end not in reached:
                reached.add(end)
                waiting.append(end)
    block = dict.fromkeys(reached, 0)
    while True:
        signs = {
            state: (block[state], tuple(sorted((symbol, block[end]) for symbol, end in edges[state].items())))
            for state in reached
        }
        names = {sign: number for number, sign in enumerate(sorted(set(signs.values())))}
        finer = {state: names[signs[state]] for state in reached}
        if len(names) == len(set(block.values())):
            break
        block = finer
    merged = {block[state]: {symbol: block[end] for symbol, end in edges[state].items()} for state in reached}
    number = {block[start]: 0}
    queue = [block[start]]
    for state in queue:
        for _, end in sorted(merged[state].items()):
            if end not in number:
                number[end] = len(number)
                queue.append(end)
    return Machine(tuple(tuple(sorted((symbol, number[end]) for symbol, end in merged[one].items())) for one in queue))


def machines(rng: np.random.Generator, count: int, draw: Draw = STANDARD) -> list[Machine]:
    """Different ones."""
    found: dict[Machine, None] = {}
    while len(found) < count:
        found.setdefault(minimised(raw_edges(rng, draw)))
    return list(found)


def splits(seed: int, sizes: dict[str, int], draw: Draw = STANDARD) -> dict[str, list[Machine]]:
    """Machines of several splits; none is in two."""
    left = iter(machines(np.random.default_rng((seed, 14)), sum(sizes.values()), draw))
    return {name: _taken(left, size) for name, size in sizes.items()}


def _taken(left: Iterator[Machine], size: int) -> list[Machine]:
    return [next(left) for _ in range(size)]


def walk(machine: Machine, rng: np.random.Generator, length: int) -> list[int]:
    state, symbols = 0, []
    for _ in range(length):
        symbol, state = machine.edges[state][int(rng.integers(len(machine.edges[state])))]
        symbols.append(symbol)
    return symbols


def sequence(machine: Machine, rng: np.random.Generator, draw: Draw = STANDARD) -> list[int]:
    """Strings with separators between them."""
    tokens: list[int] = []
    for number in range(int(rng.integers(*draw.strings))):
        tokens += [SEPARATOR] * (number > 0) + walk(machine, rng, int(rng.integers(1, draw.longest + 1)))
    return tokens


def legal_next(machine: Machine, tokens: list[int]) -> np.ndarray:
    """After each token, which symbols are legal: time × SYMBOLS. A separator goes back to the start."""
    state, rows = 0, np.zeros((len(tokens), SYMBOLS), dtype=bool)
    for row, token in zip(rows, tokens, strict=True):
        state = 0 if token == SEPARATOR else machine.after(state, token)
        row[machine.legal(state)] = True
    return rows
