"""Reviews by a small detector: findings, their fixes, what silences them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from phloem.assist.review.calibration import Judgements, best_variables, calibrated, finding_figures, judged
from phloem.assist.review.card import card
from phloem.assist.review.findings import Fix, TextLines, heeded, ranked, without_known, write_baseline
from phloem.assist.review.plausible import operator
from phloem.assist.review.review import Reviewer, Reviewers
from phloem.assist.sources import SourceFile
from phloem.errors import PhloemError
from phloem.languages.example import Example
from phloem.represent.bug_arrays import Injecting, Injector
from phloem.represent.bug_slots import CHECKS, OPERANDS, OPERATOR
from phloem.tasks.bug_injection import Bug, corrupted, inject
from phloem.tasks.cubert_tasks import made_functions

WRONG = '''"""é"""


def load_row_7(row, page):
    """Load the row of a page."""
    row_size = len(row)
    if row_size <= 12:
        page_last = page[row_size - 30]
        return load_page(page_last)
    try:
        return find_row(row, row_size)
    except ValueError:
        return page
'''


def file(source: str, path: str = "a.py", language: str = "python") -> SourceFile:
    return SourceFile(path, language, source.encode())


def test_a_wrong_operator_is_found_with_its_place_and_fix(review_model: Path) -> None:
    [(_, found, functions)] = Reviewer(review_model).review_files([file(WRONG)], threshold=0.5)
    assert functions == 1
    best = ranked(found)[0]
    assert (best.check, best.line, best.column, best.function) == ("wrong-operator", 7, 17, "load_row_7")
    assert "'<=' stands where '>' seems meant" in best.reason
    assert isinstance(best.fix, Fix)
    source = WRONG.encode()
    fixed = source[: best.fix.start] + best.fix.replacement.encode() + source[best.fix.end :]
    assert fixed.decode() == WRONG.replace("<=", ">")


def bugs(example: Example, seed: int, kind: int) -> Iterator[Bug]:
    rng = np.random.default_rng(seed)
    while True:
        bug = inject(example, rng, kind=kind)
        assert bug is not None
        yield bug


def could_be_meant(bug: Bug) -> bool:
    """Whether people make such a mistake; others are not reported."""
    return operator(bug.source[bug.start : bug.end].decode(), bug.right, "a", "b")


@pytest.mark.parametrize("kind", [OPERATOR, OPERANDS], ids=lambda kind: CHECKS[kind])
def test_injected_bugs_in_unseen_functions_are_found_and_their_fixes_undo_them(review_model: Path, kind: int) -> None:
    reviewer = Reviewer(review_model)
    right = undone = 0
    functions = made_functions(20, seed=7)
    for i, example in enumerate(functions):
        bug = next(each for each in bugs(example, i, kind) if kind != OPERATOR or could_be_meant(each))
        [(_, found, _)] = reviewer.review_files([file(bug.source.decode())], checks=[CHECKS[kind]], threshold=0.5)
        if found and ranked(found)[0].start == bug.start:
            right += 1
            fix = ranked(found)[0].fix
            assert fix is not None
            fixed = bug.source[: fix.start] + fix.replacement.encode() + bug.source[fix.end :]
            undone += fixed == example.tree.source
        assert corrupted(example, bug).tree.source == bug.source
    assert right >= 14
    assert undone >= 0.8 * right


def test_functions_as_they_should_be_are_left_alone(review_model: Path) -> None:
    sources = [file(example.tree.source.decode(), f"{i}.py") for i, example in enumerate(made_functions(30, seed=9))]
    answers = list(Reviewer(review_model).review_files(sources, checks=["wrong-operator", "swapped-operands"]))
    assert [one.path for one, _, _ in answers] == [one.path for one in sources]
    assert sum(len(found) for _, found, _ in answers) <= 3


def test_order_and_batches_do_not_change_findings(review_model: Path) -> None:
    reviewer = Reviewer(review_model)
    sources = [file(example.tree.source.decode().replace(">", "<"), f"{i}.py")
               for i, example in enumerate(made_functions(40, seed=3))]  # fmt: skip
    together = {one.path: found for one, found, _ in reviewer.review_files(sources)}
    for one in sources[:5]:
        [(_, alone, _)] = reviewer.review_files([one])
        assert [(each.start, each.check) for each in alone] == [(each.start, each.check) for each in together[one.path]]
        for each, other in zip(alone, together[one.path], strict=True):
            assert each.probability == pytest.approx(other.probability, abs=1e-4)


def test_a_function_within_another_is_reported_once(review_model: Path) -> None:
    inner = "\n".join("    " + line for line in WRONG.split("\n\n\n")[1].splitlines())
    [(_, found, functions)] = Reviewer(review_model).review_files([file(f"def outer():\n{inner}\n")], threshold=0.2)
    assert functions == 2
    places = [(each.check, each.start) for each in found]
    assert len(places) == len(set(places))


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def",
        "x = 1",
        "def f(:\n  a b c",
        "def f(a, b):\n" + "    a = a + b\n" * 2000,
        "def f(a,b): return a<b " * 50,
    ],
)
def test_odd_sources(review_model: Path, source: str) -> None:
    [(_, found, _)] = Reviewer(review_model).review_files([file(source)], threshold=0.0)
    assert all(0 <= each.probability <= 1 for each in found)


def test_models_of_other_tasks_and_unknown_checks_are_refused(names_model: Path) -> None:
    with pytest.raises(PhloemError, match="not for review"):
        Reviewer(names_model)
    with pytest.raises(PhloemError, match="unknown check 'typo'"):
        Reviewers(None, checks=["typo"])


def test_comments_and_changed_lines(review_model: Path) -> None:
    [(one, found, _)] = Reviewer(review_model).review_files([file(WRONG)], checks=["wrong-operator"], threshold=0.5)
    assert len(found) == 1
    for marked in (
        WRONG.replace("<= 12:", "<= 12:  # phloem: ignore"),
        WRONG.replace("page):", "page):  # phloem: ignore"),
        WRONG.replace("\ndef", "\n# phloem: ignore\ndef"),
    ):
        [(again, still, _)] = Reviewer(review_model).review_files([file(marked)], checks=["wrong-operator"])
        assert len(still) == 1
        assert heeded(again, still, None) == []
    path = str(Path("a.py").resolve())
    assert heeded(one, found, {path: [(9, 9)]}) == found
    assert heeded(one, found, {path: [(1, 2)]}) == heeded(one, found, {}) == []


def test_a_baseline_silences_as_many_as_it_counted(review_model: Path, tmp_path: Path) -> None:
    [(_, found, _)] = Reviewer(review_model).review_files([file(WRONG, str(tmp_path / "a.py"))], threshold=0.3)
    kept = tmp_path / "known.json"
    assert write_baseline(kept, found) == len(found) > 0
    assert without_known(found, kept) == []
    assert without_known([*found, found[0]], kept) == [found[0]]
    kept.write_text("{}")
    with pytest.raises(PhloemError, match="not a baseline"):
        without_known(found, kept)


def test_lines_and_columns() -> None:
    source = 'a = "é"\r\n\fb = 1\n'.encode()
    lines = TextLines(source)
    for offset in range(len(source)):
        before = source[:offset].decode("utf-8", "ignore")
        assert lines.position(offset)[0] == before.count("\n") + 1
    assert lines.position(source.index(b"b")) == (2, 2)
    assert TextLines(b"").position(0) == (1, 1)
    assert TextLines("\ufeffa = b".encode()).position(7) == (1, 5)


def judgements(rng: np.random.Generator, functions: int = 4000) -> Judgements:
    """Functions with one slot each, whose log odds are what they say times two."""
    logit = rng.normal(-1, 2, functions)
    right = rng.random(functions) < 1 / (1 + np.exp(-0.5 * logit))
    kind = np.full(functions, OPERATOR)
    error = right.astype(np.int64)
    return Judgements(kind, logit, right, np.arange(functions), error, error, right, np.where(right, OPERATOR, -1))


def test_thresholds_reach_the_precision_that_they_are_set_for() -> None:
    found = judgements(np.random.default_rng(0))
    checks = calibrated(found)
    facts = checks["wrong-operator"]
    assert facts["on"]
    assert facts["precision"] >= 0.8
    assert facts["slope"] == pytest.approx(0.5, abs=0.05)
    figures = finding_figures(judgements(np.random.default_rng(1)), checks)["checks"]
    assert figures["wrong-operator"]["precision"] == pytest.approx(0.8, abs=0.05)
    low, high = figures["wrong-operator"]["precision_interval"]
    assert low < figures["wrong-operator"]["precision"] < high
    assert not checks["exception-type"]["on"]
    assert figures["exception-type"]["findings"] == 0
    assert figures["all"]["findings"] == figures["wrong-operator"]["findings"]


def test_figures_count_false_alarms_on_clean_functions(review_model: Path, tmp_path: Path) -> None:
    reviewer = Reviewer(review_model)
    dataset = reviewer.view.compile(made_functions(60, seed=5), tmp_path / "functions")
    found = judged(reviewer.net, Injecting(dataset, Injector(reviewer.view)), 60)
    figures = found.figures()
    assert figures["classification"] > 0.6
    assert 20 <= int((found.error > 0).sum()) <= 40
    counted = finding_figures(found, reviewer.checks)["checks"]["all"]
    assert counted["findings"] <= len(found.kind)
    assert 0 <= counted["false_alarms_per_1000_clean_functions"] <= 1000 * len(found.kind)


def test_the_card_names_thresholds_and_figures() -> None:
    checks = calibrated(judgements(np.random.default_rng(0)))
    facts: dict[str, Any] = {
        "languages": ["python"], "phloem": "0", "date": "d", "checks": checks, "limits": ["One."],
        "data": {"projects": 1, "functions": {"train": 1, "validation": 1, "test": 1}, "licences": {"MIT": 1},
                 "sources": ["p"]},
        "training": {}, "started_from": "code-search", "command": "phloem train review",
    }  # fmt: skip
    text = card("mine", facts, "int8")
    assert "| wrong-operator | yes |" in text
    assert "| exception-type | no |" in text
    assert "## Figures" not in text
    measured = {
        "findings": 10, "precision": 0.6, "precision_interval": [0.5, 0.7], "recall": 0.2,
        "recall_interval": [0.1, 0.3],
        "false_alarms_per_1000_clean_functions": 12.0, "precision_at_one_bug_in_20_functions": 0.1,
    }  # fmt: skip
    facts["figures"] = {"functions": 100, "functions_with_a_bug": 50, "checks": {"all": measured, "x": {"findings": 0}}}
    text = card("mine", facts, "int8")
    assert "| all | 10 | 0.60 (0.50 to 0.70) | 0.20 (0.10 to 0.30) | 12.0 | 0.10 |" in text
    assert "| x |" not in text


def test_slots_of_functions_without_variables_have_no_best_variable() -> None:
    best, p = best_variables(torch.zeros(2, 3), torch.full((2, 3), -1))
    assert best.tolist() == [-1, -1]
    assert p.tolist() == [0.0, 0.0]
