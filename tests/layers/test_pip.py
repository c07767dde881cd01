"""Our layers against what pip installs: 77 real wheels, and made ones with what real ones rarely have.

The differences there may be are in `DECLARED`, and nowhere else.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Final

import pytest
import uv

from tests.layers.unpacking import Found, files, tree
from tests.layers.wheel_maker import WheelMaker, wheel_input
from tests.programs import cannot_run, require_program
from wherry.digest import Digest
from wherry.layers.model import BytecodeCompiler, Layout
from wherry.layers.wheel_layer import wheel_layer

if TYPE_CHECKING:
    from wherry.layers.model import WheelInput
    from wherry.store.store import Store

LISTED: Final = Path(__file__).with_name("wheels.txt")
DECLARED: Final = {
    "INSTALLER": "says wherry, for it is not pip that installed",
    "REQUESTED": "is not there: a lock does not say what was asked for by name",
    "direct_url.json": "is not there: it would tell where on the host the wheel lay",
}
"""Files of dist-info in which we differ from pip, with their lines in RECORD."""

_DECLARED_PATH: Final = re.compile(rf"[^/]+\.dist-info/({'|'.join(map(re.escape, DECLARED))})")


@dataclass(frozen=True)
class Pip:
    """A virtual environment of the test's own, and pip run from its wheel: it is not installed itself."""

    python: Path
    wheel: Path
    root: Path

    @property
    def layout(self) -> Layout:
        """Ours, for the same place."""
        return Layout(prefix=str(self.root), python=(3, 11), interpreter=str(self.root / "bin" / "python"))

    def install(self, wheels: list[WheelInput], *options: str) -> dict[str, Found]:
        """What pip puts into the environment."""
        before = tree(self.root)
        command: list[str | Path] = [
            self.root / "bin/python",
            self.wheel / "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
        ]
        environment = {"PATH": os.defpath, "PIP_CONFIG_FILE": os.devnull, "HOME": str(self.root)}
        previous = os.umask(0o022)
        try:
            subprocess.run(
                [*command, *options, *(wheel.path for wheel in wheels)],
                check=True,
                env=environment,
                cwd=self.root,
            )
        finally:
            os.umask(previous)
        return {path: found for path, found in tree(self.root).items() if path not in before}


def without_declared(found: dict[str, Found]) -> dict[str, Found]:
    """The tree without the declared differences: the files, and their lines in RECORD."""
    kept = {}
    for path, file in found.items():
        site = path.partition("/site-packages/")[2]
        if _DECLARED_PATH.fullmatch(site):
            continue
        if re.fullmatch(r"[^/]+\.dist-info/RECORD", site):
            lines = file.content.decode().split("\r\n")
            lines = [line for line in lines if not _DECLARED_PATH.fullmatch(line.rsplit(",", 2)[0])]
            kept[path] = Found(file.mode, "\r\n".join(lines).encode())
        else:
            kept[path] = file
    return kept


def assert_same(theirs: dict[str, Found], ours: dict[str, Found], below: Path) -> None:
    prefix = f"{str(below).strip('/')}/"
    mine = without_declared({path.removeprefix(prefix): found for path, found in ours.items()})
    pips = without_declared(theirs)
    assert sorted(mine) == sorted(pips)
    assert {path: oct(found.mode) for path, found in mine.items()} == {
        p: oct(f.mode) for p, f in pips.items()
    }
    assert [path for path in pips if mine[path].content != pips[path].content] == []


@pytest.fixture(scope="session")
def python() -> Path:
    """The interpreter that the listed wheels are for."""
    found = sys.executable if platform.python_version().startswith("3.11.") else shutil.which("python3.11")
    return Path(found) if found else cannot_run("needs python3.11: uv python install 3.11")


@pytest.fixture(scope="session")
def listed(python: Path) -> list[WheelInput]:
    """The wheels of wheels.txt, fetched once into a directory that outlives the run."""
    cache = Path(os.environ.get("WHERRY_TEST_CACHE") or Path.home() / ".cache" / "wherry-tests")
    wanted = set(re.findall(r"--hash=sha256:([0-9a-f]{64})", LISTED.read_text()))
    directory = cache / f"wheels-{hashlib.sha256(LISTED.read_bytes()).hexdigest()[:12]}"
    if not directory.is_dir():
        fetch(python, cache, directory)
    found = [wheel_input(path) for path in sorted(directory.glob("*.whl"))]
    assert {wheel.digest.hex for wheel in found} == wanted
    return found


