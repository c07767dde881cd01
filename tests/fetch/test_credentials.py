from __future__ import annotations

import logging
import sys
import types
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fetch.conftest import HASTE, Handler, World, serving, status
from wherry.errors import WorldError
from wherry.fetch.addresses import address, shown
from wherry.fetch.credentials import Credentials
from wherry.fetch.fetcher import Fetcher
from wherry.fetch.indexes import IndexConfiguration
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.store.store import Store

SECRET = "s3cret/p@ss"  # noqa: S105 - a test's
QUOTED = "s3cret%2Fp%40ss"


def configured(*urls: str) -> Credentials:
    return Credentials(IndexConfiguration(extra=urls))


def login(known: Credentials, url: str) -> tuple[str, str] | None:
    found = known.find(address(url))
    return None if found is None else (found.user, found.password)


def test_userinfo_in_a_configured_index_serves_its_origin() -> None:
    known = configured(f"https://me:{QUOTED}@index.example/simple")
    assert login(known, "https://index.example/files/a.whl") == ("me", SECRET)
    assert login(known, "https://index.example:443/files/a.whl") == ("me", SECRET)


@pytest.mark.parametrize(
    "url",
    [
        "http://index.example/simple/a",
        "https://index.example:8443/simple/a",
        "https://index.example.evil.example/simple/a",
        "https://evil.example/index.example/",
        "https://sub.index.example/",
    ],
)
def test_no_other_origin_gets_it(url: str) -> None:
    assert login(configured("https://me:secret@index.example/simple"), url) is None


def test_the_longest_configured_url_wins() -> None:
    known = configured(
        "https://one:one1@index.example/team/simple",
        "https://two:two2@index.example/team/special/simple",
        "https://three:three3@index.example/other/simple",
    )
    assert login(known, "https://index.example/team/special/simple/a/") == ("two", "two2")
    assert login(known, "https://index.example/team/simple/a/") == ("one", "one1")
    assert login(known, "https://index.example/other/files/a.whl") == ("three", "three3")
    assert login(known, "https://index.example/elsewhere/a.whl") == ("one", "one1")


def test_the_urls_own_userinfo_goes_first() -> None:
    known = configured("https://me:secret@index.example/simple")
    assert login(known, "https://you:yours@index.example/a.whl") == ("you", "yours")


def test_a_token_may_stand_alone() -> None:
    assert login(configured("https://t0ken@index.example/simple"), "https://index.example/a") == (
        "t0ken",
        "",
    )
    assert login(Credentials(), "https://t0ken@index.example/a") == ("t0ken", "")


def test_uvs_variables_serve_a_named_index() -> None:
    known = Credentials(
        IndexConfiguration(named=(("MY_TEAM", "https://index.example/simple"),)),
        environ={"UV_INDEX_MY_TEAM_USERNAME": "me", "UV_INDEX_MY_TEAM_PASSWORD": SECRET},
    )
    assert login(known, "https://index.example/simple/a/") == ("me", SECRET)
    assert login(known, "https://other.example/simple/a/") is None


def test_a_configured_url_that_is_none_is_passed_over() -> None:
    known = configured("/a/directory", "http://[", "https://me:secret@index.example/simple")
    assert login(known, "https://index.example/") == ("me", "secret")


