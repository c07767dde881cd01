"""Our images in other people's hands: skopeo, umoci, docker, podman, and whatever `wherry run` starts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.handmade import (
    USER,
    Entry,
    directory,
    name_image,
    put_image,
    put_index,
    shell_config,
    shell_layer,
    source_of,
)
from tests.programs import cannot_run, require_program
from wherry.build.deliver import LocalEngine, deliver
from wherry.build.run import start
from wherry.build.run.start import run_image
from wherry.errors import WorldError
from wherry.oci.image import read_image
from wherry.oci.reference import DockerArchiveReference, LayoutReference, OciArchiveReference

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from wherry.oci.media_types import LayerCoding
    from wherry.oci.model import Descriptor
    from wherry.store.store import Store

LAYERS = [[directory("opt"), Entry("opt/a", b"a" * 5000)], [Entry("opt/b", b"b"), Entry("opt/.wh.a")]]
RUNTIMES = {"docker": "docker", "podman": "podman", "crun": "crun", "runc": "runc", "bubblewrap": "bwrap"}
"""Each runtime and its program."""


def _tool(*argv: str) -> str:
    done = subprocess.run([require_program(argv[0]), *argv[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def image(store: Store) -> Descriptor:
    found = put_image(store, LAYERS, config=shell_config())
    name_image(store, "app:v1", found)
    return found


@pytest.fixture
def shell(store: Store) -> Descriptor:
    """An image with a shell, called ``shell``."""
    found = put_image(store, [shell_layer()], config=shell_config())
    name_image(store, "shell", found)
    return found


def test_skopeo_inspects_and_copies_a_layout(store: Store, image: Descriptor, tmp_path: Path) -> None:
    deliver(store, "app:v1", LayoutReference(tmp_path / "out"))
    found = json.loads(_tool("skopeo", "inspect", f"oci:{tmp_path}/out:v1"))
    assert found["Digest"] == image.digest
    _tool("skopeo", "copy", f"oci:{tmp_path}/out:v1", f"dir:{tmp_path}/copy")
    assert (tmp_path / "copy" / "manifest.json").read_bytes() == store.blobs.path(image.digest).read_bytes()


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_skopeo_takes_both_archives(store: Store, tmp_path: Path, coding: LayerCoding) -> None:
    image = put_image(store, LAYERS, coding=coding)
    name_image(store, "app:v1", image)
    image_id = read_image(source_of(store, image), image, None).image_id
    deliver(store, "app:v1", OciArchiveReference(tmp_path / "o.tar"))
    deliver(store, "app:v1", DockerArchiveReference(tmp_path / "d.tar"))
    for number, archive in enumerate(
        (f"oci-archive:{tmp_path}/o.tar:v1", f"docker-archive:{tmp_path}/d.tar")
    ):
        _tool("skopeo", "copy", archive, f"dir:{tmp_path}/{number}")
        manifest = json.loads((tmp_path / str(number) / "manifest.json").read_bytes())
        assert manifest["config"]["digest"] == image_id


def test_an_archive_of_skopeos_is_read(store: Store, tmp_path: Path) -> None:
    image = put_image(store, LAYERS)
    name_image(store, "app:v1", image)
    deliver(store, "app:v1", LayoutReference(tmp_path / "out"))
    from wherry.oci.sources import open_image  # noqa: PLC0415 - this test alone reads

    for transport in ("oci-archive", "docker-archive"):
        _tool("skopeo", "copy", f"oci:{tmp_path}/out:v1", f"{transport}:{tmp_path}/{transport}:app:v1")
        source, root = open_image(f"{transport}:{tmp_path}/{transport}", store)
        theirs = read_image(source, root, None)
        assert theirs.config == read_image(source_of(store, image), image, None).config


def test_skopeo_copies_every_platform_of_an_index(store: Store, tmp_path: Path) -> None:
    images = [put_image(store, [[Entry(a)]], architecture=a) for a in ("amd64", "arm64")]
    name_image(store, "both:v1", put_index(store, images))
    deliver(store, "both:v1", LayoutReference(tmp_path / "out"))
    _tool("skopeo", "copy", "--all", f"oci:{tmp_path}/out:v1", f"dir:{tmp_path}/copy")
    for image in images:
        assert (tmp_path / "copy" / f"{image.digest.hex}.manifest.json").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="umoci keeps owners, which needs root")
def test_umoci_unpacks_what_we_unpack(store: Store, image: Descriptor, tmp_path: Path) -> None:
    from wherry.build.rootfs import unpacked  # noqa: PLC0415 - this test alone unpacks by hand

    deliver(store, "app:v1", LayoutReference(tmp_path / "out"))
    _tool("umoci", "unpack", "--image", f"{tmp_path}/out:v1", str(tmp_path / "bundle"))
    source = source_of(store, image)
    with unpacked(store, source, read_image(source, image, None)) as root:
        ours, theirs = (
            {
                (str(p.relative_to(r)), p.lstat().st_mode, p.lstat().st_uid, p.lstat().st_mtime)
                for p in r.rglob("*")
            }
            for r in (root, tmp_path / "bundle" / "rootfs")
        )
        assert {entry[0] for entry in ours} == {"opt", "opt/b"}
        assert ours == theirs


# --- docker ---


def _docker(docker_host: str, *arguments: str) -> str:
    return _tool("docker", "--host", docker_host, *arguments)


def test_docker_loads_both_archives_as_the_same_image(
    store: Store, image: Descriptor, tmp_path: Path, docker_host: str
) -> None:
    image_id = read_image(source_of(store, image), image, None).image_id
    deliver(store, "app:v1", OciArchiveReference(tmp_path / "o.tar"))
    deliver(store, "app:v1", DockerArchiveReference(tmp_path / "d.tar"))
    for archive in ("o.tar", "d.tar"):
        assert "Loaded image: app:v1" in _docker(docker_host, "load", "--input", str(tmp_path / archive))
        assert _docker(docker_host, "inspect", "--format={{.Id}}", "app:v1").strip() == image_id
        _docker(docker_host, "image", "rm", "--force", image_id)


def test_docker_runs_an_image_whose_layers_were_zstd(
    store: Store, docker_host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    name_image(store, "shell", put_image(store, [shell_layer()], config=shell_config(), coding="zstd"))
    assert deliver(store, "shell", LocalEngine("docker")).to == "docker"
    assert _docker(docker_host, "run", "--rm", "--network=host", "shell") == f"hello\n{USER}\n/opt\n"


def test_an_image_that_docker_saves_is_read(
    store: Store, tmp_path: Path, docker_host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wherry.oci.sources import open_image  # noqa: PLC0415 - this test alone reads

    monkeypatch.setenv("DOCKER_HOST", docker_host)
    # The same layer twice: docker saves it once and links to it.
    image = put_image(store, [LAYERS[0], LAYERS[1], LAYERS[0]], config=shell_config())
    name_image(store, "app:v1", image)
    deliver(store, "app:v1", LocalEngine("docker"))
    _docker(docker_host, "save", "--output", str(tmp_path / "saved"), "app:v1")
    source, root = open_image(f"docker-archive:{tmp_path}/saved:app:v1", store)
    ours = read_image(source_of(store, image), image, None)
    assert read_image(source, root, None).config.rootfs == ours.config.rootfs


# --- running, with each runtime ---


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name = str(request.param)
    require_program(RUNTIMES[name])
    if name == "docker":
        monkeypatch.setenv("DOCKER_HOST", request.getfixturevalue("docker_host"))
    elif why := next(known.complaint() for known in start._RUNTIMES if known.name == name):
        cannot_run(f"needs a working {name}: {why}")
    return name


def _run(
    capfd: pytest.CaptureFixture[str],
    store: Store,
    runtime: str,
    command: Sequence[str] = (),
    **options: object,
) -> tuple[int, str]:
    from wherry.build.run.request import Mount  # noqa: PLC0415 - for the options alone

    mounts = [Mount.parse(str(text)) for text in options.pop("volumes", ())]  # type: ignore[attr-defined]
    try:
        code = run_image(store, "shell", command, runtime=runtime, mounts=mounts, **options)  # type: ignore[arg-type]
    except WorldError as error:
        if runtime == "podman":  # which may answer and still be unable to run anything
            cannot_run(f"needs a working podman: {error.where}")
        raise
    out, err = capfd.readouterr()
    return code, out + (err if code else "")


@pytest.mark.usefixtures("shell")
def test_an_image_runs_as_its_config_says(
    store: Store, runtime: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert _run(capfd, store, runtime) == (0, f"hello\n{USER}\n/opt\n")


@pytest.mark.usefixtures("shell")
def test_a_command_of_ones_own_gives_its_exit_code_and_sees_its_variables(
    store: Store, runtime: str, capfd: pytest.CaptureFixture[str]
) -> None:
    script = 'echo "$GREETING $MINE"; id -g; exit 7'
    code, out = _run(capfd, store, runtime, ["sh", "-c", script], env=["MINE=a 'b'"])
    assert (code, out) == (7, f"hello a 'b'\n{USER}\n")


@pytest.mark.usefixtures("shell")
def test_home_and_tmp_can_be_written_and_the_image_stays_as_it_was(
    store: Store, runtime: str, capfd: pytest.CaptureFixture[str]
) -> None:
    script = "echo 1 > $HOME/f && echo 2 > /tmp/f && cat $HOME/f /tmp/f && ls -A $HOME"
    for _ in range(2):
        assert _run(capfd, store, runtime, ["sh", "-c", script]) == (0, "1\n2\nf\n")
        assert _run(capfd, store, runtime, ["sh", "-c", script], read_only=True) == (0, "1\n2\nf\n")
    code, _ = _run(capfd, store, runtime, ["sh", "-c", "echo 1 > /opt/read-only"], read_only=True)
    assert code != 0
    assert _run(capfd, store, runtime, ["cat", "/opt/read-only"]) == (0, "of the image\n")


@pytest.mark.usefixtures("shell")
def test_mounts_are_seen_at_places_the_image_does_not_have(
    store: Store, runtime: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "w").write_text("data")
    (tmp_path / "weights").chmod(0o777)
    place = f"{tmp_path}/weights:/models/new"
    assert _run(capfd, store, runtime, ["cat", "/models/new/w"], volumes=[place]) == (0, "data")
    code, _ = _run(capfd, store, runtime, ["sh", "-c", "echo > /models/new/x"], volumes=[f"{place}:ro"])
    assert code != 0
    assert _run(capfd, store, runtime, ["sh", "-c", "echo > /models/new/x"], volumes=[place])[0] == 0
    assert (tmp_path / "weights" / "x").exists()


@pytest.mark.usefixtures("shell")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_reach_the_program_inside(
    store: Store, runtime: str, number: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name = signal.Signals(number).name.removeprefix("SIG")
    tmp_path.chmod(0o777)
    for parent in list(tmp_path.parents)[:3]:
        parent.chmod(parent.stat().st_mode | 0o011)
    script = f"trap 'echo told; exit 9' {name}; echo > /ready/now; while :; do sleep 0.05; done"
    over = threading.Event()

    def tell() -> None:
        while not (tmp_path / "now").exists() and not over.wait(0.05):
            pass
        if not over.is_set():
            os.kill(os.getpid(), number)

    thread = threading.Thread(target=tell)
    thread.start()
    try:
        code, out = _run(capfd, store, runtime, ["sh", "-c", script], volumes=[f"{tmp_path}:/ready"])
    finally:
        over.set()
        thread.join()
    assert (code, out) == (9, "told\n")


@pytest.mark.usefixtures("shell")
def test_a_program_that_a_signal_ends_gives_128_and_its_number(
    store: Store, runtime: str, capfd: pytest.CaptureFixture[str]
) -> None:
    # The shell itself may be process 1, which no signal of its own ends; its child is not.
    code, _ = _run(capfd, store, runtime, ["sh", "-c", "sh -c 'kill -KILL $$'; exit $?"])
    assert code == 137


@pytest.mark.usefixtures("shell")
def test_a_program_the_image_does_not_have_is_an_error(
    store: Store, runtime: str, capfd: pytest.CaptureFixture[str]
) -> None:
    from wherry.errors import InputError  # noqa: PLC0415 - some runtimes tell us, some the user

    try:
        code, out = _run(capfd, store, runtime, ["nonesuch"])
    except InputError as error:
        code, out = 127, error.what
    assert code != 0
    assert "nonesuch" in out


@pytest.mark.usefixtures("shell")
def test_standard_input_is_passed_on(
    store: Store, runtime: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "input").write_bytes(b"some input\n")
    before = os.dup(0)
    with (tmp_path / "input").open("rb") as stream, pytest.MonkeyPatch.context() as patch:
        os.dup2(stream.fileno(), 0)
        patch.setattr(sys, "stdin", stream)
        try:
            assert _run(capfd, store, runtime, ["cat"]) == (0, "some input\n")
        finally:
            os.dup2(before, 0)
            os.close(before)


@pytest.mark.usefixtures("shell")
def test_nothing_of_a_run_is_left_in_the_store(
    store: Store, runtime: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert _run(capfd, store, runtime)[0] == 0
    assert list((store.root / "tmp").glob("*")) == []


# --- ports ---

SERVER = """
socket(S, 2, 1, 0); setsockopt(S, 1, 2, 1);
bind(S, pack("S n a4 x8", 2, $ENV{PORT}, "\\0\\0\\0\\0")) or die $!;
listen(S, 5); accept(C, S); syswrite(C, "inside $ENV{PORT}\\n"); close(C);
"""


def test_a_published_port_is_answered_by_the_container(
    store: Store, runtime: str, capfd: pytest.CaptureFixture[str]
) -> None:
    from tests.handmade import program_layer  # noqa: PLC0415 - this test alone
    from wherry.build.run.request import PublishedPort  # noqa: PLC0415 - as above

    require_program("perl")
    name_image(store, "shell", put_image(store, [program_layer("perl")], config=shell_config()))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    answers: list[bytes] = []

    def ask() -> None:
        for _ in range(600):
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                    if answer := connection.recv(100):
                        answers.append(answer)
                        return
            except OSError:
                pass
            time.sleep(0.1)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    published = PublishedPort.parse(f"127.0.0.1:{port}:{port}")
    code, out = _run(capfd, store, runtime, ["perl", "-e", SERVER], publish=[published], env=[f"PORT={port}"])
    assert (code, out) == (0, "")
    thread.join(timeout=10)
    assert answers == [f"inside {port}\n".encode()]
