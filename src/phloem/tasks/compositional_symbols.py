"""Learning a grounded symbol system from pairs alone, by deduction and abduction.

Li et al., "Neural-Symbolic Recursive Machine for Systematic Generalization" (ICLR 2024, section 3.3). Words are symbols
(perception has its ground truth), so that two modules are learned, in turn an epoch each:

    a tree is drawn from the parser, the root's value deduced; where it is wrong, abduction looks for a repair
    semantics   what each symbol of a right or repaired tree gave for its arguments goes into its table; then programs
    syntax      the parser is trained on the trees that gave the right value

Three things differ from the source. Sentences come in order of length (there for arithmetic alone). A repair that
contradicts a program believed in is not accepted (`dearest`). A leaf that has no value yet is taken for EMPTY, without
which a word that never stands alone could not be met at first. Adam's rate is ten times higher, for short trainings.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import torch
from torch.nn import functional as F

from phloem.nn.models.nsr_parser import Parse, TransitionParser, parse
from phloem.synthesis.deduction_abduction import Abduction, Hypothesis
from phloem.synthesis.grounded_symbols import (
    EMPTY,
    MISSING,
    Arguments,
    Lexicon,
    Synthesis,
    Value,
    arguments,
    children,
    deduce,
)

KEPT = 4000  # right parses that the parser is trained on


@dataclass(frozen=True)
class Learning:
    """The parser's sizes, and how long each part is trained."""

    embedding: int = 50
    hidden: int = 200
    dropout: float = 0.1
    learning_rate: float = 1e-3
    epochs: int = 100
    sentences: int = 300  # of an epoch
    passes: int = 3  # over the right parses of an epoch
    batch_size: int = 64
    longer_at: float = 0.8  # share of right sentences at which the next length is added
    dearest: float = -1.0  # cost of a repair that is believed: programs of a likelihood above 0.27 are not overruled
    patience: int = 8  # epochs after which it is added in any case


class Example(NamedTuple):
    """Symbols and the value that they have."""

    symbols: tuple[str, ...]
    value: Value


class _Beliefs:
    """Words are what they are; programs are as likely as they have been right."""

    def __init__(self, lexicon: Lexicon, symbols: Sequence[str]) -> None:
        self.lexicon, self.symbols = lexicon, symbols

    def symbol(self, place: int, symbol: str) -> float:
        return 1.0 if self.symbols[place] == symbol else 0.0

    def program(self, symbol: str) -> float:
        return self.lexicon.likelihood(symbol)

    def arc(self, place: int) -> float:
        return 0.5