def test_netrc_serves_its_machines_but_its_default_nobody(tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine index.example login me password {SECRET}\ndefault login any password thing\n")
    known = Credentials(netrc=netrc)
    assert login(known, "https://index.example/a") == ("me", SECRET)
    assert login(known, "https://other.example/a") is None


@pytest.mark.parametrize("text", ["machine index.example login", "\0\xff", "machine"])
def test_a_netrc_that_cannot_be_read_is_empty(tmp_path: Path, text: str) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(text, "latin-1")
    assert login(Credentials(netrc=netrc), "https://index.example/a") is None
    assert login(Credentials(netrc=tmp_path / "none"), "https://index.example/a") is None


@pytest.mark.parametrize("way", ["NETRC", ".netrc", "_netrc"])
def test_netrc_is_found_where_curl_finds_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / (way if way.endswith("netrc") else "elsewhere")
    file.write_text("machine index.example login me password secret\n")
    if way == "NETRC":
        monkeypatch.setenv("NETRC", str(file))
    assert login(Credentials.read(), "https://index.example/a") == ("me", "secret")


def test_without_a_netrc_there_is_none() -> None:
    assert login(Credentials.read(), "https://index.example/a") is None


# Keyring


class Keyring(types.ModuleType):
    def __init__(self, passwords: dict[tuple[str, str | None], tuple[str, str]]) -> None:
        super().__init__("keyring")
        self.passwords = passwords
        self.asked: list[tuple[str, str | None]] = []

    def get_credential(self, service: str, user: str | None) -> types.SimpleNamespace | None:
        self.asked.append((service, user))
        found = self.passwords.get((service, user))
        if service == "broken.example":
            raise RuntimeError
        return None if found is None else types.SimpleNamespace(username=found[0], password=found[1])


def protected(handler: Handler) -> None:
    if handler.headers.get("Authorization") == "Basic bWU6c2VjcmV0":  # me:secret
        handler.answer(200, b"fine")
    else:
        handler.answer(401, b"")


def get(store: Store, url: str, known: Credentials) -> bytes:
    return Fetcher(store, progress=SilentProgress(), credentials=known, patience=HASTE).get(url, 100)


def test_the_keyring_is_asked_after_a_401_only_and_once(
    store: Store, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = Keyring({("127.0.0.1", None): ("me", "secret")})
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    world.routes |= {"/open": serving(b"open"), "/a": protected}
    known = Credentials()
    assert get(store, f"{world.url}/open", known) == b"open"
    assert keyring.asked == []
    assert get(store, f"{world.url}/a", known) == b"fine"
    assert get(store, f"{world.url}/a", known) == b"fine"
    assert keyring.asked == [(world.url, None), ("127.0.0.1", None)]
    assert world.asked("Authorization") == [None, None, "Basic bWU6c2VjcmV0", "Basic bWU6c2VjcmV0"]
    assert known.redact("it is secret") == "it is ****"


def test_the_keyring_is_asked_by_index_and_with_the_name_in_its_url(
    store: Store, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = Keyring({(f"{world.url}/simple", "me"): ("me", "secret")})
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    world.routes["/a"] = protected
    known = configured(world.url.replace("//", "//me@") + "/simple")
    assert get(store, f"{world.url}/a", known) == b"fine"


def test_without_any_keyring_the_error_says_where_was_looked(store: Store, world: World) -> None:
    world.routes["/a"] = status(401)
    with pytest.raises(WorldError, match="401: no credentials found") as caught:
        get(store, f"{world.url}/a", Credentials())
    assert "netrc" in caught.value.what
    assert "UV_INDEX_" in caught.value.mend


def test_refused_credentials_are_named_by_their_place_only(
    store: Store, world: World, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login someone password {SECRET}\n")
    world.routes["/a"] = status(403)
    with pytest.raises(WorldError, match=f"refuses the credentials from {netrc}") as caught:
        get(store, f"{world.url}/a", Credentials(netrc=netrc))
    assert SECRET not in " ".join(caught.value.lines())


def test_a_keyring_that_breaks_has_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", Keyring({}))
    assert Credentials().ask_keyring(address("http://broken.example:80/a")) is None


def keyring_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    program = tmp_path / "bin" / "keyring"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return program


def asked_program(environ: dict[str, str], url: str = "https://index.example/a") -> tuple[str, str] | None:
    found = Credentials(environ=environ).ask_keyring(address(url))
    return None if found is None else (found.user, found.password)


def test_the_keyring_program_is_asked_as_pip_and_uv_ask_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring_program(
        tmp_path,
        monkeypatch,
        """
        case "$*" in
          "--mode creds get index.example") echo me; echo secret;;
          "get index.example you") echo yours;;
          *) exit 1;;
        esac
        """,
    )
    environ = {"UV_KEYRING_PROVIDER": "subprocess"}
    assert asked_program(environ) == ("me", "secret")
    assert asked_program({"PIP_KEYRING_PROVIDER": "subprocess"}) == ("me", "secret")
    assert asked_program(environ, "https://you@index.example/a") == ("you", "yours")
    assert asked_program(environ, "https://other.example/a") is None
    assert asked_program({"UV_KEYRING_PROVIDER": "disabled"}) is None


@pytest.mark.parametrize("script", ["exit 0", "echo alone", "printf '\\377\\n\\377\\n'"])
def test_a_keyring_program_that_says_nothing_useful_has_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    keyring_program(tmp_path, monkeypatch, script)
    assert asked_program({"UV_KEYRING_PROVIDER": "subprocess"}) is None


def test_a_missing_or_broken_keyring_program_has_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = keyring_program(tmp_path, monkeypatch, "exit 0")
    program.write_bytes(b"\x7fELF nonsense")
    assert asked_program({"UV_KEYRING_PROVIDER": "subprocess"}) is None
    program.unlink()
    monkeypatch.setenv("PATH", str(program.parent))
    assert asked_program({"UV_KEYRING_PROVIDER": "subprocess"}) is None


# Secrets stay here


def test_nothing_shows_a_secret(tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine other.example login you password netrcsecret\n")
    configuration = IndexConfiguration(
        default=f"https://me:{QUOTED}@index.example/simple",
        extra=(f"https://me:{QUOTED}@index.example/more",),
        named=(("TEAM", "https://team.example/simple"),),
    )
    known = Credentials(configuration, environ={"UV_INDEX_TEAM_PASSWORD": "teamsecret"}, netrc=netrc)
    found = known.find(address("https://index.example/"))
    texts = [
        repr(known),
        repr(configuration),
        repr(found),
        repr(known._known),
        repr(address("http://a:b@h/")),
    ]
    for text in texts:
        for secret in (SECRET, QUOTED, "netrcsecret", "teamsecret", "a:b"):
            assert secret not in text


def test_a_text_is_redacted_of_userinfo_and_of_every_secret_known(tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine other.example login you password netrcsecret\n")
    known = Credentials(
        IndexConfiguration(extra=(f"https://me:{QUOTED}@index.example/", "https://t0ken@index.example/")),
        netrc=netrc,
    )
    text = f"at https://a:b@c@host/x and 'http://t0ken@h' or {SECRET} or {QUOTED}, netrcsecret; t0ken. mail@h"
    assert known.redact(text) == "at https://host/x and 'http://h' or **** or ****, ****; ****. mail@h"


def test_a_short_password_does_not_blank_the_message() -> None:
    assert configured("https://me:a@index.example/").redact("a plan") == "a plan"


@given(user=st.text(), password=st.text(min_size=4))
def test_whatever_the_password_its_url_is_shown_without(user: str, password: str) -> None:
    from urllib.parse import quote  # noqa: PLC0415 - only here

    userinfo = quote(f"{user}", "") + ":" + quote(password, "")
    url = f"https://{userinfo}@index.example/a.whl?signature={quote(password, '')}#sha256=x"
    assert shown(url) == "https://index.example/a.whl"
    known = configured(f"https://{userinfo}@index.example/")
    assert quote(password, "") not in known.redact(f"fetching {url} failed").replace("****", "")
    assert login(known, "https://index.example/a") == (user, password)


def test_nothing_is_logged(store: Store, world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.routes["/a"] = protected
    with caplog.at_level(logging.DEBUG):
        get(store, world.url.replace("//", "//me:secret@") + "/a", Credentials())
    assert "secret" not in caplog.text
    assert "bWU6c2VjcmV0" not in caplog.text
    assert not [file for file in store.root.rglob("*") if file.is_file() and b"secret" in file.read_bytes()]
