"""Saved models: a folder with the weights (model.safetensors) and one JSON (model.json) with everything else.

The JSON holds the format's version, the recipe's name, its configuration, the view's state, how the weights are stored
and their SHA-256, and `facts`: what a model card tells, and what jobs read (task, languages, grammars, data and its
licences, figures, threshold). Other files in the folder are not touched.

Weights are stored as float32, as float16, or as int8: of a matrix every row is divided by its largest magnitude over
127 and rounded (absmax quantization; Dettmers et al. 2022, section 2), other tensors are float16. Computation is in the
model's own type in any case.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, is_dataclass
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
import safetensors.numpy
from jaxtyping import Float32
from safetensors import SafetensorError

from phloem.errors import PhloemError
from phloem.languages import LANGUAGES
from phloem.tasks.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn

T = TypeVar("T")
FORMAT = 1
MISFITS = (RuntimeError, KeyError, TypeError, ValueError, IndexError)
STORAGES = ("float16", "float32", "int8")
SCALE = "//scale"  # what the name of a matrix's row scales ends with


class Saved(NamedTuple):
    """A model as it was saved, ready to predict."""

    model: nn.Module
    view: Any
    config: Any
    facts: dict[str, Any]
    recipe: str


def save(
    folder: str | Path,
    *,
    recipe: Recipe,
    model: nn.Module,
    view: Any,
    config: Any,
    facts: Mapping[str, Any],
    storage: str = "float16",
) -> None:
    """Write a model, replacing one that is there.

    `facts["grammars"]`, {language: version}, is checked when the model is loaded.

    Raises:
        PhloemError: an unknown storage, or the folder can't be written.
    """
    if storage not in STORAGES:
        raise PhloemError(f"unknown storage {storage!r}: take one of {', '.join(STORAGES)}")
    import safetensors.torch

    from phloem.tasks.weights import packed

    folder = Path(folder)
    weights = safetensors.torch.save(packed(model.state_dict(), storage))
    about = {
        "format": FORMAT,
        "recipe": recipe.name,
        "storage": storage,
        "sha256": hashlib.sha256(weights).hexdigest(),
        "config": asdict(config),
        "facts": dict(facts),
        "view": view.state(),
    }
    text = json.dumps(about, ensure_ascii=False, separators=(",", ":"))
    files = {folder / "model.safetensors": weights, folder / "model.json": text.encode()}
    parts = {path: path.with_name(f"{path.name}.{os.getpid()}.part") for path in files}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            with open(parts[path], "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path in files:
            os.replace(parts[path], path)
    except OSError as error:
        for part in parts.values():
            part.unlink(missing_ok=True)
        raise PhloemError(f"cannot write the model into {folder}: {error.strerror}") from error


def load(folder: str | Path, recipes: Mapping[str, Recipe]) -> Saved:
    """The model of a folder, in evaluation mode. Warns where a grammar's version is not the one it was trained with.

    Raises:
        PhloemError: a missing, truncated or foreign file, a newer format, an unknown recipe.
    """
    import safetensors.torch

    from phloem.tasks.weights import Uninitialized, unpacked

    folder = Path(folder)
    about = read_about(folder)
    if about["recipe"] not in recipes:
        known = ", ".join(recipes)
        raise PhloemError(f"{folder} was saved by the recipe {about['recipe']!r}, this phloem has: {known}")
    recipe = recipes[about["recipe"]]
    try:
        config = configuration(recipe.config, about["config"])
        view = recipe.restore(about["view"])
        with Uninitialized():
            model = recipe.model(config, view)
        fresh = model.state_dict()
        tensors = unpacked(read_weights(folder, about["sha256"], safetensors.torch.load), fresh)
        model.load_state_dict(tensors)
    except MISFITS as error:
        raise misfit(folder, recipe.name, error) from error
    check_grammars(folder, about["facts"].get("grammars", {}))
    return Saved(model.eval(), view, config, about["facts"], recipe.name)


def read_about(folder: Path) -> dict[str, Any]:
    """The checked content of model.json."""
    file = folder / "model.json"
    try:
        about = json.loads(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PhloemError(f"no model in {folder}: there is no model.json") from error
    except OSError as error:
        raise PhloemError(f"cannot read {file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise PhloemError(f"{file} is not JSON ({error}): fetch or train the model again") from error
    kinds = {"format": int, "recipe": str, "sha256": str, "config": dict, "facts": dict, "view": dict}
    found = about if isinstance(about, dict) else {}
    if isinstance(found.get("format"), int) and found["format"] > FORMAT:
        raise PhloemError(f"{folder} has format {found['format']}, this phloem reads up to {FORMAT}: update phloem")
    if wrong := [name for name, kind in kinds.items() if not isinstance(found.get(name), kind)]:
        raise PhloemError(f"{file} is not a model of phloem (no {', '.join(wrong)})")
    return found


def misfit(folder: Path, recipe: str, error: Exception) -> PhloemError:
    """What to say of a folder whose view or weights its recipe can't take."""
    reason = str(error).splitlines()[0]
    return PhloemError(f"{folder} does not fit its recipe {recipe!r} ({reason}): train or fetch it again")


