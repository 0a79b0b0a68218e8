"""CoTexT: one model for several languages, told by a prefix, or one model for each.

The task is a function's summary; tasks are mixed within batches at equal rates, each example behind the name of its
language ("java: "). The claim gives both sides the same steps, units and vocabulary: one model three shares of time,
three models one share each, and JavaScript a tenth of its functions. Average BLEU should not fall, and the language
with the fewest functions should gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache, partial
from typing import Any

import numpy as np
from jaxtyping import Float

from phloem.errors import PhloemError
from phloem.languages.documentation import first_sentence
from phloem.languages.example import Example
from phloem.learn.multitask_mixture import MultitaskMixture, PrefixedTask, prefixed
from phloem.learn.objectives.span_corruption import Pair
from phloem.learn.objectives.token_cross_entropy import TokenCrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import Progress, train
from phloem.measure.text import bleu, bleu_addends
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.code_text import code_text
from phloem.represent.marked_code import unit_text
from phloem.systems.claims import Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh
from phloem.systems.understanding.plbart import java_accessor
from phloem.systems.understanding.sequence_pretraining import TINY, Functions, Sizes, answers, functions_of, small_t5
from phloem.tasks.accessors import accessors

LANGUAGES = ("python", "java", "javascript")
SMALLEST = "javascript"
CUT = 10  # the smallest language keeps one function of so many
ADDENDS = 10  # of BLEU
PUBLISHED = Sizes(
    units=32_128, width=768, heads=12, layers=12, inner=3072, code=512, text=512, target=512, batch=128, rate=1e-3
)
Described = tuple[str, str]  # a code and its sentence


def described(functions: Functions, split: str) -> dict[str, list[Described]]:
    """Codes with sentences by language; at the smoke scale accessors in three dialects."""
    found: dict[str, list[Described]] = {language: [] for language in LANGUAGES}
    if functions.folder is None:
        for number, example in enumerate(accessors(split)):
            language = LANGUAGES[number // 6 % 3]
            found[language].append((_dialect(example, language), _sentence(example.name)))
        return found
    for example in functions.of(split):
        if sentence := first_sentence(example.doc):
            found[example.language].append((code_text(example), sentence))
    if missing := ", ".join(name for name, pairs in found.items() if not pairs):
        raise PhloemError(f"{functions.folder} has no documented functions of {missing} to {split} on: mine them, too")
    if split == "train":
        found[SMALLEST] = found[SMALLEST][::CUT]
    return found


def _dialect(example: Example, language: str) -> str:
    if language == "python":
        return code_text(example)
    java = java_accessor(example.name)
    return java if language == "java" else f"function {example.name} {java[java.index('(') :]}"


def _sentence(name: str) -> str:
    verbs = {"get": "return", "set": "change", "has": "tell whether there is", "clear": "forget", "count": "count"}
    action, _, rest = name.partition("_")
    return f"{verbs.get(action, 'add an item to')} the {rest.replace('_', ' ')} of this object ."


def metric(languages: Sequence[str]) -> Metric:
    """The mean over languages of corpus BLEU; a unit has addends for each language, its own ones not 0."""

    def of(sums: Float[np.ndarray, "*any addends"]) -> Float[np.ndarray, "*any"]:
        parts = [sums[..., LANGUAGES.index(name) * ADDENDS :][..., :ADDENDS] for name in languages]
        return np.mean([bleu(part) for part in parts], axis=0)

    return Metric(of)


METRICS = {"average BLEU": metric(LANGUAGES), **{f"BLEU, {name}": metric([name]) for name in LANGUAGES}}


class Reader:
    """Texts as units, with the prefix of each language."""

    def __init__(self, units: BytePairs, sizes: Sizes) -> None:
        self.units, self.sizes = units, sizes

    def prefix(self, language: str) -> np.ndarray:
        return np.array(self.units.encode(f"{language}:"), np.int32)

    def asked(self, language: str, one: Described) -> Pair:
        """The pair behind its language's prefix."""
        return prefixed(self.prefix(language), self.pair(one))

    def pair(self, one: Described) -> Pair:
        code, sentence = (np.array(self.units.encode(text), np.int32) for text in one)
        return Pair(code[: self.sizes.code], sentence[: self.sizes.text])


@lru_cache(maxsize=1)
def material(
    functions: Functions, sizes: Sizes
) -> tuple[dict[str, list[Described]], dict[str, list[Described]], Reader]:
    """Training and test pairs by language, and the units, which are learned from the training pairs."""
    data = described(functions, "train")
    texts = [text for pairs in data.values() for pair in pairs for text in pair]
    reader = Reader(BytePairs.fit(texts, sizes.units, sentinels=sizes.sentinels), sizes)
    return data, described(functions, "test"), reader


