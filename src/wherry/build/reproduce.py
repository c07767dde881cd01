"""Prove that a build depends on its inputs alone: build again under other conditions and compare every byte.

The second build runs in another process, directory, umask, time zone, locale and hash seed, from a copy of
the project whose files were written in another order, into a store that has the downloads but no layer.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from wherry.build.elsewhere import copy_elsewhere
from wherry.build.prefetch import prefetch_file
from wherry.build.workshop import open_workshop
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.oci.coding import decompressed
from wherry.oci.media_types import layer_coding
from wherry.oci.model import decode_config, decode_manifest
from wherry.oci.reference import parse_tag
from wherry.progress import SilentProgress
from wherry.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from wherry.build.options import BuildOptions
    from wherry.build.result import BuildResult, BuiltImage
    from wherry.oci.model import Descriptor
    from wherry.oci.tarstream import Readable
    from wherry.progress import Progress

_MADE_HERE: Final = frozenset({"layers", "segments", "built-wheels", "told-wheels"})
"""Index entries that the second build must find out for itself."""

_OTHER_CONDITIONS: Final = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "LANG": "C", "PYTHONHASHSEED": "4242"}
_OTHER_UMASK: Final = 0o077
_CHUNK_BYTES: Final = 1 << 20


def check_reproducible(options: BuildOptions, result: BuildResult, store: Store, progress: Progress) -> None:
    """Build once more and compare with *result*.

    Raises:
        InputError: The second image differs; the message names the layer, the file in it and the byte.
        WorldError: The second build failed.

    """
    with store.scratch("reproduce") as scratch, progress.task("building a second time, elsewhere"):
        second = _fresh_store(store, scratch / "store")
        for image in result.images:
            digest = _build_again(options, image, store, scratch / str(image.plan.target.platform), second)
            if digest != image.descriptor.digest:
                raise _difference(store, image, second, digest)


def _fresh_store(store: Store, root: Path) -> Store:
    """A store with everything that was downloaded and nothing that was made from it."""

    def left_behind(directory: str, names: list[str]) -> set[str]:
        if directory == str(store.root):
            return {"tags", "locks", "tmp", "rootfs"} & set(names)
        return set(_MADE_HERE) & set(names) if directory == str(store.root / "index") else set()

    shutil.copytree(store.root, root, ignore=left_behind, copy_function=_link_or_copy, symlinks=True)
    return Store.open(root)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _build_again(
    options: BuildOptions, image: BuiltImage, store: Store, scratch: Path, second: Store
) -> Digest:
    workshop = open_workshop(options, store, SilentProgress())
    project = copy_elsewhere(workshop, image.plan.target, scratch / "elsewhere")
    base = _base_name(image, options, workshop.project.root)
    arguments = ["build", str(project), "-t", "second", "-q"]
    arguments += ["--platform", str(image.plan.target.platform), "--base", base]
    arguments += [word for links in options.find_links for word in ("--find-links", str(links.resolve()))]
    arguments += ["--target", "dev"] if options.dev else []
    arguments += ["--offline"] if options.offline else []
    arguments += ["--compression", image.plan.policy.compression]
    listed = prefetch_file(workshop) if image.plan.policy.prefetch else None
    arguments += ["--prefetch", str(listed)] if listed else []
    arguments += ["--cache-from", "none"]  # what others made is what is to be proved
    done = subprocess.run(  # noqa: S603 - this very program
        [sys.executable, "-m", "wherry", *arguments],
        env={**os.environ, **_OTHER_CONDITIONS, "WHERRY_CACHE_DIR": str(second.root)},
        cwd=scratch,
        umask=_OTHER_UMASK,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        first = (done.stderr.strip().splitlines() or ["no message"])[0]
        raise WorldError(
            f"the second build failed: {first.removeprefix('error: ')}", mend="build again without the check"
        )
    tag = second.tags.get(str(parse_tag("second")))
    if tag is None:
        raise WorldError("the second build left no image", mend="build again without the check")
    return Digest(tag.digest)


def _base_name(image: BuiltImage, options: BuildOptions, root: Path) -> str:
    """The base by a name that means the same from another directory."""
    transport, colon, path = image.plan.base.name.partition(":")
    start = Path.cwd() if options.base else root
    if image.plan.base.packages or image.plan.base.registry_name:
        return image.plan.base.name
    return f"{transport}{colon}{start / path}"


def _difference(store: Store, image: BuiltImage, second: Store, digest: Digest) -> InputError:
    mend = "please report this: the same inputs must give the same image"
    first_manifest = decode_manifest(_document(store, image.descriptor.digest), "first build")
    other_manifest = decode_manifest(_document(second, digest), "second build")
    for number, (layer, one, other) in enumerate(
        zip(image.layers, first_manifest.layers, other_manifest.layers, strict=False), 1
    ):
        if one.digest != other.digest:
            place = _first_difference((store, one), (second, other))
            return InputError(
                f"not reproducible: {place}", where=f"layer {number}: {layer.planned.title}", mend=mend
            )
    ours = decode_config(_document(store, first_manifest.config.digest), "first build")
    theirs = decode_config(_document(second, other_manifest.config.digest), "second build")
    field = next((f for f in ours.__struct_fields__ if getattr(ours, f) != getattr(theirs, f)), "annotations")
    return InputError(f"not reproducible: the image's {field} differ", where="image configuration", mend=mend)


def _document(store: Store, digest: Digest) -> bytes:
    with store.blobs.open(digest) as stream:
        return stream.read()


def _first_difference(one: tuple[Store, Descriptor], other: tuple[Store, Descriptor]) -> str:
    """In words: the first byte of the uncompressed layers that differs, and the file it is in."""
    offset = 0
    with _uncompressed(*one) as left, _uncompressed(*other) as right:
        while True:
            a, b = _exactly(left, _CHUNK_BYTES), _exactly(right, _CHUNK_BYTES)
            if a != b:
                offset += next(
                    (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
                )
                return f"byte {offset} of the layer differs, in {_member_at(one, offset)}"
            if not a:
                return "the same files, compressed to other bytes"
            offset += len(a)


@contextmanager
def _uncompressed(store: Store, layer: Descriptor) -> Iterator[Readable]:
    with store.blobs.open(layer.digest) as stream:
        yield decompressed(stream, layer_coding(layer.media_type) or "tar", layer.digest)


def _exactly(stream: Readable, size_bytes: int) -> bytes:
    parts: list[bytes] = []
    while size_bytes and (part := stream.read(size_bytes)):
        parts.append(part)
        size_bytes -= len(part)
    return b"".join(parts)


def _member_at(layer: tuple[Store, Descriptor], offset: int) -> str:
    """The name of the tar member whose header or content holds the byte at *offset*."""
    name = "the directory entries"
    with _uncompressed(*layer) as stream, tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as tar:
        for member in tar:
            if member.offset > offset:
                break
            name = member.name
    return name
