"""Pin what lies underneath: read wherry.lock, or ask the mirror and the registry what it consists of today.

A project without a wherry.lock gets one at its first build, for every platform at once, so that colleagues
and CI build on the same bytes whatever their machine is. An image on this disk is only pinned where Debian
packages are laid over it; one in a registry always, and what is pinned wins over where its tag has moved.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.bases.debian import pins_digest
from wherry.bases.model import WantedPython
from wherry.bases.pins import FILENAME, Pins, PlatformPins, read_pins, write_pins
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.oci.platform import SUPPORTED, Platform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wherry.bases.debian import Resolved
    from wherry.bases.image_base import DebianImage
    from wherry.bases.model import Base, DebianPin
    from wherry.build.deliver import Destination
    from wherry.build.workshop import Workshop
    from wherry.oci.reference import RegistryReference
    from wherry.oci.registry.client import Registries

DEBIAN: Final = "debian:"
_PATH_TRANSPORTS: Final = frozenset({"oci", "oci-archive", "docker-archive"})
_ELSEWHERE: Final = (*(f"{name}:" for name in _PATH_TRANSPORTS), "docker-daemon:", "sha256:")


def registry_reference(name: str, workshop: Workshop) -> RegistryReference | None:
    """The image in a registry that the base *name* means; None for Debian's packages and images on this disk.

    A name with no host is that of an image in the store, if the store has one and wherry.lock does not pin
    the registry's; else it is Docker Hub's, as everybody expects where a base is named.

    Raises:
        InputError: It can be no image's name.

    """
    if name.startswith((DEBIAN, *_ELSEWHERE)):
        return None
    from wherry.bases.registry_image import base_reference  # noqa: PLC0415 - most bases are Debian's
    from wherry.oci.reference import StoreTag, parse_reference  # noqa: PLC0415 - the same

    reference = base_reference(name)
    if name.startswith("docker://") or "@" in name:
        return reference
    local = parse_reference(name)
    if isinstance(local, StoreTag) and workshop.store.tags.get(str(local)) is not None:
        pins = read_pins(workshop.project.root / FILENAME)
        return reference if pins is not None and _has_images(pins) and pins.base == name else None
    return reference


def image_place(name: str, workshop: Workshop) -> str:
    """Where the image is that the project or the command line calls *name*, from where this process stands.

    A path in pyproject.toml starts at the project, one on the command line where the user is.
    """
    transport, _, path = name.partition(":")
    if workshop.options.base or transport not in _PATH_TRANSPORTS:
        return name
    return f"{transport}:{workshop.project.root / path}"


def asked_platforms(workshop: Workshop) -> tuple[Platform, ...]:
    """What to build for: as asked, as configured, else for this machine's processor."""
    return workshop.options.platforms or workshop.project.config.platforms or (Platform.of_host(),)


def wanted_python(workshop: Workshop) -> WantedPython:
    """Which Pythons the project takes."""
    return WantedPython(workshop.project.config.python, workshop.project.requires_python)


def plain_hosts(workshop: Workshop, destination: Destination | None = None) -> frozenset[str]:
    """The registries that --plain-http means: those that the project and the command line name.

    A layer may be had from others, which nobody named: those keep TLS.

    Args:
        workshop: The project and the tools.
        destination: Where the image is going.

    Raises:
        InputError: A base or a layer index is named by what can be no image's name.

    """
    options, config = workshop.options, workshop.project.config
    if not options.plain_http:
        return frozenset()
    from wherry.build.layer_index.chosen import choose_indexes  # noqa: PLC0415 - few registries lack TLS
    from wherry.oci.reference import RegistryReference  # noqa: PLC0415 - the same

    name = options.base or config.base
    chosen = choose_indexes(options, config, pushes=True)
    named = (registry_reference(name, workshop) if name else None, chosen.asked, chosen.told, destination)
    return frozenset(place.host for place in named if isinstance(place, RegistryReference))


@contextmanager
def open_registries(workshop: Workshop) -> Iterator[Registries]:
    """The registries, for as long as the block; none is asked before it is needed."""
    from wherry.oci.registry.client import Registries  # noqa: PLC0415 - a pinned base asks no registry

    with Registries(plain_http=plain_hosts(workshop)) as registries:
        yield registries


def find_pins(name: str, workshop: Workshop, image: Base | None = None) -> Pins:
    """What wherry.lock pins for the base *name*; made now where it has another base, or another *image*.

    Args:
        name: As the user calls it.
        workshop: The project and the tools.
        image: The base, where it is an image on this disk.

    Raises:
        InputError: There is no such base.
        WorldError: It is not pinned, and the mirror or the registry cannot be asked.

    """
    path = workshop.project.root / FILENAME
    pins = read_pins(path)
    if pins is not None and is_pinned(name, workshop, pins, image):
        return pins
    known = pins if pins is not None and _is_of(pins, name, workshop, image) else None
    made = resolve_pins(name, workshop, (image.platform,) if image else (), known)
    if pins is not None and workshop.options.base:
        return made  # a base tried on the command line does not replace the one that is committed
    try:
        write_pins(path, made)
        workshop.progress.note(f"pinned {name} in {workshop.project.place(FILENAME)}: commit it")
    except WorldError as error:
        workshop.progress.note(f"{name} is not pinned: {error.what}")
    return made


def is_pinned(name: str, workshop: Workshop, pins: Pins, image: Base | None = None) -> bool:
    """Whether *pins* are the base's, with the system packages that the project wants over it."""
    wanted = sorted(workshop.project.config.system_packages)
    return sorted(pins.system_packages) == wanted and _is_of(pins, name, workshop, image)


