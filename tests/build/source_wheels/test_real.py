"""Real backends and real source distributions, through the index that pip and uv are configured with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.programs import cannot_run, require_program
from wherry.bases.debian import debian_base, resolve_debian
from wherry.bases.mirror import mirror_settings
from wherry.build.interpreter import find_bytecode_compiler
from wherry.build.source_wheels import build_project_wheel, build_source_wheels
from wherry.digest import Digest
from wherry.errors import InputError
from wherry.fetch.fetcher import Fetcher
from wherry.fetch.indexes import IndexConfiguration
from wherry.oci.platform import Platform
from wherry.plan.select import Chosen
from wherry.progress import SilentProgress
from wherry.project.locks.model import DirectorySource, LockedFile, LockedPackage
from wherry.project.project import read_project
from wherry.project.target import Target
from wherry.project.uv import run_uv

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.store.store import Store

pytestmark = pytest.mark.index

MINOR = sys.version_info[:2]  # the one interpreter that is surely here
TARGET = Target(Platform.of_host(), MINOR, f"{MINOR[0]}.{MINOR[1]}.0", (2, 99))


class Notes(SilentProgress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def build(store: Store) -> Callable[..., LockedFile]:
    def one(
        name: str,
        version: str,
        target: Target = TARGET,
        progress: SilentProgress | None = None,
        **what: object,
    ) -> LockedFile:
        package = LockedPackage(canonicalize_name(name), Version(version), **what)  # type: ignore[arg-type]  # shorthand
        shown = progress or SilentProgress()
        fetcher = Fetcher(store, progress=shown)
        built = build_source_wheels(
            [Chosen(package, None)], target=target, store=store, fetcher=fetcher, progress=shown
        )
        return built[package.name]

    return one


def names(wheel: LockedFile) -> set[str]:
    assert wheel.path is not None
    with zipfile.ZipFile(wheel.path) as archive:
        return set(archive.namelist())


def sdist(requirement: str, directory: Path) -> LockedFile:
    """A source distribution as a lock names it."""
    (directory / "requirements.in").write_text(requirement)
    text = run_uv(
        [
            "pip",
            "compile",
            "-q",
            "--no-deps",
            "--no-binary",
            ":all:",
            "--format",
            "pylock.toml",
            "requirements.in",
        ],
        doing="lock",
        cwd=directory,
        environment=IndexConfiguration.read().uv_environment() | {"UV_INDEX_STRATEGY": "unsafe-best-match"},
    )
    (package,) = tomllib.loads(text)["packages"]
    file = package["sdist"]
    digest = Digest.from_hex(file["hashes"]["sha256"])
    return LockedFile(file["url"].rpartition("/")[2], digest, url=file["url"], size_bytes=file.get("size"))


@pytest.mark.parametrize(
    ("name", "version", "member"),
    [
        ("docopt", "0.6.2", "docopt.py"),  # a bare setup.py of 2014
        ("pluggy", "1.5.0", "pluggy/__init__.py"),  # setuptools-scm: the version is in PKG-INFO
    ],
)
def test_a_real_source_distribution_becomes_its_wheel(
    tmp_path: Path, build: Callable[..., LockedFile], name: str, version: str, member: str
) -> None:
    file = sdist(f"{name}=={version}", tmp_path)
    wheel = build(name, version, sdist=file)
    assert wheel.filename.startswith(f"{name}-{version}-py")
    assert member in names(wheel)


BACKENDS = {
    "hatchling": ('requires = ["hatchling"]\nbuild-backend = "hatchling.build"', ""),
    "setuptools": (
        'requires = ["setuptools>=77"]\nbuild-backend = "setuptools.build_meta"',
        '[tool.setuptools.package-data]\ndemo = ["*.txt"]\n',
    ),
    "flit": ('requires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"', ""),
}


def make_project(root: Path, backend: str, name: str = "demo") -> Path:
    build_system, more = BACKENDS[backend]
    (root / "src" / name).mkdir(parents=True)
    (root / "src" / name / "__init__.py").write_text('"""A demo."""\n')
    (root / "src" / name / "data.txt").write_text("data")
    (root / "pyproject.toml").write_text(
        f'[build-system]\n{build_system}\n[project]\nname = "{name}"\nversion = "1.0"\ndescription = "x"\n'
        f'[project.scripts]\ndemo = "{name}:main"\n{more}'
    )
    return root


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_a_project_of_each_backend_is_built_alike_in_every_place_mood_and_time(
    tmp_path: Path, store: Store, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(root: Path) -> LockedFile:
        progress = SilentProgress()
        fetcher = Fetcher(store, progress=progress)
        return build_project_wheel(
            read_project(root), target=TARGET, store=store, fetcher=fetcher, progress=progress
        )

    root = make_project(tmp_path / "one", backend)
    before = sorted(str(p) for p in root.rglob("*"))
    first = build(root)
    assert {"demo/__init__.py", "demo/data.txt", "demo-1.0.dist-info/entry_points.txt"} <= names(first)
    assert not any(name.endswith("direct_url.json") for name in names(first))
    assert sorted(str(p) for p in root.rglob("*")) == before

    store.blobs.remove(first.digest)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("PYTHONHASHSEED", "42")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1234567890")
    other = make_project(tmp_path / "two", backend)
    for path in other.rglob("*"):
        os.utime(path, (86_400, 86_400))
    previous = os.umask(0o077)
    try:
        assert build(other).digest == first.digest
    finally:
        os.umask(previous)


def make_native(root: Path, source: str = "") -> Path:
    root.mkdir()
    (root / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools>=77"]\nbuild-backend = "setuptools.build_meta"\n'
    )
    (root / "setup.py").write_text(
        "from setuptools import Extension, setup\n"
        "native = Extension('native', ['native.c'], libraries=['z'])\n"
        "setup(name='native', version='1.0', ext_modules=[native])\n"
    )
    (root / "native.c").write_text(
        f"#include <Python.h>\n{source}\n#include <stdlib.h>\nunsigned long zlibCompileFlags(void);\n"
        "static PyObject *place(PyObject *s, PyObject *a) {\n"
        '    return PyUnicode_FromFormat("%s %lu", __FILE__, zlibCompileFlags() + !getenv("HOME"));\n}\n'
        'static PyMethodDef methods[] = {{"place", place, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};\n'
        'static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "native", "", -1, methods};\n'
        "PyMODINIT_FUNC PyInit_native(void) { return PyModule_Create(&module); }\n"
    )
    return root


def require_compiler() -> None:
    require_program("gcc")
    if not list(Path("/usr").rglob("libz.so")):
        cannot_run("needs zlib's link library: apt-get install zlib1g-dev")


def test_native_code_is_built_for_this_platform_alike_each_time_and_refused_for_others(
    tmp_path: Path, store: Store, build: Callable[..., LockedFile]
) -> None:
    require_compiler()
    notes = Notes()
    source = DirectorySource(make_native(tmp_path / "native"))
    wheel = build("native", "1.0", source=source, progress=notes)
    machine = Platform.of_host().machine
    assert wheel.filename == f"native-1.0-cp{MINOR[0]}{MINOR[1]}-cp{MINOR[0]}{MINOR[1]}-linux_{machine}.whl"
    assert "libz.so.1" in notes.lines[0]

    store.blobs.remove(wheel.digest)
    shutil.move(tmp_path / "native", tmp_path / "elsewhere")
    assert build("native", "1.0", source=DirectorySource(tmp_path / "elsewhere")).digest == wheel.digest

    other = "arm64" if machine == "x86_64" else "amd64"
    foreign = Target(Platform("linux", other), MINOR, TARGET.python_full_version, (2, 99))
    with pytest.raises(InputError, match="native code"):
        build("native", "1.0", foreign, source=DirectorySource(tmp_path / "elsewhere"))
    old = Target(Platform.of_host(), MINOR, TARGET.python_full_version, (2, 1))
    with pytest.raises(InputError, match=r"needs GLIBC_2\.\d+; the base has 2\.1"):
        build("native", "1.0", old, source=DirectorySource(tmp_path / "elsewhere"))


def test_a_missing_header_is_named(tmp_path: Path, build: Callable[..., LockedFile]) -> None:
    require_compiler()
    source = DirectorySource(make_native(tmp_path / "native", "#include <no_such_header.h>"))
    with pytest.raises(InputError, match=r"native\.c:2:10: fatal error: no_such_header\.h") as failed:
        build("native", "1.0", source=source)
    assert "no_such_header.h" in failed.value.mend


def test_setuptools_scm_makes_the_version_of_the_users_repository(
    tmp_path: Path, build: Callable[..., LockedFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    require_program("git")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "A")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "a@index.example")
    root = tmp_path / "scm"
    (root / "src" / "scm").mkdir(parents=True)
    (root / "src" / "scm" / "__init__.py").write_text("")
    (root / "src" / "scm" / "tracked.txt").write_text("")
    (root / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools>=77", "setuptools-scm>=8"]\n'
        'build-backend = "setuptools.build_meta"\n[project]\nname = "scm"\ndynamic = ["version"]\n'
        "[tool.setuptools_scm]\n"
    )
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"], ["tag", "v3.2.1"]):
        subprocess.run(["git", *arguments], cwd=root, check=True)
    wheel = build("scm", "3.2.1", source=DirectorySource(root))
    assert "scm/tracked.txt" in names(wheel)  # the list of files comes from git, too


@pytest.mark.debian
@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_a_suites_python_that_is_not_on_this_machine_builds_through_its_own_loader(
    tmp_path: Path, store: Store, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wherry.build.sources.backend.is_here", lambda *_: False)
    progress = SilentProgress()
    fetcher = Fetcher(store, progress=progress)
    mirror, host = mirror_settings(), Platform.of_host()
    pins = resolve_debian("trixie", host, (), fetcher=fetcher, store=store, mirror=mirror).packages
    base = debian_base("trixie", host, pins)
    interpreter, _ = find_bytecode_compiler(base, store, fetcher, mirror=mirror, host_packages=pins)
    assert interpreter is not None
    assert len(interpreter.argv) > 1
    wheel = build_project_wheel(
        read_project(make_project(tmp_path / "one", backend)),
        target=Target(host, base.python, base.python_full_version, base.glibc),
        store=store,
        fetcher=fetcher,
        progress=progress,
        interpreter=interpreter,
    )
    assert "demo/__init__.py" in names(wheel)
