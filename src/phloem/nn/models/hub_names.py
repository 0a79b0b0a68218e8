"""What checkpoints of the Hugging Face hub call the parts of our models, and how their config.json says the sizes.

RoBERTa, T5 and BART are here, the decoders in `hub_decoders`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from phloem.errors import PhloemError
from phloem.nn.models.bart import Bart, BartConfig
from phloem.nn.models.hub_decoders import GPT2, GPT_NEO
from phloem.nn.models.hub_shape import THEIRS, Shape, Tensors, activation
from phloem.nn.models.roberta import Roberta, RobertaConfig
from phloem.nn.models.t5 import T5, T5Config


def shape_of(about: Mapping[str, Any], folder: Path) -> Shape:
    """The shape that a config.json names. Raises PhloemError for another one."""
    kind = about.get("model_type")
    for shape in SHAPES:
        if kind in shape.types:
            return shape
    known = ", ".join(kind for shape in SHAPES for kind in shape.types)
    raise PhloemError(f"{folder} is a model of type {kind!r}; known: {known}")


# RoBERTa


def _roberta_config(about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> RobertaConfig:
    pad = int(about.get("pad_token_id", 1))
    return RobertaConfig(
        vocabulary=about["vocab_size"],
        width=about["hidden_size"],
        layers=about["num_hidden_layers"],
        heads=about["num_attention_heads"],
        inner=about["intermediate_size"],
        places=about["max_position_embeddings"] - pad - 1,
        first_place=pad + 1,
        segments=about.get("type_vocab_size", 1),
        pad=pad,
        activation=activation(about, "hidden_act", "gelu"),
        epsilon=about.get("layer_norm_eps", 1e-5),
        dropout=about.get("hidden_dropout_prob", 0.1),
        pooler="RobertaModel" in (about.get("architectures") or ()),
    )


def _roberta_about(config: RobertaConfig) -> dict[str, Any]:
    if config.first_place != config.pad + 1:
        raise PhloemError(f"the layout of RoBERTa counts places from pad + 1 = {config.pad + 1}")
    return {
        "architectures": ["RobertaModel" if config.pooler else "RobertaForMaskedLM"],
        "model_type": "roberta",
        "vocab_size": config.vocabulary,
        "hidden_size": config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "intermediate_size": config.inner,
        "max_position_embeddings": config.places + config.first_place,
        "type_vocab_size": config.segments,
        "pad_token_id": config.pad,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "hidden_act": THEIRS[config.activation],
        "layer_norm_eps": config.epsilon,
        "hidden_dropout_prob": config.dropout,
        "attention_probs_dropout_prob": config.dropout,
        "tie_word_embeddings": True,
    }


def _roberta_table(config: RobertaConfig) -> list[tuple[str, str]]:
    layer = "roberta.encoder.layer.{}."
    return [
        ("table", "roberta.embeddings.word_embeddings"),
        ("positions.table", "roberta.embeddings.position_embeddings"),
        ("segments", "roberta.embeddings.token_type_embeddings"),
        ("norm", "roberta.embeddings.LayerNorm"),
        *((f"blocks.{{}}.attention.{part}", f"{layer}attention.self.{part}") for part in ("query", "key", "value")),
        ("blocks.{}.attention.out", f"{layer}attention.output.dense"),
        ("blocks.{}.attention_norm", f"{layer}attention.output.LayerNorm"),
        ("blocks.{}.feed_forward.up", f"{layer}intermediate.dense"),
        ("blocks.{}.feed_forward.down", f"{layer}output.dense"),
        ("blocks.{}.feed_forward_norm", f"{layer}output.LayerNorm"),
        ("words.dense", "lm_head.dense"),
        ("words.norm", "lm_head.layer_norm"),
        ("words", "lm_head"),
        ("pool", "roberta.pooler.dense"),
    ]


# T5


def _t5_config(about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> T5Config:
    """`tie_word_embeddings` says whether the output is scaled (`scale_decoder_outputs` since transformers 5), the
    tensors whether it is the table."""
    output, table = tensors.get("lm_head.weight"), tensors.get("shared.weight")
    scaled = about.get("scale_decoder_outputs", about.get("tie_word_embeddings", True) is not False)
    kind = about.get("feed_forward_proj", "relu")
    gated, _, function = kind.rpartition("-")
    if kind == "gated-gelu":
        function = "gelu_new"
    return T5Config(
        vocabulary=about["vocab_size"],
        width=about["d_model"],
        layers=about["num_layers"],
        decoder_layers=about.get("num_decoder_layers") or about["num_layers"],
        heads=about["num_heads"],
        size=about["d_kv"],
        inner=about["d_ff"],
        buckets=about.get("relative_attention_num_buckets", 32),
        most_distance=about.get("relative_attention_max_distance", 128),
        activation=activation({"act": function}, "act", "relu"),
        gated=gated == "gated",
        tied=output is None or (table is not None and torch.equal(output, table)),
        scaled=scaled,
        epsilon=about.get("layer_norm_epsilon", 1e-6),
        dropout=about.get("dropout_rate", 0.1),
        pad=about.get("pad_token_id", 0),
        begin=about.get("decoder_start_token_id", about.get("pad_token_id", 0)) or 0,
        end=about.get("eos_token_id", 1),
    )


def _t5_about(config: T5Config) -> dict[str, Any]:
    function = {"gelu_tanh": "gelu"}.get(config.activation, config.activation) if config.gated else config.activation
    return {
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        "is_encoder_decoder": True,
        "vocab_size": config.vocabulary,
        "d_model": config.width,
        "d_kv": config.size,
        "d_ff": config.inner,
        "num_layers": config.layers,
        "num_decoder_layers": config.decoder_layers,
        "num_heads": config.heads,
        "relative_attention_num_buckets": config.buckets,
        "relative_attention_max_distance": config.most_distance,
        "feed_forward_proj": f"gated-{function}" if config.gated else THEIRS[function],
        "tie_word_embeddings": config.scaled,
        "scale_decoder_outputs": config.scaled,
        "layer_norm_epsilon": config.epsilon,
        "dropout_rate": config.dropout,
        "pad_token_id": config.pad,
        "decoder_start_token_id": config.begin,
        "eos_token_id": config.end,
    }


def _t5_table(config: T5Config) -> list[tuple[str, str]]:
    lines = [("table", "shared"), ("output", "lm_head")]
    for side in ("encoder", "decoder"):
        block = f"{side}.block.{{}}.layer"
        last = 1 if side == "encoder" else 2
        up = {"up": "wi_1", "gate": "wi_0"} if config.gated else {"up": "wi"}
        lines += [
            (f"{side}_positions.table", f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias"),
            (f"{side}_norm", f"{side}.final_layer_norm"),
            (f"{side}.{{}}.attention_norm", f"{block}.0.layer_norm"),
            (f"{side}.{{}}.memory_norm", f"{block}.1.layer_norm"),
            (f"{side}.{{}}.feed_forward_norm", f"{block}.{last}.layer_norm"),
            (f"{side}.{{}}.feed_forward.down", f"{block}.{last}.DenseReluDense.wo"),
            *((f"{side}.{{}}.feed_forward.{own}", f"{block}.{last}.DenseReluDense.{name}") for own, name in up.items()),
        ]
        for own, name in {"query": "q", "key": "k", "value": "v", "out": "o"}.items():
            lines.append((f"{side}.{{}}.attention.{own}", f"{block}.0.SelfAttention.{name}"))
            lines.append((f"{side}.{{}}.memory_attention.{own}", f"{block}.1.EncDecAttention.{name}"))
    return lines


# BART


def _bart_config(about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> BartConfig:
    return BartConfig(
        vocabulary=about["vocab_size"],
        width=about["d_model"],
        layers=about["encoder_layers"],
        decoder_layers=about["decoder_layers"],
        heads=about["encoder_attention_heads"],
        decoder_heads=about["decoder_attention_heads"],
        inner=about["encoder_ffn_dim"],
        decoder_inner=about["decoder_ffn_dim"],
        places=about.get("max_position_embeddings", 1024),
        first_place=2,
        scaled=about.get("scale_embedding", about.get("model_type") == "plbart"),
        activation=activation(about, "activation_function", "gelu"),
        dropout=about.get("dropout", 0.1),
        pad=about.get("pad_token_id", 1),
        begin=about.get("decoder_start_token_id") or about.get("eos_token_id", 2),
        end=about.get("eos_token_id", 2),
    )


def _bart_about(config: BartConfig) -> dict[str, Any]:
    return {
        "architectures": ["BartForConditionalGeneration"],
        "model_type": "bart",
        "is_encoder_decoder": True,
        "vocab_size": config.vocabulary,
        "d_model": config.width,
        "encoder_layers": config.layers,
        "decoder_layers": config.decoder_layers,
        "encoder_attention_heads": config.heads,
        "decoder_attention_heads": config.decoder_heads,
        "encoder_ffn_dim": config.inner,
        "decoder_ffn_dim": config.decoder_inner,
        "max_position_embeddings": config.places,
        "scale_embedding": config.scaled,
        "activation_function": THEIRS[config.activation],
        "dropout": config.dropout,
        "pad_token_id": config.pad,
        "decoder_start_token_id": config.begin,
        "bos_token_id": 0,
        "eos_token_id": config.end,
        "forced_eos_token_id": config.end,
        "tie_word_embeddings": True,
    }


def _bart_table(config: BartConfig) -> list[tuple[str, str]]:
    lines = [("table", "model.shared"), ("output_bias", "final_logits_bias")]
    for side in ("encoder", "decoder"):
        block = f"model.{side}.layers.{{}}."
        lines += [
            (f"{side}_positions.table", f"model.{side}.embed_positions"),
            (f"{side}_norm", f"model.{side}.layernorm_embedding"),
            (f"{side}.{{}}.attention_norm", f"{block}self_attn_layer_norm"),
            (f"{side}.{{}}.memory_norm", f"{block}encoder_attn_layer_norm"),
            (f"{side}.{{}}.feed_forward.up", f"{block}fc1"),
            (f"{side}.{{}}.feed_forward.down", f"{block}fc2"),
            (f"{side}.{{}}.feed_forward_norm", f"{block}final_layer_norm"),
        ]
        for own in ("query", "key", "value", "out"):
            name = "out_proj" if own == "out" else f"{own[0]}_proj"
            lines.append((f"{side}.{{}}.attention.{own}", f"{block}self_attn.{name}"))
            lines.append((f"{side}.{{}}.memory_attention.{own}", f"{block}encoder_attn.{name}"))
    return lines


def _bart_unpacked(tensors: Tensors) -> Tensors:
    return {name: values[0] if name == "final_logits_bias" else values for name, values in tensors.items()}


def _bart_packed(tensors: Tensors) -> Tensors:
    return {name: values[None] if name == "final_logits_bias" else values for name, values in tensors.items()}


SHAPES = (
    Shape(("roberta",), Roberta, _roberta_config, _roberta_about, _roberta_table, ("roberta.",), ("words.", "pool.")),
    Shape(("t5",), T5, _t5_config, _t5_about, _t5_table, ("transformer.",)),
    Shape(
        ("bart", "plbart"),
        Bart,
        _bart_config,
        _bart_about,
        _bart_table,
        ("model.",),
        ("output_bias",),
        _bart_unpacked,
        _bart_packed,
    ),
    GPT2,
    GPT_NEO,
)
