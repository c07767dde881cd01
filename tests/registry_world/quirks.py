"""A registry in the tests' own process, as distribution-spec has it, that misbehaves as `Quirks` tell it.

    registry = QuirkRegistry.start(mounts="ignored")      # or the fixtures of tests.registries
    registry.quirks.largest_body = 1000                   # changed at any time
    registry.fails(503, times=2, method="PUT", place="/blobs/", retry_after="1")
    registry.cuts(after=70_000, times=1, method="PATCH")  # takes 70,000 bytes of body, then hangs up
    registry.asked("POST", "/blobs/uploads/")             # every such request: `Asked`

What it holds is in memory: `blobs` by repository and digest, `manifests` by repository and tag or digest.
`put_blob` and `put_manifest` fill it without a request. `bytes_in` and `bytes_out` count bodies.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import parse_qsl, urlsplit

from tests.registry_world.quirk_server import QuirkServer

if TYPE_CHECKING:
    from email.message import Message

    from tests.registry_world.certificates import Certificate
    from tests.registry_world.guard import Guard


@dataclass
class Quirks:
    """How the registry differs from a good one. Nothing is wrong with the defaults."""

    mounts: Literal["work", "ignored", "refused", "need from"] = "work"
    """``ignored``: 202, an upload begins. ``refused``: `mount_refusal`. ``need from``: else 400, as Quay."""
    mount_refusal: int = 405

    location: Literal["absolute", "path", "relative"] = "absolute"
    """Of an upload: ``path`` begins with a slash, ``relative`` is relative to the request's own address."""
    location_query: str = ""
    """Every ``Location`` of an upload has it, and a request without it is refused."""
    location_origin: str = ""
    """``http://host:port`` that uploads are sent to instead; share `blobs` with the registry there."""
    location_changes: bool = True
    """Each answer to a chunk has a new ``Location``, and the old one is gone."""

    chunks: bool = True
    """Whether PATCH is known; else it is answered with 405."""
    chunk_min_length: int = 0
    """``OCI-Chunk-Min-Length``; what comes after a chunk that was smaller is refused with 416."""
    largest_body: int | None = None
    """A request whose body is larger is answered with 413."""
    checks_offsets: bool = True
    """Whether ``Content-Range`` must begin where the upload ends (416); docker-registry 2.8 just appends."""
    keeps_cut_chunks: bool = True
    """Whether what came of a chunk before the connection broke stays."""
    cut_uploads_are_lost: bool = False
    """An upload whose chunk was cut is unknown from then on, as docker-registry 2.8 has it."""
    upload_range_lie: int = 0
    """Added to what ``Range`` says has come of an upload."""
    upload_status: bool = True
    """Whether an upload can be asked how far it is; else 404."""
    whole_posts: bool = True
    """Whether a POST with ``?digest=`` may bring the whole blob; else an upload begins."""

    blobs_at: str = ""
    """``http://host:port`` of another registry that GET of a blob is redirected to, with a signed query."""
    redirect: int = 307
    redirects_forever: bool = False
    ranges: Literal["work", "ignored", "lie", "refused"] = "work"
    """``lie``: 206 with another part than asked for. ``refused``: 416, always."""
    length_lie: int = 0
    """Added to ``Content-Length`` of a blob."""
    no_length: bool = False
    """A blob has no ``Content-Length``: it comes in chunks."""
    corrupt: set[str] = field(default_factory=set)
    """Digests of blobs and manifests that come with one bit flipped."""
    piece_pause_s: float = 0
    """Slept after each 64 KiB of an answer, and of an upload."""

    manifest_type: str | None = None
    """``Content-Type`` of every manifest instead of its own; empty for none."""
    digest_header: Literal["right", "absent", "wrong"] = "right"
    """``Docker-Content-Digest``."""
    manifest_heads: bool = True
    """Whether HEAD of a manifest is known; else 405."""
    checks_manifests: bool = True
    """Whether a manifest whose blobs are not there is refused."""
    referrers: bool = True
    """Whether there is a referrers API: else 404, and no ``OCI-Subject``."""
    referrers_page: int = 0
    """At most so many referrers in one answer, then a ``Link``."""
    filters_referrers: bool = True
    """Whether ``artifactType`` is honoured (and ``OCI-Filters-Applied`` says so)."""
    etags: bool = False
    """Whether manifests have an ``ETag``, and ``If-Match`` is honoured with 412."""
    deletes: bool = True
    warning: str = ""
    """A ``Warning`` header in every answer."""
    api_version: str = "registry/2.0"


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    """With its query."""
    headers: Message
    body_bytes: int = 0
    """What came of the body."""
    form: dict[str, str] = field(default_factory=dict)
    """The fields of a form."""
    status: int = 0
    """What it was answered with; 0 when the connection was cut first."""

    @property
    def query(self) -> dict[str, str]:
        """The last value of each name."""
        return dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))


@dataclass
class Fault:
    """What happens to the next requests that fit."""

    method: str
    place: re.Pattern[str]
    times: int
    skip: int
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut_after: int | None = None
    answer_cut: bool = False
    reset: bool = False
    delay_s: float = 0


class Begun(bytearray):
    """What has come of an upload."""

    had_small_chunk = False


