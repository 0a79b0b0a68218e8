"""Latent programs: an encoder turns a pair of grids into a vector, a decoder runs the vector on a new grid.

Macfarlane, Bonnet: Searching Latent Program Spaces (2024; NeurIPS 2025), sections 3 and 4 and released code. A grid of
at most R × C cells is its number of rows, its number of columns, and R C cells by rows; what lies behind its shape is
padding and is never read.

    encoder   CLS, input, output        in both directions; of CLS  mu(x, y), log sigma²(x, y):  q(z | x, y), a Gaussian
    decoder   input, z, output          p(y | x, z)

In the decoder the input sees the real input and z; z and the output see the real input and, of z and the output, what
stands before. The place of z tells the number of rows, that of the rows the number of columns, that of the columns the
first cell, and each cell the next one; so a cell of the output carries the position of the cell that follows it. The
cell before the first one of a row is the last REAL cell of the row above, not the padding that stands between.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from phloem.nn.models.transformer import EncoderLayer


class GridBatch(NamedTuple):
    """Tasks of pairs of grids; shapes are (rows, columns), at least 1. Cells behind a shape are 0."""

    inputs: Int64[Tensor, "tasks pairs rows columns"]
    outputs: Int64[Tensor, "tasks pairs rows columns"]
    input_shapes: Int64[Tensor, "tasks pairs 2"]
    output_shapes: Int64[Tensor, "tasks pairs 2"]


class Logits(NamedTuple):
    """Of the number of rows less one, of columns less one, and of the cells."""

    rows: Float[Tensor, "*batch most_rows"]
    columns: Float[Tensor, "*batch most_columns"]
    cells: Float[Tensor, "*batch rows columns colours"]


def full(
    inputs: Int64[Tensor, "tasks pairs rows columns"], outputs: Int64[Tensor, "tasks pairs rows columns"]
) -> GridBatch:
    """A batch whose grids all fill the canvas."""
    shape = torch.tensor(inputs.shape[2:]).expand(*inputs.shape[:2], 2)
    return GridBatch(inputs, outputs, shape, shape)


class LatentProgram(nn.Module):
    """Encoder and decoder over grids of at most `rows` × `columns` cells."""

    def __init__(
        self,
        rows: int,
        columns: int,
        *,
        colours: int = 10,
        latent: int = 32,
        width: int = 96,
        heads: int = 6,
        layers: tuple[int, int] = (2, 2),
        inner: int = 96,
    ) -> None:
        super().__init__()
        self.rows, self.columns, self.latent = rows, columns, latent
        for name in ("encoder", "decoder"):
            setattr(self, f"{name}_cells", nn.Embedding(colours, width))
            setattr(self, f"{name}_counts", nn.ModuleList(nn.Embedding(most, width) for most in (rows, columns)))
            setattr(self, f"{name}_places", nn.ModuleList(nn.Embedding(most, width) for most in (rows, columns)))
            setattr(self, f"{name}_channels", nn.Embedding(2, width))
        self.begin = nn.Parameter(torch.randn(width) * 0.02)
        self.encoder = nn.ModuleList(EncoderLayer(width, heads, inner, 0.0) for _ in range(layers[0]))
        self.encoder_norm = nn.LayerNorm(width)
        self.mean, self.log_variance = (nn.Linear(width, latent, bias=False) for _ in range(2))
        self.project = nn.Linear(latent, width, bias=False)
        self.decoder = nn.ModuleList(EncoderLayer(width, heads, inner, 0.0) for _ in range(layers[1]))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.heads = nn.ModuleList(nn.Linear(width, classes) for classes in (rows, columns, colours))
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.3)

    def embedded(
        self,
        name: str,
        grids: Int64[Tensor, "batch rows columns"],
        shapes: Int64[Tensor, "batch 2"],
        channel: int,
        *,
        following: bool = False,
    ) -> Float[Tensor, "batch time width"]:
        """A grid's 2 + R C tokens; with `following` a cell carries the position of the cell after it."""
        cells, channels = getattr(self, f"{name}_cells"), getattr(self, f"{name}_channels")
        counts, places = getattr(self, f"{name}_counts"), getattr(self, f"{name}_places")
        row = torch.arange(self.rows, device=grids.device)[None, :, None].expand_as(grids)
        column = torch.arange(self.columns, device=grids.device)[None, None].expand_as(grids)
        if following:
            last = column + 1 >= shapes[:, 1, None, None]
            row = torch.where(last, (row + 1).clamp(max=self.rows - 1), row)
            column = torch.where(last, 0, column + 1)
        x = cells(grids) + places[0](row) + places[1](column)
        shape = torch.stack([counts[i](shapes[:, i] - 1) for i in range(2)], 1)
        return torch.cat([shape, x.flatten(1, 2)], 1) + channels.weight[channel]

    def encode(
        self, batch: GridBatch
    ) -> tuple[Float[Tensor, "tasks pairs latent"], Float[Tensor, "tasks pairs latent"]]:
        """Mean and log variance of q(z | x, y) for every pair."""
        tasks = batch.inputs.shape[0]
        flat = GridBatch(*(part.flatten(0, 1) for part in batch))
        x = torch.cat(
            [
                self.begin.expand(len(flat.inputs), 1, -1),
                self.embedded("encoder", flat.inputs, flat.input_shapes, 0),
                self.embedded("encoder", flat.outputs, flat.output_shapes, 1),
            ],
            1,
        )
        real = torch.cat(
            [
                torch.ones_like(flat.inputs[:, :1, 0], dtype=torch.bool),
                self.real(flat.input_shapes),
                self.real(flat.output_shapes),
            ],
            1,
        )
        for layer in self.encoder:
            x = layer(x, real[:, None, None])
        read = self.encoder_norm(x[:, 0])
        return self.mean(read).unflatten(0, (tasks, -1)), self.log_variance(read).unflatten(0, (tasks, -1))

    def real(self, shapes: Int64[Tensor, "batch 2"]) -> Bool[Tensor, "batch time"]:
        """Which of a grid's tokens are not padding."""
        row = torch.arange(self.rows, device=shapes.device)[:, None] < shapes[:, 0, None, None]
        column = torch.arange(self.columns, device=shapes.device) < shapes[:, 1, None, None]
        both = torch.ones(len(shapes), 2, dtype=torch.bool, device=shapes.device)
        return torch.cat([both, (row & column).flatten(1)], 1)

    def states(self, batch: GridBatch, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch time width"]:
        """What the decoder makes of z and the output's tokens; a flat batch of pairs, one z a pair."""
        read = self.embedded("decoder", batch.inputs, batch.input_shapes, 0)
        written = self.embedded("decoder", batch.outputs, batch.output_shapes, 1, following=True)
        x = torch.cat([read, self.project(z)[:, None], written], 1)
        size, time = read.shape[1], x.shape[1]
        one = torch.ones(len(z), 1, dtype=torch.bool, device=z.device)
        real = torch.cat([self.real(batch.input_shapes), one, self.real(batch.output_shapes)], 1)
        place = torch.arange(time, device=z.device)
        sees = (place[None] <= size) | ((place[:, None] > size) & (place[None] <= place[:, None]))
        mask = real[:, None] & sees  # a padded place sees real ones: it is never read
        for layer in self.decoder:
            x = layer(x, mask[:, None])
        return x[:, size:]

    def decode(self, batch: GridBatch, z: Float[Tensor, "tasks pairs latent"]) -> Logits:
        """Teacher-forced logits of every pair's output, each from its own z."""
        tasks = batch.inputs.shape[0]
        flat = GridBatch(*(part.flatten(0, 1) for part in batch))
        states = self.states(flat, z.flatten(0, 1))
        cells = self.heads[2](self.norms[2](states[:, 2:]))  # of the columns' token, then of each cell
        before = self.before(flat.output_shapes)
        chosen = cells.gather(1, before[:, :, None].expand(-1, -1, cells.shape[2]))
        return Logits(
            self.heads[0](self.norms[0](states[:, 0])).unflatten(0, (tasks, -1)),
            self.heads[1](self.norms[1](states[:, 1])).unflatten(0, (tasks, -1)),
            chosen.unflatten(1, (self.rows, self.columns)).unflatten(0, (tasks, -1)),
        )

    def before(self, shapes: Int64[Tensor, "batch 2"]) -> Int64[Tensor, "batch cells"]:
        """The token that tells each cell: 0 is that of the columns, 1 + r C + c that of the cell (r, c)."""
        row = torch.arange(self.rows, device=shapes.device)[:, None]
        column = torch.arange(self.columns, device=shapes.device)[None]
        wrapped = 1 + (row - 1) * self.columns + shapes[:, 1, None, None] - 1
        inside = (row * self.columns + column).expand(len(shapes), -1, -1)
        return torch.where(column == 0, wrapped.expand_as(inside), inside).clamp(min=0).flatten(1)

    def log_likelihood(self, batch: GridBatch, z: Float[Tensor, "tasks pairs latent"]) -> Float[Tensor, "tasks pairs"]:
        """log p(rows) + log p(columns) + the mean over real cells of log p(cell)."""
        logits, shapes = self.decode(batch, z), batch.output_shapes
        apart = (logits.rows.flatten(0, 1), logits.columns.flatten(0, 1))
        shape = sum(
            -cross_entropy(each, shapes[:, :, i].flatten() - 1, reduction="none") for i, each in enumerate(apart)
        )
        cells = -cross_entropy(logits.cells.flatten(0, 3), batch.outputs.flatten(), reduction="none")
        real = self.real(shapes.flatten(0, 1))[:, 2:]
        mean = (cells.view(len(real), -1) * real).sum(1) / real.sum(1)
        return (shape + mean).view(shapes.shape[:2])

    @torch.no_grad()
    def generate(
        self,
        inputs: Int64[Tensor, "tasks rows columns"],
        shapes: Int64[Tensor, "tasks 2"],
        z: Float[Tensor, "tasks latent"],
    ) -> tuple[Int64[Tensor, "tasks rows columns"], Int64[Tensor, "tasks 2"]]:
        """The likeliest output of each input under its z, token by token, and its shape."""
        outputs, out_shapes = torch.zeros_like(inputs), torch.ones_like(shapes)

        def logits() -> Logits:
            batch = GridBatch(inputs[:, None], outputs[:, None], shapes[:, None], out_shapes[:, None])
            return self.decode(batch, z[:, None])

        out_shapes[:, 0] = logits().rows[:, 0].argmax(-1) + 1
        out_shapes[:, 1] = logits().columns[:, 0].argmax(-1) + 1
        for row in range(int(out_shapes[:, 0].max())):
            for column in range(int(out_shapes[:, 1].max())):
                real = (row < out_shapes[:, 0]) & (column < out_shapes[:, 1])
                outputs[:, row, column] = torch.where(real, logits().cells[:, 0, row, column].argmax(-1), 0)
        return outputs, out_shapes
