from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.programs import require_program
from wherry.build.source_wheels import (
    build_project_wheel,
    build_source_wheels,
    find_project_wheel,
    find_source_wheels,
)
from wherry.build.sources.python import is_here
from wherry.build.sources.repository import find_repository
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.fetch.fetcher import Fetcher
from wherry.layers.model import BytecodeCompiler
from wherry.oci.platform import Platform
from wherry.plan.select import Chosen
from wherry.progress import SilentProgress
from wherry.project.locks.model import DirectorySource, GitSource, LockedFile, LockedPackage
from wherry.project.project import read_project
from wherry.project.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.store.store import Store

MINOR = sys.version_info[:2]  # the one interpreter that is surely here
TAG = f"cp{MINOR[0]}{MINOR[1]}-cp{MINOR[0]}{MINOR[1]}"
HOST = Target(Platform.of_host(), MINOR, f"{MINOR[0]}.{MINOR[1]}.0", (9, 99))
OTHER = Target(
    Platform("linux", "arm64" if Platform.of_host().architecture == "amd64" else "amd64"),
    MINOR,
    HOST.python_full_version,
    (9, 99),
)

# An in-tree backend needs nothing from an index, so most promises are tested without one.
BACKEND = """
import os, sys, zipfile

def build_wheel(directory, config_settings=None, metadata_directory=None):
    import settings
    tag = getattr(settings, "TAG", "py3-none-any")
    name, version = settings.NAME, settings.VERSION
    filename = f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(os.path.join(directory, filename), "w") as wheel:
        def add(path, data):
            wheel.writestr(zipfile.ZipInfo(path), data)
        for path, data in settings.files().items():
            add(path, data)
        info = f"{name}-{version}.dist-info"
        add(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
        add(f"{info}/WHEEL", f"Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: {tag}\\n")
        add(f"{info}/RECORD", "")
    return filename
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


class Notes(SilentProgress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)


def make_tree(
    root: Path, name: str = "demo", *, settings: str = "", pyproject: str = "", version: str = "1.0"
) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "pyproject.toml").write_text(PYPROJECT + pyproject)
    (root / "backend.py").write_text(BACKEND)
    (root / "settings.py").write_text(
        f"NAME = {name!r}\nVERSION = {version!r}\n"
        f"def files():\n    return {{{name + '.py'!r}: 'X = 1'}}\n{settings}\n"
    )
    return root


def package(name: str = "demo", version: str | None = "1.0", **what: object) -> Chosen:
    locked = LockedPackage(
        canonicalize_name(name),
        Version(version) if version else None,
        where="uv.lock: packages[0]",
        **what,  # type: ignore[arg-type]  # a test's shorthand
    )
    return Chosen(locked, None)


def of_directory(root: Path, name: str = "demo", version: str | None = "1.0") -> Chosen:
    return package(name, version, source=DirectorySource(root))


def make_sdist(tree: Path, into: Path, top: str = "demo-1.0") -> LockedFile:
    into.mkdir(exist_ok=True)
    path = into / f"{top}.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(tree, top)
    return LockedFile(path.name, Digest.of_file(path), path=path, size_bytes=path.stat().st_size)


@pytest.fixture
def fetcher(store: Store) -> Fetcher:
    return Fetcher(store, progress=SilentProgress(), offline=True)


@pytest.fixture
def build(store: Store, fetcher: Fetcher) -> Callable[..., LockedFile]:
    def one(chosen: Chosen, target: Target = HOST, progress: SilentProgress | None = None) -> LockedFile:
        built = build_source_wheels(
            [chosen], target=target, store=store, fetcher=fetcher, progress=progress or SilentProgress()
        )
        assert list(built) == [chosen.name]
        return built[chosen.name]

    return one


@pytest.fixture
def no_uv(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it to forbid uv from then on."""

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("uv was started")

    return lambda: monkeypatch.setattr("wherry.build.sources.backend.subprocess.Popen", refuse)


def names(wheel: LockedFile) -> list[str]:
    assert wheel.path is not None
    with zipfile.ZipFile(wheel.path) as archive:
        return sorted(archive.namelist())


def listing(root: Path) -> dict[str, tuple[int, int]]:
    return {
        str(p.relative_to(root)): (p.lstat().st_mtime_ns, p.lstat().st_size)
        for p in sorted(root.rglob("*"))
        if not p.is_dir()
    }


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


