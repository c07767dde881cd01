from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from wherry.build.sources.environment import build_environment
from wherry.build.sources.outcome import Failure, explain_failure
from wherry.build.sources.requirements import build_settings, read_build_system
from wherry.build.sources.result import BuiltWheel, Expected, inspect, require_fit
from wherry.errors import InputError, WherryError, WorldError
from wherry.oci.platform import Platform
from wherry.project.target import Target

UV = [
    "error: Failed to build `/tmp/x`",
    "  cause: The build backend returned an error",
    "  cause: Call to `setuptools.build_meta.build_wheel` failed (exit status: 1)",
]


def explain(*lines: str, offline: bool = False, code: int = 2) -> WherryError:
    return explain_failure(Failure("demo 1.0", lines, Path("/logs/x.log"), (3, 11), offline, code))


@pytest.mark.parametrize(
    ("lines", "says", "mend"),
    [
        (
            [
                "Building wheel...",
                "bad.c:1:10: fatal error: nothere.h: No such file or directory",
                "compilation terminated.",
                "error: Command '['gcc']' returned non-zero exit status 1.",
                *UV,
                "hint: This error likely indicates",
            ],
            "bad.c:1:10: fatal error: nothere.h",
            "install the library that has nothere.h",
        ),
        (
            ["Traceback (most recent call last):", "ModuleNotFoundError: No module named 'numpy'", *UV],
            "ModuleNotFoundError: No module named 'numpy'",
            "add numpy to its build-system.requires",
        ),
        (
            ["some.module.BuildError: no", "and a last word", *UV],
            "some.module.BuildError: no",
            "build it where",
        ),
        (
            ["CMake Error at CMakeLists.txt:3", "see also log", *UV],
            "CMake Error at CMakeLists.txt:3",
            "build it where",
        ),
        (["configure: cannot go on", "", *UV], "configure: cannot go on", "build it where"),
        (
            [
                "error: Failed to build `/x`",
                "  cause: No solution found",
                "  cause: Because xyz was not found in it",
            ],
            "Because xyz was not found in it",
            "build it where",
        ),
        (["Building wheel..."], "uv ended with code 2", "build it where"),
    ],
)
def test_the_line_that_says_why_is_found(lines: list[str], says: str, mend: str) -> None:
    error = explain(*lines)
    assert isinstance(error, InputError)
    assert says in error.what
    assert error.mend.startswith(mend)
    assert error.where == "log: /logs/x.log"
    assert len(error.lines()) == 3


def test_a_backend_that_makes_nothing_is_said_so() -> None:
    assert "its backend made no wheel" in explain("Building wheel...", code=0).what


def test_a_very_long_line_is_cut() -> None:
    assert len(explain("x" * 5000, *UV).what) < 300


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            [
                "error: Failed to build `/x`",
                "  cause: No solution found when resolving: `flit-core`",
                "  cause: Failed to fetch: http://index.example/simple/flit-core/",
                "  cause: Connection refused (os error 111)",
            ],
            "Failed to fetch: http://index.example/simple/flit-core/",
        ),
        (
            [
                "error: Failed to build `/x`",
                "  cause: Because x was not found",
                "hint: the network was disabled.",
            ],
            "Because x was not found",
        ),
        (["error: No interpreter found for Python 3.14 in search path"], "must be built by Python 3.11"),
        (
            [
                "error: Failed to build `/x`",
                "  cause: Failed to download `https://index.example/cpython-3.11.tar.gz`",
            ],
            "must be built by Python 3.11",
        ),
        (["OSError: [Errno 28] No space left on device", *UV], "the disk refused"),
    ],
)
def test_what_the_world_did_is_no_fault_of_the_input(lines: list[str], says: str) -> None:
    error = explain(*lines, offline=True)
    assert isinstance(error, WorldError)
    assert says in error.what


def test_a_backend_that_fails_to_reach_something_itself_is_an_input_error() -> None:
    assert isinstance(explain("URLError: <urlopen error timed out>", *UV), InputError)


EXPECTED = Expected(canonicalize_name("demo"), Version("1.0"), "uv.lock: packages[3]")
TARGET = Target(Platform("linux", "amd64"), (3, 11), "3.11.2", (2, 36))


def wheel(
    tmp_path: Path, members: dict[str, bytes], name: str = "demo-1.0-cp311-cp311-linux_x86_64.whl"
) -> Path:
    path = tmp_path / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return path


