"""`python -m harness` is `harness`."""

import sys


def main() -> int:
    """Runs one command; Ctrl-C ends it without a traceback while it is still being imported, too."""
    from harness.workers.stop import stops_with_signals

    with stops_with_signals():
        from harness.cli.main import main

        return main()


if __name__ == "__main__":
    sys.exit(main())
