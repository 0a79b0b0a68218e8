from __future__ import annotations

import numpy as np

from phloem.corpora.examples import examples_of
from phloem.languages import by_name
from phloem.tasks.renamed_functions import bound_names, renamed

SOURCE = b'''def area(width, height=2, *rest, **more):
    """Of a box."""
    total = width * height  # of all
    for each in rest:
        total += each.width * call(width=width, other=height)
    return [y for y in (total, outside)]
'''


def test_bound_names_and_no_others_change() -> None:
    (example,) = examples_of(SOURCE, by_name("python"))
    assert bound_names(example.tree) == ["area", "width", "height", "rest", "more", "total", "each", "y"]
    pool = [f"name{number}" for number in range(8)] + ["outside"]
    text = renamed(example, pool, np.random.default_rng(0))
    assert "box" not in text
    assert "of all" not in text
    assert ". width" in text, "an attribute keeps its name"
    assert "outside" in text
    space: dict[str, object] = {"call": lambda width, other: width + other, "outside": 5}
    exec(compile(text, "renamed", "exec"), space)
    first = next(value for key, value in space.items() if key.startswith("name"))
    assert first(3, 4) == [12, 5]  # type: ignore[operator]
    again = renamed(example, pool, np.random.default_rng(0))
    assert again == text
