"""Choosing a model's ranking (`assist.ranking`) on functions that it was not trained on.

Names: of the length penalties, the one with the best F1 among those under which no fewer names are exactly right than
without one, by more than a standard error of the difference (the rule of one standard error: Breiman et al. 1984,
section 3.4.3). Sentences: the penalty and the longest repetition with the best BLEU. The logistic function is then
fitted to all suggestions of the chosen search. Sentences are suggested down to the probability above which, on average,
half of their words are right.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from jaxtyping import Float

from phloem.assist.cards import record
from phloem.assist.engines import search
from phloem.assist.evaluation import BEAM, limited
from phloem.assist.mining import open_corpus
from phloem.assist.models import load
from phloem.assist.progress import Tell, silent
from phloem.assist.ranking import Ranking
from phloem.corpora import shards
from phloem.decode.base import Hypothesis
from phloem.errors import PhloemError
from phloem.measure import calibration
from phloem.represent.base import fixed_batches
from phloem.tasks import naming, summaries
from phloem.tasks.answers import source_of

RANKED = 4_000  # functions of the validation split
READ = 20_000  # of it that are compiled for this, spread evenly: not all have what the task asks for
PENALTIES = (0.0, 0.3, 0.5, 0.7, 1.0)
RIGHT = 0.5  # of a sentence's words, on average over those that are suggested
FEWEST = 0.02  # of all functions get a sentence in any case
REPEATS = {"names": (0,), "summaries": (0, 3, 2)}

Answered = list[list[tuple[list[str], Hypothesis]]]  # of each function, its suggestions' words, as they were searched


def fit_ranking(task: str, net: Any, view: Any, dataset: Any, length: int, tell: Tell = silent) -> dict[str, Any]:
    """The facts of a ranking: its fields, `examples`, what was `tried`, and the `calibration_error` of what is told.

    `dataset` is compiled of functions that the model was not trained on; {} where it is empty.
    """
    part = limited(dataset, RANKED)
    if not len(part):
        return {}
    references = part.references(np.arange(len(part)))
    tried: list[dict[str, Any]] = []
    rankings: list[tuple[Ranking, Answered]] = []
    hits: list[np.ndarray] = []
    for no_repeat in REPEATS[task]:
        searched = suggestions(net, view, part, Ranking(no_repeat=no_repeat), length, tell)
        for penalty in PENALTIES:
            ranking = Ranking(penalty, no_repeat)
            best = [best_words(ranking, found) for found in searched]
            figures = (naming if task == "names" else summaries).figures(references, best, resamples=0)
            row = {"length_penalty": penalty, "no_repeat": no_repeat, **figures}
            tried.append(row)
            rankings.append((ranking, searched))
            hits.append(
                np.array([words == list(wanted) for words, wanted in zip(best, references, strict=True)], float)
            )
    figure = "f1" if task == "names" else "bleu"
    allowed = [place for place in range(len(tried)) if task != "names" or no_worse(hits[place], hits[0])]
    ranking, searched = rankings[max(allowed, key=lambda place: tried[place][figure])]
    values, right = rightness(task, ranking, searched, references)
    slope, offset = calibration.logistic(values, right)
    ranking = ranking._replace(slope=max(slope, 0.0), offset=offset)
    told = 1 / (1 + np.exp(-(ranking.slope or 0.0) * values - offset))
    facts = {"examples": len(part), "calibration_error": calibration.calibration_error(told, right), "tried": tried}
    if task == "summaries":
        ranking, shown = with_least(ranking, searched, references)
        facts["suggested"] = shown
    return {**ranking._asdict(), **facts}


def no_worse(hits: Float[np.ndarray, " functions"], before: Float[np.ndarray, " functions"]) -> bool:
    """Whether no fewer are right than before, but for a standard error of the difference."""
    lost = before - hits
    return bool(lost.mean() <= lost.std() / np.sqrt(len(lost)))


def rank(name: str, data: str, tell: Tell = silent) -> dict[str, Any]:
    """Choose a saved model's ranking on the validation split of shards and write it into its folder. PhloemError."""
    model = load(name)
    with TemporaryDirectory() as folder:
        corpus = open_corpus(data)
        step = max(1, shards.info(corpus)["report"]["functions"].get("validation", 0) // READ)
        examples = islice(shards.read(corpus, "validation", sorted(model.languages)), 0, None, step)
        dataset = model.view.compile(examples, Path(folder) / "validation")
        found = fit_ranking(model.task, model.net, model.view, dataset, model.length, tell)
    if not found:
        raise PhloemError(f"{data} has no function of {', '.join(model.languages)} in its validation split")
    record(model.folder, {"ranking": found})
    return found


def with_least(ranking: Ranking, searched: Answered, references: Sequence[Sequence[str]]) -> tuple[Ranking, float]:
    """A ranking with its `least`, and for what share of functions a sentence is suggested."""
    first = [
        [(words, each) for words, each in found if each is ranking.ordered([e for _, e in found])[0]]
        for found in searched
    ]
    values, right = rightness("summaries", ranking, first, references)
    order = np.argsort(-values, kind="stable")
    mean = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(mean >= RIGHT)
    count = max(int(enough[-1]) + 1 if len(enough) else 0, round(FEWEST * len(order)), 1)
    lowest = float(values[order[count - 1]])
    least = 0.5 * (1 + float(np.tanh(((ranking.slope or 0.0) * lowest + ranking.offset) / 2)))
    return ranking._replace(least=least), count / len(searched)


def suggestions(net: Any, view: Any, dataset: Any, ranking: Ranking, length: int, tell: Tell) -> Answered:
    """What a model suggests for every function, as it searches."""
    found: Answered = []
    for batch in fixed_batches(dataset, 128):
        for row, hypotheses in enumerate(search(BEAM, ranking)(net, batch, length=length)):
            source = source_of(batch, row)
            found.append([(view.decode(np.array(each.value, np.int64), source), each) for each in hypotheses])
        tell("choosing how suggestions are ranked", len(found) / len(dataset))
    return found


def best_words(ranking: Ranking, found: Sequence[tuple[list[str], Hypothesis]]) -> list[str]:
    """The words of the suggestion that comes first."""
    words = {each.value: words for words, each in found}
    return words[ranking.ordered([each for _, each in found])[0].value]


def rightness(
    task: str, ranking: Ranking, searched: Answered, references: Sequence[Sequence[str]]
) -> tuple[Float[np.ndarray, " suggestions"], Float[np.ndarray, " suggestions"]]:
    """Of all suggestions that say something, by what they are ordered, and how right they are, 0 to 1."""
    values, right = [], []
    for found, wanted in zip(searched, references, strict=True):
        for words, each in found:
            if words:
                values.append(ranking.value(each.score, len(each.value)))
                there = set(wanted)
                share = sum(word in there for word in words) / len(words)
                right.append(float(words == list(wanted)) if task == "names" else share)
    return np.array(values), np.array(right)
