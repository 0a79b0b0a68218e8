"""RASP to the weights of a transformer.

After Lindner et al., "Tracr: Compiled Transformers as a Laboratory for Interpretability" (2023), with the layers and
heads that the analysis of Weiss et al. (2021) counts. The residual stream holds every variable one-hot. One column
stands in front of the input: the sink, which a head reads where it selects nothing.

    embedding        a table over (token, place): all variables of layer 0
    select           key and query are one-hot, so that a bilinear form gives λ where the selector is true, λ/2 at the
                     sink and 0 elsewhere; the softmax is uniform over the selected, up to e^(-λ/2)
    aggregate        a numeric value is read as the number itself, so that the head gives the mean; others one-hot; the
                     sink has the default
    element-wise     a hidden unit a combination of values: relu(sum of their one-hots - (number of them - 1)). Means
                     of this layer are numbers: several are joined to one number z, so spread that all combinations
                     differ; a pair of units is a step at each threshold between two neighbours, and the output is the
                     sum of the steps' changes:  f(z_0) + Σ_j (f(z_j) - f(z_j-1)) [z > t_j].

At the sink all units are switched off, so that it never looks like an input.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from phloem.nn.handset_transformer import HandsetTransformer, Head, Units
from phloem.synthesis.rasp.grammar import RaspError
from phloem.synthesis.rasp.graph import Node, handed_out, kind_of
from phloem.synthesis.rasp.plan import Chain, Plan, embedded, plan

SHARPNESS = 200.0
ONE, SINK = 0, 1  # channels: 1 everywhere, and 1 at the sink
MOST_UNITS = 100_000  # of one layer's feed-forward net
SLOPE = 4.0  # of a step, in units of the gap that it stands in


class CompiledRasp(nn.Module):
    """A RASP program as a transformer: tokens in, at each place a score for every value of the output."""

    def __init__(self, alphabet: Sequence[Any], values: Sequence[Any], longest: int, net: HandsetTransformer) -> None:
        super().__init__()
        self.alphabet, self.values, self.longest = list(alphabet), list(values), longest
        self.embedding = nn.Embedding(len(alphabet) * longest + 1, net.width, dtype=torch.float64)  # the sink is last
        self.net = net
        self.readout = nn.Linear(net.width, len(values), bias=False, dtype=torch.float64)

    def encode(self, inputs: Sequence[Sequence[Any]]) -> Int64[Tensor, "batch time"]:
        """Token numbers of inputs of one length. Raises RaspError for unknown tokens and lengths."""
        lengths = {len(tokens) for tokens in inputs}
        if len(lengths) != 1 or not 1 <= max(lengths) <= self.longest:
            raise RaspError(f"the compiled model reads inputs of one length of 1 to {self.longest}")
        known = {(kind_of(token), token): number for number, token in enumerate(self.alphabet)}
        try:
            return torch.tensor([[known[kind_of(token), token] for token in tokens] for tokens in inputs])
        except KeyError as error:
            raise RaspError(f"{error.args[0][1]!r} is not in the alphabet of the compiled model") from None

    def embed(self, tokens: Int64[Tensor, "batch time"]) -> Float[Tensor, "batch columns width"]:
        """The residual stream before the first layer; the sink is the first column."""
        places = torch.arange(tokens.shape[1], device=tokens.device)
        rows = tokens * self.longest + places
        return self.embedding(nn.functional.pad(rows, (1, 0), value=self.embedding.num_embeddings - 1))

    def forward(self, tokens: Int64[Tensor, "batch time"]) -> Float[Tensor, "batch time values"]:
        return self.readout(self.net(self.embed(tokens))[:, 1:])

    @torch.no_grad()
    def run(self, inputs: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """The output values on inputs of one length: at each place the one with the highest score."""
        best = self(self.encode(inputs)).argmax(dim=-1)
        return [[handed_out(self.values[number]) for number in row] for row in best.tolist()]


class Channels(NamedTuple):
    """Where variables stand in the residual stream: the first channel of each, and how many there are in all."""

    first: dict[Node, int]  # variables, one-hot
    raw: dict[Node, int]  # aggregates as heads write them: a number, or one-hot
    width: int


def compiled(output: Node, alphabet: Sequence[Any], longest: int) -> tuple[CompiledRasp, Plan, Channels]:
    """The transformer that computes an s-op for all inputs of 1 to `longest` tokens of `alphabet`.

    Raises:
        RaspError: the program can't be compiled so.
    """
    made = plan(output, alphabet, longest)
    channels = _channels(made)
    layers = range(1, len(made.schedule.layers) + 1)
    heads = [[_head(made, channels, selector, layer) for selector in _selectors(made, layer)] for layer in layers]
    units = [_Chains(made, channels, layer).units for layer in layers]
    size = max((max(len(head.key), len(head.value)) for layer in heads for head in layer), default=1)
    width = HandsetTransformer.fitting(channels.width, size, [len(layer) for layer in heads])
    net = HandsetTransformer(width, [len(layer) for layer in heads], [max(1, len(each)) for each in units])
    for layer, written, each in zip(net.stack(), heads, units, strict=True):
        layer.set_heads([_widened(head, width) for head in written])
        layer.set_units(*each.matrices(width))
    model = CompiledRasp(made.alphabet, made.values[output], longest, net)
    _set_embedding(model, made, channels)
    with torch.no_grad():
        model.readout.weight.zero_()
        start = channels.first[output]
        model.readout.weight[:, start : start + len(model.values)] = torch.eye(len(model.values))
    return model.eval(), made, channels


def _channels(made: Plan) -> Channels:
    count, first, raw = SINK + 1, {}, {}
    for node, values in made.values.items():
        if node in made.chains or made.depth[node] == 0:
            first[node] = count
            count += len(values)
        if node.kind == "aggregate":
            raw[node] = count
            count += 1 if numeric(made, node) else len(values)
    return Channels(first, raw, count)


def numeric(made: Plan, node: Node) -> bool:
    """Whether an aggregate is read as a number."""
    return all(kind_of(value) == "number" for value in made.values[node])


def _selectors(made: Plan, layer: int) -> tuple[Node, ...]:
    return made.schedule.layers[layer - 1].heads


def _set_embedding(model: CompiledRasp, made: Plan, channels: Channels) -> None:
    table = torch.zeros_like(model.embedding.weight)
    table[:, ONE] = 1
    table[-1, SINK] = 1
    for node, start in channels.first.items():
        if made.depth[node] > 0:
            continue
        places = {_key(value): start + number for number, value in enumerate(made.values[node])}
        for row, (token, place) in enumerate(product(made.alphabet, range(made.longest))):
            value = embedded(node, token, place)
            if value is not None:
                table[row, places[_key(value)]] = 1
    with torch.no_grad():
        model.embedding.weight.copy_(table)


def _key(value: Any) -> Any:
    return kind_of(value), value


# Attention


def _head(made: Plan, channels: Channels, selector: Node, layer: int) -> Head:
    """The selector as scores, and all aggregates of the layer that use it as values."""
    pattern = made.patterns[selector]
    keys, key_rows = _side(made, channels, pattern.key)
    queries, query_rows = _side(made, channels, pattern.query)
    key_rows = key_rows.clone()
    if pattern.key is None:
        key_rows[0, SINK] = -1  # the same at all places but the sink
    selected = torch.tensor([[float(pattern.selected[k, q]) for k in keys] for q in queries], dtype=torch.float64)
    if len(keys) <= len(queries):
        key, query = key_rows, selected.T @ query_rows
    else:
        key, query = selected @ key_rows, query_rows
    unit = torch.eye(channels.width, dtype=torch.float64)
    key, query = torch.cat([key, unit[SINK : SINK + 1]]), torch.cat([query, 0.5 * unit[ONE : ONE + 1]])
    reads = [node for node in made.schedule.layers[layer - 1].aggregates if node.parents[0] is selector]
    value = torch.cat([_read(made, channels, node) for node in reads])
    targets = [channels.raw[node] + row for node in reads for row in range(len(_read(made, channels, node)))]
    return Head(key, query, value, unit[:, targets], SHARPNESS)


def _side(made: Plan, channels: Channels, node: Node | None) -> tuple[list[Any], Float[Tensor, "values channels"]]:
    """The values of a joint variable, and the rows that read its one-hots."""
    unit = torch.eye(channels.width, dtype=torch.float64)
    if node is None:
        return [()], unit[ONE : ONE + 1]
    start = channels.first[node]
    return list(made.values[node]), unit[start : start + len(made.values[node])]


def _read(made: Plan, channels: Channels, node: Node) -> Float[Tensor, "rows channels"]:
    """What an aggregate reads: its values' number, or one-hot; at the sink the default."""
    source, values = node.parents[1], made.values[node]
    default = 0 if node.payload is None else node.payload
    rows = torch.zeros(1 if numeric(made, node) else len(values), channels.width, dtype=torch.float64)
    places = {_key(value): number for number, value in enumerate(values)}

    def put(channel: int, value: Any, sign: float = 1.0) -> None:
        if len(rows) == 1 and numeric(made, node):
            rows[0, channel] += sign * float(value)
        else:
            rows[places[_key(value)], channel] += sign

    if source.kind == "constant":
        put(ONE, source.payload)
        put(SINK, source.payload, -1.0)
    else:
        for number, value in enumerate(made.values[source]):
            put(channels.first[source] + number, value)
    put(SINK, default)
    return rows


