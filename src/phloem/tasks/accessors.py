"""Generated Python methods whose names their bodies give away: a naming task that a model learns in seconds.

`get_open_port` returns `self._open_port`, `has_open_port` asks whether it is None. The words of the names used for
testing all occur in training, their combinations do not: a model must put a name together from what it reads.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from phloem.corpora.examples import examples_of
from phloem.languages import by_name
from phloem.languages.example import Example

QUALITIES = ("open", "last", "main", "local", "remote", "default", "current", "hidden", "shared", "active", "raw")
THINGS = ("port", "file", "name", "path", "user", "node", "token", "color", "value", "state", "key", "index")
ACTIONS = {
    "get": "def get_{0}(self):\n    return self._{0}\n",
    "set": "def set_{0}(self, {0}):\n    self._{0} = {0}\n",
    "has": "def has_{0}(self):\n    return self._{0} is not None\n",
    "clear": "def clear_{0}(self):\n    self._{0} = None\n",
    "count": "def count_{0}(self):\n    return len(self._{0})\n",
    "add": "def add_{0}(self, item):\n    self._{0}.append(item)\n",
}


def accessors(split: str, seed: int = 0) -> list[Example]:
    """The methods of "train" (474), "validation" (162) or "test" (156); a combination of words is in one split only."""
    share = {"train": (0.0, 0.6), "validation": (0.6, 0.8), "test": (0.8, 1.0)}[split]
    combinations = [f"{quality}_{thing}" for quality, thing in product(QUALITIES, THINGS)]
    order = np.random.default_rng(seed).permutation(len(combinations))
    low, high = (round(part * len(order)) for part in share)
    source = "".join(body.format(combinations[i]) for i in order[low:high] for body in ACTIONS.values())
    return examples_of(source.encode(), by_name("python"), path=f"{split}.py", project=split)
