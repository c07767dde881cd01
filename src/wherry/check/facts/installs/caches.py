"""Where a package manager keeps what it downloads, and what becomes of it when the RUN ends."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.check.facts.installs.model import Install
    from wherry.check.facts.mounts import Mount

_TRUE: Final = frozenset({"1", "true", "yes", "on", "y", "t"})
_BOOLEAN: Final = _TRUE | {"0", "false", "no", "off", "n", "f"}
_FILLS: Final = frozenset(
    {"install", "sync", "upgrade", "download", "wheel", "run", "update", "lock", "export"}
)
_CACHELESS: Final = frozenset({"setuptools", "dpkg"})
APT_ARCHIVES: Final = "/var/cache/apt"
APT_LISTS: Final = "/var/lib/apt/lists"
_FIXED: Final = {
    "apt": (APT_ARCHIVES, APT_LISTS),
    "apk": ("/var/cache/apk",),
    "dnf": ("/var/cache/dnf",),
    "yum": ("/var/cache/yum",),
    "microdnf": ("/var/cache/yum",),
    "tdnf": ("/var/cache/tdnf",),
    "zypper": ("/var/cache/zypp",),
}
_DIRECTORIES: Final = {
    # the variable that names the directory itself, then where it is below the user's caches
    "pip": ("PIP_CACHE_DIR", "pip"),
    "pipx": ("PIP_CACHE_DIR", "pip"),
    "uv": ("UV_CACHE_DIR", "uv"),
    "poetry": ("POETRY_CACHE_DIR", "pypoetry"),
    "pdm": ("PDM_CACHE_DIR", "pdm"),
    "pipenv": ("PIPENV_CACHE_DIR", "pipenv"),
    "yarn": ("YARN_CACHE_FOLDER", "yarn"),
}


class Cache(Frozen):
    """The download cache of one call of a package manager.

    Attributes:
        is_filled: The call fills it: it installs, or fetches an index. Of what cleans, removes or asks it is
            False; so are `is_off` and `stays` of no interest there.
        directories: Absolute paths of what it fills; for apt the archives and the lists. Empty where the
            manager has none (setup.py, dpkg) or its place is not known (a numeric USER without HOME).
        is_certain: The place is certain; else it rests on the usual home of a named user.
        is_off: The manager is told to keep none: ``--no-cache-dir``, ``UV_NO_CACHE``, ``apk --no-cache``.
        mounts: Cache mounts of the RUN that hold one of the directories.
        useless_mounts: Cache mounts of the RUN that look meant for this manager and hold none of them.
        is_cleaned: What is not on a mount (and something is not) is emptied by later commands of the same
            RUN. apt's archives are emptied by the base's own ``docker-clean``, unless someone removed that.

    """

    is_filled: bool
    directories: tuple[str, ...]
    is_certain: bool
    is_off: bool
    mounts: tuple[Mount, ...]
    useless_mounts: tuple[Mount, ...]
    is_cleaned: bool

    @property
    def directory(self) -> str:
        """The first directory; empty when there is none or it is not known."""
        return self.directories[0] if self.directories else ""

    @property
    def is_mounted(self) -> bool:
        """All of it lies on cache mounts; where its place is not known, on one that is meant for it."""
        if not self.directories:
            return bool(self.mounts)
        return all(
            any(mount.holds(path) or not mount.is_known for mount in self.mounts) for path in self.directories
        )

    @property
    def stays(self) -> bool:
        """It ends up in the layer: neither off, nor on a mount, nor emptied, as far as is known."""
        return self.is_filled and not (self.is_off or self.is_mounted or self.is_cleaned)


def cache_of(install: Install) -> Cache:
    """The cache of *install*, seen from the RUN it stands in."""
    directories, is_certain = _directories(install)
    mounts = [mount for mount in install.run.mounts if mount.type == "cache"]
    meant = [mount for mount in mounts if _is_meant(mount, install)]
    holding = tuple(mount for mount in mounts if any(mount.holds(path) for path in directories))
    # of what is meant for it and is somewhere that is not known, nobody can say that it misses
    holding += tuple(
        mount for mount in meant if mount not in holding and not (directories and mount.is_known)
    )
    return Cache(
        is_filled=install.action in _FILLS and install.manager not in _CACHELESS,
        directories=directories,
        is_certain=is_certain,
        is_off=_is_off(install),
        mounts=holding,
        useless_mounts=tuple(mount for mount in meant if mount not in holding),
        is_cleaned=_is_cleaned(install, directories, holding),
    )


def _is_off(install: Install) -> bool:
    env = install.env
    if install.manager in {"pip", "pipx"}:
        # pip takes any truth value, even "false", as "no cache" (its own comment in cmdoptions says why).
        value = env.get("PIP_NO_CACHE_DIR", "").lower()
        # pip takes the beginning of an option that is no other's: --no-cache.
        return install.has("--no-cache-dir", "--no-cache") or value in _BOOLEAN
    if install.manager == "uv":
        return install.has("--no-cache") or env.get("UV_NO_CACHE", "").lower() in _TRUE
    if install.manager in {"apk", "poetry"}:
        return install.has("--no-cache")
    return False


def _directories(install: Install) -> tuple[tuple[str, ...], bool]:
    if install.manager in _FIXED:
        return _FIXED[install.manager], True
    if install.is_conda:
        return _conda_directories(install.env)
    if install.manager in _CACHELESS:
        return (), True
    return _told_directory(install) or _home_directory(install)


def _conda_directories(env: Mapping[str, str]) -> tuple[tuple[str, ...], bool]:
    if named := env.get("CONDA_PKGS_DIRS"):
        return tuple(named.split(",")), True
    prefix = env.get("MAMBA_ROOT_PREFIX") or env.get("CONDA_DIR")
    if prefix:
        return (posixpath.join(prefix, "pkgs"),), True
    # miniconda3, miniforge3 and most hand-made installs; micromamba's image.
    return ("/opt/conda/pkgs",), False


def _told_directory(install: Install) -> tuple[tuple[str, ...], bool] | None:
    """Where an option or a variable puts it."""
    manager, env = install.manager, install.env
    if manager in {"npm", "pnpm"}:
        own = install.values("--cache") or install.values("--store-dir")
        told = own[-1] if own else env.get("npm_config_cache") or env.get("NPM_CONFIG_CACHE")
        return ((install.call.path(told),), True) if told else None
    variable, below = _DIRECTORIES[manager]
    option = install.option("--cache-dir") or install.option("--cache-folder")
    told = option.text if option else env.get(variable)
    if told:
        return (install.call.path(told),), True
    base = env.get("XDG_CACHE_HOME")
    return ((posixpath.join(base, below),), True) if base else None


def _home_directory(install: Install) -> tuple[tuple[str, ...], bool]:
    """Where it is in the user's home."""
    manager = install.manager
    home, is_certain = _home(install)
    if not home:
        return (), False
    if manager == "yarn" and home == "/root":
        return ("/usr/local/share/.cache/yarn",), True
    in_home = {"npm": ".npm", "pnpm": ".local/share/pnpm"}
    below = in_home.get(manager) or posixpath.join(".cache", _DIRECTORIES[manager][1])
    return (posixpath.join(home, below),), is_certain


