from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import pickle
import stat
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.store import disk, locks, temporary
from wherry.store.store import Store, default_root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from multiprocessing.synchronize import Event

SPAWN = multiprocessing.get_context("spawn")


def test_the_place_is_wherry_cache_dir_then_xdg_then_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WHERRY_CACHE_DIR", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert Store.open().root == tmp_path / "own"
    monkeypatch.setenv("WHERRY_CACHE_DIR", "")
    assert default_root() == tmp_path / "xdg" / "wherry"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    assert default_root() == tmp_path / "home" / ".cache" / "wherry"


def test_without_a_home_the_error_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.delenv("WHERRY_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(WorldError) as caught:
        default_root()
    assert "WHERRY_CACHE_DIR" in caught.value.mend


def test_a_relative_place_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Store.open(Path("here")).root == tmp_path / "here"


def test_a_new_store_is_private_and_marked_as_a_cache(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "new")
    assert stat.S_IMODE(store.root.stat().st_mode) == 0o700
    assert (
        (store.root / "CACHEDIR.TAG").read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55")
    )


def test_a_place_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="not a directory"):
        Store.open(tmp_path / "file")


def test_a_place_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(WorldError, match="cannot make the store") as caught:
        Store.open(tmp_path / "file" / "store")
    assert "WHERRY_CACHE_DIR" in caught.value.mend


def test_a_store_of_another_version_is_left_alone(store: Store) -> None:
    (store.root / "format").write_text("2\n")
    with pytest.raises(WorldError, match="another version"):
        Store.open(store.root)


def test_a_store_whose_format_a_power_loss_ate_is_mended(store: Store) -> None:
    (store.root / "format").write_bytes(b"")
    assert Store.open(store.root).blobs.add_bytes(b"x")
    assert (store.root / "format").read_text() == "1\n"


def test_a_store_travels_to_another_process_as_its_root(store: Store) -> None:
    assert pickle.loads(pickle.dumps(store)).root == store.root  # noqa: S301 - our own bytes
    assert repr(store) == f"Store({str(store.root)!r})"


def test_directories_removed_under_a_store_are_made_again(store: Store) -> None:
    temporary._remove(store.root / "tmp")
    assert store.blobs.add_bytes(b"x") in store.blobs
    with store.lock("x"), store.using():
        pass


# Locks


def holding(way: str, root: Path, ready: Event, done: Event) -> None:
    store = Store(root)
    taken: dict[str, AbstractContextManager[None]] = {
        "lock": store.lock("x"),
        "using": store.using(),
        "alone": store.alone(),
    }
    with taken[way]:
        ready.set()
        done.wait(30)


@pytest.fixture
def held_elsewhere(store: Store, request: pytest.FixtureRequest) -> Iterator[Event]:
    ready, done = SPAWN.Event(), SPAWN.Event()
    process = SPAWN.Process(target=holding, args=(request.param, store.root, ready, done))
    process.start()
    assert ready.wait(30)
    yield done
    done.set()
    process.join(30)


@pytest.mark.parametrize("held_elsewhere", ["lock"], indirect=True)
def test_a_lock_waits_for_the_process_that_holds_it(store: Store, held_elsewhere: Event) -> None:
    taken = threading.Event()

    def take() -> None:
        with store.lock("x"):
            taken.set()

    thread = threading.Thread(target=take)
    thread.start()
    assert not taken.wait(0.2)
    held_elsewhere.set()
    assert taken.wait(30)
    thread.join()


def test_a_lock_excludes_other_threads(store: Store) -> None:
    inside: list[int] = []
    most = []

    def work() -> None:
        for _ in range(20):
            with store.lock("x"):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1


@pytest.mark.parametrize("held_elsewhere", ["using"], indirect=True)
def test_two_builds_use_the_store_together_but_nobody_prunes_it(store: Store, held_elsewhere: Event) -> None:
    with store.using():
        pass
    with pytest.raises(WorldError, match="a build is using the store"), store.alone():
        pass
    held_elsewhere.set()


def test_a_lock_file_that_was_forgotten_meanwhile_is_made_anew(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "lock"
    order: list[str] = []

    def second() -> None:
        with locks.held(path):
            order.append("second")

    with locks.held(path):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.1)
        path.unlink()
        with locks.held(path):
            order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert store.root.is_dir()


def test_only_a_lock_that_nobody_holds_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    locks.forget(path)
    with locks.held(path):
        locks.forget(path)
        assert path.exists()
    locks.forget(path)
    assert not path.exists()


def test_a_file_system_without_locks_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(WorldError, match="no file locks") as caught, store.lock("x"):
        pass
    assert "WHERRY_CACHE_DIR" in caught.value.mend


