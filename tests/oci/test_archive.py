from __future__ import annotations

import io
import json
import os
import tarfile
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.handmade import Entry, compress, directory, put_image, put_index, source_of, symlink, tar_of
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.oci import archive_source
from wherry.oci.archive import image_for_docker, write_docker_archive, write_oci_archive
from wherry.oci.archive_source import DockerArchiveSource, OciArchiveSource
from wherry.oci.image import blobs_under, choose_root, copy_into, read_image
from wherry.oci.model import ImageConfig, RootFS, encode
from wherry.oci.platform import Platform
from wherry.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.oci.media_types import LayerCoding
    from wherry.oci.model import Descriptor

LAYERS = [[Entry("etc/x", b"data" * 500)], [Entry("etc/y")]]


@pytest.fixture
def image(store: Store) -> Descriptor:
    return put_image(store, LAYERS)


def _oci(store: Store, root: Descriptor, path: Path, **names: str) -> Path:
    with path.open("wb") as sink:
        size = write_oci_archive(
            sink,
            source_of(store, root),
            root,
            ref_name=names.get("ref_name", ""),
            repo_tags=[names["tag"]] if "tag" in names else [],
        )
        assert size == sink.tell()
    return path


def _docker(store: Store, root: Descriptor, path: Path, *tags: str) -> Path:
    source = source_of(store, root)
    with path.open("wb") as sink:
        size = write_docker_archive(sink, source, image_for_docker(source, root), repo_tags=tags)
        assert size == sink.tell()
    return path


def test_an_oci_archive_gives_back_the_image(store: Store, image: Descriptor, tmp_path: Path) -> None:
    source = OciArchiveSource(_oci(store, image, tmp_path / "a.tar", ref_name="v1", tag="app:v1"))
    root = choose_root(source, "v1")
    assert root.digest == image.digest
    assert source.path(root.digest) is None
    other = Store.open(tmp_path / "other")
    copy_into(source, other, blobs_under(source, root))
    assert read_image(source_of(other, root), root, None).image_id in other.blobs


@pytest.mark.parametrize("coding", ["gzip", "zstd", "tar"])
def test_a_docker_archive_gives_back_the_layers(store: Store, tmp_path: Path, coding: LayerCoding) -> None:
    image = put_image(store, LAYERS, coding=coding)
    ours = read_image(source_of(store, image), image, None)
    source = DockerArchiveSource(_docker(store, image, tmp_path / "a.tar", "app:v1", "app:v2"))
    theirs = read_image(source, choose_root(source, "app:v2"), None)
    assert theirs.image_id == ours.image_id
    assert source.path(theirs.image_id) is None
    if coding != "zstd":  # which docker could not read
        assert [blob.digest for blob in theirs.manifest.layers] == [b.digest for b in ours.manifest.layers]
    other = Store.open(tmp_path / "other")
    copy_into(source, other, blobs_under(source, theirs.descriptor))
    with pytest.raises(InputError, match="no blob"):
        source.open(Digest.of_bytes(b"nowhere"))


def test_an_image_without_a_name_is_archived_without_one(
    store: Store, image: Descriptor, tmp_path: Path
) -> None:
    source = DockerArchiveSource(_docker(store, image, tmp_path / "a.tar"))
    assert [root.ref_name for root in source.roots()] == [""]
    with tarfile.open(tmp_path / "a.tar") as archive:
        member = archive.extractfile("manifest.json")
        assert member is not None
        assert json.load(member)[0]["RepoTags"] is None


def test_one_image_has_one_archive_byte_for_byte(store: Store, image: Descriptor, tmp_path: Path) -> None:
    for write in (_oci, _docker):
        assert (
            write(store, image, tmp_path / "a").read_bytes()
            == write(store, image, tmp_path / "b").read_bytes()
        )


def test_a_layer_that_occurs_twice_is_archived_once(store: Store, tmp_path: Path) -> None:
    image = put_image(store, [LAYERS[0], LAYERS[0]])
    for path in (_docker(store, image, tmp_path / "d"), _oci(store, image, tmp_path / "o")):
        with tarfile.open(path) as archive:
            names = archive.getnames()
        assert len(names) == len(set(names))
    source = DockerArchiveSource(tmp_path / "d")
    assert len(read_image(source, source.roots()[0], None).manifest.layers) == 2


