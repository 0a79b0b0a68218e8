"""Settings of a project: `[tool.phloem]` in pyproject.toml, or phloem.toml, nearest above the current folder.

    [tool.phloem]
    model = "python-names"
    threshold = 0.001
    exclude = ["vendored/", "*_pb2.py"]
    fail-on = "flagged"

The command line wins over the file.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from phloem.assist.sources import MAX_FILE_SIZE, bytes_of
from phloem.errors import PhloemError

FORMATS = ("text", "json", "sarif", "github")
FAIL_ON = ("none", "flagged")


@dataclass(frozen=True)
class Settings:
    """What `phloem name`, `phloem summarize` and `phloem review` can be told. None: what the model or the command
    decides."""

    model: str | None = None
    beam: int = 5
    threshold: float | None = None
    format: str = "text"
    fail_on: str = "none"
    exclude: tuple[str, ...] = ()
    max_file_size: int = MAX_FILE_SIZE
    baseline: str | None = None
    checks: tuple[str, ...] = ()  # of `phloem review`; none: those that are on by default
    review_baseline: str | None = None
    review_model: str | None = None

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise PhloemError(f"format: {self.format!r} is not one of {', '.join(FORMATS)}")
        if self.fail_on not in FAIL_ON:
            raise PhloemError(f"fail-on: {self.fail_on!r} is not one of {', '.join(FAIL_ON)}")
        if not 1 <= self.beam <= 100:
            raise PhloemError(f"beam: {self.beam} is not between 1 and 100")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise PhloemError(f"threshold: {self.threshold} is not between 0 and 1")
        if self.max_file_size < 1:
            raise PhloemError(f"max-file-size: {self.max_file_size} is not positive")

    def given(self, **options: Any) -> Settings:
        """These settings with the options of the command line that were given (not None)."""
        chosen = {name: value for name, value in options.items() if value is not None and value != ()}
        if "exclude" in chosen:
            chosen["exclude"] = self.exclude + tuple(chosen["exclude"])
        return replace(self, **chosen)


_TYPES: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "beam": (int,),
    "threshold": (float, int),
    "format": (str,),
    "fail_on": (str,),
    "exclude": (list,),
    "max_file_size": (int, str),
    "baseline": (str,),
    "checks": (list,),
    "review_baseline": (str,),
    "review_model": (str,),
}


def read_settings(folder: Path | None = None) -> Settings:
    """The settings that hold in a folder (default: the current one). Raises PhloemError naming the file and key."""
    here = (folder or Path.cwd()).absolute()
    for place in (here, *here.parents):
        for name, keys in (("phloem.toml", ()), ("pyproject.toml", ("tool", "phloem"))):
            file = place / name
            if not file.is_file():
                continue
            table = _table(file, keys)
            if table is not None:
                return _settings(table, file)
        if (place / ".git").exists():
            break
    return Settings()


def _table(file: Path, keys: tuple[str, ...]) -> dict[str, Any] | None:
    try:
        table: Any = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PhloemError(f"{file}: {error}") from error
    for key in keys:
        table = table.get(key)
        if table is None:
            return None
        if not isinstance(table, dict):
            raise PhloemError(f"{file}: {'.'.join(keys)} should be a table, not {table!r}")
    return table


def _settings(table: dict[str, Any], file: Path) -> Settings:
    chosen: dict[str, Any] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in _TYPES:
            known = ", ".join(entry.name.replace("_", "-") for entry in fields(Settings))
            raise PhloemError(f"{file}: unknown setting {key!r}; known are {known}")
        if not isinstance(value, _TYPES[name]) or isinstance(value, bool):
            raise PhloemError(f"{file}: {key} should be {_TYPES[name][0].__name__}, not {value!r}")
        if name == "max_file_size" and isinstance(value, str):
            value = bytes_of(value, f"{file}: {key}")
        chosen[name] = value
    if any(not isinstance(pattern, str) for pattern in chosen.get("exclude", ())):
        raise PhloemError(f"{file}: exclude should be a list of patterns")
    if "exclude" in chosen:
        chosen["exclude"] = tuple(chosen["exclude"])
    if any(not isinstance(check, str) for check in chosen.get("checks", ())):
        raise PhloemError(f"{file}: checks should be a list of names")
    if "checks" in chosen:
        chosen["checks"] = tuple(chosen["checks"])
    for name in ("baseline", "review_baseline"):
        if name in chosen:
            chosen[name] = str(file.parent / chosen[name])
    try:
        return Settings(**chosen)
    except PhloemError as error:
        raise PhloemError(f"{file}: {error}") from error
