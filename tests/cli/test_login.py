"""A login is checked before it is kept, kept where other tools find it, and shown nowhere."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.oci.registry.harbour import Asked, Harbour, Told, guarded, open_harbour, says
from tests.programs import require_program
from wherry.cli import main
from wherry.oci.registry.client import Registries
from wherry.oci.registry.credentials import Keychain
from wherry.oci.registry.errors import NoCredentialsError, RepositoryNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.registries import DockerRegistry

PASSWORD = "planted-Pa55word"  # noqa: S105 - planted, to be found in docker's file alone
PAIR = base64.b64encode(f"captain:{PASSWORD}".encode()).decode()


@pytest.fixture(autouse=True)
def docker_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Docker's file, of a home that has none yet."""
    for name in (
        "DOCKER_CONFIG",
        "REGISTRY_AUTH_FILE",
        "XDG_RUNTIME_DIR",
        "XDG_CONFIG_HOME",
        "DOCKER_AUTH_CONFIG",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "5")
    return tmp_path / "home/.docker/config.json"


@pytest.fixture
def harbour() -> Iterator[Harbour]:
    """A registry that knows the captain."""
    with open_harbour() as harbour:
        harbour.routes["/v2/"] = guarded("Basic", lambda sent: sent == f"Basic {PAIR}")
        yield harbour


def type_in(monkeypatch: pytest.MonkeyPatch, text: str, *, terminal: bool = False) -> None:
    typed = io.BytesIO(text.encode(errors="surrogateescape"))
    stdin = io.TextIOWrapper(typed, encoding="utf-8", newline="")
    monkeypatch.setattr(stdin, "isatty", lambda: terminal)
    monkeypatch.setattr("sys.stdin", stdin)


def log_in(
    monkeypatch: pytest.MonkeyPatch, host: str, *options: str, password: str = PASSWORD, user: str = "captain"
) -> int:
    type_in(monkeypatch, password + "\n")
    return main.run(["login", host, "-u", user, "--password-stdin", *options])


def content(file: Path) -> Any:  # noqa: ANN401 - JSON
    return json.loads(file.read_text())


def install_helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, works: bool = True) -> Path:
    """Make ``docker-credential-test`` keep what it is given in a file."""
    programs, kept = tmp_path / "programs", tmp_path / "kept"
    programs.mkdir()
    script = f"""#!/bin/sh
case "$1" in
  store) {f"cat >{kept}" if works else "exit 1"} ;;
  get) test -s {kept} && cat {kept} ;;
  erase) rm {kept} ;;
esac
"""
    (programs / "docker-credential-test").write_text(script)
    (programs / "docker-credential-test").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return kept


