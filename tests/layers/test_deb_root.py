"""Alternatives are made from what scripts say, and scripts are never run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bases.debs import Deb, File, directory, make_elf
from wherry.errors import InputError
from wherry.layers import deb_root
from wherry.layers.deb_root import RootUser, _registered, complete_packages, complete_root
from wherry.layers.deb_tree import Below, DebTree, scan_debs

if TYPE_CHECKING:
    from pathlib import Path

BLAS = b"""\
#!/bin/sh
if [ "$1" = "configure" ]; then
    update-alternatives --install /usr/lib/libblas.so.3 \\
                        libblas.so.3-x86_64-linux-gnu \\
                        /usr/lib/blas/libblas.so.3 10 \\
                        --slave /usr/lib/libblas.so libblas.so /usr/lib/blas/libblas.so
fi
"""


def _tree(tmp_path: Path, *debs: Deb) -> DebTree:
    return DebTree(scan_debs([deb.write(tmp_path) for deb in debs], tmp_path), Below())


def _blas(name: str, folder: str, priority: int) -> Deb:
    postinst = BLAS.replace(b"/usr/lib/blas", f"/usr/lib/{folder}".encode()).replace(
        b" 10 ", b" %d " % priority
    )
    library = make_elf("libblas.so.3")
    return Deb(name, files=(File(f"./usr/lib/{folder}/libblas.so.3", library),), postinst=postinst)


def test_an_alternative_has_its_links(tmp_path: Path) -> None:
    tree = _tree(tmp_path, _blas("libblas3", "blas", 10))
    complete_packages(tree)
    assert tree.entries["usr/lib/libblas.so.3"].link == "/etc/alternatives/libblas.so.3-x86_64-linux-gnu"
    link = tree.entries["etc/alternatives/libblas.so.3-x86_64-linux-gnu"]
    assert link.link == "/usr/lib/blas/libblas.so.3"
    assert tree.find("usr/lib/libblas.so.3") == tree.entries["usr/lib/blas/libblas.so.3"]
    assert "usr/lib/libblas.so" not in tree.entries  # its target is in another package


@pytest.mark.parametrize("first", [10, 100])
def test_the_highest_priority_wins(tmp_path: Path, first: int) -> None:
    tree = _tree(tmp_path, _blas("aa", "aa", first), _blas("bb", "bb", 50))
    complete_packages(tree)
    winner = "aa" if first == 100 else "bb"
    assert tree.find("usr/lib/libblas.so.3") == tree.entries[f"usr/lib/{winner}/libblas.so.3"]


def test_a_file_of_that_name_stays(tmp_path: Path) -> None:
    own = Deb("own", files=(File("./usr/lib/libblas.so.3", b"own"),))
    tree = _tree(tmp_path, own, _blas("aa", "aa", 10))
    complete_packages(tree)
    assert tree.entries["usr/lib/libblas.so.3"].kind == "file"


@pytest.mark.parametrize(
    "call",
    [
        "update-alternatives --install $link name /path 10",
        "update-alternatives --install /link na/me /path 10",
        "update-alternatives --install /../etc/passwd name /path 10",
        "update-alternatives --install /link name /path high",
        "update-alternatives --install /link name",
        "update-alternatives --install /link name /path 99999999999",
        "update-alternatives --install '/unclosed name /path 10",
        "update-alternatives --remove name /path",
        "# nothing",
    ],
)
def test_what_is_not_plainly_a_registration_is_passed_over(call: str) -> None:
    assert list(_registered(call.encode())) == []


@given(st.binary(max_size=300))
def test_any_script_registers_something_or_nothing(script: bytes) -> None:
    for _, link, name, path in _registered(b"update-alternatives --install " + script):
        assert link.startswith("/")
        assert path.startswith("/")
        assert "/" not in name


def test_a_certificate_larger_than_any_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deb_root, "_CERTIFICATE_LIMIT_BYTES", 3)
    tree = _tree(tmp_path, Deb("ca", files=(File("./usr/share/ca-certificates/x.crt", b"long"),)))
    with pytest.raises(InputError, match="too large"):
        complete_root(tree, RootUser())


def test_without_certificates_there_is_no_bundle(tmp_path: Path) -> None:
    tree = _tree(tmp_path, Deb("a", files=(directory("./usr/share/ca-certificates"),)))
    complete_root(tree, RootUser(uid=65534, gid=65534))
    assert deb_root.CA_BUNDLE not in tree.entries
    assert "usr/lib64" not in tree.entries
    assert "lib64" not in tree.entries
    assert tree.entries["etc/passwd"].read().count(b"\n") == 2
