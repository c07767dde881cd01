"""The values a lock file may hold, made valid or refused: names, versions, markers, files, addresses.

What a lock says is untrusted: a file name is one path component, an address has no credentials, a directory
lies in the project's own repository.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from packaging.markers import InvalidMarker, Marker
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.project.locks.model import DirectorySource, GitSource, LockedFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LONGEST_NAME: Final = 255
_GIT_SCHEMES: Final = frozenset({"http", "https", "ssh", "git", "file"})
_SDIST_SUFFIXES: Final = (".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz", ".tar")


def package_name(text: str, where: str) -> NormalizedName:
    """*text* as a normalized project name (PEP 503).

    Raises:
        InputError: It is not the name of a project.

    """
    if len(text) > _LONGEST_NAME or not _NAME.fullmatch(text):
        raise InputError(f"{text[:80]!r} is not a package name", where=where)
    return canonicalize_name(text)


def version(text: str, where: str) -> Version:
    """*text* as a version (PEP 440). Raises InputError."""
    try:
        return Version(text)
    except (InvalidVersion, ValueError) as error:  # ValueError: more digits than int() takes
        raise InputError(f"{text[:80]!r} is not a version", where=where) from error


def marker(text: str, where: str) -> Marker:
    """*text* as an environment marker (PEP 508). Raises InputError."""
    try:
        return Marker(text)
    except (InvalidMarker, RecursionError, ValueError) as error:
        raise InputError(f"{text[:80]!r} is not an environment marker", where=where) from error


def specifiers(text: str, where: str) -> SpecifierSet:
    """*text* as a set of version specifiers (PEP 440). Raises InputError."""
    try:
        return SpecifierSet("" if text == "*" else text)  # Poetry writes "*" for any
    except (InvalidSpecifier, ValueError) as error:
        raise InputError(f"{text[:80]!r} is not a version specifier", where=where) from error


def sha256(hashes: Mapping[str, str], what: str, where: str) -> Digest:
    """The SHA-256 among *hashes* (algorithm → hex digits).

    Raises:
        InputError: There is none: nothing weaker is taken for it.

    """
    digits = {name.lower(): value for name, value in hashes.items()}.get("sha256", "")
    if not _SHA256.fullmatch(digits):
        raise InputError(
            f"{what} has no SHA-256 hash in the lock", where=where, mend="lock again with hashes"
        )
    return Digest.from_hex(digits)


def filename(text: str, where: str) -> str:
    """*text* as the name of a distribution's file: one component of a path, printable.

    Raises:
        InputError: It is anything else.

    """
    safe = text not in {"", ".", ".."} and text.isprintable() and not set(text) & set("/\\")
    if not safe or len(text.encode()) > _LONGEST_NAME:
        raise InputError(f"{text[:80]!r} is not the name of a file", where=where)
    return text


def is_wheel(name: str) -> bool:
    """Whether the file is a wheel by its name."""
    return name.endswith(".whl")


def is_sdist(name: str) -> bool:
    """Whether the file is a source archive by its name."""
    return name.endswith(_SDIST_SUFFIXES)


def public_url(text: str, where: str) -> str:
    """*text* as an address without user, password and fragment.

    Raises:
        InputError: It is no http(s) address.

    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
        parts = urlsplit("")
    # https://user:pass?word@host/ has a query to every parser, and was meant to have a password.
    hides_password = "@" in parts.query and not parts.path
    if parts.scheme not in {"http", "https"} or not host or not text.isprintable() or hides_password:
        shown = parts.scheme or "it is none"
        raise InputError(f"an address in the lock is not http or https ({shown})", where=where)
    host = f"[{host}]" if ":" in host else host
    return urlunsplit((parts.scheme, f"{host}:{port}" if port else host, parts.path, parts.query, ""))


def url_filename(text: str) -> str:
    """The file name an address ends with; it is not yet known to be safe."""
    try:
        return unquote(urlsplit(text).path.rsplit("/", 1)[-1], errors="replace")
    except ValueError:
        return ""


