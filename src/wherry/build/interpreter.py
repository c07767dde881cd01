"""An interpreter to compile bytecode: a Debian base's own, else one of the same minor version.

For an image that is this machine's, or where it has none, that of the Debian suite with the same Python.
What was found is remembered, so a warm build asks neither uv nor a mirror; that there is none, for a day.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.errors import InputError, WherryError, WorldError
from wherry.layers.model import BytecodeCompiler
from wherry.oci.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.bases.mirror import MirrorSettings
    from wherry.bases.model import Base, DebianPin
    from wherry.fetch.fetcher import Fetcher
    from wherry.store.store import Store

KIND: Final = "interpreters"
_ASK: Final = "import sys; print(sys.implementation.name, '.'.join(map(str, sys.version_info[:3])))"
_TIMEOUT_S: Final = 60
_MISSED_S: Final = 24 * 3600  # a machine without a way to the mirror does not wait for it in every build


class _Known(msgspec.Struct, frozen=True):
    """An interpreter that was found and started once. It holds while its program stays the same file."""

    argv: tuple[str, ...]
    version: str
    size_bytes: int
    mtime_ns: int
    note: str = ""


class _Missed(msgspec.Struct, frozen=True):
    """A suite's interpreter could not be had."""

    at_s: int  # since 1970


def find_bytecode_compiler(  # noqa: PLR0913 - what it is for, and by name where it may come from
    base: Base,
    store: Store,
    fetcher: Fetcher,
    *,
    mirror: MirrorSettings,
    host_packages: Sequence[DebianPin] = (),
    required: bool = False,
) -> tuple[BytecodeCompiler | None, str]:
    """Find an interpreter of the base's minor version that runs on this host.

    Args:
        base: What the bytecode is for.
        store: Remembers the answer, and holds the interpreter of a Debian base.
        fetcher: Gets that interpreter's packages.
        mirror: Where they are.
        host_packages: The packages of a Debian base's suite for this host's processor.
        required: Whether having none is an error.

    Returns:
        The interpreter and a line about it for the plan, "" where there is nothing to say. None where this
        host has none: modules are then compiled at each start of the image.

    Raises:
        WorldError: There is none, and one is required.

    """
    key = f"{base.digest or base.name} {base.python_full_version} on {Platform.of_host()}"
    known = store.index.get(KIND, key, _Known)
    if known is not None and _identity(known.argv) == (known.size_bytes, known.mtime_ns):
        return BytecodeCompiler(known.argv, known.version), known.note
    own = base.name.removeprefix("debian:") if base.packages else ""
    found = _of_debian(own, base, store, fetcher, mirror, host_packages) if own else None
    note = ""
    if found is None:
        found = _of_host(base, store)
        note = _remark(base, found)
    if found is None and not own and (suite := _suite_with(base.python)):
        found = _of_suite(suite, base, store, fetcher, mirror)
        note = _remark(base, found, f"Debian {suite}")
    if found is None:
        if required:
            raise _missing(base)
        return None, note
    # Instead of a Debian base's own: tried again, as the next run may have a network.
    if not (base.packages and note):
        store.index.put(KIND, key, _Known(found.argv, found.version, *_identity(found.argv), note=note))
    return found, note


def _suite_with(python: tuple[int, int]) -> str:
    """The Debian suite that has this Python; "" where none has."""
    from wherry.bases.debian import SUITES  # noqa: PLC0415 - a warm build does not need it

    return next((name for name, suite in SUITES.items() if suite.python == python), "")