def test_without_git_a_commit_is_a_world_error_and_a_directory_has_no_repository(
    repository: tuple[Path, str],
    build: Callable[..., LockedFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root, head = repository
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(WorldError, match="git is not installed"):
        build(package(source=GitSource(f"file://{root}", head)))
    assert find_repository(root) is None


def test_a_directory_without_a_repository_or_with_an_empty_one_has_none(tmp_path: Path) -> None:
    require_program("git")
    assert find_repository(tmp_path) is None
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    assert find_repository(tmp_path) is None


def test_a_git_server_that_hangs_is_given_up(
    repository: tuple[Path, str], build: Callable[..., LockedFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, head = repository

    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("git", 1)

    monkeypatch.setattr("wherry.build.sources.git.subprocess.run", hang)
    with pytest.raises(WorldError, match="git did not init within"):
        build(package(source=GitSource(f"file://{root}", head)))


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


def test_an_sdist_is_fetched_unpacked_and_built(
    tmp_path: Path, store: Store, build: Callable[..., LockedFile], no_uv: Callable[[], None]
) -> None:
    sdist = make_sdist(make_tree(tmp_path / "demo"), tmp_path / "links")
    first = build(package(sdist=sdist))
    assert sdist.digest in store.blobs
    assert "demo.py" in names(first)
    no_uv()
    assert build(package(sdist=sdist)) == first


def test_a_project_below_the_top_of_an_archive_is_built(
    tmp_path: Path, build: Callable[..., LockedFile]
) -> None:
    make_tree(tmp_path / "repository" / "pkgs" / "demo")
    sdist = make_sdist(tmp_path / "repository", tmp_path / "links")
    assert "demo.py" in names(build(package(sdist=sdist, subdirectory="pkgs/demo")))
    with pytest.raises(InputError, match="has no directory 'pkgs/none'"):
        build(package(sdist=sdist, subdirectory="pkgs/none"))
    with pytest.raises(InputError, match="has no directory"):
        build(package(sdist=sdist, subdirectory="../.."))


def test_an_sdist_with_another_hash_is_refused(tmp_path: Path, build: Callable[..., LockedFile]) -> None:
    sdist = make_sdist(make_tree(tmp_path / "demo"), tmp_path / "links")
    assert sdist.path is not None
    sdist.path.write_bytes(sdist.path.read_bytes() + b"x")
    with pytest.raises((InputError, WorldError)):
        build(package(sdist=sdist))


def test_a_package_with_no_wheel_and_no_source_is_refused(build: Callable[..., LockedFile]) -> None:
    with pytest.raises(InputError, match=r"neither a wheel for .* nor a source"):
        build(package())


def test_a_source_without_anything_to_build_is_refused(
    tmp_path: Path, build: Callable[..., LockedFile]
) -> None:
    (tmp_path / "demo").mkdir()
    with pytest.raises(InputError, match=r"neither pyproject\.toml nor setup\.py"):
        build(of_directory(tmp_path / "demo"))
    with pytest.raises(InputError, match=r"neither pyproject\.toml nor setup\.py"):
        build(of_directory(tmp_path / "nowhere"))


def test_several_are_built_at_once_and_the_first_failure_ends_the_others(
    tmp_path: Path, store: Store, fetcher: Fetcher
) -> None:
    endless = make_tree(tmp_path / "endless", "endless", settings="import time\ntime.sleep(600)")
    broken = make_tree(
        tmp_path / "broken", "broken", settings="import time\ntime.sleep(1)\nraise ValueError('no')"
    )
    with pytest.raises(InputError, match="ValueError: no"):
        build_source_wheels(
            [of_directory(endless, "endless"), of_directory(broken, "broken")],
            target=HOST,
            store=store,
            fetcher=fetcher,
            progress=SilentProgress(),
        )


def test_all_of_several_are_built(tmp_path: Path, store: Store, fetcher: Fetcher) -> None:
    chosen = [of_directory(make_tree(tmp_path / name, name), name) for name in ("one", "two", "three")]
    surroundings = {"target": HOST, "store": store, "fetcher": fetcher, "progress": SilentProgress()}
    assert find_source_wheels(chosen, **surroundings) == {}  # type: ignore[arg-type]  # a test's shorthand
    built = build_source_wheels(chosen, **surroundings)  # type: ignore[arg-type]  # the same
    assert sorted(built) == ["one", "three", "two"]
    assert find_source_wheels(chosen, **surroundings) == built  # type: ignore[arg-type]  # the same
    assert build_source_wheels([], **surroundings) == {}  # type: ignore[arg-type]  # the same


def test_a_local_build_requirement_is_built_first_and_is_part_of_the_source(
    tmp_path: Path, build: Callable[..., LockedFile]
) -> None:
    helper = make_tree(tmp_path / "helper", "helper", version="3.0")
    tree = make_tree(
        tmp_path / "demo",
        settings="import helper\nVALUE = helper.X\ndef files(): return {'demo.py': str(VALUE)}",
        pyproject='[tool.uv.sources]\nhelper = { path = "../helper" }\n',
    )
    file = tree / "pyproject.toml"
    file.write_text(file.read_text().replace("requires = []", 'requires = ["helper"]'))
    before = listing(tmp_path / "helper")
    first = build(of_directory(tree))
    assert listing(tmp_path / "helper") == before
    make_tree(helper, "helper", version="3.0", settings="def files(): return {'helper.py': 'X = 5'}")
    assert build(of_directory(tree)).digest != first.digest


def test_a_workspace_member_may_be_required_by_a_build(
    tmp_path: Path, build: Callable[..., LockedFile]
) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    make_tree(
        tmp_path / "packages" / "helper", "helper", pyproject='[project]\nname = "helper"\nversion = "1.0"\n'
    )
    tree = make_tree(
        tmp_path / "packages" / "demo",
        settings="import helper",
        pyproject="[tool.uv.sources]\nhelper = { workspace = true }\n",
    )
    file = tree / "pyproject.toml"
    file.write_text(file.read_text().replace("requires = []", 'requires = ["helper"]'))
    assert "demo.py" in names(build(of_directory(tree)))


def test_trees_that_require_each_other_to_build_are_refused(
    tmp_path: Path, build: Callable[..., LockedFile]
) -> None:
    for name, other in (("one", "two"), ("two", "one")):
        tree = make_tree(
            tmp_path / name, name, pyproject=f'[tool.uv.sources]\n{other} = [{{ path = "../{other}" }}]\n'
        )
        file = tree / "pyproject.toml"
        file.write_text(file.read_text().replace("requires = []", f'requires = ["{other}"]'))
    with pytest.raises(InputError, match=r"cyclic path dependency.*one -> two -> one") as refused:
        build(of_directory(tmp_path / "one", "one"))
    assert len(refused.value.lines()) == 3


def test_trees_that_only_depend_on_each_other_when_installed_are_built(
    tmp_path: Path, store: Store, fetcher: Fetcher
) -> None:
    for name, other in (("one", "two"), ("two", "one")):
        make_tree(
            tmp_path / name,
            name,
            pyproject=f'[project]\nname = "{name}"\nversion = "1.0"\ndependencies = ["{other}"]\n'
            f'[tool.uv.sources]\n{other} = {{ path = "../{other}" }}\n',
        )
    chosen = [of_directory(tmp_path / name, name) for name in ("one", "two")]
    built = build_source_wheels(chosen, target=HOST, store=store, fetcher=fetcher, progress=SilentProgress())
    assert len(built) == 2


def test_the_projects_own_wheel_is_built_once(
    tmp_path: Path, store: Store, fetcher: Fetcher, no_uv: Callable[[], None]
) -> None:
    make_tree(tmp_path / "demo", pyproject='[project]\nname = "demo"\nversion = "1.0"\n')
    project = read_project(tmp_path / "demo")
    assert project.has_build_system
    notes = Notes()
    assert find_project_wheel(project, target=HOST, store=store, fetcher=fetcher, progress=notes) is None
    first = build_project_wheel(project, target=HOST, store=store, fetcher=fetcher, progress=notes)
    no_uv()
    assert build_project_wheel(project, target=HOST, store=store, fetcher=fetcher, progress=notes) == first
    assert find_project_wheel(project, target=HOST, store=store, fetcher=fetcher, progress=notes) == first
    assert notes.lines == []


@pytest.mark.parametrize(
    ("version", "says"),
    [("2.0", r"the source of demo 2\.0 builds demo 1\.0"), ("not a version", "does not build")],
)
def test_a_project_that_states_another_version_than_its_backend_makes_is_refused(
    tmp_path: Path, store: Store, fetcher: Fetcher, version: str, says: str
) -> None:
    make_tree(tmp_path / "demo", pyproject=f'[project]\nname = "demo"\nversion = "{version}"\n')
    project = read_project(tmp_path / "demo")
    with pytest.raises(InputError, match=says):
        build_project_wheel(project, target=HOST, store=store, fetcher=fetcher, progress=SilentProgress())


def test_model_files_are_left_out_of_a_projects_wheel_unless_they_are_named(
    tmp_path: Path, store: Store, fetcher: Fetcher
) -> None:
    everything = (
        "def files():\n    import os\n    return {'demo/' + n: 'x' for n in os.listdir('.') if 'model' in n}"
    )
    tree = make_tree(tmp_path / "demo", settings=everything)
    (tree / "model.safetensors").write_bytes(bytes(2 << 20))
    notes = Notes()

    def build() -> list[str]:
        project = read_project(tree)
        wheel = build_project_wheel(project, target=HOST, store=store, fetcher=fetcher, progress=notes)
        return [name for name in names(wheel) if "model" in name]

    assert build() == []
    assert "model.safetensors" in notes.lines[0]
    make_tree(tree, settings=everything, pyproject='[tool.wherry]\ninclude = ["model.safetensors"]\n')
    assert build() == ["demo/model.safetensors"]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    require_program("git")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "A")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "a@index.example")
    root = make_tree(tmp_path / "repository")
    make_tree(root / "sub" / "inner", "inner")
    return root, commit(root)


def commit(root: Path) -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=root, check=True, capture_output=True, text=True
        ).stdout.strip()

    if not (root / ".git").exists():
        git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "x", "--allow-empty")
    return git("rev-parse", "HEAD")


