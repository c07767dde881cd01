"""An image comes into a registry: only what is missing, nothing before what it names, its digest kept."""

from __future__ import annotations

import json
import random
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.handmade import source_of
from tests.programs import require_program
from tests.registry_world.images import make_image, make_index
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.fetch.answers import Patience
from wherry.fetch.failures import TransientError, WrongBytesError
from wherry.oci import media_types
from wherry.oci.image import blobs_under
from wherry.oci.model import describe, encode, manifest_of
from wherry.oci.origins import Origin, Origins
from wherry.oci.reference import RegistryReference
from wherry.oci.registry import upload as upload_module
from wherry.oci.registry.client import Registries
from wherry.oci.registry.errors import AccessError
from wherry.oci.registry.pull import open_registry
from wherry.oci.registry.push import Pushed, push_bytes, push_image, push_manifest
from wherry.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.registries import DockerRegistry
    from tests.registry_world.quirks import QuirkRegistry
    from wherry.oci.model import Descriptor

HASTE = Patience(connect_s=5, silence_s=5, attempts=3, backoff_s=0.01)


@pytest.fixture
def registries() -> Iterator[Registries]:
    with Registries(patience=HASTE) as registries:
        yield registries


def push(  # noqa: PLR0913 - an image, where to, and what is known of its blobs
    store: Store,
    root: Descriptor,
    host: str,
    repository: str,
    registries: Registries,
    *,
    tag: str = "v1",
    digest: Digest | None = None,
) -> Pushed:
    target = RegistryReference(host, repository, tag, digest)
    return push_image(
        source_of(store, root), root, target, registries, origins=Origins(store).of, store=store
    )


def inspected(registry: DockerRegistry, name: str, *options: str) -> str:
    """What skopeo finds in the registry."""
    command = [require_program("skopeo"), "inspect", *registry.skopeo[""], *options]
    return subprocess.run(
        [*command, f"docker://{registry.host}/{name}"], check=True, capture_output=True, text=True
    ).stdout


def large(store: Store, root: Descriptor) -> int:
    """The bytes of the image's layers and config."""
    return sum(blob.size_bytes for blob in blobs_under(source_of(store, root), root)) - root.size_bytes


# Debian's registry


def test_skopeo_finds_the_image_with_its_digest_and_copies_it(
    plain_registry: DockerRegistry,
    fresh_repository: str,
    store: Store,
    registries: Registries,
    tmp_path: Path,
) -> None:
    root = make_image(store, layers=(5_000_000, 10_000))
    pushed = push(store, root, plain_registry.host, fresh_repository, registries)
    name = f"{fresh_repository}:v1"
    assert pushed.reference == f"docker://{plain_registry.host}/{name}"
    assert pushed.digest == root.digest
    assert pushed.sent_bytes == large(store, root) + root.size_bytes
    assert json.loads(inspected(plain_registry, name))["Digest"] == root.digest
    subprocess.run(
        [
            require_program("skopeo"),
            "copy",
            "--quiet",
            *plain_registry.skopeo["src"],
            f"docker://{plain_registry.host}/{name}",
            f"oci:{tmp_path}/copy:x",
        ],
        check=True,
    )


def test_a_second_push_sends_the_manifest_alone(
    plain_registry: DockerRegistry, fresh_repository: str, store: Store, registries: Registries
) -> None:
    root = make_image(store)
    push(store, root, plain_registry.host, fresh_repository, registries)
    again = push(store, root, plain_registry.host, fresh_repository, registries, tag="v2")
    assert again.sent_bytes == root.size_bytes
    assert again.present_bytes == large(store, root)
    assert plain_registry.tags(fresh_repository) == ["v1", "v2"]


def test_what_another_repository_has_is_mounted(
    plain_registry: DockerRegistry, fresh_repository: str, store: Store, registries: Registries
) -> None:
    root = make_image(store, seed=7)
    push(store, root, plain_registry.host, f"{fresh_repository}/a", registries)
    pushed = push(store, root, plain_registry.host, f"{fresh_repository}/b", registries)
    assert pushed.mounted_bytes == large(store, root)
    assert pushed.sent_bytes == root.size_bytes
    assert json.loads(inspected(plain_registry, f"{fresh_repository}/b:v1"))["Digest"] == root.digest


