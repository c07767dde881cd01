"""B2, B3, B4, B5, B9, B10 and B13: what comes before what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import fixed, verdicts
from tests.check.rules.verdicts import found
from wherry.check.model import Aspect, Safety

if TYPE_CHECKING:
    from pathlib import Path

INSTALL = "RUN apt-get install -y git"
LIST = "".join(f"package{number}==1\n" for number in range(6))
PROJECT = """
[project]
name = "service"
version = "1"

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
"""


@pytest.mark.parametrize(
    "steps",
    [
        f"ARG GIT_SHA\nRUN ./configure && make\n{INSTALL}",
        f"ARG GIT_SHA\nCOPY app-$GIT_SHA /app\n{INSTALL}",
        f"ARG GIT_SHA\nENV GIT_SHA=other\n{INSTALL}",
        f"ARG GIT_SHA PYTHON=3.12\n{INSTALL}",
        f"ARG CACHEBUST=1\n{INSTALL}",
        f"ARG TORCH_VERSION=2.4.1\n{INSTALL}",
        f"{INSTALL}\nARG GIT_SHA",
        "ARG GIT_SHA\nRUN pip install .",
        "ARG GIT_SHA\nRUN pip install ./lib",
        "ARG GIT_SHA\nRUN uv run app",
        "ARG GIT_SHA\nRUN <<EOF\napt-get install -y git\nEOF",
        "ARG GIT_SHA\nRUN if true; then fi",
        f"ARG GIT_SHA\nENV PATH=/opt/$GIT_SHA:$PATH\n{INSTALL}",
    ],
)
def test_what_may_need_an_argument_stays_below_it(steps: str) -> None:
    assert not verdicts("B3", f"FROM debian:12\n{steps}\n")


@pytest.mark.parametrize(
    ("steps", "after"),
    [
        (f"ARG GIT_SHA\n{INSTALL}\n{INSTALL}", f"{INSTALL}\n{INSTALL}\nARG GIT_SHA"),
        (
            f"ARG BUILD_DATE\n{INSTALL}\nRUN date $BUILD_DATE",
            f"{INSTALL}\nARG BUILD_DATE\nRUN date $BUILD_DATE",
        ),
        (
            f"ARG VERSION\nENV APP_VERSION=$VERSION\n{INSTALL}",
            f"{INSTALL}\nARG VERSION\nENV APP_VERSION=$VERSION",
        ),
        (
            f"ARG A\nARG GIT_SHA\nRUN rm -rf /tmp/x\n{INSTALL}",
            f"ARG A\nRUN rm -rf /tmp/x\n{INSTALL}\nARG GIT_SHA",
        ),
    ],
)
def test_an_argument_goes_below_what_does_not_need_it(steps: str, after: str) -> None:
    (finding,) = verdicts("B3", f"FROM debian:12\n{steps}\n")
    assert fixed(f"FROM debian:12\n{steps}\n", finding) == f"FROM debian:12\n{after}\n"


def test_the_first_that_can_move_is_found_behind_one_that_cannot() -> None:
    text = f"FROM debian:12\nARG GIT_SHA\nRUN ./a $GIT_SHA\nARG BUILD_DATE\n{INSTALL}\n"
    (finding,) = verdicts("B3", text)
    assert finding.what == "BUILD_DATE changes with every build, before apt installs git"


def test_several_change_in_the_plural() -> None:
    (finding,) = verdicts("B4", f"FROM debian:12\nENV APP_VERSION=1 RELEASE=2\n{INSTALL}\n")
    assert finding.what == "APP_VERSION and RELEASE change with every release, before apt installs git"


def test_an_environment_of_other_variables_is_the_arguments_matter() -> None:
    assert not verdicts("B4", f"FROM debian:12\nARG VERSION\nENV APP_VERSION=$VERSION\n{INSTALL}\n")


def test_stages_that_nobody_builds_may_have_any_order() -> None:
    text = f"FROM debian:12 AS other\nARG GIT_SHA\nENV APP_VERSION=1\n{INSTALL}\nFROM debian:12\nRUN true\n"
    assert not verdicts("B3", text)
    assert not verdicts("B4", text)


@pytest.mark.parametrize(
    "steps",
    [
        "RUN apt-get update && apt-get install -y git",
        "RUN apt-get update",
        "RUN apt-get update && rm -rf /var/lib/apt/lists/*\nRUN apt-get install -y git",
        "RUN apt-get update\nRUN rm -rf /var/lib/apt/lists/*\nRUN apt-get install -y git",
        "RUN apt-get update\nRUN apt-get install -y ./local.deb",
        "RUN apt-get update\nRUN add-apt-repository ppa:x/y && apt-get install -y git",
        "RUN apt-get update\nRUN curl https://x.example.com | bash && apt-get install -y git",
        "RUN apk update\nRUN apk add --no-cache git",
        "RUN apt-get install -y git",
    ],
)
def test_lists_that_are_fresh_or_nobodys_are_left_alone(steps: str) -> None:
    assert not verdicts("B5", f"FROM debian:12\n{steps}\n")


@pytest.mark.parametrize(
    "second",
    [
        "RUN if true; then apt-get install -y git; fi",
        "RUN <<EOF\napt-get install -y git\nEOF",
        'RUN ["apt-get", "install", "-y", "git"]',
        "RUN false || apt-get install -y git",
        "RUN yes | apt-get install git",
        "RUN time apt-get install -y git",
    ],
)
def test_a_command_is_put_before_plain_commands_only(second: str) -> None:
    (finding,) = verdicts("B5", f"FROM debian:12\nRUN apt-get update\n{second}\n")
    assert finding.fix is None


@pytest.mark.parametrize(
    ("second", "after"),
    [
        ("RUN apk add git", "RUN apk update \\\n    && apk add git\n"),
        ("WORKDIR /a\nRUN apk add git", "WORKDIR /a\nRUN apk update && apk add git\n"),
        ("RUN cd /a && apk add git", "RUN cd /a && apk update && apk add git\n"),
        ("RUN A=1 apk add git", "RUN apk update \\\n    && A=1 apk add git\n"),
        ("RUN --network=host apk add git", "RUN --network=host apk update && apk add git\n"),
    ],
)
def test_the_update_goes_to_its_install(second: str, after: str) -> None:
    text = f"FROM alpine:3.20\nRUN apk update\n{second}\n"
    (finding,) = verdicts("B5", text)
    assert fixed(text, finding) == f"FROM alpine:3.20\n{after}"


def test_an_update_that_others_need_stays() -> None:
    others = "FROM a AS b\nRUN apt-get install -y x\nFROM a\nRUN apt-get install -y y\n"
    text = f"FROM debian:12 AS a\nRUN apt-get update\n{others}"
    (finding,) = verdicts("B5", text)
    assert fixed(text, finding).count("RUN apt-get update\n") == 1


@pytest.mark.parametrize(
    "rest",
    [
        "COPY prepare.sh /\nRUN /prepare.sh\nRUN apt-get install -y git",
        "WORKDIR /a\nRUN apt-get install -y git\nRUN apt-get download curl",
        "WORKDIR /a\nRUN apt-get install -y git\nRUN apt-cache policy git",
        "WORKDIR /a\nRUN apt-get install -y git\nRUN apt-get install -y ./own.deb",
        "ONBUILD RUN apt-get install -y curl\nRUN apt-get install -y git",
        "WORKDIR /a\nRUN apt-get install -y git\nFROM debian:12\nCOPY --from=a /var/lib/apt /lists\nRUN true",
        "WORKDIR /a\nRUN apt-get install -y git\nFROM debian:12\nRUN --mount=from=a,target=/a ls /a",
    ],
)
def test_lists_stay_where_somebody_nobody_has_read_may_live_on_them(rest: str) -> None:
    text = f"FROM debian:12 AS a\nRUN apt-get update\n{rest}\n"
    after = fixed(text, next(iter(verdicts("B5", text))))
    assert "RUN apt-get update\n" in after
    assert "RUN apt-get update && apt-get install -y git" in after


def test_lists_that_a_later_update_renews_are_nobodys_from_there_on() -> None:
    again = "RUN apt-get update && apt-get install -y curl\nRUN ./setup.sh\n"
    text = f"FROM debian:12\nRUN apt-get update\nWORKDIR /a\nRUN apt-get install -y git\n{again}"
    (finding,) = verdicts("B5", text)
    assert fixed(text, finding).count("apt-get update\n") == 0


def test_another_user_updates_the_lists_as_he_installs() -> None:
    text = "FROM debian:12\nRUN apt-get update\nUSER app\nRUN sudo apt-get install -y git\n"
    (finding,) = verdicts("B5", text)
    assert fixed(text, finding).endswith("RUN sudo apt-get update && sudo apt-get install -y git\n")
    as_another = "FROM debian:12\nRUN apt-get update\nUSER app\nRUN apt-get install -y git\n"
    (finding,) = verdicts("B5", as_another)
    assert finding.fix is None


def test_an_install_directly_below_joins_the_run_whose_lists_it_takes() -> None:
    text = "FROM debian:12\nRUN apt-get update && apt-get upgrade -y \n\nRUN apt-get install -y git\n"
    (finding,) = verdicts("B5", text)
    joined = "RUN apt-get update && apt-get upgrade -y \\\n    && apt-get install -y git\n"
    assert fixed(text, finding) == f"FROM debian:12\n{joined}"
    assert not verdicts("B13", text)  # which would say the same a second time


def test_an_update_with_options_is_called_by_its_name() -> None:
    (finding,) = verdicts("B5", "FROM debian:12\nRUN apt-get -qq update\nRUN apt-get install -y git\n")
    assert finding.what == "apt-get update stands in a layer of its own"


def test_a_failing_update_in_a_pipe_is_not_moved() -> None:
    text = "FROM debian:12\nRUN apt-get update || true\nRUN apt-get install -y git\n"
    (finding,) = verdicts("B5", text)
    assert finding.what == "apt installs git by the lists of an earlier layer"


@pytest.mark.parametrize(
    "steps",
    [
        "RUN apt-get install -y a\nRUN pip install b\nRUN apt-get install -y c",
        "RUN apt-get install -y a\nCOPY b /b\nRUN apt-get install -y c",
        "RUN --network=none apt-get install -y a\nRUN apt-get install -y c",
        "RUN cd /x && apt-get install -y a\nRUN apt-get install -y c",
        "RUN apt-get install -y a # first\nRUN apt-get install -y c",
        "RUN apt-get install -y a\nRUN apt-get install -y c; echo d",
        "RUN apt-get install -y a\nRUN apt-get install -y c || true",
        "RUN apt-get install -y a ;\nRUN apt-get install -y c",
        "RUN apt-get install -y a\nRUN <<EOF\napt-get install -y c\nEOF",
        'RUN apt-get install -y a\nSHELL ["/bin/bash", "-c"]\nRUN apt-get install -y c',
        "RUN X=1; apt-get install -y a\nRUN apt-get install -y c",
        "RUN mkdir /a\nRUN mkdir /b",
        "RUN apt-get update\nRUN apt-get install -y a\nRUN apt-get install -y b",
        "RUN mkdir /a\nRUN make\nRUN chmod 755 /a",
    ],
)
def test_runs_that_are_apart_for_a_reason_stay_apart(steps: str) -> None:
    assert not verdicts("B13", f"FROM debian:12\n{steps}\n")


def test_mounts_that_are_the_same_are_said_once() -> None:
    run = "RUN --mount=type=cache,target=/var/cache/apt apt-get install -y"
    text = f"FROM debian:12\n{run} a\n\n{run} b\n"
    (finding,) = verdicts("B13", text)
    assert fixed(text, finding) == f"FROM debian:12\n{run} a \\\n    && apt-get install -y b\n"


def test_many_layers_are_worth_a_word(tmp_path: Path) -> None:
    text = "FROM debian:12\n" + "COPY a /a\n" * 100
    assert len(verdicts("B13", text)) == 1
    assert not found("B13", tmp_path, text.replace("COPY a /a\n", "", 1))


def test_the_second_install_stands_where_the_source_is(tmp_path: Path) -> None:
    files = {"pyproject.toml": PROJECT, "uv.lock": "", "src/a.py": ""}
    text = "FROM python:3.12\nCOPY pyproject.toml uv.lock ./\nRUN uv sync\nUSER app\nCOPY src ./src\n"
    (finding,) = verdicts("B2", text, tmp_path, files)
    assert finding.fix is None  # another user would install it


@pytest.mark.parametrize(
    "steps",
    [
        "COPY . .\nRUN uv sync",
        "COPY pyproject.toml uv.lock ./\nRUN uv sync --no-install-project\nCOPY src ./src\nRUN uv sync",
        "COPY pyproject.toml uv.lock ./\nRUN uv sync\nCOPY notes.txt ./",
        "COPY pyproject.toml uv.lock ./\nRUN --mount=type=bind,target=. uv sync\nCOPY src ./src",
    ],
)
def test_projects_that_are_there_are_installed(steps: str, tmp_path: Path) -> None:
    files = {"pyproject.toml": PROJECT, "uv.lock": "", "src/a.py": "", "notes.txt": ""}
    assert not verdicts("B2", f"FROM python:3.12\n{steps}\n", tmp_path, files)


@pytest.mark.parametrize("run", ["RUN if true; then uv sync; fi", "RUN cd . && uv sync"])
def test_an_install_in_a_branch_is_not_repeated(run: str, tmp_path: Path) -> None:
    files = {"pyproject.toml": PROJECT, "uv.lock": "", "src/a.py": ""}
    text = f"FROM python:3.12\nCOPY pyproject.toml uv.lock ./\n{run}\nCOPY src ./src\n"
    (finding,) = verdicts("B2", text, tmp_path, files)
    assert finding.fix is None


@pytest.mark.parametrize(
    ("command", "added"),
    [
        ("git clone https://git.example.com/a/b", "ADD https://git.example.com/a/b.git /b"),
        ("git clone -b dev https://git.example.com/a/b.git /x", "ADD https://git.example.com/a/b.git#dev /x"),
        ("git clone --recursive https://git.example.com/a/b", None),
        ("git clone https://git.example.com/a/b && cd b && make", None),
        ("git clone git@git.example.com:a/b.git", None),
        ("curl -o /x https://a.example.com/latest/x", None),
    ],
)
def test_a_plain_clone_can_be_added(command: str, added: str | None) -> None:
    text = f"FROM python:3.12\nRUN {command}\n"
    (finding,) = verdicts("B9", text)
    assert (fixed(text, finding) if finding.fix else None) == (
        f"FROM python:3.12\n{added}\n" if added else None
    )


def test_a_clone_that_git_looks_into_later_keeps_its_history() -> None:
    text = "FROM python:3.12\nRUN git clone https://git.example.com/a/b /b\nRUN git -C /b describe\n"
    (finding,) = verdicts("B9", text)
    assert finding.fix is None


def test_a_login_in_an_address_is_not_shown() -> None:
    (finding,) = verdicts("B9", "FROM python:3.12\nRUN git clone https://user:password@git.example.com/a/b\n")
    assert "password" not in finding.what


@pytest.mark.parametrize(
    "text",
    [
        "FROM python:3.12\nRUN git clone --branch v1.2.3 https://git.example.com/a/b\n",
        "FROM python:3.12\nRUN git clone $URL\n",
        "FROM python:3.12\nRUN curl -O https://a.example.com/1.2/x\n",
        "FROM a AS other\nRUN git clone https://git.example.com/a/b\nFROM a\nRUN true\n",
    ],
)
def test_what_does_not_move_may_be_kept(text: str) -> None:
    assert not verdicts("B9", text)


HEAVY = {"requirements.txt": f"torch==2.4.1\n{LIST}"}
COPY_LIST = "FROM python:3.12\nCOPY requirements.txt ./\n"


@pytest.mark.parametrize(
    ("text", "files"),
    [
        (
            f"{COPY_LIST}RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt\n",
            HEAVY,
        ),
        (f"{COPY_LIST}RUN pip install -r requirements.txt\n", {"requirements.txt": LIST}),
        (f"{COPY_LIST}RUN pip install -r requirements.txt\n", {"requirements.txt": f"torch\n{LIST}"}),
        (f"{COPY_LIST}RUN pip install -r requirements.txt\n", {"requirements.txt": "torch==2.4.1\na\n"}),
        (f"{COPY_LIST}RUN pip install -r requirements.txt\nFROM python:3.12\nRUN true\n", HEAVY),
    ],
)
def test_light_lists_may_stay_together(text: str, files: dict[str, str], tmp_path: Path) -> None:
    assert not verdicts("B10", text, tmp_path, files)


@pytest.mark.parametrize(
    ("steps", "listed"),
    [
        ("RUN uv pip install --system -r requirements.txt", "torch==2.4.1"),
        ("RUN if true; then pip install -r requirements.txt; fi", "torch==2.4.1"),
        ("ENV PIP_INDEX_URL=https://index.example.com\nRUN pip install -r requirements.txt", "torch==2.4.1"),
        ("RUN pip install -r requirements.txt", "torch==2.4.1 ; python_version > '3'"),
        ("RUN pip install -r requirements.txt --index-url $INDEX", "torch==2.4.1"),
    ],
)
def test_a_heavy_package_that_is_not_plainly_installed_is_not_taken_out(
    steps: str, listed: str, tmp_path: Path
) -> None:
    files = {"requirements.txt": f"{listed}\n{LIST}"}
    (finding,) = verdicts("B10", f"{COPY_LIST}{steps}\n", tmp_path, files)
    assert finding.fix is None


def test_a_heavy_package_is_installed_as_the_others_are(tmp_path: Path) -> None:
    text = f"{COPY_LIST}RUN python3 -m pip install -r requirements.txt --index-url https://index.example.com/simple\n"
    (finding,) = verdicts("B10", text, tmp_path, HEAVY)
    line = "RUN python3 -m pip install torch==2.4.1 --index-url https://index.example.com/simple"
    assert line in fixed(text, finding)
    assert finding.fix is not None
    assert finding.fix.safety is Safety.UNSAFE


def test_installs_on_cache_mounts_leave_nothing_behind_and_may_stay_apart() -> None:
    mounts = "--mount=type=cache,target=/var/cache/apt --mount=type=cache,target=/var/lib/apt"
    install = f"RUN {mounts} apt-get update && apt-get install -y"
    assert not verdicts("B13", f"FROM debian:12\n{install} cuda-toolkit-12-4\n{install} libgl1\n")


def test_joined_runs_give_up_one_of_their_mounts_and_say_so() -> None:
    mount = "--mount=type=cache,target=/var/cache/apt"
    text = f"FROM debian:12\nRUN {mount} apt-get update\nRUN {mount} apt-get install -y git\n"
    (finding,) = verdicts("B5", text)
    assert finding.fix is not None
    assert Aspect.MOUNTS in finding.fix.effect.aspects
    assert fixed(text, finding).count(mount) == 1
