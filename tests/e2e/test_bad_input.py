"""Whatever is put in, the answer is at most three lines and the right exit code, and nothing is half-written.

Every test runs the real command line in a process of its own, on a base made by hand: no network is needed.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import warnings
import zipfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.handmade import Entry, directory, put_image
from tests.programs import cannot_run, require_program
from wherry.oci.image import StoreSource
from wherry.oci.layout import write_layout
from wherry.oci.model import Config
from wherry.oci.platform import Platform
from wherry.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.e2e

BAD_INPUT = 2
WORLD = 3
MACHINE = Platform.of_host().machine
OTHER_MACHINE = "aarch64" if MACHINE == "x86_64" else "x86_64"
DEADLINE_S = 300
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"  # the one interpreter that is surely here
TAG = f"cp{PYTHON}-cp{PYTHON}".replace(".", "")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image with just enough in it to be a base: what an interpreter and a libc say of themselves."""
    root = tmp_path_factory.mktemp("base")
    store = Store.open(root / "store")
    layer = [
        *map(directory, ("etc", "usr", "usr/bin", "usr/lib", f"usr/lib/{MACHINE}-linux-gnu", "tmp")),
        Entry(f"usr/bin/python{PYTHON}", f"\x7fELF\0{PYTHON}.9\0".encode(), mode=0o755),
        Entry(
            f"usr/lib/{MACHINE}-linux-gnu/libc.so.6",
            b"\x7fELF\0GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n\0",
            mode=0o755,
        ),
        Entry("etc/os-release", b"ID=debian\nVERSION_CODENAME=bookworm\n"),
    ]
    image = put_image(store, [layer], config=Config(env=("PATH=/usr/bin",)))
    write_layout(root / "layout", StoreSource(store, image), image)
    return root / "layout"


@dataclass(frozen=True)
class Done:
    """What a command line came to."""

    code: int
    out: str
    err: str


