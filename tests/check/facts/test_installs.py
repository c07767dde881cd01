from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.check.facts.dockerfiles import install_of, run_of

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES: list[tuple[str, Mapping[str, Any]]] = [
    ("pip install torch", {"manager": "pip", "action": "install", "names": ("torch",)}),
    ("pip3.11 install Flash_Attn", {"manager": "pip", "names": ("flash-attn",)}),
    ("python -m pip install torch==2.4.0", {"manager": "pip", "names": ("torch",)}),
    ("/opt/venv/bin/python3 -mpip install x", {"manager": "pip", "names": ("x",)}),
    ("/opt/venv/bin/pip install x", {"manager": "pip"}),
    ("python -u -m pip install x", {"manager": "pip"}),
    ("pip --no-cache-dir install -U pip", {"action": "install", "names": ("pip",)}),
    ("pip install -r requirements.txt", {"requirement_files": ("requirements.txt",), "packages": ()}),
    (
        "pip install -rrequirements.txt -c c.txt",
        {"requirement_files": ("requirements.txt",), "constraint_files": ("c.txt",)},
    ),
    ("pip install --requirement=a.txt -r b.txt", {"requirement_files": ("a.txt", "b.txt")}),
    ("pip install .", {"installs_project": True, "project_directories": (".",), "editable": False}),
    ("pip install -e .[dev,test]", {"installs_project": True, "editable": True, "extras": ("dev", "test")}),
    (
        "pip install -e detectron2_repo[all]",
        {"project_directories": ("detectron2_repo",), "editable": True, "extras": ("all",), "names": ()},
    ),
    ("pip install '.[GPU]' ./lib/core", {"project_directories": (".", "./lib/core"), "extras": ("gpu",)}),
    ("pip install --group dev", {"groups": ("dev",), "installs_project": False}),
    ("pip install dist/app-1.0-py3-none-any.whl", {"installs_project": False, "names": ("app",)}),
    ("pip install $PKGS", {"has_unknown": True, "names": ()}),
    ("pip uninstall -y torch", {"action": "remove", "names": ("torch",)}),
    ("pip download torch -d /wheels", {"action": "download", "names": ("torch",)}),
    ("pip wheel -r r.txt -w /wheels", {"action": "wheel", "requirement_files": ("r.txt",)}),
    ("pip wheel .", {"action": "wheel", "installs_project": True}),
    ("pip cache purge", {"action": "clean"}),
    ("pip cache dir", {"action": "other"}),
    ("pip config set global.index-url x", {"action": "other"}),
    ("pipx install poetry==1.8.3", {"manager": "pipx", "action": "install", "names": ("poetry",)}),
    ("pipx run black .", {"manager": "pipx", "action": "run", "names": ("black",)}),
    ("python setup.py install", {"manager": "setuptools", "installs_project": True, "editable": False}),
    (
        "python ./lib/setup.py develop",
        {"manager": "setuptools", "editable": True, "project_directories": ("./lib",)},
    ),
    (
        "uv sync --locked --no-dev --no-install-project",
        {"manager": "uv", "action": "sync", "installs_project": False, "installs_dev": False},
    ),
    ("uv sync", {"installs_project": True, "installs_dev": True, "editable": True}),
    (
        "uv sync --frozen --no-editable --extra cu124 --group eval",
        {"extras": ("cu124",), "groups": ("eval",), "editable": False},
    ),
    ("uv sync --all-extras --all-groups", {"extras": ("*",), "groups": ("*",)}),
    ("uv sync --only-group dev", {"installs_project": False, "groups": ("dev",), "installs_dev": False}),
    ("uv sync --no-default-groups", {"installs_dev": False}),
    ("uv sync --no-group dev", {"installs_dev": False}),
    ("uv --no-cache sync", {"action": "sync", "subcommand": "sync"}),
    (
        "uv pip install --system -r requirements.txt torch",
        {
            "action": "install",
            "subcommand": "pip install",
            "names": ("torch",),
            "requirement_files": ("requirements.txt",),
            "installs_dev": False,
        },
    ),
    ("uv pip install -e '.[dev]'", {"editable": True, "extras": ("dev",)}),
    (
        "uv pip sync requirements.txt",
        {"action": "sync", "requirement_files": ("requirements.txt",), "installs_project": False},
    ),
    ("uv pip uninstall x", {"action": "remove"}),
    ("uv pip compile pyproject.toml -o r.txt", {"action": "lock"}),
    ("uv pip list", {"action": "other"}),
    ("uv tool install ruff==0.6", {"action": "install", "names": ("ruff",), "subcommand": "tool install"}),
    ("uv add httpx", {"action": "install", "names": ("httpx",), "installs_project": False}),
    ("uv export --no-dev -o r.txt", {"action": "export", "installs_project": False}),
    ("uv lock", {"action": "lock"}),
    ("uv venv /opt/venv", {"action": "other"}),
    ("uv cache clean", {"action": "clean"}),
    ("uv python install 3.12", {"action": "other"}),
    ("uvx --from huggingface_hub hf download x", {"action": "run", "names": ("huggingface-hub",)}),
    (
        "poetry install",
        {"manager": "poetry", "installs_project": True, "installs_dev": True, "editable": True},
    ),
    (
        "poetry install --no-root --only main",
        {"installs_project": False, "installs_dev": False, "groups": ("main",)},
    ),
    ("poetry install --only main", {"installs_project": True}),
    ("poetry install --only-root", {"installs_dev": False}),
    (
        "poetry install --no-interaction --without dev,test -E 'a b'",
        {"installs_dev": False, "extras": ("a", "b")},
    ),
    ("poetry install --no-dev", {"installs_dev": False}),
    ("poetry install --with eval,viz --all-extras", {"groups": ("eval", "viz"), "extras": ("*",)}),
    ("poetry export -f requirements.txt --output r.txt", {"action": "export"}),
    ("poetry add torch@^2.1", {"action": "install"}),
    ("poetry config virtualenvs.create false", {"action": "other"}),
    ("poetry cache clear --all pypi", {"action": "clean"}),
    ("pdm install --prod --no-self", {"manager": "pdm", "installs_project": False, "installs_dev": False}),
    ("pdm sync -G :all", {"action": "sync", "groups": ("*",), "installs_dev": True}),
    ("pdm export -o r.txt", {"action": "export"}),
    ("pipenv install --system --deploy", {"manager": "pipenv", "action": "install", "installs_dev": False}),
    ("pipenv sync --dev", {"action": "sync", "installs_dev": True}),
    ("pipenv install --categories 'a b'", {"groups": ("a", "b")}),
    (
        "conda install -y -c pytorch -c nvidia pytorch=2.4 cuda-toolkit::x",
        {"manager": "conda", "names": ("pytorch", "x")},
    ),
    (
        "conda create -n env python=3.10 -y",
        {"action": "install", "names": ("python",), "subcommand": "create"},
    ),
    (
        "conda env create -f environment.yml",
        {"action": "install", "requirement_files": ("environment.yml",), "packages": ()},
    ),
    ("conda env update --name base --file env/gpu.yml --prune", {"requirement_files": ("env/gpu.yml",)}),
    ("conda env create", {"requirement_files": ("environment.yml",)}),
    ("conda clean -afy", {"action": "clean"}),
    ("conda clean --index-cache", {"action": "other"}),
    ("conda update -n base conda", {"action": "upgrade", "names": ("conda",)}),
    ("conda config --add channels conda-forge", {"action": "other"}),
    ("mamba install --file r.txt", {"manager": "mamba", "requirement_files": ("r.txt",)}),
    (
        "micromamba install -y -n base -f /tmp/env.yaml",
        {"manager": "micromamba", "requirement_files": ("/tmp/env.yaml",)},
    ),
    ("apt-get update", {"manager": "apt", "action": "update"}),
    ("apt-get -qq update", {"action": "update"}),
    (
        "apt-get install -y --no-install-recommends git libgl1=1.7.0-1 g++",
        {"action": "install", "names": ("git", "libgl1", "g++")},
    ),
    ("apt install -yqq python3.11-dev/jammy libc6:amd64", {"names": ("python3.11-dev", "libc6")}),
    ("apt-get -o Acquire::Retries=3 install -t bookworm-backports git", {"names": ("git",)}),
    ("apt-get install ./driver_1.0_amd64.deb", {"names": ("driver",)}),
    ("apt-get dist-upgrade -y", {"action": "upgrade", "packages": ()}),
    ("apt-get purge -y --auto-remove gcc", {"action": "remove", "names": ("gcc",)}),
    ("apt-get clean", {"action": "clean"}),
    ("apt-get autoremove", {"action": "remove"}),
    ("aptitude install git", {"manager": "apt"}),
    (
        "dpkg -i /tmp/cuda-keyring_1.1-1_all.deb",
        {"manager": "dpkg", "action": "install", "names": ("cuda-keyring",)},
    ),
    (
        "apk add --no-cache --virtual .build gcc musl-dev~=1.2",
        {"manager": "apk", "names": ("gcc", "musl-dev")},
    ),
    ("apk del .build", {"action": "remove", "names": (".build",)}),
    ("apk --update add git", {"action": "install", "names": ("git",)}),
    (
        "dnf install -y gcc python3.11 cuda-toolkit-12-4-12.4.1-1",
        {"manager": "dnf", "names": ("gcc", "python3.11", "cuda-toolkit-12-4")},
    ),
    ("dnf -y install --setopt=install_weak_deps=False git", {"names": ("git",)}),
    ("yum clean all", {"manager": "yum", "action": "clean"}),
    ("yum update -y", {"action": "upgrade"}),
    ("microdnf install -y tar", {"manager": "microdnf", "names": ("tar",)}),
    ("zypper -n in -y git", {"manager": "zypper", "action": "install", "names": ("git",)}),
    ("npm ci --omit=dev", {"manager": "npm", "action": "install", "installs_dev": False}),
    ("npm ci", {"installs_dev": True}),
    ("npm install -g @scope/tool@1.2.3 yarn", {"names": ("@scope/tool", "yarn"), "installs_dev": False}),
    ("npm cache clean --force", {"action": "clean"}),
    ("yarn", {"manager": "yarn", "action": "install"}),
    ("yarn install --production", {"installs_dev": False}),
    ("yarn cache clean", {"action": "clean"}),
    ("pnpm install --frozen-lockfile --prod", {"manager": "pnpm", "installs_dev": False}),
]


