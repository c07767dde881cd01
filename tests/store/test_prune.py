from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from wherry.digest import Digest
from wherry.errors import WorldError
from wherry.progress import SilentProgress
from wherry.store.locks import try_flock
from wherry.store.prune import Amount, prune, usage, verify
from wherry.store.tags import Tag

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.store.store import Store

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DAY_S = 86_400.0


class Layer(msgspec.Struct):
    digest: str


class Facts(msgspec.Struct):
    name: str


def reference(digest: Digest) -> dict[str, object]:
    return {"mediaType": "x", "digest": str(digest), "size": 1}


def image(store: Store, name: str) -> dict[str, Digest]:
    """An index with one manifest, its config and its layer, under a tag."""
    parts = {part: store.blobs.add_bytes(f"{part} of {name}".encode()) for part in ("config", "layer")}
    manifest = {"config": reference(parts["config"]), "layers": [reference(parts["layer"])]}
    parts["manifest"] = store.blobs.add_bytes(msgspec.json.encode(manifest))
    parts["index"] = store.blobs.add_bytes(msgspec.json.encode({"manifests": [reference(parts["manifest"])]}))
    store.tags.put(name, Tag(parts["index"], 1, MANIFEST, 0))
    return parts


def age(store: Store, digest: Digest, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(store.blobs.path(digest), (then, then))


def borrow(store: Store, path: Path, data: bytes) -> Digest:
    path.write_bytes(data)
    time.sleep(1.1)
    assert store.blobs.borrow(path, Digest.of_bytes(data), path.stat())
    return Digest.of_bytes(data)


def partial(store: Store) -> Path:
    file = store.root / "partial" / f"{'0' * 64}.part"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"begun")
    return file


def test_what_tags_need_stays_and_the_rest_goes(store: Store) -> None:
    kept = image(store, "app")
    wheel = store.blobs.add_bytes(b"wheel")
    pruned = prune(store)
    assert pruned.blobs == Amount(1, 5)
    assert wheel not in store.blobs
    assert all(digest in store.blobs for digest in kept.values())


def test_what_two_tags_share_stays_until_both_are_gone(store: Store) -> None:
    parts = image(store, "app")
    tag = store.tags.get("app")
    assert tag is not None
    store.tags.put("app:v2", tag)
    store.tags.remove("app")
    assert prune(store).blobs.count == 0
    store.tags.remove("app:v2")
    assert prune(store).blobs.count == len(parts)


def test_everything_is_everything(store: Store, tmp_path: Path) -> None:
    image(store, "app")
    store.index.put("wheels", "key", Facts("numpy"))
    borrow(store, tmp_path / "a.whl", b"wheel")
    partial(store)
    pruned = prune(store, everything=True)
    assert (pruned.tags, pruned.results) == (1, 1)
    assert usage(store).size_bytes == 0
    assert usage(store).borrowed.count == 0
    assert (tmp_path / "a.whl").exists()


def test_a_dry_run_counts_the_same_and_removes_nothing(store: Store) -> None:
    image(store, "app")
    layer = store.blobs.add_bytes(b"loose layer")
    store.index.put("layers", "key", Layer(layer))
    partial(store)
    before = usage(store)
    told = prune(store, dry_run=True)
    assert usage(store) == before
    assert prune(store) == told
    assert told.results == 1


def test_a_dry_run_is_possible_while_a_build_runs_but_pruning_is_not(store: Store) -> None:
    store.blobs.add_bytes(b"wheel")
    with store.using():
        assert prune(store, dry_run=True).blobs.count == 1
        with pytest.raises(WorldError, match="a build is using the store"):
            prune(store)
    assert prune(store).blobs.count == 1


def test_only_what_was_not_used_for_long_goes(store: Store) -> None:
    old, new = store.blobs.add_bytes(b"old"), store.blobs.add_bytes(b"new")
    age(store, old, 10 * DAY_S)
    assert prune(store, older_than_s=5 * DAY_S).blobs == Amount(1, 3)
    assert new in store.blobs
    assert old not in store.blobs


def test_the_least_lately_used_goes_first_until_enough_is_gone(store: Store, tmp_path: Path) -> None:
    digests = [store.blobs.add_bytes(bytes([number]) * 100) for number in range(5)]
    for number, digest in enumerate(digests):
        age(store, digest, (5 - number) * DAY_S)
    lent = borrow(store, tmp_path / "a.whl", b"takes no room")
    assert prune(store, keep_bytes=250).blobs == Amount(3, 300)
    assert {digest for digest, _ in store.blobs.items()} == set(digests[3:])
    assert lent in store.blobs
    assert prune(store, keep_bytes=250).blobs.count == 0


