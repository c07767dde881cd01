from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wherry.errors import InputError, WorldError
from wherry.project import uv

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def fake_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Stand a script in for uv."""

    def install(script: str) -> Path:
        program = tmp_path / "uv"
        program.write_text(f"#!{sys.executable}\nimport os, sys, time\n{script}\n", "utf-8")
        program.chmod(0o755)
        monkeypatch.setattr(uv, "find_uv", lambda: program)
        return program

    return install


def test_the_uv_beside_us_is_found_and_answers(tmp_path: Path) -> None:
    assert uv.run_uv(["--version"], doing="say its version", cwd=tmp_path).startswith("uv ")


def test_a_uv_on_path_is_taken_when_none_is_installed_beside_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "uv"
    program.write_text("#!/bin/sh\n", "utf-8")
    program.chmod(0o755)
    assert uv.find_uv() == program


def test_a_machine_without_uv_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(WorldError) as caught:
        uv.find_uv()
    assert caught.value.mend == "pip install uv"


def test_another_uv_has_another_identity(fake_uv: Callable[[str], Path]) -> None:
    program = fake_uv("print(1)")
    before = uv.uv_identity()
    assert before == uv.uv_identity()
    program.write_text("something longer", "utf-8")
    assert uv.uv_identity() != before
    program.unlink()
    with pytest.raises(WorldError):
        uv.uv_identity()


def test_variables_that_would_steer_uv_elsewhere_do_not_reach_it(
    fake_uv: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("UV_PROJECT", "UV_FROZEN", "VIRTUAL_ENV", "PYTHONPATH", "RUST_LOG", "UV_OFFLINE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("UV_CACHE_DIR", "/elsewhere")
    fake_uv("print('\\n'.join(f'{k}={v}' for k, v in os.environ.items()))")
    seen = dict(
        line.split("=", 1) for line in uv.run_uv([], doing="x", cwd=tmp_path).splitlines() if "=" in line
    )
    assert (
        not {"UV_PROJECT", "UV_FROZEN", "VIRTUAL_ENV", "PYTHONPATH", "RUST_LOG", "UV_OFFLINE"} & seen.keys()
    )
    assert (seen["UV_CACHE_DIR"], seen["UV_NO_PROGRESS"]) == ("/elsewhere", "1")
    assert seen["UV_PYTHON_DOWNLOADS"] == "never"


def test_indexes_and_offline_reach_uv(fake_uv: Callable[[str], Path], tmp_path: Path) -> None:
    fake_uv("print(os.environ['UV_DEFAULT_INDEX'], os.environ['UV_OFFLINE'], sys.stdin.read())")
    said = uv.run_uv(
        [],
        doing="x",
        cwd=tmp_path,
        environment={"UV_DEFAULT_INDEX": "https://index.example/simple"},
        stdin="click",
        offline=True,
    )
    assert said == "https://index.example/simple 1 click\n"


def test_a_failure_is_told_in_one_line_without_credentials(
    fake_uv: Callable[[str], Path], tmp_path: Path
) -> None:
    fake_uv(
        "sys.stderr.write('warning: old\\nerror: No solution found\\n"
        "  cause: there is no click at https://me:secret@index.example/s\\n\\nhint: none\\n'); sys.exit(1)"
    )
    with pytest.raises(InputError) as caught:
        uv.run_uv([], doing="lock", cwd=tmp_path, where="pyproject.toml", mend="change it")
    assert caught.value.lines() == [
        "error: uv could not lock: No solution found: there is no click at https://index.example/s",
        "  at: pyproject.toml",
        "  mend: change it",
    ]
    assert "secret" not in vars(caught.value)["stderr"]


@pytest.mark.parametrize(
    "said",
    [
        "error: Failed to fetch: https://index.example/simple/click/",
        "error: Request failed after 3 retries",
        "error: HTTP status server error (503 Service Unavailable)",
        "error: No space left on device (os error 28)",
    ],
)
def test_a_failure_of_the_world_is_not_the_users_fault(
    said: str, fake_uv: Callable[[str], Path], tmp_path: Path
) -> None:
    fake_uv(f"sys.stderr.write({said!r}); sys.exit(2)")
    with pytest.raises(WorldError, match="uv could not"):
        uv.run_uv([], doing="lock", cwd=tmp_path)


def test_a_uv_that_never_ends_is_ended(fake_uv: Callable[[str], Path], tmp_path: Path) -> None:
    fake_uv("time.sleep(60)")
    with pytest.raises(WorldError, match=r"did not lock within 0\.2 s"):
        uv.run_uv([], doing="lock", cwd=tmp_path, timeout_s=0.2)


def test_a_uv_that_cannot_start_is_said_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv, "find_uv", lambda: tmp_path / "missing")
    with pytest.raises(WorldError, match="could not be started"):
        uv.run_uv([], doing="lock", cwd=tmp_path)


def test_a_killed_uv_is_the_worlds_failure(fake_uv: Callable[[str], Path], tmp_path: Path) -> None:
    fake_uv("os.kill(os.getpid(), 9)")
    with pytest.raises(WorldError, match="ended with code -9"):
        uv.run_uv([], doing="lock", cwd=tmp_path)


@pytest.mark.parametrize(
    ("stderr", "line"),
    [
        ("error: a\n  cause: b\n  cause: c\n", "a: b"),
        ("  \u00d7 No solution found:\n  ╰─▶ Because x\n      and y\n", "No solution found: Because x"),
        ("something else\nhappened\n", "happened"),
        ("", ""),
        (f"error: {'x' * 1000}", "x" * 400 + "…"),
    ],
)
def test_the_essential_line_is_the_error_and_its_first_cause(stderr: str, line: str) -> None:
    assert uv.essential_line(stderr) == line


def test_importing_us_does_not_import_uv() -> None:
    code = "import sys, wherry.project.uv; print('uv' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert Path(sys.executable).exists()