def locked_file(  # noqa: PLR0913 - a file of a lock has as many facts
    name: str,
    digest: Digest,
    *,
    where: str,
    root: Path,
    url: str | None = None,
    path: str | None = None,
    size_bytes: int | None = None,
) -> LockedFile:
    """A file of the lock in directory *root*; its digest decides, so its place is free.

    Raises:
        InputError: Its name, address or size cannot be one.

    """
    if size_bytes is not None and size_bytes < 0:
        raise InputError(f"the size of {name[:80]!r} is negative", where=where)
    if url is not None and url.startswith("file:"):
        url, path = None, unquote(urlsplit(url).path)
    return LockedFile(
        filename=filename(name, where),
        digest=digest,
        url=public_url(url, where) if url else None,
        path=local_path(path, root, where) if path else None,
        size_bytes=size_bytes,
    )


def local_path(text: str, root: Path, where: str) -> Path:
    """*text*, relative to *root* or absolute, as an absolute path without ``..``. Raises InputError."""
    if "\0" in text or not text.isprintable():
        raise InputError(f"{text[:80]!r} is not a path", where=where)
    try:
        return (root / text).resolve()
    except (OSError, RuntimeError) as error:  # a loop of symbolic links, a name too long
        raise InputError(f"{text[:80]!r} is not a path", where=where) from error


def git_source(url: str, commit: str, subdirectory: str, where: str) -> GitSource:
    """A commit of a repository, by its full hash.

    Raises:
        InputError: The address or the commit is not one, or the subdirectory leaves the repository.

    """
    plain = url.removeprefix("git+")
    if "://" not in plain and re.fullmatch(r"[\w.-]+@[\w.-]+:[^:]+", plain):  # scp's form
        user_and_host, _, path = plain.partition(":")
        plain = f"ssh://{user_and_host}/{path}"
    try:
        parts = urlsplit(plain)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise InputError(f"{url[:80]!r} is not the address of a git repository", where=where) from error
    if parts.scheme not in _GIT_SCHEMES or not plain.isprintable() or host.startswith("-"):
        raise InputError(
            f"git over {parts.scheme[:20] or 'a local path'!r} is not an address wherry fetches from",
            where=where,
        )
    if not _COMMIT.fullmatch(commit):
        raise InputError(
            f"the git commit {commit[:80]!r} is not a full hash",
            where=where,
            mend="lock again: pin the commit",
        )
    user = f"{parts.username}@" if parts.scheme == "ssh" and parts.username else ""  # ssh's secret is the key
    netloc = user + host + (f":{port}" if port else "")
    address = urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))
    return GitSource(url=address, commit=commit, subdirectory=subdirectory_of(subdirectory, where))


def subdirectory_of(text: str, where: str) -> str:
    """*text* as a relative directory inside an archive or repository. Raises InputError."""
    components = [part for part in text.split("/") if part not in {"", "."}]
    if text.startswith("/") or ".." in components or not text.isprintable() or "\\" in text:
        raise InputError(f"the subdirectory {text[:80]!r} leaves its archive", where=where)
    return "/".join(components)


def directory_source(text: str, root: Path, where: str, *, editable: bool) -> DirectorySource:
    """A project directory on this disk, named relative to *root*.

    It may lie beside the project, in the same repository: workspaces and path dependencies do. Without a
    repository around it, beside means in the directory above *root*.

    Raises:
        InputError: It lies elsewhere, or is no directory.

    """
    path = local_path(text, root, where)
    if not path.is_relative_to(_territory(root.resolve())):
        raise InputError(
            f"the path dependency {text[:200]!r} lies outside the project's repository",
            where=where,
            mend="move it into the repository, or depend on its released wheel",
        )
    if not path.is_dir():
        raise InputError(f"the path dependency {text[:200]!r} is not a directory here", where=where)
    return DirectorySource(path=path, editable=editable)


def _territory(root: Path) -> Path:
    """The repository around *root*, else the directory above it."""
    return next((place for place in (root, *root.parents) if (place / ".git").exists()), root.parent)
