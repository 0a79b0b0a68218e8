"""What computes a saved model's answers: its own torch module, or for code2seq the same equations in NumPy.

Importing torch takes longer than naming the functions of a file. So a code2seq, which the models of the package are,
answers without torch, with the same suggestions, and with the same probabilities up to float32's rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float, Int64

from phloem.assist.checks import Check, carry_on
from phloem.assist.ranking import BY_PROBABILITY, Ranking
from phloem.decode.base import Hypothesis, Search
from phloem.languages.example import Example
from phloem.represent.base import PAD, START, UNK

if TYPE_CHECKING:
    from torch import Tensor

FORBIDDEN = (UNK, START)  # a suggestion with an unknown word in it is of no use to anyone


def search(beam: int, ranking: Ranking = BY_PROBABILITY) -> Search:
    """The search for suggestions, in the order of a ranking."""
    from phloem.decode.beam import Beam

    found = Beam(beam, forbid=FORBIDDEN, no_repeat=ranking.no_repeat)

    def ordered(model: Any, source: Any, *, length: int) -> list[list[Hypothesis]]:
        return [ranking.ordered(each) for each in found(model, source, length=length)]

    return ordered


class Read(Protocol):
    """A batch of functions that was read once, to be scored and searched."""

    def scores(self) -> list[float]:
        """The log probability of each function's own target, end mark included."""
        ...

    def search(self, rows: Sequence[int], beam: int, length: int, no_repeat: int = 0) -> list[list[Hypothesis]]:
        """Hypotheses for some of the functions, the most probable first."""
        ...


class Engine(Protocol):
    """Answers with one model; `check` is called before each of its steps."""

    view: Any

    def batch(self, examples: list[Example]) -> Any: ...

    def read(self, batch: Any, check: Check) -> Read: ...


class NumPyEngine:
    """A saved code2seq without torch. Raises PhloemError as `tasks.saved.load` does."""

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        from phloem.nn.models.code2seq_numpy import Code2SeqArrays
        from phloem.represent.path_view import PathView
        from phloem.tasks import saved

        weights = saved.read_arrays(folder, about)
        try:
            self.view = PathView.from_state(about["view"])
            self.model = Code2SeqArrays(
                weights,
                subtokens=len(self.view.values),
                labels=len(self.view.nodes),
                words=len(self.view.words),
                squash=about["config"]["squash"],
                official_padding=about["config"]["official_padding"],
                copying=about["config"].get("copying", False),
            )
        except saved.MISFITS as error:
            raise saved.misfit(folder, about["recipe"], error) from error
        saved.check_grammars(folder, about["facts"].get("grammars", {}))

    def batch(self, examples: list[Example]) -> Any:
        return self.view.arrays(examples)

    def read(self, batch: Any, check: Check) -> Read:
        return _ArraysRead(_Checked(self.model, check), self.model.start(batch), batch.target)


class _Checked(NamedTuple):
    """A model whose steps are checked."""

    model: Any
    check: Check

    def next(self, tokens: np.ndarray, state: Any) -> Any:
        self.check()
        return self.model.next(tokens, state)


class _ArraysRead(NamedTuple):
    model: _Checked
    state: Any
    target: Int64[np.ndarray, "rows time"]

    def scores(self) -> list[float]:
        from phloem.decode.beam_numpy import scores

        return scores(self.model, self.state, self.target).tolist()

    def search(self, rows: Sequence[int], beam: int, length: int, no_repeat: int = 0) -> list[list[Hypothesis]]:
        from phloem.decode import beam_numpy

        index = np.asarray(rows)
        state = self.state.only(index, index)
        return beam_numpy.beam(self.model, state, width=beam, length=length, forbid=FORBIDDEN, no_repeat=no_repeat)


class TorchEngine:
    """Any saved model, as torch loaded it."""

    def __init__(self, net: Any, view: Any) -> None:
        self.net, self.view = net, view

    def batch(self, examples: list[Example]) -> Any:
        return self.view.batch(examples)

    def read(self, batch: Any, check: Check) -> Read:
        import torch

        with torch.inference_mode():
            return _TensorsRead(Started(self.net, self.net.start(batch), check), batch)


class _TensorsRead(NamedTuple):
    started: Started
    batch: Any

    def scores(self) -> list[float]:
        from phloem.decode.rescore import score_lists

        targets = [tuple(row[row != PAD].tolist()) for row in self.batch.target]
        return [score for [score] in score_lists(self.started, self.batch, [[target] for target in targets])]

    def search(self, rows: Sequence[int], beam: int, length: int, no_repeat: int = 0) -> list[list[Hypothesis]]:
        import torch

        from phloem.decode.beam import Beam

        with torch.inference_mode():
            chosen = torch.tensor(rows)
            part = self.batch._replace(target=self.batch.target[chosen])
            return Beam(beam, forbid=FORBIDDEN, no_repeat=no_repeat)(self.started.only(chosen), part, length=length)


class Started:
    """A `Decodable` that has read its batch, so that scoring and searching read it once."""

    def __init__(self, net: Any, state: Any, check: Check = carry_on) -> None:
        self.net = net
        self.state = state
        self.check = check

    def only(self, rows: Int64[Tensor, rows]) -> Started:
        """The same with some sources of the batch."""
        return Started(self.net, self.net.reorder(self.state, rows), self.check)

    def start(self, source: Any) -> Any:
        return self.state

    def next(self, tokens: Int64[Tensor, rows], state: Any) -> tuple[Float[Tensor, "rows vocabulary"], Any]:
        self.check()
        return self.net.next(tokens, state)

    def reorder(self, state: Any, index: Int64[Tensor, rows]) -> Any:
        return self.net.reorder(state, index)

    def trace(self, state: Any) -> Tensor | None:
        return self.net.trace(state)
