"""What an editor asks of an open document: which names do not fit, what a function could be called, and renaming it.

A document changes with every key, its functions mostly do not. What a model said of a function is kept under a digest
of its text, so that after a change only the changed functions are asked about again. Offsets are bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from phloem.assist.checks import Check, carry_on
from phloem.assist.findings import findings_of
from phloem.assist.predictions import Prediction
from phloem.assist.reports import percent
from phloem.assist.sources import SourceFile
from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.languages.base import Function, Language
from phloem.languages.tree import Tree
from phloem.represent.values import METHOD_NAME
from phloem.serve.workspace import Workspace

MOST_FUNCTIONS = 1_000  # of a document: of more none is judged
MOST_ABOVE = 2_000  # bytes of decorators and annotations
SHOWN, REASONS = 3, 3  # names, and paths a word, in a hover
_OWN = frozenset({b"self", b"this", b"cls", b"Self", b"$this"})
_DOTS = frozenset({b".", b"->", b"::", b"?."})
_IMPLICIT_THIS = frozenset({"java", "csharp", "cpp"})
_TYPES = ("class", "impl", "interface", "struct", "trait", "enum", "record", "module")


class Named(NamedTuple):
    """A function of a document: its span, that of its name, and what identifies its text."""

    name: str
    start: int
    end: int
    name_start: int
    name_end: int
    header_end: int  # the end of the line that the name is on
    digest: bytes


class Judged(NamedTuple):
    """A function whose name is improbable for its body."""

    function: Named
    prediction: Prediction


class Document:
    """An open document, for one thread at a time."""

    def __init__(self, path: str, language: str) -> None:
        self.path, self.language = path, language
        self._judged: dict[bytes, Prediction] = {}
        self._hovers: dict[bytes, str] = {}

    def flagged(self, text: str, place: Workspace, check: Check = carry_on) -> list[Judged]:
        """The functions whose names disagree with their bodies. Raises PhloemError: too large, or no model."""
        file = place.text(text, self.language, self.path)
        model = place.model("names", self.language)
        functions = self.functions(file.source)
        check()
        new = {each.start for each in functions if each.digest not in self._judged}
        if new:
            threshold = place.settings.threshold
            answers = model.predict_files(
                [file], beam=SHOWN, threshold=threshold, suggest="flagged", check=check, wanted=lambda e: e.start in new
            )
            said = {each.start: each for each in next(answers)[1]}
            self._judged.update({each.digest: said[each.start] for each in functions if each.start in said})
        self._judged = {each.digest: self._judged[each.digest] for each in functions if each.digest in self._judged}
        placed = [self._placed(each, file.source) for each in functions if each.digest in self._judged]
        by_start = {each.start: each for each in functions}
        findings = findings_of(file, placed, None)
        kept = [each.prediction for each in findings if each.prediction.flagged and each.prediction.suggestions]
        return [Judged(by_start[each.start], each) for each in kept]

    def hover(self, text: str, offset: int, place: Workspace, check: Check = carry_on) -> tuple[Named, str] | None:
        """The function whose head is at an offset with what models suggest for it, in Markdown; None elsewhere."""
        file = place.text(text, self.language, self.path)
        at = [each for each in self.functions(file.source) if each.start <= offset <= each.header_end]
        if not at:
            return None
        function = at[-1]  # of nested ones the innermost
        check()
        if function.digest not in self._hovers:
            names = self._asked("names", file, function, place, check)
            summary = self._asked("summaries", file, function, place, check)
            if len(self._hovers) > MOST_FUNCTIONS:
                self._hovers.clear()
            self._hovers[function.digest] = hover_text(names, summary)
        shown = self._hovers[function.digest]
        return (function, shown) if shown else None

    def rename(self, text: str, function: Named) -> list[tuple[int, int]]:
        """The spans to write a function's new name to: its definition, and its uses in this document."""
        language = by_name(self.language)
        tree = language.parse(text.encode("utf-8", "replace"))
        return uses(tree, language, function)

    def functions(self, source: bytes) -> list[Named]:
        """Raises PhloemError for more than MOST_FUNCTIONS."""
        language = by_name(self.language)
        tree = language.parse(source)
        found = language.functions(tree)
        if len(found) > MOST_FUNCTIONS:
            raise PhloemError(f"{self.path}: {len(found):,} functions are more than {MOST_FUNCTIONS:,}")
        return [_named(each, tree) for each in found]

    def _placed(self, function: Named, source: bytes) -> Prediction:
        """What was said of a function, at the place where it is now."""
        line = source.count(b"\n", 0, function.name_start) + 1
        last = source.count(b"\n", 0, function.end) + 1
        said = self._judged[function.digest]
        return said._replace(start=function.start, end=function.end, line=line, end_line=last)

    def _asked(self, task: str, file: SourceFile, function: Named, place: Workspace, check: Check) -> Prediction | None:
        try:
            model = place.model(task, self.language)
        except PhloemError:  # there is none for the language
            return None
        answers = model.predict_files(
            [file], attention=task == "names", check=check, wanted=lambda each: each.start == function.start
        )
        return next(iter(next(answers)[1]), None)


