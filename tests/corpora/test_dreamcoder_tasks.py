"""Loaders of list tasks and concepts, on data of the same form."""

import gzip
import hashlib
import json

import pytest

from phloem.corpora import dreamcoder_tasks, list_functions
from phloem.errors import PhloemError
from phloem.synthesis.polymorphic_types import parse_type
from phloem.tasks import example_tasks


@pytest.fixture
def data(tmp_path):
    rows = {
        ("dreamcoder", "list_tasks"): [
            {
                "type": {"input": "list-of-int", "output": "list-of-bool"},
                "name": f"task {k}",
                "examples": [{"i": [1, 2], "o": [True, False]}, {"i": [], "o": []}],
            }
            for k in range(6)
        ],
        ("list_functions", "tasks"): [
            {"id": "c1", "set": "model", "program": "(lambda $0)", "examples": [{"i": [3], "o": [3]}]}
        ],
    }
    entries = []
    for (name, split), lines in rows.items():
        file = tmp_path / name / f"{split}.jsonl.gz"
        file.parent.mkdir()
        file.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
        raw = file.read_bytes()
        facts = {"file": f"{name}/{file.name}", "split": split, "examples": len(lines), "bytes": len(raw)}
        facts["sha256"] = hashlib.sha256(raw).hexdigest()
        source = {"repo": "a/b", "commit": "0", "paths": "p"}
        entries.append(
            {"name": name, "title": "t", "licence": "l", "fields": {}, "sources": [source], "files": [facts]}
        )
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 1, "datasets": entries}))
    return tmp_path


def test_list_tasks_become_typed_examples(data) -> None:
    first = next(dreamcoder_tasks.list_tasks(data))
    assert first.examples[0] == (((1, 2),), (True, False))
    assert example_tasks.example_task(first).request == parse_type("list(int) -> list(bool)")
    domain = example_tasks.lists(4, 2, 0, data)
    assert (len(domain.train), len(domain.test)) == (4, 2)
    assert not {task.name for task in domain.train} & {task.name for task in domain.test}
    assert not {"map", "fold"} & set(domain.primitives)
    assert example_tasks.lists(4, 2, 0, data).test == domain.test


def test_concepts(data) -> None:
    (concept,) = list_functions.concepts(data)
    assert concept == list_functions.Concept("c1", "model", "(lambda $0)", (((3,), (3,)),))


def test_data_that_is_not_here_is_named(monkeypatch) -> None:
    monkeypatch.delenv("PHLOEM_DATA", raising=False)
    with pytest.raises(PhloemError, match="--data"):
        example_tasks.lists(4, 2)
