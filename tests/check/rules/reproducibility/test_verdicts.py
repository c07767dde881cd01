"""Odd forms: a line, a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.bytes.cases import fixed
from tests.check.rules.verdicts import found
from wherry.check.catalogue import find_rule
from wherry.check.facts import Facts
from wherry.check.model import Safety
from wherry.dockerfile.source import Source

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = "FROM python:3.12-slim\n"
DIGEST = "sha256:" + "9a" * 32


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("FROM debian:stable-slim\n", 1),
        ("FROM gcr.io/distroless/python3-debian12:nonroot\n", 0),
        ("FROM ubuntu:jammy\n", 0),
        (f"FROM python:latest@{DIGEST}\n", 0),
        ("ARG BASE\nFROM ${BASE}\n", 0),
        ("FROM nvidia/cuda:latest\n", 0),  # C12 has more to say of it
        ("FROM python AS unused\nFROM python:3.12\n", 0),
        ("FROM python AS a\nFROM python\nCOPY --from=a /a /a\n", 1),
        ("FROM python:3.12\nCOPY --from=bild /a /a\n", 0),
        ("FROM python:3.12\nRUN --mount=from=ghcr.io/astral-sh/uv,target=/uv /uv/uv sync\n", 1),
    ],
)
def test_a_base_floats_when_its_tag_names_no_version(text: str, count: int, tmp_path: Path) -> None:
    assert len(found("F1", tmp_path, text)) == count


def test_who_asks_for_digests_hears_of_tags(tmp_path: Path) -> None:
    assert found("F1", tmp_path, PYTHON, options={"require-digest": True})
    assert not found("F1", tmp_path, f"FROM python@{DIGEST}\n", options={"require-digest": True})


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("pip install $PACKAGES", 0),
        ("pip install torch==$VERSION", 0),
        ("pip install 'numpy<2' scipy~=1.14 pandas==2.*", 0),
        ("pip install numpy!=1.25", 1),
        ("pip install -r requirements.txt", 0),
        ("pip install .[serve]", 0),
        ("pip install -U pip setuptools wheel uv", 0),
        ("pip uninstall -y torch", 0),
        ("pip download torch", 1),
        ("uv pip install --system torch", 1),
        ("uv tool install ruff", 1),
        ("uvx ruff check", 0),
        ("conda install -y numpy=1.26 -c conda-forge", 0),
        ("conda install -y numpy", 1),
        ("PIP_CONSTRAINT=c.txt pip install torch", 0),
        ("pip install --find-links=/wheels torch", 0),
        ("pip install --find-links=https://data.example/whl torch-scatter", 1),
        ("apt-get install -y python3-numpy", 0),
    ],
)
def test_an_install_is_loose_when_any_newer_version_would_do(line: str, count: int, tmp_path: Path) -> None:
    assert len(found("F2", tmp_path, f"{PYTHON}RUN {line}\n")) == count


def test_a_locked_version_with_a_local_part_is_not_written_into_the_file(tmp_path: Path) -> None:
    lock = 'version = 1\n\n[[package]]\nname = "torch"\nversion = "2.6.0+cu124"\n'
    files = {"uv.lock": lock, "pyproject.toml": '[project]\nname = "a"\nversion = "1"\n'}
    (finding,) = found("F2", tmp_path, f"{PYTHON}RUN pip install torch\n", files)
    assert finding.fix is None


def test_constraints_that_cannot_be_read_leave_the_requirements_alone(tmp_path: Path) -> None:
    text = f"{PYTHON}COPY r.txt ./\nRUN pip install -r r.txt -c https://example.org/c.txt\n"
    assert not found("F3", tmp_path, text, {"r.txt": "torch\n"})


def test_who_asks_for_hashes_hears_of_pins_alone(tmp_path: Path) -> None:
    text = f"{PYTHON}COPY r.txt ./\nRUN pip install -r r.txt\n"
    assert found("F3", tmp_path, text, {"r.txt": "torch==2.6.0\n"}, options={"require-hashes": True})
    assert not found("F3", tmp_path, text, {"r.txt": "torch==2.6.0\n"})


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("curl -fsSL https://deb.nodesource.com/setup | bash -", 1),
        ("curl -fsSL https://example.org/v1.2.3/install.sh | sh", 0),
        ("curl -fsSL https://example.org/install.sh | sh -s -- --version 1.2.3", 0),
        ("curl -fsSL https://example.org/key.asc | gpg --dearmor -o /k.gpg", 0),
        ("curl -fsSL https://example.org/x.json | python3 -c 'import json'", 0),
        ('bash -c "$(curl -fsSL https://example.org/install.sh)"', 1),
        ("curl -fsSLO https://example.org/releases/latest/download/tool.tar.gz", 1),
        ("curl -fsSLO https://example.org/latest/t.gz && sha256sum -c sums", 0),
        ("pip install poetry>=1.8", 1),
        ("pip install 'poetry<2'", 0),
        ("pip install -U pip", 0),
    ],
)
def test_an_installer_is_unseen_when_its_version_is_not_told(line: str, count: int, tmp_path: Path) -> None:
    assert len(found("F4", tmp_path, f"{PYTHON}RUN {line}\n")) == count


def test_an_unpinned_pip_is_told_of_when_asked_for(tmp_path: Path) -> None:
    text = f"{PYTHON}RUN pip install -U pip\n"
    assert found("F4", tmp_path, text, options={"also-pip": True})


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("git clone https://git.example/a", 1),
        ("git clone git@git.example:a/b.git", 1),
        ("git clone -b v1.2 https://git.example/a", 0),
        ("git clone -b main https://git.example/a", 1),
        ("git clone -b $REF https://git.example/a", 0),
        ("git clone https://git.example/a && git -C a checkout 1a2b3c4", 0),
        ("git clone https://git.example/a && git -C a fetch origin 1a2b3c4", 0),
        ("git clone https://git.example/a && git -C a checkout dev", 1),
        ("git clone /mnt/a /srv/a", 0),
        ("pip install git+https://git.example/a.git@v2.0", 0),
        ("pip install git+https://user@git.example/a.git", 1),
        ("pip install 'a @ git+https://git.example/a@main'", 1),
        ("pip install git+https://bot:$TOKEN@git.example/a.git@main", 1),
        ("pip install git+https://git.example/a.git@$REF", 0),
    ],
)
def test_a_clone_is_pinned_by_a_tag_or_a_commit(line: str, count: int, tmp_path: Path) -> None:
    assert len(found("F5", tmp_path, f"{PYTHON}RUN {line}\n")) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("FROM ubuntu:22.04\nRUN apt-get install -y python3 && pip install .\n", 1),
        ("FROM ubuntu:22.04\nRUN apt-get install -y python3 && uv venv --python 3.12 && pip install .\n", 0),
        ("FROM ubuntu:22.04\nRUN apt-get install -y python3.11 python3.12 && pip install .\n", 0),
        ("FROM ubuntu:22.04\nRUN uv python install 3.12 && pip install .\n", 0),
        ("FROM continuumio/miniconda3:24.9.2-0\nRUN conda install -y python=3.10 && pip install .\n", 1),
        ("FROM continuumio/miniconda3:24.9.2-0\nRUN pip install .\n", 0),
        ("FROM python:3.10\nENV UV_PYTHON=3.12\nRUN uv pip install .\n", 0),
    ],
)
def test_the_python_of_a_stage_is_told_only_where_it_is_certain(
    text: str, count: int, tmp_path: Path
) -> None:
    files = {"pyproject.toml": '[project]\nname = "a"\nversion = "1"\nrequires-python = ">=3.12"\n'}
    first, _, rest = text.partition("\n")
    text = f"{first}\nCOPY . /app\nWORKDIR /app\n{rest}"
    assert len(found("F7", tmp_path, text, files)) == count


def test_a_lock_for_another_python_is_told_of(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[project]\nname = "a"\nversion = "1"\n',
        "uv.lock": 'version = 1\nrequires-python = "==3.11.*"\n',
    }
    (finding,) = found("F7", tmp_path, f"{PYTHON}WORKDIR /app\nCOPY . .\nRUN uv sync --locked\n", files)
    assert "uv.lock is for ==3.11.*" in finding.what


def test_a_file_for_development_is_compared_with_the_one_that_ships(tmp_path: Path) -> None:
    shipping = "FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04\nRUN pip install torch==2.6.0\n"
    text = "FROM nvidia/cuda:12.1.1-devel-ubuntu20.04\nRUN pip install torch==2.3.1\n"
    (finding,) = found("F8", tmp_path, text, {"Dockerfile": shipping}, name="Dockerfile.dev")
    assert "CUDA 12.1, ubuntu20.04, torch 2.3.1" in finding.what
    assert "CUDA 12.4, ubuntu22.04, torch 2.6.0" not in finding.what.partition("what ships")[0]


def test_a_broken_file_that_ships_is_told_of_elsewhere(tmp_path: Path) -> None:
    assert not found("F8", tmp_path, PYTHON, {"Dockerfile": "RUN\n"}, name="Dockerfile.dev")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("ARG TARGETARCH\nRUN curl -fsSLO https://x.example/t-amd64.gz\n", 1),
        ("ARG TARGETARCH\nRUN [ $TARGETARCH = arm64 ] || curl -fsSLO https://x.example/t-amd64.gz\n", 0),
        ("RUN curl -fsSLO https://x.example/t-amd64.gz\n", 0),
    ],
)
def test_a_download_for_one_machine_matters_where_there_are_several(
    text: str, count: int, tmp_path: Path
) -> None:
    assert len(found("F9", tmp_path, PYTHON + text)) == count


@pytest.mark.parametrize(
    ("packages", "count"),
    [
        ("libcudnn8 libcudnn8-dev", 1),
        ("libnccl2=2.21.5-1+cuda12.4", 0),
        ("cuda-toolkit-12-4 libcublas-12-4 cuda-nvcc-12-4", 0),
        ("cuda", 1),
        ("libcudart12 curl", 0),
    ],
)
def test_cuda_packages_need_a_version_that_their_name_does_not_tell(
    packages: str, count: int, tmp_path: Path
) -> None:
    assert len(found("F10", tmp_path, f"FROM ubuntu:22.04\nRUN apt-get install -y {packages}\n")) == count


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("pip install --pre torch==2.7.0rc1", 0),
        ("pip install --pre torch", 1),
        ("uv pip install --prerelease=allow torch", 1),
        ("pip install jax-nightly-cuda", 1),
        ("pip install -f https://x.example/nightly/cu126 torch", 1),
        ("pip install knightly", 0),
    ],
)
def test_a_nightly_is_one_by_its_index_its_name_or_pre(line: str, count: int, tmp_path: Path) -> None:
    assert len(found("F11", tmp_path, f"{PYTHON}RUN {line}\n")) == count


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("apt-get upgrade -y", 1),
        ("apt-get install --only-upgrade -y openssl", 0),
        ("apk upgrade --no-cache", 1),
        ("pip install --upgrade fastapi", 0),
        ("apt-get upgrade -y openssl", 0),
    ],
)
def test_an_upgrade_of_everything_is_told_of(line: str, count: int, tmp_path: Path) -> None:
    assert len(found("F12", tmp_path, f"FROM debian:12\nRUN {line}\n")) == count


def test_the_version_of_the_requirements_is_the_one_to_install(tmp_path: Path) -> None:
    files = {"requirements.txt": "torch==2.6.0\n"}
    (finding,) = found("F2", tmp_path, f"{PYTHON}RUN pip install 'torch'\n", files)
    assert finding.fix
    assert [edit.text for edit in finding.fix.edits] == ["==2.6.0"]


@pytest.mark.parametrize("word", ["'torch>=2'", "torch[x]", 'to"rch"', "'torch; python_version<\"4\"'"])
def test_a_word_that_says_more_than_a_name_is_not_pinned_for_its_author(word: str, tmp_path: Path) -> None:
    (finding,) = found(
        "F2", tmp_path, f"{PYTHON}RUN pip install {word}\n", {"requirements.txt": "torch==2.6.0\n"}
    )
    assert finding.fix is None


@pytest.mark.parametrize("line", ['["apt-get", "upgrade", "-y"]', "apt-get upgrade -y | tee log"])
def test_an_upgrade_that_cannot_be_taken_out_plainly_stays(line: str, tmp_path: Path) -> None:
    (finding,) = found("F12", tmp_path, f"FROM debian:12\nRUN {line}\n")
    assert finding.fix is None


PROJECT = '[project]\nname = "a"\nversion = "1"\ndependencies = ["b>=1"]\n'
FRESH = (
    'version = 1\n\n[[package]]\nname = "a"\nversion = "1"\nsource = { editable = "." }\n\n'
    '[package.metadata]\nrequires-dist = [{ name = "b", specifier = ">=1" }]\n'
)


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("uv sync", 1),
        ("uv sync --frozen", 0),
        ("UV_LOCKED=1 uv sync", 0),
        ("uv run app", 0),
        ("pip install .", 1),
        ("uv pip install --system .", 1),
        ("pip install --no-deps .", 0),
        ("uv export -o r.txt && pip install -r r.txt && pip install .", 0),
        ("pip install requests==2.32.3", 0),
    ],
)
def test_a_lock_is_followed_when_its_tool_is_held_to_it(line: str, count: int, tmp_path: Path) -> None:
    files = {"pyproject.toml": PROJECT, "uv.lock": FRESH}
    text = f"{PYTHON}WORKDIR /app\nCOPY . .\nRUN {line}\n"
    assert len(found("F13", tmp_path, text, files)) == count


def test_holding_to_a_lock_is_safe_only_where_it_is_known_to_fit(tmp_path: Path) -> None:
    text = f"{PYTHON}WORKDIR /app\nCOPY . .\nRUN uv sync\n"
    (fits,) = found("F13", tmp_path, text, {"pyproject.toml": PROJECT, "uv.lock": FRESH})
    (untold,) = found("F13", tmp_path, text, {"pyproject.toml": PROJECT, "uv.lock": "version = 1\n"})
    assert fits.fix
    assert untold.fix
    assert (fits.fix.safety, untold.fix.safety) == (Safety.SAFE, Safety.UNSAFE)


@pytest.mark.parametrize(
    ("before", "count"),
    [
        ("COPY pyproject.toml /app/", 1),
        ("COPY pyproject.toml *.lock /app/", 0),
        ("COPY . /app", 0),
        ("COPY uv.lock /\nCOPY pyproject.toml /app/", 0),
    ],
)
def test_a_lock_that_is_not_copied_is_told_of(before: str, count: int, tmp_path: Path) -> None:
    files = {"pyproject.toml": PROJECT, "uv.lock": FRESH}
    text = f"{PYTHON}WORKDIR /app\n{before}\nRUN uv sync --locked\n"
    assert len(found("F13", tmp_path, text, files)) == count


def test_a_lock_that_dockerignore_names_is_not_copied(tmp_path: Path) -> None:
    files = {"pyproject.toml": PROJECT, "uv.lock": FRESH, ".dockerignore": "*.lock\n"}
    (finding,) = found("F13", tmp_path, f"{PYTHON}WORKDIR /app\nCOPY . .\nRUN uv sync --locked\n", files)
    assert "is not copied" in finding.what


def test_a_lock_that_is_mounted_is_there(tmp_path: Path) -> None:
    files = {"pyproject.toml": PROJECT, "uv.lock": FRESH}
    mounts = " ".join(f"--mount=type=bind,source={name},target={name}" for name in files)
    text = f"{PYTHON}WORKDIR /app\nRUN {mounts} uv sync --locked --no-install-project\n"
    assert not found("F13", tmp_path, text, files)


def test_a_stale_lock_is_told_of_once_and_by_one_rule(tmp_path: Path) -> None:
    text = f"{PYTHON}WORKDIR /app\nCOPY . .\nRUN uv sync\nRUN uv sync --extra gpu\n"
    files = {"pyproject.toml": PROJECT.replace("b>=1", "c>=1"), "uv.lock": FRESH}
    assert len(found("F14", tmp_path, text, files)) == 1
    assert not found("F13", tmp_path, text, files)


@pytest.mark.parametrize("code", ["F3", "F7", "F13", "F14"])
def test_on_stdin_nothing_stands_beside_the_file(code: str) -> None:
    facts = Facts.of(Source("-", f"{PYTHON}RUN uv sync && pip install -r r.txt .\n".encode()))
    assert not list(find_rule(code).check(facts))


@pytest.mark.parametrize(
    ("dependencies", "what"),
    [
        ("[numpy]", "1 of 1 requirements without an exact version: numpy"),
        ("[python=3.11, 'numpy>=1.26', pip, {pip: [torch]}]", "2 of 4 requirements without exact versions: "),
        ("[python=3.11, 'numpy>=1.26,<2', pip, conda-forge::faiss-cpu=1.9]", ""),
        ("[python=3.11=h1_0, pip, {pip: [torch==2.4.0]}]", ""),
    ],
)
def test_an_environment_of_conda_may_leave_versions_open(
    dependencies: str, what: str, tmp_path: Path
) -> None:
    text = "FROM condaforge/miniforge3:24.9.2-0\nCOPY env.yml .\nRUN mamba env update -n base -f env.yml\n"
    said = [one.what for one in found("F3", tmp_path, text, {"env.yml": f"dependencies: {dependencies}\n"})]
    assert bool(said) is bool(what)
    assert all(one.startswith(what) for one in said)


def test_an_environment_that_is_read_twice_is_told_of_once(tmp_path: Path) -> None:
    text = "FROM condaforge/miniforge3:24.9.2-0\nCOPY env.yml .\n" + "RUN conda env update -f env.yml\n" * 2
    assert len(found("F3", tmp_path, text, {"env.yml": "dependencies: [numpy]\n"})) == 1


LOCKED = {
    "pyproject.toml": '[project]\nname = "api"\nversion = "1"\ndependencies = ["fastapi"]\n',
    "uv.lock": 'version = 1\n[[package]]\nname = "api"\nversion = "1"\nsource = { editable = "." }\n'
    'dependencies = [{ name = "fastapi" }]\n[package.metadata]\nrequires-dist = [{ name = "fastapi" }]\n'
    '[[package]]\nname = "fastapi"\nversion = "0.115.6"\n'
    'source = { registry = "https://index.example/simple" }\n',
}


@pytest.mark.parametrize(
    ("line", "is_mended"),
    [
        ("RUN uv sync --no-dev", True),
        ("RUN uv sync --no-dev --upgrade", False),
        ("RUN uv sync --no-dev -P fastapi", False),
        ("RUN uv lock && uv sync --no-dev", False),
    ],
)
def test_who_asks_for_newer_versions_is_not_held_to_the_lock(
    line: str,
    is_mended: bool,  # noqa: FBT001 - the verdict
    tmp_path: Path,
) -> None:
    text = f"{PYTHON}COPY pyproject.toml uv.lock ./\n{line}\n"
    assert any(one.fix for one in found("F13", tmp_path, text, LOCKED)) is is_mended


@pytest.mark.parametrize(
    ("argument", "count"), [("ARG TARGETPLATFORM=linux/amd64", 0), ("ARG TARGETPLATFORM", 1)]
)
def test_a_platform_that_the_file_chooses_is_said_for_a_reason(
    argument: str, count: int, tmp_path: Path
) -> None:
    text = f"{argument}\nFROM --platform=$TARGETPLATFORM python:3.12-slim\n"
    assert len(found("F9", tmp_path, text)) == count


def test_a_channel_of_one_release_is_a_version(tmp_path: Path) -> None:
    text = "FROM condaforge/miniforge3:24.9.2-0\nRUN conda install -y nvidia/label/cuda-12.1.0::cuda-toolkit"
    assert not found("F2", tmp_path, f"{text}\n")
    assert found("F2", tmp_path, f"{text} numpy\n")


def test_upgrades_of_one_step_are_one_finding_and_go_with_their_lists(tmp_path: Path) -> None:
    step = "apt-get update && apt-get upgrade -y && apt-get dist-upgrade -y && rm -rf /var/lib/apt/lists/*"
    text = f"{PYTHON}RUN {step}\nWORKDIR /srv\n"
    (finding,) = found("F12", tmp_path, text)
    assert len(finding.related) == 1
    assert finding.fix
    assert fixed(text, finding) == f"{PYTHON}WORKDIR /srv\n"


def test_clones_are_one_finding(tmp_path: Path) -> None:
    clones = "".join(f"RUN git clone https://git.example/{name}.git\n" for name in ("a", "b", "c"))
    (finding,) = found("F5", tmp_path, PYTHON + clones)
    assert finding.what == "a is cloned at its default branch, and 2 more repositories at theirs"
    assert len(finding.related) == 2


@pytest.mark.parametrize(
    ("words", "is_cut"),
    [
        ("numpy>=1.26 torch==2.4.0", True),
        ("'numpy>=1.26'", False),
        ("numpy >=1.26", False),  # a file that somebody wants, perhaps
        ("numpy >install.log", False),
        ("numpy 2>/dev/null", False),
    ],
)
def test_a_version_that_the_shell_takes_for_a_file_is_told_of(
    words: str,
    is_cut: bool,  # noqa: FBT001 - the verdict
    tmp_path: Path,
) -> None:
    said = [one.what for one in found("F2", tmp_path, f"{PYTHON}RUN pip install {words}\n")]
    assert ("numpy>=1.26 has no quotes: the shell takes > for a file to write to" in said) is is_cut
    assert len(said) == 1


def test_a_command_that_lost_its_ampersands_is_told_of(tmp_path: Path) -> None:
    (finding,) = found("F2", tmp_path, f"{PYTHON}RUN pip install a==1 \\\n    pip install b\n")
    assert finding.what == "pip install stands inside another pip install: && is missing"
    (finding,) = found("F2", tmp_path, f"{PYTHON}RUN pip install install\n")
    assert finding.what == "install is installed without a version"


def test_lists_without_versions_are_one_finding(tmp_path: Path) -> None:
    text = f"{PYTHON}COPY . .\nRUN pip install -r a.txt -r b.txt\nRUN pip install -r c.txt\n"
    files = {"a.txt": "numpy\n", "b.txt": "scipy==1.14.1\n", "c.txt": "pandas\ntorch\n"}
    (finding,) = found("F3", tmp_path, text, files)
    assert finding.what == "3 of 3 requirements in 2 files without exact versions: numpy, pandas, torch"
    assert len(finding.related) == 3