def hover_text(names: Prediction | None, summary: Prediction | None) -> str:
    """Markdown of a summary, names, and the paths that each word of the best name rests on; "" of nothing."""
    parts = []
    if summary is not None and summary.suggestions:
        best = summary.suggestions[0]
        parts.append(f"{best.text} *(a guess, {percent(best.probability)})*")
    if names is not None and names.suggestions:
        told = ", ".join(f"{_code(each.text)} {percent(each.probability)}" for each in names.suggestions[:SHOWN])
        now = " – the present name is improbable for this body" if names.flagged else ""
        parts.append(f"**Names by the body** {told}{now}")
        best = names.suggestions[0]
        for word, paths in zip(best.words, best.attention, strict=False):
            ends = ", ".join(f"{_code(each.left)} ↔ {_code(each.right)}" for each in paths[:REASONS])
            if ends:
                parts.append(f"*{word}* because of {ends}")
    return "\n\n".join(parts)


def uses(tree: Tree, language: Language, function: Named) -> list[tuple[int, int]]:
    """The identifiers of a document that mean a function, as far as the document tells.

    Names behind a dot are another object's unless it is the object itself. A method is used without one only where the
    language lets it. A variable of the same name counts as a use, since scopes are not looked at.
    """
    leaf = np.ones(len(tree.kind), bool)
    leaf[tree.parent[1:]] = False
    nodes = np.flatnonzero(leaf & (tree.end > tree.start))
    starts, ends = tree.start[nodes].tolist(), tree.end[nodes].tolist()
    wanted = tree.source[function.name_start : function.name_end]
    method = _is_method(tree, language, function)
    found = []
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if end - start != len(wanted) or tree.source[start:end] != wanted:
            continue
        if not _is_identifier(language, int(tree.kind[nodes[i]])):
            continue
        behind = i > 0 and tree.source[starts[i - 1] : ends[i - 1]] in _DOTS
        own = behind and i > 1 and tree.source[starts[i - 2] : ends[i - 2]] in _OWN
        plain = not behind and (not method or language.name in _IMPLICIT_THIS)
        if start == function.name_start or plain or (own and method):
            found.append((start, end))
    return found


def _named(function: Function, tree: Tree) -> Named:
    start, end = int(tree.start[function.node]), int(tree.end[function.node])
    name_start, name_end = int(tree.start[function.name_node]), int(tree.end[function.name_node])
    line_end = tree.source.find(b"\n", name_end)
    above = max(tree.source.rfind(b"\n\n", 0, start), tree.source.rfind(b"}", 0, start), start - MOST_ABOVE, 0)
    text = tree.source[above:end]  # what says that it is an override stands above it
    digest = hashlib.blake2b(text, digest_size=16, salt=str(name_start - start).encode()[:16]).digest()
    header_end = min(end, line_end) if line_end >= 0 else end
    return Named(function.name, start, end, name_start, name_end, header_end, digest)


def _is_identifier(language: Language, kind: int) -> bool:
    name = language.kinds[kind] if kind < len(language.kinds) else ""
    return name in language.identifier_kinds or name.endswith("identifier") or name == "name"


def _is_method(tree: Tree, language: Language, function: Named) -> bool:
    [node, *_] = np.flatnonzero((tree.start == function.start) & (tree.end == function.end)).tolist()
    kinds = language.kinds
    if "method" in kinds[int(tree.kind[node])]:
        return True
    above = int(tree.parent[node])
    while above > 0:
        kind = int(tree.kind[above])
        name = kinds[kind] if kind < len(kinds) else ""
        if "function" in name:
            return False
        if name.startswith(_TYPES):
            return True
        above = int(tree.parent[above])
    return False


def _code(text: str) -> str:
    """As code; the place of the name itself, which the model does not see, in words."""
    return "its name" if text == METHOD_NAME else "`" + text.replace("|", "_").replace("`", "'") + "`"


def language_for(language_id: str, path: str, known: Sequence[str]) -> str | None:
    """The language that an editor means, by its identifier, else by the file's name.

    >>> language_for("typescriptreact", "a.tsx", ("tsx",)), language_for("plaintext", "a.py", ("python",))
    ('tsx', 'python')
    """
    from phloem.languages import name_for_path

    other = {"typescriptreact": "tsx", "javascriptreact": "javascript", "c++": "cpp", "c#": "csharp", "cs": "csharp"}
    name = other.get(language_id.lower(), language_id.lower())
    return name if name in known else name_for_path(path)
