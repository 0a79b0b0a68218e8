"""PLBART: an encoder-decoder that repairs damaged functions and texts, then translates.

Java, Python and English (documentation) are damaged and restored, each sequence under the mark of its language; small
sources are sampled more often than their share (alpha 0.3). The claim asks what that is worth where few pairs exist: a
translator from Java to C# after the same minutes of fine-tuning, from pretrained and from random weights, with 1,000
and with 5,000 pairs; and from random weights with the whole time. Copying the source is a strong baseline here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from phloem.decode.greedy import greedy
from phloem.languages import by_name
from phloem.languages.documentation import first_sentence
from phloem.languages.tree import Tree
from phloem.learn.language_sampling import smoothed
from phloem.learn.objectives.denoising import Noise, denoising_pair
from phloem.learn.objectives.span_corruption import Pair
from phloem.learn.objectives.token_cross_entropy import TokenCrossEntropy
from phloem.learn.pretraining_mixture import Listed, Subset, Task, paired
from phloem.measure.bootstrap import with_count
from phloem.measure.edit_similarity import edit_similarity
from phloem.measure.text import bleu, bleu_addends
from phloem.nn.models.plbart import LanguageBatch, LanguageEncoderDecoder, Plbart, PlbartConfig
from phloem.represent.base import PAD, START
from phloem.represent.byte_pairs import MASK, BytePairs
from phloem.represent.indent_tokens import LAYOUT, indent_tokens, texts
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh
from phloem.systems.understanding.sequence_pretraining import (
    TINY,
    Functions,
    Sizes,
    functions_of,
    kept_for,
    phase,
    stage,
)
from phloem.tasks.accessors import accessors
from phloem.tasks.rows import rows

MARKS = ("<java>", "<python>", "<en>", "<csharp>")
ALPHA = 0.3
_LAYOUT = dict(zip(LAYOUT.values(), ("NEW_LINE", "INDENT", "DEDENT"), strict=True))
PUBLISHED = Sizes(
    units=50_000, width=768, heads=12, layers=6, inner=3072, code=512, text=512, target=512, batch=2048, rate=3e-4
)


class Sentence(NamedTuple):
    """Units of a code or a text, and the mark of its language."""

    ids: np.ndarray
    language: int


class Translation(NamedTuple):
    """Units of both sides, and the second as text."""

    source: np.ndarray
    target: np.ndarray
    wanted: str


@dataclass(frozen=True)
class Contender:
    """Whether it is pretrained, how many pairs it sees, and whether it has the time of pretraining, too."""

    pretrained: bool
    pairs: int
    all_time: bool = False
    copies: bool = False  # the baseline that returns its input


def normalised(tree: Tree, language: str, doc_span: tuple[int, int] | None = None) -> str:
    """Tokens with blanks between, documentation left out; of Python lines and blocks as NEW_LINE, INDENT, DEDENT."""
    words = texts(indent_tokens(tree, by_name(language), doc_span=doc_span), tree.source)
    return " ".join(_LAYOUT.get(word, word) for word in words)


def tokenised(code: str, language: str) -> str:
    """`normalised` of a text."""
    return normalised(by_name(language).parse(code.encode()), language)


def pairs_of(scale: Scale, split: str) -> list[tuple[str, str]]:
    """Java and C# of the same method; at the smoke scale Python and Java of generated ones."""
    if scale.smoke:
        return [(normalised(each.tree, "python"), java_accessor(each.name)) for each in accessors(split)]
    found = rows("java_csharp", {"validation": "valid"}.get(split, split), None)
    return [(tokenised(row["java"], "java"), tokenised(row["cs"], "csharp")) for row in found]


def java_accessor(name: str) -> str:
    """What a generated accessor would be in Java."""
    action, _, field = name.partition("_")
    bodies = {
        "get": "Object {} ( ) {{ return this . _{} ; }}",
        "set": "void {} ( Object value ) {{ this . _{} = value ; }}",
        "has": "boolean {} ( ) {{ return this . _{} != null ; }}",
        "clear": "void {} ( ) {{ this . _{} = null ; }}",
        "count": "int {} ( ) {{ return this . _{} . size ( ) ; }}",
        "add": "void {} ( Object item ) {{ this . _{} . add ( item ) ; }}",
    }
    return bodies[action].format(name, field)


