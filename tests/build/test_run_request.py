from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.handmade import Entry, put_image, source_of
from wherry.build.run.request import (
    Mount,
    PublishedPort,
    RunRequest,
    read_environment,
    require_same_ports,
)
from wherry.errors import InputError
from wherry.oci.image import read_image
from wherry.oci.model import Config

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.store.store import Store


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("8080", PublishedPort(8080, 8080)),
        ("80:8080", PublishedPort(80, 8080)),
        ("127.0.0.1:80:8080/udp", PublishedPort(80, 8080, "127.0.0.1", "udp")),
        ("[::1]:80:8080", PublishedPort(80, 8080, "[::1]")),
    ],
)
def test_ports_are_read_as_docker_reads_them(text: str, meant: PublishedPort) -> None:
    assert PublishedPort.parse(text) == meant
    assert PublishedPort.parse(str(meant)) == meant


@pytest.mark.parametrize("text", ["", "x", "0", "70000", "1:0", "1:2:3:4", "127.0.0.1:80", "80/sctp", "-1"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        PublishedPort.parse(text)


def test_mounts_are_read_as_docker_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Mount.parse(f"{tmp_path}:/models:ro") == Mount(tmp_path.resolve(), "/models", read_only=True)
    monkeypatch.chdir(tmp_path.parent)
    mount = Mount.parse(f"{tmp_path.name}://a//b/")
    assert mount == Mount(tmp_path.resolve(), "/a/b")
    assert str(mount) == f"{tmp_path.resolve()}:/a/b"
    assert str(Mount.parse(f"{tmp_path}:/m:ro")).endswith(":/m:ro")


@pytest.mark.parametrize(
    "text", ["", "x", ".:relative", ":/x", ".:/", ".:/a/../b", ".:/x:rx", ".:/a:ro:z", "./none:/x"]
)
def test_what_is_no_mount_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        Mount.parse(text)
    assert caught.value.mend


@given(st.text(max_size=20))
def test_any_text_is_a_port_a_mount_or_an_explained_error(text: str) -> None:
    for parse in (PublishedPort.parse, Mount.parse):
        try:
            parse(text)
        except InputError:
            continue


def test_variables_are_given_or_taken_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "HERE", "a=b")
    monkeypatch.delenv("NOT_HERE", raising=False)
    assert read_environment(["X=1=2", "HERE", "NOT_HERE", "E="]) == ("X=1=2", "HERE=a=b", "E=")
    for bad in ("=x", "", "A=\0"):
        with pytest.raises(InputError):
            read_environment([bad])


def test_where_the_network_is_shared_a_port_stays_what_it_is() -> None:
    require_same_ports([PublishedPort(80, 80)], "crun")
    with pytest.raises(InputError, match="port 8000 cannot become 80") as caught:
        require_same_ports([PublishedPort(80, 8000)], "crun")
    assert "publish it as 8000" in caught.value.mend


def test_a_command_replaces_entry_point_and_arguments(store: Store) -> None:
    def request(config: Config, argv: tuple[str, ...] | None) -> RunRequest:
        root = put_image(store, [[Entry("x")]], config=config)
        source = source_of(store, root)
        return RunRequest(source, read_image(source, root, None), argv)

    both = Config(entrypoint=("python", "-m"), cmd=("app",))
    assert request(both, None).command == ("python", "-m", "app")
    assert request(both, ("sh",)).command == ("sh",)
    with pytest.raises(InputError, match="names no command"):
        _ = request(Config(user="1"), None).command
