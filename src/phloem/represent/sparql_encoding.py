"""SPARQL as words of a foreign language.

Soru et al., "SPARQL as a Foreign Language" (SEMANTiCS 2017), and the encoder that they released: what would tear a
query into characters is spelled as words, so that a translator of words can write it.

    dbo:birthPlace -> dbo_birthPlace     ?x -> var_x             { }  -> brack_open brack_close
    f(x)  -> attr_open attr_close        " ( x ) " -> par_open par_close          " . " -> sep_dot
    *     -> wildcard                    <= >= < > -> math_leq math_geq math_lt math_gt
    order by desc(?x) -> _obd_ var_x     order by asc(?x), order by ?x -> _oba_ var_x

The map is not injective. Predicates that mean the same are written as one (`STANDARDS`), a full address gets its
prefix, and a bare "order by ?x" becomes ascending; `decode` gives the standard form. Of the text only white space is
free: `encode(decode(words)) == words` for the words of a query.
"""

from __future__ import annotations

import re

ADDRESSES = {
    "dbo": "http://dbpedia.org/ontology/",
    "dbp": "http://dbpedia.org/property/",
    "dbc": "http://dbpedia.org/resource/Category:",
    "dbr": "http://dbpedia.org/resource/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "dct": "http://purl.org/dc/terms/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "owl": "http://www.w3.org/2002/07/owl#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "geo": "http://www.w3.org/2003/01/geo/wgs84_pos#",
    "yago": "http://dbpedia.org/class/yago/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "rel": "https://phloem.example/relation/",  # the local graph of `phloem.corpora.nspm_packages`
    "pkg": "https://phloem.example/package/",
    "who": "https://phloem.example/person/",
    "sec": "https://phloem.example/section/",
}
STANDARDS = {
    "dbo_almaMater": ("dbp_almaMater",),
    "dbo_award": ("dbp_awards",),
    "dbo_birthPlace": ("dbp_birthPlace", "dbp_placeOfBirth"),
    "dbo_deathPlace": ("dbp_deathPlace", "dbp_placeOfDeath"),
    "dbo_child": ("dbp_children",),
    "dbo_college": ("dbp_college",),
    "dbo_hometown": ("dbp_hometown",),
    "dbo_nationality": ("dbo_stateOfOrigin",),
    "dbo_relative": ("dbp_relatives",),
    "dbo_restingPlace": ("dbp_restingPlaces", "dbp_placeOfBurial", "dbo_placeOfBurial", "dbp_restingplace"),
    "dbo_spouse": ("dbp_spouse",),
    "dbo_partner": ("dbp_partner",),
}
MARKS = {
    "{": "brack_open",
    "}": "brack_close",
    "*": "wildcard",
    "<=": "math_leq",
    ">=": "math_geq",
    "<": "math_lt",
    ">": "math_gt",
    ".": "sep_dot",
}
_WORDS = {word: mark for mark, word in MARKS.items()}
_STANDARD = {synonym: standard for standard, synonyms in STANDARDS.items() for synonym in synonyms}
_PREFIXES = "|".join(sorted(ADDRESSES, key=len, reverse=True))
_BY_LENGTH = sorted(ADDRESSES.items(), key=lambda pair: -len(pair[1]))
_TOKENS = re.compile(
    rf"""(?P<ascending>\border\s+by\s+asc\s*\(\s*\?(?P<up>\w+)\s*\)|\border\s+by\s+\?(?P<bare>\w+))
    | (?P<descending>\border\s+by\s+desc\s*\(\s*\?(?P<down>\w+)\s*\))
    | (?P<text>"[^"]*"(?:@\w+)?) | (?P<address><https?://[^\s<>]+>) | (?P<hole><[A-Z]\w*>)
    | \?(?P<variable>\w+)
    | (?P<name>\b(?:{_PREFIXES}):(?:[^\s{{}}()<>"]|\([^\s(){{}}]*\))*(?<![.,;]))
    | (?P<par>\s\(\s|\s\)(?=\s|$)) | (?P<attr>[()]) | (?P<mark><=|>=|[{{}}*<>]|\.(?!\d))
    | (?P<word>[^\s{{}}()<>*?"]*[^\s{{}}()<>*?".]|\S)""",
    re.VERBOSE | re.IGNORECASE,
)


