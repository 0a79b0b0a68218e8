"""What a system is, read off its file: family, modality, objective, data, licence, metric, year and phase.

The axes are those of Zhang et al., "A Survey on Language Models for Code" (TMLR; arXiv 2311.07989, 2023), of which
phloem has the specialised models (no general, instruction-tuned or reinforced ones), and the phases those of Sun et
al., "A Survey of Neural Code Intelligence" (2024). Nothing is declared by hand: a system's imports say what it is made
of, so that a table can't say what the code does not. What a file does not import itself is looked for in the systems
that it builds on.

    family      encoder, encoder-decoder, decoder, structure (over trees, paths, graphs), recurrent, constructed
                (weights written down), search (over programs), other network, or none (statistics, experiments)
    modality    text, tree, graph, execution, examples
    objective   the losses of phloem.learn.objectives by name, or none
    data        the published sets that it names, mined functions, or generated
    metric      what it measures, by the modules of phloem.measure and the metrics that systems share

Phases: pretraining objectives, and encoders of 2020 and later, make the second one; decoders of 2021 and later without
such an objective the third; everything else is the first.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from phloem.corpora import datasets
from phloem.errors import PhloemError

ROOT = Path(__file__).parent.parent
PHASES = ("neural models", "pretraining", "language models")
NONE, GENERATED, MINED, OWN_FIGURE = "none", "generated", "mined functions", "own figure"
LICENCE_OF = {GENERATED: "none needed", MINED: "each project's own"}

# The first pattern that a module's name begins with decides.
_FAMILY = {
    "nn.handset": "constructed",
    "synthesis.rasp": "constructed",
    "synthesis.lsrl": "constructed",
    r"nn.models.(t5|bart|plbart|codet5p|encoder_decoder|code_encoder_decoder|transformer|prefix_encoder)": (
        "encoder-decoder"
    ),
    r"nn.models.(robustfill|latent_program|frozen_bridge|grown)": "encoder-decoder",
    r"nn.models.(decoder|gpt2|prefix_mode|prequential|hub_decoders)": "decoder",
    r"nn.models.(code2seq|code2vec|clrs|forget_net|gnn|graph|programl)": "structure",
    r"nn.encoders.(paths|tree|trie|code2vec|node_bags|gnn|graph|gated_graph)": "structure",
    r"nn.models.(roberta|code_encoder|cross|dual|data_flow|multi_exit|mean_bi|text_enc|prompted|span_tag|layer_cl)": (
        "encoder"
    ),
    r"nn.encoders.transformer": "encoder",
    r"nn.models.seq2seq|nn.encoders.lstm|nn.mixers.(lstm|gru)|nn.decoders": "recurrent",
    "nn.models": "other network",
    "synthesis": "search",
}
_MODALITY = {
    r"represent.(path|forest|flat_ast|serialized|cst|node_types|synta|ast_graph)|nn.encoders.tree": "tree",
    r"represent.(data_flow|llvm|program_graph)|corpora.(clrs|llvm)": "graph",
    r"execute|represent.execution|tasks.trace": "execution",
    r"synthesis|represent.(property|io_)|tasks.example|tasks.patterns": "examples",
    r"represent|tasks|corpora": "text",
}
FAMILIES = (*dict.fromkeys(_FAMILY.values()), NONE)
MODALITIES = (*dict.fromkeys(_MODALITY.values()), NONE)
_SHARED = {"ACCURACY": "accuracy", "F1": "subtoken_f1", "PERPLEXITY": "perplexity", "FEWEST": "count"}
_STATISTICS = ("bootstrap",)  # of measure: how sure a figure is, not what it is
PRETRAINING = (
    "masked_lm",
    "masked_subtree",
    "masked_units",
    "masked_identifiers",
    "replaced_token_detection",
    "span_corruption",
    "denoising",
    "edge_prediction",
    "node_alignment",
    "identifier_deobfuscation",
    "translation_lm",
    "next_sentence",
)


class Source(NamedTuple):
    """A module as text: what it imports of phloem, the strings in it, the names that it takes from the claims."""

    imports: tuple[str, ...]  # "nn.models.t5"
    strings: frozenset[str]
    shared: tuple[str, ...]
    doc: str


class Entry(NamedTuple):
    """A row of the taxonomy."""

    name: str
    row: str
    room: str
    year: int
    phase: str
    family: tuple[str, ...]
    modality: tuple[str, ...]
    objective: tuple[str, ...]
    data: tuple[str, ...]
    licence: tuple[str, ...]
    metric: tuple[str, ...]
    text: str  # the paper and what the file says of itself


def vocabularies() -> dict[str, frozenset[str]]:
    """The words that each field of an entry may have."""
    objectives = {file.stem for file in (ROOT / "learn/objectives").glob("[a-z]*.py")} - {"base"}
    metrics = {file.stem for file in (ROOT / "measure").glob("[a-z]*.py")} - set(_STATISTICS)
    sets = _licences()
    return {
        "family": frozenset(FAMILIES),
        "modality": frozenset(MODALITIES),
        "objective": frozenset(objectives | {NONE}),
        "data": frozenset(sets.keys() | LICENCE_OF.keys()),
        "licence": frozenset(sets.values()) | frozenset(LICENCE_OF.values()),
        "metric": frozenset(metrics | set(_SHARED.values()) | {OWN_FIGURE}),
    }


@cache
def _licences() -> dict[str, str]:
    return {each.name: each.licence for each in datasets.known()}


@cache
def read(module: str) -> Source:
    """A module of phloem by its dotted name without "phloem."."""
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
    imports, shared = list[str](), list[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("phloem."):
            base = (node.module or "").removeprefix("phloem.")
            imports += [_module(base, alias.name) for alias in node.names]
            if base == "systems.claims":
                shared += [alias.name for alias in node.names]
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return Source(tuple(dict.fromkeys(imports)), frozenset(strings), tuple(shared), ast.get_docstring(tree) or "")


def _module(base: str, name: str) -> str:
    """What `from phloem.BASE import NAME` imports from: a module of a package, or the base itself."""
    return f"{base}.{name}" if (ROOT / base.replace(".", "/") / f"{name}.py").exists() else base


def builds_on(module: str) -> list[str]:
    """The module and the systems that it imports, nearest first."""
    found = [module]
    for each in found:
        own = (one for one in read(each).imports if one.startswith("systems.") and one.count(".") == 2)
        found += [one for one in dict.fromkeys(own) if one not in found]
    return found


def _kinds(module: str, patterns: dict[str, str]) -> tuple[str, ...]:
    """What the nearest file that says anything says."""
    for each in builds_on(module):
        kinds = (
            next((kind for start, kind in patterns.items() if re.match(start.replace(".", r"\."), one)), None)
            for one in read(each).imports
        )
        if found := tuple(dict.fromkeys(kind for kind in kinds if kind)):
            return tuple(sorted(found))
    return (NONE,)


def _objectives(module: str) -> tuple[str, ...]:
    for each in builds_on(module):
        found = {one.removeprefix("learn.objectives.") for one in read(each).imports if "learn.objectives." in one}
        if found - {"base"}:
            return tuple(sorted(found - {"base"}))
    return (NONE,)


def _data(module: str) -> tuple[str, ...]:
    for each in builds_on(module):
        near = [one for one in read(each).imports if one.startswith(("tasks.", "corpora."))]
        mined = [MINED] if {"corpora.shards", "corpora.doc_code_pairs"} & set(near) else []
        of_tasks = frozenset[str]().union(*(read(one).strings for one in near if _is_file(one)))
        for strings in (read(each).strings, of_tasks):
            if found := (*sorted(_licences().keys() & strings), *mined):
                return found
    return (GENERATED,)


def _is_file(module: str) -> bool:
    return (ROOT / f"{module.replace('.', '/')}.py").exists()


def _metrics(module: str) -> tuple[str, ...]:
    for each in builds_on(module):
        source = read(each)
        measures = {one.removeprefix("measure.") for one in source.imports if one.startswith("measure.")}
        found = (measures - set(_STATISTICS)) | {_SHARED[one] for one in source.shared if one in _SHARED}
        if found:
            return tuple(sorted(found))
    return (OWN_FIGURE,)


def year_of(paper: str) -> int:
    """The year of a paper by how it is cited. Raises PhloemError where there is none."""
    years = [int(each) for each in re.findall(r"\b((?:19|20)\d\d)\b", paper)]
    if not years:
        raise PhloemError(f"no year in {paper!r}: a card's first paragraph names its paper and the year")
    return years[0]


def phase_of(year: int, family: Sequence[str], objective: Sequence[str]) -> str:
    """The phase by the rule above."""
    if set(objective) & set(PRETRAINING) or ("encoder" in family and "decoder" not in family and year >= 2020):
        return PHASES[1]
    return PHASES[2] if "decoder" in family and year >= 2021 else PHASES[0]


def entry(name: str, row: str, room: str, paper: str, module: str) -> Entry:
    """The taxonomy's row of the system in `module` ("phloem.systems.understanding.tbcnn")."""
    module = module.removeprefix("phloem.")
    family, objective, data, year = _kinds(module, _FAMILY), _objectives(module), _data(module), year_of(paper)
    licence = tuple(dict.fromkeys(_licences().get(each, "") or LICENCE_OF[each] for each in data))
    return Entry(
        name,
        row,
        room,
        year,
        phase_of(year, family, objective),
        family,
        _kinds(module, _MODALITY),
        objective,
        data,
        licence,
        _metrics(module),
        f"{paper}\n{read(module).doc}",
    )


def faults(each: Entry, words: dict[str, frozenset[str]] | None = None) -> list[str]:
    """What keeps an entry from being complete: an empty field, or a word that is not in its vocabulary."""
    words = vocabularies() if words is None else words
    found = []
    for field, known in words.items():
        own: tuple[str, ...] = getattr(each, field)
        found += [f"{each.name}: no {field}"] if not own else []
        found += [f"{each.name}: {field} {word!r} is unknown" for word in own if word not in known]
    return found + ([f"{each.name}: phase {each.phase!r} is unknown"] if each.phase not in PHASES else [])


def by(entries: Iterable[Entry], field: str) -> dict[str, list[Entry]]:
    """Entries under each word of a field, in the order of the words."""
    found: dict[str, list[Entry]] = {}
    for each in entries:
        value = getattr(each, field)
        for word in value if isinstance(value, tuple) else (value,):
            found.setdefault(str(word), []).append(each)
    return dict(sorted(found.items()))
