"""The media types of OCI images, and Docker's older names for the same bytes (``media-types.md``)."""

from __future__ import annotations

from typing import Final, Literal

INDEX: Final = "application/vnd.oci.image.index.v1+json"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
LAYER_TAR: Final = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
LAYER_ZSTD: Final = "application/vnd.oci.image.layer.v1.tar+zstd"

EMPTY: Final = "application/vnd.oci.empty.v1+json"
"""Of ``{}``, the config of what is no image (manifest.md, "Guidance for an Empty Descriptor")."""

DOCKER_INDEX: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_TAR: Final = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_LAYER_GZIP: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_LAYER_ZSTD: Final = "application/vnd.docker.image.rootfs.diff.tar.zstd"

INDEXES: Final = frozenset({INDEX, DOCKER_INDEX})
MANIFESTS: Final = frozenset({MANIFEST, DOCKER_MANIFEST})
CONFIGS: Final = frozenset({CONFIG, DOCKER_CONFIG})

LayerCoding = Literal["tar", "gzip", "zstd"]

_LAYER_CODINGS: Final[dict[str, LayerCoding]] = {
    LAYER_TAR: "tar",
    LAYER_GZIP: "gzip",
    LAYER_ZSTD: "zstd",
    DOCKER_LAYER_TAR: "tar",
    DOCKER_LAYER_GZIP: "gzip",
    DOCKER_LAYER_ZSTD: "zstd",
}

# "The following media types are compatible": the bytes are the same, only the name differs.
_OCI_NAMES: Final = {
    DOCKER_INDEX: INDEX,
    DOCKER_MANIFEST: MANIFEST,
    DOCKER_CONFIG: CONFIG,
    DOCKER_LAYER_TAR: LAYER_TAR,
    DOCKER_LAYER_GZIP: LAYER_GZIP,
    DOCKER_LAYER_ZSTD: LAYER_ZSTD,
}


def oci_name(media_type: str) -> str:
    """OCI's name for *media_type*, so that one manifest never mixes Docker's names with OCI's."""
    return _OCI_NAMES.get(media_type, media_type)


def layer_coding(media_type: str) -> LayerCoding | None:
    """How a layer of *media_type* is compressed; ``None`` for what is not a layer we can read."""
    return _LAYER_CODINGS.get(media_type)


def layer_media_type(coding: LayerCoding) -> str:
    """OCI's media type of a layer compressed with *coding*."""
    return {"tar": LAYER_TAR, "gzip": LAYER_GZIP, "zstd": LAYER_ZSTD}[coding]
