"""NQG as one that answers: a grammar induced from pairs, a scorer trained on their derivations.

Shaw et al., "Compositional Generalization and Natural Language Variation" (ACL 2021). `learn_grammar` induces the rules
from the shortest pairs; `DerivationData` is what the scorer is trained on, `DerivationLikelihood` its objective

    - log sum_{d writes y} p(d | x)  =  log Z(x) - log Z(x, y)

and `Parser` answers: the target of the best derivation, or None where the grammar has none.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int, Int64
from torch import nn

from phloem.learn.objectives.base import Loss
from phloem.nn.models.nqg_scorer import Applications, DerivationBatch, Hypergraph, SpanRuleScorer, log_partition
from phloem.represent.base import PAD, UNK
from phloem.synthesis import qcfg_parser
from phloem.synthesis.qcfg_induction import Induction, State, complete, shortest
from phloem.synthesis.qcfg_parser import Derivations
from phloem.synthesis.synchronous_grammar import Grammar, SharedForest, Side

Accepts = Callable[[Side], bool]
AT_ONCE = 256  # sources that are scored in a batch
FIRST = 2  # id of the first word, behind PAD and UNK


class Asked(NamedTuple):
    """A source with all its derivations, and those that write its target."""

    source: Side
    derivations: Derivations
    right: Hypergraph


def learn_grammar(
    pairs: Iterable[tuple[Side, Side]],
    settings: Induction,
    *,
    shortest_pairs: int | None = None,
    own_rules: bool = False,
    seconds: float = math.inf,
) -> Grammar:
    """The grammar of the shortest unique pairs; induction ends early where it has taken so many seconds of the
    processor. With `own_rules`, each of the other pairs that it does not derive becomes a rule."""
    known = shortest(pairs, None)
    ends = time.process_time() + seconds
    state = State(known[:shortest_pairs], settings)
    for _ in state.steps():
        if time.process_time() > ends:
            break
    if own_rules:
        complete(state.grammar, known)
    return state.grammar


def nested_like(targets: Iterable[Side]) -> Accepts:
    """Whether a target is one whole of nested functions, each with a number of arguments that it has in `targets`."""
    known = {signature for target in targets for signature in _signatures(target) or ()}

    def accepts(target: Side) -> bool:
        found = _signatures(target)
        return found is not None and set(found) <= known

    return accepts


def _signatures(target: Side) -> list[tuple[str, int]] | None:
    """Each function with its number of arguments, each other symbol with 0; None where parentheses do not fit."""
    found: list[tuple[str, int]] = []
    callers: list[tuple[str, int]] = []
    last: str | None = None  # what may be called, or ends an argument
    for place, symbol in enumerate(map(str, target)):
        if symbol == "(":
            if not last:
                return None
            callers.append((last, 1))
            last = None
        elif symbol in "),":
            if not callers or last is None:
                return None
            name, count = callers.pop()
            if symbol == ",":
                callers.append((name, count + 1))
                last = None
            else:
                found.append((name, count))
                last = ""
        elif last is not None:
            return None
        else:
            last = symbol
            if target[place + 1 : place + 2] != ("(",):
                found.append((symbol, 0))
    return None if callers or last is None else found


class Parser:
    """A grammar, its scorer, and numbers for words and rules."""

    def __init__(self, grammar: Grammar, words: Iterable[str], **sizes: Any) -> None:
        self.grammar = grammar
        self.words = {word: number for number, word in enumerate(sorted(set(words)), FIRST)}
        self.rules = {rule: number for number, rule in enumerate(sorted(grammar, key=str))}
        self.sizes = sizes
        self._forest = SharedForest(grammar)

    def make(self) -> SpanRuleScorer:
        """A scorer with fresh weights."""
        return SpanRuleScorer(FIRST + len(self.words), len(self.rules), **self.sizes)

    def derivations(self, source: Side) -> Derivations | None:
        return qcfg_parser.derivations(self._forest(source))

    def applications(self, sources: Sequence[Side], found: Sequence[Derivations]) -> Applications:
        """What the scorer is to score, source after source."""
        lengths = np.array([len(source) for source in sources], np.int64)
        tokens = np.full((len(sources), lengths.max()), PAD, np.int64)
        for row, source in zip(tokens, sources, strict=True):
            row[: len(source)] = [self.words.get(str(word), UNK) for word in source]
        rows = [
            (number, self.rules[rule], span[0], span[1] - 1)
            for number, each in enumerate(found)
            for rule, span in each.applications
        ]
        columns = torch.tensor(rows, dtype=torch.int64).T
        return Applications(torch.from_numpy(tokens), torch.from_numpy(lengths), *columns)

    @torch.no_grad()
    def answers(self, model: nn.Module, sources: Sequence[Side], accepts: Accepts | None = None) -> list[Side | None]:
        """For each source the target of its best derivation; None where there is none."""
        training = model.training
        model.eval()
        found: list[Side | None] = []
        for start in range(0, len(sources), AT_ONCE):
            asked = sources[start : start + AT_ONCE]
            known = [self.derivations(source) for source in asked]
            there = [each for each in known if each is not None]
            scores: list[float] = []
            if there:
                scores = model(self.applications([each.forest.words for each in there], there)).tolist()
            offset = 0
            for each in known:
                size = 0 if each is None else len(each.applications)
                best = each and qcfg_parser.best(each, scores[offset : offset + size], accepts)
                found.append(best and best[0])
                offset += size
        model.train(training)
        return found

    def evaluate(self, model: nn.Module, pairs: Sequence[tuple[Side, Side]]) -> dict[str, float]:
        """The share of right answers."""
        found = self.answers(model, [source for source, _ in pairs])
        return {"exact": float(np.mean([answer == target for answer, (_, target) in zip(found, pairs, strict=True)]))}


class DerivationData:
    """Pairs that the grammar derives, as batches of hypergraphs (a `Dataset`)."""

    def __init__(self, parser: Parser, pairs: Iterable[tuple[Side, Side]]) -> None:
        self.parser = parser
        self.pairs: list[Asked] = []
        for source, target in pairs:
            found = parser.derivations(source)
            right = found and qcfg_parser.writing(found, target)
            if found is not None and right is not None:
                self.pairs.append(Asked(source, found, right))

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def sizes(self) -> Int64[np.ndarray, " pairs"]:
        """Rule applications of each."""
        return np.array([len(pair.derivations.applications) for pair in self.pairs])

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> DerivationBatch:
        chosen = [self.pairs[i] for i in index]
        found = [pair.derivations for pair in chosen]
        offsets = np.cumsum([0, *(len(each.applications) for each in found)])[:-1].tolist()
        applications = self.parser.applications([pair.source for pair in chosen], found)
        return DerivationBatch(applications, offsets, [each.graph for each in found], [pair.right for pair in chosen])


class DerivationLikelihood:
    """Negative log probability of the targets, the mean over the pairs of a batch."""

    def __call__(self, model: Callable[[Any], Any], batch: DerivationBatch) -> Loss:
        scores = model(batch.applications)
        everything = log_partition(scores, batch.offsets, batch.everything)
        right = log_partition(scores, batch.offsets, batch.right)
        return Loss((everything - right).mean(), {})
