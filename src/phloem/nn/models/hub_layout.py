"""Models in the folder layout of the Hugging Face hub: config.json, model.safetensors, tokenizer.json.

Folders are read and written without the library `transformers`; that outputs are its outputs, the tests show. A name of
the hub is fetched by `huggingface_hub` where that is installed and the hub can be reached. Weights are read from
safetensors alone: of a checkpoint that has only pytorch_model.bin, `transformers` makes them where it is installed (it
unpickles tensors and nothing else).

What a checkpoint calls its tensors is in `hub_names`.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from phloem.errors import MissingExtra, PhloemError
from phloem.nn.models.hub_names import SHAPES, shape_of
from phloem.nn.models.hub_shape import Shape

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FETCHED = ("*.json", "*.safetensors", "merges.txt", "vocab.txt")
UNPICKLED = "pytorch_model.bin"
SPECIALS = ("<s>", "</s>", "<pad>", "<unk>", "<mask>", "<|endoftext|>")


class Loaded(NamedTuple):
    """A model in evaluation mode. `tokenizer` is None where the folder has none that is read here; `missing` are our
    tensors that the checkpoint lacks and that are fresh, `unused` the checkpoint's that no part of the model takes."""

    model: Any
    tokenizer: Tokenizer | None
    missing: tuple[str, ...]
    unused: tuple[str, ...]


def load(name: str | Path) -> Loaded:
    """The model of a folder, or of a name of the hub such as microsoft/codebert-base.

    Raises PhloemError: no such folder and no hub, a shape that is not known here, files that are missing, damaged or do
    not fit. Raises MissingExtra where fetching needs a package that is not installed.
    """
    folder = Path(name) if Path(name).is_dir() else fetched(str(name))
    about = read_config(folder)
    shape = shape_of(about, folder)
    try:
        stored = shape.unpacked(read_tensors(folder))
        config = shape.config(about, stored)
        with torch.device("meta"):
            wanted = shape.model(config).state_dict()
        own, missing, unused = assigned(shape, config, wanted, stored)
        model = fitted(shape, config, own, missing)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise PhloemError(f"{folder} does not fit the shape {about.get('model_type')!r}: {_line(error)}") from error
    return Loaded(model.eval(), read_tokenizer(folder), tuple(missing), tuple(unused))


def save(model: nn.Module, folder: str | Path, tokenizer: Tokenizer | None = None, *, half: bool = False) -> None:
    """Write a model of one of the shapes so that `load` and `transformers` read it; `half` stores float16.

    Raises PhloemError for another model, or a folder that can't be written."""
    shape = next((each for each in SHAPES if isinstance(model, each.model)), None)
    if shape is None:
        known = ", ".join(each.model.__name__ for each in SHAPES)
        raise PhloemError(f"the hub's layout is known for {known}, not for {type(model).__name__}")
    config: Any = model.config
    about = shape.about(config)
    shape = shape_of(about, Path(folder))
    names = shape.names(config)
    tensors = {names[own]: values.detach().cpu().contiguous() for own, values in model.state_dict().items()}
    packed = {name: _stored(values, half) for name, values in shape.packed(tensors).items()}
    about |= {"dtype": "float16" if half else "float32"}
    contents = {
        "config.json": (json.dumps(about, indent=2) + "\n").encode(),
        "model.safetensors": to_bytes(packed, metadata={"format": "pt"}),
    }
    if tokenizer is not None:
        contents["tokenizer.json"] = tokenizer.to_str(pretty=False).encode()
    _write(Path(folder), contents)


def is_hub_layout(folder: str | Path) -> bool:
    """Whether a folder holds a config.json that names a shape."""
    file = Path(folder) / "config.json"
    with suppress(PhloemError):
        return file.is_file() and "model_type" in read_config(Path(folder))
    return False


