"""Tar headers as pure functions: USTAR when the member fits, else one PAX record more; nothing of the host's.

Owner names are empty, times are what the caller says, and no header depends on the machine, the user
or the clock. Formats: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header".
"""

from __future__ import annotations

from typing import Final

BLOCK_BYTES: Final = 512
END: Final = bytes(2 * BLOCK_BYTES)
"""Two zero blocks close the archive; we pad no further (GNU tar's 10 KiB records are a habit of tapes)."""

FILE: Final = b"0"
HARD_LINK: Final = b"1"
SYMLINK: Final = b"2"
DIRECTORY: Final = b"5"

_EXTENDED: Final = b"x"
_NAME_BYTES: Final = 100
_PREFIX_BYTES: Final = 155
_MAX_OCTAL_11: Final = 8**11 - 1
_MAX_OCTAL_7: Final = 8**7 - 1
_TAIL: Final = b"ustar\x0000" + bytes(32 + 32 + 8 + 8)  # magic, version, owner names, device numbers
_BLANKS: Final = 8 * 0x20  # the checksum's own field counts as blanks


def file_header(  # noqa: PLR0913 - the fields of the format
    path: str, size_bytes: int, *, mode: int, mtime: int, uid: int = 0, gid: int = 0
) -> bytes:
    """The header blocks of a regular file; *size_bytes* of content and `padding` follow it.

    Args:
        path: Relative to the image's root, ``/`` between components.
        size_bytes: Of the content.
        mode: Permission bits.
        mtime: Seconds since 1970.
        uid: Numeric owner.
        gid: Numeric group.

    """
    return _header(path, FILE, "", size_bytes, mode, mtime, uid, gid)


def directory_header(path: str, *, mode: int = 0o755, mtime: int, uid: int = 0, gid: int = 0) -> bytes:
    """The header blocks of a directory. Arguments as for `file_header`."""
    return _header(f"{path}/", DIRECTORY, "", 0, mode, mtime, uid, gid)


def symlink_header(  # noqa: PLR0913 - as above
    path: str, target: str, *, mode: int = 0o777, mtime: int, uid: int = 0, gid: int = 0
) -> bytes:
    """The header blocks of a symbolic link to *target*. Other arguments as for `file_header`."""
    return _header(path, SYMLINK, target, 0, mode, mtime, uid, gid)


def hard_link_header(  # noqa: PLR0913 - as above
    path: str, target: str, *, mode: int, mtime: int, uid: int = 0, gid: int = 0
) -> bytes:
    """The header blocks of another name for *target*, a file earlier in the same archive."""
    return _header(path, HARD_LINK, target, 0, mode, mtime, uid, gid)


def padding(size_bytes: int) -> bytes:
    """The zeros between a file's content and the next header."""
    return bytes(-size_bytes % BLOCK_BYTES)


def _header(  # noqa: PLR0913, PLR0917 - the fields of the format
    path: str, kind: bytes, target: str, size_bytes: int, mode: int, mtime: int, uid: int, gid: int
) -> bytes:
    records = b""
    split = _split(path)
    if split is None:
        records += _record("path", path)
        split = b"", _shortened(path)
    link = _link(target)
    if link is None:
        records += _record("linkpath", target)
        link = _shortened(target)
    # A number that its field cannot hold is a record too, and zero in the header.
    numbers = {"size": (size_bytes, _MAX_OCTAL_11), "uid": (uid, _MAX_OCTAL_7), "gid": (gid, _MAX_OCTAL_7)}
    if size_bytes > _MAX_OCTAL_11 or uid > _MAX_OCTAL_7 or gid > _MAX_OCTAL_7:
        records += b"".join(_record(key, str(n)) for key, (n, limit) in numbers.items() if n > limit)
        size_bytes, uid, gid = (0 if n > limit else n for n, limit in numbers.values())
    block = _block(split, kind, link, size_bytes, mode, mtime, uid, gid)
    return _extended(records, mtime) + block if records else block


def _extended(records: bytes, mtime: int) -> bytes:
    block = _block((b"", b"./PaxHeader"), _EXTENDED, b"", len(records), 0o644, mtime, 0, 0)
    return block + records + padding(len(records))


def _block(  # noqa: PLR0913, PLR0917 - the fields of the format
    split: tuple[bytes, bytes],
    kind: bytes,
    link: bytes,
    size_bytes: int,
    mode: int,
    mtime: int,
    uid: int,
    gid: int,
) -> bytes:
    prefix, name = split
    numbers = b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode, uid, gid, size_bytes, mtime)
    checksum = _BLANKS + sum(b"".join((name, numbers, kind, link, _TAIL, prefix)))
    return b"".join(
        (
            name.ljust(_NAME_BYTES, b"\0"),
            numbers,
            b"%06o\0 " % checksum,
            kind,
            link.ljust(_NAME_BYTES, b"\0"),
            _TAIL,
            prefix.ljust(_PREFIX_BYTES + 12, b"\0"),
        )
    )


def _split(path: str) -> tuple[bytes, bytes] | None:
    """The path as USTAR's prefix and name; None when they cannot hold it. POSIX allows only ASCII there."""
    if not path.isascii():
        return None
    raw = path.encode("ascii")
    if len(raw) <= _NAME_BYTES:
        return b"", raw
    # The longest prefix that fits, cut at a slash that leaves a name.
    cut = raw.rfind(b"/", 0, min(_PREFIX_BYTES + 1, len(raw) - 1))
    if cut <= 0 or len(raw) - cut - 1 > _NAME_BYTES:
        return None
    return raw[:cut], raw[cut + 1 :]


def _link(target: str) -> bytes | None:
    return target.encode("ascii") if target.isascii() and len(target) <= _NAME_BYTES else None


def _shortened(path: str) -> bytes:
    """What a reader that knows no PAX sees."""
    return path.encode("ascii", "replace")[:_NAME_BYTES]


def _record(key: str, value: str) -> bytes:
    """One PAX record: length, blank, key=value, newline; the length counts its own digits."""
    body = f" {key}={value}\n".encode()
    length = len(body)
    while length != len(body) + len(str(length)):
        length = len(body) + len(str(length))
    return str(length).encode() + body
