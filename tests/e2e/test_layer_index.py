"""A team's layer index: what one machine made, another with an empty disk need neither make nor download."""

from __future__ import annotations

import io
import re
import shutil
import tarfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.team import NOBODY, SMALL, Team
from tests.layers.wheel_maker import WheelMaker
from wherry.digest import Digest
from wherry.oci import media_types
from wherry.oci.registry.client import Registries
from wherry.oci.registry.push import push_manifest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.registry_world.quirks import QuirkRegistry

pytestmark = pytest.mark.e2e


def test_a_machine_with_an_empty_disk_pushes_an_unchanged_image_by_moving_kilobytes(
    warm: tuple[Team, dict[str, Any]],
) -> None:
    team, built = warm
    machine = team.machine()
    team.index.asked.clear()
    before = team.relay.passed_bytes
    again = machine.build("--push", index=NOBODY)
    moved_bytes = team.relay.passed_bytes - before
    assert again["containerimage.digest"] == built["containerimage.digest"]
    assert moved_bytes < 100_000
    assert not team.index.asked  # no page, no wheel
    assert not any(machine.has(team.wheel(name)) for name in team.versions)
    layers = {layer["kind"]: layer for layer in again["images"][0]["layers"]}
    assert not machine.has(layers["wheel"]["digest"])
    assert not machine.has(layers["wheels"]["digest"])
    assert not machine.has(layers["base"]["digest"])


def test_the_index_is_told_by_those_who_push_and_by_nobody_else(team: Team) -> None:
    team.machine().build()
    assert not team.registry.tags("team/cache")
    told = team.machine().build("--cache-to", f"{team.relay.host}/team/cache")
    kinds = Counter(tag.partition("-")[0] for tag in team.registry.tags("team/cache"))
    assert kinds == {"layer": 2, "segment": 3, "wheel": 4, "pin": 4, "set": 1}
    assert any("told the layer index" in line for line in told["delivered"])


def test_an_index_that_knows_all_is_told_nothing(warm: tuple[Team, dict[str, Any]]) -> None:
    team, _ = warm
    again = team.machine().build("--push", index=NOBODY)
    assert not any("told" in line for line in again["delivered"])
    assert not any("index" in note for note in again["notes"])


def test_one_bumped_dependency_is_all_that_the_package_index_is_asked_for(
    warm: tuple[Team, dict[str, Any]],
) -> None:
    team, built = warm
    team.offer("green", "2", SMALL)
    team.lock(green="2")
    team.index.asked.clear()
    machine = team.machine()
    bumped = machine.build("--push")
    assert set(team.index.asked) == {"green", "green-2-py3-none-any.whl"}
    assert not any(machine.has(team.wheel(name)) for name in ("large", "red", "blue"))
    before, after = (
        {layer["kind"]: layer for layer in one["images"][0]["layers"]} for one in (built, bumped)
    )
    assert after["wheel"]["digest"] == before["wheel"]["digest"]
    assert after["wheels"]["digest"] != before["wheels"]["digest"]
    from_nothing = team.machine().build("--cache-from", "none", "--cache-to", "none")
    assert from_nothing["containerimage.digest"] == bumped["containerimage.digest"]


def test_without_a_push_known_layers_are_fetched_and_no_wheel_is(warm: tuple[Team, dict[str, Any]]) -> None:
    team, built = warm
    machine = team.machine()
    team.index.asked.clear()
    again = machine.build(index=NOBODY)
    assert again["containerimage.digest"] == built["containerimage.digest"]
    assert not team.index.asked
    layers = {layer["kind"]: layer for layer in again["images"][0]["layers"]}
    assert machine.has(layers["wheel"]["digest"])
    assert not machine.has(team.wheel("large"))


def test_an_index_nobody_can_reach_costs_a_note_and_no_build(team: Team) -> None:
    built = team.machine().build("--cache-from", "127.0.0.1:9/team/cache")
    assert [
        note
        for note in built["notes"]
        if note.startswith("the layer index 127.0.0.1:9/team/cache is left out")
    ]


def test_a_second_build_from_nothing_proves_what_the_index_gave(warm: tuple[Team, dict[str, Any]]) -> None:
    team, _ = warm
    machine = team.machine()
    machine.build("--check-reproducible")


