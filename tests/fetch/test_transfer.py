"""Downloads from servers that cut off, lie, stall, refuse and redirect."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fetch.conftest import HASTE, Handler, World, cutting_off, in_turn, serving, status
from wherry.digest import Digest
from wherry.errors import WorldError
from wherry.fetch import answers
from wherry.fetch import transfer as transfer_module
from wherry.fetch.credentials import Credentials
from wherry.fetch.failures import CancelledError
from wherry.fetch.fetcher import Download, Fetcher
from wherry.fetch.http import Http
from wherry.fetch.transfer import transfer
from wherry.progress import SilentProgress
from wherry.store.locks import try_flock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from wherry.fetch.http import Patience
    from wherry.progress import Task
    from wherry.store.store import Store

DATA = os.urandom(3_000_000)


def fetcher(store: Store, patience: Patience = HASTE, credentials: Credentials | None = None) -> Fetcher:
    credentials = Credentials() if credentials is None else credentials
    return Fetcher(store, progress=SilentProgress(), credentials=credentials, patience=patience)


def wanted(world: World, data: bytes = DATA, *, sized: bool = True, path: str = "/a.whl") -> Download:
    return Download(
        "a.whl", Digest.of_bytes(data), url=world.url + path, size_bytes=len(data) if sized else None
    )


def partials(store: Store) -> list[Path]:
    directory = store.root / "partial"
    return list(directory.iterdir()) if directory.is_dir() else []


def begun(store: Store, data: bytes, of: bytes = DATA) -> None:
    directory = store.root / "partial"
    directory.mkdir(exist_ok=True)
    (directory / f"{Digest.of_bytes(of).hex}.part").write_bytes(data)


def assert_fetched(store: Store, data: bytes = DATA) -> None:
    assert store.blobs.path(Digest.of_bytes(data)).read_bytes() == data
    assert partials(store) == []


@pytest.mark.parametrize("sized", [True, False])
def test_a_file_is_fetched_into_the_blobs(store: Store, world: World, *, sized: bool) -> None:
    world.routes["/a.whl"] = serving(DATA)
    fetcher(store).fetch([wanted(world, sized=sized)])
    assert_fetched(store)


def test_what_is_there_is_not_asked_for(store: Store, world: World) -> None:
    store.blobs.add_bytes(DATA)
    fetcher(store).fetch([wanted(world)])
    assert world.requests == []


def test_the_same_file_twice_is_one_request(store: Store, world: World) -> None:
    world.routes["/a.whl"] = serving(DATA)
    fetcher(store).fetch([wanted(world), wanted(world)])
    assert len(world.requests) == 1


def test_many_files_come_at_once(store: Store, world: World) -> None:
    files = [os.urandom(10_000 + number) for number in range(40)]
    for number, data in enumerate(files):
        world.routes[f"/{number}"] = serving(data)
    fetcher(store).fetch([wanted(world, data, path=f"/{number}") for number, data in enumerate(files)])
    for data in files:
        assert_fetched(store, data)


# Cut off and resumed


@pytest.mark.parametrize("sized", [True, False])
def test_a_truncated_transfer_is_resumed_in_the_same_run(store: Store, world: World, *, sized: bool) -> None:
    world.routes["/a.whl"] = cutting_off(serving(DATA, etag='"1"'), after=1_000_000, times=2)
    fetcher(store).fetch([wanted(world, sized=sized)])
    assert_fetched(store)
    assert world.asked("Range") == [None, "bytes=1000000-", "bytes=2000000-"]
    assert world.asked("If-Range") == [None, '"1"', '"1"']


def test_a_weak_etag_is_not_used_for_resuming(store: Store, world: World) -> None:
    world.routes["/a.whl"] = cutting_off(serving(DATA, etag='W/"1"'), after=1_000_000, times=1)
    fetcher(store).fetch([wanted(world)])
    assert_fetched(store)
    assert world.asked("If-Range") == [None, None]


def test_a_transfer_that_keeps_breaking_without_progress_ends_with_an_error(
    store: Store, world: World
) -> None:
    world.routes["/a.whl"] = cutting_off(serving(DATA), after=1000)
    with pytest.raises(WorldError, match="broke off") as caught:
        fetcher(store).fetch([wanted(world)])
    assert len(world.requests) == HASTE.attempts
    assert caught.value.where == f"{world.url}/a.whl"
    assert store.blobs.size_bytes(Digest.of_bytes(DATA)) is None
    assert partials(store)


def test_progress_makes_up_for_failed_attempts(store: Store, world: World) -> None:
    data = os.urandom(12 << 20)
    world.routes["/a.whl"] = cutting_off(serving(data), after=(1 << 20) + 1, times=8)
    fetcher(store).fetch([wanted(world, data)])
    assert_fetched(store, data)
    assert len(world.requests) == 9


def test_the_next_run_goes_on_where_the_last_one_stopped(store: Store, world: World) -> None:
    world.routes["/a.whl"] = in_turn(cutting_off(serving(DATA, etag='"1"'), after=2_000_000), status(500))
    with pytest.raises(WorldError, match="500"):
        fetcher(store).fetch([wanted(world)])
    world.requests.clear()
    world.routes["/a.whl"] = serving(DATA, etag='"1"')
    fetcher(store).fetch([wanted(world)])
    assert_fetched(store)
    assert world.asked("Range") == ["bytes=2000000-"]
    assert world.asked("If-Range") == ['"1"']


def test_an_etag_of_another_url_is_not_used(store: Store, world: World) -> None:
    world.routes["/a.whl"] = in_turn(cutting_off(serving(DATA, etag='"1"'), after=2_000_000), status(500))
    with pytest.raises(WorldError, match="500"):
        fetcher(store).fetch([wanted(world)])
    world.requests.clear()
    world.routes["/mirror/a.whl"] = serving(DATA, etag='"2"')
    fetcher(store).fetch([wanted(world, path="/mirror/a.whl")])
    assert_fetched(store)
    assert world.asked("Range") == ["bytes=2000000-"]
    assert world.asked("If-Range") == [None]


def test_a_document_that_changed_meanwhile_is_fetched_anew(store: Store, world: World) -> None:
    old = os.urandom(len(DATA))
    world.routes["/a.whl"] = in_turn(
        cutting_off(serving(old, etag='"old"'), after=2_000_000), serving(DATA, etag='"new"')
    )
    fetcher(store).fetch([wanted(world)])
    assert_fetched(store)


def test_a_server_without_ranges_sends_all_again(store: Store, world: World) -> None:
    world.routes["/a.whl"] = cutting_off(serving(DATA, ranges=False), after=1_000_000, times=1)
    fetcher(store).fetch([wanted(world)])
    assert_fetched(store)
    assert len(world.requests) == 2


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 5000), ways=st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_from_any_position_and_any_leftover_the_right_bytes_come(
    store: Store, world: World, at: int, ways: tuple[bool, bool, bool]
) -> None:
    right, sized, ranges = ways
    data = os.urandom(4000)
    world.routes["/a.whl"] = serving(data, ranges=ranges)
    leftover = (data + b"beyond the end" * 100)[:at] if right else os.urandom(at)
    begun(store, leftover, of=data)
    fetcher(store).fetch([wanted(world, data, sized=sized)])
    assert_fetched(store, data)


def test_a_leftover_that_is_whole_needs_no_request(store: Store, world: World) -> None:
    begun(store, DATA)
    fetcher(store).fetch([wanted(world)])
    assert_fetched(store)
    assert world.requests == []


def test_a_leftover_that_is_whole_but_of_unknown_size_needs_no_byte(store: Store, world: World) -> None:
    begun(store, DATA)
    world.routes["/a.whl"] = serving(DATA)
    fetcher(store).fetch([wanted(world, sized=False)])
    assert_fetched(store)
    assert len(world.requests) == 1


@pytest.mark.parametrize("sized", [True, False])
def test_a_leftover_longer_than_the_document_is_thrown_away(
    store: Store, world: World, *, sized: bool
) -> None:
    begun(store, DATA + b"more")
    world.routes["/a.whl"] = serving(DATA)
    fetcher(store).fetch([wanted(world, sized=sized)])
    assert_fetched(store)


def test_who_waits_for_anothers_download_gives_up_when_told(store: Store, world: World) -> None:
    begun(store, b"")
    file = store.root / "partial" / f"{Digest.of_bytes(DATA).hex}.part"
    with file.open("rb+") as other:
        assert try_flock(other.fileno(), file)
        http = Http(Credentials(), HASTE)
        threading.Timer(0.2, http.cancel).start()
        with pytest.raises(CancelledError), SilentProgress().task("x") as task:
            transfer(wanted(world), f"{world.url}/a.whl", store=store, http=http, task=task)


def test_a_transfer_under_way_gives_up_when_told(store: Store, world: World) -> None:
    http = Http(Credentials(), HASTE)

    class Cancelling(SilentProgress):
        def advance(self, size_bytes: int) -> None:
            assert size_bytes
            http.cancel()

    world.routes["/a.whl"] = serving(DATA)
    with pytest.raises(WorldError):
        transfer(wanted(world), f"{world.url}/a.whl", store=store, http=http, task=Cancelling())
    assert 0 < partials(store)[0].stat().st_size < len(DATA)
    with pytest.raises(CancelledError), http.open(f"{world.url}/a.whl"):
        pass


def test_a_server_that_sends_another_range_is_asked_again_from_the_start(store: Store, world: World) -> None:
    def another_range(handler: Handler) -> None:
        handler.answer(206, DATA[5:], Content_Range=f"bytes 5-{len(DATA) - 1}/{len(DATA)}")

    begun(store, DATA[:1000])
    world.routes["/a.whl"] = in_turn(another_range, serving(DATA))
    fetcher(store).fetch([wanted(world)])
    assert_fetched(store)
    assert world.asked("Range") == ["bytes=1000-", None]


# Wrong bytes


def test_wrong_bytes_are_an_error_with_both_hashes_and_nothing_is_kept(store: Store, world: World) -> None:
    wrong = os.urandom(len(DATA))
    world.routes["/a.whl"] = serving(wrong)
    url = world.url.replace("//", "//name:s3cret@") + "/a.whl?signature=s3cret"
    with pytest.raises(WorldError, match=r"a\.whl from the server") as caught:
        fetcher(store).fetch([replace(wanted(world), url=url)])
    assert Digest.of_bytes(wrong) in caught.value.what
    assert Digest.of_bytes(DATA) in caught.value.what
    assert "s3cret" not in " ".join(caught.value.lines())
    assert len(world.requests) == 1
    assert partials(store) == []
    assert not list(store.blobs.items())


@pytest.mark.parametrize("size", [0, 10, len(DATA) - 1, len(DATA) + 1])
def test_a_server_that_announces_another_size_is_refused_before_the_first_byte(
    store: Store, world: World, size: int
) -> None:
    world.routes["/a.whl"] = serving(bytes(size))
    with pytest.raises(WorldError, match=f"has {size} bytes, not {len(DATA)}"):
        fetcher(store).fetch([wanted(world)])
    assert partials(store) == []


def unending(handler: Handler) -> None:
    handler.begin(200, None, Connection="close")
    while True:
        handler.wfile.write(bytes(1 << 16))


def test_an_unending_answer_is_cut_at_the_size_that_the_lock_knows(store: Store, world: World) -> None:
    world.routes["/a.whl"] = unending
    with pytest.raises(WorldError, match="is larger than"):
        fetcher(store).fetch([wanted(world)])
    assert partials(store) == []


def test_an_unending_answer_of_unknown_size_is_cut_too(
    store: Store, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer_module, "LARGEST_BYTES", 1 << 20)
    world.routes["/a.whl"] = unending
    with pytest.raises(WorldError, match="is larger than"):
        fetcher(store).fetch([wanted(world, sized=False)])
    assert partials(store) == []


def test_an_answer_without_length_that_ends_early_is_noticed(store: Store, world: World) -> None:
    def half(handler: Handler) -> None:
        handler.begin(200, None, Connection="close")
        handler.wfile.write(DATA[:-5])
        handler.hang_up()

    world.routes["/a.whl"] = half
    with pytest.raises(WorldError, match="stopped 5 B before the end"):
        fetcher(store).fetch([wanted(world)])
    world.routes["/a.whl"] = in_turn(half, serving(DATA))
    fetcher(store).fetch([wanted(world)])
    assert_fetched(store)


def test_bytes_are_hashed_as_they_lie_on_the_server(store: Store, world: World) -> None:
    world.routes["/a.whl"] = lambda handler: handler.answer(200, DATA, Content_Encoding="gzip")
    fetcher(store).fetch([wanted(world)])
    assert_fetched(store)


# Statuses


@pytest.mark.parametrize("number", [429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_asked_again(store: Store, world: World, number: int) -> None:
    world.routes["/a.whl"] = in_turn(status(number), status(number, Retry_After="0"), serving(DATA))
    fetcher(store).fetch([wanted(world)])
    assert_fetched(store)


def test_a_server_that_stays_in_trouble_is_an_error(store: Store, world: World) -> None:
    world.routes["/a.whl"] = status(503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")
    with pytest.raises(WorldError, match="the server answered 503") as caught:
        fetcher(store).fetch([wanted(world)])
    assert caught.value.exit_code == 3
    assert len(caught.value.lines()) == 3
    assert len(world.requests) == HASTE.attempts


def test_retry_after_is_heeded_within_reason(
    store: Store, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_LONGEST_WAIT_S", 0.3)
    world.routes["/a.whl"] = in_turn(status(429, Retry_After="100000"), serving(DATA))
    before = time.monotonic()
    fetcher(store).fetch([wanted(world)])
    assert time.monotonic() - before >= 0.3


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (401, "the index answered 401: no credentials found"),
        (403, "the index answered 403: no credentials found"),
        (404, r"no such file \(404\)"),
        (410, r"no such file \(410\)"),
        (400, "the server answered 400"),
        (302, "the server answered 302"),
        (204, "the server answered 204"),
    ],
)
def test_a_refusal_is_final_and_explained(store: Store, world: World, number: int, words: str) -> None:
    world.routes["/a.whl"] = status(number)
    with pytest.raises(WorldError, match=words) as caught:
        fetcher(store).fetch([wanted(world)])
    assert caught.value.exit_code == 3
    assert len(caught.value.lines()) <= 3
    assert len(world.requests) == 1


def test_the_first_failure_ends_the_other_transfers(store: Store, world: World) -> None:
    for number in range(40):
        world.routes[f"/{number}"] = status(404) if number == 3 else lambda _handler: time.sleep(5)
    files = [wanted(world, bytes([number]), path=f"/{number}") for number in range(40)]
    before = time.monotonic()
    with pytest.raises(WorldError, match="404"):
        fetcher(store, replace(HASTE, silence_s=30)).fetch(files)
    assert time.monotonic() - before < 4
    assert len(world.requests) < 12


# Silence


def test_a_server_that_never_answers_is_given_up(store: Store, world: World) -> None:
    world.routes["/a.whl"] = lambda _handler: time.sleep(3)
    with pytest.raises(WorldError, match="sent nothing for") as caught:
        fetcher(store, replace(HASTE, silence_s=0.2)).fetch([wanted(world)])
    assert "UV_HTTP_TIMEOUT" in caught.value.mend


def test_a_server_that_falls_silent_in_the_middle_is_resumed(store: Store, world: World) -> None:
    def silent(handler: Handler) -> None:
        handler.begin(200, len(DATA))
        handler.wfile.write(DATA[:1000])
        handler.wfile.flush()
        time.sleep(1)
        handler.hang_up()

    world.routes["/a.whl"] = in_turn(silent, serving(DATA))
    fetcher(store, replace(HASTE, silence_s=0.2)).fetch([wanted(world)])
    assert_fetched(store)
    assert world.asked("Range") == [None, "bytes=1000-"]


def test_a_server_that_crawls_is_given_up(store: Store, world: World) -> None:
    def crawl(handler: Handler) -> None:
        handler.begin(200, len(DATA))
        for _ in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)

    world.routes["/a.whl"] = crawl
    with pytest.raises(WorldError, match="sent only"):
        fetcher(store, replace(HASTE, crawl_s=0.2, attempts=2)).fetch([wanted(world)])


def test_a_slow_server_is_waited_for(store: Store, world: World) -> None:
    def slow(handler: Handler) -> None:
        handler.begin(200, len(DATA))
        for start in range(0, len(DATA), 500_000):
            handler.wfile.write(DATA[start : start + 500_000])
            handler.wfile.flush()
            time.sleep(0.1)

    world.routes["/a.whl"] = slow
    fetcher(store, replace(HASTE, crawl_s=0.2)).fetch([wanted(world)])
    assert_fetched(store)


def test_nobody_listening_is_an_error(store: Store) -> None:
    nowhere = Download("a.whl", Digest.of_bytes(DATA), url="http://127.0.0.1:1/a.whl")
    with pytest.raises(WorldError, match="cannot be reached"):
        fetcher(store).fetch([nowhere])


def test_an_unknown_name_is_an_error(store: Store) -> None:
    nowhere = Download("a.whl", Digest.of_bytes(DATA), url="http://no-such-host.invalid/a.whl")
    with pytest.raises(WorldError, match="name is not known"):
        fetcher(store).fetch([nowhere])


# Redirects


def redirecting(to: str, number: int = 302) -> Callable[[Handler], None]:
    return lambda handler: handler.answer(number, b"", Location=to)


@pytest.mark.parametrize("number", [301, 302, 303, 307, 308])
def test_redirects_are_followed(store: Store, world: World, number: int) -> None:
    world.routes["/a.whl"] = redirecting("files/a.whl", number)
    world.routes["/files/a.whl"] = serving(DATA)
    fetcher(store).fetch([wanted(world)])
    assert_fetched(store)


def test_credentials_follow_within_one_origin_only(store: Store, world: World, another_world: World) -> None:
    world.routes["/a.whl"] = redirecting("/b.whl")
    world.routes["/b.whl"] = redirecting(f"{another_world.url}/a.whl")
    another_world.routes["/a.whl"] = redirecting(f"{world.url}/c.whl")
    world.routes["/c.whl"] = serving(DATA)
    url = world.url.replace("//", "//name:password@") + "/a.whl"
    fetcher(store).fetch([replace(wanted(world), url=url)])
    assert_fetched(store)
    assert world.asked("Authorization") == ["Basic bmFtZTpwYXNzd29yZA=="] * 2 + [None]
    assert another_world.asked("Authorization") == [None]


def test_credentials_of_the_other_origin_are_not_sent_there_either(
    store: Store, world: World, another_world: World, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login a password secret\n")
    there = another_world.url.replace("127.0.0.1", "localhost")
    world.routes["/a.whl"] = redirecting(f"{there}/a.whl")
    another_world.routes["/a.whl"] = serving(DATA)
    fetcher(store, credentials=Credentials(netrc=netrc)).fetch([wanted(world)])
    assert another_world.asked("Authorization") == [None]


def test_a_redirect_of_an_absurd_length_is_followed(store: Store, world: World) -> None:
    def redirect(handler: Handler) -> None:
        handler.begin(302, None, Location="files/a.whl", Content_Length="9" * 5000)
        handler.hang_up()

    world.routes["/a.whl"] = redirect
    world.routes["/files/a.whl"] = serving(DATA)
    fetcher(store).fetch([wanted(world)])
    assert_fetched(store)


def test_a_redirect_in_a_circle_ends(store: Store, world: World) -> None:
    world.routes["/a.whl"] = redirecting("/a.whl")
    with pytest.raises(WorldError, match="circle"):
        fetcher(store).fetch([wanted(world)])


@pytest.mark.parametrize("to", ["ftp://index.example/a.whl", "file:///etc/passwd", "http://[", "data:,x"])
def test_a_redirect_to_no_web_address_is_refused(store: Store, world: World, to: str) -> None:
    world.routes["/a.whl"] = redirecting(to)
    with pytest.raises(WorldError, match="redirects to"):
        fetcher(store).fetch([wanted(world)])


# The disk


def test_the_space_is_asked_for_before_the_first_request(store: Store, world: World) -> None:
    world.routes["/a.whl"] = serving(DATA)
    with pytest.raises(WorldError, match=r"no space for a\.whl"):
        fetcher(store).fetch([replace(wanted(world), size_bytes=10**18)])
    assert world.requests == []


def test_a_size_known_only_to_the_server_is_asked_for_before_the_first_byte(
    store: Store, world: World
) -> None:
    world.routes["/a.whl"] = lambda handler: handler.begin(200, 59_000_000_000_000_000)
    with pytest.raises(WorldError, match="not 60000000000"):
        fetcher(store).fetch([wanted(world, sized=False)])


class Counted(SilentProgress):
    def __init__(self) -> None:
        self.totals: list[int | None] = []
        self.done = 0

    @contextmanager
    def task(self, title: str, total_bytes: int | None = None) -> Iterator[Task]:
        assert title
        self.totals.append(total_bytes)
        yield self

    def advance(self, size_bytes: int) -> None:
        self.done += size_bytes


def test_progress_counts_every_byte_once(store: Store, world: World) -> None:
    world.routes["/a.whl"] = serving(DATA)
    begun(store, DATA[:1000])
    progress = Counted()
    Fetcher(store, progress=progress, credentials=Credentials(), patience=HASTE).fetch([wanted(world)])
    assert progress.totals == [len(DATA)]
    assert progress.done == len(DATA)
