"""Wheels made for tests: correct by default, broken in the one way that a test is about."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wherry.digest import Digest
from wherry.layers.model import WheelInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


@dataclass
class WheelMaker:
    """What a wheel will be; `write` makes it."""

    files: Mapping[str, bytes]
    name: str = "demo"
    version: str = "1.0"
    tag: str = "py3-none-any"
    entry_points: str = ""
    executable: Iterable[str] = ()
    stored: Iterable[str] = ()
    dist_info: str | None = None
    wheel_version: str = "1.0"
    metadata: str | None = None
    record: str | None = None  # its text; None: correct; "": none at all
    hash_name: str = "sha256"
    extra_info: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def filename(self) -> str:
        """As an index would name it."""
        return f"{self.name.replace('-', '_')}-{self.version}-{self.tag}.whl"

    def write(self, directory: Path) -> WheelInput:
        """Write the wheel into *directory*."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / self.filename
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.members().items():
                info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
                mode = 0o755 if name in set(self.executable) else 0o644
                info.external_attr = (0o100000 | mode) << 16
                stored = name in set(self.stored)
                archive.writestr(info, content, zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED)
        return wheel_input(path)

    def members(self) -> dict[str, bytes]:
        """Every file of the archive, in order."""
        info = self.dist_info or f"{self.name.replace('-', '_')}-{self.version}.dist-info"
        metadata = self.metadata or f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n"
        members = {
            **self.files,
            f"{info}/METADATA": metadata.encode(),
            f"{info}/WHEEL": (
                f"Wheel-Version: {self.wheel_version}\nGenerator: wherry-tests\n"
                f"Root-Is-Purelib: true\nTag: {self.tag}\n"
            ).encode(),
            **{f"{info}/{name}": content for name, content in self.extra_info.items()},
        }
        if self.entry_points:
            members[f"{info}/entry_points.txt"] = self.entry_points.encode()
        record = (
            record_text(members, f"{info}/RECORD", self.hash_name) if self.record is None else self.record
        )
        if record:
            members[f"{info}/RECORD"] = record.encode()
        return members


def record_text(members: Mapping[str, bytes], record_name: str, hash_name: str = "sha256") -> str:
    """The RECORD of these members."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for name, content in members.items():
        value = base64.urlsafe_b64encode(hashlib.new(hash_name, content).digest()).decode().rstrip("=")
        rows.writerow((name, f"{hash_name}={value}", len(content)))
    rows.writerow((record_name, "", ""))
    return text.getvalue()


def wheel_input(path: Path) -> WheelInput:
    """The wheel at *path*, as a lock would give it."""
    return WheelInput(path, path.name, Digest.of_file(path))
