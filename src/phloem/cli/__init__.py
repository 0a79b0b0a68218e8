"""The command line. One file a group of commands; what is heavy is imported when a command runs."""

from phloem.cli.app import app, main

__all__ = ["app", "main"]
