"""What the dynamic loader's cache needs to know of a shared library: its machine and the name it goes by.

A few fields of the header, the program headers and the dynamic section (System V ABI, chapters 4 and 5), each
read with a limit: pyelftools follows whatever offsets and lengths a file claims, through its whole size.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Protocol

_IDENT: Final = b"\x7fELF\x02\x01"  # 64 bits, little endian: both our architectures
_HEADER: Final = struct.Struct("<16xHHIQQQIHHH")
_PROGRAM_HEADER: Final = struct.Struct("<IIQQQQQQ")
_DYNAMIC: Final = struct.Struct("<qQ")
_SHARED: Final = 3  # ET_DYN
_LOAD, _DYNAMIC_SEGMENT = 1, 2
_STRTAB, _SONAME = 5, 14  # DT_*
_MACHINES: Final = {62: "x86_64", 183: "aarch64"}
_SEGMENTS_LIMIT: Final = 256
_DYNAMIC_LIMIT_BYTES: Final = 1 << 16
_NAME_LIMIT_BYTES: Final = 256


@dataclass(frozen=True, slots=True)
class SharedObject:
    """An ELF shared object that the dynamic loader could take."""

    machine: str  # "x86_64" or "aarch64"; "" for any other
    soname: str  # "" if it has none


class Seekable(Protocol):
    """What an ELF file is read from."""

    def seek(self, offset: int, /) -> object:
        """Go to *offset* from the start."""

    def read(self, size: int, /) -> bytes:
        """At most *size* bytes; fewer only at the end."""
        ...


def read_shared_object(stream: Seekable) -> SharedObject | None:
    """Read the ELF file *stream*; None if it is none, cannot be linked to, or is too odd to be loaded.

    A damaged file is no error here: it is shipped as its package has it, and ldconfig passes over it too.
    """
    try:
        return _read(stream)
    except struct.error:
        return None


def _read(stream: Seekable) -> SharedObject | None:
    header = stream.read(_HEADER.size)
    if not header.startswith(_IDENT):
        return None
    kind, machine, _, _, headers_at, _, _, _, entry_bytes, count = _HEADER.unpack(header)
    if kind != _SHARED or entry_bytes != _PROGRAM_HEADER.size or count > _SEGMENTS_LIMIT:
        return None
    segments = [
        _PROGRAM_HEADER.unpack(entry)
        for entry in _entries(_at(stream, headers_at, count * entry_bytes), entry_bytes)
    ]
    dynamic = next((s for s in segments if s[0] == _DYNAMIC_SEGMENT), None)
    if dynamic is None:
        return None  # a static program: nothing to link to
    table = _at(stream, dynamic[2], min(dynamic[5], _DYNAMIC_LIMIT_BYTES))
    tags = dict(reversed([_DYNAMIC.unpack(entry) for entry in _until_end(table)]))
    soname = ""
    if _SONAME in tags:
        position = tags.get(_STRTAB, 0) + tags[_SONAME]
        load = next((s for s in segments if s[0] == _LOAD and s[3] <= position < s[3] + s[5]), None)
        if load is None:
            return None
        raw, end, _ = _at(stream, position - load[3] + load[2], _NAME_LIMIT_BYTES, exact=False).partition(
            b"\0"
        )
        soname = raw.decode("ascii", "replace")
        if not end or "/" in soname or not soname.isprintable() or "\ufffd" in soname:
            return None
    return SharedObject(_MACHINES.get(machine, ""), soname)


def _until_end(table: bytes) -> list[bytes]:
    entries = _entries(table, _DYNAMIC.size)
    end = next((i for i, entry in enumerate(entries) if entry[:8] == bytes(8)), len(entries))  # DT_NULL
    return entries[:end]


def _entries(table: bytes, entry_bytes: int) -> list[bytes]:
    whole = len(table) - len(table) % entry_bytes
    return [table[start : start + entry_bytes] for start in range(0, whole, entry_bytes)]


def _at(stream: Seekable, offset: int, size_bytes: int, *, exact: bool = True) -> bytes:
    if offset >= 1 << 62:
        raise struct.error("an offset beyond any file")
    stream.seek(offset)
    data = stream.read(size_bytes)
    if exact and len(data) < size_bytes:
        raise struct.error("cut short")
    return data
