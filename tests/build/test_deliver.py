from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.handmade import Entry, name_image, put_image, put_index
from wherry.build.deliver import LocalEngine, deliver, parse_destination
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.oci.archive_source import DockerArchiveSource, OciArchiveSource
from wherry.oci.layout import LayoutSource
from wherry.oci.platform import Platform
from wherry.oci.reference import (
    DaemonReference,
    DockerArchiveReference,
    LayoutReference,
    OciArchiveReference,
    RegistryReference,
)
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from tests.registry_world.quirks import QuirkRegistry
    from wherry.oci.model import Descriptor
    from wherry.store.store import Store


@pytest.fixture
def image(store: Store) -> Descriptor:
    found = put_image(store, [[Entry("x", b"y" * 100_000)]])
    name_image(store, "app:v1", found)
    return found


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is all of PATH: tests put their own docker and podman there."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    return directory


def write_program(directory: Path, name: str, script: str) -> None:
    path = directory / name
    path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
    path.chmod(0o755)


def test_an_image_goes_to_a_layout_under_its_own_tag(store: Store, image: Descriptor, tmp_path: Path) -> None:
    done = deliver(store, "app:v1", LayoutReference(tmp_path / "out"))
    assert done.to == f"oci:{tmp_path}/out:v1"
    assert done.digest == image.digest
    assert [root.ref_name for root in LayoutSource(tmp_path / "out").roots()] == ["v1"]
    assert deliver(store, "app:v1", LayoutReference(tmp_path / "out", "other")).size_bytes == 0


def test_an_image_named_by_digest_has_no_tag_elsewhere(
    store: Store, image: Descriptor, tmp_path: Path
) -> None:
    deliver(store, str(image.digest), LayoutReference(tmp_path / "out"))
    deliver(store, str(image.digest), DockerArchiveReference(tmp_path / "d"))
    assert LayoutSource(tmp_path / "out").roots()[0].ref_name == ""
    assert DockerArchiveSource(tmp_path / "d").roots()[0].ref_name == ""


@pytest.mark.usefixtures("image")
def test_an_image_goes_to_archives(store: Store, tmp_path: Path) -> None:
    done = deliver(store, "app:v1", OciArchiveReference(tmp_path / "o"))
    assert done.size_bytes == (tmp_path / "o").stat().st_size
    deliver(store, "app:v1", DockerArchiveReference(tmp_path / "d", "other:v9"))
    assert OciArchiveSource(tmp_path / "o").roots()[0].ref_name == "v1"
    assert DockerArchiveSource(tmp_path / "d").roots()[0].ref_name == "other:v9"


