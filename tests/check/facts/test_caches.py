from __future__ import annotations

import pytest

from tests.check.facts.dockerfiles import facts_of, install_of, run_of

PIP = "pip install torch"


@pytest.mark.parametrize(
    ("command", "before", "directory"),
    [
        (PIP, "", "/root/.cache/pip"),
        (PIP, "USER app", "/home/app/.cache/pip"),
        (PIP, "USER 0", "/root/.cache/pip"),
        (PIP, "USER root:root", "/root/.cache/pip"),
        (PIP, "ENV HOME=/srv\nUSER app", "/srv/.cache/pip"),
        (PIP, "ENV XDG_CACHE_HOME=/c", "/c/pip"),
        (PIP, "ENV XDG_CACHE_HOME=/c PIP_CACHE_DIR=/p", "/p"),
        ("pip install --cache-dir=/q torch", "ENV PIP_CACHE_DIR=/p", "/q"),
        ("pip install --cache-dir .pip torch", "WORKDIR /app", "/app/.pip"),
        ("PIP_CACHE_DIR=/p pip install torch", "", "/p"),
        ("export PIP_CACHE_DIR=/p && pip install torch", "", "/p"),
        ("uv sync", "", "/root/.cache/uv"),
        ("uv sync", "ENV UV_CACHE_DIR=/uv", "/uv"),
        ("poetry install", "", "/root/.cache/pypoetry"),
        ("pdm sync", "", "/root/.cache/pdm"),
        ("conda install numpy", "", "/opt/conda/pkgs"),
        ("conda install numpy", "ENV CONDA_DIR=/conda", "/conda/pkgs"),
        ("micromamba install numpy", "ENV MAMBA_ROOT_PREFIX=/m", "/m/pkgs"),
        ("conda install numpy", "ENV CONDA_PKGS_DIRS=/a,/b", "/a"),
        ("apt-get install git", "", "/var/cache/apt"),
        ("apk add git", "", "/var/cache/apk"),
        ("dnf install git", "", "/var/cache/dnf"),
        ("npm ci", "", "/root/.npm"),
        ("npm ci", "ENV NPM_CONFIG_CACHE=/n", "/n"),
        ("pnpm install", "USER node", "/home/node/.local/share/pnpm"),
        ("yarn install", "", "/usr/local/share/.cache/yarn"),
        ("yarn install", "USER node", "/home/node/.cache/yarn"),
        ("python setup.py install", "", ""),
    ],
)
def test_a_cache_is_where_user_and_environment_put_it(command: str, before: str, directory: str) -> None:
    assert install_of(command, before).cache.directory == directory


def test_the_home_of_a_named_user_is_only_likely() -> None:
    assert not install_of(PIP, "USER app").cache.is_certain
    assert install_of(PIP).cache.is_certain
    assert install_of(PIP, "USER app\nENV HOME=/srv").cache.is_certain


def test_a_base_that_starts_as_another_user_has_that_users_home() -> None:
    facts = facts_of("FROM quay.io/jupyter/base-notebook:python-3.12\nRUN pip install x\n")
    assert facts.installs[0].cache.directory == "/home/jovyan/.cache/pip"


@pytest.mark.parametrize(
    ("command", "before", "is_off"),
    [
        (PIP, "", False),
        ("pip install --no-cache-dir torch", "", True),
        (PIP, "ENV PIP_NO_CACHE_DIR=1", True),
        (PIP, "ENV PIP_NO_CACHE_DIR=false", True),
        (PIP, "ENV PIP_NO_CACHE_DIR=", False),
        ("uv sync --no-cache", "", True),
        ("uv pip install --no-cache-dir x", "", True),
        ("uv sync -n", "", True),
        ("uv sync", "ENV UV_NO_CACHE=1", True),
        ("uv sync", "ENV UV_NO_CACHE=0", False),
        ("apk add --no-cache git", "", True),
        ("apt-get install git", "", False),
    ],
)
def test_a_cache_is_off_when_the_manager_is_told_so(
    command: str,
    before: str,
    is_off: bool,  # noqa: FBT001 - a column of the table
) -> None:
    found = install_of(command, before).cache
    assert found.is_off == is_off
    assert found.stays != is_off


@pytest.mark.parametrize(
    ("target", "before", "is_mounted"),
    [
        ("/root/.cache/pip", "", True),
        ("/root/.cache", "", True),
        ("/root/.cache/pip/", "", True),
        ("~/.cache/pip", "", False),
        ("/root/.cache/pip", "USER app", False),
        ("/root/.cache/pip", "ENV PIP_CACHE_DIR=/p", False),
        ("/root/.cache/pipx", "", False),
        ("$HOME/.cache/pip", "ENV HOME=/srv", True),
        (".pip", "WORKDIR /app\nENV PIP_CACHE_DIR=/app/.pip", True),
    ],
)
def test_a_mount_serves_only_where_the_cache_really_is(
    target: str,
    before: str,
    is_mounted: bool,  # noqa: FBT001 - a column of the table
) -> None:
    found = install_of(PIP, before, f"--mount=type=cache,target={target}").cache
    assert found.is_mounted == is_mounted
    assert bool(found.mounts) == is_mounted


def test_a_mount_meant_for_the_manager_that_misses_its_cache_is_useless() -> None:
    found = install_of(PIP, "USER app", "--mount=type=cache,target=/root/.cache/pip").cache
    assert [mount.target for mount in found.useless_mounts] == ["/root/.cache/pip"]
    other = install_of(PIP, "", "--mount=type=cache,target=/root/.cache/uv").cache
    assert other.useless_mounts == ()


