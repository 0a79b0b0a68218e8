"""Errors that a person can mend. The command line prints their one line and exits with 2."""


class PhloemError(Exception):
    """Wrong use or wrong input; the message says what and, where it can, what to do."""


class MissingExtra(PhloemError):
    """A package of an optional extra is not installed."""

    def __init__(self, extra: str, package: str) -> None:
        super().__init__(f"{package} is not installed: pip install 'phloem[{extra}]'")
