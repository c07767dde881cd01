"""Mended files really build, their images are smaller, and what they run says the same.

The base is Debian's own Python under the name that people's files have; packages come from Debian's mirror
and from an index on loopback. Sizes are those of all layers unpacked, as docker tells them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.dockerfile.buildkit import client_of
from tests.e2e.team import noise
from tests.layers.wheel_maker import WheelMaker
from tests.programs import require_program
from wherry.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.debian, pytest.mark.xdist_group("docker")]

BASE: Final = "python:3.11-slim"
_HOOKS: Final = Path("/usr/share/mmdebstrap/hooks/maybe-merged-usr")
_UNWANTED: Final = ("doc", "info", "locale", "man")
_STEP: Final = re.compile(r"^#(\d+) \[(?!internal)[^\]]*\] (.*)$", re.MULTILINE)


class _Index(SimpleHTTPRequestHandler):
    """Says how long its files may be kept, as public indexes do: what says nothing pip does not keep."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "max-age=36000, public")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


@pytest.fixture(scope="module")
def index_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An index with a few packages, each of some megabytes that do not compress."""
    root = tmp_path_factory.mktemp("index")
    for name, version in (("hdbscan", "0.8.40"), ("numpy", "2.1.3")):
        data = noise(name, 4_000_000)
        WheelMaker({f"{name}/__init__.py": b"", f"{name}/data.bin": data}, name, version).write(
            root / "simple" / name
        )
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Index, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/simple"
    server.shutdown()
    server.server_close()


@dataclass(frozen=True)
class Docker:
    """A daemon that has the base."""

    environment: dict[str, str]
    program: str

    def run(self, *arguments: str, standard_input: Path | None = None) -> subprocess.CompletedProcess[str]:
        with (standard_input or Path(os.devnull)).open("rb") as stream:
            done = subprocess.run(
                [self.program, *arguments],
                env=self.environment,
                stdin=stream,
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
        assert done.returncode == 0, done.stderr[-3000:]
        return done

    def build(self, root: Path, tag: str) -> str:
        """Build, and what BuildKit says of it."""
        return self.run("build", "--network=host", "--progress=plain", f"--tag={tag}", str(root)).stderr

    def size_bytes(self, tag: str) -> int:
        return int(json.loads(self.run("image", "inspect", tag).stdout)[0]["Size"])

    def output(self, tag: str) -> str:
        return self.run("run", "--rm", "--network=host", tag).stdout


@pytest.fixture(scope="module")
def docker(docker_host: str, index_url: str, tmp_path_factory: pytest.TempPathFactory) -> Docker:
    home = tmp_path_factory.mktemp("docker")
    environment = {"PATH": os.defpath, "DOCKER_HOST": docker_host, "DOCKER_BUILDKIT": "1", "HOME": str(home)}
    made = Docker(environment, client_of(environment))
    settings = [
        f"ENV PIP_INDEX_URL={index_url}",
        "ENV PIP_TRUSTED_HOST=127.0.0.1",  # else pip keeps nothing that came by http
        "ENV PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore",
    ]
    changes = [word for setting in settings for word in ("--change", setting)]
    made.run("import", *changes, "-", BASE, standard_input=debian_with_python(home))
    return made


def debian_with_python(home: Path) -> Path:
    """A small Debian with Python, pip and apt, as a tar."""
    tar = home / "base.tar"
    sources = [*Path("/etc/apt").glob("sources.list"), *Path("/etc/apt/sources.list.d").glob("*.sources")]
    options = ["--quiet", "--variant=minbase", "--include=usr-is-merged,python3,python3-venv,python3-pip"]
    options += [f"--hook-dir={_HOOKS}"] if _HOOKS.is_dir() else []
    options += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _UNWANTED]
    options += ['--customize-hook=ln -s python3 "$1/usr/bin/python"']
    options += ['--customize-hook=find "$1/usr" -name __pycache__ -prune -exec rm -rf {} +']
    made = [require_program("mmdebstrap"), *options, "bookworm", str(tar), *map(str, sources)]
    done = subprocess.run(made, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return tar


@dataclass(frozen=True)
class Example:
    """A Dockerfile, its neighbours, and the rules whose fixes are applied."""

    rules: str
    dockerfile: str
    saved: int  # at least so many bytes
    files: dict[str, bytes] = field(default_factory=dict)

    def write(self, root: Path) -> None:
        for name, data in {"Dockerfile": self.dockerfile.encode(), **self.files}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)


REQUIREMENTS: Final = {"requirements.txt": b"hdbscan==0.8.40\n"}
SERVER: Final = {"server/__main__.py": b"import hdbscan\nprint('ready')\n"}
START: Final = 'CMD ["python", "-m", "server"]\n'

EXAMPLES: Final = {
    "pip-cache": Example(
        "G1",
        f"FROM {BASE}\nWORKDIR /app\nCOPY requirements.txt ./\nRUN pip install -r requirements.txt\n"
        f"COPY server ./server\n{START}",
        3_900_000,
        REQUIREMENTS | SERVER,
    ),
    "apt-lists": Example(
        "G2",
        f"FROM {BASE}\nRUN apt-get update && apt-get install -y --no-install-recommends less\n"
        'CMD ["less", "--version"]\n',
        5_000_000,
    ),
    "chown": Example(
        "G4",
        f"FROM {BASE}\nRUN useradd --create-home app\nWORKDIR /app\nCOPY weights ./weights\n"
        'RUN chown -R app:app /app\nUSER app\nCMD ["stat", "-c", "%U %n", "weights/a.bin"]\n',
        5_900_000,
        {"weights/a.bin": noise("weights", 6_000_000)},
    ),
    "build-tools": Example(
        "A1",
        f"FROM {BASE}\nRUN apt-get update && apt-get install -y --no-install-recommends gcc && "
        "rm -rf /var/lib/apt/lists/*\nWORKDIR /app\nCOPY requirements.txt ./\n"
        f"RUN pip install --no-cache-dir -r requirements.txt\nCOPY server ./server\n{START}",
        40_000_000,
        REQUIREMENTS | SERVER,
    ),
    "ignore-file": Example(
        "B11",
        f"FROM {BASE}\nWORKDIR /app\nCOPY . .\nRUN pip install --no-cache-dir -r requirements.txt\n{START}",
        6_900_000,
        REQUIREMENTS
        | SERVER
        | {
            ".git/HEAD": b"ref: refs/heads/main\n",
            ".git/objects/pack/pack-1.pack": noise("pack", 5_000_000),
            ".venv/pyvenv.cfg": b"home = /usr/bin\n",
            ".venv/lib/x.py": noise("venv", 2_000_000),
        },
    ),
    "runs-apart": Example(
        "G1,G2,G4,G5,B5",
        f"FROM {BASE}\nRUN apt-get update\nRUN apt-get install -y --no-install-recommends less\n"
        "WORKDIR /app\nRUN useradd --create-home app\nCOPY requirements.txt ./\n"
        "RUN pip install -r requirements.txt\n"
        f"COPY server ./server\nCOPY weights ./weights\nRUN chown -R app:app /app\nUSER app\n{START}",
        9_000_000,
        REQUIREMENTS | SERVER | {"weights/a.bin": noise("weights", 4_000_000)},
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_mended_file_builds_a_smaller_image_that_does_the_same(
    name: str, docker: Docker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example = EXAMPLES[name]
    (tmp_path / ".git").mkdir()
    example.write(tmp_path)
    docker.build(tmp_path, f"{name}:before")

    assert main.run(["check", str(tmp_path), "--select", example.rules, "--unsafe-fixes"]) in {0, 1}
    said = capsys.readouterr().out
    assert "mended: " in said
    docker.build(tmp_path, f"{name}:after")

    before, after = (docker.size_bytes(f"{name}:{state}") for state in ("before", "after"))
    assert docker.output(f"{name}:after") == docker.output(f"{name}:before") != ""
    assert after <= before - example.saved, said
    with capsys.disabled():
        sys.stdout.write(f"\n  {name:12} {before / 1e6:7.1f} MB -> {after / 1e6:7.1f} MB ")


def steps(said: str) -> dict[str, bool]:
    """Each instruction of a build, and whether it came from the cache."""
    return {text: f"#{number} CACHED" in said for number, text in _STEP.findall(said)}


def test_a_change_of_the_source_installs_nothing_once_the_list_is_copied_first(
    docker: Docker, tmp_path: Path
) -> None:
    install = "RUN pip install --no-cache-dir -r requirements.txt"
    example = Example(
        "B1", f"FROM {BASE}\nWORKDIR /app\nCOPY . .\n{install}\n{START}", 0, REQUIREMENTS | SERVER
    )
    (tmp_path / ".git").mkdir()
    example.write(tmp_path)
    server = tmp_path / "server/__main__.py"

    def rebuilt() -> dict[str, bool]:
        docker.build(tmp_path, "order")
        server.write_text(f"{server.read_text()}print('again')\n")
        return steps(docker.build(tmp_path, "order"))

    assert rebuilt()[install] is False
    assert main.run(["check", str(tmp_path), "--select", "B1", "--unsafe-fixes"]) == 0
    assert rebuilt()[install] is True
    assert docker.output("order") == "ready\nagain\nagain\n"
