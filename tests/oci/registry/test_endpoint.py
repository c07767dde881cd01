"""A registry is found by the name users give it, and sends us only where it could go itself."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.oci.registry.harbour import open_harbour
from tests.registry_world.certificates import Authority
from wherry.errors import InputError, WorldError
from wherry.fetch.addresses import address
from wherry.oci.registry import endpoint as endpoints
from wherry.oci.registry.endpoint import Endpoint, registry_host

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, Sequence[str]]:
    """The addresses of names; numbers are their own, and other names are unknown."""
    known: dict[str, Sequence[str]] = {"registry.example": ["93.184.215.14"]}
    real = socket.getaddrinfo

    def look_up(host: str, port: object, **_: object) -> list[object]:
        if host in known:
            return [(0, 0, 0, "", (number, 0)) for number in known[host]]
        numeric: Callable[..., list[object]] = real  # type: ignore[assignment]
        return numeric(host, port, flags=socket.AI_NUMERICHOST)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("registry.example", "registry.example"),
        ("Registry.Example:5000", "registry.example:5000"),
        ("https://registry.example/", "registry.example"),
        ("http://registry.example/v2/", "registry.example"),
        ("localhost:5000", "localhost:5000"),
        ("[::1]:5000", "[::1]:5000"),
        ("docker.io", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
    ],
)
def test_a_registry_has_one_name_however_it_is_written(text: str, host: str) -> None:
    assert registry_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "a/b",
        "a@b",
        "user:pass@a",
        "a:",
        "a:65536",
        "a:123456",
        "-a",
        "[::1",
        "a\n",
        "a" * 256,
        "ftp://a",
    ],
)
def test_what_cannot_be_a_host_is_an_input_error(text: str) -> None:
    with pytest.raises(InputError, match="cannot be the host of a registry") as caught:
        registry_host(text)
    assert "pass" not in str(caught.value)


def test_a_registry_is_asked_over_tls() -> None:
    assert Endpoint("registry.example").base_url == "https://registry.example"
    assert Endpoint("registry.example:5000").base_url == "https://registry.example:5000"
    assert Endpoint("10.0.0.1:5000").base_url == "https://10.0.0.1:5000"
    assert Endpoint("docker.io").base_url == "https://registry-1.docker.io"


def test_plain_http_is_for_who_asks_for_it() -> None:
    assert Endpoint("registry.example", plain_http=True).base_url == "http://registry.example"


def test_this_machine_is_asked_over_plain_http_when_it_speaks_no_tls() -> None:
    with open_harbour() as harbour:
        found = Endpoint(harbour.host)
        assert found.base_url == harbour.url
    assert found.base_url == harbour.url  # remembered: nobody is there any more


def test_this_machine_is_asked_over_tls_where_it_speaks_it(tmp_path: Path) -> None:
    with open_harbour(Authority.make(tmp_path).certificate.context()) as harbour:
        assert Endpoint(harbour.host).base_url == harbour.url
        assert harbour.asked == []


def test_where_nobody_listens_nothing_is_learnt() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    found = Endpoint(f"127.0.0.1:{port}")
    assert found.base_url == f"https://127.0.0.1:{port}"
    assert found._scheme == ""


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_only_loopback_is_this_machine(host: str) -> None:
    assert endpoints._is_this_machine(host)


@pytest.mark.parametrize(
    "host", ["localhost.example", "10.0.0.1", "0.0.0.1", "128.0.0.1", "::2", "notlocalhost"]
)
def test_nothing_else_is(host: str) -> None:
    assert not endpoints._is_this_machine(host)


PUBLIC = [
    "https://registry.example/v2/a/blobs/uploads/1?state=x",
    "https://8.8.8.8/x",
    "https://storage.example/x",
]
INSIDE = [
    "https://10.1.2.3/x",
    "https://192.168.0.1/x",
    "https://100.64.0.1/x",
    "https://127.0.0.1/x",
    "https://0.0.0.0/x",
    "https://2130706433/x",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/x",
    "https://[fe80::1]/x",
    "https://[fd00::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[64:ff9b::a00:1]/x",
    "https://[2002:7f00:1::]/x",
    "https://inside.example/x",
    "https://both.example/x",
    "https://224.0.0.1/x",
]


@pytest.mark.parametrize("url", PUBLIC)
def test_a_public_registry_may_send_us_to_the_public(url: str, names: dict[str, Sequence[str]]) -> None:
    names["storage.example"] = ["8.8.8.8", "2001:4860:4860::8888"]
    assert Endpoint("registry.example").checked(url) == address(url)


@pytest.mark.parametrize("url", INSIDE)
def test_a_public_registry_may_not_send_us_inside(url: str, names: dict[str, Sequence[str]]) -> None:
    names["inside.example"] = ["10.0.0.7"]
    names["both.example"] = ["8.8.8.8", "127.0.0.1"]
    with pytest.raises(WorldError, match="inside a network that it is not in"):
        Endpoint("registry.example").checked(url)


@given(st.ip_addresses())
def test_no_address_but_a_global_one_may_be_named_by_a_public_registry(ip: object) -> None:
    assume(not ip.is_global)  # type: ignore[attr-defined]
    bracketed = f"[{ip}]" if ":" in str(ip) else str(ip)
    with pytest.raises(WorldError):
        Endpoint("8.8.8.8").checked(f"https://{bracketed}/x")


@pytest.mark.parametrize(
    ("registry", "there", "may"),
    [
        ("10.0.0.1", "10.9.9.9", True),
        ("10.0.0.1", "8.8.8.8", True),
        ("10.0.0.1", "127.0.0.1", False),
        ("10.0.0.1", "169.254.169.254", False),
        ("127.0.0.1:5000", "10.0.0.1", True),
        ("127.0.0.1:5000", "127.0.0.2:9000", True),
        ("127.0.0.1:5000", "169.254.169.254", False),
        ("169.254.1.1", "169.254.1.2", True),
        ("169.254.1.1", "10.0.0.1", False),
        ("127.0.0.1:5000", "127.0.0.1:9000", True),
        ("169.254.1.1", "169.254.1.1:9000", True),
    ],
)
def test_a_registry_inside_may_send_us_to_its_neighbours(registry: str, there: str, may: bool) -> None:  # noqa: FBT001 - of a table
    found = Endpoint(registry, plain_http=True)
    if may:
        assert found.checked(f"https://{there}/x").url == f"https://{there}/x"
    else:
        with pytest.raises(WorldError, match="inside a network that it is not in"):
            found.checked(f"https://{there}/x")


@pytest.mark.parametrize("url", ["http://registry.example:81/x", "http://8.8.8.8/x"])
def test_a_secure_registry_sends_us_nowhere_insecure(url: str, names: dict[str, Sequence[str]]) -> None:
    assert names
    with pytest.raises(WorldError, match="not secure"):
        Endpoint("registry.example").checked(url)


def test_a_registry_that_forgot_that_it_is_behind_tls_is_still_asked_over_it() -> None:
    there = Endpoint("registry.example:5443").checked("http://registry.example:5443/v2/a?state=x")
    assert there.url == "https://registry.example:5443/v2/a?state=x"
    there = Endpoint("registry.example").checked("http://registry.example/v2/a?state=x")
    assert there.url == "https://registry.example/v2/a?state=x"


def test_a_plain_registry_may_send_us_to_plain_http() -> None:
    assert Endpoint("127.0.0.1:5000", plain_http=True).checked("http://10.0.0.1/x").url == "http://10.0.0.1/x"


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://registry.example/x", "nonsense", "https://", "https://[::"]
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(WorldError, match="the registry names an address that"):
        Endpoint("registry.example").checked(url)


def test_a_host_that_cannot_be_is_refused(names: dict[str, Sequence[str]]) -> None:
    assert names
    with pytest.raises(WorldError, match="names a host that is none"):
        Endpoint("registry.example").checked(f"https://{'a' * 64}.example/x")


def test_a_name_that_only_a_proxy_may_know_is_left_to_it(names: dict[str, Sequence[str]]) -> None:
    del names["registry.example"]
    assert Endpoint("registry.example").checked("https://unknown.example/x").host == "unknown.example"


def test_only_the_same_origin_is_the_registry_itself() -> None:
    found = Endpoint("registry.example")
    assert found.is_own(address("https://registry.example/v2/a"))
    assert found.is_own(address("https://registry.example:443/v2/a"))
    assert not found.is_own(address("https://registry.example:444/v2/a"))
    assert not found.is_own(address("http://registry.example/v2/a"))
    assert not found.is_own(address("https://registry.example.evil.example/v2/a"))
