"""Entry of the ``wherry`` command. ``--version`` is answered before anything is imported."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from wherry import __version__  # noqa: PLC0415 - nothing else is needed

        print(f"wherry {__version__}")  # noqa: T201 - the answer
        return
    from wherry.cli.main import run  # noqa: PLC0415 - kept out of --version

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
