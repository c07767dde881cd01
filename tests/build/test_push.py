"""An image of the store is pushed with all that belongs to it, and a push that was killed goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.programs import require_program
from tests.registry_world.faults import FaultProxy, gaps
from tests.registry_world.images import make_image
from wherry.build.push import PushedImage, push_stored, registry_destination
from wherry.digest import Digest
from wherry.errors import InputError
from wherry.fetch.answers import Patience
from wherry.oci.model import EMPTY_CONFIG, artifact_of, describe, encode
from wherry.oci.reference import RegistryReference
from wherry.oci.registry.client import Registries
from wherry.oci.registry.push import Pushed
from wherry.progress import SilentProgress
from wherry.store.attached import Attached

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.registries import DockerRegistry
    from tests.registry_world.quirks import QuirkRegistry
    from wherry.store.store import Store


def push(store: Store, name: str, host: str, repository: str = "team/app", tag: str = "v1") -> PushedImage:
    patience = Patience(connect_s=5, silence_s=5, attempts=8, backoff_s=0.01)
    with Registries(patience=patience) as registries:
        return push_stored(
            store, name, RegistryReference(host, repository, tag), registries, SilentProgress()
        )


def test_an_image_is_pushed_by_its_name_and_by_its_digest(store: Store, quirks: QuirkRegistry) -> None:
    root = make_image(store, "app:v1")
    assert push(store, "app:v1", quirks.host).image.digest == root.digest
    assert push(store, str(root.digest), quirks.host, tag="v2").image.digest == root.digest
    assert quirks.manifests["team/app"]["v1"] == quirks.manifests["team/app"]["v2"]


def test_a_name_the_store_lacks_is_the_users_fault(store: Store, quirks: QuirkRegistry) -> None:
    with pytest.raises(InputError, match="no image app:latest"):
        push(store, "app", quirks.host)
    assert quirks.requests == []


def test_what_is_attached_goes_along(store: Store, quirks: QuirkRegistry) -> None:
    root = make_image(store, "app:v1")
    document = b'{"a":"bill of materials"}'
    kind = "application/vnd.cyclonedx+json"
    artifact = encode(artifact_of(kind, describe(document, kind), root, {}))
    for blob in (document, EMPTY_CONFIG, artifact):
        store.blobs.add_bytes(blob)
    Attached(store).put(root.digest, {kind: Digest.of_bytes(artifact)})
    (attached,) = push(store, "app:v1", quirks.host).attached
    assert attached.artifact_type == kind
    assert document in quirks.blobs["team/app"].values()
    assert quirks.manifests["team/app"][attached.digest].data == artifact


def test_where_to_push_has_the_name_of_a_registry() -> None:
    found = RegistryReference("reg.example", "team/app", "v1")
    assert registry_destination("reg.example/team/app:v1") == found
    assert registry_destination("docker://reg.example/team/app:v1") == found
    for text in ("team/app:v1", "oci:dir"):
        with pytest.raises(InputError, match="names no registry"):
            registry_destination(text)


def test_amounts_are_told_as_far_as_there_are_any() -> None:
    digest = Digest.of_bytes(b"")
    pushed = Pushed("x", digest, sent_bytes=1200, mounted_bytes=0, present_bytes=0, copied_bytes=0)
    assert PushedImage(pushed).amounts == "1.20 kB sent"
    pushed = Pushed("x", digest, sent_bytes=0, mounted_bytes=10, present_bytes=30, copied_bytes=20)
    assert PushedImage(pushed).amounts == (
        "0 B sent, 20 B copied from elsewhere, 10 B mounted, 30 B there already"
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_push_that_is_killed_near_the_end_goes_on_there(
    store: Store, start_quirks: Callable[..., QuirkRegistry], how: signal.Signals
) -> None:
    quirks = start_quirks(piece_pause_s=0.005)
    root = make_image(store, "app:v1", layers=(16_000_000, 20_000))
    command = [sys.executable, "-m", "wherry", "push", "app:v1", f"{quirks.host}/team/app:v1"]
    environment = {**os.environ, "WHERRY_CACHE_DIR": str(store.root)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 60
        while sum(map(len, quirks.uploads.values())) < 8_000_000 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(how)
        _, said = process.communicate()
    assert process.returncode == (-how if how is signal.SIGKILL else 130)
    assert "Traceback" not in said
    assert ("sent is kept, and the same command goes on there" in said) == (how is signal.SIGINT)
    assert quirks.manifests == {}
    time.sleep(0.1)
    quirks.forget_requests()
    quirks.quirks.piece_pause_s = 0
    pushed = push(store, "app:v1", quirks.host).image
    assert pushed.digest == Digest.of_bytes(quirks.manifests["team/app"]["v1"].data) == root.digest
    assert quirks.bytes_in < 9_000_000
    assert quirks.corrupt_blobs() == []


def test_a_push_over_a_bad_line_ends_in_an_image_that_skopeo_copies(
    store: Store, plain_registry: DockerRegistry, fresh_repository: str
) -> None:
    root = make_image(store, "app:v1", layers=(6_000_000, 5_000_000, 30_000))
    luck = random.Random(5)  # noqa: S311 - not secret
    with FaultProxy(plain_registry.host, gaps(luck, 6, 11_000_000), luck) as proxy:
        pushed = push(store, "app:v1", proxy.host, fresh_repository)
        assert proxy.met
    assert pushed.image.digest == root.digest
    subprocess.run(
        [
            require_program("skopeo"),
            "copy",
            "--quiet",
            *plain_registry.skopeo["src"],
            f"docker://{plain_registry.host}/{fresh_repository}:v1",
            f"oci:{store.root.parent}/copy:v1",
        ],
        check=True,
    )
