"""What a wheel installs, as far as its facts tell: which bytes may stand at which path of its segment.

The facts are those of a wheel that is not here, so they are as good as whoever told them. They name every
file with its size and 128 bits of its hash; what installing makes beside them is worked out as the installer
does. Of bytecode they say nothing: its path and its form are held to what they must be, its content is not.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from wherry.layers.bytecode import MAX_BYTECODE_BYTES, cached_path
from wherry.layers.model import IDENTITY_BYTES, SCHEMES
from wherry.layers.paths import path_problem
from wherry.layers.record import ALGORITHMS, UNHASHED
from wherry.layers.scripts import MAX_REWRITTEN_BYTES, PLACEHOLDER, ScriptError, read_entry_points, script
from wherry.layers.wheel import INSTALLER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.layers.model import OwnedFile, WheelFacts
    from wherry.layers.wheel_layer import Recipe

RECORD_LIMIT_BYTES: Final = 8 << 20
"""What is read of an installed RECORD: those of the largest wheels have two megabytes."""

_HEADER_BYTES: Final = 12 << 10  # of a member at most: a path of 4096 bytes as a PAX record, and padding
_BYTECODE_FACTOR: Final = 16
_BYTECODE_BYTES: Final = 64 << 10
_BYTECODE_HEADER: Final = 16
_UNCHECKED_HASH: Final = b"\r\n\x01\x00\x00\x00"  # PEP 552: the magic number's end, and the flags
_EXECUTABLE: Final = 0o755
_PLAIN: Final = 0o644

_AFTER_PLACEHOLDER: Final = (b"", b"w", b"\r", b"w\r", b"3", b" -E", b" -s", b" -u", b" -I")
"""What stands behind ``#!python`` in the first lines of scripts: the installed script has lost it."""


class NotOfWheelError(Exception):
    """A segment is not what installing its wheel gives."""


