"""What a command does to a package manager: `Install`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.check.facts.calls import Call, Option
    from wherry.check.facts.installed import Inputs
    from wherry.check.facts.installs.caches import Cache
    from wherry.check.facts.installs.packages import PackageArgument
    from wherry.check.facts.runs import RunFacts
    from wherry.dockerfile.shell import Command
    from wherry.dockerfile.source import Span

PYTHON_MANAGERS: Final = frozenset({"pip", "uv", "poetry", "pdm", "pipenv", "pipx", "setuptools"})
CONDA_MANAGERS: Final = frozenset({"conda", "mamba", "micromamba"})
SYSTEM_MANAGERS: Final = frozenset({"apt", "apk", "dnf", "yum", "microdnf", "tdnf", "zypper", "dpkg"})

_BRINGS: Final = frozenset({"install", "sync", "upgrade", "download", "wheel", "run"})
_PREFIXES: Final = {"pip": "PIP_", "uv": "UV_", "poetry": "POETRY_", "pdm": "PDM_", "pipenv": "PIPENV_"}
_FALSE: Final = frozenset({"", "0", "false", "no", "off", "n", "f"})


_WITHOUT_PROJECT: Final = ("--no-root", "--no-install-project", "--no-install-workspace", "--no-self")
_GROUPS: Final = ("--extra", "--extras", "--all-extras", "--group", "--all-groups", "--with", "--package")


class Install(Frozen, eq=False):
    """One call of a package manager, whatever it does: look at `action`.

    Attributes:
        manager: ``pip`` (pip3, python -m pip and all its names), ``uv``, ``poetry``, ``pdm``, ``pipenv``,
            ``pipx``, ``setuptools`` (setup.py install/develop), ``conda``, ``mamba``, ``micromamba``, ``apt``
            (apt-get and aptitude too), ``dpkg``, ``apk``, ``dnf``, ``yum``, ``microdnf``, ``tdnf``,
            ``zypper``, ``npm``, ``yarn``, ``pnpm``.
        action: ``install``; ``sync`` (uv sync, uv pip sync, pdm sync, pipenv sync: the environment becomes
            the lock); ``update`` (only the index is fetched: apt-get update); ``upgrade`` (newer versions of
            what is there); ``remove``; ``clean`` (a cache is emptied); ``download``; ``wheel`` (pip wheel);
            ``run`` (uv run, uvx: installs by the way); ``export``; ``lock``; ``other``.
        subcommand: As typed: ``install``, ``ci``, ``pip install``, ``env update``, ``dist-upgrade``.
        packages: What is named on the command line, but for project directories.
        requirement_files: Of ``-r``, ``uv pip sync``, ``conda env -f``, ``conda install --file``, as written.
        constraint_files: Of ``-c``.
        options: All options by long name (``--requirement`` for ``-r``) with their values and words.
        installs_project: It installs the project in a directory: ``.``, ``-e .``, uv sync without
            ``--no-install-project``, poetry install without ``--no-root``.
        project_directories: Of ``pip install . ./lib``: as written, without extras.
        editable: ``-e``.
        extras: Of the project: ``.[dev]``, ``--extra``; ``*`` is all of them.
        groups: Dependency groups asked for: ``--group``, ``--only main``, ``--with``; ``*`` is all of them.
        has_unknown: Some argument is not known (``$PKGS``): there may be more packages.
        call: The command with its arguments expanded, its environment and directory.
        run: The RUN it stands in.

    """

    manager: str
    action: str
    subcommand: str
    call: Call
    run: RunFacts
    packages: tuple[PackageArgument, ...] = ()
    requirement_files: tuple[str, ...] = ()
    constraint_files: tuple[str, ...] = ()
    options: Mapping[str, tuple[Option, ...]] = msgspec.field(default_factory=dict)
    installs_project: bool = False
    project_directories: tuple[str, ...] = ()
    editable: bool = False
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    has_unknown: bool = False

    @property
    def command(self) -> Command:
        """The command as the shell reads it."""
        return self.call.command

    @property
    def span(self) -> Span:
        """The bytes of the command."""
        return self.call.command.span

    @property
    def env(self) -> Mapping[str, str]:
        """Every variable that is known when it starts."""
        return self.call.env

    @property
    def is_python(self) -> bool:
        """It installs Python packages, conda aside."""
        return self.manager in PYTHON_MANAGERS

    @property
    def is_conda(self) -> bool:
        """It is conda or one of its kin."""
        return self.manager in CONDA_MANAGERS

    @property
    def is_system(self) -> bool:
        """It installs packages of the distribution: apt, apk, dnf..."""
        return self.manager in SYSTEM_MANAGERS

    @property
    def brings_packages(self) -> bool:
        """Something is downloaded or installed by it: install, sync, upgrade, download, wheel, run."""
        return self.action in _BRINGS

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the packages on the command line that are known."""
        return tuple(package.name for package in self.packages if package.name)

    def has(self, *names: str) -> bool:
        """One of these options is on the command line (long names, or short ones that have no long name)."""
        return any(name in self.options for name in names)

    def option(self, name: str) -> Option | None:
        """The option of that long name, the last one if it is repeated."""
        return self.options[name][-1] if name in self.options else None

    def values(self, name: str) -> tuple[str, ...]:
        """The values of all options of that long name, on the command line only."""
        return tuple(option.text for option in self.options.get(name, ()) if option.value is not None)

    def setting(self, name: str) -> str | None:
        """An option's value in force: the command line's last, else the environment's (PIP_INDEX_URL)."""
        if found := self.option(name):
            return found.text
        return self.env.get(self.variable(name)) or None

    def is_on(self, name: str) -> bool:
        """A flag is in force: on the command line, or in the environment with a value that means yes."""
        return name in self.options or self.env.get(self.variable(name), "").lower() not in _FALSE

    def variable(self, name: str) -> str:
        """The environment variable of an option: ``PIP_NO_CACHE_DIR`` of pip's ``--no-cache-dir``."""
        return _PREFIXES.get(self.manager, "\0") + name.lstrip("-").replace("-", "_").upper()

    @property
    def index_urls(self) -> tuple[str, ...]:
        """The index in force and the extra ones, where not the default; from options and environment."""
        names = ("--index-url", "--default-index", "--extra-index-url", "--index")
        found = [
            url for name in names for url in (self.values(name) or _words(self.env, self.variable(name)))
        ]
        # uv names an index: pytorch=https://...
        return tuple(url.partition("=")[2] if "=" in url.partition("://")[0] else url for url in found)

    @property
    def installs_dev(self) -> bool:
        """Development dependencies come with it by the manager's own rules, as far as the command tells.

        uv sync, poetry install and pdm install take them unless told not to; pipenv with ``--dev``; npm
        unless production is asked for. For pip only names tell: see `extras` and `requirement_files`.
        """
        return _DEV.get(self.manager, _never)(self)

    @property
    def only_adds_project(self) -> bool:
        """An earlier step of its chain installed all that it asks for but the project: nothing is fetched."""
        if self.manager not in {"uv", "poetry", "pdm"} or self.packages or not self.brings_packages:
            return False
        return any(
            earlier.manager == self.manager
            and earlier.subcommand in {"sync", "install"}
            and earlier.has(*_WITHOUT_PROJECT)
            and earlier.run.index < self.run.index
            and earlier.call.directory == self.call.directory
            and _asked(earlier) == _asked(self)
            and (earlier.installs_dev or not self.installs_dev)
            for earlier in self.run.stage.all_installs
            if self.subcommand in {"sync", "install"} and earlier is not self
        )

    @property
    def inputs(self) -> Inputs:
        """What it reads of the project, and which GPU frameworks it brings: see `installed`."""
        return self.run.inputs_of(self)

    @property
    def cache(self) -> Cache:
        """Where it keeps what it downloads, and what becomes of that."""
        from wherry.check.facts.installs.caches import cache_of  # noqa: PLC0415 - that module knows this one

        return cache_of(self)


