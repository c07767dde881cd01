from __future__ import annotations

import pytest

from tests.check.rules.bytes.cases import fixed, verdicts
from wherry.check.model import Severity

FROM = "FROM debian:bookworm\n"


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("RUN apt-get install -y vim ffmpeg", "RUN apt-get install --no-install-recommends -y vim ffmpeg"),
        ("RUN apt-get -y install ffmpeg", "RUN apt-get -y install --no-install-recommends ffmpeg"),
        ("RUN apt install -yq some-package", "RUN apt install --no-install-recommends -yq some-package"),
        (
            "RUN apt-get install -y wget git",
            "RUN apt-get install --no-install-recommends -y ca-certificates wget git",
        ),
    ],
)
def test_the_option_goes_behind_install(line: str, after: str) -> None:
    (finding,) = verdicts("G15", f"{FROM}{line}\n")
    assert fixed(f"{FROM}{line}\n", finding) == f"{FROM}{after}\n"


@pytest.mark.parametrize(
    "line",
    [
        "RUN apt-get install -y --no-install-recommends git",
        "RUN apt-get install -y -o APT::Install-Recommends=0 git",
        "COPY <<EOF /etc/apt/apt.conf.d/lean\nAPT::Install-Recommends 0;\nEOF\nRUN apt-get install -y git",
        "RUN apt-get install -y wget vim",
        "RUN apt-get install -y $PACKAGES",
        "RUN apt-get install -y ./driver.deb",
        "RUN apt-get install -f -y",
        "RUN apt-get build-dep -y git",
    ],
)
def test_what_brings_nothing_unasked_is_left_alone(line: str) -> None:
    assert not verdicts("G15", f"{FROM}{line}\n")


def test_one_package_is_named_alone() -> None:
    (finding,) = verdicts("G15", f"{FROM}RUN apt-get install -y ffmpeg\n")
    assert finding.what == "apt-get installs what ffmpeg only recommends"
    assert finding.cost.size_bytes > 50_000_000
    (finding,) = verdicts("G15", f"{FROM}RUN apt-get install -y git ffmpeg\n")
    assert finding.what == "apt-get installs what ffmpeg and 1 more package only recommend"
    (finding,) = verdicts("G15", f'{FROM}RUN ["apt-get", "install", "-y", "ffmpeg"]\n')
    assert finding.fix is None


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("RUN conda install -y numpy", "RUN conda install -y numpy && conda clean -ay"),
        (
            "RUN /opt/conda/bin/conda env update -f e.yml && ls",
            "RUN /opt/conda/bin/conda env update -f e.yml && /opt/conda/bin/conda clean -ay && ls",
        ),
        (
            "RUN micromamba create -y -n a -f e.yml",
            "RUN micromamba create -y -n a -f e.yml && micromamba clean -ay",
        ),
    ],
)
def test_conda_cleans_behind_the_last_install(line: str, after: str) -> None:
    text = f"FROM continuumio/miniconda3\n{line}\n"
    (finding,) = verdicts("G16", text)
    assert fixed(text, finding) == f"FROM continuumio/miniconda3\n{after}\n"


@pytest.mark.parametrize(
    "line",
    [
        "RUN conda install -y numpy && conda clean --all -f -y",
        "RUN conda install -y numpy && conda clean -tp -y",
        "RUN conda create --dry-run -n a numpy",
        "RUN conda list",
        "RUN --mount=type=cache,target=/opt/conda/pkgs conda install -y numpy",
    ],
)
def test_conda_that_keeps_nothing_is_left_alone(line: str) -> None:
    assert not verdicts("G16", f"FROM continuumio/miniconda3\n{line}\n")


def test_what_cannot_be_mended_is_a_finding_of_its_own() -> None:
    text = "FROM continuumio/miniconda3\nRUN conda install -y a\nRUN if true; then conda install -y b; fi\n"
    first, second = verdicts("G16", text)
    assert first.fix is not None
    assert second.fix is None


@pytest.mark.parametrize(
    "later",
    ["ONBUILD RUN apt-get install -y curl", "RUN apt-get download curl", "RUN apt-cache policy > /versions"],
)
def test_lists_that_somebody_asks_later_stay(later: str) -> None:
    text = f"FROM debian:bookworm-slim\nRUN apt-get update && apt-get install -y git\n{later}\n"
    (finding,) = verdicts("G2", text)
    assert finding.fix is None


def test_archives_that_conda_installs_from_offline_stay() -> None:
    text = "FROM condaforge/miniforge3:24.9.2-0\nRUN conda install -y numpy=2.1\n"
    (finding,) = verdicts("G16", text)
    assert finding.fix
    later = "RUN conda create -y -n b --offline numpy=2.1 && conda clean -ay\n"
    (finding,) = verdicts("G16", text + later)
    assert finding.fix is None


def test_the_whole_toolkit_of_conda_is_told_of_too() -> None:
    text = (
        "FROM condaforge/miniforge3:24.9.2-0\nRUN conda install -y nvidia/label/cuda-12.4.0::cuda-toolkit\n"
    )
    (finding,) = verdicts("G14", text)
    assert finding.what.startswith("cuda-toolkit brings")
    assert finding.fix is None


def test_a_megabyte_of_what_is_recommended_is_a_note() -> None:
    (finding,) = verdicts("G15", "FROM debian:bookworm-slim\nRUN apt-get update && apt-get install -y curl\n")
    assert finding.severity is Severity.INFO
