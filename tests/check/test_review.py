"""All Dockerfiles of a command: which are read, by whose settings, and what keeps whom from being checked."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from wherry.check import review as module
from wherry.check.facts.texts import read_bounded
from wherry.check.model import Safety
from wherry.check.review import Asked, Reviewed, narrowed, review
from wherry.check.settings import CheckSettings
from wherry.errors import InputError

PLAIN = b"FROM python:3.12-slim\nRUN pip install torch==2.4.1\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)


def lay(name: str, data: str | bytes) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def reviewed(*paths: str, allowed: Safety | None = None) -> Reviewed:
    return review(Asked(tuple(Path(path) for path in paths), adjust=only_g1, allowed=allowed))


def only_g1(settings: CheckSettings) -> CheckSettings:
    return replace(settings, select=("G1",))


def judged(found: Reviewed) -> dict[str, int]:
    """How many findings each file has."""
    return {one.path: len(one.findings) for one in found.judgements}


# ---- files that cannot be judged ----


def test_a_file_below_a_directory_that_cannot_be_read_keeps_nobody_from_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = read_bounded

    def refuse(path: Path, limit_bytes: int) -> bytes:
        if path == Path("a/Dockerfile"):
            raise PermissionError(13, "Permission denied")
        return read(path, limit_bytes)

    for name in ("a", "b"):
        lay(f"{name}/Dockerfile", PLAIN)
    monkeypatch.setattr(module, "read_bounded", refuse)

    found = reviewed(".")

    assert [(error.what, error.where) for error in found.broken] == [
        ("cannot be read: permission denied", "a/Dockerfile")
    ]
    assert judged(found) == {"b/Dockerfile": 1}
    with pytest.raises(InputError, match="cannot be read: permission denied"):
        reviewed("a/Dockerfile")


def test_a_file_of_many_megabytes_is_no_dockerfile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1 << 20)
    lay("a/Dockerfile", PLAIN + b"#" * (1 << 20))

    assert [error.what for error in reviewed(".").broken] == ["is larger than 1 MiB and no Dockerfile"]


def test_a_file_that_no_build_takes_is_told_whether_it_was_named_or_not() -> None:
    lay("a/Dockerfile", "RUNN x\n")
    lay("b/Dockerfile", PLAIN)

    for paths in ((".",), ("a/Dockerfile", "b")):
        found = reviewed(*paths)
        assert [error.where for error in found.broken] == ["a/Dockerfile:1"]
        assert judged(found) == {"b/Dockerfile": 1}


def test_a_target_that_is_no_stage_of_one_file_is_told_of_that_one() -> None:
    lay("a/Dockerfile", "FROM x AS ship\n")
    lay("b/Dockerfile", "FROM x AS serve\n")

    found = review(Asked((Path(),), target="ship"))

    assert [error.where for error in found.broken] == ["b/Dockerfile"]
    assert list(judged(found)) == ["a/Dockerfile"]


# ---- whose settings hold ----


def test_each_file_is_judged_by_the_nearest_settings() -> None:
    lay("pyproject.toml", '[tool.wherry.check]\nfail-on = "error"\n')
    lay("api/pyproject.toml", '[tool.wherry.check]\nfail-on = "never"\n')
    for name in ("Dockerfile", "api/Dockerfile", "web/docker/Dockerfile"):
        lay(name, PLAIN)

    settings = reviewed(".").settings

    assert {path: one.fail_on and one.fail_on.value for path, one in settings.items()} == {
        "Dockerfile": "error",
        "api/Dockerfile": None,
        "web/docker/Dockerfile": "error",
    }


def test_the_project_of_the_context_may_exclude_too() -> None:
    lay("pyproject.toml", '[tool.wherry.check]\nexclude = ["docker"]\n')
    lay("docker/pyproject.toml", "[tool.wherry.check]\n")
    lay("app.py", "")
    lay("docker/Dockerfile", PLAIN + b"COPY app.py /\n")

    found = reviewed("docker")

    assert judged(found) == {}
    assert found.notes == ("docker/Dockerfile is not checked: pyproject.toml excludes it",)


def test_standard_input_is_excluded_by_nobody() -> None:
    lay("pyproject.toml", '[tool.wherry.check]\nexclude = ["*"]\n')

    found = review(Asked((Path("-"),), adjust=only_g1, stdin=PLAIN, stdin_name="x"))

    assert judged(found) == {"x": 1}


def test_what_the_command_line_selects_stands_for_the_projects_choice_and_adds_to_what_it_ignores() -> None:
    settings = CheckSettings(select=("A",), ignore=("B1",))

    assert narrowed(settings, (), ("H3",), ("G1",)) == CheckSettings(select=("A", "H3"), ignore=("B1", "G1"))
    assert narrowed(settings, ("G",), (), ()) == CheckSettings(select=("G",), ignore=("B1",))


# ---- what is mended ----


def test_a_text_that_an_editor_has_stands_for_the_file() -> None:
    lay("Dockerfile", "FROM scratch\n")
    asked = Asked((Path("Dockerfile"), Path("new/Dockerfile")), adjust=only_g1)

    found = review(replace(asked, texts={"Dockerfile": PLAIN, "new/Dockerfile": PLAIN}))

    assert judged(found) == {"Dockerfile": 1, "new/Dockerfile": 1}
    source = found.source("Dockerfile")
    assert source is not None
    assert source.data == PLAIN


def test_what_is_mended_is_judged_as_it_is_then_and_nothing_is_written() -> None:
    path = lay("Dockerfile", PLAIN)

    found = reviewed("Dockerfile", allowed=Safety.SAFE)

    assert judged(found) == {"Dockerfile": 0}
    assert [one.rule for one in found.mended[0].applied] == ["G1"]
    source = found.source("Dockerfile")
    assert source is not None
    assert source.data == found.mended[0].after["Dockerfile"] != PLAIN
    assert path.read_bytes() == PLAIN


def test_a_second_dockerfile_sees_what_the_first_ones_fixes_wrote_beside_it_under_any_name() -> None:
    lay(".git/objects/pack/x.pack", b"x" * 5_000_000)
    for name in ("a.Dockerfile", "b.Dockerfile", "c.Dockerfile"):
        lay(name, "FROM python:3.12-slim\nCOPY . /app\n")
    paths = (Path("a.Dockerfile"), Path("b.Dockerfile").absolute(), Path("c.Dockerfile"))

    def only_b11(settings: CheckSettings) -> CheckSettings:
        return replace(settings, select=("B11",))

    found = review(Asked(paths, adjust=only_b11, allowed=Safety.SAFE))

    assert [len(one.applied) for one in found.mended] == [1, 0, 0]
    assert set(judged(found).values()) == {0}


def test_a_fix_that_may_not_be_written_is_refused_with_the_reason() -> None:
    lay("Dockerfile", PLAIN)

    found = review(
        Asked((Path(),), adjust=only_g1, allowed=Safety.SAFE, obstacle=lambda path: f"{path} is mine")
    )

    (mended,) = found.mended
    assert (mended.after, mended.applied) == ({}, ())
    assert [reason for _, reason in mended.refused] == ["Dockerfile is mine"]
    assert mended.barred == {"Dockerfile": "Dockerfile is mine"}
    assert judged(found) == {"Dockerfile": 1}


def test_a_directory_that_cannot_be_listed_has_no_other_dockerfiles(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> list[Path]:
        raise PermissionError(13, "Permission denied")

    lay("Dockerfile", PLAIN)
    monkeypatch.setattr(Path, "iterdir", refuse)

    assert judged(reviewed("Dockerfile", allowed=Safety.SAFE)) == {"Dockerfile": 0}
