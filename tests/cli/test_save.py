"""An image of the store is handed to one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.handmade import Entry, put_image
from wherry.cli import main
from wherry.store.store import Store
from wherry.store.tags import Tag

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with the image ``app:latest``."""
    monkeypatch.setenv("WHERRY_CACHE_DIR", str(tmp_path / "store"))
    store = Store.open()
    root = put_image(store, [[Entry("opt/a", b"1")]])
    store.tags.put("app:latest", Tag(root.digest, root.size_bytes, root.media_type, 0))
    return store


@pytest.mark.parametrize("option", [(), ("-o",)])
def test_the_destination_follows_the_name(
    option: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"oci-archive:{tmp_path}/app.tar"
    assert main.run(["save", "app", *option, place]) == 0
    assert (tmp_path / "app.tar").is_file()
    assert capsys.readouterr().out.startswith(f"saved app to {place} (")


@pytest.mark.parametrize("places", [(), ("oci:a", "-o", "oci:b")])
def test_none_or_two_destinations_are_a_usage_error(
    places: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["save", "app", *places]) == 2
    assert capsys.readouterr().err.startswith("error: give one destination, such as oci-archive:FILE (")


def test_a_name_the_store_lacks_is_answered_with_one_that_is_like_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main.run(["save", "apps", "oci:a"]) == 2
    assert "did you mean app:latest?" in capsys.readouterr().err
    assert main.run(["save", "xyz", "oci:a"]) == 2
    assert "did you mean" not in capsys.readouterr().err