@dataclass
class Bench:
    """A project, its wheels and a store, and the command line to build it with."""

    root: Path
    base: Path
    locked: list[tuple[str, str, str]] = field(default_factory=list)  # name, filename, sha256
    urls: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in (self.project, self.links, self.cache, self.root / "home"):
            path.mkdir(parents=True)
        (self.project / "app.py").write_text("print('hello')\n")
        self.write_pyproject()

    @property
    def project(self) -> Path:
        return self.root / "project"

    @property
    def links(self) -> Path:
        return self.root / "links"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def write_pyproject(self) -> None:
        (self.project / "pyproject.toml").write_text(
            f'[project]\nname = "app"\nversion = "1.0"\nrequires-python = ">=3.11"\n'
            f'dependencies = ["demo"]\n[tool.wherry]\ncommand = ["python", "app.py"]\n'
            f'base = "oci:{self.base}"\nbytecode = false\n'
        )

    def add(self, name: str, files: dict[str, bytes] | None = None, odd: Oddity | None = None) -> Path:
        """Lock a wheel, sound but for its oddity, and put it where --find-links looks."""
        return self.lock(
            make_wheel(self.links, name, files or {f"{name}/__init__.py": b"x = 1\n"}, odd), name
        )

    def lock(self, path: Path, name: str = "demo") -> Path:
        self.locked.append((name, path.name, hashlib.sha256(path.read_bytes()).hexdigest()))
        self.write_lock()
        return path

    def write_lock(self, version: str = "1.0") -> None:
        lines = [f'lock-version = "{version}"', 'created-by = "a test"', 'requires-python = ">=3.11"']
        for name, filename, digest in self.locked:
            url = self.urls.get(name, f"https://index.example/{filename}")
            lines += [
                "[[packages]]",
                f'name = "{name}"',
                'version = "1.0"',
                "[[packages.wheels]]",
                f'name = "{filename}"',
                f'url = "{url}"',
                f'hashes = {{ sha256 = "{digest}" }}',
            ]
        (self.project / "pylock.toml").write_text("\n".join(lines) + "\n")

    @property
    def variables(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("WHERRY_", "UV_", "PIP_"))}
        return {
            **kept,
            **{k: v for k, v in os.environ.items() if k == "WHERRY_REQUIRE_E2E"},
            "WHERRY_CACHE_DIR": str(self.cache),
            "HOME": str(self.root / "home"),
            "PIP_CONFIG_FILE": os.devnull,
            "UV_NO_CONFIG": "1",
            **self.environment,
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "wherry", *arguments]

    @property
    def build_arguments(self) -> list[str]:
        arguments = ["build", str(self.project), "-t", "app", "-q", "--find-links", str(self.links)]
        return arguments if self.urls else [*arguments, "--offline"]

    def run(self, *arguments: str, before: tuple[str, ...] = ()) -> Done:
        done = subprocess.run(
            [*before, *self.command(*arguments)],
            env=self.variables,
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def build(self, *more: str, before: tuple[str, ...] = ()) -> Done:
        return self.run(*self.build_arguments, *more, before=before)

    def digest(self) -> str:
        done = self.build()
        assert done.code == 0, done.err
        return done.out.strip()

    def refused(self, code: int, says: str, *more: str) -> list[str]:
        """Build, and hold the answer to all that is promised of a refusal; give its lines."""
        archive = self.root / "out.tar"
        layout = self.root / "out"
        done = self.build("-o", f"oci-archive:{archive}", "-o", f"oci:{layout}", *more)
        lines = require_refusal(done, code, says)
        assert not archive.exists()
        assert not layout.exists()
        self.require_whole()
        return lines

    def require_whole(self) -> None:
        """The store has no image, nothing half-made, and every blob in it is what its name says."""
        assert self.run("images", "-q").out.strip() == ""
        assert not list((self.cache / "tmp").glob("*"))
        verified = self.run("cache", "verify")
        assert (verified.code, verified.err) == (0, "")


def require_refusal(done: Done, code: int, says: str) -> list[str]:
    assert "Traceback" not in done.err + done.out
    assert done.code == code, done
    lines = done.err.splitlines()
    assert lines
    assert lines[0].startswith("error: "), done.err
    assert len(lines) <= 3, done.err
    assert re.search(says, done.err), done.err
    assert "did not expect" not in done.err  # the last net of the command line: a defect
    return lines


@pytest.fixture
def bench(tmp_path: Path, base: Path) -> Bench:
    return Bench(tmp_path / "bench", base)


def metadata(name: str, tag: str) -> dict[str, bytes]:
    return {
        f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{name}-1.0.dist-info/WHEEL": (
            f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
        ),
    }


def record_of(name: str, files: dict[str, bytes]) -> bytes:
    rows = []
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        quoted = '"' + path.replace('"', '""') + '"'
        rows.append(f"{quoted},sha256={digest},{len(data)}")
    return "\n".join([*rows, f"{name}-1.0.dist-info/RECORD,,", ""]).encode()


@dataclass(frozen=True)
class Oddity:
    """What is not as usual in a wheel."""

    tag: str = "py3-none-any"
    record: bytes | None = None  # instead of the right one
    links: dict[str, str] = field(default_factory=dict)  # symbolic links
    again: dict[str, bytes] = field(default_factory=dict)  # written under names that are there already


def make_wheel(into: Path, name: str, files: dict[str, bytes], odd: Oddity | None = None) -> Path:
    odd = odd or Oddity()
    path = into / f"{name}-1.0-{odd.tag}.whl"
    contents = {**files, **metadata(name, odd.tag)}
    contents[f"{name}-1.0.dist-info/RECORD"] = odd.record or record_of(name, contents)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of a name that is there twice
        for member, data in [*contents.items(), *odd.again.items()]:
            info = zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0))
            info.external_attr = 0o100644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(info, data)
        for member, target in odd.links.items():
            info = zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0))
            info.external_attr = 0o120777 << 16
            wheel.writestr(info, target)
    return path


def patch(path: Path, *changes: tuple[bytes, bytes]) -> Path:
    data = path.read_bytes()
    for old, new in changes:
        assert old in data
        assert len(old) == len(new)
        data = data.replace(old, new)
    path.write_bytes(data)
    return path


# A sound build first: what the refusals are measured against.


def test_a_sound_project_is_built_and_its_store_is_whole(bench: Bench) -> None:
    bench.add("demo")
    first = bench.digest()
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", first)
    assert bench.digest() == first
    assert bench.run("cache", "verify").code == 0


