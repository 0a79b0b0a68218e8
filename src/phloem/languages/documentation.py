"""Doc comments as prose: the first sentence, which is what a summary should say.

Docstrings (reStructuredText, Google and NumPy sections, doctests), Javadoc, JSDoc, Doxygen, phpDoc, YARD and Markdown
mark up the same thing differently; markup is replaced by what it shows, sections and examples end the prose.
"""

from __future__ import annotations

import re
from html import unescape

_LONGEST = 4096  # characters of a comment that are read: a first sentence ends earlier
_END_OF_PROSE = re.compile(
    r"""^[ \t]*(?:
        [@\\](?!code\b|link\b|brief\b|short\b|p\b|c\b|e\b|ref\b|inheritDoc)[a-zA-Z][\w.]*:?.* # @param, \param, @author
      | :(?:param|parameter|arg|argument|type|returns?|rtype|raises?|except|var|ivar|cvar|vartype|meta|key|keyword)\b.*
      | (?:Args|Arguments|Parameters|Params|Returns?|Raises|Yields?|Attributes|Examples?|Notes?|See\ Also|References
          |Warnings?|Keyword\ Arguments|Other\ Parameters|Panics|Errors|Safety|Usage)[ \t]*:?[ \t]*
      | \#+[ \t]+(?:Examples?|Panics|Errors|Safety|Arguments|Returns?|Notes?|See\ Also|Parameters)\b.*
      | >>>.*
      | ```.*
      | \.\.[ \t]+(?:[\w-]+::|_).*
    )$""",
    re.MULTILINE | re.VERBOSE,
)
_BLOCK_TAG = re.compile(r"<\s*/?\s*(?:p|pre|ul|ol|li|table|blockquote|h[1-6]|dl|hr)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][\w:-]*(?:\s[^<>]*)?/?>|<!--.*?-->", re.DOTALL)
_INLINE = re.compile(r"\{@(\w+)\s*([^{}]*)\}")
_LINK = re.compile(r"([^\s|(]*(?:\([^()]*\))?)[\s|]*(.*)")
_ROLE = re.compile(r":(?:[\w+-]+:)+`([^`]*)`")
_TITLED = re.compile(r"^(.*?)\s*<[^<>]*>$", re.DOTALL)
_QUOTED = re.compile(r"``([^`]*)``_{0,2}|`([^`]*)`_{0,2}")
_MARKDOWN_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()\s]*(?:\([^()]*\)[^()\s]*)*\)|\[[^\[\]]*\])")
_STRONG = re.compile(r"(?<![\w*])\*{1,2}(?=\S)([^*\n]+?)(?<=\S)\*{1,2}(?![\w*])")
_DOXYGEN = re.compile(r"[@\\](?:brief|short)\b[ \t]*|[@\\](?:c|p|e|ref|a|b|em)[ \t]+(?=\S)")
_RULE = re.compile(r"^[ \t]*([-=~*#^_+])\1{2,}[ \t]*$", re.MULTILINE)
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_STOP = re.compile(r"[.!?]+[\"')\]]*(?=\s|$)|。|！|？")
_LIST_ITEM = re.compile(r"\A\s*(?:[-*+•]|\d+[.)])\s+")
_SIGNATURE = re.compile(r"\A(?:[\w.]+:$|[\w.]+\(\w*\)\s+(?:[-\u2013\u2014]+|:)\s+)")  # kernel-doc: name() - does ...
# fmt: off
_ABBREVIATIONS = frozenset((  # no end of a sentence where it goes on in lower case or with a number
    "al", "a.m", "arg", "args", "ca", "ch", "co", "corp", "dept", "ed", "eds", "eq", "etc", "excl", "fig", "inc",
    "incl", "jr", "ltd", "max", "min", "no", "nos", "opt", "p", "p.m", "param", "params", "pp", "ref", "s.t", "sec",
    "sr", "st", "u.s", "vol", "wrt",
))
_ALWAYS = frozenset((  # never one
    "a.k.a", "aka", "approx", "cf", "dr", "e.g", "eg", "est", "i.e", "ie", "mr", "mrs", "ms", "prof", "resp", "viz",
    "vs", "w.r.t",
))
# fmt: on