@pytest.mark.parametrize(("command", "expected"), CASES, ids=[command for command, _ in CASES])
def test_what_a_package_manager_is_told_to_do_is_read(command: str, expected: Mapping[str, Any]) -> None:
    found = install_of(command)
    assert {name: getattr(found, name) for name in expected} == dict(expected)


@pytest.mark.parametrize(
    "command",
    [
        "pip",
        "python app.py",
        "python -c 'import pip'",
        "echo pip install x",
        "uv",
        "poetry",
        "conda",
        "apt-get",
        "dpkg --print-architecture",
        "python setup.py --version",
        "python",
        "python -m http.server",
        "python -m",
    ],
)
def test_what_tells_no_package_manager_anything_is_no_install(command: str) -> None:
    assert run_of(command).installs == ()


PACKAGES: list[tuple[str, Mapping[str, Any]]] = [
    (
        "pip install torch==2.4.0+cu121",
        {"specifier": "==2.4.0+cu121", "version": "2.4.0+cu121", "is_pinned": True},
    ),
    ("pip install 'torch>=2,<3'", {"specifier": ">=2,<3", "version": "", "is_pinned": False}),
    ("pip install torch==2.*", {"is_pinned": False}),
    ("pip install 'uvicorn[standard, X_y]==0.30'", {"extras": ("standard", "x-y"), "version": "0.30"}),
    ("pip install torch[cuda]", {"name": "torch", "extras": ("cuda",)}),
    (
        "pip install 'numpy<2; python_version < \"3.12\"'",
        {"specifier": "<2", "marker": 'python_version < "3.12"'},
    ),
    (
        "pip install git+https://github.com/x/y.git@main#egg=Y_z",
        {"name": "y-z", "is_git": True, "commit": "", "is_pinned": False},
    ),
    ("pip install git+https://github.com/x/y@0123456789012345678901234567890123456789", {"is_pinned": True}),
    ("pip install 'y @ git+https://github.com/x/y@v1'", {"name": "y", "is_git": True, "is_pinned": False}),
    (
        "pip install https://h/flash_attn-2.5.8+cu122-cp310-cp310-linux_x86_64.whl",
        {"name": "flash-attn", "is_local": False, "is_pinned": True},
    ),
    ("pip install /wheels/a_b-1.0.tar.gz", {"name": "a-b", "is_local": True, "is_pinned": True}),
    ("pip install '!!'", {"name": "", "is_known": False}),
    ("conda install conda-forge::numpy=1.26=py310", {"channel": "conda-forge", "specifier": "=1.26=py310"}),
    ("conda install 'python 3.10'", {"name": "python", "version": "3.10"}),
    ("conda install 'numpy>=1.26'", {"specifier": ">=1.26", "is_pinned": False}),
    ("conda install ''", {"is_known": False}),
    ("apt-get install libcudnn8=8.9.7.29-1+cuda12.2", {"version": "8.9.7.29-1+cuda12.2", "is_pinned": True}),
    ("apt-get install $PKGS", {"is_known": False, "name": ""}),
    ("apk add git=2.45.2-r0", {"version": "2.45.2-r0"}),
    ("dnf install gcc-11.4.1-3.el9", {"name": "gcc", "version": "11.4.1-3.el9"}),
    ("dnf install https://h/x.rpm", {"url": "https://h/x.rpm"}),
    ("dnf install gcc-toolset-12", {"name": "gcc-toolset-12", "specifier": ""}),
    ("npm install left-pad@1.3.0", {"name": "left-pad", "version": "1.3.0", "is_pinned": True}),
    ("npm install left-pad@^1", {"is_pinned": False}),
    ("npm install ./lib", {"url": "./lib"}),
]


