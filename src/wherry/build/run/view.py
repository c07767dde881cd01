"""A throw-away, writable view of an unpacked image, for runtimes that bring no storage of their own.

The view is an overlay in a mount namespace that lives as long as the container: nothing is left mounted
whatever happens, and the unpacked image below stays as it is. Where the kernel refuses, the container
sees the image read-only, with writable ``/tmp`` and home.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.build.run.process import ask

if TYPE_CHECKING:
    from wherry.store.store import Store

# crun before 1.9 refuses machines that have cgroups of both versions, even when told to use neither.
_UNIFIED: Final = Path("/sys/fs/cgroup/unified/cgroup.controllers")
_SCRIPT: Final = """\
mount=$1 umount=$2 options=$3 merged=$4
shift 4
"$mount" -t overlay overlay -o "$options" "$merged" || exit 1
if [ -n "$umount" ]; then "$umount" /sys/fs/cgroup/unified 2>/dev/null; fi
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


def view_of(store: Store, root: Path, scratch: Path) -> View:
    """A view of the image at *root*, which keeps what is written in *scratch*.

    Args:
        store: Holds both.
        root: The unpacked image, below the store's root.
        scratch: A private directory below the store's root.

    """
    fallback = View(root, user_id=os.geteuid())
    tools = [shutil.which(name) for name in ("unshare", "sh", "mount", "umount")]
    if None in tools:
        return fallback
    unshare, sh, mount, umount = map(str, tools)
    upper, work, merged = (scratch / name for name in ("upper", "work", "merged"))
    for directory in (upper, work, merged):
        directory.mkdir(mode=0o755)
        directory.chmod(0o755)  # whatever the umask: the upper directory's mode becomes that of /
    rootless = os.geteuid() != 0
    # Relative names, so that no character of the store's path can be read as an option.
    options = ",".join(
        f"{name}={path.relative_to(store.root)}"
        for name, path in (("lowerdir", root), ("upperdir", upper), ("workdir", work))
    )
    prefix = (
        unshare,
        *(("--user", "--map-root-user") if rootless else ()),
        *("--mount", "--propagation", "private", "--", sh, "-c", _SCRIPT, "wherry"),
        mount,
        umount if not rootless and _UNIFIED.exists() else "",
        options + (",userxattr" if rootless else ""),
        str(merged),
    )
    _, why = ask([*prefix, sh, "-c", ":"], directory=store.root)
    if why:
        return fallback
    return View(merged, prefix, store.root, writable=True)
