from __future__ import annotations

import os
from pathlib import Path

import pytest

from wherry.errors import InputError
from wherry.fetch.indexes import IndexConfiguration

A, B, C, D = (f"https://{letter}.index.example/simple" for letter in "abcd")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture(autouse=True)
def no_system_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine has in /etc is not the tests' business."""
    real_read, real_is_file = Path.read_text, Path.is_file

    def read_text(self: Path, *args: str) -> str:
        if self.is_relative_to("/etc"):
            raise FileNotFoundError
        return real_read(self, *args)

    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr(Path, "is_file", lambda self: not self.is_relative_to("/etc") and real_is_file(self))


def test_a_machine_without_configuration_has_none() -> None:
    found = IndexConfiguration.read()
    assert found == IndexConfiguration()
    assert found.uv_environment() == {}
    assert found.urls() == ()


# pip


def test_pips_file_is_read_and_uv_is_told(home: Path) -> None:
    write(
        home / ".config/pip/pip.conf",
        f"[global]\nindex-url = {A}\nextra_index_url =\n  {B}\n  {C}\n[install]\nextra-index-url = {B} {D}\n",
    )
    found = IndexConfiguration.read()
    assert found.default == A
    assert found.extra == (B, D)
    assert found.uv_environment() == {
        "UV_DEFAULT_INDEX": A,
        "UV_INDEX": f"{B} {D}",
        "UV_INDEX_STRATEGY": "unsafe-best-match",  # pip looks for the best version in all of them
    }
    assert set(found.urls()) == {A, B, D}


def test_pips_variables_go_before_its_files(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home / ".config/pip/pip.conf", f"[global]\nindex-url = {A}\nextra-index-url = {B}\n")
    monkeypatch.setenv("PIP_INDEX_URL", C)
    assert IndexConfiguration.read().default == C
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"{D} {A}")
    assert IndexConfiguration.read().extra == (D, A)


def test_pips_files_go_before_each_other_in_pips_order(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home / "xdg/pip/pip.conf", f"[global]\nindex-url = {A}\n")
    assert IndexConfiguration.read().default == A
    write(home / ".pip/pip.conf", f"[global]\nindex-url = {B}\n")
    assert IndexConfiguration.read().default == B
    write(home / ".config/pip/pip.conf", f"[global]\nindex-url = {C}\n")
    assert IndexConfiguration.read().default == C
    write(tmp_path / "venv/pip.conf", f"[global]\nindex-url = {D}\n")
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "venv"))
    assert IndexConfiguration.read().default == D
    named = write(tmp_path / "named.conf", f"[global]\nextra-index-url = {A}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(named))
    assert IndexConfiguration.read().extra == (A,)
    monkeypatch.delenv("VIRTUAL_ENV")
    assert IndexConfiguration.read().default == A  # the user's own files are not read then
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert IndexConfiguration.read() == IndexConfiguration()


def test_only_directories_that_exist_are_told_to_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wheels").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_FIND_LINKS", "wheels none https://links.example/page")
    found = IndexConfiguration.read()
    assert found.find_links == (
        str(tmp_path / "wheels"),
        str(tmp_path / "none"),
        "https://links.example/page",
    )
    assert found.uv_environment() == {"UV_FIND_LINKS": f"{tmp_path}/wheels,https://links.example/page"}
    assert found.urls() == ("https://links.example/page",)
    monkeypatch.setenv("PIP_FIND_LINKS", "none")
    assert IndexConfiguration.read().uv_environment() == {}


def test_pips_certificates_are_told_to_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CERT", "/certificates.pem")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    assert IndexConfiguration.read().uv_environment() == {"SSL_CERT_FILE": "/certificates.pem"}
    monkeypatch.setenv("SSL_CERT_FILE", "/own.pem")
    assert IndexConfiguration.read().uv_environment() == {}


def test_a_pip_file_that_is_none_is_named(home: Path) -> None:
    file = write(home / ".config/pip/pip.conf", "index-url = no section\n")
    with pytest.raises(InputError, match="pip's configuration") as caught:
        IndexConfiguration.read()
    assert str(file) in caught.value.where


# uv