def train_models(
    job: Job, functions: Functions, budget: dict[str, Any], sizes: Sizes, groups: tuple[tuple[str, ...], ...]
) -> Outcome:
    """Train a model for each group of languages, each its share of the time, and summarize the test."""
    data, test, reader = material(functions, sizes)
    rows: dict[str, np.ndarray] = {}
    facts: dict[str, Any] = {"functions": {name: len(pairs) for name, pairs in data.items()}}
    for number, group in enumerate(groups):
        model = fresh(lambda: small_t5(reader.units.size, sizes), job.seed)
        untrained = _bleu(model, reader, {group[0]: test[group[0]][:20]})[group[0]] if not number else None
        tasks = [PrefixedTask(name, reader.prefix(name), [reader.pair(one) for one in data[name]]) for name in group]
        mixture = MultitaskMixture(tasks, source=sizes.code, target=sizes.text)
        share = len(group) / len(LANGUAGES)
        settings = TrainingSettings(
            seed=job.seed,
            **_share(budget, share),
            batch_size=sizes.batch,
            learning_rate=sizes.rate,
            schedule="cosine",
            warmup_steps=50,
            clip=1.0,
        )
        history = train(
            model,
            mixture,
            TokenCrossEntropy(),
            settings,
            folder=job.folder / "-".join(group),
            progress=partial(_tell, job, number, len(groups)),
        )
        facts[", ".join(group)] = {"steps": history.step, "training_seconds": round(history.seconds, 1)}
        rows |= _bleu(model, reader, {name: test[name] for name in group})
        if untrained is not None:
            begun = float(bleu(untrained.sum(axis=0)))
    measured = np.concatenate([_placed(rows[name], name) for name in LANGUAGES])
    return Outcome(dict.fromkeys(METRICS, measured), dict.fromkeys(METRICS, begun), facts)


def _tell(job: Job, number: int, groups: int, done: Progress) -> None:
    job.progress((number + done.fraction) / groups)


def _share(budget: dict[str, Any], share: float) -> dict[str, Any]:
    """A group's part of the time; an epoch of a group is as long as its functions are many already."""
    return {name: value * share if name == "minutes" else value for name, value in budget.items()}


def _bleu(model: Any, reader: Reader, test: dict[str, list[Described]]) -> dict[str, np.ndarray]:
    found = {}
    for name, pairs in test.items():
        make = partial(reader.asked, name)
        given = answers(model, pairs, make, sizes=reader.sizes, length=reader.sizes.text)
        found[name] = bleu_addends(
            [sentence for _, sentence in pairs], [unit_text(reader.units, output) for output in given]
        )
    return found


def _placed(addends: Float[np.ndarray, "examples 10"], language: str) -> Float[np.ndarray, "examples addends"]:
    """Addends in the columns of their language."""
    placed = np.zeros((len(addends), ADDENDS * len(LANGUAGES)))
    start = LANGUAGES.index(language) * ADDENDS
    placed[:, start : start + ADDENDS] = addends
    return placed


@system("cotext", row="S164", room="understanding")
def cotext(scale: Scale) -> Claim:
    """Phan, Tran, Le, Nguyen, Anibal, Peltekian, Ye: CoTexT: Multi-task Learning with Code-Text Transformer (2021).

    Summaries in three languages by one model or by three; the laptop scale needs mined shards of Python, Java and
    JavaScript (--data).
    """
    functions = functions_of(scale, "cotext", train=60_000, test=3_000, languages=LANGUAGES)
    small = Sizes(**{**asdict(TINY), "text": 24})
    sizes = {"smoke": small, "laptop": Sizes(), "paper": PUBLISHED}[scale.name]
    budget = scale.budget(smoke=14, laptop=9.0, paper=20)

    def arm(name: str, groups: tuple[tuple[str, ...], ...]) -> Arm:
        run = partial(train_models, functions=functions, budget=budget, sizes=sizes, groups=groups)
        return Arm(name, run, {**asdict(sizes), "groups": [list(group) for group in groups]})

    arms = arm("one model", (LANGUAGES,)), arm("a model each", tuple((name,) for name in LANGUAGES))
    return Claim(
        kind="trained",
        task="what generated functions do" if scale.smoke else "summaries of functions in three languages",
        metrics=METRICS,
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("functions are described", "average BLEU", "one model", None, 40.0),
        budget=budget,
        data=functions.facts(),
        launch="phloem mine SOURCES --out shards && phloem reproduce cotext --scale paper --data shards",
    )


CLAUSES = (
    Clause("on average no worse by 0.3 BLEU", "average BLEU", "one model", "a model each", -0.3),
    Clause("the smallest language gains", f"BLEU, {SMALLEST}", "one model", "a model each", 0.0),
)