def encode(query: str) -> list[str]:
    """The words of a query.

    >>> " ".join(encode("select ?x where { dbr:Paris dbp:birthPlace ?x } order by desc(?x)"))
    'select var_x where brack_open dbr_Paris dbo_birthPlace var_x brack_close _obd_ var_x'
    """
    words: list[str] = []
    for found in _TOKENS.finditer(query):
        words += _word(found)
    return words


def _word(found: re.Match[str]) -> list[str]:
    kind, text = found.lastgroup, found[0]
    for name, sign in (("up", "_oba_"), ("bare", "_oba_"), ("down", "_obd_")):
        if found[name]:
            return [sign, f"var_{found[name]}"]
    if kind == "variable":
        return [f"var_{found['variable']}"]
    if kind == "name":
        prefix, _, local = text.partition(":")
        return [_standard(f"{prefix}_{local}")]
    if kind == "address":
        return [_standard(_shortened(text))]
    if kind == "par":
        return ["par_open" if "(" in text else "par_close"]
    if kind == "attr":
        return ["attr_open" if text == "(" else "attr_close"]
    if kind == "mark":
        return [MARKS[text]]
    if kind == "text":
        return [re.sub(r"\s+", "_blank_", text)]
    return [_standard(text)]


def _standard(word: str) -> str:
    return _STANDARD.get(word, word)


def _shortened(address: str) -> str:
    """<http://dbpedia.org/ontology/City> as dbo_City; what could not be read back stays as it is."""
    for prefix, start in _BY_LENGTH:
        if address[1:].startswith(start):
            local = address[1 + len(start) : -1]
            found = _TOKENS.fullmatch(f"{prefix}:{local}")
            return f"{prefix}_{local}" if local and found and found.lastgroup == "name" else address
    return address


def decode(words: list[str]) -> str:
    """The query that the words spell, in standard form.

    >>> decode(encode("ask where { ?x dbp:birthPlace dbr:Paris } order by ?x"))
    'ask where { ?x dbo:birthPlace dbr:Paris } order by asc(?x)'
    """
    parts: list[str] = []
    order: str | None = None
    for word in words:
        text = _text(word)
        if order is not None:
            text, order = f"{order}({text})", None
        elif word in ("_oba_", "_obd_"):
            order = "order by asc" if word == "_oba_" else "order by desc"
            continue
        parts.append(text)
    joined = " ".join(parts)
    joined = re.sub(r"\s*\x01\s*", "(", joined)
    joined = re.sub(r"\s*\x02", ")", joined)
    return joined.replace("\x03", "(").replace("\x04", ")")


_BRACKETS = {"attr_open": "\x01", "attr_close": "\x02", "par_open": "\x03", "par_close": "\x04"}
_NAME = re.compile(rf"(?:{_PREFIXES})_(?=.)")


def _text(word: str) -> str:
    if word in _BRACKETS:
        return _BRACKETS[word]
    if word in _WORDS:
        return _WORDS[word]
    if word.startswith("var_"):
        return f"?{word[4:]}"
    if found := _NAME.match(word):
        return f"{word[: found.end() - 1]}:{word[found.end() :]}"
    return word.replace("_blank_", " ") if word.startswith('"') else word


def lossless(query: str) -> bool:
    """Whether nothing but white space is lost: no normalised synonym, full address, bare order by, or word that is
    encoded already."""
    encoded = re.search(rf"(?<![\w:])(?:{_PREFIXES}|var)_\w", query)
    synonym = any(re.search(rf"\b{word.replace('_', ':', 1)}(?!\w)", query) for word in _STANDARD)
    bare = re.search(r"\border\s+by\s+(?:\?|[A-Z]+\s*\()", query, re.IGNORECASE)
    plain = re.search(r"\border by (?:asc|desc)\(", query)  # only this spelling comes back
    return not (encoded or synonym or "<http" in query or (bare and not plain))
