"""The claim of code2seq: names of functions from paths of the syntax tree, against models of tokens and of whole paths.

All contenders read the same functions, write the same subtokens, and have the same time. The ablation keeps the
contexts' end tokens and their number, and blanks the paths between them.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from heapq import heappush, heapreplace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from phloem.corpora import shards
from phloem.errors import PhloemError
from phloem.languages.example import Example
from phloem.languages.tree import Tree
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import with_count
from phloem.measure.exact_match import matches
from phloem.measure.subtoken_f1 import count_all
from phloem.nn.encoders.paths import PathEncoder
from phloem.nn.models.code2seq import Code2Seq
from phloem.represent.labels import Labels
from phloem.represent.path_batch import PathBatch
from phloem.represent.paths import TREE_SITTER, extract
from phloem.systems.backbones import seq2seq_lstm, transformer
from phloem.systems.claims import ACCURACY, F1, Arm, Claim, Clause, Further, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import Splits, compiled, fresh, trained
from phloem.systems.understanding import code2seq as paths
from phloem.systems.understanding import code2vec
from phloem.tasks import naming
from phloem.tasks.accessors import accessors
from phloem.tasks.answers import answers
from phloem.tasks.recipe import Recipe

RATES = (1e-3, 3e-3)  # tried for every contender, chosen on the validation functions
SMALL: dict[str, Any] = {"subtoken_limit": 10_000, "word_limit": 4_000, "least": 2, "beam": 1}
CONTEXTS: dict[str, Any] = {"kept": 300, "contexts": 60}


class EndTokens(PathEncoder):
    """A path encoder that is told nothing of the nodes between the two end tokens."""

    def encode_paths(self, batch: PathBatch) -> Float[Tensor, "paths 2*path"]:
        return self.combine.weight.new_zeros(len(batch.path_lengths), 2 * self.lstm.hidden_size)


def end_tokens_model(config: paths.Code2SeqConfig, view: Any) -> nn.Module:
    """Code2seq with the ablated encoder."""
    model = paths.model(config, view)
    encoder = EndTokens(
        len(view.values),
        len(view.nodes),
        width=config.width,
        nodes=config.nodes,
        path=config.path,
        out=config.decoder,
        drop=config.drop,
        shared_dropout=config.shared_dropout,
    )
    encoder.lstm.requires_grad_(False)  # nothing reads what it says
    encoder.nodes.requires_grad_(False)
    return Code2Seq(encoder, model.decoder)


ABLATION = paths.RECIPE._replace(name="end tokens", model=end_tokens_model)


@dataclass(frozen=True)
class Corpus:
    """Functions of a mined corpus, of each split so many at random (None: all); without a folder, generated ones."""

    folder: Path | None
    train: int | None = 30_000
    validation: int | None = 1_500
    test: int | None = 4_000
    languages: tuple[str, ...] = ("python",)

    def functions(self, split: str) -> Iterable[Example]:
        """The functions of a split that have a path context, the same for every contender."""
        if self.folder is None:
            return accessors(split)
        count = getattr(self, split)
        if count is None:
            return with_contexts(shards.read(self.folder, split, languages=self.languages))
        return _sample(self.folder, split, self.languages, count)

    def facts(self) -> dict[str, Any]:
        if self.folder is None:
            return {"functions": "generated"}
        told = hashlib.sha256((self.folder / "corpus.json").read_bytes()).hexdigest()[:16]
        sizes = {split: getattr(self, split) or "all" for split in shards.SHARD_SPLITS}
        return {"corpus": told, "languages": list(self.languages), **sizes}


@lru_cache(maxsize=3)
def _sample(folder: Path, split: str, languages: tuple[str, ...], count: int) -> list[Example]:
    """Kept for the next contender, who reads the same."""
    spare = count + count // 20
    found = drawn(shards.read(folder, split, languages=languages), spare)
    return list(islice(with_contexts(iter(found)), count))


def drawn(examples: Iterator[Example], count: int) -> list[Example]:
    """A random subset that depends on the functions alone; a smaller one is the beginning of a larger one."""
    heap: list[tuple[int, int, Example]] = []
    for number, example in enumerate(examples):
        mark = (-zlib.crc32(example.tree.source), -number)
        if len(heap) < count:
            heappush(heap, (*mark, _own(example)))
        elif mark > heap[0][:2]:
            heapreplace(heap, (*mark, _own(example)))
    return [example for *_, example in sorted(heap, key=lambda one: one[:2], reverse=True)]


def _own(example: Example) -> Example:
    """With arrays of its own: a view would keep the whole part of the corpus in memory."""
    tree = example.tree
    arrays = {name: getattr(tree, name).copy() for name in Tree._fields if name != "source"}
    return example._replace(tree=tree._replace(**arrays))


def with_contexts(examples: Iterator[Example]) -> Iterator[Example]:
    """Those of which a path can be read; only stubs are dropped."""
    labels = Labels()
    while chunk := list(islice(examples, 256)):
        contexts = extract(chunk, TREE_SITTER, labels, limit=1)
        yield from (chunk[i] for i in np.flatnonzero(np.diff(contexts.offsets)))


def train_namer(job: Job, corpus: Corpus, budget: dict[str, Any], recipe: Recipe, config: Any) -> Outcome:
    """Train a contender and count the subtokens that it finds on the test functions."""
    splits: Splits = {split: partial(corpus.functions, split) for split in shards.SHARD_SPLITS}
    view, data = compiled(recipe.view(config), splits, job.shared, corpus.facts())
    search = recipe.search(config)
    end = {name: value for name, value in budget.items() if name in ("minutes", "epochs", "clock")}
    settings = TrainingSettings(
        seed=job.seed,
        **end,
        batch_size=64,
        bucket=8,
        schedule="cosine",
        warmup_steps=50,
        average=0.999,
        evaluate_every=2,
    )

    def make() -> nn.Module:
        return recipe.model(config, view)

    def validate(model: nn.Module) -> dict[str, float]:
        return naming.evaluate(model, view, data["validation"], search, resamples=0)

    untrained = naming.evaluate(fresh(make, job.seed), view, data["test"], search, resamples=0)["f1"]
    model, facts = trained(
        make, data["train"], recipe.objective(config), settings, job, evaluate=validate, rates=budget.get("rates", ())
    )
    found = answers(model, view, data["test"], search, length=naming.LENGTH)
    units = {
        "f1": count_all(found.references, found.predictions).astype(float),
        "exact match": with_count(matches(found.references, found.predictions)),
    }
    return Outcome(units, {"f1": untrained}, facts)


def contenders(scale: Scale) -> dict[str, tuple[Recipe, Any]]:
    """The arms by name, with their sizes at this scale; "paper" has the published ones."""
    if scale.name == "paper":
        whole: dict[str, Any] = {"beam": 1, "least": 1, "subtoken_limit": 190_000, "word_limit": 27_000}
        full = paths.Code2SeqConfig(**{**asdict(paths.OFFICIAL), "preset": "tree-sitter", "official_padding": 0})
        vectors = code2vec.Code2VecConfig(**whole, path_limit=900_000, width=128, code=384)
        lstm = seq2seq_lstm.Seq2SeqConfig(**whole, length=400, embedding=512, width=512)
        attention = transformer.TransformerConfig(**whole, length=400, width=512, heads=8, layers=6, inner=2048)
    else:
        full = paths.Code2SeqConfig(**SMALL, **CONTEXTS, width=64, nodes=64, path=64, decoder=128, output_drop=0.25)
        vectors = code2vec.Code2VecConfig(**SMALL, **CONTEXTS, path_limit=20_000, width=64, code=128)
        lstm = seq2seq_lstm.Seq2SeqConfig(**SMALL, length=150, embedding=64, width=128)
        attention = transformer.TransformerConfig(**SMALL, length=150, width=64, heads=4, layers=2, inner=256)
    return {
        "code2seq": (paths.RECIPE, full),
        "code2vec": (code2vec.RECIPE, vectors),
        "BiLSTM": (seq2seq_lstm.RECIPE, lstm),
        "Transformer": (transformer.RECIPE, attention),
        "end tokens": (ABLATION, full),
    }


@system("code2seq", row="S001", room="understanding")
def code2seq(scale: Scale) -> Claim:
    """Alon, Brody, Levy, Yahav: code2seq: Generating Sequences from Structured Representations of Code (ICLR 2019).

    Names of Python functions of projects never seen in training; the laptop and paper scales need mined shards
    (--data).
    """
    corpus = _corpus(scale)
    budget = scale.budget(smoke=10, laptop=5.0, paper=50)
    budget["rates"] = RATES if scale.name == "laptop" else (5e-3,) if scale.smoke else (1e-3,)
    known = contenders(scale)

    def arm(name: str, sizes: Corpus = corpus) -> Arm:
        recipe, config = known[name]
        title = name if sizes == corpus else f"{name}, {sizes.train:,} functions"
        run = partial(train_namer, corpus=sizes, budget=budget, recipe=recipe, config=config)
        defined = {**asdict(config), "train": sizes.train, "search": asdict(recipe.search(config))}
        for options, later in ((defined, "copying"), (defined["search"], "no_repeat")):
            options.pop(later, None)  # for summaries; runs from before them still count
        return Arm(title, run, defined)

    fewer = [Corpus(corpus.folder, train=train) for train in (5_000, 15_000)]
    return Claim(
        kind="trained",
        task="names of Python functions, "
        + ("generated ones" if scale.smoke else "of projects never seen in training"),
        metrics={"f1": F1, "exact match": ACCURACY},
        arms=(arm("code2seq"),) if scale.smoke else tuple(arm(name) for name in known),
        clauses=CLAUSES,
        floor=Clause("names are learned", "f1", "code2seq", None, 0.6),
        budget=budget,
        data=corpus.facts(),
        further=Further(CLAUSES[1].name, tuple(arm(name, sizes) for sizes in fewer for name in ("code2seq", "BiLSTM"))),
        launch="phloem mine SOURCES --out shards && torchrun --nproc_per_node 8 -m phloem reproduce code2seq "
        "--scale paper --data shards",
    )


def _corpus(scale: Scale) -> Corpus:
    if scale.smoke:
        return Corpus(None)
    if scale.data is None:
        raise PhloemError("code2seq needs mined functions: phloem mine SRC --out shards, then --data shards")
    shards.info(scale.data)
    if scale.name == "paper":
        return Corpus(scale.data, train=None, validation=None, test=None)
    return Corpus(scale.data)


CLAUSES = (
    Clause("code2seq beats code2vec by 4 points of F1", "f1", "code2seq", "code2vec", 0.04),
    Clause("code2seq beats the BiLSTM by 1.5 points of F1", "f1", "code2seq", "BiLSTM", 0.015),
    Clause("without path nodes 1.5 points of F1 are lost", "f1", "code2seq", "end tokens", 0.015),
)
