"""`python -m harness` is `harness`: like it, it does not look for modules in the working directory first."""

import os
import sys

if __name__ == "__main__":
    if not sys.flags.safe_path and sys.path and sys.path[0] in ("", os.getcwd()):
        del sys.path[0]  # before any import that is not of Python itself

    from harness.cli.main import main

    sys.exit(main())
