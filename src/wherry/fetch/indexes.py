"""What this machine's pip and uv are configured with: which indexes, which directories of wheels.

The files and variables are those of pip (https://pip.pypa.io/en/stable/topics/configuration/) and of uv
(https://docs.astral.sh/uv/concepts/configuration-files/), in their order of precedence.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wherry.errors import InputError
from wherry.fetch.addresses import without_userinfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_UV_DEFAULT: Final = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
_UV_EXTRA: Final = ("UV_INDEX", "UV_EXTRA_INDEX_URL")


@dataclass(frozen=True, slots=True, repr=False)
class IndexConfiguration:
    """Where distributions come from when a lock does not say. URLs may hold credentials: never show them."""

    default: str | None = None  # None: the index that uv knows by itself
    extra: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()  # absolute directories, or URLs of pages
    named: tuple[
        tuple[str, str], ...
    ] = ()  # uv's names of indexes, in capitals as in UV_INDEX_<NAME>_PASSWORD
    for_uv: tuple[tuple[str, str], ...] = ()  # what uv must be told to see the same

    def __repr__(self) -> str:
        """Show the indexes without credentials."""
        fields = f"default={self.default!r}, extra={self.extra!r}, find_links={self.find_links!r}"
        return f"IndexConfiguration({without_userinfo(fields)})"

    @classmethod
    def read(
        cls, project_root: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> IndexConfiguration:
        """Read the variables and files of pip and uv.

        What the user configured for uv goes before what they configured for pip.

        Args:
            project_root: Where the project's own uv.toml or pyproject.toml is looked for.
            environ: The environment; this process's if None.

        Raises:
            InputError: A configuration file cannot be understood.

        """
        environ = os.environ if environ is None else environ
        uv = _Found.of_uv(environ, project_root)
        pip = _Found.of_pip(environ)
        for_uv = {}
        if pip.default and not uv.default:
            for_uv["UV_DEFAULT_INDEX"] = pip.default
        if pip.extra and not uv.extra:
            for_uv["UV_INDEX"] = " ".join(pip.extra)
            if not environ.get("UV_INDEX_STRATEGY"):
                for_uv["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip: all its indexes count alike
        if pip.find_links and "UV_FIND_LINKS" not in environ:
            # uv stops at a directory that is not there; pip says so and goes on.
            there = [link for link in pip.find_links if "://" in link or Path(link).is_dir()]
            for_uv |= {"UV_FIND_LINKS": ",".join(there)} if there else {}
        if pip.certificates and not environ.get("SSL_CERT_FILE"):
            for_uv["SSL_CERT_FILE"] = pip.certificates
        return cls(
            default=uv.default or pip.default,
            extra=tuple(dict.fromkeys(uv.extra or pip.extra)),
            find_links=tuple(dict.fromkeys((*uv.find_links, *pip.find_links))),
            named=tuple(uv.named),
            for_uv=tuple(for_uv.items()),
        )

    def uv_environment(self) -> dict[str, str]:
        """The variables that let uv see what pip is configured with; nothing the user set for uv is replaced.

        They may hold credentials: for a child's environment only.
        """
        return dict(self.for_uv)

    def urls(self) -> tuple[str, ...]:
        """Every index and page by URL, for the credentials in them."""
        named = (url for _, url in self.named)
        pages = (link for link in self.find_links if "://" in link)
        return tuple(dict.fromkeys((*named, *((self.default,) if self.default else ()), *self.extra, *pages)))


@dataclass(slots=True)
class _Found:
    """What one program is configured with, the most particular place first."""

    default: str | None
    extra: list[str]
    find_links: list[str]
    named: list[tuple[str, str]]
    certificates: str = ""

    @classmethod
    def of_uv(cls, environ: Mapping[str, str], project_root: Path | None) -> _Found:
        found = cls(None, [], [], [])
        for variable in _UV_DEFAULT:
            found.default = found.default or found.name(environ.get(variable, "").strip())
        for variable in _UV_EXTRA:
            found.extra += map(found.name, environ.get(variable, "").split())
        found.find_links += filter(None, environ.get("UV_FIND_LINKS", "").split(","))
        for file, table in _uv_tables(environ, project_root):
            found.add_uv_table(table, file)
        found.find_links = [_absolute(link, Path.cwd()) for link in found.find_links]
        return found

    @classmethod
    def of_pip(cls, environ: Mapping[str, str]) -> _Found:
        options: dict[str, str] = {}
        for file in _pip_files(environ):
            options |= _pip_options(file)
        for option in ("index-url", "extra-index-url", "find-links", "cert"):
            value = environ.get(f"PIP_{option.upper().replace('-', '_')}", "")
            options |= {option: value} if value else {}
        links = [_absolute(link, Path.cwd()) for link in options.get("find-links", "").split()]
        return cls(
            default=options.get("index-url", "").strip() or None,
            extra=options.get("extra-index-url", "").split(),
            find_links=links,
            named=[],
            certificates=options.get("cert", ""),
        )

    def name(self, text: str) -> str:
        """Take ``name=url`` or ``url``, remember the name, give the URL."""
        name, separator, url = text.partition("=")
        if not separator or ":" in name or "/" in name:
            return text
        self.named.append((_variable_part(name), url))
        return url

    def add_uv_table(self, table: dict[str, Any], file: Path) -> None:
        """Take what one uv.toml or [tool.uv] says, where nothing more particular said it."""
        for index in _tables(table.get("index")):
            url = index.get("url")
            if not isinstance(url, str):
                continue
            url = _absolute(url, file.parent)
            if isinstance(index.get("name"), str):
                self.named.append((_variable_part(index["name"]), url))
            elif index.get("explicit") is True:
                self.named.append(("", url))
            if index.get("default") is True:
                self.default = self.default or url
            elif index.get("explicit") is not True:
                self.extra.append(url)
        self.default = self.default or _text(table.get("index-url"))
        self.extra += _texts(table.get("extra-index-url"))
        self.find_links += [_absolute(link, file.parent) for link in _texts(table.get("find-links"))]


def _uv_tables(
    environ: Mapping[str, str], project_root: Path | None
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The project's table, the user's and the system's; UV_CONFIG_FILE stands for all of them."""
    if environ.get("UV_CONFIG_FILE"):
        file = Path(environ["UV_CONFIG_FILE"])
        yield file, _toml(file)
        return
    if environ.get("UV_NO_CONFIG", "").lower() in {"1", "true", "t", "yes", "y", "on"}:
        return
    if project_root is not None:
        # A uv.toml beside a pyproject.toml goes before it, and the latter's table is ignored.
        own = project_root / "uv.toml"
        shared = project_root / "pyproject.toml"
        if own.is_file():
            yield own, _toml(own)
        elif shared.is_file():
            tool = _toml(shared).get("tool")
            table = tool.get("uv") if isinstance(tool, dict) else None
            yield shared, table if isinstance(table, dict) else {}
    for directory in (_config_home(environ), *_config_dirs(environ), Path("/etc")):
        file = directory / "uv" / "uv.toml"
        if file.is_file():
            yield file, _toml(file)


