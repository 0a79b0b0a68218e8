"""A first SIGTERM or Ctrl-C asks politely, the second stops at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self


class Interruption:
    """Inside `with`, the first signal only sets `signal`; who runs the loop saves its work and calls `stop`.

    Python delivers signals to the main thread; in another thread this does nothing.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore()

    @staticmethod
    def stop(number: int) -> NoReturn:
        """End the program as the signal would have: KeyboardInterrupt for Ctrl-C, exit code 143 for SIGTERM."""
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)
