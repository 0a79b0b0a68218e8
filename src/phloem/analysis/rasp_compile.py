"""A compiled RASP program beside its interpreter: outputs, and every variable in the residual stream.

What each direction of a compiled model means is known, which makes it a ground truth for tools that look into models
(Lindner et al., "Tracr", 2023). `agreement` compares it with what the interpreter says.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from phloem.analysis.exactness import Exactness, tally
from phloem.errors import PhloemError
from phloem.nn.handset_transformer import HandsetTransformer
from phloem.synthesis.rasp.compile import CompiledRasp, compiled
from phloem.synthesis.rasp.evaluate import all_values
from phloem.synthesis.rasp.graph import Node, handed_out, kind_of, number
from phloem.synthesis.rasp.plan import Plan

AT_ONCE = 512  # inputs
FORMAT = 1


class Compiled(NamedTuple):
    """A program as a network, with the meaning of its residual stream: the first channel of each variable."""

    node: Node
    model: CompiledRasp
    plan: Plan
    channels: dict[Node, int]


def compile_rasp(node: Node, alphabet: Sequence[Any], longest: int) -> Compiled:
    """The network of an s-op for inputs of 1 to `longest` tokens. Raises RaspError."""
    model, plan, channels = compiled(node, alphabet, longest)
    return Compiled(node, model, plan, channels.first)


def every_input(alphabet: Sequence[Any], longest: int) -> Iterator[tuple[Any, ...]]:
    """All inputs of 1 to `longest` tokens, the shortest first."""
    for length in range(1, longest + 1):
        yield from product(alphabet, repeat=length)


def agreement(one: Compiled, inputs: Sequence[Sequence[Any]]) -> Exactness:
    """Outputs that differ from the interpreter's, and how far any variable is from its one-hot at any place."""
    outcomes: list[tuple[bool, float]] = []
    for length in sorted({len(tokens) for tokens in inputs}):
        alike = [tokens for tokens in inputs if len(tokens) == length]
        for start in range(0, len(alike), AT_ONCE):
            outcomes += _compare(one, alike[start : start + AT_ONCE])
    return tally(outcomes)


@torch.no_grad()
def _compare(one: Compiled, inputs: Sequence[Sequence[Any]]) -> Iterator[tuple[bool, float]]:
    states = one.model.net.states(one.model.embed(one.model.encode(inputs)))
    best = one.model.readout(states[-1][:, 1:]).argmax(dim=-1).tolist()
    variables = list(one.channels)
    for row, tokens in enumerate(inputs):
        truth = all_values([one.node, *variables], tokens)
        expected = [handed_out(value) for value in truth[one.node]]
        error = 0.0
        for node in variables:
            values = one.plan.values[node]
            places = {(kind_of(value), value): number for number, value in enumerate(values)}
            start = one.channels[node]
            stream = states[one.plan.depth[node]][row, 1:, start : start + len(values)]
            known = torch.tensor([places[kind_of(value), value] for value in truth[node]])
            hot = torch.nn.functional.one_hot(known, len(values))
            error = max(error, float((stream - hot).abs().max()))
        yield [handed_out(one.model.values[number]) for number in best[row]] == expected, error


def save(one: Compiled, folder: Path) -> None:
    """Write weights.safetensors and rasp.json into a new folder. Raises PhloemError where it is there already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PhloemError(f"{folder} is there already")
    making = folder.with_name(f".{folder.name}.{os.getpid()}.making")
    try:
        making.mkdir(parents=True)
        save_file(one.model.state_dict(), making / "weights.safetensors")
        (making / "rasp.json").write_text(json.dumps(_description(one), indent=1, ensure_ascii=False) + "\n")
        making.replace(folder)
    except OSError as error:
        raise PhloemError(f"{folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _description(one: Compiled) -> dict[str, Any]:
    stack = one.model.net.stack()
    return {
        "format": FORMAT,
        "program": one.node.label,
        "alphabet": [_packed(token) for token in one.model.alphabet],
        "values": [_packed(value) for value in one.model.values],
        "longest": one.model.longest,
        "width": one.model.net.width,
        "heads": [layer.attention.heads for layer in stack],
        "inner": [layer.feed_forward.up.out_features for layer in stack],
        "channels": [
            {
                "variable": node.label,
                "layer": one.plan.depth[node],
                "first": first,
                "values": [str(value) for value in one.plan.values[node]],
            }
            for node, first in one.channels.items()
        ],
    }


def load(folder: Path) -> CompiledRasp:
    """The saved model. Raises PhloemError for a folder that has none."""
    try:
        facts = json.loads((folder / "rasp.json").read_text())
        if facts["format"] != FORMAT:
            raise PhloemError(f"{folder} has format {facts['format']}, this version of phloem reads {FORMAT}")
        alphabet, values = (list(map(_unpacked, facts[name])) for name in ("alphabet", "values"))
        net = HandsetTransformer(facts["width"], facts["heads"], facts["inner"])
        model = CompiledRasp(alphabet, values, facts["longest"], net)
        model.load_state_dict(load_file(folder / "weights.safetensors"))
    except OSError as error:
        raise PhloemError(f"{folder}: {error.strerror}") from error
    except (KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise PhloemError(f"{folder} holds no compiled program: {error}") from error
    return model.eval()


def _packed(value: Any) -> list[str]:
    return [kind_of(value), str(value)]


def _unpacked(pair: list[str]) -> Any:
    kind, text = pair
    return text == "True" if kind == "bool" else text if kind == "string" else number(Fraction(text))
