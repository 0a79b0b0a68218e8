"""Programs that draw a picture, by editing a complete program until it does (Kapur et al. 2024).

Training examples are made on the way: a random target, the target after a few random edits (or, now and then, an
unrelated program), a path of edits back to it, and one step of that path at random. Search keeps the most promising
programs, samples edits for each, and looks at every new program's picture.

The autoregressive baseline is the same model: its only "edit" writes the whole program in place of an empty one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from phloem.nn.models.tree_edit_policy import EOS, PAD, SOS, SPECIAL, EditBatch, EditPolicy
from phloem.synthesis.languages import csg
from phloem.synthesis.tree_edits import Edit, find_path, mutate, noised
from phloem.synthesis.tree_grammar import Reader, Tokens, Tree, TreeGrammar

MOST_NOISE = 5
UNRELATED = 0.2  # of the examples start from a random program
Targets = Literal["path", "last mutation", "whole program"]
Picture = Any


@dataclass(frozen=True)
class Domain:
    """A drawing language: its grammar, how it is drawn, and when a drawing is the wanted one."""

    grammar: TreeGrammar
    draw: Callable[[Tree], Picture]
    solved: Callable[[Picture, Picture], bool]
    primitives: tuple[int, int]  # fewest and most of a target
    longest: int = 96  # tokens of a sequence

    def sample(self, rng: Random) -> Tree:
        """A target that draws something and not everything."""
        while True:
            tree = self.grammar.sample(rng, rng.randint(*self.primitives))
            picture = self.draw(tree)
            if picture.min() != picture.max():
                return tree


def csg_domain(levels: int = 8, primitives: tuple[int, int] = (2, 3), pixels: int = 32) -> Domain:
    rules = csg.grammar(levels)
    return Domain(rules, lambda tree: csg.render(tree, rules, pixels=pixels), csg.solved, primitives)


class Example(NamedTuple):
    """A program (None: nothing yet), the wanted picture's program, the next edit, and how many edits are left."""

    program: Tree | None
    target: Tree
    edit: Edit
    left: int


def example(domain: Domain, rng: Random, targets: Targets = "path") -> Example:
    while True:
        target = domain.sample(rng)
        if targets == "whole program":
            return Example(None, target, Edit(0, 0, domain.grammar.tokens(target)), 1)
        made = _last_mutation(domain, target, rng) if targets == "last mutation" else _on_path(domain, target, rng)
        if made is not None:
            return made


def _last_mutation(domain: Domain, target: Tree, rng: Random) -> Example:
    steps = rng.randint(1, MOST_NOISE)
    before = noised(domain.grammar, target, steps - 1, rng)
    edit, program = mutate(domain.grammar, before, rng)
    return Example(program, target, edit.reverse(domain.grammar.tokens(before)), steps)


def _on_path(domain: Domain, target: Tree, rng: Random) -> Example | None:
    if rng.random() < UNRELATED:
        start = domain.sample(rng)
    else:
        start = noised(domain.grammar, target, rng.randint(1, MOST_NOISE), rng)
    path = find_path(domain.grammar, start, target, rng)
    if not path:
        return None
    step = rng.randrange(len(path))
    program = domain.grammar.tokens(start)
    for edit in path[:step]:
        program = edit.apply(program)
    return Example(domain.grammar.parse(program), target, path[step], len(path) - step)