# Wheels.


def test_a_wheel_that_is_no_zip(bench: Bench) -> None:
    path = bench.links / "demo-1.0-py3-none-any.whl"
    path.write_bytes(b"this is no zip" * 100)
    bench.lock(path)
    bench.refused(BAD_INPUT, r"demo-1\.0-py3-none-any\.whl")


def test_a_wheel_whose_directory_is_cut_off(bench: Bench) -> None:
    path = make_wheel(bench.links, "demo", {"demo/__init__.py": b"x" * 5000})
    path.write_bytes(path.read_bytes()[:-60])
    bench.lock(path)
    bench.refused(BAD_INPUT, r"demo-1\.0-py3-none-any\.whl")


def test_a_member_with_the_wrong_crc(bench: Bench) -> None:
    files = {"demo/__init__.py": bytes(range(256)) * 64}
    path = make_wheel(bench.links, "demo", files)
    with zipfile.ZipFile(path) as archive:
        crc = struct.pack("<I", archive.getinfo("demo/__init__.py").CRC)
    patch(path, (crc, b"\1\2\3\4"))
    bench.lock(path)
    bench.refused(BAD_INPUT, "(?s)demo/__init__.py|CRC")


def test_a_member_whose_deflated_bytes_are_corrupt(bench: Bench) -> None:
    files = {"demo/__init__.py": os.urandom(4000) + b"x" * 50_000}
    path = make_wheel(bench.links, "demo", files)
    data = bytearray(path.read_bytes())
    data[2000:2040] = b"\xff" * 40
    path.write_bytes(data)
    bench.lock(path)
    bench.refused(BAD_INPUT, "demo")


def test_a_large_member_whose_deflated_bytes_are_corrupt(bench: Bench) -> None:
    files = {"demo/large.bin": os.urandom(3 << 20)}
    path = make_wheel(bench.links, "demo", files)
    data = bytearray(path.read_bytes())
    data[1 << 20] ^= 0xFF
    path.write_bytes(data)
    bench.lock(path)
    bench.refused(BAD_INPUT, "demo")


def test_a_member_that_is_not_what_record_says(bench: Bench) -> None:
    files = {"demo/__init__.py": b"x = 1\n"}
    claimed = {"demo/__init__.py": b"x = 2\n", **metadata("demo", "py3-none-any")}
    bench.add("demo", files, Oddity(record=record_of("demo", claimed)))
    bench.refused(BAD_INPUT, "RECORD")


def test_a_wheel_without_record(bench: Bench) -> None:
    path = bench.links / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, data in {"demo/__init__.py": b"", **metadata("demo", "py3-none-any")}.items():
            wheel.writestr(member, data)
    bench.lock(path)
    bench.refused(BAD_INPUT, "RECORD")


def test_a_wheel_with_another_hash_than_the_locks(bench: Bench) -> None:
    path = bench.add("demo")
    make_wheel(bench.links, "demo", {"demo/__init__.py": b"evil = True\n"})
    assert path.exists()
    bench.refused(BAD_INPUT, "the lock wants sha256:")


@pytest.mark.parametrize(
    "member",
    [
        "../escaped",
        "demo/../../escaped",
        "/etc/escaped",
        "demo\\..\\..\\escaped",
        "C:/escaped",
        "demo/.wh.hidden",
        ".wh..wh..opq",
        "demo/.wh..wh..opq",
        "demo-1.0.data/data/../../../escaped",
        "demo-1.0.data/scripts/../../escaped",
        "demo/" + "n" * 300,
        "demo/" + "d/" * 2500 + "x",
        "demo/a\0b",
        "demo/./x",
        "demo//x",
    ],
)
def test_a_member_whose_name_leads_elsewhere_or_cannot_be_written(bench: Bench, member: str) -> None:
    if "\0" in member or "\\" in member:
        stand_in = re.sub(r"[\0\\]", "@", member)
        path = make_wheel(bench.links, "demo", {stand_in: b"x"})
        patch(path, (stand_in.encode(), member.encode()))
        bench.lock(path)
    else:
        bench.add("demo", {member: b"x"})
    bench.refused(BAD_INPUT, "demo")
    assert not list(bench.root.rglob("escaped"))


