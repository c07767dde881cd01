"""How users name images: tags in our own store, and skopeo's transports for everywhere else.

A name says where an image is, never what it is: nothing here opens a file or asks a registry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from wherry.digest import Digest
from wherry.errors import InputError

DEFAULT_TAG: Final = "latest"
DOCKER_HUB: Final = "docker.io"
DOCKER_HUB_NAMES: Final = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})

# distribution-spec, "Pulling manifests": <name> and <reference> as a tag; Docker's host grammar.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY: Final = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST: Final = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::(?P<port>[0-9]{{1,5}}))?")
_LAST_PORT: Final = 65535
_MAX_NAME: Final = 255  # "many clients impose a limit of 255 characters on <name> with the host"


@dataclass(frozen=True, slots=True)
class StoreTag:
    """An image in our own store, by name."""

    repository: str
    tag: str = DEFAULT_TAG

    def __str__(self) -> str:
        """The full name; also the key of the store's tags."""
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True, slots=True)
class StoreDigest:
    """An image in our own store, by the digest of its manifest or index."""

    digest: Digest

    def __str__(self) -> str:
        """The digest."""
        return str(self.digest)


@dataclass(frozen=True, slots=True)
class LayoutReference:
    """``oci:DIR[:tag]``, an OCI layout directory."""

    path: Path
    tag: str = ""

    def __str__(self) -> str:
        """As the user would type it."""
        return ":".join(filter(None, ("oci", str(self.path), self.tag)))


@dataclass(frozen=True, slots=True)
class OciArchiveReference:
    """``oci-archive:FILE[:tag]``, an OCI layout in a tar file."""

    path: Path
    tag: str = ""

    def __str__(self) -> str:
        """As the user would type it."""
        return ":".join(filter(None, ("oci-archive", str(self.path), self.tag)))


@dataclass(frozen=True, slots=True)
class DockerArchiveReference:
    """``docker-archive:FILE[:name]``, the format of ``docker save``."""

    path: Path
    name: str = ""

    def __str__(self) -> str:
        """As the user would type it."""
        return ":".join(filter(None, ("docker-archive", str(self.path), self.name)))


@dataclass(frozen=True, slots=True)
class DaemonReference:
    """``docker-daemon:NAME``, an image that a Docker daemon holds."""

    name: str

    def __str__(self) -> str:
        """As the user would type it."""
        return f"docker-daemon:{self.name}"


@dataclass(frozen=True, slots=True)
class RegistryReference:
    """``docker://HOST/NAME[:tag][@digest]``, an image in a registry."""

    host: str
    repository: str
    tag: str = ""
    digest: Digest | None = None

    def __str__(self) -> str:
        """As the user would type it."""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"docker://{self.host}/{self.repository}{tag}{digest}"


Reference: TypeAlias = (
    StoreTag
    | StoreDigest
    | LayoutReference
    | OciArchiveReference
    | DockerArchiveReference
    | DaemonReference
    | RegistryReference
)


def parse_reference(text: str) -> Reference:
    """Read IMAGE as a user types it.

    A bare name whose first part looks like a host (it has a dot, a port, or is ``localhost``) is in a
    registry; any other bare name is a tag in our own store.

    Raises:
        InputError: The name is not an image's.

    """
    transport, colon, rest = text.partition(":")
    if transport in {"oci", "oci-archive", "docker-archive", "docker-daemon"} and colon:
        return _in_transport(transport, rest, text)
    _refuse_credentials(text)
    _refuse_scheme(text)
    if text.startswith("docker://"):
        return _registry(text.removeprefix("docker://"), text)
    if text.startswith("sha256:"):
        return StoreDigest(_digest(text, text))
    if _has_host(text):
        return _registry(text, text)
    return parse_tag(text)


def parse_tag(text: str) -> StoreTag:
    """Read a name for our own store: ``app`` (``app:latest``), ``team/app:v2``, ``host.example/app``.

    Raises:
        InputError: The text cannot name an image.

    """
    _refuse_credentials(text)
    _refuse_scheme(text)
    name, tag = _split_tag(text, text)
    host, slash, repository = name.partition("/")
    if not (slash and _has_host(name) and _HOST.fullmatch(host)):
        repository = name
    if not _REPOSITORY.fullmatch(repository) or len(name) > _MAX_NAME:
        raise _not_a_name(text)
    return StoreTag(name, tag or DEFAULT_TAG)


