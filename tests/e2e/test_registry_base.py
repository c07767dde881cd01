"""A base in a registry: pinned once, then neither its blobs nor its registry are needed to build on it."""

from __future__ import annotations

import base64
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.handmade import Entry, directory, put_image, put_index, symlink
from tests.programs import require_program
from tests.registries import docker_registry
from wherry.oci.image import StoreSource
from wherry.oci.layout import write_layout
from wherry.oci.model import Config
from wherry.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.registries import DockerRegistry

pytestmark = pytest.mark.e2e

_REQUEST = re.compile(r'"(GET|HEAD|POST|PUT|PATCH|DELETE) (/v2/\S*) HTTP/1\.1"')
CONFIG = Config(user="1000:1000", env=("PATH=/usr/local/bin:/usr/bin:/bin", "GREETING=good day"))


def debian_like(python: str = "3.12.3", *packages: str, libc: str = "2.36-9+deb12u7") -> list[list[Entry]]:
    """A system and, over it, a Python: like ``python:3.12-slim``, but a few kilobytes."""
    minor = python.rpartition(".")[0]
    status = [f"Package: libc6\nStatus: install ok installed\nVersion: {libc}\nProvides: libc6-2.36\n"]
    status += [f"Package: {name}\nStatus: install ok installed\nVersion: 1\n" for name in packages]
    system = [
        *map(directory, ("etc", "usr", "usr/bin", "usr/lib", "usr/lib/x86_64-linux-gnu", "var/lib/dpkg")),
        symlink("bin", "usr/bin"),
        symlink("lib", "usr/lib"),
        Entry("etc/os-release", b"ID=debian\nVERSION_CODENAME=bookworm\n"),
        Entry("usr/lib/x86_64-linux-gnu/libc.so.6", b"GNU C Library (Debian) stable release version 2.36."),
        Entry("var/lib/dpkg/status", "\n".join(status).encode()),
    ]
    program = [Entry(f"usr/local/bin/python{minor}", b"\x7fELF\0" + python.encode() + b"\0", mode=0o755)]
    return [system, program]


@dataclass(frozen=True)
class Registry:
    """Debian's registry, alone with one test: what it was asked for, and images pushed there by skopeo."""

    server: DockerRegistry
    directory: Path

    @property
    def host(self) -> str:
        return self.server.host

    def asked(self) -> list[str]:
        """Method and path of every request so far."""
        return [" ".join(found) for found in _REQUEST.findall(self.server.log.read_text())]

    def push(self, name: str, *images: list[list[Entry]], architectures: tuple[str, ...] = ("amd64",)) -> str:
        """Have skopeo push an image for each architecture under *name*; returns its full name."""
        skopeo = require_program("skopeo")
        made = self.directory / "made"
        shutil.rmtree(made, ignore_errors=True)
        store = Store.open(made / "store")
        manifests = [
            put_image(store, layers, config=CONFIG, architecture=architecture)
            for layers, architecture in zip(images, architectures, strict=True)
        ]
        root = put_index(store, manifests) if len(manifests) > 1 else manifests[0]
        write_layout(made / "layout", StoreSource(store, root), root, ref_name="x")
        target = f"docker://{self.host}/{name}"
        subprocess.run(
            [skopeo, "copy", "--all", "-q", *self.server.skopeo["dest"], f"oci:{made}/layout:x", target],
            check=True,
            capture_output=True,
        )
        return f"{self.host}/{name}"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with docker_registry(tmp_path) as server:
        yield Registry(server, tmp_path / "pushed")


@dataclass(frozen=True)
class Bench:
    """A project, and the command line in a process of its own with a store of its own."""

    root: Path

    def project(self, base: str, table: str = "", requires_python: str = ">=3.11") -> None:
        root = self.root / "app"
        root.mkdir(exist_ok=True)
        (root / "pyproject.toml").write_text(
            f'[project]\nname = "app"\nversion = "1"\nrequires-python = "{requires_python}"\n'
            f'[tool.wherry]\ncommand = ["python", "-V"]\nbytecode = false\nbase = "{base}"\n{table}'
        )
        (root / "requirements.txt").write_text("")

    def run(self, *arguments: str, store: str = "store", code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "wherry", *arguments],
            env={**os.environ, "WHERRY_CACHE_DIR": str(self.root / store)},
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        return done.stdout if code == 0 else done.stderr

    def build(self, *arguments: str, store: str = "store") -> dict[str, Any]:
        out = self.run("build", "app", "--platform", "linux/amd64", "--json", *arguments, store=store)
        found: dict[str, Any] = json.loads(out)
        return found

    def lock(self) -> str:
        return (self.root / "app/wherry.lock").read_text()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def blobs(asked: list[str]) -> list[str]:
    return [request for request in asked if "/blobs/" in request]


