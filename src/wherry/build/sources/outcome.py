"""Why a build failed, in the one line of its log that says so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.errors import InputError, WherryError, WorldError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_UV_FAILED: Final = re.compile(r"error: Failed to build |error: No interpreter found|error: ")
_CAUSE: Final = re.compile(r"\s+cause: (.*)")
_COMPILER: Final = re.compile(
    r"\S+?:\d+(?::\d+)?: (?:fatal )?error: .*|error\[E\d+\]: .*|CMake Error.*|ld: .*|.*undefined reference.*"
)
_RAISED: Final = re.compile(
    r"\s*(?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Exit|Missing|Failure|Warning)\b.*"
)
_NETWORK: Final = re.compile(
    r"failed to fetch|failed to download|request failed|error sending request|dns error|operation timed out"
    r"|connection (?:refused|reset)|status (?:client|server) error"
    r"|network was disabled|invalid peer certificate",
    re.IGNORECASE,
)
_DISK: Final = re.compile(r"no space left on device|read-only file system|disk quota exceeded", re.IGNORECASE)
_LONGEST: Final = 240


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known of a build that failed."""

    title: str  # what was built: "foo 1.0"
    lines: Sequence[str]  # the end of the log, without credentials
    log: Path  # where all of it is
    python: tuple[int, int]  # the minor version that it was built for
    offline: bool  # whether the network was forbidden
    code: int  # uv's exit code; 0 when it succeeded without a wheel


def explain_failure(failure: Failure) -> WherryError:
    """What the log of a failed build comes down to: an error whose place is the log."""
    title, lines = failure.title, failure.lines
    where = f"log: {failure.log}"
    backend, causes = _parts(lines)
    said = "\n".join(causes)
    version = f"{failure.python[0]}.{failure.python[1]}"
    if "No interpreter found" in said or ("cpython-" in said and "Failed to download" in said):
        return WorldError(
            f"{title} must be built by Python {version}, which is neither here nor could be fetched",
            where=where,
            mend=f"install it: uv python install {version}",
        )
    if _DISK.search("\n".join(lines)):
        return WorldError(
            f"the disk refused while {title} was built: {_short(essence(lines))}",
            where=where,
            mend="make room with 'wherry cache prune', or set WHERRY_CACHE_DIR and UV_CACHE_DIR",
        )
    if _NETWORK.search(said):
        return WorldError(
            f"the build requirements of {title} could not be fetched: {_short(_last_telling(causes))}",
            where=where,
            mend="run without --offline once"
            if failure.offline
            else "check the index that uv is configured with",
        )
    what = _short(essence(lines)) or (
        f"uv ended with code {failure.code}" if failure.code else "its backend made no wheel"
    )
    mend = "build it where its build requirements are met, or lock a version with a wheel"
    return InputError(f"{title} does not build: {what}", where=where, mend=_hint(backend) or mend)


def essence(lines: Sequence[str]) -> str:
    """The line that says why: a compiler's first complaint, else the last exception, else the last line."""
    backend, causes = _parts(lines)
    compiler = next((line for line in backend if _COMPILER.match(line)), None)
    raised = next((line for line in reversed(backend) if _RAISED.match(line)), None)
    last = next((line for line in reversed(backend) if line.strip()), None)
    return (compiler or raised or last or (causes[-1] if causes else "")).strip()


def _parts(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """What the backend said, and what uv made of it."""
    start = next((i for i in reversed(range(len(lines))) if _UV_FAILED.match(lines[i])), len(lines))
    backend = [line for line in lines[:start] if line.strip() and not line.startswith("Building wheel")]
    uv = lines[start:]
    causes = [uv[0]] if uv else []
    causes += [found[1] for line in uv if (found := _CAUSE.match(line))]
    causes += [line for line in uv if line.startswith("hint: ")]
    return backend, causes


def _last_telling(causes: Sequence[str]) -> str:
    """The cause that names the address, else the last one."""
    named = [cause for cause in causes if "://" in cause]
    plain = [cause for cause in causes if not cause.startswith("hint: ")]
    return (named or plain or [""])[0 if named else -1]


def _hint(backend: Sequence[str]) -> str:
    said = "\n".join(backend)
    header = re.search(r"fatal error: (\S+): No such file", said)
    if header and header[1] == "Python.h":
        return "install the Python of that version with its headers: uv python install"
    if header:
        return f"install the library that has {header[1]}, with its headers, on this machine"
    module = re.search(r"ModuleNotFoundError: No module named '([\w.]+)'", said)
    if module:
        return f"add {module[1]} to its build-system.requires, or lock a version with a wheel"
    return ""


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