def test_several_platforms_go_as_an_index_and_share_their_layers(
    plain_registry: DockerRegistry, fresh_repository: str, store: Store, registries: Registries
) -> None:
    root = make_index(store)
    pushed = push(store, root, plain_registry.host, fresh_repository, registries)
    assert pushed.sent_bytes == large(store, root) + root.size_bytes
    raw = inspected(plain_registry, f"{fresh_repository}:v1", "--raw")
    assert Digest.of_bytes(raw.encode()) == root.digest


def test_passwords_and_tls_are_no_hindrance(
    tls_registry: DockerRegistry,
    fresh_repository: str,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    trusted_authority: object,  # noqa: ARG001 - wherry trusts it
) -> None:
    monkeypatch.setenv("WHERRY_REGISTRY", tls_registry.host)
    monkeypatch.setenv("WHERRY_REGISTRY_USERNAME", tls_registry.user)
    monkeypatch.setenv("WHERRY_REGISTRY_PASSWORD", tls_registry.password)
    root = make_image(store, layers=(5_000_000,))
    with Registries(patience=HASTE) as registries:
        push(store, root, tls_registry.host, fresh_repository, registries)
    assert json.loads(inspected(tls_registry, f"{fresh_repository}:v1"))["Digest"] == root.digest


def test_an_image_goes_from_registry_to_registry_and_touches_no_disk(
    plain_registry: DockerRegistry,
    fresh_repository: str,
    quirks: QuirkRegistry,
    store: Store,
    registries: Registries,
) -> None:
    root = make_index(store)
    push(store, root, plain_registry.host, fresh_repository, registries)
    empty = Store.open(store.root.parent / "empty")
    source, found = open_registry(
        RegistryReference(plain_registry.host, fresh_repository, "v1"), registries, store=empty
    )
    target = RegistryReference(quirks.host, "there", "v1")
    pushed = push_image(source, found, target, registries, store=empty)
    assert pushed.digest == root.digest
    assert quirks.manifests["there"]["v1"].data == quirks.manifests["there"][root.digest].data
    documents = sum(len(d.data) for d in {d.data: d for d in quirks.manifests["there"].values()}.values())
    assert pushed.sent_bytes == documents
    assert pushed.copied_bytes == large(store, root) - documents + root.size_bytes
    assert list(empty.blobs.items()) == []
    assert quirks.corrupt_blobs() == []
    # Within one registry the source's repository is where blobs are mounted from.
    target = RegistryReference(plain_registry.host, f"{fresh_repository}/copy", "v1")
    mounted = push_image(source, found, target, registries)
    assert (mounted.copied_bytes, mounted.sent_bytes) == (0, documents)


def test_a_copy_reads_from_the_store_what_the_store_has(
    plain_registry: DockerRegistry,
    fresh_repository: str,
    quirks: QuirkRegistry,
    store: Store,
    registries: Registries,
) -> None:
    root = make_image(store)
    push(store, root, plain_registry.host, fresh_repository, registries)
    source, found = open_registry(
        RegistryReference(plain_registry.host, fresh_repository, "v1"), registries, store=store
    )
    before = source.moved_bytes
    pushed = push_image(source, found, RegistryReference(quirks.host, "t", "v1"), registries, store=store)
    assert pushed.copied_bytes == 0
    assert source.moved_bytes == before


# A registry that misbehaves


def test_nothing_names_what_is_not_there_yet(
    quirks: QuirkRegistry, store: Store, registries: Registries
) -> None:
    root = make_index(store)
    push(store, root, quirks.host, "app", registries)
    requests = [r for r in quirks.requests if r.method == "PUT"]
    manifests = [r for r in requests if "/manifests/" in r.path]
    assert requests[-3:] == manifests  # two images behind all blobs
    assert manifests[-1].path.endswith("/manifests/v1")  # and the index, by its tag, behind them
    assert len(quirks.asked("POST")) == len(quirks.blobs["app"])  # a shared layer once
    configs = {
        d.digest for d in blobs_under(source_of(store, root), root) if d.media_type == media_types.CONFIG
    }
    closed = [r.query["digest"] for r in requests[:-3]]
    assert set(closed[-2:]) == configs


