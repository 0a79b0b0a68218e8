"""Offline neural code intelligence.

>>> import phloem
>>> model = phloem.load("python-names")  # doctest: +SKIP
>>> model.predict("def f(self): return self.name")[0].suggestions[0].text  # doctest: +SKIP
'get_name'

Importing the package is cheap: torch and the grammars are read when a model is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phloem.assist.models import Model

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def load(name_or_path: str | Path) -> Model:
    """A saved model: the name of one in the package ("python-names") or the path of a saved folder.

    Raises `phloem.errors.PhloemError`, which lists the known ones, where there is none, and says what is wrong with
    a file that is truncated or not a model.
    """
    from phloem.assist.models import load as load_model

    return load_model(name_or_path)