def test_uvs_variables_are_read_and_not_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_INDEX_URL", B)
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"main={A}")
    monkeypatch.setenv("UV_INDEX", f"my-team={C} {D}?a=b")
    monkeypatch.setenv("UV_EXTRA_INDEX_URL", B)
    monkeypatch.setenv("UV_FIND_LINKS", "/wheels,/more")
    found = IndexConfiguration.read()
    assert found.default == A
    assert found.extra == (C, f"{D}?a=b", B)
    assert found.find_links == ("/wheels", "/more")
    assert dict(found.named) == {"MAIN": A, "MY_TEAM": C}
    assert found.uv_environment() == {}


def test_what_is_set_for_uv_goes_before_what_is_set_for_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", A)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", B)
    monkeypatch.setenv("PIP_FIND_LINKS", "/")
    monkeypatch.setenv("UV_DEFAULT_INDEX", C)
    monkeypatch.setenv("UV_INDEX", D)
    monkeypatch.setenv("UV_FIND_LINKS", "/wheels")
    found = IndexConfiguration.read()
    assert (found.default, found.extra) == (C, (D,))
    assert found.uv_environment() == {}


TABLE = f"""
extra-index-url = ["{D}", 7]
find-links = ["wheels"]
[[index]]
name = "main"
url = "{A}"
default = true
[[index]]
url = "{B}"
[[index]]
url = "{C}"
explicit = true
[[index]]
name = "nothing"
[[index]]
name = "local"
url = "simple"
"""


def check_table(found: IndexConfiguration, directory: Path) -> None:
    assert found.default == A
    assert found.extra == (B, f"{directory}/simple", D)
    assert found.find_links == (f"{directory}/wheels",)
    assert C in found.urls()
    assert dict(found.named)["MAIN"] == A
    assert found.uv_environment() == {}


def test_uvs_own_file_is_read(home: Path) -> None:
    write(home / ".config/uv/uv.toml", TABLE)
    check_table(IndexConfiguration.read(), home / ".config/uv")


def test_the_projects_table_is_read(tmp_path: Path) -> None:
    text = "[tool.uv]\n" + TABLE.replace("[[index]]", "[[tool.uv.index]]")
    write(tmp_path / "project/pyproject.toml", text)
    check_table(IndexConfiguration.read(tmp_path / "project"), tmp_path / "project")


def test_a_uv_toml_of_the_project_hides_its_table(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", f'[tool.uv]\nindex-url = "{B}"\n')
    assert IndexConfiguration.read(tmp_path).default == B
    write(tmp_path / "uv.toml", f'index-url = "{A}"\n')
    assert IndexConfiguration.read(tmp_path).default == A


def test_the_project_goes_before_the_user(home: Path, tmp_path: Path) -> None:
    write(home / ".config/uv/uv.toml", f'index-url = "{A}"\nextra-index-url = ["{C}"]\n')
    write(tmp_path / "uv.toml", f'index-url = "{B}"\nextra-index-url = ["{D}"]\n')
    found = IndexConfiguration.read(tmp_path)
    assert (found.default, found.extra) == (B, (D, C))


def test_uv_can_be_told_to_read_one_file_or_none(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home / ".config/uv/uv.toml", f'index-url = "{A}"\n')
    named = write(tmp_path / "named.toml", f'index-url = "{B}"\n')
    monkeypatch.setenv("UV_CONFIG_FILE", str(named))
    assert IndexConfiguration.read(tmp_path).default == B
    monkeypatch.setenv("UV_CONFIG_FILE", str(tmp_path / "none.toml"))
    assert IndexConfiguration.read(tmp_path).default is None
    monkeypatch.delenv("UV_CONFIG_FILE")
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    assert IndexConfiguration.read(tmp_path).default is None


@pytest.mark.parametrize(
    "text", ["", "tool = 1", "[tool]\nuv = 1", "[tool.uv]\nindex = 1\nindex-url = 2\nextra-index-url = 3"]
)
def test_a_project_that_says_nothing_of_indexes_has_none(tmp_path: Path, text: str) -> None:
    write(tmp_path / "pyproject.toml", text)
    assert IndexConfiguration.read(tmp_path) == IndexConfiguration()


def test_a_uv_file_that_is_not_toml_is_named(home: Path) -> None:
    file = write(home / ".config/uv/uv.toml", "[[index")
    with pytest.raises(InputError, match="not TOML") as caught:
        IndexConfiguration.read()
    assert str(file) in caught.value.where
