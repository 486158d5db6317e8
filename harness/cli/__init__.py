"""The command line, one file a command."""

from harness.cli.main import main

__all__ = ["main"]
