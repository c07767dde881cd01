"""One wheel's files as a run of tar members that can be joined to other runs.

A layer of several small wheels is the join of their segments, so that one new wheel among forty costs
one new segment. A segment holds files only: the layer's directories stand before all segments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.digest import Digest
from wherry.layers.record import RecordError
from wherry.layers.writer import BESIDE_FROM_BYTES
from wherry.layers.zip_archive import DEFLATED, SMALL_BYTES, Member

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wherry.layers.wheel import Compiled, OpenWheel, Placed
    from wherry.layers.writer import LayerWriter
    from wherry.progress import Task

LARGE_BYTES: Final = 1 << 20
"""A member of this size or more of a locked wheel is not hashed for RECORD."""

_READ_BYTES: Final = 1 << 20
_SHA256_BYTES: Final = 32


def write_segment(
    wheel: OpenWheel, files: Iterable[Placed], writer: LayerWriter, task: Task, *, locked: bool = False
) -> None:
    """Write *files* of *wheel*, each verified while it is read, and cut.

    Size and CRC are checked of every member, and RECORD's hash too: but for large members of a wheel whose
    own hash the lock gave. Those bytes are known already, and hashing them again takes a third of all time.
    Of a format that lists its files' digests all are checked: what it says is what readers hold files to.

    Args:
        wheel: Open.
        files: In tar order, as `OpenWheel.install` gives them.
        writer: At a cut.
        task: Told of the compressed bytes that were read.
        locked: The wheel has the very hash that the lock gives.

    Raises:
        InputError: A member is damaged; what was written is void.

    """
    splice_from_bytes = writer.splice_from_bytes
    for file in files:
        content = file.content
        if (
            locked
            and not writer.lists_files
            and isinstance(content, Member)
            and content.size_bytes >= LARGE_BYTES
        ):
            file = file._replace(hash=None)  # noqa: PLW2901 - the same file, vouched for
        if isinstance(content, bytes):
            writer.file(file.path, content, mode=file.mode)
        elif not isinstance(content, Member):
            writer.stream(file.path, content.size_bytes, _bytecode(content), mode=file.mode)
        elif (
            splice_from_bytes is not None
            and content.method == DEFLATED
            and content.compressed_bytes >= splice_from_bytes
        ):
            pieces = _checked(wheel, file, content, task, beside=writer.beside)
            writer.splice(
                file.path, content.size_bytes, content.crc, pieces, mode=file.mode, digest=_digest(file)
            )
        elif content.size_bytes <= SMALL_BYTES:
            data = wheel.archive.read(content)
            if file.hash is not None:
                try:
                    file.hash.check(data)
                except RecordError as error:
                    raise wheel.archive.refuse(str(error), content.name) from None
            task.advance(content.compressed_bytes)
            writer.file(file.path, data, mode=file.mode, digest=_digest(file))
        else:
            blocks = (block for _, block in _checked(wheel, file, content, task, beside=writer.beside))
            writer.stream(file.path, content.size_bytes, blocks, mode=file.mode, digest=_digest(file))
    writer.cut()


def _bytecode(content: Compiled) -> Iterator[bytes]:
    left_bytes = content.size_bytes
    with content.file.open("rb") as stream:
        stream.seek(content.offset)
        while left_bytes and (block := stream.read(min(_READ_BYTES, left_bytes))):
            left_bytes -= len(block)
            yield block


def _digest(file: Placed) -> Digest | None:
    """What RECORD says of a member, which is held to it while it is read; None if by another hash."""
    known = file.hash
    if known is None or known.algorithm != "sha256" or len(known.digest) != _SHA256_BYTES:
        return None
    return Digest.from_hex(known.digest.hex())


def _checked(
    wheel: OpenWheel, file: Placed, member: Member, task: Task, *, beside: bool
) -> Iterator[tuple[bytes, bytes]]:
    pieces = wheel.archive.pieces(member)
    if file.hash is not None:
        pieces = file.hash.checked(pieces, beside=beside and member.size_bytes >= BESIDE_FROM_BYTES)
    with wheel.refusing(member.name):
        for raw, block in pieces:
            task.advance(len(raw))
            yield raw, block
