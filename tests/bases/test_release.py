"""Nothing of a Release is believed that Debian did not sign, or signed for something else or too long ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pysequoia
import pytest

from tests.bases.debs import CERTIFICATE, KEY, NOW, sign
from wherry.bases.release import FINGERPRINTS, archive_certificates, parse_release, read_inrelease
from wherry.errors import WorldError

if TYPE_CHECKING:
    from wherry.bases.release import Release

DIGEST = "a" * 64
TEXT = f"""\
Origin: Debian
Codename: bookworm
Date: {NOW:%a, %d %b %Y %H:%M:%S} UTC
Valid-Until: {NOW + timedelta(days=7):%a, %d %b %Y %H:%M:%S} UTC
Acquire-By-Hash: yes
SHA256:
 {DIGEST} 12 main/binary-amd64/Packages.xz
"""


def _read(document: bytes, **changes: Any) -> Release:  # noqa: ANN401 - the keywords of the function
    known: dict[str, Any] = {"codename": "bookworm", "now": NOW, "where": "http://mirror.example/InRelease"}
    certificates = changes.pop("certificates", [CERTIFICATE])
    return read_inrelease(document, certificates, **{**known, **changes})


def test_a_signed_release_is_read() -> None:
    found = _read(sign(TEXT))
    assert found.codename == "bookworm"
    assert found.by_hash
    assert found.files["main/binary-amd64/Packages.xz"].size_bytes == 12
    assert found.files["main/binary-amd64/Packages.xz"].digest == f"sha256:{DIGEST}"


def test_one_known_signer_among_others_is_enough() -> None:
    other = pysequoia.Tsk.generate("Another").extract_certificate()
    assert _read(sign(TEXT), certificates=[other, CERTIFICATE]).codename == "bookworm"


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(sign(TEXT).replace(b"Origin: Debian", b"Origin: Debiam"), id="changed"),
        pytest.param(sign(TEXT, pysequoia.Tsk.generate("Mallory")), id="another key"),
        pytest.param(TEXT.encode(), id="not signed"),
        pytest.param(sign(TEXT)[:-200], id="cut short"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff" * 1000, id="noise"),
    ],
)
def test_what_is_not_rightly_signed_is_refused(document: bytes) -> None:
    with pytest.raises(WorldError, match="no valid signature") as caught:
        _read(document)
    assert len(caught.value.lines()) == 3


def test_text_around_the_signed_part_is_not_read() -> None:
    document = b"Codename: evil\nSHA256:\n\n" + sign(TEXT)
    try:
        found = _read(document)
    except WorldError:
        return
    assert found.codename == "bookworm"


def test_a_key_that_has_expired_is_not_believed() -> None:
    late = NOW + timedelta(days=365 * 20)
    with pytest.raises(WorldError, match="no valid signature") as caught:
        _read(sign(TEXT), now=late)
    assert "newer" in caught.value.mend


def test_a_revoked_key_is_not_believed() -> None:
    revoked = CERTIFICATE.merge(
        pysequoia.Cert.from_bytes(bytes(CERTIFICATE) + bytes(CERTIFICATE.revoke(KEY.certifier())))
    )
    assert revoked.is_revoked
    with pytest.raises(WorldError, match="no valid signature"):
        _read(sign(TEXT), certificates=[revoked])


def test_another_suite_is_refused_though_signed() -> None:
    with pytest.raises(WorldError, match="suite 'bookworm' where 'trixie'"):
        _read(sign(TEXT), codename="trixie")


def test_an_old_release_is_refused_unless_told_otherwise() -> None:
    late = NOW + timedelta(days=8)
    with pytest.raises(WorldError, match="was valid until"):
        _read(sign(TEXT), now=late)
    assert _read(sign(TEXT), now=late, check_valid_until=False).codename == "bookworm"


def test_a_clock_in_1970_is_named_as_the_cause() -> None:
    with pytest.raises(WorldError, match="clock says 1970-01-01") as caught:
        _read(sign(TEXT), now=datetime(1970, 1, 1, tzinfo=UTC))
    assert "wherry.lock" in caught.value.mend


def test_a_release_of_the_future_is_the_clocks_fault() -> None:
    with pytest.raises(WorldError, match="clock says"):
        _read(sign(TEXT), now=NOW - timedelta(days=30))


@pytest.mark.parametrize("field", ["Codename", "Date", "SHA256"])
def test_a_release_without_what_every_one_has_is_refused(field: str) -> None:
    with pytest.raises(WorldError, match="lacks"):
        parse_release(TEXT.replace(f"{field}:", "X:").encode(), "here")


def test_a_malformed_entry_is_refused() -> None:
    with pytest.raises(WorldError, match="lacks"):
        parse_release(TEXT.replace(DIGEST, "nonsense").encode(), "here")


def test_a_signature_over_nothing_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing:
        valid_sigs = ()
        bytes = None

    monkeypatch.setattr(pysequoia, "verify", lambda *_, **__: Nothing)
    with pytest.raises(WorldError, match="no valid signature"):
        _read(sign(TEXT))


def test_the_bundled_keys_are_debians_and_not_about_to_expire() -> None:
    certificates = archive_certificates()
    assert [c.fingerprint for c in certificates] == list(FINGERPRINTS.values())
    assert all(c.expiration is None or c.expiration > datetime(2029, 1, 1, tzinfo=UTC) for c in certificates)
    assert all("Debian" in str(c.user_ids[0]) for c in certificates)


def test_a_replaced_key_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FINGERPRINTS, "debian-trixie-stable.asc", "0" * 40)
    with pytest.raises(WorldError, match="not Debian's"):
        archive_certificates()
