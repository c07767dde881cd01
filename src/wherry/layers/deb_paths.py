"""Which files of Debian packages an image gets, and where: the rules, without a file being opened."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final

from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

MERGED: Final[Mapping[str, str]] = {
    "bin": "usr/bin",
    "lib": "usr/lib",
    "lib32": "usr/lib32",
    "lib64": "usr/lib64",
    "libo32": "usr/libo32",
    "libx32": "usr/libx32",
    "sbin": "usr/sbin",
}
"""The usr-merge: every Debian has these links, though bookworm's packages still say ``/lib/...``."""

_LINKS_LIMIT: Final = 40  # as the kernel's MAXSYMLINKS

# Documentation goes, licences stay: they must travel with what they license.
_LICENCE: Final = re.compile(r"usr/share/doc/[^/]+(?:/(?:copyright|(?:NOTICE|LICEN[CS]E|COPYING)[^/]*))?")
_DROPPED: Final = re.compile(
    r"""
    usr/share/(?:
        man | info | doc-base | lintian | bug | reportbug | locale | gtk-doc | help | omf
      | bash-completion | fish | zsh | menu | linda | apport | applications | binfmts | base-files | polkit-1
      | zoneinfo/(?:right|posix)
      | i18n/(?:locales|charmaps)
    )(?:/.*)?
  | usr/games | usr/local/(?:games|man|src|include) | usr/src | boot | media | mnt | srv | opt | etc/opt
  | var/(?:backups|local|mail|opt)
  | etc/(?:init\.d|cron\.[a-z]+|logrotate\.d|update-motd\.d|skel|apt|default|init)(?:/.*)?
  | etc/(?:issue|issue\.net|motd)
  | etc/(?:profile|profile\.d|bash\.bashrc|bash_completion\.d)(?:/.*)?
  | (?:usr/)?lib/(?:systemd|sysusers\.d|tmpfiles\.d|udev|modules-load\.d)(?:/.*)?
  | var/lib/(?:systemd|pam)(?:/.*)?
  | usr/bin/(?:catchsegv|ldd|tzselect|pldd|zdump|iconv|localedef)
  | usr/sbin/(?:iconvconfig|zic|update-ca-certificates)
  | usr/bin/(?:pydoc|pygettext|2to3-)[0-9.]+
  | usr/lib/python3\.[0-9]+/(?:pydoc_data/topics\.py | idlelib/.* | lib-dynload/(?:_test[a-z]*|nis)\..*)
    """,
    re.VERBOSE,
)
"""What a container never reads: manuals, translations, what configures an init system or a login shell,
scripts that need a shell, programs of libc-bin and Python that build or describe a system."""


def is_kept(path: str) -> bool:
    """Whether the file at *path*, as its package names it, goes into an image."""
    if path.startswith("usr/share/doc/"):
        return _LICENCE.fullmatch(path) is not None
    return path != "usr/share/doc" and _DROPPED.fullmatch(path) is None


def is_licence_place(path: str) -> bool:
    """Whether *path* is below ``usr/share/doc``: a directory there is only kept for what is in it."""
    return path == "usr/share/doc" or path.startswith("usr/share/doc/")


def resolved(path: str, links: Mapping[str, str], *, follow_last: bool) -> str:
    """Where *path* leads when the symbolic *links* on its way are followed, inside the root.

    Args:
        path: Relative to the root.
        links: Path to target of every symbolic link there is.
        follow_last: Whether a link at the very end is followed too.

    Raises:
        InputError: The links run in a circle.

    """
    done: list[str] = []
    waiting = [part for part in reversed(path.split("/")) if part]
    followed = 0
    while waiting:
        part = waiting.pop()
        if part == "..":
            done = done[:-1]  # above the root is the root
            continue
        if part in {"", "."}:
            continue
        here = "/".join((*done, part))
        target = links.get(here)
        if target is None or (not waiting and not follow_last):
            done.append(part)
            continue
        followed += 1
        if followed > _LINKS_LIMIT:
            raise InputError("symbolic links of Debian packages run in a circle", where=f"/{path}")
        if target.startswith("/"):
            done = []
        waiting.extend(reversed(target.split("/")))
    return "/".join(done)


def parents(path: str) -> list[str]:
    """Every directory above *path*, the nearest first, without the root."""
    found = []
    while path := posixpath.dirname(path):
        found.append(path)
    return found
