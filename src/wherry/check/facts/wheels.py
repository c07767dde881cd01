"""A wheel by its file name: which Python, which machine, how large. `Wheel`."""

from __future__ import annotations

from typing import Final

from wherry.frozen import Frozen
from wherry.regex import regex

_NAME: Final = regex(
    r"(?P<name>[^-/]+)-(?P<version>[^-/]+)(?:-\d[^-/]*)?-(?P<python>[^-/]+)-(?P<abi>[^-/]+)-(?P<platform>[^-/]+)\.whl"
)
_TAG: Final = regex(r"(?P<kind>cp|py)(?P<major>\d)(?P<minor>\d*)")


class Wheel(Frozen):
    """One file that an index offers."""

    filename: str
    size_bytes: int | None = None  # of the file, where the lock says it

    def fits(self, python: tuple[int, int], machine: str = "x86_64", *, musl: bool = False) -> bool:
        """Whether pip would take it for CPython *python* on Linux; a name that is none fits nothing."""
        found = _NAME.fullmatch(self.filename)
        if found is None:
            return False
        return _is_for_python(found["python"], found["abi"], python) and any(
            _is_for_machine(platform, machine, musl=musl) for platform in found["platform"].split(".")
        )

    @property
    def is_pure(self) -> bool:
        """Whether it fits every machine."""
        return self.filename.endswith("-none-any.whl")


def _is_for_python(tags: str, abis: str, python: tuple[int, int]) -> bool:
    major, minor = python
    for tag in tags.split("."):
        found = _TAG.fullmatch(tag)
        if found is None or int(found["major"]) != major:
            continue
        wanted = int(found["minor"]) if found["minor"] else None
        abi = abis.split(".")
        if found["kind"] == "py" or "none" in abi:
            is_exact = found["kind"] == "cp" and wanted is not None and wanted != minor
            if "none" in abi and (wanted is None or wanted <= minor) and not is_exact:
                return True
        elif "abi3" in abi and wanted is not None:
            if wanted <= minor:
                return True
        elif wanted == minor and f"cp{major}{minor}" in abi:
            return True
    return False


def _is_for_machine(platform: str, machine: str, *, musl: bool) -> bool:
    if platform == "any":
        return True
    kinds = ("musllinux_", "linux_") if musl else ("manylinux", "linux_")
    return platform.startswith(kinds) and platform.endswith(f"_{machine}")
