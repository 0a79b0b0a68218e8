"""Findings as text for people, JSON for programs, SARIF 2.1.0 for code scanning, and workflow commands for GitHub."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from phloem import __version__
from phloem.assist.findings import Finding
from phloem.assist.predictions import Prediction

RULE = "name-disagrees-with-body"
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
SHOWN = 3  # suggestions a line of text


def percent(probability: float) -> str:
    """
    >>> percent(0.417), percent(0.00312), percent(0.0)
    ('42%', '0.31%', '<0.01%')
    """
    share = 100 * probability
    return f"{share:.0f}%" if share >= 1 else f"{share:.2f}%" if share >= 0.01 else "<0.01%"


def message(prediction: Prediction) -> str:
    """One sentence: a flagged name disagrees with the body; of another one, which names would fit."""
    better = ", ".join(f"{each.text} ({percent(each.probability)})" for each in prediction.suggestions[:SHOWN])
    probability = percent(prediction.probability)
    if prediction.flagged:
        said, before = f"does not follow from the body ({probability})", "; try "
    else:
        said, before = f"({probability}) is not flagged", "; likeliest are "
    return f"The name '{prediction.name}' {said}" + (before + better if better else "")


def text(findings: Sequence[Finding]) -> str:
    """Grouped by file; a flagged name has a mark, so that --all reads well without colour."""
    lines: list[str] = []
    width = max((len(finding.prediction.name) for finding in findings), default=0)
    path = None
    for finding in findings:
        if finding.path != path:
            path = finding.path
            lines += [""] * bool(lines) + [path]
        each = finding.prediction
        better = "  ".join(f"{one.text} {percent(one.probability)}" for one in each.suggestions[:SHOWN])
        lines.append(f"{each.line:6} {'!' if each.flagged else ' '} {each.name:{min(width, 40)}}  →  {better}")
    return "\n".join(lines)


def as_json(findings: Sequence[Finding]) -> str:
    """A list of {path, line, name, flagged, suggestions: [{name, probability}]}."""
    return json.dumps(
        [
            {
                "path": finding.path,
                "line": finding.prediction.line,
                "name": finding.prediction.name,
                "flagged": finding.prediction.flagged,
                "suggestions": [
                    {"name": each.text, "probability": round(each.probability, 6)}
                    for each in finding.prediction.suggestions
                ],
            }
            for finding in findings
        ],
        indent=2,
        ensure_ascii=False,
    )


def sarif(findings: Sequence[Finding]) -> str:
    """SARIF 2.1.0 (OASIS 2020): one run, one rule, a result a finding, at level `note` unless it is flagged."""
    rule = {
        "id": RULE,
        "name": "NameDisagreesWithBody",
        "shortDescription": {"text": "A function's name does not follow from its body"},
        "help": {"text": "Rename the function, or silence the finding with a comment: phloem: ignore"},
        "defaultConfiguration": {"level": "warning"},
    }
    driver = {"name": "phloem", "version": __version__, "rules": [rule]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each) for each in findings],
    }
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _result(finding: Finding) -> dict[str, Any]:
    each = finding.prediction
    return {
        "ruleId": RULE,
        "ruleIndex": 0,
        "level": "warning" if each.flagged else "note",
        "message": {"text": message(each)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": uri(finding.path)},
                    "region": {"startLine": each.line, "endLine": each.line},
                },
                "logicalLocations": [{"name": each.name, "kind": "function"}],
            }
        ],
        "properties": {"probability": each.probability, "suggestions": [one.text for one in each.suggestions]},
    }


def uri(path: str) -> str:
    """Relative where it can be, since code scanning matches paths of the repository."""
    relative = os.path.relpath(path)
    return quote((path if relative.startswith("..") else relative).replace(os.sep, "/"))


def github(findings: Sequence[Finding]) -> str:
    """Workflow commands that GitHub Actions shows as annotations at the line."""
    return "\n".join(
        f"::{'warning' if each.prediction.flagged else 'notice'} file={property_value(each.path)},"
        f"line={each.prediction.line},title={RULE}::{command_data(message(each.prediction))}"
        for each in findings
    )


def command_data(value: str) -> str:
    """A text as a workflow command of GitHub Actions takes it."""
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def property_value(value: str) -> str:
    """A text as a property of such a command takes it."""
    return command_data(value).replace(":", "%3A").replace(",", "%2C")


REPORTS = {"text": text, "json": as_json, "sarif": sarif, "github": github}
