from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.handmade import Entry, name_image, put_image, put_index, source_of
from wherry.errors import InputError
from wherry.oci.archive import image_for_docker, write_docker_archive, write_oci_archive
from wherry.oci.layout import write_layout
from wherry.oci.reference import StoreDigest, StoreTag
from wherry.oci.sources import find_in_store, open_image

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.oci.model import Descriptor
    from wherry.store.store import Store


@pytest.fixture
def image(store: Store) -> Descriptor:
    return put_image(store, [[Entry("x")]])


def test_an_image_is_found_by_tag_digest_and_full_name(store: Store, image: Descriptor) -> None:
    name_image(store, "app", image)
    name_image(store, "reg.example/team/app", image)
    for name in (
        "app",
        "app:latest",
        str(image.digest),
        "reg.example/team/app",
        "docker://reg.example/team/app",
    ):
        assert open_image(name, store)[1].digest == image.digest
    assert open_image(f"reg.example/x@{image.digest}", store)[1].digest == image.digest


def test_an_index_is_found_by_its_digest_as_an_index(store: Store, image: Descriptor) -> None:
    index = put_index(store, [image])
    assert open_image(str(index.digest), store)[1].media_type == index.media_type


def test_an_image_is_found_in_layouts_and_archives(store: Store, image: Descriptor, tmp_path: Path) -> None:
    source = source_of(store, image)
    write_layout(tmp_path / "dir", source, image, ref_name="v1")
    with (tmp_path / "o").open("wb") as sink:
        write_oci_archive(sink, source, image)
    with (tmp_path / "d").open("wb") as sink:
        write_docker_archive(sink, source, image_for_docker(source, image), repo_tags=["app:latest"])
    for name in (f"oci:{tmp_path}/dir:v1", f"oci-archive:{tmp_path}/o", f"docker-archive:{tmp_path}/d:app"):
        assert open_image(name, store)[1].media_type == image.media_type


@pytest.mark.parametrize("name", ["app", "sha256:" + "0" * 64, "reg.example/app", "docker-daemon:app"])
def test_an_image_that_is_not_there_is_explained(store: Store, name: str) -> None:
    with pytest.raises(InputError) as caught:
        open_image(name, store)
    assert caught.value.mend


def test_a_name_whose_image_is_gone_is_no_image(store: Store, image: Descriptor) -> None:
    name_image(store, "app", image)
    store.blobs.remove(image.digest)
    with pytest.raises(InputError, match="no image app:latest"):
        open_image("app", store)


def test_a_blob_that_is_no_manifest_is_no_image(store: Store) -> None:
    digest = store.blobs.add_bytes(b"a layer")
    with pytest.raises(InputError):
        open_image(str(digest), store)
    large = store.blobs.add_bytes(bytes(5 << 20))
    assert find_in_store(store, StoreDigest(large)) is None
    assert find_in_store(store, StoreTag("app")) is None