def test_a_machine_with_an_empty_store_builds_on_a_pinned_base_and_asks_no_registry(
    bench: Bench, registry: Registry
) -> None:
    bench.project(registry.push("team/python:3.12", debian_like()))
    first = bench.build()
    asked = len(registry.asked())
    second = bench.build("--offline", store="empty")
    assert second["containerimage.digest"] == first["containerimage.digest"]
    bench.run("plan", "app", "--platform", "linux/amd64", store="emptier")
    assert "app" in bench.run("images", store="empty")
    assert registry.asked()[asked:] == []


def test_a_build_on_a_pinned_base_loads_nothing_that_talks_to_registries(
    bench: Bench, registry: Registry
) -> None:
    bench.project(registry.push("python:3.12", debian_like()))
    bench.build()
    program = (
        "import sys; from wherry.cli import main; main.run(sys.argv[1:])\n"
        "print(*[name for name in sys.modules if name.startswith(('wherry.oci.registry', 'urllib3'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "build", "app", "--platform", "linux/amd64", "-q"],
        env={**os.environ, "WHERRY_CACHE_DIR": str(bench.root / "store")},
        cwd=bench.root,
        capture_output=True,
        text=True,
        check=True,
    )
    digest, loaded = done.stdout.splitlines()
    assert digest.startswith("sha256:")
    assert loaded == ""


def test_the_first_build_looks_at_each_layer_once_and_pins_all_platforms(
    bench: Bench, registry: Registry
) -> None:
    images = debian_like(), debian_like("3.12.4", "only-arm")
    bench.project(registry.push("python:3.12", *images, architectures=("amd64", "arm64")))
    assert "pinned" in bench.run("lock", "app", "--platform", "linux/amd64")
    layers = [layer["digest"] for platform in pinned(bench).values() for layer in platform["image"]["layers"]]
    assert pinned(bench).keys() == {"linux/amd64", "linux/arm64"}
    gets = [request for request in blobs(registry.asked()) if request.startswith("GET")]
    assert all(sum(digest in request for request in gets) == 1 for digest in set(layers))
    asked = len(registry.asked())
    bench.run("build", "app", "--platform", "linux/amd64,linux/arm64", "--offline", store="empty")
    assert registry.asked()[asked:] == []


def test_the_image_is_as_the_base_says_and_says_what_its_base_is(bench: Bench, registry: Registry) -> None:
    name = registry.push("team/python:3.12", debian_like())
    bench.project(f"docker://{name}")
    bench.build("-o", "oci:out:v1", "-t", "app")
    manifest, config = read_layout(bench.root / "out")
    assert manifest["annotations"]["org.opencontainers.image.base.name"] == name
    assert manifest["annotations"]["org.opencontainers.image.base.digest"] in bench.lock()
    assert config["config"]["User"] == "1000:1000"
    assert "GREETING=good day" in config["config"]["Env"]
    assert [line["created_by"] for line in config["history"][:2]] == ["by hand 0", "by hand 1"]
    layers = pinned(bench)["linux/amd64"]["image"]["layers"]
    assert [layer["digest"] for layer in manifest["layers"][:2]] == [layer["digest"] for layer in layers]


def test_the_bases_blobs_come_when_the_image_is_written_here(bench: Bench, registry: Registry) -> None:
    bench.project(registry.push("python:3.12", debian_like()))
    bench.build()
    bench.build(store="empty")
    asked = len(registry.asked())
    bench.run("save", "app", "oci:out:v1", store="empty")
    layers = pinned(bench)["linux/amd64"]["image"]["layers"]
    assert sorted(registry.asked()[asked:])[-2:] == sorted(
        f"GET /v2/python/blobs/{layer['digest']}" for layer in layers
    )
    skopeo = require_program("skopeo")
    subprocess.run(
        [skopeo, "copy", "-q", f"oci:{bench.root}/out:v1", f"dir:{bench.root}/checked"], check=True
    )