class Installed:
    """The files that a wheel's segment has, and what may be in them."""

    def __init__(self, facts: WheelFacts, recipe: Recipe, left_out: frozenset[str]) -> None:
        """Work out what installing the wheel of *facts* gives.

        Args:
            facts: Of the wheel.
            recipe: How it is installed.
            left_out: Paths that another segment of the layer has.

        Raises:
            NotOfWheelError: The facts are those of no wheel.

        """
        layout = recipe.layout
        directories = {scheme: layout.scheme_directory(scheme, facts.name) for scheme in SCHEMES}
        self.site: Final = directories["site"]
        self._interpreter = layout.interpreter
        self._python = layout.python
        self.files: Final[dict[str, list[OwnedFile]]] = {}
        for file in facts.files:
            self.files.setdefault(f"{directories[file.scheme]}/{file.path}", []).append(file)
        info = f"{self.site}/{_dist_info(facts)}"
        self.record: Final = f"{info}/RECORD"
        self.unhashed: Final = frozenset(f"{info}/{name}" for name in UNHASHED)
        self.made: Final[dict[str, tuple[int, bytes]]] = {
            f"{info}/INSTALLER": (_PLAIN, INSTALLER),
            **self._scripts(facts, directories["scripts"]),
        }
        self.paths: Final = frozenset(self.files) | frozenset(self.made)
        prefix = layout.prefix.strip("/")
        for path in self.paths:
            if not path.startswith(f"{prefix}/") or path_problem(path) is not None:
                raise NotOfWheelError(f"its facts name {path[:200]!r}")
        modules = [path for path in self.paths if path.endswith(".py")] if recipe.bytecode else []
        self.bytecode: Final = {cached_path(path, layout.python): path for path in modules}
        self.bytecode_here: Final = {
            path: module for path, module in self.bytecode.items() if module not in left_out
        }
        self.here: Final = self.paths - left_out

    def mode(self, path: str) -> int:
        """The permission bits of the file at *path*."""
        if path in self.made:
            return self.made[path][0]
        executable = path != self.record and any(file.executable for file in self.files.get(path, ()))
        return _EXECUTABLE if executable else _PLAIN

    @property
    def most_bytes(self) -> int:
        """What the segment unpacks to at most."""
        paths = (*self.here, *self.bytecode_here)
        return sum(self.most_bytes_of(path) + _HEADER_BYTES for path in paths)

    def most_bytes_of(self, path: str) -> int:
        """How large the file at *path* is at most."""
        if path == self.record:
            return RECORD_LIMIT_BYTES
        if path in self.made:
            return len(self.made[path][1])
        if path in self.files:
            longest = max(file.size_bytes for file in self.files[path])
            return longest + (len(self._interpreter) if self.may_be_rewritten(path) else 0)
        source_bytes = max((file.size_bytes for file in self.files.get(self.bytecode[path], ())), default=0)
        return min(_BYTECODE_BYTES + _BYTECODE_FACTOR * source_bytes, MAX_BYTECODE_BYTES)

    def algorithms(self, path: str) -> set[str]:
        """The hashes that tell whether the file at *path* is right."""
        named = {file.identity.partition("=")[0] for file in self.files.get(path, ())}
        return {"sha256", *(named & ALGORITHMS.keys())}

    def may_be_rewritten(self, path: str) -> bool:
        """Whether the file at *path* may be a script whose first line installing changes."""
        return path not in self.made and any(
            file.scheme == "scripts" and file.size_bytes <= MAX_REWRITTEN_BYTES
            for file in self.files.get(path, ())
        )

    def is_right(self, path: str, size_bytes: int, digests: Mapping[str, bytes], start: bytes) -> bool:
        """Whether a file is what the wheel has there, or installing makes.

        Args:
            path: Of the file; not RECORD's, nor a rewritten script's.
            size_bytes: Of its content.
            digests: Of its content, by algorithm.
            start: The content's first bytes.

        """
        if path in self.made:
            return digests["sha256"] == hashlib.sha256(self.made[path][1]).digest()
        if path in self.unhashed:
            return any(file.size_bytes == size_bytes for file in self.files[path])
        if path in self.files:
            return any(
                file.size_bytes == size_bytes and is_identity(file.identity, digests)
                for file in self.files[path]
            )
        return size_bytes >= _BYTECODE_HEADER and start[2:8] == _UNCHECKED_HASH

    def is_rewritten(self, path: str, content: bytes) -> bool:
        """Whether a script is what installing makes of the wheel's, whose first line named no interpreter."""
        first = f"#!{self._interpreter}\n".encode()
        if not content.startswith(first):
            return False
        rest = content[len(first) :]
        originals = [PLACEHOLDER + behind + b"\n" + rest for behind in _AFTER_PLACEHOLDER]
        if not rest:
            originals += [PLACEHOLDER + behind for behind in _AFTER_PLACEHOLDER]
        return any(_is_file(file, original) for file in self.files[path] for original in originals)

    def _scripts(self, facts: WheelFacts, directory: str) -> dict[str, tuple[int, bytes]]:
        """The scripts of entry points, under the names that they have for this Python."""
        points = [
            (file.path, *file.identity.split(":", 2)[1:])
            for file in facts.files
            if file.scheme == "scripts" and file.identity.startswith("script:")
        ]
        lines = [f"{name} = {':'.join(called)}" for name, *called in points]
        text = "\n".join(["[console_scripts]", *lines])
        try:
            known = read_entry_points(text, self._python)
        except ScriptError as error:
            raise NotOfWheelError(str(error)) from None
        return {
            f"{directory}/{point.name}": (_EXECUTABLE, script(point, self._interpreter)) for point in known
        }


def is_identity(identity: str, digests: Mapping[str, bytes]) -> bool:
    """Whether content with *digests*, by algorithm, has the *identity* that facts give a file."""
    algorithm, _, digits = identity.partition("=")
    digest = digests.get(algorithm)
    return (
        digest is not None and len(digits) >= 2 * IDENTITY_BYTES and digest[:IDENTITY_BYTES].hex() == digits
    )


def _is_file(file: OwnedFile, content: bytes) -> bool:
    algorithm = file.identity.partition("=")[0]
    if file.size_bytes != len(content) or algorithm not in ALGORITHMS:
        return False
    return is_identity(file.identity, {algorithm: ALGORITHMS[algorithm](content).digest()})


def _dist_info(facts: WheelFacts) -> str:
    """The wheel's ``.dist-info``: RECORD and INSTALLER lie in no other directory so called."""
    names = ("RECORD", "INSTALLER")
    tops: dict[str, set[str]] = {}
    for file in facts.files:
        top, _, name = file.path.rpartition("/")
        if file.scheme == "site" and name in names and top.endswith(".dist-info") and "/" not in top:
            tops.setdefault(top, set()).add(name)
    found = [top for top, there in tops.items() if there == set(names)]
    if len(found) != 1:
        raise NotOfWheelError("its facts name no .dist-info directory, or several")
    return found[0]