def test_a_bumped_wheel_at_odds_with_one_that_is_not_here_is_an_error_that_names_both(
    warm: tuple[Team, dict[str, Any]],
) -> None:
    team, _ = warm
    made = WheelMaker({"green/x.py": b"", "red/data.bin": b"mine"}, name="green", version="3").write(
        team.root / "wheels"
    )
    team.index.files[made.filename] = made.path.read_bytes()
    team.lock(green="3")
    machine = team.machine()
    said = machine.fails("--push")
    assert "green-3-py3-none-any.whl and red-1-py3-none-any.whl both install" in said
    assert machine.has(team.wheel("red"))  # nobody is refused on another's word
    assert not machine.has(team.wheel("blue"))


def test_a_lie_in_the_index_is_said_and_the_layer_is_made_from_its_wheel(
    warm: tuple[Team, dict[str, Any]],
) -> None:
    team, built = warm
    large = next(layer for layer in built["images"][0]["layers"] if layer["kind"] == "wheel")
    with Registries() as registries:
        registry = registries.at(team.registry.host)
        for tag in (tag for tag in team.registry.tags("team/cache") if tag.startswith("layer-")):
            place = f"team/cache/manifests/{tag}"
            with registry.request(
                "GET", place, repository="team/cache", headers={"Accept": media_types.MANIFEST}
            ) as reply:
                data = reply.read(1 << 20)
            lie = data.replace(large["diff_id"].encode(), Digest.of_bytes(b"a lie").encode())
            push_manifest(registry, "team/cache", tag, lie, media_types.MANIFEST)
    machine = team.machine()
    again = machine.build()
    assert again["containerimage.digest"] == built["containerimage.digest"]
    assert [note for note in again["notes"] if "is wrong" in note and large["digest"] in note]
    assert machine.has(team.wheel("large"))
    assert not machine.has(team.wheel("red"))
    machine.build("--push")  # by now the store has what is right
    fresh = team.machine()
    assert fresh.build("--cache-to", f"{team.relay.host}/team/cache")["delivered"]  # which is told instead
    assert not [note for note in team.machine().build(index=NOBODY)["notes"] if "is wrong" in note]


def test_several_machines_may_tell_at_once(team: Team) -> None:
    machines = [team.machine() for _ in range(3)]
    machines[0].build("--cache-from", "none")
    for other in machines[1:]:
        shutil.copytree(machines[0].root, other.root, dirs_exist_ok=True, symlinks=True)
    with ThreadPoolExecutor() as pool:
        built = list(pool.map(lambda machine: machine.build("--push"), machines))
    assert len({one["containerimage.digest"] for one in built}) == 1
    assert not [note for one in built for note in one["notes"] if "index" in note]
    shutil.copy(machines[0].root / "app/wherry.lock", team.project)
    fresh = team.machine()
    assert fresh.build("--push", index=NOBODY)["containerimage.digest"] == built[0]["containerimage.digest"]
    assert not fresh.has(team.wheel("large"))


BACKEND = """
import base64, hashlib, zipfile

NAME = "app"

def build_wheel(directory, config_settings=None, metadata_directory=None):
    info = f"{NAME}-1.dist-info"
    members = {
        f"{NAME}.py": open(f"{NAME}.py").read(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\\nName: {NAME}\\nVersion: 1\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    rows = []
    for name, text in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        rows.append(f"{name},sha256={digest},{len(text)}")
    members[f"{info}/RECORD"] = "\\n".join([*rows, f"{info}/RECORD,,", ""])
    with zipfile.ZipFile(f"{directory}/{NAME}-1-py3-none-any.whl", "w") as wheel:
        for name, text in members.items():
            wheel.writestr(zipfile.ZipInfo(name), text)
    return f"{NAME}-1-py3-none-any.whl"
"""
SYSTEM = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def test_a_changed_project_with_a_build_system_needs_its_own_wheel_alone(team: Team) -> None:
    text = (team.project / "pyproject.toml").read_text()
    (team.project / "pyproject.toml").write_text(SYSTEM + text)
    (team.project / "backend.py").write_text(BACKEND)
    (team.project / "app.py").write_text("print(1)\n")
    team.machine().build("--push")
    shutil.copy(team.root / "machine-1/app/wherry.lock", team.project)
    (team.project / "app.py").write_text("print(2)\n")
    machine = team.machine()
    before = team.relay.passed_bytes
    built = machine.build("--push", index=NOBODY)
    assert team.relay.passed_bytes - before < 150_000
    assert not any(machine.has(team.wheel(name)) for name in team.versions)
    made = [layer["kind"] for layer in built["images"][0]["layers"] if not layer["reused"]]
    assert made == ["environment", "project"]