def test_a_push_mounts_the_base_where_the_registry_has_it_and_no_blob_of_it_comes_here(
    bench: Bench, registry: Registry
) -> None:
    bench.project(registry.push("team/python:3.12", debian_like()))
    bench.build()
    asked = len(registry.asked())
    arguments = ("--platform", "linux/amd64", "--push", "-t", f"{registry.host}/team/app:v1")
    bench.run("build", "app", *arguments, store="empty")
    requests = registry.asked()[asked:]
    layers = [layer["digest"] for layer in pinned(bench)["linux/amd64"]["image"]["layers"]]
    assert not [request for request in requests if request.startswith("GET") and "/blobs/" in request]
    mounts = [request for request in requests if "mount=" in request and "from=team" in request]
    assert len(mounts) == len(layers)
    shutil.rmtree(registry.server.storage / "docker/registry/v2/repositories/team/python")
    skopeo = require_program("skopeo")
    name = f"docker://{registry.host}/team/app:v1"
    target = f"oci:{bench.root}/pulled:v1"
    subprocess.run([skopeo, "copy", "-q", *registry.server.skopeo["src"], name, target], check=True)
    manifest, _ = read_layout(bench.root / "pulled")
    assert [layer["digest"] for layer in manifest["layers"][:2]] == layers


def test_what_is_pinned_wins_over_where_the_tag_has_moved_until_the_base_is_upgraded(
    bench: Bench, registry: Registry
) -> None:
    old = debian_like("3.12.3", "gone", "kept")
    bench.project(registry.push("python:3.12", old))
    first = bench.build()
    new = debian_like("3.12.4", "kept", "added", libc="2.36-9+deb12u9")
    registry.push("python:3.12", new)
    assert bench.build(store="elsewhere")["containerimage.digest"] == first["containerimage.digest"]
    before = pinned(bench)["linux/amd64"]["digest"]
    lines = bench.run("lock", "app", "--upgrade", "base", "--platform", "linux/amd64").splitlines()
    after = pinned(bench)["linux/amd64"]["digest"]
    assert lines[1:] == [
        f"  {before[:19]} -> {after[:19]}",
        "  Python 3.12.3 -> 3.12.4",
        "  added 1 added",
        "  gone 1 removed",
        "  libc6 2.36-9+deb12u7 -> 2.36-9+deb12u9",
    ]
    assert bench.run("lock", "app", "--upgrade", "base", "--platform", "linux/amd64").splitlines()[1:] == [
        "  nothing changed"
    ]
    assert bench.build()["containerimage.digest"] != first["containerimage.digest"]


def test_a_base_tried_on_the_command_line_says_that_it_is_not_pinned(
    bench: Bench, registry: Registry
) -> None:
    bench.project(registry.push("python:3.12", debian_like()))
    bench.build()
    other = registry.push("python:3.13", debian_like("3.13.1"))
    before = pinned(bench)
    note = f'{other} is not pinned: write base = "{other}" in [tool.wherry], and run wherry lock'
    assert bench.build("--base", other)["notes"].count(note) == 1
    assert pinned(bench) == before
    own = f"{registry.host}/python:3.12"
    assert not [note for note in bench.build("--base", own)["notes"] if "is not pinned" in note]


def test_a_base_that_its_registry_no_longer_has_says_how_to_take_another(
    bench: Bench, registry: Registry
) -> None:
    bench.project(registry.push("python:3.12", debian_like()))
    bench.build()
    bench.build(store="empty")
    shutil.rmtree(registry.server.storage / "docker/registry/v2/blobs")
    said = bench.run("save", "app", "oci:out", store="empty", code=3)
    assert "wherry lock --upgrade base" in said
    assert len(said.splitlines()) == 3


def test_without_network_a_pinned_base_is_enough_where_nothing_needs_its_bytes(
    bench: Bench, registry: Registry
) -> None:
    bench.project(registry.push("python:3.12", debian_like()))
    said = bench.run("build", "app", "--platform", "linux/amd64", "--offline", code=3)
    assert "is not pinned, and without network it cannot be" in said
    bench.build()
    said = bench.run(
        "build", "app", "--platform", "linux/amd64", "--offline", "-o", "oci:out", store="empty", code=3
    )
    assert "2 layers of the image are not on this machine" in said


@pytest.mark.parametrize(
    ("base", "table", "requires", "why"),
    [
        ("3.12.3", "", ">=3.13", "no Python >=3.13; it has 3.12.3 (/usr/local/bin/python3.12)"),
        ("3.12.3", 'python = "3.13"', ">=3.11", "no Python 3.13; it has 3.12.3 (/usr/local/bin/python3.12)"),
        ("", "", ">=3.11", "the base has no Python >=3.11; it has none at all"),
    ],
    ids=["not allowed", "not wanted", "none"],
)
def test_a_base_without_a_fitting_python_says_which_it_has(  # noqa: PLR0913, PLR0917 - the cases and the machine
    bench: Bench, registry: Registry, base: str, table: str, requires: str, why: str
) -> None:
    layers = debian_like(base) if base else debian_like()[:1]
    bench.project(registry.push("python:x", layers), table, requires)
    said = bench.run("build", "app", "--platform", "linux/amd64", code=2)
    assert why in said
    assert not (bench.root / "app/wherry.lock").exists()


