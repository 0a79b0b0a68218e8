"""What there is to find in a file: its functions, methods and classes, its own documentation, a document's sections.

Functions are those of `phloem.languages`. What holds them (a class, a module, an `impl`) is a table here: a kind of
node, and the field with its name. A class is found by itself; a namespace only gives names to what is in it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from phloem.languages.base import Function, Language
from phloem.languages.comments import Comments, clean
from phloem.languages.documentation import first_sentence
from phloem.languages.functions import FunctionRules, Nodes
from phloem.languages.tree import Tree

KINDS = ("function", "method", "class", "module", "section")
DEEPEST = 16  # definitions around a definition; deeper ones are left out, since each holds all those inside it
_NAME, _TYPE = "name", "type"
_JAVASCRIPT = {"class_declaration": _NAME, "class": _NAME}
_TYPESCRIPT = {**_JAVASCRIPT, "abstract_class_declaration": _NAME, "interface_declaration": _NAME}
_TYPESCRIPT |= {"enum_declaration": _NAME}
_C = {"struct_specifier": _NAME, "union_specifier": _NAME, "enum_specifier": _NAME}
CLASSES: Mapping[str, Mapping[str, str]] = {
    "python": {"class_definition": _NAME},
    "java": dict.fromkeys(
        ("class_declaration", "interface_declaration", "enum_declaration", "record_declaration"), _NAME
    ),
    "csharp": dict.fromkeys(
        (
            *("class_declaration", "interface_declaration", "struct_declaration"),
            *("enum_declaration", "record_declaration"),
        ),
        _NAME,
    ),
    "javascript": _JAVASCRIPT,
    "typescript": _TYPESCRIPT,
    "tsx": _TYPESCRIPT,
    "go": {"type_spec": _NAME},
    "c": _C,
    "cpp": {**_C, "class_specifier": _NAME},
    "rust": {"struct_item": _NAME, "enum_item": _NAME, "union_item": _NAME, "trait_item": _NAME},
    "ruby": {"class": _NAME, "module": _NAME},
    "php": dict.fromkeys(
        ("class_declaration", "interface_declaration", "trait_declaration", "enum_declaration"), _NAME
    ),
}
_NAMESPACES: Mapping[str, Mapping[str, str]] = {
    "csharp": {"namespace_declaration": _NAME},
    "cpp": {"namespace_definition": _NAME},
    "rust": {"impl_item": _TYPE, "mod_item": _NAME},
    "typescript": {"internal_module": _NAME, "module": _NAME},
    "tsx": {"internal_module": _NAME, "module": _NAME},
    "php": {},
}
HOLDERS: Mapping[str, frozenset[str]] = {
    language: frozenset({*table, *_NAMESPACES.get(language, {})}) for language, table in CLASSES.items()
}
_LICENCE = re.compile(r"copyright|licen[cs]e|spdx|all rights reserved", re.IGNORECASE)
_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(```|~~~)")


class Definition(NamedTuple):
    """Something to find. Lines are 1-based, offsets bytes of the file; `text` is its code or its prose."""

    kind: str
    name: str
    qualified: str  # with the names of what holds it, by dots
    line: int
    end_line: int
    start: int
    end: int
    doc: str  # the whole doc comment, markers removed
    signature: str  # one line


def outline(tree: Tree, language: Language, path: str) -> list[Definition]:
    """The definitions of a source file in the order of the file. Never raises on broken code."""
    nodes = Nodes(tree, language)
    holders = _holders(nodes, language)
    functions = {function.node: function for function in language.functions(tree)}
    reader = _Reader(nodes, language, path)
    found = list(reader.module())
    around: list[tuple[int, str, bool]] = []  # what is open here: where it ends, its name, whether it is a class
    for node in sorted({*holders, *functions}):
        while around and around[-1][0] <= node:
            around.pop()
        function, holder = functions.get(node), holders.get(node)
        above = [name for _, name, _ in around]
        if len(around) <= DEEPEST:
            if function is not None:
                found.append(reader.function(function, above, bool(around) and around[-1][2]))
            elif holder is not None and holder.is_class:
                found.append(reader.of_class(node, holder.name, above))
        if function is not None:
            around.append((function.stop, function.name, False))
        elif holder is not None:
            around.append((nodes.stop[node], holder.name, True))
    return found


class _Holder(NamedTuple):
    name: str
    is_class: bool


def _holders(nodes: Nodes, language: Language) -> dict[int, _Holder]:
    """The nodes that give a name to what is inside them."""
    tables = (CLASSES.get(language.name, {}), True), (_NAMESPACES.get(language.name, {}), False)
    found: dict[int, _Holder] = {}
    for table, is_class in tables:
        for node in np.flatnonzero(language.kind_mask(frozenset(table))[nodes.tree.kind]).tolist():
            name = nodes.child(node, table[nodes.name(node)])
            if name >= 0 and nodes.stop[name] > name and (not is_class or _has_body(nodes, node)):
                found[node] = _Holder(_plain(nodes.text(name)), is_class)
    return found


def _has_body(nodes: Nodes, node: int) -> bool:
    """A mention (`struct point p`) or a forward declaration is no class; an alias of Go's is none either."""
    if nodes.name(node) == "type_spec":
        return any(nodes.name(child) in ("struct_type", "interface_type") for child in nodes.children(node))
    if nodes.name(node).endswith("_specifier"):
        return nodes.child(node, "body") >= 0
    return True


def _plain(name: str) -> str:
    """Without type arguments: `Tree<K, V>` is Tree."""
    return re.split(r"[<\[\s(]", name.strip(), maxsplit=1)[0] or name.strip()[:80]


