"""B6, B7 and B8: cache mounts that are missing, of no use, or elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import fixed, verdicts
from tests.check.rules.verdicts import found
from wherry.check.model import Safety

if TYPE_CHECKING:
    from pathlib import Path

MOUNT = "--mount=type=cache,target=/root/.cache/pip"


def _everywhere(text: str, folder: Path) -> list[str]:
    findings = found("B6", folder, text, options={"everywhere": True})
    return [fixed(text, finding) if finding.fix else "" for finding in findings]


@pytest.mark.parametrize(
    "text",
    [
        "FROM python:3.12\nRUN pip install -r requirements.txt\n",
        f"FROM python:3.12\nRUN {MOUNT} pip install -r a.txt\nRUN pip install wheel\n",
        f"FROM python:3.12\nRUN {MOUNT} pip install -r a.txt\nRUN pip install --no-cache-dir -r b.txt\n",
        f"FROM python:3.12\nRUN {MOUNT} pip install -r a.txt\nRUN pip install ./a.whl ./b.whl ./c.whl\n",
        "FROM python:3.12\nENV UV_NO_CACHE=1\nRUN uv sync\n",
        "FROM python:3.12\nRUN uv sync --no-cache\n",
        "FROM python:3.12 AS other\nRUN uv sync\nFROM python:3.12\nRUN true\n",
        "FROM python:3.12\nRUN uv run app\n",
    ],
)
def test_a_file_that_does_without_mounts_is_left_alone(text: str) -> None:
    assert not verdicts("B6", text)


def test_one_finding_speaks_of_all_runs_of_one_manager() -> None:
    text = "FROM python:3.12\nRUN uv sync --no-install-project\nCOPY . .\nRUN uv sync --extra gpu\n"
    (finding,) = verdicts("B6", text)
    assert len(finding.related) == 1
    only_project = text.replace(" --extra gpu", "")  # which fetches nothing
    assert not verdicts("B6", only_project)[0].related
    assert fixed(text, finding).count("--mount=type=cache,target=/root/.cache/uv") == 2


@pytest.mark.parametrize(
    ("user", "target"),
    [
        ("USER 1000", None),
        ("USER app", None),
        ("RUN useradd -u 1001 app\nUSER app", "/home/app/.cache/uv,uid=1001"),
        ("RUN adduser app\nUSER app", None),
        ("RUN useradd --uid $NUMBER app\nUSER app", None),
        ("USER 1000:1000\nENV HOME=/srv", "/srv/.cache/uv,uid=1000"),
    ],
)
def test_the_mount_belongs_to_who_runs_the_command(user: str, target: str | None) -> None:
    text = f"FROM python:3.12\n{user}\nRUN uv sync\n"
    (finding,) = verdicts("B6", text)
    if target is None and "1000" not in user:
        assert finding.fix is None
    elif target is not None:
        assert f"target={target} uv sync" in fixed(text, finding)


def test_everywhere_means_every_install(tmp_path: Path) -> None:
    text = "FROM node:22\nRUN npm ci\nRUN pip install --no-cache-dir numpy\n"
    assert _everywhere(text, tmp_path) == [
        text.replace("RUN pip", f"RUN {MOUNT} pip").replace(" --no-cache-dir", ""),
        text.replace("RUN npm", "RUN --mount=type=cache,target=/root/.npm npm"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "FROM debian:12\nUSER 1000\nRUN apt-get update && apt-get install -y git\n",
        "FROM debian:12\nRUN sudo apt-get update && sudo apt-get install -y git\n",
        "FROM debian:12\nRUN apt install -y git\n",
        "FROM debian:12\nRUN if true; then apt-get install -y git; fi\n",
        "FROM somebody/base:1\nRUN apt-get install -y git\n",
        "FROM debian:12\nRUN apt-get install -y git && rm -rf /var/lib/apt/lists/* /tmp/*\n",
        'FROM debian:12\nRUN ["apt-get", "install", "-y", "git"]\n',
        "FROM debian:12\nRUN <<EOF\napt-get install -y git\nEOF\n",
        "FROM python:3.12\nENV OPTIONS=--no-cache-dir\nRUN pip install $OPTIONS numpy\n",
        "FROM python:3.12\nRUN pip install a && PIP_CACHE_DIR=/other pip install b\n",
    ],
)
def test_what_is_not_plain_is_not_given_a_mount(text: str, tmp_path: Path) -> None:
    assert _everywhere(text, tmp_path) == [""]


def test_apt_keeps_its_archives_where_docker_clean_is_gone_already(tmp_path: Path) -> None:
    clean = "RUN rm /etc/apt/apt.conf.d/docker-clean"
    text = f"FROM debian:12\n{clean}\nRUN apt-get update && apt-get install -y git\n"
    (mended,) = _everywhere(text, tmp_path)
    assert mended.count("docker-clean") == 1


@pytest.mark.parametrize(
    "text",
    [
        f"FROM python:3.12\nRUN {MOUNT} pip install numpy\n",
        "FROM python:3.12\nRUN pip install --no-cache-dir numpy\n",
        f"FROM python:3.12\nRUN {MOUNT} pip install --no-cache-dir --no-index ./a.whl\n",
        f"FROM python:3.12\nRUN rm -rf /root/.cache\nRUN {MOUNT} pip install numpy\n",
        f"FROM python:3.12\nRUN {MOUNT} rm -rf /root/.cache/pip && pip install numpy\n",
        "FROM somebody/base:1\nRUN --mount=type=cache,target=/var/cache/apt apt-get install -y git\n",
        (
            "FROM debian:12\nCOPY keep-cache /etc/apt/apt.conf.d/\n"
            "RUN --mount=type=cache,target=/var/cache/apt apt-get install -y git\n"
        ),
    ],
)
def test_a_mount_that_is_used_is_left_alone(text: str) -> None:
    assert not verdicts("B7", text)


def test_each_option_goes_and_nothing_else() -> None:
    two = "pip install --no-cache-dir -U pip && \\\n    pip --no-cache-dir install a"
    text = f"FROM python:3.12\nRUN {MOUNT} {two}\n"
    (finding,) = verdicts("B7", text)
    assert fixed(text, finding) == text.replace(" --no-cache-dir", "")
    assert finding.fix is not None
    assert finding.fix.safety is Safety.SAFE


def test_an_option_from_a_variable_stays() -> None:
    text = f"FROM python:3.12\nENV O='--no-cache-dir -q'\nRUN {MOUNT} pip install $O numpy\n"
    (finding,) = verdicts("B7", text)
    assert finding.fix is None


@pytest.mark.parametrize(
    "text",
    [
        f"FROM python:3.12\nENV PIP_NO_CACHE_DIR=1 A=2\nRUN {MOUNT} pip install numpy\n",
        f"FROM python:3.12\nENV PIP_NO_CACHE_DIR 1\nRUN {MOUNT} pip install numpy\n",
        f"FROM python:3.12\nENV PIP_NO_CACHE_DIR=1\nRUN {MOUNT} pip install a\nRUN pip install b\n",
        f"FROM python:3.12\nENV PIP_NO_CACHE_DIR=1\nENV PIP_NO_CACHE_DIR=1\nRUN {MOUNT} pip install numpy\n",
    ],
)
def test_a_variable_that_others_live_by_stays(text: str) -> None:
    (finding,) = verdicts("B7", text)
    assert finding.fix is None


def test_a_variable_of_the_run_itself_is_not_an_env() -> None:
    assert not verdicts("B7", f"FROM python:3.12\nRUN {MOUNT} PIP_NO_CACHE_DIR=1 pip install numpy\n")


@pytest.mark.parametrize(
    ("tail", "stays"),
    [
        (" && rm -rf /root/.cache", ""),
        (" && pip cache purge", ""),
        (" && rm -rf /root/.cache && echo done", " && echo done"),
    ],
)
def test_what_empties_the_mount_goes(tail: str, stays: str) -> None:
    text = f"FROM python:3.12\nRUN {MOUNT} pip install numpy{tail}\n"
    (finding,) = verdicts("B7", text)
    assert fixed(text, finding) == text.replace(tail, stays)


def test_what_empties_the_mount_in_a_branch_stays() -> None:
    text = f"FROM python:3.12\nRUN {MOUNT} pip install numpy; if true; then rm -rf /root/.cache; fi\n"
    (finding,) = verdicts("B7", text)
    assert finding.fix is None


@pytest.mark.parametrize("command", ["apt install -y git", "sudo apt-get install -y git"])
def test_docker_clean_is_removed_before_plain_commands_only(command: str) -> None:
    text = f"FROM debian:12\nRUN --mount=type=cache,target=/var/cache/apt {command}\n"
    (finding,) = verdicts("B7", text)
    assert finding.fix is None


@pytest.mark.parametrize(
    "run",
    [
        f"RUN {MOUNT} pip install numpy",
        "RUN --mount=type=cache,target=/root/.cache pip install numpy",
        "RUN --mount=type=cache,target=/var/cache/apt pip install numpy",
        "RUN --mount=type=cache,target=/root/.cache/uv pip install uv && uv pip install numpy",
        "USER app\nRUN --mount=type=cache,target=/home/app/.cache/pip,mode=0777 pip install numpy",
        "USER app\nRUN --mount=type=cache,target=/home/app/.cache/pip,uid=1000 pip install numpy",
        "USER $NAME\nRUN --mount=type=cache,target=/cache PIP_CACHE_DIR=/cache pip install numpy",
        f"USER app\nRUN {MOUNT} sudo pip install numpy",
        f"USER app\nRUN {MOUNT} pip install --no-cache-dir numpy",
    ],
)
def test_a_mount_at_its_place_is_left_alone(run: str) -> None:
    assert not verdicts("B8", f"FROM python:3.12\n{run}\n")


def test_the_home_of_a_named_user_is_the_usual_one_and_a_person_must_look() -> None:
    text = f"FROM python:3.12\nRUN useradd -u 1001 app\nUSER app\nRUN {MOUNT} pip install numpy\n"
    (finding,) = verdicts("B8", text)
    assert finding.fix is not None
    assert finding.fix.safety is Safety.UNSAFE
    assert "target=/home/app/.cache/pip,uid=1001 pip" in fixed(text, finding)


def test_without_the_users_number_the_mount_stays_where_it_is() -> None:
    (finding,) = verdicts("B8", f"FROM python:3.12\nUSER app\nRUN {MOUNT} pip install numpy\n")
    assert finding.fix is None


def test_each_mount_is_spoken_of_once() -> None:
    text = f"FROM python:3.12\nENV PIP_CACHE_DIR=/c\nRUN {MOUNT} pip install a && pip install b\n"
    (finding,) = verdicts("B8", text)
    assert "target=/c pip" in fixed(text, finding)


def test_other_names_of_the_target_are_edited_too() -> None:
    text = (
        "FROM python:3.12\nENV PIP_CACHE_DIR=/c\nRUN --mount=dst=/root/.cache/pip,type=cache pip install a\n"
    )
    (finding,) = verdicts("B8", text)
    assert "--mount=dst=/c,type=cache " in fixed(text, finding)


def test_an_option_that_ends_a_run_below_a_comment_is_left_to_its_author() -> None:
    mount = "RUN --mount=type=cache,target=/root/.cache/pip"
    text = f"FROM python:3.12\n{mount} pip install numpy \\\n    # small\n    --no-cache-dir\nRUN true\n"
    (finding,) = verdicts("B7", text)
    assert finding.fix is None
