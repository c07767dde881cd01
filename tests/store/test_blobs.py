from __future__ import annotations

import os
import pickle
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.digest import Digest
from wherry.errors import WorldError
from wherry.store.store import Store
from wherry.store.writer import BLOCK_BYTES

if TYPE_CHECKING:
    from pathlib import Path

HELLO = Digest.of_bytes(b"hello")
DAY_S = 86_400


def leftovers(store: Store) -> list[Path]:
    return list((store.root / "tmp").iterdir())


def test_a_blob_is_found_under_its_digest(store: Store) -> None:
    digest = store.blobs.add_bytes(b"hello")
    assert digest == HELLO
    assert digest in store.blobs
    assert store.blobs.size_bytes(digest) == 5
    assert store.blobs.path(digest) == store.root / "blobs" / "sha256" / HELLO.hex
    with store.blobs.open(digest) as stream:
        assert stream.read() == b"hello"


def test_an_empty_blob_is_a_blob(store: Store) -> None:
    assert store.blobs.add_bytes(b"") in store.blobs


def test_what_is_not_a_digest_is_not_there(store: Store) -> None:
    assert "hello" not in store.blobs
    assert None not in store.blobs


def test_a_missing_blob_is_an_error_that_says_what_to_run(store: Store) -> None:
    assert HELLO not in store.blobs
    assert store.blobs.size_bytes(HELLO) is None
    assert store.blobs.path(HELLO).name == HELLO.hex
    with pytest.raises(WorldError, match="no blob") as caught:
        store.blobs.open(HELLO)
    assert "again" in caught.value.mend


def test_a_blob_that_is_no_file_is_an_error(store: Store) -> None:
    store.blobs.path(HELLO).mkdir(parents=True)
    with pytest.raises(WorldError, match="no blob"):
        store.blobs.open(HELLO)


