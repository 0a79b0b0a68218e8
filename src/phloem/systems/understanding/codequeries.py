"""CodeQueries: a question about a file is answered by tagging spans; how much of the file must be read for that?

Real files of Python's library and of the packages that are installed beside it are labelled by exact checkers
(`phloem.corpora.lint_labelled_code`). One tagger is trained, and asked in five ways: on the blocks that matter (ideal),
on the beginning of the file, on windows over all of it, on the blocks that a classifier finds (two steps), and on those
that BM25 finds. Beside them stands what reading nothing gets: all of the files without an answer.
"""

from __future__ import annotations

import json
import sysconfig
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from safetensors.torch import load_file, save_file

from phloem.corpora.lint_labelled_code import QUERIES, File, labelled
from phloem.errors import PhloemError
from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.token_tagging import TokenTagging, relevance_loss
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import train
from phloem.measure import bootstrap
from phloem.measure.span_exact_match import exact_match
from phloem.nn.models.roberta import Roberta, RobertaConfig
from phloem.nn.models.span_tagger import BlockRelevance, SpanTagger, TaggedRows, tagged_rows
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.code_blocks import Block
from phloem.represent.span_tags import O, Span, spans_of
from phloem.represent.subwords import words
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh
from phloem.tasks.bm25 import BM25
from phloem.tasks.code_questions import Instance, Piece, cut, instance, piece

MODEL: dict[str, Any] = {
    "width": 128, "layers": 4, "heads": 4, "inner": 256, "places": 384, "pad": 0, "segments": 2, "pooler": True
}  # fmt: skip
SMALL: dict[str, Any] = {**MODEL, "width": 48, "layers": 2, "inner": 96, "places": 96}
SHORTEST, LONGEST_FILE = 200, 20_000  # characters
EACH = {"train": 60, "test": 15}  # files with an answer of each query, and as many without
READ = 12_000  # files at most: some questions are rarely answered
MINUTES = {"tagger": 8.0, "relevance": 3.0}
CONTEXTS = ("ideal", "prefix", "window", "two-step", "BM25", "nothing")  # the last two for comparison
COPIES = {"site-packages", "_vendor", "_vendored_packages", "vendor", "vendored", "third_party", "externals"}


class Questions(NamedTuple):
    """Pieces with their questions, in memory (a `Dataset`); `relevant` is for the classifier of blocks."""

    questions: Sequence[Sequence[int]]
    pieces: Sequence[Piece]
    relevant: Sequence[bool]
    most: int

    def __len__(self) -> int:
        return len(self.pieces)

    @property
    def sizes(self) -> Int[np.ndarray, " pieces"]:
        return np.full(len(self.pieces), self.most)

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> AskedRows:
        chosen = [int(number) for number in index]
        rows = tagged_rows(
            [self.questions[n] for n in chosen],
            [self.pieces[n].units for n in chosen],
            [self.pieces[n].tags for n in chosen],
            self.most,
        )
        return AskedRows(rows, torch.tensor([int(self.relevant[n]) for n in chosen]))


class AskedRows(NamedTuple):
    rows: TaggedRows
    relevant: torch.Tensor


class Tagging:
    """`TokenTagging` on `AskedRows`."""

    def __call__(self, model: Any, batch: AskedRows) -> Loss:
        return TokenTagging()(model, batch.rows)


class Relevance:
    """The objective of a `BlockRelevance`."""

    def __call__(self, model: Any, batch: AskedRows) -> Loss:
        return Loss(relevance_loss(model(batch.rows), batch.relevant), {})


