"""Why no wheel of a package fits a target, in the words a user can act on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.tags import Tag

    from wherry.project.locks.model import LockedPackage
    from wherry.project.target import Target

_MANYLINUX: Final = re.compile(r"manylinux_(\d{1,4})_(\d{1,4})_(.+)")
_LEGACY: Final = re.compile(r"manylinux(1|2010|2014)_(.+)")
_LEGACY_GLIBC: Final = {"1": (2, 5), "2010": (2, 12), "2014": (2, 17)}
_CPYTHON: Final = re.compile(r"cp(\d)(\d{1,3})")
_SUITES: Final = {  # what each built-in base brings
    "debian:bookworm": ((3, 11), (2, 36)),
    "debian:trixie": ((3, 13), (2, 41)),
}
_MOST_SHOWN: Final = 6


def no_fitting_wheel(package: LockedPackage, target: Target) -> InputError:
    """The error for a *package* none of whose wheels *target* takes: what exists, and what would fit."""
    tags = list(_tags(package))
    machine, version = target.platform.machine, f"{target.python[0]}.{target.python[1]}"
    title = f"{package.name} {package.version or ''}".rstrip()
    wanted = f"{target.platform}, Python {version}, glibc {target.glibc[0]}.{target.glibc[1]}"
    if not tags:
        return InputError(
            f"{title} has no file for {wanted}", where=package.where, mend="lock it for this target"
        )
    here = [tag for tag in tags if _machine_fits(tag, machine)]
    needs_glibc = sorted(
        {
            glibc
            for tag in here
            if _python_fits(tag, target) and (glibc := _glibc(tag)) and glibc > target.glibc
        }
    )
    pythons = sorted({python for tag in here if (python := _python(tag)) and _glibc_fits(tag, target)})
    if needs_glibc:
        reason = f"its wheels need glibc {_dotted(needs_glibc[0])}"
        mend = _newer_base(target.python, needs_glibc[0])
    elif pythons:
        reason = f"its wheels are for Python {', '.join(map(_dotted, pythons[:_MOST_SHOWN]))}"
        mend = _other_python(pythons)
    elif here:
        reason = f"its wheels are {_summary(here)}"
        mend = f"lock a version of {package.name} with wheels for it, or with an sdist"
    else:
        reason = f"it has wheels only for {_summary(tags)}"
        mend = f"lock a version of {package.name} that has wheels for {machine}, or an sdist"
    return InputError(f"{title} has no wheel for {wanted}: {reason}", where=package.where, mend=mend)


def _newer_base(python: tuple[int, int], glibc: tuple[int, int]) -> str:
    fits = [name for name, (_, brings) in _SUITES.items() if brings >= glibc]
    exact = [name for name in fits if _SUITES[name][0] == python]
    if exact:
        return f'a newer glibc: base = "{exact[0]}" has {_dotted(_SUITES[exact[0]][1])}'
    if fits:
        (major, minor), brings = _SUITES[fits[0]]
        return (
            f'a base with glibc {_dotted(glibc)} or newer: base = "{fits[0]}" has {_dotted(brings)}, '
            f"with Python {major}.{minor}"
        )
    return f"a base with glibc {_dotted(glibc)} or newer"


def _other_python(pythons: list[tuple[int, int]]) -> str:
    fits = [name for name, (python, _) in _SUITES.items() if python in pythons]
    if fits:
        return f'choose the base that has it: base = "{fits[0]}" has Python {_dotted(_SUITES[fits[0]][0])}'
    return f"choose a base image with Python {_dotted(pythons[-1])}, or lock another version"


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _tags(package: LockedPackage) -> Iterator[Tag]:
    for file in package.wheels:
        try:
            yield from sorted(parse_wheel_filename(file.filename)[3], key=str)
        except InvalidWheelFilename:
            continue


def _machine_fits(tag: Tag, machine: str) -> bool:
    is_linux = tag.platform.startswith(("manylinux", "linux_"))
    return tag.platform == "any" or (is_linux and tag.platform.endswith(f"_{machine}"))


def _python(tag: Tag) -> tuple[int, int] | None:
    """The CPython a wheel is bound to; None where it is bound to none, or to a build we have no base for."""
    found = _CPYTHON.fullmatch(tag.interpreter)
    if found is None or tag.abi not in {tag.interpreter, "none"}:
        return None
    return int(found[1]), int(found[2])


def _python_fits(tag: Tag, target: Target) -> bool:
    found = _CPYTHON.fullmatch(tag.interpreter)
    if found is None:
        return tag.interpreter in {"py3", f"py{target.python[0]}{target.python[1]}"}
    bound = int(found[1]), int(found[2])
    return (
        bound <= target.python
        if tag.abi == "abi3"
        else bound == target.python and tag.abi != f"{tag.interpreter}t"
    )


def _glibc(tag: Tag) -> tuple[int, int] | None:
    if found := _MANYLINUX.fullmatch(tag.platform):
        return int(found[1]), int(found[2])
    if found := _LEGACY.fullmatch(tag.platform):
        return _LEGACY_GLIBC[found[1]]
    return None


def _glibc_fits(tag: Tag, target: Target) -> bool:
    glibc = _glibc(tag)
    return glibc is None or glibc <= target.glibc


def _summary(tags: Iterable[Tag]) -> str:
    """The platforms (and interpreters) of *tags* in a few words."""
    names = dict.fromkeys(_named(tag) for tag in tags)
    shown = list(names)[:_MOST_SHOWN]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")


def _named(tag: Tag) -> str:
    platform = tag.platform
    if platform.startswith("win"):
        return "Windows"
    if platform.startswith("macosx"):
        return "macOS"
    if platform.startswith("musllinux"):
        return f"musl Linux {_last(platform)}"
    if platform.startswith(("manylinux", "linux_")):
        return f"Linux {_last(platform)} {tag.interpreter}-{tag.abi}"
    return f"{tag.interpreter}-{tag.abi}-{platform}"


def _last(platform: str) -> str:
    """The machine at the end of a Linux platform tag."""
    found = re.search(r"_(x86_64|[a-z0-9]+)$", platform)
    return found[1] if found else platform