@pytest.mark.parametrize("flag", [b"\x00\x08", b"\x00\x00"])
def test_a_member_whose_name_is_not_utf8(bench: Bench, flag: bytes) -> None:
    path = make_wheel(bench.links, "demo", {"demo/b\u00e4d.py": b"x"})
    data = path.read_bytes()
    data = data.replace("b\u00e4d".encode(), b"b\xff\xfed")
    position = data.index(b"demo/b\xff")
    assert data[position - 24 : position - 22] == b"\x00\x08"  # bit 11: the name is UTF-8
    data = data[: position - 24] + flag + data[position - 22 :]
    position = data.rindex(b"demo/b\xff")
    data = data[: position - 38] + flag + data[position - 36 :]
    path.write_bytes(data)
    bench.lock(path)
    bench.refused(BAD_INPUT, "demo")


def test_a_member_that_is_a_symbolic_link(bench: Bench) -> None:
    bench.add("demo", odd=Oddity(links={"demo/passwd": "/etc/passwd"}))
    bench.refused(BAD_INPUT, "demo/passwd")


def test_a_member_that_is_there_twice(bench: Bench) -> None:
    bench.add("demo", odd=Oddity(again={"demo/__init__.py": b"x = 2\n"}))
    bench.refused(BAD_INPUT, "demo/__init__.py")


def test_a_member_that_is_a_file_and_a_directory(bench: Bench) -> None:
    bench.add("demo", {"demo/a": b"x", "demo/a/b": b"y"})
    bench.refused(BAD_INPUT, "demo/a")


def test_a_zip_bomb(bench: Bench) -> None:
    path = bench.links / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as wheel:
        with wheel.open("demo/zeros", "w", force_zip64=True) as member:
            for _ in range(700):
                member.write(bytes(1 << 20))
        for name, data in metadata("demo", "py3-none-any").items():
            wheel.writestr(name, data)
        wheel.writestr("demo-1.0.dist-info/RECORD", "")
    assert path.stat().st_size < 8 << 20
    bench.lock(path)
    bench.refused(BAD_INPUT, "demo")


def test_a_bomb_whose_sizes_are_lies(bench: Bench) -> None:
    size_bytes = (64 << 20) + 12_345
    path = make_wheel(bench.links, "demo", {"demo/zeros": bytes(size_bytes)})
    patch(path, (struct.pack("<I", size_bytes), struct.pack("<I", 100)))
    bench.lock(path)
    bench.refused(BAD_INPUT, "demo")


def test_a_wheel_for_another_platform(bench: Bench) -> None:
    bench.add("demo", odd=Oddity(f"{TAG}-manylinux_2_17_{OTHER_MACHINE}"))
    lines = bench.refused(BAD_INPUT, f"demo 1.0.*(?s:.*){OTHER_MACHINE}")
    assert len(lines) == 3


def test_a_wheel_for_a_newer_glibc_than_the_bases(bench: Bench) -> None:
    bench.add("demo", odd=Oddity(f"{TAG}-manylinux_2_99_{MACHINE}"))
    bench.refused(BAD_INPUT, "demo")


def test_two_wheels_that_own_one_path(bench: Bench) -> None:
    bench.add("demo", {"shared/thing.py": b"x = 1\n"})
    bench.add("other", {"shared/thing.py": b"x = 2\n"})
    lines = bench.refused(BAD_INPUT, "shared/thing.py")
    assert "demo" in " ".join(lines)
    assert "other" in " ".join(lines)


# Locks and trees.


@pytest.mark.parametrize(
    "text", ["not = = toml", "\0\1\2", "lock-version = '1.0'\n[[packages]]\nname = 3\n", "[" * 9999]
)
def test_a_lock_that_is_not_toml_or_not_a_lock(bench: Bench, text: str) -> None:
    bench.add("demo")
    (bench.project / "pylock.toml").write_text(text)
    bench.refused(BAD_INPUT, r"pylock\.toml")


def test_a_lock_of_an_unknown_version(bench: Bench) -> None:
    bench.add("demo")
    bench.write_lock("99.0")
    bench.refused(BAD_INPUT, r"99\.0")


