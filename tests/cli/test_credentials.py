"""Credentials that a registry refuses: the mend names where they came from, and nothing shows them."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.oci.registry.harbour import Harbour, Told, guarded, open_harbour
from wherry.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.oci.registry.harbour import Asked
    from tests.registries import DockerRegistry

ODD = os.fsdecode(b"planted-\xff\xe4-Pa55word")
"""A password that is no UTF-8."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without credentials, who wants to see tracebacks."""
    for name in (
        "DOCKER_CONFIG",
        "REGISTRY_AUTH_FILE",
        "XDG_RUNTIME_DIR",
        "XDG_CONFIG_HOME",
        "DOCKER_AUTH_CONFIG",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WHERRY_CACHE_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("WHERRY_DEBUG", "1")
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "5")
    return tmp_path / "home"


@pytest.fixture
def harbour() -> Iterator[Harbour]:
    with open_harbour() as harbour:
        yield harbour


def in_variables(monkeypatch: pytest.MonkeyPatch, host: str, user: str = "captain") -> None:
    monkeypatch.setenv("WHERRY_REGISTRY", host)
    monkeypatch.setenv("WHERRY_REGISTRY_USERNAME", user)
    monkeypatch.setenv("WHERRY_REGISTRY_PASSWORD", ODD)


def refused(host: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What ``wherry pull`` says last; nowhere in it is the password."""
    assert main.run(["pull", f"{host}/team/app:v1"]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "planted" not in captured.err
    assert base64.b64encode(os.fsencode(ODD)).decode().rstrip("=")[:-1] not in captured.err
    assert "UnicodeEncodeError" not in captured.err
    return captured.err.splitlines()[-3:]


def test_the_variables_are_named_when_what_they_hold_is_refused(
    password_registry: DockerRegistry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    host = password_registry.host
    in_variables(monkeypatch, host)
    what, _, mend = refused(host, capsys)
    assert what.startswith(f"error: wrong name or password for {host}, from $WHERRY_REGISTRY_PASSWORD (401)")
    assert mend == "  mend: correct $WHERRY_REGISTRY_USERNAME and $WHERRY_REGISTRY_PASSWORD, or unset them"


def test_a_token_server_is_sent_any_bytes_and_the_variables_are_named_too(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def token(asked: Asked) -> Told:
        echo = os.fsencode(ODD).decode(errors="replace")
        return Told.json({"details": f"no {asked.authorization} with {echo}"}, 401)

    challenge = f'Bearer realm="{harbour.url}/token",service="x"'
    harbour.routes["/v2/team/app/manifests/v1"] = guarded(challenge, lambda _: False)
    harbour.routes["/token"] = token
    user = os.fsdecode(b"captain-\xfe")
    in_variables(monkeypatch, harbour.host, user)
    what, _, mend = refused(harbour.host, capsys)
    assert "wrong name or password" in what
    assert mend == "  mend: correct $WHERRY_REGISTRY_USERNAME and $WHERRY_REGISTRY_PASSWORD, or unset them"
    (asked,) = harbour.asked_for("/token")
    pair = base64.b64encode(os.fsencode(f"{user}:{ODD}")).decode()
    assert asked.authorization == f"Basic {pair}"
    assert asked.query["account"] == ["captain-\ufffd"]  # one byte, as the server reads it


def test_variables_that_are_half_set_are_not_passed_over(
    password_registry: DockerRegistry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_variables(monkeypatch, password_registry.host)
    monkeypatch.delenv("WHERRY_REGISTRY_USERNAME")
    set_one = "WHERRY_REGISTRY_PASSWORD"
    assert main.run(["pull", f"{password_registry.host}/team/app:v1"]) == 2
    assert capsys.readouterr().err.splitlines()[-2:] == [
        f"error: {set_one} is set for {password_registry.host}, and WHERRY_REGISTRY_USERNAME is not",
        "  mend: set WHERRY_REGISTRY_USERNAME, or unset WHERRY_REGISTRY_PASSWORD",
    ]


def test_a_permission_that_is_missing_is_not_mended_by_a_login_that_would_not_be_used(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    challenge = f'Bearer realm="{harbour.url}/token",service="x"'
    harbour.routes["/v2/team/app/manifests/v1"] = guarded(challenge, lambda _: False)
    harbour.routes["/token"] = lambda _: Told.json({"token": "planted-token"})
    monkeypatch.setenv(
        "DOCKER_AUTH_CONFIG",
        json.dumps({"auths": {harbour.host: {"auth": base64.b64encode(b"a:planted-b").decode()}}}),
    )
    what, _, mend = refused(harbour.host, capsys)
    assert "no permission for" in what
    assert mend.endswith("ask its owner for access, or correct $DOCKER_AUTH_CONFIG, or unset it")
