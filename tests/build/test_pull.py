"""Images come from a real registry, whole, whoever put them there; a killed pull goes on where it was."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.fetch.conftest import (
    HASTE,
    World,
    serving,
    start_world,  # noqa: F401 - a fixture
)
from tests.handmade import Entry, put_image, put_index, source_of
from tests.oci.registry.hub import Hub
from tests.programs import require_program
from wherry.build.inventory import stored_images
from wherry.build.pull import parse_registry_reference, pull_image
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.fetch.partial import begun_bytes
from wherry.oci import media_types
from wherry.oci.image import blobs_under, read_image
from wherry.oci.layout import write_layout
from wherry.oci.model import PlatformSpec, describe, encode, index_of, manifest_of
from wherry.oci.origins import Origin, Origins
from wherry.oci.platform import Platform
from wherry.oci.reference import parse_tag
from wherry.oci.registry.client import Registries
from wherry.oci.sources import open_image
from wherry.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fetch.conftest import Handler
    from tests.registries import DockerRegistry
    from wherry.build.pull import Pulled
    from wherry.oci.model import Descriptor

ARM64 = Platform.parse("linux/arm64")
LARGE = random.Random(5).randbytes(3_000_000)  # noqa: S311 - no secret


@pytest.fixture
def elsewhere(tmp_path: Path) -> Store:
    """The store of whoever made the images."""
    return Store.open(tmp_path / "elsewhere")


@pytest.fixture
def registries() -> Iterator[Registries]:
    with Registries(patience=HASTE) as registries:
        yield registries


@pytest.fixture
def hub(start_world: Callable[[], World]) -> Hub:  # noqa: F811 - the fixture imported above
    return Hub(start_world())


def two_platforms(store: Store) -> Descriptor:
    images = [
        put_image(store, [[Entry("opt/a", LARGE)], [Entry("opt/b", arch.encode())]], architecture=arch)
        for arch in ("amd64", "arm64")
    ]
    return put_index(store, images)


def put_there(registry: DockerRegistry, name: str, store: Store, root: Descriptor, *options: str) -> None:
    """Let skopeo bring an image into a registry."""
    layout = store.root.parent / f"layout-{name.replace('/', '-').replace(':', '-')}"
    write_layout(layout, source_of(store, root), root, ref_name="x")
    subprocess.run(
        [
            require_program("skopeo"),
            "copy",
            "--quiet",
            *options,
            *registry.skopeo["dest"],
            f"oci:{layout}:x",
            f"docker://{registry.host}/{name}",
        ],
        check=True,
        capture_output=True,
    )


def pull(text: str, store: Store, registries: Registries, name: str = "") -> Pulled:
    tag = parse_tag(name) if name else None
    return pull_image(parse_registry_reference(text), store, registries, name=tag)


def test_an_image_of_several_platforms_comes_whole_and_only_once(
    plain_registry: DockerRegistry,
    fresh_repository: str,
    elsewhere: Store,
    store: Store,
    registries: Registries,
) -> None:
    root = two_platforms(elsewhere)
    put_there(plain_registry, f"{fresh_repository}:v1", elsewhere, root, "--all")
    name = f"{plain_registry.host}/{fresh_repository}:v1"
    pulled = pull(name, store, registries)
    assert (pulled.digest, pulled.name) == (root.digest, name)
    assert len(LARGE) < pulled.moved_bytes <= pulled.size_bytes
    image = next(image for image in stored_images(store) if image.name == name)
    assert image.platforms == ("linux/amd64", "linux/arm64")
    source, found = open_image(name, store)
    for layer, _ in read_image(source, found, ARM64).layers():
        assert Digest.of_file(store.blobs.path(layer.digest)) == layer.digest
        assert Origins(store).of(layer.digest) == (Origin(plain_registry.host, fresh_repository),)
    again = pull(f"docker://{name}", store, registries)
    assert again.moved_bytes == root.size_bytes


def test_one_platform_of_several_is_taken_alone(
    plain_registry: DockerRegistry,
    fresh_repository: str,
    elsewhere: Store,
    store: Store,
    registries: Registries,
) -> None:
    root = two_platforms(elsewhere)
    put_there(plain_registry, f"{fresh_repository}:v1", elsewhere, root, "--all")
    reference = parse_registry_reference(f"{plain_registry.host}/{fresh_repository}:v1")
    pulled = pull_image(reference, store, registries, name=parse_tag("arm"), platform=ARM64)
    assert pulled.name == "arm:latest"
    assert root.digest not in store.blobs
    (image,) = stored_images(store)
    assert image.platforms == ("linux/arm64",)


def test_an_image_in_dockers_format_keeps_it(
    plain_registry: DockerRegistry,
    fresh_repository: str,
    elsewhere: Store,
    store: Store,
    registries: Registries,
) -> None:
    image = put_image(elsewhere, [[Entry("opt/a", LARGE)]])
    put_there(plain_registry, f"{fresh_repository}:v1", elsewhere, image, "--format", "v2s2")
    pulled = pull(f"{plain_registry.host}/{fresh_repository}:v1", store, registries)
    assert pulled.digest != image.digest
    source, root = open_image(pulled.name, store)
    assert root.media_type == media_types.DOCKER_MANIFEST
    layers = read_image(source, root, None).manifest.layers
    assert [layer.media_type for layer in layers] == [media_types.DOCKER_LAYER_GZIP]
    assert layers[0].digest in store.blobs


def test_what_is_named_by_its_digest_gets_a_name_only_when_it_is_given_one(
    plain_registry: DockerRegistry,
    fresh_repository: str,
    elsewhere: Store,
    store: Store,
    registries: Registries,
) -> None:
    image = put_image(elsewhere, [[Entry("opt/a", b"1")]])
    put_there(plain_registry, f"{fresh_repository}:v1", elsewhere, image)
    name = f"{plain_registry.host}/{fresh_repository}"
    assert pull(f"{name}@{image.digest}", store, registries).name == ""
    assert store.tags.items() == []
    assert open_image(f"{name}@{image.digest}", store)[1].digest == image.digest
    assert pull(f"{name}@{image.digest}", store, registries, "app:v1").name == "app:v1"
    assert pull(f"{name}:v1@{image.digest}", store, registries).name == f"{name}:v1"
    assert [known for known, _ in store.tags.items()] == [f"{name}:v1", "app:v1"]


def test_a_registry_whose_certificate_nobody_trusts_is_not_pulled_from(
    tls_registry: DockerRegistry,
    fresh_repository: str,
    elsewhere: Store,
    store: Store,
    registries: Registries,
) -> None:
    image = put_image(elsewhere, [[Entry("opt/a", b"1")]])
    put_there(tls_registry, f"{fresh_repository}:v1", elsewhere, image)
    with pytest.raises(WorldError):
        pull(f"{tls_registry.host}/{fresh_repository}:v1", store, registries)
    assert store.tags.items() == []


# What a pull that does not end well leaves


def serve_slowly(hub: Hub, data: bytes) -> threading.Event:
    """Serve a blob of which half comes, and the rest when the event is set."""
    go_on = threading.Event()

    def half(handler: Handler) -> None:
        handler.begin(200, len(data))
        handler.wfile.write(data[: len(data) // 2])
        handler.wfile.flush()
        go_on.wait(60)
        handler.hang_up()

    hub.blob(data, half)
    return go_on


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_pull_killed_in_the_middle_is_gone_on_with(
    hub: Hub, elsewhere: Store, store: Store, how: signal.Signals
) -> None:
    image = put_image(elsewhere, [[Entry("opt/a", LARGE)], [Entry("opt/b", b"1")]])
    hub.image(elsewhere, image)
    layer = max(
        (blob for blob, _ in read_image(source_of(elsewhere, image), image, None).layers()),
        key=lambda blob: blob.size_bytes,
    )
    data = elsewhere.blobs.path(layer.digest).read_bytes()
    go_on = serve_slowly(hub, data)
    name = f"{hub.host}/team/app:v1"
    environment = {**os.environ, "WHERRY_CACHE_DIR": str(store.root)}
    process = subprocess.Popen(
        [sys.executable, "-m", "wherry", "pull", name],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    others = [b.digest for b in blobs_under(source_of(elsewhere, image), image) if b.digest != layer.digest]
    others.remove(image.digest)
    try:
        while begun_bytes(store, layer.digest) < len(data) // 2 or not all(b in store.blobs for b in others):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(how)
        _, said = process.communicate()
    finally:
        process.kill()
        process.wait()
        go_on.set()
    assert process.returncode == (-how if how is signal.SIGKILL else 130)
    assert ("what was fetched or sent is kept, and the same command" in said) == (how is signal.SIGINT)
    assert Store.open(store.root).tags.items() == []
    hub.blob(data)
    hub.world.requests.clear()
    with Registries(patience=HASTE, plain_http={hub.host}) as registries:
        pulled = pull(name, store, registries)
    assert (pulled.digest, pulled.name) == (image.digest, name)
    (again,) = [r for r in hub.world.requests if r.path.endswith(layer.digest)]
    assert again.headers["Range"] == f"bytes={len(data) // 2}-"
    # The other layer and the config came before the kill; the manifest is asked for anew.
    assert pulled.moved_bytes == len(data) - len(data) // 2 + image.size_bytes


def test_a_pull_that_fails_leaves_the_name_with_what_it_meant(
    hub: Hub, elsewhere: Store, store: Store, registries: Registries
) -> None:
    old, new = (put_image(elsewhere, [[Entry("opt/a", data)]]) for data in (b"1", b"2"))
    hub.image(elsewhere, old)
    name = f"{hub.host}/team/app:v1"
    pull(name, store, registries)
    hub.image(elsewhere, new)
    (layer, _), *_ = read_image(source_of(elsewhere, new), new, None).layers()
    hub.blob(elsewhere.blobs.path(layer.digest).read_bytes(), serving(bytes(layer.size_bytes)))
    with pytest.raises(WorldError, match=f"not {layer.digest}"):
        pull(name, store, registries)
    assert open_image(name, store)[1].digest == old.digest


def test_what_is_no_image_is_refused_before_its_contents_come(
    hub: Hub, store: Store, registries: Registries
) -> None:
    chart = b"a chart"
    config = describe(b"{}", "application/vnd.cncf.helm.config.v1+json")
    data = encode(manifest_of(config, (describe(chart, "application/vnd.cncf.helm.chart.v1.tar+gzip"),)))
    hub.manifest("v1", data)
    hub.blob(b"{}")
    hub.blob(chart)
    with pytest.raises(InputError, match="it is no image but"):
        pull(f"{hub.host}/team/app:v1", store, registries)
    assert Digest.of_bytes(chart) not in store.blobs
    assert store.tags.items() == []


def test_attestations_come_along_and_are_no_platform(
    hub: Hub, elsewhere: Store, store: Store, registries: Registries
) -> None:
    image = put_image(elsewhere, [[Entry("opt/a", b"1")]])
    for blob in (b"{}", b"statement"):
        elsewhere.blobs.add_bytes(blob)
    attestation = encode(
        manifest_of(
            describe(b"{}", media_types.CONFIG), (describe(b"statement", "application/vnd.in-toto+json"),)
        )
    )
    elsewhere.blobs.add_bytes(attestation)
    unknown = describe(
        attestation, media_types.MANIFEST, platform=PlatformSpec(architecture="unknown", os="unknown")
    )
    data = encode(index_of((image, unknown)))
    elsewhere.blobs.add_bytes(data)
    hub.image(elsewhere, describe(data, media_types.INDEX))
    pulled = pull(f"{hub.host}/team/app:v1", store, registries)
    assert pulled.digest == Digest.of_bytes(data)
    assert Digest.of_bytes(b"statement") in store.blobs
    (found,) = stored_images(store)
    assert found.platforms == (str(Platform.of_host()),)


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("python:3.12", "docker.io/library/python:3.12"),
        ("nvidia/cuda", "docker.io/nvidia/cuda:latest"),
        (f"sha256:{'0' * 64}", "HOST/NAME@sha256:0"),
        ("oci:dir", "wherry copy oci:dir NAME"),
        ("oci-archive:file", "wherry copy oci-archive:file NAME"),
    ],
)
def test_a_name_without_a_registry_is_answered_with_one_that_has(text: str, mend: str) -> None:
    with pytest.raises(InputError, match="names no registry") as caught:
        parse_registry_reference(text)
    assert mend in caught.value.mend
