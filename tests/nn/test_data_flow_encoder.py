"""GraphCodeBERT's input, mask and structural objectives."""

import numpy as np
import pytest
import torch

from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.learn.objectives.data_flow_pretraining import DataFlowPretraining
from phloem.learn.objectives.edge_prediction import drawn_nodes, edge_question, pair_logits
from phloem.learn.objectives.node_alignment import alignment_question
from phloem.nn.mixers.graph_guided_mask import graph_guided_mask, graph_guided_mask_reference
from phloem.nn.mixers.multihead_attention import additive
from phloem.nn.models.data_flow_encoder import DataFlowEncoder
from phloem.nn.models.roberta import Roberta, RobertaConfig
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.data_flow_view import CODE, MARK, NODE, DataFlowView, DataFlowViewConfig, collate

SOURCES = (
    "def max(a, b):\n    x = 0\n    if b > a:\n        x = b\n    else:\n        x = a\n    return x\n",
    "def total(values):\n    result = 0\n    for value in values:\n        result = value + 1\n    return result\n",
)
UNITS = BytePairs.fit(SOURCES * 3, 300, sentinels=0)


def example(source: str) -> Example:
    return Example("python", "", "", "", "", by_name("python").parse(source.encode()), name_node=-1)


def batch(words: str = "the larger one", **config):
    view = DataFlowView(UNITS, DataFlowViewConfig(**config))
    return collate([view.encode(example(SOURCES[0]), words), view.encode(example(SOURCES[1]))])


def encoder(layers: int = 2, seed: int = 0) -> DataFlowEncoder:
    torch.manual_seed(seed)
    sizes = {"width": 32, "layers": layers, "heads": 4, "inner": 64, "places": 400, "pad": 0}
    return DataFlowEncoder(Roberta(RobertaConfig(UNITS.size, **sizes))).eval()


def test_the_mask_is_the_equation():
    data = batch()
    assert torch.equal(graph_guided_mask(data), graph_guided_mask_reference(data))
    assert data.are(NODE).sum(dim=1).tolist()[0] == 11
    assert (data.places[data.are(NODE)] == -2).all(), "row 0 of a table whose units begin in row 2"


@pytest.mark.row("S070", 2)
def test_attention_is_zero_outside_the_mask_and_a_node_feels_its_own_units_only():
    data, model = batch(), encoder()
    mask = graph_guided_mask(data)
    states = model.states(data)
    for block, state in zip(model.roberta.blocks, states, strict=False):
        key, _ = block.attention.read(state)
        weights = block.attention.weights(state, key, additive(mask, None, state.dtype))
        assert (weights[(~mask)[:, None].expand_as(weights)] == 0).all()
        assert torch.allclose(weights.sum(dim=-1), torch.ones(()))
    time = data.tokens.shape[1]
    before = states[1]
    nodes = torch.nonzero(data.are(NODE)[0])[:, 0].tolist()
    felt = 0
    for unit in torch.nonzero(data.are(CODE)[0])[:, 0].tolist():
        tokens = data.tokens.clone()
        tokens[0, unit] = (tokens[0, unit] - 5 + 7) % (UNITS.size - 5) + 5
        after = model.states(data, tokens)[1]
        for node in nodes:
            read = {node, *data.edges[data.edges[:, 0] == node, 1].tolist()}
            units = set(data.links[torch.isin(data.links[:, 0], torch.tensor(sorted(read))), 1].tolist())
            same = torch.equal(before[0, node], after[0, node])
            assert same == (unit not in units)
            felt += not same
    assert felt > len(nodes)
    assert time > 30


@pytest.mark.row("S070", 3)
def test_a_node_begins_as_the_mean_of_its_units_and_order_of_nodes_does_not_matter():
    data, model = batch(), encoder()
    embedded = model.embed(data)
    flat, table = embedded.flatten(0, 1), model.roberta.table.weight
    for node in torch.nonzero(data.are(NODE).flatten())[:, 0]:
        units = data.links[data.links[:, 0] == node, 1]
        assert torch.allclose(flat[node], table[data.tokens.flatten()[units]].mean(dim=0), atol=1e-6)
    view = DataFlowView(UNITS)
    row = view.encode(example(SOURCES[0]), "the larger one")
    nodes = np.flatnonzero(row.kinds == NODE)
    turned = np.arange(len(row.tokens))
    turned[nodes] = np.random.default_rng(0).permutation(nodes)
    links, edges = row.links.copy(), turned[row.edges]
    links[:, 0] = turned[links[:, 0]]
    model = model.double()
    one = model(collate([row]))[0]
    other = model(collate([row._replace(links=links, edges=edges)]))[0]
    assert torch.allclose(other[turned], one, atol=1e-12)
    units = row.kinds != NODE
    assert torch.allclose(one[units], other[units], atol=1e-12)


