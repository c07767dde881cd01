"""Manifests that a registry sends: those that are believed, and the many that are not."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.fetch.conftest import (
    HASTE,
    World,
    cutting_off,
    in_turn,
    start_world,  # noqa: F401 - a fixture
    status,
)
from tests.handmade import Entry, put_image, put_index
from tests.oci.registry.hub import Hub, Notes
from wherry.digest import Digest
from wherry.errors import InputError, WherryError, WorldError
from wherry.fetch.failures import NotFoundError
from wherry.oci import media_types
from wherry.oci.image import blobs_under, read_document, read_image, read_images
from wherry.oci.model import describe, encode, index_of
from wherry.oci.origins import Origin
from wherry.oci.platform import Platform
from wherry.oci.reference import RegistryReference, repository_of
from wherry.oci.registry.client import Registries
from wherry.oci.registry.pull import open_registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wherry.oci.media_types import LayerCoding
    from wherry.oci.model import Descriptor
    from wherry.oci.registry.pull import RegistrySource
    from wherry.store.store import Store

AMD64 = Platform.parse("linux/amd64")


@pytest.fixture
def hub(start_world: Callable[[], World]) -> Hub:  # noqa: F811 - the fixture imported above
    return Hub(start_world())


@pytest.fixture
def registries(hub: Hub) -> Iterator[Registries]:
    with Registries(patience=HASTE, plain_http={hub.host}) as registries:
        yield registries


def image_manifest(**changes: object) -> bytes:
    blob = {"mediaType": media_types.LAYER_GZIP, "digest": str(Digest.of_bytes(b"")), "size": 0}
    document = {
        "schemaVersion": 2,
        "mediaType": media_types.MANIFEST,
        "config": {**blob, "mediaType": media_types.CONFIG},
        "layers": [blob],
    }
    return json.dumps({k: v for k, v in (document | changes).items() if v is not None}).encode()


def opened(hub: Hub, registries: Registries, name: str = "v1") -> tuple[RegistrySource, Descriptor]:
    return open_registry(hub.reference(name), registries)


def refused(hub: Hub, registries: Registries, name: str = "v1") -> WherryError:
    with pytest.raises(WherryError) as caught:
        opened(hub, registries, name)
    assert len(caught.value.lines()) <= 3
    assert caught.value.where
    return caught.value


@pytest.mark.parametrize("media_type", [media_types.MANIFEST, media_types.DOCKER_MANIFEST])
def test_a_manifest_is_asked_for_in_every_type_and_described_as_it_is(
    hub: Hub, registries: Registries, media_type: str
) -> None:
    data = image_manifest(mediaType=media_type)
    hub.manifest("v1", data, f"{media_type}; charset=utf-8", Docker_Content_Digest=Digest.of_bytes(data))
    source, root = opened(hub, registries)
    assert root == describe(data, media_type)
    assert source.roots() == (root,)
    assert source.name == f"docker://{hub.host}/team/app"
    assert source.origin == Origin(hub.host, "team/app")
    accepted = hub.world.asked("Accept")[0] or ""
    assert set(accepted.split(", ")) == media_types.MANIFESTS | media_types.INDEXES
    assert read_document(source, root) == data
    assert len(hub.world.requests) == 1
    assert source.moved_bytes == len(data)


def test_a_manifest_without_a_media_type_of_its_own_is_what_its_content_type_says(
    hub: Hub, registries: Registries
) -> None:
    hub.manifest("v1", image_manifest(mediaType=None))
    assert opened(hub, registries)[1].media_type == media_types.MANIFEST


def test_a_digest_goes_before_the_tag_and_latest_is_meant_without_either(
    hub: Hub, registries: Registries
) -> None:
    data = image_manifest()
    digest = Digest.of_bytes(data)
    hub.manifest(str(digest), data)
    hub.manifest("latest", data)
    open_registry(RegistryReference(hub.host, "team/app", "v1", digest), registries)
    open_registry(RegistryReference(hub.host, "team/app"), registries)
    assert hub.asked() == [digest, "latest"]


def test_a_short_name_of_docker_hub_is_in_its_library() -> None:
    assert repository_of(RegistryReference("docker.io", "python", "3.12")) == "library/python"
    assert repository_of(RegistryReference("docker.io", "nvidia/cuda")) == "nvidia/cuda"
    assert repository_of(RegistryReference("reg.example", "python")) == "python"


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_an_image_is_read_through_an_index(
    hub: Hub, registries: Registries, store: Store, coding: LayerCoding
) -> None:
    images = [
        put_image(store, [[Entry("x", arch.encode())]], architecture=arch, coding=coding)
        for arch in ("arm64", "amd64", "amd64")
    ]
    hub.image(store, put_index(store, images))
    source, root = opened(hub, registries)
    assert read_image(source, root, AMD64).descriptor.digest == images[1].digest
    assert [image.config.architecture for image in read_images(source, root)] == ["arm64", "amd64"]
    layer = read_image(source, root, AMD64).manifest.layers[0]
    with source.open(layer.digest) as stream:
        assert Digest.of_bytes(stream.read()) == layer.digest
    assert source.path(layer.digest) is None
    # Each manifest came once, as a manifest, and was not asked for as a blob.
    manifests = [path for path in (r.path for r in hub.world.requests) if "/manifests/" in path]
    assert len(manifests) == len(set(manifests)) == 3


def test_what_the_store_has_is_not_asked_for(hub: Hub, registries: Registries, store: Store) -> None:
    root = put_index(store, [put_image(store, [[Entry("x", b"1")]])])
    hub.image(store, root)
    source, found = open_registry(hub.reference(), registries, store=store)
    assert found.digest == root.digest
    for blob in blobs_under(source, root):
        with source.open(blob.digest) as stream:
            assert Digest.of_bytes(stream.read()) == blob.digest
    assert hub.asked() == ["v1"]


def test_a_manifest_that_the_disk_has_spoilt_is_asked_for(
    hub: Hub, registries: Registries, store: Store
) -> None:
    image = put_image(store, [[Entry("x", b"1")]])
    root = put_index(store, [image])
    hub.image(store, root)
    path = store.blobs.path(image.digest)
    path.chmod(0o644)
    path.write_bytes(b"x" * image.size_bytes)
    source, _ = open_registry(hub.reference(), registries, store=store)
    assert read_image(source, root, None).descriptor.digest == image.digest
    assert hub.asked()[-1] != "v1"


# What is refused


def test_an_image_that_is_not_there_is_called_by_its_name(hub: Hub, registries: Registries) -> None:
    error = refused(hub, registries)
    assert isinstance(error, NotFoundError)
    assert f"docker://{hub.host}/team/app:v1" in error.what


def test_a_repository_that_is_not_there_is_said_to_be_missing(hub: Hub, registries: Registries) -> None:
    body = json.dumps({"errors": [{"code": "NAME_UNKNOWN", "message": "repository name not known"}]})
    hub.world.routes["/v2/team/app/manifests/v1"] = lambda handler: handler.answer(404, body.encode())
    assert "no repository team/app" in refused(hub, registries).what


def test_bytes_of_another_digest_than_asked_for_are_refused(hub: Hub, registries: Registries) -> None:
    digest = Digest.of_bytes(image_manifest(annotations={"other": "one"}))
    hub.manifest(str(digest), image_manifest())
    error = refused(hub, registries, str(digest))
    assert isinstance(error, WorldError)
    assert digest in error.what
    assert Digest.of_bytes(image_manifest()) in error.what


@pytest.mark.parametrize(
    "named", [Digest.of_bytes(b"another"), "sha256:../../etc/passwd", "sha512:" + "0" * 128, "x\x1b[2J"]
)
def test_a_tag_whose_digest_header_names_other_bytes_is_refused(
    hub: Hub, registries: Registries, named: str
) -> None:
    hub.manifest("v1", image_manifest(), Docker_Content_Digest=named)
    error = refused(hub, registries)
    assert "the registry sent sha256:" in error.what
    assert "\x1b" not in "".join(error.lines())


def test_a_digest_header_of_another_algorithm_is_checked_too(hub: Hub, registries: Registries) -> None:
    data = image_manifest()
    hub.manifest("v1", data, Docker_Content_Digest=f"sha512:{hashlib.sha512(data).hexdigest()}")
    assert opened(hub, registries)[1].digest == Digest.of_bytes(data)


@pytest.mark.parametrize(
    ("data", "media_type", "what"),
    [
        (image_manifest(), media_types.DOCKER_MANIFEST, "but it calls itself"),
        (image_manifest(), media_types.INDEX, "not an image's|missing required field"),
        (image_manifest(manifests=[]), media_types.MANIFEST, "both a manifest and an index"),
        (image_manifest(), "application/json", "media type 'application/json' is not an image's"),
        (image_manifest(), "", "media type '' is not an image's"),
        (image_manifest(), "application/vnd.docker.distribution.manifest.v1+prettyjws", "first format"),
        (b"<html>", media_types.MANIFEST, "not a valid image document"),
        (b"", media_types.MANIFEST, "not a valid image document"),
        (b"\xff" * 9, media_types.MANIFEST, "not a valid image document"),
        (b'{"a":' * 100_000, media_types.MANIFEST, "not a valid image document|nested too deeply"),
        (
            b'{"config":{},' + image_manifest()[1:],
            media_types.MANIFEST,
            "duplicate key 'config'|missing required field",
        ),
        (image_manifest(schemaVersion=1), media_types.MANIFEST, "not a valid image document"),
        (
            image_manifest(layers=[{"mediaType": "x", "digest": "sha256:../../../etc/passwd", "size": 1}]),
            media_types.MANIFEST,
            "not a sha256 digest",
        ),
        (
            image_manifest(layers=[{"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": -1}]),
            media_types.MANIFEST,
            "cannot be negative",
        ),
        (image_manifest(layers=None), media_types.MANIFEST, "missing required field"),
    ],
    ids=range(15),
)
def test_a_document_that_is_no_image_is_refused(
    hub: Hub, registries: Registries, data: bytes, media_type: str, what: str
) -> None:
    hub.manifest("v1", data, media_type)
    error = refused(hub, registries)
    assert isinstance(error, InputError)
    assert re.search(what, error.what), error.what


def test_a_document_that_never_ends_is_read_no_further_than_manifests_are_long(
    hub: Hub, registries: Registries
) -> None:
    hub.manifest("v1", b" " * (6 << 20))
    error = refused(hub, registries)
    assert isinstance(error, InputError)
    assert "larger than 4 MiB" in error.what
    assert error.mend


def test_manifests_that_are_many_and_large_are_refused_together(hub: Hub, registries: Registries) -> None:
    entries = []
    for number in range(8):
        data = image_manifest(annotations={"n": str(number), "fill": "x" * (3 << 20)})
        hub.manifest(str(Digest.of_bytes(data)), data)
        entries.append(describe(data, media_types.MANIFEST))
    hub.manifest("v1", encode(index_of(tuple(entries))), media_types.INDEX)
    source, root = opened(hub, registries)
    with pytest.raises(InputError, match="too large together"):
        blobs_under(source, root)


def test_indexes_that_name_the_same_one_over_and_over_come_to_an_end(
    hub: Hub, registries: Registries
) -> None:
    data, media_type = image_manifest(), media_types.MANIFEST
    for _ in range(3):
        hub.manifest(str(Digest.of_bytes(data)), data, media_type)
        data = encode(index_of((describe(data, media_type),) * 3000))
        media_type = media_types.INDEX
    hub.manifest("v1", data, media_type)
    source, root = opened(hub, registries)
    assert len(blobs_under(source, root)) == 5


def test_an_index_that_lies_about_the_size_of_a_manifest_is_refused(hub: Hub, registries: Registries) -> None:
    data = image_manifest()
    hub.manifest(str(Digest.of_bytes(data)), data)
    entry = describe(data + b" ", media_types.MANIFEST)
    lying = encode(index_of((describe(data, media_types.MANIFEST),))).replace(
        f'"size":{len(data)}'.encode(), f'"size":{entry.size_bytes}'.encode()
    )
    hub.manifest("v1", lying, media_types.INDEX)
    source, root = opened(hub, registries)
    with pytest.raises(InputError, match="ends too early"):
        blobs_under(source, root)


def test_a_manifest_cut_off_on_the_way_is_asked_for_again(hub: Hub, registries: Registries) -> None:
    data = image_manifest()
    hub.manifest("v1", data)
    path = "/v2/team/app/manifests/v1"
    whole = hub.world.routes[path]
    hub.world.routes[path] = in_turn(status(503), cutting_off(whole, 10), whole)
    assert opened(hub, registries)[1].size_bytes == len(data)


def test_warnings_of_the_registry_are_passed_on_once_and_made_harmless(
    hub: Hub, registries: Registries
) -> None:
    told = (
        '299 - "Your \\"plan\\" ends", 110 other "not for us", 299 - "Your \\"plan\\" ends", 299 - "a\x1b[2J"'
    )
    hub.manifest("v1", image_manifest(), Warning=told)
    notes = Notes()
    open_registry(hub.reference(), registries, progress=notes)
    assert notes.lines == [f'{hub.host} warns: Your "plan" ends', f"{hub.host} warns: a [2J"]


def test_a_thousand_warnings_are_a_few(hub: Hub, registries: Registries) -> None:
    told = ", ".join(f'299 - "{number} {"x" * 50}"' for number in range(1000))
    hub.manifest("v1", image_manifest(), Warning=told)
    notes = Notes()
    open_registry(hub.reference(), registries, progress=notes)
    assert len(notes.lines) == 10
