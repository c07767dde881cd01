from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.handmade import Entry, put_image, put_index, source_of
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.oci import media_types
from wherry.oci.image import (
    VerifiedStream,
    blobs_under,
    choose_root,
    copy_into,
    read_document,
    read_image,
    read_images,
)
from wherry.oci.model import Descriptor, PlatformSpec, describe, encode, index_of, manifest_of
from wherry.oci.platform import Platform
from wherry.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

AMD64 = Platform("linux", "amd64")
ARM64 = Platform("linux", "arm64")


@given(st.binary(max_size=100), st.integers(1, 40))
def test_a_verified_stream_gives_the_bytes_it_was_promised(data: bytes, size: int) -> None:
    stream = VerifiedStream(io.BytesIO(data), describe(data, "x"), "here")
    found = b""
    while piece := stream.read(size):
        found += piece
    stream.drain()
    assert found == data


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_a_verified_stream_never_ends_well_with_other_bytes(said: bytes, given_: bytes) -> None:
    if said == given_:
        return
    stream = VerifiedStream(io.BytesIO(given_), describe(said, "x"), "here")
    with pytest.raises(InputError) as caught:
        stream.drain()
    assert caught.value.where == "here"


def test_a_stream_that_never_ends_is_cut_at_the_size_it_was_said_to_have() -> None:
    class Endless:
        def read(self, size: int, /) -> bytes:
            assert size <= 10
            return b"x" * size

    with pytest.raises(InputError, match="longer than"):
        VerifiedStream(Endless(), describe(b"x" * 10, "x"), "here").read(1 << 30)


def test_the_first_image_that_fits_the_platform_is_taken(store: Store) -> None:
    arm = put_image(store, [[Entry("arm")]], architecture="arm64")
    amd = put_image(store, [[Entry("one")]], architecture="amd64")
    other = put_image(store, [[Entry("two")]], architecture="amd64")
    index = put_index(store, [arm, amd, other])
    source = source_of(store, index)
    assert read_image(source, index, AMD64).descriptor.digest == amd.digest
    assert read_image(source, index, ARM64).descriptor.digest == arm.digest
    assert len(read_images(source, index)) == 3
    nested = put_index(store, [index])
    assert read_image(source, nested, AMD64).descriptor.digest == amd.digest


def test_arm64_v8_is_arm64_but_amd64_v3_is_not_for_every_amd64(store: Store) -> None:
    image = put_image(store, [[Entry("x")]], architecture="arm64")
    for architecture, variant, platform in (("arm64", "v8", ARM64), ("amd64", "v1", AMD64)):
        spec = PlatformSpec(architecture=architecture, os="linux", variant=variant)
        entry = Descriptor(
            media_type=image.media_type, digest=image.digest, size_bytes=image.size_bytes, platform=spec
        )
        index = put_index(store, [entry])
        if architecture == "arm64":
            assert read_image(source_of(store, index), index, platform).image_id
    v3 = PlatformSpec(architecture="amd64", os="linux", variant="v3")
    index = put_index(
        store,
        [
            Descriptor(
                media_type=image.media_type, digest=image.digest, size_bytes=image.size_bytes, platform=v3
            )
        ],
    )
    with pytest.raises(InputError, match="no image for linux/amd64"):
        read_image(source_of(store, index), index, AMD64)


def test_attestations_are_no_images(store: Store) -> None:
    image = put_image(store, [[Entry("x")]])
    spec = PlatformSpec(architecture="unknown", os="unknown")
    proof = put_image(store, [[Entry("proof")]])
    attestation = Descriptor(
        media_type=proof.media_type, digest=proof.digest, size_bytes=proof.size_bytes, platform=spec
    )
    index = put_index(store, [attestation, image])
    source = source_of(store, index)
    assert read_image(source, index, None).descriptor.digest == image.digest
    assert [found.descriptor.digest for found in read_images(source, index)] == [image.digest]


def test_an_image_for_another_platform_is_refused(store: Store) -> None:
    image = put_image(store, [[Entry("x")]], architecture="arm64")
    with pytest.raises(InputError, match="is for linux/arm64"):
        read_image(source_of(store, image), image, AMD64)


