"""Which paths a word attended to, and where their ends stand in the code.

Attention over path contexts says for every written word how much each path counted (Alon et al. 2019, section 3.3):
the reason of a suggestion, for free.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int32

from phloem.assist.predictions import Attended
from phloem.decode.base import Hypothesis
from phloem.languages.example import Example

TOP = 10  # contexts kept of each word, as the tool released with code2seq prints them


class ContextSpans(NamedTuple):
    """The contexts of one function in the order of its batch: their texts, and the bytes of their ends."""

    left: list[str]
    path: list[tuple[str, ...]]
    right: list[str]
    left_span: Int32[np.ndarray, "contexts 2"]
    right_span: Int32[np.ndarray, "contexts 2"]


def attended(
    hypothesis: Hypothesis, spans: ContextSpans, steps: list[int], top: int = TOP
) -> tuple[tuple[Attended, ...], ...]:
    """For each of the `steps` of a hypothesis the contexts with the most weight, heaviest first."""
    weights = np.asarray(hypothesis.trace, np.float64)[:, : len(spans.left)]
    return tuple(
        tuple(
            Attended(
                weight=float(weights[step, context]),
                left=spans.left[context],
                path=spans.path[context],
                right=spans.right[context],
                left_span=(int(spans.left_span[context, 0]), int(spans.left_span[context, 1])),
                right_span=(int(spans.right_span[context, 0]), int(spans.right_span[context, 1])),
            )
            for context in np.argsort(-weights[step], kind="stable")[:top].tolist()
        )
        for step in steps
    )


def context_spans(view: Any, example: Example) -> ContextSpans | None:
    """The contexts that a batch of `view` holds of the example; None for views that do not read paths."""
    from phloem.represent.path_view import PathView

    if not isinstance(view, PathView):
        return None
    contexts = view.extract([example])
    drawn, _ = view.sample(contexts, [example])
    names = view.labels.names
    labels = [tuple(names[label] for label in row.tolist() if label >= 0) for row in contexts.paths]
    return ContextSpans(
        [contexts.values[value] for value in contexts.left[drawn].tolist()],
        [labels[path] for path in contexts.path[drawn].tolist()],
        [contexts.values[value] for value in contexts.right[drawn].tolist()],
        contexts.left_span[drawn],
        contexts.right_span[drawn],
    )
