"""Debian's registry behind a token server: who we are is said once, in time, and to the right one."""

from __future__ import annotations

import io
import json
import random
import re
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.handmade import source_of
from tests.programs import require_program
from tests.registries import PASSWORD, USER, docker_registry
from tests.registry_world.guard import Rights
from tests.registry_world.images import make_image
from tests.registry_world.token_server import TokenServer, open_token_server
from wherry.fetch.answers import Patience
from wherry.oci.image import blobs_under
from wherry.oci.model import describe
from wherry.oci.origins import Origin
from wherry.oci.reference import RegistryReference
from wherry.oci.registry import tokens as tokens_module
from wherry.oci.registry import upload as upload_module
from wherry.oci.registry.client import Registries
from wherry.oci.registry.content import Content
from wherry.oci.registry.credentials import Keychain, Login
from wherry.oci.registry.errors import NoCredentialsError, PermissionDeniedError, WrongPasswordError
from wherry.oci.registry.fetching import fetch_blobs
from wherry.oci.registry.permission import require_permission
from wherry.oci.registry.pull import open_registry
from wherry.oci.registry.push import push_image
from wherry.oci.registry.referrers import attach, list_referrers
from wherry.oci.registry.session import ACTIONS, cancel_session, has_blob
from wherry.oci.registry.upload import Upload
from wherry.progress import SilentProgress
from wherry.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.registries import DockerRegistry
    from wherry.oci.model import Descriptor
    from wherry.oci.registry.pull import RegistrySource
    from wherry.oci.registry.push import Pushed

MB = 1_000_000
DATA = random.Random(5).randbytes(6 * MB)  # noqa: S311 - not secret
BLOB = describe(DATA, "application/octet-stream")
CAPTAIN = Login("a test", USER, PASSWORD)
MATE = Login("a test", "mate", PASSWORD)
MATES = "team/galley"
HASTE = Patience(connect_s=5, silence_s=5, attempts=4, backoff_s=0.01)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TokenServer, DockerRegistry]]:
    directory = tmp_path_factory.mktemp("tokens")
    with open_token_server(directory, {}) as server, docker_registry(directory, tokens=server) as registry:
        yield server, registry


@dataclass(frozen=True)
class Port:
    """A registry and its token server."""

    server: TokenServer
    registry: DockerRegistry
    open_clients: ExitStack

    @property
    def host(self) -> str:
        return self.registry.host

    def known_to(self, login: Login | None = CAPTAIN) -> Registries:
        """The registries, for somebody or nobody."""
        keychain = Keychain(logins={self.host: login} if login else {})
        return self.open_clients.enter_context(Registries(keychain=keychain, patience=HASTE))

    def push(
        self, store: Store, root: Descriptor, repository: str, *origins: str, login: Login | None = CAPTAIN
    ) -> Pushed:
        target = RegistryReference(self.host, repository, "v1")
        known = [Origin(self.host, name) for name in origins]
        registries = self.known_to(login)
        return push_image(source_of(store, root), root, target, registries, origins=lambda _: known)

    def opened(self, repository: str, login: Login | None = CAPTAIN) -> tuple[RegistrySource, Descriptor]:
        return open_registry(RegistryReference(self.host, repository, "v1"), self.known_to(login))

    def upload(self, repository: str, task: Waypoint) -> Upload:
        """Send `BLOB`, and look for it there."""
        registry = self.known_to().at(self.host)
        content = Content(lambda: io.BytesIO(DATA), BLOB, "the test")
        found = Upload(registry, repository, BLOB, content, task=task)
        found.run()
        assert has_blob(registry, repository, BLOB)
        return found

    def scopes(self) -> list[tuple[str, ...]]:
        """Those of each token that was given, in their order."""
        return [given.scopes for given in self.server.given]

    def answers(self, repository: str) -> list[tuple[str, int]]:
        """The method and status of each request about *repository*, in their order."""
        asked = re.compile(rf'"(\w+) /v2/{re.escape(repository)}/[^"]*" (\d{{3}}) ')
        return [(method, int(status)) for method, status in asked.findall(self.registry.log.read_text())]

    def refusals(self, repository: str) -> int:
        """How many requests about *repository* had no good token."""
        return sum(status == 401 for _, status in self.answers(repository))


