"""Images made by hand for tests: a few files in a tar, or a shell with the libraries it needs."""

from __future__ import annotations

import gzip
import io
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import zstandard

from wherry.digest import Digest
from wherry.oci import media_types
from wherry.oci.image import StoreSource
from wherry.oci.model import (
    Config,
    Descriptor,
    ImageConfig,
    PlatformSpec,
    RootFS,
    describe,
    encode,
    index_of,
    manifest_of,
)
from wherry.oci.platform import Platform
from wherry.oci.reference import parse_tag
from wherry.store.tags import Tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.oci.media_types import LayerCoding
    from wherry.store.store import Store

USER = 65532


@dataclass(frozen=True)
class Entry:
    """One member of a hand-made layer."""

    path: str
    data: bytes = b""
    kind: bytes = tarfile.REGTYPE
    mode: int = 0o644
    link: str = ""
    uid: int = 0
    pax: dict[str, str] = field(default_factory=dict)


def directory(path: str, mode: int = 0o755, uid: int = 0) -> Entry:
    return Entry(path, kind=tarfile.DIRTYPE, mode=mode, uid=uid)


def symlink(path: str, to: str) -> Entry:
    return Entry(path, kind=tarfile.SYMTYPE, mode=0o777, link=to)


def hardlink(path: str, to: str) -> Entry:
    return Entry(path, kind=tarfile.LNKTYPE, link=to)


def tar_of(entries: Iterable[Entry]) -> bytes:
    """The tar of *entries*, in their order."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry.path)
            info.type, info.mode, info.linkname, info.uid, info.gid = (
                entry.kind,
                entry.mode,
                entry.link,
                entry.uid,
                entry.uid,
            )
            info.size, info.mtime, info.pax_headers = len(entry.data), 1_672_531_200, entry.pax
            archive.addfile(info, io.BytesIO(entry.data))
    return sink.getvalue()


def compress(data: bytes, coding: LayerCoding) -> bytes:
    if coding == "gzip":
        return gzip.compress(data, mtime=0)
    return zstandard.compress(data) if coding == "zstd" else data


def put_image(  # noqa: PLR0913 - what an image is made of
    store: Store,
    layers: Sequence[Iterable[Entry]],
    *,
    config: Config | None = None,
    coding: LayerCoding = "gzip",
    architecture: str = "",
    diff_ids: tuple[Digest, ...] = (),
) -> Descriptor:
    """Put an image of these layers into the store, and give its manifest."""
    tars = [tar_of(layer) for layer in layers]
    blobs = [compress(tar, coding) for tar in tars]
    architecture = architecture or Platform.of_host().architecture
    document = encode(
        ImageConfig(
            architecture=architecture,
            os="linux",
            config=config or Config(cmd=("/bin/true",)),
            rootfs=RootFS.of(diff_ids or tuple(Digest.of_bytes(tar) for tar in tars)),
            history=tuple({"created_by": f"by hand {n}"} for n in range(len(tars))),
        )
    )
    descriptors = tuple(describe(blob, media_types.layer_media_type(coding)) for blob in blobs)
    manifest = encode(manifest_of(describe(document, media_types.CONFIG), descriptors))
    for blob in (*blobs, document, manifest):
        store.blobs.add_bytes(blob)
    spec = PlatformSpec(architecture=architecture, os="linux")
    return describe(manifest, media_types.MANIFEST, platform=spec)


def put_index(store: Store, manifests: Sequence[Descriptor]) -> Descriptor:
    """Put an index of *manifests* into the store."""
    data = encode(index_of(tuple(manifests)))
    store.blobs.add_bytes(data)
    return describe(data, media_types.INDEX)


def name_image(store: Store, name: str, root: Descriptor) -> None:
    """Give *root* a name in the store."""
    tag = Tag(
        digest=str(root.digest),
        size_bytes=root.size_bytes,
        media_type=root.media_type,
        created_s=1_700_000_000,
    )
    store.tags.put(str(parse_tag(name)), tag)


def source_of(store: Store, root: Descriptor) -> StoreSource:
    return StoreSource(store, root)


def shell_layer() -> list[Entry]:
    """A few programs of this machine with the libraries they load: enough to look around inside."""
    return program_layer("sh", "cat", "id", "sleep", "ls")


def program_layer(*names: str) -> list[Entry]:
    """The programs of this machine called *names*, the libraries they load, a user and a home."""
    paths: dict[str, Path] = {}
    for name in names:
        program = shutil.which(name)
        if program is None:
            continue
        paths[f"bin/{name}"] = Path(program)
        libraries = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(/\S+)\s+\(0x", libraries):
            paths[library.lstrip("/")] = Path(library)
    entries = [Entry(path, source.read_bytes(), mode=0o755) for path, source in sorted(paths.items())]
    made = {parent for path in paths for parent in Path(path).parents} - {Path()}
    entries[:0] = [directory(str(parent)) for parent in sorted(made)]
    entries += [directory(name) for name in ("etc", "proc", "dev", "sys", "home", "mnt", "opt")]
    entries += [
        directory("tmp", 0o1777),
        directory("home/app", 0o755, USER),
        Entry("etc/passwd", f"root:x:0:0::/root:/bin/sh\napp:x:{USER}:{USER}::/home/app:/bin/sh\n".encode()),
        Entry("etc/group", f"root:x:0:\napp:x:{USER}:\n".encode()),
        Entry("opt/read-only", b"of the image\n"),
    ]
    return entries


def shell_config(*command: str) -> Config:
    """A config as wherry's own images have it."""
    return Config(
        user=f"{USER}:{USER}",
        env=("PATH=/usr/bin:/bin", "HOME=/home/app", "GREETING=hello"),
        entrypoint=command or ("/bin/sh", "-c", "echo $GREETING; id -u; pwd"),
        working_dir="/opt",
    )