def _of_suite(
    suite: str, base: Base, store: Store, fetcher: Fetcher, mirror: MirrorSettings
) -> BytecodeCompiler | None:
    """The interpreter of a Debian suite for an image that has the same Python: bytecode is its minor's.

    It is today's, which no lock pins; its exact version is in the layers' keys, as any compiler's is.
    """
    from wherry.bases.debian import resolve_debian  # noqa: PLC0415 - a warm build does not need it
    from wherry.bases.interpreter import compiler_names  # noqa: PLC0415 - the same

    host = Platform.of_host()
    key = f"debian:{suite} on {host}"
    missed = store.index.get(KIND, key, _Missed)
    if sys.platform != "linux" or (missed is not None and 0 <= time.time() - missed.at_s < _MISSED_S):
        return None
    try:
        names = compiler_names(suite)
        pins = resolve_debian(suite, host, (), fetcher=fetcher, store=store, mirror=mirror, roots=names)
    except (InputError, WorldError):
        found = None
    else:
        found = _of_debian(suite, base, store, fetcher, mirror, pins.packages)
    if found is None and not fetcher.offline:
        store.index.put(KIND, key, _Missed(int(time.time())))
    return found


def _of_debian(  # noqa: PLR0913, PLR0917 - whose, for what, and where it comes from
    suite: str,
    base: Base,
    store: Store,
    fetcher: Fetcher,
    mirror: MirrorSettings,
    host_packages: Sequence[DebianPin],
) -> BytecodeCompiler | None:
    """The very interpreter of a suite, unpacked into the store; None where it cannot be had or started."""
    from wherry.bases.debian import fetch_debs  # noqa: PLC0415 - a warm build does not need it
    from wherry.bases.interpreter import compiler_pins, host_interpreter  # noqa: PLC0415 - the same

    host = Platform.of_host()
    if sys.platform != "linux":
        return None
    try:
        pins = compiler_pins(suite, host_packages)
        fetch_debs(pins, fetcher=fetcher, store=store, mirror=mirror)
        found = host_interpreter(suite, pins, host, store)
    except (InputError, WorldError):
        return None  # said in the note about what is used instead
    return _started(found.argv, base)


def _of_host(base: Base, store: Store) -> BytecodeCompiler | None:
    """What uv finds on this machine: the base's exact version, else the same minor."""
    from wherry.project.uv import run_uv  # noqa: PLC0415 - a warm build does not need it

    for version in (base.python_full_version, f"{base.python[0]}.{base.python[1]}"):
        try:
            program = run_uv(
                ["python", "find", "--system", "--no-project", version],
                doing=f"find Python {version}",
                cwd=store.root,
                offline=True,
            ).strip()
        except WherryError:
            continue
        found = _started((program,), base)
        if found is not None:
            return found
    return None


def _started(argv: tuple[str, ...], base: Base) -> BytecodeCompiler | None:
    """The interpreter, if it starts here and is CPython of the base's minor version."""
    try:
        done = subprocess.run(  # noqa: S603 - an interpreter we unpacked or uv found
            [*argv, "-I", "-S", "-c", _ASK], capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    name, _, version = done.stdout.strip().partition(" ")
    minor = f"{base.python[0]}.{base.python[1]}."
    if done.returncode or name != "cpython" or not version.startswith(minor):
        return None
    return BytecodeCompiler(argv, version)


def _identity(argv: Sequence[str]) -> tuple[int, int]:
    """What changes with the program: the last absolute path, as the first may be only its loader."""
    program = next((part for part in reversed(argv) if part.startswith("/")), "")
    try:
        status = Path(program).stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _remark(base: Base, found: BytecodeCompiler | None, whose: str = "this machine") -> str:
    minor = f"{base.python[0]}.{base.python[1]}"
    if found is None:
        return f"no bytecode: this machine has no Python {minor} ('uv python install {minor}' gets one)"
    if found.version != base.python_full_version:
        own = base.python_full_version
        return f"bytecode is compiled by {whose}'s Python {found.version}; the base has {own}"
    return ""


def _missing(base: Base) -> WorldError:
    minor = f"{base.python[0]}.{base.python[1]}"
    return WorldError(
        f"there is no Python {minor} on this machine to compile bytecode with",
        where="pyproject.toml: [tool.wherry] bytecode",
        mend=f"uv python install {minor}, or bytecode = false",
    )
