"""Descriptors, manifests, indexes and configs as values, and their canonical bytes.

What is written is canonical: keys sorted, no spaces, UTF-8, so equal values have equal digests. What is
read is hostile until decoded: size, nesting, duplicate keys and types are checked before anything is
believed. Documents are kept byte for byte and never written back from what was understood of them.
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal, TypeVar

import msgspec

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.frozen import ready
from wherry.oci import media_types

MAX_DOCUMENT_BYTES: Final = 4 * 1024 * 1024
"""What registries must accept of a manifest (distribution-spec, "Pushing Manifests"). We read no larger."""

REF_NAME: Final = "org.opencontainers.image.ref.name"
"""The annotation that names an image inside a layout's index.json."""

EMPTY_CONFIG: Final = b"{}"
"""The config of what is no image."""


# Unknown fields are no error (considerations.md, "Extensibility"); absent ones stay absent.
class PlatformSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The platform of one entry of an index (image-index.md)."""

    architecture: str
    os: str
    variant: str = ""
    os_version: str = msgspec.field(name="os.version", default="")
    os_features: tuple[str, ...] = msgspec.field(name="os.features", default=())


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What a blob is, how long it is and what it hashes to (descriptor.md)."""

    media_type: str
    digest: Digest
    size_bytes: int = msgspec.field(name="size")
    annotations: dict[str, str] = {}
    platform: PlatformSpec | None = None
    artifact_type: str = ""
    urls: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.size_bytes < 0:
            msg = "a blob's size cannot be negative"
            raise ValueError(msg)

    @property
    def ref_name(self) -> str:
        """The name a layout gives this entry; empty when it has none."""
        return self.annotations.get(REF_NAME, "")


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One image for one platform (manifest.md). Layers are base first."""

    schema_version: Literal[2]
    media_type: str = ""  # older writers left it out; ours always set it
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: dict[str, str] = {}
    artifact_type: str = ""
    subject: Descriptor | None = None


class Index(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Several images under one name, one per platform (image-index.md)."""

    schema_version: Literal[2]
    media_type: str = ""
    manifests: tuple[Descriptor, ...]
    annotations: dict[str, str] = {}


