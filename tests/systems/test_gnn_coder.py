"""What the arms of GNN-Coder's claim read, and that they are of one size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from phloem.corpora.doc_code_pairs import DocumentedCode
from phloem.nn.models.roberta import Roberta, RobertaConfig
from phloem.represent.byte_pairs import END, START, BytePairs
from phloem.systems.claims import Job, scale_of
from phloem.systems.understanding.gnn_coder import ClipLoss, World, text_of, text_vectors

TEXTS = ["def f(x): return x", "x", "for i in range(10): print(i, i, i)", ""]


def test_documentation_and_name_are_gone_and_the_code_still_parses() -> None:
    source = b'def walk(x):\n    """Walk on."""\n    return walk(x.left)\n'
    doc = source.index(b'"""')
    one = DocumentedCode("python", "p", "a.py", "walk", "Walk on.", source, (doc, doc + 14), 1)
    assert text_of(one) == "def f(x):\n    \n    return f(x.left)\n"


def test_a_text_is_the_mean_of_its_states_whatever_is_read_beside_it() -> None:
    torch.manual_seed(0)
    units = BytePairs.fit(TEXTS, 300, sentinels=0)
    encoder = Roberta(RobertaConfig(units.size, width=8, layers=1, heads=2, inner=8, places=40, pad=0)).eval()
    found = text_vectors(encoder, units, TEXTS, window=10)
    for text, vector in zip(TEXTS, found, strict=True):
        row = torch.tensor([[START, *units.encode(text)[:10], END]])
        with torch.no_grad():
            assert np.allclose(encoder(row)[0].mean(dim=0).numpy(), vector, atol=1e-5)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("gnn")
    return World(scale_of("smoke"), Job(0, folder / "run", folder / "shared", lambda done: None))


def test_arms_have_about_the_same_size(world: World) -> None:
    sizes = [
        sum(parameter.numel() for parameter in world.model(graph=graph, text=True).parameters())
        for graph in (True, False)
    ]
    assert abs(sizes[0] - sizes[1]) < 0.01 * sizes[0]


def test_a_batch_reads_each_content_once_and_gives_a_loss_that_falls(world: World) -> None:
    data = world.data["train"]
    batch = data.batch(np.arange(16), None)
    assert len(batch.contents) == len(torch.unique(batch.graphs.text)) < len(batch.graphs.kind)
    torch.manual_seed(0)
    model = world.model(graph=True, text=True)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(12):
        loss = ClipLoss()(model, batch)
        optimizer.zero_grad()
        loss.value.backward()
        optimizer.step()
        losses.append(loss.value.item())
    assert losses[-1] < 0.7 * losses[0]