def _widened(head: Head, width: int) -> Head:
    """The head for a stream with idle channels at the end."""

    def wide(rows: Tensor) -> Tensor:
        return nn.functional.pad(rows, (0, width - rows.shape[1]))

    return Head(wide(head.key), wide(head.query), wide(head.value), wide(head.out.T).T, head.sharpness)


# The feed-forward net


class _Chains:
    """Hidden units of one layer: what each reads, its bias, and what it writes."""

    def __init__(self, made: Plan, channels: Channels, layer: int) -> None:
        self.made, self.channels, self.layer = made, channels, layer
        self.units = Units()
        for chain in made.layer_chains(layer):
            self.write(chain)

    def add(self, inputs: dict[int, float], bias: float, outputs: dict[int, float]) -> None:
        if len(self.units) >= MOST_UNITS:
            raise RaspError(f"layer {self.layer} needs more than {MOST_UNITS} hidden units: shorten inputs or alphabet")
        self.units.add(inputs, bias, outputs)

    def write(self, chain: Chain) -> None:
        """The units of one variable."""
        numbers = [base for base in chain.bases if self.is_number(base)]
        classes = [base for base in chain.bases if not self.is_number(base)]
        scales = _scales([self.made.values[base] for base in numbers])
        joined = sorted(
            (sum(scale * float(value) for scale, value in zip(scales, values, strict=True)), values)
            for values in product(*(self.made.values[base] for base in numbers))
        )
        gap = min((after[0] - before[0] for before, after in pairwise(joined)), default=1.0)
        for combination in product(*(range(len(self.made.values[base])) for base in classes)):
            known = {base: self.made.values[base][number] for base, number in zip(classes, combination, strict=True)}
            gate = {self.start(base) + number: 1.0 for base, number in zip(classes, combination, strict=True)}
            z = {self.channels.raw[base]: scale for base, scale in zip(numbers, scales, strict=True)}
            self.steps(chain, gate, z, list(self.outcomes(chain, known, numbers, joined)), gap)

    def outcomes(
        self, chain: Chain, known: dict[Node, Any], numbers: list[Node], joined: list[tuple[float, tuple[Any, ...]]]
    ) -> Iterator[tuple[float, int]]:
        """For rising z the channel that is to be one; combinations without a result are left out."""
        start = self.channels.first[chain.node]
        places = {_key(value): start + number for number, value in enumerate(self.made.values[chain.node])}
        for z, values in joined:
            known.update(zip(numbers, values, strict=True))
            combination = tuple(known[base] for base in chain.bases)
            if combination in chain.table:
                yield z, places[_key(chain.table[combination])]

    def steps(
        self,
        chain: Chain,
        gate: dict[int, float],
        scales: dict[int, float],
        outcomes: list[tuple[float, int]],
        gap: float,
    ) -> None:
        """Units for one combination of the one-hot bases: the first outcome, and a step wherever it changes."""
        if not outcomes:
            return
        off = {SINK: -(len(gate) + 1.0)}
        self.add(gate | off, 1.0 - len(gate), {outcomes[0][1]: 1.0})
        slope = SLOPE / gap
        reach = slope * (outcomes[-1][0] - outcomes[0][0] + gap) + 2.0
        for (before, old), (after, new) in pairwise(outcomes):
            if old == new:
                continue
            threshold = (before + after) / 2
            inputs = {channel: slope * scale for channel, scale in scales.items()}
            inputs |= dict.fromkeys(gate, reach) | {SINK: -2 * reach * (len(gate) + 1)}
            bias = -slope * threshold - reach * len(gate)
            self.add(inputs, bias + 0.5, {new: 1.0, old: -1.0})
            self.add(inputs, bias - 0.5, {new: -1.0, old: 1.0})

    def is_number(self, base: Node) -> bool:
        """Whether the chain reads the base as a number: a mean of this layer. Zeros and ones are as good as one-hot."""
        here = base.kind == "aggregate" and self.made.depth[base] == self.layer
        return here and numeric(self.made, base)

    def start(self, base: Node) -> int:
        here = base.kind == "aggregate" and self.made.depth[base] == self.layer
        return self.channels.raw[base] if here else self.channels.first[base]


def _scales(domains: list[tuple[Any, ...]]) -> list[float]:
    """Factors with which all combinations of these numbers have different sums: a mixed radix."""
    scales: list[float] = []
    gap = 1.0
    for values in domains:
        distinct = sorted({float(value) for value in values})
        spread = distinct[-1] - distinct[0] if len(distinct) > 1 else 1.0
        least = min((after - before for before, after in pairwise(distinct)), default=1.0)
        scale = 1.0 if not scales else gap / (2 * spread)
        gap = scale * least
        scales.append(scale)
    return scales
