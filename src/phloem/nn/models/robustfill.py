"""RobustFill: a program from input-output strings, each example read apart, pooled at every token that is written.

Devlin, Uesato, Bhupatiraju, Singh, Mohamed, Kohli: RobustFill: Neural Program Learning under Noisy I/O (ICML 2017),
sections 4 and 5. For example j an LSTM reads the input I_j, a second the output O_j, and a third, P, the program tokens
so far, the same for all examples; weights are shared. With h_t^j the state of P,

    m_t = max_j tanh(W h_t^j + b)        p(y_t) = softmax(V m_t)

The maximum is taken element by element, so neither the order of the examples nor a repetition of one changes anything,
and any number of them will do. The variants differ in what is read beside the last state of the LSTM before:

    basic   nothing: the last state of I starts O, that of O starts P
    A       O attends to I, P to O
    B       as A, and P attends to O, then, knowing what it read there, to I
    C       as B, with I and O read in both directions

An attending LSTM first reads its memories S^1, S^2, … in turn, by a general dot score and a softmax:

    s^i = Attend([h_{t-1}; x_t; s^1 … s^{i-1}]; S^i)        h_t = LSTM(h_{t-1}, [x_t; s^1; s^2 …])

The induction network (section 5.4) writes the output of a new input I* instead of a program: P attends to O, I and I*,
and its tokens are characters.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from phloem.nn.encoders.lstm import LSTMEncoder
from phloem.nn.models.seq2seq import shift_right, written

Variant = Literal["basic", "A", "B", "C"]


class ExampleBatch(NamedTuple):
    """Tasks of `examples` examples each; rows of strings are task after task. `asked` holds the new inputs of the
    induction network, one a task."""

    inputs: Int64[Tensor, "rows time"]
    input_lengths: Int64[Tensor, " rows"]
    outputs: Int64[Tensor, "rows times"]
    output_lengths: Int64[Tensor, " rows"]
    target: Int64[Tensor, "batch steps"]
    asked: Int64[Tensor, "batch long"] | None = None
    asked_lengths: Int64[Tensor, " batch"] | None = None

    @property
    def examples(self) -> int:
        return self.inputs.shape[0] // self.target.shape[0]


class Read(NamedTuple):
    """A string as an LSTM read it: its states, which of them are real, and the last state."""

    states: Float[Tensor, "rows time width"]
    real: Bool[Tensor, "rows time"]
    hidden: Float[Tensor, "rows width"]
    cell: Float[Tensor, "rows width"]

    def rows(self, index: Int64[Tensor, " chosen"]) -> Read:
        return Read(*(part.index_select(0, index) for part in self))


class RobustFillState(NamedTuple):
    """Rows of hypotheses, each with all examples: P's states, and what P attends to."""

    hidden: Float[Tensor, "rows examples width"]
    cell: Float[Tensor, "rows examples width"]
    memories: tuple[tuple[Float[Tensor, "rows examples time width"], Bool[Tensor, "rows examples time"]], ...]


class AttendingCell(nn.Module):
    """One step of an LSTM that reads `memories` memories of the same width first."""

    def __init__(self, embedding: int, width: int, memories: int) -> None:
        super().__init__()
        self.queries = nn.ModuleList(nn.Linear(embedding + width * (1 + i), width) for i in range(memories))
        self.cell = nn.LSTMCell(embedding + width * memories, width)

    def forward(
        self,
        x: Float[Tensor, "rows embedding"],
        hidden: Float[Tensor, "rows width"],
        cell: Float[Tensor, "rows width"],
        memories: tuple[tuple[Float[Tensor, "rows time width"], Bool[Tensor, "rows time"]], ...],
    ) -> tuple[Float[Tensor, "rows width"], Float[Tensor, "rows width"]]:
        """The next hidden state and cell."""
        known, read = [x, hidden], [x]
        for query, (states, real) in zip(self.queries, memories, strict=True):
            # One query a row: products element by element are faster here than many small matrix products.
            scores = (states * query(torch.cat(known, 1))[:, None]).sum(2)
            weights = scores.masked_fill(~real, -torch.inf).softmax(1)
            context = (weights[:, :, None] * states).sum(1)
            known.append(context)
            read.append(context)
        after: tuple[Tensor, Tensor] = self.cell(torch.cat(read, 1), (hidden, cell))
        return after


