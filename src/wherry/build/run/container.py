"""What a container needs, worked out for runtimes that only start processes: crun, runc, bubblewrap."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.build.run.account import Account, account_of
from wherry.build.unpack import Escape, resolve
from wherry.errors import InputError

if TYPE_CHECKING:
    from wherry.build.run.request import Mount, RunRequest
    from wherry.build.run.view import View

_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NETWORK_FILES: Final = ("/etc/resolv.conf", "/etc/hosts")


@dataclass(frozen=True, slots=True)
class Container:
    """One container, decided down to the last mount."""

    argv: tuple[str, ...]
    env: tuple[str, ...]
    directory: str
    account: Account
    root: Path
    read_only: bool
    tmpfs: tuple[str, ...]
    binds: tuple[tuple[Path, str, bool], ...]  # source, target, read-only
    tty: bool


def container_of(request: RunRequest, root: Path, view: View) -> Container:
    """What *request* means for the image unpacked at *root* and seen through *view*.

    Raises:
        InputError: The image has no such user, names no command, or a mount has no place in it.

    """
    config = request.image.config.config
    account = account_of(root, config.user if config else "")
    environment = {"PATH": _PATH, "HOME": account.home}
    if request.tty:
        environment["TERM"] = os.environ.get("TERM", "xterm")
    environment |= config.environment if config else {}
    environment |= dict(entry.partition("=")[::2] for entry in request.env)
    read_only = request.read_only or not view.writable
    home = environment["HOME"]
    private = ("/tmp", home) if read_only else ()  # noqa: S108 - inside the container
    volumes = tuple((config.volumes or {}) if config and read_only else {})
    binds = [
        (Path(name).resolve(), name, True)
        for name in _NETWORK_FILES
        if Path(name).exists() and (view.writable or _exists(root, name))
    ]
    for mount in request.mounts:
        _require_place(root, view, mount)
        binds.append((mount.source, mount.target, mount.read_only))
    return Container(
        argv=request.command,
        env=tuple(f"{name}={value}" for name, value in environment.items()),
        directory=(config.working_dir if config else "") or "/",
        account=account,
        root=view.root,
        read_only=read_only,
        tmpfs=tuple(t for t in dict.fromkeys((*private, *volumes)) if _can_be_covered(root, view, t)),
        binds=tuple(binds),
        tty=request.tty,
    )


def require_program(container: Container, root: Path) -> None:
    """Refuse a command that the image unpacked at *root* does not have: not every runtime says it well.

    What is mounted may bring it, so with mounts it is left to the runtime.

    Raises:
        InputError: It is not there.

    """
    name = container.argv[0]
    if any(target not in _NETWORK_FILES for _, target, _ in container.binds):
        return
    path = next(entry.partition("=")[2] for entry in container.env if entry.startswith("PATH="))
    places = [f"{directory}/{name}" for directory in path.split(":")]
    if "/" in name:
        places = [name if name.startswith("/") else f"{container.directory}/{name}"]
    if not any(_exists(root, place) for place in places):
        raise InputError(f"the image has no program {name!r}", mend="check the command's name")


def _can_be_covered(root: Path, view: View, path: str) -> bool:
    if not path.startswith("/") or not path.strip("/") or ".." in path.split("/"):
        return False
    return view.writable or _exists(root, path)


def _exists(root: Path, path: str) -> bool:
    try:
        resolve(os.fsencode(root), tuple(os.fsencode(path).split(b"/")), make=False)
    except (OSError, Escape):
        return False
    return True


def _require_place(root: Path, view: View, mount: Mount) -> None:
    if not view.writable and not _exists(root, mount.target):
        raise InputError(
            f"the image has no {mount.target} to mount on, and its root is read-only here",
            mend="mount on a directory the image has, such as /mnt or /srv",
        )