@pytest.mark.parametrize(("command", "expected"), PACKAGES, ids=[command for command, _ in PACKAGES])
def test_a_package_is_read_by_its_managers_grammar(command: str, expected: Mapping[str, Any]) -> None:
    found = install_of(command).packages[0]
    assert {name: getattr(found, name) for name in expected} == dict(expected)


def test_a_variable_that_is_known_becomes_its_packages() -> None:
    found = install_of("apt-get install -y $PKGS libgl1", 'ENV PKGS="git curl"')
    assert found.names == ("git", "curl", "libgl1")
    assert not found.has_unknown
    assert found.packages[0].word.raw == "$PKGS"


def test_a_default_in_the_shell_counts_where_nothing_else_is_known() -> None:
    assert install_of("pip install torch==${TORCH:-2.4.0}").packages[0].version == "2.4.0"
    assert install_of("pip install torch==${TORCH:-2.4.0}", "ARG TORCH=2.5.1").packages[0].version == "2.5.1"


def test_what_the_same_run_sets_is_known_behind_it() -> None:
    run = run_of("V=1.0 && export W=2.0 && pip install a==$V b==$W c==$X")
    assert [package.version for package in run.installs[0].packages] == ["1.0", "2.0", ""]
    assert run.installs[0].has_unknown


