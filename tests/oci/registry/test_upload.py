"""A blob comes into a registry, whole or not at all, and no byte is sent twice that need not be."""

from __future__ import annotations

import io
import json
import random
import stat
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.registry_world.faults import FaultProxy
from tests.registry_world.guard import Guard, Rights
from wherry.errors import InputError, WorldError
from wherry.fetch.answers import Patience
from wherry.fetch.failures import NotFoundError, TransientError, WrongBytesError
from wherry.oci.model import Descriptor, describe
from wherry.oci.registry import upload as upload_module
from wherry.oci.registry.client import Registry
from wherry.oci.registry.content import Content
from wherry.oci.registry.credentials import Keychain, Login
from wherry.oci.registry.errors import AccessError, TooLargeError
from wherry.oci.registry.session import Session, has_blob
from wherry.oci.registry.upload import Upload
from wherry.store import uploads
from wherry.store.uploads import remembered_upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.registries import DockerRegistry
    from tests.registry_world.faults import Kind
    from tests.registry_world.quirks import QuirkRegistry
    from wherry.store.store import Store
    from wherry.store.uploads import RememberedUpload

HASTE = Patience(connect_s=5, silence_s=5, attempts=4, backoff_s=0.01)
MB = 1_000_000
DATA = random.Random(3).randbytes(6 * MB)  # noqa: S311 - not secret
BLOB = describe(DATA, "application/octet-stream")
SMALL = b"a config"
CHUNK = 2 * MB


class Told:
    """A task that adds up what it is told."""

    def __init__(self) -> None:
        self.size_bytes = 0

    def advance(self, size_bytes: int) -> None:
        self.size_bytes += size_bytes


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_module, "CHUNK_BYTES", CHUNK)


@pytest.fixture
def connected() -> Iterator[Callable[[QuirkRegistry], Registry]]:
    """A client for each registry of the test, closed after it."""
    opened: list[Registry] = []

    def connect(quirks: QuirkRegistry) -> Registry:
        opened.append(Registry(quirks.host, patience=HASTE))
        return opened[-1]

    yield connect
    for registry in opened:
        registry.close()


@pytest.fixture
def registry(quirks: QuirkRegistry, connected: Callable[[QuirkRegistry], Registry]) -> Registry:
    return connected(quirks)


def an_upload(  # noqa: PLR0913 - what an upload is made of
    registry: Registry,
    data: bytes = DATA,
    *,
    blob: Descriptor | None = None,
    task: Told | None = None,
    memory: RememberedUpload | None = None,
    session: Session | None = None,
    is_remote: bool = False,
) -> Upload:
    blob = blob or describe(data, "application/octet-stream")
    content = Content(lambda: io.BytesIO(data), blob, "the test", is_remote=is_remote)
    return Upload(registry, "team/app", blob, content, task=task or Told(), memory=memory, session=session)


def ranges(quirks: QuirkRegistry) -> list[str]:
    """The Content-Range of every chunk that was accepted."""
    return [str(r.headers["Content-Range"]) for r in quirks.asked("PATCH") if r.status == 202]


def test_a_blob_goes_in_chunks_that_follow_each_other(quirks: QuirkRegistry, registry: Registry) -> None:
    task = Told()
    upload = an_upload(registry, task=task)
    upload.run()
    assert ranges(quirks) == ["0-1999999", "2000000-3999999", "4000000-5999999"]
    assert quirks.blobs["team/app"][BLOB.digest] == DATA
    assert task.size_bytes == upload.sent_bytes == len(DATA)


def test_a_small_blob_goes_with_the_request_that_closes_its_upload(
    quirks: QuirkRegistry, registry: Registry
) -> None:
    an_upload(registry, SMALL).run()
    assert [r.method for r in quirks.requests] == ["POST", "PUT"]
    assert list(quirks.blobs["team/app"].values()) == [SMALL]


