"""What the image's configuration says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wherry.bases.model import Base
from wherry.layers.model import Layout
from wherry.oci.platform import Platform
from wherry.plan.settings import make_settings
from wherry.project.command import Command
from wherry.project.config import WherryConfig
from wherry.project.project import Project
from wherry.project.values import Port, User

if TYPE_CHECKING:
    from wherry.plan.model import Settings

PROJECT = Project(root=Path("/p"), shown=Path("p"), name="My App", version="1.2")
DEBIAN = Base(
    name="debian:trixie",
    platform=Platform.parse("linux/amd64"),
    python=(3, 13),
    python_full_version="3.13.5",
    interpreter="/usr/bin/python3.13",
    glibc=(2, 41),
    packages=(object(),),  # type: ignore[arg-type]
)
IMAGE = replace(DEBIAN, name="oci:base", packages=(), env=("PATH=/usr/local/bin:/bin", "GPG_KEY=1"))
COMMAND = Command(("python", "-m", "app"), "because", "app.py:1", ports=(8000,), env={"GRADIO": "1"})


def settings(base: Base = DEBIAN, command: Command = COMMAND, **config: object) -> Settings:
    project = replace(PROJECT, config=WherryConfig(**config))  # type: ignore[arg-type]
    return make_settings(project, base, Layout(), command, ["torch"])


def test_the_virtual_environment_comes_first_on_the_path() -> None:
    assert dict(settings().env)["PATH"].startswith("/opt/venv/bin:/usr/local/sbin")
    assert dict(settings(IMAGE).env)["PATH"] == "/opt/venv/bin:/usr/local/bin:/bin"


def test_python_neither_buffers_nor_writes_bytecode() -> None:
    env = dict(settings().env)
    assert (env["PYTHONUNBUFFERED"], env["PYTHONDONTWRITEBYTECODE"]) == ("1", "1")


def test_the_environment_of_a_base_image_is_kept_and_the_projects_wins() -> None:
    env = dict(settings(IMAGE, env={"GRADIO": "2", "HOME": "/data"}).env)
    assert (env["GPG_KEY"], env["GRADIO"], env["HOME"], env["USER"]) == ("1", "2", "/data", "nonroot")
    assert env["TORCH_HOME"].startswith("/tmp/")


def test_the_user_is_a_number_that_is_not_root() -> None:
    assert settings().user == "65532:65532"
    assert settings(user=User(1000, 1000)).user == "1000:1000"


def test_a_base_images_own_user_is_respected_unless_it_is_root_or_a_name() -> None:
    assert settings(replace(IMAGE, user="1001")).user == "1001"
    assert settings(replace(IMAGE, user="1001:0")).user == "1001:0"
    assert settings(replace(IMAGE, user="root")).user == "65532:65532"
    assert settings(replace(IMAGE, user="0")).user == "65532:65532"
    assert settings(replace(IMAGE, user="1001"), user=User(7, 7)).user == "7:7"


def test_configured_ports_replace_those_of_the_command() -> None:
    assert settings().ports == ("8000/tcp",)
    assert settings(ports=(Port(53, "udp"),)).ports == ("53/udp",)


def test_source_directories_are_put_on_the_path_of_python() -> None:
    command = replace(COMMAND, python_path=(".", "src"))
    assert dict(settings(command=command).env)["PYTHONPATH"] == "/app:/app/src"


def test_labels_are_ocis_names_and_the_projects_own_win() -> None:
    labels = dict(settings(labels={"team": "ml", "org.opencontainers.image.title": "Other"}).labels)
    assert labels == {
        "org.opencontainers.image.title": "Other",
        "org.opencontainers.image.version": "1.2",
        "team": "ml",
    }
