from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from wherry.bases import debian as debian_module
from wherry.bases.debian import debian_base, resolve_debian
from wherry.bases.mirror import MirrorSettings, mirror_settings
from wherry.bases.model import Base, DebianPin
from wherry.build.interpreter import find_bytecode_compiler
from wherry.errors import WorldError
from wherry.fetch.fetcher import Fetcher
from wherry.oci.platform import Platform
from wherry.progress import SilentProgress
from wherry.project import uv

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.layers.model import BytecodeCompiler
    from wherry.store.store import Store

MINOR = sys.version_info[:2]
FULL = ".".join(map(str, sys.version_info[:3]))
HERE = Base("oci:base", Platform.of_host(), MINOR, FULL, "/usr/bin/python3", (2, 36))
NOWHERE = replace(HERE, python=(3, 99), python_full_version="3.99.1")


def find(
    base: Base, store: Store, *, required: bool = False, host_packages: tuple[DebianPin, ...] = ()
) -> tuple[BytecodeCompiler | None, str]:
    fetcher = Fetcher(store, progress=SilentProgress(), offline=True)
    return find_bytecode_compiler(
        base, store, fetcher, mirror=MirrorSettings(), host_packages=host_packages, required=required
    )


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only interpreter uv finds: a copy of a script that says what a test wants it to say."""
    program = tmp_path / "python"

    def found(arguments: list[str], **_: object) -> str:
        assert arguments[:2] == ["python", "find"]
        return f"{program}\n"

    monkeypatch.setattr(uv, "run_uv", found)
    speak(program, f"cpython {FULL}")
    return program


def speak(program: Path, line: str, code: int = 0) -> None:
    program.write_text(f"#!/bin/sh\necho {line}\nexit {code}\n")
    program.chmod(0o755)


def test_the_interpreter_of_this_machine_compiles_for_a_base_of_its_minor_version(store: Store) -> None:
    compiler, note = find(HERE, store)
    assert compiler is not None
    assert note == "" or compiler.version in note
    done = subprocess.run(
        [*compiler.argv, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == str(MINOR)


def test_a_second_search_asks_nobody(store: Store, stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = find(HERE, store)
    assert first[0] is not None
    assert first[0].argv == (str(stand_in),)
    monkeypatch.setattr(uv, "run_uv", lambda *_, **__: pytest.fail("uv was started"))
    assert find(HERE, store) == first


def test_an_interpreter_that_was_replaced_is_looked_at_again(store: Store, stand_in: Path) -> None:
    base = replace(HERE, python=(3, 12), python_full_version="3.12.1")
    speak(stand_in, "cpython 3.12.1")
    assert find(base, store)[1] == ""
    speak(stand_in, "cpython 3.12.22")
    compiler, note = find(base, store)
    assert compiler is not None
    assert compiler.version == "3.12.22"
    assert note == "bytecode is compiled by this machine's Python 3.12.22; the base has 3.12.1"


def test_an_interpreter_that_went_away_is_not_used(store: Store, stand_in: Path) -> None:
    assert find(HERE, store)[0] is not None
    stand_in.unlink()
    assert find(HERE, store)[0] is None


@pytest.mark.parametrize(
    ("line", "code"),
    [("pypy 3.12.1", 0), ("cpython 3.11.1", 0), ("cpython 3.12.1", 1), ("", 0), ("cpython 3.120.1", 0)],
)
def test_what_is_no_cpython_of_the_minor_version_is_not_used(
    store: Store, stand_in: Path, line: str, code: int
) -> None:
    speak(stand_in, line, code)
    base = replace(HERE, python=(3, 12), python_full_version="3.12.1")
    assert find(base, store)[0] is None


def test_without_an_interpreter_there_is_no_bytecode_and_that_is_said(store: Store) -> None:
    compiler, note = find(NOWHERE, store)
    assert compiler is None
    assert note == "no bytecode: this machine has no Python 3.99 ('uv python install 3.99' gets one)"


def test_without_an_interpreter_that_is_required_the_error_says_how_to_get_one(store: Store) -> None:
    with pytest.raises(WorldError, match=r"no Python 3\.99 on this machine") as missing:
        find(NOWHERE, store, required=True)
    assert "uv python install 3.99" in missing.value.mend


def debian(platform: Platform) -> Base:
    pins = [
        DebianPin(name, version, platform.architecture, f"pool/{name}.deb", "0" * 64, 10)
        for name, version in (
            ("libc6", "2.36-9"),
            ("libexpat1", "2.5"),
            ("libpython3.11-minimal", "3.11.2-6"),
            ("libpython3.11-stdlib", "3.11.2-6"),
            ("python3.11-minimal", "3.11.2-6"),
            ("zlib1g", "1:1.2"),
        )
    ]
    return debian_base("bookworm", platform, pins)


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_a_debian_base_whose_interpreter_cannot_be_had_uses_this_machines_until_it_can(
    store: Store, stand_in: Path, architecture: str
) -> None:
    speak(stand_in, "cpython 3.11.7")
    base = debian(Platform("linux", architecture))
    for _ in range(2):
        compiler, note = find(base, store, host_packages=debian(Platform.of_host()).packages)
        assert compiler is not None
        assert compiler.version == "3.11.7"
        assert "the base has 3.11.2" in note
        speak(stand_in, "cpython 3.11.7")
    stand_in.unlink()
    assert find(base, store)[0] is None


def test_a_debian_base_on_another_system_than_linux_uses_this_machines(
    store: Store, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak(stand_in, "cpython 3.11.2")
    monkeypatch.setattr("wherry.build.interpreter.sys.platform", "darwin")
    base = debian(Platform.of_host())
    compiler, note = find(base, store, host_packages=base.packages)
    assert compiler is not None
    assert note == ""


# An image whose Python a Debian suite has, on a machine that has not.


IMAGE = replace(HERE, python=(3, 13), python_full_version="3.13.1")


@pytest.fixture
def no_python(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> str:
        raise WorldError("there is none")

    monkeypatch.setattr(uv, "run_uv", missing)


@pytest.mark.usefixtures("no_python")
def test_a_mirror_that_cannot_be_reached_is_not_waited_for_in_every_build(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def unreachable(suite: str, *_: object, **__: object) -> None:
        asked.append(suite)
        raise WorldError("the server cannot be reached")

    monkeypatch.setattr(debian_module, "resolve_debian", unreachable)
    fetcher = Fetcher(store, progress=SilentProgress())
    for _ in range(2):
        compiler, note = find_bytecode_compiler(IMAGE, store, fetcher, mirror=MirrorSettings())
        assert compiler is None
        assert note.startswith("no bytecode: this machine has no Python 3.13")
    assert asked == ["trixie"]
    a_day_later = time.time() + 25 * 3600
    monkeypatch.setattr("wherry.build.interpreter.time.time", lambda: a_day_later)
    find_bytecode_compiler(IMAGE, store, fetcher, mirror=MirrorSettings())
    assert asked == ["trixie", "trixie"]


@pytest.mark.usefixtures("no_python")
def test_without_network_it_is_tried_again_with_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(IMAGE, store)[0] is None
    monkeypatch.setattr(debian_module, "resolve_debian", lambda *_, **__: 1 / 0)
    fetcher = Fetcher(store, progress=SilentProgress())
    with pytest.raises(ZeroDivisionError):
        find_bytecode_compiler(IMAGE, store, fetcher, mirror=MirrorSettings())


@pytest.mark.debian
@pytest.mark.usefixtures("no_python")
def test_the_interpreter_of_the_suite_with_that_python_compiles_for_an_image(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetcher = Fetcher(store, progress=SilentProgress())
    compiler, note = find_bytecode_compiler(IMAGE, store, fetcher, mirror=mirror_settings())
    assert compiler is not None
    assert compiler.version.startswith("3.13.")
    assert note in {
        "",
        f"bytecode is compiled by Debian trixie's Python {compiler.version}; the base has 3.13.1",
    }
    assert str(store.root) in compiler.argv[0]
    monkeypatch.setattr(debian_module, "resolve_debian", lambda *_, **__: pytest.fail("it was asked again"))
    assert find(IMAGE, store) == (compiler, note)


@pytest.mark.debian
@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_the_very_interpreter_of_a_debian_base_compiles_for_every_platform(
    store: Store, architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = mirror_settings()
    fetcher = Fetcher(store, progress=SilentProgress())

    def pins(platform: Platform) -> tuple[DebianPin, ...]:
        return resolve_debian("bookworm", platform, (), fetcher=fetcher, store=store, mirror=mirror).packages

    platform = Platform("linux", architecture)
    base = debian_base("bookworm", platform, pins(platform))
    host = pins(Platform.of_host())
    compiler, note = find_bytecode_compiler(base, store, fetcher, mirror=mirror, host_packages=host)
    assert note == ""
    assert compiler is not None
    assert compiler.version == base.python_full_version
    assert str(store.root) in compiler.argv[0]
    monkeypatch.setattr(
        "wherry.build.interpreter.subprocess.run", lambda *_, **__: pytest.fail("it was started again")
    )
    assert find(base, store) == (compiler, note)
