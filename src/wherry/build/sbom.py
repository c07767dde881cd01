"""What is in an image, part by part: distributions, Debian packages, the base, and the image itself.

A function of the finished image: no clock, no random number, no name of a machine, so that the same image
gives the same bytes. What is not known (Python packages that a foreign base brings along) is said to be
incomplete rather than left to be thought absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.build.cyclonedx import Component, licenses, package_url, properties, sha256, write_bom
from wherry.build.requirements import installed_requirements
from wherry.digest import Digest
from wherry.plan.model import LayerKind, Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wherry.bases.model import Base, DebianPin, FoundPackage
    from wherry.build.result import BuiltImage
    from wherry.layers.model import WheelFacts
    from wherry.plan.model import Distribution

_IMAGE: Final = "image"
_BASE: Final = "base"
_SOURCE: Final = "source"
_DEBIAN: Final = "debian:"
_VERSION_LABEL: Final = "org.opencontainers.image.version"
_RELEASES: Final = {
    "bullseye": ("debian", "11"),
    "bookworm": ("debian", "12"),
    "trixie": ("debian", "13"),
    "forky": ("debian", "14"),
    "focal": ("ubuntu", "20.04"),
    "jammy": ("ubuntu", "22.04"),
    "noble": ("ubuntu", "24.04"),
    "resolute": ("ubuntu", "26.04"),
}
"""Distribution of Linux and version by codename: how the databases of vulnerabilities call them."""


@dataclass(frozen=True, slots=True)
class Underneath:
    """What is known of an image that is a base."""

    codename: str = ""  # of its os-release: "bookworm", "noble"
    packages: tuple[FoundPackage, ...] = ()  # that dpkg's records say are installed


@dataclass(frozen=True, slots=True)
class _Parts:
    """All that is in an image."""

    system: Component | None  # the distribution of Linux, where it is known
    base: Component | None  # the image it stands on, if it does
    packages: tuple[Component, ...]
    distributions: Mapping[str, Component]  # by normalized name
    source: tuple[Component, ...]

    @property
    def ground(self) -> tuple[Component, ...]:
        """What the Debian packages are parts of."""
        return tuple(part for part in (self.base, self.system) if part is not None)

    @property
    def project(self) -> tuple[Component, ...]:
        """What is above the base."""
        return (*self.distributions.values(), *self.source)


def make_sbom(
    name: str, image: BuiltImage, facts: Iterable[WheelFacts], underneath: Underneath | None = None
) -> bytes:
    """The bill of materials of a finished image, as CycloneDX 1.6 in JSON.

    Args:
        name: Of the image, without a tag.
        image: The image for one platform.
        facts: What its wheels say of themselves.
        underneath: What its base holds, where that is an image.

    """
    wheels = {wheel.name: wheel for wheel in facts}
    parts = _parts(name, image, wheels, underneath or Underneath())
    whole = _image(name, image)
    required = installed_requirements(wheels, image.plan.target)
    return write_bom(
        whole,
        (*parts.ground, *parts.packages, *parts.project),
        _needs(whole, parts, required),
        is_complete=not image.plan.base.layers,
    )


def _parts(name: str, image: BuiltImage, wheels: Mapping[str, WheelFacts], underneath: Underneath) -> _Parts:
    base = image.plan.base
    codename = underneath.codename if base.layers else base.name.removeprefix(_DEBIAN)
    release = _RELEASES.get(codename)
    made = [(layer.planned, layer.blob.digest) for layer in image.layers if layer.planned.image_layer is None]
    pinned = (_pinned(pin, release, digest) for layer, digest in made for pin in layer.packages)
    found = (_found(package, release) for package in underneath.packages)
    version = dict(image.plan.settings.labels).get(_VERSION_LABEL, "")
    return _Parts(
        system=_system(*release) if release else None,
        base=_base(base),
        packages=(*pinned, *found),
        distributions={
            d.name: _distribution(d, wheels.get(d.name), digest)
            for layer, digest in made
            for d in layer.distributions
        },
        source=tuple(
            _source_tree(name, version, digest) for layer, digest in made if layer.kind is LayerKind.SOURCE
        ),
    )


def _needs(whole: Component, parts: _Parts, required: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    """What stands on what: the image on its base and all that is above, packages below their distribution."""
    known = parts.distributions
    needs = {
        part.ref: {known[other].ref for other in required.get(name, ()) if other in known}
        for name, part in known.items()
    }
    needs |= {part.ref: set[str]() for part in parts.source}
    ground = {part.ref for part in parts.packages}
    for part in (parts.system, parts.base):
        if part is not None:
            needs[part.ref] = ground
            ground = {part.ref}
    needs[whole.ref] = ground | {part.ref for part in parts.project}
    return needs


def _image(name: str, image: BuiltImage) -> Component:
    digest = image.descriptor.digest
    platform = image.plan.target.platform
    return Component(
        type="container",
        ref=_IMAGE,
        name=name,
        version=digest,
        purl=package_url("oci", name.rpartition("/")[2], digest, arch=platform.architecture),
        hashes=sha256(digest),
        properties=properties(platform=str(platform)),
    )


def _system(name: str, version: str) -> Component:
    return Component(type="operating-system", ref=f"{name}@{version}", name=name, version=version)


def _base(base: Base) -> Component | None:
    """The image that lies underneath, with its layers."""
    if not base.layers or base.digest is None:
        return None
    return Component(
        type="container",
        ref=_BASE,
        name=base.registry_name or "base",  # a path on the builder's disk means nothing elsewhere
        version=base.digest,
        hashes=sha256(base.digest),
        components=tuple(
            Component(type="file", ref=f"layer:{digest}", name=digest, hashes=sha256(digest))
            for digest in dict.fromkeys(layer.digest for layer in base.layers)
        ),
    )


def _pinned(pin: DebianPin, release: tuple[str, str] | None, layer: str) -> Component:
    """A Debian package that wherry laid out: its archive is known to the byte."""
    # pool/main/g/glibc/libc6_2.36-9_amd64.deb: advisories are of the source package.
    source = pin.filename.split("/")[-2]
    family, distro = _named(release)
    purl = package_url(
        f"deb/{family}",
        pin.name,
        pin.version,
        arch=pin.architecture,
        distro=distro,
        upstream="" if source == pin.name else source,
    )
    return Component(
        type="library",
        ref=purl,
        name=pin.name,
        version=pin.version,
        purl=purl,
        hashes=sha256(Digest.from_hex(pin.sha256)),
        properties=properties(origin="debian", layer=layer),
    )


def _found(package: FoundPackage, release: tuple[str, str] | None) -> Component:
    """A Debian package of an image that is the base: no more than its name and version is known."""
    family, distro = _named(release)
    purl = package_url(f"deb/{family}", package.name, package.version, distro=distro)
    return Component(
        type="library",
        ref=purl,
        name=package.name,
        version=package.version,
        purl=purl if release else "",  # whose package of that name it is, nobody said
        properties=properties(origin="base"),
    )


def _distribution(distribution: Distribution, facts: WheelFacts | None, layer: str) -> Component:
    purl = package_url("pypi", distribution.name, distribution.version)
    file = distribution.file
    # A wheel made here is no published file: another machine's zlib makes another file of the same tree.
    published = file if distribution.origin is Origin.INDEX else None
    return Component(
        type="application" if distribution.origin is Origin.PROJECT else "library",
        ref=purl,
        name=distribution.name,
        version=distribution.version,
        purl=purl,
        hashes=sha256(published.digest) if published else (),
        licenses=licenses(facts.license if facts else ""),
        properties=properties(
            origin=distribution.origin.value,
            layer=layer,
            wheel=published.filename if published else "",
            group="development" if distribution.dev else "",
        ),
    )


def _source_tree(name: str, version: str, layer: str) -> Component:
    """The project's own files, where they are copied as they are."""
    return Component(
        type="application",
        ref=_SOURCE,
        name=name.rpartition("/")[2],
        version=version,
        properties=properties(origin="source", layer=layer),
    )


def _named(release: tuple[str, str] | None) -> tuple[str, str]:
    """The namespace of its packages' URLs, and what they call the release."""
    return (release[0], "-".join(release)) if release else ("debian", "")
