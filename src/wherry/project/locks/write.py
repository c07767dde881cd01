"""``wherry lock`` for a project that has no lock: uv resolves, for every platform, and it is written.

A project with ``[project]`` in pyproject.toml gets a ``uv.lock``: it keeps groups and extras apart and knows
when it is stale. Plain requirements get a ``pylock.toml``, the standard (PEP 751), with the hash of what it
was made from in ``[tool.wherry]``. A lock that another tool keeps stays that tool's.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wherry.errors import InputError, WorldError
from wherry.fetch.addresses import without_userinfo
from wherry.fetch.indexes import IndexConfiguration
from wherry.project.locks.detect import find_lock
from wherry.project.locks.document import read_document
from wherry.project.uv import run_uv
from wherry.store.whole import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.project.project import Project

_DEEPEST_INCLUDE: Final = 20


def write_lock(
    project: Project,
    *,
    python: tuple[int, int] = (3, 11),
    offline: bool = False,
    indexes: IndexConfiguration | None = None,
) -> Path:
    """Lock the project, and give the path of its lock.

    A stale ``uv.lock`` or a ``pylock.toml`` of ours is brought up to date; any other lock is left alone.

    Args:
        project: The project.
        python: The oldest Python that plain requirements are locked for.
        offline: Whether the index may not be asked.
        indexes: Where distributions come from; None: what this machine's pip and uv are configured with.

    Raises:
        InputError: There is nothing to lock, it is another tool's to lock, or nothing satisfies it.
        WorldError: The index or uv failed, or the lock cannot be written.

    """
    root = project.root
    configuration = IndexConfiguration.read(root) if indexes is None else indexes
    # To resolve for a Python that is not here, uv may bring one; reading a lock it may not.
    downloads = os.environ.get("UV_PYTHON_DOWNLOADS", "automatic")
    variables = configuration.uv_environment() | {"UV_PYTHON_DOWNLOADS": downloads}
    found = find_lock(root)
    if found and found.kind == "uv.lock":
        return _uv_lock(found.path.parent, variables, offline=offline)
    if found and found.kind == "pylock.toml":
        inputs = _inputs_of(found.path)
        return _compile(root, inputs, python, variables, offline=offline) if inputs else found.path
    if found and (found.kind != "requirements.txt" or _is_locked(found.path)):
        return found.path
    pyproject = read_document(root / "pyproject.toml").toml() if (root / "pyproject.toml").is_file() else {}
    _require_ours(root, pyproject)
    if isinstance(pyproject.get("project"), dict):
        return _uv_lock(root, variables, offline=offline)
    wishes = [name for name in ("requirements.in", "requirements.txt") if (root / name).is_file()]
    if not wishes:
        raise InputError(
            "there is nothing to lock here",
            where=str(root),
            mend="list what the project needs in pyproject.toml or requirements.in",
        )
    return _compile(root, wishes[:1], python, variables, offline=offline)


def _require_ours(root: Path, pyproject: dict[str, Any]) -> None:
    """A project that is kept by another tool is locked by it."""
    tool = pyproject.get("tool")
    tools = tool if isinstance(tool, dict) else {}
    commands = {"poetry": "poetry lock", "pdm": "pdm lock"}
    command = next((commands[name] for name in commands if name in tools), None)
    if command is None and (root / "Pipfile").is_file():
        command = "pipenv lock"
    if command:
        raise InputError(
            f"the project is kept with {command.split()[0]}, which has not locked it yet",
            where=str(root),
            mend=f"run: {command}",
        )


def _uv_lock(root: Path, variables: dict[str, str], *, offline: bool) -> Path:
    run_uv(
        ["lock", "--quiet"],
        doing="lock the project",
        cwd=root,
        where=str(root / "pyproject.toml"),
        mend="see what it asks for in pyproject.toml",
        environment=variables,
        offline=offline,
    )
    return root / "uv.lock"


def _compile(
    root: Path, wishes: list[str], python: tuple[int, int], variables: dict[str, str], *, offline: bool
) -> Path:
    """Resolve requirements files for every platform into ``pylock.toml``."""
    written = run_uv(
        [
            *("pip", "compile", "--quiet", "--universal", f"--python-version={python[0]}.{python[1]}"),
            *("--format=pylock.toml", "--no-annotate", *wishes),
        ],
        doing=f"lock {' and '.join(wishes)}",
        cwd=root,
        where=str(root / wishes[0]),
        mend="see what it asks for",
        environment=variables | {"UV_CUSTOM_COMPILE_COMMAND": "wherry lock"},
        offline=offline,
    )
    inputs = dict.fromkeys(name for wish in wishes for name in _with_included(root, wish, 0))
    lines = [f'"{name}" = "{read_document(root / name).digest}"' for name in inputs]
    path = root / "pylock.toml"
    pins = without_userinfo(written).rstrip("\n")
    _write_pylock(path, f"{pins}\n\n[tool.wherry.inputs]\n" + "\n".join(lines) + "\n")
    return path


def _with_included(root: Path, name: str, depth: int) -> Iterator[str]:
    """*name* and the files beside it that it includes."""
    from wherry.project.locks.requirements import included_files  # noqa: PLC0415 - for plain requirements alone

    yield name
    for included in included_files(read_document(root / name).text()):
        if depth < _DEEPEST_INCLUDE and Path(included).name == included and (root / included).is_file():
            yield from _with_included(root, included, depth + 1)


def _inputs_of(path: Path) -> list[str]:
    """The requirements files a ``pylock.toml`` of ours was made from; none where it is not ours."""
    table: Any = read_document(path).toml()
    for key in ("tool", "wherry", "inputs"):
        table = table.get(key) if isinstance(table, dict) else None
    return [name for name in list(table or ())[:1] if (path.parent / name).is_file()]


def _is_locked(path: Path) -> bool:
    """Whether a requirements file is meant as a lock: it has hashes."""
    return b"--hash" in read_document(path).content


def _write_pylock(path: Path, text: str) -> None:
    """Write the file whole or not at all, and only if it can be read back."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WorldError("uv answered with something that is no pylock", mend="update uv") from error
    with whole_file(path) as file:
        file.write(text.encode())
