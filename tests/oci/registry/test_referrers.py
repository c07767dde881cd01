from __future__ import annotations

import itertools
import json
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.handmade import source_of
from tests.programs import require_program
from tests.registry_world.images import make_image, make_index
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.fetch.answers import Patience
from wherry.oci import media_types
from wherry.oci.model import Descriptor, describe, encode, index_of
from wherry.oci.reference import RegistryReference
from wherry.oci.registry import kept_list, referrers
from wherry.oci.registry.client import Registries
from wherry.oci.registry.errors import AccessError
from wherry.oci.registry.kept_list import KeptList, fallback_tag
from wherry.oci.registry.push import push_image
from wherry.oci.registry.referrers import attach, image_referrers, list_referrers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.registries import DockerRegistry
    from tests.registry_world.quirks import QuirkRegistry
    from wherry.oci.registry.client import Registry
    from wherry.store.store import Store

SBOM = "application/vnd.cyclonedx+json"
TOTO = "application/vnd.in-toto+json"
REPOSITORY = "team/app"
SUBJECT = describe(b"a manifest", media_types.MANIFEST)
TAG = fallback_tag(SUBJECT.digest)
LIST = f"/manifests/{TAG}"


@pytest.fixture
def registries() -> Iterator[Registries]:
    with Registries(patience=Patience(backoff_s=0.01)) as found:
        yield found


@pytest.fixture
def old(start_quirks: Callable[..., QuirkRegistry]) -> QuirkRegistry:
    """A registry that knows nothing of referrers."""
    return start_quirks(referrers=False)


def attach_to(
    registry: Registry, payload: bytes = b"{}\n", kind: str = SBOM, **annotations: str
) -> Descriptor:
    return attach(registry, REPOSITORY, SUBJECT, kind, payload, kind, annotations)


def entries_in(registry: QuirkRegistry) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(registry.manifests[REPOSITORY][TAG].data)["manifests"]
    return found


def descriptor_of(entry: dict[str, object]) -> Descriptor:
    return msgspec.convert(entry, Descriptor, dec_hook=lambda kind, value: kind(value))


def put_list(registry: QuirkRegistry, data: bytes, media_type: str = media_types.INDEX) -> None:
    registry.put_manifest(REPOSITORY, data, media_type, TAG)


def put_page(registry: QuirkRegistry, link: str, times: int = 1) -> None:
    """Answer with a page of a list that *link* leads on from."""
    body = encode(index_of((SUBJECT,)))
    registry.fails(
        200, times=times, place="/referrers/", body=body, Content_Type=media_types.INDEX, Link=link
    )


# Debian's registry, which knows nothing of referrers


def test_what_is_attached_in_a_real_registry_is_listed(
    plain_registry: DockerRegistry, fresh_repository: str, registries: Registries, store: Store
) -> None:
    root = make_image(store)
    target = RegistryReference(plain_registry.host, fresh_repository, "v1")
    push_image(source_of(store, root), root, target, registries)
    registry = registries.at(plain_registry.host)
    assert image_referrers(target, registries) == []
    sbom = attach(registry, fresh_repository, root, SBOM, b"[1]", SBOM)
    toto = attach(registry, fresh_repository, root, TOTO, b"[2]", TOTO, {"about": "it"})
    assert attach(registry, fresh_repository, root, SBOM, b"[1]", SBOM) == sbom
    assert [found.artifact for found in image_referrers(target, registries)] == [sbom, toto]
    assert list_referrers(registry, fresh_repository, root.digest, TOTO) == (toto,)
    assert toto.annotations == {"about": "it"}
    assert plain_registry.tags(fresh_repository) == [fallback_tag(root.digest), "v1"]


def test_skopeo_finds_the_document_by_way_of_the_list(
    plain_registry: DockerRegistry, fresh_repository: str, registries: Registries, store: Store
) -> None:
    root = make_image(store)
    target = RegistryReference(plain_registry.host, fresh_repository, "v1")
    push_image(source_of(store, root), root, target, registries)
    attach(registries.at(target.host), fresh_repository, root, SBOM, b'{"bom":1}', SBOM)

    def inspect(place: str) -> dict[str, object]:
        command = [require_program("skopeo"), "inspect", "--raw", *plain_registry.skopeo[""]]
        done = subprocess.run(
            [*command, f"docker://{plain_registry.host}/{fresh_repository}{place}"],
            check=True,
            capture_output=True,
        )
        found: dict[str, object] = json.loads(done.stdout)
        return found

    entries = inspect(f":{fallback_tag(root.digest)}")["manifests"]
    assert isinstance(entries, list)
    artifact = inspect(f"@{entries[0]['digest']}")
    assert artifact["artifactType"] == entries[0]["artifactType"] == SBOM
    assert artifact["subject"] == {
        "mediaType": root.media_type,
        "digest": root.digest,
        "size": root.size_bytes,
    }
    assert artifact["layers"] == [json.loads(encode(describe(b'{"bom":1}', SBOM)))]


