"""Which commit of which repository a directory is, read from git's own files. git itself is never run.

All of it is best effort: a directory without git, or with one that cannot be understood, has no revision.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from pathlib import Path

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF: Final = re.compile(r"refs/[^\s\\:?*\[~^]{1,240}")
_SECTION: Final = re.compile(r'\s*\[\s*([A-Za-z0-9.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]')
_URL_LINE: Final = re.compile(r"\s*url\s*=\s*(.*?)\s*", re.IGNORECASE)
_SCP: Final = re.compile(r"(?:[A-Za-z0-9._-]+@)?([A-Za-z0-9.-]+\.[A-Za-z0-9-]+):(?!//)/?([^\s:]+)")
_SMALL_BYTES: Final = 256 * 1024
_PACKED_REFS_BYTES: Final = 32 * 1024 * 1024
_MAX_PARENTS: Final = 64


def find_git_directory(root: Path) -> Path | None:
    """The ``.git`` directory *root* belongs to; a worktree's or submodule's ``.git`` file is followed."""
    for directory in [root, *root.parents][:_MAX_PARENTS]:
        entry = directory / ".git"
        if entry.is_dir():
            return entry
        pointer = _read(entry, _SMALL_BYTES).removeprefix("gitdir:").strip()
        if pointer:
            try:
                target = directory / pointer
                return target if target.is_dir() else None
            except (OSError, ValueError):
                return None
    return None


def read_revision(git: Path) -> str | None:
    """The full hash of the commit that HEAD names."""
    head = _read(git / "HEAD", _SMALL_BYTES).strip()
    if _COMMIT.fullmatch(head):
        return head
    ref = head.removeprefix("ref:").strip()
    if not _REF.fullmatch(ref) or ".." in ref:
        return None
    for directory in (git, _common_directory(git)):
        loose = _read(directory / ref, _SMALL_BYTES).strip()
        if _COMMIT.fullmatch(loose):
            return loose
    return _packed_revision(_common_directory(git) / "packed-refs", ref)


def read_remote(git: Path) -> str | None:
    """The URL of ``origin``, or of the first remote, as a web address without credentials."""
    remotes: dict[str, str] = {}
    section, name = "", ""
    for line in _read(_common_directory(git) / "config", _SMALL_BYTES).splitlines():
        header = _SECTION.match(line)
        if header:
            section, name = header.group(1).lower(), header.group(2) or ""
        value = _URL_LINE.fullmatch(line)
        if value and section == "remote":
            remotes.setdefault(name, value.group(1).strip('"'))
    url = remotes.get("origin") or next(iter(remotes.values()), "")
    return public_url(url)


def public_url(url: str) -> str | None:
    """*url* as an image label may carry it: http or https, without userinfo, query or fragment; else None."""
    short = _SCP.fullmatch(url)
    if short:
        url = f"https://{short.group(1)}/{short.group(2)}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https", "ssh", "git"} or not host or not url.isprintable():
        return None
    scheme = parts.scheme if parts.scheme in {"http", "https"} else "https"
    place = f"{host}:{port}" if port and scheme == parts.scheme else host
    return urlunsplit((scheme, place, parts.path.removesuffix("/").removesuffix(".git"), "", ""))


def _common_directory(git: Path) -> Path:
    """A worktree keeps refs and config in the main repository's directory."""
    pointer = _read(git / "commondir", _SMALL_BYTES).strip()
    return git / pointer if pointer else git


def _packed_revision(packed: Path, ref: str) -> str | None:
    for line in _read(packed, _PACKED_REFS_BYTES).splitlines():
        commit, _, name = line.partition(" ")
        if name.strip() == ref and _COMMIT.fullmatch(commit):
            return commit
    return None


def _read(path: Path, limit_bytes: int) -> str:
    """The text of a regular file, or nothing."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as stream:
            return stream.read(limit_bytes).decode("utf-8", "replace")
    except (OSError, ValueError):  # ValueError: a NUL in a path that a file named
        return ""
