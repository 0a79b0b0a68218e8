"""Errors of tools as one line that an assistant can act on; the SDK reports arguments that do not fit on several."""

from __future__ import annotations

import re
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext


async def one_line(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Middleware around every message of a client."""
    result = await call_next(ctx)
    if isinstance(result, dict) and result.get("isError"):
        texts = [part.get("text", "") for part in result["content"]]
        return {**result, "content": [{"type": "text", "text": _mended(" ".join(texts))}]}
    return result


def _mended(error: str) -> str:
    """
    >>> _mended("Error executing tool search: 1 validation error for searchArguments\\nlimit\\n  Input should be …"
    ...         " [type=x, input_value=99, input_type=int]\\n    For further information visit https://…")
    'limit: Input should be …'
    """
    text = re.sub(r"^Error executing tool \w+: ", "", error)
    lines = text.split("\n")
    if "validation error" not in lines[0]:
        return " ".join(text.split())
    kept = [line for line in lines[1:] if not line.strip().startswith("For further information")]
    said = [re.sub(r" *\[type=.*", "", line).strip() for line in kept]
    return "; ".join(f"{where}: {what}" for where, what in zip(said[::2], said[1::2], strict=False))[:1000]
