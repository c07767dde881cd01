"""Blobs on their way into the store: resumed wherever they stopped, and kept only when they are right."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.fetch.conftest import (
    HASTE,
    World,
    cutting_off,
    in_turn,
    serving,
    start_world,  # noqa: F401 - a fixture
    status,
)
from tests.oci.registry.hub import Hub, Notes
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.fetch.failures import NotFoundError
from wherry.oci import media_types
from wherry.oci.model import Descriptor, describe
from wherry.oci.origins import Origin, Origins
from wherry.oci.registry.client import Registries
from wherry.oci.registry.fetching import fetch_blobs, require_blobs
from wherry.oci.registry.pull import RegistrySource
from wherry.progress import SilentProgress
from wherry.store import store as store_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fetch.conftest import Handler
    from wherry.store.store import Store

DATA = random.Random(4).randbytes(2_500_000)  # noqa: S311 - no secret
BLOB = describe(DATA, media_types.LAYER_GZIP)


@pytest.fixture
def hub(start_world: Callable[[], World]) -> Hub:  # noqa: F811 - the fixture imported above
    return Hub(start_world())


@pytest.fixture
def registries(hub: Hub) -> Iterator[Registries]:
    with Registries(patience=HASTE, plain_http={hub.host}) as registries:
        yield registries


def fetch(hub: Hub, registries: Registries, store: Store, *blobs: Descriptor) -> int:
    source = RegistrySource(registries.at(hub.host), "team/app", None, SilentProgress())
    return fetch_blobs(source, blobs or (BLOB,), store, SilentProgress())


def begun(store: Store, data: bytes) -> None:
    directory = store.root / "partial"
    directory.mkdir(exist_ok=True)
    (directory / f"{BLOB.digest.hex}.part").write_bytes(data)


def assert_kept(store: Store, data: bytes = DATA) -> None:
    assert store.blobs.path(Digest.of_bytes(data)).read_bytes() == data
    assert leftovers(store) == []


def leftovers(store: Store) -> list[str]:
    directory = store.root / "partial"
    return [path.name for path in directory.iterdir()] if directory.is_dir() else []


def test_blobs_are_fetched_each_once_and_counted(hub: Hub, registries: Registries, store: Store) -> None:
    contents = [DATA, b"", b"small", DATA[:100_000]]
    for data in contents:
        hub.blob(data)
    blobs = [describe(data, media_types.LAYER_GZIP) for data in contents]
    assert fetch(hub, registries, store, *blobs, *blobs) == sum(map(len, contents))
    for data in contents:
        assert_kept(store, data)
    assert fetch(hub, registries, store, *blobs) == 0
    assert sorted(hub.asked()) == sorted(Digest.of_bytes(data) for data in contents if data)


def test_a_broken_transfer_goes_on_where_it_broke(hub: Hub, registries: Registries, store: Store) -> None:
    hub.blob(DATA, in_turn(cutting_off(serving(DATA), 1_500_000), status(429), serving(DATA)))
    assert fetch(hub, registries, store) == len(DATA)
    assert_kept(store)
    assert hub.world.asked("Range") == [None, "bytes=1500000-", "bytes=1500000-"]


def test_what_an_earlier_run_began_is_gone_on_with(hub: Hub, registries: Registries, store: Store) -> None:
    begun(store, DATA[:2_000_000])
    hub.blob(DATA)
    assert fetch(hub, registries, store) == 500_000
    assert_kept(store)


def test_a_registry_that_ignores_ranges_sends_all_again(
    hub: Hub, registries: Registries, store: Store
) -> None:
    begun(store, DATA[:2_000_000])
    hub.blob(DATA, serving(DATA, ranges=False))
    assert fetch(hub, registries, store) == len(DATA)
    assert_kept(store)


def test_a_corrupt_beginning_is_thrown_away_once(hub: Hub, registries: Registries, store: Store) -> None:
    begun(store, bytes(2_000_000))
    hub.blob(DATA)
    assert fetch(hub, registries, store) == 500_000 + len(DATA)
    assert_kept(store)


@pytest.mark.parametrize("begin", [b"", DATA[:1000]])
def test_other_bytes_of_the_same_length_are_refused_and_not_kept(
    hub: Hub, registries: Registries, store: Store, begin: bytes
) -> None:
    if begin:
        begun(store, begin)
    hub.blob(DATA, serving(bytes(len(DATA))))
    with pytest.raises(WorldError) as caught:
        fetch(hub, registries, store)
    assert f"not {BLOB.digest}" in caught.value.what
    assert caught.value.where == f"docker://{hub.host}/team/app@{BLOB.digest}"
    assert "lock" not in caught.value.mend
    assert BLOB.digest not in store.blobs
    assert leftovers(store) == []


@pytest.mark.parametrize("sent", [DATA[:-1], DATA + b"x", b"", b"<html>log in</html>"])
def test_another_length_is_refused_before_it_is_kept(
    hub: Hub, registries: Registries, store: Store, sent: bytes
) -> None:
    hub.blob(DATA, serving(sent))
    with pytest.raises(WorldError):
        fetch(hub, registries, store)
    assert BLOB.digest not in store.blobs
    assert leftovers(store) == []


def test_a_stream_without_length_that_does_not_end_is_cut(
    hub: Hub, registries: Registries, store: Store
) -> None:
    def endless(handler: Handler) -> None:
        handler.begin(200, None, Connection="close")
        handler.wfile.write(DATA + DATA)
        handler.hang_up()

    hub.blob(DATA, endless)
    with pytest.raises(WorldError, match="is larger than"):
        fetch(hub, registries, store)
    assert leftovers(store) == []


def test_a_blob_the_registry_lacks_ends_it(hub: Hub, registries: Registries, store: Store) -> None:
    with pytest.raises(NotFoundError):
        fetch(hub, registries, store)


def test_a_disk_too_small_is_known_before_the_first_request(
    hub: Hub, registries: Registries, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "free_bytes", lambda _: 1_000_000)
    hub.blob(DATA)
    with pytest.raises(WorldError, match="no space for 1 blob"):
        fetch(hub, registries, store)
    assert hub.world.requests == []
    begun(store, DATA[:2_000_000])  # half a megabyte is left to come
    fetch(hub, registries, store)
    assert_kept(store)


def test_a_manifest_that_lies_about_a_size_is_refused(hub: Hub, registries: Registries, store: Store) -> None:
    lying = Descriptor(media_type=BLOB.media_type, digest=BLOB.digest, size_bytes=7)
    with pytest.raises(InputError, match="says that blob"):
        fetch(hub, registries, store, BLOB, lying)
    hub.blob(DATA)
    fetch(hub, registries, store)
    with pytest.raises(InputError, match="has 7 bytes, and it has 2500000"):
        fetch(hub, registries, store, lying)


# From wherever a blob was seen


def test_blobs_are_fetched_from_where_they_were_seen(hub: Hub, registries: Registries, store: Store) -> None:
    hub.blob(DATA)
    hub.blob(b"other", repository="base/python")
    other = describe(b"other", media_types.LAYER_GZIP)
    Origins(store).note(BLOB.digest, Origin(hub.host, "team/app"))
    Origins(store).note(other.digest, Origin(hub.host, "base/python"))
    assert require_blobs(store, [BLOB, other], registries, Notes()) == len(DATA) + 5
    assert_kept(store)
    assert_kept(store, b"other")
    asked = len(hub.world.requests)
    assert require_blobs(store, [BLOB, other], registries, Notes()) == 0
    assert len(hub.world.requests) == asked


@pytest.mark.parametrize("first", [status(404), status(403), serving(bytes(len(DATA)))])
def test_a_place_that_has_it_no_more_is_passed_over(
    hub: Hub, registries: Registries, store: Store, first: Callable[[Handler], None]
) -> None:
    hub.blob(DATA)
    hub.blob(DATA, first, repository="gone")
    Origins(store).note(BLOB.digest, Origin(hub.host, "team/app"))
    Origins(store).note(BLOB.digest, Origin(hub.host, "gone"))
    require_blobs(store, [BLOB], registries, SilentProgress())
    assert_kept(store)


def test_a_place_that_sent_wrong_bytes_is_asked_last_from_then_on(
    hub: Hub, registries: Registries, store: Store
) -> None:
    for data in (DATA, b"other"):
        hub.blob(data)
        hub.blob(data, serving(bytes(len(data))), repository="liar")
        for repository in ("team/app", "liar"):
            Origins(store).note(Digest.of_bytes(data), Origin(hub.host, repository))
    for data in (DATA, b"other"):
        require_blobs(store, [describe(data, media_types.LAYER_GZIP)], registries, SilentProgress())
        assert_kept(store, data)
    assert [request.path.split("/blobs/")[0] for request in hub.world.requests] == [
        "/v2/liar",
        "/v2/team/app",
        "/v2/team/app",
    ]


def test_a_place_that_lied_is_asked_all_the_same_where_no_other_has_the_blob(
    hub: Hub, registries: Registries, store: Store
) -> None:
    hub.blob(DATA)
    hub.blob(DATA, serving(bytes(len(DATA))), repository="liar")
    hub.blob(b"other", repository="liar")
    other = describe(b"other", media_types.LAYER_GZIP)
    Origins(store).note(other.digest, Origin(hub.host, "liar"))
    for repository in ("team/app", "liar"):
        Origins(store).note(BLOB.digest, Origin(hub.host, repository))
    for blob in (BLOB, other):
        require_blobs(store, [blob], registries, SilentProgress())
    assert_kept(store, b"other")


def test_when_no_place_has_it_each_one_says_why(hub: Hub, registries: Registries, store: Store) -> None:
    hub.blob(DATA, status(403), repository="closed")
    hub.blob(DATA, serving(bytes(len(DATA))), repository="liar")
    for repository in ("gone", "closed", "liar"):
        Origins(store).note(BLOB.digest, Origin(hub.host, repository))
    with pytest.raises(WorldError) as caught:
        require_blobs(store, [BLOB], registries, SilentProgress())
    first, *others = caught.value.what.split("; ")
    assert f"{hub.host}/liar: " in first
    assert f"has {Digest.of_bytes(bytes(len(DATA)))}, not {BLOB.digest}" in first
    assert [f"{hub.host}/closed: no permission" in others[0], f"{hub.host}/gone: " in others[1]] == [True] * 2
    assert len(caught.value.lines()) <= 3


def test_a_blob_that_was_seen_nowhere_is_named(registries: Registries, store: Store) -> None:
    with pytest.raises(WorldError, match=f"{BLOB.digest}") as caught:
        require_blobs(store, [BLOB], registries, SilentProgress())
    assert caught.value.mend