class AttendingReader(nn.Module):
    """An LSTM over a string that attends to another one."""

    def __init__(self, embedding: int, width: int) -> None:
        super().__init__()
        self.step = AttendingCell(embedding, width, 1)

    def forward(
        self, x: Float[Tensor, "rows time embedding"], real: Bool[Tensor, "rows time"], begin: Read, other: Read
    ) -> Read:
        """Begins with the last state of `begin`; behind a row's end its state stays."""
        hidden, cell, states = begin.hidden, begin.cell, []
        for here, now in zip(x.unbind(1), real.unbind(1), strict=True):
            after = self.step(here, hidden, cell, ((other.states, other.real),))
            hidden, cell = (torch.where(now[:, None], new, old) for new, old in zip(after, (hidden, cell), strict=True))
            states.append(hidden)
        return Read(torch.stack(states, 1), real, hidden, cell)


class RobustFill(nn.Module):
    """Logits of program tokens, or with `induction` of the characters of a new output."""

    def __init__(
        self,
        characters: int,
        tokens: int,
        *,
        variant: Variant = "B",
        induction: bool = False,
        embedding: int = 128,
        width: int = 512,
    ) -> None:
        super().__init__()
        if width % 2:
            raise ValueError(f"a width of {width} has no half for each direction")
        self.variant, self.induction = variant, induction
        self.characters, self.tokens = nn.Embedding(characters, embedding), nn.Embedding(tokens, embedding)
        both = variant == "C"
        self.input_reader = LSTMEncoder(embedding, width, layers=1, bidirectional=both, dropout=0.0)
        if variant == "basic":
            self.output_reader: nn.Module = AttendingCell(embedding, width, 0)
        elif both:
            self.output_reader = nn.ModuleList(AttendingReader(embedding, width) for _ in range(2))
            self.join = nn.Linear(2 * width, width)
        else:
            self.output_reader = AttendingReader(embedding, width)
        self.attended = {"basic": 0, "A": 1, "B": 2, "C": 2}[variant] + induction
        self.step = AttendingCell(embedding, width, self.attended)
        self.pooled = nn.Linear(width, width)
        self.output = nn.Linear(width, tokens)

    def forward(self, batch: ExampleBatch) -> Float[Tensor, "batch steps tokens"]:
        """Teacher-forced logits of every target position."""
        return self.output(self._decoded(batch))

    def packed(self, batch: ExampleBatch) -> tuple[Float[Tensor, "packed tokens"], Int64[Tensor, " packed"]]:
        """Logits of tokens and end marks only, and their positions in the flattened target."""
        positions = written(batch.target)
        return self.output(self._decoded(batch).flatten(0, 1).index_select(0, positions)), positions

    def start(self, batch: ExampleBatch) -> RobustFillState:
        """Read all examples once."""
        examples = batch.examples
        first = self._read_input(batch.inputs, batch.input_lengths)
        second = self._read_output(batch, first)
        memories = [(second.states, second.real), (first.states, first.real)][: self.attended - self.induction]
        if self.induction:
            assert batch.asked is not None
            assert batch.asked_lengths is not None
            asked = self._read_input(batch.asked, batch.asked_lengths)
            memories.append((asked.states.repeat_interleave(examples, 0), asked.real.repeat_interleave(examples, 0)))
        apart = (-1, examples)
        return RobustFillState(
            second.hidden.unflatten(0, apart),
            second.cell.unflatten(0, apart),
            tuple((states.unflatten(0, apart), real.unflatten(0, apart)) for states, real in memories),
        )

    def next(
        self, tokens: Int64[Tensor, " rows"], state: RobustFillState
    ) -> tuple[Float[Tensor, "rows tokens"], RobustFillState]:
        """Logits of the token after `tokens`."""
        pooled, state = self._step(self.tokens(tokens), state)
        return self.output(pooled), state

    def reorder(self, state: RobustFillState, index: Int64[Tensor, " rows"]) -> RobustFillState:
        memories = tuple((states[index], real[index]) for states, real in state.memories)
        return RobustFillState(state.hidden[index], state.cell[index], memories)

    def trace(self, state: RobustFillState) -> None:
        """Every example is attended to apart, so no one row explains a step."""
        return None

    def _decoded(self, batch: ExampleBatch) -> Float[Tensor, "batch steps width"]:
        state, pooled = self.start(batch), []
        for x in self.tokens(shift_right(batch.target)).unbind(1):
            here, state = self._step(x, state)
            pooled.append(here)
        return torch.stack(pooled, 1)

    def _step(
        self, x: Float[Tensor, "rows embedding"], state: RobustFillState
    ) -> tuple[Float[Tensor, "rows width"], RobustFillState]:
        examples = state.hidden.shape[1]
        memories = tuple((states.flatten(0, 1), real.flatten(0, 1)) for states, real in state.memories)
        hidden, cell = self.step(
            x.repeat_interleave(examples, 0), state.hidden.flatten(0, 1), state.cell.flatten(0, 1), memories
        )
        hidden, cell = hidden.unflatten(0, (-1, examples)), cell.unflatten(0, (-1, examples))
        return torch.tanh(self.pooled(hidden)).amax(1), RobustFillState(hidden, cell, state.memories)

    def _read_input(self, texts: Int64[Tensor, "rows time"], lengths: Int64[Tensor, " rows"]) -> Read:
        outputs, hidden, cell = self.input_reader(self.characters(texts), lengths)
        return Read(outputs, _real(texts, lengths)[:, : outputs.shape[1]], hidden[-1], cell[-1])

    def _read_output(self, batch: ExampleBatch, first: Read) -> Read:
        texts, lengths = batch.outputs, batch.output_lengths
        x, real = self.characters(texts), _real(texts, lengths)
        if isinstance(self.output_reader, AttendingReader):
            return self.output_reader(x, real, first, first)
        if isinstance(self.output_reader, nn.ModuleList):
            there, back = self.output_reader
            forward = there(x, real, first, first)
            order = _reversed(lengths, texts.shape[1])
            backward = back(x.gather(1, order[:, :, None].expand_as(x)), real, first, first)
            mirrored = backward.states.gather(1, order[:, :, None].expand_as(backward.states))
            joined = self.join(torch.cat([forward.states, mirrored], 2))
            return Read(
                joined,
                real,
                self.join(torch.cat([forward.hidden, backward.hidden], 1)),
                self.join(torch.cat([forward.cell, backward.cell], 1)),
            )
        hidden, cell, states = first.hidden, first.cell, []
        for here, now in zip(x.unbind(1), real.unbind(1), strict=True):
            after = self.output_reader(here, hidden, cell, ())
            hidden, cell = (torch.where(now[:, None], new, old) for new, old in zip(after, (hidden, cell), strict=True))
            states.append(hidden)
        return Read(torch.stack(states, 1), real, hidden, cell)


def _real(texts: Int64[Tensor, "rows time"], lengths: Int64[Tensor, " rows"]) -> Bool[Tensor, "rows time"]:
    return torch.arange(texts.shape[1], device=texts.device) < lengths[:, None]


def _reversed(lengths: Int64[Tensor, " rows"], time: int) -> Int64[Tensor, "rows time"]:
    """Each row's places in reverse order; those behind its end stay."""
    place = torch.arange(time, device=lengths.device)
    mirrored = lengths[:, None] - 1 - place
    return torch.where(mirrored >= 0, mirrored, place)