def python_files() -> list[tuple[str, Path]]:
    """Files of the standard library and of installed packages with the package of each, in an order of no meaning.

    Copies that packages bring of others are left out, so that no test file is trained on under another name."""
    roots = [Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib")]
    found = {}
    for root in roots:
        for file in root.rglob("*.py"):
            parts = file.relative_to(root).parts
            if not COPIES & set(parts):
                found[file] = parts
    places = sorted(found.items(), key=lambda one: zlib.crc32("/".join(one[1]).encode()))
    return [(parts[0], file) for file, parts in places]


@cache
def sources(smoke: bool) -> dict[str, list[tuple[str, str]]]:
    """(query, source) by split, answered or not in turn; test files are of packages that are not trained on."""
    if smoke:
        return {
            split: list(generated(count, seed))
            for seed, (split, count) in enumerate({"train": 300, "test": 60}.items())
        }
    wanted = {
        split: {(query, has): count for query in QUERIES for has in (True, False)} for split, count in EACH.items()
    }
    found: dict[str, list[tuple[str, str]]] = {split: [] for split in EACH}
    seen: set[str] = set()
    for package, path in python_files()[:READ]:
        split = "test" if zlib.crc32(package.encode()) % 4 == 0 else "train"
        left = wanted[split]
        text = path.read_text("utf-8", "replace")
        if not SHORTEST <= len(text) <= LONGEST_FILE or "\r" in text or text in seen:
            continue
        seen.add(text)
        try:
            file = File(text)
        except (SyntaxError, ValueError, RecursionError):
            continue
        for query in (query for query in QUERIES if left[query, True] or left[query, False]):
            has = bool(labelled(file, QUERIES[query]).answers)
            if left[query, has]:
                left[query, has] -= 1
                found[split].append((query, text))
    return found


def generated(count: int, seed: int) -> list[tuple[str, str]]:
    """Small functions with one of two flaws, each asked for either."""
    rng = np.random.default_rng(seed)
    flaws = {"none-comparison": "    if {a} == None: f()\n", "self-assignment": "    {a} = {a}\n"}
    made = []
    for number in range(count):
        lines = ["    {a} = g({b})\n", "    h({a}, {b})\n", "    {b} = {a}\n"]
        query, flaw = list(flaws.items())[number % 2]
        lines.insert(int(rng.integers(4)), flaw)
        names = rng.choice(("x", "y", "item", "size", "node"), 2, replace=False)
        text = "def f({b}):\n" + "".join(lines) + "    return {a}\n"
        asked = query if number % 4 < 2 else next(other for other in flaws if other != query)
        made.append((asked, text.format(a=names[0], b=names[1])))
    return made


@cache
def material(smoke: bool) -> tuple[BytePairs, dict[str, list[Instance]]]:
    texts = sources(smoke)
    own = list(dict.fromkeys(text for _, text in texts["train"]))
    questions = [query.text for query in QUERIES.values()] * 3
    units = BytePairs.fit([*own, *questions], 500 if smoke else 8192, sentinels=0)
    return units, {split: [instance(text, query, units) for query, text in many] for split, many in texts.items()}


def room(units: BytePairs, one: Instance, most: int) -> int:
    """Places for code beside the question."""
    return most - len(units.encode(QUERIES[one.query].text)) - 3


def asked(units: BytePairs, many: Sequence[tuple[Instance, Piece, bool]], most: int) -> Questions:
    return Questions(
        [units.encode(QUERIES[one.query].text) for one, _, _ in many],
        [part for _, part, _ in many],
        [relevant for _, _, relevant in many],
        most,
    )


def training_pieces(units: BytePairs, many: Sequence[Instance], most: int) -> Questions:
    """The relevant blocks of each file, and its windows that hold a tag, and one that holds none."""
    found = []
    for one in many:
        size = room(units, one, most)
        parts = cut(piece(one, one.relevant()), size)[:2]
        whole = cut(piece(one, [Block(0, len(one.tokens))]), size)
        marked = [part for part in whole if set(part.tags) != {O}]
        found += [(one, part, True) for part in [*parts, *marked[:2], *whole[:1]]]
    return asked(units, found, most)


def block_pieces(units: BytePairs, many: Sequence[Instance], most: int) -> Questions:
    """The blocks with a span, and as many others of the file, twice over."""
    rng = np.random.default_rng(0)
    found = []
    for one in many:
        own = [block for block in one.relevant() if one.spans]
        others = [block for block in one.blocks if block not in own]
        some = [others[int(n)] for n in rng.permutation(len(others))[: 2 * max(1, len(own))]]
        size = room(units, one, most)
        found += [(one, cut(piece(one, [block]), size)[0], block in own) for block in [*own, *some]]
    return asked(units, found, most)


@torch.no_grad()
def predicted(tagger: SpanTagger, units: BytePairs, one: Instance, parts: Sequence[Piece], most: int) -> list[Span]:
    """The spans that are found in pieces of a file, in tokens of the file."""
    owners, tags = [], []
    for start in range(0, len(parts), 8):
        data = asked(units, [(one, part, True) for part in parts[start : start + 8]], most)
        rows = data.batch(np.arange(len(data)), None).rows
        said = tagger(rows).argmax(dim=2)
        for row, part in enumerate(parts[start : start + 8]):
            begin = int(rows.code[row])
            tags += said[row, begin : begin + len(part.units)].tolist()
            owners += part.owners
    found = {(owners[span.first], owners[span.last - 1] + 1, span.fact) for span in spans_of(tags)}
    return [Span(first, last, fact) for first, last, fact in sorted(found) if 0 <= first < last]


@torch.no_grad()
def relevant_blocks(classifier: BlockRelevance, units: BytePairs, one: Instance, most: int) -> list[Block]:
    """The blocks that the classifier takes; a file of one block is not asked about."""
    if len(one.blocks) < 2:
        return list(one.blocks)
    size = room(units, one, most)
    chosen = []
    for start in range(0, len(one.blocks), 16):
        blocks = one.blocks[start : start + 16]
        data = asked(units, [(one, cut(piece(one, [block]), size)[0], False) for block in blocks], most)
        said = classifier(data.batch(np.arange(len(blocks)), None).rows).argmax(dim=1).tolist()
        chosen += [block for block, relevant in zip(blocks, said, strict=True) if relevant]
    return chosen


def shared_words(units: BytePairs, one: Instance, size: int) -> list[Block]:
    """The blocks that BM25 puts first for the question's words, as many as have room, in the order of the file."""
    ids = [[unit for token in one.tokens[block.first : block.last] for unit in token] for block in one.blocks]
    index = BM25([words(units.decode(each)) for each in ids])
    chosen = []
    for place in np.argsort(-index.scores(words(QUERIES[one.query].text)), kind="stable").tolist():
        if len(ids[place]) < size:
            size -= len(ids[place]) + 1  # a mark stands between blocks
            chosen.append(one.blocks[place])
    return sorted(chosen)


def kept(job: Job, name: str, make: Callable[[], Any], fit: Callable[[Any], None]) -> Any:
    """A model that all arms of a seed share; `name` says all that it is trained with."""
    model, file = fresh(make, job.seed), job.shared / f"{name}-{job.seed}.safetensors"
    if not file.exists():
        fit(model)
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(model.state_dict(), file.with_suffix(".part"))
        file.with_suffix(".part").replace(file)
    model.load_state_dict(load_file(file))
    return model.eval()


def run(job: Job, *, scale: Scale, minutes: Mapping[str, float], context: str) -> Outcome:
    """Ask the tagger of this seed about all test files in one way."""
    units, many = material(scale.smoke)
    sizes = SMALL if scale.smoke else MODEL
    most = sizes["places"]

    def settings(name: str) -> TrainingSettings:
        end: dict[str, Any] = {"epochs": 12} if scale.smoke else {"minutes": minutes[name], "clock": "processor"}
        return TrainingSettings(seed=job.seed, **end, batch_size=16, learning_rate=1e-3, clip=1.0)

    def begin(kind: Callable[[Roberta], Any]) -> Any:
        return kind(Roberta(RobertaConfig(units.size, **sizes)))

    def fit(model: Any, data: Questions, objective: Any, name: str) -> None:
        own = settings(name)
        train(model, data, objective, own, folder=job.folder / name, progress=lambda done: job.progress(done.fraction))

    def stem(name: str) -> str:
        told = json.dumps([units.state(), sizes, None if scale.smoke else minutes[name]])
        return f"{name}-{zlib.crc32(told.encode()):08x}"

    tagger = kept(
        job,
        stem("tagger"),
        partial(begin, SpanTagger),
        lambda model: fit(model, training_pieces(units, many["train"], most), Tagging(), "tagger"),
    )
    classifier = None
    if context == "two-step":
        classifier = kept(
            job,
            stem("relevance"),
            partial(begin, BlockRelevance),
            lambda model: fit(model, block_pieces(units, many["train"], most), Relevance(), "relevance"),
        )

    def parts(one: Instance) -> list[Piece]:
        size = room(units, one, most)
        whole = [Block(0, len(one.tokens))]
        if context == "nothing":
            return []
        if context in ("ideal", "BM25"):
            own = one.relevant() if context == "ideal" else shared_words(units, one, size)
            return cut(piece(one, own), size)[:1]
        if classifier is not None:
            blocks = relevant_blocks(classifier, units, one, most)
            return cut(piece(one, blocks), size)[:1] if blocks else []
        return cut(piece(one, whole), size)[: 1 if context == "prefix" else None]

    test = many["test"]
    answers = [exact_match(predicted(tagger, units, one, parts(one), most), one.spans) for one in test]
    outcome = _outcome(test, answers, most)
    if not scale.smoke and (missing := {clause.metric for clause in CLAUSES} - outcome.units.keys()):
        raise PhloemError(f"too few packages are installed: no test file is {' or '.join(sorted(missing))}")
    if scale.smoke:
        untrained = fresh(partial(begin, SpanTagger), job.seed).eval()
        before = [exact_match(predicted(untrained, units, one, parts(one), most), one.spans) for one in test]
        outcome.untrained["answered"] = float(ACCURACY.of(_outcome(test, before, most).units["answered"].sum(axis=0)))
    return outcome


def _outcome(test: list[Instance], answers: list[bool], most: int) -> Outcome:
    """Files with an answer, the long and the simple ones of these, and files without."""
    has = np.array([any(not span.fact for span in one.spans) for one in test])
    long = np.array([sum(map(len, one.tokens)) > most for one in test])
    simple = np.array([QUERIES[one.query].hops == 1 for one in test])
    right = np.array(answers)
    groups = {"answered": has, "answered, long": has & long, "answered, one hop": has & simple, "unanswered": ~has}
    units: dict[str, Float[np.ndarray, "files 2"]] = {
        name: bootstrap.with_count(right[chosen].astype(float)) for name, chosen in groups.items() if chosen.any()
    }
    per_query = {
        query: round(float(right[own].mean()), 3)
        for query in QUERIES
        for own in [has & np.array([one.query == query for one in test])]
        if own.any()
    }
    return Outcome(units, {}, {"per query": per_query, "files": {name: len(rows) for name, rows in units.items()}})


@system("codequeries", row="S047", room="understanding")
def codequeries(scale: Scale) -> Claim:
    """Sahu et al., "Learning to Answer Semantic Queries over Code" (ISEC 2024).

    Questions about long files need their relevant blocks: two steps find more than the beginning of a file does.
    """
    share = (scale.minutes or sum(MINUTES.values())) / sum(MINUTES.values())  # `--minutes` is the sum of both
    minutes = {name: share * each for name, each in MINUTES.items()}
    arms = tuple(
        Arm(context, partial(run, scale=scale, minutes=minutes, context=context), {"context": context, **MODEL})
        for context in CONTEXTS
    )
    return Claim(
        kind="trained",
        task="spans that answer a question about a Python file: "
        + ("generated" if scale.smoke else "of unseen packages"),
        metrics=dict.fromkeys(("answered", "answered, long", "answered, one hop", "unanswered"), ACCURACY),
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("answers are found", "answered", "ideal", None, 0.5),
        budget={"minutes": minutes},
        data={"files": "generated" if scale.smoke else "standard library and installed packages", "each": EACH},
        launch="phloem reproduce codequeries --scale paper",
    )


CLAUSES = (
    Clause("relevant blocks beat found ones", "answered", "ideal", "two-step", 0.0),
    Clause("two steps beat the beginning of a file", "answered", "two-step", "prefix", 0.0),
    Clause("by 8 points where the file is long", "answered, long", "two-step", "prefix", 0.08),
    Clause("60 of 100 simple questions are answered", "answered, one hop", "ideal", None, 0.6),
)
