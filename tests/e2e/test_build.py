"""From a locked project to a running image: the README's promise, with real wheels, packages and programs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from elftools.elf.elffile import ELFFile

from tests.programs import require_program
from wherry.oci.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.index, pytest.mark.debian]

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits"
HOST = str(Platform.of_host())
FOREIGN = "linux/arm64" if HOST == "linux/amd64" else "linux/amd64"
PROBE = (
    "import json, numpy, onnxruntime, os, ssl, getpass\n"
    "print(json.dumps([os.getuid(), getpass.getuser(), os.getcwd()]))"
)


@dataclass(frozen=True)
class Workbench:
    """The example in a directory of its own, and the command line in a process of its own."""

    root: Path
    cache: Path

    @property
    def project(self) -> Path:
        return self.root / "digits"

    def run(self, *arguments: str, code: int = 0, variables: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "wherry", *arguments],
            env={**os.environ, "WHERRY_CACHE_DIR": str(self.cache), **(variables or {})},
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def build(self, *arguments: str, **variables: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(
            self.run("build", "digits", "-t", "digits", "--json", *arguments, variables=variables)
        )
        return document


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Workbench:
    root = tmp_path_factory.mktemp("build")
    shutil.copytree(
        EXAMPLE, root / "digits", ignore=shutil.ignore_patterns("wherry.lock", "weights", ".venv")
    )
    bench = Workbench(root, cache_dir)
    bench.build()
    return bench


def layers(document: dict[str, Any], image: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["images"][image]["layers"]
    return found


def test_the_first_build_pins_the_base_for_every_platform(workbench: Workbench) -> None:
    text = (workbench.project / "wherry.lock").read_text()
    assert '[platforms."linux/amd64"]' in text
    assert '[platforms."linux/arm64"]' in text
    assert "://" not in text  # versions, paths and hashes, never a host


def test_an_unchanged_project_makes_no_layer_and_the_same_image(workbench: Workbench) -> None:
    first, second = workbench.build(), workbench.build()
    assert all(layer["reused"] for layer in layers(second))
    assert first["containerimage.digest"] == second["containerimage.digest"]


def test_one_changed_source_file_makes_one_layer(workbench: Workbench, tmp_path: Path) -> None:
    before = workbench.build()
    changed = Workbench(tmp_path, workbench.cache)
    shutil.copytree(workbench.project, changed.project)
    source = next((changed.project / "digits").glob("*.py"))
    source.write_text(source.read_text() + "\n# changed\n")
    after = changed.build("-t", "changed")
    assert [layer["kind"] for layer in layers(after) if not layer["reused"]] == ["source"]
    assert [a["digest"] for a in layers(after)[:-1]] == [b["digest"] for b in layers(before)[:-1]]


@pytest.mark.parametrize(("runtime", "program"), [("crun", "crun"), ("bubblewrap", "bwrap")])
def test_the_image_runs_without_docker_as_a_user_that_exists(
    workbench: Workbench, runtime: str, program: str
) -> None:
    require_program(program)
    out = workbench.run("run", "--runtime", runtime, "digits:latest", "--", "python", "-c", PROBE)
    assert json.loads(out) == [65532, "nonroot", "/app"]


def test_exit_codes_are_passed_on(workbench: Workbench) -> None:
    require_program("crun")
    workbench.run("run", "--runtime", "crun", "digits", "--", "python", "-c", "raise SystemExit(7)", code=7)


@pytest.mark.xdist_group("docker")
def test_docker_loads_and_runs_it(workbench: Workbench, docker_host: str) -> None:
    workbench.run("save", "digits", "-o", "docker-archive:digits.tar")
    docker = [require_program("docker"), "-H", docker_host]
    subprocess.run(
        [*docker, "load", "-i", str(workbench.root / "digits.tar")], check=True, capture_output=True
    )
    done = subprocess.run(
        [
            *docker,
            "run",
            "--rm",
            "--network",
            "host",
            "--read-only",
            "--entrypoint",
            "python",
            "digits",
            "-c",
            PROBE,
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout) == [65532, "nonroot", "/app"]


def test_skopeo_and_umoci_take_what_we_write(workbench: Workbench, tmp_path: Path) -> None:
    skopeo, umoci = require_program("skopeo"), require_program("umoci")
    workbench.run("save", "digits", "-o", f"oci:{tmp_path}/layout:v1")
    told = subprocess.run(
        [skopeo, "inspect", f"oci:{tmp_path}/layout:v1"], check=True, capture_output=True, text=True
    )
    assert json.loads(told.stdout)["Architecture"] == Platform.of_host().architecture
    subprocess.run([skopeo, "copy", "-q", f"oci:{tmp_path}/layout:v1", f"oci:{tmp_path}/copy:v1"], check=True)
    subprocess.run(
        [umoci, "unpack", "--image", f"{tmp_path}/copy:v1", str(tmp_path / "bundle")],
        check=True,
        capture_output=True,
    )
    root = tmp_path / "bundle" / "rootfs"
    assert (root / "bin").is_symlink()  # no layer replaced the usr-merge's links
    assert str((root / "opt/venv/bin/python").readlink()).startswith("/usr/bin/python3.")


def test_the_config_says_how_to_start_it(workbench: Workbench, tmp_path: Path) -> None:
    skopeo = require_program("skopeo")
    workbench.run("save", "digits", "-o", f"oci:{tmp_path}/layout:v1")
    raw = subprocess.run(
        [skopeo, "inspect", "--config", f"oci:{tmp_path}/layout:v1"], check=True, capture_output=True
    )
    config = json.loads(raw.stdout)
    inner = config["config"]
    assert inner["User"] == "65532:65532"
    assert inner["Entrypoint"] == ["python", "-m", "digits"]
    assert inner["WorkingDir"] == "/app"
    assert inner["ExposedPorts"] == {"8000/tcp": {}}
    env = dict(entry.split("=", 1) for entry in inner["Env"])
    assert env["PATH"].startswith("/opt/venv/bin:")
    assert (env["PYTHONUNBUFFERED"], env["PYTHONDONTWRITEBYTECODE"]) == ("1", "1")
    assert len(config["history"]) == len(config["rootfs"]["diff_ids"])
    assert all(line["created_by"].startswith("wherry: ") for line in config["history"])


def test_an_image_for_a_foreign_platform_has_only_its_code(workbench: Workbench, tmp_path: Path) -> None:
    document = workbench.build("--platform", f"{HOST},{FOREIGN}", "-o", f"oci:{tmp_path}/layout:v1")
    assert [image["platform"] for image in document["images"]] == [HOST, FOREIGN]
    assert document["containerimage.descriptor"]["mediaType"] == "application/vnd.oci.image.index.v1+json"
    wanted = {"linux/arm64": "EM_AARCH64", "linux/amd64": "EM_X86_64"}[FOREIGN]
    machines: set[str] = set()
    for layer in layers(document, 1):
        blob = tmp_path / "layout/blobs" / layer["digest"].replace(":", "/")
        machines |= set(elf_machines(blob))
    assert machines == {wanted}
    shared = {layer["kind"] for layer in layers(document, 1)} & {"source", "environment"}
    own = {layer["digest"] for layer in layers(document, 0) if layer["kind"] in shared}
    assert own == {layer["digest"] for layer in layers(document, 1) if layer["kind"] in shared}


def elf_machines(blob: Path) -> Iterator[str]:
    with tarfile.open(blob, "r:gz") as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isfile() and not member.islnk() else None
            if stream is not None and stream.read(4) == b"\x7fELF":
                stream.seek(0)
                yield ELFFile(stream)["e_machine"]


def test_the_same_bytes_come_out_elsewhere_and_the_command_proves_it(workbench: Workbench) -> None:
    out = workbench.run("build", "digits", "-t", "digits", "--check-reproducible")
    assert "reproducible: a second build under other conditions gave the same bytes" in out


def test_the_same_bytes_come_out_after_everything_was_forgotten(workbench: Workbench, tmp_path: Path) -> None:
    first = workbench.build()
    other = Workbench(workbench.root, tmp_path / "cache")
    shutil.copytree(workbench.cache, other.cache, symlinks=True)
    other.run("cache", "prune", "--all")
    assert "0 images" in other.run("cache")
    again = other.build(TZ="Asia/Kathmandu", PYTHONHASHSEED="7", LC_ALL="C")
    assert again["containerimage.digest"] == first["containerimage.digest"]
    assert not any(layer["reused"] for layer in layers(again))


def test_a_plan_says_what_is_there_and_why(workbench: Workbench) -> None:
    (plan,) = json.loads(workbench.run("plan", "digits", "--json"))
    assert all(layer["stored"] for layer in plan["layers"])
    assert [layer["kind"] for layer in plan["layers"]][:2] == ["base", "environment"]
    text = workbench.run("plan", "digits")
    assert "large: a layer of its own" in text


def test_what_is_built_is_listed_and_can_be_removed(workbench: Workbench) -> None:
    workbench.build("-t", "passing")
    names = workbench.run("images", "-q").split()
    assert "passing:latest" in names
    assert "passing:latest" in workbench.run("images")
    assert any(image["name"] == "passing:latest" for image in json.loads(workbench.run("images", "--json")))
    assert workbench.run("rm", "passing") == "removed passing:latest\n"
    assert "passing:latest" not in workbench.run("images", "-q").split()
    workbench.run("rm", "passing", code=2)
