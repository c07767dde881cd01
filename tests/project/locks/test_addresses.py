"""uv is real here, and so is the index: it stands on this machine and counts what it is asked."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from packaging.markers import Marker
from packaging.utils import canonicalize_name
from packaging.version import Version

from wherry.digest import Digest
from wherry.errors import InputError, WherryError, WorldError
from wherry.fetch.indexes import IndexConfiguration
from wherry.fetch.local import BORROW_FROM_BYTES
from wherry.project.locks import offers
from wherry.project.locks.addresses import address
from wherry.project.locks.pins import Lookup, Pin, PinnedFile

if TYPE_CHECKING:
    from pathlib import Path

    from tests.project.locks.conftest import LocalIndex
    from wherry.project.locks.model import LockedPackage
    from wherry.store.store import Store


@pytest.fixture
def online(index: LocalIndex, store: Store, root: Path) -> Lookup:
    return Lookup(store=store, directory=root, indexes=index.configuration)


def pin(name: str, version: str, *digests: Digest, marker: str = "") -> Pin:
    files = tuple(PinnedFile(digest) for digest in digests)
    return Pin(
        canonicalize_name(name),
        Version(version),
        files,
        Marker(marker) if marker else None,
        where=f"requirements.txt: {name}",
    )


def asked_pages(index: LocalIndex) -> set[str]:
    return {path.rstrip("/").rpartition("/")[2] for path in index.asked if "simple" in path}


def names(package: LockedPackage) -> list[str]:
    return [file.filename for file in (*package.wheels, *filter(None, [package.sdist]))]


def refused(pins: list[Pin], lookup: Lookup) -> WherryError:
    with pytest.raises(WherryError) as caught:
        address(pins, lookup)
    assert len(caught.value.lines()) <= 3
    return caught.value


def test_hashes_become_files_with_addresses(index: LocalIndex, online: Lookup) -> None:
    wheel = index.add("click-8.1-py3-none-any.whl")
    index.add("click-8.1-cp311-cp311-win_amd64.whl")  # at the index and not in the lock: not there
    other = index.add("a_b-1-py3-none-any.whl")
    click, dashed = address([pin("click", "8.1", wheel), pin("a-b", "1", other)], online)
    assert names(click) == ["click-8.1-py3-none-any.whl"]
    assert click.wheels[0].url == index.url.replace("simple", "files") + "/click-8.1-py3-none-any.whl"
    assert click.wheels[0].digest == wheel
    assert names(dashed) == ["a_b-1-py3-none-any.whl"]


def test_what_was_asked_once_is_remembered_and_a_bumped_pin_asks_for_itself(
    index: LocalIndex, online: Lookup
) -> None:
    old, new = index.add("click-8.1-py3-none-any.whl"), index.add("click-8.2-py3-none-any.whl")
    rich = index.add("rich-13-py3-none-any.whl")
    address([pin("click", "8.1", old), pin("rich", "13", rich)], online)
    index.asked.clear()
    again = address([pin("click", "8.1", old), pin("rich", "13", rich)], replace(online, offline=True))
    assert [names(package) for package in again] == [
        ["click-8.1-py3-none-any.whl"],
        ["rich-13-py3-none-any.whl"],
    ]
    assert not index.asked
    address([pin("click", "8.2", new), pin("rich", "13", rich)], online)
    assert asked_pages(index) == {"click"}


def test_one_package_at_two_versions_is_parted_by_its_markers(index: LocalIndex, online: Lookup) -> None:
    old, new = (
        index.add("numpy-1-py3-none-any.whl"),
        index.add("numpy-2-py3-none-any.whl", requires_python=">=3.13"),
    )
    packages = address(
        [
            pin("numpy", "1", old, marker="python_version < '3.13'"),
            pin("numpy", "2", new, marker="python_version >= '3.13'"),
        ],
        online,
    )
    assert [names(package) for package in packages] == [
        ["numpy-1-py3-none-any.whl"],
        ["numpy-2-py3-none-any.whl"],
    ]


def test_a_pin_for_another_python_needs_no_file(index: LocalIndex, online: Lookup) -> None:
    digest = index.add("tomli-2-py3-none-any.whl")
    [package] = address([pin("tomli", "2", digest, marker="python_version < '3.11'")], online)
    assert names(package) == []
    index.asked.clear()
    address([pin("tomli", "2", digest, marker="python_version < '3.11'")], online)
    assert not index.asked


def test_other_bytes_under_the_same_name_are_not_taken(index: LocalIndex, online: Lookup) -> None:
    index.add("click-8.1-py3-none-any.whl")
    error = refused([pin("click", "8.1", Digest.of_bytes(b"locked"), Digest.of_bytes(b"too"))], online)
    assert isinstance(error, InputError)
    assert error.what == "no file of click 8.1 at the index has one of the 2 hashes in the lock"
    assert error.where == "requirements.txt: click"


@pytest.mark.parametrize("offered", ["click-8.0-py3-none-any.whl", "other-1-py3-none-any.whl"])
def test_a_pin_that_the_index_lacks_is_named(index: LocalIndex, online: Lookup, offered: str) -> None:
    index.add(offered)
    rich = index.add("rich-13-py3-none-any.whl")
    error = refused([pin("rich", "13", rich), pin("click", "8.1", rich)], online)
    assert error.what == "click 8.1 is not at the configured index"
    assert error.where == "requirements.txt: click"


def test_a_pin_for_a_newer_python_than_the_images_is_named(index: LocalIndex, online: Lookup) -> None:
    digest = index.add("numpy-2-py3-none-any.whl", requires_python=">=3.12")
    error = refused([pin("numpy", "2", digest)], online)
    assert error.what == "numpy 2 needs Python >=3.12, which the image does not have"
    [package] = address([pin("numpy", "2", digest)], replace(online, python=(3, 13)))
    assert names(package) == ["numpy-2-py3-none-any.whl"]


def test_contradicting_pins_are_refused_in_uvs_words(index: LocalIndex, online: Lookup) -> None:
    digest = index.add("click-8.1-py3-none-any.whl")
    error = refused([pin("click", "8.1", digest), pin("click", "8.0", digest)], online)
    assert "could not look up the locked files" in error.what


@pytest.mark.parametrize("status", [401, 403, 500])
def test_an_index_that_refuses_is_an_error_of_the_world(
    index: LocalIndex, online: Lookup, status: int
) -> None:
    index.status = status
    error = refused([pin("click", "8.1", Digest.of_bytes(b""))], online)
    assert isinstance(error, WorldError)
    assert str(status) in error.what


def test_an_index_that_is_not_there_is_an_error_of_the_world(online: Lookup, index: LocalIndex) -> None:
    del index
    nowhere = IndexConfiguration(for_uv=(("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple"),))
    error = refused([pin("click", "8.1", Digest.of_bytes(b""))], replace(online, indexes=nowhere))
    assert isinstance(error, WorldError)


def test_offline_a_pin_that_was_never_looked_up_is_said_to_be(lookup: Lookup) -> None:
    error = refused([pin("click", "8.1", Digest.of_bytes(b""))], lookup)
    assert isinstance(error, WorldError)
    assert error.what == "where click 8.1 lies is not known, and the network is off"
    assert "--find-links" in error.mend


def test_files_in_find_links_are_known_by_their_hash_alone(lookup: Lookup, root: Path) -> None:
    wheels = root / "wheels"
    wheels.mkdir()
    for name, content in (
        ("click-8.1-py3-none-any.whl", b"right"),
        ("Click-8.1.tar.gz", b"source"),
        ("click-8.1-1-py3-none-any.whl", b"other bytes"),
        ("click-9-py3-none-any.whl", b"another version"),
        ("nonsense.whl", b""),
        ("notes.txt", b""),
    ):
        (wheels / name).write_bytes(content)
    with_wheels = replace(lookup, find_links=(wheels,))
    wanted = pin("click", "8.1", Digest.of_bytes(b"right"), Digest.of_bytes(b"source"))
    for _ in range(2):  # the second time from the remembered hash
        [package] = address([wanted], with_wheels)
        assert names(package) == ["click-8.1-py3-none-any.whl", "Click-8.1.tar.gz"]
        assert package.wheels[0].path == wheels / "click-8.1-py3-none-any.whl"
    (wheels / "click-8.1-py3-none-any.whl").write_bytes(b"wrong")
    [package] = address([wanted], with_wheels)
    assert names(package) == ["Click-8.1.tar.gz"]
    with pytest.raises(InputError, match="cannot be read"):
        address([wanted], replace(lookup, find_links=(root / "missing",)))


def test_a_large_file_in_find_links_is_hashed_once_and_borrowed(lookup: Lookup, root: Path) -> None:
    large = root / "large-1.0-py3-none-any.whl"
    large.write_bytes(b"x" * BORROW_FROM_BYTES)
    while large.stat().st_ctime > time.time() - 1.1:  # a file is lent once it has settled
        time.sleep(0.1)
    digest = Digest.of_file(large)
    address([pin("large", "1.0", digest)], replace(lookup, find_links=(root,), offline=True))
    assert lookup.store.blobs.path(digest) == large


def test_find_links_suffice_where_the_index_cannot_be_reached(
    index: LocalIndex, online: Lookup, root: Path
) -> None:
    (root / "click-8.1-py3-none-any.whl").write_bytes(b"right")
    index.status = 500
    wanted = pin("click", "8.1", Digest.of_bytes(b"right"))
    [package] = address([wanted], replace(online, find_links=(root,)))
    assert package.wheels[0].url is None
    with pytest.raises(WorldError):
        address([wanted, pin("rich", "1", Digest.of_bytes(b""))], replace(online, find_links=(root,)))


def test_pins_whose_files_have_addresses_ask_nothing(lookup: Lookup) -> None:
    file = PinnedFile(
        Digest.of_bytes(b""), "a-1-py3-none-any.whl", "https://index.example/a-1-py3-none-any.whl"
    )
    [package] = address([Pin(canonicalize_name("a"), Version("1"), (file,))], lookup)
    assert package.wheels[0].url == file.url
    assert address([], lookup) == ()


def test_files_of_one_version_in_two_indexes_are_put_together(
    index: LocalIndex, online: Lookup, root: Path
) -> None:
    """uv takes a version's files from one index; torch's own index has copies of some wheels of numpy."""
    directory = root / "extra" / "numpy"
    directory.mkdir(parents=True)
    here = index.add("numpy-2-py3-none-any.whl")
    only_here = index.add("rich-13-py3-none-any.whl")
    copied = root / "extra" / "numpy-2-cp311-cp311-manylinux_2_17_x86_64.whl"
    copied.write_bytes(index.files["numpy-2-py3-none-any.whl"] + b"\0")
    extra = Digest.of_file(copied)
    torch = root / "extra" / "torch-1+cpu-py3-none-any.whl"
    torch.write_bytes(index.files["numpy-2-py3-none-any.whl"].replace(b"numpy", b"torch"))
    for package, file in (("numpy", copied), ("torch", torch)):
        (root / "extra" / package).mkdir(exist_ok=True)
        link = f'<a href="../{file.name}#sha256={Digest.of_file(file).hex}">{file.name}</a>'
        (root / "extra" / package / "index.html").write_text(f"<!DOCTYPE html><html><body>{link}")
    asking = replace(online, options=(f"--extra-index-url file://{root}/extra",))
    numpy, rich = address([pin("numpy", "2", here, extra), pin("rich", "13", only_here)], asking)
    assert names(numpy) == ["numpy-2-cp311-cp311-manylinux_2_17_x86_64.whl", "numpy-2-py3-none-any.whl"]
    assert [file.path for file in numpy.wheels] == [copied, None]
    assert names(rich) == ["rich-13-py3-none-any.whl"]


def test_an_answer_that_is_no_pylock_is_ours_to_explain(root: Path) -> None:
    with pytest.raises(WorldError, match="no pylock"):
        offers._files_by_title("x = [", root)


def test_files_without_hashes_in_the_answer_are_not_offered(root: Path) -> None:
    text = 'lock-version = "1.0"\ncreated-by = "uv"\n[[packages]]\nname = "a"\nversion = "1"\n'
    text += 'wheels = [{ url = "https://index.example/a-1-py3-none-any.whl", hashes = { md5 = "00" } }]\n'
    assert offers._files_by_title(text, root) == {"a 1": {}}


@pytest.mark.index
def test_a_real_index_has_the_files_behind_real_hashes(store: Store, root: Path) -> None:
    """Of markupsafe 3.0.2: the wheel for CPython 3.11 on x86_64, and the sdist."""
    wheel = Digest.from_hex("a123e330ef0853c6e822384873bef7507557d8e4a082961e1defa947aa59ba84")
    sdist = Digest.from_hex("ee55d3edf80167e48ea11a923c7386f4669df67d7994554387f84e7d8b0a2bf0")
    lookup = Lookup(store=store, directory=root, indexes=IndexConfiguration.read())
    [package] = address([pin("markupsafe", "3.0.2", wheel, sdist)], lookup)
    assert [file.digest for file in package.wheels] == [wheel]
    assert package.wheels[0].filename.endswith("cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl")
    assert package.sdist is not None
    assert package.sdist.url is not None


def test_a_configured_extra_index_does_not_hide_the_default_ones_files(
    index: LocalIndex, online: Lookup, root: Path
) -> None:
    """An extra index with the x86_64 wheel alone once hid the aarch64 wheel of the same version."""
    intel = index.add("a-1-cp311-cp311-manylinux_2_17_x86_64.whl")
    arm = index.add(
        "a-1-cp311-cp311-manylinux_2_17_aarch64.whl",
        index.files["a-1-cp311-cp311-manylinux_2_17_x86_64.whl"] + b"\0",
    )
    name = "a-1-cp311-cp311-manylinux_2_17_x86_64.whl"
    for directory in ("a", "private"):
        (root / "extra" / directory).mkdir(parents=True)
    (root / "extra" / name).write_bytes(index.files[name])
    (root / "extra" / "a" / "index.html").write_text(f'<a href="../{name}#sha256={intel.hex}">{name}</a>')
    private = index.files[name].replace(b"Name: a", b"Name: private")
    own = "private-1-py3-none-any.whl"
    (root / "extra" / own).write_bytes(private)
    digest = Digest.of_bytes(private)
    (root / "extra" / "private" / "index.html").write_text(
        f'<a href="../{own}#sha256={digest.hex}">{own}</a>'
    )
    extra = f"file://{root}/extra"
    indexes = IndexConfiguration(
        default=index.url,
        extra=(extra,),
        for_uv=(("UV_DEFAULT_INDEX", index.url), ("UV_INDEX", extra), ("UV_FIND_LINKS", "")),
    )
    other = Digest.of_bytes(b"a hash of a file for another Python")
    a, ours = address(
        [pin("a", "1", intel, arm), pin("private", "1", digest, other)], replace(online, indexes=indexes)
    )
    assert {file.digest for file in a.wheels} == {intel, arm}
    assert ours.wheels[0].filename == own
