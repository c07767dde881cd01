"""Registries for tests: Debian's own, started on a loopback port, and one that misbehaves as it is told.

Fixtures, for any test that names them as arguments:

- ``plain_registry``, ``password_registry``, ``tls_registry``: a `DockerRegistry` of the whole run (plain;
  htpasswd; TLS and htpasswd), so a test takes a repository of its own: ``fresh_repository``.
- ``authority``: an `Authority`; ``trusted_authority`` makes it the only one that wherry trusts.
- ``small_chunks``: a push sends at most 200 kB at once, and so remembers uploads of little images too.
- ``start_quirks``: ``start_quirks(no_mount)`` starts a `QuirkRegistry`; ``quirks`` is one already.

For a registry that a test fills, stops or looks into alone: ``with docker_registry(tmp_path) as registry:``;
with ``tokens=`` of `tests.registry_world.token_server` one that asks for Bearer tokens.
What a `QuirkRegistry` can be told stands in `tests.registry_world.quirks`, who may use it in its `guard`;
`tests.registry_world.images` makes images to push and pull; `tests.registry_world.faults` has the proxy that
breaks connections.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.programs import cannot_run, require_program
from tests.registry_world.certificates import Authority
from tests.registry_world.quirks import QuirkRegistry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.registry_world.token_server import TokenServer

USER: Final = "captain"
PASSWORD: Final = "Planted-Pa55word"  # noqa: S105 - of the registries below and nothing else
_HTPASSWD: Final = f"{USER}:$2b$04$GnIpZsxBoeXHhDqK372MTOa0TCAdwwCeLxz5tlYYUHvOAL/o1S8rC\n"
"""Both as ``htpasswd -B`` writes them, at the lowest cost: a request takes a millisecond."""

_START_TIMEOUT_S: Final = 30
_NUMBERS: Final = itertools.count(1)


@dataclass(frozen=True)
class DockerRegistry:
    """A ``docker-registry serve`` at work."""

    host: str
    """As users write it: "127.0.0.1:41234"."""

    storage: Path
    """Its files: ``docker/registry/v2/{blobs,repositories}``."""

    log: Path
    user: str = ""
    password: str = ""
    ca: Authority | None = None

    @property
    def url(self) -> str:
        """With the scheme it speaks."""
        return f"{'https' if self.ca else 'http'}://{self.host}"

    @property
    def skopeo(self) -> dict[str, tuple[str, ...]]:
        """The options that let skopeo in: for ``inspect`` (""), and as either side of a copy."""
        found = {}
        for side in ("", "src-", "dest-"):
            trust = (
                (f"--{side}cert-dir", str(self.ca.directory)) if self.ca else (f"--{side}tls-verify=false",)
            )
            login = (f"--{side}creds", f"{self.user}:{self.password}") if self.user else ()
            found[side.removesuffix("-")] = (*trust, *login)
        return found

    def blob_files(self) -> list[Path]:
        """The file of every blob it has accepted: ``sha256/ab/ab12.../data``."""
        return sorted(self.storage.glob("docker/registry/v2/blobs/sha256/*/*/data"))

    def tags(self, repository: str) -> list[str]:
        """The tags in *repository*, as its files have them."""
        tags = self.storage / "docker/registry/v2/repositories" / repository / "_manifests" / "tags"
        return sorted(entry.name for entry in tags.iterdir()) if tags.is_dir() else []


@contextmanager
def docker_registry(
    directory: Path,
    *,
    password: bool = False,
    ca: Authority | None = None,
    relative_urls: bool = False,
    tokens: TokenServer | None = None,
) -> Iterator[DockerRegistry]:
    """Start Debian's registry for the block, on a loopback port that is free.

    Args:
        directory: Where its configuration, log and storage go.
        password: Whether only `USER` with `PASSWORD` may use it; deletion is always allowed.
        ca: Who signs its certificate; without one it speaks plain HTTP.
        relative_urls: Whether its ``Location`` headers have no host.
        tokens: Who gives out the tokens that it asks for.

    """
    program = require_program("docker-registry")
    directory = directory / f"registry-{next(_NUMBERS)}"
    directory.mkdir(parents=True)
    for _ in range(20):
        # Somebody may take the port between our asking and its binding: then it ends, and we ask for another.
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        registry = DockerRegistry(
            f"127.0.0.1:{port}",
            directory / "storage",
            directory / "log",
            user=USER if password else "",
            password=PASSWORD if password else "",
            ca=ca,
        )
        config = _write_config(directory, registry, relative_urls=relative_urls, tokens=tokens)
        with registry.log.open("wb") as log:
            process = subprocess.Popen(
                [program, "serve", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": os.environ.get("PATH", os.defpath), "OTEL_TRACES_EXPORTER": "none"},
                start_new_session=True,
            )
        try:
            if _answers(registry, process):
                yield registry
                return
        finally:
            process.kill()
            process.wait()
    cannot_run(f"needs docker-registry, and it does not start: {registry.log.read_text(errors='replace')}")


def _write_config(
    directory: Path, registry: DockerRegistry, *, relative_urls: bool, tokens: TokenServer | None
) -> Path:
    http: dict[str, object] = {"addr": registry.host, "secret": "of no worth", "relativeurls": relative_urls}
    if registry.ca:
        certificate = registry.ca.certificate
        http["tls"] = {"certificate": str(certificate.chain), "key": str(certificate.key)}
    document: dict[str, object] = {
        "version": "0.1",
        "log": {"level": "info", "accesslog": {"disabled": False}},
        "storage": {
            "filesystem": {"rootdirectory": str(registry.storage)},
            "delete": {"enabled": True},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        "http": http,
    }
    if registry.user:
        passwords = directory / "htpasswd"
        passwords.write_text(_HTPASSWD)
        document["auth"] = {"htpasswd": {"realm": "the harbour", "path": str(passwords)}}
    if tokens:
        document["auth"] = {
            "token": {
                "realm": tokens.realm,
                "service": tokens.service,
                "issuer": tokens.issuer,
                "rootcertbundle": str(tokens.certificate),
            }
        }
    config = directory / "config.yml"
    config.write_text(json.dumps(document))  # JSON is YAML
    return config


def _answers(registry: DockerRegistry, process: subprocess.Popen[bytes]) -> bool:
    context = registry.ca.context() if registry.ca else None
    deadline = time.monotonic() + _START_TIMEOUT_S
    direct = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with direct.open(f"{registry.url}/v2/", timeout=5):
                return True
        except urllib.error.HTTPError as error:
            with error:
                return error.code == 401
        except OSError:
            time.sleep(0.02)
    return False


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def trusted_authority(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority


@pytest.fixture(scope="session")
def plain_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with docker_registry(tmp_path_factory.mktemp("plain")) as registry:
        yield registry


@pytest.fixture(scope="session")
def password_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with docker_registry(tmp_path_factory.mktemp("password"), password=True) as registry:
        yield registry


@pytest.fixture(scope="session")
def tls_registry(
    tmp_path_factory: pytest.TempPathFactory,
    authority: Authority,
) -> Iterator[DockerRegistry]:
    with docker_registry(tmp_path_factory.mktemp("tls"), password=True, ca=authority) as registry:
        yield registry


@pytest.fixture
def fresh_repository() -> str:
    return f"team/fresh-{next(_NUMBERS)}"


@pytest.fixture
def start_quirks() -> Iterator[Callable[..., QuirkRegistry]]:
    """Start quirk registries; keyword arguments are `Quirks`."""
    started: list[QuirkRegistry] = []

    def start(**quirks: Any) -> QuirkRegistry:  # noqa: ANN401 - of `Quirks`
        registry = QuirkRegistry.start(**quirks)
        started.append(registry)
        return registry

    yield start
    for registry in started:
        with suppress(OSError):
            registry.stop()


@pytest.fixture
def quirks(start_quirks: Callable[..., QuirkRegistry]) -> QuirkRegistry:
    return start_quirks()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little images go up in many chunks, as large ones do."""
    from wherry.oci.registry import push, upload  # noqa: PLC0415 - other tests start without them

    monkeypatch.setattr(upload, "CHUNK_BYTES", 200_000)
    monkeypatch.setattr(upload, "_LEAST_CHUNK_BYTES", 10_000)
    for module in (push, upload):
        monkeypatch.setattr(module, "AT_ONCE_BYTES", 50_000)
