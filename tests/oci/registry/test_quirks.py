"""Registries as they are: with each quirk an image goes there and comes back, or an error says why not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.registries import PASSWORD, USER
from tests.registry_world.guard import Guard, Rights
from tests.registry_world.images import make_image, make_index
from wherry.build.pull import pull_image
from wherry.errors import InputError, WherryError, WorldError
from wherry.fetch.answers import Patience
from wherry.oci.image import StoreSource, blobs_under
from wherry.oci.origins import Origin
from wherry.oci.reference import RegistryReference
from wherry.oci.registry import push as pushing
from wherry.oci.registry import upload
from wherry.oci.registry.client import Registries
from wherry.oci.registry.credentials import Keychain, Login
from wherry.oci.registry.errors import TooLargeError
from wherry.oci.registry.push import push_image
from wherry.progress import SilentProgress
from wherry.store.prune import verify
from wherry.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.registry_world.quirks import QuirkRegistry
    from wherry.oci.model import Descriptor
    from wherry.oci.registry.push import Pushed

pytestmark = pytest.mark.usefixtures("small_chunks")

HASTE = Patience(connect_s=5, silence_s=1, attempts=4, backoff_s=0.005)
LAYERS = (700_000, 300_000, 5_000)
LARGEST = 700_000


@dataclass(frozen=True)
class Pier:
    """An image that goes to a registry, and the store that it comes back to."""

    departure: Store
    arrival: Store
    image: Descriptor
    keychain: Keychain

    def push(
        self, quirks: QuirkRegistry, repository: str = "team/app", *origins: Origin, remember: bool = True
    ) -> Pushed:
        with Registries(keychain=self.keychain, patience=HASTE) as registries:
            return push_image(
                StoreSource(self.departure, self.image),
                self.image,
                RegistryReference(quirks.host, repository, "v1"),
                registries,
                origins=lambda _: origins,
                store=self.departure if remember else None,
            )

    def pull(self, quirks: QuirkRegistry, repository: str = "team/app") -> int:
        """Pull it whole; how many bytes moved."""
        with Registries(keychain=self.keychain, patience=HASTE) as registries:
            reference = RegistryReference(quirks.host, repository, "v1")
            pulled = pull_image(reference, self.arrival, registries)
        assert pulled.digest == self.image.digest
        self.require_sound()
        for blob in blobs_under(StoreSource(self.departure, self.image), self.image):
            assert blob.digest in self.arrival.blobs
        return pulled.moved_bytes

    def require_sound(self) -> None:
        assert verify(self.arrival, SilentProgress()) == []

    def require_there(self, quirks: QuirkRegistry, repository: str = "team/app") -> None:
        """The registry has the image, whole and as it is."""
        assert not quirks.corrupt_blobs()
        for blob in blobs_under(StoreSource(self.departure, self.image), self.image):
            data = self.departure.blobs.path(blob.digest).read_bytes()
            there = quirks.blobs[repository].get(str(blob.digest))
            document = quirks.manifests[repository].get(str(blob.digest))
            assert data == (there if document is None else document.data)
        assert (
            quirks.manifests[repository]["v1"].data
            == self.departure.blobs.path(self.image.digest).read_bytes()
        )


@pytest.fixture
def pier(tmp_path: Path) -> Pier:
    departure = Store.open(tmp_path / "departure")
    image = make_image(departure, "app:v1", LAYERS)
    return Pier(departure, Store.open(tmp_path / "arrival"), image, Keychain())


# --- pushed all the same ---

PUSHED: dict[str, dict[str, Any]] = {
    "nothing odd": {},
    "mount answered with an upload": {"mounts": "ignored"},
    "mount refused with 405": {"mounts": "refused"},
    "mount refused with 400": {"mounts": "refused", "mount_refusal": 400},
    "mount refused with 404": {"mounts": "refused", "mount_refusal": 404},
    "mount refused with 500": {"mounts": "refused", "mount_refusal": 500},
    "mount needs from": {"mounts": "need from"},
    "Location with a path alone": {"location": "path"},
    "Location relative to the request": {"location": "relative"},
    "Location with a query": {"location_query": "_state=a%2Fb%3D%3D&x=1"},
    "relative Location with a query": {"location": "relative", "location_query": "_state=a%2Fb"},
    "Location that stays": {"location_changes": False},
    "no PATCH": {"chunks": False},
    "large chunks wanted": {"chunk_min_length": 250_000},
    "small bodies wanted": {"largest_body": 60_000},
    "offsets not looked at": {"checks_offsets": False},
    "no digest header": {"digest_header": "absent"},
    "no HEAD of manifests": {"manifest_heads": False},
    "a warning": {"warning": '299 - "go away"'},
    "another API version": {"api_version": "2"},
    "slow": {"piece_pause_s": 0.002},
}


@pytest.mark.parametrize("quirk", PUSHED)
def test_an_image_is_pushed_and_pulled_all_the_same(
    start_quirks: Callable[..., QuirkRegistry], pier: Pier, quirk: str
) -> None:
    quirks = start_quirks(**PUSHED[quirk])
    pier.push(quirks)
    pier.require_there(quirks)
    pier.push(quirks, "another/app", Origin(quirks.host, "team/app"))
    pier.require_there(quirks, "another/app")
    pier.pull(quirks, "another/app")
    assert not quirks.uploads or quirk.startswith("mount") or "bodies" in quirk or "PATCH" in quirk


def test_what_another_repository_has_is_mounted_and_not_sent(quirks: QuirkRegistry, pier: Pier) -> None:
    pier.push(quirks)
    quirks.forget_requests()
    pushed = pier.push(quirks, "another/app", Origin(quirks.host, "team/app"))
    assert pushed.mounted_bytes > sum(LAYERS)
    assert quirks.bytes_in < 5_000


def test_what_is_there_is_not_sent_again(quirks: QuirkRegistry, pier: Pier) -> None:
    pier.push(quirks)
    quirks.forget_requests()
    assert pier.push(quirks).sent_bytes == pier.image.size_bytes  # the manifest, to name it
    assert quirks.bytes_in == pier.image.size_bytes


def test_an_index_is_named_last_and_only_when_all_it_names_is_there(
    quirks: QuirkRegistry, tmp_path: Path
) -> None:
    store = Store.open(tmp_path / "store")
    pier = Pier(store, Store.open(tmp_path / "arrival"), make_index(store), Keychain())
    pier.push(quirks)
    pier.require_there(quirks)
    assert [asked.path.rpartition("/")[2] for asked in quirks.asked("PUT", "/manifests/")][-1] == "v1"
    pier.pull(quirks)


# --- pushed after faults ---


@pytest.mark.parametrize("lost", [False, True], ids=["what came is kept", "what came is lost"])
@pytest.mark.parametrize("after", [0, 1, 100_000, 199_999])
def test_an_upload_goes_on_after_the_connection_broke(
    start_quirks: Callable[..., QuirkRegistry], pier: Pier, after: int, *, lost: bool
) -> None:
    quirks = start_quirks(keeps_cut_chunks=not lost)
    quirks.cuts(after, skip=2, times=1, method="PATCH")
    pier.push(quirks)
    pier.require_there(quirks)
    assert quirks.bytes_in < sum(LAYERS) + 300_000


def test_an_upload_that_broke_at_95_percent_goes_on_there_in_the_next_run(
    quirks: QuirkRegistry, pier: Pier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "_THREADS", 1)  # the largest goes first
    monkeypatch.setattr(upload, "CHUNK_BYTES", LARGEST // 20)
    quirks.fails(403, skip=19, times=1, method="PATCH")
    with pytest.raises(WorldError):
        pier.push(quirks)
    arrived = quirks.bytes_in
    assert arrived > LARGEST * 9 // 10
    quirks.forget_requests()
    pier.push(quirks)
    pier.require_there(quirks)
    assert quirks.bytes_in < sum(LAYERS) - arrived + 80_000


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "retry_after": "0"},
        {"status": 503, "retry_after": "0"},
        {"status": 500},
        {"status": 502},
        {"status": 504},
        {"status": 408},
    ],
    ids=lambda fault: str(fault["status"]),
)
@pytest.mark.parametrize(
    ("method", "place"),
    [
        ("HEAD", "/blobs/"),
        ("POST", "/uploads/"),
        ("PATCH", "/uploads/"),
        ("PUT", "/uploads/"),
        ("PUT", "/manifests/"),
        ("GET", "/manifests/"),
        ("GET", "/blobs/sha256"),
    ],
)
def test_what_a_registry_cannot_do_just_now_is_asked_again(
    quirks: QuirkRegistry, pier: Pier, fault: dict[str, Any], method: str, place: str
) -> None:
    quirks.fails(**fault, times=2, method=method, place=place)
    pier.push(quirks)
    pier.require_there(quirks)
    pier.pull(quirks)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize(
    ("method", "place"),
    [
        ("HEAD", "/blobs/"),
        ("POST", "/uploads/"),
        ("PATCH", "/uploads/"),
        ("PUT", "/uploads/"),
        ("PUT", "/manifests/"),
        ("GET", "/manifests/"),
        ("GET", "/blobs/sha256"),
    ],
)
def test_a_request_whose_connection_ends_is_made_again(
    quirks: QuirkRegistry, pier: Pier, method: str, place: str, *, reset: bool
) -> None:
    quirks.cuts(0, times=2, method=method, place=place, reset=reset)
    pier.push(quirks)
    pier.require_there(quirks)
    pier.pull(quirks)


def test_an_answer_that_is_lost_after_all_was_done_does_no_harm(quirks: QuirkRegistry, pier: Pier) -> None:
    for method in ("POST", "PATCH", "PUT"):
        quirks.cuts(0, times=1, method=method, answer=True)
    pier.push(quirks)
    pier.require_there(quirks)


def test_a_registry_that_forgets_an_upload_is_sent_it_anew(quirks: QuirkRegistry, pier: Pier) -> None:
    quirks.fails(404, times=1, skip=1, method="PATCH", body=b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}')
    pier.push(quirks)
    pier.require_there(quirks)


def test_a_registry_that_wants_another_part_is_asked_which(quirks: QuirkRegistry, pier: Pier) -> None:
    quirks.fails(416, times=1, skip=1, method="PATCH")
    pier.push(quirks)
    pier.require_there(quirks)
    assert quirks.asked("GET", "/uploads/")


def test_a_registry_that_lies_about_how_far_it_is_gets_nothing_corrupt(
    start_quirks: Callable[..., QuirkRegistry], pier: Pier
) -> None:
    quirks = start_quirks(upload_range_lie=-7)
    quirks.cuts(1000, times=2, method="PATCH")
    try:
        pier.push(quirks)
    except WherryError:
        assert not quirks.manifests
    assert not quirks.corrupt_blobs()


def test_a_body_that_is_too_large_whatever_its_size_is_told(
    start_quirks: Callable[..., QuirkRegistry], pier: Pier
) -> None:
    quirks = start_quirks(largest_body=5_000)
    with pytest.raises(TooLargeError) as caught:
        pier.push(quirks)
    assert "client_max_body_size" in caught.value.mend
    assert not quirks.manifests


def test_uploads_that_are_sent_to_another_server_get_no_credentials(
    start_quirks: Callable[..., QuirkRegistry], pier: Pier
) -> None:
    elsewhere = start_quirks()
    quirks = start_quirks(location_origin=elsewhere.url)
    elsewhere.blobs, elsewhere.uploads = quirks.blobs, quirks.uploads
    quirks.guard = Guard({USER: Rights(PASSWORD)}, scheme="basic")
    keychain = Keychain(logins={quirks.host: Login("the test", USER, PASSWORD)})
    Pier(pier.departure, pier.arrival, pier.image, keychain).push(quirks)
    pier.require_there(quirks)
    assert elsewhere.asked("PATCH")
    assert not any(asked.headers.get("Authorization") for asked in elsewhere.requests)


# --- pulled all the same, or not at all ---

PULLED: dict[str, dict[str, Any]] = {
    "Range ignored": {"ranges": "ignored"},
    "Range refused": {"ranges": "refused"},
    "no Content-Length": {"no_length": True},
    "no digest header": {"digest_header": "absent"},
    "a warning": {"warning": '299 - "go away"'},
}


@pytest.mark.parametrize("quirk", PULLED)
@pytest.mark.parametrize("after", [0, 1, 100_000, 300_000])
def test_a_pull_that_was_cut_ends_well(
    start_quirks: Callable[..., QuirkRegistry], pier: Pier, quirk: str, after: int
) -> None:
    quirks = start_quirks(**PULLED[quirk])
    pier.push(quirks)
    quirks.cuts(after, times=2, method="GET", place="/blobs/sha256", answer=True)
    pier.pull(quirks)


def test_what_came_before_a_cut_is_not_fetched_again(quirks: QuirkRegistry, pier: Pier) -> None:
    pier.push(quirks)
    largest = max(quirks.blobs["team/app"].items(), key=lambda item: len(item[1]))[0]
    quirks.cuts(600_000, times=1, method="GET", place=largest, answer=True)
    quirks.forget_requests()
    pier.pull(quirks)
    assert quirks.bytes_out < sum(LAYERS) + 100_000
    assert [a for a in quirks.asked("GET", "/blobs/") if a.headers.get("Range")]


@pytest.mark.parametrize("lie", [-1, 1, -100_000, 100_000])
def test_a_blob_of_another_length_than_said_is_never_accepted(
    start_quirks: Callable[..., QuirkRegistry], pier: Pier, lie: int
) -> None:
    quirks = start_quirks()
    pier.push(quirks)
    quirks.quirks.length_lie = lie
    with pytest.raises(WherryError):
        pier.pull(quirks)
    pier.require_sound()
    quirks.quirks.length_lie = 0
    pier.pull(quirks)


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut once"])
def test_a_blob_with_a_bit_flipped_is_never_accepted(quirks: QuirkRegistry, pier: Pier, *, cut: bool) -> None:
    pier.push(quirks)
    quirks.quirks.corrupt.update(quirks.blobs["team/app"])
    if cut:
        quirks.cuts(100, times=1, method="GET", place="/blobs/sha256", answer=True)
    with pytest.raises(WherryError):
        pier.pull(quirks)
    pier.require_sound()
    quirks.quirks.corrupt.clear()
    pier.pull(quirks)


def test_another_part_than_was_asked_for_is_never_accepted(
    start_quirks: Callable[..., QuirkRegistry], pier: Pier
) -> None:
    quirks = start_quirks(ranges="lie")
    pier.push(quirks)
    quirks.cuts(100_000, times=3, method="GET", place="/blobs/sha256", answer=True)
    try:
        pier.pull(quirks)
    except WherryError:
        pier.require_sound()
    quirks.quirks.ranges = "work"
    pier.pull(quirks)


@pytest.mark.parametrize(
    "quirk", [{"digest_header": "wrong"}, {"manifest_type": ""}, {"manifest_type": "text/html"}], ids=str
)
def test_a_manifest_that_is_said_to_be_another_is_refused(
    start_quirks: Callable[..., QuirkRegistry], pier: Pier, quirk: dict[str, Any]
) -> None:
    quirks = start_quirks()
    pier.push(quirks)
    for name, value in quirk.items():
        setattr(quirks.quirks, name, value)
    with pytest.raises((InputError, WorldError)):
        pier.pull(quirks)
    assert not list(pier.arrival.blobs.items())


def test_blobs_at_another_server_are_fetched_from_there_without_credentials(
    start_quirks: Callable[..., QuirkRegistry], pier: Pier
) -> None:
    elsewhere = start_quirks()
    quirks = start_quirks(blobs_at=elsewhere.url)
    elsewhere.blobs = quirks.blobs
    quirks.guard = Guard({USER: Rights(PASSWORD)})
    keychain = Keychain(logins={quirks.host: Login("the test", USER, PASSWORD)})
    known = Pier(pier.departure, pier.arrival, pier.image, keychain)
    known.push(quirks)
    elsewhere.cuts(100_000, times=2, answer=True)
    known.pull(quirks)
    assert elsewhere.asked("GET", "planted-signature")
    assert not any(asked.headers.get("Authorization") for asked in elsewhere.requests)


def test_a_circle_of_redirects_ends(start_quirks: Callable[..., QuirkRegistry], pier: Pier) -> None:
    quirks = start_quirks()
    pier.push(quirks)
    quirks.quirks.redirects_forever = True
    with pytest.raises(WorldError, match="circle"):
        pier.pull(quirks)


# --- who asks ---

CHALLENGES = {
    "usual": ('Bearer realm="{realm}",service="{service}",scope="{scope}"',),
    "another order": ('Bearer scope="{scope}",service="{service}",realm="{realm}"',),
    "spaces": ('Bearer   realm="{realm}" ,  service = "{service}", scope="{scope}"',),
    "lower case": ('bearer Realm="{realm}",SERVICE="{service}",scope="{scope}"',),
    "more parameters": (
        'Bearer error="invalid_token",realm="{realm}",x=y,service="{service}",scope="{scope}"',
    ),
    "no scope": ('Bearer realm="{realm}",service="{service}"',),
    "no service": ('Bearer realm="{realm}"',),
    "several in several headers": ("Negotiate", 'Bearer realm="{realm}",service="{service}"'),
    "several in one header": ('Negotiate, Bearer realm="{realm}",service="{service}"',),
    "after another with parameters": (
        'Digest realm="a, b",nonce="x\\"y", Bearer realm="{realm}",service="s"',
    ),
    "Basic as well": ('Basic realm="x"', 'Bearer realm="{realm}",service="{service}",scope="{scope}"'),
}


def guarded(quirks: QuirkRegistry, pier: Pier, guard: Guard) -> Pier:
    quirks.guard = guard
    keychain = Keychain(logins={quirks.host: Login("the test", USER, PASSWORD)})
    return Pier(pier.departure, pier.arrival, pier.image, keychain)


@pytest.mark.parametrize("kind", CHALLENGES)
def test_a_token_is_had_however_the_registry_says_where(quirks: QuirkRegistry, pier: Pier, kind: str) -> None:
    known = guarded(quirks, pier, Guard({USER: Rights(PASSWORD)}, challenges=CHALLENGES[kind]))
    known.push(quirks)
    known.pull(quirks)


@pytest.mark.parametrize(
    "challenge", ['Basic realm="{service}"', 'basic REALM="x", charset="UTF-8"', "Basic"]
)
def test_a_password_is_sent_however_the_registry_asks_for_it(
    quirks: QuirkRegistry, pier: Pier, challenge: str
) -> None:
    known = guarded(quirks, pier, Guard({USER: Rights(PASSWORD)}, scheme="basic", challenges=(challenge,)))
    known.push(quirks)
    known.pull(quirks)


@pytest.mark.parametrize(
    "change",
    [
        {"token_fields": ("access_token",)},
        {"token_fields": ("token", "access_token")},
        {"token_extra": {"expires_in": 1}},
        {"token_extra": {"expires_in": 0}},
        {"token_extra": {"expires_in": 10**12}},
        {"token_extra": {"issued_at": "yesterday", "refresh_token": "planted"}},
        {"first_scope_only": True},
        {"posts": 404},
        {"posts": 405},
    ],
    ids=str,
)
def test_a_token_server_may_have_its_ways(quirks: QuirkRegistry, pier: Pier, change: dict[str, Any]) -> None:
    known = guarded(quirks, pier, Guard({USER: Rights(PASSWORD)}, **change))
    known.push(quirks)
    known.push(quirks, "another/app", Origin(quirks.host, "team/app"))
    pier.require_there(quirks, "another/app")
    known.pull(quirks, "another/app")


def test_a_token_that_expires_on_the_way_is_had_anew(
    quirks: QuirkRegistry, pier: Pier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "_THREADS", 1)
    guard = Guard({USER: Rights(PASSWORD)}, token_uses=2)
    known = guarded(quirks, pier, guard)
    known.push(quirks)
    pier.require_there(quirks)
    assert guard.tokens_given > 3


def test_who_has_no_password_pulls_what_anybody_may(quirks: QuirkRegistry, pier: Pier) -> None:
    guarded(quirks, pier, Guard({USER: Rights(PASSWORD)}, anonymous=frozenset({"pull"}))).push(quirks)
    pier.pull(quirks)
    assert not [a for a in quirks.asked("GET", "/token")[-1:] if a.headers.get("Authorization")]


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'{"token": 1}', b'{"token": "a\\r\\nX: y"}', b"{" * 100_000, b"\xff"],
    ids=range(7),
)
def test_a_token_server_that_talks_nonsense_is_an_error(
    quirks: QuirkRegistry, pier: Pier, body: bytes
) -> None:
    known = guarded(quirks, pier, Guard({USER: Rights(PASSWORD)}))
    quirks.fails(200, times=100, place="/token", body=body)
    with pytest.raises(WorldError):
        known.push(quirks)
    assert not quirks.blobs


@pytest.mark.parametrize(
    "realm",
    [
        "http://registry.example/token",
        "https://169.254.169.254/latest",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "http://[::ffff:169.254.169.254]/",
        "nonsense",
        "",
    ],
)
def test_a_password_is_not_sent_to_wherever_a_registry_says(
    quirks: QuirkRegistry, pier: Pier, realm: str
) -> None:
    challenge = 'Bearer realm="{realm}",service="{service}"'.replace("{realm}", realm)
    known = guarded(quirks, pier, Guard({USER: Rights(PASSWORD)}, challenges=(challenge,)))
    with pytest.raises(WorldError):
        known.push(quirks)
    assert not quirks.blobs


def test_no_error_of_a_registry_is_repeated_unseen(quirks: QuirkRegistry, pier: Pier) -> None:
    told = json.dumps({"errors": [{"code": "\x1b[31mX", "message": "a\nb\x07" + "y" * 100_000}]}).encode()
    quirks.fails(400, times=100, body=told)
    with pytest.raises(WherryError) as caught:
        pier.push(quirks)
    lines = caught.value.lines()
    assert len(lines) <= 3
    assert "".join(lines).isprintable()
    assert len("".join(lines)) < 1000
