"""When two builds differ, the message names the layer, the file in it and the byte."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.handmade import Entry, put_image
from tests.results import built_image
from wherry.build import reproduce
from wherry.oci.model import Config
from wherry.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.errors import InputError

LONG = b"x" * 3_000_000


def difference(
    tmp_path: Path, one: list[Entry], other: list[Entry], *, other_config: Config | None = None
) -> InputError:
    first, second = Store.open(tmp_path / "one"), Store.open(tmp_path / "two")
    descriptor = put_image(first, [one])
    image = replace(built_image(torch=5), descriptor=descriptor)
    found = put_image(second, [other], config=other_config)
    assert found.digest != descriptor.digest
    return reproduce._difference(first, image, second, found.digest)


def test_the_first_byte_that_differs_is_named_with_its_file(tmp_path: Path) -> None:
    same = [Entry("opt/a", LONG), Entry("opt/b", b"same")]
    error = difference(tmp_path, [*same, Entry("opt/c", b"one")], [*same, Entry("opt/c", b"two")])
    # two headers, three megabytes padded to 512, one block of "same", one header
    offset = 512 + 3_000_320 + 512 + 512 + 512
    assert error.what == f"not reproducible: byte {offset} of the layer differs, in opt/c"
    assert error.where == "layer 1: torch"


def test_a_file_that_one_build_has_more_is_a_difference_too(tmp_path: Path) -> None:
    error = difference(tmp_path, [Entry("a", b"1")], [Entry("a", b"1"), Entry("b", b"2")])
    assert error.what.endswith("byte 1024 of the layer differs, in a")


def test_a_configuration_that_differs_is_named_by_its_field(tmp_path: Path) -> None:
    entries = [Entry("a", b"1")]
    error = difference(tmp_path, entries, entries, other_config=Config(user="0"))
    assert error.what == "not reproducible: the image's config differ"


def test_the_second_store_has_what_was_fetched_and_nothing_that_was_made(tmp_path: Path) -> None:
    first = Store.open(tmp_path / "one")
    digest = first.blobs.add_bytes(b"a wheel")
    for kind in ("layers", "segments", "wheels", "built-wheels"):
        (first.root / "index" / kind).mkdir(parents=True)
    second = reproduce._fresh_store(first, tmp_path / "two")
    assert digest in second.blobs
    assert [path.name for path in (second.root / "index").iterdir()] == ["wheels"]
