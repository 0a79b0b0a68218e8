"""How a language writes names, and which names are not an author's free choice."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from phloem.languages import by_name
from phloem.languages.example import Example


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


CAMEL = frozenset({"java", "javascript", "typescript", "tsx", "php"})
EITHER = frozenset({"cpp", "go"})  # follow the present name where it shows a style

# Names that a language, a test framework or a well-known interface calls by this very spelling.
PROTOCOL_NAMES: dict[str, frozenset[str]] = {
    "python": _names(
        "main setup teardown setUp tearDown setUpClass tearDownClass setUpModule tearDownModule addCleanup runTest "
        "setup_method teardown_method setup_class teardown_class setup_module teardown_module "
        "run forward fileno isatty readable writable seekable readinto writelines keys values items "
        "emit format_usage handle_starttag handle_endtag handle_data do_GET do_POST do_HEAD do_PUT do_DELETE"
    ),
    "java": _names(
        "main toString equals hashCode compareTo compare clone finalize run call close iterator hasNext next accept "
        "apply test get setUp tearDown readObject writeObject readResolve writeReplace readExternal writeExternal "
        "actionPerformed init destroy start stop"
    ),
    "csharp": _names("Main ToString Equals GetHashCode Dispose CompareTo GetEnumerator MoveNext Finalize"),
    "javascript": _names("constructor toString valueOf toJSON render then main"),
    "typescript": _names("constructor toString valueOf toJSON render then main"),
    "go": _names("main init String Error Len Less Swap Read Write Close ServeHTTP MarshalJSON UnmarshalJSON"),
    "c": frozenset(["main"]),
    "cpp": _names("main begin end swap size what"),
    "rust": _names("main new default from into fmt drop clone eq cmp partial_cmp hash next deref deref_mut"),
    "ruby": _names("initialize to_s inspect each call method_missing respond_to_missing? hash"),
    "php": frozenset(["main", "setUp", "tearDown", "jsonSerialize", "offsetGet", "offsetSet", "getIterator", "count"]),
}
_PREFIXED = {
    "python": re.compile(r"__\w+__$|test|visit_[A-Z]|depart_|do_[A-Z]|generic_visit$"),
    "java": re.compile(r"test[A-Z0-9_]|visit[A-Z]?"),
    "ruby": re.compile(r"test_|visit_"),
    "php": re.compile(r"__|test[A-Z]"),
    "go": re.compile(r"Test|Benchmark|Example|Fuzz"),
    "rust": re.compile(r"test_"),
}
_OVERRIDES = re.compile(
    rb"@(?:typing\.|typing_extensions\.)?[Oo]verride\b|\boverride\b|#\[test\]|@(?:Parameterized)?Test\b|@overload\b"
)


def is_protocol_name(language: str, name: str) -> bool:
    """Whether the name is called by its spelling: `__init__`, `setUp`, `main`, `toString`, a test's name ..."""
    if name in PROTOCOL_NAMES.get(language, ()) or len(name.strip("_")) == 0 or "operator" in name.split():
        return True
    prefixed = _PREFIXED.get(language)
    return prefixed is not None and prefixed.match(name) is not None


_COMMENT = re.compile(rb"#[^\n]*|//[^\n]*|/\*.*?\*/", re.DOTALL)
_NOTHING = re.compile(  # of a body without comments: no statement, or one that says that there is none yet
    rb"[\s;{}]*(?:"
    rb"pass|\.\.\.|raise NotImplementedError(?:\([^\n]*\))?|return NotImplemented"
    rb"|throw new [\w.]*(?:UnsupportedOperation|NotImplemented|NotSupported)\w*\([^\n]*\)"
    rb"|(?:todo|unimplemented)!\([^\n]*\)"
    rb")?[\s;{}]*"
)


def is_stub(example: Example) -> bool:
    """Whether the body does nothing (`pass`, `...`, `{}`) or refuses to (NotImplementedError): no name follows from it.

    A documented stub is one too.
    """
    tree = example.tree
    bodies = np.flatnonzero(tree.field == by_name(example.language).field_ids.get("body", -1))
    own = bodies[tree.parent[bodies] == 0]
    if not len(own):
        return False
    start, end = int(tree.start[own[0]]), int(tree.end[own[0]])
    body = tree.source[start:end]
    if example.doc_span is not None and start <= example.doc_span[0]:
        body = tree.source[start : example.doc_span[0]] + tree.source[example.doc_span[1] : end]
    return len(body) < 2000 and _NOTHING.fullmatch(_COMMENT.sub(b"", body)) is not None


def is_override(heading: bytes) -> bool:
    """Whether the lines at a function's head say that its name comes from elsewhere: @Override, @override, @Test."""
    return _OVERRIDES.search(heading) is not None


def written(words: Sequence[str], language: str, present: str = "") -> str:
    """The words as an identifier of the language; underscores around the present name stay.

    >>> written(["get", "name"], "python", "_f"), written(["get", "name"], "java"), written(["get", "name"], "csharp")
    ('_get_name', 'getName', 'GetName')
    >>> written(["len"], "python", "__length__")
    '__len__'
    """
    lead = present[: len(present) - len(present.lstrip("_"))]
    bare = present[len(lead) :].rstrip("_")
    trail = present[len(lead) + len(bare) :]
    joined = "".join(word[:1].upper() + word[1:] for word in words)
    if language == "csharp" or (language in EITHER and bare[:1].isupper()):
        return lead + joined + trail
    mixed = "_" not in bare and bare != bare.lower()
    if language in CAMEL or language == "go" or (language == "cpp" and mixed):
        return lead + joined[:1].lower() + joined[1:] + trail
    return lead + "_".join(words) + trail
