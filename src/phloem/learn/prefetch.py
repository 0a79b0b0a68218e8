"""Batches made one thread ahead of the step that uses them, in their order."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


_END = object()


def prefetch(items: Iterator[T], depth: int = 4) -> Generator[T]:
    """The same items in the same order, up to `depth` of them made ahead by a background thread.

    An error of the iterator is raised at its place. What `items` draws must come from generators of its own: torch's
    global generator belongs to the model's dropout.
    """
    ready: queue.Queue[object] = queue.Queue(depth)
    closed = threading.Event()

    def put(item: object) -> None:
        while not closed.is_set():
            try:
                ready.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def fill() -> None:
        try:
            for item in items:
                put(item)
                if closed.is_set():
                    return
            put(_END)
        except BaseException as error:
            put(_Failure(error))

    thread = threading.Thread(target=fill, name="phloem-prefetch", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            yield item  # type: ignore[misc]
    finally:
        closed.set()
        thread.join()
