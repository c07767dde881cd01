from __future__ import annotations

import hashlib
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.layers.estargz_reader import Read, read_estargz
from tests.layers.test_codec import Sink, deflated
from tests.layers.test_wheel_layer import FILES, LAYOUT, NOISE, SITE
from tests.layers.unpacking import files
from tests.layers.wheel_maker import WheelMaker
from wherry.digest import Digest
from wherry.errors import InputError
from wherry.layers.codec import PACK_BYTES, SPLICE_FROM_BYTES
from wherry.layers.estargz import EstargzWriter
from wherry.layers.tree_layer import TreeEntry, tree_layer
from wherry.layers.wheel import open_wheel
from wherry.layers.wheel_layer import wheel_layer
from wherry.layers.writer import BESIDE_FROM_BYTES
from wherry.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.layers.model import LayerBlob

ADDED = {".no.prefetch.landmark", "stargz.index.json"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


def checked(layer: LayerBlob, store: Store) -> Read:
    assert layer.media_type == "application/vnd.oci.image.layer.v1.tar+gzip"
    return read_estargz(store.blobs.path(Digest(layer.digest)).read_bytes(), layer.annotations)


def written(writer: EstargzWriter, sink: Sink) -> Read:
    writer.end()
    layer = writer.layer(Digest.of_bytes(bytes(sink.data)))
    assert layer.size_bytes == len(sink.data)
    read = read_estargz(bytes(sink.data), layer.annotations)
    assert layer.diff_id == f"sha256:{hashlib.sha256(read.tar).hexdigest()}"
    assert layer.unpacked_bytes == len(read.tar)
    return read


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(several=st.lists(FILES, min_size=1, max_size=3), data=st.data())
def test_every_layer_of_wheels_keeps_the_rules_and_holds_the_files_of_the_plain_one(
    tmp_path_factory: pytest.TempPathFactory, several: list[dict[str, bytes]], data: st.DataObject
) -> None:
    tmp_path = tmp_path_factory.mktemp("wheels")
    store = Store.open(tmp_path / "store")
    wheels = []
    for number, content in enumerate(several):
        named = {f"w{number}/{name}": value for name, value in content.items()}
        stored = data.draw(st.sets(st.sampled_from(sorted(named)))) if named else set[str]()
        hash_name = data.draw(st.sampled_from(["sha256", "sha512"]))
        maker = WheelMaker(named, name=f"w{number}", stored=stored, hash_name=hash_name)
        wheels.append(maker.write(tmp_path))
    plain = wheel_layer(wheels, LAYOUT, store)
    lazy = wheel_layer(wheels, LAYOUT, store, compression="estargz")
    checked(lazy, store)
    expected, found = files(plain, store), files(lazy, store)
    assert set(found) == set(expected) | ADDED
    assert {path: found[path] for path in expected} == expected


@given(
    sizes=st.lists(st.integers(0, 3 * PACK_BYTES + 1), min_size=1, max_size=3), cuts=st.integers(1, 1 << 21)
)
@settings(max_examples=25, deadline=None)
def test_a_large_file_is_cut_in_chunks_wherever_its_blocks_were_cut(sizes: list[int], cuts: int) -> None:
    sink = Sink()
    writer = EstargzWriter(sink)
    writer.landmark(prefetch=False)
    for number, size_bytes in enumerate(sizes):
        content = (NOISE * (size_bytes // len(NOISE) + 1))[:size_bytes]
        blocks = [content[i : i + cuts] for i in range(0, size_bytes, cuts)]
        writer.stream(f"f{number}", size_bytes, blocks)
    read = written(writer, sink)
    for number, size_bytes in enumerate(sizes):
        assert len(read.chunks(f"f{number}")) == max(1, -(-size_bytes // PACK_BYTES))


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("size_bytes", [0, 1, 70_000, BESIDE_FROM_BYTES + 3])
def test_a_spliced_file_is_one_chunk_whatever_its_size(size_bytes: int, beside: bool) -> None:  # noqa: FBT001 - pytest's
    content = (NOISE * (size_bytes // len(NOISE) + 1))[:size_bytes]
    raw = deflated(content)
    sink = Sink()
    writer = EstargzWriter(sink, beside=beside)
    writer.landmark(prefetch=False)
    writer.splice("big", size_bytes, zlib.crc32(content), [(raw, content)], mode=0o755)
    assert raw in sink.data
    (entry,) = written(writer, sink).chunks("big")
    assert entry["type"] == "reg"


def test_digests_that_the_caller_checked_are_taken_as_they_are() -> None:
    sink = Sink()
    writer = EstargzWriter(sink)
    writer.landmark(prefetch=False)
    small, large = b"small", bytes(3 * PACK_BYTES)
    writer.file("small", small, digest=Digest.of_bytes(small))
    writer.stream("large", len(large), [large], digest=Digest.of_bytes(large))
    writer.splice("spliced", 5, zlib.crc32(small), [(deflated(small), small)], digest=Digest.of_bytes(small))
    written(writer, sink)


def test_links_directories_and_empty_files_are_listed() -> None:
    sink = Sink()
    writer = EstargzWriter(sink, mtime=1)
    writer.landmark(prefetch=False)
    writer.directory("a", mode=0o1777, uid=3, gid=4)
    writer.file("a/one", b"x", mode=0o640, uid=1, gid=2)
    writer.hard_link("a/two", "a/one", mode=0o640, uid=1, gid=2)
    writer.symlink("a/three", "one")
    writer.file("é" * 80, b"", uid=1 << 30)
    read = written(writer, sink)
    assert read.file("a/two")["linkName"] == "a/one"
    assert read.file("a/three")["linkName"] == "one"
    assert read.file("a/")["modtime"] == "1970-01-01T00:00:01Z"


def test_the_layer_is_the_same_whether_its_segments_were_kept_or_made(tmp_path: Path) -> None:
    wheels = [
        WheelMaker({f"p{n}/a.py": b"x = 1\n" * n, f"p{n}/b.bin": NOISE[: 9999 * n]}, name=f"p{n}").write(
            tmp_path
        )
        for n in range(4)
    ]
    fresh, kept = Store.open(tmp_path / "fresh"), Store.open(tmp_path / "kept")
    wheel_layer(wheels[:3], LAYOUT, kept, compression="estargz")
    wheel_layer(wheels[1:], LAYOUT, kept, compression="estargz")
    layers = {wheel_layer(wheels, LAYOUT, store, compression="estargz").digest for store in (fresh, kept)}
    assert len(layers) == 1


def test_compressed_bytes_of_a_wheel_are_in_the_layer_as_they_are(tmp_path: Path, store: Store) -> None:
    made = WheelMaker({"big.so": NOISE, "small.py": b"x = 1\n"}).write(tmp_path)
    layer = wheel_layer([made], LAYOUT, store, compression="estargz")
    blob = store.blobs.path(Digest(layer.digest)).read_bytes()
    raw = deflated(NOISE)
    assert len(raw) > SPLICE_FROM_BYTES
    assert made.path.read_bytes().count(raw) == blob.count(raw) == 1


def test_a_record_that_lies_of_a_large_file_is_found_out_though_the_lock_vouches_for_the_wheel(
    tmp_path: Path, store: Store
) -> None:
    maker = WheelMaker({"big.so": bytes(3 << 20)})
    record = maker.members()["demo-1.0.dist-info/RECORD"].decode()
    true = record.split("big.so,sha256=")[1][:43]
    maker.record = record.replace(true, "A" * 43)
    made = replace(maker.write(tmp_path), locked=True)
    wheel_layer([made], LAYOUT, store)  # nothing in a plain layer says what the file hashes to
    with pytest.raises(InputError, match="RECORD"):
        wheel_layer([made], LAYOUT, store, compression="estargz")


def test_names_that_the_format_has_for_itself_are_refused(store: Store) -> None:
    for name in (".no.prefetch.landmark", "stargz.index.json"):
        entry = TreeEntry(name, "file", 0o644, b"mine")
        with pytest.raises(InputError, match="eStargz's own"):
            tree_layer([entry], store, compression="estargz")
        link = TreeEntry(name, "symlink", 0o777, None, link="elsewhere")
        with pytest.raises(InputError, match="eStargz's own"):
            tree_layer([link], store, compression="estargz")
        tree_layer([entry], store)


def test_a_damaged_table_of_a_segment_is_an_error() -> None:
    for table in (b"", b"no zlib", zlib.compress(b"\x93")):
        with pytest.raises(ValueError, match=r"."):
            EstargzWriter(Sink()).joined([], [], 0, table)


def test_an_empty_layer_keeps_the_rules(store: Store) -> None:
    read = checked(tree_layer([], store, compression="estargz"), store)
    assert [entry["name"] for entry in read.toc] == [".no.prefetch.landmark"]


def prefetching(names: list[str]) -> tuple[str, ...]:
    return tuple(f"{SITE}/{name}" for name in names)


def test_files_that_are_wanted_first_stand_above_the_landmark_in_their_order(
    tmp_path: Path, store: Store
) -> None:
    made = WheelMaker({"d/a.py": b"1", "d/b.py": NOISE, "d/c.py": b"3"}).write(tmp_path)
    wanted = prefetching(["d/c.py", "absent", "d/b.py"])
    layer = wheel_layer([made], LAYOUT, store, compression="estargz", prefetch=wanted)
    assert checked(layer, store).prefetched == list(prefetching(["d/c.py", "d/b.py"]))
    plain = wheel_layer([made], LAYOUT, store, compression="estargz")
    assert {path: found for path, found in files(layer, store).items() if path.startswith("opt")} == {
        path: found for path, found in files(plain, store).items() if path.startswith("opt")
    }


def test_of_wheels_that_share_a_layer_only_those_with_wanted_files_are_made_anew(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = [
        WheelMaker({f"p{n}.py": b"1", f"q{n}.py": b"2"}, name=f"p{n}").write(tmp_path) for n in range(3)
    ]
    wheel_layer(wheels, LAYOUT, store, compression="estargz")
    opened: list[str] = []

    def noting(path: Path, filename: str) -> Any:  # noqa: ANN401 - a context manager's
        opened.append(filename)
        return open_wheel(path, filename)

    monkeypatch.setattr("wherry.layers.wheel_layer.open_wheel", noting)
    wanted = prefetching(["q1.py", "p1.py"])
    layer = wheel_layer(wheels, LAYOUT, store, compression="estargz", prefetch=wanted)
    assert checked(layer, store).prefetched == list(wanted)
    assert set(opened) == {wheels[1].filename}


def test_a_layer_without_wanted_files_says_that_none_is_prefetched(tmp_path: Path, store: Store) -> None:
    wheels = [WheelMaker({f"p{n}.py": b"1"}, name=f"p{n}").write(tmp_path) for n in range(2)]
    for chosen in (wheels, wheels[:1]):
        layer = wheel_layer(chosen, LAYOUT, store, compression="estargz", prefetch=("usr/bin/python3.11",))
        assert checked(layer, store).prefetched == []


def test_directories_of_a_wanted_file_of_a_tree_stand_before_it(store: Store) -> None:
    entries = [
        TreeEntry("app", "directory", 0o755, None),
        TreeEntry("app/a.txt", "file", 0o644, b"a"),
        TreeEntry("app/z", "directory", 0o755, None),
        TreeEntry("app/z/y.txt", "file", 0o644, b"y"),
    ]
    read = checked(tree_layer(entries, store, compression="estargz", prefetch=("app/z/y.txt",)), store)
    assert [entry["name"] for entry in read.toc] == [
        "app/",
        "app/z/",
        "app/z/y.txt",
        ".prefetch.landmark",
        "app/a.txt",
    ]