class Machine:
    """The parser, the meanings, and how programs are found."""

    def __init__(self, symbols: Sequence[str], find: Synthesis, settings: Learning, seed: int) -> None:
        self.symbols = {symbol: number for number, symbol in enumerate(sorted(set(symbols)), 1)}
        self.find, self.settings = find, settings
        self.random = Random(seed)
        self.generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        self.parser = TransitionParser(
            len(self.symbols), embedding=settings.embedding, hidden=settings.hidden, dropout=settings.dropout
        )
        self.optimizer = torch.optim.Adam(self.parser.parameters(), lr=settings.learning_rate, amsgrad=True)
        self.lexicon = Lexicon()

    def answers(self, sentences: Sequence[tuple[str, ...]]) -> list[Value]:
        """The value of each sentence by its likeliest tree; MISSING where a symbol has no meaning."""
        known = [sentence for sentence in sentences if all(symbol in self.symbols for symbol in sentence)]
        self.parser.eval()
        parses = parse(self.parser, [self._numbers(sentence) for sentence in known])
        self.lexicon.rng = None
        found = {
            sentence: deduce(sentence, each.heads, self.lexicon)[each.heads.index(-1)]
            for sentence, each in zip(known, parses, strict=True)
        }
        return [found.get(sentence, MISSING) for sentence in sentences]

    def learn(
        self, examples: Sequence[Example], *, seconds: float, progress: Callable[[float], None] = lambda _: None
    ) -> list[float]:
        """Train for so many seconds of the processor, or all epochs; the share of right trees of each epoch."""
        started, shares, waited = time.process_time(), [], 0
        lengths = sorted({len(example.symbols) for example in examples})
        allowed = 1
        for epoch in range(self.settings.epochs):
            chosen = [example for example in examples if len(example.symbols) <= lengths[allowed - 1]]
            chosen = self.random.sample(chosen, min(self.settings.sentences, len(chosen)))
            shares.append(self._epoch(chosen, semantics=epoch % 2 == 0))
            waited += 1
            if allowed < len(lengths) and (shares[-1] >= self.settings.longer_at or waited >= self.settings.patience):
                allowed, waited = allowed + 1, 0
            spent = time.process_time() - started
            progress(min(1.0, max(spent / seconds, epoch / self.settings.epochs)))
            if spent > seconds:
                break
        return shares

    def _epoch(self, chosen: Sequence[Example], semantics: bool) -> float:
        """One pass over the examples in favour of one module; the share of trees that were right as drawn."""
        self.parser.eval()
        parses = parse(self.parser, [self._numbers(example.symbols) for example in chosen], self.generator)
        self.lexicon.rng = self.random
        tables = {symbol: meaning.confident() for symbol, meaning in self.lexicon.items()}
        seen: dict[str, list[tuple[Arguments, Value]]] = defaultdict(list)
        right: list[Parse] = []
        for example, each in zip(chosen, parses, strict=True):
            values = deduce(example.symbols, each.heads, self.lexicon)
            if values[each.heads.index(-1)] == example.value:
                right.append(each)
            elif semantics:
                values = self._repaired(example, each, values, tables)
            if semantics and values:
                _collect(example.symbols, each, values, seen)
        if semantics:
            self._learn_meanings(seen)
        else:
            self._learn_syntax(right[:KEPT])
        return len(right) / len(chosen)

    def _repaired(
        self, example: Example, drawn: Parse, values: list[Value], tables: Mapping[str, Mapping[Arguments, Value]]
    ) -> list[Value]:
        """The values after an abduction that is not too dear; none where there is none."""
        leaves = {place for place, below in enumerate(children(drawn.heads)) if not below and len(drawn.heads) > 1}
        empty: dict[int, Value] = {place: EMPTY for place in leaves if values[place] is MISSING}
        beliefs = _Beliefs(self.lexicon, example.symbols)
        search = Abduction(self.lexicon, tables, beliefs, "semantics")
        repair = search(Hypothesis(example.symbols, drawn.heads, empty), example.value)
        return repair.values if repair is not None and repair.cost <= self.settings.dearest else []

    def _learn_meanings(self, seen: Mapping[str, list[tuple[Arguments, Value]]]) -> None:
        for symbol in sorted(seen):
            self.lexicon[symbol].update(seen[symbol])
        for symbol in sorted(seen):
            others = [
                meaning.program
                for other, meaning in sorted(self.lexicon.items())
                if other != symbol and meaning.program is not None and meaning.likelihood > 0.9
            ]
            self.lexicon[symbol].synthesize(self.find, others, self.random)

    def _learn_syntax(self, right: Sequence[Parse]) -> None:
        """Cross-entropy of the transitions of right parses."""
        rows = [(f, t) for each in right for f, t in zip(each.features, each.transitions, strict=True)]
        if not rows:
            return
        self.parser.train()
        features, wanted = torch.tensor([f for f, _ in rows]), torch.tensor([t for _, t in rows])
        size = self.settings.batch_size * 8  # of transitions
        for _ in range(self.settings.passes):
            order = torch.randperm(len(rows), generator=self.generator)
            for start in range(0, len(rows), size):
                batch = order[start : start + size]
                loss = F.cross_entropy(self.parser(features[batch]), wanted[batch])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()

    def _numbers(self, sentence: Sequence[str]) -> list[int]:
        return [self.symbols[symbol] for symbol in sentence]


def _collect(
    symbols: tuple[str, ...], drawn: Parse, values: list[Value], into: dict[str, list[tuple[Arguments, Value]]]
) -> None:
    """What each symbol gave for its arguments."""
    for place, below in enumerate(children(drawn.heads)):
        given = arguments(values[child] for child in below)
        if given is not None and values[place] is not MISSING:
            into[symbols[place]].append((given, values[place]))
