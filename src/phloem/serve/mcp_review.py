"""What the tool `review` of `phloem mcp` answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, Field

from phloem.assist.reports import percent

if TYPE_CHECKING:
    from phloem.assist.review.findings import ReviewFinding

LONGEST_FIX = 2_000  # characters


class FixAnswer(BaseModel):
    """Bytes of the file, or of the code that was given, and what should stand there."""

    start: int
    end: int
    replacement: str


class ReviewedPlace(BaseModel):
    """A place that looks wrong."""

    line: int
    column: int
    check: str
    probability: Annotated[float, Field(ge=0, le=1)] = Field(
        description="calibrated where every other function has a bug; in good code fewer findings are right"
    )
    reason: str
    fix: FixAnswer | None
    function: str


class ReviewAnswer(BaseModel):
    """Findings, the most probable first."""

    file: str
    findings: list[ReviewedPlace]
    total: int
    note: str = ""


def reviewed(file: str, findings: Sequence[ReviewFinding], limit: int) -> tuple[ReviewAnswer, str]:
    """The first findings as an answer and as text."""
    shown = []
    for each in findings[:limit]:
        fits = each.fix is not None and len(each.fix.replacement) <= LONGEST_FIX
        fix = FixAnswer(**each.fix._asdict()) if each.fix is not None and fits else None
        shown.append(
            ReviewedPlace(
                line=each.line,
                column=each.column,
                check=each.check,
                probability=round(min(1.0, each.probability), 4),
                reason=each.reason,
                fix=fix,
                function=each.function,
            )
        )
    more = len(findings) - limit
    note = f"{more} more findings: raise `limit`" if more > 0 else ""
    answer = ReviewAnswer(file=file, findings=shown, total=len(findings), note=note)
    lines = [
        f"{file}:{each.line}:{each.column}  {percent(each.probability)}  {each.check} in {each.function}: {each.reason}"
        for each in shown
    ]
    return answer, "\n".join([*lines, *([note] if note else [])]) or "nothing looks wrong"
