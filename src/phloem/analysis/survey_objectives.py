"""The pretraining tasks of the field as a matrix: what each needs of a corpus, and which code computes it.

Xu and Zhu, "A Survey on Pretrained Language Models for Neural Code Intelligence" (arXiv 2212.10079, 2022) order the
field by pretraining tasks. A row here is a task with its usual abbreviation, the parts of `phloem.learn.objectives`
that make its examples and its loss, the inputs that they need, and the system whose claim measures it. What a row names
is looked up when this module is imported: a part that is not there, or an input without a column, stops the import.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from phloem.analysis.taxonomy import ROOT
from phloem.analysis.taxonomy_tables import markdown

INPUTS = ("tokens", "identifiers", "syntax tree", "data flow", "pairs", "traces")


class PretrainingTask(NamedTuple):
    """`made_by` and `loss` are "module.name" in phloem.learn.objectives; one of them may do both."""

    short: str
    name: str
    made_by: str
    loss: str
    inputs: tuple[str, ...]
    measured_in: str  # the system


_WRITTEN = "token_cross_entropy.TokenCrossEntropy"
TASKS = (
    PretrainingTask("MLM", "masked units", "masked_lm.MaskedLM", "masked_lm.MaskedLM", ("tokens",), "codebert"),
    PretrainingTask(
        "RTD",
        "replaced units",
        "replaced_token_detection.ReplacedTokenDetection",
        "replaced_token_detection.ReplacedTokenDetection",
        ("tokens",),
        "codebert",
    ),
    PretrainingTask("DNS", "denoising", "denoising.denoising_pair", _WRITTEN, ("tokens",), "plbart"),
    PretrainingTask("MSP", "damaged spans", "span_corruption.corrupt", _WRITTEN, ("tokens",), "codet5"),
    PretrainingTask(
        "IT",
        "tags of identifiers",
        "identifier_tagging.identifier_labels",
        "identifier_tagging.IdentifierTagging",
        ("tokens", "identifiers"),
        "codet5",
    ),
    PretrainingTask(
        "MIP",
        "hidden identifiers",
        "identifier_deobfuscation.hide_names",
        _WRITTEN,
        ("tokens", "identifiers"),
        "codet5",
    ),
    PretrainingTask(
        "EP",
        "edges of the data flow",
        "edge_prediction.edge_question",
        "edge_prediction.pair_loss",
        ("tokens", "identifiers", "data flow"),
        "graphcodebert",
    ),
    PretrainingTask(
        "NA",
        "alignment of nodes",
        "node_alignment.alignment_question",
        "edge_prediction.pair_loss",
        ("tokens", "identifiers", "data flow"),
        "graphcodebert",
    ),
    PretrainingTask(
        "CL", "contrast of pairs", "contrastive.Contrastive", "contrastive.Contrastive", ("tokens", "pairs"), "codet5p"
    ),
    PretrainingTask(
        "TCM", "matching of text and code", "matching.Matching", "matching.Matching", ("tokens", "pairs"), "codet5p"
    ),
    PretrainingTask("CLM", "causal modelling", "causal_lm.CausalLM", "causal_lm.CausalLM", ("tokens",), "sgpt"),
    PretrainingTask("TG", "traces of execution", _WRITTEN, _WRITTEN, ("tokens", "traces"), "codeexecutor"),
    PretrainingTask(
        "MST",
        "masked subtrees",
        "masked_subtree.masked_subtrees",
        _WRITTEN,
        ("tokens", "syntax tree"),
        "cst-adapt",
    ),
    PretrainingTask(
        "MNP", "masked nodes", "masked_subtree.masked_nodes", _WRITTEN, ("tokens", "syntax tree"), "cst-adapt"
    ),
)


def check(tasks: Sequence[PretrainingTask]) -> None:
    """Raises ValueError for a task that names a part that is not there, inputs that have no column, or none."""
    for task in tasks:
        if not task.inputs:
            raise ValueError(f"{task.short} declares no inputs")
        if unknown := set(task.inputs) - set(INPUTS):
            raise ValueError(f"{task.short} needs {', '.join(sorted(unknown))}, for which there is no column")
        for part in (task.made_by, task.loss):
            module, _, name = part.partition(".")
            file = ROOT / "learn" / "objectives" / f"{module}.py"
            if not file.exists() or name not in _defined(file.read_text(encoding="utf-8")):
                raise ValueError(f"{task.short} is bound to phloem.learn.objectives.{part}, which is not there")


def _defined(source: str) -> set[str]:
    return {node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef | ast.FunctionDef)}


def matrix(tasks: Sequence[PretrainingTask] = TASKS) -> str:
    """The matrix as text: a task a row, an input a column."""
    rows = [
        [
            task.short,
            task.name,
            *("×" if each in task.inputs else "" for each in INPUTS),
            ", ".join(dict.fromkeys((task.made_by, task.loss))),
            task.measured_in,
        ]
        for task in tasks
    ]
    return markdown(["", "task", *INPUTS, "phloem.learn.objectives", "measured in"], rows)


def possible(available: Sequence[str], tasks: Sequence[PretrainingTask] = TASKS) -> list[str]:
    """The tasks that a corpus with these inputs allows."""
    return [task.short for task in tasks if set(task.inputs) <= set(available)]


check(TASKS)