def _home(install: Install) -> tuple[str, bool]:
    """HOME as the build sets it, and whether that is certain: from the environment, else of USER."""
    run = install.run
    if "sudo" in install.command.wrapped_by:
        return "/root", True
    home = install.env.get("HOME", run.home)
    return home, run.is_root or home != run.home or "HOME" in run.env


def _is_meant(mount: Mount, install: Install) -> bool:
    """A mount whose path or id names the manager."""
    words = f"{mount.target} {mount.id}".lower().replace("/", " ").replace("-", " ").replace(".", " ").split()
    return install.manager in words or f"py{install.manager}" in words


def _is_cleaned(install: Install, directories: tuple[str, ...], mounts: tuple[Mount, ...]) -> bool:
    """Everything that is not on a mount is emptied behind it: by the manager's own command, or rm."""
    run = install.run
    own = any(_cleans(found, install) for found in run.cleanings if found.span.start > install.span.start)
    if install.manager != "apt" and own:
        return True
    left = [path for path in directories if not any(mount.holds(path) for mount in mounts)]
    if not left:
        return False
    if install.manager == "apt" and (own or not run.is_docker_clean_gone):
        left = [path for path in left if path != APT_ARCHIVES]
    return all(run.removes(path, after=install.span.end) for path in left)


def _cleans(cleaning: Install, install: Install) -> bool:
    if install.is_conda:
        return cleaning.is_conda
    return cleaning.manager == install.manager or {cleaning.manager, install.manager} <= {"dnf", "yum"}
