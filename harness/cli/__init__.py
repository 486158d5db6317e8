"""The command line, one file a command. No command imports torch, pandas or matplotlib before it runs."""

from harness.cli.main import main

__all__ = ["main"]