def test_a_source_distribution_is_fetched_and_built_and_the_wheels_beside_it_are_not(team: Team) -> None:
    files = {
        "pyproject.toml": SYSTEM,
        "backend.py": BACKEND.replace('"app"', '"olive"'),
        "olive.py": "x = 1\n",
    }
    files["PKG-INFO"] = "Metadata-Version: 2.1\nName: olive\nVersion: 1\n"
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"olive-1/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    team.index.files["olive-1.tar.gz"] = sink.getvalue()
    with (team.project / "requirements.txt").open("a") as lock:
        lock.write(f"olive==1 --hash={Digest.of_bytes(sink.getvalue())}\n")
    built = team.machine().build("--push")
    shutil.copy(team.root / "machine-1/app/wherry.lock", team.project)
    machine = team.machine()
    team.index.asked.clear()
    again = machine.build("--push")
    assert set(team.index.asked) == {"olive", "olive-1.tar.gz"}
    assert again["containerimage.digest"] == built["containerimage.digest"]
    assert not any(machine.has(team.wheel(name)) for name in team.versions)


def test_a_bill_of_materials_is_the_same_whether_the_wheels_were_here_or_not(
    warm: tuple[Team, dict[str, Any]],
) -> None:
    team, _ = warm
    first, second = team.machine(), team.machine()
    first.build("--sbom-file", "sbom.json", "--cache-from", "none", "--cache-to", "none")
    second.build("--sbom-file", "sbom.json", "--push", index=NOBODY)
    assert (first.root / "sbom.json").read_bytes() == (second.root / "sbom.json").read_bytes()
    assert not second.has(team.wheel("large"))


def test_a_registry_that_refuses_to_be_told_costs_a_note(team: Team, quirks: QuirkRegistry) -> None:
    quirks.fails(403, times=1000, method="PUT")
    quirks.fails(403, times=1000, method="POST")
    built = team.machine().build("--cache-to", f"{quirks.host}/team/cache", "--cache-from", "none")
    assert [note for note in built["notes"] if "was not told all: no permission for" in note]


def test_without_network_nothing_is_asked_and_nothing_can_be_told(warm: tuple[Team, dict[str, Any]]) -> None:
    team, _ = warm
    machine = team.machine()
    machine.build()
    before = team.relay.passed_bytes
    machine.build("--offline")
    assert team.relay.passed_bytes == before
    assert "--offline is set" in machine.fails(
        "--offline", "--cache-to", f"{team.relay.host}/team/cache", code=2
    )


def test_what_is_no_repository_is_refused_before_anything_is_built(team: Team) -> None:
    assert "is not a repository in a registry" in team.machine().fails("--cache-from", "cache", code=2)


@pytest.mark.debian
def test_a_known_base_needs_no_package_no_mirror_and_no_interpreter(team: Team, cache_dir: Path) -> None:
    text = (team.project / "pyproject.toml").read_text()
    (team.project / "pyproject.toml").write_text(re.sub(r'base = ".*"', 'base = "debian:bookworm"', text))
    built = team.machine().build("--push", WHERRY_CACHE_DIR=str(cache_dir))
    shutil.copy(team.root / "machine-1/app/wherry.lock", team.project)
    machine = team.machine()
    before = team.relay.passed_bytes
    again = machine.build("--push", index=NOBODY, WHERRY_DEBIAN_MIRROR=NOBODY)
    assert again["containerimage.digest"] == built["containerimage.digest"]
    assert team.relay.passed_bytes - before < 100_000
    assert sum(file.stat().st_size for file in (machine.store / "blobs").rglob("*")) < 100_000
