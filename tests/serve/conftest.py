"""A server over small models that were really trained, saved and loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chromium import serving
from fastapi.testclient import TestClient

import phloem
from phloem.serve.api import create_app
from phloem.serve.examples import FOLDER


def _train(task: str, out: Path, data: Path) -> Path:
    from phloem.assist.training import Plan, train

    training = {"batch_size": 16, "bucket": 1, "learning_rate": 1e-2, "warmup_steps": 0, "average": None}
    sizes = {"contexts": 40, "least": 1, "width": 24, "nodes": 16, "path": 24, "decoder": 48}
    config = {**sizes, "drop": 0.0, "output_drop": 0.1, "training": {**training, "evaluate_every": 12}}
    train(Plan(task, str(data), out, ("python",), epochs=12, config=config))
    return out


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> list[phloem.assist.models.Model]:
    """Models for names and summaries of Python functions, trained for seconds on a few made-up projects."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("models")
    verbs = {"get": "return self.{0}", "set": "self.{0} = value", "has": "return self.{0} is not None"}
    nouns = ("name", "path", "size", "color", "owner", "title")
    for project in range(10):
        folder = root / "code" / f"project{project}"
        folder.mkdir(parents=True)
        functions = []
        for i, noun in enumerate(nouns):
            for verb, body in verbs.items():
                arguments = "self, value" if verb == "set" else "self"
                doc = f"{verb.capitalize()} the {noun} of it."
                code = f'    def {verb}_{noun}({arguments}):\n        """{doc}"""\n'
                code += f"        count_{project}_{i} = {project * 10 + i}\n        {body.format(noun)}\n"
                functions.append(code)
        (folder / "thing.py").write_text(f"class Thing{project}:\n" + "\n".join(functions))
    try:
        return [phloem.load(_train(task, root / task, root / "code")) for task in ("names", "summaries")]
    finally:
        torch.set_num_threads(threads)


@pytest.fixture
def parser_only() -> Iterator[TestClient]:
    """An application without models."""
    with TestClient(create_app([]), base_url="http://127.0.0.1:8421") as client:
        yield client


@pytest.fixture
def client(trained: list[phloem.assist.models.Model]) -> Iterator[TestClient]:
    with TestClient(create_app(trained), base_url="http://127.0.0.1:8421") as client:
        yield client


@pytest.fixture
def example_source() -> Callable[[str], str]:
    """The first example of a language."""
    return lambda language: min(FOLDER.glob(f"{language}_1_*")).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def address(trained: list[phloem.assist.models.Model]) -> Iterator[str]:
    """A running server."""
    with serving(create_app(trained)) as running:
        yield running
