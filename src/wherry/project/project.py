"""A project as its author wrote it down: one value with all that pyproject.toml and git say, read once.

Nothing is imported or run, and nothing is resolved: the lock has its own reader.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from wherry.errors import InputError
from wherry.project.config import WherryConfig, read_config
from wherry.project.metadata import Metadata, read_metadata
from wherry.project.revision import find_git_directory, public_url, read_remote, read_revision
from wherry.project.toml_file import TomlFile

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

    from wherry.project.metadata import Script
    from wherry.project.toml_file import Node

PYPROJECT: Final = "pyproject.toml"

_SOURCE_LABELS: Final = ("source", "sourcecode", "repository", "github", "code", "homepage")
_PROJECT_FILES: Final = (
    *("requirements*.txt", "requirements*.in", "pylock*.toml", "uv.lock", "poetry.lock", "pdm.lock"),
    *("Pipfile", "Pipfile.lock", "environment.yml", "environment.yaml", "setup.py", "setup.cfg"),
)
_MAX_PARENTS: Final = 64
_PYTHON_VERSION: Final = re.compile(r"\s*(?:cpython-)?(3)\.([0-9]{1,2})(?:\.[0-9]+)?\s*(?:\n|$)")


@dataclass(frozen=True)
class Project:
    """What the user wrote. Paths are absolute, save those that messages show."""

    root: Path  # absolute, symlinks resolved
    shown: Path  # the same directory as the user named it, for messages
    name: str  # as written; the directory's name where nothing states one
    version: str | None = None
    requires_python: SpecifierSet | None = None
    python: tuple[int, int] | None = None  # the minor version that its people work with: (3, 11)
    config: WherryConfig = WherryConfig()  # noqa: RUF009 - frozen
    pyproject: TomlFile | None = None
    has_build_system: bool = False  # its wheel is installed; else its source tree is copied
    scripts: tuple[Script, ...] = ()
    gui_scripts: tuple[Script, ...] = ()
    groups: tuple[str, ...] = ()  # declared dependency groups, normalized
    extras: tuple[str, ...] = ()  # declared optional dependencies, normalized
    workspace: Path | None = None  # root of the uv workspace it belongs to, itself included; absolute
    source_url: str | None = None  # where its source is kept: http(s), without credentials
    revision: str | None = None  # full commit hash of HEAD

    @property
    def image_name(self) -> str:
        """The name an image of it gets where no other is given: the configured one, else made from `name`."""
        if self.config.name:
            return self.config.name
        plain = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")
        return plain[:128].strip("-") or "app"

    @property
    def dev_groups(self) -> tuple[str, ...]:
        """The groups ``--target dev`` adds: the configured ones, else ``dev`` where there is one."""
        if self.config.dev_groups is not None:
            return self.config.dev_groups
        return tuple(group for group in ("dev",) if group in self.groups)

    def place(self, relative: str, line: int | None = None) -> str:
        """``src/app.py:12``, from where the user stands."""
        path = str(self.shown / relative)
        return f"{path}:{line}" if line else path


def read_project(path: Path) -> Project:
    """Read the project at *path*: a directory, or the pyproject.toml in it.

    Raises:
        InputError: There is none, or what pyproject.toml says is not valid; the place is its line.

    """
    shown, root = _directory(path)
    file = shown / PYPROJECT
    document = TomlFile.read(file) if file.exists() else None
    if document is None:
        _require_something(shown)
    facts = read_metadata(document.root) if document else None
    config = read_config(document.root.get("tool", "wherry")) if document else WherryConfig()
    git = find_git_directory(root)
    project = Project(
        root=root,
        shown=shown,
        name=(facts.name if facts else None) or root.name or "app",
        config=config,
        pyproject=document,
        version=facts.version if facts else None,
        requires_python=facts.requires_python if facts else None,
        python=config.python or _python_version(root) or _pipfile_python(root),
        has_build_system=facts.has_build_system if facts else False,
        scripts=facts.scripts if facts else (),
        gui_scripts=facts.gui_scripts if facts else (),
        groups=facts.groups if facts else (),
        extras=facts.extras if facts else (),
        workspace=_workspace(root, document),
        source_url=_source_url(facts, git),
        revision=read_revision(git) if git else None,
    )
    _require_named_groups(project)
    return project


def _directory(path: Path) -> tuple[Path, Path]:
    """The project's directory, as given and resolved."""
    try:
        resolved = path.resolve(strict=True)
        is_file = resolved.is_file()
    except FileNotFoundError:
        raise InputError("there is no such directory", where=str(path)) from None
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links; a NUL
        reason = getattr(error, "strerror", None) or "not a usable path"
        raise InputError(f"cannot read the project: {reason}", where=str(path)) from None
    if not is_file:
        return path, resolved
    if path.name != PYPROJECT:
        raise InputError(
            "a project is a directory or a pyproject.toml, and this is another file",
            where=str(path),
            mend=f"give its directory: {path.parent}",
        )
    return path.parent, resolved.parent


