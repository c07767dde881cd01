"""One package as a command names it: `torch==2.4.0+cu121`, `libgl1=1.7.0-1`, `conda-forge::numpy>=2`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.check.facts.calls import Value
    from wherry.dockerfile.shell import Word

_REQUIREMENT: Final = regex(
    r"(?P<name>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?:\[(?P<extras>[^\]]*)\])?\s*(?P<rest>.*)", re.DOTALL
)
_SEPARATORS: Final = regex(r"[-_.]+")
_URL: Final = regex(r"(?:[a-z]+\+)?[a-z][a-z0-9.-]*://\S*|git@\S*", re.IGNORECASE)
_EGG: Final = regex(r"[#&]egg=([A-Za-z0-9][\w.-]*)")
_EXTRAS_AT_END: Final = regex(r"\[([^\[\]]*)\]$")
_ARCHIVE: Final = regex(r"\.(?:whl|tar\.gz|tgz|zip|tar\.bz2|conda|deb|rpm|apk)$", re.IGNORECASE)
_CONDA: Final = regex(r"(?:(?P<channel>[^\s:]+)::)?(?P<name>[\w.-]+)\s*(?P<rest>.*)", re.DOTALL)
_APT: Final = regex(r"(?P<name>[a-z0-9][a-z0-9+.*?-]*)(?::[a-z0-9-]+)?(?P<rest>[=/].+)?[+-]?")
_APK: Final = regex(r"(?P<name>[\w.+-]+?)(?P<rest>(?:[~<>=]|@).*)?")
_RPM: Final = regex(r"(?P<name>.+?)(?P<rest>-\d+(?:\.\d+)+(?:-\d\S*)?)?")
_NPM: Final = regex(r"(?P<name>(?:@[^@/\s]+/)?[^@\s]+)(?P<rest>@.+)?")
_COMMIT: Final = regex(r"@([0-9a-f]{7,40})(?:$|[#?])")
_FULL_COMMIT: Final = 40
_EXACT: Final = regex(r"={2,3}\s*[^\s,*<>=!~$]+")


class PackageArgument(Frozen):
    """One package of a command.

    Attributes:
        name: For Python normalised as PEP 503 says (``flash-attn``); else as written without version or
            architecture. Empty where it is not known: ``$PKGS``, or a URL that does not tell.
        specifier: As written with its operator: ``==2.4.0``, ``>=2,<3``, ``=1.7.0-1`` (apt, conda), ``@1``
            (npm); empty when none.
        extras: Of ``name[a,b]``, normalised.
        url: Where it comes from when that is no index: a URL with or without ``git+``, or a local path.
        marker: What stands behind ``;``.
        channel: conda's, of ``channel::name``.
        is_known: False where it depends on what cannot be known; its name is then empty or uncertain.
        word: Where it stands.

    """

    name: str
    word: Word
    specifier: str = ""
    extras: tuple[str, ...] = ()
    url: str = ""
    marker: str = ""
    channel: str = ""
    is_known: bool = True

    @property
    def is_local(self) -> bool:
        """It is a file or directory of the build, not something from elsewhere."""
        return bool(self.url) and not _URL.fullmatch(self.url)

    @property
    def is_git(self) -> bool:
        """It is cloned."""
        return self.url.startswith(("git+", "git@", "git://"))

    @property
    def commit(self) -> str:
        """The commit, whole, that a git URL names; empty when it names none."""
        found = _COMMIT.search(self.url) if self.is_git else None
        return found[1] if found and len(found[1]) == _FULL_COMMIT else ""

    @property
    def version(self) -> str:
        """The one version it asks for: of ``==`` in Python, ``=`` elsewhere; empty when it takes several."""
        if _EXACT.fullmatch(self.specifier) or re.fullmatch(r"=[^\s=*,|<>$]+", self.specifier):
            return self.specifier.lstrip("= ")
        return self.specifier[1:] if re.fullmatch(r"@\d+\.\d+\.\d+\S*", self.specifier) else ""

    @property
    def is_pinned(self) -> bool:
        """It means the same tomorrow: one version, a commit, an archive's URL, or a file of the build."""
        if self.url:
            return bool(self.commit) if self.is_git else True
        # one version that a variable holds is one version
        return bool(self.version) or (not self.is_known and self.specifier.startswith("=="))


def normalise(name: str) -> str:
    """A Python distribution's name as PEP 503 writes it."""
    return _SEPARATORS.sub("-", name).lower()


def split_extras(text: str) -> tuple[str, ...]:
    """``a, B_c`` of ``[a, B_c]``, normalised."""
    return tuple(normalise(extra.strip()) for extra in text.split(",") if extra.strip())


