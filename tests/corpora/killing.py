"""A parser that dies over one file, as a fault in native code would."""

import os

from phloem.corpora import parsing
from phloem.corpora.parsing import Parsed, Unit


def parse(unit: Unit) -> Parsed:
    if any(b"DEADLY" in file.content for file in unit.files):
        os.abort()
    return parsing.parse(unit)