@pytest.mark.row("S070", 4)
def test_hidden_edges_are_not_in_the_mask():
    torch.manual_seed(1)
    data = batch()
    chosen = drawn_nodes(data, 0.5)
    asked = edge_question(data, chosen)
    hidden = data.edges[~asked.shown]
    assert len(hidden) > 3
    assert torch.equal(hidden, asked.pairs[asked.target])
    assert int(asked.target.sum()) == int((~asked.target).sum()), "as many that are no edges"
    known = {tuple(edge) for edge in data.edges.tolist()}
    for one, other in asked.pairs[~asked.target].tolist():
        assert (one, other) not in known
        assert chosen[one] or chosen[other]
        assert data.are(NODE).flatten()[[one, other]].all()
        assert one // data.tokens.shape[1] == other // data.tokens.shape[1]
    time = data.tokens.shape[1]
    mask = graph_guided_mask(data, None, asked.shown)
    rows, places, read = hidden[:, 0] // time, hidden[:, 0] % time, hidden[:, 1] % time
    assert not mask[rows, places, read][places != read].any()
    full = graph_guided_mask(data)
    assert int((full & ~mask).sum()) == len(hidden)
    # without layers nothing is read: the predictor says the same whatever the edges are
    blind = encoder(layers=0)
    assert torch.equal(
        pair_logits(blind(data, None, None, asked.shown), asked),
        pair_logits(blind(data, None, None, ~asked.shown), asked),
    )
    # with layers, hidden edges leave no trace: a batch that never had them gives the same
    model = encoder()
    without = data._replace(edges=data.edges[asked.shown])
    assert torch.equal(model(data, None, None, asked.shown), model(without))


def test_hidden_links_blind_a_node_but_for_its_edges():
    torch.manual_seed(0)
    data = batch()
    chosen = drawn_nodes(data, 0.5)
    asked = alignment_question(data, chosen)
    assert int(asked.target.sum()) == int((~asked.shown).sum()) == int((~asked.target).sum())
    mask = graph_guided_mask(data, asked.shown).flatten(0, 1)
    kinds, time = data.kinds.flatten(), data.tokens.shape[1]
    for node in torch.nonzero(chosen)[:, 0].tolist():
        row = node // time * time
        read = torch.nonzero(mask[node])[:, 0] + row
        assert all(kinds[place] == NODE for place in read.tolist())
        readers = torch.nonzero(mask.view(-1, time, time)[node // time, :, node % time])[:, 0] + row
        assert all(kinds[place] in (MARK, NODE) for place in readers.tolist())


def test_pretraining_is_the_sum_of_three_losses():
    model, data = encoder().train(), batch(words="")
    torch.manual_seed(0)
    loss = DataFlowPretraining(UNITS.size)(model, data)
    assert set(loss.logs) == {"masked", "edges", "links"}
    assert min(loss.logs.values()) > 0
    assert float(loss.value.detach()) == pytest.approx(sum(loss.logs.values()), rel=1e-5)
    loss.value.backward()
    assert all(block.attention.query.weight.grad.any() for block in model.roberta.blocks)


def test_names_can_be_hidden_and_sequences_are_cut():
    shown, hidden = (DataFlowView(UNITS, DataFlowViewConfig(hidden=flag)) for flag in (False, True))
    text = UNITS.decode(hidden.encode(example(SOURCES[1])).tokens)
    assert "value" not in text
    assert "result" not in text
    assert "v0" in text
    assert "for" in text
    assert "result" in UNITS.decode(shown.encode(example(SOURCES[1])).tokens)
    short = batch(code=20, nodes=3, text=2)
    assert (short.are(CODE).sum(dim=1) <= 20).all()
    assert (short.are(NODE).sum(dim=1) <= 3).all()
    assert short.edges.numel() == 0 or short.are(NODE).flatten()[short.edges].all()
    plain = batch(with_nodes=False)
    assert not plain.are(NODE).any()
    assert not len(plain.links)