@given(
    sizes=st.lists(
        st.sampled_from([0, 1, 511, 512, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES])
    )
)
def test_any_sequence_of_writes_gives_the_bytes_and_their_digest(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    store = Store.open(tmp_path_factory.getbasetemp() / "sequence-of-writes")
    expected = bytearray()
    with store.blobs.writer() as writer:
        for number, size in enumerate(sizes):
            data = bytes([number % 256]) * size
            expected += data
            kinds = (data, bytearray(data), memoryview(data))
            assert writer.write(kinds[number % 3]) == size
        assert writer.size_bytes == len(expected)
        digest = writer.commit(Digest.of_bytes(bytes(expected)))
    assert store.blobs.path(digest).read_bytes() == expected
    assert not leftovers(store)


def test_a_buffer_may_be_reused_right_after_a_write(store: Store) -> None:
    buffer = bytearray(3 * BLOCK_BYTES)
    expected = b""
    with store.blobs.writer() as writer:
        for number in range(8):
            buffer[:] = bytes([number]) * len(buffer)
            expected += bytes(buffer)
            writer.write(memoryview(buffer))
        assert writer.commit() == Digest.of_bytes(expected)


def test_a_view_of_wider_items_is_its_bytes(store: Store) -> None:
    with store.blobs.writer() as writer:
        assert writer.write(memoryview(b"abcdefgh").cast("I")) == 8
        assert writer.commit() == Digest.of_bytes(b"abcdefgh")


def test_committing_twice_is_committing_once(store: Store) -> None:
    with store.blobs.writer() as writer:
        writer.write(b"hello")
        assert writer.commit() == writer.commit() == HELLO


def test_what_is_not_committed_is_gone(store: Store) -> None:
    with store.blobs.writer() as writer:
        writer.write(bytes(3 * BLOCK_BYTES))
        writer.write(b"more")
    assert not leftovers(store)
    assert not list(store.blobs.items())


def test_other_bytes_than_expected_are_not_kept(store: Store) -> None:
    with store.blobs.writer() as writer:
        writer.write(b"other")
        with pytest.raises(WorldError, match="other bytes than expected"):
            writer.commit(HELLO)
    assert HELLO not in store.blobs
    assert not leftovers(store)


def test_a_file_of_the_store_is_moved_in(store: Store) -> None:
    with store.scratch("layer") as scratch:
        file = scratch / "blob"
        file.write_bytes(b"hello")
        store.blobs.add_file(file, HELLO)
        assert not file.exists()
    assert HELLO in store.blobs


def test_a_file_from_outside_is_copied_and_stays(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "outside"
    file.write_bytes(b"hello")
    store.blobs.add_file(file, HELLO)
    store.blobs.add_file(file, HELLO)
    file.write_bytes(b"HELLO")
    with store.blobs.open(HELLO) as stream:
        assert stream.read() == b"hello"


def test_a_file_from_outside_that_has_changed_is_not_kept(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "outside"
    file.write_bytes(b"other")
    with pytest.raises(WorldError, match="other bytes"):
        store.blobs.add_file(file, HELLO)
    assert HELLO not in store.blobs


def test_a_blob_cut_off_by_a_power_loss_is_absent_and_can_be_made_again(store: Store) -> None:
    data = b"hello" * 1000
    digest = store.blobs.add_bytes(data)
    path = store.blobs.path(digest)
    path.chmod(0o600)
    os.truncate(path, 0)
    assert digest not in store.blobs
    try:
        os.getxattr(path, "user.wherry.size")
    except (OSError, AttributeError):
        pass  # only empty files are noticed there
    else:
        os.truncate(path, 4096)
        assert digest not in store.blobs
    assert store.blobs.add_bytes(data) == digest
    assert digest in store.blobs


def test_without_extended_attributes_an_empty_file_is_noticed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "setxattr", raising=False)
    monkeypatch.delattr(os, "getxattr", raising=False)
    digest = store.blobs.add_bytes(b"hello")
    assert digest in store.blobs
    path = store.blobs.path(digest)
    path.chmod(0o600)
    os.truncate(path, 0)
    assert digest not in store.blobs


def test_a_blob_used_after_a_day_is_young_again(store: Store) -> None:
    digest = store.blobs.add_bytes(b"hello")
    path = store.blobs.path(digest)
    os.utime(path, (0, 0))
    with store.blobs.open(digest, touch=False):
        assert path.stat().st_mtime == 0
    assert digest in store.blobs
    assert path.stat().st_mtime > 0


def test_a_blob_from_the_future_stays_as_it_is(store: Store) -> None:
    digest = store.blobs.add_bytes(b"hello")
    future = time.time() + 100 * DAY_S
    os.utime(store.blobs.path(digest), (future, future))
    assert digest in store.blobs
    assert store.blobs.path(digest).stat().st_mtime == pytest.approx(future)


def test_a_borrowed_file_stands_in_until_it_changes(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "a.whl"
    file.write_bytes(b"hello")
    time.sleep(1.1)
    assert store.blobs.borrow(file, HELLO, file.stat())
    assert HELLO in store.blobs
    assert store.blobs.path(HELLO) == file
    assert store.blobs.size_bytes(HELLO) == 5
    with store.blobs.open(HELLO) as stream:
        assert stream.read() == b"hello"
    before = file.stat()
    file.write_bytes(b"HELLO")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert HELLO not in store.blobs


def test_a_file_too_new_to_be_settled_is_not_borrowed(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "a.whl"
    file.write_bytes(b"hello")
    assert not store.blobs.borrow(file, HELLO, file.stat())
    assert HELLO not in store.blobs


def test_a_file_whose_name_is_not_text_is_not_borrowed(store: Store, tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"\xff.whl")
    file.write_bytes(b"hello")
    time.sleep(1.1)
    assert not store.blobs.borrow(file, HELLO, file.stat())


def test_a_removed_blob_is_gone_and_its_bytes_counted(store: Store) -> None:
    digest = store.blobs.add_bytes(b"hello")
    assert store.blobs.remove(digest) == 5
    assert store.blobs.remove(digest) == 0
    assert digest not in store.blobs


def test_files_that_are_no_blobs_are_not_listed(store: Store) -> None:
    store.blobs.add_bytes(b"hello")
    (store.root / "blobs" / "sha256" / "README").write_text("x")
    assert [digest for digest, _ in store.blobs.items()] == [HELLO]


def test_blobs_travel_to_another_process_as_their_root(store: Store) -> None:
    store.blobs.add_bytes(b"hello")
    assert HELLO in pickle.loads(pickle.dumps(store.blobs))  # noqa: S301 - our own bytes