def fetch(python: Path, cache: Path, directory: Path) -> None:
    """Download what is listed, all or nothing."""
    part = directory.with_name(f"{directory.name}.{os.getpid()}")
    venv = cache / f"pip.{os.getpid()}"
    subprocess.run([uv.find_uv_bin(), "venv", "-q", "--seed", "--python", python, venv], check=True)
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in range(36, 4, -1)]
    platforms += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]
    subprocess.run(
        [
            *(venv / "bin/python", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"),
            *(option for platform in platforms for option in ("--platform", platform)),
            *("--python-version", "311", "--require-hashes", "-r", LISTED, "-d", part),
        ],
        check=True,
    )
    shutil.rmtree(venv)
    try:
        part.rename(directory)
    except OSError:  # another run was first
        shutil.rmtree(part)


@pytest.fixture
def pip(python: Path, listed: list[WheelInput], tmp_path: Path) -> Pip:
    """Pip of the list, with an empty environment."""
    root = tmp_path / "venv"
    subprocess.run([uv.find_uv_bin(), "venv", "-q", "--python", python, root], check=True)
    return Pip(python, next(wheel.path for wheel in listed if wheel.filename.startswith("pip-")), root)


@pytest.mark.index
def test_real_wheels_are_installed_as_pip_installs_them(
    pip: Pip, listed: list[WheelInput], store: Store, tmp_path: Path
) -> None:
    assert len(listed) >= 60
    theirs = pip.install(listed, "--no-compile")
    layer = wheel_layer(listed, pip.layout, store)
    assert_same(theirs, files(layer, store), pip.root)

    # The same layer through other people's programs, and the large wheels in layers of their own.
    out = tmp_path / "out"
    out.mkdir()
    blob = store.blobs.path(Digest(layer.digest))
    done = subprocess.run([require_program("tar"), "-xpzf", blob, "-C", out], check=True, capture_output=True)
    assert done.stderr == b""
    assert_same(
        theirs,
        {f"{str(pip.root).strip('/')}/{k}": v for k, v in tree(out / str(pip.root)[1:]).items()},
        pip.root,
    )
    alone: dict[str, Found] = {}
    for wheel in listed:
        if wheel.path.stat().st_size > 2 << 20:
            alone |= files(wheel_layer([wheel], pip.layout, store), store)
    together = files(layer, store)
    assert alone
    assert {path: together[path] for path in alone} == alone


@pytest.mark.index
def test_the_installed_records_are_true(
    pip: Pip, listed: list[WheelInput], store: Store, tmp_path: Path
) -> None:
    """Ask importlib.metadata of the unpacked tree: every file that RECORD names is there, with that hash."""
    small = [wheel for wheel in listed if wheel.path.stat().st_size < 300_000]
    layer = wheel_layer(small, pip.layout, store)
    with tarfile.open(store.blobs.path(Digest(layer.digest))) as archive:
        archive.extractall(tmp_path / "out", filter="data")
    site = tmp_path / "out" / pip.layout.site_packages.strip("/")
    program = (
        "import base64, hashlib, importlib.metadata as m, sys\n"
        "checked = 0\n"
        "for d in m.distributions(path=[sys.argv[1]]):\n"
        "    assert d.read_text('INSTALLER') == 'wherry\\n'\n"
        "    for f in d.files:\n"
        "        data = f.read_binary()\n"
        "        if f.hash:\n"
        "            digest = base64.urlsafe_b64encode(hashlib.new(f.hash.mode, data).digest())\n"
        "            assert digest.decode().rstrip('=') == f.hash.value, f\n"
        "            checked += 1\n"
        "print(checked)\n"
    )
    done = subprocess.run([pip.python, "-c", program, site], check=True, capture_output=True, text=True)
    assert int(done.stdout) > 500


def with_plain_code(found: dict[str, Found]) -> dict[str, Found]:
    """Bytecode by its meaning: pip's is tied to the source's time, and marshal may share objects."""
    return {
        path: Found(file.mode, marshal.dumps(plain(marshal.loads(file.content[16:])), 2))  # noqa: S302 - our own
        if path.endswith(".pyc")
        else file
        for path, file in found.items()
    }


def plain(code: CodeType) -> CodeType:
    """The code with the shortest name of its file: pip's scripts lie at ``site-packages/../../../bin``."""
    constants = tuple(plain(value) if isinstance(value, CodeType) else value for value in code.co_consts)
    return code.replace(co_filename=os.path.normpath(code.co_filename), co_consts=constants)


@pytest.mark.index
def test_bytecode_is_what_pip_would_have_compiled(pip: Pip, listed: list[WheelInput], store: Store) -> None:
    names = ("click-", "docutils-", "six-", "awscli-", "packaging-", "jinja2-", "idna-")
    chosen = [wheel for wheel in listed if wheel.filename.lower().startswith(names)]
    assert len(chosen) == len(names)
    theirs = pip.install(chosen, "--compile")
    compiler = BytecodeCompiler((str(pip.python),), "3.11")
    ours = files(wheel_layer(chosen, pip.layout, store, bytecode=compiler), store)
    prefix = f"{str(pip.root).strip('/')}/"

    assert sum(path.endswith(".pyc") for path in theirs) > 150
    ours = {path.removeprefix(prefix): found for path, found in ours.items()}
    assert_same(with_plain_code(theirs), with_plain_code(ours), Path("/"))


@pytest.mark.index
@pytest.mark.parametrize("place", ["venv", "with blank", "deep/" + "long" * 30])
def test_odd_wheels_are_installed_as_pip_installs_them(
    pip: Pip, tmp_path: Path, store: Store, place: str
) -> None:
    root = tmp_path / "odd" / place
    subprocess.run([uv.find_uv_bin(), "venv", "-q", "--python", pip.python, root], check=True)
    other = Pip(pip.python, pip.wheel, root)
    odd = [maker.write(tmp_path / "wheels") for maker in odd_wheels()]
    theirs = other.install(odd, "--no-compile")
    assert_same(theirs, files(wheel_layer(odd, other.layout, store), store), other.root)


def odd_wheels() -> list[WheelMaker]:
    """What wheels may be, in all its corners."""
    return [
        WheelMaker(
            {
                "Odd_Name/__init__.py": b"",
                "Odd_Name/empty.txt": b"",
                "Odd_Name/é ü.txt": "ß".encode(),
                'Odd_Name/quo"te,comma.txt': b"x",
                "Odd_Name/__pycache__/own.cpython-311.pyc": b"wheel's own",
                "Odd_Name-1.0.data/headers/sub/odd.h": b"",
                "Odd_Name-1.0.data/data/etc/odd.conf": b"a",
                "Odd_Name-1.0.data/purelib/from_purelib.py": b"",
                "Odd_Name-1.0.data/platlib/from_platlib.so": b"\x7fELF",
                "Odd_Name-1.0.data/scripts/python-script": b"#!python\nprint(1)\n",
                "Odd_Name-1.0.data/scripts/python-options": b"#!python -u\nprint(1)\n",
                "Odd_Name-1.0.data/scripts/pythonw-script": b"#!pythonw\r\nprint(1)\r\n",
                "Odd_Name-1.0.data/scripts/shell": b"#!/bin/sh\n",
                "Odd_Name-1.0.data/scripts/env": b"#!/usr/bin/env python\n",
                "Odd_Name-1.0.data/scripts/no-newline": b"#!python",
                "Odd_Name-1.0.data/scripts/binary": b"\x7fELF" + bytes(5000),
                "Odd_Name-1.0.data/scripts/odd-run": b"a wrapper that pip passes over",
                "Odd_Name-1.0.data/scripts/odd-run-script.py": b"another",
                "odd-nspkg.pth": b"import sys\n",
                "top_level.py": b"x = 1\n",
            },
            name="Odd_Name",
            metadata="Metadata-Version: 2.1\nName: Odd.Name\nVersion: 1.0\n",
            entry_points=(
                "[console_scripts]\nodd-run = Odd_Name:main\nodd.dots = Odd_Name.sub:Class.method [extra]\n"
                "# a comment\n\n[gui_scripts]\nodd-gui=Odd_Name:gui\n[other.group]\nx = y:z\n"
            ),
            executable=[
                "top_level.py",
                "Odd_Name-1.0.data/scripts/binary",
                "Odd_Name-1.0.data/scripts/python-script",
                "Odd_Name-1.0.data/data/etc/odd.conf",
            ],
            stored=["Odd_Name-1.0.data/scripts/binary"],
            extra_info={"licenses/LICENSE (copy).txt": b"free", "INSTALLER": b"", "top_level.txt": b"x"},
        ),
        WheelMaker({}, name="nothing", version="0!2.0+local.1"),
        WheelMaker(
            {"easy.py": b""},
            name="easy",
            entry_points="[console_scripts]\neasy_install = easy:main\neasy_install-2.7 = easy:main\n",
        ),
        WheelMaker({"long/" + "/".join(["d" * 60] * 4) + "/x.py": b"x" * 300_000}, name="long"),
        WheelMaker({"strong.py": b"x"}, name="strong", hash_name="sha512"),
    ]


def test_every_declared_difference_has_its_reason() -> None:
    assert all(DECLARED.values())
    assert _DECLARED_PATH.fullmatch("demo-1.0.dist-info/INSTALLER")
    assert not _DECLARED_PATH.fullmatch("setuptools/_vendor/x.dist-info/INSTALLER")
