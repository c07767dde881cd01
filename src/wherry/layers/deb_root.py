"""What the maintainer scripts of a base's packages would have made, and the user an image runs as.

No script runs: what programs rely on is made here, from the packages' own files where they hold it.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.errors import InputError
from wherry.layers.deb_tree import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.layers.deb_tree import DebTree, ScannedDeb

CA_BUNDLE: Final = "etc/ssl/certs/ca-certificates.crt"

_CERTIFICATES: Final = "usr/share/ca-certificates/"
_CERTIFICATE_LIMIT_BYTES: Final = 1 << 20
_PYTHON: Final = re.compile(r"usr/bin/python3\.[0-9]+")
_NAME: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_ALTERNATIVES_LIMIT_BYTES: Final = 1 << 16
_NSSWITCH: Final = """\
passwd:   files
group:    files
shadow:   files
hosts:    files dns
networks: files
protocols: db files
services: db files
"""
_HOSTS: Final = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"


@dataclass(frozen=True, slots=True)
class RootUser:
    """Whom the image runs as. ``uid`` 0 is root, who is always there."""

    uid: int = 65532
    gid: int = 65532
    name: str = "nonroot"
    home: str = "/home/nonroot"

    def __post_init__(self) -> None:
        """Refuse what would break the line of a passwd file.

        Raises:
            InputError: A name or number that no passwd file may have.

        """
        bad_home = not re.fullmatch(r"(?:/[A-Za-z0-9._-]+)+", self.home) or ".." in self.home.split("/")
        if (
            not _NAME.fullmatch(self.name)
            or bad_home
            or not (0 <= self.uid < 1 << 32 and 0 <= self.gid < 1 << 32)
        ):
            raise InputError(f"not a user an image can have: {self.name}:{self.uid}:{self.gid}:{self.home}")


def complete_root(tree: DebTree, user: RootUser) -> None:
    """Add to the *tree* of a base's packages what their scripts would have made."""
    _merge_links(tree)
    for entry in (*_accounts(user), *_links(tree), *_certificates(tree)):
        tree.put(entry)
    for path in [path for path in tree.entries if f"{path}/".startswith(_CERTIFICATES)]:
        del tree.entries[path]  # all of them are in the bundle


def complete_packages(tree: DebTree) -> None:
    """Add what each package's installation leaves behind: alternatives, and what scanners know it by."""
    for entry in _alternatives(tree):
        tree.put(entry)
    for deb in tree.debs:
        for entry in _dpkg_records(tree, deb):
            tree.put(entry)


def _merge_links(tree: DebTree) -> None:
    """The usr-merge's links: trixie's base-files has them, bookworm's usrmerge would make them."""
    loader = any(path.startswith("usr/lib64/") for path in tree.entries)
    for name in ("bin", "lib", "sbin", *(["lib64"] if loader else [])):
        tree.entries.pop(name, None)
        tree.entries[name] = Entry(name, "symlink", 0o777, link=f"usr/{name}")


def _accounts(user: RootUser) -> Iterator[Entry]:
    """/etc/passwd and what goes with it. No shell: there is none to log in to."""
    passwd = ["root:x:0:0:root:/root:/usr/sbin/nologin"]
    groups = {0: "root", 5: "tty", 50: "staff", 65534: "nogroup"}
    yield Entry("root", "directory", 0o700)
    if user.uid not in {0, 65534}:
        passwd.append(f"{user.name}:x:{user.uid}:{user.gid}:{user.name}:{user.home}:/usr/sbin/nologin")
        yield Entry(user.home.strip("/"), "directory", 0o755, uid=user.uid, gid=user.gid)
    passwd.append("nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin")
    groups.setdefault(user.gid, user.name)
    yield _text("etc/passwd", "".join(f"{line}\n" for line in passwd))
    yield _text("etc/group", "".join(f"{name}:x:{gid}:\n" for gid, name in sorted(groups.items())))
    yield _text("etc/nsswitch.conf", _NSSWITCH)
    yield _text("etc/hosts", _HOSTS)
    for path in ("tmp", "var/tmp"):
        yield Entry(path, "directory", 0o1777)


