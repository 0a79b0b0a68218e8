"""GNN-Coder: a graph network over syntax trees, on top of a frozen encoder, for the search of code by sentences.

Every node of a tree has its type and the vector that the encoder gives its text; pooling by state and number of
children leaves fewer nodes from level to level. The claim compares the sum of this and of the projected vector of the
whole text with the projected vector alone, which has as many parameters; the graph alone, plain top-k pooling and no
pooling are reported beside them, and how spread out each one's vectors are.

Other than in the paper the encoder is small, pretrained here by filling in, and never tuned, so that the texts of all
nodes are read once before; all arms see its vectors scaled to mean 0 and deviation 1. Functions lose documentation and
name, which would give the answer away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any
from zlib import crc32

import numpy as np
import torch
from jaxtyping import Float32, Int64
from safetensors.numpy import load_file, save_file

from phloem.corpora.doc_code_pairs import DocumentedCode
from phloem.languages import by_name
from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.contrastive import info_nce, same_rows
from phloem.learn.settings import TrainingSettings
from phloem.measure.embedding_spread import spread
from phloem.nn.encoders.ast_graph import AstGraphEncoder
from phloem.nn.models.gnn_coder import GnnCoder, GraphPairs
from phloem.nn.models.roberta import Roberta
from phloem.represent.ast_graph import GraphNumbers, Numbering, ast_graph, collate
from phloem.represent.byte_pairs import END, PAD, START, BytePairs
from phloem.represent.code_text import around_name, without_documentation
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, trained
from phloem.systems.understanding import search_pairs
from phloem.systems.understanding.tiny_encoders import SIZES as ENCODER
from phloem.systems.understanding.tiny_encoders import SMALL, kept_encoder, mined_functions, random_encoder

SIZES: dict[str, dict[str, Any]] = {
    "smoke": {"encoder": SMALL, "width": 48, "levels": 2, "units": 420, "pairs": 474, "window": 64, "nodes": 64},
    "laptop": {
        "encoder": ENCODER,
        "width": 128,
        "levels": 3,
        "units": 8192,
        "pairs": 6000,
        "window": 128,
        "nodes": 128,
    },
    "paper": {
        "encoder": {**ENCODER, "width": 768, "layers": 12, "heads": 12, "inner": 3072},
        "width": 768,
        "levels": 3,
        "units": 50_000,
        "pairs": 400_000,
        "window": 510,
        "nodes": 1000,
    },
}
TESTED = {"smoke": (100, 99), "laptop": (1000, 999), "paper": (1000, 999)}  # queries, and other codes for each
RATES = (1e-3, 3e-3)  # tried by each contender at the laptop scale, chosen on validation
TEXT_HIDDEN = 256  # of the projection that is added to the graph's vector
PRETRAINING_MINUTES, PRETRAINED_ON = 8.0, 10_000
READ_AT_ONCE = 8192  # units


class ClipLoss:
    """The mean of both directions' cross-entropies, scores times the scale; equal texts are no negatives."""

    def __call__(self, model: Any, batch: GraphPairs) -> Loss:
        queries, codes = model(batch)
        scale = model.scale()
        scores = queries @ codes.T * scale
        same = same_rows(batch.query_key, batch.code_key)
        value = (info_nce(scores, same) + info_nce(scores.T, same)) / 2
        return Loss(value, {"scale": float(scale.detach())})


def text_of(one: DocumentedCode) -> str:
    """A function's source without documentation, its name replaced by one letter so that it still parses."""
    return "f".join(around_name(without_documentation(one.source, one.doc_span), one.name))


