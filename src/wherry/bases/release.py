"""A suite's signed table of contents, ``InRelease``: believed only after Debian's signature is verified."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from wherry.bases.deb822 import fields
from wherry.digest import Digest
from wherry.errors import WorldError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pysequoia import Cert

INRELEASE_LIMIT_BYTES: Final = 4 << 20
"""Debian's are about 150 kB."""

FINGERPRINTS: Final = {
    "debian-bookworm-automatic.asc": "b8b80b5b623eab6ad8775c45b7c5d7d6350947f8",
    "debian-bookworm-security-automatic.asc": "05ab90340c0c5e797f44a8c8254cf3b5aec0a8f0",
    "debian-bookworm-stable.asc": "4d64fec119c2029067d6e791f8d2585b8783d481",
    "debian-trixie-automatic.asc": "04b54c3cdca79751b16bc6b5225629df75b188bd",
    "debian-trixie-security-automatic.asc": "5e04a1e3223a19a20706e20f9904613d4cce68c6",
    "debian-trixie-stable.asc": "41587f7db8c774bccf131416762f67a0b2c39de4",
}
"""The certificates under ``keys/`` and the fingerprints they must have."""

_KEYS_PUBLISHED: Final = datetime(
    2025, 4, 1, tzinfo=UTC
)  # the youngest certificate is of 2025-03: no true clock is before
_CLOCK_SKEW: Final = timedelta(days=1)
_SET_CLOCK: Final = (
    "set the clock; a build from an existing wherry.lock needs no signature and works regardless"
)


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """One file a Release vouches for, by its path below ``dists/SUITE/``."""

    path: str
    digest: Digest
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Release:
    """What a verified ``InRelease`` says."""

    codename: str
    date: datetime
    valid_until: datetime | None
    by_hash: bool
    files: Mapping[str, ReleaseFile]


def archive_certificates() -> list[Cert]:
    """Debian's signing certificates as bundled with wherry.

    Raises:
        WorldError: A file is not the certificate it should be: the installation is damaged.

    """
    from importlib.resources import files  # noqa: PLC0415 - only resolving a base needs it

    from pysequoia import Cert  # noqa: PLC0415 - a large extension module

    found = []
    for name, fingerprint in FINGERPRINTS.items():
        certificate = Cert.from_bytes((files("wherry.bases") / "keys" / name).read_bytes())
        if certificate.fingerprint != fingerprint:
            raise WorldError(f"the bundled key {name} is not Debian's", mend="install wherry again")
        found.append(certificate)
    return found


def read_inrelease(  # noqa: PLR0913 - what a signature is judged by
    document: bytes,
    certificates: Sequence[Cert],
    *,
    codename: str,
    now: datetime,
    where: str,
    check_valid_until: bool = True,
) -> Release:
    """Verify the signature of *document* and read what was signed.

    Args:
        document: The bytes of ``InRelease``, an OpenPGP cleartext message.
        certificates: Whom to believe. One good signature of one of them is enough, as for apt.
        codename: The suite that was asked for; a rightly signed file of another suite is refused.
        now: The time to judge by.
        where: The address, for messages.
        check_valid_until: Whether a file past its ``Valid-Until`` is refused; snapshots always are.

    Raises:
        WorldError: No valid signature of a key that is itself valid now, wrong suite, too old, or a clock
            that cannot be right.

    """
    if now < _KEYS_PUBLISHED:
        raise WorldError(
            f"this machine's clock says {now:%Y-%m-%d}, so Debian's signatures cannot be judged",
            where=where,
            mend=_SET_CLOCK,
        )
    release = parse_release(_verified(document, certificates, now, where), where)
    if release.codename != codename:
        raise WorldError(
            f"the mirror gave the suite {release.codename!r} where {codename!r} was asked for", where=where
        )
    if release.date > now + _CLOCK_SKEW:
        raise WorldError(
            f"Debian signed this on {release.date:%Y-%m-%d}, but this machine's clock says {now:%Y-%m-%d}",
            where=where,
            mend=_SET_CLOCK,
        )
    if check_valid_until and release.valid_until is not None and release.valid_until < now:
        raise WorldError(
            f"the mirror's list of packages was valid until {release.valid_until:%Y-%m-%d} only",
            where=where,
            mend="use another mirror (WHERRY_DEBIAN_MIRROR) or check this machine's clock; for a snapshot"
            ' of the archive set Acquire::Check-Valid-Until "false" in apt.conf',
        )
    return release


def parse_release(signed: bytes, where: str) -> Release:
    """Read the fields of a Release file whose origin has been verified."""
    values = fields(signed)
    try:
        entries = [line.split() for line in values["sha256"].split("\n") if line]
        files = {
            path: ReleaseFile(path, Digest.from_hex(digest), int(size)) for digest, size, path in entries
        }
        valid_until = values.get("valid-until")
        return Release(
            codename=values["codename"],
            date=parsedate_to_datetime(values["date"]).replace(tzinfo=UTC),
            valid_until=parsedate_to_datetime(valid_until).replace(tzinfo=UTC) if valid_until else None,
            by_hash=values.get("acquire-by-hash", "no") == "yes",
            files=files,
        )
    except (KeyError, ValueError, OverflowError) as error:
        raise WorldError("the mirror's Release file lacks what every one has", where=where) from error


def _verified(document: bytes, certificates: Sequence[Cert], now: datetime, where: str) -> bytes:
    """What was signed, and nothing that merely stands beside it in the file."""
    from pysequoia import verify  # noqa: PLC0415 - a large extension module

    valid = [c for c in certificates if not c.is_revoked and (c.expiration is None or c.expiration > now)]
    # Sequoia's standard policy refuses weak hashes and keys, and signatures made after a key's expiry.
    try:
        result = verify(document, store=lambda _ids: valid)
    except Exception as error:  # the binding raises RuntimeError, ValueError, TypeError... for bad input
        if len(valid) < len(certificates):
            mend = "Debian's keys in this version of wherry have expired: install a newer one"
        else:
            mend = "use another mirror (WHERRY_DEBIAN_MIRROR); if all say this, a proxy rewrites pages"
        raise WorldError(
            "no valid signature of Debian on the mirror's InRelease", where=where, mend=mend
        ) from error
    if not result.valid_sigs or result.bytes is None:
        raise WorldError("no valid signature of Debian on the mirror's InRelease", where=where)
    return result.bytes