def python_package(value: Value) -> PackageArgument:
    """What pip and uv take: a requirement, a URL, an archive; of a project's directory the path."""
    text, _, marker = value.text.strip().partition(";")
    text, marker = text.strip(), marker.strip()
    if _URL.match(text):
        egg = _EGG.search(text)
        name = egg[1] if egg else _archive_name(text)
        return PackageArgument(normalise(name), value.word, url=text, marker=marker, is_known=value.is_known)
    if is_path(text):
        extras = _EXTRAS_AT_END.search(text)
        return PackageArgument(
            normalise(_archive_name(text)),
            value.word,
            url=text[: extras.start()] if extras else text,
            extras=split_extras(extras[1]) if extras else (),
            marker=marker,
            is_known=value.is_known,
        )
    found = _REQUIREMENT.fullmatch(text)
    if found is None:
        return PackageArgument("", value.word, is_known=value.is_known and not text)
    rest = found["rest"].strip()
    is_url = rest.startswith("@")
    return PackageArgument(
        normalise(found["name"]),
        value.word,
        specifier="" if is_url else rest.strip("()").strip(),
        extras=split_extras(found["extras"] or ""),
        url=rest[1:].strip() if is_url else "",
        marker=marker,
        is_known=value.is_known,
    )


def editable_package(value: Value) -> PackageArgument:
    """What ``-e`` takes: a URL, else a directory, even where it has no slash: ``-e detectron2_repo``."""
    text = value.text.strip()
    if _URL.match(text) or is_path(text) or not value.is_known:
        return python_package(value)
    extras = _EXTRAS_AT_END.search(text)
    return PackageArgument(
        "",
        value.word,
        url=text[: extras.start()] if extras else text,
        extras=split_extras(extras[1]) if extras else (),
    )


def is_path(text: str) -> bool:
    """A file or directory, as pip tells: it has a slash, is a dot, or ends as archives do."""
    bare = text.partition("[")[0]
    if " @ " in text or any(operator in bare for operator in ("==", ">=", "<=", "~=")):
        return False
    return bare in {".", ".."} or "/" in bare or bool(_ARCHIVE.search(bare))


def _archive_name(text: str) -> str:
    """The project of ``.../flash_attn-2.5.8+cu122-cp310-linux_x86_64.whl``; empty where no file is named."""
    last = re.split(r"[?#]", text.rpartition("/")[2])[0]
    if not _ARCHIVE.search(last):
        return ""
    found = re.match(r"([A-Za-z0-9][\w.]*(?:-[A-Za-z][\w.]*)*)-\d", last)
    return found[1] if found else ""


def conda_package(value: Value) -> PackageArgument:
    """What conda takes: ``channel::name=1.2=build``, ``name>=1``, ``python 3.10``."""
    found = _CONDA.fullmatch(value.text.strip())
    if found is None:
        return PackageArgument("", value.word, is_known=False)
    rest = found["rest"].strip()
    if rest[:1].isdigit():
        rest = f"={rest}"
    return PackageArgument(
        found["name"].lower(),
        value.word,
        specifier=rest,
        channel=found["channel"] or "",
        is_known=value.is_known,
    )


def apt_package(value: Value) -> PackageArgument:
    """What apt takes: ``libgl1``, ``libgl1:amd64=1.7.0-1``, ``x/bookworm-backports``, ``./x.deb``."""
    if value.text.endswith(".deb"):
        return PackageArgument(
            value.text.rpartition("/")[2].partition("_")[0],
            value.word,
            url=value.text,
            is_known=value.is_known,
        )
    return _system_package(value, _APT)


def apk_package(value: Value) -> PackageArgument:
    """What apk takes: ``gcc``, ``gcc=13.2-r0``, ``gcc~=13``, ``x@edge``, ``.virtual``."""
    return _system_package(value, _APK)


def rpm_package(value: Value) -> PackageArgument:
    """What dnf and its like take: ``gcc``, ``cuda-toolkit-12-4-12.4.1``, a URL or file of an rpm."""
    if value.text.endswith(".rpm"):
        return PackageArgument("", value.word, url=value.text, is_known=value.is_known)
    return _system_package(value, _RPM)


def npm_package(value: Value) -> PackageArgument:
    """What npm takes: ``left-pad@1.3.0``, ``@scope/name``, a URL or directory."""
    if _URL.match(value.text) or value.text.startswith((".", "/")):
        return PackageArgument("", value.word, url=value.text, is_known=value.is_known)
    return _system_package(value, _NPM)


def _system_package(value: Value, grammar: re.Pattern[str]) -> PackageArgument:
    found = grammar.fullmatch(value.text)
    if found is None or not value.is_known:
        return PackageArgument("", value.word, is_known=False)
    specifier = found["rest"] or ""
    # dnf writes name-version: the operator is apt's.
    return PackageArgument(found["name"], value.word, specifier=re.sub(r"^-", "=", specifier))
