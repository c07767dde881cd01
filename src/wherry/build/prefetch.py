"""How a build's layers are written: in which compression, and which files of them stand first.

The list of files is a text: a path in the image on each line, in the order of first use, as ``wherry run
--trace`` writes it. Empty lines and lines that begin with ``#`` say nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.errors import InputError, WorldError
from wherry.layers.paths import path_problem

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.build.workshop import Workshop
    from wherry.layers.model import Compression

LIMIT_BYTES: Final = 16 << 20


def layer_format(workshop: Workshop) -> tuple[Compression, tuple[str, ...]]:
    """The compression, and the paths that stand first, relative to the image's root.

    Raises:
        InputError: There is a list, and the compression has no use for it; or it is not a list of paths.
        WorldError: It cannot be read.

    """
    options, config = workshop.options, workshop.project.config
    compression = options.compression or config.compression
    if compression == "estargz":
        file = prefetch_file(workshop)
        return compression, read_prefetch(file) if file else ()
    if options.prefetch is not None or (config.prefetch is not None and options.compression is None):
        where = "[tool.wherry] prefetch" if options.prefetch is None else "--prefetch"
        raise InputError(
            f"a list of files to prefetch is of no use to {compression}",
            where=where,
            mend="set the compression to estargz, or leave the list out",
        )
    return compression, ()


def prefetch_file(workshop: Workshop) -> Path | None:
    """Where the list is; None where there is none."""
    options, project = workshop.options, workshop.project
    if options.prefetch is not None or project.config.prefetch is None:
        return options.prefetch
    return project.root / project.config.prefetch


def read_prefetch(file: Path) -> tuple[str, ...]:
    """The paths that *file* lists, each once.

    Raises:
        InputError: A line is not the path of a file in an image.
        WorldError: It cannot be read.

    """
    try:
        with file.open("rb") as stream:
            data = stream.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise WorldError(
            f"cannot read the list of files to prefetch: {error.strerror}", where=str(file)
        ) from None
    if len(data) > LIMIT_BYTES:
        raise InputError("the list of files to prefetch is too long", where=str(file))
    try:
        lines = data.decode().splitlines()
    except UnicodeDecodeError:
        raise InputError("the list of files to prefetch is not UTF-8", where=str(file)) from None
    found: dict[str, None] = {}
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        path = line.removeprefix("/")
        problem = path_problem(path) if path != line else "is not absolute"
        if problem:
            raise InputError(
                f"the path {line[:200]!r} {problem}",
                where=f"{file}:{number}",
                mend="write the list with `wherry run NAME --trace FILE`",
            )
        found[path] = None
    return tuple(found)
