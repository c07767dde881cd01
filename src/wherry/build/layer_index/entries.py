"""What is told under which key: layers, segments, wheels, and sets of wheels that agree."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, get_args

import msgspec

from wherry.build.layer_index.facts import unpack_facts
from wherry.digest import Digest
from wherry.layers.codec import coding_of
from wherry.layers.estargz import TOC_DIGEST, UNCOMPRESSED_SIZE
from wherry.layers.inflate import MAX_RATIO
from wherry.layers.model import LAYOUT_VERSION, Compression, LayerBlob
from wherry.layers.paths import path_problem
from wherry.layers.wheel_layer import FACTS_VERSION, Segment
from wherry.oci.media_types import LAYER_GZIP, LAYER_ZSTD, layer_media_type
from wherry.oci.model import Descriptor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.build.layer_index.records import Record
    from wherry.layers.model import Layout, WheelFacts
    from wherry.layers.wheel_layer import Recipe

INLINE_BYTES: Final = 24 << 10
"""Facts of no more bytes stand in their entry: nine wheels of ten have fewer."""

FACTS_LIMIT_BYTES: Final = 8 << 20
"""What is read of packed facts; torch has a quarter of a megabyte."""

_SET_VERSION: Final = 1
SIZE_LIMIT_BYTES: Final = 1 << 40
"""No wheel, layer or segment is so large."""

_LAYER_TYPES: Final[dict[str, str]] = {
    compression: layer_media_type(coding_of(compression)) for compression in get_args(Compression)
}
_MAX_RATIOS: Final = {LAYER_GZIP: MAX_RATIO, LAYER_ZSTD: 4 * MAX_RATIO}
"""What a byte of a layer may unpack to: DEFLATE's most; zstd's own most would let a bomb pass."""

_MANY_HEADERS_BYTES: Final = 64 << 10
"""What compressing may add to a segment that has nothing to be compressed."""

_ANNOTATIONS: Final = frozenset({TOC_DIGEST, UNCOMPRESSED_SIZE})
_SHORT: Final = re.compile(r"[ -~]{1,100}")
_FACTS_TYPE: Final = "application/vnd.wherry.wheel.facts.v1+zstd"
_SEGMENT_TYPE: Final = "application/vnd.wherry.segment.v1"


class ToldWheel(msgspec.Struct, frozen=True):
    """A wheel's size, and its facts where they are few; else they are the entry's blob."""

    size_bytes: int
    facts: bytes = b""


class ToldSet(msgspec.Struct, frozen=True):
    """Wheels of which no two want one path with different bytes: their sizes, in their digests' order."""

    sizes: tuple[int, ...]


def set_key(digests: Iterable[Digest], layout: Layout) -> str:
    """What the team knows a set of wheels by: equal keys, equal paths in the image."""
    head = (
        f"set={_SET_VERSION}",
        f"layout={LAYOUT_VERSION}",
        f"facts={FACTS_VERSION}",
        f"python={layout.python[0]}.{layout.python[1]}",
        f"prefix={layout.prefix}",
    )
    return "|".join((*head, *sorted(set(digests))))


def sizes_of(digests: Sequence[Digest], told: ToldSet) -> dict[Digest, int] | None:
    """The sizes that are told of the wheels with *digests*, in their order; None where they cannot be."""
    if len(told.sizes) != len(digests) or not all(0 < size < SIZE_LIMIT_BYTES for size in told.sizes):
        return None
    return dict(zip(digests, told.sizes, strict=True))


def layer_of(key: str, record: Record[LayerBlob]) -> LayerBlob | None:
    """The layer that an entry tells of; None where it cannot be that of *key*."""
    layer, blob = record.value, record.blob
    if blob is None or not (_is_digest(layer.diff_id) and 0 < layer.size_bytes < SIZE_LIMIT_BYTES):
        return None
    same = (blob.digest, blob.size_bytes, blob.media_type)
    is_right = (
        same == (layer.digest, layer.size_bytes, layer.media_type)
        and layer.media_type == _LAYER_TYPES.get(layer.codec.partition(";")[0])
        and f"codec={layer.codec}" in key.split("|")
        and 0 < layer.unpacked_bytes < SIZE_LIMIT_BYTES
        and layer.unpacked_bytes <= layer.size_bytes * _MAX_RATIOS[layer.media_type]
        and all(name in _ANNOTATIONS and _SHORT.fullmatch(text) for name, text in layer.annotations.items())
    )
    return layer if is_right else None


def descriptor_of(layer: LayerBlob) -> Descriptor:
    """What a manifest says of a layer's blob."""
    return Descriptor(media_type=layer.media_type, digest=Digest(layer.digest), size_bytes=layer.size_bytes)


def are_told(recipe: Recipe) -> bool:
    """Whether segments of the recipe are told: not those that need more than their bytes to be joined."""
    return recipe.compression in {"gzip", "zstd"} and not recipe.prefetch


def segment_of(record: Record[Segment], recipe: Recipe) -> Segment | None:
    """The segment that an entry tells of; None where it cannot be one. What it holds is looked at later."""
    segment, blob = record.value, record.blob
    prefix = recipe.layout.prefix.strip("/")
    most_bytes = 0 if blob is None else blob.size_bytes * _MAX_RATIOS[_LAYER_TYPES[recipe.compression]]
    is_right = (
        blob is not None
        and blob.digest == segment.digest
        and _is_digest(segment.diff_id)
        and not segment.table
        and 0 < blob.size_bytes < 2 * segment.unpacked_bytes + _MANY_HEADERS_BYTES
        and 0 < segment.unpacked_bytes < min(SIZE_LIMIT_BYTES, most_bytes + 1)
        and all(
            path_problem(path) is None and (path == prefix or path.startswith(f"{prefix}/"))
            for path in segment.directories
        )
    )
    return segment if is_right else None


def segment_descriptor(segment: Segment, size_bytes: int) -> Descriptor:
    """What an entry says of a segment's blob."""
    return Descriptor(media_type=_SEGMENT_TYPE, digest=Digest(segment.digest), size_bytes=size_bytes)


def facts_descriptor(packed: bytes) -> Descriptor:
    """What an entry says of facts too many to stand in it."""
    return Descriptor(media_type=_FACTS_TYPE, digest=Digest.of_bytes(packed), size_bytes=len(packed))


def facts_of(packed: bytes, filename: str) -> WheelFacts | None:
    """The facts of the wheel called *filename*; None where they are another's, or nobody's."""
    from packaging.utils import parse_wheel_filename  # noqa: PLC0415 - only with an index

    try:
        facts = unpack_facts(packed)
        name, version, _, _ = parse_wheel_filename(filename)
    except ValueError:  # what packaging and msgspec raise are ValueErrors
        return None
    return facts if (facts.name, facts.version) == (name, str(version)) else None


def _is_digest(text: str) -> bool:
    try:
        Digest(text)
    except ValueError:
        return False
    return True
