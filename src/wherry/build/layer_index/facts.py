"""The facts of a wheel, small enough to ask for instead of the wheel.

Columns lie together because like compresses with like: all paths, all sizes, all hashes. Those of torch and
the 60 wheels it is served with take half a megabyte, for 3 GB of wheels.
"""

from __future__ import annotations

from typing import Final

import msgspec

from wherry.frozen import ready
from wherry.layers.model import IDENTITY_BYTES, SCHEMES, OwnedFile, WheelFacts

LIMIT_BYTES: Final = 16 << 20
"""What is read of packed facts, unpacked: the largest wheels have one or two megabytes."""

_LEVEL: Final = 19
_EXECUTABLE: Final = 0x10
_HASHED: Final = 0x20
_PREFIX: Final = "sha256="


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    """`WheelFacts` by column; the files in their order."""

    name: str
    version: str
    display_name: str
    tags: tuple[str, ...]
    requires: tuple[str, ...]
    requires_python: str
    license: str
    unpacked_bytes: int
    paths: tuple[str, ...]
    kinds: bytes  # of each file: the scheme's number, _EXECUTABLE, _HASHED
    sizes: tuple[int, ...]
    hashes: bytes  # IDENTITY_BYTES of each file that is _HASHED
    identities: tuple[str, ...]  # of those that are not


def pack_facts(facts: WheelFacts) -> bytes:
    """*facts* in few bytes, the same for the same facts and library."""
    from zstandard import ZstdCompressor  # noqa: PLC0415 - only with an index

    hashed = [_is_hashed(file.identity) for file in facts.files]
    packed = _Packed(
        name=facts.name,
        version=facts.version,
        display_name=facts.display_name,
        tags=facts.tags,
        requires=facts.requires,
        requires_python=facts.requires_python,
        license=facts.license,
        unpacked_bytes=facts.unpacked_bytes,
        paths=tuple(file.path for file in facts.files),
        kinds=bytes(
            SCHEMES.index(file.scheme) | _EXECUTABLE * file.executable | _HASHED * by_hash
            for file, by_hash in zip(facts.files, hashed, strict=True)
        ),
        sizes=tuple(file.size_bytes for file in facts.files),
        hashes=b"".join(
            bytes.fromhex(file.identity.removeprefix(_PREFIX))
            for file, by_hash in zip(facts.files, hashed, strict=True)
            if by_hash
        ),
        identities=tuple(
            file.identity for file, by_hash in zip(facts.files, hashed, strict=True) if not by_hash
        ),
    )
    return ZstdCompressor(level=_LEVEL).compress(msgspec.msgpack.encode(packed))


def unpack_facts(data: bytes) -> WheelFacts:
    """The facts that `pack_facts` packed.

    Raises:
        ValueError: It did not pack these bytes, or they would be larger than facts are.

    """
    from zstandard import ZstdDecompressor, ZstdError  # noqa: PLC0415 - only with an index

    try:
        plain = ZstdDecompressor().stream_reader(data).read(LIMIT_BYTES + 1)
    except (ZstdError, MemoryError) as error:
        raise ValueError(str(error)) from None
    if len(plain) > LIMIT_BYTES:
        msg = "facts of too many bytes"
        raise ValueError(msg)
    packed = msgspec.msgpack.decode(plain, type=ready(_Packed))
    return WheelFacts(
        name=packed.name,
        version=packed.version,
        display_name=packed.display_name,
        tags=packed.tags,
        requires=packed.requires,
        requires_python=packed.requires_python,
        files=_files(packed),
        unpacked_bytes=packed.unpacked_bytes,
        license=packed.license,
    )


def _files(packed: _Packed) -> tuple[OwnedFile, ...]:
    hashed = sum(bool(kind & _HASHED) for kind in packed.kinds)
    if len(packed.hashes) != hashed * IDENTITY_BYTES:
        msg = "facts with another number of hashes than of files"
        raise ValueError(msg)
    hashes = (
        packed.hashes[start : start + IDENTITY_BYTES]
        for start in range(0, len(packed.hashes), IDENTITY_BYTES)
    )
    others = iter(packed.identities)
    files = []
    for path, kind, size_bytes in zip(packed.paths, packed.kinds, packed.sizes, strict=True):
        identity = _PREFIX + next(hashes).hex() if kind & _HASHED else next(others, None)
        number = kind & ~(_EXECUTABLE | _HASHED)
        if identity is None or number >= len(SCHEMES) or size_bytes < 0:
            msg = "facts of a file that cannot be"
            raise ValueError(msg)
        files.append(OwnedFile(SCHEMES[number], path, identity, size_bytes, bool(kind & _EXECUTABLE)))
    return tuple(files)


def _is_hashed(identity: str) -> bool:
    digits = identity.removeprefix(_PREFIX)
    return digits != identity and len(digits) == 2 * IDENTITY_BYTES
