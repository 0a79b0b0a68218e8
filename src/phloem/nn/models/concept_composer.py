"""NeSyCoCo: predicates grounded by their word vectors, composed by soft logic.

Kamali, Barezi and Kordjamshidi, "NeSyCoCo: A Neuro-Symbolic Concept Composer for Compositional Generalization" (AAAI
2025). With the features o of an object (or of a pair, one after the other) and the vector e of a word,

    score(word, o) = sigmoid(MLP([W_o o ; W_e e]))                                           in [0, 1]

    and = min    or = max    not s = 1 - s    exists = max    forall (a -> b) = min max(1 - a, b)    count = sum
    iota(s) = s in training, s / max s at test (s itself where all is 0)
    relate  = sum_y  r(x, y) iota(s)(y),   r(x, x) = 0                                       (option: max_y)
    greater(a, b) = sigmoid((a - b - 1 + 2m) / t)      equal(a, b) = sigmoid((2m - |a - b|) / 2m / t)      m = t = 1/4
    describe = sum_x s(x) logit(word, x) / sum_x s(x)                                        for each word of a kind

The sum over y is not clipped: it exceeds 1 where several objects score high. The *unnormalised* form is that of LEFT
(Hsu et al. 2023): scores are logits, not s = -s, and iota is a softmax over objects; it is made a probability once, at
the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from phloem.corpora.clevr_programs import (
    KINDS,
    RELATIONS,
    All,
    Both,
    Compare,
    Count,
    Describe,
    Either,
    Exists,
    Filter,
    Forall,
    Other,
    Program,
    Relate,
    Set,
)

Unary = Callable[[str], Float[Tensor, " objects"]]
Binary = Callable[[str], Float[Tensor, "objects objects"]]  # [x, y]: x is in the relation to y
MARGIN = TEMPERATURE = 0.25
TINY = 1e-6
BEYOND = 20.0  # the logit of what is certain


def greater(a: Tensor, b: Tensor) -> Tensor:
    """How true a > b is of counts."""
    return torch.sigmoid((a - b - 1 + 2 * MARGIN) / TEMPERATURE)


def less(a: Tensor, b: Tensor) -> Tensor:
    return greater(b, a)


def equal(a: Tensor, b: Tensor) -> Tensor:
    """How true a = b is of counts."""
    return torch.sigmoid((2 * MARGIN - (a - b).abs()) / (2 * MARGIN) / TEMPERATURE)


def iota(scores: Float[Tensor, " objects"], testing: bool) -> Float[Tensor, " objects"]:
    """The object that is meant: at test its score is 1."""
    top = scores.max()
    return scores / top if testing and bool(top > 0) else scores


@dataclass(frozen=True)
class Logic:
    """How truth is composed."""

    normalised: bool = True
    strongest: bool = False  # relations take the best y, not the sum over them
    product: bool = False  # and is a product


class Executor:
    """Runs programs on the scores of one scene; `testing` sharpens iota."""

    def __init__(self, unary: Unary, binary: Binary, logic: Logic, testing: bool, example: Tensor) -> None:
        self.unary, self.binary, self.logic, self.testing = unary, binary, logic, testing
        self.one = torch.ones_like(example)

    def members(self, of: Set) -> Float[Tensor, " objects"]:
        """How far each object is in a set: in [0, 1], or logits where scores are not normalised."""
        match of:
            case All():
                return self.one if self.logic.normalised else self.one * BEYOND
            case Filter(word, inner):
                return self.both(self.unary(word), self.members(inner))
            case Both(left, right):
                return self.both(self.members(left), self.members(right))
            case Either(left, right):
                return torch.maximum(self.members(left), self.members(right))
            case Other(inner):
                found = self.members(inner)
                return 1 - found if self.logic.normalised else -found
            case Relate(word, inner):
                return self.relate(word, self.members(inner))

    def both(self, left: Tensor, right: Tensor) -> Tensor:
        return left * right if self.logic.product else torch.minimum(left, right)

    def relate(self, word: str, to: Float[Tensor, " objects"]) -> Float[Tensor, " objects"]:
        relation = self.binary(word)
        itself = torch.eye(len(to), dtype=torch.bool)
        if not self.logic.normalised:
            return (relation.masked_fill(itself, -BEYOND) * to.softmax(dim=0)).sum(dim=1)
        weighted = relation.masked_fill(itself, 0.0) * iota(to, self.testing)
        return weighted.amax(dim=1) if self.logic.strongest else weighted.sum(dim=1)

    def truth(self, score: Tensor) -> Tensor:
        """A probability of what `members` gives."""
        return score if self.logic.normalised else torch.sigmoid(score)

    def run(self, program: Program) -> Tensor:
        """The truth of a sentence, a count, or a logit for each word of a kind."""
        match program:
            case Exists(of):
                return self.truth(self.members(of).max())
            case Forall(left, right):
                one, other = self.members(left), self.members(right)
                outside = 1 - one if self.logic.normalised else -one
                return self.truth(torch.maximum(outside, other).min())
            case Count(of):
                return self.truth(self.members(of)).sum()
            case Compare(op, left, right):
                one, other = (self.truth(self.members(each)).sum() for each in (left, right))
                return {"greater": greater, "less": less, "equal": equal}[op](one, other)
            case Describe(kind, of):
                weight = self.truth(self.members(of))
                logits = torch.stack([self.logit(word) for word in KINDS[kind]])
                return (logits * weight).sum(dim=1) / weight.sum().clamp(min=TINY)

    def logit(self, word: str) -> Float[Tensor, " objects"]:
        scores = self.unary(word)
        return torch.logit(scores, TINY) if self.logic.normalised else scores


class Grounding(nn.Module):
    """Logits of words of objects, and of relations of pairs, from features and word vectors.

    `hidden` are the widths of the MLP behind the two projections; the paper's are 512 for each projection and
    1024, 1024, 512, 256, 128.
    """

    def __init__(self, features: int, vectors: int, projected: int = 512, hidden: Sequence[int] = ()) -> None:
        super().__init__()
        self.objects, self.pairs = nn.Linear(features, projected), nn.Linear(2 * features, projected)
        self.words = nn.Linear(vectors, projected)
        self.unary, self.binary = (_perceptron(2 * projected, hidden) for _ in range(2))

    def of_objects(
        self, features: Float[Tensor, "rows features"], vectors: Float[Tensor, "rows vectors"]
    ) -> Float[Tensor, " rows"]:
        return self.unary(torch.cat([self.objects(features), self.words(vectors)], dim=-1)).squeeze(-1)

    def of_pairs(
        self, pairs: Float[Tensor, "rows twice_features"], vectors: Float[Tensor, "rows vectors"]
    ) -> Float[Tensor, " rows"]:
        return self.binary(torch.cat([self.pairs(pairs), self.words(vectors)], dim=-1)).squeeze(-1)


def _perceptron(width: int, hidden: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = [nn.ReLU()]
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, 1))


class ConceptComposer(nn.Module):
    """Answers questions about scenes from the features of their objects and the vectors of words.

    `vectors` maps a word to its vector; an unknown word has the zero vector.
    """

    def __init__(
        self,
        vectors: dict[str, Float[Tensor, " vectors"]],
        features: int = 128,
        logic: Logic = Logic(),
        projected: int = 512,
        hidden: Sequence[int] = (1024, 1024, 512, 256, 128),
    ) -> None:
        super().__init__()
        self.vectors, self.logic = vectors, logic
        self.zero = torch.zeros(next(iter(vectors.values())).shape)
        self.grounding = Grounding(features, len(self.zero), projected, hidden)

    def vector(self, word: str) -> Float[Tensor, " vectors"]:
        return self.vectors.get(word, self.zero)

    def answers(
        self,
        features: Sequence[Float[Tensor, "objects features"]],
        programs: Sequence[Program],
        words: Sequence[Sequence[str]],
    ) -> list[Tensor]:
        """What each program gives of its scene; `words` are those of each program. All groundings of the batch are
        computed at once."""
        tables = self.ground(features, words)
        testing = not self.training
        return [
            Executor(
                lambda word, own=table: own[word],  # type: ignore[misc]
                lambda word, own=table: own[word],  # type: ignore[misc]
                self.logic,
                testing,
                each[:, 0],
            ).run(program)
            for each, program, table in zip(features, programs, tables, strict=True)
        ]

    def ground(
        self, features: Sequence[Float[Tensor, "objects features"]], words: Sequence[Sequence[str]]
    ) -> list[dict[str, Tensor]]:
        """For each scene the scores of its program's words: of objects, or of pairs for relations."""
        tables: list[dict[str, Tensor]] = [{} for _ in features]
        for relational in (False, True):
            places = [
                (number, word)
                for number, own in enumerate(words)
                for word in dict.fromkeys(own)
                if (word in RELATIONS) == relational
            ]
            if not places:
                continue
            rows = [_pairs(features[number]) if relational else features[number] for number, _ in places]
            vectors = torch.cat(
                [self.vector(word).expand(len(row), -1) for (_, word), row in zip(places, rows, strict=True)]
            )
            network = self.grounding.of_pairs if relational else self.grounding.of_objects
            logits = network(torch.cat(rows), vectors)
            scores = torch.sigmoid(logits) if self.logic.normalised else logits
            for (number, word), part in zip(places, scores.split([len(row) for row in rows]), strict=True):
                count = len(features[number])
                tables[number][word] = part.view(count, count) if relational else part
        return tables


def _pairs(objects: Float[Tensor, "objects features"]) -> Float[Tensor, "pairs twice_features"]:
    count = len(objects)
    return torch.cat([objects.repeat_interleave(count, 0), objects.repeat(count, 1)], dim=1)


def decided(value: Tensor, program: Program) -> bool | int | str:
    """The answer that a program's value says."""
    if isinstance(program, Describe):
        return KINDS[program.kind][int(value.argmax())]
    return round(float(value)) if isinstance(program, Count) else bool(value > 0.5)
