"""The command line: all that the dashboard does, from a terminal or a script."""

from distill_core.cli.commands import main

__all__ = ["main"]