def test_nothing_is_old_under_a_clock_in_1970(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.blobs.add_bytes(b"wheel")
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert prune(store, older_than_s=DAY_S).blobs.count == 0


def test_a_result_goes_with_the_blob_it_stands_for(store: Store) -> None:
    layer = store.blobs.add_bytes(b"layer")
    store.index.put("layers", "key", Layer(layer))
    store.index.put("wheels", "key", Facts("numpy"))
    assert prune(store).results == 1
    assert store.index.get("layers", "key", Layer) is None
    assert store.index.get("wheels", "key", Facts) is not None


def test_an_old_result_goes_when_age_is_asked_for(store: Store) -> None:
    store.index.put("wheels", "key", Facts("numpy"))
    [(_, file)] = store.index.files()
    os.utime(file, (0, 0))
    assert prune(store).results == 0
    assert prune(store, older_than_s=DAY_S).results == 1


def test_results_that_cannot_be_read_do_not_stop_pruning(store: Store) -> None:
    store.index.put("wheels", "key", Facts("numpy"))
    store.index.put("layers", "key", Layer("sha256:nonsense"))
    store.index.put("layers", "other", Layer("x"))
    for _, file in list(store.index.files())[:1]:
        file.write_bytes(b"{")
    assert prune(store).results == 0
    assert prune(store, everything=True).results == 3


def test_a_download_that_goes_on_is_not_pruned(store: Store) -> None:
    file = partial(store)
    descriptor = os.open(file, os.O_RDWR)
    try:
        assert try_flock(descriptor, file)
        prune(store, everything=True)
        assert file.exists()
    finally:
        os.close(descriptor)
    prune(store, everything=True)
    assert not file.exists()


def test_lock_files_do_not_pile_up(store: Store) -> None:
    for number in range(10):
        with store.lock(f"layer {number}"):
            pass
    with store.lock("held"):
        prune(store)
        assert len(list((store.root / "locks").iterdir())) == 2


@pytest.mark.parametrize(
    "manifest",
    [b"", b"[]", b'{"layers":[{"digest":"../../x"}]}', b'{"layers":7}', b'{"layers":[{}]}', b" " * (5 << 20)],
)
def test_a_tag_whose_manifest_is_hostile_keeps_only_itself(store: Store, manifest: bytes) -> None:
    digest = store.blobs.add_bytes(manifest)
    store.tags.put("odd", Tag(digest, 1, MANIFEST, 0))
    store.blobs.add_bytes(b"wheel")
    assert prune(store).blobs.count == 1
    assert digest in store.blobs


def test_a_tag_whose_manifest_is_gone_does_not_stop_pruning(store: Store) -> None:
    parts = image(store, "app")
    store.blobs.remove(parts["manifest"])
    assert prune(store).blobs.count == 2


def test_usage_counts_each_blob_once_by_what_it_is_for(store: Store, tmp_path: Path) -> None:
    parts = image(store, "app")
    store.index.put("layers", "used", Layer(parts["layer"]))
    store.index.put("layers", "loose", Layer(store.blobs.add_bytes(b"loose layer")))
    store.blobs.add_bytes(b"wheel")
    borrow(store, tmp_path / "a.whl", b"lent wheel")
    partial(store)
    found = usage(store)
    assert found.images.count == 4
    assert found.layers == Amount(1, len(b"loose layer"))
    assert found.files == Amount(1, len(b"wheel"))
    assert found.borrowed == Amount(1, len(b"lent wheel"))
    assert found.partial == Amount(1, len(b"begun"))
    assert found.results.count == 2
    assert found.tags == 1
    own = found.images.size_bytes + found.layers.size_bytes + found.files.size_bytes
    assert found.size_bytes == own + found.partial.size_bytes + found.results.size_bytes


def test_an_empty_store_takes_nothing(store: Store) -> None:
    assert usage(store).size_bytes == 0
    assert verify(store, SilentProgress()) == []
    assert prune(store).blobs.count == 0


def test_verifying_finds_and_removes_what_is_corrupt(store: Store, tmp_path: Path) -> None:
    good, changed, cut = (store.blobs.add_bytes(data * 100) for data in (b"good", b"changed", b"cut"))
    lent = borrow(store, tmp_path / "a.whl", b"lent")
    gone = borrow(store, tmp_path / "b.whl", b"gone")
    (tmp_path / "b.whl").unlink()
    for digest in (changed, cut):
        store.blobs.path(digest).chmod(0o600)
    store.blobs.path(changed).write_bytes(b"CHANGED" * 100)
    os.truncate(store.blobs.path(cut), 0)
    assert set(verify(store, SilentProgress())) == {changed, cut}
    assert verify(store, SilentProgress()) == []
    assert good in store.blobs
    assert lent in store.blobs
    assert gone not in store.blobs


def test_looking_after_the_store_is_no_use_of_its_blobs(store: Store) -> None:
    layer = store.blobs.add_bytes(b"layer")
    store.index.put("layers", "key", Layer(layer))
    path = store.blobs.path(layer)
    os.utime(path, (1, 1))
    verify(store, SilentProgress())
    usage(store)
    prune(store, dry_run=True)
    assert path.stat().st_mtime == 1
