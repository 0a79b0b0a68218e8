"""A graph of packages to ask questions of: what Debian packages say of themselves, or a generated one like it.

Of the fields of a package (Debian Policy Manual, chapter 5) a graph keeps

    pkg:p rel:depends pkg:q     rel:recommends pkg:q     rel:maintainer who:m     rel:section sec:s
          rel:architecture sec:a     rel:size kilobytes     rel:version "text"     rdf:type pkg:Package

where q is the first of a field's alternatives, if it is in the graph too. Every entity has a label that questions can
say: as Soru et al. (2017) do it, without what stands in brackets or after the first comma, in lower case.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import NamedTuple

from phloem.errors import PhloemError

Fact = tuple[str, str, str | int]
INSTALLED = Path("/var/lib/dpkg/status")
PACKAGE = "pkg:Package"


class Graph(NamedTuple):
    """Facts (subject, predicate, object), a `str` object with a colon prefix being a resource, any other a text; and a
    label of every entity that can be asked for, no two alike."""

    facts: tuple[Fact, ...]
    labels: dict[str, str]


class Package(NamedTuple):
    """What is kept of a package's own description."""

    name: str
    maintainer: str
    section: str
    architecture: str
    size: int
    version: str
    depends: tuple[str, ...]
    recommends: tuple[str, ...]


def label(text: str) -> str:
    """How a question says a name.

    >>> label("Debian QA Group (orphaned), packages")
    'debian qa group'
    """
    without = re.sub(r"\([^()]*\)|\[[^\[\]]*\]|<[^<>]*>", " ", text)
    return " ".join(without.split(",")[0].lower().split())


def resource(prefix: str, name: str) -> str:
    """A prefixed name in SPARQL's letters: any other sign becomes "_".

    >>> resource("pkg", "libstdc++6")
    'pkg:libstdc__6'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return f"{prefix}:{re.sub(r'[^A-Za-z0-9-]', '_', plain).strip('-')}"


def graph(packages: Iterable[Package]) -> Graph:
    """The facts of packages; of two that have the same resource or label, the first."""
    kept: dict[str, Package] = {}
    for package in packages:
        kept.setdefault(resource("pkg", package.name), package)
    facts: list[Fact] = []
    labels: dict[str, str] = {}
    for own, package in kept.items():
        maintainer, section = resource("who", label(package.maintainer)), resource("sec", package.section)
        facts += [
            (own, "rdf:type", PACKAGE),
            (own, "rel:maintainer", maintainer),
            (own, "rel:section", section),
            (own, "rel:architecture", resource("sec", package.architecture)),
            (own, "rel:size", package.size),
            (own, "rel:version", package.version),
        ]
        for relation, others in (("rel:depends", package.depends), ("rel:recommends", package.recommends)):
            found = (resource("pkg", other) for other in others)
            facts += [(own, relation, other) for other in dict.fromkeys(found) if other in kept and other != own]
        labels.setdefault(own, label(package.name))
        labels.setdefault(maintainer, label(package.maintainer))
        labels.setdefault(section, f"section {package.section}")
    return Graph(tuple(dict.fromkeys(facts)), _distinct(labels))


def _distinct(labels: Mapping[str, str]) -> dict[str, str]:
    """Of entities that share a label, the first."""
    first: dict[str, str] = {}
    for entity, text in labels.items():
        if text:
            first.setdefault(text, entity)
    return {entity: text for text, entity in first.items()}


def control_file(data: Path | None = None) -> Path:
    """The control file that an argument names; that of this machine without one, or where it names a folder of sets."""
    return INSTALLED if data is None or data.is_dir() else data


def debian(path: Path | str = INSTALLED, most: int = 1000) -> Iterator[Package]:
    """The first `most` packages of a control file (a `Packages` index, or dpkg's own state).

    Raises PhloemError where it cannot be read."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise PhloemError(f"a graph of packages needs a Debian control file: {path}: {error.strerror}") from None
    found = 0
    for stanza in text.split("\n\n"):
        fields = dict(re.findall(r"^([A-Z][\w-]*): *(.*)$", stanza, re.MULTILINE))
        if "Package" in fields and "Maintainer" in fields and found < most:
            found += 1
            size = fields.get("Installed-Size", "0")
            yield Package(
                fields["Package"],
                fields["Maintainer"],
                fields.get("Section", "unknown").rpartition("/")[2],
                fields.get("Architecture", "all"),
                int(size) if size.isdigit() else 0,
                fields.get("Version", "0"),
                _names(fields.get("Depends", "")),
                _names(fields.get("Recommends", "")),
            )


def _names(field: str) -> tuple[str, ...]:
    """The first alternative of each entry, without its version and architecture."""
    found = (re.match(r"\s*([a-z0-9][a-z0-9+.-]*)", entry) for entry in field.split(","))
    return tuple(match[1] for match in found if match)


def generated(count: int, seed: int = 0) -> Iterator[Package]:
    """Packages with made-up names; each depends on earlier ones, on those of few letters most."""
    rng = Random(seed)
    syllables = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
    names = list(dict.fromkeys("".join(rng.choices(syllables, k=rng.choice((2, 3)))) for _ in range(3 * count)))[:count]
    people = [
        f"{''.join(rng.choices(syllables, k=2))} {''.join(rng.choices(syllables, k=3))}" for _ in range(count // 6)
    ]
    sections = ("admin", "libs", "net", "python", "text", "utils", "editors", "math")
    for number, name in enumerate(names):
        earlier = names[:number]
        depends = rng.sample(earlier, min(len(earlier), rng.randint(0, 4)))
        recommends = rng.sample(earlier, min(len(earlier), rng.randint(0, 2)))
        size, version = rng.randint(10, 9_999), f"{rng.randint(0, 9)}.{rng.randint(0, 20)}"
        architecture = rng.choice(("all", "amd64"))
        yield Package(
            name,
            rng.choice(people),
            rng.choice(sections),
            architecture,
            size,
            version,
            tuple(depends),
            tuple(recommends),
        )
