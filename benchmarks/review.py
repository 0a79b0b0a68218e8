"""How much of what `phloem review` finds is right: bugs put into functions of projects that training never saw.

    python benchmarks/review.py SHARDS [--model code-review] [--functions 8000] [--out FILE.json]

Of the test split's functions in which something could be wrong, spread evenly, every second one gets one bug
(`phloem.tasks.bug_injection`), each kind that applies as likely; documentation is replaced by another function's of the
split. The changed source goes through `phloem review` as a file. A finding is right if it is of the bug's kind and at
its place. Nothing is chosen on these functions: the thresholds are those of the model. A method that does not parse by
itself is put into a class; documentation that stands outside of a function (all but Python's) is put before it.

Written are, for each check and together: findings, precision and recall with 95% bootstrap intervals over functions,
the share of right findings whose fix restores the source, false alarms per thousand functions without a bug, and the
precision that the same rates give where one function of twenty has a bug. Names take no part: they are measured as
`phloem name`'s.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from phloem.assist.library import folder_of
from phloem.assist.review.calibration import check_figures
from phloem.assist.review.card import update
from phloem.assist.review.findings import ReviewFinding
from phloem.assist.review.review import Reviewer
from phloem.assist.sources import SourceFile
from phloem.corpora import shards
from phloem.corpora.examples import examples_of
from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.represent.bug_slots import ARGUMENTS, CHECKS, DOC, OPERANDS
from phloem.systems.reproduce import machine
from phloem.tasks.bug_injection import Bug, Edit, apply, inject, inverse, usable


class Case(NamedTuple):
    """A function, its bug if it has one, and a file that holds it: `head` bytes of the file stand before it."""

    example: Example
    bug: Bug | None
    file: SourceFile
    head: int


def functions(folder: str, languages: Sequence[str], count: int, share: int) -> Iterator[Example]:
    """Functions of the test split with a place for a bug, every `share`-th one of them."""
    fit = (one for one in shards.read(folder, "test", languages) if len(usable(one).slots) or one.doc)
    return islice(fit, 0, count * share, share)


def with_doc(example: Example, bug: Bug) -> Bug:
    """A bug of documentation in a docstring as a changed source."""
    start, end = example.doc_span or (0, 0)
    quoted = '"""' + (bug.doc or "").replace("\\", "\\\\").replace('"""', "'''").rstrip('"') + '"""'
    edits = (Edit(start, end, quoted.encode()),)
    source = apply(example.tree.source, edits)
    return bug._replace(source=source, edits=edits, repair=inverse(example.tree.source, edits))


def case(number: int, example: Example, bug: Bug | None) -> Case | None:
    """The file of a function; None where the function is not found in it again."""
    language = by_name(example.language)
    if bug is not None and bug.kind == DOC and example.language == "python":
        bug = with_doc(example, bug)
    source = bug.source if bug else example.tree.source
    doc = bug.doc if bug is not None and bug.kind == DOC else example.doc
    comment = b""
    if example.language != "python" and doc:
        comment = f"/** {doc.replace('*/', '* /')} */\n".encode()
    for before, behind in ((b"", b""), (b"class C {\n", b"\n}\n")):
        file = SourceFile(f"{number}{language.extensions[0]}", example.language, before + comment + source + behind)
        head = len(before + comment)
        if any(each.start == head for each in examples_of(file.source, language)):
            return Case(example, bug, file, head)
    return None


def is_right(found: ReviewFinding, bug: Bug | None, head: int) -> bool:
    """Whether a finding is the bug: its kind, at its place."""
    if bug is None or found.check != bug.check:
        return False
    if bug.kind == DOC:
        return True
    return found.start == bug.start + head and (bug.kind not in (OPERANDS, ARGUMENTS) or found.end == bug.end + head)


def restores(found: ReviewFinding, bug: Bug, one: Case) -> bool:
    """Whether the suggested fix gives the source as it was."""
    if found.fix is None:
        return False
    start, end, text = found.fix
    start, end = start - one.head, end - one.head
    return bug.source[:start] + text.encode() + bug.source[end:] == one.example.tree.source


def prepared(examples: list[Example]) -> list[Case]:
    """Every second function with a bug."""
    rng = np.random.default_rng(0)
    docs = [example.doc for example in examples if example.doc]
    made: list[Case] = []
    for i, example in enumerate(examples):
        documented = example.doc_span or (example.doc and example.language != "python")
        near = [docs[j] for j in rng.integers(0, len(docs), 8)] if documented else []
        found = case(i, example, inject(example, rng, docs=near) if i % 2 else None)
        if found is not None:
            made.append(found)
    return made


def review(reviewer: Reviewer, cases: list[Case]) -> tuple[list[list[ReviewFinding]], float]:
    """Findings of each function itself, and the processor's seconds."""
    began = time.process_time()
    found = [findings for _, findings, _ in reviewer.review_files(one.file for one in cases)]
    return found, time.process_time() - began


def figures(cases: list[Case], found: list[list[ReviewFinding]]) -> dict[str, Any]:
    """Of each check, and of all."""
    clean = np.array([one.bug is None for one in cases])
    tables: dict[str, Any] = {}
    for name in ("all", *CHECKS):
        rows = np.zeros((len(cases), 4))  # right, wrong, bugs, restored
        for i, (one, findings) in enumerate(zip(cases, found, strict=True)):
            bug = one.bug
            own = [each for each in findings if name in ("all", each.check)]
            right = [each for each in own if is_right(each, bug, one.head)]
            rows[i, 0], rows[i, 1] = len(right), len(own) - len(right)
            rows[i, 2] = bug is not None and name in ("all", bug.check)
            rows[i, 3] = bug is not None and any(restores(each, bug, one) for each in right)
        tables[name] = check_figures(rows[:, :3], clean)
        right_fixes = rows[:, 3].sum() / max(1, rows[:, 0].sum())
        tables[name]["right_fix_of_right_findings"] = round(float(right_fixes), 4)
    return tables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards")
    parser.add_argument("--model", default="code-review")
    parser.add_argument("--functions", type=int, default=8000)
    parser.add_argument("--every", type=int, default=2, help="take every N-th function")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"), metavar="FILE.json")
    parser.add_argument("--update", action="store_true", help="write the figures into the model's folder and card")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    reviewer = Reviewer(asked.model)
    cases = prepared(list(functions(asked.shards, reviewer.languages, asked.functions, asked.every)))
    found, seconds = review(reviewer, cases)
    injected = sum(one.bug is not None for one in cases)
    result = {
        "model": reviewer.name,
        "split": "test: projects that training never saw",
        "functions": len(cases),
        "functions_with_a_bug": injected,
        "share_with_a_bug": round(injected / max(1, len(cases)), 4),
        "checks_on": list(reviewer.default_checks()),
        "checks": figures(cases, found),
        "functions_a_second_on_one_core": round(len(cases) / seconds, 1),
        "machine": machine(),
        "threads": int(os.environ.get("OMP_NUM_THREADS", "1")),
    }
    asked.out.write_text(json.dumps(result, indent=1) + "\n")
    if asked.update:
        update(folder_of(asked.model), result)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
