"""Which models there are, and what they say of themselves."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from phloem.errors import PhloemError
from phloem.tasks.saved import read_about


def pretrained() -> dict[str, Path]:
    """The models in the package, by name."""
    root = Path(str(files("phloem.pretrained")))
    return {folder.name: folder for folder in sorted(root.iterdir()) if (folder / "model.json").is_file()}


def folder_of(name_or_path: str | Path) -> Path:
    """The folder of a model: a name of the package, or a path. Raises PhloemError, which names the known ones."""
    known = pretrained()
    if str(name_or_path) in known:
        return known[str(name_or_path)]
    folder = Path(name_or_path)
    if (folder / "model.json").is_file():
        return folder
    what = "has no model.json" if folder.is_dir() else "is neither a model of the package nor a folder"
    raise PhloemError(f"{name_or_path} {what}; models of the package: {', '.join(known) or 'none'}")


def facts_of(name_or_path: str | Path) -> dict[str, Any]:
    """The facts of a saved model, or of a folder in the layout of the Hugging Face hub. Raises PhloemError."""
    folder = Path(name_or_path)
    if (folder / "config.json").is_file() and not (folder / "model.json").is_file():
        return hub_facts(folder)
    facts: dict[str, Any] = read_about(folder_of(name_or_path))["facts"]
    return facts


def hub_facts(folder: Path) -> dict[str, Any]:
    """What a folder in the hub's layout holds: its shape, sizes, and whether phloem takes all of it. Raises
    PhloemError for a shape that phloem does not know, or files that do not fit."""
    from dataclasses import asdict

    from phloem.nn.models import hub_layout

    loaded = hub_layout.load(folder)
    return {
        "layout": "Hugging Face hub",
        "shape": hub_layout.read_config(folder)["model_type"],
        "parameters": sum(parameter.numel() for parameter in loaded.model.parameters()),
        "sizes": asdict(loaded.model.config),
        "tokenizer": "none" if loaded.tokenizer is None else f"{loaded.tokenizer.get_vocab_size()} units",
        "missing": list(loaded.missing),
        "unused": list(loaded.unused),
    }
