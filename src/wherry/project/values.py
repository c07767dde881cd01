"""The kinds of value ``[tool.wherry]`` takes: each function reads one and refuses all else by line."""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import msgspec

from wherry.errors import InputError
from wherry.oci.platform import Platform
from wherry.oci.reference import parse_repository
from wherry.project.secrets import credential_kind

if TYPE_CHECKING:
    from wherry.project.toml_file import Node

_NAME_PART: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE_NAME: Final = re.compile(rf"{_NAME_PART}(?:/{_NAME_PART})*")  # OCI distribution spec, <name>
_IMAGE_NAME_CHARS: Final = 128
_PYTHON: Final = re.compile(r"3\.([0-9]{1,2})")
_DEBIAN_NAME: Final = re.compile(r"[a-z0-9][a-z0-9+.-]+")  # Debian policy 5.6.1
_ENV_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LABEL_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?")
_GROUP_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")  # PEP 685, PEP 735
_USER: Final = re.compile(r"([0-9]{1,10})(?::([0-9]{1,10}))?")
_PORT: Final = re.compile(r"([0-9]{1,5})(?:/(tcp|udp))?")
_SIZE: Final = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,6}))?\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_MAX_ID: Final = 2**31 - 1
_MAX_PORT: Final = 65535

# A layer may not carry entries for directories that the base owns, nor live where something is mounted.
_BASE_OWNS: Final = frozenset(
    "bin boot dev etc lib lib32 lib64 libx32 proc run sbin sys tmp usr".split()  # noqa: SIM905 - reads as a list
)
_NEEDS_OWN_DIRECTORY: Final = frozenset({"/", "/home", "/media", "/mnt", "/opt", "/root", "/srv", "/var"})


class User(msgspec.Struct, frozen=True):
    """Who the program runs as, by number: Kubernetes' ``runAsNonRoot`` cannot judge a name."""

    uid: int
    gid: int

    def __str__(self) -> str:
        """``uid:gid``, as an image config holds it."""
        return f"{self.uid}:{self.gid}"


class Port(msgspec.Struct, frozen=True):
    """A port the program listens on."""

    number: int
    protocol: Literal["tcp", "udp"] = "tcp"

    def __str__(self) -> str:
        """``8000/tcp``, as an image config holds it."""
        return f"{self.number}/{self.protocol}"


NONROOT: Final = User(65532, 65532)


def image_name(node: Node) -> str:
    """A repository name without registry or tag: ``team/app``."""
    text = node.text()
    if not _IMAGE_NAME.fullmatch(text) or len(text) > _IMAGE_NAME_CHARS:
        raise node.fail(
            f"{text[:80]!r} is not an image name",
            "use lower-case letters, digits and single . _ - or / between them; a tag is given with -t",
        )
    return text


def command(node: Node) -> tuple[str, ...]:
    """A list of words, or a string that is split by shell words. No shell runs in the image."""
    if isinstance(node.value, str):
        try:
            words = shlex.split(node.value)
        except ValueError as error:
            raise node.fail(f"command cannot be split into words: {str(error).lower()}") from None
        shell = next((word for word in words if word in {"|", "||", "&", "&&", ";", ">", ">>", "<"}), None)
        if shell:
            raise node.fail(
                f"command uses {shell!r}, but no shell runs in the image",
                "write one program and its arguments",
            )
    elif isinstance(node.value, list):
        words = node.texts()
    else:
        raise node.expected("a string or a list of strings", _command_line("python", "-m", "app"))
    if not words or not words[0]:
        raise node.fail("command is empty", _command_line("python", "-m", "app"))
    if any("\0" in word for word in words):
        raise node.fail("command contains a NUL character")
    _refuse_credentials(node, words)
    return tuple(words)


def python_version(node: Node) -> tuple[int, int]:
    """``"3.12"``: the suite or the interpreter decides the rest."""
    text = node.text() if not isinstance(node.value, float) else ""
    found = _PYTHON.fullmatch(text)
    if not found:
        raise node.fail("python must be a quoted version X.Y", 'write python = "3.12"')
    return (3, int(found.group(1)))


