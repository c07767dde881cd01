from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.handmade import Entry, name_image, put_image
from wherry.build.run import start
from wherry.build.run.docker import run_name
from wherry.build.run.request import Mount, PublishedPort
from wherry.build.run.runtime import Unusable
from wherry.build.run.start import RUNTIMES, run_image
from wherry.errors import InputError, WorldError
from wherry.oci.image import StoreSource, read_image
from wherry.oci.model import Config
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.build.run.request import RunRequest
    from wherry.oci.model import Descriptor
    from wherry.progress import Progress
    from wherry.store.store import Store

CONFIG = Config(entrypoint=("/bin/app", "--serve"), env=("HOME=/home/app",))


class Notes(SilentProgress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)


class Pretend:
    """A runtime that works, or does not."""

    def __init__(self, name: str, complaint: str = "", unusable: str = "") -> None:
        self.name = name
        self._complaint = complaint
        self._unusable = unusable
        self.requests: list[RunRequest] = []

    def complaint(self) -> str:
        return self._complaint

    def run(self, store: Store, request: RunRequest, progress: Progress) -> int:  # noqa: ARG002 - the protocol's names
        if self._unusable:
            raise Unusable(self._unusable)
        self.requests.append(request)
        return 42


@pytest.fixture
def image(store: Store) -> Descriptor:
    found = put_image(store, [[Entry("bin/app")]], config=CONFIG)
    name_image(store, "app", found)
    return found


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is all of PATH."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    return directory


def write_program(directory: Path, name: str, script: str) -> None:
    path = directory / name
    path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
    path.chmod(0o755)