def elf(needed: list[str], versions: list[str]) -> bytes:
    """A minimal shared object: a dynamic section and the version needs of one library."""
    strings = bytearray(b"\0")

    def string(text: str) -> int:
        strings.extend(text.encode() + b"\0")
        return len(strings) - 1 - len(text)

    dynamic = b"".join(struct.pack("<qQ", 1, string(name)) for name in needed) + struct.pack("<qQ", 0, 0)
    auxiliary = [
        struct.pack("<IHHII", 0, 0, 2 + i, string(version), 16 if i + 1 < len(versions) else 0)
        for i, version in enumerate(versions)
    ]
    verneed = struct.pack("<HHIII", 1, len(versions), string("libc.so.6"), 16, 0) + b"".join(auxiliary)
    names = b"\0.dynstr\0.dynamic\0.gnu.version_r\0.shstrtab\0"
    bodies = [b"", bytes(strings), dynamic, verneed, names]
    offsets, position = [], 64
    for body in bodies:
        offsets.append(position)
        position += len(body)

    def section(name: bytes, kind: int, i: int, link: int = 0, info: int = 0) -> bytes:
        entry = 16 if kind == 6 else 0
        at = names.index(name) if name else 0
        return struct.pack("<IIQQQQIIQQ", at, kind, 0, 0, offsets[i], len(bodies[i]), link, info, 1, entry)

    sections = [
        bytes(64),
        section(b".dynstr", 3, 1),
        section(b".dynamic", 6, 2, link=1),
        section(b".gnu.version_r", 0x6FFFFFFE, 3, link=1, info=1),
        section(b".shstrtab", 3, 4),
    ]
    header = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, position, 0, 64, 56, 0, 64, len(sections), 4
    )
    return header + b"".join(bodies) + b"".join(sections)


def test_what_native_code_asks_for_is_read(tmp_path: Path) -> None:
    code = elf(
        ["libc.so.6", "libpq.so.5", "libown.so.1", "libstdc++.so.6"],
        ["GLIBC_2.2.5", "GLIBC_2.38", "GLIBC_2.4"],
    )
    path = wheel(tmp_path, {"demo/_x.so": code, "demo.libs/libown.so.1": elf([], [])})
    built = inspect(path, "sha256:" + "0" * 64, EXPECTED, machine="x86_64")
    assert (built.machine, built.glibc, built.libraries) == ("x86_64", (2, 38), ("libpq.so.5",))
    with pytest.raises(
        InputError, match=r"built on this machine, needs GLIBC_2\.38; the base has 2\.36"
    ) as refused:
        require_fit(built, EXPECTED, TARGET)
    assert len(refused.value.lines()) == 3


def test_native_code_against_musl_is_refused_on_glibc(tmp_path: Path) -> None:
    path = wheel(tmp_path, {"demo/_x.so": elf(["libc.musl-x86_64.so.1"], [])})
    built = inspect(path, "sha256:" + "0" * 64, EXPECTED, machine="x86_64")
    with pytest.raises(InputError, match="not glibc"):
        require_fit(built, EXPECTED, TARGET)


def test_a_wheel_that_says_any_but_has_native_code_is_bound_to_its_machine(tmp_path: Path) -> None:
    path = wheel(tmp_path, {"demo/_x.so": elf([], [])}, "demo-1.0-py3-none-any.whl")
    built = inspect(path, "sha256:" + "0" * 64, EXPECTED, machine="x86_64")
    require_fit(built, EXPECTED, TARGET)
    arm = Target(Platform("linux", "arm64"), (3, 11), "3.11.2", (2, 36))
    with pytest.raises(InputError, match="native code"):
        require_fit(built, EXPECTED, arm)


def test_a_wheel_made_on_a_mac_is_refused() -> None:
    built = BuiltWheel(
        "sha256:" + "0" * 64, "demo-1.0-cp311-cp311-macosx_14_0_arm64.whl", 1, machine="aarch64"
    )
    arm = Target(Platform("linux", "arm64"), (3, 11), "3.11.2", (2, 36))
    with pytest.raises(InputError, match="native code"):
        require_fit(built, EXPECTED, arm)


