"""Where a package manager keeps what it downloads, and what becomes of it when the RUN ends."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.check.facts.installs.model import Install
    from wherry.check.facts.mounts import Mount

_TRUE: Final = frozenset({"1", "true", "yes", "on", "y", "t"})
_BOOLEAN: Final = _TRUE | {"0", "false", "no", "off", "n", "f"}
_CACHELESS: Final = frozenset({"setuptools", "dpkg"})
_FIXED: Final = {
    # of the system's managers: what they download, which base images' own settings empty or not
    "apt": ("/var/cache/apt", "/var/lib/apt/lists"),
    "apk": ("/var/cache/apk",),
    "dnf": ("/var/cache/dnf",),
    "yum": ("/var/cache/yum",),
    "microdnf": ("/var/cache/yum", "/var/cache/dnf"),
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


class Cache(NamedTuple):
    """The download cache of one install.

    Attributes:
        directories: Absolute paths of what it fills; more than one for apt (archives, lists) and microdnf.
            Empty where it has none or its place is not known.
        is_certain: The place is certain; else it rests on the usual home of a named user.
        is_off: The manager is told to keep none: ``--no-cache-dir``, ``UV_NO_CACHE``, ``apk --no-cache``.
        mounts: Cache mounts of the RUN that hold one of the directories.
        useless_mounts: Cache mounts of the RUN that look meant for this manager and hold none of them.
        is_cleaned: A later command of the same RUN empties it.

    """

    directories: tuple[str, ...]
    is_certain: bool
    is_off: bool
    mounts: tuple[Mount, ...]
    useless_mounts: tuple[Mount, ...]
    is_cleaned: bool

    @property
    def directory(self) -> str:
        """The first directory; empty when there is none."""
        return self.directories[0] if self.directories else ""

    @property
    def is_mounted(self) -> bool:
        """All of it lies on cache mounts."""
        return bool(self.directories) and all(
            any(mount.holds(directory) for mount in self.mounts) for directory in self.directories
        )

    @property
    def stays(self) -> bool:
        """It ends up in the layer: neither off, nor on a mount, nor cleaned, as far as is known."""
        return bool(self.directories) and not (self.is_off or self.is_mounted or self.is_cleaned)


def cache_of(install: Install) -> Cache:
    """The cache of *install*, seen from the RUN it stands in."""
    directories, is_certain = _directories(install)
    mounts = [mount for mount in install.run.mounts if mount.type == "cache"]
    holding = tuple(mount for mount in mounts if any(mount.holds(path) for path in directories))
    return Cache(
        directories,
        is_certain,
        _is_off(install),
        holding,
        tuple(mount for mount in mounts if mount not in holding and _is_meant(mount, install)),
        _is_cleaned(install, directories),
    )


def _is_off(install: Install) -> bool:
    env = install.env
    if install.manager in {"pip", "pipx"}:
        # pip takes any truth value, even "false", as "no cache" (its own comment in cmdoptions says why).
        value = env.get("PIP_NO_CACHE_DIR", "").lower()
        return install.has("--no-cache-dir") or value in _BOOLEAN
    if install.manager == "uv":
        return install.has("--no-cache") or env.get("UV_NO_CACHE", "").lower() in _TRUE
    if install.manager in {"apk", "poetry"}:
        return install.has("--no-cache")
    return False


def _directories(install: Install) -> tuple[tuple[str, ...], bool]:
    manager, env = install.manager, install.env
    if manager in _FIXED:
        return _FIXED[manager], True
    if install.is_conda:
        return _conda_directories(env)
    if manager in _CACHELESS:
        return (), True
    return _user_directory(install)


def _user_directory(install: Install) -> tuple[tuple[str, ...], bool]:
    """A cache below the user's home, unless told otherwise."""
    manager, env = install.manager, install.env
    if manager in {"npm", "pnpm"}:
        home, is_certain = _home(install)
        own = env.get("npm_config_cache") or env.get("NPM_CONFIG_CACHE") or install.setting("--cache")
        return (own or posixpath.join(home, ".npm" if manager == "npm" else ".local/share/pnpm"),), is_certain
    variable, below = _DIRECTORIES[manager]
    named = (install.option("--cache-dir") or install.option("--cache-folder")) if manager != "pdm" else None
    own = named.text if named else env.get(variable)
    if own:
        return (install.call.path(own),), True
    if base := env.get("XDG_CACHE_HOME"):
        return (posixpath.join(base, below),), True
    home, is_certain = _home(install)
    if manager == "yarn" and home == "/root":
        return ("/usr/local/share/.cache/yarn",), True
    return (posixpath.join(home, ".cache", below),), is_certain


def _conda_directories(env: Mapping[str, str]) -> tuple[tuple[str, ...], bool]:
    if named := env.get("CONDA_PKGS_DIRS"):
        return tuple(named.split(",")), True
    prefix = env.get("MAMBA_ROOT_PREFIX") or env.get("CONDA_DIR")
    if prefix:
        return (posixpath.join(prefix, "pkgs"),), True
    # miniconda3, miniforge3 and most hand-made installs; micromamba's image.
    return ("/opt/conda/pkgs",), False


def _home(install: Install) -> tuple[str, bool]:
    """HOME as the build sets it, and whether that is certain: from the environment, else of USER."""
    run = install.run
    if "sudo" in install.command.wrapped_by:
        return "/root", True
    home = install.env.get("HOME", run.home)
    return home, run.is_root or home != run.home or "HOME" in run.env


def _is_meant(mount: Mount, install: Install) -> bool:
    """A mount whose path or id names the manager."""
    name = {"pip": "pip", "apt": "apt", "uv": "uv", "poetry": "poetry"}.get(install.manager, install.manager)
    words = f"{mount.target} {mount.id}".lower().replace("/", " ").replace("-", " ").replace(".", " ").split()
    return name in words or f"py{name}" in words


def _is_cleaned(install: Install, directories: tuple[str, ...]) -> bool:
    """A command behind it cleans: the manager's own, or rm of the directories."""
    run = install.run
    later = [call for call in run.calls if call.command.span.start > install.span.start]
    starts = {call.command.span.start for call in later}
    own = [found for found in run.installs if found.action == "clean" and found.span.start in starts]
    if install.manager == "apt":
        return run.removes("/var/lib/apt/lists", after=install.span.end)
    if any(_cleans(found, install) for found in own):
        return True
    return bool(directories) and all(
        run.removes(directory, after=install.span.end) for directory in directories[:1]
    )


def _cleans(cleaning: Install, install: Install) -> bool:
    if install.is_conda:
        return cleaning.is_conda
    return cleaning.manager == install.manager or {cleaning.manager, install.manager} <= {"dnf", "yum"}
