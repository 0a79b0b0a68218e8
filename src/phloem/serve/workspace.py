"""A folder that coding assistants and editors ask about: its index, the models, and the jobs over both.

Everything that is asked by a path stays within the folder, links resolved. The index is made when it is first asked
for, and brought up to date again when it was last looked after more than FRESH seconds ago. For one thread at a time:
parsers and an open index are not to be shared between threads.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from phloem.assist.checks import Check, carry_on
from phloem.assist.findings import Finding, findings_of
from phloem.assist.progress import Tell, silent
from phloem.assist.settings import Settings, read_settings
from phloem.assist.sources import Skipped, SourceFile, read_sources, unfit
from phloem.errors import PhloemError
from phloem.languages import by_name

if TYPE_CHECKING:
    from phloem.assist.explanation import Explanation
    from phloem.assist.models import Model, Models
    from phloem.assist.review.findings import ReviewFinding
    from phloem.assist.review.review import Reviewers
    from phloem.assist.search.clones import Group
    from phloem.assist.search.search import Filters, Match, OpenIndex

FRESH = 2.0  # seconds
SECONDS = 30.0  # that models may take for one answer


class Symbol(NamedTuple):
    """Where a definition is."""

    name: str
    qualified_name: str
    kind: str
    path: str
    line: int
    end_line: int


class Workspace:
    """What `phloem mcp`, `phloem lsp` and the search page ask. Paths given and answered are from `root`."""

    def __init__(self, root: str | Path, *, fresh: float = FRESH, settings: Settings | None = None) -> None:
        """`settings` in place of the folder's own. Raises PhloemError for no such folder and for wrong settings."""
        path = Path(root)
        if not path.is_dir():
            raise PhloemError(f"{root}: " + ("not a folder" if path.exists() else "no such folder"))
        self.root = path.resolve()
        self.fresh = fresh
        self.settings: Settings = read_settings(self.root) if settings is None else settings
        self._opened: OpenIndex | None = None
        self._looked = -math.inf  # when the files were last looked at
        self._models: dict[str, Models] = {}
        self._reviewers: dict[tuple[str, ...], Reviewers] = {}

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def inside(self, file: str) -> Path:
        """The file that a path means. Raises PhloemError where it is outside the folder or is no file."""
        try:
            real = (self.root / file).resolve()
            if not real.is_relative_to(self.root):
                raise PhloemError(f"{file} is outside {self.root}")
            if not real.is_file():
                raise PhloemError(f"{file}: " + ("not a file" if real.exists() else f"no such file in {self.root}"))
        except (OSError, ValueError, RuntimeError) as error:
            raise PhloemError(f"{file[:200]!r} is no path of a file") from error
        return real

    def index(self, tell: Tell = silent, *, refresh: bool = True) -> OpenIndex:
        """The index of the folder, brought up to date where it is due and `refresh` is on; made where there is none.

        Raises PhloemError, MissingExtra among them.
        """
        from phloem.assist.search.index import Wish
        from phloem.assist.search.search import open_index

        due = time.monotonic() - self._looked > self.fresh
        if self._opened is not None and not (due and refresh):
            return self._opened
        wish = Wish(exclude=self.settings.exclude, max_file_size=self.settings.max_file_size)
        if self._opened is not None:  # embeds in this process, which is enough for what changes while one works
            wish = replace(wish, embedder=self._opened.embedder)
        refresh = refresh or not self.is_indexed()
        opened = open_index(self.root, refresh=refresh, wish=wish, tell=tell)
        opened.shown = ""
        self.close()
        self._opened, self._looked = opened, time.monotonic() if refresh else -math.inf
        return opened

    def search(
        self,
        query: str,
        *,
        limit: int = 10,
        language: str | None = None,
        path: str | None = None,
        kind: str | None = None,
        tell: Tell = silent,
        refresh: bool = True,
    ) -> list[Match]:
        """The definitions that answer a question, a piece of code, or FILE:NAME of a file in the folder, best first.

        Raises PhloemError for an empty query, unknown filters and a damaged index.
        """
        from phloem.assist.search.lexical import query_terms
        from phloem.assist.search.search import understand

        place = self._place(query)
        if place:
            file, name, line = place
            return self.similar(file, name, line=line, limit=limit, language=language, path=path, kind=kind, tell=tell)
        question = understand(query)
        opened = self.index(tell, refresh=refresh)
        filters = self._filters(opened, language, path, kind)
        embed = opened.embedder.codes if question.is_code else opened.embedder.queries
        vector, terms = embed([question.text])[0], query_terms(question.text)
        return self._from_root(opened, opened.nearest(vector, terms, question, limit=limit, filters=filters))

    def similar(
        self,
        file: str,
        name: str,
        *,
        line: int | None = None,
        limit: int = 10,
        language: str | None = None,
        path: str | None = None,
        kind: str | None = None,
        tell: Tell = silent,
    ) -> list[Match]:
        """The definitions nearest in meaning to one of a file. Raises PhloemError where that is not there."""
        real = self.inside(file)
        opened = self.index(tell)
        place = f"{real}:{name}" + (f":{line}" if line else "")
        found = opened.similar(place, limit=limit, filters=self._filters(opened, language, path, kind))
        return self._from_root(opened, found)

    def symbols(self, query: str, *, limit: int = 50) -> list[Symbol]:
        """The definitions whose name has the query in it, the shortest names first, then those that it means.

        As the index is: files are not looked at, so that the answer comes at once.
        """
        from phloem.assist.search.table import literal

        text = query.strip()
        opened = self.index(refresh=False)
        found: list[Symbol] = []
        if len(text) > 1 and text.replace(".", "_").isidentifier():
            condition = f"contains(lower(qualified_name), {literal(text.lower())})"
            if opened.below:
                condition += f" AND starts_with(path, {literal(opened.below)})"
            rows = opened.table.where(condition, list(Symbol._fields)).to_pylist()
            rows.sort(key=lambda row: (len(row["qualified_name"]), row["path"], row["line"]))
            found = [Symbol(**row)._replace(path=row["path"][len(opened.below) :]) for row in rows[:limit]]
        if text and len(found) < limit:
            matches = self.search(text, limit=limit, refresh=False)
            found += [Symbol(*(getattr(match, name) for name in Symbol._fields)) for match in matches]
        return list(dict.fromkeys(found))[:limit]

    def is_indexed(self) -> bool:
        """Whether there is an index that covers the folder."""
        from phloem.assist.search.table import nearest

        return nearest(self.root) is not None

    def clones(
        self,
        *,
        kinds: Sequence[str] = ("near", "semantic"),
        threshold: float | None = None,
        least_lines: int = 5,
        path: str | None = None,
        language: str | None = None,
        tell: Tell = silent,
    ) -> list[Group]:
        """Groups of functions that are copies or do the same, those with the most lines to save first."""
        from phloem.assist.search.clones import clones

        opened = self.index(tell)
        groups = clones(
            opened,
            kinds=kinds,
            threshold=threshold,
            least_lines=least_lines,
            filters=self._filters(opened, language, path, None),
            tell=tell,
        )
        cut = len(opened.below)
        return [
            group._replace(members=tuple(member._replace(path=member.path[cut:]) for member in group.members))
            for group in groups
        ]

    def languages(self) -> dict[str, int]:
        """How many definitions of each language there are, as the index was last looked after."""
        from phloem.assist.search.files import language_of

        opened = self.index(refresh=False)
        counts: dict[str, int] = {}
        for path, record in opened.table.known().items():
            if record.rows > 0 and path.startswith(opened.below):
                name = language_of(path) or ""
                counts[name] = counts.get(name, 0) + record.rows
        return counts

    def read(self, file: str) -> SourceFile:
        """A source file of the folder. Raises PhloemError where it is outside, unfit, or in no known language."""
        real = self.inside(file)
        skipped = Skipped()
        for each in read_sources([real], max_file_size=self.settings.max_file_size, skipped=skipped):
            return each._replace(path=real.relative_to(self.root).as_posix())
        raise PhloemError(f"{file}: {skipped.files[0][1] if skipped.files else 'not readable'}")

    def text(self, code: str, language: str, path: str = "code") -> SourceFile:
        """Code that a client sent, as a file. Raises PhloemError where it is unfit or the language is unknown."""
        source = code.encode("utf-8", "replace")
        problem = unfit(source, self.settings.max_file_size)
        if problem:
            raise PhloemError(f"{path}: {problem}")
        return SourceFile(path, by_name(language).name, source)

    def findings(self, file: SourceFile, task: str, *, beam: int = 3, check: Check = carry_on) -> list[Finding]:
        """What the model for a task ("names" or "summaries") says of each function, flags as `phloem name` has them.

        Raises PhloemError where no model is for the file's language, and what `check` raises.
        """
        model = self.model(task, file.language)
        threshold = self.settings.threshold if task == "names" else None
        answers = model.predict_files([file], beam=beam, threshold=threshold, check=check)
        return findings_of(file, next(answers)[1], None)

    def review(
        self, file: SourceFile, *, checks: Sequence[str] = (), names: bool = True, check: Check = carry_on
    ) -> list[ReviewFinding]:
        """What looks wrong in a file, the most probable first, as `phloem review` has it; `checks` in place of the
        settings' own, `names=False` without misleading ones. Raises PhloemError, also what `check` raises."""
        from phloem.assist.review.findings import heeded, ranked
        from phloem.assist.review.review import Reviewers

        chosen = tuple(checks) or self.settings.checks
        if chosen not in self._reviewers:
            given = self.settings.review_model
            self._reviewers[chosen] = Reviewers(given, checks=chosen or None, naming=self.settings.model)
        reviewers = self._reviewers[chosen]
        found = next(reviewers.review_files([file], names=names, check=check))
        return ranked(heeded(file, found, None))

    def explain(self, file: SourceFile, name: str, line: int | None = None) -> Explanation:
        """Names for one function with the paths that each word rests on. Raises PhloemError."""
        from phloem.assist.explanation import explain

        return explain(self.model("names", file.language), file, name, line)

    def model(self, task: str, language: str) -> Model:
        """The model of the settings, or the package's for the language. Raises PhloemError where there is none."""
        from phloem.assist.models import Models

        if task not in self._models:
            given = self.settings.model if task == "names" else None
            self._models[task] = Models(task, given)
        model = self._models[task].for_language(language)
        if model is None:
            raise PhloemError(f"there is no model for {task} of {language} functions")
        return model

    def _place(self, query: str) -> tuple[str, str, int | None] | None:
        """What FILE:NAME means where the query is one of a file in the folder; a path elsewhere is a text like any."""
        from phloem.assist.places import place

        if ":" not in query or len(query) > 1_000 or "\n" in query:
            return None
        try:
            where = place(query.strip())
            self.inside(str(where.file))
        except PhloemError:
            return None
        return str(where.file), where.name, where.line

    def _filters(self, opened: OpenIndex, language: str | None, path: str | None, kind: str | None) -> Filters:
        """The index may be of a folder above; a glob with a slash begins at this one."""
        from phloem.assist.search.search import Filters

        glob = opened.below + path.removeprefix("./") if path and "/" in path.rstrip("/") else path
        filters = Filters(language or None, glob or None, kind or None)
        filters.condition()
        return filters

    @staticmethod
    def _from_root(opened: OpenIndex, matches: list[Match]) -> list[Match]:
        return [match._replace(path=match.path[len(opened.below) :]) for match in matches]


def deadline(seconds: float = SECONDS) -> Check:
    """A check that ends work after so many seconds, with a PhloemError."""
    end = time.monotonic() + seconds

    def check() -> None:
        if time.monotonic() > end:
            raise PhloemError(f"no answer within {seconds:g} seconds: ask about less code at a time")

    return check
