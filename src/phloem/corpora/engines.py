"""Where units are parsed: in this process, in worker processes, or on a Ray cluster.

Each engine takes a stream of units and gives (unit, result) in the same order, holding only a few units at a time, so
that memory does not grow with the input. The reading process hands the files' bytes on; workers need not see its disks.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from types import ModuleType

from phloem.corpora.parsing import Parsed, Unit, parse
from phloem.errors import MissingExtra

Results = Iterator[tuple[Unit, Parsed]]
UNITS_A_WORKER = 2  # in flight: one being parsed, one waiting


def in_process(units: Iterator[Unit], workers: int = 1) -> Results:
    for unit in units:
        yield unit, parse(unit)


def local(units: Iterator[Unit], workers: int) -> Results:
    """Worker processes, started afresh (spawn) so that no thread's lock is inherited. Where a worker dies over a file,
    the file is found by parsing alone, skipped and named."""
    pool = _pool(workers)
    waiting: deque[tuple[Unit, Future[Parsed]]] = deque()
    try:
        for unit in units:
            try:
                waiting.append((unit, pool.submit(parse, unit)))
            except BrokenProcessPool:
                waiting.append((unit, _failed()))
            if len(waiting) >= UNITS_A_WORKER * workers + 1:
                first, future = waiting.popleft()
                try:
                    yield first, future.result()
                except BrokenProcessPool:
                    pool.shutdown(wait=False, cancel_futures=True)
                    suspects = [first, *(each for each, _ in waiting)]
                    waiting.clear()
                    for suspect in suspects:
                        yield suspect, _carefully(suspect)
                    pool = _pool(workers)
        while waiting:
            first, future = waiting.popleft()
            try:
                result = future.result()
            except BrokenProcessPool:
                result = _carefully(first)
            yield first, result
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def _failed() -> Future[Parsed]:
    future: Future[Parsed] = Future()
    future.set_exception(BrokenProcessPool())
    return future


def _carefully(unit: Unit) -> Parsed:
    """A unit in a process of its own; if that dies too, without the files that kill it."""
    alone = _alone(unit)
    if alone is not None:
        return alone
    survivors = tuple(file for file in unit.files if _alone(Unit(unit.chunk, (file,))) is not None)
    rest = replace(unit, files=survivors)
    result = _alone(rest) or Parsed(skipped=list(unit.unread))
    result.skipped += [("the parser crashed", file.path) for file in unit.files if file not in survivors]
    return result


def _alone(unit: Unit) -> Parsed | None:
    with _pool(1) as pool:
        try:
            return pool.submit(parse, unit).result()
        except BrokenProcessPool:
            return None


def ray(units: Iterator[Unit], workers: int) -> Results:
    """Ray tasks on the cluster that RAY_ADDRESS names, or on a local one started with `workers` CPUs."""
    try:
        import ray as cluster
    except ImportError as error:
        raise MissingExtra("cluster", "ray") from error
    started = not cluster.is_initialized()
    if started:
        if "RAY_ADDRESS" in os.environ:
            cluster.init(log_to_driver=False)
        else:
            cluster.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    try:
        task = cluster.remote(num_cpus=1, max_retries=3)(parse)
        width = UNITS_A_WORKER * int(cluster.cluster_resources().get("CPU", workers)) + 1
        waiting: deque[tuple[Unit, object]] = deque()
        for unit in units:
            waiting.append((unit, task.remote(unit)))
            if len(waiting) >= width:
                first, reference = waiting.popleft()
                yield first, _from_ray(cluster, first, reference)
        while waiting:
            first, reference = waiting.popleft()
            yield first, _from_ray(cluster, first, reference)
    finally:
        if started:
            cluster.shutdown()


def _from_ray(cluster: ModuleType, unit: Unit, reference: object) -> Parsed:
    """A task whose worker died again and again is parsed carefully here, as the local engine does."""
    try:
        result: Parsed = cluster.get(reference)
        return result
    except cluster.exceptions.WorkerCrashedError:
        return _carefully(unit)


ENGINES: dict[str, Callable[[Iterator[Unit], int], Results]] = {"local": local, "ray": ray}
