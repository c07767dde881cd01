"""The real mirror's bases: resolved, laid out and run. What is fetched is shared by all tests of a run."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.programs import require_program
from wherry.bases.debian import SUITES, Resolved, debian_base, fetch_debs, resolve_debian
from wherry.bases.interpreter import compiler_pins, host_interpreter
from wherry.bases.mirror import mirror_settings
from wherry.digest import Digest
from wherry.fetch.fetcher import Fetcher
from wherry.layers.deb_layer import below_debs, deb_layer
from wherry.layers.deb_root import RootUser
from wherry.oci.platform import SUPPORTED, Platform
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from wherry.bases.model import DebianPin
    from wherry.layers.model import LayerBlob
    from wherry.store.store import Store

pytestmark = pytest.mark.debian

IMPORTS = (
    "import ssl, sqlite3, lzma, bz2, ctypes.util, hashlib, zoneinfo, getpass, locale, decimal, uuid, socket"
)
CHECKS = """
assert len(ssl.create_default_context().get_ca_certs()) > 100
assert getpass.getuser() == "nonroot"
assert ctypes.util.find_library("z") == "libz.so.1"
assert str(zoneinfo.ZoneInfo("US/Eastern")) == "US/Eastern"
assert locale.setlocale(locale.LC_ALL, "C.UTF-8") == "C.UTF-8"
assert socket.gethostbyname("localhost") == "127.0.0.1"
ctypes.CDLL("libstdc++.so.6")
print("fine")
"""


@dataclass
class Real:
    """The real mirror, and what has been made of it so far."""

    store: Store
    fetcher: Fetcher
    made: dict[tuple[str, str], tuple[Resolved, LayerBlob]]

    def resolve(self, suite: str, platform: str, *system: str) -> Resolved:
        return resolve_debian(
            suite,
            Platform.parse(platform),
            system,
            fetcher=self.fetcher,
            store=self.store,
            mirror=mirror_settings(),
        )

    def files(self, pins: Sequence[DebianPin]) -> list[tuple[DebianPin, Path]]:
        fetch_debs(pins, fetcher=self.fetcher, store=self.store, mirror=mirror_settings())
        return [(pin, self.store.blobs.path(Digest.from_hex(pin.sha256))) for pin in pins]

    def base(self, suite: str, platform: str) -> tuple[Resolved, LayerBlob]:
        if (suite, platform) not in self.made:
            resolved = self.resolve(suite, platform)
            machine = Platform.parse(platform).machine
            layer = deb_layer(self.files(resolved.packages), self.store, machine=machine, user=RootUser())
            self.made[suite, platform] = (resolved, layer)
        return self.made[suite, platform]

    def unpack(self, layer: LayerBlob, folder: Path) -> None:
        tar = require_program("tar")
        path = self.store.blobs.path(Digest(layer.digest))
        subprocess.run([tar, "-C", folder, "-xzpf", path], check=True, capture_output=True)


@pytest.fixture(scope="module")
def real(shared_store: Store) -> Real:
    return Real(shared_store, Fetcher(shared_store, progress=SilentProgress()), {})


@pytest.fixture(scope="module")
def root(real: Real, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The unpacked base of a suite for this machine."""
    unpacked: dict[str, Path] = {}

    def unpack(suite: str) -> Path:
        if suite not in unpacked:
            unpacked[suite] = tmp_path_factory.mktemp(suite)
            real.unpack(real.base(suite, str(Platform.of_host()))[1], unpacked[suite])
        return unpacked[suite]

    return unpack


