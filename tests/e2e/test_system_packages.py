"""Debian packages over an image or a base: no apt, no Docker, and the program finds its library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.programs import require_program

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.debian]

PROBE = (
    "import ctypes, ctypes.util, json\n"
    "ctypes.CDLL('libgomp.so.1').omp_get_max_threads()\n"
    "print(json.dumps([ctypes.util.find_library(name) for name in ('gomp', 'stdc++', 'z')]))"
)


@dataclass(frozen=True)
class Workbench:
    """Two projects side by side: one is the base, the other is built on it."""

    root: Path

    def project(self, name: str, table: str) -> None:
        root = self.root / name
        root.mkdir()
        (root / "pyproject.toml").write_text(
            f'[project]\nname = "{name}"\nversion = "1"\nrequires-python = "==3.11.*"\n'
            f'[tool.wherry]\ncommand = ["python", "-V"]\n{table}'
        )
        (root / "requirements.txt").write_text("")

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "wherry", *arguments],
            env=dict(os.environ),
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def layers(self, *arguments: str) -> list[dict[str, Any]]:
        document = json.loads(self.run("build", "app", "-t", "over-image", "--json", *arguments))
        found: list[dict[str, Any]] = document["images"][0]["layers"]
        return found


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Workbench:  # noqa: ARG001 - where it builds
    bench = Workbench(tmp_path_factory.mktemp("system-packages"))
    bench.project("own-base", 'base = "debian:bookworm"\n')
    bench.run("build", "own-base", "-t", "own-base", "-q", "-o", "oci:own-base-image")
    bench.project("app", 'base = "oci:../own-base-image"\nsystem-packages = ["libgomp1"]\n')
    bench.run("build", "app", "-t", "over-image", "-q")
    return bench


@pytest.mark.parametrize(("runtime", "program"), [("crun", "crun"), ("bubblewrap", "bwrap")])
def test_a_program_loads_the_library_that_was_laid_over_the_image(
    workbench: Workbench, runtime: str, program: str
) -> None:
    require_program(program)
    out = workbench.run("run", "--runtime", runtime, "over-image", "--", "python", "-c", PROBE)
    assert json.loads(out) == ["libgomp.so.1", "libstdc++.so.6", "libz.so.1"]


def test_the_images_own_layers_stay_and_one_lies_over_them(workbench: Workbench) -> None:
    own = json.loads(workbench.run("build", "own-base", "-t", "own-base", "--json"))["images"][0]["layers"]
    kinds = [layer["kind"] for layer in workbench.layers("--offline")]
    assert kinds[: len(own) + 1] == ["base"] * len(own) + ["system-packages"]
    (plan,) = json.loads(workbench.run("plan", "app", "--json"))
    assert [layer["title"] for layer in plan["layers"] if layer["kind"] == "system-packages"] == ["libgomp1"]
    assert "://" not in (workbench.root / "app/wherry.lock").read_text()


def test_the_same_bytes_come_out_elsewhere(workbench: Workbench) -> None:
    out = workbench.run("build", "app", "-t", "over-image", "--check-reproducible", "--offline")
    assert "reproducible: a second build under other conditions gave the same bytes" in out


def test_over_the_suites_own_base_the_same_program_finds_it_too(workbench: Workbench) -> None:
    require_program("bwrap")
    pinned = (workbench.root / "app/wherry.lock").read_bytes()
    workbench.run("build", "app", "-t", "over-debian", "-q", "--base", "debian:bookworm")
    out = workbench.run("run", "--runtime", "bubblewrap", "over-debian", "--", "python", "-c", PROBE)
    assert json.loads(out) == ["libgomp.so.1", "libstdc++.so.6", "libz.so.1"]
    assert (workbench.root / "app/wherry.lock").read_bytes() == pinned
