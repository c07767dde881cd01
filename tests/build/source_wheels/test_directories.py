"""A directory becomes a wheel, once for each state of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name

from tests.build.source_wheels.trees import (
    HOST,
    MINOR,
    OTHER,
    PYPROJECT,
    TAG,
    listing,
    make_tree,
    names,
    of_directory,
)
from tests.programs import require_program
from wherry.build.source_wheels import (
    build_source_wheels,
)
from wherry.build.sources.python import is_here
from wherry.build.sources.repository import find_repository
from wherry.errors import InputError, WorldError
from wherry.layers.model import BytecodeCompiler
from wherry.oci.platform import Platform
from wherry.progress import SilentProgress
from wherry.project.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.fetch.fetcher import Fetcher
    from wherry.project.locks.model import LockedFile
    from wherry.store.store import Store


def test_a_directory_becomes_a_wheel_in_the_store_and_stays_as_it_was(
    tmp_path: Path, store: Store, build: Callable[..., LockedFile]
) -> None:
    tree = make_tree(tmp_path / "demo")
    before = listing(tree)

    wheel = build(of_directory(tree))

    assert wheel.filename == "demo-1.0-py3-none-any.whl"
    assert wheel.digest in store.blobs
    assert wheel.path == store.blobs.path(wheel.digest)
    assert wheel.size_bytes == wheel.path.stat().st_size
    assert "demo.py" in names(wheel)
    assert listing(tree) == before
    assert not any((store.root / "tmp").iterdir())


def test_a_second_build_starts_no_uv(
    tmp_path: Path, build: Callable[..., LockedFile], no_uv: Callable[[], None]
) -> None:
    tree = make_tree(tmp_path / "demo")
    first = build(of_directory(tree))
    no_uv()
    assert build(of_directory(tree)) == first


def test_the_same_tree_elsewhere_is_the_same_source(
    tmp_path: Path, build: Callable[..., LockedFile], no_uv: Callable[[], None]
) -> None:
    first = build(of_directory(make_tree(tmp_path / "here")))
    no_uv()
    assert build(of_directory(make_tree(tmp_path / "there"))) == first


def test_a_changed_file_is_built_again(tmp_path: Path, build: Callable[..., LockedFile]) -> None:
    tree = make_tree(tmp_path / "demo")
    first = build(of_directory(tree))
    make_tree(tree, settings="def files(): return {'demo.py': 'X = 2'}")
    assert build(of_directory(tree)).digest != first.digest


def test_a_pruned_wheel_is_built_again_with_the_same_digest(
    tmp_path: Path, store: Store, build: Callable[..., LockedFile]
) -> None:
    chosen = of_directory(make_tree(tmp_path / "demo"))
    first = build(chosen)
    store.blobs.remove(first.digest)
    assert build(chosen).digest == first.digest
    assert first.digest in store.blobs


def test_a_build_sees_the_same_surroundings_whatever_the_callers_are(
    tmp_path: Path, store: Store, build: Callable[..., LockedFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    reveal = """
def files():
    import os, time
    probe = os.open("probe", os.O_CREAT | os.O_WRONLY, 0o666)
    shown = {k: os.environ.get(k) for k in
        ("TZ", "LC_ALL", "PYTHONHASHSEED", "SOURCE_DATE_EPOCH", "SECRET_OF_MINE", "PYTHONPATH")}
    shown["umask"] = oct(os.stat("probe").st_mode & 0o777)
    shown["zone"] = time.tzname
    shown["home is private"] = os.listdir(os.path.expanduser("~"))
    return {"demo.py": repr(sorted(shown.items()))}
