"""The floor no image builder can go below: hash the compressed bytes, unpack them once, hash what comes out.

Only that, on all cores, in pieces handed out largest first: no tar, no compression, nothing written. It is
measured in the same run as what it is compared with, on the same wheels and Debian packages in the same page
cache.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, TypeAlias

from isal import igzip_lib

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_BLOCK: Final = 1 << 20
_PIECE: Final = 64 << 20
_BATCH: Final = 4 << 20
_LOCAL_HEADER: Final = 30  # bytes before name and extra field (APPNOTE 4.3.7)
_XZ_COST: Final = 20  # unpacking a byte of xz takes about as long as hashing so many
_AR_START: Final = 8  # "!<arch>\n" (deb(5))
_AR_HEADER: Final = 60


@dataclass(frozen=True, slots=True)
class Hash:
    """Bytes of a file as they are."""

    file: Path
    start: int
    size: int

    @property
    def cost(self) -> int:
        """Bytes to hash."""
        return self.size


@dataclass(frozen=True, slots=True)
class Inflate:
    """One member of a wheel: inflate it and hash what comes out."""

    file: Path
    header: int  # offset of its local header
    size: int  # compressed
    unpacked: int
    deflated: bool

    @property
    def cost(self) -> int:
        """Bytes to make and hash: inflating costs about half of hashing."""
        return self.unpacked * 3 // 2


@dataclass(frozen=True, slots=True)
class Unxz:
    """The files of a Debian package: unpack them and hash what comes out."""

    package: Path
    start: int  # of data.tar.xz
    size: int

    @property
    def cost(self) -> int:
        """Bytes to make and hash, as for `Inflate`."""
        return self.size * _XZ_COST


Piece: TypeAlias = Hash | Inflate | Unxz


def floor_seconds(wheels: Sequence[Path], packages: Sequence[Path]) -> float:
    """The seconds all cores need for the bytes of *wheels* and of Debian *packages*."""
    pieces = [
        *(piece for wheel in wheels for piece in pieces_of(wheel)),
        *(piece for package in packages for piece in pieces_of_package(package)),
    ]
    batches = batched(sorted(pieces, key=lambda piece: -piece.cost))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(abs, range(os.cpu_count() or 1)))  # the workers are there before the clock starts
        started = time.perf_counter()
        list(pool.map(work, batches))
        return time.perf_counter() - started


def batched(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Small pieces together, so that handing them out costs nothing."""
    batch: list[Piece] = []
    cost = 0
    for piece in pieces:
        batch.append(piece)
        cost += piece.cost
        if cost >= _BATCH:
            yield batch
            batch, cost = [], 0
    yield batch


def pieces_of(wheel: Path) -> Iterator[Piece]:
    """The work a wheel is, cut up."""
    size = wheel.stat().st_size
    for start in range(0, size, _PIECE):
        yield Hash(wheel, start, min(_PIECE, size - start))
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            deflated = member.compress_type == zipfile.ZIP_DEFLATED
            yield Inflate(wheel, member.header_offset, member.compress_size, member.file_size, deflated)


def pieces_of_package(package: Path) -> Iterator[Piece]:
    """The work a Debian package is: an ar archive whose data.tar.xz holds the files."""
    size = package.stat().st_size
    yield Hash(package, 0, size)
    with package.open("rb") as file:
        start = _AR_START
        while start < size:
            file.seek(start)
            header = file.read(_AR_HEADER)
            length = int(header[48:58])
            if header.startswith(b"data.tar.xz"):
                yield Unxz(package, start + _AR_HEADER, length)
            start += _AR_HEADER + length + length % 2


def work(batch: Sequence[Piece]) -> None:
    """Do one batch."""
    for piece in batch:
        do(piece)


def do(piece: Piece) -> None:
    """Do one piece."""
    if isinstance(piece, Unxz):
        with piece.package.open("rb", buffering=0) as file:
            file.seek(piece.start)
            _unxz(file, piece.size)
        return
    with piece.file.open("rb", buffering=0) as file:
        if isinstance(piece, Hash):
            file.seek(piece.start)
            _hash(file, piece.size)
            return
        file.seek(piece.header)
        header = file.read(_LOCAL_HEADER)
        file.seek(
            int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), os.SEEK_CUR
        )
        if piece.deflated:
            _inflate(file, piece.size)
        else:
            _hash(file, piece.size)


def _hash(file: BinaryIO, size: int) -> None:
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(_BLOCK))
    while size:
        read = file.readinto(buffer[: min(_BLOCK, size)])  # type: ignore[attr-defined]  # a raw file has it
        digest.update(buffer[:read])
        size -= read


def _inflate(file: BinaryIO, size: int) -> None:
    digest = hashlib.sha256()
    stream = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)
    while not stream.eof:
        data = b""
        if stream.needs_input:
            data = file.read(min(_BLOCK, size))
            size -= len(data)
        digest.update(stream.decompress(data, _BLOCK))


def _unxz(file: BinaryIO, size: int) -> None:
    digest = hashlib.sha256()
    stream = lzma.LZMADecompressor()
    while not stream.eof:
        data = b""
        if stream.needs_input:
            data = file.read(min(_BLOCK, size))
            size -= len(data)
        digest.update(stream.decompress(data, _BLOCK))