def base(node: Node) -> str:
    """What lies underneath; which bases exist is judged where they are read."""
    text = node.text()
    if not text or not text.isprintable() or " " in text:
        raise node.fail(f"{text[:80]!r} is not a base", 'write for example base = "debian:trixie"')
    _refuse_credentials(node, [text])
    return text


def repository(node: Node) -> str:
    """A repository in a registry, without a tag: ``registry.example/team/cache``."""
    text = node.text()
    try:
        found = parse_repository(text)
    except InputError as error:
        raise node.fail(error.what, error.mend) from None
    return f"{found.host}/{found.repository}"


def platforms(node: Node) -> tuple[Platform, ...]:
    """``["linux/amd64", "linux/arm64"]``."""
    found: list[Platform] = []
    for element in node.elements("a list of platforms"):
        try:
            platform = Platform.parse(element.text())
        except InputError as error:
            raise element.fail(error.what, error.mend) from None
        if platform in found:
            raise element.fail(f"platform {platform} is listed twice")
        found.append(platform)
    return tuple(found)


def system_packages(node: Node) -> tuple[str, ...]:
    """Names of Debian packages; versions are pinned in wherry.lock."""
    for element in node.elements("a list of Debian package names"):
        text = element.text()
        if not _DEBIAN_NAME.fullmatch(text):
            mend = "give the name alone: wherry.lock pins the version" if "=" in text or ":" in text else ""
            raise element.fail(f"{text[:80]!r} is not a Debian package name", mend)
    return tuple(dict.fromkeys(node.texts()))


def environment(node: Node) -> dict[str, str]:
    """Variables of the image: names as POSIX has them, values that are no credentials."""
    variables: dict[str, str] = {}
    for name, entry in node.items():
        if not _ENV_NAME.fullmatch(name):
            raise entry.fail(f"{name[:80]!r} is not an environment variable's name")
        if not isinstance(entry.value, str):
            raise entry.expected("a string", f'write {name} = "..."')
        if "\0" in entry.value:
            raise entry.fail(f"the value of {name} contains a NUL character")
        _refuse_credentials(entry, [entry.value], name)
        variables[name] = entry.value
    return variables


def user(node: Node) -> User:
    """``"uid"`` or ``"uid:gid"``, numbers only. Root is had by writing 0."""
    is_number = isinstance(node.value, int) and not isinstance(node.value, bool)
    text = str(node.value) if is_number else node.text()
    found = _USER.fullmatch(text)
    if not found:
        raise node.fail(
            f"user {text[:80]!r} is not numeric: Kubernetes' runAsNonRoot cannot check a name",
            f'write user = "{NONROOT}", or "0:0" for root',
        )
    uid = int(found.group(1))
    gid = int(found.group(2)) if found.group(2) else uid
    if max(uid, gid) > _MAX_ID:
        raise node.fail(f"user {text!r} is out of range", f"ids go up to {_MAX_ID}")
    return User(uid, gid)


def workdir(node: Node) -> str:
    """An absolute directory of the project's own."""
    text = node.text()
    if not text.startswith("/"):
        raise node.fail(f"workdir {text[:80]!r} is not absolute", 'write for example workdir = "/app"')
    if not text.isprintable() or ".." in text.split("/"):
        raise node.fail(f"workdir {text[:80]!r} is not a plain path")
    path = posixpath.normpath("/" + text.lstrip("/"))
    is_environment = f"{path}/".startswith("/opt/venv/")
    if path.split("/")[1] in _BASE_OWNS or path in _NEEDS_OWN_DIRECTORY or is_environment:
        raise node.fail(f"workdir {path!r} belongs to the base", 'write for example workdir = "/app"')
    return path


def project_file(node: Node) -> str:
    """A file in the project's directory."""
    text = node.text()
    if not text or not text.isprintable() or text.startswith("/") or ".." in text.split("/"):
        raise node.fail(f"{text[:80]!r} is not a file of the project", "write its path from here")
    return text


