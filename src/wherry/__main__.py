"""Entry of the ``wherry`` command. ``--version`` is answered before anything is imported."""

from __future__ import annotations

import gc
import sys

_YOUNG_OBJECTS = 50_000  # made between two looks for garbage: next to nothing of what a command makes is any

_INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from wherry import __version__  # noqa: PLC0415 - nothing else is needed

        print(f"wherry {__version__}")  # noqa: T201 - the answer
        return
    gc.set_threshold(_YOUNG_OBJECTS)
    try:
        from wherry.cli.main import run  # noqa: PLC0415 - kept out of --version

        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # while modules are read, or while it was told that it is interrupted
        code = _INTERRUPTED
    gc.freeze()  # what is left goes with the process: to look through it is a tenth of a small check
    sys.exit(code)


if __name__ == "__main__":
    main()
