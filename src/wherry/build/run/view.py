"""A throw-away, writable view of an unpacked image, for runtimes that bring no storage of their own.

The view is an overlay in a mount namespace that lives as long as the container: nothing is left mounted
whatever happens, and the unpacked image below stays as it is. Where the kernel refuses, the container
sees the image read-only, with writable ``/tmp`` and home.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.build.run.process import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.store.store import Store

# crun before 1.9 refuses machines that have cgroups of both versions, even when told to use neither.
_UNIFIED: Final = Path("/sys/fs/cgroup/unified")
_SCRIPT: Final = """\
mount=$1 options=$2 merged=$3 hidden=$4
shift 4
"$mount" -t overlay overlay -o "$options" "$merged" || exit 1
if [ -n "$hidden" ]; then "$mount" -t tmpfs tmpfs "$hidden" 2>/dev/null; fi
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class View:
    """Where the container's root is, and what must stand before the command that starts it."""

    root: Path
    prefix: tuple[str, ...] = ()
    directory: Path | None = None  # where the prefixed command must be started
    writable: bool = False
    user_id: int = 0  # who we are for the command behind the prefix

    @property
    def rootless(self) -> bool:
        """Whether we are not the machine's root."""
        return os.geteuid() != 0


@contextmanager
def view_of(store: Store, root: Path, scratch: Path) -> Iterator[View]:
    """A view of the image at *root* for the block, which keeps what is written in *scratch*.

    Args:
        store: Holds both.
        root: The unpacked image, below the store's root.
        scratch: A private directory below the store's root.

    """
    prefix = _overlay(store, root, scratch)
    try:
        if not prefix or ask([*prefix, "/bin/sh", "-c", ":"], directory=store.root)[1]:
            yield View(root, user_id=os.geteuid())
        else:
            yield View(scratch / "merged", prefix, store.root, writable=True)
    finally:
        for kept in (scratch / "work").glob("*"):
            kept.chmod(0o700)  # overlayfs leaves a directory there that not even its owner may look into


def _overlay(store: Store, root: Path, scratch: Path) -> tuple[str, ...]:
    """The command that mounts the view and becomes what follows it; empty where a program for it lacks."""
    unshare, sh, mount = (shutil.which(name) for name in ("unshare", "sh", "mount"))
    if not (unshare and sh and mount):
        return ()
    rootless = os.geteuid() != 0
    layers = {"lowerdir": root, "upperdir": scratch / "upper", "workdir": scratch / "work"}
    merged = scratch / "merged"
    for directory in (layers["upperdir"], layers["workdir"], merged):
        directory.mkdir()
        directory.chmod(0o755)  # whatever the umask: the upper directory's mode becomes that of /
    # Relative names, so that no character of the store's path can be read as an option.
    options = [f"{name}={path.relative_to(store.root)}" for name, path in layers.items()]
    return (
        unshare,
        *(("--user", "--map-root-user") if rootless else ()),
        *("--mount", "--propagation", "private", "--", sh, "-c", _SCRIPT, "wherry", mount),
        ",".join([*options, "userxattr"] if rootless else options),
        str(merged),
        str(_UNIFIED) if (_UNIFIED / "cgroup.controllers").exists() else "",
    )