def test_an_upload_cut_at_95_percent_goes_on_at_95_percent(
    start_quirks: Callable[..., QuirkRegistry],
    connected: Callable[[QuirkRegistry], Registry],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upload_module, "CHUNK_BYTES", 64 << 20)
    quirks = start_quirks()
    quirks.cuts(after=5_700_000, method="PATCH")
    an_upload(connected(quirks)).run()
    first, second = quirks.asked("PATCH")
    assert first.body_bytes >= 5_700_000
    assert second.headers["Content-Range"] == f"{first.body_bytes}-5999999"
    assert quirks.bytes_in == len(DATA)
    assert quirks.corrupt_blobs() == []


@pytest.mark.parametrize("reset", [False, True])
def test_of_a_chunk_that_the_registry_drops_when_cut_only_that_chunk_is_sent_again(
    start_quirks: Callable[..., QuirkRegistry],
    connected: Callable[[QuirkRegistry], Registry],
    reset: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    quirks = start_quirks(keeps_cut_chunks=False)
    quirks.cuts(after=1_500_000, method="PATCH", skip=2, reset=reset)
    task = Told()
    upload = an_upload(connected(quirks), task=task)
    upload.run()
    assert ranges(quirks) == ["0-1999999", "2000000-3999999", "4000000-5999999"]
    assert len(DATA) < upload.sent_bytes <= len(DATA) + CHUNK
    assert task.size_bytes == len(DATA)


@pytest.mark.parametrize(
    "location",
    [
        {"location": "absolute"},
        {"location": "path"},
        {"location": "relative"},
        {"location_query": "token=a%2Fb%20c"},
        {"location_changes": False},
    ],
    ids=str,
)
def test_an_upload_goes_wherever_its_location_says(
    start_quirks: Callable[..., QuirkRegistry],
    connected: Callable[[QuirkRegistry], Registry],
    location: dict[str, object],
) -> None:
    quirks = start_quirks(**location)
    quirks.cuts(after=100_000, method="PATCH", skip=1)
    registry = connected(quirks)
    an_upload(registry).run()
    an_upload(registry, SMALL).run()
    assert len(quirks.blobs["team/app"]) == 2


def test_an_upload_that_the_registry_forgot_is_begun_anew(quirks: QuirkRegistry, registry: Registry) -> None:
    quirks.fails(404, method="PATCH", skip=1)
    an_upload(registry).run()
    assert ranges(quirks)[-3:] == ["0-1999999", "2000000-3999999", "4000000-5999999"]
    quirks.forget_requests()
    quirks.fails(404, method="PUT", place="uploads")
    an_upload(registry, SMALL).run()
    assert len(quirks.asked("POST")) == 2


@pytest.mark.parametrize("kind", ["hang up", "reset"])
@pytest.mark.parametrize("place", [MB // 2, 3 * MB, 5 * MB])
def test_debians_registry_gives_up_an_upload_whose_chunk_was_cut_and_gets_it_anew(
    plain_registry: DockerRegistry, fresh_repository: str, place: int, kind: Kind
) -> None:
    """It asks back with 404 where 3.0 says how far it is (distribution#3755)."""
    with FaultProxy(plain_registry.host, [place], random.Random(1), kinds=(kind,)) as proxy:  # noqa: S311 - not secret
        registry = Registry(proxy.host, patience=HASTE)
        content = Content(lambda: io.BytesIO(DATA), BLOB, "the test")
        with closing(registry):
            Upload(registry, fresh_repository, BLOB, content, task=Told()).run()
            assert has_blob(registry, fresh_repository, BLOB)
        assert proxy.met == [kind]
    seen = [line for line in plain_registry.log.read_text().splitlines() if fresh_repository + "/" in line]
    asked = [line for line in seen if f'"GET /v2/{fresh_repository}/blobs/uploads/' in line]
    assert [line.partition('HTTP/1.1" ')[2][:3] for line in asked] == ["404"]
    assert sum(f'"POST /v2/{fresh_repository}/blobs/uploads/' in line for line in seen) == 2


def test_a_registry_that_cannot_say_how_far_it_is_gets_the_blob_anew(
    start_quirks: Callable[..., QuirkRegistry], connected: Callable[[QuirkRegistry], Registry]
) -> None:
    quirks = start_quirks(upload_status=False)
    quirks.cuts(after=100_000, method="PATCH", skip=2)
    an_upload(connected(quirks)).run()
    assert quirks.blobs["team/app"][BLOB.digest] == DATA


@pytest.mark.parametrize("said", ["0-99999999999", "bytes 0-7", "5-9", "nonsense"])
def test_a_registry_that_talks_nonsense_of_how_far_it_is_gets_the_blob_anew(
    quirks: QuirkRegistry, registry: Registry, said: str
) -> None:
    quirks.cuts(after=100_000, method="PATCH", skip=1)
    quirks.fails(204, method="GET", place="uploads", Range=said)
    an_upload(registry).run()
    assert quirks.blobs["team/app"][BLOB.digest] == DATA
    assert len(quirks.asked("POST")) == 2


def test_a_registry_that_miscounts_is_sent_the_blob_once_more(
    start_quirks: Callable[..., QuirkRegistry], connected: Callable[[QuirkRegistry], Registry]
) -> None:
    quirks = start_quirks(upload_range_lie=-5, checks_offsets=False)
    quirks.cuts(after=100_000, method="PATCH")
    an_upload(connected(quirks)).run()
    assert quirks.blobs["team/app"][BLOB.digest] == DATA
    assert quirks.corrupt_blobs() == []


def test_after_416_the_registry_is_asked_and_believed(quirks: QuirkRegistry, registry: Registry) -> None:
    quirks.fails(416, method="PATCH", skip=1)
    quirks.fails(204, method="GET", place="uploads", Range="0-999999")
    quirks.quirks.checks_offsets = False
    an_upload(registry).run()
    assert quirks.asked("PATCH")[2].headers["Content-Range"] == "1000000-2999999"
    assert quirks.blobs["team/app"][BLOB.digest] == DATA


@pytest.mark.parametrize("chunks_before", [0, 1])
def test_a_registry_that_refuses_what_it_asked_for_gets_the_blob_anew(
    quirks: QuirkRegistry, registry: Registry, chunks_before: int
) -> None:
    quirks.fails(416, method="PATCH", skip=chunks_before)
    an_upload(registry).run()
    assert len(quirks.asked("POST")) == 2
    assert quirks.blobs["team/app"][BLOB.digest] == DATA


def test_a_refused_chunk_in_the_middle_begins_the_upload_anew(
    quirks: QuirkRegistry, registry: Registry
) -> None:
    quirks.fails(400, method="PATCH", skip=1)
    an_upload(registry).run()
    assert len(quirks.asked("POST")) == 2
    assert quirks.blobs["team/app"][BLOB.digest] == DATA


def test_chunks_are_no_smaller_than_the_registry_wants(
    start_quirks: Callable[..., QuirkRegistry], connected: Callable[[QuirkRegistry], Registry]
) -> None:
    quirks = start_quirks(chunk_min_length=3 * MB)
    an_upload(connected(quirks)).run()
    assert ranges(quirks) == ["0-2999999", "3000000-5999999"]


def test_chunks_shrink_until_a_proxy_lets_them_through(
    start_quirks: Callable[..., QuirkRegistry], connected: Callable[[QuirkRegistry], Registry]
) -> None:
    quirks = start_quirks(largest_body=1_100_000)
    registry = connected(quirks)
    an_upload(registry).run()
    an_upload(registry, DATA[: 3 * MB]).run()
    assert set(quirks.blobs["team/app"].values()) == {DATA, DATA[: 3 * MB]}


def test_a_proxy_that_lets_nothing_through_is_named(
    start_quirks: Callable[..., QuirkRegistry], connected: Callable[[QuirkRegistry], Registry]
) -> None:
    quirks = start_quirks(largest_body=1000)
    with pytest.raises(TooLargeError, match="can be sent at once") as caught:
        an_upload(connected(quirks)).run()
    assert "client_max_body_size" in caught.value.mend
    assert quirks.asked("DELETE", "uploads")


def test_a_line_that_does_not_hold_for_a_chunk_gets_smaller_ones(
    start_quirks: Callable[..., QuirkRegistry], connected: Callable[[QuirkRegistry], Registry]
) -> None:
    quirks = start_quirks(keeps_cut_chunks=False)
    quirks.cuts(after=1_500_000, method="PATCH", times=2)
    an_upload(connected(quirks)).run()
    assert ranges(quirks)[0] == f"0-{(1 << 20) - 1}"
    assert quirks.blobs["team/app"][BLOB.digest] == DATA


def test_a_blob_that_is_refused_for_good_is_not_sent_again(quirks: QuirkRegistry, registry: Registry) -> None:
    body = b'{"errors":[{"code":"UNSUPPORTED","message":"read-only today"}]}'
    quirks.fails(400, method="PUT", times=9, body=body)
    with pytest.raises(WorldError, match="UNSUPPORTED: read-only today"):
        an_upload(registry).run()
    assert quirks.bytes_in == len(DATA)


@pytest.mark.parametrize("status", [400, 416])
def test_a_refusal_shows_nothing_of_who_we_are(quirks: QuirkRegistry, status: int) -> None:
    login = Login("the test", "captain", "planted-password")
    quirks.guard = Guard({"captain": Rights("planted-password")}, scheme="basic")
    body = json.dumps({"errors": [{"code": "DENIED", "message": f"got {login.basic}"}]}).encode()
    quirks.fails(status, method="PUT", times=9, body=body)
    registry = Registry(quirks.host, keychain=Keychain(logins={quirks.host: login}), patience=HASTE)
    with closing(registry), pytest.raises(WorldError, match=r"DENIED: got .*\*\*\*\*") as caught:
        an_upload(registry, SMALL).run()
    assert login.basic.removeprefix("Basic ") not in str(caught.value)


def test_a_refusal_without_an_end_ends_no_upload(quirks: QuirkRegistry, registry: Registry) -> None:
    quirks.fails(400, method="PUT", body=b"<html>" + bytes(100_000))
    an_upload(registry).run()
    assert quirks.blobs["team/app"][BLOB.digest] == DATA


@pytest.mark.parametrize("data", [SMALL, DATA])
def test_a_source_that_lost_the_blob_is_not_taken_for_a_registry_that_forgot(
    quirks: QuirkRegistry, registry: Registry, data: bytes
) -> None:
    gone = NotFoundError("the registry has no such thing (404)", where="https://source.example/v2/a")

    def lost() -> io.BytesIO:
        raise gone

    blob = describe(data, "application/octet-stream")
    with pytest.raises(NotFoundError) as caught:
        Upload(registry, "team/app", blob, Content(lost, blob, "the source"), task=Told()).run()
    assert caught.value is gone
    assert len(quirks.asked("POST")) == 1


def test_a_registry_without_chunks_gets_the_blob_in_one_piece(
    start_quirks: Callable[..., QuirkRegistry], connected: Callable[[QuirkRegistry], Registry]
) -> None:
    quirks = start_quirks(chunks=False)
    quirks.cuts(after=100_000, method="PUT")
    an_upload(connected(quirks)).run()
    assert [r.body_bytes for r in quirks.asked("PUT") if r.status == 201] == [len(DATA)]
    assert quirks.blobs["team/app"][BLOB.digest] == DATA


@pytest.mark.parametrize("status", [408, 429, 500, 503])
@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
def test_a_failure_that_passes_is_waited_for(
    quirks: QuirkRegistry, registry: Registry, method: str, status: int
) -> None:
    quirks.fails(status, times=2, method=method, retry_after="0")
    an_upload(registry).run()
    assert quirks.blobs["team/app"][BLOB.digest] == DATA


def test_when_only_the_last_answer_was_lost_nothing_is_sent_again(
    quirks: QuirkRegistry, registry: Registry
) -> None:
    quirks.cuts(method="PUT")
    quirks.fails(404, method="GET", place="uploads")
    quirks.put_blob("team/app", DATA)  # the registry had taken it when the connection broke
    upload = an_upload(registry)
    upload.run()
    assert upload.sent_bytes == len(DATA)
    assert len(quirks.asked("POST")) == 1


def test_attempts_are_bounded_where_nothing_gets_on(quirks: QuirkRegistry, registry: Registry) -> None:
    quirks.cuts(method="PATCH", times=1000)
    with pytest.raises(TransientError):
        an_upload(registry).run()
    assert len(quirks.asked("PATCH")) == HASTE.attempts


def test_attempts_are_not_counted_while_the_upload_gets_on(quirks: QuirkRegistry, registry: Registry) -> None:
    data = random.Random(4).randbytes(12 * MB)  # noqa: S311 - not secret
    for number in range(2 * HASTE.attempts):
        quirks.cuts(after=1_100_000, method="PATCH", skip=number)
    an_upload(registry, data).run()
    assert list(quirks.blobs["team/app"].values()) == [data]


@pytest.mark.parametrize("data", [DATA, SMALL], ids=["large", "small"])
def test_bytes_that_are_not_the_digests_are_refused_and_explained(
    quirks: QuirkRegistry, registry: Registry, data: bytes
) -> None:
    blob = describe(data, "x")
    with pytest.raises(InputError, match="does not have the bytes its digest promises") as caught:
        an_upload(registry, data[:-1] + b"?", blob=blob).run()
    assert "wherry cache verify" in caught.value.mend
    assert "team/app" not in quirks.blobs
    assert quirks.asked("DELETE", "uploads")


def test_bytes_that_nobody_vouches_for_never_become_a_blob(quirks: QuirkRegistry, registry: Registry) -> None:
    with pytest.raises(WrongBytesError, match=f"not {BLOB.digest}"):
        an_upload(registry, DATA[:-1] + b"?", blob=BLOB, is_remote=True).run()
    assert not [r for r in quirks.asked("PUT") if r.status]


def test_content_that_ends_early_is_explained(quirks: QuirkRegistry, registry: Registry) -> None:
    with pytest.raises(InputError, match="ends too early"):
        an_upload(registry, DATA[:-10], blob=BLOB).run()
    assert "team/app" not in quirks.blobs


def test_a_registry_that_says_it_kept_something_else_is_not_believed(
    start_quirks: Callable[..., QuirkRegistry], connected: Callable[[QuirkRegistry], Registry]
) -> None:
    quirks = start_quirks(digest_header="wrong")
    with pytest.raises(WorldError, match="says that it has"):
        an_upload(connected(quirks), SMALL).run()


def test_who_may_not_push_is_told_and_what_came_so_far_stays(
    quirks: QuirkRegistry, registry: Registry
) -> None:
    quirks.fails(403, method="PATCH", skip=1)
    with pytest.raises(AccessError):
        an_upload(registry).run()
    assert not quirks.asked("DELETE")


def test_a_checked_content_that_cannot_seek_is_read_from_its_start_again(
    quirks: QuirkRegistry, registry: Registry
) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    opened: list[Pipe] = []

    def open_pipe() -> Pipe:
        opened.append(Pipe(DATA))
        return opened[-1]

    quirks.cuts(after=1_500_000, method="PATCH", skip=1)
    content = Content(open_pipe, BLOB, "a pipe", is_remote=True)
    Upload(registry, "team/app", BLOB, content, task=Told()).run()
    content.close()
    assert quirks.blobs["team/app"][BLOB.digest] == DATA
    assert len(opened) <= 2


# What is remembered across processes


def broken(quirks: QuirkRegistry, registry: Registry, store: Store) -> None:
    """Let a process come to 95 % of the blob and no further."""
    quirks.cuts(after=1_700_000, method="PATCH", skip=2)
    quirks.cuts(method="GET", place="uploads", times=100)
    with remembered_upload(store, registry.host, "team/app", BLOB.digest) as memory:
        with pytest.raises(TransientError):
            an_upload(registry, memory=memory).run()
        assert memory is not None
        assert memory.location not in repr(memory)
    quirks._faults.clear()
    quirks.forget_requests()


def records(store: Store) -> list[Path]:
    return list((store.root / uploads.DIRECTORY).glob("*"))


def test_the_next_process_goes_on_where_the_last_one_stopped(
    start_quirks: Callable[..., QuirkRegistry],
    connected: Callable[[QuirkRegistry], Registry],
    store: Store,
) -> None:
    quirks = start_quirks(location_query="token=planted")
    broken(quirks, connected(quirks), store)
    (record,) = records(store)
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    task = Told()
    with remembered_upload(store, quirks.host, "team/app", BLOB.digest) as memory:
        upload = an_upload(connected(quirks), memory=memory, task=task)
        upload.run()
    assert quirks.bytes_in == upload.sent_bytes <= 300_000
    assert upload.resumed_bytes + upload.sent_bytes == task.size_bytes == len(DATA)
    assert quirks.blobs["team/app"][BLOB.digest] == DATA
    assert records(store) == []


def test_a_content_nobody_vouches_for_is_checked_whole_even_when_only_its_end_is_sent(
    quirks: QuirkRegistry, registry: Registry, connected: Callable[[QuirkRegistry], Registry], store: Store
) -> None:
    broken(quirks, registry, store)
    with (
        remembered_upload(store, quirks.host, "team/app", BLOB.digest) as memory,
        pytest.raises(WrongBytesError, match=f"not {BLOB.digest}"),
    ):
        an_upload(connected(quirks), b"?" + DATA[1:], blob=BLOB, memory=memory, is_remote=True).run()
    assert "team/app" not in quirks.blobs


def test_a_session_that_the_registry_has_just_opened_gives_way_to_one_that_is_far_on(
    quirks: QuirkRegistry, registry: Registry, connected: Callable[[QuirkRegistry], Registry], store: Store
) -> None:
    broken(quirks, registry, store)
    fresh = Session(f"{quirks.url}/v2/team/app/blobs/uploads/{quirks.begin_upload()}")
    with remembered_upload(store, quirks.host, "team/app", BLOB.digest) as memory:
        an_upload(connected(quirks), memory=memory, session=fresh).run()
    assert quirks.bytes_in <= 300_000
    assert quirks.uploads == {}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 416, 422, 501])
def test_what_the_registry_knows_no_more_is_begun_anew(
    quirks: QuirkRegistry,
    registry: Registry,
    connected: Callable[[QuirkRegistry], Registry],
    store: Store,
    status: int,
) -> None:
    broken(quirks, registry, store)
    quirks.fails(status, method="GET", place="uploads")
    with remembered_upload(store, quirks.host, "team/app", BLOB.digest) as memory:
        an_upload(connected(quirks), memory=memory).run()
    assert quirks.bytes_in == len(DATA)
    assert records(store) == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 415, 416, 422])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_what_the_registry_still_knows_but_takes_no_more_for_is_begun_anew(  # noqa: PLR0913, PLR0917 - fixtures
    quirks: QuirkRegistry,
    registry: Registry,
    connected: Callable[[QuirkRegistry], Registry],
    store: Store,
    status: int,
    method: str,
) -> None:
    broken(quirks, registry, store)
    if method == "PUT":  # all has come, and only the closing request is refused
        (upload,) = quirks.uploads.values()
        upload[:] = DATA
    quirks.fails(status, method=method)
    with remembered_upload(store, quirks.host, "team/app", BLOB.digest) as memory:
        an_upload(connected(quirks), memory=memory).run()
    assert quirks.blobs["team/app"][BLOB.digest] == DATA
    assert records(store) == []