def _python_version(root: Path) -> tuple[int, int] | None:
    """What ``.python-version`` says, which uv and pyenv write: the image gets the Python people work with."""
    try:
        with (root / ".python-version").open("rb") as stream:
            text = stream.read(100).decode("ascii", "replace")
    except OSError:
        return None
    match = _PYTHON_VERSION.match(text)
    return (int(match[1]), int(match[2])) if match else None


def _pipfile_python(root: Path) -> tuple[int, int] | None:
    """What the Pipfile requires, where that is readable: the rest of it is pipenv's."""
    try:
        requires = TomlFile.read(root / "Pipfile").root
        found = requires.get("requires", "python_full_version") or requires.get("requires", "python_version")
        match = _PYTHON_VERSION.match(found.text()) if found else None
    except InputError:
        return None
    return (int(match[1]), int(match[2])) if match else None


def _require_something(directory: Path) -> None:
    """An empty directory is a mistyped path far more often than a project."""
    try:
        if any(next(directory.glob(pattern), None) for pattern in _PROJECT_FILES):
            return
    except OSError as error:
        raise InputError(f"cannot read the project: {error.strerror}", where=str(directory)) from None
    raise InputError(
        "no Python project here: neither pyproject.toml nor requirements.txt nor a lock file",
        where=str(directory),
        mend="give the directory of a project, or write its dependencies into requirements.txt",
    )


def _source_url(facts: Metadata | None, git: Path | None) -> str | None:
    urls = facts.urls if facts else {}
    stated = (public_url(urls[label]) for label in _SOURCE_LABELS if label in urls)
    return next(filter(None, stated), None) or (read_remote(git) if git else None)


def _require_named_groups(project: Project) -> None:
    """A group or extra that [tool.wherry] names is one that the project declares."""
    if project.pyproject is None or (project.root / "Pipfile").exists():
        return
    table = project.pyproject.root.get("tool", "wherry")
    for key, known, kind in (
        ("groups", project.groups, "dependency group"),
        ("dev-groups", project.groups, "dependency group"),
        ("extras", project.extras, "extra"),
    ):
        node = table.get(key) if table else None
        wanted = getattr(project.config, key.replace("-", "_")) or ()
        missing = next((name for name in wanted if name not in known), None)
        if node and missing:
            near = difflib.get_close_matches(missing, known, n=1)
            mend = f"did you mean {near[0]!r}?" if near else f"it declares: {', '.join(known) or 'none'}"
            raise node.fail(f"the project declares no {kind} {missing!r}", mend)


def _workspace(root: Path, document: TomlFile | None) -> Path | None:
    """The nearest uv workspace root, this directory or above, that counts this directory as a member."""
    own = document.root.get("tool", "uv", "workspace") if document else None
    if own:
        return root
    for directory in root.parents[:_MAX_PARENTS]:
        file = directory / PYPROJECT
        if not file.is_file():
            continue
        try:
            table = TomlFile.read(file).root.get("tool", "uv", "workspace")
        except InputError:
            return None  # another project's broken file is not this project's error
        if table:
            below = PurePosixPath(root.relative_to(directory).as_posix())
            is_member = _names_member(table, "members", below) and not _names_member(table, "exclude", below)
            return directory if is_member else None
    return None


def _names_member(table: Node, key: str, relative: PurePosixPath) -> bool:
    node = table.get(key)
    patterns = node.value if node and isinstance(node.value, list) else []
    return any(
        isinstance(pattern, str)
        and len(PurePosixPath(pattern).parts) == len(relative.parts)
        and relative.match(pattern)
        for pattern in patterns
        if pattern
    )
