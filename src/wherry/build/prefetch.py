"""How a build's layers are written: in which compression, and which files of them stand first.

The list of files is a text: a path in the image on each line, in the order of first use, as ``wherry run
--trace`` writes it. Empty lines and lines that begin with ``#`` say nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.layers.paths import path_problem

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from wherry.build.result import BuiltImage
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


def prefetch_notes(images: Iterable[BuiltImage], workshop: Workshop) -> list[str]:
    """What of the list stands first in no layer, because none that was made has it.

    Nothing is said where a layer is not here, but in a registry alone: nobody looks into it.
    """
    _, wanted = layer_format(workshop)
    if not wanted:
        return []
    from wherry.layers.estargz import TOC_DIGEST  # noqa: PLC0415 - few builds have such a list
    from wherry.layers.estargz_table import first_paths  # noqa: PLC0415 - the same

    blobs = workshop.store.blobs
    made = {
        Digest(layer.blob.digest)
        for image in images
        for layer in image.layers
        if TOC_DIGEST in layer.blob.annotations
    }
    if any(digest not in blobs for digest in made):
        return []
    found: set[str] = set()
    for digest in made:
        with blobs.open(digest) as blob:
            found |= first_paths(blob)
    missing = [path for path in wanted if path not in found]
    file = prefetch_file(workshop)
    if len(missing) == len(wanted):
        return [f"nothing is prefetched: no layer made here has a file that {file} lists"]
    what = f"no layer made here has {len(missing)} of the {len(wanted)} files that {file} lists"
    return [f"{what}, /{missing[0]} among them"] if missing else []


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
