"""GPT-2 and GPT-Neo as checkpoints of the Hugging Face hub have them.

GPT-2 keeps queries, keys and values as one matrix, and all matrices of its blocks turned; they are taken apart and
turned before names are compared (`unpacked`), and put back (`packed`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from phloem.errors import PhloemError
from phloem.nn.models.gpt2 import Gpt2, Gpt2Config
from phloem.nn.models.hub_shape import THEIRS, Shape, Tensors, activation

_ATTENTION = "attn.attention."  # GPT-Neo's name, to which GPT-2's tensors are brought
_TURNED = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")


def _gpt2_config(about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Gpt2Config:
    width = about["n_embd"]
    return Gpt2Config(
        vocabulary=about["vocab_size"],
        width=width,
        layers=about["n_layer"],
        heads=about["n_head"],
        inner=about.get("n_inner") or 4 * width,
        places=about.get("n_positions", 1024),
        activation=activation(about, "activation_function", "gelu_new"),
        scaled=about.get("scale_attn_weights", True),
        epsilon=about.get("layer_norm_epsilon", 1e-5),
        dropout=about.get("resid_pdrop", 0.1),
        begin=_mark(about, "bos_token_id"),
        end=_mark(about, "eos_token_id"),
    )


def _neo_config(about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Gpt2Config:
    kinds = [kind for kinds, times in about["attention_types"] for _ in range(times) for kind in kinds]
    window = about.get("window_size", 256)
    return Gpt2Config(
        vocabulary=about["vocab_size"],
        width=about["hidden_size"],
        layers=about["num_layers"],
        heads=about["num_heads"],
        inner=about.get("intermediate_size") or 4 * about["hidden_size"],
        places=about.get("max_position_embeddings", 2048),
        activation=activation(about, "activation_function", "gelu_new"),
        biases=False,
        scaled=False,
        windows=tuple(window if kind == "local" else 0 for kind in kinds),
        epsilon=about.get("layer_norm_epsilon", 1e-5),
        dropout=about.get("resid_dropout", 0.0),
        begin=_mark(about, "bos_token_id"),
        end=_mark(about, "eos_token_id"),
    )


def _mark(about: Mapping[str, Any], name: str) -> int:
    """An id of a mark; the vocabulary's last where none is given."""
    given = about.get(name)
    return int(about["vocab_size"]) - 1 if given is None else int(given)


def _decoder_about(config: Gpt2Config) -> dict[str, Any]:
    common = {
        "vocab_size": config.vocabulary,
        "activation_function": THEIRS[config.activation],
        "layer_norm_epsilon": config.epsilon,
        "bos_token_id": config.begin,
        "eos_token_id": config.end,
        "tie_word_embeddings": True,
    }
    if config.biases and not config.windows:
        return {
            "architectures": ["GPT2LMHeadModel"],
            "model_type": "gpt2",
            "n_embd": config.width,
            "n_layer": config.layers,
            "n_head": config.heads,
            "n_inner": config.inner,
            "n_positions": config.places,
            "scale_attn_weights": config.scaled,
            **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), config.dropout),
            **common,
        }
    if config.biases or config.scaled:
        raise PhloemError("a decoder with windows has the layout of GPT-Neo: no biases at queries, no scaled scores")
    windows = config.windows or (0,) * config.layers
    if len({window for window in windows if window}) > 1:
        raise PhloemError("GPT-Neo has windows of one length")
    return {
        "architectures": ["GPTNeoForCausalLM"],
        "model_type": "gpt_neo",
        "hidden_size": config.width,
        "num_layers": config.layers,
        "num_heads": config.heads,
        "intermediate_size": config.inner,
        "max_position_embeddings": config.places,
        "attention_types": [[["local" if window else "global" for window in windows], 1]],
        "window_size": max(windows) or 256,
        **dict.fromkeys(("resid_dropout", "embed_dropout", "attention_dropout"), config.dropout),
        **common,
    }


def _decoder_table(config: Gpt2Config) -> list[tuple[str, str]]:
    block = "transformer.h.{}."
    return [
        ("table", "transformer.wte"),
        ("positions.table", "transformer.wpe"),
        ("norm", "transformer.ln_f"),
        ("blocks.{}.attention_norm", f"{block}ln_1"),
        ("blocks.{}.feed_forward_norm", f"{block}ln_2"),
        ("blocks.{}.feed_forward.up", f"{block}mlp.c_fc"),
        ("blocks.{}.feed_forward.down", f"{block}mlp.c_proj"),
        *((f"blocks.{{}}.attention.{own}", f"{block}{_ATTENTION}{own[0]}_proj") for own in ("query", "key", "value")),
        ("blocks.{}.attention.out", f"{block}{_ATTENTION}out_proj"),
    ]


def _gpt2_unpacked(tensors: Tensors) -> Tensors:
    """GPT-2's tensors as GPT-Neo would have them."""
    found: Tensors = {}
    for name, values in tensors.items():
        if name.endswith(_TURNED):
            values = values.T.contiguous()
        if ".attn.c_attn." in name:
            for part, piece in zip("qkv", values.chunk(3, dim=0), strict=True):
                found[name.replace("attn.c_attn", f"{_ATTENTION}{part}_proj")] = piece.contiguous()
        elif not re.search(r"\.attn\.(masked_)?bias$", name):  # old checkpoints keep the causal mask
            found[name.replace("attn.c_proj", f"{_ATTENTION}out_proj")] = values
    return found


def _gpt2_packed(tensors: Tensors) -> Tensors:
    """The inverse."""
    found: Tensors = {}
    for name, values in tensors.items():
        if match := re.search(rf"{re.escape(_ATTENTION)}([qkv])_proj", name):
            if match[1] != "q":
                continue
            parts = [tensors[name.replace("q_proj", f"{part}_proj")] for part in "qkv"]
            name, values = name.replace(match[0], "attn.c_attn"), torch.cat(parts, dim=0)
        name = name.replace(f"{_ATTENTION}out_proj", "attn.c_proj")
        found[name] = values.T.contiguous() if name.endswith(_TURNED) else values
    return found


GPT2 = Shape(
    ("gpt2",),
    Gpt2,
    _gpt2_config,
    _decoder_about,
    _decoder_table,
    ("transformer.",),
    (),
    _gpt2_unpacked,
    _gpt2_packed,
)
GPT_NEO = Shape(("gpt_neo",), Gpt2, _neo_config, _decoder_about, _decoder_table, ("transformer.",))
