"""Samples of algorithms, against those that the benchmark's own package (dm-clrs 2.0.3) drew with the same seed."""

from __future__ import annotations

from pathlib import Path

import networkx
import numpy as np
import pytest

from phloem.corpora import clrs, clrs_algorithms
from phloem.errors import PhloemError

RECORDED = Path(__file__).parent / "fixtures" / "clrs_samples.npz"  # 12 samples of 9 nodes, seed 1


@pytest.mark.row("S191", 4)
@pytest.mark.parametrize("name", clrs.NAMES)
def test_samples_equal_the_benchmarks_own(name: str) -> None:
    own = clrs.draw(name, 12, 9, 1)
    with np.load(RECORDED) as recorded:
        theirs = {key.removeprefix(f"{name}/"): recorded[key] for key in recorded.files if key.startswith(f"{name}/")}
    arrays = {
        **{f"input/{key}": value for key, value in own.inputs.items()},
        **{f"hint/{key}": value for key, value in own.hints.items()},
        **{f"output/{key}": value for key, value in own.outputs.items()},
        "lengths": own.lengths,
    }
    assert arrays.keys() == theirs.keys()
    for key, value in arrays.items():
        np.testing.assert_array_equal(value, theirs[key], err_msg=key)
    probes = clrs.SPECS[name]
    assert {f"{probe.stage}/{key}" for key, probe in probes.items()} == arrays.keys() - {"lengths"}
    other = clrs.draw(name, 12, 9, 2)
    assert any((own.inputs[key] != other.inputs[key]).any() for key in own.inputs if key != "pos")


def test_outputs_are_right() -> None:
    """Against networkx and numpy."""
    for name in ("bellman_ford", "dijkstra"):
        samples = clrs.draw(name, 5, 10, 3)
        for number in range(5):
            graph = networkx.from_numpy_array(samples.inputs["A"][number])
            source = int(samples.inputs["s"][number].argmax())
            lengths = networkx.single_source_dijkstra_path_length(graph, source)
            parent = samples.outputs["pi"][number].astype(int)
            for node, length in lengths.items():
                if node != source:
                    edge = graph[parent[node]][node]["weight"]
                    assert lengths[parent[node]] + edge == pytest.approx(length)
            assert all(parent[node] == node for node in set(graph) - set(lengths))
    samples = clrs.draw("insertion_sort", 5, 10, 3)
    for keys, pointers in zip(samples.inputs["key"], samples.outputs["pred"], strict=True):
        np.testing.assert_array_equal(pointers, clrs_algorithms.chain(np.argsort(keys)))
    samples = clrs.draw("minimum", 5, 10, 3)
    assert (samples.outputs["min"].argmax(axis=1) == samples.inputs["key"].argmin(axis=1)).all()


def test_wrong_requests_are_refused() -> None:
    with pytest.raises(PhloemError, match="unknown algorithm 'bogosort'"):
        clrs.draw("bogosort", 1, 4, 0)
    with pytest.raises(PhloemError, match="two nodes"):
        clrs.draw("bfs", 1, 1, 0)