def _asked(install: Install) -> list[tuple[str, ...]]:
    return [install.values(name) or ((name,) if install.has(name) else ()) for name in _GROUPS]


def _words(env: Mapping[str, str], name: str) -> list[str]:
    return env.get(name, "").split()


def _never(_: Install) -> bool:
    return False


def _uv_dev(install: Install) -> bool:
    if install.subcommand not in {"sync", "run", "export"}:
        return False
    off = ("--no-dev", "--no-default-groups", "--only-group")
    return not any(map(install.is_on, off)) and "dev" not in install.values("--no-group")


def _poetry_dev(install: Install) -> bool:
    if install.action not in {"install", "sync"} or install.has("--no-dev", "--only", "--only-root"):
        return False
    return "dev" not in {name for text in install.values("--without") for name in text.split(",")}


def _pdm_dev(install: Install) -> bool:
    return install.action in {"install", "sync"} and not install.has("--prod", "--no-dev", "--production")


def _pipenv_dev(install: Install) -> bool:
    return install.action in {"install", "sync"} and install.has("--dev")


def _node_dev(install: Install) -> bool:
    if install.action != "install" or install.packages or install.env.get("NODE_ENV") == "production":
        return False
    return not install.has("--production", "--prod", "--only") and "dev" not in install.values("--omit")


_DEV: Final = {
    "uv": _uv_dev,
    "poetry": _poetry_dev,
    "pdm": _pdm_dev,
    "pipenv": _pipenv_dev,
    "npm": _node_dev,
    "yarn": _node_dev,
    "pnpm": _node_dev,
}
