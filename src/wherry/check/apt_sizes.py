"""What Debian packages weigh installed, with all they depend on, on top of python:slim.

``installed(["git", "ffmpeg"])`` counts what they share once. From the Installed-Size of Debian 12's main,
updates and security for amd64, November 2026; ``apt_sizes.json`` holds, for each measured package, which of
the listed sizes it brings (Depends), and which more when recommended packages are not left out.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.check.model import Basis, Cost

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_DATA: Final = Path(__file__).with_name("apt_sizes.json")
_TOO_MANY: Final = "-1"


def is_measured(package: str) -> bool:
    """Whether a package was measured."""
    return package in _data()[1]


def installed(packages: Iterable[str], *, with_recommended: bool = False) -> Cost:
    """What packages weigh with all they need, each file once; those not measured count nothing.

    Args:
        packages: Names, without versions and architectures.
        with_recommended: Whether apt also installs what they recommend.

    """
    sizes_kib, closures = _data()
    brought: set[int] = set()
    known: list[str] = []
    for package in packages:
        found = closures.get(package)
        if found is None:
            continue
        known.append(package)
        brought.update(_numbers(found[0]))
        if with_recommended:
            brought.update(_numbers(found[1]))
    if not known:
        return Cost()
    names = known[0] if len(known) == 1 else f"{known[0]} and {len(known) - 1} more"
    source = f"installed sizes of {names} and what they need on Debian 12, over python:slim"
    return Cost(1024 * sum(sizes_kib[number] for number in brought), basis=Basis.TABLE, source=source)


def recommended(packages: Iterable[str]) -> Cost:
    """What the recommended packages alone would add, each once."""
    listed = list(packages)
    with_them, without = installed(listed, with_recommended=True), installed(listed)
    if with_them.size_bytes == without.size_bytes:
        return Cost()
    source = without.source.replace("installed sizes of", "packages that are only recommended by")
    return Cost(with_them.size_bytes - without.size_bytes, basis=Basis.TABLE, source=source)


def _numbers(text: str) -> Iterator[int]:
    """``3 7-9`` is 3, 7, 8, 9."""
    for part in text.split():
        if part != _TOO_MANY:  # so many are recommended that nobody wrote them down
            first, _, last = part.partition("-")
            yield from range(int(first), int(last or first) + 1)


@cache
def _data() -> tuple[list[int], dict[str, list[str]]]:
    import json  # noqa: PLC0415 - only where a figure is asked for

    data = json.loads(_DATA.read_bytes())
    return data["kib"], data["closures"]
