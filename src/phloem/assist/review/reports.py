"""Findings of a review as text, JSON, SARIF 2.1.0 and workflow commands for GitHub; the most probable first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from phloem import __version__
from phloem.assist.reports import SARIF_SCHEMA, command_data, percent, property_value, uri
from phloem.assist.review.findings import ReviewFinding

RULES = {
    "variable-misuse": "A variable is used where another one seems meant",
    "wrong-operator": "An operator stands where another one seems meant",
    "swapped-operands": "The operands of an operator seem swapped",
    "swapped-arguments": "Two arguments of a call seem swapped",
    "exception-type": "An exception is caught where another one seems meant",
    "doc-mismatch": "The documentation does not seem to describe the function",
    "misleading-name": "A function's name does not follow from its body",
}
_LONGEST = 60  # characters of a replacement in a line of text


def text(findings: Sequence[ReviewFinding]) -> str:
    """A line each: place, probability, check, reason."""
    places = [f"{each.path}:{each.line}:{each.column}" for each in findings]
    width = min(60, max(map(len, places), default=0))
    return "\n".join(
        f"{place:{width}}  {percent(each.probability):>4}  {each.check:17}  {each.reason}"
        for place, each in zip(places, findings, strict=True)
    )


def as_json(findings: Sequence[ReviewFinding]) -> str:
    """A list of {path, line, column, check, probability, reason, fix: {start, end, replacement} | null, function}; of a
    fix, bytes of the file."""
    return json.dumps([entry(each) for each in findings], indent=2, ensure_ascii=False)


def entry(finding: ReviewFinding) -> dict[str, Any]:
    """A finding as JSON has it."""
    return {
        "path": finding.path,
        "line": finding.line,
        "column": finding.column,
        "check": finding.check,
        "probability": round(finding.probability, 4),
        "reason": finding.reason,
        "fix": None if finding.fix is None else finding.fix._asdict(),
        "function": finding.function,
    }


def sarif(findings: Sequence[ReviewFinding]) -> str:
    """SARIF 2.1.0 (OASIS 2020): a rule a check; the fix, where there is one, replaces the text that was found."""
    names = list(RULES)
    rules = [
        {
            "id": name,
            "name": "".join(part.capitalize() for part in name.split("-")),
            "shortDescription": {"text": RULES[name]},
            "help": {"text": "A learned check: look, then mend it, or silence it with a comment: phloem: ignore"},
            "defaultConfiguration": {"level": "warning"},
        }
        for name in names
    ]
    run = {
        "tool": {"driver": {"name": "phloem", "version": __version__, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each, names.index(each.check)) for each in findings],
    }
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _result(finding: ReviewFinding, rule: int) -> dict[str, Any]:
    artifact = {"uri": uri(finding.path)}
    region = {
        "startLine": finding.line,
        "startColumn": finding.column,
        "endLine": finding.end_line,
        "endColumn": finding.end_column,
    }
    result: dict[str, Any] = {
        "ruleId": finding.check,
        "ruleIndex": rule,
        "level": "warning",
        "rank": round(100 * finding.probability, 2),
        "message": {"text": finding.reason},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": artifact, "region": region},
                "logicalLocations": [{"name": finding.function, "kind": "function"}],
            }
        ],
        "properties": {"probability": round(finding.probability, 4)},
    }
    if finding.fix is not None:
        # a region of text (3.30.2): one of bytes alone would have to be replaced by bytes
        replaced = {"deletedRegion": region, "insertedContent": {"text": finding.fix.replacement}}
        changes = [{"artifactLocation": artifact, "replacements": [replaced]}]
        result["fixes"] = [{"description": {"text": suggestion(finding)}, "artifactChanges": changes}]
    return result


def suggestion(finding: ReviewFinding) -> str:
    """What a fix does, for a menu."""
    if finding.fix is None:
        return ""
    shown = " ".join(finding.fix.replacement.split())
    return f"Replace by '{shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + '…'}'"


def github(findings: Sequence[ReviewFinding]) -> str:
    """Workflow commands that GitHub Actions shows as annotations at the line."""
    return "\n".join(
        f"::warning file={property_value(each.path)},line={each.line},col={each.column},title={each.check}::"
        f"{command_data(f'{each.reason} ({percent(each.probability)})')}"
        for each in findings
    )


REVIEW_REPORTS = {"text": text, "json": as_json, "sarif": sarif, "github": github}