def test_another_failure_to_lock_is_not_hidden(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int, _how: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="Input/output"), store.lock("x"):
        pass


# Scratch


def test_a_scratch_directory_is_private_and_goes_away(store: Store) -> None:
    with store.scratch("build a wheel") as scratch:
        assert scratch.parent == store.root / "tmp"
        assert stat.S_IMODE(scratch.stat().st_mode) == 0o700
        (scratch / "sub").mkdir()
        (scratch / "sub" / "file").write_text("x")
        (scratch / "sub").chmod(0o500)
    assert not scratch.exists()


def test_what_the_living_hold_is_not_swept(store: Store) -> None:
    with store.scratch("x") as scratch, store.blobs.writer() as writer:
        writer.write(b"x")
        assert temporary.sweep(store.root) == 0
        Store.open(store.root)
        assert scratch.is_dir()
        assert writer.commit() in store.blobs


def test_what_the_dead_left_is_swept_when_the_store_is_opened(store: Store) -> None:
    left = store.root / "tmp" / "file-dead"
    left.write_bytes(b"x")
    directory = store.root / "tmp" / "scratch-dead"
    (directory / "deep").mkdir(parents=True)
    (directory / "deep" / "file").write_text("x")
    (store.root / "tmp" / "link").symlink_to("/etc/passwd")
    os.mkfifo(store.root / "tmp" / "pipe")
    Store.open(store.root)
    assert not left.exists()
    assert not directory.exists()
    assert Path("/etc/passwd").exists()


def test_what_an_interrupt_left_in_the_moment_it_was_made_goes_with_the_process(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = os.open

    def interrupted(path: Path, flags: int, mode: int = 0o777) -> int:
        os.close(make(path, flags, mode))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("wherry.store.temporary.os.open", interrupted)
        for begin in (
            lambda: store.blobs.add_bytes(b"x"),
            lambda: store.scratch("work").__enter__(),  # the moment is within
        ):
            with pytest.raises(KeyboardInterrupt):
                begin()
    worker = store.root / "tmp" / "file-of-a-worker-that-was-killed"
    worker.touch()
    assert len(list((store.root / "tmp").iterdir())) >= 2
    temporary.remove_leftovers()
    assert not list((store.root / "tmp").iterdir())


def test_a_sweeper_between_making_and_locking_does_no_harm(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = locks.try_flock
    swept: list[Path] = []

    def swept_first(descriptor: int, path: Path, *, shared: bool = False) -> bool:
        if len(swept) < 2:
            swept.append(path)
            temporary._remove(path)
        return real(descriptor, path, shared=shared)

    monkeypatch.setattr("wherry.store.temporary.try_flock", swept_first)
    with store.scratch("x") as scratch:
        assert scratch.is_dir()
    swept.clear()
    assert store.blobs.add_bytes(b"x") in store.blobs
    assert len(swept) == 2


# Refusing disks


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EROFS, "the store may only be read"),
        (errno.EACCES, "the store may only be read"),
        (errno.EIO, "cannot write a blob: input/output error"),
    ],
)
def test_what_a_disk_refuses_is_said_with_place_and_mending(tmp_path: Path, number: int, words: str) -> None:
    with pytest.raises(WorldError, match=words) as caught, disk.explained(tmp_path, "write a blob"):
        raise OSError(number, os.strerror(number))
    assert caught.value.where == str(tmp_path)
    assert "WHERRY_CACHE_DIR" in caught.value.mend
    assert len(caught.value.lines()) == 3


def test_a_full_disk_whose_space_is_not_known_is_still_explained(tmp_path: Path) -> None:
    with (
        pytest.raises(WorldError, match="the disk is full: cannot x"),
        disk.explained(tmp_path / "gone", "x"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_space_is_required_before_the_first_byte(store: Store) -> None:
    store.require_space(1, "one byte")
    with pytest.raises(WorldError, match="no space for 61 files: 1000000") as caught:
        store.require_space(10**18, "61 files")
    assert "wherry cache prune" in caught.value.mend


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (15_500, "15.5 kB"),
        (123_456_789, "123 MB"),
        (1_500_000_000, "1.50 GB"),
        (12_345_678_901_234, "12.3 TB"),
        (1_234_500_000_000_000, "1234 TB"),
    ],
)
def test_sizes_have_three_digits_in_powers_of_ten(size_bytes: int, text: str) -> None:
    assert disk.readable_size(size_bytes) == text


def test_the_clock_may_say_1970(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    digest = store.blobs.add_bytes(b"x")
    assert digest in Store.open(store.root).blobs
    assert digest == Digest.of_bytes(b"x")