def repository_of(reference: RegistryReference) -> str:
    """The repository as its registry calls it: Docker Hub keeps what has a short name under ``library``."""
    is_short = reference.host in DOCKER_HUB_NAMES and "/" not in reference.repository
    return f"library/{reference.repository}" if is_short else reference.repository


def parse_repository(text: str) -> RegistryReference:
    """Read the name of a repository in a registry, ``registry.example/team/cache``, all its tags meant.

    Raises:
        InputError: It is no such name, or has a tag or a digest.

    """
    mend = "write REGISTRY/REPOSITORY, without a tag"
    if "@" in text:  # a digest, or credentials that are not to be repeated
        raise InputError("what has an @ is not a repository in a registry", mend=mend)
    found = parse_reference(text) if _has_host(text.removeprefix("docker://")) else None
    if isinstance(found, RegistryReference) and not found.tag:
        return found
    raise InputError(f"{text[:300]!r} is not a repository in a registry", mend=mend)


def _in_transport(transport: str, rest: str, text: str) -> Reference:
    if transport == "docker-daemon":
        return DaemonReference(str(parse_tag(rest)))
    # As skopeo: the path ends at the first colon, and what follows names the image within.
    path, _, inner = rest.partition(":")
    if not path:
        raise InputError(f"{text!r} names no path", mend=f"write {transport}:PATH or {transport}:PATH:TAG")
    if transport == "docker-archive":
        return DockerArchiveReference(Path(path), str(parse_tag(inner)) if inner else "")
    if inner and not inner.isprintable():
        raise _not_a_name(text)
    if transport == "oci":
        return LayoutReference(Path(path), inner)
    return OciArchiveReference(Path(path), inner)


def _refuse_credentials(text: str) -> None:
    """See that an ``@`` stands before a digest: else it may follow a password, not to be repeated."""
    _, at, digest = text.partition("@")
    if at and (not digest.startswith("sha256:") or "@" in digest):
        what = "what follows an @ in an image's name is its digest, sha256:..."
        raise InputError(what, mend="to give a registry a user and password: wherry login HOST")


def _refuse_scheme(text: str) -> None:
    """An image's name is no URL: whether TLS is spoken is not part of it."""
    scheme, colon, rest = text.partition("://")
    if colon and scheme.lower() in {"http", "https"}:
        plain = "; add --plain-http if that registry really has no TLS" if scheme.lower() == "http" else ""
        mend = f"leave out {scheme}://, and write {rest[:300]}{plain}"
        raise InputError(f"{text[:300]!r} is a URL, not an image's name", mend=mend)


def _registry(name: str, text: str) -> RegistryReference:
    name, at, digest = name.partition("@")
    name, tag = _split_tag(name, text)
    host, slash, repository = name.partition("/")
    if not slash or not (_has_host(name)):
        # Docker's short names mean Docker Hub; we take no registry for granted.
        raise InputError(
            f"{text!r} names no registry", mend="write the whole name: docker://docker.io/library/python:3.12"
        )
    if not _is_host(host) or not _REPOSITORY.fullmatch(repository) or len(name) > _MAX_NAME:
        raise _not_a_name(text)
    return RegistryReference(host, repository, tag, _digest(digest, text) if at else None)


def _split_tag(name: str, text: str) -> tuple[str, str]:
    """Cut ``:tag`` off *name*: the colon after the last slash, so that a port stays with its host."""
    slash = name.rfind("/")
    last, colon, tag = name[slash + 1 :].partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise _not_a_name(text)
    return name[: slash + 1] + last, tag


def _has_host(name: str) -> bool:
    host, slash, _ = name.partition("/")
    return bool(slash) and (host == "localhost" or "." in host or ":" in host)


def _is_host(host: str) -> bool:
    found = _HOST.fullmatch(host)
    return found is not None and int(found["port"] or 0) <= _LAST_PORT


def _digest(digest: str, text: str) -> Digest:
    try:
        return Digest(digest)
    except ValueError:
        mend = "a digest is sha256: and 64 hex digits"
        raise InputError(f"{text!r} has no valid digest", mend=mend) from None


def _not_a_name(text: str) -> InputError:
    return InputError(
        f"{text[:300]!r} cannot name an image",
        mend="use lower-case letters, digits and . _ - / in the name, then :TAG",
    )
