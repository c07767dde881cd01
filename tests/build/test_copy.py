"""Images go from anywhere to anywhere, with every platform, under the digests they had."""

from __future__ import annotations

import json
import random
import subprocess
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.fetch.conftest import HASTE
from tests.handmade import Entry, name_image, put_image, put_index, shell_layer, source_of
from tests.programs import require_program
from tests.registries import docker_registry
from wherry.build.copy import copy_image
from wherry.build.deliver import deliver, parse_destination
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.oci import media_types
from wherry.oci.image import blobs_under, read_image, read_images
from wherry.oci.layout import LayoutSource, write_layout
from wherry.oci.origins import Origin, Origins
from wherry.oci.platform import Platform
from wherry.oci.reference import parse_reference
from wherry.oci.registry.client import Registries
from wherry.oci.sources import open_reference
from wherry.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.registries import DockerRegistry
    from wherry.build.copy import Copied
    from wherry.oci.image import ImageSource
    from wherry.oci.media_types import LayerCoding
    from wherry.oci.model import Descriptor

LARGE = random.Random(6).randbytes(1_500_000)  # noqa: S311 - no secret
PLACES = ("store", "oci", "oci-archive", "registry")


@dataclass(frozen=True)
class Harbour:
    """Where images are copied from and to: a layout that somebody brought, our store, a registry."""

    directory: Path
    layout: str
    index: Descriptor
    elsewhere: Store  # of whoever made the image
    store: Store
    registry: DockerRegistry
    repository: str
    registries: Registries

    @property
    def name(self) -> str:
        """The repository as users write it."""
        return f"{self.registry.host}/{self.repository}"

    def place(self, kind: str, part: str) -> str:
        """A place of that kind; another one for each *part*."""
        return {
            "store": f"{part}:v1",
            "oci": f"oci:{self.directory}/{part}:v1",
            "oci-archive": f"oci-archive:{self.directory}/{part}.tar:v1",
            "registry": f"{self.name}/{part}:v1",
        }[kind]

    def copy(self, source: str, destination: str, store: Store | None = None) -> Copied:
        return copy_image(source, destination, store or self.store, self.registries)

    def open(self, name: str) -> tuple[ImageSource, Descriptor]:
        return open_reference(parse_reference(name), self.store, self.registries)

    def assert_whole(self, name: str) -> None:
        """See that *name* is the image to its last byte."""
        source, found = self.open(name)
        assert found.digest == self.index.digest
        assert [image.config.architecture for image in read_images(source, found)] == ["amd64", "arm64"]
        for blob in blobs_under(source, found):
            with source.open(blob.digest) as stream:
                assert len(stream.read()) == blob.size_bytes


@pytest.fixture
def harbour(
    tmp_path: Path, store: Store, plain_registry: DockerRegistry, fresh_repository: str
) -> Iterator[Harbour]:
    codings: tuple[tuple[str, LayerCoding], ...] = (("amd64", "gzip"), ("arm64", "zstd"))
    elsewhere = Store.open(tmp_path / "elsewhere")
    images = [
        put_image(elsewhere, [[Entry("a", LARGE)], [Entry("b")]], architecture=arch, coding=coding)
        for arch, coding in codings
    ]
    index = put_index(elsewhere, images)
    write_layout(tmp_path / "brought", source_of(elsewhere, index), index, ref_name="v1")
    with Registries(patience=HASTE) as registries:
        yield Harbour(
            tmp_path,
            f"oci:{tmp_path}/brought:v1",
            index,
            elsewhere,
            store,
            plain_registry,
            fresh_repository,
            registries,
        )


@pytest.mark.parametrize("to", PLACES)
@pytest.mark.parametrize("of", PLACES)
def test_an_image_is_the_same_wherever_it_is_copied(of: str, to: str, harbour: Harbour) -> None:
    first, second = harbour.place(of, "first"), harbour.place(to, "second")
    assert harbour.copy(harbour.layout, first).digest == harbour.index.digest
    assert harbour.copy(first, second).digest == harbour.index.digest
    harbour.assert_whole(second)


def test_between_repositories_of_a_registry_blobs_are_mounted(harbour: Harbour) -> None:
    first, second = harbour.name, f"{harbour.name}/second"
    harbour.copy(harbour.layout, first)
    copied = harbour.copy(first, second)
    assert copied.written_bytes < 5000 < 2 * len(LARGE) <= copied.mounted_bytes
    again = harbour.copy(first, second)
    assert again.mounted_bytes == 0
    assert again.present_bytes == copied.mounted_bytes
    harbour.assert_whole(second)


def test_between_registries_blobs_go_straight_through(harbour: Harbour) -> None:
    with docker_registry(harbour.directory) as other:
        second = f"{other.host}/team/app:v2"
        harbour.copy(harbour.layout, harbour.name)
        copied = harbour.copy(harbour.name, second)
        assert copied.written_bytes > 2 * len(LARGE)
        assert list(harbour.store.blobs.items()) == []
        harbour.assert_whole(second)
        raw = subprocess.run(
            [require_program("skopeo"), "inspect", "--raw", *other.skopeo[""], f"docker://{second}"],
            check=True,
            capture_output=True,
        ).stdout
        assert Digest.of_bytes(raw) == harbour.index.digest