class Codes:
    """Tokens of a domain as numbers."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.names = domain.grammar.vocabulary
        self.number = {token: SPECIAL + i for i, token in enumerate(self.names)}

    def of(self, tokens: Sequence[str]) -> list[int]:
        return [self.number[token] for token in tokens]

    def place(self, position: int) -> int:
        return SPECIAL + len(self.names) + position

    def pictures(self, current: Picture | None, wanted: Picture) -> Float[np.ndarray, "channels height width"]:
        """Wanted, current (blank where there is none), and their difference, each in [-1, 1]."""
        shape = wanted.shape if wanted.ndim == 3 else (*wanted.shape, 1)
        goal = wanted.reshape(shape).astype(np.float32) / max(1.0, float(wanted.max() > 1) * 255)
        now = np.zeros_like(goal) if current is None else current.reshape(shape).astype(np.float32)
        now = now / max(1.0, float(now.max() > 1) * 255)
        channels = np.concatenate([goal, now, np.abs(goal - now)], axis=2)
        return np.moveaxis(2 * channels - 1, 2, 0)

    def batch(self, examples: Sequence[Example]) -> EditBatch:
        rows, starts = [], []
        for one in examples:
            before = self.of(self.domain.grammar.tokens(one.program)) if one.program else []
            rows.append([*before, SOS, self.place(one.edit.start), *self.of(one.edit.tokens), EOS])
            starts.append(len(before) + 1)
        time = max(map(len, rows))
        tokens = torch.full((len(rows), time), PAD)
        predicted = torch.zeros(len(rows), time, dtype=torch.bool)
        for i, (row, start) in enumerate(zip(rows, starts, strict=True)):
            tokens[i, : len(row)] = torch.tensor(row)
            predicted[i, start : len(row)] = True
        draw = self.domain.draw
        pictures = [self.pictures(draw(one.program) if one.program else None, draw(one.target)) for one in examples]
        left = torch.tensor([float(one.left) for one in examples])
        return EditBatch(torch.from_numpy(np.stack(pictures)).float(), tokens, predicted, left)


class EditExamples:
    """An endless supply as the trainer's data set: example number i of an epoch is a function of (seed, i, rng)."""

    def __init__(self, domain: Domain, count: int, targets: Targets = "path", seed: int = 0) -> None:
        self.codes, self.count, self.targets, self.seed = Codes(domain), count, targets, seed

    def __len__(self) -> int:
        return self.count

    @property
    def sizes(self) -> np.ndarray:
        return np.ones(self.count, np.int64)

    def batch(self, index: np.ndarray, rng: np.random.Generator | None) -> EditBatch:
        fresh = 0 if rng is None else int(rng.integers(1 << 31))
        made = [
            example(self.codes.domain, Random(f"{self.seed} {fresh} {int(i)}"), self.targets) for i in index.tolist()
        ]
        return self.codes.batch(made)


class Proposal(NamedTuple):
    program: Tokens
    place_score: float  # log probability of the place alone: what search adds up


@torch.no_grad()
def propose(
    model: EditPolicy, codes: Codes, programs: Sequence[Tree | None], wanted: Picture, rng: torch.Generator
) -> list[Proposal | None]:
    """One sampled edit for each program (None: the whole program is written), made only of what the grammar allows.

    None where the sequence grew longer than the domain allows."""
    domain = codes.domain
    drafts = [Draft(codes, tree) for tree in programs]
    pictures = [codes.pictures(domain.draw(tree) if tree else None, wanted) for tree in programs]
    seen = model.pictures(torch.from_numpy(np.stack(pictures)).float())
    while active := [i for i, one in enumerate(drafts) if not one.done and len(one.row) < domain.longest]:
        logits = _next_logits(model, [drafts[i].row for i in active], seen[active])
        for i, logit in zip(active, logits, strict=True):
            drafts[i].take(logit, rng)
            drafts[i].write_forced()
    return [one.proposal() for one in drafts]