@pytest.mark.parametrize("mounts", ["ignored", "refused", "need from"])
def test_a_registry_that_does_not_mount_gets_the_bytes(
    start_quirks: Callable[..., QuirkRegistry], store: Store, registries: Registries, mounts: str
) -> None:
    quirks = start_quirks(mounts=mounts)
    root = make_image(store)
    push(store, root, quirks.host, "a", registries)
    quirks.forget_requests()
    pushed = push(store, root, quirks.host, "b", registries)
    assert quirks.blobs["a"] == quirks.blobs["b"]
    if mounts == "ignored":
        assert pushed.mounted_bytes == 0
        assert len(quirks.asked("POST")) == len(quirks.blobs["b"])  # the upload that the mount began was used
    assert quirks.uploads == {}


def test_an_origin_that_lost_the_blob_is_passed_over(
    quirks: QuirkRegistry, store: Store, registries: Registries
) -> None:
    root = make_image(store)
    push(store, root, quirks.host, "a", registries)
    for blob in blobs_under(source_of(store, root), root):
        Origins(store).note(blob.digest, Origin(quirks.host, "gone"))
    pushed = push(store, root, quirks.host, "b", registries)
    assert pushed.mounted_bytes == large(store, root)
    assert quirks.uploads == {}


def test_a_mount_that_fails_for_good_and_one_that_fails_for_now_are_told_apart(
    quirks: QuirkRegistry, store: Store, registries: Registries
) -> None:
    root = make_image(store, layers=(100_000,))
    push(store, root, quirks.host, "a", registries)
    quirks.fails(429, method="POST", place="mount=", retry_after="0")
    quirks.fails(403, method="POST", place="mount=")
    pushed = push(store, root, quirks.host, "b", registries)
    config = next(b for b in blobs_under(source_of(store, root), root) if b.media_type == media_types.CONFIG)
    assert pushed.mounted_bytes == config.size_bytes
    assert quirks.blobs["a"] == quirks.blobs["b"]


def test_a_blob_that_is_mounted_in_another_length_than_the_manifests_is_not_taken(
    quirks: QuirkRegistry, store: Store, registries: Registries
) -> None:
    root = make_image(store, layers=(100_000,))
    push(store, root, quirks.host, "a", registries)
    quirks.quirks.length_lie = -1
    with pytest.raises(WorldError, match=r"with \d+ bytes; the manifest says \d+") as caught:
        push(store, root, quirks.host, "b", registries)
    assert caught.value.where == f"{quirks.host}/b"
    assert "b" not in quirks.manifests


def test_a_mount_that_came_to_nothing_is_followed_by_the_bytes(
    quirks: QuirkRegistry, store: Store, registries: Registries
) -> None:
    root = make_image(store, layers=(100_000,))
    push(store, root, quirks.host, "a", registries)
    layer = blobs_under(source_of(store, root), root)[0]
    quirks.fails(404, method="HEAD", place=f"^/v2/b/blobs/{layer.digest}", times=2)
    pushed = push(store, root, quirks.host, "b", registries)
    assert pushed.sent_bytes == layer.size_bytes + root.size_bytes
    assert quirks.blobs["a"] == quirks.blobs["b"]


def test_a_registry_of_several_names_is_one_to_mount_from(
    quirks: QuirkRegistry, store: Store, registries: Registries
) -> None:
    root = make_image(store)
    push(store, root, quirks.host, "a", registries)
    target = RegistryReference(quirks.host, "b", "v1")
    names = [
        Origin("not a host", "a"),
        Origin(f"https://{quirks.host}/v2/", "a"),
    ]  # as Docker's files write it
    pushed = push_image(source_of(store, root), root, target, registries, origins=lambda _: names)
    assert pushed.mounted_bytes == large(store, root)


