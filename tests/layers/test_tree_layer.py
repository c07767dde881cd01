from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.layers.unpacking import files, members
from wherry.errors import InputError, WorldError
from wherry.layers.tree_layer import TreeEntry, tree_layer

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.store.store import Store


def entries(tmp_path: Path) -> list[TreeEntry]:
    big = tmp_path / "big"
    big.write_bytes(bytes(range(256)) * 20_000)
    return [
        TreeEntry("app/z.py", "file", 0o644, b"z"),
        TreeEntry("app", "directory", 0o755, None),
        TreeEntry("app/big", "file", 0o755, big, uid=5, gid=6),
        TreeEntry("app/link", "symlink", 0o777, None, link="z.py"),
        TreeEntry("app/empty", "file", 0o644, None),
        TreeEntry("app/cache", "directory", 0o1777, None, uid=65532, gid=65532),
    ]


def test_entries_are_written_sorted_with_their_owners_and_modes(tmp_path: Path, store: Store) -> None:
    layer = tree_layer(entries(tmp_path), store, mtime=7)
    found = members(layer, store)
    assert [m.name for m in found] == ["app", "app/big", "app/cache", "app/empty", "app/link", "app/z.py"]
    by_name = {m.name: m for m in found}
    assert (by_name["app/big"].uid, by_name["app/big"].gid, by_name["app/big"].mode) == (5, 6, 0o755)
    assert (by_name["app/cache"].uid, by_name["app/cache"].mode) == (65532, 0o1777)
    assert by_name["app/link"].linkname == "z.py"
    assert {m.mtime for m in found} == {7}
    assert files(layer, store)["app/big"].content == (tmp_path / "big").read_bytes()


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_the_order_of_the_entries_does_not_matter(tmp_path: Path, store: Store, compression: str) -> None:
    one = tree_layer(entries(tmp_path), store, compression=compression)  # type: ignore[arg-type]
    assert tree_layer(entries(tmp_path)[::-1], store, compression=compression) == one  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("paths", "why"),
    [
        (["../x"], "leads out"),
        (["/x"], "absolute"),
        (["a/.wh.x"], "wh"),
        (["a", "a"], "twice"),
        (["a", "a/b"], "no directory"),
        (["a", "a-b", "a/b/c"], "no directory"),
    ],
)
def test_a_path_that_no_layer_may_have_is_refused(store: Store, paths: list[str], why: str) -> None:
    with pytest.raises(InputError, match=why):
        tree_layer([TreeEntry(path, "file", 0o644, b"") for path in paths], store)
    assert list(store.blobs.items()) == []


def test_a_file_that_cannot_be_read_is_the_worlds_fault(tmp_path: Path, store: Store) -> None:
    for source in (tmp_path / "missing", tmp_path):
        with pytest.raises(WorldError, match="cannot read"):
            tree_layer([TreeEntry("a", "file", 0o644, source)], store)