def test_of_an_index_the_referrers_of_its_images_are_listed_too(
    plain_registry: DockerRegistry, fresh_repository: str, registries: Registries, store: Store
) -> None:
    root = make_index(store)
    target = RegistryReference(plain_registry.host, fresh_repository, "v1")
    push_image(source_of(store, root), root, target, registries)
    images = json.loads(store.blobs.path(root.digest).read_bytes())["manifests"]
    arm = next(entry for entry in images if entry["platform"]["architecture"] == "arm64")
    subject = Descriptor(media_type=arm["mediaType"], digest=Digest(arm["digest"]), size_bytes=arm["size"])
    registry = registries.at(plain_registry.host)
    on_image = attach(registry, fresh_repository, subject, SBOM, b"[]", SBOM)
    on_index = attach(registry, fresh_repository, root, SBOM, b"[]", SBOM)
    found = image_referrers(target, registries)
    assert [one.artifact for one in found] == [on_index, on_image]
    assert found[1].subject.platform is not None
    assert found[1].subject.platform.architecture == "arm64"


def test_of_many_who_attach_at_the_same_moment_none_is_lost(
    plain_registry: DockerRegistry, fresh_repository: str
) -> None:
    ready = threading.Barrier(8)

    def write(number: int) -> Descriptor:
        with Registries() as own:
            registry = own.at(plain_registry.host)
            registry.greet()
            ready.wait()
            return attach(registry, fresh_repository, SUBJECT, SBOM, str(number).encode(), SBOM)

    with ThreadPoolExecutor(8) as writers:
        attached = list(writers.map(write, range(8)))
    with Registries() as later:
        listed = list_referrers(later.at(plain_registry.host), fresh_repository, SUBJECT.digest)
    assert {found.digest for found in listed} == {found.digest for found in attached}
    assert len(listed) == 8


# A registry that knows of subjects


def test_a_registry_that_keeps_the_list_is_left_to_it(quirks: QuirkRegistry, registries: Registries) -> None:
    registry = registries.at(quirks.host)
    found = attach_to(registry, about="it")
    assert TAG not in quirks.manifests[REPOSITORY]
    assert list_referrers(registry, REPOSITORY, SUBJECT.digest) == (found,)


@pytest.mark.parametrize("filters", [True, False])
def test_only_the_type_asked_for_is_listed_whether_or_not_the_registry_filters(
    start_quirks: Callable[..., QuirkRegistry], registries: Registries, *, filters: bool
) -> None:
    quirks = start_quirks(filters_referrers=filters)
    registry = registries.at(quirks.host)
    attach_to(registry, kind=TOTO)
    found = attach_to(registry)
    assert list_referrers(registry, REPOSITORY, SUBJECT.digest, SBOM) == (found,)
    assert quirks.asked("GET", "/referrers/")[-1].query == {"artifactType": SBOM}


def test_a_list_of_several_pages_is_read_to_its_end(
    start_quirks: Callable[..., QuirkRegistry], registries: Registries
) -> None:
    quirks = start_quirks(referrers_page=2)
    registry = registries.at(quirks.host)
    attached = {attach_to(registry, str(number).encode()).digest for number in range(5)}
    found = list_referrers(registry, REPOSITORY, SUBJECT.digest, SBOM)
    assert {descriptor.digest for descriptor in found} == attached
    assert len(quirks.asked("GET", "/referrers/")) == 3