def _pip_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Files of pip's, the later going before the earlier; PIP_CONFIG_FILE=/dev/null means none at all."""
    named = environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return
    yield from (directory / "pip" / "pip.conf" for directory in reversed(_config_dirs(environ)))
    yield Path("/etc/pip.conf")
    if not (named and Path(named).exists()):
        home = _home(environ)
        yield home / ".pip" / "pip.conf"
        yield home / "Library" / "Application Support" / "pip" / "pip.conf"
        yield _config_home(environ) / "pip" / "pip.conf"
    if environ.get("VIRTUAL_ENV"):
        yield Path(environ["VIRTUAL_ENV"]) / "pip.conf"
    if named:
        yield Path(named)


def _pip_options(file: Path) -> dict[str, str]:
    """The options of [global], and of [install] before them."""
    try:
        text = file.read_text("utf-8", "replace")
    except OSError:
        return {}
    from configparser import Error, RawConfigParser  # noqa: PLC0415 - many machines have no such file

    parser = RawConfigParser()
    try:
        parser.read_string(text)
    except Error as error:
        raise InputError(
            "pip's configuration cannot be read", where=str(file), mend="see `pip config debug`"
        ) from error
    options: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            options |= {key.replace("_", "-"): value or "" for key, value in parser.items(section)}
    return options


def _toml(file: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - few machines have such a file

    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError:
        return {}
    except ValueError as error:
        raise InputError(
            "not TOML", where=f"{file}: {error}", mend="correct the file: uv reads it too"
        ) from error


def _variable_part(name: str) -> str:
    """An index's name as uv writes it in UV_INDEX_<NAME>_PASSWORD."""
    return "".join(c if c.isalnum() else "_" for c in name).upper()


def _absolute(link: str, directory: Path) -> str:
    return link if "://" in link else str((directory / Path(link).expanduser()).absolute())


def _tables(value: object) -> Iterable[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or "/")


def _config_home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("XDG_CONFIG_HOME") or _home(environ) / ".config")


def _config_dirs(environ: Mapping[str, str]) -> tuple[Path, ...]:
    return tuple(Path(d) for d in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":") if d)
