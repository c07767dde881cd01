"""What is remembered of uploads that have begun is counted, and goes when it is of no use or not wanted."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from wherry.digest import Digest
from wherry.errors import WorldError
from wherry.store import uploads
from wherry.store.uploads import begun_uploads, forget_uploads, remembered_upload, sweep

if TYPE_CHECKING:
    from wherry.store.store import Store

HOST = "registry.example"
LOCATION = "https://registry.example/upload?_state=planted"


def begin(store: Store, data: bytes, *, age_s: float = 0) -> Digest:
    """Leave an upload of *data* behind, as a killed process does."""
    digest = Digest.of_bytes(data)
    with remembered_upload(store, HOST, "team/app", digest) as memory:
        assert memory is not None
        memory.remember(LOCATION)
    if age_s:
        key = uploads._key(HOST, "team/app", digest)
        then = time.time() - age_s
        os.utime(store.root / uploads.DIRECTORY / f"{key}.json", (then, then))
    return digest


def is_known(store: Store, digest: Digest) -> bool:
    with remembered_upload(store, HOST, "team/app", digest) as memory:
        return memory is not None and memory.location == LOCATION


def test_uploads_that_have_begun_are_counted(store: Store) -> None:
    assert begun_uploads(store) == []
    begin(store, b"a")
    begin(store, b"b")
    sizes = begun_uploads(store)
    assert len(sizes) == 2
    assert all(size > len(LOCATION) for size in sizes)


def test_what_is_to_be_forgotten_is_said_first_and_then_gone(store: Store) -> None:
    digest = begin(store, b"a")
    sizes = begun_uploads(store)
    assert forget_uploads(store, dry_run=True) == sizes
    assert is_known(store, digest)
    assert forget_uploads(store) == sizes
    assert not is_known(store, digest)
    assert begun_uploads(store) == []


def test_forgetting_leaves_no_locks_behind(store: Store) -> None:
    begin(store, b"a")
    before = {path.name for path in (store.root / "locks").iterdir()}
    forget_uploads(store)
    assert len(before - {path.name for path in (store.root / "locks").iterdir()}) == 1


def test_a_store_that_cannot_be_written_keeps_them_and_a_push_does_not_mind(store: Store) -> None:
    begin(store, b"a", age_s=2 * uploads.LIFETIME_S)
    for file in (store.root / "locks").iterdir():
        file.unlink()
    (store.root / "locks").rmdir()
    (store.root / "locks").write_text("in the way")
    with pytest.raises(WorldError):
        forget_uploads(store)
    sweep(store)
    assert len(begun_uploads(store)) == 1


def test_only_the_older_ones_are_forgotten_if_that_is_asked(store: Store) -> None:
    old, new = begin(store, b"a", age_s=7200), begin(store, b"b", age_s=60)
    assert len(forget_uploads(store, older_than_s=3600)) == 1
    assert (is_known(store, old), is_known(store, new)) == (False, True)


def test_an_upload_that_goes_on_is_not_forgotten(store: Store) -> None:
    digest = begin(store, b"a", age_s=2 * uploads.LIFETIME_S)
    with remembered_upload(store, HOST, "team/app", digest):
        assert forget_uploads(store) == []
        sweep(store)
        assert len(begun_uploads(store)) == 1
    sweep(store)
    assert begun_uploads(store) == []


@pytest.mark.parametrize("age_s", [2 * uploads.LIFETIME_S, -2 * uploads.LIFETIME_S])
def test_a_push_sweeps_what_no_registry_remembers_any_more(store: Store, age_s: float) -> None:
    begin(store, b"a", age_s=age_s)
    new = begin(store, b"b")
    sweep(store)
    assert len(begun_uploads(store)) == 1
    assert is_known(store, new)
