"""A query as a tree of actions: what is done, to what, from where, by what.

Arakelyan, Hakhverdyan, Allamanis, Garcia, Hauser and Ren, "NS3: Neuro-Symbolic Semantic Code Search" (NeurIPS 2022,
section 3.1): a query is ACTION(verb, (preposition, argument) ...), an argument is a noun phrase or an action again.
"Load all tables from dataset" is load(all tables; from dataset). Noun phrases that stand side by side are one.

There, a parser of combinatory categorial grammar makes the tree. Here rules do, over a closed list of prepositions and
one of verbs that say what programs do: sentences of documentation begin with their verb, and prepositions and
conjunctions followed by a verb cut them. What begins in another way, or has an action without an argument or with more
than three, has no layout: such a query is left to a plain ranker.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Self

MOST_ARGUMENTS = 3
# fmt: off
PREPOSITIONS = frozenset((
    "about", "above", "across", "after", "against", "along", "among", "around", "as", "at", "before", "behind", "below",
    "between", "by", "for", "from", "if", "in", "inside", "into", "of", "off", "on", "onto", "over", "per", "through",
    "to", "under", "until", "upon", "using", "via", "when", "where", "whether", "with", "within", "without",
))
ATTACHED = frozenset(("of", "per"))  # these stay within a noun phrase: the number of rows
CONJUNCTIONS = frozenset(("and", "or", "then", "but"))
VERBS = frozenset((
    "accept", "access", "activate", "add", "adjust", "align", "allocate", "allow", "analyze", "append", "apply",
    "assert", "assign", "attach", "authenticate", "begin", "bind", "build", "calculate", "call", "cancel", "cast",
    "change", "check", "choose", "clean", "clear", "click", "clone", "close", "collect", "combine", "compare",
    "compile", "compress", "compute", "concatenate", "configure", "confirm", "connect", "construct", "consume",
    "convert", "copy", "count", "create", "cut", "deactivate", "decode", "decompress", "decorate", "decrease",
    "decrypt", "define", "delete", "deploy", "describe", "deserialize", "destroy", "detach", "detect", "determine",
    "disable", "discard", "disconnect", "display", "divide", "download", "draw", "drop", "dump", "emit", "enable",
    "encode", "encrypt", "end", "ensure", "enter", "estimate", "evaluate", "execute", "expand", "export", "extend",
    "extract", "fetch", "fill", "filter", "find", "finish", "fit", "flatten", "flush", "forget", "format",
    "forward", "free", "gather", "generate", "get", "give", "go", "group", "handle", "hide", "hold", "identify",
    "ignore", "import", "increase", "increment", "infer", "initialize", "insert", "inspect", "install",
    "interpolate", "invert", "invoke", "iterate", "join", "keep", "launch", "limit", "list", "load", "locate",
    "lock", "log", "look", "make", "map", "mark", "match", "measure", "merge", "migrate", "modify", "monitor",
    "move", "multiply", "normalize", "notify", "open", "order", "override", "pack", "parse", "pass", "perform",
    "pick", "plot", "pop", "populate", "post", "predict", "prepare", "prepend", "print", "process", "produce",
    "provide", "publish", "pull", "push", "put", "query", "raise", "read", "receive", "record", "redirect",
    "reduce", "refresh", "register", "reload", "remove", "rename", "render", "reorder", "repeat", "replace",
    "reply", "report", "represent", "request", "reset", "reshape", "resize", "resolve", "restart", "restore",
    "retrieve", "retry", "return", "reverse", "revert", "rotate", "round", "run", "sample", "save", "say", "scale",
    "scan", "schedule", "search", "select", "send", "serialize", "set", "show", "shuffle", "shut", "simulate",
    "skip", "solve", "sort", "specify", "split", "start", "stop", "store", "strip", "submit", "subtract", "sum",
    "swap", "switch", "take", "tell", "terminate", "test", "toggle", "tokenize", "train", "transfer", "transform",
    "translate", "traverse", "trigger", "trim", "try", "turn", "unlock", "unpack", "update", "upload", "use",
    "validate", "verify", "visit", "wait", "walk", "warn", "wrap", "write", "yield",
))
# fmt: on
_WORD = re.compile(r"[^\W\d_]\w*(?:[-'.]\w+)*|\d[\w.]*\w|\d|[,;]|\S")
_STOPS = frozenset((",", ";"))


class Argument(NamedTuple):
    """`preposition` is "" where there is none; `value` is a noun phrase or an action."""

    preposition: str
    value: str | Action


class Action(NamedTuple):
    """A verb in its base form, and one to three arguments in their order."""

    verb: str
    arguments: tuple[Argument, ...]

    def __str__(self) -> str:
        told = (f"{each.preposition} {each.value}".strip() for each in self.arguments)
        return f"{self.verb}({'; '.join(told)})"


def base_form(word: str) -> str | None:
    """The verb of VERBS that a word is a form of: itself, its third person, or its gerund.

    >>> [base_form(word) for word in ("loads", "Copies", "sorting", "removing", "tables")]
    ['load', 'copy', 'sort', 'remove', None]
    """
    word = word.lower()
    tried = [word]
    if word.endswith("s"):
        tried += [word[:-1], word.removesuffix("es"), word.removesuffix("ies") + "y"]
    return next((form for form in (*tried, *_of_gerund(word)) if form in VERBS), None)


def _of_gerund(word: str) -> list[str]:
    if not word.endswith("ing"):
        return []
    stem = word.removesuffix("ing")
    doubled = [stem[:-1]] if len(stem) > 2 and stem[-1] == stem[-2] else []
    return [stem, stem + "e", *doubled]


class _Reader:
    """The words of a query, and how far they are read."""

    def __init__(self, words: list[str]) -> None:
        self.words, self.place = words, 0

    @classmethod
    def of(cls, query: str) -> Self:
        return cls([word.lower() for word in _WORD.findall(query.strip().rstrip(".!?"))])

    def word(self, ahead: int = 0) -> str:
        """A coming word, "" behind the end."""
        place = self.place + ahead
        return self.words[place] if place < len(self.words) else ""

    def at_action(self, ahead: int = 0) -> bool:
        """Whether a verb stands there with something behind that it can act on."""
        behind = self.word(ahead + 1)
        plain = behind and behind not in PREPOSITIONS | CONJUNCTIONS | _STOPS
        return bool(plain) and base_form(self.word(ahead)) is not None

    def begins_next(self) -> int:
        """How many conjunctions and commas stand before another action; 0 where none comes."""
        ahead = 0
        while self.word(ahead) in CONJUNCTIONS | _STOPS:
            ahead += 1
        return ahead if ahead and self.at_action(ahead) else 0


def parse(query: str) -> tuple[Action, ...] | None:
    """The actions of a query in their order; None where it has no layout.

    >>> [str(action) for action in parse("remove duplicates and sort list by key")]
    ['remove(duplicates)', 'sort(list; by key)']
    """
    reader = _Reader.of(query)
    while reader.word().endswith("ly") and base_form(reader.word()) is None:  # recursively remove …
        reader.place += 1
    actions = []
    while reader.word():
        action = _action(reader)
        if action is None:
            return None
        actions.append(action)
        reader.place += reader.begins_next()
    return tuple(actions) or None


def _action(reader: _Reader) -> Action | None:
    """The action that begins here; None where there is none, or one with too many or no arguments."""
    verb = base_form(reader.word())
    if verb is None:
        return None
    reader.place += 1
    arguments: list[Argument] = []
    while reader.word() and not reader.begins_next():
        preposition = ""
        if reader.word() in PREPOSITIONS:
            preposition = reader.word()
            reader.place += 1
        value = _value(reader, preposition)
        if value is None:
            return None
        arguments.append(Argument(preposition, value))
    return Action(verb, tuple(arguments)) if 1 <= len(arguments) <= MOST_ARGUMENTS else None


def _value(reader: _Reader, preposition: str) -> str | Action | None:
    """What a preposition governs: an action where a gerund follows, or a verb behind "to"; else a noun phrase."""
    gerund = bool(preposition) and reader.word().endswith("ing")
    if (gerund or preposition == "to") and reader.at_action():
        return _action(reader)
    found: list[str] = []
    while reader.word() and not reader.begins_next():
        word = reader.word()
        if word in PREPOSITIONS and not (found and word in ATTACHED):
            break
        reader.place += 1
        if word not in _STOPS:
            found.append(word)
    return " ".join(found) or None


def phrases(action: Action) -> list[str]:
    """The noun phrases of an action and of those within it, in order."""
    return [
        phrase
        for argument in action.arguments
        for phrase in ([argument.value] if isinstance(argument.value, str) else phrases(argument.value))
    ]
