"""Locks and trees that are wrong: at most three lines, the right exit code, and nothing half-written."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.e2e.bad_input.bench import BAD_INPUT, Bench

pytestmark = pytest.mark.e2e


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
