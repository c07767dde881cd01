from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.fetch.conftest import HASTE, Handler, World, in_turn, serving, status
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.fetch.credentials import Credentials
from wherry.fetch.failures import NotFoundError
from wherry.fetch.fetcher import Download, Fetcher
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.store.store import Store

DATA = os.urandom(100_000)
DIGEST = Digest.of_bytes(DATA)


def fetcher(store: Store, *find_links: Path, offline: bool = False) -> Fetcher:
    return Fetcher(
        store,
        progress=SilentProgress(),
        find_links=find_links,
        offline=offline,
        credentials=Credentials(),
        patience=HASTE,
    )


# Files on this disk


def test_a_file_in_find_links_goes_before_any_url(store: Store, world: World, tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(DATA)
    fetcher(store, tmp_path / "none", tmp_path).fetch([Download("a.whl", DIGEST, url=f"{world.url}/a.whl")])
    assert DIGEST in store.blobs
    assert world.requests == []


def test_a_file_that_the_lock_names_by_path_is_taken(store: Store, tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(DATA)
    fetcher(store, offline=True).fetch([Download("a.whl", DIGEST, path=tmp_path / "b")])
    assert DIGEST in store.blobs


def test_a_file_url_is_a_file(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a +1.whl").write_bytes(DATA)
    url = (tmp_path / "a +1.whl").as_uri()
    fetcher(store, offline=True).fetch([Download("a.whl", DIGEST, url=url)])
    assert DIGEST in store.blobs


def test_a_small_file_is_copied_and_its_original_may_go(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(DATA)
    fetcher(store, tmp_path).fetch([Download("a.whl", DIGEST)])
    (tmp_path / "a.whl").unlink()
    assert store.blobs.path(DIGEST).read_bytes() == DATA


def test_a_large_file_is_used_where_it_lies(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "a.whl"
    file.write_bytes(DATA * 50)
    digest = Digest.of_file(file)
    time.sleep(1.1)
    fetcher(store, tmp_path).fetch([Download("a.whl", digest)])
    assert store.blobs.path(digest) == file
    assert not list(store.blobs.items())


def test_a_large_file_that_is_still_warm_is_copied(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "a.whl"
    file.write_bytes(DATA * 50)
    digest = Digest.of_file(file)
    fetcher(store, tmp_path).fetch([Download("a.whl", digest)])
    assert store.blobs.path(digest).parent.name == "sha256"
    file.write_bytes(b"")
    assert digest in store.blobs


@pytest.mark.parametrize("data", [b"other", b"other" * 1_000_000])
def test_a_file_with_another_hash_than_the_lock_wants_is_refused(
    store: Store, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "a.whl").write_bytes(data)
    with pytest.raises(InputError, match=r"a\.whl has sha256") as caught:
        fetcher(store, tmp_path).fetch([Download("a.whl", DIGEST)])
    assert str(Digest.of_bytes(data)) in caught.value.what
    assert str(DIGEST) in caught.value.what
    assert caught.value.where == str(tmp_path / "a.whl")
    assert not list(store.blobs.items())


def test_a_file_with_another_hash_does_not_hide_the_url(store: Store, world: World, tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"other")
    world.routes["/a.whl"] = serving(DATA)
    fetcher(store, tmp_path).fetch([Download("a.whl", DIGEST, url=f"{world.url}/a.whl")])
    assert DIGEST in store.blobs


def test_a_file_that_cannot_be_read_is_an_error(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int, _size: int) -> bytes:
        raise OSError(5, "Input/output error")

    (tmp_path / "a.whl").write_bytes(DATA)
    monkeypatch.setattr(os, "read", refuse)
    with pytest.raises(WorldError, match="cannot read a local file: input/output error"):
        fetcher(store, tmp_path).fetch([Download("a.whl", DIGEST)])


@pytest.mark.parametrize("filename", ["../secret", "/etc/passwd", "", ".", ".."])
def test_a_hostile_file_name_is_not_looked_for(store: Store, tmp_path: Path, filename: str) -> None:
    (tmp_path / "secret").write_bytes(DATA)
    (tmp_path / "links").mkdir()
    with pytest.raises(WorldError, match="not on this disk"):
        fetcher(store, tmp_path / "links").fetch([Download(filename, DIGEST)])


# Offline


def test_offline_names_what_is_missing_and_how_many(store: Store, world: World) -> None:
    files = [Download(f"{n}.whl", Digest.of_bytes(bytes([n])), url=f"{world.url}/{n}.whl") for n in range(5)]
    with pytest.raises(WorldError, match=r"not on this disk: 0\.whl, 1\.whl, 2\.whl and 2 more") as caught:
        fetcher(store, offline=True).fetch(files)
    assert "5 of the files" in caught.value.where
    assert "--offline" in caught.value.where
    assert "--find-links" in caught.value.mend
    assert caught.value.exit_code == 3
    assert world.requests == []


def test_a_file_without_any_address_is_named(store: Store) -> None:
    with pytest.raises(WorldError, match=r"not on this disk: a\.whl") as caught:
        fetcher(store).fetch([Download("a.whl", DIGEST)])
    assert "no address" in caught.value.where


def test_offline_does_not_mind_what_is_there(store: Store) -> None:
    store.blobs.add_bytes(DATA)
    fetcher(store, offline=True).fetch([Download("a.whl", DIGEST, url="https://index.example/a.whl")])
    fetcher(store, offline=True).fetch([])


def test_offline_with_a_wrong_file_says_what_is_wrong_with_it(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"other")
    with pytest.raises(InputError, match="but the lock wants"):
        fetcher(store, tmp_path, offline=True).fetch(
            [Download("a.whl", DIGEST, url="https://index.example/a.whl")]
        )


# Documents


def test_a_document_is_got_with_retries(store: Store, world: World) -> None:
    world.routes["/Release"] = in_turn(status(503), serving(b"Suite: stable"))
    assert fetcher(store).get(f"{world.url}/Release", 100) == b"Suite: stable"


def test_a_document_cut_off_is_got_again(store: Store, world: World) -> None:
    def half(handler: Handler) -> None:
        handler.begin(200, 13)
        handler.wfile.write(b"Suite")
        handler.hang_up()

    world.routes["/Release"] = in_turn(half, serving(b"Suite: stable"))
    assert fetcher(store).get(f"{world.url}/Release", 100) == b"Suite: stable"


def test_a_document_larger_than_its_limit_is_refused(store: Store, world: World) -> None:
    world.routes["/Release"] = serving(DATA)
    with pytest.raises(WorldError, match="larger than 100 bytes"):
        fetcher(store).get(f"{world.url}/Release", 100)


def test_a_document_that_is_not_there_can_be_told_from_other_failures(store: Store, world: World) -> None:
    with pytest.raises(NotFoundError):
        fetcher(store).get(f"{world.url}/Release", 100)


def test_a_document_may_lie_on_this_disk(store: Store, tmp_path: Path) -> None:
    (tmp_path / "Release").write_bytes(b"Suite: stable")
    offline = fetcher(store, offline=True)
    assert offline.get((tmp_path / "Release").as_uri(), 100) == b"Suite: stable"
    with pytest.raises(NotFoundError, match="no such file"):
        offline.get((tmp_path / "gone").as_uri(), 100)
    with pytest.raises(WorldError, match="cannot read a local file: is a directory"):
        offline.get(tmp_path.as_uri(), 100)


def test_a_document_needs_the_network(store: Store) -> None:
    with pytest.raises(WorldError, match="--offline is set") as caught:
        fetcher(store, offline=True).get("https://name:secret@index.example/Release?key=secret", 100)
    assert "secret" not in " ".join(caught.value.lines())


def test_a_url_that_is_none_is_the_users_mistake(store: Store) -> None:
    with pytest.raises(InputError, match="not an http"):
        fetcher(store).get("ftp://index.example/Release", 100)
    with pytest.raises(InputError, match="not a URL"):
        fetcher(store).get("http://[", 100)


def test_the_environments_credentials_are_used_when_none_are_given(
    store: Store, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", world.url.replace("//", "//name:password@") + "/simple")
    world.routes["/Release"] = serving(b"x")
    Fetcher(store, progress=SilentProgress()).get(f"{world.url}/Release", 100)
    assert world.asked("Authorization") == ["Basic bmFtZTpwYXNzd29yZA=="]