def test_a_commit_is_checked_out_and_built_once(
    repository: tuple[Path, str], build: Callable[..., LockedFile], no_uv: Callable[[], None]
) -> None:
    root, head = repository
    make_tree(root, settings="def files(): return {'later.py': ''}")
    commit(root)
    chosen = package(source=GitSource(f"file://{root}", head))
    first = build(chosen)
    assert "demo.py" in names(first)
    no_uv()
    assert build(package(source=GitSource("https://index.example/gone", head))) == first


def test_a_subdirectory_of_a_commit_is_built(
    repository: tuple[Path, str], build: Callable[..., LockedFile]
) -> None:
    root, head = repository
    url = f"file://{root}"
    assert "inner.py" in names(build(package("inner", source=GitSource(url, head, "sub/inner"))))
    with pytest.raises(InputError, match="no directory"):
        build(package("inner", source=GitSource(url, head, "sub/none")))
    with pytest.raises(InputError, match="no directory"):
        build(package("inner", source=GitSource(url, head, "../../..")))


def test_hooks_of_the_users_templates_and_of_the_repository_do_not_run(
    repository: tuple[Path, str],
    tmp_path: Path,
    build: Callable[..., LockedFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root, head = repository
    hook = tmp_path / "template" / "hooks" / "post-checkout"
    hook.parent.mkdir(parents=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(f"[init]\ntemplateDir = {tmp_path}/template\n[core]\nhooksPath = {hook.parent}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    build(package(source=GitSource(f"file://{root}", head)))
    assert not (tmp_path / "ran").exists()


def test_a_commit_that_is_not_in_the_repository_is_refused(
    repository: tuple[Path, str], build: Callable[..., LockedFile]
) -> None:
    root, _ = repository
    with pytest.raises(InputError, match=r"no commit 0123456789ab"):
        build(package(source=GitSource(f"file://{root}", "0123456789abcdef" * 2 + "01234567")))


def test_a_repository_that_is_not_there_is_a_world_error(
    repository: tuple[Path, str], build: Callable[..., LockedFile]
) -> None:
    root, head = repository
    with pytest.raises(WorldError, match="git could not fetch"):
        build(package(source=GitSource(f"file://{root}-gone", head)))


def test_git_over_the_network_is_refused_offline(
    repository: tuple[Path, str], build: Callable[..., LockedFile]
) -> None:
    with pytest.raises(WorldError, match="the network must not be used"):
        build(package(source=GitSource("https://index.example/x", repository[1])))


@pytest.mark.parametrize(
    "url",
    ["ext::sh -c touch% /tmp/x", "-uupload", "/etc", "https://--upload-pack=x", "fd::17", "git@host::x"],
)
def test_an_address_that_could_run_a_program_is_refused(build: Callable[..., LockedFile], url: str) -> None:
    with pytest.raises(InputError, match="an address that wherry does not open"):
        build(package(source=GitSource(url, "0" * 40)))


@pytest.mark.parametrize("name", ["main", "abc123", "-" * 40])
def test_what_is_no_full_commit_is_refused(build: Callable[..., LockedFile], name: str) -> None:
    with pytest.raises(InputError, match=r"no full commit hash"):
        build(package(source=GitSource("https://index.example/x", name)))


def test_a_submodule_is_not_fetched_from_this_disk(
    repository: tuple[Path, str], tmp_path: Path, build: Callable[..., LockedFile]
) -> None:
    root, _ = repository
    secret = make_tree(tmp_path / "secret")
    commit(secret)
    subprocess.run(
        ["git", "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(secret), "stolen"],
        cwd=root,
        check=True,
        capture_output=True,
    )
    head = commit(root)
    with pytest.raises(WorldError, match="git could not submodule"):
        build(package(source=GitSource(f"file://{root}", head)))


SCM = """
def version():
    import subprocess
    run = lambda *a: subprocess.run(["git", *a], check=True, capture_output=True, text=True).stdout.strip()
    described = run("describe", "--tags", "--long", "--dirty", "--match", "v*")
    return described.removeprefix("v").replace("-0-g", "+g").replace("-dirty", ".dirty")
VERSION = version()
"""


def asks_git(tree: Path, inner: str = "") -> Path:
    """A stand-in for setuptools-scm that needs no index: the word is what wherry goes by."""
    make_tree(tree, settings=SCM)
    (tree / "setup.cfg").write_text(f"# setuptools_scm {inner}\n")
    return tree


def test_a_version_made_of_git_is_what_git_says_of_the_users_tree(
    repository: tuple[Path, str], build: Callable[..., LockedFile]
) -> None:
    root, _ = repository
    tree = asks_git(root / "sub" / "versioned")
    (tree / "left.ckpt").write_bytes(bytes(2 << 20))  # tracked, and not copied
    head = commit(root)
    subprocess.run(["git", "tag", "v1.5"], cwd=root, check=True)
    (root / "settings.py").write_text("# a change elsewhere in the repository is not this directory's\n")
    chosen = of_directory(tree, version=None)

    before = listing(root / ".git")
    first = build(chosen)
    assert listing(root / ".git") == before
    assert first.filename == f"demo-1.5+g{head[:7]}-py3-none-any.whl"

    (tree / "settings.py").write_text((tree / "settings.py").read_text() + "\n")
    assert ".dirty-" in build(chosen).filename

    commit(root)
    subprocess.run(["git", "tag", "v1.6"], cwd=root, check=True)
    assert build(chosen).filename.startswith("demo-1.6+g")


def test_a_commit_is_fetched_with_its_tags_where_the_version_is_made_of_them(
    repository: tuple[Path, str], build: Callable[..., LockedFile]
) -> None:
    root, _ = repository
    asks_git(root)
    head = commit(root)
    subprocess.run(["git", "tag", "v2.5"], cwd=root, check=True)
    (root / "later").write_text("")
    commit(root)
    built = build(package(version=None, source=GitSource(f"file://{root}", head)))
    assert built.filename == f"demo-2.5+g{head[:7]}-py3-none-any.whl"


def test_the_locked_version_stands_in_where_there_is_no_git_to_ask(
    tmp_path: Path, build: Callable[..., LockedFile]
) -> None:
    settings = 'import os\nVERSION = os.environ["SETUPTOOLS_SCM_PRETEND_VERSION_FOR_DEMO"]'
    tree = make_tree(tmp_path / "demo", settings=settings)
    (tree / "setup.cfg").write_text("# setuptools_scm\n")
    assert build(of_directory(tree, version="7.1")).filename == "demo-7.1-py3-none-any.whl"
    sdist = make_sdist(tree, tmp_path / "links")
    assert build(package(version="7.2", sdist=sdist)).filename == "demo-7.2-py3-none-any.whl"
    with pytest.raises(InputError, match="KeyError"):
        build(of_directory(tree, version=None))


def test_a_hostile_sdist_is_refused_before_anything_runs(
    tmp_path: Path, build: Callable[..., LockedFile], no_uv: Callable[[], None]
) -> None:
    path = tmp_path / "demo-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo("demo-1.0/../../../escaped")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    no_uv()
    with pytest.raises(InputError, match="outside its directory"):
        build(package(sdist=LockedFile(path.name, Digest.of_file(path), path=path)))