def test_a_session_that_cannot_be_asked_about_any_more_is_begun_anew(
    quirks: QuirkRegistry, registry: Registry, connected: Callable[[QuirkRegistry], Registry], store: Store
) -> None:
    """Some registries answer 500 for a session that they forgot."""
    broken(quirks, registry, store)
    quirks.fails(500, method="GET", place="uploads", times=100)
    with remembered_upload(store, quirks.host, "team/app", BLOB.digest) as memory:
        an_upload(connected(quirks), memory=memory).run()
    assert quirks.blobs["team/app"][BLOB.digest] == DATA
    assert len(quirks.asked("GET", "uploads")) == 2


@pytest.mark.parametrize("status", [401, 403, 503])
def test_a_registry_that_is_down_or_lets_nobody_in_makes_nobody_forget_how_far_it_came(
    quirks: QuirkRegistry,
    registry: Registry,
    connected: Callable[[QuirkRegistry], Registry],
    store: Store,
    status: int,
) -> None:
    broken(quirks, registry, store)
    (record,) = records(store)
    before = record.read_bytes()
    quirks.fails(status, times=100)
    with (
        remembered_upload(store, quirks.host, "team/app", BLOB.digest) as memory,
        pytest.raises((TransientError, AccessError)),
    ):
        an_upload(connected(quirks), memory=memory).run()
    assert record.read_bytes() == before


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest", "no address", "http://[::1"])
def test_a_session_at_an_address_that_may_not_be_asked_is_begun_anew(
    quirks: QuirkRegistry, registry: Registry, store: Store, location: str
) -> None:
    with remembered_upload(store, quirks.host, "team/app", BLOB.digest) as memory:
        assert memory is not None
        memory.remember(location)
    with remembered_upload(store, quirks.host, "team/app", BLOB.digest) as memory:
        an_upload(registry, memory=memory).run()
    assert quirks.blobs["team/app"][BLOB.digest] == DATA