class History(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of an image's history (config.md). ``empty_layer`` lines made no layer."""

    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False

    def entry(self) -> dict[str, object]:
        """The line as a config holds it."""
        found: dict[str, object] = msgspec.to_builtins(self)
        return found


class RootFS(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The uncompressed layers, base first (config.md)."""

    type: Literal["layers"]
    diff_ids: tuple[Digest, ...]

    @classmethod
    def of(cls, diff_ids: tuple[Digest, ...]) -> RootFS:
        """The root filesystem made of these layers."""
        return cls(type="layers", diff_ids=diff_ids)


class Config(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="pascal"):
    """How a container of the image starts (config.md, ``config``). Docker's own fields pass through."""

    user: str = ""
    env: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    working_dir: str = ""
    exposed_ports: dict[str, dict[str, object]] | None = None
    volumes: dict[str, dict[str, object]] | None = None
    labels: dict[str, str] | None = None
    stop_signal: str = ""
    # Of Docker's image format only (config.md reserves the names):
    healthcheck: dict[str, object] | None = None
    on_build: tuple[str, ...] | None = None
    shell: tuple[str, ...] | None = None
    args_escaped: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """The variables of ``Env``, the last of equal names winning."""
        return dict(entry.partition("=")[::2] for entry in self.env or ())


class ImageConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An image's configuration (config.md). Its digest is the image id."""

    architecture: str
    os: str
    rootfs: RootFS
    config: Config | None = None
    # Kept as read: a base's history is passed on untouched (BuildKit #4614), whatever fields it has.
    history: tuple[dict[str, object], ...] = ()
    variant: str = ""
    created: str = ""
    author: str = ""
    os_version: str = msgspec.field(name="os.version", default="")
    os_features: tuple[str, ...] = msgspec.field(name="os.features", default=())

    @property
    def platform(self) -> PlatformSpec:
        """The platform this image is for."""
        return PlatformSpec(architecture=self.architecture, os=self.os, variant=self.variant)


def encode(value: msgspec.Struct) -> bytes:
    """The canonical JSON of *value*: sorted keys, no spaces, UTF-8."""
    return msgspec.json.encode(value, order="sorted", enc_hook=str)


def describe(data: bytes, media_type: str, **fields: Any) -> Descriptor:  # noqa: ANN401 - Descriptor's own fields
    """The descriptor of *data*."""
    return Descriptor(media_type=media_type, digest=Digest.of_bytes(data), size_bytes=len(data), **fields)


def manifest_of(
    config: Descriptor, layers: tuple[Descriptor, ...], annotations: dict[str, str] | None = None
) -> Manifest:
    """A manifest of ours: OCI's media type, version 2."""
    return Manifest(
        schema_version=2,
        media_type=media_types.MANIFEST,
        config=config,
        layers=layers,
        annotations=annotations or {},
    )


def subject_of(descriptor: Descriptor) -> Descriptor:
    """*descriptor* as an artifact names what it is about: without where it was seen."""
    return Descriptor(
        media_type=descriptor.media_type, digest=descriptor.digest, size_bytes=descriptor.size_bytes
    )


def artifact_of(
    artifact_type: str, payload: Descriptor, subject: Descriptor, annotations: dict[str, str] | None = None
) -> Manifest:
    """A manifest that attaches *payload* to *subject* (manifest.md, "Guidelines for Artifact Usage")."""
    return Manifest(
        schema_version=2,
        media_type=media_types.MANIFEST,
        artifact_type=artifact_type,
        config=describe(EMPTY_CONFIG, media_types.EMPTY),
        layers=(payload,),
        subject=subject_of(subject),
        annotations=annotations or {},
    )


def index_of(manifests: tuple[Descriptor, ...], annotations: dict[str, str] | None = None) -> Index:
    """An index of ours: OCI's media type, version 2."""
    return Index(
        schema_version=2, media_type=media_types.INDEX, manifests=manifests, annotations=annotations or {}
    )


def decode_manifest(data: bytes, where: str) -> Manifest:
    """Read an image manifest.

    Args:
        data: The document, at most `MAX_DOCUMENT_BYTES`.
        where: What it was read from, for the error.

    Raises:
        InputError: It is too large, not JSON, ambiguous, of another version, or has a wrongly typed field.

    """
    return _decode_one_of(data, where, Manifest, media_types.MANIFESTS, other="manifests")


def decode_index(data: bytes, where: str) -> Index:
    """Read an image index; arguments and errors as for `decode_manifest`."""
    return _decode_one_of(data, where, Index, media_types.INDEXES, other="layers")


def decode_manifest_or_index(data: bytes, where: str) -> Manifest | Index:
    """Read whichever of the two the document is; arguments and errors as for `decode_manifest`."""
    keys = decode(data, dict[str, msgspec.Raw], where)
    return decode_index(data, where) if "manifests" in keys else decode_manifest(data, where)


def decode_config(data: bytes, where: str) -> ImageConfig:
    """Read an image configuration; arguments and errors as for `decode_manifest`."""
    return decode(data, ImageConfig, where)


_T = TypeVar("_T")
_D = TypeVar("_D", Manifest, Index)


def _decode_one_of(data: bytes, where: str, kind: type[_D], known: frozenset[str], other: str) -> _D:
    found = decode(data, kind, where)
    # "mediaType ... SHOULD be used and MUST match": a document that could be read as either kind
    # hashes the same but means two things (CVE-2021-41190).
    if found.media_type and found.media_type not in known:
        raise InputError(f"media type {found.media_type!r} is not an image's", where=f"{where}: $.mediaType")
    if other in decode(data, dict[str, msgspec.Raw], where):
        raise InputError("the document is both a manifest and an index", where=f"{where}: $.{other}")
    return found


def decode(data: bytes, kind: type[_T], where: str) -> _T:
    """Read any small JSON document of an image into *kind*; arguments and errors as for `decode_manifest`."""
    if len(data) > MAX_DOCUMENT_BYTES:
        raise InputError(f"document of {len(data)} bytes is larger than {MAX_DOCUMENT_BYTES}", where=where)
    try:
        found = msgspec.json.decode(data, type=ready(kind), dec_hook=_foreign)
        # I-JSON (RFC 7493 2.3): no duplicate names. msgspec takes the last one, others take the first.
        json.loads(data.decode(), object_pairs_hook=_unique)
    except RecursionError:
        raise InputError("the document is nested too deeply", where=where) from None
    except (ValueError, msgspec.MsgspecError) as error:
        what, _, path = str(error).partition(" - at ")
        place = f"{where}: {path.strip('`')}" if path else where
        raise InputError(f"not a valid image document: {what}", where=place) from None
    return found


def _foreign(kind: type, value: object) -> object:
    """What msgspec does not know: our digests, and `object`, which is anything."""
    if kind is object:
        return value
    if isinstance(value, str):
        return Digest(value)
    msg = f"expected a digest, got {type(value).__name__}"
    raise ValueError(msg)


def _unique(pairs: list[tuple[str, object]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            msg = f"duplicate key {name[:80]!r}"
            raise ValueError(msg)
        seen.add(name)