@dataclass(frozen=True)
class Document:
    """A manifest or an index, byte for byte."""

    data: bytes
    media_type: str


class QuirkRegistry:
    """See the module. Made by `start`."""

    def __init__(self, server: QuirkServer, quirks: Quirks, *, tls: bool) -> None:
        self.quirks: Final = quirks
        self.host: Final = f"127.0.0.1:{server.server_port}"
        self.url: Final = f"{'https' if tls else 'http'}://{self.host}"
        self.guard: Guard | None = None
        self.blobs: dict[str, dict[str, bytes]] = {}
        self.manifests: dict[str, dict[str, Document]] = {}
        self.uploads: dict[str, Begun] = {}
        self.requests: list[Asked] = []
        self.bytes_in = 0
        self.bytes_out = 0
        self.lock: Final = threading.RLock()
        self._faults: list[Fault] = []
        self._server = server
        self._numbers = itertools.count(1)

    @classmethod
    def start(cls, *, certificate: Certificate | None = None, **quirks: Any) -> QuirkRegistry:  # noqa: ANN401 - of `Quirks`
        """Start one on a free loopback port; keyword arguments are those of `Quirks`."""
        server = QuirkServer()
        if certificate:
            server.socket = certificate.context().wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        server.registry = registry = cls(server, Quirks(**quirks), tls=certificate is not None)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return registry

    def stop(self) -> None:
        """Hang up and listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()

    # What it holds

    def put_blob(self, repository: str, data: bytes) -> str:
        """Put *data* into *repository*, and give its digest."""
        digest = digest_of(data)
        with self.lock:
            self.blobs.setdefault(repository, {})[digest] = data
        return digest

    def put_manifest(self, repository: str, data: bytes, media_type: str, *tags: str) -> str:
        """Put a manifest or an index into *repository*, whatever it says, and give its digest."""
        digest = digest_of(data)
        with self.lock:
            documents = self.manifests.setdefault(repository, {})
            for name in (digest, *tags):
                documents[name] = Document(data, media_type)
        return digest

    def corrupt_blobs(self) -> list[str]:
        """The blobs it holds whose bytes are not those of their digest."""
        with self.lock:
            return [d for held in self.blobs.values() for d, data in held.items() if digest_of(data) != d]

    # What it does to requests

    def fails(  # noqa: PLR0913 - what may be said of a failure
        self,
        status: int,
        *,
        times: int = 1,
        skip: int = 0,
        method: str = "",
        place: str = "",
        retry_after: str = "",
        body: bytes = b"",
        **headers: str,
    ) -> None:
        """Answer the next *times* requests so: those of *method* whose path has *place*, after *skip* others.

        ``Some_Header="x"`` adds ``Some-Header: x`` to the answer.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if retry_after:
            named["Retry-After"] = retry_after
        self._add(Fault(method, re.compile(place), times, skip, status=status, headers=named, body=body))

    def cuts(  # noqa: PLR0913 - what may be said of a cut
        self,
        after: int = 0,
        *,
        times: int = 1,
        skip: int = 0,
        method: str = "",
        place: str = "",
        answer: bool = False,
        reset: bool = False,
    ) -> None:
        """Hang up on such requests *after* so many bytes of their body, or of the *answer*'s."""
        self._add(
            Fault(method, re.compile(place), times, skip, cut_after=after, answer_cut=answer, reset=reset)
        )

    def delays(self, delay_s: float, *, times: int = 1, method: str = "", place: str = "") -> None:
        """Sleep before such requests are answered."""
        self._add(Fault(method, re.compile(place), times, 0, delay_s=delay_s))

    def forget_uploads(self) -> None:
        """Lose every upload that has begun, as a registry that restarts does."""
        with self.lock:
            self.uploads.clear()

    # What was asked of it

    def asked(self, method: str = "", place: str = "") -> list[Asked]:
        """The requests of *method* whose path has *place* (a regular expression), in their order."""
        with self.lock:
            return [r for r in self.requests if method in ("", r.method) and re.search(place, r.path)]

    def forget_requests(self) -> None:
        """Begin to count anew."""
        with self.lock:
            self.requests.clear()
            self.bytes_in = self.bytes_out = 0

    # For its server

    def _add(self, fault: Fault) -> None:
        with self.lock:
            self._faults.append(fault)

    def note(self, method: str, path: str, headers: Message) -> Asked:
        """Remember a request that begins."""
        asked = Asked(method, path, headers)
        with self.lock:
            self.requests.append(asked)
        return asked

    def fault_for(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets; it is used up."""
        with self.lock:
            for fault in self._faults:
                if fault.times > 0 and fault.method in ("", method) and fault.place.search(path):
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    fault.times -= 1
                    return fault
        return None

    def begin_upload(self) -> str:
        """The name of a new upload."""
        with self.lock:
            session = f"session-{next(self._numbers)}"
            self.uploads[session] = Begun()
        return session

    def rename_upload(self, session: str) -> str:
        """Give an upload another name, and forget the old one."""
        with self.lock:
            name = f"session-{next(self._numbers)}"
            self.uploads[name] = self.uploads.pop(session)
        return name


def digest_of(data: bytes) -> str:
    """As registries write it: ``sha256:...``."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
