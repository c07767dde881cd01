"""What is known of an image as a base, and as the ground that Debian packages are laid on. Opens nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.bases.debian import SUITES
from wherry.bases.model import Base, ImageLayer
from wherry.bases.packages import relations
from wherry.bases.resolve import Installed
from wherry.digest import Digest
from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.bases.image_pins import PinnedImage
    from wherry.bases.model import DebianPin, FoundPackage, FoundPython, WantedPython
    from wherry.oci.platform import Platform

_DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def base_of_image(  # noqa: PLR0913 - what is known, and by name what is wanted of it
    name: str,
    platform: Platform,
    digest: Digest,
    image: PinnedImage,
    *,
    python: WantedPython,
    system_packages: tuple[DebianPin, ...] = (),
    registry_name: str = "",
) -> Base:
    """An image as a base, from what is known of it. Pure.

    Args:
        name: As the user calls it.
        platform: What it is for.
        digest: Of its manifest.
        image: What is known.
        python: Which Pythons will do.
        system_packages: What is laid over it.
        registry_name: Its full name in a registry, where it is in one.

    Raises:
        InputError: It has none of the Python or libc that is needed.

    """
    found = choose_python(image, python, name)
    return Base(
        name=name,
        platform=platform,
        python=(3, found.minor),
        python_full_version=found.version,
        interpreter=found.path,
        glibc=_glibc(image, name),
        system_packages=system_packages,
        layers=tuple(
            ImageLayer(Digest(layer.digest), Digest(layer.diff_id), layer.size_bytes, layer.media_type, None)
            for layer in image.layers
        ),
        history=tuple(dict(line) for line in image.history),
        env=image.env,
        user=image.user,
        digest=digest,
        registry_name=registry_name,
    )


@dataclass(frozen=True, slots=True)
class DebianImage:
    """An image made of Debian's packages: what more of them are resolved over."""

    digest: Digest  # of its manifest
    suite: str
    installed: tuple[Installed, ...]


def debian_image_of(
    name: str, digest: Digest, codename: str, packages: Iterable[FoundPackage]
) -> DebianImage:
    """What an image of that *codename* with those *packages* is to Debian packages laid over it. Pure.

    Raises:
        InputError: It is not of a Debian suite we know.

    """
    if codename not in SUITES:
        told = f"{codename[:40]!r}" if codename else "no release that its os-release names"
        raise _not_debian(f"need a base of Debian {' or '.join(SUITES)}, and this is {told}", name)
    installed = installed_packages(packages)
    if not installed:
        raise _not_debian("need to know what the base has, and /var/lib/dpkg there tells nothing", name)
    return DebianImage(digest, codename, installed)


def installed_packages(packages: Iterable[FoundPackage]) -> tuple[Installed, ...]:
    """The Debian packages that an image has, for resolving what goes on top."""
    return tuple(
        Installed(p.name, p.version, tuple(r for group in relations(p.provides) for r in group))
        for p in packages
    )


def _not_debian(why: str, name: str) -> InputError:
    return InputError(
        f"system-packages {why}",
        where=name,
        mend='set base = "debian:trixie", or put the packages into the base image',
    )


def choose_python(image: PinnedImage, wanted: WantedPython, name: str) -> FoundPython:
    """The interpreter that the project's environment uses: of those that fit, the first on the image's PATH.

    Of one directory the newest, and those that are not on PATH last.

    Args:
        image: What is known of the image.
        wanted: Which will do.
        name: What to call the image in the error.

    Raises:
        InputError: None fits; the error says which there are.

    """
    environment = dict(entry.partition("=")[::2] for entry in image.env)
    places = environment.get("PATH", _DEFAULT_PATH).split(":")

    def rank(python: FoundPython) -> tuple[int, int, str]:
        place = python.path.rpartition("/")[0]
        return (places.index(place) if place in places else len(places), -python.minor, python.path)

    fitting = sorted(filter(wanted.takes, image.pythons), key=rank)
    if fitting:
        return fitting[0]
    has = ", ".join(f"{p.version or f'3.{p.minor} without its library'} ({p.path})" for p in image.pythons)
    raise InputError(
        f"the base has no {wanted}; it has {has or 'none at all'}",
        where=name,
        mend="choose a base with it, or change the project's python or requires-python",
    )


def _glibc(image: PinnedImage, name: str) -> tuple[int, int]:
    if not image.glibc:
        raise InputError(
            "the base has no glibc, which Linux wheels need",
            where=name,
            mend="choose a Debian or Ubuntu based image",
        )
    major, minor = map(int, image.glibc.split("."))
    return major, minor