def test_a_platform_that_the_base_is_not_for_is_an_error_that_says_what_it_has(
    bench: Bench, registry: Registry
) -> None:
    bench.project(registry.push("python:x", debian_like()))
    said = bench.run("build", "app", "--platform", "linux/arm64", code=2)
    assert "linux/amd64" in said
    bench.build()
    said = bench.run("build", "app", "--platform", "linux/arm64", code=2)
    assert "wherry.lock does not pin" in said


def test_the_same_bytes_come_out_elsewhere(bench: Bench, registry: Registry) -> None:
    bench.project(registry.push("python:3.12", debian_like()))
    out = bench.run("build", "app", "--platform", "linux/amd64", "--check-reproducible")
    assert "reproducible: a second build under other conditions gave the same bytes" in out


def test_a_base_by_its_digest_needs_no_tag(bench: Bench, registry: Registry) -> None:
    bench.project(registry.push("python:3.12", debian_like()))
    bench.build()
    digest = pinned(bench)["linux/amd64"]["digest"]
    bench.project(f"{registry.host}/python@{digest}")
    bench.build()
    assert pinned(bench)["linux/amd64"]["digest"] == digest


def test_a_base_behind_a_password_is_pinned_and_the_password_is_in_no_file(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with docker_registry(tmp_path, password=True) as server:
        name = Registry(server, tmp_path / "pushed").push("team/python:3.12", debian_like())
        bench.project(name)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
        said = bench.run("build", "app", "--platform", "linux/amd64", code=3)
        assert f"wherry login {server.host}" in said
        secret = base64.b64encode(f"{server.user}:{server.password}".encode()).decode()
        (tmp_path / "docker").mkdir()
        config = {"auths": {server.host: {"auth": secret}}}
        (tmp_path / "docker/config.json").write_text(json.dumps(config))
        bench.build()
    for place in ("app", "store"):
        for path in (tmp_path / place).rglob("*"):
            content = path.read_bytes() if path.is_file() else b""
            assert server.password.encode() not in content
            assert secret.encode() not in content


@pytest.mark.debian
@pytest.mark.skipif(platform.machine() != "x86_64", reason="runs an image for this processor")
def test_system_packages_go_over_what_is_pinned_and_the_image_runs_where_its_base_never_was(
    bench: Bench, registry: Registry, cache_dir: Path
) -> None:
    require_program("bwrap")
    shared = str(cache_dir)
    bench.project("debian:bookworm")
    bench.build("-t", "own-base", "-o", f"oci:{bench.root}/own:v1", store=shared)
    subprocess.run(
        [
            *(require_program("skopeo"), "copy", "-q", *registry.server.skopeo["dest"]),
            *(f"oci:{bench.root}/own:v1", f"docker://{registry.host}/own:v1"),
        ],
        check=True,
    )
    (bench.root / "app/wherry.lock").unlink()
    bench.project(f"{registry.host}/own:v1", 'system-packages = ["libgomp1"]\n')
    first = bench.build(store=shared)
    text = bench.lock()
    second = bench.build(store="empty")
    assert second["containerimage.digest"] == first["containerimage.digest"]
    assert bench.lock() == text
    layers = [layer["kind"] for layer in first["images"][0]["layers"]]
    assert layers.count("system-packages") == 1
    probe = "import ctypes; print(ctypes.CDLL('libgomp.so.1').omp_get_max_threads() > 0)"
    out = bench.run("run", "--runtime", "bubblewrap", "app", "--", "python", "-c", probe, store="empty")
    assert out.strip() == "True"
    bench.project(f"{registry.host}/own:v1")  # asks nobody: what the image is has not changed
    bench.build("--offline", store="emptier")
    assert "system-packages" not in bench.lock()


def pinned(bench: Bench) -> dict[str, Any]:
    platforms: dict[str, Any] = tomllib.loads(bench.lock())["platforms"]
    return platforms


def read_layout(layout: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The manifest and the config of the only image in a layout."""

    def document(digest: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((layout / "blobs" / digest.replace(":", "/")).read_text())
        return found

    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    manifest = document(entry["digest"])
    return manifest, document(manifest["config"]["digest"])