def test_a_layer_that_was_never_fetched_goes_from_where_it_was_seen(
    start_quirks: Callable[..., QuirkRegistry], store: Store, registries: Registries
) -> None:
    here, there = start_quirks(mounts="ignored"), start_quirks()
    root = make_image(store, layers=(5_000_000, 20_000))
    push(store, root, here.host, "base", registries)
    layer = blobs_under(source_of(store, root), root)[0]
    store.blobs.remove(layer.digest)
    there.cuts(after=1_000_000, method="PATCH")
    here.cuts(after=2_000_000, method="GET", answer=True)
    pushed = push(store, root, there.host, "app", registries)
    assert pushed.copied_bytes >= layer.size_bytes
    assert there.bytes_in < layer.size_bytes + 1_000_000
    assert there.blobs["app"] == here.blobs["base"]
    assert layer.digest not in store.blobs
    # One registry that cannot mount is no other case.
    pushed = push(store, root, here.host, "app", registries)
    assert pushed.copied_bytes >= layer.size_bytes
    assert here.blobs["app"] == here.blobs["base"]


def test_the_next_origin_is_asked_when_one_does_not_give_the_blob(
    start_quirks: Callable[..., QuirkRegistry], store: Store, registries: Registries
) -> None:
    here, there = start_quirks(), start_quirks()
    root = make_image(store, layers=(200_000,))
    push(store, root, here.host, "base", registries)
    layer = blobs_under(source_of(store, root), root)[0]
    store.blobs.remove(layer.digest)
    Origins(store).note(layer.digest, Origin(here.host, "private"))
    push(store, root, there.host, "app", registries)
    assert there.blobs["app"] == here.blobs["base"]


@pytest.mark.parametrize("size_bytes", [200_000, 5_000_000])
def test_a_registry_that_gives_other_bytes_spoils_nothing(
    start_quirks: Callable[..., QuirkRegistry], store: Store, registries: Registries, size_bytes: int
) -> None:
    here, there = start_quirks(), start_quirks()
    root = make_image(store, layers=(size_bytes,))
    push(store, root, here.host, "base", registries)
    layer = blobs_under(source_of(store, root), root)[0]
    store.blobs.remove(layer.digest)
    here.quirks.corrupt.add(layer.digest)
    with pytest.raises(WrongBytesError, match=f"not {layer.digest}") as caught:
        push(store, root, there.host, "app", registries)
    assert caught.value.where == f"{here.host}/base"
    assert not [r for r in there.asked("PUT", layer.digest.hex) if r.status]  # it was noticed on the way
    assert "app" not in there.manifests
    assert layer.digest not in there.blobs.get("app", {})


@pytest.mark.parametrize("size_bytes", [200_000, 5_000_000])
def test_the_next_origin_is_asked_when_one_gives_other_bytes_and_first_for_the_next_blob(
    start_quirks: Callable[..., QuirkRegistry], store: Store, registries: Registries, size_bytes: int
) -> None:
    liar, honest, there = (start_quirks() for _ in range(3))
    for seed in (1, 2):
        root = make_image(store, layers=(size_bytes,), seed=seed)
        push(store, root, honest.host, "base", registries)
        push(store, root, liar.host, "base", registries)
        layer = blobs_under(source_of(store, root), root)[0]
        store.blobs.remove(layer.digest)
        liar.quirks.corrupt.add(layer.digest)
        liar.forget_requests()
        push(store, root, there.host, "app", registries)
        assert there.blobs["app"][layer.digest] == honest.blobs["base"][layer.digest]
        assert bool(liar.asked("GET", "/blobs/")) == (seed == 1)
    assert there.corrupt_blobs() == []
    assert there.uploads == {}


def test_a_blob_that_this_disk_has_spoilt_comes_from_where_it_was_seen(
    start_quirks: Callable[..., QuirkRegistry], store: Store, registries: Registries
) -> None:
    here, there = start_quirks(), start_quirks()
    root = make_image(store, layers=(300_000,))
    push(store, root, here.host, "base", registries)
    layer = blobs_under(source_of(store, root), root)[0]
    path = store.blobs.path(layer.digest)
    path.chmod(0o644)
    path.write_bytes(bytes(layer.size_bytes))
    pushed = push(store, root, there.host, "app", registries)
    assert pushed.copied_bytes == layer.size_bytes
    assert there.blobs["app"] == here.blobs["base"]


