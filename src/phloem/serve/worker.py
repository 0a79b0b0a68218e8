"""One thread that does the work of a server, and a bounded queue before it.

Parsers are not to be shared between threads, and torch already uses every core for one request.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from phloem.assist.checks import Check
from phloem.errors import PhloemError

Result = TypeVar("Result")


class Busy(PhloemError):
    """The queue is full, or the time was over."""


class Worker:
    """One thread and a bounded queue before it."""

    def __init__(self, seconds: float, waiting: int) -> None:
        self.seconds = seconds
        self.waiting = waiting
        self.inside = 0
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="phloem-serve")

    async def run(self, job: Callable[[Check], Result], seconds: float | None = None) -> Result:
        """The job's result. The job calls the check that it is given often: it ends it once nobody waits any more.

        `seconds` in place of the worker's own bound the time. Raises Busy.
        """
        limit = self.seconds if seconds is None else seconds
        if self.inside > self.waiting:
            raise Busy("too many requests are waiting: try again in a moment")
        self.inside += 1
        abandoned = threading.Event()

        def check() -> None:
            if abandoned.is_set():
                raise Busy("nobody waits for this any more")

        future = asyncio.get_running_loop().run_in_executor(self.thread, job, check)
        future.add_done_callback(self._leave)
        try:
            return await asyncio.wait_for(asyncio.shield(future), limit)
        except TimeoutError:
            abandoned.set()
            future.cancel()
            raise Busy(f"no answer within {limit:g} seconds: send less code at a time") from None
        except asyncio.CancelledError:  # the client went away
            abandoned.set()
            future.cancel()
            raise

    def _leave(self, future: asyncio.Future[Any]) -> None:
        self.inside -= 1
        if not future.cancelled():
            future.exception()  # seen, even if nobody waits any more

    def close(self) -> None:
        self.thread.shutdown(wait=False, cancel_futures=True)
