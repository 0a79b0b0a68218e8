"""Mining: from source trees and packages to shards, in one streaming pass.

    list    walk the sources once without parsing: sizes of projects, their licences, what is skipped
    split   by project, from the sizes
    parse   units of files in worker processes (or on a Ray cluster), results in the order of the listing
    write   for each chunk of units: drop duplicates of what came before, write a part for each split

Memory is bounded by the chunk and the units in flight, plus 150 bytes a function for finding duplicates (a gibibyte
lasts for about three million functions). Content and order depend on the input and the settings only, never on the
number of workers. A killed run is resumed by the same call: finished chunks are remembered in `DIR/.mining` with the
fingerprints that later chunks are compared with.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from phloem.corpora import duplicates, engines, shards, splits
from phloem.corpora.listing import NAMED_SKIPS, Listing, MineSettings, list_sources, open_sources, units
from phloem.corpora.parsing import Parsed
from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.locks import locked

STATE_FOLDER = ".mining"
SMALL = 2 << 20  # bytes of source that are not worth starting processes for


class Progress(NamedTuple):
    """How far a run is."""

    stage: str  # "list" or "parse"
    done: int  # bytes of source
    total: int
    functions: int  # parsed in this run, before duplicates are dropped


@dataclass
class MineReport:
    """What a run did. `skipped` counts files by reason, `skipped_paths` names the first of each."""

    folder: str
    functions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(shards.SHARD_SPLITS, 0))
    languages: dict[str, int] = field(default_factory=dict)
    files: int = 0
    broken: int = 0
    exact_duplicates: int = 0
    near_duplicates: int = 0
    projects: int = 0
    split_by: str = "project"
    skipped: dict[str, int] = field(default_factory=dict)
    skipped_paths: dict[str, list[str]] = field(default_factory=dict)
    seconds: float = 0.0
    resumed: bool = False


@dataclass
class _State:
    """What is remembered between runs: the plan's fingerprint and the finished chunks' counts."""

    plan: str
    chunks: int = 0
    seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    languages: dict[str, int] = field(default_factory=dict)
    projects: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    skipped_paths: dict[str, list[str]] = field(default_factory=dict)


def mine(
    sources: list[str],
    out: str | Path,
    *,
    settings: MineSettings | None = None,
    engine: str = "local",
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> MineReport:
    """Mine sources into the corpus folder `out`; the same call after a kill goes on where it stopped.

    A source is a folder, a source file, a zip, jar, wheel, tar or sdist, `pip:NAME[==VERSION]` or `installed`.
    Raises PhloemError for sources that do not exist or hold no code, and for a folder that holds something else or that
    another run is mining into.
    """
    settings = settings or MineSettings()
    tell = progress or (lambda _: None)
    if engine not in engines.ENGINES:
        raise PhloemError(f"no engine {engine!r}: there are {', '.join(engines.ENGINES)}")
    folder = Path(out)
    began = time.monotonic()
    try:
        _check_target(folder)
        with locked(folder / STATE_FOLDER / "lock", f"another run is mining into {folder}: wait for it or stop it"):
            opened = open_sources(sources, folder / STATE_FOLDER / "packages", settings)
            listing = list_sources(opened, settings, lambda done: tell(Progress("list", done, done, 0)))
            plan = _plan(listing, settings)
            if (folder / "corpus.json").exists():
                return _finished(folder, plan)
            run = _Run(folder, listing, settings, plan, tell, began)
            return run.run(opened, engine, workers or os.cpu_count() or 1)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise PhloemError(f"no space left for {folder}: make room and run the same command to go on") from error
        raise PhloemError(f"mining into {folder} failed: {error}") from error


def _check_target(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise PhloemError(f"{folder} is a file; --out names a folder")
    known = {"corpus.json", STATE_FOLDER, *shards.SHARD_SPLITS}
    if folder.exists() and (foreign := sorted(each.name for each in folder.iterdir() if each.name not in known)):
        raise PhloemError(f"{folder} holds other things ({foreign[0]}): choose an empty folder")
    folder.mkdir(parents=True, exist_ok=True)


def _plan(listing: Listing, settings: MineSettings) -> str:
    """A fingerprint of input, settings and grammars: what a run that goes on must have in common with the first."""
    grammars = {name: by_name(name).version for name in listing.languages}
    facts = [shards.FORMAT_VERSION, asdict(settings), grammars, listing.digest]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _finished(folder: Path, plan: str) -> MineReport:
    facts = shards.info(folder)
    if facts.get("plan") != plan:
        raise PhloemError(f"{folder} holds a corpus of other sources or settings: choose another folder or remove it")
    return MineReport(**{**facts["report"], "folder": str(folder), "resumed": True})


class _Run:
    """One run of the pass: what is known of the finished chunks, and the chunk that is being gathered."""

    def __init__(
        self,
        folder: Path,
        listing: Listing,
        settings: MineSettings,
        plan: str,
        tell: Callable[[Progress], None],
        began: float,
    ) -> None:
        self.folder, self.listing, self.settings, self.tell, self.began = folder, listing, settings, tell, began
        self.work = folder / STATE_FOLDER
        self.work.mkdir(exist_ok=True)
        self.index = duplicates.Index()
        self.state = self._restore(plan)
        self.resumed = self.state.chunks > 0
        self.by_project = len(listing.sizes) >= 3
        self.split_of = splits.by_project(listing.sizes, settings.seed) if self.by_project else {}
        self.gathered: list[Parsed] = []
        self.parsed = 0

    def _restore(self, plan: str) -> _State:
        file = self.work / "state.json"
        if not file.exists():
            return _State(plan)
        state = _State(**json.loads(file.read_text(encoding="utf-8")))
        if state.plan != plan:
            raise PhloemError(
                f"{self.folder} holds an unfinished corpus of other sources or settings: "
                "choose another folder or remove it"
            )
        for chunk in range(state.chunks):
            self.index.restore(duplicates.load(self.work / f"chunk-{chunk:05d}.npz"))
        return state

    def run(self, opened: list[Any], engine: str, workers: int) -> MineReport:
        stream = units(opened, self.listing, self.settings, self.state.chunks)
        small = self.listing.total <= SMALL and engine == "local"
        parse = engines.in_process if small or (workers == 1 and engine == "local") else engines.ENGINES[engine]
        chunk = self.state.chunks
        for unit, result in parse(stream, workers):
            if unit.chunk != chunk:
                self._finish_chunk()
                chunk = unit.chunk
            self.gathered.append(result)
            self.parsed += 0 if result.fingerprints is None else len(result.fingerprints.exact)
            self.tell(Progress("parse", unit.position, self.listing.total, self.parsed))
        if self.gathered:
            self._finish_chunk()
        return self._close()

    def _finish_chunk(self) -> None:
        """Write the gathered chunk: parts first, then fingerprints, then the state that makes it count."""
        state = self.state
        counts = Counter(state.counts)
        for each in self.gathered:
            counts.update(files=each.files, broken=each.broken)
            for reason, path in each.skipped:
                _note(state.skipped, state.skipped_paths, reason, path)
        full = [each for each in self.gathered if each.fingerprints is not None]
        kept = duplicates.fingerprint([])
        if full:
            table = pa.concat_tables([pa.ipc.open_stream(each.batch).read_all() for each in full])
            prints = duplicates.Fingerprints(*map(np.concatenate, zip(*(p.fingerprints for p in full), strict=True)))
            self.gathered, full = [], []
            exact, near = self.index.add(prints)
            keep = ~(exact | near)
            kept = duplicates.Fingerprints(*(column[keep] for column in prints))
            counts.update(exact=int(exact.sum()), near=int(near.sum()))
            self._write(table.filter(pa.array(keep)), counts)
        self.gathered = []
        duplicates.save(self.work / f"chunk-{state.chunks:05d}.npz", kept)
        state.counts = dict(counts)
        state.chunks += 1
        now = time.monotonic()
        state.seconds, self.began = state.seconds + now - self.began, now
        shards.write_json(self.work / "state.json", asdict(state))

    def _write(self, table: pa.Table, counts: Counter[str]) -> None:
        projects, paths = (table.column(name).to_pylist() for name in ("project", "path"))
        if self.by_project:
            split = [self.split_of[project] for project in projects]
        else:
            split = [splits.by_file(path, self.settings.seed) for path in paths]
        for name in shards.SHARD_SPLITS:
            rows = np.flatnonzero([each == name for each in split])
            if len(rows):
                shards.write_part(self.folder, name, self.state.chunks, table.take(pa.array(rows)))
                counts.update({name: len(rows)})
        for totals, column in ((self.state.languages, "language"), (self.state.projects, "project")):
            for value, count in Counter(table.column(column).to_pylist()).items():
                totals[value] = totals.get(value, 0) + count

    def _close(self) -> MineReport:
        state = self.state
        skipped = {**state.skipped}
        skipped_paths = {reason: list(paths) for reason, paths in state.skipped_paths.items()}
        for reason, count in self.listing.skipped.items():
            skipped[reason] = skipped.get(reason, 0) + count
            skipped_paths[reason] = (skipped_paths.get(reason, []) + self.listing.skipped_paths[reason])[:NAMED_SKIPS]
        report = MineReport(
            folder=str(self.folder),
            functions={split: state.counts.get(split, 0) for split in shards.SHARD_SPLITS},
            languages=state.languages,
            files=state.counts.get("files", 0),
            broken=state.counts.get("broken", 0),
            exact_duplicates=state.counts.get("exact", 0),
            near_duplicates=state.counts.get("near", 0),
            projects=len(self.listing.sizes),
            split_by="project" if self.by_project else "file",
            skipped=skipped,
            skipped_paths=skipped_paths,
            seconds=round(state.seconds, 1),
            resumed=self.resumed,
        )
        shards.write_json(self.folder / "corpus.json", self._facts(report))
        shutil.rmtree(self.work, ignore_errors=True)
        return report

    def _facts(self, report: MineReport) -> dict[str, Any]:
        languages = {}
        for name in sorted(self.state.languages):
            known = by_name(name)
            grammar = {"package": known.package, "version": known.version}
            languages[name] = {**grammar, "kinds": list(known.kinds), "fields": list(known.fields)}
        projects = [
            {
                "name": name,
                "split": self.split_of.get(name, "by file"),
                "licence": self.listing.licences.get(name, ""),
                "bytes": size,
                "functions": self.state.projects.get(name, 0),
            }
            for name, size in self.listing.sizes.items()
        ]
        return {
            "format": shards.FORMAT_VERSION,
            "plan": self.state.plan,
            "settings": asdict(self.settings),
            "report": asdict(report),
            "projects": projects,
            "languages": languages,
        }


def _note(counts: dict[str, int], paths: dict[str, list[str]], reason: str, path: str) -> None:
    counts[reason] = counts.get(reason, 0) + 1
    named = paths.setdefault(reason, [])
    if len(named) < NAMED_SKIPS:
        named.append(path)