def test_when_every_origin_fails_each_ones_reason_is_told(
    start_quirks: Callable[..., QuirkRegistry], store: Store, registries: Registries
) -> None:
    liar, poor, there = (start_quirks() for _ in range(3))
    root = make_image(store, layers=(300_000,))
    push(store, root, liar.host, "base", registries)
    layer = blobs_under(source_of(store, root), root)[0]
    store.blobs.remove(layer.digest)
    liar.quirks.corrupt.add(layer.digest)
    Origins(store).note(layer.digest, Origin(poor.host, "base"))
    with pytest.raises(WorldError) as caught:
        push(store, root, there.host, "app", registries)
    assert f"{liar.host}/base: the registry sent sha256:" in caught.value.what
    assert f"{poor.host}/base: the registry has no such thing (404)" in caught.value.what
    assert len(caught.value.lines()) <= 3
    assert there.uploads == {}


def test_a_target_that_fails_is_not_blamed_on_the_origin(
    start_quirks: Callable[..., QuirkRegistry], store: Store, registries: Registries
) -> None:
    here, other, there = (start_quirks() for _ in range(3))
    root = make_image(store, layers=(300_000,))
    for registry in (other, here):
        push(store, root, registry.host, "base", registries)
    store.blobs.remove(blobs_under(source_of(store, root), root)[0].digest)
    there.fails(403, method="PATCH", times=9)
    there.fails(403, method="PUT", times=9)
    with pytest.raises(AccessError, match="no permission"):
        push(store, root, there.host, "app", registries)
    assert not other.asked("GET", "/blobs/")


def test_a_blob_that_nobody_has_is_named(quirks: QuirkRegistry, store: Store, registries: Registries) -> None:
    root = make_image(store)
    layer = blobs_under(source_of(store, root), root)[0]
    store.blobs.remove(layer.digest)
    with pytest.raises(WorldError, match=str(layer.digest.hex[:12])):
        push(store, root, quirks.host, "app", registries)
    assert "app" not in quirks.manifests


def test_a_push_that_breaks_leaves_no_image_and_the_next_sends_the_rest(
    quirks: QuirkRegistry, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_module, "CHUNK_BYTES", 1 << 20)
    root = make_image(store, layers=(8_000_000, 50_000, 40_000))
    quirks.cuts(after=500_000, method="PATCH", skip=6, times=1000)
    with Registries(patience=HASTE) as registries, pytest.raises(TransientError):
        push(store, root, quirks.host, "app", registries)
    assert quirks.manifests == {}
    sent_bytes = quirks.bytes_in
    quirks._faults.clear()
    quirks.forget_requests()
    with Registries(patience=HASTE) as registries:
        pushed = push(store, root, quirks.host, "app", registries)
    assert quirks.manifests["app"]["v1"].data
    assert sent_bytes > 6_000_000
    assert quirks.bytes_in == pushed.sent_bytes
    assert pushed.present_bytes + pushed.sent_bytes == large(store, root) + root.size_bytes
    assert pushed.sent_bytes < 2_500_000


def test_a_blob_that_the_registry_has_in_another_length_is_sent(
    quirks: QuirkRegistry, store: Store, registries: Registries
) -> None:
    root = make_image(store, layers=(100_000,))
    push(store, root, quirks.host, "app", registries)
    quirks.quirks.length_lie = -1
    assert push(store, root, quirks.host, "app", registries).present_bytes == 0


