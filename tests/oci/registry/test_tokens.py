"""Every way a registry asks who we are is answered, once, in time, and to the right server only."""

from __future__ import annotations

import base64
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from tests.oci.registry.harbour import (
    HASTE,
    Asked,
    Harbour,
    Told,
    complains,
    guarded,
    in_turn,
    open_harbour,
    says,
)
from wherry.errors import WorldError
from wherry.fetch.failures import TransientError
from wherry.oci.registry import tokens
from wherry.oci.registry.client import Registry
from wherry.oci.registry.credentials import Keychain, Login
from wherry.oci.registry.errors import (
    ExpiredTokenError,
    NoCredentialsError,
    PermissionDeniedError,
    RateLimitedError,
    WrongPasswordError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PASSWORD = "planted-Pa55word"  # noqa: S105 - planted, to be found nowhere
IDENTITY = "planted-identity-token"
CAPTAIN = Login("a test", "captain", PASSWORD)
BASIC = "Basic " + base64.b64encode(f"captain:{PASSWORD}".encode()).decode()
PLACE = "team/app/manifests/latest"
PATH = f"/v2/{PLACE}"
PULL = "repository:team/app:pull"
PUSH = "repository:team/app:pull,push"


@pytest.fixture
def harbour() -> Iterator[Harbour]:
    with open_harbour() as harbour:
        yield harbour


@pytest.fixture
def meet(harbour: Harbour) -> Iterator[Callable[..., Registry]]:
    """Make a client of the harbour, with a login or without."""
    with ExitStack() as opened:

        def registry(login: Login | None = None) -> Registry:
            keychain = Keychain(logins={harbour.host: login} if login else {})
            found = Registry(harbour.host, keychain=keychain, plain_http=True, patience=HASTE)
            opened.callback(found.close)
            return found

        yield registry


def get(
    registry: Registry,
    place: str = PLACE,
    repository: str = "team/app",
    *,
    actions: str = "pull",
    also_pull: str = "",
) -> bytes:
    asking = registry.request("GET", place, repository=repository, actions=actions, also_pull=also_pull)
    with asking as reply:
        return reply.read()


def bearer(harbour: Harbour, **more: str) -> str:
    further = "".join(f',{name}="{value}"' for name, value in more.items())
    return f'Bearer realm="{harbour.url}/token",service="the harbour"{further}'


def counting(harbour: Harbour, *, life_s: object = 300, **more: object) -> Callable[[Asked], Told]:
    """A token server: token-1, token-2 and so on."""

    def route(_: Asked) -> Told:
        number = len(harbour.asked_for("/token"))
        return Told.json({"token": f"planted-token-{number}", "expires_in": life_s, **more})

    return route


def is_token(text: str | None) -> bool:
    return text is not None and text.startswith("Bearer planted-token-")


def with_tokens(harbour: Harbour, **more: object) -> None:
    harbour.routes[PATH] = guarded(bearer(harbour), is_token, b"manifest")
    harbour.routes["/token"] = counting(harbour, **more)


def shown(error: WorldError) -> str:
    return "\n".join(error.lines())


def test_a_registry_that_does_not_ask_is_told_nothing(
    harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    harbour.routes[PATH] = says(200, body=b"manifest")
    assert get(meet(CAPTAIN)) == b"manifest"
    assert [asked.authorization for asked in harbour.asked] == [None]


def test_a_password_is_sent_to_who_asks_for_it_and_then_at_once(
    harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    harbour.routes[PATH] = guarded('Basic realm="the harbour"', lambda sent: sent == BASIC)
    registry = meet(CAPTAIN)
    get(registry)
    get(registry)
    assert [asked.authorization for asked in harbour.asked] == [None, BASIC, BASIC]


def test_a_token_is_got_from_the_server_named_and_used_until_it_is_old(
    harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    with_tokens(harbour)
    registry = meet(CAPTAIN)
    assert get(registry) == b"manifest"
    assert get(registry) == b"manifest"
    assert harbour.paths() == [f"GET {PATH}", "GET /token", f"GET {PATH}", f"GET {PATH}"]
    (asked,) = harbour.asked_for("/token")
    assert asked.query == {"service": ["the harbour"], "scope": [PULL], "account": ["captain"]}
    assert asked.authorization == BASIC
    assert [sent.authorization for sent in harbour.asked_for(PATH)][1:] == ["Bearer planted-token-1"] * 2


def test_a_token_is_got_without_a_login_too(harbour: Harbour, meet: Callable[..., Registry]) -> None:
    with_tokens(harbour)
    assert get(meet()) == b"manifest"
    (asked,) = harbour.asked_for("/token")
    assert asked.authorization is None
    assert asked.query == {"service": ["the harbour"], "scope": [PULL]}


@pytest.mark.parametrize(
    "headers",
    [
        ('Basic realm="x", {bearer}',),
        ('Basic realm="x"', "{bearer}"),
        ("{bearer}", 'Basic realm="x"'),
        ("Negotiate, {bearer}",),
    ],
)
def test_a_token_is_preferred_among_several_challenges(
    headers: tuple[str, ...], harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    with_tokens(harbour)
    challenges = [("WWW-Authenticate", header.format(bearer=bearer(harbour))) for header in headers]
    harbour.routes[PATH] = in_turn(says(401, *challenges), says(200, body=b"manifest"))
    assert get(meet(CAPTAIN)) == b"manifest"
    assert is_token(harbour.asked[-1].authorization)


@pytest.mark.parametrize("name", ["token", "access_token"])
def test_a_token_has_two_names(name: str, harbour: Harbour, meet: Callable[..., Registry]) -> None:
    with_tokens(harbour)
    harbour.routes["/token"] = lambda _: Told.json({name: "planted-token-0"})
    assert get(meet()) == b"manifest"


def test_a_realm_keeps_the_query_it_has(harbour: Harbour, meet: Callable[..., Registry]) -> None:
    with_tokens(harbour)
    harbour.routes[PATH] = guarded(f'Bearer realm="{harbour.url}/token?a=b"', is_token)
    get(meet())
    assert harbour.asked_for("/token")[0].query == {"a": ["b"], "scope": [PULL]}


def test_mounting_asks_to_read_the_other_repository_after_its_own(
    harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    with_tokens(harbour)
    get(meet(), actions="pull,push", also_pull="base/python")
    # Some registries look at the first scope only.
    assert harbour.asked_for("/token")[0].query["scope"] == [PUSH, "repository:base/python:pull"]


def test_a_token_that_may_more_serves_for_less(harbour: Harbour, meet: Callable[..., Registry]) -> None:
    with_tokens(harbour)
    registry = meet()
    get(registry, actions="pull,push", also_pull="base/python")
    get(registry, actions="pull,push")
    get(registry)
    assert len(harbour.asked_for("/token")) == 1
    get(registry, also_pull="base/debian")
    assert len(harbour.asked_for("/token")) == 2


def test_another_repository_needs_another_token(harbour: Harbour, meet: Callable[..., Registry]) -> None:
    with_tokens(harbour)
    harbour.routes["/v2/base/python/tags/list"] = harbour.routes[PATH]
    registry = meet()
    get(registry, also_pull="base/python")
    get(registry, "base/python/tags/list", "base/python")
    scopes = [asked.query["scope"] for asked in harbour.asked_for("/token")]
    assert scopes == [[PULL, "repository:base/python:pull"], ["repository:base/python:pull"]]
    assert len(harbour.asked_for("/v2/base/python/tags/list")) == 1  # what one 401 taught is remembered


def test_a_scope_that_only_the_registry_knows_is_asked_for_too(
    harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    with_tokens(harbour)
    inner = "repository:proxied/team/app:pull"
    harbour.routes[PATH] = guarded(bearer(harbour, scope=f"{inner} {PUSH} {'x' * 400}:pull"), is_token)
    registry = meet()
    get(registry)
    get(registry)
    (asked,) = harbour.asked_for("/token")
    assert asked.query["scope"] == [PULL, inner]


def test_a_token_is_renewed_before_it_expires(
    harbour: Harbour, meet: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_tokens(harbour, life_s=300)
    now = [1000.0]
    monkeypatch.setattr("wherry.oci.registry.tokens.time.monotonic", lambda: now[0])
    registry = meet()
    for later_s, asked in [(0, 1), (269, 1), (2, 2), (269, 2), (2, 3)]:
        now[0] += later_s
        get(registry)
        assert len(harbour.asked_for("/token")) == asked
    assert f"GET {PATH}" in harbour.paths()
    assert [a.authorization for a in harbour.asked_for(PATH)].count(None) == 1


@pytest.mark.parametrize(
    ("answer", "date", "useful_s"),
    [
        ({}, 0, 45),
        ({"expires_in": 60}, 0, 45),
        ({"expires_in": "60"}, 0, 45),
        ({"expires_in": 1200}, 0, 1170),
        ({"expires_in": 1200.5}, 0, 1170.5),
        ({"expires_in": 0}, 0, 45),
        ({"expires_in": -1}, 0, 45),
        ({"expires_in": 1e12}, 0, 24 * 3600 - 30),
        ({"expires_in": 300, "issued_at": "2026-01-01T00:00:00Z"}, 100, 170),
        ({"expires_in": 300, "issued_at": "2026-01-01T00:00:00.123456789Z"}, 100, 170.123456),
        ({"expires_in": 300, "issued_at": "2026-01-01T02:00:00+02:00"}, 100, 170),
        ({"expires_in": 300, "issued_at": "2026-01-01T00:00:00"}, 100, 270),
        ({"expires_in": 300, "issued_at": "2026-01-01T00:00:00Z"}, -100, 270),
        ({"expires_in": 300, "issued_at": "2026-01-01T00:00:00Z"}, 10_000, -30),
        ({"expires_in": 300, "issued_at": "yesterday"}, 100, 270),
        ({"expires_in": 300, "issued_at": ""}, 100, 270),
    ],
)
def test_the_time_left_is_counted_by_the_clock_of_the_token_server(
    answer: dict[str, object], date: int, useful_s: float
) -> None:
    import msgspec  # noqa: PLC0415 - only here

    there = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=date)
    found = msgspec.convert(answer, tokens._Answer, strict=False)
    assert tokens._useful_s(found, format_datetime(there, usegmt=True)) == pytest.approx(useful_s)


def test_without_that_clock_ours_is_asked() -> None:
    issued = (datetime.now(UTC) - timedelta(seconds=200)).isoformat()
    endless = f"Thu, 01 Jan {'9' * 30} 00:00:00 GMT"
    for date in ("", "nonsense", endless):
        assert 200 <= tokens._age_s(issued, date) < 300


def test_a_token_that_is_refused_is_replaced_once(harbour: Harbour, meet: Callable[..., Registry]) -> None:
    with_tokens(harbour)
    registry = meet(CAPTAIN)
    get(registry)
    # The registry was restarted with another key.
    harbour.routes[PATH] = guarded(bearer(harbour), lambda sent: sent == "Bearer planted-token-2", b"again")
    assert get(registry) == b"again"
    assert len(harbour.asked_for("/token")) == 2


def test_threads_that_need_the_same_token_ask_for_it_once(
    harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    with_tokens(harbour)
    first = threading.Barrier(8)
    inner = harbour.routes[PATH]

    def route(asked: Asked) -> Told:
        if asked.authorization is None:
            first.wait(30)
        return inner(asked)

    harbour.routes[PATH] = route
    registry = meet()
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: get(registry), range(8))) == [b"manifest"] * 8
    assert len(harbour.asked_for("/token")) == 1


def test_an_identity_token_is_exchanged(harbour: Harbour, meet: Callable[..., Registry]) -> None:
    with_tokens(harbour)
    harbour.routes["/token"] = lambda _: Told.json({"access_token": "planted-token-1"})
    get(meet(Login("a test", identity_token=IDENTITY)), also_pull="base/python")
    (asked,) = harbour.asked_for("/token")
    assert (asked.method, asked.authorization) == ("POST", None)
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["refresh_token"],
        "refresh_token": [IDENTITY],
        "service": ["the harbour"],
        "client_id": ["wherry"],
        "scope": [f"{PULL} repository:base/python:pull"],
    }


def test_an_identity_token_that_is_renewed_takes_the_place_of_the_old(
    harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    with_tokens(harbour, life_s=-0.0001, refresh_token="planted-new-identity")  # noqa: S106 - planted
    harbour.routes["/token"] = counting(harbour, refresh_token="planted-new-identity")  # noqa: S106 - planted
    registry = meet(Login("a test", identity_token=IDENTITY))
    get(registry)
    get(registry, also_pull="base/python")
    sent = [parse_qs(asked.body.decode())["refresh_token"] for asked in harbour.asked_for("/token")]
    assert sent == [[IDENTITY], ["planted-new-identity"]]


@pytest.mark.parametrize("status", [404, 405])
def test_a_token_server_that_knows_no_exchange_is_asked_the_other_way(
    status: int, harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    with_tokens(harbour)
    inner = harbour.routes["/token"]
    harbour.routes["/token"] = lambda asked: Told(status) if asked.method == "POST" else inner(asked)
    assert get(meet(Login("a test", "captain", identity_token=IDENTITY))) == b"manifest"
    assert [asked.method for asked in harbour.asked_for("/token")] == ["POST", "GET"]
    sent = base64.b64decode((harbour.asked_for("/token")[1].authorization or "").removeprefix("Basic "))
    assert sent.decode() == f"captain:{IDENTITY}"


def test_a_token_for_the_registry_itself_is_sent_as_it_is(
    harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    with_tokens(harbour)
    assert get(meet(Login("a test", registry_token="planted-token-x"))) == b"manifest"  # noqa: S106 - planted
    assert harbour.asked_for("/token") == []


def test_a_token_that_cannot_be_sent_is_in_no_traceback(
    harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    harbour.routes[PATH] = guarded(bearer(harbour), is_token, b"manifest")
    registry = meet(Login("a test", registry_token=f"{PASSWORD}\n"))
    with pytest.raises(TransientError) as caught:
        get(registry)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def test_the_login_of_a_path_is_used_below_it_alone(harbour: Harbour) -> None:
    logins = {
        f"{harbour.host}/team": {"auth": base64.b64encode(f"captain:{PASSWORD}".encode()).decode()},
    }
    import json  # noqa: PLC0415 - only here

    harbour.routes[PATH] = guarded("Basic", lambda sent: sent == BASIC)
    harbour.routes["/v2/other/x"] = harbour.routes[PATH]
    keychain = Keychain(environ={"DOCKER_AUTH_CONFIG": json.dumps({"auths": logins})})
    registry = Registry(harbour.host, keychain=keychain, plain_http=True, patience=HASTE)
    get(registry)
    with pytest.raises(NoCredentialsError):
        get(registry, "other/x", "other")
    assert {asked.authorization for asked in harbour.asked_for("/v2/other/x")} == {None}
    registry.close()


# What is told of refusals.


def test_no_credentials_at_all_is_told_as_such(harbour: Harbour, meet: Callable[..., Registry]) -> None:
    harbour.routes[PATH] = guarded("Basic", lambda _: False)
    with pytest.raises(NoCredentialsError) as caught:
        get(meet())
    assert caught.value.lines() == [
        (
            f"error: {harbour.host}/team/app is private or does not exist, and no credentials are known for "
            f"{harbour.host} (401): UNAUTHORIZED: authentication required"
        ),
        f"  at: {harbour.url}{PATH}",
        f"  mend: run 'wherry login {harbour.host}'",
    ]


def test_a_token_that_was_given_to_nobody_and_does_not_serve_is_told_the_same(
    harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    with_tokens(harbour)
    harbour.routes[PATH] = guarded(bearer(harbour), lambda _: False)
    with pytest.raises(NoCredentialsError):
        get(meet())
    assert len(harbour.asked_for("/token")) == 1


def test_a_token_server_that_answers_nobody_is_told_the_same(
    harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    with_tokens(harbour)
    harbour.routes["/token"] = says(401)
    with pytest.raises(NoCredentialsError, match="answers nobody without a name"):
        get(meet())


def test_a_wrong_password_is_told_with_where_it_came_from(
    harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    harbour.routes[PATH] = guarded("Basic", lambda _: False)
    with pytest.raises(WrongPasswordError, match=f"wrong name or password for {harbour.host}, from a test"):
        get(meet(CAPTAIN))
    assert len(harbour.asked) == 2


def test_a_wrong_password_at_the_token_server_is_told_the_same(
    harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    with_tokens(harbour)
    harbour.routes["/token"] = lambda _: Told.json({"details": "incorrect username or password"}, 401)
    with pytest.raises(WrongPasswordError, match=r"from a test: incorrect username or password$"):
        get(meet(CAPTAIN))


@pytest.mark.parametrize("status", [400, 401])
def test_an_expired_identity_token_is_told_as_such(
    status: int, harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    with_tokens(harbour)
    error = {"error": "invalid_grant", "error_description": "the refresh token has expired"}
    harbour.routes["/token"] = lambda _: Told.json(error, status)
    with pytest.raises(
        ExpiredTokenError, match="not valid, or no longer: invalid_grant: the refresh token has"
    ):
        get(meet(Login("a test", identity_token=IDENTITY)))


def test_an_expired_token_is_told_as_such(harbour: Harbour, meet: Callable[..., Registry]) -> None:
    harbour.routes[PATH] = guarded(bearer(harbour, error="invalid_token"), lambda _: False)
    harbour.routes["/token"] = counting(harbour)
    with pytest.raises(ExpiredTokenError, match="not valid, or no longer"):
        get(meet(CAPTAIN))
    with pytest.raises(ExpiredTokenError):
        get(meet(Login("a test", registry_token="planted-token-x")))  # noqa: S106 - planted


@pytest.mark.parametrize("more", [{}, {"error": "insufficient_scope"}])
def test_a_missing_permission_is_told_as_such(
    more: dict[str, str], harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    with_tokens(harbour)
    harbour.routes[PATH] = guarded(bearer(harbour, **more), lambda _: False)
    with pytest.raises(
        PermissionDeniedError, match=f"no permission for {harbour.host}/team/app with the cred"
    ):
        get(meet(CAPTAIN))
    assert len(harbour.asked_for("/token")) == 1


def test_a_token_server_that_forbids_is_a_missing_permission(
    harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    with_tokens(harbour)
    harbour.routes["/token"] = complains(403, "DENIED", "access forbidden")
    with pytest.raises(PermissionDeniedError, match="DENIED: access forbidden"):
        get(meet(CAPTAIN))


def test_a_way_to_log_in_that_is_not_known_is_named(harbour: Harbour, meet: Callable[..., Registry]) -> None:
    harbour.routes[PATH] = says(401, ("WWW-Authenticate", "Negotiate, NTLM"))
    with pytest.raises(WorldError, match=r"not known here \(negotiate, ntlm\)"):
        get(meet(CAPTAIN))


@pytest.mark.parametrize("challenge", [(), (("WWW-Authenticate", "Bearer"),)])
def test_a_401_without_a_way_in_is_an_error(
    challenge: tuple[tuple[str, str], ...], harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    harbour.routes[PATH] = says(401, *challenge)
    with pytest.raises(WorldError):
        get(meet())
    assert len(harbour.asked) == 1


# What a token server may get wrong.


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (Told(200, b"nonsense"), "cannot be understood"),
        (Told(200, b"[" * 100_000), "cannot be understood"),
        (Told(200, b'{"token": "\xff"}'), "cannot be understood"),
        (Told.json([]), "cannot be understood"),
        (Told.json({"token": 1}), "cannot be understood"),
        (Told.json({"token": "t", "expires_in": "soon"}), "cannot be understood"),
        (Told.json({}), "without a token"),
        (Told.json({"token": ""}), "without a token"),
        (Told.json({"token": "a\r\nX-Injected: yes"}), "without a token"),
        (Told.json({"token": "x" * 70_000}), "without a token"),
        (Told.json({"token": "x" * 300_000}), "larger than 262144 bytes"),
        (Told(307, b"", (("Location", "http://127.0.0.1/"),)), "answered 307"),
        (Told(404), r"no such thing \(404\)"),
    ],
)
def test_a_token_server_that_talks_nonsense_is_an_error(
    answer: Told, what: str, harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    with_tokens(harbour)
    harbour.routes["/token"] = lambda _: answer
    with pytest.raises(WorldError, match=what) as caught:
        get(meet(CAPTAIN))
    assert caught.value.where == f"{harbour.url}/token"
    assert len(harbour.asked_for("/token")) == 1


def test_a_token_server_in_trouble_is_asked_again(harbour: Harbour, meet: Callable[..., Registry]) -> None:
    with_tokens(harbour)
    harbour.routes["/token"] = in_turn(says(503), says(429, ("Retry-After", "0")), counting(harbour))
    registry = meet(CAPTAIN)
    assert registry.retrying(lambda: get(registry)) == b"manifest"


def test_a_token_server_that_limits_is_told_as_such(harbour: Harbour, meet: Callable[..., Registry]) -> None:
    with_tokens(harbour)
    harbour.routes["/token"] = says(429, ("Retry-After", "77"))
    with pytest.raises(RateLimitedError) as caught:
        get(meet(CAPTAIN))
    assert caught.value.wait_s == 77


def test_a_token_server_that_hangs_up_may_be_asked_again(
    harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    with_tokens(harbour)
    harbour.routes["/token"] = lambda _: Told(200, b'{"token": "x"}', cut_at=3)
    with pytest.raises(TransientError):
        get(meet(CAPTAIN))
    harbour.routes["/token"] = lambda _: Told(401, b'{"token": "x"}', cut_at=3)
    with pytest.raises(WrongPasswordError):
        get(meet(CAPTAIN))


@pytest.mark.parametrize(
    "realm",
    [
        "http://169.254.169.254/latest/meta-data/iam",
        "https://169.254.169.254/x",
        "file:///etc/passwd",
        "/token",
    ],
)
def test_a_realm_where_the_registry_may_not_send_us_gets_nothing(
    realm: str, harbour: Harbour, meet: Callable[..., Registry]
) -> None:
    harbour.routes[PATH] = guarded(f'Bearer realm="{realm}"', is_token)
    with pytest.raises(WorldError, match="the registry"):
        get(meet(CAPTAIN))


def test_no_refusal_shows_a_secret(harbour: Harbour, meet: Callable[..., Registry]) -> None:
    # Whatever was sent comes back in the complaint, in every kind of refusal.
    def echo(status: int) -> Callable[[Asked], Told]:
        def route(asked: Asked) -> Told:
            message = f"{asked.authorization} {asked.body.decode()} {PASSWORD} {IDENTITY} {BASIC}"
            error = {"errors": [{"code": "DENIED", "message": message}], "details": message}
            return Told.json(error, status, WWW_Authenticate=bearer(harbour))

        return route

    seen = []
    refusals = [(200, status) for status in (401, 403, 404, 413, 429, 500, 418)]
    refusals += [(status, 401) for status in (400, 401, 403, 404, 429, 500)]
    for login in (CAPTAIN, Login("a test", identity_token=IDENTITY)):
        for at_token, at_registry in refusals:
            harbour.routes["/token"] = counting(harbour) if at_token == 200 else echo(at_token)
            harbour.routes[PATH] = in_turn(echo(401), echo(at_registry))
            with pytest.raises(WorldError) as caught:
                get(meet(login))
            told = "".join(traceback.format_exception(caught.value))
            seen.append(f"{shown(caught.value)}\n{caught.value!r}\n{told}")
    assert any("****" in text for text in seen)
    for text in seen:
        assert "planted-token" not in text
    for text in seen[: len(seen) // 2]:
        assert PASSWORD not in text
        assert BASIC.removeprefix("Basic ") not in text
    for text in seen[len(seen) // 2 :]:  # an identity token was sent, and the password never was ours
        assert IDENTITY not in text
