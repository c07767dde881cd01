from __future__ import annotations

import pytest

from tests.check.rules.bytes.cases import fixed, verdicts
from wherry.check.model import Safety

FROM = "FROM debian:bookworm\n"
CLEAN = "rm -rf /var/lib/apt/lists/*"


@pytest.mark.parametrize(
    ("line", "after"),
    [
        (
            "RUN apt-get update && apt-get install -y git",
            f"RUN apt-get update && apt-get install -y git && {CLEAN}",
        ),
        (
            "RUN apt-get update; apt-get install -y git; git --version",
            f"RUN apt-get update; apt-get install -y git; {CLEAN}; git --version",
        ),
        (
            "RUN apt-get update \\\n && apt-get install git \\\n # why\n && git --version",
            f"RUN apt-get update \\\n && apt-get install git \\\n && {CLEAN} \\\n # why\n && git --version",
        ),
        (
            "RUN apt-get update && \\\n    apt-get install -y git > /dev/null",
            f"RUN apt-get update && \\\n    apt-get install -y git > /dev/null && \\\n    {CLEAN}",
        ),
        (
            "RUN <<EOF\n  set -e\n  apt-get update\n  apt-get install git\n  git --version\nEOF",
            f"RUN <<EOF\n  set -e\n  apt-get update\n  apt-get install git\n  {CLEAN}\n  git --version\nEOF",
        ),
        (
            "RUN apt-get update && apt-get install a && apt-get update && apt install b && true",
            f"RUN apt-get update && apt-get install a && apt-get update && apt install b && {CLEAN} && true",
        ),
        (
            "USER app\nRUN sudo apt-get update && sudo apt-get install -y git",
            f"USER app\nRUN sudo apt-get update && sudo apt-get install -y git && sudo {CLEAN}",
        ),
    ],
)
def test_lists_go_where_the_last_install_is_in_the_layout_around_it(line: str, after: str) -> None:
    (finding,) = verdicts("G2", f"{FROM}{line}\n")
    assert fixed(f"{FROM}{line}\n", finding) == f"{FROM}{after}\n"


@pytest.mark.parametrize(
    "line",
    [
        "RUN apt-get update && apt-get install -y git | tee log",
        "RUN apt-get update && apt-get install -y git || true",
        "RUN apt-get update && { apt-get install -y git; }",
        "RUN apt-get update && if true; then apt-get install -y git; fi",
        "RUN apt-get update && apt-get install -y git &",
        "RUN bash -c 'apt-get update && apt-get install -y git'",
        "RUN apt-get update && ls",
    ],
)
def test_where_it_is_not_certain_it_is_only_said(line: str) -> None:
    (finding,) = verdicts("G2", f"{FROM}{line}\n")
    assert finding.fix is None


@pytest.mark.parametrize(
    "line",
    [
        f"RUN apt-get update && apt-get install -y git && {CLEAN}",
        "RUN apt-get update && apt-get install -y git && rm -r /var/lib/apt/lists /tmp/x",
        "RUN apt-get update && apt-get install -y git && rm -f /var/lib/apt/lists/*_*",
        "RUN apt-get update && apt-get install -y git && apt-get distclean",
        "RUN --mount=type=cache,target=/var/lib/apt apt-get update && apt-get install -y git",
        "RUN --mount=type=tmpfs,target=/var/lib/apt/lists apt-get update && apt-get install -y git",
        "RUN apt-get install -y git",
        "RUN echo apt-get update",
    ],
)
def test_lists_that_do_not_stay_are_left_alone(line: str) -> None:
    assert not verdicts("G2", f"{FROM}{line}\n")


@pytest.mark.parametrize(
    ("rest", "safety"),
    [
        ("RUN true", Safety.SAFE),
        ("RUN . /venv/bin/activate", Safety.SAFE),
        ("RUN bash -c 'echo a'", Safety.SAFE),
        ("RUN bash setup.sh", Safety.UNSAFE),
        ("RUN ./setup.sh", Safety.UNSAFE),
        ("FROM python:3.12\nRUN ./setup.sh\nFROM first", Safety.SAFE),
        ("FROM first\nRUN source ./setup.sh", Safety.UNSAFE),
    ],
)
def test_a_script_that_may_install_makes_it_unsafe(rest: str, safety: Safety) -> None:
    text = f"FROM debian:bookworm AS first\nRUN apt-get update && apt-get install -y git\n{rest}\n"
    (finding,) = verdicts("G2", text)
    assert finding.fix is not None
    assert finding.fix.safety is safety


def test_each_update_of_its_own_is_counted() -> None:
    line = "RUN apt-get update && apt-get install -y git\n"
    (finding,) = verdicts("G2", FROM + line * 2)
    assert finding.what == "apt-get keeps its package lists in 2 layers"
    (once,) = verdicts("G2", FROM + line)
    assert finding.cost.size_bytes == 2 * once.cost.size_bytes > 0


@pytest.mark.parametrize(
    ("base", "line", "after"),
    [
        ("fedora:40", "RUN dnf install -y git", "RUN dnf install -y git && dnf clean all"),
        ("centos:7", "RUN yum update -y && yum install -y git", " && yum clean all"),
        ("opensuse/leap", "RUN zypper -n in git", "RUN zypper -n in git && zypper clean --all"),
        ("ubi9", "RUN microdnf install -y git", "RUN microdnf install -y git && microdnf clean all"),
        ("alpine:3.20", "RUN apk add git", "RUN apk add --no-cache git"),
        ("alpine:3.20", "RUN apk update && apk add git", " && rm -rf /var/cache/apk/*"),
        ("alpine:3.20", "RUN apk add --no-cache a && apk add b", "&& apk add --no-cache b"),
    ],
)
def test_each_manager_cleans_in_its_own_way(base: str, line: str, after: str) -> None:
    text = f"FROM {base}\n{line}\n"
    (finding,) = verdicts("G2", text)
    assert fixed(text, finding).removesuffix("\n").endswith(after)


@pytest.mark.parametrize(
    ("base", "line"),
    [
        ("fedora:40", "RUN dnf install -y git && dnf clean all"),
        ("fedora:40", "RUN dnf install -y git && rm -rf /var/cache/dnf"),
        ("alpine:3.20", "RUN apk add --no-cache git"),
        ("alpine:3.20", "RUN --mount=type=cache,target=/var/cache/apk apk add git"),
        ("alpine:3.20", "RUN apk del git"),
    ],
)
def test_caches_that_do_not_stay_are_left_alone(base: str, line: str) -> None:
    assert not verdicts("G2", f"FROM {base}\n{line}\n")


def test_an_update_alone_is_spoken_of_where_it_is_moved() -> None:
    text = f"{FROM}RUN apt-get update\nRUN apt-get install -y git\n"
    assert not verdicts("G2", text)
    assert verdicts("B5", text)
