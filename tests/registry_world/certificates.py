"""A certificate authority of the tests' own, for servers on this machine."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.programs import require_program

if TYPE_CHECKING:
    from pathlib import Path

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")


@dataclass(frozen=True)
class Certificate:
    """What a server shows, and its key."""

    chain: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """For a server that shows it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context


@dataclass(frozen=True)
class Authority:
    """Trusted by nobody but who is given `file`."""

    directory: Path
    """Holds ``ca.crt``, and so is a ``--cert-dir`` of skopeo's."""

    @classmethod
    def make(cls, directory: Path) -> Authority:
        """Make one in an empty *directory*, with a certificate for this machine's loopback."""
        found = cls(directory)
        keys = directory / "keys"
        keys.mkdir()
        openssl(
            *("req", "-x509", *_NEW_KEY, "-subj", "/CN=Authority of the tests"),
            *("-keyout", str(keys / "ca.key"), "-out", str(found.file)),
        )
        server = found.certificate
        openssl(
            *("req", "-x509", *_NEW_KEY, "-subj", "/CN=localhost"),
            *("-CA", str(found.file), "-CAkey", str(keys / "ca.key")),
            *("-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
            *("-keyout", str(server.key), "-out", str(server.chain)),
        )
        return found

    @property
    def file(self) -> Path:
        """For SSL_CERT_FILE."""
        return self.directory / "ca.crt"

    @property
    def certificate(self) -> Certificate:
        """For servers at 127.0.0.1 and localhost."""
        return Certificate(self.directory / "keys" / "server.pem", self.directory / "keys" / "server.key")

    def context(self) -> ssl.SSLContext:
        """For a client that trusts it alone."""
        return ssl.create_default_context(cafile=str(self.file))


def openssl(*arguments: str) -> None:
    """Run openssl."""
    subprocess.run([require_program("openssl"), *arguments], check=True, capture_output=True)