def read_config(folder: Path) -> dict[str, Any]:
    """The checked content of config.json."""
    file = folder / "config.json"
    try:
        about = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise PhloemError(f"{folder} has no config.json: it is no model in the hub's layout") from None
    except OSError as error:
        raise PhloemError(f"cannot read {file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise PhloemError(f"{file} is not JSON: {error}") from error
    if not isinstance(about, dict):
        raise PhloemError(f"{file} is no configuration of a model")
    return about


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder, floating ones as float32: of model.safetensors, of several files that
    model.safetensors.index.json lists, or what `transformers` makes of pytorch_model.bin."""
    files = [folder / "model.safetensors"]
    index = folder / "model.safetensors.index.json"
    if not files[0].is_file() and index.is_file():
        try:
            listed = sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise PhloemError(f"{index} is no index of weights") from error
        files = [folder / Path(str(name)).name for name in listed]
    elif not files[0].is_file() and (folder / UNPICKLED).is_file():
        return _converted(folder)
    tensors: dict[str, Tensor] = {}
    for file in files:
        try:
            tensors |= load_file(file)
        except FileNotFoundError as error:
            raise PhloemError(f"{folder} has no {file.name}") from error
        except (SafetensorError, OSError) as error:
            raise PhloemError(f"{file} is not a readable safetensors file: {error}") from error
    return {name: values.float() if values.is_floating_point() else values for name, values in tensors.items()}


def _converted(folder: Path) -> dict[str, Tensor]:
    try:
        from transformers import AutoModel
    except ImportError as error:
        raise PhloemError(
            f"{folder} has only {UNPICKLED}, which is not read here: `pip install 'phloem[transformers]'` converts it"
        ) from error
    with tempfile.TemporaryDirectory() as beside:
        AutoModel.from_pretrained(folder, local_files_only=True).save_pretrained(beside)
        return read_tensors(Path(beside))


def fetched(name: str) -> Path:
    """The folder of a name of the hub, fetched where it is not in the hub's own cache."""
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or not name:
        raise PhloemError(f"{name}: no such folder")
    try:
        from huggingface_hub import HfApi, snapshot_download
    except ImportError as error:
        raise MissingExtra("transformers", "huggingface_hub") from error
    try:
        patterns = list(FETCHED)
        if not any(file.endswith(".safetensors") for file in HfApi().list_repo_files(name)):
            patterns.append(UNPICKLED)
        return Path(snapshot_download(name, allow_patterns=patterns))
    except Exception as error:  # the library has many, of its own and of its transports
        with suppress(Exception):
            return Path(snapshot_download(name, local_files_only=True))
        raise PhloemError(
            f"{name} is no folder, and cannot be fetched from the hub ({type(error).__name__}): "
            "fetch it on a machine that reaches the hub, and give its folder"
        ) from error


def assigned(
    shape: Shape, config: Any, wanted: Mapping[str, Tensor], stored: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], list[str], list[str]]:
    """Stored tensors by our names; ours that are not there (the shape allows it); stored ones that nothing takes."""
    names = shape.names(config)
    own: dict[str, Tensor] = {}
    taken: set[str] = set()
    missing = []
    for name, like in wanted.items():
        options = [prefix + names[name] for prefix in ("", *shape.prefixes)]
        options += [names[name].removeprefix(prefix) for prefix in shape.prefixes if names[name].startswith(prefix)]
        found = next((option for option in options if option in stored), None)
        if found is None:
            if not name.startswith(shape.optional):
                raise KeyError(f"there is no tensor {names[name]}")
            missing.append(name)
            continue
        if stored[found].shape != like.shape:
            raise ValueError(f"{found} is {tuple(stored[found].shape)}, expected {tuple(like.shape)}")
        own[name] = stored[found]
        taken.add(found)
    return own, missing, sorted(stored.keys() - taken)


def fitted(shape: Shape, config: Any, own: Mapping[str, Tensor], missing: list[str]) -> nn.Module:
    """The model with these tensors; without a draw of random numbers where none are missing."""
    if missing:
        model = shape.model(config)
        model.load_state_dict(own, strict=False)
        return model
    with torch.device("meta"):
        model = shape.model(config)
    model.load_state_dict(own, assign=True)
    return model.requires_grad_()


def read_tokenizer(folder: Path) -> Tokenizer | None:
    """Of tokenizer.json, or a byte-level BPE of vocab.json and merges.txt; None where there is neither."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    file, vocabulary, merges = (folder / name for name in ("tokenizer.json", "vocab.json", "merges.txt"))
    try:
        if file.is_file():
            return Tokenizer.from_file(str(file))
        if not (vocabulary.is_file() and merges.is_file()):
            return None
        tokenizer = Tokenizer(models.BPE.from_file(str(vocabulary), str(merges)))
    except Exception as error:  # the library raises this very class
        raise PhloemError(f"the tokenizer of {folder} is not readable: {_line(error)}") from error
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([mark for mark in SPECIALS if tokenizer.token_to_id(mark) is not None])
    return tokenizer


def _stored(values: Tensor, half: bool) -> Tensor:
    if not (half and values.is_floating_point()):
        return values
    narrow = values.half()
    return narrow if narrow.isfinite().all() else values  # beyond 65504 float16 has only infinity


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    parts = {folder / name: folder / f"{name}.{os.getpid()}.part" for name in contents}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, part in parts.items():
            part.write_bytes(contents[path.name])
        for path, part in parts.items():
            os.replace(part, path)
    except OSError as error:
        for part in parts.values():
            part.unlink(missing_ok=True)
        raise PhloemError(f"cannot write the model into {folder}: {error.strerror}") from error


def _line(error: Exception) -> str:
    text = str(error.args[0]) if error.args else str(error)
    return text.strip().splitlines()[0] if text.strip() else type(error).__name__
