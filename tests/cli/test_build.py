"""``wherry build`` and ``wherry images``: what they print, in words and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_registry_base import debian_like
from tests.handmade import put_image
from wherry.cli import main
from wherry.oci.image import StoreSource
from wherry.oci.layout import write_layout
from wherry.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project on an image on this disk, and a store that has nothing yet."""
    made = Store.open(tmp_path / "made")
    root = put_image(made, debian_like(), architecture="amd64")
    write_layout(tmp_path / "base", StoreSource(made, root), root)
    project = tmp_path / "app"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.11"\n'
        '[tool.wherry]\nbytecode = false\ncommand = ["python", "-V"]\nbase = "oci:../base"\n'
        'platforms = ["linux/amd64"]\n'
    )
    (project / "requirements.txt").write_text("")
    (project / "readme.txt").write_text("hello\n")
    monkeypatch.chdir(project)
    monkeypatch.setenv("WHERRY_CACHE_DIR", str(tmp_path / "store"))
    return project


@pytest.mark.usefixtures("project")
def test_a_build_prints_its_layers_its_digest_and_its_notes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["build", "-t", "app:v1", "-o", f"oci:{tmp_path}/out:v1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0] == "linux/amd64"
    assert any(line.startswith("built app:v1 in ") for line in lines)
    assert f"  written to oci:{tmp_path}/out:v1" in lines
    assert main.run(["build", "-t", "app:v1", "-q"]) == 0
    assert f"  {capsys.readouterr().out}" in [f"{line}\n" for line in lines]


def test_a_build_for_programs_is_json_on_standard_output_and_in_a_file(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, sbom = tmp_path / "result.json", tmp_path / "sbom.json"
    arguments = ["--json", "--metadata-file", str(file), "--sbom-file", str(sbom)]
    assert main.run(["build", "-t", "app", *arguments]) == 0
    document = json.loads(capsys.readouterr().out)
    assert json.loads(file.read_text()) == document
    assert document["image.name"] == "app:latest"
    assert json.loads(sbom.read_text())["bomFormat"] == "CycloneDX"
    assert not (project / "wherry.lock").exists()  # an image on this disk is not pinned


def test_a_budget_that_is_broken_is_a_finding(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write('budgets = { max-image = "1 B" }\n')
    assert main.run(["build", "-q"]) == 1
    assert capsys.readouterr().err.startswith("over budget: ")


@pytest.mark.usefixtures("project")
def test_what_was_built_is_among_the_images(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["images"]) == 0
    assert capsys.readouterr().out == "no images yet: wherry build -t NAME\n"
    assert main.run(["build", "-t", "app:v1", "-q"]) == 0
    digest = capsys.readouterr().out.strip()
    assert main.run(["images"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "digest", "platforms", "size", "built"]
    assert line.split()[:3] == ["app:v1", digest.removeprefix("sha256:")[:12], "linux/amd64"]
    assert main.run(["images", "--json"]) == 0
    (image,) = json.loads(capsys.readouterr().out)
    assert (image["name"], image["digest"], image["platforms"]) == ("app:v1", digest, ["linux/amd64"])


@pytest.mark.usefixtures("project")
def test_what_stands_first_in_no_layer_is_noted_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = tmp_path / "first.txt"

    def notes(*paths: str) -> list[str]:
        wanted.write_text("\n".join(paths))
        arguments = ["--compression", "estargz", "--prefetch", str(wanted), "--json"]
        assert main.run(["build", *arguments]) == 0
        return [note for note in json.loads(capsys.readouterr().out)["notes"] if str(wanted) in note]

    assert notes("/app/mistyped", "/etc/os-release") == [
        f"nothing is prefetched: no layer made here has a file that {wanted} lists"
    ]
    assert notes("/etc/os-release", "/app/readme.txt") == [
        f"no layer made here has 1 of the 2 files that {wanted} lists, /etc/os-release among them"
    ]
    assert notes("/app/readme.txt") == []


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--find-links", "nowhere"], "--find-links is not a directory"),
        (["--platform", "plan9/pdp11"], "plan9/pdp11"),
    ],
)
@pytest.mark.usefixtures("project")
def test_options_that_name_nothing_are_the_users_fault(
    arguments: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["build", *arguments]) == 2
    assert what in capsys.readouterr().err


@pytest.mark.usefixtures("project")
def test_a_time_that_is_none_is_the_users_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert main.run(["build"]) == 2
    assert "SOURCE_DATE_EPOCH is 'yesterday'" in capsys.readouterr().err
