"""The mirror is the project's, else the environment's, else apt's, else Debian's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wherry.bases.mirror import OFFICIAL_MAIN, OFFICIAL_SECURITY, MirrorSettings, mirror_settings
from wherry.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def _apt(folder: Path) -> Path:
    (folder / "sources.list.d").mkdir(parents=True)
    (folder / "apt.conf.d").mkdir()
    return folder


def test_without_anything_it_is_debians_own(tmp_path: Path) -> None:
    assert mirror_settings(environment={}, apt_root=tmp_path / "none") == MirrorSettings(
        OFFICIAL_MAIN, OFFICIAL_SECURITY
    )


def test_the_project_goes_before_the_environment(tmp_path: Path) -> None:
    environment = {"WHERRY_DEBIAN_MIRROR": "http://env.example/debian"}
    found = mirror_settings("https://project.example/debian/", environment=environment, apt_root=tmp_path)
    assert found.main == "https://project.example/debian"
    assert found.security == "https://project.example/debian-security"
    assert mirror_settings(environment=environment, apt_root=tmp_path).main == "http://env.example/debian"


def test_a_mirror_of_another_form_leaves_security_to_debian(tmp_path: Path) -> None:
    found = mirror_settings("http://snapshot.example/20250101", environment={}, apt_root=tmp_path)
    assert found.security == OFFICIAL_SECURITY


def test_both_archives_can_be_named(tmp_path: Path) -> None:
    found = mirror_settings("http://a.example/d http://b.example/s/", environment={}, apt_root=tmp_path)
    assert (found.root("main"), found.root("security")) == ("http://a.example/d", "http://b.example/s")


@pytest.mark.parametrize(
    "text", ["ftp://a.example/debian", "nonsense", "http://a b c", "http://[", "http:///debian"]
)
def test_what_is_no_web_address_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        mirror_settings(environment={"WHERRY_DEBIAN_MIRROR": text}, apt_root=tmp_path)
    assert caught.value.where == "WHERRY_DEBIAN_MIRROR"


def test_apts_new_sources_are_read(tmp_path: Path) -> None:
    text = """\
Types: deb
# http://commented.example/debian
URIs: http://first.example/debian http://second.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://first.example/debian-security
Suites: bookworm-security
Components: main contrib
"""
    found = mirror_settings(environment={}, apt_root=_apt(tmp_path / "apt"))
    assert found.main == OFFICIAL_MAIN
    (tmp_path / "apt/sources.list.d/debian.sources").write_text(text)
    found = mirror_settings(environment={}, apt_root=tmp_path / "apt")
    assert (found.main, found.security) == (
        "http://first.example/debian",
        "http://first.example/debian-security",
    )


def test_apts_old_sources_are_read(tmp_path: Path) -> None:
    apt = _apt(tmp_path / "apt")
    (apt / "sources.list").write_text(
        """\
# deb http://commented.example/debian bookworm main
deb cdrom:[Debian]/ bookworm main
deb-src http://source.example/debian bookworm main
deb [arch=amd64 signed-by=/x] http://old.example/debian/ stable main contrib # the mirror
deb http://old.example/debian-security bookworm-security main
"""
    )
    found = mirror_settings(environment={}, apt_root=apt)
    assert (found.main, found.security) == ("http://old.example/debian", "http://old.example/debian-security")


@pytest.mark.parametrize(
    "line",
    [
        "deb https://packages.example/apt cloud-sdk-bookworm main",
        "deb https://docker.example/linux/debian bookworm stable",
        "deb http://ubuntu.example/ubuntu noble main",
        "deb http://some.example/other bookworm main",
        "deb mirror+file:/etc/mirrors/debian bookworm main",
        "deb",
    ],
)
def test_sources_of_others_are_left_alone(line: str, tmp_path: Path) -> None:
    apt = _apt(tmp_path / "apt")
    (apt / "sources.list.d" / "other.list").write_text(line + "\n")
    assert mirror_settings(environment={}, apt_root=apt).main == OFFICIAL_MAIN


@pytest.mark.parametrize("field", ["Enabled: no\n", "", "Types: deb-src\n"])
def test_sources_that_are_off_are_left_alone(field: str, tmp_path: Path) -> None:
    apt = _apt(tmp_path / "apt")
    types = "" if "Types" in field or not field else "Types: deb\n"
    (apt / "sources.list.d" / "debian.sources").write_text(
        f"{types}{field}URIs: http://off.example/debian\nSuites: trixie\nComponents: main\n"
    )
    assert mirror_settings(environment={}, apt_root=apt).main == OFFICIAL_MAIN


def test_a_snapshots_age_is_accepted_where_apt_accepts_it(tmp_path: Path) -> None:
    apt = _apt(tmp_path / "apt")
    assert mirror_settings(environment={}, apt_root=apt).check_valid_until
    (apt / "apt.conf.d" / "99snapshot").write_text('// a comment\nAcquire::Check-Valid-Until "false";\n')
    assert not mirror_settings(environment={}, apt_root=apt).check_valid_until
    (apt / "apt.conf.d" / "99snapshot").write_text('// Acquire::Check-Valid-Until "false";\n')
    assert mirror_settings(environment={}, apt_root=apt).check_valid_until


def test_the_hosts_own_configuration_can_be_read() -> None:
    assert mirror_settings(environment={}).main.startswith("http")