def test_a_uv_lock_of_an_unknown_version(bench: Bench) -> None:
    (bench.project / "uv.lock").write_text('version = 99\nrequires-python = ">=3.11"\n')
    bench.refused(BAD_INPUT, r"uv\.lock is of version 99, and version 1 is known")


def lock_directories(bench: Bench, *names: str) -> None:
    lines = ['lock-version = "1.0"', 'created-by = "a test"']
    for name in names:
        lines += ["[[packages]]", f'name = "{name}"', 'version = "1.0"']
        lines += ["[packages.directory]", f'path = "../{name}"']
    (bench.project / "pylock.toml").write_text("\n".join(lines) + "\n")


def test_path_dependencies_that_form_a_circle(bench: Bench) -> None:
    for name, other in (("one", "two"), ("two", "one")):
        tree = bench.root / name
        tree.mkdir()
        (tree / "pyproject.toml").write_text(
            f'[project]\nname = "{name}"\nversion = "1.0"\ndependencies = ["{other}"]\n'
            f'[tool.uv.sources]\n{other} = {{ path = "../{other}" }}\n'
        )
    lock_directories(bench, "one", "two")
    bench.refused(BAD_INPUT, "one -> two -> one")


def test_trees_that_require_each_other_to_be_built(bench: Bench) -> None:
    for name, other in (("one", "two"), ("two", "three"), ("three", "two")):
        tree = bench.root / name
        tree.mkdir()
        (tree / "pyproject.toml").write_text(
            f'[build-system]\nrequires = ["{other}"]\nbuild-backend = "x"\n'
            f'[project]\nname = "{name}"\nversion = "1.0"\n'
            f'[tool.uv.sources]\n{other} = {{ path = "../{other}" }}\n'
        )
    lock_directories(bench, "one")  # the others are known only to the builds
    bench.refused(BAD_INPUT, "two -> three -> two")


def test_a_dependency_whose_build_fails(bench: Bench) -> None:
    tree = bench.root / "one"
    tree.mkdir()
    (tree / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (tree / "backend.py").write_text("def build_wheel(*_):\n    raise RuntimeError('no wheel today')\n")
    lock_directories(bench, "one")
    lines = bench.refused(BAD_INPUT, "RuntimeError: no wheel today")
    assert len(lines) == 3
    log = lines[1].partition("log: ")[2]
    assert log.startswith(str(bench.cache))
    assert "Traceback" in Path(log).read_text()


def test_a_source_distribution_that_would_escape(bench: Bench) -> None:
    import io  # noqa: PLC0415 - this test alone
    import tarfile  # noqa: PLC0415 - the same

    path = bench.links / "demo-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo("demo-1.0/../../../escaped")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (bench.project / "pylock.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "a test"\n[[packages]]\nname = "demo"\nversion = "1.0"\n'
        "[packages.sdist]\n"
        f'name = "{path.name}"\nurl = "https://index.example/x"\nhashes = {{ sha256 = "{digest}" }}\n'
    )
    bench.refused(BAD_INPUT, "outside its directory")


# Disks.