@pytest.fixture
def port(world: tuple[TokenServer, DockerRegistry]) -> Iterator[Port]:
    """Where the captain may do everything, and the mate may use `MATES` alone."""
    server, registry = world
    server.told_s, server.good_s, server.anonymous = 300, 300, frozenset()
    server.users = {
        USER: Rights(PASSWORD),
        "mate": Rights(PASSWORD, frozenset({"pull", "push"}), frozenset({MATES})),
    }
    server.given.clear()
    with ExitStack() as open_clients:
        yield Port(server, registry, open_clients)


class Waypoint:
    """A task that does something once so many bytes are on their way."""

    def __init__(self, place_bytes: int, action: Callable[[], None]) -> None:
        self._left_bytes = place_bytes
        self._action = action

    def advance(self, size_bytes: int) -> None:
        before, self._left_bytes = self._left_bytes, self._left_bytes - size_bytes
        if before > 0 >= self._left_bytes:
            self._action()


# What a token lets through


def test_one_token_serves_a_whole_push(port: Port, fresh_repository: str, store: Store) -> None:
    port.push(store, make_image(store), fresh_repository)
    assert port.scopes() == [(f"repository:{fresh_repository}:pull,push",)]
    assert {given.user for given in port.server.given} == {USER}
    assert port.refusals(fresh_repository) <= 4  # one for each thread that asks before there is a token


def test_what_was_pushed_is_pulled_by_another_who_may(port: Port, store: Store, tmp_path: Path) -> None:
    root = make_image(store)
    port.push(store, root, MATES)
    port.server.given.clear()
    source, found = port.opened(MATES, MATE)
    assert found.digest == root.digest
    blobs = [blob for blob in blobs_under(source, found) if blob.digest != root.digest]
    arrival = Store.open(tmp_path / "arrival")
    fetch_blobs(source, blobs, arrival, SilentProgress())
    assert all(blob.digest in arrival.blobs for blob in blobs)
    assert port.scopes() == [(f"repository:{MATES}:pull",)]


def test_skopeo_has_its_tokens_from_the_same_server(port: Port, fresh_repository: str, store: Store) -> None:
    root = make_image(store)
    port.push(store, root, fresh_repository)
    command = [require_program("skopeo"), "inspect", "--tls-verify=false", "--creds", f"{USER}:{PASSWORD}"]
    done = subprocess.run(
        [*command, f"docker://{port.host}/{fresh_repository}:v1"], capture_output=True, check=True
    )
    assert json.loads(done.stdout)["Digest"] == root.digest


def test_an_image_is_mounted_with_one_token_for_both_repositories(
    port: Port, fresh_repository: str, store: Store
) -> None:
    root = make_image(store)
    first, second = f"{fresh_repository}/a", f"{fresh_repository}/b"
    port.push(store, root, first)
    port.server.given.clear()
    pushed = port.push(store, root, second, first)
    assert pushed.sent_bytes == root.size_bytes
    blobs = blobs_under(source_of(store, root), root)
    assert pushed.mounted_bytes == sum(blob.size_bytes for blob in blobs) - root.size_bytes
    assert (f"repository:{second}:pull,push", f"repository:{first}:pull") in port.scopes()


def test_what_may_not_be_mounted_is_sent(port: Port, fresh_repository: str, store: Store) -> None:
    root = make_image(store, seed=21)  # that no other test has pushed where the mate may
    port.push(store, root, fresh_repository)
    pushed = port.push(store, root, MATES, fresh_repository, login=MATE)
    assert pushed.mounted_bytes == 0
    assert pushed.sent_bytes > root.size_bytes


def test_what_is_attached_is_listed_behind_tokens_too(
    port: Port, fresh_repository: str, store: Store
) -> None:
    root = make_image(store)
    port.push(store, root, fresh_repository)
    registry = port.known_to().at(port.host)
    found = attach(registry, fresh_repository, root, "application/x", b"{}", "application/x")
    assert list_referrers(registry, fresh_repository, root.digest) == (found,)


def test_who_may_push_is_known_before_there_is_anything_to_push(port: Port, fresh_repository: str) -> None:
    require_permission(port.known_to().at(port.host), fresh_repository)
    with pytest.raises(PermissionDeniedError):
        require_permission(port.known_to(MATE).at(port.host), fresh_repository)


def test_an_upload_that_is_given_up_is_cancelled_which_wants_a_right_of_its_own(
    port: Port, fresh_repository: str
) -> None:
    registry = port.known_to().at(port.host)
    place = f"{fresh_repository}/blobs/uploads/"
    with registry.request(
        "POST", place, repository=fresh_repository, actions=ACTIONS, expect=(202,)
    ) as reply:
        location = reply.location
    cancel_session(registry, fresh_repository, location)
    assert port.answers(fresh_repository)[-1] == ("DELETE", 204)
    assert port.scopes()[-1] == (f"repository:{fresh_repository}:pull,push,delete",)


