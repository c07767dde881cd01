"""A registry is asked once, safely: nothing goes where it does not belong, and what goes wrong is said."""

from __future__ import annotations

import base64
import hashlib
import io
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import pytest

from tests.oci.registry.harbour import HASTE, Harbour, Told, complains, guarded, in_turn, open_harbour, says
from tests.registry_world.certificates import Authority
from wherry.errors import InputError, WorldError
from wherry.fetch.failures import CancelledError, NotFoundError, TransientError
from wherry.oci.registry import client, endpoint
from wherry.oci.registry.client import Registries, Registry
from wherry.oci.registry.credentials import Keychain, Login
from wherry.oci.registry.errors import (
    PermissionDeniedError,
    RateLimitedError,
    RepositoryNotFoundError,
    TooLargeError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PASSWORD = "planted-Pa55word"  # noqa: S105 - planted, to be found nowhere
CAPTAIN = Login("a test", "captain", PASSWORD)
PLACE = "team/app/blobs/x"
PATH = f"/v2/{PLACE}"


@pytest.fixture
def harbour() -> Iterator[Harbour]:
    with open_harbour() as harbour:
        yield harbour


@pytest.fixture
def elsewhere() -> Iterator[Harbour]:
    """Another server on this machine."""
    with open_harbour() as harbour:
        yield harbour


@pytest.fixture
def registry(harbour: Harbour) -> Iterator[Registry]:
    registry = Registry(
        harbour.host, keychain=Keychain(logins={harbour.host: CAPTAIN}), plain_http=True, patience=HASTE
    )
    yield registry
    registry.close()


@dataclass(frozen=True)
class Data:
    """Bytes to send."""

    data: bytes
    size: int | None = None
    opened: list[BinaryIO] | None = None

    @property
    def size_bytes(self) -> int:
        return len(self.data) if self.size is None else self.size

    def open(self) -> BinaryIO:
        stream = io.BytesIO(self.data)
        if self.opened is not None:
            self.opened.append(stream)
        return stream


def get(registry: Registry, place: str = PLACE) -> bytes:
    with registry.request("GET", place, repository="team/app") as reply:
        return b"".join(reply.chunks())


def test_a_reply_is_read_in_the_block(harbour: Harbour, registry: Registry) -> None:
    harbour.routes[PATH] = says(200, ("Docker-Content-Digest", "sha256:x"), body=b"blob")
    with registry.request("GET", PLACE, repository="team/app", headers={"Accept": "text/x"}) as reply:
        assert (reply.status, reply.size_bytes, reply.url) == (200, 4, f"{harbour.url}{PATH}")
        assert reply.headers["docker-content-digest"] == "sha256:x"
        assert reply.read(4) == b"blob"
    assert harbour.asked[0].headers["Accept"] == "text/x"
    assert harbour.asked[0].headers["Accept-Encoding"] == "identity"


def test_a_reply_that_is_too_large_to_hold_is_an_error(harbour: Harbour, registry: Registry) -> None:
    harbour.routes[PATH] = says(200, body=b"12345")
    with (
        registry.request("GET", PLACE, repository="team/app") as reply,
        pytest.raises(WorldError, match="larger than 4 bytes"),
    ):
        reply.read(4)


def test_any_status_that_is_hoped_for_is_a_reply(harbour: Harbour, registry: Registry) -> None:
    harbour.routes[PATH] = says(404)
    with registry.request("HEAD", PLACE, repository="team/app", expect=(200, 404)) as reply:
        assert reply.status == 404


def test_an_upload_is_sent_whole_and_opened_anew_for_each_attempt(
    harbour: Harbour, registry: Registry
) -> None:
    # The first attempt is refused for want of a password, after it was sent.
    data = bytes(range(256)) * 5000
    opened: list[BinaryIO] = []
    accepted = guarded("Basic", bool)
    harbour.routes[PATH] = lambda asked: Told(201) if accepted(asked).status == 200 else accepted(asked)
    with registry.request(
        "PUT", PLACE, repository="team/app", actions="pull,push", body=Data(data, None, opened), expect=(201,)
    ):
        pass
    assert [hashlib.sha256(asked.body).digest() for asked in harbour.asked] == [
        hashlib.sha256(data).digest()
    ] * 2
    assert len(opened) == 2
    assert all(stream.closed for stream in opened)


def test_nothing_and_bytes_are_sent_too(harbour: Harbour, registry: Registry) -> None:
    harbour.routes[PATH] = says(202)
    for body in (None, b"", b"manifest", Data(b"")):
        with registry.request("POST", PLACE, repository="team/app", body=body, expect=(202,)):
            pass
    assert [asked.body for asked in harbour.asked] == [b"", b"", b"manifest", b""]
    assert [asked.headers["Content-Length"] for asked in harbour.asked] == ["0", "0", "8", "0"]


class _Failing(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(5, f"Input/output error ({size})")


@dataclass(frozen=True)
class Broken:
    size_bytes: int = 10

    def open(self) -> BinaryIO:
        return _Failing()


def test_what_cannot_be_read_for_sending_is_not_the_connections_fault(
    harbour: Harbour, registry: Registry
) -> None:
    assert harbour.host
    with (
        pytest.raises(OSError, match="Input/output error"),
        registry.request("PUT", PLACE, repository="team/app", body=Broken(), expect=(201,)),
    ):
        pass


def test_what_became_shorter_while_it_was_sent_is_an_error(harbour: Harbour, registry: Registry) -> None:
    assert harbour.host
    with (
        pytest.raises(WorldError, match="ended too early") as caught,
        registry.request("PUT", PLACE, repository="team/app", body=Data(b"123", 10), expect=(201,)),
    ):
        pass
    assert not isinstance(caught.value, TransientError)


# Where a registry sends us.


def location(url: str) -> tuple[str, str]:
    return ("Location", url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_without_credentials_for_another_server(
    status: int, harbour: Harbour, elsewhere: Harbour, registry: Registry
) -> None:
    harbour.routes[PATH] = guarded("Basic", bool)
    get(registry)
    harbour.routes[PATH] = says(status, location(f"{elsewhere.url}/storage?signature=x"))
    elsewhere.routes["/storage"] = says(200, body=b"blob")
    assert get(registry) == b"blob"
    assert harbour.asked[-1].authorization is not None
    assert [asked.authorization for asked in elsewhere.asked] == [None]
    assert elsewhere.asked[0].query == {"signature": ["x"]}


def test_coming_back_from_another_server_does_not_restore_trust(
    harbour: Harbour, elsewhere: Harbour, registry: Registry
) -> None:
    harbour.routes[PATH] = guarded("Basic", bool)
    get(registry)
    harbour.routes[PATH] = says(307, location(f"{elsewhere.url}/back"))
    elsewhere.routes["/back"] = says(307, location(f"{harbour.url}/stolen"))
    harbour.routes["/stolen"] = says(200, body=b"blob")
    assert get(registry) == b"blob"
    assert harbour.asked_for("/stolen")[0].authorization is None


def test_a_redirect_on_the_registry_itself_keeps_who_we_are(harbour: Harbour, registry: Registry) -> None:
    harbour.routes[PATH] = says(307, location("other?x=y"))
    harbour.routes["/v2/team/app/blobs/other"] = guarded("Basic", bool, b"blob")
    assert get(registry) == b"blob"
    assert harbour.asked[-1].query == {"x": ["y"]}


def test_another_server_that_asks_who_we_are_is_not_told(
    harbour: Harbour, elsewhere: Harbour, registry: Registry
) -> None:
    harbour.routes[PATH] = says(307, location(f"{elsewhere.url}/storage"))
    elsewhere.routes["/storage"] = guarded("Basic", bool)
    with pytest.raises(WorldError, match="wants credentials, and has no right to ours"):
        get(registry)
    assert [asked.authorization for asked in elsewhere.asked] == [None]


def test_a_redirect_in_a_circle_ends(harbour: Harbour, registry: Registry) -> None:
    harbour.routes[PATH] = says(307, location(PATH))
    with pytest.raises(WorldError, match="in a circle"):
        get(registry)
    assert len(harbour.asked) == 11


def test_a_redirect_to_nowhere_is_an_error(harbour: Harbour, registry: Registry) -> None:
    harbour.routes[PATH] = says(307)
    with pytest.raises(WorldError, match="does not say where to go on"):
        get(registry)
    harbour.routes[PATH] = says(307, location("http://[::"))
    with pytest.raises(WorldError, match="Location is no URL"):
        get(registry)


def test_an_upload_is_not_redirected(harbour: Harbour, registry: Registry) -> None:
    harbour.routes[PATH] = says(307, location("/elsewhere"))
    with (
        pytest.raises(WorldError, match="answered 307"),
        registry.request("PUT", PLACE, repository="team/app", body=b"x", expect=(201,)),
    ):
        pass
    assert harbour.paths() == [f"PUT {PATH}"]


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("{url}/v2/team/app/blobs/uploads/1?_state=a%2Bb", "{url}/v2/team/app/blobs/uploads/1?_state=a%2Bb"),
        ("/v2/team/app/blobs/uploads/1?_state=x", "{url}/v2/team/app/blobs/uploads/1?_state=x"),
        ("uploads/1", "{url}/v2/team/app/blobs/uploads/1"),
        ("?_state=x", "{url}/v2/team/app/blobs/x?_state=x"),
    ],
)
def test_an_upload_goes_on_where_its_location_says(
    told: str, meant: str, harbour: Harbour, registry: Registry
) -> None:
    harbour.routes[PATH] = says(202, location(told.format(url=harbour.url)))
    with registry.request("POST", PLACE, repository="team/app", expect=(202,)) as reply:
        there = reply.location
    assert there == meant.format(url=harbour.url)
    path = there.removeprefix(harbour.url).partition("?")[0]
    harbour.routes[path] = says(201)
    with registry.request("PUT", there, repository="team/app", body=b"x", expect=(201,)) as reply:
        assert "?" not in reply.url  # what may be shown


def test_an_upload_elsewhere_gets_the_bytes_and_no_credentials(
    harbour: Harbour, elsewhere: Harbour, registry: Registry
) -> None:
    harbour.routes[PATH] = guarded("Basic", bool)
    get(registry)
    elsewhere.routes["/upload"] = says(201)
    with registry.request("PUT", f"{elsewhere.url}/upload", repository="team/app", body=b"x", expect=(201,)):
        pass
    assert [(asked.body, asked.authorization) for asked in elsewhere.asked] == [(b"x", None)]


@pytest.mark.parametrize(
    "there",
    ["http://169.254.169.254/latest", "//169.254.169.254/latest", "file:///etc/passwd", "gopher://x/"],
)
def test_a_location_where_the_registry_may_not_send_us_gets_nothing(
    there: str, harbour: Harbour, registry: Registry
) -> None:
    assert harbour.host
    with pytest.raises(WorldError, match="the registry"):
        get(registry, there)
    harbour.routes[PATH] = says(307, location(there))
    with pytest.raises(WorldError, match="the registry"):
        get(registry)


# What is told of failures.


@pytest.mark.parametrize(
    ("told", "kind", "what"),
    [
        (
            complains(404, "NAME_UNKNOWN", "repository name not known to registry"),
            RepositoryNotFoundError,
            "the registry has no repository team/app: NAME_UNKNOWN: repository name not known to registry",
        ),
        (complains(404, "MANIFEST_UNKNOWN"), NotFoundError, r"no such thing \(404\): MANIFEST_UNKNOWN$"),
        (says(410), NotFoundError, r"no such thing \(410\)$"),
        (
            complains(403, "DENIED", "requested access is denied"),
            PermissionDeniedError,
            r"no permission for 127.0.0.1:\d+/team/app \(403\): DENIED: requested access is denied",
        ),
        (says(413, body=b"<html>nginx</html>"), TooLargeError, r"takes nothing this large \(413\)$"),
        (says(418, body=b"[" * 100_000), WorldError, "the registry answered 418$"),
        (
            complains(400, "DIGEST_INVALID", "a\n\x1b[31m" + "b" * 10_000),
            WorldError,
            r"answered 400: DIGEST_INVALID: a \[31mb{1,200}\.\.\.$",
        ),
        (says(400, body=b'{"errors": [{"code": 1, "message": {}}]}'), WorldError, "answered 400$"),
        (says(400, body=b'{"errors": null}'), WorldError, "answered 400$"),
        (says(400, body=b'{"errors": [{"code": "A"}, {"message": "b"}]}'), WorldError, "answered 400: A; b$"),
    ],
)
def test_each_refusal_has_its_own_kind_and_words(
    told: Callable[..., Told], kind: type[WorldError], what: str, harbour: Harbour, registry: Registry
) -> None:
    harbour.routes[PATH] = told
    with pytest.raises(kind, match=what) as caught:
        get(registry)
    assert not isinstance(caught.value, TransientError)
    assert caught.value.where == f"{harbour.url}{PATH}"
    assert all(line.isprintable() for line in caught.value.lines())


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_trouble_that_may_pass_says_when_to_come_back(
    status: int, harbour: Harbour, registry: Registry
) -> None:
    harbour.routes[PATH] = in_turn(says(status), says(status, ("Retry-After", "7")))
    with pytest.raises(TransientError) as caught:
        get(registry)
    assert caught.value.wait_s is None
    with pytest.raises(TransientError, match=str(status)) as caught:
        get(registry)
    assert caught.value.wait_s == 7
    assert isinstance(caught.value, RateLimitedError) == (status == 429)


def test_an_attempt_is_made_again_as_often_as_patience_says(harbour: Harbour, registry: Registry) -> None:
    harbour.routes[PATH] = in_turn(says(503), says(500), says(200, body=b"blob"))
    assert registry.retrying(lambda: get(registry)) == b"blob"
    harbour.routes[PATH] = says(503)
    with pytest.raises(TransientError):
        registry.retrying(lambda: get(registry))
    assert len(harbour.asked) == 6


def test_a_connection_that_breaks_may_be_tried_again(harbour: Harbour, registry: Registry) -> None:
    harbour.routes[PATH] = lambda _: Told(200, b"whole blob", cut_at=4)
    with pytest.raises(TransientError, match="the connection broke off"):
        get(registry)


def test_a_registry_that_is_not_there_may_come_back(harbour: Harbour, registry: Registry) -> None:
    host = harbour.host
    gone = Registry(host.rpartition(":")[0] + ":1", keychain=Keychain(), plain_http=True, patience=HASTE)
    with pytest.raises(TransientError, match="cannot be reached") as caught:
        get(gone)
    assert caught.value.mend == "check the registry's name and the network"
    registry.close()


def test_what_is_no_host_is_an_input_error() -> None:
    with pytest.raises(InputError):
        Registry("a b")


# TLS.


def test_a_registry_whose_certificate_is_not_trusted_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority.make(tmp_path)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"):
        monkeypatch.delenv(name, raising=False)
    with ExitStack() as opened, open_harbour(authority.certificate.context()) as harbour:
        harbour.routes["/v2/"] = guarded("Basic", bool)
        registry = Registry(harbour.host, keychain=Keychain(), patience=HASTE)
        opened.callback(registry.close)
        with pytest.raises(WorldError, match="TLS certificate is not trusted") as caught:
            registry.greet()
        assert not isinstance(caught.value, TransientError)
        assert harbour.asked == []

        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        trusting = Registry(harbour.host, keychain=Keychain(logins={harbour.host: CAPTAIN}), patience=HASTE)
        opened.callback(trusting.close)
        assert trusting.greet()


def test_a_registry_without_tls_is_asked_without_it_on_this_machine_only(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    harbour.routes["/v2/"] = says(200)
    near = Registry(harbour.host, keychain=Keychain(), patience=HASTE)
    assert not near.greet()
    near.close()
    monkeypatch.setattr(endpoint, "_is_this_machine", lambda _: False)
    far = Registry(harbour.host, keychain=Keychain(), patience=HASTE)
    with pytest.raises(WorldError, match="does not speak TLS") as caught:
        far.greet()
    assert not isinstance(caught.value, TransientError)
    assert "--plain-http" in caught.value.mend
    far.close()


def test_a_server_that_is_no_registry_is_told_as_such(registry: Registry) -> None:
    with pytest.raises(WorldError, match="does not speak the registry protocol"):
        registry.greet()


# Ending early.


def test_what_is_cancelled_ends_soon(harbour: Harbour, registry: Registry) -> None:
    harbour.routes[PATH] = says(200, body=bytes(50 << 20))  # more than fits into the buffers on the way
    with registry.request("GET", PLACE, repository="team/app") as reply:
        registry.cancel()
        with pytest.raises(TransientError):
            b"".join(reply.chunks())
    with pytest.raises(CancelledError):
        get(registry)
    with (
        pytest.raises(CancelledError),
        registry.request("PUT", PLACE, repository="team/app", body=Data(b"x"), expect=(201,)),
    ):
        pass
    with pytest.raises(TransientError):
        registry.retrying(lambda: (_ for _ in ()).throw(TransientError("once")))


def test_several_registries_can_be_cancelled_by_one_event(harbour: Harbour) -> None:
    event = threading.Event()
    event.set()
    harbour.routes[PATH] = says(200)
    registry = Registry(harbour.host, keychain=Keychain(), plain_http=True, cancelled=event, patience=HASTE)
    with pytest.raises(CancelledError):
        get(registry)
    registry.close()


def test_each_registry_of_a_command_is_met_once(harbour: Harbour, elsewhere: Harbour) -> None:
    harbour.routes[PATH] = elsewhere.routes[PATH] = says(200, body=b"blob")
    with Registries(keychain=Keychain(), plain_http={harbour.host}, patience=HASTE) as registries:
        assert registries.at(harbour.host) is registries.at(harbour.host)
        assert registries.at(harbour.host) is not registries.at(elsewhere.host)
        assert get(registries.at(harbour.host)) == b"blob"
        assert registries.at("registry.example")._endpoint.base_url == "https://registry.example"


def test_a_registry_without_tls_takes_it_from_no_other() -> None:
    registries = Registries(keychain=Keychain(), plain_http=("Registry.example:5000", "index.docker.io"))
    urls = {host: registries.at(host)._endpoint.base_url for host in ("registry.example:5000", "docker.io")}
    assert urls == {
        "registry.example:5000": "http://registry.example:5000",
        "docker.io": "http://registry-1.docker.io",
    }
    for other in ("registry.example", "other.example:5000"):
        assert registries.at(other)._endpoint.base_url == f"https://{other}"


def test_who_we_are_is_what_the_environment_says_unless_told(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHERRY_REGISTRY", harbour.host)
    monkeypatch.setenv("WHERRY_REGISTRY_USERNAME", "captain")
    monkeypatch.setenv("WHERRY_REGISTRY_PASSWORD", PASSWORD)
    sent = "Basic " + base64.b64encode(f"captain:{PASSWORD}".encode()).decode()
    harbour.routes[PATH] = guarded("Basic", lambda got: got == sent, b"blob")
    with Registries(plain_http={harbour.host}, patience=HASTE) as registries:
        assert get(registries.at(harbour.host)) == b"blob"
    registry = Registry(harbour.host, plain_http=True, patience=HASTE)
    assert get(registry) == b"blob"
    registry.close()


def test_nothing_that_knows_a_secret_shows_it(harbour: Harbour, registry: Registry) -> None:
    harbour.routes[PATH] = guarded("Basic", bool)
    get(registry)
    for thing in (registry, registry._access, registry._access._tokens, registry._endpoint):
        assert "planted" not in repr(thing)
    assert client.__doc__
