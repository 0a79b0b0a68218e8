"""The thread that does the work of tools, whose progress every call that waits is told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError

from phloem.errors import PhloemError

EVERY = 0.25  # seconds between two progress notifications
logger = logging.getLogger("phloem.mcp")
Result = TypeVar("Result")


class Jobs:
    """One thread, and everyone who waits for it hears what it tells."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="phloem-mcp")
        self._heard: dict[int, Callable[[str, float], None]] = {}

    def tell(self, text: str, fraction: float) -> None:
        for hear in list(self._heard.values()):
            hear(text, fraction)

    async def run(self, context: Context[Any, Any], job: Callable[[], Result]) -> Result:
        """The job's result; ToolError, in one line, for what it raises."""
        loop, key = asyncio.get_running_loop(), id(context)
        last, reported = time.monotonic() - EVERY, 0.0

        def hear(text: str, fraction: float) -> None:
            nonlocal last, reported
            now = time.monotonic()
            if now - last >= EVERY:
                # the protocol wants progress to grow with each notification, work may begin anew
                last, reported = now, max(fraction, reported + 1e-4)
                asyncio.run_coroutine_threadsafe(context.report_progress(reported, 1.0, text), loop)

        self._heard[key] = hear
        try:
            return await loop.run_in_executor(self.thread, job)
        except PhloemError as error:
            raise ToolError(" ".join(str(error).split())) from None
        except Exception as error:
            logger.exception("a tool failed")
            raise ToolError(f"internal error: {type(error).__name__}: {' '.join(str(error).split())[:500]}") from None
        finally:
            del self._heard[key]