# Tokens that end


def test_a_token_is_renewed_before_it_expires_and_no_request_is_refused_for_it(
    port: Port, fresh_repository: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock:
        ahead_s = 0.0

        def monotonic(self) -> float:
            return time.monotonic() + self.ahead_s

    clock = Clock()
    monkeypatch.setattr(tokens_module, "time", clock)
    monkeypatch.setattr(upload_module, "CHUNK_BYTES", 2 * MB)
    port.server.told_s = 60

    def pass_time() -> None:
        clock.ahead_s = 50

    port.upload(fresh_repository, Waypoint(MB, pass_time))
    assert port.scopes() == [(f"repository:{fresh_repository}:pull,push",)] * 2
    assert port.refusals(fresh_repository) == 1


@pytest.mark.parametrize("place_bytes", [MB, 3 * MB, 5 * MB + MB // 2])
def test_a_token_that_expires_in_the_middle_of_a_push_is_replaced_and_the_blob_goes_on(
    port: Port, fresh_repository: str, monkeypatch: pytest.MonkeyPatch, place_bytes: int
) -> None:
    """The token server promises more than the registry keeps: a clock is wrong, or a key was changed."""
    monkeypatch.setattr(upload_module, "CHUNK_BYTES", 2 * MB)
    port.server.told_s, port.server.good_s = 3600, 2

    def outlive_the_token() -> None:
        port.server.good_s = 300
        wait_until_refused(port.registry, fresh_repository, port.server.given[0].text)

    sent = port.upload(fresh_repository, Waypoint(place_bytes, outlive_the_token))
    assert len(port.server.given) == 2
    seen = port.answers(fresh_repository)
    assert seen.count(("POST", 202)) == 1  # one session, from its beginning to its end
    assert seen.count(("PATCH", 202)) == 3
    assert sent.sent_bytes <= len(DATA) + 2 * MB  # a chunk may be on its way before it is refused


def wait_until_refused(registry: DockerRegistry, repository: str, token: str) -> None:
    """Wait for a token to expire."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    direct.addheaders = [("Authorization", f"Bearer {token}")]
    while True:
        try:
            direct.open(f"{registry.url}/v2/{repository}/tags/list", timeout=5).close()
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 401:
                    return
        time.sleep(0.05)


# Who may not


def test_who_may_only_pull_is_told_that_pushing_is_not_allowed(port: Port, store: Store) -> None:
    port.server.users["mate"] = Rights(PASSWORD, frozenset({"pull"}), frozenset({MATES}))
    before = port.answers(MATES).count(("POST", 202))
    with pytest.raises(PermissionDeniedError) as caught:
        port.push(store, make_image(store, seed=5), MATES, login=MATE)
    assert f"no permission for {port.host}/{MATES}" in caught.value.what
    assert "ask its owner" in caught.value.mend
    assert len(caught.value.lines()) <= 3
    assert port.answers(MATES).count(("POST", 202)) == before


@pytest.mark.parametrize(
    ("login", "kind", "what"),
    [
        (None, NoCredentialsError, "no credentials are known"),
        (MATE, PermissionDeniedError, "no permission for"),
        (Login("a test", USER, "planted-wrong"), WrongPasswordError, "wrong name or password"),
    ],
    ids=["nobody", "another", "with a wrong password"],
)
def test_each_refusal_of_a_pull_is_told_by_what_can_be_done(  # noqa: PLR0913, PLR0917 - the cases and the world
    port: Port,
    fresh_repository: str,
    store: Store,
    login: Login | None,
    kind: type[Exception],
    what: str,
) -> None:
    port.push(store, make_image(store), fresh_repository)
    with pytest.raises(kind, match=what) as caught:
        port.opened(fresh_repository, login)
    assert "planted" not in str(caught.value)


def test_what_anybody_may_pull_needs_no_login_but_a_push_does(
    port: Port, fresh_repository: str, store: Store
) -> None:
    root = make_image(store)
    port.push(store, root, fresh_repository)
    port.server.anonymous = frozenset({"pull"})
    _, found = port.opened(fresh_repository, None)
    assert found.digest == root.digest
    with pytest.raises(NoCredentialsError):
        port.push(store, make_image(store, seed=6), fresh_repository, login=None)
