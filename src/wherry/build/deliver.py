"""Hand an image over, of the store or from elsewhere: to a layout, archive, registry, docker or podman."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, TypeAlias

from wherry.build.run.engine import Engine, EngineName, working_engine
from wherry.build.whole_image import make_whole
from wherry.digest import Digest
from wherry.errors import InputError
from wherry.oci.archive import image_for_docker, write_docker_archive, write_oci_archive
from wherry.oci.image import blobs_under
from wherry.oci.layout import write_layout
from wherry.oci.reference import (
    DaemonReference,
    DockerArchiveReference,
    LayoutReference,
    OciArchiveReference,
    RegistryReference,
    StoreDigest,
    StoreTag,
    parse_reference,
    parse_tag,
)
from wherry.oci.sources import open_reference
from wherry.progress import SilentProgress
from wherry.store.whole import whole_file, world_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from wherry.oci.image import Image, ImageSource
    from wherry.oci.model import Descriptor
    from wherry.progress import Progress
    from wherry.store.store import Store


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """Docker or podman on this machine (``--load``); ``None`` is whichever works."""

    name: EngineName | None = None


LocalDestination: TypeAlias = (
    LayoutReference | OciArchiveReference | DockerArchiveReference | DaemonReference | LocalEngine
)
Destination: TypeAlias = LocalDestination | RegistryReference


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was handed over."""

    to: str  # "oci:DIR:v1", "docker"
    digest: Digest  # of the manifest or index that went there
    size_bytes: int  # written there; blobs that were there already are not
    amounts: str = ""  # how its bytes came into a registry, in words

    @property
    def words(self) -> str:
        """The same for the end of a report."""
        return f"pushed to {self.to}: {self.amounts}" if self.amounts else f"written to {self.to}"


def parse_destination(text: str) -> Destination:
    """Read what ``-o`` names.

    Raises:
        InputError: It is nowhere an image can be put.

    """
    found = parse_reference(text)
    if not isinstance(found, StoreTag | StoreDigest):
        return found
    raise InputError(
        f"cannot write an image to {text!r}",
        mend="use oci:DIR, oci-archive:FILE, docker-archive:FILE, docker-daemon:NAME or docker://HOST/NAME",
    )


def deliver(  # noqa: PLR0913 - what, where to, and by name how missing layers are had
    store: Store,
    image: str,
    destination: Destination,
    progress: Progress | None = None,
    *,
    offline: bool = False,
    plain_http: Collection[str] = (),
) -> Delivered:
    """Put an image of the store where the user wants it.

    Args:
        store: Where it is.
        image: Its tag, ``app`` or ``app:v2``, or the digest of its manifest or index.
        destination: Where it goes. Without a name of its own there it keeps the tag's.
        progress: Where to announce the writing.
        offline: Whether layers that the store lacks may not be fetched.
        plain_http: The registries that are talked to without TLS.

    Raises:
        InputError: There is no such image, or none that the destination can hold.
        WorldError: The destination cannot be written, the engine does not take it, or a layer that neither
            the store nor the destination has cannot be fetched.

    """
    progress = progress or SilentProgress()
    if isinstance(destination, RegistryReference):
        if offline:
            raise InputError(
                "a push needs the network, but --offline is set", mend="leave out one of the two"
            )
        return _push(store, image, destination, progress, plain_http=plain_http)
    name = StoreDigest(Digest(image)) if image.startswith("sha256:") else parse_tag(image)
    with store.using():
        source, root = open_reference(name, store)
        needed = [blob for blob in blobs_under(source, root) if not _has(destination, blob)]
        make_whole(store, needed, progress, offline=offline, plain_http=plain_http)
        full_name = str(name) if isinstance(name, StoreTag) else ""
        ref_name = name.tag if isinstance(name, StoreTag) else ""
        return hand_over(source, root, destination, ref_name=ref_name, full_name=full_name, progress=progress)


