"""The trainable systems by name, as `phloem train` and saved models know them.

A recipe's module is imported when the recipe is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from phloem.tasks.recipe import Recipe

_MODULES = {
    "bug_detector": "phloem.systems.understanding.bug_detector",
    "code_decoder": "phloem.systems.backbones.code_backbones:DECODER",
    "code_encoder": "phloem.systems.backbones.code_backbones:ENCODER",
    "code_encoder_decoder": "phloem.systems.backbones.code_backbones:ENCODER_DECODER",
    "code2seq": "phloem.systems.understanding.code2seq",
    "code2vec": "phloem.systems.understanding.code2vec",
    "search_encoder": "phloem.systems.understanding.search_encoder",
    "seq2seq": "phloem.systems.backbones.seq2seq_lstm",
    "transformer": "phloem.systems.backbones.transformer",
}


class _Recipes(Mapping[str, Recipe]):
    """Each module has its recipe as RECIPE, unless the name behind a colon says another."""

    def __getitem__(self, name: str) -> Recipe:
        module, _, attribute = _MODULES[name].partition(":")
        recipe: Recipe = getattr(import_module(module), attribute or "RECIPE")
        return recipe

    def __contains__(self, name: object) -> bool:
        return name in _MODULES

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


RECIPES: Mapping[str, Recipe] = _Recipes()
WRITERS = ("code2seq", "code2vec", "seq2seq", "transformer")
"""Those that read a function and write words: names and summaries."""
