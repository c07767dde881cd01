"""Find what lies underneath: the Debian packages that wherry.lock pins, or an image on this disk.

A project without a wherry.lock gets one at its first build, for every platform at once, so that colleagues
and CI build on the same bytes whatever their machine is. An image is pinned where Debian packages are laid
over it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from wherry.bases.debian import SUITES, debian_base, pins_digest
from wherry.bases.pins import FILENAME, Pins, PlatformPins, read_pins, write_pins
from wherry.errors import InputError, WorldError
from wherry.oci.platform import SUPPORTED, Platform

if TYPE_CHECKING:
    from wherry.bases.image import DebianImage
    from wherry.bases.model import Base, DebianPin
    from wherry.build.workshop import Workshop
    from wherry.project.project import Project

_DEBIAN: Final = "debian:"
_PATH_TRANSPORTS: Final = frozenset({"oci", "oci-archive", "docker-archive"})
_PREFERRED: Final = ("trixie", "bookworm")
"""Debian's stable suite first: its glibc takes the newest wheels."""


@dataclass(frozen=True, slots=True)
class FoundBase:
    """A base, and the packages its interpreter is made of on this host, to compile bytecode with."""

    base: Base
    host_packages: tuple[DebianPin, ...] = ()  # of the same suite, for this machine's processor


def find_base(platform: Platform, workshop: Workshop) -> FoundBase:
    """The base of the project's image for *platform*.

    Raises:
        InputError: No base fits the project's Python, or the one named is none.
        WorldError: It is not pinned yet and the mirror cannot be asked.

    """
    name = workshop.options.base or workshop.project.config.base or default_base(workshop.project)
    if not name.startswith(_DEBIAN):
        return FoundBase(_image_base(name, platform, workshop))  # its interpreter is this host's own
    pins = _pins(name, workshop)
    found = pins.platforms.get(str(platform))
    if found is None:
        raise InputError(
            f"wherry.lock does not pin {name} for {platform}",
            where=workshop.project.place(FILENAME),
            mend="wherry lock --upgrade base",
        )
    base = debian_base(name.removeprefix(_DEBIAN), platform, found.packages, found.system_packages)
    _require_python(workshop.project, base)
    host = pins.platforms.get(str(Platform.of_host()))
    return FoundBase(base, host.packages if host else ())


def default_base(project: Project) -> str:
    """The Debian suite whose Python fits the project: the one its people work with, else the newest allowed.

    Raises:
        InputError: None does.

    """
    fitting = [name for name in _PREFERRED if _fits(project, SUITES[name].python)]
    usual = [name for name in fitting if SUITES[name].python == project.python]
    if fitting:
        return f"{_DEBIAN}{(usual or fitting)[0]}"
    wanted = project.config.python
    asked = f"Python {wanted[0]}.{wanted[1]}" if wanted else f"requires-python {project.requires_python}"
    have = ", ".join(f"debian:{name} has Python {s.python[0]}.{s.python[1]}" for name, s in SUITES.items())
    raise InputError(
        f"no Debian base fits {asked}: {have}",
        where=project.place("pyproject.toml"),
        mend='widen it, or name an image that has that Python: [tool.wherry] base = "oci:DIR"',
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
        mend=f"choose another base: {' or '.join(_DEBIAN + name for name in SUITES)}, or an image",
    )


def image_place(name: str, workshop: Workshop) -> str:
    """Where the image is that the project or the command line calls *name*, from where this process stands.

    A path in pyproject.toml starts at the project, one on the command line where the user is.
    """
    transport, _, path = name.partition(":")
    if workshop.options.base or transport not in _PATH_TRANSPORTS:
        return name
    return f"{transport}:{workshop.project.root / path}"


