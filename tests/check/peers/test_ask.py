"""Running other linters: found or not, ended or not, each file under the name that wherry gives it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from wherry.check.peers import ask as asking
from wherry.check.peers.ask import ask
from wherry.dockerfile.source import Source
from wherry.errors import InputError, WorldError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

StandsFor = "Callable[[str, str], None]"

HADOLINT = r"""
shift 2
printf '['
for file; do
  printf '%s{"code":"DL3006","column":1,"file":"%s","level":"info","line":1,"message":"%s"}' \
    "$sep" "$file" "$(cat "$file")"
  sep=,
done
printf ']'
"""

TALLY = r"""
for file; do
  case "$(cat "$file" 2>/dev/null)" in BAD*)
    echo "Error: failed to lint $file: $file: not text" >&2; exit 2; esac
done
echo '{"files": ['
for file; do case "$file" in /*)
  printf '%s{"file": "%s", "violations": [{"rule": "tally/x", "message": "m", "location":
    {"start": {"line": 1, "column": 0}}}]}' "$sep" "$file"
  sep=,
esac; done
echo ']}'
"""


def test_a_linter_that_nobody_knows_is_told_with_those_there_are() -> None:
    with pytest.raises(InputError, match="no linter 'shellcheck'") as error:
        ask(["shellcheck"], [])
    assert error.value.mend == "one of hadolint, tally"


def test_a_linter_that_is_not_there_is_told_with_how_to_install_it(
    stands_for: Callable[[str, str], None],
) -> None:
    stands_for("hadolint", HADOLINT)

    with pytest.raises(WorldError, match="tally is not on the PATH") as error:
        ask(["hadolint", "tally"], [])
    assert error.value.mend == "install it: uv tool install tally-cli"


def test_files_have_the_names_that_wherry_gives_them(
    stands_for: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stands_for("hadolint", HADOLINT)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-v").write_bytes(b"FROM a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "Dockerfile").write_bytes(b"FROM b")

    said = ask(["hadolint"], [Source("-v", b"FROM a"), Source("b/../b/Dockerfile", b"FROM b")])["hadolint"]

    assert [(one.path, one.what) for one in said.remarks] == [
        ("-v", "FROM a"),
        ("b/../b/Dockerfile", "FROM b"),
    ]


@pytest.mark.parametrize(
    "name", ["a[1]*.Dockerfile", "new\nline", os.fsdecode(b"\xe9"), "Dockerfile", "gone"]
)
def test_what_is_not_on_disk_as_it_was_judged_is_given_as_it_was(
    stands_for: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    stands_for("hadolint", HADOLINT)
    monkeypatch.chdir(tmp_path)
    if name != "gone":
        (tmp_path / name).write_bytes(b"FROM old")

    said = ask(["hadolint"], [Source(name, b"FROM new")])["hadolint"]

    assert [(one.path, one.what) for one in said.remarks] == [(name, "FROM new")]


def test_one_file_that_tally_cannot_read_does_not_silence_the_others(
    stands_for: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stands_for("tally", TALLY)
    monkeypatch.chdir(tmp_path)
    sources = [Source("a", b"BAD"), Source("b", b"FROM b"), Source("c", b"BAD too"), Source("d", b"FROM d")]

    said = ask(["tally"], sources)["tally"]

    assert [one.path for one in said.remarks] == ["b", "d"]
    assert said.unread == {"a": "not text", "c": "not text"}


def test_files_none_of_which_tally_can_read_are_all_named(
    stands_for: Callable[[str, str], None],
) -> None:
    stands_for("tally", TALLY)

    said = ask(["tally"], [Source("a", b"BAD"), Source("b", b"BAD")])["tally"]

    assert (said.remarks, set(said.unread)) == ((), {"a", "b"})


def test_tally_is_not_asked_without_end(
    stands_for: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    stands_for("tally", TALLY)
    monkeypatch.setattr(asking, "_MOST_TRIES", 2)

    said = ask(["tally"], [Source(str(n), b"BAD") for n in range(9)])["tally"]

    assert len(said.unread) == 3


def test_many_files_are_asked_for_in_parts(
    stands_for: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    stands_for("hadolint", HADOLINT)
    stands_for("tally", TALLY)
    monkeypatch.setattr(asking, "_MOST_FILES", 2)

    said = ask(["hadolint", "tally"], [Source(str(n), b"FROM x") for n in range(5)])

    assert [len(one.remarks) for one in said.values()] == [5, 5]


def test_a_linter_that_hangs_is_ended_with_all_its_children(
    stands_for: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stands_for("hadolint", f"(sleep 2; touch {tmp_path}/outlived) & wait")
    monkeypatch.setattr(asking, "TIMEOUT_S", 0.2)
    monkeypatch.setattr(asking, "TIMEOUT_PER_FILE_S", 0.0)

    with pytest.raises(WorldError, match="hadolint did not end within") as error:
        ask(["hadolint"], [Source("a", b"FROM a")])

    assert error.value.mend == "check without --with hadolint"
    time.sleep(2.2)
    assert not (tmp_path / "outlived").exists()


def test_a_program_that_cannot_be_started_is_told(
    stands_for: Callable[[str, str], None], tmp_path: Path
) -> None:
    stands_for("hadolint", "")
    (tmp_path / "programs" / "hadolint").write_bytes(b"\x7fELF not really")

    with pytest.raises(WorldError, match="cannot start hadolint"):
        ask(["hadolint"], [Source("a", b"FROM a")])
