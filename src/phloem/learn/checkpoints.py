"""Checkpoints: one file, so that one rename makes a new one whole and nothing is ever half there.

The file is safetensors: tensors by name, and JSON in its header for everything else. It is written beside and synced
to the disk before the rename; a kill or a full disk leaves the previous one as it was.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from phloem.errors import PhloemError

FORMAT = 1


def write(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Replace the checkpoint `path` with these tensors and JSON facts.

    Raises:
        PhloemError: it cannot be written; the previous checkpoint is intact.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(whole, beside, metadata={"phloem": json.dumps({"format": FORMAT, **facts})})
        with open(beside, "rb") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    except (OSError, SafetensorError) as error:
        beside.unlink(missing_ok=True)
        raise PhloemError(f"cannot write the checkpoint {path} ({error}); the previous one is intact") from error


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts of a checkpoint.

    Raises:
        PhloemError: the file is truncated, foreign, or of a newer format.
    """
    again = "remove it to start from the beginning"
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            facts = json.loads(header["phloem"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise PhloemError(f"{path} is not a readable checkpoint ({error}): {again}") from error
    if facts.get("format") != FORMAT:
        raise PhloemError(
            f"{path} is a checkpoint of format {facts.get('format')}, this phloem reads {FORMAT}: {again}"
        )
    return tensors, facts


def group(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names start with "prefix/", by the rest of the name."""
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(prefix + "/")}


def ungroup(groups: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
    """All tensors of all groups, named "prefix/name"."""
    return {f"{prefix}/{name}": tensor for prefix, group in groups.items() for name, tensor in group.items()}
