"""The world at its worst: full and read-only disks, kill -9 at any instant, several processes at once."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wherry.digest import Digest
from wherry.errors import WorldError
from wherry.progress import SilentProgress
from wherry.store.prune import prune, usage, verify
from wherry.store.store import Store
from wherry.store.tags import Tag

if TYPE_CHECKING:
    from collections.abc import Callable

HELLO = Digest.of_bytes(b"hello")
TAG = Tag(HELLO, 5, "text/plain", 0)
SPAWN = multiprocessing.get_context("spawn")


def write_blob(store: Store, blocks: int) -> None:
    with store.blobs.writer() as writer:
        for _ in range(blocks):
            writer.write(os.urandom(1 << 18))
        writer.commit()


def fill(file: Path) -> None:
    with file.open("ab", buffering=0) as stream:
        while True:
            stream.write(bytes(1 << 12))


def test_a_full_disk_is_an_error_with_its_space_and_nothing_half_written(small_disk: Path) -> None:
    store = Store.open(small_disk / "store")
    with pytest.raises(WorldError, match=r"the disk is full \(.* free\)") as caught:
        write_blob(store, 64)
    assert "wherry cache prune" in caught.value.mend
    assert not list(store.blobs.items())
    assert not list((store.root / "tmp").iterdir())
    assert store.blobs.add_bytes(b"hello") == HELLO


def test_a_disk_that_fills_at_the_last_byte_keeps_nothing_half(small_disk: Path) -> None:
    store = Store.open(small_disk / "store")
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space"):
        fill(filler)
    with pytest.raises(WorldError, match="the disk is full"):
        store.blobs.add_bytes(bytes(1 << 16))
    with pytest.raises(WorldError, match="the disk is full"):
        store.tags.put("app", Tag(HELLO, 5, "x" * (1 << 16), 0))
    with pytest.raises(WorldError, match="the disk is full"):
        store.index.put("wheels", "key", Tag(HELLO, 5, "x" * (1 << 16), 0))
    assert store.tags.get("app") is None
    assert not list((store.root / "tmp").iterdir())
    filler.unlink()
    store.tags.put("app", TAG)
    assert store.tags.get("app") == TAG


def test_space_is_counted_on_the_disk_of_the_store(small_disk: Path) -> None:
    with pytest.raises(WorldError, match="no space for a wheel"):
        Store.open(small_disk / "store").require_space(5 << 20, "a wheel")


def test_a_read_only_store_can_be_read(read_only_disk: Path) -> None:
    store = Store.open(read_only_disk)
    assert HELLO in store.blobs
    with store.using(), store.blobs.open(HELLO) as stream:
        assert stream.read() == b"hello"
    assert store.tags.items() == [("app", TAG)]
    assert usage(store).tags == 1
    assert verify(store, SilentProgress()) == []
    assert prune(store, everything=True, dry_run=True).tags == 1


writes: list[Callable[[Store], object]] = [
    lambda store: store.blobs.add_bytes(b"new"),
    lambda store: store.blobs.remove(HELLO),
    lambda store: store.tags.put("new", TAG),
    lambda store: store.tags.remove("app"),
    lambda store: store.index.put("wheels", "key", TAG),
    lambda store: store.scratch("x").__enter__(),
    lambda store: store.lock("x").__enter__(),
    prune,
]


@pytest.mark.parametrize("write", writes)
def test_a_read_only_store_refuses_to_be_written_in_three_lines(
    read_only_disk: Path, write: Callable[[Store], object]
) -> None:
    with pytest.raises(WorldError, match="may only be read") as caught:
        write(Store.open(read_only_disk))
    assert len(caught.value.lines()) == 3
    assert "WHERRY_CACHE_DIR" in caught.value.mend


def test_a_directory_that_is_no_store_yet_and_read_only_opens_empty(read_only_disk: Path) -> None:
    assert HELLO not in Store.open(read_only_disk.parent).blobs


def test_a_store_that_cannot_be_made_says_where_and_what_to_set(read_only_disk: Path) -> None:
    with pytest.raises(WorldError, match="cannot make the store") as caught:
        Store.open(read_only_disk / "new")
    assert caught.value.where == str(read_only_disk / "new")
    assert "WHERRY_CACHE_DIR" in caught.value.mend


def limited(root: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    with pytest.raises(WorldError, match="cannot write a blob: file too large"):
        Store(root).blobs.add_bytes(bytes(2 << 20))


def test_a_limit_on_file_sizes_is_explained(store: Store) -> None:
    process = SPAWN.Process(target=limited, args=(store.root,))
    process.start()
    process.join(60)
    assert process.exitcode == 0


KILLED = """
    import os, sys
    from pathlib import Path
    from wherry.store.store import Store
    from wherry.store.tags import Tag
    store = Store.open(Path(sys.argv[1]))
    number = 0
    with store.scratch("build") as scratch:
        (scratch / "half").write_bytes(b"half")
        while True:
            number += 1
            with store.blobs.writer() as writer:
                for _ in range(1 + number % 4):
                    writer.write(os.urandom(700_000))
                digest = writer.commit()
            store.index.put("layers", str(number % 3), Tag(digest, 1, "x" * 5000, 0))
            store.tags.put("app", Tag(digest, 1, "x" * 5000, 0))
            print(digest, flush=True)
"""


@pytest.mark.parametrize("blobs_before", [0, 1, 2, 5, 9])
def test_kill_9_at_any_instant_leaves_a_whole_store(tmp_path: Path, blobs_before: int) -> None:
    root = tmp_path / "store"
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(root)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
    )
    assert process.stdout is not None
    while not (root / "tmp").is_dir():
        assert process.poll() is None
    committed = [Digest(process.stdout.readline().strip()) for _ in range(blobs_before)]
    process.kill()
    process.wait()
    process.stdout.close()
    store = Store.open(root)
    assert not list((root / "tmp").iterdir())
    assert all(digest in store.blobs for digest in committed)
    assert verify(store, SilentProgress()) == []
    if committed:
        tag = store.tags.get("app")
        assert tag is not None
        assert Digest(tag.digest) in store.blobs


def writing(root: Path, seed: int) -> None:
    store = Store.open(root)
    for number in range(30):
        with store.using(), store.blobs.writer() as writer:
            writer.write(f"blob {number}".encode() * 20_000)
            digest = writer.commit()
        store.tags.put("app", Tag(digest, seed, "x", 0))
        store.index.put("layers", str(number), Tag(digest, 1, "x", 0))
        with store.scratch(f"scratch {seed}") as scratch:
            (scratch / "file").write_text("x")


def test_several_processes_write_the_same_store_at_once(tmp_path: Path) -> None:
    root = tmp_path / "store"
    processes = [SPAWN.Process(target=writing, args=(root, seed)) for seed in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    store = Store.open(root)
    assert len(list(store.blobs.items())) == 30
    assert verify(store, SilentProgress()) == []
    assert not list((root / "tmp").iterdir())
    tag = store.tags.get("app")
    assert tag is not None
    assert Digest(tag.digest) in store.blobs