@pytest.mark.parametrize(
    "data", [b"", b"text", b"\x7fELF", elf(["a"], ["GLIBC_2.4"])[:100], b"\x7fELF\2\1" + b"\xff" * 60]
)
def test_a_file_that_is_only_called_so_is_data(tmp_path: Path, data: bytes) -> None:
    built = inspect(wheel(tmp_path, {"demo/_x.so": data}), "sha256:" + "0" * 64, EXPECTED, machine="x86_64")
    assert built.glibc is None


def test_a_file_that_is_no_zip_or_no_wheels_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    path.write_bytes(b"no zip")
    with pytest.raises(InputError, match="cannot be used"):
        inspect(path, "", EXPECTED, machine="x86_64")
    with pytest.raises(InputError, match="no wheel's name"):
        inspect(tmp_path / "demo.whl", "", EXPECTED, machine="x86_64")


def test_the_environment_of_a_build_is_a_list_of_what_is_let_in(tmp_path: Path) -> None:
    home = tmp_path / "user"
    (home / ".config" / "uv").mkdir(parents=True)
    (home / ".netrc").write_text("")
    host = {
        "HOME": str(home),
        "PATH": "/bin",
        "CFLAGS": "-O3",
        "UV_INDEX_MINE_PASSWORD": "p",
        "AWS_SECRET_ACCESS_KEY": "no",
        "UV_PYTHON": "3.9",
    }
    work = tmp_path / "work"
    made = build_environment(host, work)
    assert made["CFLAGS"] == f"-O3 -ffile-prefix-map={work}=."
    assert made["HOME"] == str(work / "home")
    assert made["NETRC"] == str(home / ".netrc")
    assert made["UV_CACHE_DIR"] == str(home / ".cache" / "uv")
    assert made["UV_INDEX_MINE_PASSWORD"] == host["UV_INDEX_MINE_PASSWORD"]
    assert (work / "home" / ".config" / "uv").resolve() == home / ".config" / "uv"
    assert not {"AWS_SECRET_ACCESS_KEY", "UV_PYTHON", "RUSTUP_HOME"} & made.keys()
    assert build_environment(host, work) == made


def test_without_a_home_uv_keeps_its_things_in_the_private_one(tmp_path: Path) -> None:
    assert "UV_CACHE_DIR" not in build_environment({"PATH": "/bin"}, tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[build-system", "cannot be read"),
        ("[build-system]\nrequires = 3", "not a list of requirements"),
        ('[build-system]\nrequires = ["!!"]', "not a list of requirements"),
        ("\x00", "cannot be read"),
    ],
)
def test_a_pyproject_that_says_nothing_sound_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(InputError, match=says):
        read_build_system(tmp_path)


@pytest.mark.parametrize(
    ("pyproject", "setup", "asks"),
    [
        ('[build-system]\nrequires = ["setuptools_scm[toml]>=8"]', "", True),
        ('[build-system]\nrequires = ["hatch-vcs"]', "", True),
        ('[build-system]\nrequires = ["pdm-backend"]\n[tool.pdm.version]\nsource = "scm"', "", True),
        ('[build-system]\nrequires = ["hatchling"]', "", False),
        ("", "setup(use_scm_version=True)", True),
        ("", "setup()", False),
    ],
)
def test_backends_that_ask_git_are_known(tmp_path: Path, pyproject: str, setup: str, asks: bool) -> None:  # noqa: FBT001 - a table's column
    if pyproject:
        (tmp_path / "pyproject.toml").write_text(pyproject)
    if setup:
        (tmp_path / "setup.py").write_text(setup)
    assert read_build_system(tmp_path).asks_git is asks


def test_sources_that_lead_nowhere_are_left_to_uv(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["a", "b", "c", "d"]\n'
        '[tool.uv.sources]\na = { path = "nowhere" }\nb = { workspace = true }\nc = ["?"]\n'
    )
    assert read_build_system(tmp_path).local == ()
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["b"]\n[tool.uv.sources]\nb = { workspace = true }\n'
        '[tool.uv.workspace]\nmembers = ["none*", "/", ""]\n'
    )
    assert read_build_system(tmp_path).local == ()


def test_settings_of_builds_are_part_of_what_is_told_apart(tmp_path: Path) -> None:
    assert build_settings(tmp_path) == "[]"
    (tmp_path / "pyproject.toml").write_text('[tool.uv]\nbuild-constraint-dependencies = ["a==1"]\n')
    assert "a==1" in build_settings(tmp_path)
