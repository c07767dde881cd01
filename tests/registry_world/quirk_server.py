"""How a `QuirkRegistry` answers: the routes of distribution-spec, a thread for each connection."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import struct
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.registry_world.guard import Guard
    from tests.registry_world.quirks import QuirkRegistry

_PIECE: Final = 64 * 1024
_ROUTE: Final = re.compile(
    r"/v2/(?P<repository>[a-z0-9._/-]+?)/"
    r"(?:(?P<uploads>blobs/uploads)/(?P<session>[^/]*)|(?P<kind>blobs|manifests|referrers|tags)/(?P<name>[^/]+))"
)
_INDEX: Final = "application/vnd.oci.image.index.v1+json"


class QuirkServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    registry: QuirkRegistry

    def __init__(self) -> None:
        """Listen on a loopback port that is free."""
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as inherited
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as inherited
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as inherited
        """A client that hangs up is what many tests are about."""


class _CutError(Exception):
    """The connection ends here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = _PIECE
    disable_nagle_algorithm = True
    server: QuirkServer

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - what http.server looks for
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def log_message(self, *_: object) -> None:
        """Tests read `requests`, not a log."""

    def version_string(self) -> str:
        return "quirks"

    def _handle(self) -> None:
        self.registry = self.server.registry
        self.quirks = self.registry.quirks
        self.asked = self.registry.note(self.command, self.path, self.headers)
        self._body_read = False
        self.fault = self.registry.fault_for(self.command, self.path)
        try:
            if not self._meet_fault():
                self._route()
            if not self._body_read:
                self._discard_body()
            self.wfile.flush()
        except _CutError:
            self._hang_up()
        except (ConnectionError, ValueError):  # the client hung up, or what it sent is no HTTP
            self.close_connection = True

    def _meet_fault(self) -> bool:
        fault = self.fault
        if fault is None:
            return False
        time.sleep(fault.delay_s)
        if fault.status:
            self._discard_body()
            self._answer(
                fault.status, fault.body or _errors("FAULT", "as the test wants it"), **fault.headers
            )
            return True
        return False

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError, ValueError):
            self.wfile.flush()
        if self.fault and self.fault.reset:
            with suppress(OSError):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    # Routes

    def _route(self) -> None:
        path = urlsplit(self.path).path
        guard = self.registry.guard
        if guard and path == guard.token_path:
            self._give_token(guard)
            return
        if path in ("/v2/", "/v2"):
            if self._allowed("", frozenset()):
                self._answer(200, b"{}", Content_Type="application/json")
            return
        found = _ROUTE.fullmatch(path)
        if not found:
            self._refuse(404, "UNSUPPORTED", "there is no such place")
            return
        actions = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}.get(self.command, "push")
        if not self._allowed(found["repository"], frozenset({actions})):
            return
        place = "uploads" if found["uploads"] else found["kind"]
        method = getattr(self, f"_{self.command.lower()}_{place}", None)
        if method is None:
            self._refuse(405, "UNSUPPORTED", "not with this method")
        else:
            method(found["repository"], found["session"] if found["uploads"] else found["name"])

    def _allowed(self, repository: str, actions: frozenset[str]) -> bool:
        guard = self.registry.guard
        if guard is None:
            return True
        refusal = guard.refusal(self.headers.get("Authorization"), repository, actions, self.registry.url)
        if refusal is None:
            return True
        self._discard_body()
        self._begin(refusal.status, len(refusal.body))
        for challenge in refusal.challenges:
            self.send_header("WWW-Authenticate", challenge)
        self._finish(refusal.body)
        return False

    def _give_token(self, guard: Guard) -> None:
        if self.command == "POST":
            form = parse_qs(b"".join(self._body()).decode())
            self.asked.form = {name: values[-1] for name, values in form.items()}
            scopes = [s for value in form.get("scope", []) for s in value.split(" ")]
            status, body = guard.post_token(self.asked.form, scopes)
        else:
            query = parse_qs(urlsplit(self.path).query)
            status, body = guard.get_token(self.headers.get("Authorization"), query.get("scope", []))
        self._answer(status, body, Content_Type="application/json")

    # Blobs

    def _get_blobs(self, repository: str, digest: str) -> None:
        data = self.registry.blobs.get(repository, {}).get(digest)
        if data is None:
            self._refuse(404, "BLOB_UNKNOWN", "blob unknown to registry")
            return
        if self.quirks.redirects_forever:
            self._answer(self.quirks.redirect, b"", Location=self.path)
            return
        if self.quirks.blobs_at and self.command == "GET":
            place = f"{self.quirks.blobs_at}/v2/{repository}/blobs/{digest}?X-Signature=planted-signature"
            self._answer(self.quirks.redirect, b"", Location=place)
            return
        if digest in self.quirks.corrupt:
            data = _flipped(data)
        headers = self._digest_header(digest)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if asked and self.command == "GET" and self.quirks.ranges != "ignored":
            self._get_range(data, int(asked[1]), int(asked[2] or len(data) - 1), headers)
        else:
            self._answer_blob(200, data, headers)

    _head_blobs = _get_blobs

    def _get_range(self, data: bytes, first: int, last: int, headers: dict[str, str]) -> None:
        if self.quirks.ranges == "refused" or first >= len(data):
            self._answer(416, b"", Content_Range=f"bytes */{len(data)}")
            return
        if self.quirks.ranges == "lie":
            first //= 2
        last = min(last, len(data) - 1)
        headers["Content_Range"] = f"bytes {first}-{last}/{len(data)}"
        self._answer_blob(206, data[first : last + 1], headers)

    def _answer_blob(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        headers |= {"Content_Type": "application/octet-stream", "Accept_Ranges": "bytes"}
        if self.quirks.no_length and self.command == "GET":
            self._begin(status, None, Transfer_Encoding="chunked", **headers)
            self._finish(b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in (*_pieces(data), b"")))
            return
        self._begin(status, len(data) + self.quirks.length_lie, **headers)
        self._finish(data)
        if self.quirks.length_lie:
            raise _CutError

    def _delete_blobs(self, repository: str, digest: str) -> None:
        self._delete(self.registry.blobs.get(repository, {}), digest, "BLOB_UNKNOWN")

    def _delete(self, held: dict[str, Any], name: str, code: str) -> None:
        if not self.quirks.deletes:
            self._refuse(405, "UNSUPPORTED", "deletion is switched off")
        elif held.pop(name, None) is None:
            self._refuse(404, code, "nothing to delete")
        else:
            self._answer(202, b"")

    # Uploads

    def _post_uploads(self, repository: str, _session: str) -> None:
        query = self.asked.query
        if "mount" in query and self._mounted(repository, query["mount"], query.get("from", "")):
            return
        session = self.registry.begin_upload()
        if "digest" in query and self.quirks.whole_posts:
            self._receive(session)
            self._close_upload(repository, session, query["digest"])
            return
        self._discard_body()
        headers = {}
        if self.quirks.chunk_min_length:
            headers["OCI_Chunk_Min_Length"] = str(self.quirks.chunk_min_length)
        self._answer_upload(202, repository, session, **headers)

    def _mounted(self, repository: str, digest: str, origin: str) -> bool:
        """Answer a request to mount; ``False`` when an upload shall begin."""
        if self.quirks.mounts == "ignored":
            return False
        if self.quirks.mounts == "refused":
            self._refuse(self.quirks.mount_refusal, "UNSUPPORTED", "this registry mounts nothing")
            return True
        if self.quirks.mounts == "need from" and not origin:
            self._refuse(400, "NAME_INVALID", "mount without from")
            return True
        with self.registry.lock:
            data = self.registry.blobs.get(origin, {}).get(digest)
        if data is None or not self._may_read(origin):
            return False
        self.registry.put_blob(repository, data)
        place = f"{self.registry.url}/v2/{repository}/blobs/{digest}"
        self._answer(201, b"", Location=place, **self._digest_header(digest))
        return True

    def _may_read(self, repository: str) -> bool:
        guard = self.registry.guard
        authorization = self.headers.get("Authorization")
        return guard is None or not guard.refusal(
            authorization, repository, frozenset({"pull"}), "", counts=False
        )

    def _patch_uploads(self, repository: str, session: str) -> None:
        if not self.quirks.chunks:
            self._discard_body()
            self._refuse(405, "UNSUPPORTED", "no chunks here")
        elif self._known(session) and self._fits(session):
            upload = self.registry.uploads[session]
            before = len(upload)
            self._receive(session)
            upload.had_small_chunk = len(upload) - before < self.quirks.chunk_min_length
            if self.quirks.location_changes:
                session = self.registry.rename_upload(session)
            self._answer_upload(202, repository, session)

    def _put_uploads(self, repository: str, session: str) -> None:
        if self._known(session) and self._fits(session):
            self._receive(session)
            self._close_upload(repository, session, self.asked.query.get("digest", ""))

    def _get_uploads(self, repository: str, session: str) -> None:
        if not self.quirks.upload_status:
            self._refuse(404, "BLOB_UPLOAD_UNKNOWN", "uploads are not to be asked for")
        elif self._known(session):
            self._answer_upload(204, repository, session)

    def _delete_uploads(self, _repository: str, session: str) -> None:
        if self._known(session):
            with self.registry.lock:
                del self.registry.uploads[session]
            self._answer(204, None)

    def _known(self, session: str) -> bool:
        wanted = parse_qsl(self.quirks.location_query)
        query = parse_qsl(urlsplit(self.path).query)
        if session in self.registry.uploads and all(pair in query for pair in wanted):
            return True
        self._discard_body()
        self._refuse(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        return False

    def _content_range(self) -> tuple[int, int] | None:
        found = re.fullmatch(r"(\d+)-(\d+)", self.headers.get("Content-Range") or "")
        return (int(found[1]), int(found[2])) if found else None

    def _fits(self, session: str) -> bool:
        """Refuse a chunk that does not begin where the upload ends, is too large, or too small."""
        length = int(self.headers.get("Content-Length") or 0)
        limit = self.quirks.largest_body
        if limit is not None and length > limit:
            self._body_read = self.close_connection = True  # as nginx: it does not read what it refuses
            body = b"<html>413 Request Entity Too Large</html>"
            self._answer(413, body, Content_Type="text/html", Connection="close")
            return False
        asked = self._content_range()
        upload = self.registry.uploads[session]
        is_elsewhere = asked is not None and asked[0] != len(upload) and self.quirks.checks_offsets
        if is_elsewhere or (length and upload.had_small_chunk):
            self._discard_body()
            self._answer_upload(416, _repository_of(self.path), session)
            return False
        return True

    def _receive(self, session: str) -> None:
        """Take the body into the upload; what came before a cut is kept, unless quirks have it otherwise."""
        upload = self.registry.uploads[session]
        before = len(upload)
        try:
            for piece in self._body():
                upload += piece
                if self.quirks.piece_pause_s:
                    time.sleep(self.quirks.piece_pause_s)
        except (_CutError, ConnectionError):
            if self.quirks.cut_uploads_are_lost:
                self.registry.uploads.pop(session, None)
            elif not self.quirks.keeps_cut_chunks:
                del upload[before:]
            raise

    def _close_upload(self, repository: str, session: str, digest: str) -> None:
        with self.registry.lock:
            data = bytes(self.registry.uploads[session])
        if _digest(data) != digest:
            self._refuse(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
            return
        with self.registry.lock:
            self.registry.uploads.pop(session, None)
        self.registry.put_blob(repository, data)
        place = f"{self.registry.url}/v2/{repository}/blobs/{digest}"
        self._answer(201, b"", Location=place, **self._digest_header(digest))

    def _answer_upload(self, status: int, repository: str, session: str, **headers: str) -> None:
        query = f"?{self.quirks.location_query}" if self.quirks.location_query else ""
        path = f"/v2/{repository}/blobs/uploads/{session}"
        location = {
            "absolute": f"{self.quirks.location_origin or self.registry.url}{path}",
            "path": path,
            # Relative to ".../blobs/uploads/" and to ".../blobs/uploads/session-1" alike.
            "relative": f"../uploads/{session}",
        }[self.quirks.location]
        size = len(self.registry.uploads[session]) + self.quirks.upload_range_lie
        self._answer(
            status,
            None if status == 204 else b"",
            Location=location + query,
            Range=f"0-{max(size - 1, 0)}",
            Docker_Upload_UUID=session,
            **headers,
        )

    # Manifests

    def _get_manifests(self, repository: str, reference: str) -> None:
        if self.command == "HEAD" and not self.quirks.manifest_heads:
            self._refuse(405, "UNSUPPORTED", "no HEAD of manifests")
            return
        document = self.registry.manifests.get(repository, {}).get(reference)
        if document is None:
            code = "MANIFEST_UNKNOWN" if repository in self.registry.manifests else "NAME_UNKNOWN"
            self._refuse(404, code, "not known to registry")
            return
        digest = _digest(document.data)
        headers = self._digest_header(digest)
        if self.quirks.etags:
            headers["ETag"] = f'"{digest}"'
        media_type = document.media_type if self.quirks.manifest_type is None else self.quirks.manifest_type
        if media_type:
            headers["Content_Type"] = media_type
        data = _flipped(document.data) if digest in self.quirks.corrupt else document.data
        self._answer(200, data, **headers)

    _head_manifests = _get_manifests

    def _put_manifests(self, repository: str, reference: str) -> None:
        data = b"".join(self._body())
        held = self.registry.manifests.get(repository, {})
        wanted = self.headers.get("If-Match")
        if self.quirks.etags and wanted and wanted != f'"{_digest(held[reference].data)}"':
            self._refuse(412, "PRECONDITION", "somebody was faster")
            return
        try:
            document = json.loads(data)
        except ValueError:
            self._refuse(400, "MANIFEST_INVALID", "it is not JSON")
            return
        if ":" in reference and reference != _digest(data):
            self._refuse(400, "DIGEST_INVALID", "provided digest did not match")
            return
        missing = [d for d in _named(document) if not self._holds(repository, d)]
        if missing and self.quirks.checks_manifests:
            self._refuse(400, "MANIFEST_BLOB_UNKNOWN", f"blob unknown to registry: {missing[0]}")
            return
        tags = () if ":" in reference else (reference,)
        digest = self.registry.put_manifest(repository, data, self.headers.get("Content-Type", ""), *tags)
        headers = self._digest_header(digest)
        if self.quirks.referrers and document.get("subject"):
            headers["OCI_Subject"] = document["subject"]["digest"]
        self._answer(201, b"", Location=f"/v2/{repository}/manifests/{digest}", **headers)

    def _holds(self, repository: str, digest: str) -> bool:
        held = self.registry.blobs.get(repository, {}), self.registry.manifests.get(repository, {})
        return any(digest in part for part in held)

    def _delete_manifests(self, repository: str, reference: str) -> None:
        held = self.registry.manifests.get(repository, {})
        if ":" in reference and self.quirks.deletes and reference in held:
            for tag in [name for name, document in held.items() if _digest(document.data) == reference]:
                del held[tag]
            self._answer(202, b"")
        else:
            self._delete(held, reference, "MANIFEST_UNKNOWN")

    def _get_tags(self, repository: str, _list: str) -> None:
        held = self.registry.manifests.get(repository)
        if held is None:
            self._refuse(404, "NAME_UNKNOWN", "repository name not known to registry")
            return
        tags = sorted(name for name in held if ":" not in name)
        body = json.dumps({"name": repository, "tags": tags}).encode()
        self._answer(200, body, Content_Type="application/json")

    def _get_referrers(self, repository: str, subject: str) -> None:
        if not self.quirks.referrers:
            self._refuse(404, "UNSUPPORTED", "no referrers here")
            return
        query = self.asked.query
        found = list(self._referrers(repository, subject))
        headers = {"Content_Type": _INDEX}
        if "artifactType" in query and self.quirks.filters_referrers:
            found = [entry for entry in found if entry.get("artifactType") == query["artifactType"]]
            headers["OCI_Filters_Applied"] = "artifactType"
        first = int(query.get("first", 0))
        page = found[first : first + self.quirks.referrers_page] if self.quirks.referrers_page else found
        if self.quirks.referrers_page and first + self.quirks.referrers_page < len(found):
            following = {**query, "first": str(first + self.quirks.referrers_page)}
            headers["Link"] = f'</v2/{repository}/referrers/{subject}?{urlencode(following)}>; rel="next"'
        index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": page}
        self._answer(200, json.dumps(index).encode(), **headers)

    def _referrers(self, repository: str, subject: str) -> Iterator[dict[str, Any]]:
        with self.registry.lock:
            held = sorted(self.registry.manifests.get(repository, {}).items())
        for name, document in held:
            if ":" not in name:
                continue
            found = json.loads(document.data)
            if (found.get("subject") or {}).get("digest") == subject:
                entry = {"mediaType": document.media_type, "digest": name, "size": len(document.data)}
                kind = found.get("artifactType") or found.get("config", {}).get("mediaType")
                yield {**entry, "artifactType": kind, "annotations": found.get("annotations", {})}

    # Bytes

    def _digest_header(self, digest: str) -> dict[str, str]:
        if self.quirks.digest_header == "absent":
            return {}
        wrong = self.quirks.digest_header == "wrong"
        return {"Docker_Content_Digest": _digest(b"another thing") if wrong else digest}

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._answer(status, _errors(code, message), Content_Type="application/json")

    def _answer(self, status: int, body: bytes | None, **headers: str) -> None:
        if not self._body_read:
            self._discard_body()
        self._begin(status, None if body is None else len(body), **headers)
        self._finish(body or b"")

    def _begin(self, status: int, size_bytes: int | None, **headers: str) -> None:
        self.asked.status = status
        self.send_response(status)
        self.send_header("Docker-Distribution-Api-Version", self.quirks.api_version)
        if size_bytes is not None:
            self.send_header("Content-Length", str(size_bytes))
        if self.quirks.warning:
            self.send_header("Warning", self.quirks.warning)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)

    def _finish(self, body: bytes) -> None:
        self.end_headers()
        if self.command == "HEAD":
            return
        left = self.fault.cut_after if self.fault and self.fault.answer_cut else None
        for piece in _pieces(body):
            part = piece if left is None else piece[:left]
            self.wfile.write(part)
            with self.registry.lock:
                self.registry.bytes_out += len(part)
            if left is not None:
                left -= len(part)
                if not left:
                    break
            if self.quirks.piece_pause_s:
                self.wfile.flush()
                time.sleep(self.quirks.piece_pause_s)
        if left is not None:
            raise _CutError

    def _discard_body(self) -> None:
        for _ in self._body():
            pass

    def _body(self) -> Iterator[bytes]:
        """The request's body in pieces, counted; the fault may cut it."""
        if self._body_read:
            return
        self._body_read = True
        left = self.fault.cut_after if self.fault and not self.fault.answer_cut else None
        for piece in self._raw_body():
            part = piece if left is None else piece[:left]
            self.asked.body_bytes += len(part)
            with self.registry.lock:
                self.registry.bytes_in += len(part)
            if part:
                yield part
            if left is not None:
                left -= len(part)
                if not left:
                    raise _CutError
        if left is not None:
            raise _CutError

    def _raw_body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline(100).split(b";")[0], 16):
                yield from self._exactly(size)
                self.rfile.readline(10)
            while self.rfile.readline(1000).strip():
                pass
        else:
            yield from self._exactly(int(self.headers.get("Content-Length") or 0))

    def _exactly(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self.rfile.read1(min(size, _PIECE))
            if not piece:
                raise ConnectionResetError
            size -= len(piece)
            yield piece


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _flipped(data: bytes) -> bytes:
    """*data* with a bit in its middle flipped."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def _pieces(data: bytes) -> Iterator[bytes]:
    return (data[at : at + _PIECE] for at in range(0, len(data), _PIECE))


def _errors(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message, "detail": None}]}).encode()


def _named(document: dict[str, Any]) -> Iterator[str]:
    """The digests that a manifest or an index needs."""
    entries = [document.get("config"), *document.get("layers", []), *document.get("manifests", [])]
    return (entry["digest"] for entry in entries if entry and not entry.get("urls"))


def _repository_of(path: str) -> str:
    found = _ROUTE.fullmatch(urlsplit(path).path)
    return found["repository"] if found else ""
