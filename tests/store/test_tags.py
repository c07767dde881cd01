from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.store.tags import Tag, Tags, quoted, unquoted

if TYPE_CHECKING:
    from wherry.store.store import Store

TAG = Tag(str(Digest.of_bytes(b"manifest")), 8, "application/vnd.oci.image.manifest.v1+json", 0)


def test_a_name_means_what_it_was_given_to(store: Store) -> None:
    store.tags.put("app", TAG)
    assert store.tags.get("app") == TAG
    assert store.tags.items() == [("app", TAG)]


def test_a_name_can_be_given_anew(store: Store) -> None:
    newer = Tag(TAG.digest, 9, TAG.media_type, 1)
    store.tags.put("app:v1", TAG)
    store.tags.put("app:v1", newer)
    assert store.tags.get("app:v1") == newer


def test_a_removed_name_means_nothing(store: Store) -> None:
    store.tags.put("app", TAG)
    assert store.tags.remove("app")
    assert not store.tags.remove("app")
    assert store.tags.get("app") is None


def test_names_come_in_order(store: Store) -> None:
    for name in ("b", "a/z", "a:2", "A"):
        store.tags.put(name, TAG)
    assert [name for name, _ in store.tags.items()] == ["A", "a/z", "a:2", "b"]


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20) | st.text(
    "ab/.:@%A", min_size=1, max_size=30
)


@given(name=names)
def test_every_name_comes_back_from_its_file_name(name: str) -> None:
    file_name = quoted(name)
    assert unquoted(file_name) == name
    assert set(file_name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_%")


@given(one=names, other=names)
def test_two_names_are_two_files_even_where_case_does_not_count(one: str, other: str) -> None:
    assert (quoted(one).lower() == quoted(other).lower()) == (one == other)


@given(name=st.sampled_from([".", "..", "../../etc/passwd", "/", "a/../b", "nul\0byte"]))
def test_no_name_leaves_the_directory(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    root = tmp_path_factory.getbasetemp() / "no-way-out"
    tags = Tags(root)
    tags.put(name, TAG)
    assert name in dict(tags.items())
    assert {file.parent for file in root.rglob("*.json")} == {root / "tags"}


@pytest.mark.parametrize("name", ["", "x" * 300, "ü" * 100])
def test_a_name_that_cannot_be_a_file_name_is_refused(store: Store, name: str) -> None:
    with pytest.raises(InputError, match="name") as caught:
        store.tags.put(name, TAG)
    assert "-t NAME" in caught.value.mend
    assert store.tags.get(name) is None
    assert not store.tags.remove(name)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b'{"digest":"sha256:no","size_bytes":1,"media_type":"","created_s":0}']
)
def test_a_tag_that_cannot_be_read_means_nothing(store: Store, data: bytes) -> None:
    store.tags.put("app", TAG)
    (store.root / "tags" / "app.json").write_bytes(data)
    (store.root / "tags" / "README").write_text("not a tag")
    assert store.tags.get("app") is None
    assert store.tags.items() == []


def test_a_store_without_tags_has_none(store: Store) -> None:
    assert store.tags.items() == []
