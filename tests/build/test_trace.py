"""What is opened, by strace's own account of real containers and by lines made by hand."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from tests.handmade import Entry, name_image, put_image, shell_config, shell_layer
from tests.programs import require_program
from wherry.build.run import trace as module
from wherry.build.run.start import TRACED, run_image
from wherry.build.run.trace import Opened, Trace
from wherry.errors import InputError, WorldError

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.store.store import Store

PROGRAMS = {"crun": "crun", "runc": "runc", "bubblewrap": "bwrap"}


def escaped(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def executed(*argv: str, program: str | None = None) -> bytes:
    words = ", ".join(f'"{escaped(word)}"' for word in argv)
    return f'7 execve("{escaped(program or argv[0])}", [{words}], 0x7f /* 9 vars */) = 0'.encode()


def opened(path: str, process: int = 7) -> bytes:
    call = f'openat(AT_FDCWD<{escaped("/")}>, "{escaped("any")}", O_RDONLY) = 3<{escaped(path)}>'
    return f"{process} {call}".encode()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = tmp_path / "root"
    (found / "usr/bin").mkdir(parents=True)
    (found / "bin").symlink_to("usr/bin")
    for name in ("a", "b", "é"):
        (found / "usr" / name).write_text(name)
    shutil.copy(os.path.realpath(sys.executable), found / "usr/bin/program")
    (found / "usr/bin/script").write_text("#!/bin/program -x\n")
    return found


def heard(root: Path, *lines: bytes, argv: tuple[str, ...] = ("/bin/script", "x")) -> list[str]:
    found = Opened(argv, root)
    for line in lines:
        found.hear(line)
    return list(found.paths)


def test_files_are_named_once_in_the_order_of_first_use(root: Path) -> None:
    start = executed("/usr/a", "x")
    lines = (opened("/usr/b"), opened("/usr/é"), opened("/usr/b"))
    assert heard(root, start, *lines, argv=("/usr/a", "x")) == ["usr/a", "usr/b", "usr/é"]


def test_what_the_runtime_opens_does_not_count(root: Path) -> None:
    before = (executed("crun", "/usr/a"), opened("/usr/b", 5), opened("/usr/b"))
    after = (opened("/usr/b", 5), opened("/usr/é", 8))
    assert heard(root, *before, executed("/usr/a"), *after, argv=("/usr/a",)) == ["usr/a", "usr/é"]


def test_a_script_brings_its_interpreter_and_a_program_its_loader(root: Path) -> None:
    names = heard(root, executed("/bin/script", "x"))
    assert names[:2] == ["usr/bin/script", "usr/bin/program"]
    interpreter = module._interpreter(os.fsencode(root / "usr/bin/program")).decode()
    assert interpreter.startswith("/")


def test_only_files_of_the_image_count(root: Path) -> None:
    (root / "usr/new\nline").touch()
    lines = [opened(path) for path in ("/usr", "/absent", "/usr/new\nline", "/proc/self/maps")]
    failed = b'7 openat(AT_FDCWD, "\\x2f", O_RDONLY) = -1 ENOENT (No such file or directory)'
    assert heard(root, executed("/usr/a"), *lines, failed, b"nonsense", argv=("/usr/a",)) == ["usr/a"]


def test_a_command_that_was_interrupted_in_its_line_is_still_known(root: Path) -> None:
    begun = executed("/usr/a").split(b", 0x7f")[0] + b", 0x7f /* 9 vars */ <unfinished ...>"
    resumed = b"7 <... openat resumed>) = 3<" + escaped("/usr/b").encode() + b">"
    assert heard(root, begun, b"7 <... execve resumed>) = 0", resumed, argv=("/usr/a",)) == ["usr/a", "usr/b"]


def test_long_commands_are_known_by_what_strace_shows_of_them(root: Path) -> None:
    argv = ("/usr/a", "x" * 1000, *map(str, range(100)))
    shown = [f'"{escaped(word[:512])}"' + "..." * (len(word) > 512) for word in argv[:32]]
    line = f'7 execve("{escaped("/usr/a")}", [{", ".join(shown)}, ...], 0x7f /* 9 vars */) = 0'
    assert heard(root, line.encode(), argv=argv) == ["usr/a"]


@pytest.fixture
def shell(store: Store) -> str:
    layer = [*shell_layer(), Entry("data/b", b"b"), Entry("data/a", b"a"), Entry("data/never", b"c")]
    name_image(store, "shell", put_image(store, [layer], config=shell_config()))
    return "shell"


@pytest.mark.parametrize("runtime", TRACED)
def test_a_real_container_is_watched(store: Store, shell: str, tmp_path: Path, runtime: str) -> None:
    require_program("strace")
    require_program(PROGRAMS[runtime])
    trace = Trace(tmp_path / "list")
    command = ["/bin/sh", "-c", "read x < /data/b; read x < /data/a; read x < /data/b; exit 7"]
    assert run_image(store, shell, command, runtime=runtime, trace=trace) == 7
    names = (tmp_path / "list").read_text().splitlines()
    assert [name for name in names if name.startswith("/data")] == ["/data/b", "/data/a"]
    assert "/etc/ld.so.conf" not in names


def test_a_container_is_stopped_after_the_time_that_was_given(
    store: Store, shell: str, tmp_path: Path
) -> None:
    require_program("strace")
    require_program("crun")
    trace = Trace(tmp_path / "list", seconds=1)
    command = ["/bin/sh", "-c", "trap 'read x < /data/a; exit 3' TERM; while :; do read x < /data/b; done"]
    assert run_image(store, shell, command, runtime="crun", trace=trace) == 0
    names = (tmp_path / "list").read_text().splitlines()
    assert [name for name in names if name.startswith("/data")] == ["/data/b", "/data/a"]


def test_what_cannot_be_watched_is_said_before_anything_starts(
    store: Store, shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="cannot be traced"):
        run_image(store, shell, runtime="docker", trace=Trace(tmp_path / "list"))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(WorldError, match="not installed"):
        run_image(store, shell, trace=Trace(tmp_path / "list"))
    broken = tmp_path / "bin/strace"
    broken.write_text("#!/bin/sh\necho 'Operation not permitted' >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(WorldError, match="not permitted"):
        run_image(store, shell, trace=Trace(tmp_path / "list"))
    assert not (tmp_path / "list").exists()


def test_a_tracer_that_never_came_is_not_waited_for_for_ever(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.1)
    with Trace(tmp_path / "list").recording(["x"], root, tmp_path):
        pass
    assert (tmp_path / "list").read_text() == ""