def test_apt_needs_a_mount_for_its_lists_too() -> None:
    one = "--mount=type=cache,target=/var/cache/apt"
    both = f"{one} --mount=type=cache,target=/var/lib/apt"
    assert not install_of("apt-get install git", "", one).cache.is_mounted
    assert install_of("apt-get install git", "", both).cache.is_mounted


@pytest.mark.parametrize(
    ("commands", "is_cleaned"),
    [
        (f"{PIP} && pip cache purge", True),
        (f"{PIP} && rm -rf ~/.cache/pip", True),
        (f"{PIP} && rm -rf $HOME/.cache", True),
        (f"{PIP} && rm -rf /root/.cache/pip", True),
        (f"{PIP} && rm -rf /root/.cache", True),
        (f"{PIP} && rm -rf /root/.cache/*", True),
        (f"{PIP} && rm -f /root/.cache", False),
        (f"pip cache purge && {PIP}", False),
        (f"{PIP} && uv cache clean", False),
        ("uv sync && uv cache clean", True),
        ("conda install x && conda clean -afy", True),
        ("mamba install x && conda clean -a", True),
        ("conda install x && conda clean -i", False),
        ("conda install x && rm -rf /opt/conda/pkgs", True),
        ("apt-get install x && apt-get clean", False),
        ("apt-get install x && rm -rf /var/lib/apt/lists/*", True),
        ("apt-get install x && rm -rf /var/lib/apt", True),
        ("rm -rf /var/lib/apt/lists/* && apt-get install x", False),
        ("dnf install x && dnf clean all", True),
        ("yum install x && dnf clean all", True),
        ("yum install x && rm -rf /var/cache/yum", True),
    ],
)
def test_a_cache_is_cleaned_by_a_later_command_of_the_same_run(
    commands: str,
    is_cleaned: bool,  # noqa: FBT001 - a column of the table
) -> None:
    found = [install for install in run_of(commands).installs if install.brings_packages]
    assert found[0].cache.is_cleaned == is_cleaned
    assert found[0].cache.stays != is_cleaned


@pytest.mark.parametrize(
    "command", ["pip uninstall -y x", "apt-get clean", "poetry config a b", "apt-get purge x"]
)
def test_what_fetches_nothing_leaves_nothing(command: str) -> None:
    found = install_of(command).cache
    assert not found.is_filled
    assert not found.stays


def test_where_a_numeric_user_keeps_its_cache_is_not_known_but_that_it_does_is() -> None:
    found = install_of(PIP, "USER 1001").cache
    assert (found.directories, found.is_certain, found.stays) == ((), False, True)
    mounted = install_of(PIP, "USER 1001", "--mount=type=cache,target=/home/app/.cache/pip").cache
    assert (mounted.is_mounted, mounted.useless_mounts, mounted.stays) == (True, (), False)
    assert install_of(PIP, "USER 1001\nENV HOME=/srv").cache.directory == "/srv/.cache/pip"


def test_a_user_that_only_the_base_knows_is_the_bases_own() -> None:
    facts = facts_of("FROM jupyter/base-notebook\nUSER ${NB_UID}\nRUN pip install x\n")
    assert facts.runs[0].user == "jovyan"
    assert facts.installs[0].cache.directory == "/home/jovyan/.cache/pip"
    assert facts.target.ending.user == "jovyan"


MOUNT = "--mount=type=cache,target=/var/cache/apt"
MOUNT = "--mount=type=cache,target=/var/cache/apt"
GONE = "rm -f /etc/apt/apt.conf.d/docker-clean"


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("RUN apt-get install x && rm -rf /var/lib/apt/lists/*", False),
        (f"RUN {GONE}; apt-get install x && rm -rf /var/lib/apt/lists/*", True),
        (f"RUN {GONE}\nFROM a\nRUN apt-get install x && rm -rf /var/lib/apt/lists/*", True),
        (f"RUN apt-get install x && rm -rf /var/lib/apt/lists/*\nRUN {GONE}", False),
        (f"RUN {GONE}; apt-get install x && apt-get clean && rm -rf /var/lib/apt/lists/*", False),
        (f"RUN {GONE}; apt-get install x && rm -rf /var/cache/apt /var/lib/apt/lists", False),
        (f"RUN {MOUNT} {GONE}; apt-get install x; rm -rf /var/lib/apt/lists", False),
        ("RUN apt-get install x && apt-get clean", True),
        ("RUN --mount=type=cache,target=/var/lib/apt/lists apt-get install x", False),
    ],
)
def test_apts_archives_stay_only_where_docker_clean_was_removed(
    text: str,
    stays: bool,  # noqa: FBT001 - a column of the table
) -> None:
    facts = facts_of(f"FROM debian:12 AS a\n{text}\n")
    (found,) = [install.cache.stays for install in facts.installs if install.action == "install"]
    assert found == stays


def test_what_is_all_on_mounts_is_not_cleaned() -> None:
    found = install_of(PIP, "", "--mount=type=cache,target=/root/.cache").cache
    assert (found.is_mounted, found.is_cleaned, found.stays) == (True, False, False)


def test_a_mount_at_a_place_that_only_the_base_knows_is_taken_at_its_word() -> None:
    mount = "--mount=type=cache,target=/home/$MAMBA_USER/.cache/pip"
    (install,) = facts_of(f"FROM mambaorg/micromamba:2\nRUN {mount} pip install torch\n").installs
    assert install.cache.is_mounted
    assert not install.cache.useless_mounts
    elsewhere = facts_of("FROM python:3.12\nRUN --mount=type=cache,target=/c/pip pip install torch\n")
    assert elsewhere.installs[0].cache.useless_mounts