def first_sentence(doc: str) -> str:
    """The first sentence of a doc comment (markers and indentation already removed), on one line, markup removed.

    "" when there is none: an empty comment, or one that has sections, examples or signatures only.

    >>> first_sentence("Return {@code x}, e.g. 3. Never null.\\n\\n@param x the value")
    'Return x, e.g. 3.'
    """
    prose = _prose(doc[:_LONGEST])
    for paragraph in _PARAGRAPH.split(prose):
        text = " ".join(_LIST_ITEM.sub("", paragraph, count=1).split())
        sentence = _up_to_stop(_SIGNATURE.sub("", text, count=1))
        if any(character.isalpha() for character in sentence):
            return sentence
    return ""


def _prose(doc: str) -> str:
    """What comes before the first section, tag or example, with markup replaced by what it shows.

    Most texts have hardly any: where a character of a markup is missing, it is not looked for.
    """
    text = doc.replace("\r\n", "\n").replace("\r", "\n")
    if "{@" in text:
        text = _INLINE.sub(_inline, text)
    if "@" in text or "\\" in text:
        text = _DOXYGEN.sub("", text)
    end = _END_OF_PROSE.search(text)
    if end is not None:
        text = text[: end.start()]
    if "`" in text:
        text = _ROLE.sub(lambda match: _role(match[1]), text)
    if "<" in text:
        text = _TAG.sub("", _BLOCK_TAG.sub("\n\n", text))
    text = unescape(text)
    if "`" in text:
        text = _QUOTED.sub(lambda match: match[1] if match[1] is not None else _role(match[2]), text)
    if "[" in text:
        text = _MARKDOWN_LINK.sub(r"\1", text)
        text = re.sub(r"\[`?([\w.:#()<>]+)`?\](?!\()", r"\1", text)
    if "*" in text:
        text = _STRONG.sub(r"\1", text)
    return _RULE.sub("", text)


def _inline(match: re.Match[str]) -> str:
    """Javadoc's and JSDoc's `{@code x}`, `{@link A#b label}`, `{@inheritDoc}` as a reader sees them."""
    tag, content = match[1].lower(), " ".join(match[2].split())
    if tag in ("link", "linkplain", "see"):
        target, label = _LINK.match(content).groups()  # type: ignore[union-attr]  # matches everything
        return label or target.lstrip("#").replace("#", ".")
    if tag == "inheritdoc":
        return ""
    return content


def _role(content: str) -> str:
    """A Sphinx role's content: `title <target>` shows the title, `~a.b.C` shows C."""
    titled = _TITLED.match(content)
    if titled and titled[1]:
        return titled[1]
    return content.rpartition(".")[2] if content.startswith("~") else content.lstrip("!")


def _up_to_stop(text: str) -> str:
    """Up to the first full stop that ends a sentence: not one of an abbreviation, an initial, or inside brackets."""
    for stop in _STOP.finditer(text):
        before = text[: stop.start()]
        word = before[max(before.rfind(" "), before.rfind("(")) + 1 :].lower().lstrip("([\"'")
        after = text[stop.end() :].lstrip()
        if stop[0].startswith("."):
            goes_on = after[:1].islower() or after[:1].isdigit() or after[:1] in ",;"
            if word in _ALWAYS or (word in _ABBREVIATIONS and goes_on) or (stop[0].startswith("...") and goes_on):
                continue
            if len(word) == 1 and word.isalpha() and text[stop.start() - 1].isupper() and after[:1].isupper():
                continue
        if after and before.count("(") > before.count(")") and ")" not in stop[0] and len(before) < 200:
            continue
        return text[: stop.end()].strip()
    return text.strip()