def _pins(name: str, workshop: Workshop, image: Base | None = None) -> Pins:
    """What wherry.lock pins for the base *name*; made now where it has another base, or another *image*."""
    path = workshop.project.root / FILENAME
    pins = read_pins(path)
    wanted = sorted(workshop.project.config.system_packages)
    if pins is not None and sorted(pins.system_packages) == wanted and _is_of(pins, name, image):
        return pins
    made = resolve_pins(name, workshop, image.platform if image else None)
    if pins is not None and workshop.options.base:
        return made  # a base tried on the command line does not replace the one that is committed
    try:
        write_pins(path, made)
        workshop.progress.note(f"pinned {name} in {workshop.project.place(FILENAME)}: commit it")
    except WorldError as error:
        workshop.progress.note(f"{name} is not pinned: {error.what}")
    return made


def _is_of(pins: Pins, name: str, image: Base | None) -> bool:
    """Whether *pins* are the base's: a suite goes by its name, an image by its digest, whatever its place."""
    if image is None:
        return pins.base == name
    found = pins.platforms.get(str(image.platform))
    return found is not None and not found.packages and found.digest == image.digest


def resolve_pins(name: str, workshop: Workshop, platform: Platform | None = None) -> Pins:
    """Ask the mirror what the base *name*, and the system packages over it, consist of today.

    Args:
        name: A Debian base: every platform is pinned. Or an image: every platform that it is there for.
        workshop: The project and the tools.
        platform: The one that an image must be there for; None: this machine's.

    Raises:
        InputError: There is no such suite, no such system package, or the image is not Debian's.
        WorldError: The mirror cannot be asked, or is not rightly signed.

    """
    from wherry.bases.debian import resolve_debian  # noqa: PLC0415 - a pinned build asks no mirror

    if workshop.options.offline:
        raise WorldError(
            f"{name} is not pinned, and without network it cannot be",
            where=workshop.project.place(FILENAME),
            mend="wherry lock, with network",
        )
    system_packages = workshop.project.config.system_packages
    platforms: dict[str, PlatformPins] = {}
    released = ""
    with workshop.progress.task(f"pinning {name}"):
        for found, image in _grounds(name, workshop, platform or Platform.of_host()):
            resolved = resolve_debian(
                image.suite if image else name.removeprefix(_DEBIAN),
                found,
                system_packages,
                fetcher=workshop.fetcher,
                store=workshop.store,
                mirror=workshop.mirror,
                roots=() if image else None,
                installed=image.installed if image else None,
            )
            released = resolved.released
            platforms[str(found)] = PlatformPins(
                digest=str(image.digest if image else pins_digest(resolved.packages)),
                packages=resolved.packages,
                system_packages=resolved.system_packages,
            )
    asked = tuple(sorted(system_packages))
    return Pins(base=name, platforms=platforms, released=released, system_packages=asked)


def _grounds(name: str, workshop: Workshop, needed: Platform) -> list[tuple[Platform, DebianImage | None]]:
    """What is resolved over, by platform: an image, or None for the base that a suite's own packages make."""
    platforms = [Platform.parse(text) for text in SUPPORTED]
    if name.startswith(_DEBIAN):
        return [(platform, None) for platform in platforms]
    from wherry.bases.image import debian_image  # noqa: PLC0415 - most bases are Debian's

    place = image_place(name, workshop)
    found: list[tuple[Platform, DebianImage | None]] = [(needed, debian_image(place, needed, workshop.store))]
    for platform in platforms:
        with suppress(InputError):  # the image is not for it, or that part of it is not here
            if platform != needed:
                found.append((platform, debian_image(place, platform, workshop.store)))
    return found


def _image_base(name: str, platform: Platform, workshop: Workshop) -> Base:
    """An image on this disk; its blobs are in the store afterwards."""
    from wherry.bases.image import base_from_layout  # noqa: PLC0415 - most bases are Debian's

    base = base_from_layout(
        image_place(name, workshop),
        platform,
        workshop.store,
        python=workshop.project.config.python,
        progress=workshop.progress,
    )
    _require_python(workshop.project, base)
    system_packages: tuple[DebianPin, ...] = ()
    if workshop.project.config.system_packages:
        system_packages = _pins(name, workshop, base).platforms[str(platform)].system_packages
    return replace(base, name=name, system_packages=system_packages)