@pytest.mark.usefixtures("image")
def test_the_first_runtime_that_works_is_taken(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    good = Pretend("three")
    runtimes = (Pretend("one", "not installed"), Pretend("two", unusable="no cgroups"), good, Pretend("four"))
    monkeypatch.setattr(start, "_RUNTIMES", runtimes)
    notes = Notes()
    assert run_image(store, "app", ["sh"], env=["A=1"], tty=True, progress=notes) == 42
    assert notes.lines == ["two cannot run it here (no cgroups); trying the next runtime"]
    [request] = good.requests
    assert request.command == ("sh",)
    assert request.tty
    assert request.interactive


@pytest.mark.usefixtures("image")
def test_when_none_works_each_says_why(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    runtimes = (Pretend("one", "not installed"), Pretend("two", unusable="no cgroups"))
    monkeypatch.setattr(start, "_RUNTIMES", runtimes)
    with pytest.raises(WorldError, match="no container runtime works here") as caught:
        run_image(store, "app")
    assert caught.value.where == "one: not installed; two: no cgroups"
    with pytest.raises(WorldError, match="one does not work here"):
        run_image(store, "app", runtime="one")


@pytest.mark.usefixtures("image")
def test_a_runtime_nobody_knows_is_refused(store: Store) -> None:
    with pytest.raises(InputError, match="'rkt' is not a runtime") as caught:
        run_image(store, "app", runtime="rkt")
    assert all(name in caught.value.mend for name in RUNTIMES)


def test_an_image_without_a_command_is_refused_before_anything_starts(store: Store) -> None:
    name_image(store, "bare", put_image(store, [[Entry("x")]], config=Config(user="1")))
    with pytest.raises(InputError, match="names no command"):
        run_image(store, "bare", runtime="crun")


@pytest.mark.usefixtures("image", "programs")
def test_programs_that_are_not_installed_do_not_work(store: Store) -> None:
    with pytest.raises(WorldError, match="no container runtime") as caught:
        run_image(store, "app")
    assert caught.value.where == "; ".join(f"{name}: {name} is not installed" for name in RUNTIMES)


DOCKER = """
echo "$@" >> {log}
case "$1 $2" in
    "image inspect") [ -f {log}.loaded ] && echo "$5" || exit 1 ;;
    "network ls") echo {network} ;;
    "load "*) cat > /dev/null; touch {log}.loaded ;;
    run*) exit 9 ;;
esac
"""


def _log(path: Path) -> list[str]:
    return path.read_text().splitlines()


@pytest.mark.usefixtures("image")
def test_docker_loads_an_image_only_once(store: Store, programs: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    write_program(programs, "docker", DOCKER.format(log=log, network="bridge"))
    ports = [PublishedPort(80, 8000)]
    mounts = [Mount.parse(f"{tmp_path}:/models:ro")]
    for _ in range(2):
        assert run_image(store, "app", publish=ports, mounts=mounts, env=["A=b c"], read_only=True) == 9
    lines = _log(log)
    assert sum(line.startswith("load") for line in lines) == 1
    last = lines[-1]
    assert last.startswith("run --rm")
    assert f"--publish=80:8000/tcp --volume={tmp_path}:/models:ro --env=A=b c --read-only" in last
    assert "--volume=/home/app" in last
    assert "sha256:" in last.split()[-1]
    assert "--network" not in last
    assert "--tty" not in last


@pytest.mark.usefixtures("image")
def test_docker_without_a_bridge_shares_the_machines_network(
    store: Store, programs: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    write_program(programs, "docker", DOCKER.format(log=log, network="host none"))
    notes = Notes()
    command = ["sh", "-c", "x"]
    assert run_image(store, "app", command, publish=[PublishedPort(80, 80)], tty=True, progress=notes) == 9
    last = _log(log)[-1]
    assert "--interactive --tty --network=host --entrypoint=sh sha256:" in last
    assert last.endswith(" -c x")
    assert "no bridge network" in notes.lines[0]
    with pytest.raises(InputError, match="port 8000 cannot become 80"):
        run_image(store, "app", publish=[PublishedPort(80, 8000)], runtime="docker")


def test_an_image_docker_knows_by_another_id_is_run_by_its_name(
    store: Store, image: Descriptor, programs: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    script = DOCKER.format(log=log, network="bridge").replace('echo "$5"', "echo sha256:other")
    write_program(programs, "docker", script)
    assert run_image(store, "app") == 9
    name = run_name(read_image(StoreSource(store, image), image, None))
    assert _log(log)[-1].endswith(name)


PODMAN = """
echo "$@" >> {log}
runtime=default
if [ "$1" = --runtime ]; then runtime=$2; shift 2; fi
case "$1 $2" in
    "image inspect") exit 1 ;;
    "load "*) cat > /dev/null ;;
    create*) echo "$@" > {log}.arguments; echo noise; echo 0123abcd ;;
    init*)
        {init}
        ;;
    start*) exit 9 ;;
esac
"""


def _podman(programs: Path, log: Path, init: str) -> None:
    write_program(programs, "podman", PODMAN.format(log=log, init=init))


@pytest.mark.usefixtures("image")
def test_podman_prepares_starts_and_removes(store: Store, programs: Path, tmp_path: Path) -> None:
    _podman(programs, tmp_path / "log", "exit 0")
    assert run_image(store, "app", tty=True) == 9
    verbs = [line.split()[0] for line in _log(tmp_path / "log")]
    assert verbs == ["info", "image", "image", "load", "image", "image", "create", "init", "start", "rm"]
    assert _log(tmp_path / "log")[-2] == "start --attach --sig-proxy=true --interactive 0123abcd"


@pytest.mark.usefixtures("image")
def test_podman_gets_what_it_complains_of_and_no_more(store: Store, programs: Path, tmp_path: Path) -> None:
    write_program(programs, "runc", "exit 0")
    log = tmp_path / "log"
    _podman(
        programs,
        log,
        f"""
        grep -q -e --ulimit {log}.arguments || {{ echo 'crun: setrlimit RLIMIT_NOFILE' >&2; exit 1; }}
        [ "$runtime" = default ] && {{ echo 'crun: cgroups in hybrid mode' >&2; exit 1; }}
        grep -q -e --network=host {log}.arguments || {{ echo 'netavark: no' >&2; exit 1; }}
        """,
    )
    notes = Notes()
    assert run_image(store, "app", progress=notes) == 9
    assert notes.lines == ["podman has no network here (netavark: no): the container shares the machine's"]
    assert _log(log)[-2].startswith(f"--runtime {programs}/runc start")
    assert sum(line.startswith("rm ") for line in _log(log)) == 4  # each that failed, and the last one


@pytest.mark.usefixtures("image")
@pytest.mark.parametrize("complaint", ["no cgroups", "crun: anything"])
def test_podman_that_cannot_prepare_is_passed_over(
    store: Store, programs: Path, tmp_path: Path, complaint: str
) -> None:
    _podman(programs, tmp_path / "log", f"echo '{complaint}' >&2; exit 1")
    with pytest.raises(WorldError, match="podman does not work here") as caught:
        run_image(store, "app", runtime="podman")
    assert complaint in caught.value.where


@pytest.mark.usefixtures("image")
def test_podman_that_cannot_load_or_create_is_passed_over(store: Store, programs: Path) -> None:
    for verb in ("load", "create"):
        write_program(
            programs, "podman", f'[ "$1" = {verb} ] && {{ echo broken >&2; exit 1; }}; cat >/dev/null'
        )
        with pytest.raises(WorldError) as caught:
            run_image(store, "app", runtime="podman")
        assert "broken" in caught.value.where


@pytest.mark.usefixtures("image")
def test_a_program_the_image_does_not_have_is_the_users_fault(
    store: Store, programs: Path, tmp_path: Path
) -> None:
    _podman(programs, tmp_path / "log", "echo 'runc: executable file not found' >&2; exit 1")
    with pytest.raises(InputError, match="the command cannot be started"):
        run_image(store, "app", ["none"], runtime="podman")


# What crun is asked for is written down; it "runs" by saying so.
CRUN = """
[ "$1" = --version ] && exit 0
shift 3
echo "$@" >> {log}
case "$1" in
    create) {create} ;;
    run) cp "$3/config.json" {log}.json; exit 9 ;;
esac
"""


@pytest.mark.usefixtures("image")
def test_crun_is_tried_out_before_it_runs(store: Store, programs: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    write_program(programs, "crun", CRUN.format(log=log, create="exit 0"))
    assert run_image(store, "app", runtime="crun", tty=True) == 9
    assert [line.split()[0] for line in _log(log) if line] == ["create", "run"]
    assert '"terminal":true' in (tmp_path / "log.json").read_text()
    assert list((store.root / "tmp").iterdir()) == []


@pytest.mark.usefixtures("image")
def test_a_crun_that_cannot_is_passed_over(store: Store, programs: Path, tmp_path: Path) -> None:
    create = "mkdir -p $3/state/$4; echo 'no way' >&2; exit 1"
    write_program(programs, "crun", CRUN.format(log=tmp_path / "log", create=create))
    with pytest.raises(WorldError, match="crun does not work here") as caught:
        run_image(store, "app", runtime="crun")
    assert "no way" in caught.value.where
    assert _log(tmp_path / "log")[-1].startswith("delete --force wherry-")


@pytest.mark.usefixtures("image")
def test_ports_cannot_change_where_the_network_is_shared(store: Store, programs: Path) -> None:
    for program, name in (("crun", "crun"), ("runc", "runc"), ("bwrap", "bubblewrap")):
        write_program(programs, program, "exit 0")
        with pytest.raises(InputError, match=f"{name} shares the machine's network"):
            run_image(store, "app", publish=[PublishedPort(80, 8000)], runtime=name)


@pytest.mark.usefixtures("image")
def test_bubblewrap_shows_the_image_itself_where_no_overlay_can_be_had(
    store: Store, programs: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    write_program(programs, "bwrap", f'echo "$@" > {log}; case "$*" in *info-fd*) exit 9;; esac')
    assert run_image(store, "app", runtime="bubblewrap") == 9
    assert f"--bind {store.root}/rootfs/" in _log(log)[0]
    assert "--remount-ro /" in _log(log)[0]
