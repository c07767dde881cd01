"""One wheel, read as PEP 427 says and installed, on paper, as pip does: which file goes where.

Nothing is unpacked here. `OpenWheel` holds what the wheel says of itself; `OpenWheel.install` answers with
the files of the installed tree in tar order, each with where its bytes come from.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, NamedTuple

from wherry.layers.license import license_of
from wherry.layers.model import IDENTITY_BYTES, SCHEMES, OwnedFile, Scheme, WheelFacts
from wherry.layers.paths import MAX_PATH_BYTES, directories_of, tar_order
from wherry.layers.record import UNHASHED, FileHash, RecordError, Row, installed_record, read_rows
from wherry.layers.scripts import (
    MAX_REWRITTEN_BYTES,
    PLACEHOLDER,
    EntryPoint,
    ScriptError,
    read_entry_points,
    rewritten,
    script,
)
from wherry.layers.zip_archive import Member, ZipArchive

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from email.message import Message
    from pathlib import Path

    from wherry.layers.model import Layout

INSTALLER: Final = b"wherry\n"
_MAX_TEXT_BYTES: Final = 64 << 20
_DATA_SCHEMES: Final[Mapping[str, Scheme]] = {
    "purelib": "site",
    "platlib": "site",
    "scripts": "scripts",
    "headers": "headers",
    "data": "data",
}
_DIRECT_URL: Final = "direct_url.json"  # says where on the host a wheel came from; never in an image


class Compiled(NamedTuple):
    """Bytecode that waits in a scratch file."""

    file: Path
    offset: int
    size_bytes: int


class Placed(NamedTuple):
    """One file of the installed tree."""

    path: str  # relative to the image's root
    content: Member | bytes | Compiled
    mode: int
    hash: FileHash | None = None  # what a member must hash to; None for RECORD's own kind


class _Target(NamedTuple):
    """Where a member goes."""

    member: Member
    scheme: Scheme
    path: str  # below the scheme's directory


class OpenWheel:
    """A wheel whose archive, RECORD, WHEEL and METADATA were read and make sense."""

    def __init__(self, archive: ZipArchive, filename: str) -> None:
        """Read what the wheel says of itself.

        Raises:
            InputError: It is not a wheel, or not one we can install.

        """
        self.archive = archive
        self.filename = filename
        self.tags = self._read_filename()
        self.dist_info = self._find_dist_info()
        self._check_version()
        self.metadata = self._message("METADATA")
        self.display_name = (self.metadata["Name"] or "").strip()
        if _normalized(self.display_name) != self.name:
            raise archive.refuse(f"METADATA is of {self.display_name[:80]!r}", f"{self.dist_info}/METADATA")
        self.rows = self._read_record()
        self._hashes = self._read_hashes()
        self._entry_points_text = self._text("entry_points.txt")

    def facts(self) -> WheelFacts:
        """What planning needs to know of the wheel."""
        files = [self._owned(target) for target in self._targets(None)]
        points = self.entry_points(None)
        files += [
            OwnedFile("scripts", p.name, f"script:{p.module}:{p.attr}", 0, executable=True) for p in points
        ]
        files += [OwnedFile("site", f"{self.dist_info}/INSTALLER", "", len(INSTALLER))]
        once = {(file.scheme, file.path): file for file in files}
        return WheelFacts(
            name=self.name,
            version=self.version,
            display_name=self.display_name,
            tags=self.tags,
            requires=tuple(self.metadata.get_all("Requires-Dist", [])),
            requires_python=self.metadata["Requires-Python"] or "",
            files=tuple(once[key] for key in sorted(once)),
            unpacked_bytes=sum(file.size_bytes for file in once.values()),
            license=license_of(self.metadata),
        )

    def content(self, file: Placed, limit_bytes: int) -> bytes | bytearray:
        """The verified bytes of one small file of `install`; none of a larger one.

        Raises:
            InputError: They are damaged.

        """
        if isinstance(file.content, bytes):
            return file.content
        if not isinstance(file.content, Member) or file.content.size_bytes > limit_bytes:
            return b""
        data = self.archive.read(file.content, limit_bytes)
        if file.hash is not None:
            with self.refusing(file.content.name):
                file.hash.check(data)
        return data

    def entry_points(self, python: tuple[int, int] | None) -> tuple[EntryPoint, ...]:
        """The scripts that installing makes.

        Raises:
            InputError: The wheel asks for one that cannot be.

        """
        try:
            return read_entry_points(self._entry_points_text, python)
        except ScriptError as error:
            raise self.archive.refuse(str(error), f"{self.dist_info}/entry_points.txt") from None

    def python_sources(self, layout: Layout) -> list[Placed]:
        """The files that pip would compile, in tar order."""
        return [file for file in self.install(layout) if file.path.endswith(".py") and file.hash is not None]

    def install(self, layout: Layout, compiled: Mapping[str, Compiled] | None = None) -> list[Placed]:
        """The installed tree in tar order; of two files for one path the later one in pip's order stays.

        Args:
            layout: Where things go.
            compiled: Bytecode by the path of its file in the image.

        Raises:
            InputError: A file would lie where no layer may have one.

        """
        directories = {scheme: layout.scheme_directory(scheme, self.name) for scheme in SCHEMES}
        site = directories["site"]
        placed: dict[str, Placed] = {}
        installed: dict[str, str] = {}
        changed: dict[str, bytes] = {}
        for target in self._targets(layout.python):
            path = f"{directories[target.scheme]}/{target.path}"
            content = self._content(target, layout.interpreter)
            relative = relative_path(path, site)
            installed[target.member.name] = relative
            if isinstance(content, bytes):
                changed[relative] = content
            mode = 0o755 if target.member.executable else 0o644
            placed[path] = Placed(path, content, mode, self._hashes.get(target.member.name))
        for path, bytecode in (compiled or {}).items():
            placed[path] = Placed(path, bytecode, 0o644)
            installed[f"/{path}"] = relative_path(path, site)
        generated = self._generated(layout)
        placed |= {file.path: file for file in generated}
        record = installed_record(
            [row for row in self.rows if row.path != f"{self.dist_info}/{_DIRECT_URL}"],
            installed,
            changed,
            {
                relative_path(file.path, site): file.content
                for file in generated
                if isinstance(file.content, bytes)
            },
        )
        record_path = f"{site}/{self.dist_info}/RECORD"
        placed[record_path] = Placed(record_path, record, 0o644)
        self._check_paths(placed)
        return sorted(placed.values(), key=lambda file: tar_order(file.path))

    def _generated(self, layout: Layout) -> list[Placed]:
        scripts = layout.scheme_directory("scripts", self.name)
        site = layout.scheme_directory("site", self.name)
        return [
            *(
                Placed(f"{scripts}/{point.name}", script(point, layout.interpreter), 0o755)
                for point in self.entry_points(layout.python)
            ),
            Placed(f"{site}/{self.dist_info}/INSTALLER", INSTALLER, 0o644),
        ]

    def _targets(self, python: tuple[int, int] | None) -> Iterator[_Target]:
        """Each member with where it goes, in the order in which pip writes them."""
        wrapped = {point.name for point in self.entry_points(python)}
        root, data, scripts = [], [], []
        for name, member in self.archive.members.items():
            top, _, rest = name.partition("/")
            if name == f"{self.dist_info}/{_DIRECT_URL}":
                continue
            if not top.endswith(".data"):
                root.append(_Target(member, "site", name))
                continue
            key, _, path = rest.partition("/")
            if key not in _DATA_SCHEMES or not path:
                raise self.archive.refuse("it is in no scheme that installers know", name)
            if key != "scripts":
                data.append(_Target(member, _DATA_SCHEMES[key], path))
            elif not _is_wrapper(path, wrapped):
                scripts.append(_Target(member, "scripts", path))
        yield from root
        yield from data
        yield from scripts

    def _content(self, target: _Target, interpreter: str) -> Member | bytes:
        member = target.member
        if target.scheme != "scripts" or not self.archive.peek(member, len(PLACEHOLDER)).startswith(
            PLACEHOLDER
        ):
            return member
        content = bytes(self.archive.read(member, MAX_REWRITTEN_BYTES))
        with self.refusing(member.name):
            self._hashes[member.name].check(content)
        return rewritten(content, interpreter)

    def _owned(self, target: _Target) -> OwnedFile:
        member = target.member
        known = self._hashes.get(member.name)
        identity = f"{known.algorithm}={known.digest[:IDENTITY_BYTES].hex()}" if known else ""
        return OwnedFile(target.scheme, target.path, identity, member.size_bytes, member.executable)

    def _check_paths(self, placed: Collection[str]) -> None:
        """What the members' names alone could not show: names are fine one by one, but clash or add up."""
        directories = directories_of(placed, "")
        for path in placed:
            if path in directories:
                raise self.archive.refuse("it would be a file and a directory", path)
            if len(path.encode()) > MAX_PATH_BYTES:
                raise self.archive.refuse("its installed path is longer than Linux allows", path)

    def _read_filename(self) -> tuple[str, ...]:
        from packaging.utils import InvalidWheelFilename, parse_wheel_filename  # noqa: PLC0415 - not for cached layers

        try:
            name, version, _, tags = parse_wheel_filename(self.filename)
        except InvalidWheelFilename as error:
            raise self.archive.refuse(str(error)) from None
        self.name: str = name
        self.version = str(version)
        return tuple(sorted(map(str, tags)))

    def _find_dist_info(self) -> str:
        tops = {name.partition("/")[0] for name in self.archive.members if "/" in name}
        found = sorted(top for top in tops if top.endswith(".dist-info"))
        if len(found) != 1:
            raise self.archive.refuse(f"it has {len(found)} .dist-info directories, not one")
        if _normalized(found[0].removesuffix(".dist-info").rpartition("-")[0]) != self.name:
            raise self.archive.refuse(f"its {found[0]} is not that of {self.name}")
        return found[0]

    def _check_version(self) -> None:
        version = (self._message("WHEEL")["Wheel-Version"] or "").strip()
        if version.partition(".")[0] != "1":
            raise self.archive.refuse(f"its Wheel-Version is {version[:20]!r}; 1.x is known")

    def _message(self, name: str) -> Message:
        from installer.utils import parse_metadata_file  # noqa: PLC0415 - not for cached layers

        text = self._text(name, errors="replace")  # old METADATA is in all sorts of encodings
        if not text:
            raise self.archive.refuse(f"it has no {name}", f"{self.dist_info}/{name}")
        return parse_metadata_file(text)

    def _read_record(self) -> list[Row]:
        name = f"{self.dist_info}/RECORD"
        if name not in self.archive.members:
            raise self.archive.refuse("it has no RECORD", name)
        with self.refusing(name):
            return read_rows(self._text("RECORD"))

    def _read_hashes(self) -> dict[str, FileHash]:
        """What each member must hash to. PEP 427: installation fails if a file is not mentioned or hashed."""
        rows = {row.path: row for row in self.rows}
        unhashed = {f"{self.dist_info}/{name}" for name in UNHASHED}
        hashes = {}
        for name, member in self.archive.members.items():
            if name in unhashed:
                continue
            row = rows.get(name)
            if row is None or not row.hash:
                raise self.archive.refuse("RECORD has no hash for it", name)
            if row.size and row.size != str(member.size_bytes):
                raise self.archive.refuse("its size is not the one in RECORD", name)
            with self.refusing(name):
                hashes[name] = FileHash.parse(row.hash)
        return hashes

    def _text(self, name: str, errors: str = "strict") -> str:
        """A file of dist-info; nothing if it is not there."""
        member = self.archive.members.get(f"{self.dist_info}/{name}")
        if member is None:
            return ""
        try:
            return self.archive.read(member, _MAX_TEXT_BYTES).decode("utf-8", errors)
        except UnicodeDecodeError:
            raise self.archive.refuse("it is not UTF-8", member.name) from None

    @contextlib.contextmanager
    def refusing(self, name: str) -> Iterator[None]:
        """Say of which member a RecordError in the block speaks.

        Raises:
            InputError: The block met a RecordError.

        """
        try:
            yield
        except RecordError as error:
            raise self.archive.refuse(str(error), name) from None


