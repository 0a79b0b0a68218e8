"""Templates of questions and queries: forty of our own for the graph of packages, and the released ones for DBpedia.

Soru et al., "SPARQL as a Foreign Language" (2017): a template is a question and a query with the same placeholders
<A>, <B>, <C>, and a query that lists what may fill them. For our own templates the latter is derived from the pattern.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from phloem.corpora import datasets


class Template(NamedTuple):
    """A question and the query that answers it, with placeholders <A>, <B>, <C>; both parted by blanks."""

    question: str
    query: str

    @property
    def placeholders(self) -> tuple[str, ...]:
        return tuple(name for name in ("<A>", "<B>", "<C>") if name in self.query)


def released(data: str | Path | None = None) -> Iterator[dict[str, Any]]:
    """The released DBpedia templates: `question`, `sparql`, `generator`, `types`.

    Raises PhloemError where the set is not here."""
    return datasets.load("nspm_templates", "templates", data)


def place_properties(data: str | Path | None = None) -> Iterator[dict[str, Any]]:
    """The released single-property templates of places, with full addresses. Raises PhloemError without the set."""
    return datasets.load("nspm_templates", "place_properties", data)


def _select(pattern: str) -> str:
    return f"SELECT DISTINCT ?x WHERE {{ {pattern} }}"


def _count(pattern: str) -> str:
    return f"SELECT (COUNT(DISTINCT ?x) AS ?n) WHERE {{ {pattern} }}"


def _ask(pattern: str) -> str:
    return f"ASK WHERE {{ {pattern} }}"


def _most(pattern: str, order: str) -> str:
    return f"SELECT ?x WHERE {{ {pattern} . ?x rel:size ?s }} ORDER BY {order}(?s) LIMIT 1"


def _packages(pattern: str) -> str:
    return _select(f"?x rdf:type pkg:Package . {pattern}")


PACKAGE_TEMPLATES = tuple(
    Template(question, query)
    for question, query in (
        ("who maintains <A> ?", _select("<A> rel:maintainer ?x")),
        ("who is the maintainer of <A> ?", _select("<A> rel:maintainer ?x")),
        ("what does <A> depend on ?", _select("<A> rel:depends ?x")),
        ("which packages depend on <A> ?", _packages("?x rel:depends <A>")),
        ("how many packages depend on <A> ?", _count("?x rel:depends <A>")),
        ("how many packages does <A> depend on ?", _count("<A> rel:depends ?x")),
        ("what is the section of <A> ?", _select("<A> rel:section ?x")),
        ("what is the size of <A> ?", _select("<A> rel:size ?x")),
        ("how large is <A> ?", _select("<A> rel:size ?x")),
        ("what is the version of <A> ?", _select("<A> rel:version ?x")),
        ("what is the architecture of <A> ?", _select("<A> rel:architecture ?x")),
        ("what does <A> recommend ?", _select("<A> rel:recommends ?x")),
        ("which packages recommend <A> ?", _packages("?x rel:recommends <A>")),
        ("how many packages recommend <A> ?", _count("?x rel:recommends <A>")),
        ("which packages are maintained by <A> ?", _packages("?x rel:maintainer <A>")),
        ("how many packages are maintained by <A> ?", _count("?x rel:maintainer <A>")),
        ("what is the largest package of <A> ?", _most("?x rel:maintainer <A>", "DESC")),
        ("what is the smallest package of <A> ?", _most("?x rel:maintainer <A>", "ASC")),
        ("which packages belong to <A> ?", _packages("?x rel:section <A>")),
        ("how many packages are in <A> ?", _count("?x rel:section <A>")),
        ("what is the largest package in <A> ?", _most("?x rel:section <A>", "DESC")),
        ("what is the smallest package in <A> ?", _most("?x rel:section <A>", "ASC")),
        ("does <A> depend on <B> ?", _ask("<A> rel:depends <B>")),
        ("is <A> maintained by <B> ?", _ask("<A> rel:maintainer <B>")),
        ("is <A> in <B> ?", _ask("<A> rel:section <B>")),
        ("do <A> and <B> have the same maintainer ?", _ask("<A> rel:maintainer ?x . <B> rel:maintainer ?x")),
        ("who maintains the packages that depend on <A> ?", _select("?y rel:depends <A> . ?y rel:maintainer ?x")),
        ("who maintains the packages that <A> depends on ?", _select("<A> rel:depends ?y . ?y rel:maintainer ?x")),
        ("which sections do the dependencies of <A> have ?", _select("<A> rel:depends ?y . ?y rel:section ?x")),
        ("who maintains packages in <A> ?", _select("?y rel:section <A> . ?y rel:maintainer ?x")),
        ("which packages in <A> depend on <B> ?", _packages("?x rel:section <A> . ?x rel:depends <B>")),
        ("which packages of <A> depend on <B> ?", _packages("?x rel:maintainer <A> . ?x rel:depends <B>")),
        ("which packages in <A> are maintained by <B> ?", _packages("?x rel:section <A> . ?x rel:maintainer <B>")),
        ("how many packages in <A> are maintained by <B> ?", _count("?x rel:section <A> . ?x rel:maintainer <B>")),
        ("which packages depend on both <A> and <B> ?", _packages("?x rel:depends <A> . ?x rel:depends <B>")),
        ("what do <A> and <B> both depend on ?", _select("<A> rel:depends ?x . <B> rel:depends ?x")),
        ("which packages recommend <A> and depend on <B> ?", _packages("?x rel:recommends <A> . ?x rel:depends <B>")),
        (
            "which dependencies of <A> are larger than <A> ?",
            _select("<A> rel:depends ?x . ?x rel:size ?s . <A> rel:size ?t . FILTER ( ?s > ?t )"),
        ),
        ("what is the largest dependency of <A> ?", _most("<A> rel:depends ?x", "DESC")),
        (
            "which packages of <A> in <B> depend on <C> ?",
            _packages("?x rel:maintainer <A> . ?x rel:section <B> . ?x rel:depends <C>"),
        ),
    )
)
