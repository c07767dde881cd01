"""What wherry writes of CycloneDX 1.6 (cyclonedx.org/docs/1.6/json), and package URLs."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from wherry import __version__
from wherry.digest import Digest
from wherry.oci.model import encode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

MEDIA_TYPE: Final = "application/vnd.cyclonedx+json"

_SCHEMA: Final = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "sbom.wherry.dev")


class Hash(msgspec.Struct, frozen=True):
    """What the bytes of a part hash to."""

    alg: str
    content: str


class License(msgspec.Struct, frozen=True, omit_defaults=True):
    """Either an SPDX expression, or a licence by what its author calls it."""

    expression: str = ""
    license: dict[str, str] = {}


class Property(msgspec.Struct, frozen=True):
    """What CycloneDX has no field for."""

    name: str
    value: str


class Component(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One part of an image."""

    type: str
    ref: str = msgspec.field(name="bom-ref")  # unique in the document
    name: str
    version: str = ""
    purl: str = ""
    hashes: tuple[Hash, ...] = ()
    licenses: tuple[License, ...] = ()
    properties: tuple[Property, ...] = ()
    components: tuple[Component, ...] = ()


class Dependency(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What a part needs of the others. A part without one: nothing is known of its needs."""

    ref: str
    depends_on: tuple[str, ...] = ()


class _Composition(msgspec.Struct, frozen=True):
    aggregate: str
    assemblies: tuple[str, ...]


class _Tools(msgspec.Struct, frozen=True):
    components: tuple[Component, ...]


class _Metadata(msgspec.Struct, frozen=True):
    component: Component
    tools: _Tools


class _Bom(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    schema: str = msgspec.field(name="$schema")
    bom_format: str
    spec_version: str
    serial_number: str = ""
    version: int
    metadata: _Metadata
    components: tuple[Component, ...]
    dependencies: tuple[Dependency, ...]
    compositions: tuple[_Composition, ...]


def write_bom(
    whole: Component,
    parts: Iterable[Component],
    needs: Mapping[str, Collection[str]],
    *,
    is_complete: bool,
) -> bytes:
    """The document, the same for the same parts in whatever order.

    Args:
        whole: What the bill of materials is of.
        parts: All that is in it.
        needs: For the reference of a part, those it stands on.
        is_complete: Whether nothing else is in it.

    """
    bom = _Bom(
        schema=_SCHEMA,
        bom_format="CycloneDX",
        spec_version="1.6",
        version=1,
        metadata=_Metadata(whole, _Tools((_wherry(),))),
        components=tuple(sorted(parts, key=lambda part: part.ref)),
        dependencies=tuple(Dependency(ref, tuple(sorted(needs[ref]))) for ref in sorted(needs)),
        compositions=(_Composition("complete" if is_complete else "incomplete", (whole.ref,)),),
    )
    # "Every BOM generated SHOULD have a unique serial number": ours is as unique as what it says.
    serial = uuid.uuid5(_NAMESPACE, Digest.of_bytes(encode(bom)))
    return encode(msgspec.structs.replace(bom, serial_number=serial.urn))


def sha256(digest: Digest) -> tuple[Hash, ...]:
    """The hashes of a part with *digest*."""
    return (Hash("SHA-256", digest.hex),)


def properties(**values: str) -> tuple[Property, ...]:
    """Properties under wherry's name, without the empty ones."""
    return tuple(Property(f"wherry:{key}", value) for key, value in sorted(values.items()) if value)


def licenses(told: str) -> tuple[License, ...]:
    """The licence that an author told of, in SPDX's terms where it is in them."""
    if not told:
        return ()
    from packaging.licenses import (  # noqa: PLC0415 - its table of licences is large
        InvalidLicenseExpression,
        canonicalize_license_expression,
    )

    try:
        return (License(expression=canonicalize_license_expression(told)),)
    except InvalidLicenseExpression:
        return (License(license={"name": told}),)


def package_url(kind: str, name: str, version: str, **qualifiers: str) -> str:
    """A package URL (purl-spec) of type and namespace *kind*; qualifiers sorted, empty ones left out."""
    told = "&".join(f"{key}={_quoted(value)}" for key, value in sorted(qualifiers.items()) if value)
    at = f"@{_quoted(version)}" if version else ""
    return f"pkg:{kind}/{_quoted(name)}{at}{'?' if told else ''}{told}"


def _wherry() -> Component:
    return Component(type="application", ref="wherry", name="wherry", version=__version__)


def _quoted(text: str) -> str:
    return quote(text, safe=":")
