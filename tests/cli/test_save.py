"""An image of the store is handed to one place."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.handmade import Entry, put_image
from wherry.cli import main
from wherry.oci.image import read_image
from wherry.oci.registry import endpoint
from wherry.oci.sources import open_image
from wherry.store.store import Store
from wherry.store.tags import Tag

if TYPE_CHECKING:
    from pathlib import Path

    from tests.registry_world.quirks import QuirkRegistry


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


def test_a_registry_that_is_named_need_not_have_tls(
    quirks: QuirkRegistry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(endpoint, "_is_this_machine", lambda _: False)
    assert main.run(["save", "app", f"docker://{quirks.host}/team/app"]) == 3
    assert "--plain-http" in capsys.readouterr().err
    assert main.run(["save", "--plain-http", "app", f"docker://{quirks.host}/team/app"]) == 0
    assert "latest" in quirks.manifests["team/app"]


def test_missing_layers_come_from_the_registry_that_the_image_is_named_after(
    store: Store, quirks: QuirkRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{quirks.host}/team/app:v1"
    assert main.run(["push", "app", name]) == 0
    assert main.run(["pull", name]) == 0
    source, root = open_image("app", store)
    image = read_image(source, root, None)
    layer = image.manifest.layers[0].digest
    monkeypatch.setattr(endpoint, "_is_this_machine", lambda _: False)
    for command in (["save", name, f"oci:{tmp_path}/dir"], ["run", "--runtime", "crun", name, "--", "x"]):
        shutil.rmtree(tmp_path / "dir", ignore_errors=True)
        store.blobs.remove(layer)
        assert main.run(command) == 3
        assert layer not in store.blobs
        main.run([command[0], "--plain-http", *command[1:]])  # what runs it may be missing here
        assert layer in store.blobs


def test_a_name_the_store_lacks_is_answered_with_one_that_is_like_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main.run(["save", "apps", "oci:a"]) == 2
    assert "did you mean app:latest?" in capsys.readouterr().err
    assert main.run(["save", "xyz", "oci:a"]) == 2
    assert "did you mean" not in capsys.readouterr().err
