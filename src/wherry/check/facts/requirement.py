"""One requirement as people write it, read leniently and with its places: ``torch[opt]==2.6 ; marker``.

Gives:
    Requirement: name (normalised, "" when a place does not tell it), extras, specifier ("==2.6.0"),
        marker, url (password masked), path (``./pkg``, ``-e .``), git (repository, ref, is_commit), hashes,
        is_editable, credentials; text (the whole of it, masked), name_span. ``pinned`` is the exact version
        or None; ``is_pinned`` also holds for a commit, an archive and a path.
    Credentials: what stands in an address where a password does: its place, and four characters of it.
    normalised: a distribution's name as PEP 503 compares it.

No line fails: what is no requirement is None. ``packaging`` is not imported: it costs a third of a start.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.facts.texts import Text
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.check.model import Place
    from wherry.dockerfile.source import Joined, Source, Span

MAX_CHARS: Final = 4096
"""A longer requirement is none."""

_RUNS: Final = regex(r"[-_.]+")
_NAMED: Final = regex(
    r"\s*+(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*+)\s*+(?:\[(?P<extras>[^\]]*+)\])?\s*+"
    r"(?:@\s*+(?P<url>\S++)|\(?(?P<specifier>[^;()@]*+)\)?)\s*+(?:;(?P<marker>.*+))?"
)
_SPECIFIER: Final = regex(r"(?:(?:===?|~=|!=|[<>]=?)[^,]++(?:,|$)|,)*+")
_PLACE: Final = regex(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*+:/|\.{0,2}/|file:|\.{1,2}(?:\[|$)|\S*+(?<=\.whl)|\S*+(?<=\.gz))"
)
_OPTIONS: Final = regex(r"\s--(?=[a-z])")
_HASH: Final = regex(r"--hash[= ]\s*+([a-z0-9]++:[0-9a-fA-F]++)")
_EXACT: Final = regex(r"={2,3}(?P<version>[^,*]++)")
_LOGIN: Final = regex(r"://(?P<user>[^/\s:@]*+)(?::(?P<password>[^/\s@]*+))?@")
_VARIABLE: Final = regex(r"\$\{?\w+\}?|%\w+%|\{\{?.*\}\}?|<.*>|\*+|x+|\.+")
_TOKEN: Final = regex(r"(?:gh[a-z]_|github_pat_|glpat-|hf_|pypi-|sk-)\S*|(?=.*\d)(?=.*[A-Za-z])[\w.-]{20,}")
_COMMIT: Final = regex(r"[0-9a-f]{7,40}")
_SHOWN: Final = 4


class Credentials(Frozen):
    """A password or token in an address. It is nowhere kept whole."""

    shown: str  # at most four characters and the length
    source: Source
    span: Span  # of the password alone

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Text(self.shown, self.source, self.span).place


class GitReference(Frozen):
    """A requirement that is built from a repository."""

    url: str  # masked, without "git+" and the reference
    ref: str  # a branch, a tag, a commit; "" for whatever is newest
    is_commit: bool


class Requirement(Frozen):
    """One requirement and where it stands."""

    name: str
    text: Text
    name_span: Span
    specifier: str = ""
    extras: tuple[str, ...] = ()
    marker: str = ""
    url: str = ""
    path: str = ""
    git: GitReference | None = None
    hashes: tuple[str, ...] = ()
    is_editable: bool = False
    credentials: Credentials | None = None

    @property
    def place(self) -> Place:
        """Where it stands, for a finding."""
        return self.text.place

    @property
    def pinned(self) -> str | None:
        """The one version it asks for, local part included; None when several would do."""
        found = _EXACT.fullmatch(self.specifier)
        return found["version"].strip() if found else None

    @property
    def is_pinned(self) -> bool:
        """Whether the same bytes are installed next month, as far as this line can say."""
        if self.git is not None:
            return self.git.is_commit
        return self.pinned is not None or bool(self.path) or bool(self.url)


def normalised(name: str) -> str:
    """A name as indexes compare it: ``Foo._Bar`` is ``foo-bar``."""
    return _RUNS.sub("-", name).lower()


def read_requirement(joined: Joined, source: Source, *, is_editable: bool = False) -> Requirement | None:
    """Read one requirement.

    Args:
        joined: Its bytes, per-requirement options included, comments not.
        source: The file they stand in.
        is_editable: Whether ``-e`` stands before it.

    """
    whole = joined.data.decode("latin-1")  # one character, one byte: offsets are the file's
    options = _OPTIONS.search(whole)
    plain = (whole[: options.start()] if options else whole).rstrip()
    start = len(plain) - len(plain.lstrip())
    if start == len(plain) or len(plain) > MAX_CHARS:
        return None
    credentials = find_credentials(joined, source)
    text = Text(mask(plain.strip(), credentials), source, joined.span(start, len(plain)))
    hashes = tuple(_HASH.findall(whole, options.start())) if options else ()
    first = plain[start:].split(" ;", 1)[0].rstrip()
    if is_editable or (_PLACE.match(first) and " @ " not in first):
        return _from_place(first, text, hashes, credentials, is_editable=is_editable)
    found = _NAMED.fullmatch(plain)
    specifier = re.sub(r"\s+", "", found["specifier"] or "") if found else ""
    if found is None or not _SPECIFIER.fullmatch(specifier):
        return None
    url, git = _address(mask(found["url"] or "", credentials))
    return Requirement(
        name=normalised(found["name"]),
        text=text,
        name_span=joined.span(found.start("name"), found.end("name")),
        specifier=specifier,
        extras=_names(found["extras"] or ""),
        marker=(found["marker"] or "").strip(),
        url=url,
        git=git,
        hashes=hashes or _fragment_hash(url),
        credentials=credentials,
    )


def find_credentials(joined: Joined, source: Source) -> Credentials | None:
    """The password or token in the first address that has one; ``${TOKEN}`` and ``git@`` are none."""
    whole = joined.data.decode("latin-1")
    for found in _LOGIN.finditer(whole):
        group = "password" if found["password"] else "user"
        value = found[group]
        if not value or _VARIABLE.fullmatch(value) or (group == "user" and not _TOKEN.fullmatch(value)):
            continue
        return Credentials(shown(value), source, joined.span(*found.span(group)))
    return None


def shown(secret: str) -> str:
    """What may be printed of a secret."""
    return f"{secret[:_SHOWN] if len(secret) > 2 * _SHOWN else ''}... ({len(secret)} characters)"


def mask(text: str, credentials: Credentials | None) -> str:
    """A text without the password of any address in it; without *credentials* there is none to hide."""
    return _LOGIN.sub("://****@", text) if credentials else text


def _from_place(
    first: str, text: Text, hashes: tuple[str, ...], credentials: Credentials | None, *, is_editable: bool
) -> Requirement:
    """A line that is an address or a path and not a name."""
    masked = mask(first, credentials)
    is_address = "://" in first
    url, git = _address(masked) if is_address else ("", None)
    return Requirement(
        name=_name_in(masked),
        text=text,
        name_span=text.span,
        extras=_names(found[1]) if (found := re.search(r"\[([\w\s.,-]*)\]", masked)) else (),
        url=url,
        path="" if is_address and not masked.startswith("file:") else masked,
        git=git,
        hashes=hashes or _fragment_hash(masked),
        is_editable=is_editable,
        credentials=credentials,
    )


def _name_in(place: str) -> str:
    """The name that an address or a file name tells: ``#egg=NAME``, ``NAME-1.0-py3-none-any.whl``."""
    egg = re.search(r"#(?:.*&)?egg=([A-Za-z0-9._-]+)", place)
    if egg:
        return normalised(egg[1])
    filename = place.partition("#")[0].rpartition("/")[2]
    wheel = re.fullmatch(r"([A-Za-z0-9._]+)-[^-]+(?:-[^-]+){3,4}\.whl", filename)
    return normalised(wheel[1]) if wheel else ""


def _address(url: str) -> tuple[str, GitReference | None]:
    if not url.startswith("git+"):
        return url, None
    plain = url.removeprefix("git+").partition("#")[0]
    address, at, ref = plain.rpartition("@")
    if not at or "/" not in address.partition("://")[2]:
        address, ref = plain, ""
    return url, GitReference(address, ref, _COMMIT.fullmatch(ref) is not None)


def _names(text: str) -> tuple[str, ...]:
    return tuple(normalised(name) for part in text.split(",") if (name := part.strip()))


def _fragment_hash(url: str) -> tuple[str, ...]:
    found = re.search(r"#(?:.*&)?(sha\d{3})=([0-9a-fA-F]{32,128})", url)
    return (f"{found[1]}:{found[2]}",) if found else ()
