"""An image on this disk as a base: what a plan may know of it, with its blobs brought into the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.bases.debian import SUITES
from wherry.bases.image_scan import ImageFacts, scan_image
from wherry.bases.model import Base, ImageLayer
from wherry.bases.packages import relations
from wherry.bases.resolve import Installed
from wherry.errors import InputError
from wherry.oci.image import copy_into, read_image
from wherry.oci.media_types import oci_name
from wherry.oci.sources import open_image

if TYPE_CHECKING:
    from wherry.bases.image_scan import FoundPython
    from wherry.digest import Digest
    from wherry.oci.image import Image, ImageSource
    from wherry.oci.platform import Platform
    from wherry.progress import Progress
    from wherry.store.store import Store

SCAN_VERSION: Final = 1
"""Raised when the same image would give other facts. What is laid over images then needs another
`wherry.layers.deb_layer.DEB_LAYOUT_VERSION` too."""

_INDEX: Final = "bases"
_DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def base_from_layout(
    name: str,
    platform: Platform,
    store: Store,
    *,
    python: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> Base:
    """The image called *name* as a base; its layers are in the store afterwards.

    Args:
        name: ``oci:DIR``, ``oci-archive:FILE``, ``docker-archive:FILE`` or a tag in the store.
        platform: What the image must be for.
        store: Where the layers go, and where what was found is remembered by the manifest's digest.
        python: The minor version wanted; None takes the first that PATH finds.
        progress: Told of the bytes copied.

    Raises:
        InputError: No such image, none for the platform, a damaged one, or none of the Python or
            libc that is needed.
        WorldError: The store cannot take it.

    """
    source, root = open_image(name, store)
    image = read_image(source, root, platform)
    copy_into(source, store, (layer for layer, _ in image.layers()), progress)
    facts = image_facts(source, image, store)
    config = image.config.config
    env = (config.env or ()) if config else ()
    found = _chosen_python(facts, python, dict(e.partition("=")[::2] for e in env), name)
    major_minor = (3, found.minor)
    return Base(
        name=name,
        platform=platform,
        python=major_minor,
        python_full_version=found.version,
        interpreter=found.path,
        glibc=_glibc(facts, name),
        layers=tuple(
            ImageLayer(layer.digest, diff_id, layer.size_bytes, oci_name(layer.media_type), None)
            for layer, diff_id in image.layers()
        ),
        history=image.config.history,
        env=env,
        user=config.user if config else "",
        digest=image.descriptor.digest,
    )


@dataclass(frozen=True, slots=True)
class DebianImage:
    """An image made of Debian's packages: what more of them are resolved over."""

    digest: Digest  # of its manifest
    suite: str
    installed: tuple[Installed, ...]


def debian_image(name: str, platform: Platform, store: Store) -> DebianImage:
    """What the image called *name*, as for `base_from_layout`, is to Debian packages laid over it.

    Raises:
        InputError: No such image, a damaged one, or one that is not of a Debian suite we know.

    """
    digest, facts = read_facts(name, platform, store)
    installed = installed_packages(facts)
    if facts.codename not in SUITES:
        told = f"{facts.codename[:40]!r}" if facts.codename else "no release that its os-release names"
        raise _not_debian(f"need a base of Debian {' or '.join(SUITES)}, and this is {told}", name)
    if not installed:
        raise _not_debian("need to know what the base has, and /var/lib/dpkg there tells nothing", name)
    return DebianImage(digest, facts.codename, installed)


def read_facts(name: str, platform: Platform, store: Store) -> tuple[Digest, ImageFacts]:
    """The digest of the manifest that *name* stands for, and what the image's layers hold.

    Raises:
        InputError: No such image, none for the platform, or a damaged one.

    """
    source, root = open_image(name, store)
    image = read_image(source, root, platform)
    return image.descriptor.digest, image_facts(source, image, store)


def image_facts(source: ImageSource, image: Image, store: Store) -> ImageFacts:
    """What the layers of *image* hold, remembered by the manifest's digest."""
    key = f"{SCAN_VERSION} {image.descriptor.digest}"
    known = store.index.get(_INDEX, key, ImageFacts)
    if known is not None:
        return known
    facts = scan_image(source, image)
    store.index.put(_INDEX, key, facts)
    return facts


def installed_packages(facts: ImageFacts) -> tuple[Installed, ...]:
    """The Debian packages the image has, for resolving what goes on top."""
    return tuple(
        Installed(p.name, p.version, tuple(r for group in relations(p.provides) for r in group))
        for p in facts.packages
    )


def _not_debian(why: str, name: str) -> InputError:
    return InputError(
        f"system-packages {why}",
        where=name,
        mend='set base = "debian:trixie", or put the packages into the base image',
    )


def _chosen_python(
    facts: ImageFacts, wanted: tuple[int, int] | None, environment: dict[str, str], name: str
) -> FoundPython:
    """The first on PATH that fits; of one directory the newest; those elsewhere last."""
    places = environment.get("PATH", _DEFAULT_PATH).split(":")

    def rank(python: FoundPython) -> tuple[int, int, str]:
        place = python.path.rpartition("/")[0]
        return (places.index(place) if place in places else len(places), -python.minor, python.path)

    told = sorted((python for python in facts.pythons if python.version), key=rank)
    fitting = [python for python in told if wanted in {None, (3, python.minor)}]
    if fitting:
        return fitting[0]
    asked = f"no Python {wanted[0]}.{wanted[1]}" if wanted else "no Python"
    has = ", ".join(f"{p.version or f'3.{p.minor} without its library'} ({p.path})" for p in facts.pythons)
    raise InputError(
        f"the base has {asked}; it has {has or 'none at all'}",
        where=name,
        mend="choose a base with it, or change the project's python",
    )


def _glibc(facts: ImageFacts, name: str) -> tuple[int, int]:
    if not facts.glibc:
        raise InputError(
            "the base has no glibc, which Linux wheels need",
            where=name,
            mend="choose a Debian or Ubuntu based image",
        )
    major, minor = map(int, facts.glibc.split("."))
    return major, minor
