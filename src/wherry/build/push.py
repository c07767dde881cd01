"""Push an image of the store: what the registry lacks of it, then what is attached to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.oci.origins import Origins
from wherry.oci.reference import RegistryReference, StoreDigest, parse_reference, parse_tag, repository_of
from wherry.oci.registry.push import Pushed, push_image
from wherry.oci.sources import open_reference
from wherry.store.disk import readable_size

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from wherry.oci.model import Descriptor
    from wherry.oci.registry.client import Registries
    from wherry.progress import Progress
    from wherry.store.store import Store

_THREADS: Final = 4


@dataclass(frozen=True, slots=True)
class PushedImage:
    """What a push of an image of the store did."""

    image: Pushed
    attached: tuple[Descriptor, ...] = ()  # the manifests of what went along with it

    @property
    def amounts(self) -> str:
        """How its bytes came there: "3.21 kB sent, 53.1 MB mounted, 5.20 GB there already"."""
        image = self.image
        more = (
            (image.copied_bytes, "copied from elsewhere"),
            (image.mounted_bytes, "mounted"),
            (image.present_bytes, "there already"),
        )
        sent = f"{readable_size(image.sent_bytes)} sent"
        return ", ".join([sent, *(f"{readable_size(size)} {how}" for size, how in more if size)])


def registry_destination(text: str) -> RegistryReference:
    """Read where an image is to be pushed to.

    Raises:
        InputError: That is in no registry.

    """
    found = parse_reference(text)
    if isinstance(found, RegistryReference):
        return found
    raise InputError(
        f"{text!r} names no registry", mend="write the whole name: registry.example/team/app:1.0"
    )


def require_push(targets: Iterable[RegistryReference], *, plain_http: Collection[str] = ()) -> None:
    """See, before the work is done, that all *targets* can be pushed to; they are asked at the same time.

    Args:
        targets: Where images are going; a repository with several tags is asked once.
        plain_http: The registries that are talked to without TLS.

    Raises:
        WorldError: A registry cannot be reached, or refuses.

    """
    from wherry.fetch.crew import Crew  # noqa: PLC0415 - most images stay on this machine
    from wherry.oci.registry.client import Registries  # noqa: PLC0415 - the same
    from wherry.oci.registry.permission import require_permission  # noqa: PLC0415 - the same

    places = list(dict.fromkeys((target.host, repository_of(target)) for target in targets))
    with Registries(plain_http=plain_http) as registries:
        asked = [(registries.at(host), repository) for host, repository in places]

        def give_up() -> None:
            for registry, _ in asked:
                registry.cancel()

        Crew(lambda place: require_permission(*place), asked, give_up).run(_THREADS)


def push_stored(
    store: Store, name: str, target: RegistryReference, registries: Registries, progress: Progress
) -> PushedImage:
    """Push an image of the store, with all its platforms and all that is attached to it.

    Args:
        store: Where it is.
        name: Its tag there, ``app`` or ``app:v2``, or its digest.
        target: Where it goes.
        registries: The command's registries.
        progress: Told of each blob's way.

    Raises:
        InputError: There is no such image, or the store has spoilt it.
        WorldError: A registry failed or refuses, or nobody has one of the blobs.

    """
    image = StoreDigest(Digest(name)) if name.startswith("sha256:") else parse_tag(name)
    with store.using():
        source, root = open_reference(image, store)
        pushed = push_image(
            source, root, target, registries, origins=Origins(store).of, progress=progress, store=store
        )
        from wherry.build.attachments import push_attachments  # noqa: PLC0415 - after all else is there

        return PushedImage(pushed, push_attachments(store, root, target, registries))