def corpus(functions: Functions, scale: Scale, sizes: Sizes, shared: Path) -> tuple[BytePairs, list[Sentence]]:
    """The byte pairs of all sources and targets, and the sentences to denoise; made once for all arms."""
    file = shared / "plbart.json"
    if not file.exists():
        examples = functions.of("train")
        lines = [(normalised(each.tree, each.language, each.doc_span), f"<{each.language}>") for each in examples]
        lines += [(sentence, "<en>") for each in examples if (sentence := first_sentence(each.doc))]
        sides = [side for pair in pairs_of(scale, "train") for side in pair]
        units = BytePairs.fit([text for text, _ in lines] + sides, sizes.units, sentinels=sizes.sentinels, extra=MARKS)
        shared.mkdir(parents=True, exist_ok=True)
        beside = file.with_suffix(".part")
        kept = [(units.encode(text)[: sizes.code - 1], units.mark(mark)) for text, mark in lines]
        beside.write_text(json.dumps({"units": units.state(), "sentences": kept}))
        beside.rename(file)
    facts = json.loads(file.read_text())
    return BytePairs.from_state(facts["units"]), [
        Sentence(np.array(ids, np.int32), mark) for ids, mark in facts["sentences"]
    ]


def small_bart(vocabulary: int, sizes: Sizes) -> LanguageEncoderDecoder:
    """A model of PLBART's shape with the vocabulary's marks."""
    config = PlbartConfig(
        vocabulary=vocabulary,
        width=sizes.width,
        layers=sizes.layers,
        decoder_layers=sizes.layers,
        heads=sizes.heads,
        decoder_heads=sizes.heads,
        inner=sizes.inner,
        decoder_inner=sizes.inner,
        places=max(sizes.code, sizes.target) + 2,
        pad=PAD,
        begin=START,
        end=PAD,
    )
    return LanguageEncoderDecoder(Plbart(config))


def in_language(pairs: Sequence[Pair], languages: Sequence[int], sizes: Sizes) -> LanguageBatch:
    """The batch of pairs whose sources are closed already; targets begin with the marks of their languages."""
    return LanguageBatch(
        *paired(pairs, source=sizes.code, target=sizes.target), torch.tensor(list(languages), dtype=torch.long)
    )


def denoising_task(units: BytePairs, sizes: Sizes) -> Task:
    noise = Noise(MASK, len(units.marks), units.size)

    def make(items: list[Sentence], rng: np.random.Generator) -> LanguageBatch:
        pairs = [denoising_pair(item.ids, item.language, noise, rng) for item in items]
        return in_language(pairs, [item.language for item in items], sizes)

    return Task("denoising", make, TokenCrossEntropy())


def resampled(sentences: Sequence[Sentence], rng: np.random.Generator) -> np.ndarray:
    """As many sentences as there are, each language as often as its smoothed share says."""
    marks = np.array([sentence.language for sentence in sentences])
    groups = [np.flatnonzero(marks == mark) for mark in np.unique(marks)]
    counts = np.round(smoothed([len(group) for group in groups], ALPHA) * len(sentences)).astype(int)
    parts = [np.resize(rng.permutation(group), count) for group, count in zip(groups, counts, strict=True)]
    return np.concatenate(parts)


def train_translator(
    job: Job, scale: Scale, functions: Functions, budget: dict[str, Any], sizes: Sizes, contender: Contender
) -> Outcome:
    """Pretrain or not, fine-tune on pairs, and translate the test."""
    job = kept_for(job, functions.facts(), asdict(sizes), budget)
    test = pairs_of(scale, "test")
    wanted = [target for _, target in test]
    if contender.copies:
        return Outcome(_figures(wanted, [source for source, _ in test]))
    units, sentences = corpus(functions, scale, sizes, job.shared)
    model = fresh(lambda: small_bart(units.size, sizes), job.seed)
    untrained = _figures(wanted[:40], translate(model, units, test[:40], scale, sizes))
    facts: dict[str, Any] = {"parameters": sum(each.numel() for each in model.parameters())}
    share = 0.7 if contender.pretrained else 0.0
    if contender.pretrained:
        index = resampled(sentences, np.random.default_rng(job.seed))
        read = Subset(Listed(sentences, lambda sentence: len(sentence.ids)), index)
        denoise = partial(
            phase,
            items=read,
            tasks=[denoising_task(units, sizes)],
            name="run",
            sizes=sizes,
            budget=budget["pretraining"],
            part=(0.0, share),
        )
        weights, facts["pretraining"] = stage(job, "denoised", lambda: model, lambda net, own: denoise(net, job=own))
        model.load_state_dict(weights)
    made = pairs_of(scale, "train")[: contender.pairs]
    items = [
        Translation(np.array(units.encode(source), np.int32), np.array(units.encode(target), np.int32), target)
        for source, target in made
    ]
    task = Task("translation", translation_batch(units, scale, sizes), TokenCrossEntropy())
    time = budget["tuning"]
    if contender.all_time:
        key = next(name for name in ("minutes", "epochs") if name in time)
        time = {**time, key: time[key] + budget["pretraining"][key]}
    listed = Listed(items, lambda item: len(item.source))
    facts["tuning"] = phase(model, listed, [task], job, "tuning", sizes=sizes, budget=time, part=(share, 1.0))
    measured = _figures(wanted, translate(model, units, test, scale, sizes))
    before = {name: float(METRICS[name].of(parts.sum(axis=0))) for name, parts in untrained.items()}
    return Outcome(measured, before, facts)


