"""Parallel texts out of gettext catalogues: what programs say, in English and in the languages they were translated to.

A catalogue is a text file (.po) or its compiled form (.mo, GNU gettext manual, section "The Format of GNU MO Files").
Messages that are marked as fuzzy, obsolete, empty or not translated (both sides equal once blanks, case and accelerator
marks are set aside) are left out; of plural forms the first one of each side is taken. A catalogue's language is that
of its header, else of its path (LANG/LC_MESSAGES/x.mo, x.LANG.po, LANG.po).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

LARGEST = 20_000_000  # bytes of a catalogue that is read
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r'\\(n|t|r|"|\\)')
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
_HEADER = re.compile(r"^Language:\s*([A-Za-z]{2,3})", re.MULTILINE)
_LANGUAGE = re.compile(r"(?:^|[./])([a-z]{2,3})(?:[_@][A-Za-z]+)*(?:\.UTF-8)?(?:\.(?:po|mo)$|/LC_MESSAGES/)")
_LITTLE, _BIG = b"\xde\x12\x04\x95", b"\x95\x04\x12\xde"


class Message(NamedTuple):
    """An English text, its translation, the language by its code ("de"), and the package that says it."""

    source: str
    target: str
    language: str
    package: str


def catalogues(folder: str | Path) -> Iterator[Message]:
    """The messages of all catalogues under FOLDER/PACKAGE/…, in the order of their paths; broken files give none."""
    root = Path(folder)
    for file in sorted([*root.rglob("*.po"), *root.rglob("*.mo")]):
        try:
            if file.stat().st_size > LARGEST:
                continue
            data = file.read_bytes()
        except OSError:
            continue
        read = read_mo(data) if file.suffix == ".mo" else read_po(data.decode("utf-8", "replace"))
        path = file.relative_to(root)
        header = _HEADER.search(read.get("", ""))
        named = header or _LANGUAGE.search(path.as_posix())
        if named is None:
            continue
        for source, target in read.items():
            if source and not same(source, target):
                yield Message(source, target, named[1].lower(), path.parts[0])


def same(one: str, other: str) -> bool:
    """Whether two sides say the same in the same words, or one says nothing."""
    left, right = normalised(one), normalised(other)
    return not left or not right or left == right


def normalised(text: str) -> str:
    """A text without case, runs of blanks and accelerator marks (& and _ before letters)."""
    return " ".join(re.sub(r"[&_](?=\w)", "", text).lower().split())


def read_po(text: str) -> dict[str, str]:
    """Messages of a text catalogue; the header is that of "". Contexts are not told apart: the first one counts."""
    found: dict[str, str] = {}
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        lines = block.splitlines()
        if any(line.startswith("#,") and "fuzzy" in line for line in lines) and 'msgid ""\nmsgstr' not in block:
            continue
        parts: dict[str, str] = {}
        current = ""
        for line in lines:
            if line.startswith("#"):
                continue
            keyword, _, rest = line.strip().partition(" ")
            if keyword.startswith("msg"):
                current = keyword
                parts[current] = ""
            else:
                rest = line
            if current and (match := _STRING.search(rest)):
                parts[current] += _ESCAPE.sub(lambda escape: _ESCAPES[escape[1]], match[1])
        target = parts.get("msgstr", parts.get("msgstr[0]", ""))
        if "msgid" in parts and target:
            found.setdefault(parts["msgid"], target)
    return found


def read_mo(data: bytes) -> dict[str, str]:
    """Messages of a compiled catalogue; {} for what is none."""
    order = {_LITTLE: "<", _BIG: ">"}.get(data[:4])
    if order is None or len(data) < 28:
        return {}
    found: dict[str, str] = {}
    try:
        _, count, originals, translations = struct.unpack_from(f"{order}4I", data, 4)
        for number in range(min(count, len(data) // 16)):
            sides = []
            for table in (originals, translations):
                length, start = struct.unpack_from(f"{order}2I", data, table + 8 * number)
                sides.append(data[start : start + length].split(b"\0")[0].decode("utf-8", "replace"))
            source = sides[0].rpartition("\x04")[2]
            found.setdefault(source, sides[1])
    except struct.error:
        return found
    return found
