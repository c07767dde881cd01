"""eStargz images in other people's hands: everyone who reads gzip reads them, and finds the same files."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.test_build import EXAMPLE, PROBE, Workbench, layers
from tests.layers.estargz_reader import Read, read_estargz
from tests.layers.unpacking import tree
from tests.programs import require_program

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.registries import DockerRegistry

pytestmark = [pytest.mark.e2e, pytest.mark.index, pytest.mark.debian]

ADDED = {".no.prefetch.landmark", "stargz.index.json"}
STARTED = ["python", "-c", "import onnxruntime, digits"]


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Workbench:
    root = tmp_path_factory.mktemp("estargz")
    shutil.copytree(
        EXAMPLE, root / "digits", ignore=shutil.ignore_patterns("wherry.lock", "weights", ".venv")
    )
    bench = Workbench(root, cache_dir)
    bench.build("-t", "plain", "-o", f"oci:{root}/plain:v1")
    bench.build("-t", "lazy", "--compression", "estargz", "-o", f"oci:{root}/lazy:v1")
    return bench


def read_layout(layout: Path) -> list[tuple[str, Read]]:
    """The title and the checked content of every layer of a layout's image."""
    index = json.loads((layout / "index.json").read_bytes())
    manifest = json.loads(blob(layout, index["manifests"][0]["digest"]))
    assert {layer["mediaType"] for layer in manifest["layers"]} == {
        "application/vnd.oci.image.layer.v1.tar+gzip"
    }
    return [
        (
            layer["annotations"]["dev.wherry.layer"],
            read_estargz(blob(layout, layer["digest"]), layer["annotations"]),
        )
        for layer in manifest["layers"]
    ]


def blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs" / digest.replace(":", "/")).read_bytes()


def done(argv: Sequence[str]) -> str:
    found = subprocess.run([require_program(argv[0]), *argv[1:]], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_every_layer_of_an_image_keeps_the_rules(workbench: Workbench) -> None:
    read = read_layout(workbench.root / "lazy")
    assert len(read) > 4
    assert all(not layer.prefetched for _, layer in read)


def test_it_unpacks_to_the_files_of_the_plain_image_and_two_of_its_own(
    workbench: Workbench, tmp_path: Path
) -> None:
    for name in ("plain", "lazy"):
        done(["skopeo", "copy", "-q", f"oci:{workbench.root}/{name}:v1", f"oci:{tmp_path}/{name}:v1"])
        done(["umoci", "unpack", "--image", f"{tmp_path}/{name}:v1", f"{tmp_path}/{name}-bundle"])
    plain, lazy = (tree(tmp_path / f"{name}-bundle/rootfs") for name in ("plain", "lazy"))
    assert set(lazy) - set(plain) == ADDED
    assert {name: lazy[name] for name in plain} == plain


def test_it_is_the_same_image_wherever_it_is_built(workbench: Workbench) -> None:
    workbench.build("-t", "again", "--compression", "estargz", "--check-reproducible")


@pytest.mark.xdist_group("docker")
def test_docker_pulls_and_runs_it(
    workbench: Workbench, docker_host: str, plain_registry: DockerRegistry, fresh_repository: str
) -> None:
    name = f"{plain_registry.host}/{fresh_repository}:lazy"
    workbench.run("push", "lazy", name)
    docker = ["docker", "-H", docker_host]
    done([*docker, "pull", name])
    run = [*docker, "run", "--rm", "--network", "host", "--read-only", "--entrypoint", "python", name]
    assert json.loads(done([*run, "-c", PROBE])) == [65532, "nonroot", "/app"]
    found = json.loads(done(["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}"]))
    assert all(
        "containerd.io/snapshot/stargz/toc.digest" in layer["annotations"] for layer in found["layers"]
    )


def test_what_a_run_opened_comes_first_in_each_layer(workbench: Workbench, tmp_path: Path) -> None:
    require_program("strace")
    require_program("crun")
    wanted = tmp_path / "first.txt"
    workbench.run("run", "--runtime", "crun", "--trace", str(wanted), "lazy", "--", *STARTED)
    made = ["--compression", "estargz", "--prefetch", str(wanted), "-o", f"oci:{tmp_path}/first:v1"]
    document: dict[str, Any] = workbench.build("-t", "first", *made)
    names = [line.lstrip("/") for line in wanted.read_text().splitlines()]
    prefetched = dict(read_layout(tmp_path / "first"))
    assert len(layers(document)) == len(prefetched)
    above = [name for layer in prefetched.values() for name in layer.prefetched]
    assert sorted(above) == sorted(names)
    (onnxruntime,) = [layer for title, layer in prefetched.items() if title.startswith("onnxruntime")]
    assert onnxruntime.prefetched == [name for name in names if name in set(onnxruntime.prefetched)]
    assert onnxruntime.prefetched
