"""A registry for tests, of one repository, that serves whatever it is told to, true or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fetch.conftest import serving
from wherry.digest import Digest
from wherry.oci import media_types
from wherry.oci.image import StoreSource, blobs_under
from wherry.oci.reference import RegistryReference, parse_reference
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fetch.conftest import Handler, World
    from wherry.oci.model import Descriptor
    from wherry.store.store import Store


class Hub:
    """A registry with the one repository team/app, that serves whatever it is told to."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.host = world.url.removeprefix("http://")

    def reference(self, name: str = "v1") -> RegistryReference:
        found = parse_reference(f"docker://{self.host}/team/app{'@' if ':' in name else ':'}{name}")
        assert isinstance(found, RegistryReference)
        return found

    def manifest(
        self, name: str, data: bytes, media_type: str = media_types.MANIFEST, **headers: str
    ) -> None:
        def route(handler: Handler) -> None:
            handler.answer(200, data, **({"Content_Type": media_type} if media_type else {}), **headers)

        self.world.routes[f"/v2/team/app/manifests/{name}"] = route

    def blob(
        self, data: bytes, route: Callable[[Handler], None] | None = None, repository: str = "team/app"
    ) -> None:
        """Serve a blob, by a route that may send other bytes."""
        self.world.routes[f"/v2/{repository}/blobs/{Digest.of_bytes(data)}"] = route or serving(data)

    def image(self, store: Store, root: Descriptor, name: str = "v1") -> None:
        """Serve an image of a store."""
        for blob in blobs_under(StoreSource(store, root), root):
            data = store.blobs.path(blob.digest).read_bytes()
            if blob.media_type in media_types.MANIFESTS | media_types.INDEXES:
                self.manifest(str(blob.digest), data, blob.media_type)
            else:
                self.blob(data)
        self.manifest(name, store.blobs.path(root.digest).read_bytes(), root.media_type)

    def asked(self) -> list[str]:
        """The last part of each path that was asked for."""
        return [request.path.rpartition("/")[2] for request in self.world.requests]


class Notes(SilentProgress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)
