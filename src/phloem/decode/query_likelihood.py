"""Documents ranked by how likely a language model finds the query after each of them.

Muennighoff, "SGPT: GPT Sentence Embeddings for Semantic Search" (2022, section 3.3), after Ponte and Croft, "A Language
Modeling Approach to Information Retrieval" (SIGIR 1998):

    score(q, d) = Σ_t log p( q_t | prompt(d), q_<t )

The prompt frames the document and ends in an opening quote; nothing is closed, and lengths are not divided by. Prompt
and query become units apart and their ids are joined, so no unit lies across the border. No training is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor

TASK = "Documents are searched to find matches with the same content.\n"
FRAME = ('The document "', '" is a good search result for "')


class Units(Protocol):
    """Text to units and back."""

    def encode(self, text: str) -> list[int]: ...
    def decode(self, ids: Sequence[int]) -> str: ...


def prompt(document: str) -> str:
    """What stands before the query.

    >>> print(prompt("f()"))
    Documents are searched to find matches with the same content.
    The document "f()" is a good search result for "
    """
    return TASK + document.join(FRAME)


def fitting_prompt(document: str, units: Units, most: int) -> list[int]:
    """The units of the prompt, the document cut at its end so that they are at most `most`.

    Raises ValueError where the frame alone is longer."""
    ids = units.encode(prompt(document))
    whole = units.encode(document)
    kept = len(whole)
    while len(ids) > most:
        if not kept:
            raise ValueError(f"the frame of a prompt has {len(ids)} units, {most} are left for it")
        kept = max(0, kept - (len(ids) - most))
        ids = units.encode(prompt(units.decode(whole[:kept]).rstrip("\ufffd")))  # half a character, at the cut
    return ids


@torch.inference_mode()
def log_likelihoods(
    logits: Callable[[Tensor, Tensor], Tensor],
    prompts: Sequence[Sequence[int]],
    queries: Sequence[Sequence[int]],
    at_once: int = 16,
) -> Float[Tensor, " rows"]:
    """log p of each row's query units after its prompt's, which are at least one. `logits(tokens, lengths)` are a
    causal model's, of the unit that follows each place."""
    found = torch.empty(len(prompts), dtype=torch.float64)
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]) + len(queries[row]))
    for start in range(0, len(order), at_once):
        part = order[start : start + at_once]
        rows = [[*prompts[row], *queries[row]] for row in part]
        lengths = torch.tensor([len(row) for row in rows])
        tokens = torch.tensor([row + [0] * (int(lengths.max()) - len(row)) for row in rows])
        each = logits(tokens, lengths)[:, :-1].double().log_softmax(dim=-1)
        chosen = each.gather(2, tokens[:, 1:, None])[:, :, 0]
        place = torch.arange(1, tokens.shape[1])
        first = torch.tensor([len(prompts[row]) for row in part])
        counted = (place >= first[:, None]) & (place < lengths[:, None])
        found[part] = chosen.masked_fill(~counted, 0.0).sum(dim=1)
    return found


def scores(
    model: Any, units: Units, query: str, documents: Sequence[str], *, most: int, at_once: int = 16
) -> Float[Tensor, " documents"]:
    """Of one query with each document, by a decoder with `logits`; `most` units are read, the query's first of all."""
    asked = units.encode(query)[: most // 2]
    prompts = [fitting_prompt(document, units, most - len(asked)) for document in documents]
    return log_likelihoods(
        lambda tokens, lengths: model.logits(model(tokens, lengths=lengths)), prompts, [asked] * len(prompts), at_once
    )