def test_an_archive_goes_down_a_pipe(store: Store, image: Descriptor, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    received: list[bytes] = []
    with os.fdopen(reader, "rb") as source, os.fdopen(writer, "wb") as sink:
        thread = threading.Thread(target=lambda: received.append(source.read()))
        thread.start()
        write_oci_archive(sink, source_of(store, image), image)
        sink.close()
        thread.join()
    assert received[0] == _oci(store, image, tmp_path / "a").read_bytes()


def test_of_several_platforms_docker_gets_this_machines(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    amd = put_image(store, [[Entry("amd")]], architecture="amd64")
    arm = put_image(store, [[Entry("arm")]], architecture="arm64")
    index = put_index(store, [amd, arm])
    source = source_of(store, index)
    monkeypatch.setattr(Platform, "of_host", lambda: Platform("linux", "arm64"))
    assert image_for_docker(source, index).descriptor.digest == arm.digest
    archive = OciArchiveSource(_oci(store, index, tmp_path / "a.tar"))
    assert read_image(archive, archive.roots()[0], Platform("linux", "amd64")).descriptor.digest == amd.digest
    monkeypatch.setattr(Platform, "of_host", lambda: Platform("linux", "riscv64"))
    with pytest.raises(InputError, match="none of the image's platforms"):
        image_for_docker(source, index)
    assert len(OciArchiveSource(_oci(store, index, tmp_path / "b.tar")).roots()) == 1


def test_a_blob_that_changes_while_it_is_written_is_noticed(store: Store, tmp_path: Path) -> None:
    image = put_image(store, LAYERS, coding="zstd")
    inner = source_of(store, image)
    layer = read_image(inner, image, None).manifest.layers[0]
    seen = []

    class Changing:
        name = inner.name
        roots = inner.roots
        path = inner.path

        def open(self, digest: Digest) -> io.BytesIO:
            seen.append(digest)
            if digest == layer.digest and seen.count(digest) == 2:
                return io.BytesIO(compress(b"short", "zstd").ljust(layer.size_bytes, b"\0"))
            return io.BytesIO(store.blobs.path(digest).read_bytes())

    with (tmp_path / "a").open("wb") as sink, pytest.raises((InputError, WorldError)):
        write_docker_archive(sink, Changing(), image_for_docker(inner, image))


def _tar(path: Path, *entries: Entry) -> Path:
    path.write_bytes(tar_of(entries))
    return path


def _docker_parts(**changes: object) -> list[Entry]:
    layer = tar_of(LAYERS[0])
    config = ImageConfig(architecture="amd64", os="linux", rootfs=RootFS.of((Digest.of_bytes(layer),)))
    entry = {"Config": "c.json", "RepoTags": None, "Layers": ["l/layer.tar"]} | changes
    return [
        Entry("manifest.json", json.dumps([entry]).encode()),
        Entry("c.json", encode(config)),
        directory("l"),
        Entry("l/layer.tar", layer),
    ]


def test_docker_saves_a_shared_layer_once_and_links_to_it(tmp_path: Path) -> None:
    parts = [*_docker_parts(Layers=["other/layer.tar"]), symlink("other/layer.tar", "../l/layer.tar")]
    source = DockerArchiveSource(_tar(tmp_path / "a", *parts))
    assert len(read_image(source, source.roots()[0], None).manifest.layers) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"Layers": ["../../etc/passwd"]},
        {"Layers": ["/etc/passwd"]},
        {"Layers": []},
        {"Layers": ["c.json"]},
        {"Config": "/etc/passwd"},
        {"Config": "l/layer.tar"},
        {"Config": 7},
    ],
)
def test_a_docker_archive_that_names_what_it_does_not_hold_is_refused(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    with pytest.raises(InputError):
        DockerArchiveSource(_tar(tmp_path / "a", *_docker_parts(**changes)))


def test_a_link_out_of_an_archive_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("{}")
    parts = [symlink("manifest.json", str(tmp_path / "secret")), Entry("x")]
    with pytest.raises(InputError, match=r"no 'manifest\.json'"):
        DockerArchiveSource(_tar(tmp_path / "a", *parts))


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"no tar at all" * 100,
        compress(tar_of(_docker_parts()), "gzip"),
        tar_of([Entry("manifest.json"), Entry("./manifest.json")]),
        tar_of([Entry("manifest.json", b"x" * 5_000_000), Entry("oci-layout", b"x" * 5_000_000)]),
        tar_of([Entry("x", b"y" * 9000)])[:2000],
    ],
)
def test_what_is_no_archive_is_explained(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a"
    if content is not None:
        path.write_bytes(content)
    for source in (OciArchiveSource, DockerArchiveSource):
        with pytest.raises(InputError) as caught:
            source(path)
        assert str(path) in caught.value.where


def test_an_archive_of_countless_members_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_source, "MAX_MEMBERS", 10)
    with pytest.raises(InputError, match="more than 10"):
        DockerArchiveSource(_tar(tmp_path / "a", *(Entry(str(n)) for n in range(11))))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_an_archive_with_any_byte_changed_is_refused_or_still_right(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory_ = tmp_path_factory.mktemp("fuzz")
    store = Store.open(directory_ / "store")
    image = put_image(store, [[Entry("x", b"y")]])
    whole = bytearray(_oci(store, image, directory_ / "a").read_bytes())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    (directory_ / "b").write_bytes(whole)
    try:
        source = OciArchiveSource(directory_ / "b")
        root = choose_root(source)
        read = read_image(source, root, None)
        copy_into(source, Store.open(directory_ / "other"), blobs_under(source, root))
    except InputError:
        return
    assert read.descriptor.digest == image.digest