def _is_of(pins: Pins, name: str, workshop: Workshop, image: Base | None) -> bool:
    """Whether *pins* are the base's: a suite goes by its name, an image by its digest, whatever its place.

    An image in a registry goes by its name there: what the name means now is not asked.
    """
    if image is not None:
        found = pins.platforms.get(str(image.platform))
        return found is not None and not found.packages and found.digest == image.digest
    reference = registry_reference(name, workshop)
    if reference is None:
        return pins.base == name
    return _has_images(pins) and registry_reference(pins.base, workshop) == reference


def _has_images(pins: Pins) -> bool:
    return all(platform.image for platform in pins.platforms.values())


def resolve_pins(
    name: str, workshop: Workshop, needed: Sequence[Platform] = (), known: Pins | None = None
) -> Pins:
    """Ask mirror and registry what the base *name*, and the system packages over it, consist of today.

    Args:
        name: A Debian base: every platform is pinned. Or an image: every platform that it is there for.
        workshop: The project and the tools.
        needed: The platforms that an image must be there for; none: those that are built for.
        known: What is pinned of an image in a registry, where only its system packages are to be resolved.

    Raises:
        InputError: There is no such suite, no such system package, or the image is not Debian's.
        WorldError: The mirror or the registry cannot be asked, or is not rightly signed.

    """
    with workshop.progress.task(f"pinning {name}"):
        reference = registry_reference(name, workshop)
        if reference is not None:
            pins = known or _ask_registry(name, reference, needed or asked_platforms(workshop), workshop)
            return _with_system_packages(pins, workshop)
        if name.startswith(DEBIAN):
            return _resolve_all(name, dict.fromkeys(SUPPORTED), workshop)
        return _resolve_all(
            name, _images_on_disk(name, needed or asked_platforms(workshop), workshop), workshop
        )


def _ask_registry(
    name: str, reference: RegistryReference, needed: Sequence[Platform], workshop: Workshop
) -> Pins:
    """What the name means in its registry now; a base that no needed platform can use is not pinned."""
    from wherry.bases.image_base import choose_python  # noqa: PLC0415 - a pinned base asks no registry
    from wherry.bases.registry_image import pin_registry_image  # noqa: PLC0415 - the same

    _require_network(name, workshop)
    with open_registries(workshop) as registries:
        digest, platforms = pin_registry_image(
            reference, needed, workshop.store, registries, workshop.progress
        )
    for platform in needed:  # complain of a base that cannot be used before it is pinned
        if image := platforms[str(platform)].image:
            choose_python(image, wanted_python(workshop), name)
    return Pins(name, platforms, digest=digest)


def _with_system_packages(pins: Pins, workshop: Workshop) -> Pins:
    """An image's pins with the system packages over it: resolved over what it is pinned to have."""
    from wherry.bases.image_base import debian_image_of  # noqa: PLC0415 - most bases are Debian's

    asked = tuple(sorted(workshop.project.config.system_packages))
    platforms, released = {}, ""
    for text, pinned in pins.platforms.items():
        packages: tuple[DebianPin, ...] = ()
        if asked and pinned.image:
            image = pinned.image
            ground = debian_image_of(pins.base, Digest(pinned.digest), image.codename, image.installed)
            resolved = _resolve(pins.base, Platform.parse(text), ground, workshop)
            packages, released = resolved.system_packages, resolved.released
        platforms[text] = msgspec.structs.replace(pinned, system_packages=packages)
    return msgspec.structs.replace(pins, platforms=platforms, released=released, system_packages=asked)


def _resolve_all(name: str, grounds: Mapping[str, DebianImage | None], workshop: Workshop) -> Pins:
    """Debian's packages for every platform: over an image on this disk, or as a base themselves."""
    platforms, released = {}, ""
    for text, ground in grounds.items():
        resolved = _resolve(name, Platform.parse(text), ground, workshop)
        released = resolved.released
        platforms[text] = PlatformPins(
            digest=str(ground.digest if ground else pins_digest(resolved.packages)),
            packages=resolved.packages,
            system_packages=resolved.system_packages,
        )
    asked = tuple(sorted(workshop.project.config.system_packages))
    return Pins(base=name, platforms=platforms, released=released, system_packages=asked)


def _resolve(name: str, platform: Platform, ground: DebianImage | None, workshop: Workshop) -> Resolved:
    from wherry.bases.debian import resolve_debian  # noqa: PLC0415 - a pinned build asks no mirror

    _require_network(name, workshop)
    return resolve_debian(
        ground.suite if ground else name.removeprefix(DEBIAN),
        platform,
        workshop.project.config.system_packages,
        fetcher=workshop.fetcher,
        store=workshop.store,
        mirror=workshop.mirror,
        roots=() if ground else None,
        installed=ground.installed if ground else None,
    )


def _images_on_disk(name: str, needed: Sequence[Platform], workshop: Workshop) -> dict[str, DebianImage]:
    from wherry.bases.image import debian_image  # noqa: PLC0415 - most bases are Debian's

    place = image_place(name, workshop)
    found = {str(platform): debian_image(place, platform, workshop.store) for platform in needed}
    for text in SUPPORTED:
        if text not in found:
            with suppress(InputError):  # the image is not for it, or that part of it is not here
                found[text] = debian_image(place, Platform.parse(text), workshop.store)
    return found


def _require_network(name: str, workshop: Workshop) -> None:
    if workshop.options.offline:
        raise WorldError(
            f"{name} is not pinned, and without network it cannot be",
            where=workshop.project.place(FILENAME),
            mend="wherry lock, with network",
        )
