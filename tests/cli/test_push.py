"""``wherry push``: what it prints, and what it says when there is nothing to push or nowhere to push it."""

from __future__ import annotations

import json
import re
import socket
from typing import TYPE_CHECKING

import pytest

from tests.oci.registry.harbour import HASTE
from tests.registry_world.images import make_image
from wherry.build.push import require_push
from wherry.cli import main
from wherry.fetch.answers import Patience
from wherry.oci.reference import RegistryReference
from wherry.oci.registry.errors import NoCredentialsError
from wherry.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.registries import DockerRegistry
    from tests.registry_world.quirks import QuirkRegistry
    from wherry.oci.model import Descriptor


@pytest.fixture(autouse=True)
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Descriptor:
    """The image ``app:v1`` of the store that the command line uses."""
    monkeypatch.setenv("WHERRY_CACHE_DIR", str(tmp_path / "store"))
    return make_image(Store.open(), "app:v1")


def test_it_says_what_moved_and_what_did_not(
    quirks: QuirkRegistry, image: Descriptor, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"{quirks.host}/team/app:v2"
    assert main.run(["push", "app:v1", place]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"pushed app:v1 to docker://{place} in \d.\d\d s: 5\d\d kB sent", first)
    assert second == f"  {image.digest}"
    assert main.run(["push", "app:v1", f"docker://{quirks.host}/team/other"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"/team/other in .* s: \d{3} B sent, 5\d\d kB mounted\n", out)


def test_a_script_gets_the_digest_or_json(
    quirks: QuirkRegistry, image: Descriptor, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"{quirks.host}/team/app:v2"
    assert main.run(["push", "-q", "app:v1", place]) == 0
    assert capsys.readouterr().out == f"{image.digest}\n"
    assert main.run(["push", "--json", "app:v1", place]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document.pop("seconds") >= 0
    assert document.pop("present_bytes") > 500_000
    assert document == {
        "version": 1,
        "reference": f"docker://{place}",
        "digest": image.digest,
        "sent_bytes": image.size_bytes,
        "copied_bytes": 0,
        "mounted_bytes": 0,
        "attached": [],
    }


def test_a_place_that_is_in_no_registry_is_the_users_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["push", "app:v1", "team/app:v1"]) == 2
    assert "'team/app:v1' names no registry" in capsys.readouterr().err


def test_a_name_the_store_lacks_is_answered_with_one_that_is_like_it(
    quirks: QuirkRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["push", "apps:v1", f"{quirks.host}/team/app"]) == 2
    assert "did you mean app:v1?" in capsys.readouterr().err


def test_a_registry_that_refuses_is_the_worlds_fault(
    quirks: QuirkRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    quirks.fails(403, times=100, method="POST")
    assert main.run(["push", "app:v1", f"{quirks.host}/team/app"]) == 3
    said = capsys.readouterr().err.splitlines()
    assert len(said) <= 3
    assert said[0].startswith("error: no permission for")


def test_a_build_is_pushed_under_its_own_name_which_has_a_registry(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main.run(["build", "--push"]) == 2
    assert "--push needs --tag HOST/NAME" in capsys.readouterr().err
    assert main.run(["build", "--push", "-t", "app:v1"]) == 2
    assert "'app:v1' names no registry" in capsys.readouterr().err
    assert main.run(["build", "--push", "--offline", "-t", "reg.example/app:v1"]) == 2
    assert "--push needs the network" in capsys.readouterr().err


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose base would have to be asked for, of a mirror that does not answer."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.11"\n'
        '[tool.wherry]\nbase = "debian:bookworm"\ncommand = ["python", "-V"]\n'
    )
    (root / "requirements.txt").write_text("")
    monkeypatch.chdir(root)
    monkeypatch.setenv("WHERRY_DEBIAN_MIRROR", "http://127.0.0.1:9/debian")
    return root


@pytest.mark.usefixtures("project")
def test_a_build_that_cannot_be_pushed_is_not_begun(
    password_registry: DockerRegistry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    host = password_registry.host
    for arguments in (["--push", "-t", f"{host}/team/app"], ["-o", f"docker://{host}/team/app:1"]):
        assert main.run(["build", *arguments]) == 3
        captured = capsys.readouterr()
        what, where, mend = captured.err.splitlines()
        assert what.startswith(f"error: {host}/team/app is private or does not exist, and no credentials")
        assert "/v2/team/app/blobs/uploads/" in where
        assert mend == f"  mend: run 'wherry login {host}'"


@pytest.mark.usefixtures("project")
def test_a_registry_that_is_not_there_is_told_before_a_build_begins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Patience, "of_environment", lambda: HASTE)
    with socket.create_server(("127.0.0.1", 0)) as free:
        host = f"127.0.0.1:{free.getsockname()[1]}"
    assert main.run(["build", "--push", "-t", f"{host}/team/app"]) == 3
    said = capsys.readouterr().err
    assert said.startswith("error: the server cannot be reached")
    assert "check the registry's name and the network" in said


def test_two_tags_of_one_repository_are_asked_about_once(quirks: QuirkRegistry) -> None:
    places = [RegistryReference(quirks.host, "team/app", tag) for tag in ("1", "2")]
    require_push([*places, RegistryReference(quirks.host, "team/other")])
    assert sorted(asked.path.split("/")[3] for asked in quirks.requests) == ["app", "other"]


def test_of_several_places_the_one_that_refuses_is_told(
    quirks: QuirkRegistry, password_registry: DockerRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    hosts = (quirks.host, password_registry.host)
    with pytest.raises(NoCredentialsError):
        require_push([RegistryReference(host, "team/app") for host in hosts])
