"""`python -m harness` is `harness`."""

import signal
import sys


def main() -> int:
    """Runs one command; Ctrl-C ends it without a traceback while it is still being imported, too."""
    from harness.workers.stop import exit_code, stops_with_signals

    with stops_with_signals():
        from harness.cli.main import main

        code = main()
    if code == exit_code(signal.SIGINT):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C while Python ends changes nothing
    return code


if __name__ == "__main__":
    sys.exit(main())
