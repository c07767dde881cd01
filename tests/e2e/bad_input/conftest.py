"""A base made by hand, so that no test here needs a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.handmade import Entry, directory, put_image
from wherry.oci.image import StoreSource
from wherry.oci.layout import write_layout
from wherry.oci.model import Config
from wherry.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path


from tests.e2e.bad_input.bench import MACHINE, PYTHON, Bench


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image with just enough in it to be a base: what an interpreter and a libc say of themselves."""
    root = tmp_path_factory.mktemp("base")
    store = Store.open(root / "store")
    layer = [
        *map(directory, ("etc", "usr", "usr/bin", "usr/lib", f"usr/lib/{MACHINE}-linux-gnu", "tmp")),
        Entry(f"usr/bin/python{PYTHON}", f"\x7fELF\0{PYTHON}.9\0".encode(), mode=0o755),
        Entry(
            f"usr/lib/{MACHINE}-linux-gnu/libc.so.6",
            b"\x7fELF\0GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n\0",
            mode=0o755,
        ),
        Entry("etc/os-release", b"ID=debian\nVERSION_CODENAME=bookworm\n"),
    ]
    image = put_image(store, [layer], config=Config(env=("PATH=/usr/bin",)))
    write_layout(root / "layout", StoreSource(store, image), image)
    return root / "layout"


@pytest.fixture
def bench(tmp_path: Path, base: Path) -> Bench:
    return Bench(tmp_path / "bench", base)