@pytest.mark.usefixtures("image")
def test_a_pipe_is_written_as_it_is(store: Store, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    thread = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    thread.start()
    done = deliver(store, "app:v1", OciArchiveReference(pipe))
    thread.join()
    assert len(received[0]) == done.size_bytes


@pytest.mark.usefixtures("image")
def test_a_destination_that_cannot_be_written_is_the_worlds_fault(store: Store, tmp_path: Path) -> None:
    for place in (tmp_path / "no" / "file", tmp_path):
        with pytest.raises(WorldError, match="cannot write"):
            deliver(store, "app:v1", DockerArchiveReference(place))


def test_an_image_that_is_not_there_is_the_users_fault(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no image none:latest"):
        deliver(store, "none", LayoutReference(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_destinations_are_what_can_be_written() -> None:
    assert parse_destination("oci:dir:v1") == LayoutReference(Path("dir"), "v1")
    assert parse_destination("docker-daemon:app") == DaemonReference("app:latest")
    for text in ("reg.example/app:v1", "docker://reg.example/app:v1"):
        assert parse_destination(text) == RegistryReference("reg.example", "app", "v1")
    with pytest.raises(InputError, match="cannot write an image to"):
        parse_destination("app")


@pytest.mark.usefixtures("image")
def test_an_image_goes_to_a_registry(store: Store, quirks: QuirkRegistry) -> None:
    done = deliver(store, "app:v1", RegistryReference(quirks.host, "team/app", "v2"))
    assert done.to == f"docker://{quirks.host}/team/app:v2"
    assert done.words == f"pushed to {done.to}: {done.amounts}"
    assert done.amounts.endswith(" sent")
    assert Digest.of_bytes(quirks.manifests["team/app"]["v2"].data) == done.digest
    again = deliver(store, "app:v1", RegistryReference(quirks.host, "team/app"))
    assert again.amounts.endswith(" there already")
    assert again.size_bytes < 1000


@pytest.mark.usefixtures("image")
def test_nothing_is_pushed_offline(store: Store) -> None:
    with pytest.raises(InputError, match="a push needs the network"):
        deliver(store, "app:v1", RegistryReference("reg.example", "app"), offline=True)


@pytest.mark.usefixtures("image")
def test_the_engine_that_works_is_given_the_archive(store: Store, engines: Path, tmp_path: Path) -> None:
    write_program(engines, "docker", "echo 'log' >&2; echo 'Cannot connect' >&2; exit 1")
    write_program(engines, "podman", f'[ "$1" = load ] && cat > {tmp_path}/loaded; exit 0')
    assert deliver(store, "app:v1", LocalEngine()).to == "podman"
    assert DockerArchiveSource(tmp_path / "loaded").roots()[0].ref_name == "app:v1"
    with pytest.raises(WorldError, match="docker does not work here: Cannot connect"):
        deliver(store, "app:v1", LocalEngine("docker"))
    with pytest.raises(WorldError, match="docker does not work"):
        deliver(store, "app:v1", DaemonReference("app:latest"))


@pytest.mark.usefixtures("image")
def test_the_docker_daemon_gets_the_name_it_was_asked_for(
    store: Store, engines: Path, tmp_path: Path
) -> None:
    write_program(engines, "docker", f'[ "$1" = load ] && cat > {tmp_path}/loaded; exit 0')
    done = deliver(store, "app:v1", parse_destination("docker-daemon:mine"))
    assert done.to == "docker-daemon:mine:latest"
    assert DockerArchiveSource(tmp_path / "loaded").roots()[0].ref_name == "mine:latest"
    assert deliver(store, "app:v1", LocalEngine("docker")).to == "docker"


@pytest.mark.usefixtures("image", "engines")
def test_without_an_engine_both_complaints_are_told(store: Store) -> None:
    with pytest.raises(WorldError, match="neither docker nor podman") as caught:
        deliver(store, "app:v1", LocalEngine())
    assert caught.value.where == "docker: docker is not installed; podman: podman is not installed"


@pytest.mark.usefixtures("image")
@pytest.mark.parametrize(
    "script", ["echo 'no space' >&2; exit 1", "cat >/dev/null; echo 'no space' >&2; exit 1"]
)
def test_an_engine_that_gives_up_says_why(store: Store, engines: Path, script: str) -> None:
    write_program(engines, "docker", f'[ "$1" = version ] && exit 0\n{script}')
    with pytest.raises(WorldError, match="docker load failed: no space"):
        deliver(store, "app:v1", LocalEngine("docker"))


def test_an_image_for_other_machines_only_is_not_loaded(store: Store, engines: Path, tmp_path: Path) -> None:
    write_program(engines, "docker", f"touch {tmp_path}/asked; exit 0")
    images = [put_image(store, [[Entry(a)]], architecture=a) for a in ("s390x", "riscv64")]
    name_image(store, "far", put_index(store, images))
    with pytest.raises(InputError, match="none of the image's platforms"):
        deliver(store, "far", DaemonReference("far:latest"))


def test_of_several_platforms_a_docker_archive_gets_this_machines_and_it_is_said(
    store: Store, tmp_path: Path
) -> None:
    class Notes(SilentProgress):
        lines: ClassVar[list[str]] = []

        def note(self, line: str) -> None:
            self.lines.append(line)

    host = Platform.of_host().architecture
    images = [put_image(store, [[Entry(a)]], architecture=a) for a in ("s390x", host)]
    name_image(store, "both", put_index(store, images))
    given = deliver(store, "both", DockerArchiveReference(tmp_path / "d"), Notes())
    assert Notes.lines == [f"only the image for linux/{host} goes there: docker's formats hold one platform"]
    assert given.digest == images[1].digest


def test_what_an_engine_got_of_several_platforms_is_named_by_its_own_digest(
    store: Store, engines: Path
) -> None:
    write_program(engines, "docker", '[ "$1" = load ] && cat > /dev/null; exit 0')
    host = Platform.of_host().architecture
    images = [put_image(store, [[Entry(a)]], architecture=a) for a in ("s390x", host)]
    name_image(store, "both", put_index(store, images))
    for place in (LocalEngine("docker"), DaemonReference("app:latest")):
        assert deliver(store, "both", place).digest == images[1].digest