def test_a_command_in_a_variable_is_the_command() -> None:
    assert install_of("$VENV/bin/pip install x", "ENV VENV=/opt/venv").manager == "pip"
    assert install_of('"$PIP" install x', "ARG PIP=pip3").manager == "pip"


def test_options_have_their_long_names_and_their_words() -> None:
    found = install_of("pip install -i https://a/simple --extra-index-url=https://b --no-deps -qU x")
    assert found.values("--index-url") == ("https://a/simple",)
    assert found.index_urls == ("https://a/simple", "https://b")
    assert found.has("--upgrade")
    assert found.has("--quiet", "--verbose")
    assert not found.has("--verbose")
    option = found.option("--index-url")
    assert option is not None
    assert [word.raw for word in option.words] == ["-i", "https://a/simple"]
    flag = found.option("--no-deps")
    assert flag is not None
    assert (flag.text, [word.raw for word in flag.words]) == ("", ["--no-deps"])
    attached = found.option("--extra-index-url")
    assert attached is not None
    assert [word.raw for word in attached.words] == ["--extra-index-url=https://b"]
    assert found.option("--pre") is None
    assert found.brings_packages


def test_behind_two_dashes_everything_is_an_operand() -> None:
    assert install_of("apt-get install -- -odd").packages[0].word.raw == "-odd"


