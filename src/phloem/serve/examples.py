"""Code to start from: one file each in `examples/`, named LANGUAGE_NUMBER_TITLE.EXTENSION.txt.

Their functions are misnamed on purpose, so that there is something to suggest.
"""

from __future__ import annotations

import functools
from pathlib import Path

from phloem.serve.schema import ExampleCode

FOLDER = Path(__file__).parent / "examples"


@functools.cache
def examples() -> list[ExampleCode]:
    """All examples, in the order of languages and numbers."""
    found = []
    for path in sorted(FOLDER.iterdir()):
        if path.suffix == ".txt":
            language, _, filename = path.stem.split("_", 2)
            found.append(
                ExampleCode(
                    title=Path(filename).stem.replace("_", " ").capitalize(),
                    language=language,
                    filename=filename,
                    source=path.read_text(encoding="utf-8"),
                )
            )
    return found