def test_a_list_without_an_end_is_given_up(
    quirks: QuirkRegistry, registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(referrers, "_MAX_PAGES", 5)
    put_page(quirks, '<?first=1>; rel="next"', times=100)
    with pytest.raises(WorldError, match="has no end"):
        list_referrers(registries.at(quirks.host), REPOSITORY, SUBJECT.digest)


def test_a_list_that_is_too_long_is_given_up(
    quirks: QuirkRegistry, registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(referrers, "_MAX_REFERRERS", 2)
    registry = registries.at(quirks.host)
    for number in range(3):
        attach_to(registry, str(number).encode())
    with pytest.raises(WorldError, match="has no end"):
        list_referrers(registry, REPOSITORY, SUBJECT.digest)


@pytest.mark.parametrize("link", ["http://127.0.0.1:9/v2/x", "//127.0.0.1:9/v2/x", "http://[::"])
def test_a_list_is_not_followed_to_another_server(
    link: str, quirks: QuirkRegistry, registries: Registries
) -> None:
    put_page(quirks, f'<{link}>; rel="next"')
    with pytest.raises(WorldError, match="goes on at another server"):
        list_referrers(registries.at(quirks.host), REPOSITORY, SUBJECT.digest)


@pytest.mark.parametrize("status", [400, 404, 405, 406, 200])
def test_whatever_a_registry_says_that_has_no_list_the_tag_is_read(
    status: int, old: QuirkRegistry, registries: Registries
) -> None:
    registry = registries.at(old.host)
    found = attach_to(registry)
    old.fails(status, place="/referrers/", body=b"<html>Welcome</html>", Content_Type="text/html")
    assert list_referrers(registry, REPOSITORY, SUBJECT.digest) == (found,)


def test_a_registry_that_lets_nobody_in_is_not_taken_for_one_without_referrers(
    old: QuirkRegistry, registries: Registries
) -> None:
    old.fails(403, place="/referrers/")
    with pytest.raises(AccessError):
        list_referrers(registries.at(old.host), REPOSITORY, SUBJECT.digest)


@pytest.mark.parametrize("body", [b"{", b'{"schemaVersion":2,"manifests":[{}]}', b"[" * 5000])
def test_a_list_that_is_none_is_an_error(body: bytes, quirks: QuirkRegistry, registries: Registries) -> None:
    quirks.fails(200, place="/referrers/", body=body, Content_Type=media_types.INDEX)
    with pytest.raises(InputError, match=r"not a valid image document|nested too deeply"):
        list_referrers(registries.at(quirks.host), REPOSITORY, SUBJECT.digest)


# The list that clients keep


def test_attaching_again_writes_nothing_anew(old: QuirkRegistry, registries: Registries) -> None:
    registry = registries.at(old.host)
    attach_to(registry)
    old.forget_requests()
    attach_to(registry)
    assert not old.asked("PUT", LIST)
    assert not old.asked("POST")
    assert len(entries_in(old)) == 1


def test_what_others_wrote_into_the_list_stays_as_it_is(old: QuirkRegistry, registries: Registries) -> None:
    theirs = {**json.loads(encode(SUBJECT)), "data": "aGk=", "future": [1]}
    document = {"schemaVersion": 2, "mediaType": media_types.INDEX, "manifests": [theirs], "future": {"a": 1}}
    put_list(old, json.dumps(document).encode())
    old.quirks.checks_manifests = False
    attach_to(registries.at(old.host))
    kept = json.loads(old.manifests[REPOSITORY][TAG].data)
    assert kept["future"] == {"a": 1}
    assert kept["manifests"][0] == theirs
    assert kept["manifests"][1]["artifactType"] == SBOM


def test_a_list_that_changed_meanwhile_is_not_written_over(
    start_quirks: Callable[..., QuirkRegistry], registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = start_quirks(referrers=False, etags=True)
    registry = registries.at(old.host)
    first = attach_to(registry, b"first")
    write = KeptList._write
    others: list[Descriptor] = []

    def beaten_to_it(kept: KeptList, data: bytes, etag: str) -> bool:
        if not others:
            others.append(describe(b"theirs", media_types.MANIFEST))
            put_list(old, encode(index_of((first, *others))))
        return write(kept, data, etag)

    monkeypatch.setattr(KeptList, "_write", beaten_to_it)
    old.quirks.checks_manifests = False
    second = attach_to(registry, b"second")
    assert [asked.status for asked in old.asked("PUT", LIST)] == [201, 412, 201]
    assert list_referrers(registry, REPOSITORY, SUBJECT.digest) == (first, *others, second)


@pytest.mark.parametrize("etag", ['"made by a proxy"', 'W/"weak"'])
def test_an_etag_that_is_not_the_registrys_own_hinders_nobody(
    etag: str, old: QuirkRegistry, registries: Registries
) -> None:
    registry = registries.at(old.host)
    first = attach_to(registry, b"first")
    body = old.manifests[REPOSITORY][TAG].data
    old.fails(200, times=2, method="GET", place=LIST, body=body, ETag=etag, Content_Type=media_types.INDEX)
    old.fails(412, times=0 if etag.startswith("W/") else 1, method="PUT", place=LIST)
    second = attach_to(registry, b"second")
    conditions = [asked.headers["If-Match"] for asked in old.asked("PUT", LIST)]
    assert conditions[-1] is None
    assert ("W/" in etag) == (etag not in conditions)
    assert list_referrers(registry, REPOSITORY, SUBJECT.digest) == (first, second)


def test_an_entry_that_another_writer_wiped_out_is_written_again(
    old: QuirkRegistry, registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = KeptList._write
    wiped: list[list[dict[str, object]]] = []

    def written_then_wiped(kept: KeptList, data: bytes, etag: str) -> bool:
        is_there = write(kept, data, etag)
        if not wiped:
            wiped.append(entries_in(old))
            put_list(old, encode(index_of(())))
        return is_there

    monkeypatch.setattr(KeptList, "_write", written_then_wiped)
    attach_to(registries.at(old.host))
    assert entries_in(old) == wiped[0]


def test_a_list_that_others_never_leave_alone_is_given_up(
    old: QuirkRegistry, registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_list, "_WRITES", 8)
    monkeypatch.setattr(kept_list, "_SHORTEST_PAUSE_S", 0)
    old.fails(412, times=100, method="PUT", place=LIST)
    with pytest.raises(WorldError, match="others keep changing the list"):
        attach_to(registries.at(old.host))
    assert len(old.asked("PUT", LIST)) == 8


def test_an_entry_that_is_wiped_out_while_others_are_busy_is_missed(
    old: QuirkRegistry, registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found once and then gone: a slower writer had read the list before we wrote it."""
    old.quirks.checks_manifests = False
    read, looks = KeptList._read, itertools.count()

    def read_while_others_write(kept: KeptList) -> object:
        look = next(looks)
        if look == 1:
            theirs = [descriptor_of(entry) for entry in entries_in(old)]
            put_list(old, encode(index_of((*theirs, describe(b"theirs", media_types.MANIFEST)))))
        if look == 2:
            put_list(old, encode(index_of((describe(b"theirs", media_types.MANIFEST),))))
        return read(kept)

    monkeypatch.setattr(KeptList, "_read", read_while_others_write)
    attach_to(registries.at(old.host))
    assert len(entries_in(old)) == 2


def test_an_entry_that_stays_while_others_are_never_done_is_enough(
    old: QuirkRegistry, registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    old.quirks.checks_manifests = False
    read = KeptList._read

    def read_what_others_have_added_to(kept: KeptList) -> object:
        if TAG in old.manifests.get(REPOSITORY, {}):
            known = [descriptor_of(entry) for entry in entries_in(old)]
            theirs = describe(str(len(known)).encode(), media_types.MANIFEST)
            put_list(old, encode(index_of((*known, theirs))))
        return read(kept)

    monkeypatch.setattr(KeptList, "_read", read_what_others_have_added_to)
    attach_to(registries.at(old.host))
    assert len(old.asked("PUT", LIST)) == 1
    assert entries_in(old)[0]["artifactType"] == SBOM


def test_what_the_registry_does_not_see_yet_is_named_again(
    old: QuirkRegistry, registries: Registries
) -> None:
    """docker-registry 2.8 loses sight of a blob for a moment while another client sends it, too."""
    unseen = b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}'
    old.fails(400, method="PUT", place="/manifests/", body=unseen)
    old.fails(404, method="PUT", place=LIST, body=unseen)
    found = attach_to(registries.at(old.host))
    assert list_referrers(registries.at(old.host), REPOSITORY, SUBJECT.digest) == (found,)


def test_a_tag_that_is_an_image_is_not_written_over(old: QuirkRegistry, registries: Registries) -> None:
    put_list(old, b"{}", media_types.MANIFEST)
    with pytest.raises(InputError, match="is no list of referrers but"):
        attach_to(registries.at(old.host))
    assert not old.asked("PUT", LIST)


def test_a_list_with_other_bytes_than_it_is_named_by_is_refused(
    old: QuirkRegistry, registries: Registries
) -> None:
    registry = registries.at(old.host)
    attach_to(registry)
    old.quirks.corrupt.add(Digest.of_bytes(old.manifests[REPOSITORY][TAG].data))
    with pytest.raises(WorldError, match="the registry sent sha256:"):
        list_referrers(registry, REPOSITORY, SUBJECT.digest)


def test_a_list_that_is_full_is_said_to_be(
    old: QuirkRegistry, registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_list, "MAX_DOCUMENT_BYTES", 200)
    with pytest.raises(WorldError, match="is full"):
        attach_to(registries.at(old.host))


def test_a_registry_that_fails_for_a_while_is_asked_again(old: QuirkRegistry, registries: Registries) -> None:
    registry = registries.at(old.host)
    old.fails(503, method="PUT", place="/manifests/")
    old.fails(503, method="GET", place=LIST)
    old.fails(503, method="PUT", place=LIST)
    found = attach_to(registry)
    old.fails(503, method="GET", place="/referrers/")
    assert list_referrers(registry, REPOSITORY, SUBJECT.digest) == (found,)
