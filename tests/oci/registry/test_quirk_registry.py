"""The tests' own registry held against skopeo: without quirks it does what a real one does."""

from __future__ import annotations

import json
import socket
import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.programs import require_program
from tests.registries import PASSWORD, USER, docker_registry
from tests.registry_world.guard import Guard, Rights
from tests.registry_world.images import make_image, make_index
from wherry.build.deliver import deliver
from wherry.digest import Digest
from wherry.oci.reference import LayoutReference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.registries import DockerRegistry
    from tests.registry_world.certificates import Authority
    from tests.registry_world.quirks import QuirkRegistry
    from wherry.oci.model import Descriptor
    from wherry.store.store import Store

PLAIN = ("--src-tls-verify=false", "--dest-tls-verify=false")


def skopeo(*arguments: str) -> str:
    done = subprocess.run(
        [require_program("skopeo"), *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def image(store: Store) -> Descriptor:
    return make_image(store, "app:v1")


@pytest.fixture
def layout(store: Store, image: Descriptor, tmp_path: Path) -> str:
    deliver(store, str(image.digest), LayoutReference(tmp_path / "layout", "v1"))
    return f"oci:{tmp_path}/layout:v1"


def named(headers: dict[str, str]) -> dict[str, str]:
    # Without a type urllib says it is a form, which Debian's registry answers with 500.
    found = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"Content-Type": "application/octet-stream", **found}


def status_of(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> int:
    request = urllib.request.Request(url, body, named(headers), method=method)  # noqa: S310 - of this machine
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the same
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("location", ["absolute", "path"])
def test_skopeo_pushes_and_pulls_through_it(
    start_quirks: Callable[..., QuirkRegistry], image: Descriptor, layout: str, tmp_path: Path, location: str
) -> None:
    quirks = start_quirks(location=location)
    place = f"docker://{quirks.host}/team/app:v1"
    skopeo("copy", *PLAIN, layout, place)
    assert json.loads(skopeo("inspect", "--tls-verify=false", place))["Digest"] == image.digest
    skopeo("copy", *PLAIN, place, f"dir:{tmp_path}/copy")
    assert Digest.of_bytes((tmp_path / "copy" / "manifest.json").read_bytes()) == image.digest
    assert not quirks.corrupt_blobs()


def test_skopeo_pushes_every_platform_of_an_index(
    quirks: QuirkRegistry, store: Store, tmp_path: Path
) -> None:
    index = make_index(store)
    deliver(store, "both:v1", LayoutReference(tmp_path / "layout"))
    skopeo("copy", "--all", *PLAIN, f"oci:{tmp_path}/layout:v1", f"docker://{quirks.host}/both:v1")
    assert quirks.manifests["both"]["v1"].data == store.blobs.path(index.digest).read_bytes()


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_skopeo_logs_in_to_it(quirks: QuirkRegistry, layout: str, scheme: str) -> None:
    quirks.guard = Guard({USER: Rights(PASSWORD)}, scheme="basic" if scheme == "basic" else "bearer")
    place = f"docker://{quirks.host}/team/app:v1"
    skopeo("copy", *PLAIN, f"--dest-creds={USER}:{PASSWORD}", layout, place)
    skopeo("inspect", "--tls-verify=false", f"--creds={USER}:{PASSWORD}", place)
    with pytest.raises(AssertionError, match=r"unauthorized|denied|invalid username/password"):
        skopeo("inspect", "--tls-verify=false", f"--creds={USER}:wrong", place)


def test_skopeo_speaks_tls_with_it(
    start_quirks: Callable[..., QuirkRegistry], authority: Authority, layout: str
) -> None:
    quirks = start_quirks(certificate=authority.certificate)
    trust = str(authority.directory)
    skopeo("copy", f"--dest-cert-dir={trust}", layout, f"docker://{quirks.host}/app:v1")
    skopeo("inspect", f"--cert-dir={trust}", f"docker://{quirks.host}/app:v1")


def test_skopeo_follows_it_to_where_the_blobs_are(
    start_quirks: Callable[..., QuirkRegistry], layout: str, tmp_path: Path
) -> None:
    quirks, elsewhere = start_quirks(), start_quirks()
    skopeo("copy", *PLAIN, layout, f"docker://{quirks.host}/app:v1")
    elsewhere.blobs, quirks.quirks.blobs_at = quirks.blobs, elsewhere.url
    skopeo("copy", *PLAIN, f"docker://{quirks.host}/app:v1", f"dir:{tmp_path}/copy")
    assert elsewhere.asked("GET", "/blobs/sha256:.*planted-signature")
    assert not any(request.headers.get("Authorization") for request in elsewhere.requests)


def test_skopeo_refuses_what_it_corrupts(quirks: QuirkRegistry, layout: str, tmp_path: Path) -> None:
    skopeo("copy", *PLAIN, layout, f"docker://{quirks.host}/app:v1")
    quirks.quirks.corrupt.update(quirks.blobs["app"])
    with pytest.raises(AssertionError, match=r"(?i)digest"):
        skopeo("copy", *PLAIN, f"docker://{quirks.host}/app:v1", f"dir:{tmp_path}/copy")


# What skopeo does not do is held against Debian's registry: each request has the same answer from both.


@pytest.fixture
def both(tmp_path: Path, quirks: QuirkRegistry) -> Iterator[tuple[DockerRegistry, QuirkRegistry]]:
    with docker_registry(tmp_path) as registry:
        yield registry, quirks


def location_after(url: str, method: str, body: bytes | None = None, **headers: str) -> tuple[str, str]:
    """Where an upload goes on after this request, and its ``Range``."""
    request = urllib.request.Request(url, body, named(headers), method=method)  # noqa: S310 - of this machine
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the same
        return answer.headers["Location"], answer.headers["Range"]


def test_it_resumes_uploads_as_a_real_one_does(both: tuple[DockerRegistry, QuirkRegistry]) -> None:
    data = b"0123456789"
    digest = Digest.of_bytes(data)
    for registry in both:
        place, _ = location_after(f"{registry.url}/v2/app/blobs/uploads/", "POST", b"")
        place, ranged = location_after(place, "PATCH", data[:6], Content_Range="0-5")
        assert ranged == "0-5"
        place, ranged = location_after(place, "GET")
        assert ranged == "0-5"
        place, ranged = location_after(place, "PATCH", data[6:], Content_Range="6-9")
        assert ranged == "0-9"
        assert status_of(f"{place}{'&' if '?' in place else '?'}digest={digest}", "PUT", b"") == 201
        assert status_of(f"{registry.url}/v2/app/blobs/{digest}", "HEAD") == 200
        assert status_of(f"{registry.url}/v2/app/blobs/{digest}", Range="bytes=4-") == 206
        assert status_of(f"{registry.url}/v2/app/blobs/{digest}", Range="bytes=10-") == 416
        mount = f"{registry.url}/v2/other/blobs/uploads/?mount={digest}&from=app"
        assert status_of(mount, "POST", b"") == 201
        assert status_of(mount.replace("from=app", "from=nothing"), "POST", b"") == 202
        assert status_of(f"{registry.url}/v2/other/blobs/{digest}", "DELETE") == 202
        assert status_of(f"{registry.url}/v2/other/blobs/{digest}", "HEAD") == 404


def test_a_chunk_that_does_not_fit_is_appended_as_debians_registry_has_it(
    both: tuple[DockerRegistry, QuirkRegistry],
) -> None:
    both[1].quirks.checks_offsets = False
    for registry in both:
        place, _ = location_after(f"{registry.url}/v2/app/blobs/uploads/", "POST", b"")
        place, _ = location_after(place, "PATCH", b"01", Content_Range="0-1")
        assert location_after(place, "PATCH", b"89", Content_Range="8-9")[1] == "0-3"


def test_an_upload_that_was_cut_in_a_chunk_is_lost_as_debians_registry_has_it(
    both: tuple[DockerRegistry, QuirkRegistry],
) -> None:
    both[1].quirks.cut_uploads_are_lost = True
    for registry in both:
        place, _ = location_after(f"{registry.url}/v2/app/blobs/uploads/", "POST", b"")
        place, _ = location_after(place, "PATCH", b"01", Content_Range="0-1")
        parts = urlsplit(place)
        with socket.create_connection((str(parts.hostname), int(parts.port or 0))) as connection:
            connection.sendall(
                f"PATCH {parts.path}?{parts.query} HTTP/1.1\r\nHost: {registry.host}\r\n"
                "Content-Type: application/octet-stream\r\nContent-Length: 90000\r\n\r\n".encode()
                + bytes(50_000)
            )
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1000):
                pass
        assert status_of(place, "GET") == 404


def test_it_refuses_what_a_real_one_refuses(both: tuple[DockerRegistry, QuirkRegistry]) -> None:
    for registry in both:
        place, _ = location_after(f"{registry.url}/v2/app/blobs/uploads/", "POST", b"")
        wrong = f"{place}{'&' if '?' in place else '?'}digest={Digest.of_bytes(b'another')}"
        assert status_of(wrong, "PUT", b"data") == 400
        assert status_of(f"{registry.url}/v2/app/blobs/uploads/no-session", "GET") == 404
        assert status_of(f"{registry.url}/v2/app/manifests/v1") == 404
        assert status_of(f"{registry.url}/v2/app/tags/list") == 404
        assert status_of(f"{registry.url}/v2/app/manifests/v1", "PUT", b"{") == 400
