"""The files wherry itself puts into an image: the virtual environment's frame and the project's sources."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from wherry.layers.tree_layer import TreeEntry
from wherry.plan.settings import HOME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wherry.bases.model import Base
    from wherry.layers.model import Layout
    from wherry.project.source import SourceFile


def environment_entries(layout: Layout, base: Base, user: str, workdir: str) -> list[TreeEntry]:
    """The virtual environment before anything is installed into it (PEP 405), the user's home, the workdir.

    A project that is a wheel has no files in its working directory. It is there all the same: not every
    runtime makes the directory that it starts a program in.
    """
    prefix = layout.prefix.lstrip("/")
    minor = f"{layout.python[0]}.{layout.python[1]}"
    settings = (
        f"home = {PurePosixPath(base.interpreter).parent}\n"
        "include-system-site-packages = false\n"
        f"version = {base.python_full_version}\n"
    )
    entries = [
        *_directories([f"{prefix}/bin", f"{prefix}/lib/python{minor}/site-packages"], below=prefix),
        TreeEntry(f"{prefix}/pyvenv.cfg", "file", 0o644, settings.encode()),
        TreeEntry(f"{prefix}/bin/python", "symlink", 0o777, None, link=base.interpreter),
        TreeEntry(f"{prefix}/bin/python3", "symlink", 0o777, None, link="python"),
        TreeEntry(f"{prefix}/bin/python{minor}", "symlink", 0o777, None, link="python"),
    ]
    if workdir != HOME:
        entries.append(TreeEntry(workdir.strip("/"), "directory", 0o755, None))
    if base.layers:
        uid, _, gid = user.partition(":")
        entries.append(
            TreeEntry(HOME.lstrip("/"), "directory", 0o755, None, uid=int(uid), gid=int(gid or uid))
        )
    return entries


def source_entries(files: Iterable[SourceFile], workdir: str) -> list[TreeEntry]:
    """The project's sources below the working directory, owned by root: a service cannot rewrite itself."""
    top = workdir.strip("/")
    entries: list[TreeEntry] = []
    for file in files:
        name = f"{top}/{file.relative}"
        if file.link:
            entries.append(TreeEntry(name, "symlink", 0o777, None, link=file.link))
        else:
            entries.append(TreeEntry(name, "file", 0o755 if file.executable else 0o644, file.path))
    return [*_directories([e.path.rpartition("/")[0] for e in entries] or [top], below=top), *entries]


def _directories(paths: Iterable[str], *, below: str) -> Iterator[TreeEntry]:
    """Every directory from *below* down to each of *paths*, once."""
    seen: set[str] = {below}
    for path in paths:
        while path not in seen:
            seen.add(path)
            path = path.rpartition("/")[0]  # noqa: PLW2901 - walking up
    return (TreeEntry(path, "directory", 0o755, None) for path in sorted(seen))