def test_a_manifest_goes_as_it_is_and_must_have_come_so(
    quirks: QuirkRegistry, store: Store, registries: Registries
) -> None:
    image = make_image(store)
    source = source_of(store, image)
    layers = tuple(b for b in blobs_under(source, image) if b.media_type == media_types.LAYER_GZIP)
    config = next(b for b in blobs_under(source, image) if b.media_type == media_types.CONFIG)
    odd = b" " + encode(manifest_of(config, layers)).replace(b",", b" ,\n") + b"\n"
    store.blobs.add_bytes(odd)
    root = describe(odd, media_types.MANIFEST)
    pushed = push(store, root, quirks.host, "app", registries, tag="", digest=root.digest)
    assert pushed.digest == root.digest
    assert quirks.manifests["app"] == {root.digest: quirks.manifests["app"][root.digest]}
    assert quirks.manifests["app"][root.digest].data == odd
    quirks.quirks.digest_header = "wrong"
    with pytest.raises(WorldError, match="says that it has"):
        push(store, root, quirks.host, "app", registries)


def test_an_image_is_not_pushed_under_a_digest_that_is_not_its_own(
    quirks: QuirkRegistry, store: Store, registries: Registries
) -> None:
    root = make_image(store)
    with pytest.raises(InputError, match="not the one it is to be pushed under"):
        push(store, root, quirks.host, "app", registries, digest=Digest.of_bytes(b"other"))
    assert quirks.requests == []


def test_without_a_tag_the_image_is_the_latest(
    quirks: QuirkRegistry, store: Store, registries: Registries
) -> None:
    push(store, make_image(store), quirks.host, "app", registries, tag="")
    assert "latest" in quirks.manifests["app"]


def test_where_blobs_went_is_remembered_unless_the_store_may_only_be_read(
    quirks: QuirkRegistry, store: Store, registries: Registries
) -> None:
    root = make_image(store)
    (store.root / "index").write_text("in the way")
    push(store, root, quirks.host, "app", registries)
    (store.root / "index").unlink()
    push(store, root, quirks.host, "app", registries)
    layer = blobs_under(source_of(store, root), root)[0]
    assert Origins(store).of(layer.digest) == (Origin(quirks.host, "app"),)


def test_small_documents_are_pushed_from_memory(quirks: QuirkRegistry, registries: Registries) -> None:
    registry = registries.at(quirks.host)
    blob = push_bytes(registry, "app", b"{}", "application/vnd.oci.empty.v1+json")
    push_bytes(registry, "app", b"{}", "application/vnd.oci.empty.v1+json")
    assert quirks.blobs["app"] == {blob.digest: b"{}"}
    assert len(quirks.asked("POST")) == 1
    data = encode(manifest_of(blob, ()))
    quirks.fails(500, method="PUT", retry_after="0")
    headers = push_manifest(registry, "app", "v1", data, media_types.MANIFEST)
    assert headers["Docker-Content-Digest"] == Digest.of_bytes(data)


def test_every_random_cut_ends_in_the_same_image(
    start_quirks: Callable[..., QuirkRegistry], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_module, "CHUNK_BYTES", 2 << 20)
    root = make_image(store, layers=(9_000_000, 5_000_000, 30_000))
    luck = random.Random(11)  # noqa: S311 - not secret
    for keeps in (True, False):
        quirks = start_quirks(keeps_cut_chunks=keeps, location_query="t=1")
        for _ in range(12):
            quirks.cuts(
                after=luck.randrange(2_000_000),
                method=luck.choice(["POST", "PATCH", "PATCH", "PUT", "HEAD"]),
                answer=luck.random() < 0.3,
                reset=luck.random() < 0.5,
                skip=luck.randrange(4),
            )
        patience = Patience(connect_s=5, silence_s=5, attempts=30, backoff_s=0.001)
        with Registries(patience=patience) as registries:
            push(store, root, quirks.host, "app", registries)
        assert quirks.corrupt_blobs() == []
        assert Digest.of_bytes(quirks.manifests["app"]["v1"].data) == root.digest


def test_what_was_pushed_is_what_a_pull_finds(
    quirks: QuirkRegistry, store: Store, registries: Registries
) -> None:
    root = make_index(store)
    push(store, root, quirks.host, "app", registries)
    source, found = open_registry(RegistryReference(quirks.host, "app", "v1"), registries)
    assert found.digest == root.digest
    assert {b.digest for b in blobs_under(source, found)} == {
        b.digest for b in blobs_under(source_of(store, root), root)
    }
