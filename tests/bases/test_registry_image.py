"""An image in a registry as a base: its name as everybody writes it, its facts from one look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.handmade import Entry, compress, tar_of
from wherry.bases.image import known_facts
from wherry.bases.image_base import base_of_image
from wherry.bases.model import ImageLayer, WantedPython
from wherry.bases.registry_image import (
    base_reference,
    full_name,
    look_at_pinned,
    note_origins,
    pin_registry_image,
)
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.fetch.failures import NotFoundError
from wherry.oci import media_types
from wherry.oci.model import (
    Config,
    ImageConfig,
    PlatformSpec,
    RootFS,
    describe,
    encode,
    index_of,
    manifest_of,
)
from wherry.oci.origins import Origin, Origins
from wherry.oci.platform import Platform
from wherry.oci.registry.client import Registries
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from tests.registry_world.quirks import QuirkRegistry
    from wherry.bases.pins import PlatformPins
    from wherry.oci.model import Descriptor
    from wherry.store.store import Store

AMD64, ARM64 = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")
DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("python", "docker.io/library/python:latest"),
        ("python:3.12-slim", "docker.io/library/python:3.12-slim"),
        ("nvidia/cuda:12.8.1-base-ubuntu24.04", "docker.io/nvidia/cuda:12.8.1-base-ubuntu24.04"),
        ("docker.io/python:3.12", "docker.io/library/python:3.12"),
        ("index.docker.io/library/python:3.12", "docker.io/library/python:3.12"),
        ("docker://python:3.12", "docker.io/library/python:3.12"),
        ("registry.example/python:3.12", "registry.example/python:3.12"),
        ("docker://registry.example:5000/team/python", "registry.example:5000/team/python:latest"),
        ("localhost/python:1", "localhost/python:1"),
        ("[::1]:5000/python:1", "[::1]:5000/python:1"),
        (f"python@{DIGEST}", f"docker.io/library/python@{DIGEST}"),
        (f"registry.example/python:3.12@{DIGEST}", "registry.example/python:3.12"),
    ],
)
def test_a_base_is_named_as_after_from(name: str, means: str) -> None:
    reference = base_reference(name)
    assert full_name(reference) == means
    assert base_reference(str(reference)) == reference
    assert reference.digest == (DIGEST if DIGEST in name else None)


@pytest.mark.parametrize(
    "name",
    ["", ":", "Python:3.12", "python:", "python:3 12", "a//b", "registry.example/", "../x", "x@sha256:1"],
)
def test_what_names_no_image_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        base_reference(name)


@pytest.mark.parametrize("name", ["captain:planted@registry.example/x", "docker://u:planted@h.example/x:1"])
def test_a_password_in_a_name_is_not_repeated(name: str) -> None:
    with pytest.raises(InputError) as caught:
        base_reference(name)
    assert "planted" not in "".join(caught.value.lines())
    assert "wherry login" in caught.value.mend


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_an_error(text: str) -> None:
    try:
        reference = base_reference(text)
    except InputError:
        return
    assert base_reference(f"docker://{full_name(reference)}").repository == reference.repository


def test_where_a_pinned_layer_is_is_remembered(store: Store) -> None:
    layer = ImageLayer(Digest(DIGEST), Digest(DIGEST), 1, media_types.LAYER_GZIP, None)
    note_origins(base_reference("python:3.12"), [layer], store)
    assert Origins(store).of(Digest(DIGEST)) == (Origin("docker.io", "library/python"),)


def put(
    registry: QuirkRegistry, architecture: str, *, docker: bool = False, env: tuple[str, ...] = ()
) -> Descriptor:
    """An image with a Python and a libc in the repository ``python``."""
    layer = tar_of(
        [
            Entry("usr/bin/python3.12", f"\0003.12.1\0{architecture}".encode()),
            Entry("usr/lib/libc.so.6", b"GNU C Library stable release version 2.36."),
        ]
    )
    blob = compress(layer, "gzip")
    config = encode(
        ImageConfig(
            architecture=architecture,
            os="linux",
            rootfs=RootFS.of((Digest.of_bytes(layer),)),
            config=Config(env=env),
        )
    )
    types = (
        (media_types.DOCKER_CONFIG, media_types.DOCKER_LAYER_GZIP, media_types.DOCKER_MANIFEST)
        if docker
        else (media_types.CONFIG, media_types.LAYER_GZIP, media_types.MANIFEST)
    )
    value = manifest_of(describe(config, types[0]), (describe(blob, types[1]),))
    manifest = encode(msgspec.structs.replace(value, media_type=types[2]))
    for data in (blob, config):
        registry.put_blob("python", data)
    registry.put_manifest("python", manifest, types[2], architecture)
    return describe(manifest, types[2], platform=PlatformSpec(architecture=architecture, os="linux"))


def put_index(registry: QuirkRegistry, *manifests: Descriptor) -> None:
    registry.put_manifest("python", encode(index_of(manifests)), media_types.INDEX, "3.12")


def pin(
    registry: QuirkRegistry, store: Store, *needed: Platform, tag: str = "3.12"
) -> dict[str, PlatformPins]:
    reference = base_reference(f"{registry.host}/python:{tag}")
    with Registries() as registries:
        return pin_registry_image(reference, needed or (AMD64,), store, registries, SilentProgress())[1]


def test_layers_of_needed_platforms_stay_in_the_store_and_others_only_pass_by(
    quirks: QuirkRegistry, store: Store
) -> None:
    put_index(quirks, put(quirks, "amd64"), put(quirks, "arm64"))
    pins = pin(quirks, store)
    layers = {name: pinned.image.layers[0].digest for name, pinned in pins.items() if pinned.image}
    assert Digest(layers["linux/amd64"]) in store.blobs
    assert Digest(layers["linux/arm64"]) not in store.blobs


def test_an_image_in_dockers_format_is_pinned_under_ocis_names(quirks: QuirkRegistry, store: Store) -> None:
    put(quirks, "amd64", docker=True)
    (pinned,) = pin(quirks, store, tag="amd64").values()
    assert pinned.image
    assert pinned.image.layers[0].media_type == media_types.LAYER_GZIP


def test_a_mirror_that_has_only_a_part_of_the_index_is_enough_for_that_part(
    quirks: QuirkRegistry, store: Store
) -> None:
    amd64, arm64 = put(quirks, "amd64"), put(quirks, "arm64")
    put_index(quirks, amd64, arm64)
    del quirks.manifests["python"][str(arm64.digest)]
    assert pin(quirks, store).keys() == {"linux/amd64"}
    with pytest.raises(NotFoundError):
        pin(quirks, store, ARM64)


def test_an_image_that_is_not_for_the_needed_platform_says_what_it_is_for(
    quirks: QuirkRegistry, store: Store
) -> None:
    put_index(quirks, put(quirks, "arm64"))
    with pytest.raises(InputError, match="linux/arm64"):
        pin(quirks, store)


def test_a_layer_that_is_not_what_the_manifest_says_is_not_pinned(
    quirks: QuirkRegistry, store: Store
) -> None:
    put(quirks, "amd64")
    quirks.quirks.corrupt.update(d for d, data in quirks.blobs["python"].items() if data[:2] == b"\x1f\x8b")
    with pytest.raises(WorldError):
        pin(quirks, store, tag="amd64")


def test_a_damaged_layer_of_a_platform_that_is_not_needed_is_told_too(
    quirks: QuirkRegistry, store: Store
) -> None:
    amd64 = put(quirks, "amd64")
    sound = set(quirks.blobs["python"])
    put_index(quirks, amd64, put(quirks, "arm64"))
    added = {d: data for d, data in quirks.blobs["python"].items() if d not in sound}
    quirks.quirks.corrupt.update(d for d, data in added.items() if data[:2] == b"\x1f\x8b")
    assert quirks.quirks.corrupt
    with pytest.raises(InputError, match="digest promises"):
        pin(quirks, store)


@pytest.mark.parametrize("odd", ["A=\0", "A=" + "x" * (1 << 16)])
def test_what_no_lock_could_be_read_with_is_not_pinned(odd: str, quirks: QuirkRegistry, store: Store) -> None:
    put(quirks, "amd64", env=(odd,))
    with pytest.raises(InputError, match="malformed configuration") as caught:
        pin(quirks, store, tag="amd64")
    assert f"{quirks.host}/python" in caught.value.where
    assert len(caught.value.lines()) == 3


def test_a_second_look_fetches_no_layer_again(quirks: QuirkRegistry, store: Store) -> None:
    put_index(quirks, put(quirks, "amd64"), put(quirks, "arm64"))
    first = pin(quirks, store)
    seen = len(quirks.asked("GET", "/blobs/"))
    assert pin(quirks, store) == first
    again = quirks.asked("GET", "/blobs/")[seen:]
    assert not [
        a for a in again if any(p.image.layers[0].digest in a.path for p in first.values() if p.image)
    ]


def test_what_a_lock_does_not_have_is_looked_up_in_the_pinned_image(
    quirks: QuirkRegistry, store: Store, tmp_path_factory: pytest.TempPathFactory
) -> None:
    put(quirks, "amd64")
    (pinned,) = pin(quirks, store, tag="amd64").values()
    assert pinned.image
    digest = Digest(pinned.digest)
    name = f"{quirks.host}/python:amd64"
    base = base_of_image("b", AMD64, digest, pinned.image, python=WantedPython(), registry_name=name)
    elsewhere = type(store).open(tmp_path_factory.mktemp("elsewhere"))
    with Registries() as registries:
        look_at_pinned(base, digest, elsewhere, registries, SilentProgress())
    assert known_facts(digest, elsewhere) == known_facts(digest, store)
    quirks.manifests["python"].clear()
    with Registries() as registries, pytest.raises(NotFoundError, match="no longer has the base") as caught:
        look_at_pinned(base, digest, elsewhere, registries, SilentProgress())
    assert caught.value.mend == "wherry lock --upgrade base"
