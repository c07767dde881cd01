"""How an image came to be: an in-toto statement (v1) with SLSA's provenance (v1), unsigned.

It names what was asked for and what that was resolved to, by digest; never when, where or by whom.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from wherry import __version__
from wherry.oci.model import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.build.result import BuiltImage
    from wherry.digest import Digest

MEDIA_TYPE: Final = "application/vnd.in-toto+json"
PREDICATE_TYPE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Final = "https://wherry.dev/build/v1"
BUILDER: Final = "https://wherry.dev/builder/v1"

_STATEMENT: Final = "https://in-toto.io/Statement/v1"


class Resource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something an image was made from (in-toto, ``ResourceDescriptor``): name, address, digest."""

    name: str = ""
    uri: str = ""
    digest: dict[str, str]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an image was made from, beyond its plan."""

    locks: Sequence[tuple[str, Digest]]  # the name and digest of each lock file: the project's, wherry.lock
    target: str  # "production" or "dev"
    groups: Sequence[str] = ()  # of the project's dependencies
    extras: Sequence[str] = ()
    source_url: str = ""  # of the repository the project is kept in, without credentials
    revision: str = ""  # the commit that was checked out
    source_date_epoch: int | None = None  # where the user set one


def make_provenance(name: str, image: BuiltImage, inputs: Inputs) -> bytes:
    """The statement about a finished image, in JSON: the same for the same image and inputs.

    Args:
        name: Of the image, without a tag.
        image: The image for one platform.
        inputs: What it was made from.

    """
    return encode(
        _Statement(
            type=_STATEMENT,
            subject=(Resource(name=name, digest=_sha256(image.descriptor.digest)),),
            predicate_type=PREDICATE_TYPE,
            predicate=_Predicate(
                _Definition(BUILD_TYPE, _parameters(image, inputs), _dependencies(image, inputs)),
                _Details(_Builder(BUILDER, {"wherry": __version__})),
            ),
        )
    )


class _Parameters(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    platform: str
    target: str
    base: str = ""
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    compression: str
    bytecode: str = ""  # the version of the Python that compiled it
    source_date_epoch: int | None = None


class _Definition(msgspec.Struct, frozen=True, rename="camel"):
    build_type: str
    external_parameters: _Parameters
    resolved_dependencies: tuple[Resource, ...]


class _Builder(msgspec.Struct, frozen=True):
    id: str
    version: dict[str, str]


class _Details(msgspec.Struct, frozen=True):
    builder: _Builder


class _Predicate(msgspec.Struct, frozen=True, rename="camel"):
    build_definition: _Definition
    run_details: _Details


class _Statement(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    type: str = msgspec.field(name="_type")
    subject: tuple[Resource, ...]
    predicate_type: str
    predicate: _Predicate


def _parameters(image: BuiltImage, inputs: Inputs) -> _Parameters:
    plan = image.plan
    return _Parameters(
        platform=str(plan.target.platform),
        target=inputs.target,
        base=_base_name(image),
        groups=tuple(sorted(inputs.groups)),
        extras=tuple(sorted(inputs.extras)),
        compression=plan.policy.compression,
        bytecode=plan.policy.bytecode.version if plan.policy.bytecode else "",
        source_date_epoch=inputs.source_date_epoch,
    )


def _dependencies(image: BuiltImage, inputs: Inputs) -> tuple[Resource, ...]:
    base = image.plan.base
    found = [Resource(name=name, digest=_sha256(digest)) for name, digest in inputs.locks]
    if base.digest is not None:
        found.append(Resource(name=_base_name(image) or "base", digest=_sha256(base.digest)))
    if inputs.revision:
        uri = f"git+{inputs.source_url}@{inputs.revision}" if inputs.source_url else ""
        found.append(Resource(name="source", uri=uri, digest={"gitCommit": inputs.revision}))
    return tuple(sorted(found, key=lambda resource: (resource.name, *sorted(resource.digest.values()))))


def _base_name(image: BuiltImage) -> str:
    """What the base is called everywhere; "" where it lies on the builder's disk."""
    base = image.plan.base
    return base.registry_name if base.layers else base.name


def _sha256(digest: Digest) -> dict[str, str]:
    return {"sha256": digest.hex}