def test_the_environment_sets_what_the_command_line_leaves_open() -> None:
    before = (
        "ENV PIP_INDEX_URL=https://a PIP_EXTRA_INDEX_URL='https://b https://c' PIP_BREAK_SYSTEM_PACKAGES=1"
    )
    found = install_of("pip install x", before)
    assert found.setting("--index-url") == "https://a"
    assert found.index_urls == ("https://a", "https://b", "https://c")
    assert found.is_on("--break-system-packages")
    assert not found.is_on("--pre")
    assert found.setting("--find-links") is None
    assert install_of("pip install -i https://z x", before).setting("--index-url") == "https://z"
    assert install_of("PIP_NO_DEPS=no pip install x").is_on("--no-deps") is False
    assert install_of("UV_INDEX=cpu=https://d uv pip install x").index_urls == ("https://d",)


def test_uv_and_npm_hear_the_environment_about_development_dependencies() -> None:
    assert not install_of("uv sync", "ENV UV_NO_DEV=1").installs_dev
    assert not install_of("uv sync", "ENV UV_NO_INSTALL_PROJECT=1").installs_project
    assert not install_of("npm ci", "ENV NODE_ENV=production").installs_dev


def test_uv_run_has_its_own_options_and_not_the_programs() -> None:
    found = install_of("uv run --frozen --no-dev")
    assert (found.action, found.installs_dev) == ("run", False)


@pytest.mark.parametrize(
    ("command", "is_python", "is_conda", "is_system"),
    [
        ("pip install x", True, False, False),
        ("mamba install x", False, True, False),
        ("apk add x", False, False, True),
    ],
)
def test_a_manager_is_of_one_kind(
    command: str,
    is_python: bool,  # noqa: FBT001 - a column of the table
    is_conda: bool,  # noqa: FBT001 - the same
    is_system: bool,  # noqa: FBT001 - the same
) -> None:
    found = install_of(command)
    assert (found.is_python, found.is_conda, found.is_system) == (is_python, is_conda, is_system)


def test_an_install_knows_its_bytes() -> None:
    run = run_of("echo a && pip install x")
    found = run.installs[0]
    assert run.stage.facts.text(found.span) == "pip install x"
    assert found.command is found.call.command
    assert found.run is run


def test_a_version_in_a_variable_without_a_value_is_still_one_version() -> None:
    found = install_of("pip install torch==$TORCH 'numpy>='$NUMPY").packages
    assert [(package.name, package.is_known, package.is_pinned) for package in found] == [
        ("torch", False, True),
        ("numpy", False, False),
    ]