def ports(node: Node) -> tuple[Port, ...]:
    """``[8000, "9000/udp"]``."""
    found: list[Port] = []
    for element in node.elements("a list of ports"):
        value = element.value
        is_number = isinstance(value, int) and not isinstance(value, bool)
        match = _PORT.fullmatch(str(value) if is_number else element.text())
        if not match or not 1 <= int(match.group(1)) <= _MAX_PORT:
            raise element.fail(f"{str(value)[:40]!r} is not a port", 'ports are 1 to 65535, or like "53/udp"')
        found.append(Port(int(match.group(1)), "udp" if match.group(2) == "udp" else "tcp"))
    return tuple(dict.fromkeys(found))


def patterns(node: Node) -> tuple[str, ...]:
    """Globs below the project, as ``.dockerignore`` has them, without ``!``."""
    for element in node.elements("a list of patterns"):
        text = element.text()
        if not text.strip() or text.startswith("!"):
            raise element.fail(f"{text[:80]!r} is not a pattern", "use include and exclude instead of '!'")
        if text.startswith("/") or ".." in text.split("/"):
            raise element.fail(
                f"pattern {text[:80]!r} leaves the project", "write it relative to the project"
            )
    return tuple(dict.fromkeys(node.texts()))


def group_names(node: Node) -> tuple[str, ...]:
    """Names of dependency groups or extras, normalized (PEP 685, PEP 735)."""
    for element in node.elements("a list of names"):
        if not _GROUP_NAME.fullmatch(element.text()):
            raise element.fail(f"{element.text()[:80]!r} is not the name of a group or extra")
    return tuple(dict.fromkeys(normalized(text) for text in node.texts()))


def normalized(name: str) -> str:
    """A distribution's, extra's or group's name in its one normal form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def mirror(node: Node) -> str:
    """The address of a Debian mirror: http, https or a directory, without credentials."""
    text = node.text()
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        is_address = False
    if not is_address or not text.isprintable() or " " in text:
        raise node.fail(
            "debian-mirror is not a plain http or https address",
            "credentials for it belong in netrc" if "@" in text else "",
        )
    return text.rstrip("/")


def labels(node: Node) -> dict[str, str]:
    """Labels of the image config."""
    found: dict[str, str] = {}
    for name, entry in node.items():
        if not _LABEL_NAME.fullmatch(name):
            raise entry.fail(f"{name[:80]!r} is not a label's name")
        if isinstance(entry.value, dict):
            raise entry.expected("a string", 'quote a name with dots: "org.example.team" = "..."')
        _refuse_credentials(entry, [entry.text()], name)
        found[name] = entry.text()
    return found


def size_bytes(node: Node) -> int:
    """``"2GB"``, ``"500 MiB"`` or a number of bytes."""
    if isinstance(node.value, int) and not isinstance(node.value, bool):
        text = str(node.value)
    else:
        text = node.text()
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise node.fail(f"{text[:40]!r} is not a size", 'write for example "2GB" or "500MiB"')
    whole, fraction, prefix, binary = found.groups()
    unit: int = (1024 if binary else 1000) ** " kmgt".index(prefix.lower() or " ")
    size = int(whole) * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)
    if size < 1:
        raise node.fail(f"{node.name} must be more than zero")
    return size


def count(node: Node) -> int:
    """A whole number of at least one."""
    if not isinstance(node.value, int) or isinstance(node.value, bool):
        raise node.expected("a whole number")
    if node.value < 1:
        raise node.fail(f"{node.name} must be at least 1")
    return node.value


def _refuse_credentials(node: Node, texts: list[str], name: str = "") -> None:
    """Whatever stands in a config is in the image for everyone to read. The value is never repeated."""
    for text in texts:
        kind = credential_kind(text, name)
        if kind:
            raise node.fail(
                f"{node.name} holds what looks like a {kind}, and everyone who has the image can read it",
                "leave it out and give it at run time: wherry run -e NAME, or a mounted secret",
            )


def _command_line(*words: str) -> str:
    return f"write for example command = {json.dumps(words)}"