@contextlib.contextmanager
def open_wheel(path: Path, filename: str) -> Iterator[OpenWheel]:
    """Open the wheel at *path*, called *filename*, for the block.

    Raises:
        InputError: It is not a wheel that we can install.
        WorldError: The file cannot be read.

    """
    with ZipArchive(path, filename) as archive:
        yield OpenWheel(archive, filename)


def wheel_facts(path: Path, filename: str) -> WheelFacts:
    """What the wheel at *path* says of itself.

    Args:
        path: The file.
        filename: Its name as the lock spells it: name, version and tags are in it.

    Raises:
        InputError: It is not a wheel that we can install.
        WorldError: The file cannot be read.

    """
    with open_wheel(path, filename) as wheel:
        return wheel.facts()


def _normalized(name: str) -> str:
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - not for cached layers

    return canonicalize_name(name)


def _is_wrapper(path: str, entry_points: Collection[str]) -> bool:
    """Whether a script is setuptools' own wrapper of an entry point, which pip passes over."""
    name = path.rpartition("/")[2]
    lower = name.lower()
    for suffix in (".exe", "-script.py", ".pya"):
        if lower.endswith(suffix):
            name = name[: -len(suffix)]
            break
    return name in entry_points


def relative_path(path: str, site: str) -> str:
    """*path* as RECORD names it: from site-packages."""
    if path.startswith(f"{site}/"):
        return path[len(site) + 1 :]
    here, there = site.split("/"), path.split("/")
    shared = 0
    while shared < len(here) and here[shared] == there[shared]:
        shared += 1
    return "/".join([".."] * (len(here) - shared) + there[shared:])
