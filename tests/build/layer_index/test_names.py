"""Names of files, told for a pin: as many as it has hashes, and none that another package's files have."""

from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from wherry.build.layer_index.names import ToldPin, pin_key, tell_pin, told_files
from wherry.digest import Digest
from wherry.project.locks.offers import KnownFile
from wherry.project.locks.pins import Pin, PinnedFile

WHEEL, SDIST, GONE = (Digest.of_bytes(text) for text in (b"wheel", b"sdist", b"gone"))
PYTHON = (3, 11)


def pin(*digests: Digest, name: str = "demo-pkg", version: str = "1.0") -> Pin:
    return Pin(canonicalize_name(name), Version(version), tuple(PinnedFile(d) for d in digests))


def known(digest: Digest, name: str, size_bytes: int | None = None, url: str | None = None) -> KnownFile:
    return KnownFile(digest.hex, name, url, size_bytes)


def test_names_and_sizes_are_told_and_no_address_is() -> None:
    asked = pin(WHEEL, SDIST, GONE)
    files = [
        known(WHEEL, "demo_pkg-1.0-py3-none-any.whl", 5, "https://index.example/demo.whl"),
        known(SDIST, "demo_pkg-1.0.tar.gz"),
    ]
    told = tell_pin(asked, files)
    assert "index.example" not in str(told)
    assert set(told_files(asked, told) or ()) == {
        known(WHEEL, "demo_pkg-1.0-py3-none-any.whl", 5),
        known(SDIST, "demo_pkg-1.0.tar.gz"),
    }


def test_a_pins_key_is_its_version_its_hashes_in_any_order_and_the_python() -> None:
    assert pin_key(pin(WHEEL, SDIST), PYTHON) == pin_key(pin(SDIST, WHEEL), PYTHON)
    keys = [pin_key(pin(WHEEL), PYTHON), pin_key(pin(WHEEL), (3, 12)), pin_key(pin(SDIST), PYTHON)]
    keys.append(pin_key(pin(WHEEL, version="2.0"), PYTHON))
    assert len(set(keys)) == 4


def test_a_pin_that_no_index_has_files_for_is_told_so() -> None:
    asked = pin(WHEEL)
    assert told_files(asked, tell_pin(asked, [])) == ()


@pytest.mark.parametrize(
    "files",
    [
        (),
        (None, None),
        (("other-1.0-py3-none-any.whl", 1),),
        (("../demo_pkg-1.0-py3-none-any.whl", 1),),
        (("demo_pkg-1.0-py3-none-any.whl", -1),),
        (("demo_pkg\n-1.0.whl", 1),),
        (("demo_pkg-2.0-py3-none-any.whl", 1),),
        (("demo_pkg-1.0.whl", 1),),
        (("demo_pkg_more-1.0-py3-none-any.whl", 1),),
        (("", 1),),
    ],
)
def test_what_cannot_be_the_pins_is_not_believed(files: tuple[tuple[str, int | None] | None, ...]) -> None:
    assert told_files(pin(WHEEL), ToldPin(files)) is None