def languages_of(scale: Scale, units: BytePairs) -> tuple[int, int]:
    """The marks of the source's and the target's language."""
    names = ("<python>", "<java>") if scale.smoke else ("<java>", "<csharp>")
    return units.mark(names[0]), units.mark(names[1])


def translation_batch(
    units: BytePairs, scale: Scale, sizes: Sizes
) -> Callable[[list[Translation], np.random.Generator], LanguageBatch]:
    """Sources closed by their language's mark, targets that begin with theirs."""
    source, target = languages_of(scale, units)

    def make(items: list[Translation], _: np.random.Generator) -> LanguageBatch:
        pairs = [
            Pair(np.concatenate([item.source[: sizes.code - 1], [source]]).astype(np.int32), item.target)
            for item in items
        ]
        return in_language(pairs, [target] * len(items), sizes)

    return make


def translate(
    model: LanguageEncoderDecoder, units: BytePairs, pairs: Sequence[tuple[str, str]], scale: Scale, sizes: Sizes
) -> list[str]:
    """The greedy translation of each source, in order."""
    make = translation_batch(units, scale, sizes)
    empty = np.zeros(0, np.int32)
    items = [Translation(np.array(units.encode(source), np.int32), empty, "") for source, _ in pairs]
    order = np.argsort([len(item.source) for item in items], kind="stable").tolist()
    found = [""] * len(items)
    model.eval()
    for start in range(0, len(order), 64):
        chosen = order[start : start + 64]
        batch = make([items[number] for number in chosen], np.random.default_rng(0))
        for number, best in zip(chosen, greedy(model, batch, length=sizes.target), strict=True):
            found[number] = units.decode(best[0].value).strip()
    return found


def _figures(wanted: Sequence[str], given: Sequence[str]) -> dict[str, np.ndarray]:
    same = [float(one == two) for one, two in zip(wanted, given, strict=True)]
    return {
        "bleu": bleu_addends(wanted, given),
        "edit similarity": with_count(edit_similarity(wanted, given)),
        "exact match": with_count(np.array(same)),
    }


METRICS = {"bleu": Metric(bleu), "edit similarity": ACCURACY, "exact match": ACCURACY}


@system("plbart", row="S009", room="understanding")
def plbart(scale: Scale) -> Claim:
    """Ahmad, Chakraborty, Ray, Chang: Unified Pre-training for Program Understanding and Generation (NAACL 2021).

    Denoising before translation from Java to C# with few pairs; the laptop scale needs mined shards of Python and Java
    (--data) and the pairs java_csharp in PHLOEM_DATA.
    """
    functions = functions_of(scale, "plbart", languages=("python", "java"))
    sizes = {"smoke": TINY, "laptop": Sizes(code=160, target=160), "paper": PUBLISHED}[scale.name]
    budget = budgets(scale)

    def arm(name: str, contender: Contender) -> Arm:
        run = partial(
            train_translator, scale=scale, functions=functions, budget=budget, sizes=sizes, contender=contender
        )
        return Arm(name, run, {**asdict(sizes), **asdict(contender)})

    arms = (
        arm("denoised, 1,000 pairs", Contender(True, 1000)),
        arm("random, 1,000 pairs", Contender(False, 1000)),
        arm("random with all the time, 1,000 pairs", Contender(False, 1000, all_time=True)),
        arm("denoised, 5,000 pairs", Contender(True, 5000)),
        arm("random, 5,000 pairs", Contender(False, 5000)),
        arm("copy", Contender(False, 0, copies=True)),
    )
    return Claim(
        kind="trained",
        task="translation of generated methods" if scale.smoke else "translation from Java to C# with few pairs",
        metrics=METRICS,
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("methods are translated", "bleu", "denoised, 1,000 pairs", None, 40.0),
        budget=budget,
        data={**functions.facts(), "pairs": "generated" if scale.smoke else "java_csharp"},
        launch="phloem mine SRC --out shards && PHLOEM_DATA=DIR phloem reproduce plbart --scale paper --data shards",
    )


def budgets(scale: Scale) -> dict[str, Any]:
    """Of both phases; `--minutes` is their sum."""
    if scale.smoke:
        return {"pretraining": {"epochs": 3}, "tuning": {"epochs": 15}}
    if scale.name == "paper":
        return {"pretraining": {"epochs": 3}, "tuning": {"epochs": 30}}
    minutes = scale.minutes or 7.0
    shares = {"pretraining": 5 / 7, "tuning": 2 / 7}
    return {name: {"minutes": minutes * share, "clock": "processor"} for name, share in shares.items()}


CLAUSES = tuple(
    Clause(f"{figure} gains {told} with 1,000 pairs", figure, "denoised, 1,000 pairs", "random, 1,000 pairs", margin)
    for figure, told, margin in (("bleu", "3", 3.0), ("edit similarity", "3 points", 0.03))
)