def read_weights(folder: Path, sha256: str, parse: Callable[[bytes], dict[str, T]]) -> dict[str, T]:
    """What model.safetensors holds, which must be what model.json was written with."""
    file = folder / "model.safetensors"
    try:
        content = file.read_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise PhloemError(f"{file} is damaged or of another model than model.json: fetch or train the model again")
        return parse(content)
    except FileNotFoundError as error:
        raise PhloemError(f"{folder} has no model.safetensors: fetch or train the model again") from error
    except OSError as error:
        raise PhloemError(f"cannot read {file}: {error.strerror}") from error
    except SafetensorError as error:
        raise PhloemError(f"{file} is not a safetensors file ({error}): fetch or train the model again") from error


def read_arrays(folder: Path, about: Mapping[str, Any]) -> dict[str, Float32[np.ndarray, "..."]]:
    """All weights of a model as float32 arrays, without torch. Of those that share memory only the first is there."""
    stored = read_weights(folder, about["sha256"], safetensors.numpy.load)
    arrays = {}
    for name, values in stored.items():
        if not name.endswith(SCALE):
            arrays[name] = values.astype(np.float32)
            if name + SCALE in stored:
                arrays[name] *= stored[name + SCALE].astype(np.float32)[:, None]
    return arrays


def configuration(kind: type, values: Mapping[str, Any]) -> Any:
    """A frozen dataclass from what JSON kept of it: nested dataclasses, and lists where it has tuples."""
    hints = get_type_hints(kind)
    known = {each.name for each in fields(kind)}
    if unknown := sorted(values.keys() - known):
        raise ValueError(f"unknown setting {unknown[0]}")
    return kind(**{name: _as(hints[name], value) for name, value in values.items()})


def _as(hint: Any, value: Any) -> Any:
    for option in (hint, *get_args(hint)):  # also the dataclass of "Settings | None"
        if isinstance(value, dict) and is_dataclass(option) and isinstance(option, type):
            return configuration(option, value)
    if isinstance(value, list) and (hint is tuple or get_origin(hint) is tuple):
        inner = get_args(hint)
        return tuple(_as(inner[0] if inner else Any, item) for item in value)
    return value


def check_grammars(folder: Path, grammars: Mapping[str, str]) -> None:
    """Warn where an installed grammar is not the one of training: its node types may have other names."""
    for language, trained in grammars.items():
        try:
            installed = LANGUAGES[language].version
        except (KeyError, PackageNotFoundError):
            continue
        if installed != trained:
            warnings.warn(
                f"{folder} was trained with the {language} grammar {trained}, {installed} is installed: "
                f"if names get worse, install {LANGUAGES[language].package}=={trained}",
                stacklevel=3,
            )
