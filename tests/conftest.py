"""A model that is trained in seconds, for tests of what stands on models."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("no deadline", deadline=None)  # the machine may be busy with other work
settings.load_profile("no deadline")

NOUNS = ("name", "size", "path", "color", "owner", "weight", "label", "price", "height", "state")
SMALL = {
    "width": 24,
    "nodes": 12,
    "path": 16,
    "decoder": 48,
    "contexts": 40,
    "least": 1,
    "drop": 0.0,
    "output_drop": 0.0,
    "training": {
        "batch_size": 16,
        "learning_rate": 0.01,
        "average": None,
        "warmup_steps": 0,
        "bucket": 1,
        "threads": 1,
    },
}


def small_code(project: int) -> str:
    """A module of getters, setters and checks, whose names follow from their bodies, with documentation."""
    lines = [f"class Thing{project}:"]
    for noun in NOUNS:
        lines += [
            f"    def get_{noun}(self):\n        '''Return the {noun}.'''\n"
            f"        x{project} = 1\n        return self.{noun}\n",
            f"    def set_{noun}(self, v{project}):\n        '''Set the {noun}.'''\n        self.{noun} = v{project}\n",
            f"    def has_{noun}(self):\n        '''Whether there is a {noun}.'''\n"
            f"        y{project} = None\n        return self.{noun} is not y{project}\n",
        ]
    return "\n".join(lines)


@pytest.fixture(scope="session")
def small_shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mined shards of twelve projects."""
    from phloem.corpora.listing import MineSettings
    from phloem.corpora.mine import mine

    root = tmp_path_factory.mktemp("code")
    for project in range(12):
        (root / f"p{project}").mkdir()
        (root / f"p{project}" / "things.py").write_text(small_code(project))
    folder = tmp_path_factory.mktemp("mined") / "shards"
    mine([str(root)], folder, settings=MineSettings(project_depth=1), workers=1)
    return folder


def _trained(task: str, shards: Path, out: Path) -> Path:
    from phloem.assist.training import Plan, train

    cache = os.environ.get("PHLOEM_CACHE")
    os.environ["PHLOEM_CACHE"] = str(out.parent / "cache")
    try:
        train(Plan(task, str(shards), out, epochs=4, config=SMALL, command="phloem train"))
    finally:
        if cache is None:
            del os.environ["PHLOEM_CACHE"]
        else:
            os.environ["PHLOEM_CACHE"] = cache
    return out


@pytest.fixture(scope="session")
def names_model(small_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model that names getters, setters and checks in Python."""
    return _trained("names", small_shards, tmp_path_factory.mktemp("models") / "tiny-names")


@pytest.fixture(scope="session")
def summaries_model(small_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model that summarizes the same functions."""
    return _trained("summaries", small_shards, tmp_path_factory.mktemp("models") / "tiny-summaries")


@pytest.fixture(scope="session")
def review_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved detector of bugs that knows generated functions (`tasks.cubert_tasks.made_functions`)."""
    from review_models import small_detector

    return small_detector(tmp_path_factory.mktemp("review"))
