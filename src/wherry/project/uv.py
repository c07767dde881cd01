"""uv, run as a program: found, started with a clean environment, its failures told in one line.

What uv does to a project is only what its arguments say: variables that would make it write elsewhere,
sync an environment or read another project's settings are taken away first.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.errors import InputError, WorldError
from wherry.fetch.addresses import without_userinfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_REMOVED: Final = frozenset(
    {
        # what would change which project, which groups or which Python an invocation is about
        "UV_CONSTRAINT",
        "UV_CUSTOM_COMPILE_COMMAND",
        "UV_EXCLUDE",
        "UV_FROZEN",
        "UV_LOCKED",
        "UV_NO_DEFAULT_GROUPS",
        "UV_NO_DEV",
        "UV_NO_EDITABLE",
        "UV_NO_GROUP",
        "UV_NO_SOURCES",
        "UV_OFFLINE",
        "UV_OVERRIDE",
        "UV_PROJECT",
        "UV_PROJECT_ENVIRONMENT",
        "UV_PYTHON",
        "UV_RESOLUTION",
        "UV_SYSTEM_PYTHON",
        "UV_WORKING_DIR",
        # an activated environment is not the project's
        "CONDA_PREFIX",
        "PYTHONHOME",
        "PYTHONPATH",
        "VIRTUAL_ENV",
        # what would make its output something else than we read
        "CLICOLOR_FORCE",
        "FORCE_COLOR",
        "RUST_BACKTRACE",
        "RUST_LOG",
    }
)
_SET: Final = {
    "NO_COLOR": "1",
    "UV_NO_PROGRESS": "1",
    "UV_PYTHON_DOWNLOADS": "never",  # reading a lock must not install a Python behind the user's back
}
# Compiled only when uv complains.
_MESSAGE: Final = r"^\s*(?:error|cause|[^\w\s]+(?= )):?\s+(.*)$"
_NETWORK: Final = (
    r"(?i)failed to fetch|request failed|error sending request|dns error|timed? ?out"
    r"|connection (?:refused|reset)"
    r"|status (?:client|server) error|\b(?:407|429|5\d\d) [A-Z]\w+"
    r"|certificate|no space left|permission denied|read-only file system|network was disabled"
)
_DENIED: Final = r"\b(?:401 Unauthorized|403 Forbidden)"
_LONGEST_MESSAGE: Final = 400


class UvInputError(InputError):
    """uv refused what the project says. *stderr* is all it said, without credentials."""

    def __init__(self, what: str, *, where: str = "", mend: str = "", stderr: str = "") -> None:
        super().__init__(what, where=where, mend=mend)
        self.stderr = stderr


class UvWorldError(WorldError):
    """uv could not reach what it needed. *stderr* is all it said, without credentials."""

    def __init__(self, what: str, *, where: str = "", mend: str = "", stderr: str = "") -> None:
        super().__init__(what, where=where, mend=mend)
        self.stderr = stderr


def find_uv() -> Path:
    """The uv program: the one installed beside us, else the first on PATH.

    Raises:
        WorldError: There is none.

    """
    try:
        from uv import find_uv_bin  # noqa: PLC0415 - most commands never need uv

        return Path(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if found is None:
        raise WorldError("the program uv is not installed", mend="pip install uv")
    return Path(found)


def uv_identity() -> str:
    """What tells one installed uv from another without starting it: for cache keys."""
    program = find_uv()
    try:
        facts = program.stat()
    except OSError as error:
        raise WorldError(
            f"the program uv cannot be read: {error.strerror}", where=str(program), mend="pip install uv"
        ) from error
    return f"{facts.st_size}.{facts.st_mtime_ns}"


def run_uv(  # noqa: PLR0913 - one keyword for each thing an invocation decides
    arguments: Sequence[str],
    *,
    doing: str,
    cwd: Path,
    where: str = "",
    mend: str = "",
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
    offline: bool = False,
    timeout_s: float = 600,
) -> str:
    """Run ``uv ARGUMENTS`` to its end and hand back what it printed.

    Args:
        arguments: Everything after ``uv``.
        doing: What it is run for, as a message says it: ``export uv.lock``.
        cwd: Where it runs; paths it prints are relative to it.
        where: The place that a failure is about.
        mend: What the user can do about a failure.
        environment: More variables, such as the configured indexes (``IndexConfiguration.uv_environment``).
        stdin: Text it reads.
        offline: Whether it must not use the network.
        timeout_s: Seconds until it is ended.

    Raises:
        UvInputError: uv found fault with the project or its requirements.
        UvWorldError: The network, the disk or the program failed, or time ran out.

    """
    program = find_uv()
    variables = {k: v for k, v in os.environ.items() if k not in _REMOVED} | _SET | dict(environment or {})
    if offline:
        variables["UV_OFFLINE"] = "1"
    try:
        done = subprocess.run(  # noqa: S603 - uv, with arguments we wrote; names from locks are validated or on stdin
            [str(program), *arguments],
            cwd=cwd,
            env=variables,
            input=stdin.encode(),
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UvWorldError(
            f"uv did not {doing} within {timeout_s:g} s", where=where, mend=mend or "try again"
        ) from error
    except OSError as error:
        raise UvWorldError(
            f"uv could not be started: {error.strerror}", where=str(program), mend="pip install uv"
        ) from error
    if done.returncode:
        raise _failure(done.stderr.decode(errors="replace"), done.returncode, doing, where, mend)
    return done.stdout.decode(errors="replace")


def _failure(stderr: str, code: int, doing: str, where: str, mend: str) -> UvInputError | UvWorldError:
    """What uv said, as our kind of error: its first message and that message's first cause."""
    said = without_userinfo(stderr)
    essence = essential_line(said) or f"it ended with code {code}"
    what = f"uv could not {doing}: {essence}"
    denied = re.search(_DENIED, said)
    if denied:
        what = f"uv could not {doing}: the index answers {denied[0]}"
        mend = "give its credentials: ~/.netrc, keyring, or UV_INDEX_<NAME>_USERNAME and _PASSWORD"
    if denied or code < 0 or re.search(_NETWORK, said):
        return UvWorldError(what, where=where, mend=mend, stderr=said)
    return UvInputError(what, where=where, mend=mend, stderr=said)


def essential_line(stderr: str) -> str:
    """The one line that says why: the error and its first cause, or the last line where uv used no form."""
    found = filter(None, (re.match(_MESSAGE, line) for line in stderr.splitlines()))
    messages = [message[1].strip().rstrip(":") for message in found]
    spoken = [line.strip() for line in stderr.splitlines() if line.strip() and "warning:" not in line]
    text = ": ".join(messages[:2]) if messages else (spoken[-1] if spoken else "")
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "…"
