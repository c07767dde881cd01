"""``[tool.wherry]`` is typed to the last key, and a wrong one is answered with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.errors import InputError
from wherry.oci.platform import Platform
from wherry.project.config import Budgets, WherryConfig, read_config
from wherry.project.toml_file import TomlFile
from wherry.project.values import Port, User

if TYPE_CHECKING:
    from pathlib import Path


def config(tmp_path: Path, lines: str) -> WherryConfig:
    path = tmp_path / "pyproject.toml"
    path.write_text(f"[tool.wherry]\n{lines}\n")
    return read_config(TomlFile.read(path).root.get("tool", "wherry"))


def refused(tmp_path: Path, lines: str) -> InputError:
    with pytest.raises(InputError) as caught:
        config(tmp_path, lines)
    assert len(caught.value.lines()) <= 3
    assert caught.value.exit_code == 2
    return caught.value


def test_a_project_without_the_table_has_the_defaults() -> None:
    assert read_config(None) == WherryConfig()
    assert str(WherryConfig().user) == "65532:65532"
    assert WherryConfig().workdir == "/app"


def test_every_key_is_read(tmp_path: Path) -> None:
    found = config(
        tmp_path,
        """
name = "team/app_one"
command = "python -m 'my app' --flag"
python = "3.12"
base = "debian:trixie"
platforms = ["linux/amd64", "aarch64"]
system-packages = ["libgl1", "libstdc++6"]
user = "1000:2000"
workdir = "/srv/app/"
ports = [8000, "9000/udp", "8000"]
include = ["src", "."]
exclude = ["**/*.csv"]
groups = ["Serve_Extra"]
extras = ["gpu"]
dev-groups = []
bytecode = false
compression = "zstd"
debian-mirror = "https://mirror.example/debian/"
cache = "registry.example:5000/team/cache"
env = { MODE = "production", TOKENIZERS_PARALLELISM = "false" }
[tool.wherry.labels]
"org.example.team" = "ml"
[tool.wherry.budgets]
max-image = "2GB"
max-layer = "1.5 GiB"
max-layers = 30
""",
    )
    assert found == WherryConfig(
        name="team/app_one",
        command=("python", "-m", "my app", "--flag"),
        python=(3, 12),
        base="debian:trixie",
        platforms=(Platform("linux", "amd64"), Platform("linux", "arm64")),
        system_packages=("libgl1", "libstdc++6"),
        env={"MODE": "production", "TOKENIZERS_PARALLELISM": "false"},
        user=User(1000, 2000),
        workdir="/srv/app",
        ports=(Port(8000), Port(9000, "udp")),
        include=("src", "."),
        exclude=("**/*.csv",),
        groups=("serve-extra",),
        extras=("gpu",),
        dev_groups=(),
        bytecode=False,
        compression="zstd",
        budgets=Budgets(max_image=2_000_000_000, max_layer=1_610_612_736, max_layers=30),
        debian_mirror="https://mirror.example/debian",
        labels={"org.example.team": "ml"},
        cache="registry.example:5000/team/cache",
    )
    assert [str(port) for port in found.ports] == ["8000/tcp", "9000/udp"]


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("comand", "command"),
        ("plattforms", "platforms"),
        ("system_packages", "system-packages"),
        ("Ports", "ports"),
        ("user-id", "user"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_right_one_and_its_line(
    tmp_path: Path, key: str, nearest: str
) -> None:
    error = refused(tmp_path, f'name = "x"\n\n{key} = "y"')
    assert f"'{key}'" in error.what
    assert error.where.endswith("pyproject.toml:4")
    assert error.mend == f"did you mean '{nearest}'?"


def test_an_unknown_key_near_to_nothing_lists_the_known_ones(tmp_path: Path) -> None:
    assert "budgets" in refused(tmp_path, "zzzzzz = 1").mend


def test_an_unknown_budget_is_answered_in_its_own_table(tmp_path: Path) -> None:
    error = refused(tmp_path, 'budgets.max-imag = "1GB"')
    assert "[tool.wherry.budgets]" in error.what
    assert error.mend == "did you mean 'max-image'?"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('name = "App"', "not an image name"),
        ('name = "app:v1"', "not an image name"),
        ('cache = "team/cache"', "not a repository in a registry"),
        ('cache = "registry.example/team/cache:v1"', "not a repository in a registry"),
        ('cache = "https://registry.example/team"', "is a URL, not an image.s name"),
        ('cache = "user:word@registry.example/team"', "not a repository in a registry"),
        ("cache = true", "cache must be a string"),
        ('name = "a..b"', "not an image name"),
        ("name = 3", "name must be a string, not a number"),
        ("name = '" + "a" * 129 + "'", "not an image name"),
        ('command = ""', "command is empty"),
        ("command = []", "command is empty"),
        ('command = ["", "a"]', "command is empty"),
        ("command = 1", "command must be a string or a list of strings"),
        ('command = ["a", 1]', r"command\[1\] must be a string"),
        ('command = "a \'b"', "cannot be split"),
        ('command = "a && b"', "no shell runs"),
        ('command = ["a\\u0000"]', "NUL"),
        ("python = 3.12", "must be a quoted version"),
        ('python = "3.12.1"', "must be a quoted version"),
        ('python = "2.7"', "must be a quoted version"),
        ("python = 3", "python must be a string"),
        ('base = ""', "not a base"),
        ('base = "debian trixie"', "not a base"),
        ('platforms = "linux/amd64"', "platforms must be a list of platforms, not a string"),
        ('platforms = ["windows/amd64"]', "not one wherry builds for"),
        ('platforms = ["amd64", "linux/amd64"]', "listed twice"),
        ('system-packages = ["lib gl"]', "not a Debian package name"),
        ('system-packages = ["libgl1=1.2"]', "not a Debian package name"),
        ('env = "A=1"', "env must be a table"),
        ("env = { A = 1 }", "env.A must be a string, not a number"),
        ('env = { "A-B" = "1" }', "not an environment variable"),
        ('env = { A = "\\u0000" }', "NUL"),
        ('user = "app"', "not numeric"),
        ('user = "root"', "not numeric"),
        ("user = -1", "not numeric"),
        ("user = true", "user must be a string"),
        ('user = "1:99999999999"', "not numeric"),
        ("user = 4294967295", "out of range"),
        ('workdir = "app"', "not absolute"),
        ('workdir = "/app/../etc"', "not a plain path"),
        ('workdir = "/app\\n"', "not a plain path"),
        ('workdir = "/"', "belongs to the base"),
        ('workdir = "//usr/src/app"', "belongs to the base"),
        ('workdir = "/opt/venv/app"', "belongs to the base"),
        ('workdir = "/home"', "belongs to the base"),
        ("ports = 8000", "ports must be a list of ports, not a number"),
        ("ports = [0]", "not a port"),
        ("ports = [65536]", "not a port"),
        ("ports = [true]", r"ports\[0\] must be a string, not a boolean"),
        ('ports = ["80/sctp"]', "not a port"),
        ('include = ["/etc"]', "leaves the project"),
        ('include = ["a/../../b"]', "leaves the project"),
        ('exclude = ["!a"]', "not a pattern"),
        ('exclude = [" "]', "not a pattern"),
        ('groups = ["a b"]', "not the name of a group"),
        ("bytecode = 1", 'bytecode must be true, false or "auto"'),
        ('compression = "xz"', "not known"),
        ('budgets.max-image = "big"', "not a size"),
        ('budgets.max-image = "0GB"', "more than zero"),
        ("budgets.max-image = true", "must be a string, not a boolean"),
        ("budgets.max-layers = 0", "at least 1"),
        ('budgets.max-layers = "3"', "whole number"),
        ('debian-mirror = "ftp://mirror.example"', "not a plain http or https address"),
        ('debian-mirror = "http://u:p@mirror.example"', "not a plain http or https address"),
        ('debian-mirror = "http://[mirror"', "not a plain http or https address"),
        ('labels."" = "x"', "not a label's name"),
        ('labels.org.example = "x"', "labels.org must be a string, not a table"),
        ("labels.a = 1", "labels.a must be a string"),
    ],
)
def test_a_value_that_its_key_does_not_take_is_refused_by_line(tmp_path: Path, line: str, what: str) -> None:
    path = tmp_path / "pyproject.toml"
    with pytest.raises(InputError, match=what) as caught:
        config(tmp_path, f"\n{line}")
    assert caught.value.where == f"{path}:3"
    assert len(caught.value.lines()) <= 3


def test_the_line_of_a_wrong_list_element_is_the_elements_own(tmp_path: Path) -> None:
    assert refused(tmp_path, "ports = [\n  8000,\n  99999,\n]").where.endswith(":4")


@pytest.mark.parametrize(
    ("user", "expected"),
    [('"1000"', "1000:1000"), ("1000", "1000:1000"), ('"0:0"', "0:0"), ("0", "0:0"), ('"5:0"', "5:0")],
)
def test_a_user_is_numbers_and_root_must_be_written(tmp_path: Path, user: str, expected: str) -> None:
    assert str(config(tmp_path, f"user = {user}").user) == expected


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("'1'", 1),
        ("7", 7),
        ("'1kB'", 1000),
        ("'1 KiB'", 1024),
        ("'1.5M'", 1_500_000),
        ("'2g'", 2 * 10**9),
        ("'1TiB'", 2**40),
    ],
)
def test_a_size_may_have_a_decimal_or_a_binary_unit(tmp_path: Path, text: str, size: int) -> None:
    assert config(tmp_path, f"budgets.max-image = {text}").budgets.max_image == size


SECRET = "hf_" + "abcdEFGHijklMNOPqrstUVWXyzabcdEFGH"


@pytest.mark.parametrize(
    "line",
    [
        f'env.HF_TOKEN = "{SECRET}"',
        f'env.INNOCENT = "{SECRET}"',
        f'command = ["serve", "--token={SECRET}"]',
        f'labels.note = "{SECRET}"',
        f'base = "oci:{SECRET}"',
    ],
)
def test_a_credential_in_the_config_is_refused_and_never_repeated(tmp_path: Path, line: str) -> None:
    error = refused(tmp_path, line)
    assert "Hugging Face token" in error.what
    assert SECRET not in "\n".join(error.lines())
    assert error.where.endswith("pyproject.toml:2")


@given(st.text(max_size=200))
def test_any_value_of_any_key_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("any") / "pyproject.toml"
    for key in ("name", "command", "python", "base", "user", "workdir", "debian-mirror", "compression"):
        quoted = '"' + "".join(f"\\U{ord(c):08x}" for c in text if not 0xD800 <= ord(c) < 0xE000) + '"'
        path.write_text(f"[tool.wherry]\n{key} = {quoted}\n")
        try:
            read_config(TomlFile.read(path).root.get("tool", "wherry"))
        except InputError as error:
            assert error.where == f"{path}:2"  # noqa: PT017 - either outcome is right