def test_blobs_come_before_what_names_them_and_each_once(store: Store) -> None:
    first = put_image(store, [[Entry("x")], [Entry("y")]], architecture="amd64")
    second = put_image(store, [[Entry("x")], [Entry("z")]], architecture="arm64")
    index = put_index(store, [first, second])
    order = [blob.digest for blob in blobs_under(source_of(store, index), index)]
    assert order[-1] == index.digest
    assert len(order) == len(set(order)) == 8
    assert order.index(first.digest) == 3


def test_copying_into_a_store_verifies_and_keeps(store: Store, tmp_path: Path) -> None:
    image = put_image(store, [[Entry("x", b"data")]])
    source = source_of(store, image)
    other = Store.open(tmp_path / "other")
    for _ in range(2):
        copy_into(source, other, blobs_under(source, image))
    assert read_image(source_of(other, image), image, None).image_id in other.blobs


def test_copying_a_blob_that_lies_about_itself_keeps_nothing(store: Store, tmp_path: Path) -> None:
    data = b"the bytes"
    store.blobs.add_bytes(data)
    lie = Descriptor(media_type="x", digest=Digest.of_bytes(data), size_bytes=3)
    other = Store.open(tmp_path / "other")
    with pytest.raises(InputError, match="longer than"):
        copy_into(source_of(store, lie), other, [lie])
    assert lie.digest not in other.blobs


def test_choosing_among_images_asks_for_a_name() -> None:
    def named(name: str, data: bytes) -> Descriptor:
        return describe(
            data,
            media_types.MANIFEST,
            annotations={"org.opencontainers.image.ref.name": name} if name else {},
        )

    class Several:
        name = "several"

        def __init__(self, *roots: Descriptor) -> None:
            self._roots = roots

        def roots(self) -> tuple[Descriptor, ...]:
            return self._roots

        def open(self, digest: Digest) -> io.BytesIO:
            raise AssertionError(digest)

        def path(self, digest: Digest) -> None:
            raise AssertionError(digest)

    one, two, same = named("v1", b"1"), named("v2", b"2"), named("latest", b"1")
    assert choose_root(Several(one, two), "v2") == two
    assert choose_root(Several(one, same)).digest == one.digest
    with pytest.raises(InputError, match="holds 2 images: v1, v2"):
        choose_root(Several(one, two))
    with pytest.raises(InputError, match="no image 'v3'"):
        choose_root(Several(one), "v3")
    with pytest.raises(InputError, match="no image in it"):
        choose_root(Several())


def test_a_document_too_large_is_not_read(store: Store) -> None:
    huge = Descriptor(media_type="x", digest=Digest.of_bytes(b""), size_bytes=5 << 20)
    with pytest.raises(InputError, match="too large"):
        read_document(source_of(store, huge), huge)


def test_a_missing_blob_is_the_worlds_fault(store: Store) -> None:
    lost = describe(b"lost", media_types.MANIFEST)
    with pytest.raises(WorldError):
        read_image(source_of(store, lost), lost, None)
    assert source_of(store, lost).path(lost.digest) is None


def test_what_is_no_image_is_refused(store: Store) -> None:
    def put(data: bytes, media_type: str) -> Descriptor:
        store.blobs.add_bytes(data)
        return describe(data, media_type)

    image = put_image(store, [[Entry("x")]])
    good = read_image(source_of(store, image), image, None).manifest
    artifact = put(encode(manifest_of(describe(b"{}", "application/x"), ())), media_types.MANIFEST)
    fewer = put(encode(manifest_of(good.config, ())), media_types.MANIFEST)
    strange = put(encode(manifest_of(good.config, (describe(b"", "application/x"),))), media_types.MANIFEST)
    empty = put(encode(index_of(())), media_types.INDEX)
    store.blobs.add_bytes(b"{}")
    for root, message in (
        (artifact, "is no image"),
        (fewer, "names 1 layers, the manifest 0"),
        (strange, "layer type"),
        (empty, "it has: none"),
        (describe(b"{}", "text/plain"), "is not an image's"),
    ):
        with pytest.raises(InputError, match=message):
            read_image(source_of(store, root), root, None)


def test_indexes_in_indexes_end_somewhere(store: Store) -> None:
    root = put_image(store, [[Entry("x")]])
    for _ in range(8):
        root = put_index(store, [root])
    with pytest.raises(InputError):
        read_image(source_of(store, root), root, None)
    with pytest.raises(InputError):
        blobs_under(source_of(store, root), root)
