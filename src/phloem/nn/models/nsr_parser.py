"""A greedy transition parser: projective dependency trees over symbols, one decision at a time.

Chen and Manning, "A Fast and Accurate Dependency Parser using Neural Networks" (EMNLP 2014), as Li et al. use it for
the syntax of their Neural-Symbolic Recursive Machine (ICLR 2024). A state is a stack, a buffer and the arcs so far:

    Shift      the first of the buffer goes on the stack            legal with a buffer
    Left-arc   the second of the stack becomes a child of the top   legal with two on the stack
    Right-arc  the top becomes a child of the second                legal with two on the stack

After 2n - 1 transitions one symbol is left on the stack, the root. A network of one hidden layer reads the embeddings
of 18 places: three of the stack and of the buffer, and for the two on top of the stack their first and second leftmost
and rightmost children, and the leftmost of the leftmost and the rightmost of the rightmost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

SHIFT, LEFT, RIGHT = range(3)
PLACES = 18
NOTHING = 0  # the id of an empty place; symbols begin with 1


@dataclass
class ParserState:
    """One sentence in the making; `heads` has -1 for symbols without a head."""

    symbols: Sequence[int]
    stack: list[int] = field(default_factory=list)
    shifted: int = 0
    heads: list[int] = field(default_factory=list)
    children: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.heads = [-1] * len(self.symbols)
        self.children = [[] for _ in self.symbols]

    @property
    def done(self) -> bool:
        return self.shifted == len(self.symbols) and len(self.stack) == 1

    def legal(self) -> tuple[bool, bool, bool]:
        """Whether Shift, Left-arc and Right-arc may be taken."""
        arcs = len(self.stack) >= 2
        return self.shifted < len(self.symbols), arcs, arcs

    def take(self, transition: int) -> None:
        """One transition, which must be legal."""
        if transition == SHIFT:
            self.stack.append(self.shifted)
            self.shifted += 1
            return
        top, second = self.stack.pop(), self.stack.pop()
        head, child = (top, second) if transition == LEFT else (second, top)
        self.heads[child] = head
        if transition == LEFT:
            self.children[head].insert(0, child)
        else:
            self.children[head].append(child)
        self.stack.append(head)

    def features(self) -> list[int]:
        """The symbols at the 18 places."""
        places: list[int | None] = [self.stack[-k] if len(self.stack) >= k else None for k in (1, 2, 3)]
        rest = len(self.symbols) - self.shifted
        places += [self.shifted + k if k < rest else None for k in range(3)]
        for place in places[:2]:
            left, right = ([], []) if place is None else self._sides(place)
            places += [*_first_two(left), *_first_two(right[::-1])]
            places += [_first(self._sides(left[0])[0]) if left else None]
            places += [_first(self._sides(right[-1])[1][::-1]) if right else None]
        return [NOTHING if place is None else self.symbols[place] for place in places]

    def _sides(self, head: int) -> tuple[list[int], list[int]]:
        children = self.children[head]
        return [child for child in children if child < head], [child for child in children if child > head]


def _first(places: list[int]) -> int | None:
    return places[0] if places else None


def _first_two(places: list[int]) -> list[int | None]:
    return [places[0] if places else None, places[1] if len(places) > 1 else None]


class Parse(NamedTuple):
    """Heads (the root has -1), what the parser saw and did at each transition, and the log probability of all."""

    heads: tuple[int, ...]
    features: list[list[int]]
    transitions: list[int]
    log_probability: float


class TransitionParser(nn.Module):
    """Scores of the three transitions, from the 18 places."""

    def __init__(self, symbols: int, *, embedding: int = 50, hidden: int = 200, dropout: float = 0.5) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols + 1, embedding)
        self.hidden = nn.Linear(PLACES * embedding, hidden)
        self.output = nn.Linear(hidden, 3)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Int64[Tensor, "states places"]) -> Float[Tensor, "states transitions"]:
        read = self.embedding(features).flatten(1)
        return self.output(self.dropout(torch.relu(self.hidden(read))))


def masked(
    logits: Float[Tensor, "states transitions"], legal: Bool[Tensor, "states transitions"]
) -> Float[Tensor, "states transitions"]:
    """Log probabilities of the legal transitions, normalised; the others have none."""
    return logits.masked_fill(~legal, -torch.inf).log_softmax(dim=1)


@torch.no_grad()
def parse(
    model: nn.Module, sentences: Sequence[Sequence[int]], generator: torch.Generator | None = None
) -> list[Parse]:
    """A tree for each sentence, all sentences a transition at a time: the likeliest, or drawn with a `generator`."""
    states = [ParserState(sentence) for sentence in sentences]
    made = [Parse((), [], [], 0.0) for _ in states]
    scores = [0.0] * len(states)
    while open_ := [number for number, state in enumerate(states) if not state.done]:
        features = [states[number].features() for number in open_]
        legal = torch.tensor([states[number].legal() for number in open_])
        log = masked(model(torch.tensor(features)), legal)
        drawn = log.argmax(dim=1) if generator is None else torch.multinomial(log.exp(), 1, generator=generator)[:, 0]
        taken = zip(open_, features, drawn.tolist(), log.gather(1, drawn[:, None])[:, 0].tolist(), strict=True)
        for number, seen, transition, score in taken:
            states[number].take(transition)
            made[number].features.append(seen)
            made[number].transitions.append(transition)
            scores[number] += score
    return [
        one._replace(heads=tuple(state.heads), log_probability=score)
        for one, state, score in zip(made, states, scores, strict=True)
    ]
