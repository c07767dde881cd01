"""What renewing a base changed, in lines for people. Opens nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.bases.debian import debian_base
from wherry.bases.image_base import choose_python
from wherry.errors import InputError
from wherry.oci.platform import Platform

if TYPE_CHECKING:
    from wherry.bases.model import WantedPython
    from wherry.bases.pins import Pins, PlatformPins

_SHOWN_DIGITS: Final = 12


def base_changes(before: Pins, after: Pins, python: WantedPython) -> list[str]:
    """What differs between two pins of one base: its digest, its Python, its packages.

    Args:
        before: What was pinned.
        after: What is pinned now.
        python: Which Pythons the project takes: the first that fits is compared.

    Returns:
        A line each, the platforms first; one that is not true of every platform says of which it is. None if
        nothing differs.

    """
    shared = sorted(before.platforms.keys() & after.platforms.keys())
    told: dict[str, list[str]] = {}
    for name in shared:
        old, new = before.platforms[name], after.platforms[name]
        heads = [_digest(old, new), _python((before.base, old), (after.base, new), name, python)]
        for line in (*filter(None, heads), *_packages(old, new)):
            told.setdefault(line, []).append(name)
    return [
        *(f"{name} is new" for name in sorted(after.platforms.keys() - before.platforms.keys())),
        *(f"{name} is gone" for name in sorted(before.platforms.keys() - after.platforms.keys())),
        *(line if of == shared else f"{line} ({', '.join(of)})" for line, of in told.items()),
    ]


def _digest(old: PlatformPins, new: PlatformPins) -> str:
    """Of images alone: the digest of Debian packages is over what follows, and means nothing elsewhere."""
    if old.packages or new.packages or old.digest == new.digest:
        return ""
    return f"{_short(old.digest)} -> {_short(new.digest)}"


def _short(digest: str) -> str:
    algorithm, _, digits = digest.partition(":")
    return f"{algorithm}:{digits[:_SHOWN_DIGITS]}"


def _python(
    old: tuple[str, PlatformPins],
    new: tuple[str, PlatformPins],
    platform: str,
    wanted: WantedPython,
) -> str:
    was, now = (_python_of(base, pins, platform, wanted) for base, pins in (old, new))
    return "" if was == now else f"Python {was or '(none)'} -> {now or '(none)'}"


def _python_of(base: str, pins: PlatformPins, platform: str, wanted: WantedPython) -> str:
    try:
        if pins.image:
            return choose_python(pins.image, wanted, base).version
        if pins.packages:
            suite = base.removeprefix("debian:")
            return debian_base(suite, Platform.parse(platform), pins.packages).python_full_version
    except InputError:
        pass  # it has none that fits
    return ""


def _packages(old: PlatformPins, new: PlatformPins) -> list[str]:
    was, now = _versions(old), _versions(new)
    return [
        f"{name} {was[name]} -> {now[name]}"
        if name in was and name in now
        else f"{name} {was.get(name) or now[name]} {'removed' if name in was else 'added'}"
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    ]


def _versions(pins: PlatformPins) -> dict[str, str]:
    found = {package.name: package.version for package in (pins.image.installed if pins.image else ())}
    return found | {pin.name: pin.version for pin in (*pins.packages, *pins.system_packages)}
