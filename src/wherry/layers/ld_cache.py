"""``/etc/ld.so.cache`` made without running anything, for any target, byte for byte as ``ldconfig`` would.

The format is glibc's "glibc-ld.so.cache1.1" alone (sysdeps/generic/dl-cache.h), in the order that
``_dl_cache_libcmp`` asks for, since the loader searches it by bisection; strings share their ends as
glibc's stringtable does. Which names of a directory count, and which links are made, is ldconfig's rule too.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import cmp_to_key
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wherry.layers.elf import SharedObject

FLAGS: Final = {"x86_64": 0x0303, "aarch64": 0x0A03}
"""FLAG_ELF_LIBC6 with FLAG_X86_64_LIB64 or FLAG_AARCH64_LIB64."""

_HEADER: Final = struct.Struct("<20sIIB3xI12x")
_ENTRY: Final = struct.Struct("<iIIIQ")
_EXTENSIONS: Final = struct.Struct("<II")
_SECTION: Final = struct.Struct("<IIII")
_MAGIC: Final = b"glibc-ld.so.cache1.1"
_LITTLE_ENDIAN: Final = 2
_EXTENSION_MAGIC: Final = 0xEAA42174
_TAG_GENERATOR, _TAG_HWCAPS = 0, 1
_HWCAP_EXTENSION: Final = 1 << 62
_SECTIONS_LIMIT: Final = 64
_STRING_LIMIT_BYTES: Final = 4096
_NAME: Final = re.compile(r"(?:lib|ld-).*\.so.*|ld(?:64)?\.so\..*", re.DOTALL)
_TEMPORARY: Final = re.compile(r".*(?:\.dpkg-new|\.dpkg-tmp|\.#prelink#(?:\..{6})?|;.*)", re.DOTALL)
_NUMBERS: Final = re.compile(r"[0-9]+|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A name in a library directory, and the library it leads to."""

    name: str
    is_link: bool
    shared: SharedObject