@contextmanager
def mounted(place: Path, options: str) -> Iterator[None]:
    """A file system of memory at *place*."""
    require_program("mount")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        cannot_run(f"may not mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk(bench: Bench) -> None:
    bench.add("demo", {"demo/large.bin": os.urandom(8 << 20)})
    with mounted(bench.cache, "size=4m"):
        bench.refused(WORLD, "(?i)disk")


def test_a_disk_that_is_full_before_anything_is_there(bench: Bench) -> None:
    bench.add("demo")
    with mounted(bench.cache, "size=8k,nr_inodes=12"):
        done = bench.build()
        require_refusal(done, WORLD, "(?i)disk|space|full")


def test_a_full_disk_where_the_output_goes(bench: Bench) -> None:
    bench.add("demo", {"demo/large.bin": os.urandom(8 << 20)})
    out = bench.root / "small"
    out.mkdir()
    with mounted(out, "size=1m"):
        done = bench.build("-o", f"oci-archive:{out}/app.tar")
        require_refusal(done, WORLD, "(?i)disk|space")
        assert list(out.iterdir()) == []


def test_a_store_that_may_only_be_read(bench: Bench) -> None:
    bench.add("demo")
    with mounted(bench.cache, "size=64m,mode=755"):
        Store.open(bench.cache)
        subprocess.run(["mount", "-o", "remount,ro", str(bench.cache)], check=True)
        done = bench.build("-o", f"oci:{bench.root}/out")
        lines = require_refusal(done, WORLD, "(?i)read")
        assert str(bench.cache) in done.err
        assert len(lines) == 3
        assert not (bench.root / "out").exists()


def test_a_store_that_is_a_file(bench: Bench) -> None:
    bench.add("demo")
    bench.cache.rmdir()
    bench.cache.write_text("")
    require_refusal(bench.build(), BAD_INPUT, "not a directory")


# Processes.


def many_wheels(bench: Bench) -> None:
    """Enough work for a kill to come in the middle of it."""
    for n in range(4):
        files = {
            f"pkg{n}/part{i}.bin": hashlib.sha256(f"{n} {i}".encode()).digest() * 40_000 for i in range(12)
        }
        bench.add(f"pkg{n}", files)


@pytest.mark.parametrize(
    ("sign", "count"), [("tmp/*", 1), ("blobs/sha256/*", 3), ("blobs/sha256/*", 5), ("tags/*", 1)]
)
def test_a_kill_in_the_middle_and_then_again(
    bench: Bench, tmp_path: Path, base: Path, sign: str, count: int
) -> None:
    many_wheels(bench)
    undisturbed = Bench(tmp_path / "other", base)
    shutil.copytree(bench.links, undisturbed.links, dirs_exist_ok=True)
    shutil.copytree(bench.project, undisturbed.project, dirs_exist_ok=True)

    arguments = [*bench.build_arguments, "-o", f"oci:{bench.root}/out"]
    process = subprocess.Popen(
        bench.command(*arguments),
        env=bench.variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(process, lambda: len(list(bench.cache.glob(sign))) >= count)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    assert bench.digest() == undisturbed.digest()
    assert not list((bench.cache / "tmp").glob("*"))
    assert bench.run("cache", "verify").code == 0
    again = bench.run(*arguments)
    assert again.code == 0, again.err


def wait_for(process: subprocess.Popen[Any], seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not seen() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)


def test_an_interrupt_ends_with_130_and_leaves_a_whole_store(bench: Bench) -> None:
    many_wheels(bench)
    process = subprocess.Popen(
        bench.command(*bench.build_arguments), env=bench.variables, stderr=subprocess.PIPE, text=True
    )
    wait_for(process, lambda: bool(list((bench.cache / "tmp").glob("*"))))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode in {130, 0}  # 0: it was quicker
    assert "Traceback" not in err
    assert not list((bench.cache / "tmp").glob("*"))
    assert bench.run("cache", "verify").code == 0


def test_two_builds_at_once(bench: Bench) -> None:
    many_wheels(bench)
    processes = [
        subprocess.Popen(
            bench.command(*bench.build_arguments, "-o", f"oci:{bench.root}/out"),
            env=bench.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    ended = [(*process.communicate(timeout=DEADLINE_S), process.returncode) for process in processes]
    assert [(err, code) for _, err, code in ended] == [("", 0)] * 3
    assert len({out for out, _, _ in ended}) == 1
    assert bench.run("cache", "verify").code == 0


def test_a_clock_in_1970(bench: Bench) -> None:
    faketime = require_program("faketime")
    bench.add("demo")
    early = bench.build(
        "-o", f"oci-archive:{bench.root}/out.tar", before=(faketime, "-f", "1970-01-01 00:00:10")
    )
    assert early.code == 0, early.err
    shutil.rmtree(bench.cache)
    bench.cache.mkdir()
    assert bench.digest() == early.out.strip()


# Indexes.


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers every request as the test says."""

    protocol_version = "HTTP/1.1"

    def __init__(self, answer: Callable[[Handler], None], *arguments: Any) -> None:  # noqa: ANN401 - as inherited
        self.answer = answer
        super().__init__(*arguments)

    def do_GET(self) -> None:
        with suppress(OSError):
            self.answer(self)

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve(bench: Bench) -> Iterator[Callable[[Callable[[Handler], None]], None]]:
    """Let the locked wheel be on a server, and only there."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(answer: Callable[[Handler], None]) -> None:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, answer))
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        bench.urls["demo"] = f"http://127.0.0.1:{server.server_port}/{bench.locked[0][1]}"
        bench.environment["UV_HTTP_TIMEOUT"] = "0.5"
        bench.write_lock()

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def wheel(bench: Bench) -> bytes:
    path = bench.add("demo", {"demo/data.bin": os.urandom(200_000)})
    data = path.read_bytes()
    path.unlink()
    return data


@pytest.mark.parametrize(("status", "says"), [(401, "401"), (403, "403"), (404, "404"), (500, "500")])
def test_an_index_that_answers_with_an_error(
    bench: Bench, wheel: bytes, serve: Callable[..., None], status: int, says: str
) -> None:
    assert wheel
    serve(lambda handler: handler.reply(status))
    lines = bench.refused(WORLD, says)
    assert "127.0.0.1" in " ".join(lines)


def test_credentials_that_an_index_refuses_are_not_shown(
    bench: Bench, wheel: bytes, serve: Callable[..., None]
) -> None:
    assert wheel
    serve(lambda handler: handler.reply(401))
    bench.urls["demo"] = bench.urls["demo"].replace("http://", "http://someone:open-sesame@")
    bench.write_lock()
    assert "open-sesame" not in " ".join(bench.refused(WORLD, "401"))
    kept = [path for path in bench.cache.rglob("*") if path.is_file() and b"open-sesame" in path.read_bytes()]
    assert kept == []


def test_an_index_that_answers_slowly_is_waited_for(
    bench: Bench, wheel: bytes, serve: Callable[..., None]
) -> None:
    def slowly(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(wheel)))
        handler.end_headers()
        for start in range(0, len(wheel), 20_000):
            handler.wfile.write(wheel[start : start + 20_000])
            handler.wfile.flush()
            time.sleep(0.1)

    serve(slowly)
    assert bench.digest()


def test_an_index_that_never_answers(bench: Bench, wheel: bytes, serve: Callable[..., None]) -> None:
    assert wheel
    serve(lambda _: time.sleep(60))
    bench.refused(WORLD, "(?i)nothing|time|answer")


def test_an_index_that_falls_silent_in_the_middle(
    bench: Bench, wheel: bytes, serve: Callable[..., None]
) -> None:
    def half(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(wheel)))
        handler.end_headers()
        handler.wfile.write(wheel[:1000])
        handler.wfile.flush()
        time.sleep(60)

    serve(half)
    bench.refused(WORLD, "127.0.0.1")


def test_a_download_that_is_cut_off_and_the_next_run_goes_on(
    bench: Bench, wheel: bytes, serve: Callable[..., None]
) -> None:
    whole = threading.Event()

    def cut(handler: Handler) -> None:
        if whole.is_set():
            handler.reply(200, wheel)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(wheel)))
        handler.end_headers()
        handler.wfile.write(wheel[:50_000])
        handler.close_connection = True

    serve(cut)
    bench.refused(WORLD, "127.0.0.1")
    whole.set()
    assert bench.digest()


def test_an_index_that_sends_other_bytes(bench: Bench, wheel: bytes, serve: Callable[..., None]) -> None:
    serve(lambda handler: handler.reply(200, bytes(len(wheel))))
    bench.refused(WORLD, "127.0.0.1|hash|sha256")


def test_an_index_that_sends_without_end(bench: Bench, wheel: bytes, serve: Callable[..., None]) -> None:
    assert wheel

    def flood(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        for _ in range(20_000):
            handler.wfile.write(bytes(1 << 20))

    serve(flood)
    with mounted(bench.cache, "size=64m"):
        done = bench.build()
        require_refusal(done, WORLD, "127.0.0.1|(?i:disk)")


def test_an_index_that_is_not_there(bench: Bench, wheel: bytes) -> None:
    assert wheel
    bench.urls["demo"] = "http://127.0.0.1:9/demo.whl"
    bench.write_lock()
    bench.refused(WORLD, "127.0.0.1")
