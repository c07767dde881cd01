"""Programs of others, run with bounds: so many seconds, so many bytes, no prompt, nothing left running."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from wherry.errors import WorldError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

MOST_BYTES: Final = 256 << 20
"""What a program may say; one that says more is not read."""

_SAID_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended, and what it said."""

    code: int
    output: bytes
    errors: str  # the beginning of its standard error, as text


class Running:
    """A program that has been started; what it says goes to a file, so that nobody need listen.

    It has a process group of its own, which is gone when the block ends.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = os.path.basename(argv[0])  # noqa: PTH119 - a word of a command line, not yet a path
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the block ends
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - the same
        try:
            self._process = subprocess.Popen(  # noqa: S603 - argv is ours, and no shell reads it
                argv,
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._errors,
                process_group=0,
            )
        except OSError as error:
            self._close()
            raise WorldError(
                f"cannot start {self.name}: {(error.strerror or str(error)).lower()}", where=argv[0]
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill()
        self._close()

    def ended(self, timeout_s: float, mend: str = "") -> Ended:
        """Wait for its end.

        Raises:
            WorldError: It takes longer than *timeout_s*, or says more than `MOST_BYTES`.

        """
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise WorldError(f"{self.name} did not end within {timeout_s:.0f} s", mend=mend) from None
        self._output.seek(0)
        output = self._output.read(MOST_BYTES + 1)
        if len(output) > MOST_BYTES:
            raise WorldError(f"{self.name} said more than {MOST_BYTES >> 20} MiB", mend=mend)
        self._errors.seek(0)
        return Ended(code, output, self._errors.read(_SAID_BYTES).decode("utf-8", "replace"))

    def _kill(self) -> None:
        """End the whole group: a wrapper's children do not outlive it."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _close(self) -> None:
        self._output.close()
        self._errors.close()