"""
    chosen = of_directory(make_tree(tmp_path / "demo", settings=reveal))
    first = build(chosen)
    store.blobs.remove(first.digest)
    for name, value in {
        "TZ": "Asia/Tokyo",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "77",
        "SOURCE_DATE_EPOCH": "1",
        "SECRET_OF_MINE": "open sesame",
        "PYTHONPATH": str(tmp_path),
        "VIRTUAL_ENV": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    previous = os.umask(0o077)
    try:
        second = build(chosen)
    finally:
        os.umask(previous)
    assert second.digest == first.digest
    assert first.path is not None
    assert b"open sesame" not in first.path.read_bytes()


def test_a_pure_wheel_serves_every_platform_from_one_build(
    tmp_path: Path, build: Callable[..., LockedFile], no_uv: Callable[[], None]
) -> None:
    chosen = of_directory(make_tree(tmp_path / "demo"))
    first = build(chosen)
    no_uv()
    assert build(chosen, OTHER) == first


def test_native_code_is_refused_for_a_foreign_platform_and_not_compiled_twice_for_that(
    tmp_path: Path, build: Callable[..., LockedFile], no_uv: Callable[[], None]
) -> None:
    machine = Platform.of_host().machine
    chosen = of_directory(make_tree(tmp_path / "demo", settings=f"TAG = '{TAG}-linux_{machine}'"))
    with pytest.raises(
        InputError, match=f"native code, and built here it is {TAG}-linux_{machine}"
    ) as refused:
        build(chosen, OTHER)
    assert OTHER.platform.machine in refused.value.mend
    no_uv()
    assert build(chosen).filename.endswith(f"linux_{machine}.whl")
    with pytest.raises(InputError, match="native code"):
        build(chosen, OTHER)


def test_a_wheel_for_another_python_is_refused(tmp_path: Path, build: Callable[..., LockedFile]) -> None:
    chosen = of_directory(make_tree(tmp_path / "demo", settings="TAG = 'cp39-none-any'"))
    with pytest.raises(InputError, match="another Python: cp39-none-any"):
        build(chosen)


@pytest.mark.parametrize(("locked", "says"), [("2.0", "demo 1.0"), ("1.0.1", "demo 1.0")])
def test_a_source_that_builds_another_version_than_locked_is_refused(
    tmp_path: Path, build: Callable[..., LockedFile], locked: str, says: str
) -> None:
    chosen = of_directory(make_tree(tmp_path / "demo"), version=locked)
    with pytest.raises(InputError, match=f"the source of demo {locked} builds {says}") as refused:
        build(chosen)
    assert refused.value.where == "uv.lock: packages[0]"


def test_a_source_that_builds_another_distribution_is_refused(
    tmp_path: Path, build: Callable[..., LockedFile]
) -> None:
    with pytest.raises(InputError, match="the source of other builds demo"):
        build(of_directory(make_tree(tmp_path / "demo"), "other", None))


def test_a_failed_build_says_its_last_essential_line_and_where_the_log_is(
    tmp_path: Path, store: Store, build: Callable[..., LockedFile]
) -> None:
    tree = make_tree(tmp_path / "demo", settings="import nothing_like_this")
    with pytest.raises(InputError) as failed:
        build(of_directory(tree))
    lines = failed.value.lines()
    assert len(lines) == 3
    assert "ModuleNotFoundError: No module named 'nothing_like_this'" in lines[0]
    log = Path(failed.value.where.removeprefix("log: "))
    assert log.parent == store.root / "logs"
    assert "Traceback" in log.read_text()


def test_credentials_of_an_index_are_in_no_log(
    tmp_path: Path, build: Callable[..., LockedFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://user:sesame-open@index.example/simple")
    tree = make_tree(
        tmp_path / "demo",
        settings="import os\nprint('sees', os.environ['UV_DEFAULT_INDEX'], flush=True)\n"
        "raise SystemExit('sesame-open!')",
    )
    with pytest.raises(InputError) as failed:
        build(of_directory(tree))
    log = Path(failed.value.where.removeprefix("log: ")).read_text()
    assert "sees" in log
    assert "sesame-open" not in log
    assert "sesame-open" not in "".join(failed.value.lines())


def test_a_build_requirement_that_needs_the_network_is_a_world_error_offline(
    tmp_path: Path, build: Callable[..., LockedFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    tree = make_tree(tmp_path / "demo")
    (tree / "pyproject.toml").write_text(PYPROJECT.replace("[]", '["no-such-thing-at-all"]', 1))
    with pytest.raises(WorldError, match=r"build requirements of demo 1\.0") as failed:
        build(of_directory(tree))
    assert "--offline" in failed.value.mend


def test_a_python_that_is_not_there_is_a_world_error_that_says_how_to_get_it(
    tmp_path: Path, build: Callable[..., LockedFile]
) -> None:
    target = Target(Platform.of_host(), (3, 99), "3.99.0", (2, 36))
    with pytest.raises(WorldError, match=r"built by Python 3\.99") as failed:
        build(of_directory(make_tree(tmp_path / "demo")), target)
    assert "uv python install 3.99" in failed.value.mend


def test_an_interpreter_of_this_machine_is_found_and_one_that_is_not_there_is_not(tmp_path: Path) -> None:
    variables = dict(os.environ)
    assert is_here(MINOR, variables, tmp_path)
    assert not is_here((3, 99), variables, tmp_path)
    assert not is_here(MINOR, variables, tmp_path / "nowhere")


def test_several_indexes_of_pip_count_alike_for_build_requirements(
    tmp_path: Path, build: Callable[..., LockedFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://index.example/simple")
    for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX_STRATEGY"):
        monkeypatch.delenv(name, raising=False)
    settings = "import os\nstrategy = os.environ['UV_INDEX_STRATEGY']\ndef files(): return {strategy: ''}"
    assert "unsafe-best-match" in names(build(of_directory(make_tree(tmp_path / "demo", settings=settings))))


def test_a_build_that_talks_without_end_keeps_a_log_of_limited_size(
    tmp_path: Path, build: Callable[..., LockedFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wherry.build.sources.backend._LOG_LIMIT_BYTES", 10_000)
    talk = (
        "import sys\nfor _ in range(5000): print('x' * 100)\nprint('y' * 9000, end='')\nraise SystemExit(3)"
    )
    with pytest.raises(InputError) as failed:
        build(of_directory(make_tree(tmp_path / "demo", settings=talk)))
    assert Path(failed.value.where.removeprefix("log: ")).stat().st_size < 20_000


def test_without_uv_the_error_says_how_to_get_it(
    tmp_path: Path, build: Callable[..., LockedFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wherry.build.sources.backend.find_uv", lambda: tmp_path / "no-uv")
    with pytest.raises(WorldError, match="uv could not be started") as failed:
        build(of_directory(make_tree(tmp_path / "demo")))
    assert failed.value.mend == "pip install uv"


def test_a_directory_without_a_repository_or_with_an_empty_one_has_none(tmp_path: Path) -> None:
    require_program("git")
    assert find_repository(tmp_path) is None
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    assert find_repository(tmp_path) is None


def test_the_bases_own_interpreter_runs_the_build_where_uv_finds_no_other(
    tmp_path: Path, store: Store, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = make_tree(tmp_path / "demo")
    monkeypatch.setattr("wherry.build.sources.backend.is_here", lambda *_: False)
    interpreter = BytecodeCompiler((os.path.realpath(sys.executable),), HOST.python_full_version)
    built = build_source_wheels(
        [of_directory(tree)],
        target=HOST,
        store=store,
        fetcher=fetcher,
        progress=SilentProgress(),
        interpreter=interpreter,
    )
    assert "demo.py" in names(built[canonicalize_name("demo")])
