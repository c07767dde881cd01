"""What every command has in common: exit codes, and errors of three lines at most."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
import pytest

from wherry import __version__
from wherry.cli import main
from wherry.errors import InputError, WorldError

if TYPE_CHECKING:
    from collections.abc import Callable

    Fail = Callable[[BaseException], None]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Make the command ``images`` raise."""

    def fail(error: BaseException) -> None:
        @click.command()
        def command() -> NoReturn:
            raise error

        monkeypatch.setattr("wherry.cli.images.command", command)

    return fail


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main.run(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_version_is_printed_without_loading_the_command_line() -> None:
    script = (
        "import sys; sys.argv = ['wherry', '--version']\n"
        "import wherry.__main__ as m; m.main(); print('click' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"wherry {__version__}\nFalse\n"


def test_an_interrupt_while_modules_are_read_shows_no_traceback() -> None:
    script = """
import builtins, sys

read = builtins.__import__

def interrupted(name, *rest):
    if name == "click":
        raise KeyboardInterrupt
    return read(name, *rest)

builtins.__import__ = interrupted
sys.argv = ["wherry", "check"]
import wherry.__main__ as m
m.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_help_lists_every_command_without_importing_them(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    for name in ("build", "plan", "run", "lock", "images", "rm", "save", "cache"):
        assert f"\n  {name} " in out


def test_no_command_shows_the_help_and_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys)
    assert code == 2
    assert "Commands:" in out


@pytest.mark.parametrize("name", ["build", "plan", "run", "lock", "images", "rm", "save", "cache"])
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, name, "--help")
    assert code == 0
    assert out.startswith(f"Usage: wherry {name} ")


def test_a_mistyped_command_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "biuld")
    assert (code, err) == (
        2,
        "error: there is no command 'biuld'. Did you mean 'build'? (see 'wherry --help')\n",
    )
    assert "See 'wherry --help'" in run(capsys, "xyzzy")[2]


def test_an_unknown_option_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "images", "--jsn")
    assert code == 2
    assert err.startswith("error: No such option '--jsn'")
    assert err.count("\n") == 1


def test_options_of_the_images_program_are_told_where_they_go(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "run", "app", "python", "-c", "1")
    assert (code, err) == (2, "error: No such option '-c'. (put -- before a command of the image's)\n")


@pytest.mark.parametrize(("kind", "code"), [(InputError, 2), (WorldError, 3)])
def test_an_error_is_what_where_and_how_to_mend(
    kind: type[InputError | WorldError], code: int, failing: Fail, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(kind("it broke", where="app.py:3", mend="mend it"))
    assert run(capsys, "images") == (code, "", "error: it broke\n  at: app.py:3\n  mend: mend it\n")


def test_a_hostile_name_cannot_forge_lines_or_move_the_cursor(
    failing: Fail, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(InputError("bad name a\nerror: fake\x1b[2J"))
    assert run(capsys, "images")[2] == "error: bad name a\\nerror: fake\\x1b[2J\n"


def test_a_full_disk_says_how_to_make_room(failing: Fail, capsys: pytest.CaptureFixture[str]) -> None:
    failing(OSError(errno.ENOSPC, "No space left on device", "/x/y"))
    code, _, err = run(capsys, "images")
    assert (code, err.splitlines()[:2]) == (3, ["error: the disk is full", "  at: /x/y"])
    assert "wherry cache prune" in err


def test_what_the_system_refuses_is_said_without_a_traceback(
    failing: Fail, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(PermissionError(errno.EACCES, "Permission denied", "/x"))
    code, _, err = run(capsys, "images")
    assert (code, err.splitlines()[0]) == (3, "error: the system refused: Permission denied")


def test_the_unexpected_is_three_lines_too_unless_a_traceback_is_asked_for(
    failing: Fail, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(ValueError("oh"))
    code, _, err = run(capsys, "images")
    assert code == 3
    assert "ValueError: oh" in err
    assert len(err.splitlines()) <= 3
    monkeypatch.setenv("WHERRY_DEBUG", "1")
    with pytest.raises(ValueError, match="oh"):
        main.run(["images"])


def test_debug_shows_where_an_explained_error_came_from(
    failing: Fail, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHERRY_DEBUG", "1")
    failing(InputError("it broke"))
    assert "Traceback" in run(capsys, "images")[2]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interruption_has_its_own_code(
    error: BaseException, failing: Fail, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(error)
    code, _, err = run(capsys, "images")
    assert (code, err.strip()) == (130, "interrupted: nothing was left half-written")


def test_click_errors_without_a_place_are_one_line(failing: Fail, capsys: pytest.CaptureFixture[str]) -> None:
    failing(click.ClickException("no"))
    assert run(capsys, "images") == (2, "", "error: no\n")


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    program = "from wherry.cli.main import run; import sys; sys.exit(run(['--help']))"
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; "$0" -c "{program}" | true', sys.executable],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path.cwd(),
    )
    assert "Traceback" not in done.stderr