@dataclass(frozen=True, slots=True)
class LibraryDirectory:
    """One directory the loader searches, as ``ld.so.conf`` writes it."""

    path: str  # "/lib/x86_64-linux-gnu"
    candidates: Sequence[Candidate]
    hwcaps: str = ""  # "x86-64-v3" for a glibc-hwcaps directory


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One line of ``ldconfig -p``."""

    soname: str
    path: str
    hwcaps: str = ""


@dataclass(frozen=True, slots=True)
class LdCache:
    """What ldconfig leaves behind."""

    data: bytes  # of /etc/ld.so.cache
    links: Mapping[
        str, str
    ]  # absolute path of each link it would make, to the name beside it that it leads to


def is_library_name(name: str) -> bool:
    """Whether ldconfig would look at a file of that name."""
    return _NAME.fullmatch(name) is not None and _TEMPORARY.fullmatch(name) is None


def compare_names(one: str, other: str) -> int:
    """Order names as glibc's ``_dl_cache_libcmp``: digits compare as numbers, and after anything else.

    Returns a negative, zero or positive number.
    """
    left, right = (_NUMBERS.findall(name) for name in (one, other))
    for a, b in zip(left, right, strict=False):
        a_digits, b_digits = a[0] in "0123456789", b[0] in "0123456789"
        if a_digits and b_digits:
            if int(a) != int(b):
                return -1 if int(a) < int(b) else 1
        elif a_digits != b_digits:
            return 1 if a_digits else -1
        elif a != b:
            return -1 if a < b else 1
    if len(left) == len(right):
        return 0
    # The shorter has ended: a digit beyond is still "after anything", even after the end.
    return -1 if len(left) < len(right) else 1


def make_ld_cache(
    directories: Iterable[LibraryDirectory],
    machine: str,
    generator: str,
    there: Iterable[CacheEntry] = (),
) -> LdCache:
    """Make the cache over *directories*, in the order the loader prefers them.

    Args:
        directories: Each once: ldconfig knows two names of one directory by its inode.
        machine: ``"x86_64"`` or ``"aarch64"``; libraries of another are passed over.
        generator: What the cache says it was made by.
        there: Entries of the cache below, which stay: its directories are not looked at again.

    """
    entries = list(there)
    links: dict[str, str] = {}
    for directory in directories:
        for soname, library in sorted(_by_soname(directory.candidates, machine).items()):
            if not directory.hwcaps and not library.is_link and library.name != soname:
                links[f"{directory.path}/{soname}"] = library.name
            name = library.name if directory.hwcaps else soname
            entries.append(CacheEntry(soname, f"{directory.path}/{name}", directory.hwcaps))
    entries = list(dict.fromkeys(entries))
    # From the greatest name to the least; of equal ones hwcaps come first, then directories in their order.
    entries.sort(key=lambda entry: (entry.hwcaps == "", entry.hwcaps))
    by_name = cmp_to_key(compare_names)
    entries.sort(key=lambda entry: by_name(entry.soname), reverse=True)
    return LdCache(_encode(entries, FLAGS[machine], generator), links)


def read_ld_cache(data: bytes) -> tuple[CacheEntry, ...]:
    """The entries of a cache in the new format, in their order; none if it is damaged or of another format.

    Args:
        data: The whole file.

    """
    try:
        magic, count, _, _, extensions_at = _HEADER.unpack_from(data)
        if magic != _MAGIC or _HEADER.size + count * _ENTRY.size > len(data):
            return ()
        hwcaps = _read_hwcaps(data, extensions_at) if extensions_at else []
        entries = [_ENTRY.unpack_from(data, _HEADER.size + i * _ENTRY.size) for i in range(count)]
        return tuple(
            CacheEntry(
                _string(data, soname),
                _string(data, path),
                hwcaps[hwcap & 0xFFFF] if hwcap & _HWCAP_EXTENSION else "",
            )
            for _, soname, path, _, hwcap in entries
        )
    except (struct.error, IndexError, ValueError):
        return ()


def _read_hwcaps(data: bytes, start: int) -> list[str]:
    magic, count = _EXTENSIONS.unpack_from(data, start)
    if magic != _EXTENSION_MAGIC or count > _SECTIONS_LIMIT:
        raise ValueError("not the directory of extensions")
    for i in range(count):
        tag, _, offset, size_bytes = _SECTION.unpack_from(data, start + _EXTENSIONS.size + i * _SECTION.size)
        if tag == _TAG_HWCAPS and size_bytes <= len(data):
            return [_string(data, at) for at in struct.unpack_from(f"<{size_bytes // 4}I", data, offset)]
    return []


def _string(data: bytes, offset: int) -> str:
    end = data.index(b"\0", offset, offset + _STRING_LIMIT_BYTES)
    return data[offset:end].decode()


def _by_soname(candidates: Iterable[Candidate], machine: str) -> dict[str, Candidate]:
    """The library that stands for each name: a file before a link, a newer name before an older."""
    found: dict[str, Candidate] = {}
    for candidate in candidates:
        if candidate.shared.machine != machine or not is_library_name(candidate.name):
            continue
        soname = candidate.shared.soname or candidate.name
        library = candidate
        if candidate.is_link:
            if candidate.name == soname or (
                candidate.name.endswith(".so") and soname.startswith(candidate.name)
            ):
                soname = candidate.name  # the link to itself, or the one ld(1) uses
            else:
                library = Candidate(candidate.name, is_link=False, shared=candidate.shared)
        there = found.get(soname)
        if there is None or _is_preferred(library, there):
            found[soname] = library
    return found


def _is_preferred(library: Candidate, there: Candidate) -> bool:
    if library.is_link != there.is_link:
        return there.is_link
    return compare_names(there.name, library.name) < 0


def _encode(entries: Sequence[CacheEntry], flags: int, generator: str) -> bytes:
    hwcaps = sorted({entry.hwcaps for entry in entries if entry.hwcaps})
    strings, offsets = _string_table({*hwcaps, *(s for entry in entries for s in (entry.soname, entry.path))})
    base = _HEADER.size + len(entries) * _ENTRY.size
    body = b"".join(
        _ENTRY.pack(
            flags,
            base + offsets[entry.soname],
            base + offsets[entry.path],
            0,
            _HWCAP_EXTENSION | hwcaps.index(entry.hwcaps) if entry.hwcaps else 0,
        )
        for entry in entries
    )
    extensions_at = base + len(strings) + -(base + len(strings)) % 4
    head = _HEADER.pack(_MAGIC, len(entries), len(strings), _LITTLE_ENDIAN, extensions_at)
    plain = (head + body + strings).ljust(extensions_at, b"\0")
    return plain + _extensions(extensions_at, generator.encode(), [base + offsets[name] for name in hwcaps])


def _extensions(start: int, generator: bytes, hwcaps: list[int]) -> bytes:
    """The directory of extensions and what it lists, each section aligned to four bytes."""
    contents = [(_TAG_GENERATOR, generator)]
    if hwcaps:
        contents.append((_TAG_HWCAPS, struct.pack(f"<{len(hwcaps)}I", *hwcaps)))
    contents.sort(reverse=True)
    position = start + _EXTENSIONS.size + len(contents) * _SECTION.size
    sections, data = [], b""
    for tag, content in contents:
        data += bytes(-len(data) % 4)
        sections.append((tag, _SECTION.pack(tag, 0, position + len(data), len(content))))
        data += content
    return _EXTENSIONS.pack(_EXTENSION_MAGIC, len(contents)) + b"".join(s for _, s in sorted(sections)) + data


def _string_table(strings: set[str]) -> tuple[bytes, dict[str, int]]:
    """All strings zero-ended in one block, where one that another ends with lies inside it.

    glibc's order: from the greatest to the least, compared from their last byte backwards.
    """
    raw = {text.encode(): text for text in strings}
    ordered = sorted(raw, key=lambda text: text[::-1], reverse=True)
    table = bytearray()
    offsets: dict[str, int] = {}
    previous, previous_at = b"", 0
    for text in ordered:
        if previous.endswith(text) and table:
            offset = previous_at + len(previous) - len(text)
        else:
            offset = len(table)
            table += text + b"\0"
        offsets[raw[text]] = offset
        previous, previous_at = text, offset
    return bytes(table), offsets
