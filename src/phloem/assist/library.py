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
    """The facts of a saved model. Raises PhloemError."""
    facts: dict[str, Any] = read_about(folder_of(name_or_path))["facts"]
    return facts
