"""Whether a registry would take a push is told before there is one, and asking leaves nothing there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.oci.registry.harbour import HASTE, Harbour, complains, open_harbour, says
from tests.registries import PASSWORD, USER
from tests.registry_world.guard import Guard, Rights
from wherry.errors import WorldError
from wherry.oci.registry.client import Registry
from wherry.oci.registry.credentials import Keychain, Login
from wherry.oci.registry.errors import (
    NoCredentialsError,
    NoRegistryError,
    PermissionDeniedError,
    RepositoryNotFoundError,
    WrongPasswordError,
)
from wherry.oci.registry.permission import require_permission

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.oci.registry.harbour import Asked, Told
    from tests.registries import DockerRegistry
    from tests.registry_world.quirks import QuirkRegistry

UPLOADS = "/v2/team/app/blobs/uploads/"


@pytest.fixture
def harbour() -> Iterator[Harbour]:
    with open_harbour() as harbour:
        yield harbour


def ask(host: str, repository: str = "team/app", login: Login | None = None) -> None:
    registry = Registry(host, keychain=Keychain(logins={host: login} if login else {}), patience=HASTE)
    try:
        require_permission(registry, repository)
    finally:
        registry.close()


def test_docker_registry_has_nothing_afterwards_that_it_did_not_have(
    password_registry: DockerRegistry, fresh_repository: str
) -> None:
    before = password_registry.blob_files()
    ask(password_registry.host, fresh_repository, Login("here", USER, PASSWORD))
    assert password_registry.blob_files() == before
    place = password_registry.storage / "docker/registry/v2/repositories" / fresh_repository
    assert not place.exists()


@pytest.mark.parametrize(
    ("login", "kind"),
    [(None, NoCredentialsError), (Login("here", USER, PASSWORD + "x"), WrongPasswordError)],
)
def test_credentials_that_will_not_do_are_told(
    login: Login | None,
    kind: type[WorldError],
    password_registry: DockerRegistry,
    fresh_repository: str,
) -> None:
    with pytest.raises(kind):
        ask(password_registry.host, fresh_repository, login)


def test_it_costs_one_request(quirks: QuirkRegistry) -> None:
    ask(quirks.host)
    assert [asked.method for asked in quirks.requests] == ["PUT"]


def test_a_registry_that_hands_out_tokens_is_asked_to_begin_an_upload_which_is_given_up(
    quirks: QuirkRegistry,
) -> None:
    login = Login("here", USER, PASSWORD)
    quirks.guard = Guard({USER: Rights(PASSWORD)})
    ask(quirks.host, login=login)
    assert [asked.method for asked in quirks.requests if "/uploads/" in asked.path][-2:] == ["POST", "DELETE"]
    assert quirks.uploads == {}


@pytest.mark.parametrize("status", [404, 405, 500])
def test_a_registry_whose_answer_is_not_clear_is_asked_so_too(status: int, harbour: Harbour) -> None:
    harbour.routes[UPLOADS] = says(202, ("Location", f"{UPLOADS}mine"))
    harbour.routes[f"{UPLOADS}mine"] = says(status)  # it knows no cancelling either
    ask(harbour.host)
    assert [asked.method for asked in harbour.asked] == ["PUT", "POST", "DELETE"]


@pytest.mark.parametrize("status", [401, 403])
def test_who_may_only_pull_is_refused(status: int, quirks: QuirkRegistry) -> None:
    quirks.guard = Guard({USER: Rights(PASSWORD, frozenset({"pull"}))}, refusal_status=status)
    with pytest.raises(PermissionDeniedError):
        ask(quirks.host, login=Login("here", USER, PASSWORD))
    assert quirks.uploads == {}


@pytest.mark.parametrize(
    ("route", "kind", "mend"),
    [
        (complains(403, "DENIED"), PermissionDeniedError, "ask its owner"),
        (complains(404, "NAME_UNKNOWN"), RepositoryNotFoundError, "create it there first"),
        (complains(405, "UNSUPPORTED"), WorldError, "a mirror, or for reading only"),
        (says(405, body=b"<html>"), NoRegistryError, "check the host and the port"),
        (says(501), NoRegistryError, "check the host and the port"),
        (says(404), NoRegistryError, "check the host and the port"),
        (says(200, ("Content-Type", "text/html; charset=utf-8")), NoRegistryError, "check the host"),
    ],
)
def test_what_takes_no_push_is_told_with_what_to_do(
    route: Callable[[Asked], Told], kind: type[WorldError], mend: str, harbour: Harbour
) -> None:
    harbour.routes[UPLOADS] = route
    with pytest.raises(kind) as caught:
        ask(harbour.host)
    assert mend in caught.value.mend
    assert len(caught.value.lines()) <= 3


def test_a_registry_that_is_busy_is_asked_again(quirks: QuirkRegistry) -> None:
    quirks.fails(503, times=1, method="POST")
    ask(quirks.host)
    assert quirks.uploads == {}