class _Reader:
    """Definitions of one file."""

    def __init__(self, nodes: Nodes, language: Language, path: str) -> None:
        self.nodes, self.language, self.path = nodes, language, path
        rules = language.find_functions
        self.rules = rules if isinstance(rules, FunctionRules) else FunctionRules({})
        source = nodes.tree.source
        self._newlines = np.flatnonzero(np.frombuffer(source, np.uint8) == ord("\n")).tolist()
        self._comments: Comments | None = None

    def line(self, offset: int) -> int:
        return bisect_left(self._newlines, offset) + 1

    def function(self, function: Function, above: list[str], in_class: bool) -> Definition:
        nodes = self.nodes
        if self.language.name == "go":
            receiver = nodes.child(function.node, "receiver")
            if receiver >= 0:
                above, in_class = [*above, _receiver(nodes.text(receiver))], True
        elif self.language.name == "cpp":
            outside = nodes.parent[function.name_node]
            if outside >= 0 and nodes.name(outside) == "qualified_identifier":
                above, in_class = [*above, _plain(nodes.text(nodes.child(outside, "scope")))], True
        start, end = nodes.start[function.node], nodes.end[function.node]
        return Definition(
            "method" if in_class else "function",
            function.name,
            ".".join((*above, function.name)),
            self.line(start),
            function.end_line,
            start,
            end,
            function.doc,
            _signature(nodes.tree.source, start, nodes.start[function.body]),
        )

    def of_class(self, node: int, name: str, above: list[str]) -> Definition:
        nodes = self.nodes
        body = nodes.child(node, "body")
        start, end = nodes.start[node], nodes.end[node]
        parent = nodes.parent[node]
        if parent >= 0 and nodes.name(parent) in (*self.rules.wrappers, "type_declaration", "export_statement"):
            start = nodes.start[parent]
        documented = None
        if self.rules.docstring is not None:
            documented = self.rules.docstring(nodes, body) if body >= 0 else None
        elif self.rules.comments is not None:
            if self._comments is None:
                self._comments = Comments(nodes.tree, self.language, self.rules.comments)
            documented = self._comments.before(start)
            if documented and self.rules.tidy is not None:
                documented = self.rules.tidy(documented[0]), documented[1]
        return Definition(
            "class",
            name,
            ".".join((*above, name)),
            self.line(start),
            self.line(max(start, end - 1)),
            start,
            end,
            documented[0] if documented else "",
            _signature(nodes.tree.source, start, nodes.start[body] if body >= 0 else end),
        )

    def module(self) -> Iterator[Definition]:
        """The file's own documentation: a docstring, or a first comment that is no licence."""
        nodes, doc, end = self.nodes, "", 0
        if self.rules.docstring is not None:
            documented = self.rules.docstring(nodes, 0) if len(nodes.kind) > 1 else None
            if documented:
                doc, end = documented[0], documented[1][1]
        else:
            doc, end = _header(nodes.tree.source)
        if first_sentence(doc):
            pure = PurePosixPath(self.path)
            implied = pure.stem in ("__init__", "index", "mod") and pure.parent.name
            name = pure.parent.name if implied else pure.stem
            qualified = ".".join((*pure.parent.parts, pure.stem))
            yield Definition("module", name, qualified, 1, self.line(end), 0, end, doc, "")


def _receiver(text: str) -> str:
    """The type of Go's `(t *Tree[K])`."""
    inner = text.strip("() \t\n")
    return _plain(inner.split()[-1].lstrip("*")) if inner else ""


_BLOCK = re.compile(
    rb"\A(?:#![^\n]*\n|<\?php\b)?\s*(/\*.*?\*/|(?:[ \t]*//[^\n]*\n)+|(?:[ \t]*#(?![!\[])[^\n]*\n)+)", re.DOTALL
)


def _header(source: bytes) -> tuple[str, int]:
    """The text of the first comment of a file, "" where it speaks of a licence, and where it ends."""
    match = _BLOCK.match(source[:20_000])
    if match is None:
        return "", 0
    text = match[1].decode("utf-8", "replace")
    if _LICENCE.search(text) or re.match(r"#\s*(?:include|define|if|pragma)", text):
        return "", 0
    return clean([text]), match.end(1)


def _signature(source: bytes, start: int, body: int) -> str:
    """What stands before the body, on one line."""
    text = source[start : min(body, start + 2_000)].decode("utf-8", "replace")
    return " ".join(text.split()).rstrip("{:=> ")[:300]


def sections(source: bytes, path: str) -> list[Definition]:
    """The sections of a Markdown document that have text of their own; code fences hold no headings."""
    lines = source.decode("utf-8", "replace").splitlines(keepends=True)
    titles: list[str] = [PurePosixPath(path).stem]
    levels = [0]
    found: list[Definition] = []
    offset, fenced = 0, ""
    start, first, body = 0, 1, ""

    def close(end: int, last: int) -> None:
        text = body.strip()
        if text:
            found.append(Definition("section", titles[-1], " › ".join(titles), first, last, start, end, text, ""))

    for number, line in enumerate(lines, 1):
        fence = _FENCE.match(line)
        if fence and (not fenced or fence[1] == fenced):
            fenced = "" if fenced else fence[1]
        heading = None if fenced or fence else _HEADING.match(line)
        if heading:
            close(offset, number - 1)
            level = len(heading[1])
            while levels[-1] >= level:
                levels.pop()
                titles.pop()
            levels.append(level)
            titles.append(heading[2][:120])
            start, first, body = offset, number, ""
        elif len(body) < 20_000:
            body += line
        offset += len(line.encode())
    close(offset, len(lines))
    return found