@torch.inference_mode()
def text_vectors(
    encoder: Roberta, units: BytePairs, texts: Sequence[str], window: int
) -> Float32[np.ndarray, "texts width"]:
    """The mean of the states of each text's first `window` units, marks included; texts of like length at once."""
    rows = [[START, *units.encode(text)[:window], END] for text in texts]
    found = np.empty((len(rows), encoder.width), np.float32)
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
    while order:
        time = len(rows[order[0]])
        most = max(1, READ_AT_ONCE // (time + 8))
        part, order = order[:most], order[most:]
        lengths = torch.tensor([len(rows[place]) for place in part])
        time = int(lengths.max())
        tokens = torch.tensor([rows[place] + [PAD] * (time - len(rows[place])) for place in part])
        states = encoder(tokens, lengths=lengths)
        real = torch.arange(time) < lengths[:, None]
        found[part] = ((states * real[:, :, None]).sum(dim=1) / lengths[:, None]).numpy()
    return found


class Pairs:
    """Sentences and programs whose texts are read already (a `Dataset`)."""

    def __init__(
        self,
        queries: Float32[np.ndarray, "pairs width"],
        graphs: list[GraphNumbers],
        contents: Float32[np.ndarray, "texts width"],
        keys: tuple[Int64[np.ndarray, " pairs"], Int64[np.ndarray, " pairs"]],
    ) -> None:
        self.queries, self.graphs, self.contents, self.keys = queries, graphs, contents, keys

    def __len__(self) -> int:
        return len(self.graphs)

    @property
    def sizes(self) -> Int64[np.ndarray, " pairs"]:
        return np.array([len(graph.kind) for graph in self.graphs])

    def batch(self, index: np.ndarray, rng: np.random.Generator | None) -> GraphPairs:
        graphs = collate([self.graphs[int(place)] for place in index])
        ids, numbers = np.unique(graphs.text.numpy(), return_inverse=True)
        whole = [int(self.graphs[int(place)].text[0]) for place in index]  # the root's text is the program's
        return GraphPairs(
            torch.from_numpy(self.queries[index]),
            torch.from_numpy(self.contents[whole]),
            graphs._replace(text=torch.from_numpy(numbers.reshape(-1))),
            torch.from_numpy(self.contents[ids]),
            self.keys[0][index],
            self.keys[1][index],
        )


class World:
    """The pairs of a scale, read once by the frozen encoder for all arms and seeds."""

    def __init__(self, scale: Scale, job: Job) -> None:
        self.scale, self.sizes = scale, SIZES[scale.name]
        self.minutes = scale.minutes or PRETRAINING_MINUTES
        counts = {"train": self.sizes["pairs"], "validation": 400, "test": TESTED[scale.name][0]}
        self.functions = {split: search_pairs.functions(scale, split, count) for split, count in counts.items()}
        sources = (f"{search_pairs.sentence(one)}\n{text_of(one)}" for one in self.functions["train"])
        self.units = BytePairs.fit(sources, self.sizes["units"], sentinels=0)
        language, most = by_name("python"), self.sizes["nodes"]
        graphs = {
            split: [ast_graph(text_of(one), language, most) for one in some] for split, some in self.functions.items()
        }
        self.numbering = Numbering(graphs["train"])
        numbers = {split: [self.numbering(graph) for graph in some] for split, some in graphs.items()}
        contents = self._read("contents", list(self.numbering.texts), job)
        seen = np.unique(np.concatenate([graph.text for graph in numbers["train"]]))
        self.center, self.spread = contents[seen].mean(axis=0), contents[seen].std(axis=0) + 1e-6
        contents = self._scaled(contents)
        self.data = {split: self._pairs(split, numbers[split], contents, job) for split in numbers}

    def _pairs(self, split: str, graphs: list[GraphNumbers], contents: np.ndarray, job: Job) -> Pairs:
        sentences = [search_pairs.sentence(one) for one in self.functions[split]]
        keys = (
            np.array([crc32(" ".join(sentence.lower().split()).encode()) for sentence in sentences]),
            np.array([int(graph.text[0]) for graph in graphs]),
        )
        return Pairs(self._scaled(self._read(split, sentences, job)), graphs, contents, keys)

    def _scaled(self, read: Float32[np.ndarray, "texts width"]) -> Float32[np.ndarray, "texts width"]:
        """Of mean 0 and deviation 1 over the training nodes: means of states share most of their direction."""
        return (read - self.center) / self.spread

    @cached_property
    def _make_encoder(self) -> Callable[[Job], Roberta]:
        sizes = self.sizes["encoder"]
        if self.scale.smoke:
            return lambda job: random_encoder(self.units, sizes, 0)
        assert self.scale.data is not None
        functions = partial(mined_functions, self.scale.data, "train", PRETRAINED_ON)
        return lambda job: kept_encoder(functions, self.units, job, sizes=sizes, minutes=self.minutes).eval()

    def _read(self, name: str, texts: list[str], job: Job) -> Float32[np.ndarray, "texts width"]:
        """Vectors of texts, kept for other runs."""
        key = crc32("\0".join([repr((self.sizes, self.minutes)), *texts]).encode("utf-8", "replace"))
        file = job.shared / f"{name}-{key:08x}.safetensors"
        if not file.exists():
            job.shared.mkdir(parents=True, exist_ok=True)
            vectors = text_vectors(self._make_encoder(job), self.units, texts, self.sizes["window"])
            save_file({"vectors": vectors}, file.with_suffix(".part"))
            file.with_suffix(".part").rename(file)
        return load_file(file)["vectors"]

    def graph_encoder(self, **options: Any) -> AstGraphEncoder:
        """A fresh graph network."""
        width = self.sizes["width"]
        sizes = {"width": width, "output": width, "levels": self.sizes["levels"]}
        return AstGraphEncoder(len(self.numbering.kinds) + 1, self.sizes["encoder"]["width"], **sizes, **options)

    def model(self, *, graph: bool, text: bool, **options: Any) -> GnnCoder:
        """A fresh model; that of the text alone has as many parameters as that of both."""
        inside, width = self.sizes["encoder"]["width"], self.sizes["width"]
        if graph:
            own = self.graph_encoder(**options)
            return GnnCoder(inside, width, graph=own, text_hidden=TEXT_HIDDEN if text else None)
        more = sum(parameter.numel() for parameter in self.graph_encoder().parameters())
        return GnnCoder(inside, width, graph=None, text_hidden=TEXT_HIDDEN + more // (inside + width + 1))


@torch.inference_mode()
def vectors(model: Any, data: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """Of the queries and of the codes."""
    parts = [np.arange(at, min(at + 64, len(data))) for at in range(0, len(data), 64)]
    codes = torch.cat([model.codes(data.batch(part, None)) for part in parts])
    return model.queries(torch.from_numpy(data.queries)).numpy(), codes.numpy()


def ranked(model: Any, data: Pairs, queries: int, others: int) -> np.ndarray:
    """Reciprocal ranks of the first queries."""
    asked, codes = vectors(model, data)
    return search_pairs.reciprocal_ranks(
        lambda query, candidates: codes[candidates] @ asked[query], len(data), queries=queries, distractors=others
    )


def run_arm(job: Job, scale: Scale, budget: dict[str, Any], **options: Any) -> Outcome:
    """Train one contender and rank the test pairs."""
    world = World(scale, job)
    make = partial(world.model, **options)
    settings = TrainingSettings(
        seed=job.seed,
        **budget,
        batch_size=64,
        learning_rate=3e-3,
        schedule="cosine",
        warmup_steps=20,
        clip=1.0,
        metric="mrr",
        evaluate_every=5,
    )
    queries, others = TESTED[scale.name]
    held = world.data["validation"]
    model, facts = trained(
        make,
        world.data["train"],
        ClipLoss(),
        settings,
        job,
        evaluate=lambda net: {"mrr": float(ranked(net, held, len(held), len(held) - 1)[:, 0].mean())},
        rates=() if scale.smoke else RATES,
    )
    untrained = ranked(fresh(make, job.seed).eval(), world.data["test"], queries, others)
    facts |= {f"spread: {name}": round(value, 4) for name, value in _spread(model, world.data["test"]).items()}
    units = {"mrr": ranked(model, world.data["test"], queries, others)}
    return Outcome(units, {"mrr": float(ACCURACY.of(untrained.sum(axis=0)))}, facts)


def _spread(model: Any, data: Pairs) -> dict[str, float]:
    return spread(vectors(model, data)[1])._asdict()


@system("gnn-coder", row="S098", room="understanding")
def gnn_coder(scale: Scale) -> Claim:
    """Ye et al.: GNN-Coder: Boosting Semantic Code Retrieval with Combined GNNs and Transformer (2025).

    A graph network with pooling over syntax trees whose nodes a frozen encoder has read, for search by sentences.
    """
    budget = scale.budget(smoke=12, laptop=5.0, paper=10)
    sizes = SIZES[scale.name]

    def arm(name: str, **options: Any) -> Arm:
        return Arm(name, partial(run_arm, scale=scale, budget=budget, **options), {**sizes, **options})

    arms = (
        arm("graph and text", graph=True, text=True),
        arm("text", graph=False, text=True),
        arm("graph", graph=True, text=False),
        arm("graph, pooled without child counts", graph=True, text=False, by_children=False),
        arm("graph, not pooled", graph=True, text=False, ratio=None),
    )
    return Claim(
        kind="trained",
        task="the function that a sentence describes, among a thousand of unseen projects; names left out",
        metrics={"mrr": ACCURACY},
        arms=(arms[0],) if scale.smoke else arms,
        clauses=(Clause("a point of MRR above the text alone", "mrr", "graph and text", "text", 0.01),),
        floor=Clause("functions are found by their sentences", "mrr", "graph and text", None, 0.3),
        budget=budget,
        data={"pairs": "generated methods" if scale.smoke else "mined Python"},
        launch="phloem reproduce gnn-coder --scale paper --data SHARDS",
    )
