"""What a build made: whether it is the wheel the lock means, and what it asks of the machine it runs on."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

import msgspec
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from wherry.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from wherry.project.target import Target

_MAX_NATIVE_BYTES: Final = 4 << 30
_GLIBC: Final = re.compile(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?")
_SHARED_OBJECT: Final = re.compile(r".*\.so(?:\.[\d.]+)?")
_ALWAYS_THERE: Final = re.compile(
    r"(?:ld-linux.*|lib(?:c|m|dl|rt|pthread|util|resolv|gcc_s|stdc\+\+|python3(?:\.\d+)?))\.so(?:\.\d+)*(?:\.0)?"
)


class BuiltWheel(msgspec.Struct, frozen=True):
    """What the index remembers of a built wheel. Its bytes are a blob."""

    digest: str
    filename: str
    size_bytes: int
    machine: str = ""  # the processor its native code was compiled on; "" when it runs on any platform
    glibc: tuple[int, int] | None = None  # the newest symbol version its native code asks for
    libraries: tuple[str, ...] = ()  # sonames it needs from outside: of the base or of system-packages
    foreign_libc: bool = False  # linked against another libc than glibc


@dataclass(frozen=True, slots=True)
class Expected:
    """What the lock says a build will make. None: only the source knows."""

    name: NormalizedName | None
    version: Version | None
    where: str  # the lock's line, for messages

    @property
    def title(self) -> str:
        """``"foo 1.0"``."""
        return " ".join(str(part) for part in (self.name or self.where, self.version) if part)


def inspect(wheel: Path, digest: str, expected: Expected, *, machine: str) -> BuiltWheel:
    """Judge a wheel that a backend has just made on a *machine* such as ``x86_64``.

    Raises:
        InputError: It is another distribution or version than the lock says, or no sound wheel.

    """
    try:
        name, version, _, tags = parse_wheel_filename(wheel.name)
    except InvalidWheelFilename as error:
        raise InputError(
            f"the build of {expected.title} made {wheel.name!r}, which is no wheel's name",
            where=expected.where,
            mend="mend the build backend's settings",
        ) from error
    if name != (expected.name or name) or version != (expected.version or version):
        raise InputError(
            f"the source of {expected.title} builds {name} {version}",
            where=expected.where,
            mend="lock the project again, for example with 'uv lock'",
        )
    native = _native_needs(wheel, expected)
    return BuiltWheel(
        digest=str(digest),
        filename=wheel.name,
        size_bytes=wheel.stat().st_size,
        machine="" if native is None and all(tag.platform == "any" for tag in tags) else machine,
        glibc=native.glibc if native else None,
        libraries=native.libraries if native else (),
        foreign_libc=bool(native and native.foreign_libc),
    )


def require_fit(built: BuiltWheel, expected: Expected, target: Target) -> None:
    """Make sure that a built wheel runs on the target.

    Raises:
        InputError: It is for another platform, Python or libc; the reason says which.

    """
    _, _, _, tags = parse_wheel_filename(built.filename)
    machine = target.platform.machine
    tag = "/".join(sorted(str(tag) for tag in tags))
    fits = not tags.isdisjoint(target.tags)
    platforms = {t.platform for t in tags} & {t.platform for t in target.tags}
    if built.machine and (built.machine != machine or not platforms):
        raise InputError(
            f"{expected.title} has native code, and built here it is {tag}, not for {target.platform}",
            where=expected.where,
            mend=f"publish a wheel for {machine}, or build the image on such a machine",
        )
    if not fits:
        raise InputError(
            f"{expected.title} builds a wheel for another Python: {tag}",
            where=expected.where,
            mend=f"choose a version that supports Python {target.python[0]}.{target.python[1]}",
        )
    if built.foreign_libc:
        raise InputError(
            f"{expected.title} was built against a libc that is not glibc, and the base has glibc",
            where=expected.where,
            mend="build on a Debian-like machine, or publish a manylinux wheel",
        )
    if built.glibc and built.glibc > target.glibc:
        needs, has = (f"{major}.{minor}" for major, minor in (built.glibc, target.glibc))
        raise InputError(
            f"{expected.title}, built on this machine, needs GLIBC_{needs}; the base has {has}",
            where=expected.where,
            mend="choose a newer base, build on an older system, or publish a manylinux wheel",
        )


@dataclass(frozen=True, slots=True)
class _Needs:
    glibc: tuple[int, int] | None
    libraries: tuple[str, ...]
    foreign_libc: bool


def _native_needs(wheel: Path, expected: Expected) -> _Needs | None:
    """What the shared objects of a wheel ask for together; None when it has none."""
    needed: set[str] = set()
    brought: set[str] = set()
    versions: set[tuple[int, int]] = set()
    found = False
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [i for i in archive.infolist() if not i.is_dir()]
            if sum(info.file_size for info in members) > _MAX_NATIVE_BYTES:
                raise _unsound(expected, f"it unpacks to more than {_MAX_NATIVE_BYTES >> 30} GiB")
            for info in members:
                file = info.filename.rpartition("/")[2]
                if not _SHARED_OBJECT.fullmatch(file):
                    continue
                found = True
                brought.add(file)
                # On disk: an ELF file is read back and forth, which a compressed stream bears badly.
                with archive.open(info) as member, tempfile.TemporaryFile(dir=wheel.parent) as plain:
                    shutil.copyfileobj(member, plain)
                    _read_needs(plain, needed, versions)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise _unsound(expected, str(error)) from error
    if not found:
        return None
    return _Needs(
        glibc=max(versions, default=None),
        libraries=tuple(sorted(lib for lib in needed - brought if not _ALWAYS_THERE.fullmatch(lib))),
        foreign_libc=any(lib.startswith("libc.musl") for lib in needed),
    )


def _read_needs(stream: IO[bytes], needed: set[str], versions: set[tuple[int, int]]) -> None:
    """Add what one shared object needs: libraries (DT_NEEDED) and glibc symbol versions (.gnu.version_r)."""
    from elftools.common.exceptions import ELFError  # noqa: PLC0415 - only native builds need it
    from elftools.elf.dynamic import DynamicSection  # noqa: PLC0415 - the same
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415 - the same
    from elftools.elf.gnuversions import GNUVerNeedSection  # noqa: PLC0415 - the same

    try:
        for section in ELFFile(stream).iter_sections():
            if isinstance(section, DynamicSection):
                needed.update(str(getattr(tag, "needed", "")) for tag in section.iter_tags("DT_NEEDED"))
            elif isinstance(section, GNUVerNeedSection):
                names = [version.name for _, group in section.iter_versions() for version in group]
                versions.update((int(m[1]), int(m[2])) for name in names if (m := _GLIBC.fullmatch(name)))
    except (ELFError, ValueError, AttributeError, TypeError, KeyError):
        return  # a file that is named .so and is none: it is data, and not ours to judge


def _unsound(expected: Expected, why: str) -> InputError:
    return InputError(
        f"the build of {expected.title} made a wheel that cannot be used: {why}",
        where=expected.where,
        mend="mend the build backend's settings, or lock a version with a wheel",
    )