def _links(tree: DebTree) -> Iterator[Entry]:
    for path in sorted(filter(_PYTHON.fullmatch, tree.entries)):
        yield _symlink("usr/bin/python3", path.rpartition("/")[2])
        yield _symlink("usr/bin/python", "python3")
    if "usr/share/zoneinfo/Etc/UTC" in tree.entries:
        yield _symlink("etc/localtime", "/usr/share/zoneinfo/Etc/UTC")
        yield _text("etc/timezone", "Etc/UTC\n")
    yield _symlink("var/run", "/run")
    yield Entry("run/lock", "directory", 0o1777)
    yield _symlink("var/lock", "/run/lock")
    # Where Debian's OpenSSL looks for certificates; the package openssl brings such links, and a program.
    yield _symlink("usr/lib/ssl/certs", "/etc/ssl/certs")
    yield _symlink("usr/lib/ssl/cert.pem", f"/{CA_BUNDLE}")


def _certificates(tree: DebTree) -> Iterator[Entry]:
    """All certificates in one file, as update-ca-certificates(8) puts them together."""
    pieces = []
    for path in sorted(tree.entries):
        entry = tree.entries[path]
        if path.startswith(_CERTIFICATES) and path.endswith(".crt") and entry.kind == "file":
            pieces.append(_small(entry, _CERTIFICATE_LIMIT_BYTES).strip(b"\n") + b"\n")
    if pieces:
        yield Entry(CA_BUNDLE, "file", 0o644, content=b"".join(pieces))


def _dpkg_records(tree: DebTree, deb: ScannedDeb) -> Iterator[Entry]:
    """A file for each package below status.d, the way scanners know from images without dpkg."""
    base = f"var/lib/dpkg/status.d/{deb.pin.name}"
    yield Entry(base, "file", 0o644, content=deb.control.text)
    kept = []
    for line in deb.control.md5sums.splitlines(keepends=True):
        path = line[34:].rstrip(b"\n").decode("utf-8", "replace")
        if tree.find(path) is not None:
            kept.append(line)
    yield Entry(f"{base}.md5sums", "file", 0o644, content=b"".join(kept))


def _alternatives(tree: DebTree) -> Iterator[Entry]:
    """The links of update-alternatives(1) that packages would register: libblas.so.3 is one.

    Their scripts are read, never run: only whole calls with plain words count. The highest priority wins; of
    equal ones the first package's.
    """
    best: dict[str, tuple[int, str, str]] = {}
    for deb in tree.debs:
        for priority, link, name, path in _registered(deb.control.postinst):
            if tree.find(path.lstrip("/")) is not None and (link not in best or priority > best[link][0]):
                best[link] = (priority, name, path)
    for link, (_, name, path) in sorted(best.items()):
        if tree.find(link.lstrip("/")) is None:
            yield _symlink(f"etc/alternatives/{name}", path)
            yield _symlink(link.lstrip("/"), f"/etc/alternatives/{name}")


def _registered(postinst: bytes) -> Iterator[tuple[int, str, str, str]]:
    """``--install LINK NAME PATH PRIORITY``, ``--slave LINK NAME PATH``: as (priority, link, name, path)."""
    text = postinst[:_ALTERNATIVES_LIMIT_BYTES].decode("utf-8", "replace").replace("\\\n", " ")
    for line in text.split("\n"):
        _, found, call = line.partition("update-alternatives ")
        try:
            words = shlex.split(call, comments=True) if found else []
        except ValueError:
            continue
        if "--install" not in words:
            continue
        main = words[words.index("--install") + 1 :][:4]
        if len(main) < 4 or not main[3].isascii() or not main[3].isdigit() or len(main[3]) > 9:  # noqa: PLR2004 - --install LINK NAME PATH N
            continue
        groups = [main[:3], *(words[i + 1 : i + 4] for i, word in enumerate(words) if word == "--slave")]
        for link, name, path in (group for group in groups if len(group) == 3):  # noqa: PLR2004 - LINK NAME PATH
            if _is_plain(link, name, path):
                yield int(main[3]), link, name, path


def _is_plain(link: str, name: str, path: str) -> bool:
    absolute = all(re.fullmatch(r"(?:/[A-Za-z0-9+._-]+)+", p) and "/.." not in p for p in (link, path))
    return absolute and re.fullmatch(r"[A-Za-z0-9+_-][A-Za-z0-9+._-]*", name) is not None


def _small(entry: Entry, limit_bytes: int) -> bytes:
    if not isinstance(entry.content, bytes) and entry.content.size_bytes > limit_bytes:
        raise InputError(
            f"/{entry.path} is too large to be what it should", where=f"Debian package {entry.owner}"
        )
    return entry.read()


def _text(path: str, text: str) -> Entry:
    return Entry(path, "file", 0o644, content=text.encode())


def _symlink(path: str, target: str) -> Entry:
    return Entry(path, "symlink", 0o777, link=target)
