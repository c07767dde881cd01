"""``--sbom`` from the command line to the registry: the same bytes on every machine, beside the image."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.team import NOBODY
from tests.programs import require_program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.team import Machine, Team

pytestmark = pytest.mark.e2e

SBOM = "application/vnd.cyclonedx+json"
TOTO = "application/vnd.in-toto+json"


@pytest.fixture
def first(team: Team) -> Machine:
    """A machine that has built, attached and pushed; what it pinned is committed."""
    machine = team.machine()
    machine.build("--sbom-file", "sbom.json", "--push")
    (team.project / "wherry.lock").write_bytes((machine.root / "app/wherry.lock").read_bytes())
    return machine


def referrers(machine: Machine) -> list[dict[str, Any]]:
    said = machine.run("referrers", f"{machine.team.relay.host}/team/app:1", "--json")
    found: list[dict[str, Any]] = json.loads(said)["referrers"]
    return found


def fetched(team: Team, place: str) -> bytes:
    skopeo = require_program("skopeo")
    name = f"docker://{team.registry.host}/team/app{place}"
    command = [skopeo, "inspect", "--raw", *team.registry.skopeo[""], name]
    return subprocess.run(command, check=True, capture_output=True).stdout


def blob(team: Team, digest: str) -> bytes:
    found = [path for path in team.registry.blob_files() if path.parent.name == digest.partition(":")[2]]
    return found[0].read_bytes()


def test_the_pushed_image_has_both_documents_beside_it(first: Machine) -> None:
    found = referrers(first)
    assert [one["artifact_type"] for one in found] == [SBOM, TOTO]
    artifact = json.loads(fetched(first.team, f"@{found[0]['digest']}"))
    assert artifact["subject"]["digest"] == found[0]["subject"]
    document = blob(first.team, artifact["layers"][0]["digest"])
    assert document == (first.root / "sbom.json").read_bytes()
    parts = {part["name"] for part in json.loads(document)["components"]}
    assert {"large", "red", "green", "blue", "app", "debian"} <= parts


def test_a_machine_that_fetches_no_wheel_says_the_same_of_it(first: Machine) -> None:
    second = first.team.machine()
    second.build("--sbom-file", "sbom.json", "--push", index=NOBODY)
    assert (second.root / "sbom.json").read_bytes() == (first.root / "sbom.json").read_bytes()
    assert not any(second.has(first.team.wheel(name)) for name in first.team.versions)
    assert len(referrers(second)) == 2


def test_without_the_option_nothing_is_attached(team: Team) -> None:
    machine = team.machine()
    machine.build("--push")
    assert referrers(machine) == []


def test_no_credential_of_the_project_is_in_either_document(team: Team, tmp_path: Path) -> None:
    machine = team.machine()
    config = tmp_path / "machine-1/app/.git/config"
    config.parent.mkdir(parents=True)
    config.write_text('[remote "origin"]\n\turl = https://someone:planted-secret@git.example/app.git\n')
    config.with_name("HEAD").write_text(f"{'c0ffee' * 6}c0ff\n")
    machine.build("--sbom-file", "sbom.json", "--push")
    found = referrers(machine)
    documents = [fetched(team, f"@{one['digest']}") for one in found]
    documents += [blob(team, json.loads(data)["layers"][0]["digest"]) for data in documents]
    assert b"git.example/app" in documents[3]
    assert not any(b"planted-secret" in data for data in documents)
