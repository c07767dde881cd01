from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wherry.build.options import BuildOptions
from wherry.build.prefetch import layer_format, read_prefetch
from wherry.build.workshop import open_workshop
from wherry.errors import InputError, WorldError
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.layers.model import Compression
    from wherry.store.store import Store


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    file = tmp_path / "first.txt"
    file.write_text("# from a run\n/opt/venv/b\n\n/usr/bin/é\n/opt/venv/b\n/app/a\n")
    return file


def formats(
    tmp_path: Path,
    store: Store,
    written: str = "",
    *,
    compression: Compression | None = None,
    prefetch: Path | None = None,
) -> tuple[str, tuple[str, ...]]:
    project = tmp_path / "project"
    project.mkdir(exist_ok=True)
    (project / "pyproject.toml").write_text(
        f'[project]\nname = "app"\nversion = "1"\n[tool.wherry]\n{written}\n'
    )
    (project / "own.txt").write_text("/app/own\n")
    options = BuildOptions(project, compression=compression, prefetch=prefetch)
    return layer_format(open_workshop(options, store, SilentProgress()))


def test_a_list_is_paths_in_their_order_each_once(listed: Path) -> None:
    assert read_prefetch(listed) == ("opt/venv/b", "usr/bin/é", "app/a")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"/a\nrelative\n", "not absolute"),
        (b"/a/../b\n", "leads out"),
        (b"//etc\n", "absolute"),
        (b"/a\n\xff\n", "UTF-8"),
        (b"/x" * (9 << 20), "too long"),
    ],
)
def test_a_list_of_something_else_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    file = tmp_path / "list"
    file.write_bytes(content)
    with pytest.raises(InputError, match=complaint):
        read_prefetch(file)


def test_a_list_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(WorldError) as caught:
        read_prefetch(tmp_path / "absent")
    assert caught.value.where == str(tmp_path / "absent")


def test_the_command_line_comes_before_the_project(tmp_path: Path, store: Store, listed: Path) -> None:
    own = 'compression = "estargz"\nprefetch = "own.txt"'
    assert formats(tmp_path, store) == ("gzip", ())
    assert formats(tmp_path, store, own) == ("estargz", ("app/own",))
    assert formats(tmp_path, store, own, prefetch=listed)[1] == read_prefetch(listed)
    assert formats(tmp_path, store, own, compression="zstd") == ("zstd", ())
    assert formats(tmp_path, store, 'compression = "zstd"', compression="estargz") == ("estargz", ())


def test_a_list_that_nothing_would_read_is_refused(tmp_path: Path, store: Store, listed: Path) -> None:
    with pytest.raises(InputError, match="no use to gzip"):
        formats(tmp_path, store, 'prefetch = "own.txt"')
    with pytest.raises(InputError, match="no use to zstd"):
        formats(tmp_path, store, compression="zstd", prefetch=listed)


@pytest.mark.parametrize("value", ['"/etc/passwd"', '"../list"', '""', "3"])
def test_the_projects_list_is_a_file_of_the_project(tmp_path: Path, store: Store, value: str) -> None:
    with pytest.raises(InputError):
        formats(tmp_path, store, f"prefetch = {value}")


def test_an_unknown_compression_is_answered_with_the_known_ones(tmp_path: Path, store: Store) -> None:
    with pytest.raises(InputError, match="not known") as caught:
        formats(tmp_path, store, 'compression = "xz"')
    assert "estargz" in str(caught.value.mend)