def test_a_login_that_the_registry_accepts_is_kept_for_its_owner_alone(
    harbour: Harbour, docker_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert log_in(monkeypatch, harbour.host) == 0
    assert content(docker_file) == {"auths": {harbour.host: {"auth": PAIR}}}
    assert docker_file.stat().st_mode & 0o777 == 0o600
    assert docker_file.parent.stat().st_mode & 0o777 == 0o700
    captured = capsys.readouterr()
    assert captured.out == f"logged in to {harbour.host} as captain; kept in {docker_file}\n"
    assert captured.err == ""
    found = Keychain.of_environment().find(harbour.host)
    assert found is not None
    assert (found.user, found.password) == ("captain", PASSWORD)


def test_a_login_that_the_registry_refuses_is_not_kept(
    harbour: Harbour, docker_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert log_in(monkeypatch, harbour.host, password="planted-wrong") == 3  # noqa: S106 - planted
    error = capsys.readouterr().err
    assert error.startswith(f"error: wrong name or password for {harbour.host}, from standard input (401)")
    mend = "check the name captain and the password from standard input, and try again"
    assert error.splitlines()[-1] == f"  mend: {mend}"
    assert "planted" not in error
    assert not docker_file.exists()


def test_a_password_in_other_bytes_than_utf_8_is_sent_and_kept_as_it_is(
    harbour: Harbour, docker_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = base64.b64encode(b"captain:planted-\xff\xe4").decode()
    harbour.routes["/v2/"] = guarded("Basic", lambda sent: sent == f"Basic {pair}")
    assert log_in(monkeypatch, harbour.host, password="planted-\udcff\udce4") == 0  # noqa: S106 - planted
    assert content(docker_file)["auths"][harbour.host] == {"auth": pair}
    with Registries() as registries:  # as the file has it
        assert registries.at(harbour.host).greet()


def test_a_helper_that_cannot_be_told_such_a_password_is_an_error_without_it(
    harbour: Harbour,
    docker_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    harbour.routes["/v2/"] = says(200)
    install_helper(tmp_path, monkeypatch)
    docker_file.parent.mkdir(parents=True)
    docker_file.write_text('{"credsStore": "test"}')
    assert log_in(monkeypatch, harbour.host, password="planted-\udcff") == 2  # noqa: S106 - planted
    error = capsys.readouterr().err
    assert "docker-credential-test can only be told a name and password in UTF-8" in error
    assert "planted" not in error


def test_a_login_is_checked_at_the_token_server_too(
    harbour: Harbour, docker_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def token(asked: Asked) -> Told:
        right = asked.authorization == f"Basic {PAIR}"
        return Told.json({"token": "planted-token"}) if right else Told(401)

    example = 'scope="repository:example/image:pull"'  # ghcr.io names one
    challenge = f'Bearer realm="{harbour.url}/token",service="x",{example}'
    harbour.routes["/token"] = token
    harbour.routes["/v2/"] = guarded(challenge, lambda sent: sent == "Bearer planted-token")
    assert log_in(monkeypatch, harbour.host, password="planted-wrong") == 3  # noqa: S106 - planted
    assert not docker_file.exists()
    assert log_in(monkeypatch, harbour.host) == 0
    assert "scope" not in harbour.asked_for("/token")[-1].query
    assert "planted-token" not in docker_file.read_text()


def test_everything_else_in_the_file_stays(
    harbour: Harbour, docker_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker_file.parent.mkdir(parents=True)
    before = {
        "HttpHeaders": {"a": "b"},
        "auths": {
            "other.example": {"auth": "eDp5"},
            f"https://{harbour.host}/v1/": {"auth": "b2xkOm9sZA=="},
            f"{harbour.host}/team": {"auth": "dGVhbTp0ZWFt"},
        },
        "psFormat": "näh",
    }
    docker_file.write_text(json.dumps(before))
    docker_file.chmod(0o644)
    assert log_in(monkeypatch, harbour.host) == 0
    others = {"other.example": {"auth": "eDp5"}, f"{harbour.host}/team": {"auth": "dGVhbTp0ZWFt"}}
    assert content(docker_file) == {**before, "auths": {**others, harbour.host: {"auth": PAIR}}}
    assert list(content(docker_file)) == list(before)
    assert docker_file.stat().st_mode & 0o777 == 0o600
    assert main.run(["logout", harbour.host]) == 0
    assert content(docker_file) == {**before, "auths": others}


def test_a_file_that_is_a_link_stays_one(
    harbour: Harbour, docker_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker_file.parent.mkdir(parents=True)
    (tmp_path / "dotfiles").mkdir()
    docker_file.symlink_to(tmp_path / "dotfiles/config.json")
    assert log_in(monkeypatch, harbour.host) == 0
    assert docker_file.is_symlink()
    assert harbour.host in content(tmp_path / "dotfiles/config.json")["auths"]


@pytest.mark.parametrize("key", ["credsStore", "credHelpers"])
def test_a_helper_keeps_the_login_where_the_file_names_one(
    key: str, harbour: Harbour, docker_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = install_helper(tmp_path, monkeypatch)
    docker_file.parent.mkdir(parents=True)
    named: dict[str, object] = {key: "test" if key == "credsStore" else {harbour.host: "test"}}
    docker_file.write_text(json.dumps({**named, "auths": {harbour.host: {"auth": "b2xkOm9sZA=="}}}))
    assert log_in(monkeypatch, harbour.host) == 0
    assert content(docker_file) == {**named, "auths": {harbour.host: {}}}
    assert content(kept) == {"ServerURL": harbour.host, "Username": "captain", "Secret": PASSWORD}
    found = Keychain.of_environment().find(harbour.host)
    assert found is not None
    assert (found.password, found.source) == (PASSWORD, "docker-credential-test")
    assert main.run(["logout", harbour.host]) == 0
    assert content(docker_file) == {**named, "auths": {}}
    assert not kept.exists()


def test_a_helper_that_fails_is_an_error_and_the_file_stays(
    harbour: Harbour,
    docker_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    install_helper(tmp_path, monkeypatch, works=False)
    docker_file.parent.mkdir(parents=True)
    docker_file.write_text('{"credsStore": "test"}')
    assert log_in(monkeypatch, harbour.host) == 3
    captured = capsys.readouterr()
    assert "docker-credential-test did not store the credentials" in captured.err
    assert PASSWORD not in captured.out + captured.err
    assert docker_file.read_text() == '{"credsStore": "test"}'


def test_a_file_that_cannot_be_understood_is_not_written_over(
    harbour: Harbour, docker_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docker_file.parent.mkdir(parents=True)
    docker_file.write_text('{"auths": ')
    assert log_in(monkeypatch, harbour.host) == 2
    assert f"at: {docker_file}" in capsys.readouterr().err
    assert docker_file.read_text() == '{"auths": '


def test_a_registry_that_asks_nobody_is_noted(
    harbour: Harbour, docker_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    harbour.routes["/v2/"] = says(200)
    assert log_in(monkeypatch, harbour.host) == 0
    assert "did not ask for a password, so it is not checked" in capsys.readouterr().err
    assert docker_file.exists()


def test_quiet_says_nothing(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert log_in(monkeypatch, harbour.host, "--plain-http", "-q") == 0
    assert main.run(["logout", harbour.host, "-q"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("typed", "password"), [("a\n", "a"), ("a\r\n", "a"), ("a", "a"), (" a b \n", " a b "), ("a\nb", "a\nb")]
)
def test_a_password_from_standard_input_loses_one_line_end_only(
    typed: str, password: str, harbour: Harbour, docker_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = base64.b64encode(f"captain:{password}".encode()).decode()
    harbour.routes["/v2/"] = guarded("Basic", lambda sent: sent == f"Basic {pair}")
    type_in(monkeypatch, typed)
    assert main.run(["login", harbour.host, "-u", "captain", "--password-stdin"]) == 0
    assert content(docker_file)["auths"][harbour.host] == {"auth": pair}


@pytest.mark.parametrize("typed", ["", "\n", "x" * 70_000])
def test_an_empty_or_endless_password_is_an_input_error(
    typed: str, harbour: Harbour, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(monkeypatch, typed)
    assert main.run(["login", harbour.host, "-u", "captain", "--password-stdin"]) == 2
    assert "the password is empty or too long" in capsys.readouterr().err
    assert harbour.asked == []


def test_on_a_terminal_name_and_password_are_asked_for_and_the_password_is_hidden(
    harbour: Harbour, docker_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, bool]] = []

    def prompt(text: str, *, hide_input: bool = False, err: bool = False) -> str:
        assert err
        asked.append((text, hide_input))
        return PASSWORD if hide_input else "captain"

    monkeypatch.setattr("click.prompt", prompt)
    type_in(monkeypatch, "", terminal=True)
    assert main.run(["login", harbour.host]) == 0
    harbour.routes["/v2/"] = guarded("Basic", lambda _: False)
    assert main.run(["login", harbour.host, "-u", "captain"]) == 3
    assert "the password from what you typed, and try again" in capsys.readouterr().err
    assert asked[:2] == [("Username", False), ("Password for captain", True)]
    assert content(docker_file)["auths"] == {harbour.host: {"auth": PAIR}}


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("-u", "captain"), "standard input is no terminal to ask for a password on: use --password-stdin"),
        (("--password-stdin",), "give the name with -u"),
        ((), "give the name with -u"),
    ],
)
def test_without_a_terminal_nothing_is_asked_for(
    arguments: tuple[str, ...], what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(monkeypatch, PASSWORD)
    assert main.run(["login", "registry.example", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"error: {what} (")


@pytest.mark.parametrize("command", [("login", "-u", "captain", "--password-stdin"), ("logout",)])
def test_what_is_no_host_is_an_input_error(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(monkeypatch, PASSWORD)
    assert main.run([*command, "team/app:latest"]) == 2
    assert "'team/app:latest' cannot be the host of a registry" in capsys.readouterr().err


def test_a_name_that_basic_cannot_carry_is_an_input_error(
    harbour: Harbour, docker_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harbour.routes["/v2/"] = says(200)
    assert log_in(monkeypatch, harbour.host, user="a:b") == 2
    assert not docker_file.exists()


def test_logging_out_of_where_nobody_is_logged_in_changes_nothing(
    docker_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["logout", "registry.example"]) == 0
    assert capsys.readouterr().out == "not logged in to registry.example\n"
    assert not docker_file.exists()


def test_logging_out_tells_who_still_knows_a_login(
    docker_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    podman = docker_file.parents[1] / "auth.json"
    podman.parent.mkdir()
    podman.write_text(json.dumps({"auths": {"registry.example": {"auth": PAIR}}}))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(podman))
    assert main.run(["logout", "registry.example"]) == 0
    assert f"note: {podman} still knows a login for registry.example" in capsys.readouterr().err


def test_docker_hub_is_kept_under_the_name_docker_has_for_it(docker_file: Path) -> None:
    from wherry.oci.registry.logins import forget_login, keep_login  # noqa: PLC0415 - without asking Docker Hub

    keep_login(docker_file, "docker.io", "captain", PASSWORD)
    assert content(docker_file) == {"auths": {"https://index.docker.io/v1/": {"auth": PAIR}}}
    assert forget_login(docker_file, "docker.io") == [str(docker_file)]


# With a real registry and a real other tool.


def test_skopeo_uses_what_wherry_keeps_and_the_other_way_round(
    password_registry: DockerRegistry,
    tmp_path: Path,
    docker_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host, skopeo = password_registry.host, require_program("skopeo")
    assert (
        log_in(monkeypatch, host, password=password_registry.password + "x", user=password_registry.user) == 3
    )
    assert log_in(monkeypatch, host, password=password_registry.password, user=password_registry.user) == 0
    insecure = "--tls-verify=false"
    reading = [skopeo, "list-tags", insecure, "--authfile", str(docker_file), f"docker://{host}/none"]
    done = subprocess.run(reading, check=False, capture_output=True, text=True)
    assert "404 (Not Found)" in done.stderr
    assert main.run(["logout", host]) == 0
    done = subprocess.run(reading, check=False, capture_output=True, text=True)
    assert "authentication required" in done.stderr

    podman = tmp_path / "auth.json"
    login = [skopeo, "login", insecure, "--authfile", str(podman), "-u", password_registry.user]
    password = password_registry.password
    subprocess.run(
        [*login, "--password-stdin", host], input=password, text=True, check=True, capture_output=True
    )
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(podman))
    with Registries() as registries:
        assert registries.at(host).greet()
        with (
            pytest.raises(RepositoryNotFoundError, match="has no repository team/none"),
            registries.at(host).request("GET", "team/none/tags/list", repository="team/none"),
        ):
            pass


@pytest.mark.usefixtures("trusted_authority")
def test_a_registry_with_tls_is_logged_into(
    tls_registry: DockerRegistry, docker_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert log_in(monkeypatch, tls_registry.host, password=tls_registry.password, user=tls_registry.user) == 0
    assert tls_registry.host in content(docker_file)["auths"]


def test_a_real_registry_without_a_login_says_what_to_do(
    password_registry: DockerRegistry, fresh_repository: str
) -> None:
    with (
        Registries(keychain=Keychain()) as registries,
        pytest.raises(NoCredentialsError) as caught,
        registries.at(password_registry.host).request(
            "GET", f"{fresh_repository}/manifests/latest", repository=fresh_repository
        ),
    ):
        pass
    assert caught.value.mend == f"run 'wherry login {password_registry.host}'"
