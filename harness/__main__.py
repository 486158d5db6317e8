"""`python -m harness` is `harness`: like it, it does not look for modules in the working directory first."""

import os
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
    if not sys.flags.safe_path and sys.path and sys.path[0] in ("", os.getcwd()):
        del sys.path[0]  # before any import that is not of Python itself

    sys.exit(main())