def hand_over(  # noqa: PLR0913 - an image, where to, and what to call it there
    source: ImageSource,
    root: Descriptor,
    destination: LocalDestination,
    *,
    ref_name: str = "",
    full_name: str = "",
    progress: Progress | None = None,
) -> Delivered:
    """Put an image, wherever it lies, where the user wants it.

    Args:
        source: Where its blobs come from.
        root: Its manifest or index.
        destination: Where it goes.
        ref_name: Its tag in a layout or archive of OCI, where the destination names none.
        full_name: Its name for docker, where the destination names none.
        progress: Where to announce the writing.

    Raises:
        InputError: The destination cannot hold it, or the source has other bytes than its digests say.
        WorldError: The destination cannot be written, or the engine does not take it.

    """
    match destination:
        case LayoutReference(path, tag):
            ref_name = tag or ref_name
            size = write_layout(path, source, root, ref_name=ref_name, progress=progress)
            return Delivered(str(LayoutReference(path, ref_name)), root.digest, size)
        case OciArchiveReference(path, tag):
            names = _names("", full_name)
            with _output(path) as sink:
                size = write_oci_archive(
                    sink, source, root, ref_name=tag or ref_name, repo_tags=names, progress=progress
                )
        case DockerArchiveReference(path, wanted):
            chosen = _one_platform(source, root, progress)
            names = _names(wanted, full_name)
            with _output(path) as sink:
                size = write_docker_archive(sink, source, chosen, repo_tags=names, progress=progress)
            return Delivered(str(destination), chosen.descriptor.digest, size)
        case DaemonReference(wanted):
            Engine("docker").require()
            chosen = _one_platform(source, root, progress)
            size = Engine("docker").load(source, chosen, _names(wanted, full_name), progress)
            return Delivered(str(destination), chosen.descriptor.digest, size)
        case LocalEngine(preferred):
            engine = working_engine(preferred)
            chosen = _one_platform(source, root, progress)
            size = engine.load(source, chosen, _names("", full_name), progress)
            return Delivered(engine.name, chosen.descriptor.digest, size)
    return Delivered(str(destination), root.digest, size)


def _has(destination: LocalDestination, blob: Descriptor) -> bool:
    """Whether a layout on this disk has the blob already; only there it need not be given again."""
    if not isinstance(destination, LayoutReference):
        return False
    try:
        return (destination.path / "blobs/sha256" / blob.digest.hex).stat().st_size == blob.size_bytes
    except OSError:
        return False


def _push(
    store: Store, image: str, target: RegistryReference, progress: Progress, *, plain_http: Collection[str]
) -> Delivered:
    from wherry.build.push import push_stored  # noqa: PLC0415 - most images stay on this machine
    from wherry.oci.registry.client import Registries  # noqa: PLC0415 - the same

    with Registries(plain_http=plain_http) as registries:
        pushed = push_stored(store, image, target, registries, progress)
    moved_bytes = pushed.image.sent_bytes + pushed.image.copied_bytes
    return Delivered(pushed.image.reference, pushed.image.digest, moved_bytes, pushed.amounts)


def _one_platform(source: ImageSource, root: Descriptor, progress: Progress | None) -> Image:
    """The image that docker's formats can hold; of several platforms this machine's, and it is said."""
    chosen = image_for_docker(source, root)
    if progress is not None and chosen.descriptor.digest != root.digest:
        platform = f"{chosen.config.os}/{chosen.config.architecture}"
        progress.note(f"only the image for {platform} goes there: docker's formats hold one platform")
    return chosen


def _names(wanted: str, full_name: str) -> tuple[str, ...]:
    """The names an image gets elsewhere: the one asked for, else its own."""
    return tuple(filter(None, (wanted or full_name,)))


@contextmanager
def _output(path: Path) -> Iterator[IO[bytes]]:
    """The file to write: a pipe or device as it is, anything else whole or not at all."""
    if path.exists() and not path.is_file():
        with world_errors(path), path.open("wb") as sink:
            yield sink
    else:
        with whole_file(path) as sink:
            yield sink