def test_one_platform_of_several_is_copied_alone(harbour: Harbour) -> None:
    copy_image(
        harbour.layout,
        f"oci:{harbour.directory}/one",
        harbour.store,
        harbour.registries,
        platform=Platform.parse("linux/arm64"),
    )
    source = LayoutSource(harbour.directory / "one")
    (root,) = source.roots()
    assert root.media_type == media_types.MANIFEST
    assert [image.config.architecture for image in read_images(source, root)] == ["arm64"]


def test_dockers_archive_gets_the_one_image_it_can_hold_under_the_name_it_had(harbour: Harbour) -> None:
    first, second = harbour.directory / "1.tar", harbour.directory / "2.tar"
    harbour.copy(harbour.layout, f"{harbour.name}:v1")
    copied = harbour.copy(f"{harbour.name}:v1", f"docker-archive:{first}")
    source, root = open_reference(parse_reference(harbour.layout), harbour.store)
    assert copied.digest == read_image(source, root, Platform.of_host()).descriptor.digest != root.digest
    with tarfile.open(first) as archive:
        member = archive.extractfile("manifest.json")
        assert member is not None
        assert json.load(member)[0]["RepoTags"] == [f"{harbour.name}:v1"]
    harbour.copy(f"docker-archive:{first}", f"docker-archive:{second}")
    assert first.read_bytes() == second.read_bytes()
    harbour.copy(f"docker-archive:{first}", f"oci:{harbour.directory}/dir")
    assert [root.ref_name for root in LayoutSource(harbour.directory / "dir").roots()] == ["v1"]


def test_an_image_of_a_registry_goes_into_a_daemon(
    harbour: Harbour, docker_host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    name_image(harbour.elsewhere, "app", put_image(harbour.elsewhere, [shell_layer()]))
    harbour.copy("app", harbour.name, harbour.elsewhere)
    harbour.copy(harbour.name, "docker-daemon:copied:v1")
    ran = subprocess.run(
        ["docker", "run", "--rm", "--network=none", "copied:v1", "/bin/sh", "-c", "echo afloat"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "afloat\n"
    assert list(harbour.store.blobs.items()) == []


@pytest.mark.parametrize("to", PLACES)
def test_a_blob_with_other_bytes_is_not_copied(to: str, harbour: Harbour) -> None:
    layer = read_images(source_of(harbour.elsewhere, harbour.index), harbour.index)[0].manifest.layers[0]
    path = harbour.directory / "brought" / "blobs" / "sha256" / layer.digest.hex
    path.unlink()
    path.write_bytes(bytes(layer.size_bytes))
    path.chmod(0o444)  # as the files of a store are, which are linked and not read
    destination = harbour.place(to, "second")
    with pytest.raises((InputError, WorldError)):
        harbour.copy(harbour.layout, destination)
    assert layer.digest not in harbour.store.blobs
    with pytest.raises((InputError, WorldError)):
        harbour.open(destination)


def test_what_the_store_lacks_of_its_own_image_comes_from_where_it_was_seen(harbour: Harbour) -> None:
    store = harbour.store
    harbour.copy(harbour.layout, harbour.name)
    harbour.copy(harbour.name, "app")
    first, second = read_images(source_of(store, harbour.index), harbour.index)[0].manifest.layers
    assert Origins(store).of(first.digest) == (Origin(harbour.registry.host, harbour.repository),)
    store.blobs.remove(first.digest)
    harbour.copy("app", f"oci:{harbour.directory}/dir")
    assert first.digest in store.blobs
    store.blobs.remove(second.digest)
    deliver(store, "app", parse_destination(f"oci-archive:{harbour.directory}/file"))
    assert second.digest in store.blobs


def test_a_name_of_the_store_is_given_anew(harbour: Harbour) -> None:
    image = put_image(harbour.store, [[Entry("a")]])
    name_image(harbour.store, "app", image)
    copied = harbour.copy("app", "team/other:v2")
    assert (copied.to, copied.written_bytes) == ("team/other:v2", 0)
    tag = harbour.store.tags.get("team/other:v2")
    assert tag is not None
    assert tag.digest == image.digest


@pytest.mark.parametrize(
    ("source", "destination", "what"),
    [
        ("app", f"sha256:{'0' * 64}", "a digest cannot be given"),
        ("app", "oci:dir", "there is no image app:latest"),
        ("docker-daemon:app", "oci:dir", "does not read images out of a Docker daemon"),
        ("App", "oci:dir", "cannot name an image"),
        ("oci:nowhere", "app", "not an OCI layout"),
    ],
)
def test_what_cannot_be_copied_is_said(source: str, destination: str, what: str, store: Store) -> None:
    with Registries() as registries, pytest.raises(InputError, match=what):
        copy_image(source, destination, store, registries)