def _run(root: Path, *command: str) -> str:
    """The output of *command* in a root, as the image's user where that is possible."""
    bwrap = require_program("bwrap")
    arguments = ["--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    user = ["--unshare-user", "--uid", "65532", "--gid", "65532"]
    found = subprocess.run(
        [bwrap, *arguments, *user, "--clearenv", "--setenv", "PATH", "/usr/bin:/usr/sbin", *command],
        check=False,
        capture_output=True,
        encoding="utf-8",
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.mark.parametrize("suite", SUITES)
def test_the_bases_python_has_all_it_needs_to_run(root: Callable[[str], Path], suite: str) -> None:
    assert _run(root(suite), "python3", "-c", f"{IMPORTS}\n{CHECKS}") == "fine\n"


@pytest.mark.parametrize("suite", SUITES)
def test_ldconfig_itself_agrees_with_our_cache(
    root: Callable[[str], Path], suite: str, tmp_path: Path
) -> None:
    ours = _run(root(suite), "/sbin/ldconfig", "-p").splitlines()
    copy = tmp_path / "root"
    shutil.copytree(root(suite), copy, symlinks=True)
    subprocess.run([copy / "sbin/ldconfig", "-r", copy], check=True, capture_output=True)
    theirs = _run(copy, "/sbin/ldconfig", "-p").splitlines()
    assert ours[:-1] == theirs[:-1]  # the last line says who made it
    for path in root(suite).rglob("*"):
        assert path.is_symlink() == (copy / path.relative_to(root(suite))).is_symlink(), path


@pytest.mark.parametrize("suite", SUITES)
def test_the_locale_is_known_to_libc(root: Callable[[str], Path], suite: str) -> None:
    assert "C.utf8" in _run(root(suite), "locale", "-a").split()


@pytest.mark.parametrize("suite", SUITES)
def test_a_base_is_small_and_has_no_shell(real: Real, root: Callable[[str], Path], suite: str) -> None:
    layer = real.base(suite, str(Platform.of_host()))[1]
    assert layer.unpacked_bytes < 70_000_000
    programs = {path.name for path in (root(suite) / "usr/bin").iterdir()}
    assert not programs & {"sh", "bash", "dash", "perl", "dpkg", "apt-get", "apt"}
    set_uid = [
        p for p in root(suite).rglob("*") if not p.is_symlink() and p.is_file() and p.stat().st_mode & 0o6000
    ]
    assert set_uid == []


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("platform", SUPPORTED)
def test_every_program_is_the_platforms(real: Real, suite: str, platform: str) -> None:
    resolved, layer = real.base(suite, platform)
    facts = debian_base(suite, Platform.parse(platform), resolved.packages)
    assert facts.python == SUITES[suite].python
    number = {"linux/amd64": 62, "linux/arm64": 183}[platform]
    count = 0
    with tarfile.open(real.store.blobs.path(Digest(layer.digest))) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() else None
            head = stream.read(20) if stream else b""
            if head.startswith(b"\x7fELF"):
                assert int.from_bytes(head[18:20], "little") == number, member.name
                count += 1
    assert count > 50


def test_the_same_pins_give_the_same_layer(real: Real, store: Store) -> None:
    resolved, layer = real.base("bookworm", "linux/amd64")
    debs = real.files(resolved.packages)
    again = deb_layer(debs[::-1], store, machine="x86_64", user=RootUser())
    assert again.diff_id == layer.diff_id


def test_system_packages_run_over_the_base(real: Real, tmp_path: Path) -> None:
    host = Platform.of_host()
    resolved = real.resolve("bookworm", str(host), "libsndfile1", "libblas3")
    assert not {p.name for p in resolved.packages} & {p.name for p in resolved.system_packages}
    below = below_debs(real.files(resolved.packages), real.store, machine=host.machine, user=RootUser())
    above = deb_layer(
        real.files(resolved.system_packages), real.store, machine=host.machine, below=below, below_key="real"
    )
    for layer in (real.base("bookworm", str(host))[1], above):
        real.unpack(layer, tmp_path)
    code = "import ctypes; ctypes.CDLL('libsndfile.so.1'); ctypes.CDLL('libblas.so.3'); print('loaded')"
    assert _run(tmp_path, "python3", "-c", code) == "loaded\n"


@pytest.mark.parametrize("suite", SUITES)
def test_the_bases_own_interpreter_runs_on_this_host(real: Real, suite: str) -> None:
    host = Platform.of_host()
    pins = compiler_pins(suite, real.base(suite, str(host))[0].packages)
    found = host_interpreter(suite, pins, host, real.store)
    code = "import sys, py_compile; print('.'.join(map(str, sys.version_info[:3])))"
    told = subprocess.run([*found.argv, "-S", "-c", code], check=True, capture_output=True, text=True, env={})
    assert told.stdout.strip() == found.version
    assert os.path.commonpath([found.argv[0], str(real.store.root)]) == str(real.store.root)
