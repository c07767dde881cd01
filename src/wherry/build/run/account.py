"""Who a container runs as: the image's ``User``, looked up in its own passwd and group files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.build.rootfs import read_inside
from wherry.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_MAX_ID = 2**32 - 2


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the image, in numbers."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    home: str = "/"


def account_of(root: Path, user: str) -> Account:
    """The account that *user* means in the image at *root*.

    Args:
        root: The unpacked image.
        user: As in the config: ``uid``, ``user``, ``uid:gid``, ``user:group`` (config.md). Empty is root.

    Raises:
        InputError: The image has no such user or group.

    """
    name, _, group = user.partition(":")
    name = name or "0"
    passwd = _entries(root, "etc/passwd", 7)
    entry = next((e for e in passwd if name in {e[0], e[2]}), None)
    if entry is None and not name.isdigit():
        raise InputError(f"the image has no user {name!r}", where="config.User")
    uid = _number(entry[2] if entry else name)
    groups = _entries(root, "etc/group", 4)
    home = entry[5] if entry and entry[5].startswith("/") else "/"
    if group:
        # "If group is given, supplementary groups are not taken from the image" (config.md).
        return Account(uid, _gid(groups, group), (), home)
    gid = _number(entry[3]) if entry else 0
    others = tuple(_number(g[2]) for g in groups if entry and entry[0] in g[3].split(","))
    return Account(uid, gid, others, home)


def _gid(groups: list[list[str]], group: str) -> int:
    found = next((e[2] for e in groups if group in {e[0], e[2]}), group)
    if not found.isdigit():
        raise InputError(f"the image has no group {group!r}", where="config.User")
    return _number(found)


def _entries(root: Path, path: str, fields: int) -> list[list[str]]:
    lines = read_inside(root, path).decode(errors="replace").splitlines()
    return [e for line in lines if len(e := line.split(":")) >= fields]


def _number(text: str) -> int:
    if not text.isdigit() or len(text) > 10 or int(text) > _MAX_ID:  # noqa: PLR2004 - digits of 2**32
        raise InputError(f"{text[:40]!r} is not a user or group id", where="config.User")
    return int(text)
