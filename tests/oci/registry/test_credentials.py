"""Credentials are found where docker, podman and CI services leave them, in the order that is promised."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING

import pytest

from wherry.errors import InputError
from wherry.oci.registry import exchange, tokens
from wherry.oci.registry.credentials import Keychain, Login, docker_file
from wherry.store import uploads

if TYPE_CHECKING:
    from pathlib import Path

HOST = "registry.example"
SECRET = "planted-Pa55word"  # noqa: S105 - planted, to be found nowhere


def pair(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def entry(user: str, password: str = SECRET) -> dict[str, str]:
    return {"auth": pair(user, password)}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory, and an environment that says nothing else."""
    home = tmp_path / "home"
    home.mkdir()
    for name in (
        "DOCKER_CONFIG",
        "REGISTRY_AUTH_FILE",
        "XDG_RUNTIME_DIR",
        "XDG_CONFIG_HOME",
        "DOCKER_AUTH_CONFIG",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("", "_USERNAME", "_PASSWORD"):
        monkeypatch.delenv(f"WHERRY_REGISTRY{name}", raising=False)
    monkeypatch.setenv("HOME", str(home))
    return home


def write(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def install_helper(home: Path, name: str, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a helper that says *user*, with the server it was asked for as the secret."""
    programs = home / "programs"
    programs.mkdir(exist_ok=True)
    script = f"""#!/bin/sh
read -r server
echo "$server" >>{home}/asked-{name}
printf '{{"Username": "{user}", "Secret": "%s"}}' "$server"
"""
    (programs / f"docker-credential-{name}").write_text(script)
    (programs / f"docker-credential-{name}").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")


def found_in(tmp_path: Path, document: object, host: str = HOST, repository: str = "") -> Login | None:
    return Keychain([write(tmp_path / "config.json", document)]).find(host, repository)


def user_in(tmp_path: Path, document: object, host: str = HOST, repository: str = "") -> str | None:
    found = found_in(tmp_path, document, host, repository)
    return None if found is None else found.user


def test_a_machine_without_files_knows_nobody(home: Path) -> None:
    assert home.is_dir()
    assert Keychain.of_environment().find(HOST) is None


def test_the_first_place_that_knows_a_login_counts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # From the last place to the first: each comes before those that were there already.
    def user() -> str:
        found = Keychain.of_environment().find(HOST, "team/app")
        assert found is not None
        assert found.password == SECRET
        return found.user

    write(home / ".config/containers/auth.json", {"auths": {HOST: entry("podman-home")}})
    assert user() == "podman-home"
    write(home / "configuration/containers/auth.json", {"auths": {HOST: entry("podman-xdg")}})
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "configuration"))
    assert user() == "podman-xdg"
    write(home / "run/containers/auth.json", {"auths": {HOST: entry("podman-run")}})
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "run"))
    assert user() == "podman-run"
    monkeypatch.setenv(
        "REGISTRY_AUTH_FILE", str(write(home / "named.json", {"auths": {HOST: entry("named")}}))
    )
    assert user() == "named"
    write(home / ".docker/config.json", {"auths": {HOST: entry("docker-home")}})
    assert user() == "docker-home"
    write(home / "docker/config.json", {"auths": {HOST: entry("docker-named")}})
    monkeypatch.setenv("DOCKER_CONFIG", str(home / "docker"))
    assert user() == "docker-named"
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", json.dumps({"auths": {HOST: entry("ci")}}))
    assert user() == "ci"
    monkeypatch.setenv("WHERRY_REGISTRY", HOST)
    monkeypatch.setenv("WHERRY_REGISTRY_USERNAME", "ours")
    monkeypatch.setenv("WHERRY_REGISTRY_PASSWORD", SECRET)
    assert user() == "ours"


def test_a_place_that_knows_other_hosts_only_is_passed_over(home: Path) -> None:
    write(home / ".docker/config.json", {"auths": {"other.example": entry("other")}})
    write(home / ".config/containers/auth.json", {"auths": {HOST: entry("podman")}})
    found = Keychain.of_environment().find(HOST)
    assert found is not None
    assert (found.user, found.source) == ("podman", str(home / ".config/containers/auth.json"))


def test_our_variables_are_for_the_host_they_name_alone(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    assert home.is_dir()
    monkeypatch.setenv("WHERRY_REGISTRY", HOST)
    monkeypatch.setenv("WHERRY_REGISTRY_USERNAME", "ours")
    monkeypatch.setenv("WHERRY_REGISTRY_PASSWORD", SECRET)
    keychain = Keychain.of_environment()
    assert keychain.find("other.example") is None
    found = keychain.find(HOST)
    assert found is not None
    assert (found.user, found.source) == ("ours", "$WHERRY_REGISTRY_PASSWORD")


def test_our_variables_without_a_host_are_an_error_and_sent_nowhere() -> None:
    keychain = Keychain(environ={"WHERRY_REGISTRY_USERNAME": "ours", "WHERRY_REGISTRY_PASSWORD": SECRET})
    with pytest.raises(InputError, match="are set without WHERRY_REGISTRY") as caught:
        keychain.find(HOST)
    assert SECRET not in "".join(caught.value.lines())


@pytest.mark.parametrize(("there", "missing"), [("USERNAME", "PASSWORD"), ("PASSWORD", "USERNAME")])
def test_our_variables_half_set_are_an_error_that_names_the_missing_one(there: str, missing: str) -> None:
    for empty in ({}, {f"WHERRY_REGISTRY_{missing}": ""}):
        keychain = Keychain(environ={"WHERRY_REGISTRY": HOST, f"WHERRY_REGISTRY_{there}": SECRET, **empty})
        with pytest.raises(InputError, match=f"and WHERRY_REGISTRY_{missing} is not") as caught:
            keychain.find(HOST)
        assert caught.value.mend == f"set WHERRY_REGISTRY_{missing}, or unset WHERRY_REGISTRY_{there}"
        assert SECRET not in "".join(caught.value.lines())
        assert keychain.find("other.example") is None


def test_a_login_that_logging_in_anew_would_not_replace_says_what_to_correct() -> None:
    variables = {
        "WHERRY_REGISTRY": HOST,
        "WHERRY_REGISTRY_USERNAME": "ours",
        "WHERRY_REGISTRY_PASSWORD": SECRET,
        "DOCKER_AUTH_CONFIG": json.dumps({"auths": {"other.example": entry("ci")}}),
    }
    ours, docker = (Keychain(environ=variables).find(host) for host in (HOST, "other.example"))
    assert ours is not None
    assert ours.mend(HOST) == (
        "correct $WHERRY_REGISTRY_USERNAME and $WHERRY_REGISTRY_PASSWORD, or unset them"
    )
    assert docker is not None
    assert docker.mend("other.example") == "correct $DOCKER_AUTH_CONFIG, or unset it"
    assert Login("a file", "ours", SECRET).mend(HOST) == f"run 'wherry login {HOST}'"


def test_a_password_is_sent_in_the_bytes_it_has(tmp_path: Path) -> None:
    bytes_of_it = base64.b64encode(b"captain:\xff\xe4").decode()
    variables = {
        "WHERRY_REGISTRY": HOST,
        "WHERRY_REGISTRY_USERNAME": "captain",
        "WHERRY_REGISTRY_PASSWORD": os.fsdecode(b"\xff\xe4"),
    }
    file = write(tmp_path / "config.json", {"auths": {HOST: {"auth": bytes_of_it}}})
    for found in (Keychain(environ=variables).find(HOST), Keychain([file]).find(HOST)):
        assert found is not None
        assert found.basic == f"Basic {bytes_of_it}"


def test_a_login_given_by_hand_comes_first(tmp_path: Path) -> None:
    file = write(tmp_path / "config.json", {"auths": {HOST: entry("file")}})
    by_hand = Login("here", "hand", SECRET)
    keychain = Keychain([file], logins={HOST: by_hand})
    assert keychain.find(HOST, "team/app") is by_hand


@pytest.mark.parametrize(
    "key",
    [HOST, f"https://{HOST}", f"http://{HOST}/", f"https://{HOST}/v1/", f"https://{HOST}/v2/", HOST.upper()],
)
def test_a_host_is_recognised_however_its_key_is_spelt(key: str, tmp_path: Path) -> None:
    assert user_in(tmp_path, {"auths": {key: entry("captain")}}) == "captain"


@pytest.mark.parametrize(
    "key", ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"]
)
def test_docker_hub_is_recognised_by_all_its_names(key: str, tmp_path: Path) -> None:
    document = {"auths": {key: entry("captain")}}
    assert user_in(tmp_path, document, "docker.io", "library/python") == "captain"


@pytest.mark.parametrize(
    "key", [f"{HOST}:5000", f"{HOST}.evil.example", "example", f"x{HOST}", "", "https://", "a b"]
)
def test_another_host_is_another(key: str, tmp_path: Path) -> None:
    assert user_in(tmp_path, {"auths": {key: entry("captain")}}) is None


def test_the_longest_path_that_fits_counts(tmp_path: Path) -> None:
    document = {
        "auths": {
            HOST: entry("host"),
            f"{HOST}/team": entry("team"),
            f"{HOST}/team/app": entry("app"),
            f"{HOST}/team/app/deep": entry("deep"),
        }
    }
    for repository, user in [
        ("team/app", "app"),
        ("team/app/deep", "deep"),
        ("team/app/deep/er", "deep"),
        ("team/application", "team"),
        ("team", "team"),
        ("teams", "host"),
        ("", "host"),
    ]:
        assert user_in(tmp_path, document, HOST, repository) == user


def test_the_helper_of_the_host_comes_before_the_file_and_the_helper_of_all_after_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_helper(home, "own", "by-own-helper", monkeypatch)
    install_helper(home, "all", "by-helper-of-all", monkeypatch)
    document: dict[str, object] = {"credsStore": "all"}
    assert user_in(tmp_path, document) == "by-helper-of-all"
    document["auths"] = {HOST: {}}  # as Docker writes when a helper has the secret
    assert user_in(tmp_path, document) == "by-helper-of-all"
    document["auths"] = {HOST: entry("file")}
    assert user_in(tmp_path, document) == "file"
    document["credHelpers"] = {"other.example": "all"}
    assert user_in(tmp_path, document) == "file"
    document["credHelpers"] = {HOST: "own"}
    assert user_in(tmp_path, document) == "by-own-helper"


def test_a_helper_is_asked_by_the_name_that_docker_has_for_the_server(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_helper(home, "own", "captain", monkeypatch)
    found = found_in(tmp_path, {"credHelpers": {"docker.io": "own"}}, "docker.io")
    assert found is not None
    assert (found.password, found.source) == ("https://index.docker.io/v1/", "docker-credential-own")
    found = found_in(tmp_path, {"credsStore": "own"}, f"{HOST}:5000")
    assert found is not None
    assert found.password == f"{HOST}:5000"


def test_a_helper_is_asked_once_for_each_repository(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_helper(home, "own", "captain", monkeypatch)
    keychain = Keychain([write(tmp_path / "config.json", {"credsStore": "own"})])
    assert keychain.find(HOST, "a") == keychain.find(HOST, "a")
    assert (home / "asked-own").read_text().splitlines() == [HOST]


def test_a_helper_that_fails_leaves_the_rest_of_the_places(home: Path, tmp_path: Path) -> None:
    assert home.is_dir()
    document = {"credHelpers": {HOST: "absent"}, "credsStore": "absent"}
    assert user_in(tmp_path, document) is None
    assert user_in(tmp_path, {**document, "auths": {HOST: entry("file")}}) == "file"


def test_a_helper_says_by_the_name_that_it_has_an_identity_token(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_helper(home, "own", "<token>", monkeypatch)
    found = found_in(tmp_path, {"credsStore": "own"})
    assert found is not None
    assert (found.user, found.password, found.identity_token) == ("", "", HOST)


@pytest.mark.parametrize(
    ("stored", "login"),
    [
        ({"auth": pair("captain", "a:b")}, ("captain", "a:b", "", "")),
        ({"auth": pair("captain", SECRET + "\0\0")}, ("captain", SECRET, "", "")),
        ({"auth": pair("", SECRET)}, ("", SECRET, "", "")),
        ({"auth": pair("cäptäin", "pässword")}, ("cäptäin", "pässword", "", "")),
        ({"username": "captain", "password": SECRET}, ("captain", SECRET, "", "")),
        ({"identitytoken": SECRET}, ("", "", SECRET, "")),
        ({"auth": pair("captain", ""), "identitytoken": SECRET}, ("captain", "", SECRET, "")),
        ({"auth": pair("<token>", SECRET)}, ("", "", SECRET, "")),
        ({"registrytoken": SECRET}, ("", "", "", SECRET)),
    ],
)
def test_each_kind_of_secret_is_read(
    stored: dict[str, str], login: tuple[str, str, str, str], tmp_path: Path
) -> None:
    found = found_in(tmp_path, {"auths": {HOST: {**stored, "email": "a@b.example"}}, "detachKeys": "x"})
    assert found is not None
    assert (found.user, found.password, found.identity_token, found.registry_token) == login


@pytest.mark.parametrize("stored", [{}, None, {"auth": ""}, {"auth": None}, {"auth": pair("captain", "")}])
def test_an_entry_without_a_secret_is_none(stored: object, tmp_path: Path) -> None:
    assert found_in(tmp_path, {"auths": {HOST: stored}}) is None


@pytest.mark.parametrize(
    "document", [{}, {"auths": None}, {"auths": {}, "credHelpers": {}, "credsStore": ""}]
)
def test_a_file_that_says_nothing_is_fine(document: object, tmp_path: Path) -> None:
    assert found_in(tmp_path, document) is None


@pytest.mark.parametrize("content", ["", " \n"])
def test_an_empty_file_is_fine(content: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content)
    assert Keychain([tmp_path / "config.json"]).find(HOST) is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (f'{{"auths": {{"{HOST}": {{"auth": "{SECRET}"', "not JSON"),
        (f"{SECRET}", "not JSON"),
        (f'["{SECRET}"]', "Expected `object`, got `array`"),
        (
            f'{{"auths": {{"{HOST}": "{SECRET}"}}}}',
            r"Expected `object \| null`, got `str` - at `\$\.auths\[\.\.\.\]`",
        ),
        (f'{{"auths": {{"{HOST}": {{"auth": ["{SECRET}"]}}}}}}', r"at `\$\.auths\[\.\.\.\]\.auth`"),
        (f'{{"auths": ["{SECRET}"]}}', r"at `\$\.auths`"),
        (f'{{"credsStore": ["{SECRET}"]}}', r"at `\$\.credsStore`"),
        (
            f'{{"auths": {{"{HOST}": {{"auth": "{SECRET}"}}}}}}',
            r'\$\.auths\["registry\.example"\]\.auth is not base64',
        ),
        (
            f'{{"auths": {{"{HOST}": {{"auth": "{base64.b64encode(SECRET.encode()).decode()}"}}}}}}',
            r'\$\.auths\["registry\.example"\]\.auth is not base64 of a name and password',
        ),
        ('{"x":' + "[" * 100_000, "not JSON"),
        ('{"credsStore": "\udcff"}', "not JSON"),
    ],
)
def test_a_malformed_file_is_an_error_that_names_the_place_and_not_the_content(
    content: str, says: str, tmp_path: Path
) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=says) as caught:
        Keychain([file]).find(HOST)
    assert caught.value.where == str(file)
    assert len(caught.value.lines()) == 3
    assert SECRET not in "".join(caught.value.lines())


@pytest.mark.parametrize("kind", ["identitytoken", "registrytoken"])
@pytest.mark.parametrize(
    "odd", [f"{SECRET}\n", f"{SECRET} x", f"\r\n{SECRET}", f"{SECRET}\x7f", f"{SECRET}é"]
)
def test_a_token_that_no_header_can_carry_is_an_error_without_it(kind: str, odd: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a token there has") as caught:
        found_in(tmp_path, {"auths": {HOST: {kind: odd}}})
    assert len(caught.value.lines()) == 3
    assert SECRET not in "".join(caught.value.lines())


def test_a_malformed_variable_is_an_error_too() -> None:
    with pytest.raises(InputError, match="not JSON") as caught:
        Keychain(environ={"DOCKER_AUTH_CONFIG": SECRET}).find(HOST)
    assert caught.value.where == "$DOCKER_AUTH_CONFIG"
    assert SECRET not in "".join(caught.value.lines())


def test_a_file_that_is_too_large_or_unreadable_is_an_error(tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(5 << 20)
    with pytest.raises(InputError, match="too large"):
        Keychain([large]).find(HOST)
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        Keychain([tmp_path]).find(HOST)
    assert Keychain([large / "config.json"]).find(HOST) is None


def test_dockers_file_is_where_docker_has_it(tmp_path: Path) -> None:
    assert docker_file({"HOME": str(tmp_path)}) == tmp_path / ".docker/config.json"
    assert docker_file({"HOME": "/h", "DOCKER_CONFIG": str(tmp_path)}) == tmp_path / "config.json"


def test_nothing_that_holds_a_secret_shows_it(tmp_path: Path) -> None:
    login = Login("here", "captain", SECRET, "planted-identity", "planted-registry-token")
    file = write(tmp_path / "config.json", {"auths": {HOST: entry("captain")}})
    keychain = Keychain([file], {"WHERRY_REGISTRY_PASSWORD": SECRET}, logins={HOST: login})
    for shown in (repr(login), f"{login}", repr(keychain), repr([login])):
        assert "planted" not in shown
        assert pair("captain", SECRET) not in shown


def test_no_request_no_answer_and_no_record_of_an_upload_shows_a_secret() -> None:
    asked = exchange.Asked("POST", {"Authorization": SECRET}, f"refresh_token={SECRET}".encode(), "team/app")
    answer = tokens._Answer(token=SECRET, access_token=SECRET, refresh_token=SECRET)
    record = uploads._Record(HOST, "team/app", "sha256:0", f"/upload?_state={SECRET}", 0)
    assert SECRET not in f"{asked!r} {answer!r} {record!r} {[asked, answer, record]}"