class Draft:
    """An edit while it is written: first its place, then the tokens that the grammar allows there."""

    def __init__(self, codes: Codes, tree: Tree | None) -> None:
        grammar = codes.domain.grammar
        self.codes = codes
        self.before = grammar.tokens(tree) if tree else ()
        self.places = grammar.editable(tree) if tree else {0: (0, Tree(grammar.start, 0))}
        self.row = [*codes.of(self.before), SOS]
        self.place, self.score = 0, 0.0
        self.reader: Reader | None = None

    @property
    def done(self) -> bool:
        return self.reader is not None and self.reader.complete

    def take(self, logits: Float[Tensor, "vocabulary"], rng: torch.Generator) -> None:
        """Sample the next token of those that are allowed."""
        reader, codes = self.reader, self.codes
        allowed = codes.of(sorted(reader.allowed())) if reader else [codes.place(place) for place in self.places]
        logs = torch.log_softmax(logits[allowed], 0)
        chosen = int(torch.multinomial(logs.exp(), 1, generator=rng))
        self.row.append(allowed[chosen])
        if reader is None:
            self.place, self.score = list(self.places)[chosen], float(logs[chosen])
            self.reader = Reader(codes.domain.grammar, self.places[self.place][1].symbol)
        else:
            reader.take(codes.names[allowed[chosen] - SPECIAL])

    def write_forced(self) -> None:
        """Write what the grammar leaves no choice of: the model need not be asked."""
        codes, reader = self.codes, self.reader
        while reader is not None and not reader.complete and len(self.row) < codes.domain.longest:
            allowed = reader.allowed()
            if len(allowed) > 1:
                break
            (token,) = allowed
            self.row.append(codes.number[token])
            reader.take(token)

    def proposal(self) -> Proposal | None:
        if not self.done:
            return None
        new = tuple(self.codes.names[token - SPECIAL] for token in self.row[len(self.before) + 2 :])
        return Proposal(Edit(self.place, self.places[self.place][0], new).apply(self.before), self.score)


def _next_logits(
    model: EditPolicy, rows: Sequence[Sequence[int]], seen: Float[Tensor, "rows width"]
) -> Float[Tensor, "rows vocabulary"]:
    lengths = torch.tensor([len(row) for row in rows])
    tokens = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    return model.after(tokens, lengths, seen)


class Found(NamedTuple):
    """The program that draws the picture, if any, and how many distinct programs were looked at until then."""

    program: Tokens | None
    expansions: int


def beam_search(
    model: EditPolicy,
    codes: Codes,
    wanted: Picture,
    *,
    seed: int,
    width: int = 16,
    edits: int = 3,
    depth: int = 30,
    most: int = 300,
) -> Found:
    """Edits from random programs: keep `width` programs by the summed log probability of their places, sample `edits`
    of each, look at all new ones before the cut."""
    domain, grammar = codes.domain, codes.domain.grammar
    rng, torch_rng = Random(seed), torch.Generator().manual_seed(seed)
    beam = [(0.0, grammar.tokens(domain.sample(rng))) for _ in range(width)]
    visited: dict[Tokens, None] = {}

    def looked_at(program: Tokens) -> bool:
        """Counts a new program, and says whether it is the answer."""
        visited[program] = None
        return domain.solved(domain.draw(grammar.parse(program)), wanted)

    for _, program in beam:
        if program not in visited and looked_at(program):
            return Found(program, len(visited))
    for _ in range(depth):
        parents = [one for one in beam for _ in range(edits)]
        made = propose(model, codes, [grammar.parse(program) for _, program in parents], wanted, torch_rng)
        queue = []
        for (score, _), one in zip(parents, made, strict=True):
            if one is None or one.program in visited:
                continue
            if looked_at(one.program):
                return Found(one.program, len(visited))
            queue.append((score + one.place_score, one.program))
            if len(visited) >= most:
                return Found(None, len(visited))
        if not queue:
            break
        beam = sorted(queue, key=lambda one: -one[0])[:width]
    return Found(None, len(visited))


def best_of(model: EditPolicy, codes: Codes, wanted: Picture, *, seed: int, most: int = 300, batch: int = 50) -> Found:
    """Whole programs sampled until one draws the picture."""
    rng = torch.Generator().manual_seed(seed)
    visited: dict[Tokens, None] = {}
    for _ in range(max(1, 2 * most // batch)):
        for one in propose(model, codes, [None] * batch, wanted, rng):
            if one is None or one.program in visited:
                continue
            visited[one.program] = None
            if codes.domain.solved(codes.domain.draw(codes.domain.grammar.parse(one.program)), wanted):
                return Found(one.program, len(visited))
            if len(visited) >= most:
                return Found(None, len(visited))
    return Found(None, len(visited))
