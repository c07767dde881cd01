"""Which Debian mirror to ask: the project's word, the environment's, the host's apt, or the official one."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from wherry.bases.deb822 import fields, paragraphs
from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OFFICIAL_MAIN: Final = "http://ftp.debian.org/debian"
OFFICIAL_SECURITY: Final = "http://security.debian.org/debian-security"
VARIABLE: Final = "WHERRY_DEBIAN_MIRROR"

_SOURCES_LIMIT_BYTES: Final = 1 << 20
_CODENAMES: Final = frozenset(
    {
        *("oldoldstable", "oldstable", "stable", "testing", "unstable"),
        *("buster", "bullseye", "bookworm", "trixie", "forky", "sid"),
    }
)
_POCKET: Final = re.compile(r"(?:-updates|-security|-backports|/updates|-proposed-updates)$")
_NO_VALID_UNTIL: Final = re.compile(
    r'^[^/#\n]*Acquire::Check-Valid-Until\s+"?(?:false|no|0|off)"?\s*;', re.MULTILINE | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class MirrorSettings:
    """Addresses without a trailing slash. Pins name paths below them, never the addresses themselves."""

    main: str = OFFICIAL_MAIN
    security: str = OFFICIAL_SECURITY
    check_valid_until: bool = True  # apt's Acquire::Check-Valid-Until: off where the mirror is a snapshot

    def root(self, archive: str) -> str:
        """The address a pin's path is below: *archive* is ``main`` or ``security``."""
        return self.security if archive == "security" else self.main


def mirror_settings(
    configured: str | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    apt_root: Path = Path("/etc/apt"),
) -> MirrorSettings:
    """Choose the mirror: *configured* (``debian-mirror``), ``WHERRY_DEBIAN_MIRROR``, apt's, the official one.

    A setting is one address of the main archive or two, main and security, with a space between. With
    one that ends in ``/debian``, the security archive is ``/debian-security`` beside it.

    Raises:
        InputError: A setting is no http(s) address.

    """
    environment = os.environ if environment is None else environment
    check_valid_until = not any(
        _NO_VALID_UNTIL.search(text) for text in _apt_files(apt_root, "apt.conf", "apt.conf.d", "")
    )
    for text, where in (
        (configured or "", "pyproject.toml: [tool.wherry] debian-mirror"),
        (environment.get(VARIABLE, ""), VARIABLE),
    ):
        if text.strip():
            main, security = _setting(text, where)
            return MirrorSettings(main, security, check_valid_until)
    found = dict(_apt_mirrors(apt_root))
    main = found.get("main", OFFICIAL_MAIN)
    return MirrorSettings(main, found.get("security", OFFICIAL_SECURITY), check_valid_until)


def _setting(text: str, where: str) -> tuple[str, str]:
    words = text.split()
    if len(words) > 2 or not all(_is_web_address(word) for word in words):  # noqa: PLR2004 - main and security
        raise InputError("a Debian mirror is one http(s) address, or two: main and security", where=where)
    main = words[0].rstrip("/")
    if len(words) == 2:  # noqa: PLR2004 - one address, or two
        return main, words[1].rstrip("/")
    return main, f"{main}-security" if main.endswith("/debian") else OFFICIAL_SECURITY


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _apt_mirrors(apt_root: Path) -> Iterator[tuple[str, str]]:
    """``("main", URI)`` and ``("security", URI)``, the first of each kind last, so that it wins in a dict."""
    sources = [
        *(
            s
            for text in _apt_files(apt_root, "sources.list", "sources.list.d", ".list")
            for s in _one_line_sources(text)
        ),
        *(
            s
            for text in _apt_files(apt_root, "", "sources.list.d", ".sources")
            for s in _deb822_sources(text)
        ),
    ]
    for uri, suites, components in reversed(sources):
        known = [s for s in suites if _POCKET.sub("", s) in _CODENAMES]
        if "main" not in components or not known or not _is_web_address(uri):
            continue
        segments = urlsplit(uri).path.split("/")
        if "debian-security" in segments:
            yield "security", uri.rstrip("/")
        elif "debian" in segments:
            yield "main", uri.rstrip("/")


def _one_line_sources(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """``deb [options] URI SUITE COMPONENT...`` (sources.list(5)); anything else is not for us."""
    for line in text.splitlines():
        words = re.sub(r"\[[^\]]*\]", " ", line.partition("#")[0], count=1).split()
        if len(words) > 3 and words[0] == "deb":  # noqa: PLR2004 - type, URI, suite and at least one component
            yield words[1], [words[2]], words[3:]


def _deb822_sources(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    uncommented = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for paragraph in paragraphs([uncommented.encode()], "apt's sources"):
        values = fields(paragraph)
        enabled = values.get("enabled", "yes").lower() not in {"no", "false", "0", "off"}
        if enabled and "deb" in values.get("types", "").split():
            for uri in values.get("uris", "").split():
                yield uri, values.get("suites", "").split(), values.get("components", "").split()


def _apt_files(apt_root: Path, single: str, directory: str, suffix: str) -> Iterator[str]:
    """The texts of apt's configuration files; what cannot be read is as good as absent."""
    try:
        parts = sorted(p for p in (apt_root / directory).iterdir() if p.name.endswith(suffix))
    except OSError:
        parts = []
    for path in [*([apt_root / single] if single else []), *parts]:
        try:
            with path.open("rb") as stream:
                yield stream.read(_SOURCES_LIMIT_BYTES).decode("utf-8", "replace")
        except OSError:
            continue