def test_a_record_that_is_old_or_damaged_or_of_another_place_is_not_used(
    quirks: QuirkRegistry, registry: Registry, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(quirks, registry, store)
    (record,) = records(store)
    good = record.read_bytes()
    for data in (b"", b"{", good.replace(b"team/app", b"team/foo")):
        record.write_bytes(data)
        with remembered_upload(store, quirks.host, "team/app", BLOB.digest) as memory:
            assert memory is not None
            assert not memory.location
    record.write_bytes(good)
    with remembered_upload(store, quirks.host, "team/app", BLOB.digest) as memory:
        assert memory is not None
        assert memory.location
    uploads.sweep(store)
    assert records(store) == [record]
    monkeypatch.setattr(uploads, "LIFETIME_S", 0)
    with remembered_upload(store, quirks.host, "team/app", BLOB.digest) as memory:
        assert memory is not None
        assert not memory.location
    uploads.sweep(store)
    assert records(store) == []


def test_two_processes_do_not_go_on_with_one_upload(store: Store) -> None:
    with (
        remembered_upload(store, "r.example", "team/app", BLOB.digest) as first,
        remembered_upload(store, "r.example", "team/app", BLOB.digest) as second,
        remembered_upload(store, "r.example", "team/foo", BLOB.digest) as other,
    ):
        assert first is not None
        assert second is None
        assert other is not None


def test_a_store_that_cannot_be_written_remembers_nothing_and_hinders_nothing(
    quirks: QuirkRegistry, registry: Registry, store: Store
) -> None:
    (store.root / uploads.DIRECTORY).write_text("in the way")
    with remembered_upload(store, quirks.host, "team/app", BLOB.digest) as memory:
        an_upload(registry, memory=memory).run()
    assert quirks.blobs["team/app"][BLOB.digest] == DATA
    locks = store.root / "locks"
    for file in locks.iterdir():
        file.unlink()
    locks.rmdir()
    locks.write_text("in the way")
    with remembered_upload(store, quirks.host, "team/app", BLOB.digest) as memory:
        assert memory is None
