"""Find what lies underneath: what wherry.lock pins, Debian packages or an image, or an image on this disk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from wherry.bases.debian import SUITES, debian_base
from wherry.bases.pins import FILENAME, read_pins
from wherry.build.base_pins import (
    DEBIAN,
    find_pins,
    image_place,
    is_pinned,
    registry_reference,
    wanted_python,
)
from wherry.digest import Digest
from wherry.errors import InputError
from wherry.oci.platform import Platform

if TYPE_CHECKING:
    from wherry.bases.model import Base, DebianPin
    from wherry.bases.pins import Pins, PlatformPins
    from wherry.build.workshop import Workshop
    from wherry.oci.reference import RegistryReference
    from wherry.project.project import Project

_PREFERRED: Final = ("trixie", "bookworm")
"""Debian's stable suite first: its glibc takes the newest wheels."""


@dataclass(frozen=True, slots=True)
class FoundBase:
    """A base, and the packages its interpreter is made of on this host, to compile bytecode with."""

    base: Base
    host_packages: tuple[DebianPin, ...] = ()  # of the same suite, for this machine's processor
    remarks: tuple[str, ...] = ()  # on how it was found


def find_base(platform: Platform, workshop: Workshop) -> FoundBase:
    """The base of the project's image for *platform*.

    Raises:
        InputError: No base fits the project's Python, or the one named is none.
        WorldError: It is not pinned yet and the mirror cannot be asked.

    """
    name = base_name(workshop)
    if name.startswith(DEBIAN):
        return _debian_base(name, platform, workshop)
    reference = registry_reference(name, workshop)
    # The interpreter that compiles bytecode for an image is this host's own.
    if reference is None:
        return FoundBase(_image_base(name, platform, workshop))
    base = _registry_base(name, reference, platform, workshop)
    return FoundBase(base, remarks=_not_pinned(name, workshop))


def base_name(workshop: Workshop) -> str:
    """What the base is called: on the command line, in pyproject.toml, or the one that fits."""
    return workshop.options.base or workshop.project.config.base or default_base(workshop.project)


def registry_base(
    name: str, reference: RegistryReference, platform: Platform, pins: PlatformPins, workshop: Workshop
) -> Base:
    """The base that *pins* make of an image in a registry: nothing is asked, nothing fetched.

    Raises:
        InputError: It has no Python that fits the project, or no glibc.

    """
    from wherry.bases.image_base import base_of_image  # noqa: PLC0415 - most bases are Debian's
    from wherry.bases.registry_image import full_name  # noqa: PLC0415 - the same

    if pins.image is None:
        msg = f"{name} was pinned without its image"
        raise RuntimeError(msg)
    return base_of_image(
        name,
        platform,
        Digest(pins.digest),
        pins.image,
        python=wanted_python(workshop),
        system_packages=pins.system_packages,
        registry_name=full_name(reference),
    )


def default_base(project: Project) -> str:
    """The Debian suite whose Python fits the project: the one its people work with, else the newest allowed.

    Raises:
        InputError: None does.

    """
    fitting = [name for name in _PREFERRED if _fits(project, SUITES[name].python)]
    usual = [name for name in fitting if SUITES[name].python == project.python]
    if fitting:
        return f"{DEBIAN}{(usual or fitting)[0]}"
    wanted = project.config.python
    asked = f"Python {wanted[0]}.{wanted[1]}" if wanted else f"requires-python {project.requires_python}"
    have = ", ".join(f"debian:{name} has Python {s.python[0]}.{s.python[1]}" for name, s in SUITES.items())
    raise InputError(
        f"no Debian base fits {asked}: {have}",
        where=project.place("pyproject.toml"),
        mend='widen it, or name an image that has that Python: [tool.wherry] base = "python:3.12-slim"',
    )


def _fits(project: Project, python: tuple[int, int]) -> bool:
    if project.config.python is not None:
        return project.config.python == python
    version = f"{python[0]}.{python[1]}"
    allowed = project.requires_python
    # Any micro version may satisfy the project: a suite's own is known once its packages are.
    return allowed is None or any(allowed.contains(f"{version}.{n}", prereleases=True) for n in range(40))


def _require_python(project: Project, base: Base) -> None:
    """The base's very Python satisfies the project."""
    allowed, wanted = project.requires_python, project.config.python
    if (wanted in {None, base.python}) and (
        allowed is None or allowed.contains(base.python_full_version, prereleases=True)
    ):
        return
    asked = f"Python {wanted[0]}.{wanted[1]}" if wanted else f"Python {allowed}"
    raise InputError(
        f"the project wants {asked}, and {base.name} has {base.python_full_version}",
        where=project.place("pyproject.toml"),
        mend=f"choose another base: {' or '.join(DEBIAN + name for name in SUITES)}, or an image",
    )


def _debian_base(name: str, platform: Platform, workshop: Workshop) -> FoundBase:
    pins = find_pins(name, workshop)
    found = _of_platform(pins, name, platform, workshop)
    base = debian_base(name.removeprefix(DEBIAN), platform, found.packages, found.system_packages)
    _require_python(workshop.project, base)
    host = pins.platforms.get(str(Platform.of_host()))
    return FoundBase(base, host.packages if host else (), remarks=_not_pinned(name, workshop))


def _not_pinned(name: str, workshop: Workshop) -> tuple[str, ...]:
    """That a base tried on the command line is, the next time, what its name means then."""
    if not workshop.options.base:
        return ()
    pins = read_pins(workshop.project.root / FILENAME)
    if pins is not None and is_pinned(name, workshop, pins):
        return ()
    return (f'{name} is not pinned: write base = "{name}" in [tool.wherry], and run wherry lock',)


def _registry_base(name: str, reference: RegistryReference, platform: Platform, workshop: Workshop) -> Base:
    """An image in a registry; its blobs stay there until something needs their bytes."""
    from wherry.bases.registry_image import note_origins  # noqa: PLC0415 - most bases are Debian's

    pins = _of_platform(find_pins(name, workshop), name, platform, workshop)
    base = registry_base(name, reference, platform, pins, workshop)
    note_origins(reference, base.layers, workshop.store)
    return base


def _of_platform(pins: Pins, name: str, platform: Platform, workshop: Workshop) -> PlatformPins:
    found = pins.platforms.get(str(platform))
    if found is None:
        raise InputError(
            f"wherry.lock does not pin {name} for {platform}",
            where=workshop.project.place(FILENAME),
            mend=f"wherry lock --upgrade base --platform {platform}",
        )
    return found


def _image_base(name: str, platform: Platform, workshop: Workshop) -> Base:
    """An image on this disk; its blobs are in the store afterwards."""
    from wherry.bases.image import base_from_layout  # noqa: PLC0415 - most bases are Debian's

    base = base_from_layout(
        image_place(name, workshop),
        platform,
        workshop.store,
        python=wanted_python(workshop),
        progress=workshop.progress,
    )
    system_packages: tuple[DebianPin, ...] = ()
    if workshop.project.config.system_packages:
        system_packages = find_pins(name, workshop, base).platforms[str(platform)].system_packages
    return replace(base, name=name, system_packages=system_packages)
