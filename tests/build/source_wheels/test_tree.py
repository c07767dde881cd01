from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from wherry.build.sources import tree as trees
from wherry.build.sources.tree import build_tree
from wherry.digest import Digest
from wherry.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.store.store import Store


def relatives(root: Path, **options: tuple[str, ...]) -> list[str]:
    return [file.relative for file in build_tree(root, **options).files]


def put(root: Path, *names: str, text: str = "x") -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_what_no_build_needs_is_left_out(tmp_path: Path) -> None:
    root = put(
        tmp_path / "demo",
        "pyproject.toml",
        "src/demo/__init__.py",
        "src/demo/build/__init__.py",
        "src/demo/__pycache__/x.pyc",
        "src/demo/old.pyc",
        ".git/config",
        ".venv/pyvenv.cfg",
        "conda/conda-meta/history",
        "node_modules/x/index.js",
        "demo.egg-info/SOURCES.txt",
        "build/lib/demo/stale.py",
        "dist/demo-1.0.whl",
    )
    assert relatives(root) == ["pyproject.toml", "src/demo/__init__.py", "src/demo/build/__init__.py"]


def test_a_package_that_is_called_build_or_dist_is_no_old_output(tmp_path: Path) -> None:
    root = put(tmp_path / "demo", "build/__init__.py", "dist/__init__.py")
    assert relatives(root) == ["build/__init__.py", "dist/__init__.py"]


def test_credentials_are_left_out(tmp_path: Path) -> None:
    root = put(
        tmp_path / "demo", ".env", ".env.local", "pkg/.env", ".netrc", ".pypirc", "id_rsa", ".env.example"
    )
    put(root, "server.key", "mine.pem", text="-----BEGIN PRIVATE KEY-----\nabc")
    put(root, "pkg/cacert.pem", text="-----BEGIN CERTIFICATE-----\nabc")
    assert relatives(root) == [".env.example", "pkg/cacert.pem"]


def test_large_model_files_are_left_out_and_named(tmp_path: Path) -> None:
    root = put(tmp_path / "demo", "tiny.onnx")
    (root / "big.onnx").write_bytes(bytes(trees.MODEL_BYTES))
    found = build_tree(root)
    assert [file.relative for file in found.files] == ["tiny.onnx"]
    assert found.left_out == ("big.onnx",)
    assert relatives(root, keep=("*.onnx",)) == ["big.onnx", "tiny.onnx"]


def test_a_copy_has_plain_modes_and_one_time(tmp_path: Path) -> None:
    root = put(tmp_path / "demo", "a", "sub/b")
    (root / "a").chmod(0o700)
    (root / "sub" / "b").chmod(0o640)
    (root / "link").symlink_to("sub/b")
    build_tree(root).copy(tmp_path / "copy")
    copy = tmp_path / "copy"
    assert (copy / "a").stat().st_mode & 0o777 == 0o755
    assert (copy / "sub" / "b").stat().st_mode & 0o777 == 0o644
    assert (copy / "a").stat().st_mtime == (copy / "sub" / "b").stat().st_mtime
    assert (copy / "link").readlink().name == "b"


def test_a_link_out_of_the_tree_is_followed_for_files_and_packages_only(tmp_path: Path) -> None:
    put(tmp_path / "shared", "pkg/__init__.py", "pkg/deep/x.py", "data/huge.csv", "one.py")
    (tmp_path / "shared" / "pkg" / "loop").symlink_to(tmp_path / "shared" / "pkg")
    root = put(tmp_path / "demo", "pyproject.toml")
    (root / "pkg").symlink_to("../shared/pkg")
    (root / "one.py").symlink_to(tmp_path / "shared" / "one.py")
    (root / "data").symlink_to("../shared/data")
    (root / "inside").symlink_to(root / "pyproject.toml")
    (root / "broken").symlink_to("nowhere")
    (root / "circle").symlink_to("circle")
    found = {file.relative: file.link for file in build_tree(root).files}
    assert found == {
        "pyproject.toml": None,
        "pkg/__init__.py": None,
        "pkg/deep/x.py": None,
        "one.py": None,
        "inside": "pyproject.toml",
        "broken": "nowhere",
        "circle": "circle",
    }


def test_the_digest_is_over_names_contents_links_and_executable_bits(tmp_path: Path, store: Store) -> None:
    root = put(tmp_path / "demo", "a", "b")
    seen = {build_tree(root).digest(store.index)}

    def changed() -> bool:
        digest = build_tree(root).digest(store.index)
        new = digest not in seen
        seen.add(digest)
        return new

    os.utime(root / "a", (1, 1))
    assert not changed()
    (root / "a").chmod(0o640)
    assert not changed()
    (root / "a").chmod(0o744)
    assert changed()
    (root / "b").write_text("y")
    assert changed()
    (root / "b").rename(root / "c")
    assert changed()
    (root / "l").symlink_to("a")
    assert changed()
    put(root, "__pycache__/a.pyc")
    assert not changed()


def test_a_large_file_is_read_once_and_again_when_it_changes(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "demo"
    root.mkdir()
    (root / "large").write_bytes(bytes(2 << 20))
    first = build_tree(root).digest(store.index)
    later = time.time() + 60
    monkeypatch.setattr("wherry.build.sources.tree.time.time", lambda: later)
    assert build_tree(root).digest(store.index) == first  # now it has settled, and is remembered
    with monkeypatch.context() as patch:
        patch.setattr(Digest, "of_file", lambda _: pytest.fail("it was read again"))
        assert build_tree(root).digest(store.index) == first
    (root / "large").write_bytes(b"\1" + bytes((2 << 20) - 1))
    assert build_tree(root).digest(store.index) != first


def test_a_directory_with_a_world_of_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "MAX_ENTRIES", 3)
    with pytest.raises(InputError, match="more than 3 files"):
        build_tree(put(tmp_path / "demo", "a", "b", "c", "d"))


def test_a_directory_that_is_not_there_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        build_tree(tmp_path / "nowhere")
