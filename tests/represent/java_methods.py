"""Java methods, real ones where PHLOEM_DATA has them and generated ones, for properties of trees."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from phloem.tasks.rows import rows


def java_methods(count: int = 1000, special: int = 50) -> list[str]:
    """`count` methods, among them at least `special` with escape sequences and as many with text blocks."""
    rng = np.random.default_rng(0)
    made = [_method(rng, number) for number in range(count)]
    data = os.environ.get("PHLOEM_DATA")
    if data and (Path(data) / "java_csharp").is_dir():
        real = [row["java"] for row in rows("java_csharp", "train", Path(data))]
        kept = [each for sign in ("\\n", '"""') for each in [one for one in made if sign in one][:special]]
        made = kept + real[: count - len(kept)]
    return made


_NAMES = ("count", "node", "left", "index", "Value", "nextItem", "buffer", "o")
_TYPES = ("int", "String", "List<String>", "Map<String, List<Integer>>", "int[]", "T", "java.util.Date")
_TEXTS = (r'"a\nb"', r'"  two  blanks "', '"// no comment"', '"/* nor this */"', r"'\''", "'x'", '""')


def _method(rng: np.random.Generator, number: int) -> str:
    def pick(options: tuple[str, ...]) -> str:
        return options[int(rng.integers(len(options)))]

    def value(depth: int = 0) -> str:
        kind = int(rng.integers(0, 10 if depth < 3 else 4))
        if kind < 4:
            return (pick(_NAMES), str(int(rng.integers(100))), pick(_TEXTS), "this." + pick(_NAMES))[kind]
        one, two = value(depth + 1), value(depth + 1)
        return (
            f"{one}{pick((' + ', '-', ' >> ', ' >>> ', ' == ', '&&', ' < '))}{two}",
            f"{pick(_NAMES)}({one},{two})",
            f"(({one}))",
            f"{one} ? {two}:{one}" if rng.random() < 0.5 else f"(int) -{pick(_NAMES)}++",
            f"new ArrayList<>({one})",
            f"x->{{return {one};}}" if rng.random() < 0.5 else f"{pick(_NAMES)}::{pick(_NAMES)}",
        )[kind - 4]

    def statement(depth: int = 0) -> str:
        kind = int(rng.integers(0, 8 if depth < 2 else 4))
        own = f"{pick(_NAMES)} = {value()};"
        if kind < 4:
            text_block = f'String text = """\n    line "one"\n      {pick(_NAMES)}\n    """;'
            return (
                own,
                f"{pick(_TYPES)} v{number} = {value()}; // {pick(_NAMES)}\n",
                f"return {value()};",
                text_block,
            )[kind]
        inner = " ".join(statement(depth + 1) for _ in range(int(rng.integers(1, 3))))
        return (
            f"if ({value()}) {{{inner}}} else {own}",
            f"for (int i=0;i<{value()};i++) {{ {inner} }}",
            f"/* {pick(_NAMES)} */ while({value()}) {own}",
            f"try {{ {inner} }} catch (IOException | RuntimeException e) {{ throw e; }}",
        )[kind - 4]

    body = "\n  ".join(statement() for _ in range(int(rng.integers(1, 3))))
    return f"@Override public <T> {pick(_TYPES)} method{number}(final {pick(_TYPES)} a, T... b) {{\n  {body}\n}}"
