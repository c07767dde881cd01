"""From a mirror's signed metadata to pins, from pins to facts; nothing unsigned, stale or changed gets in."""

from __future__ import annotations

import shutil
import threading
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.bases.debs import CERTIFICATE, NOW, Archive, Deb
from wherry.bases import metadata
from wherry.bases.debian import (
    Resolved,
    debian_base,
    downloads,
    fetch_debs,
    pins_digest,
    resolve_debian,
    suite_of,
)
from wherry.bases.mirror import MirrorSettings
from wherry.bases.model import DebianPin
from wherry.bases.resolve import Installed
from wherry.errors import InputError, WherryError, WorldError
from wherry.oci.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wherry.fetch.fetcher import Fetcher
    from wherry.store.store import Store

AMD64 = Platform.parse("linux/amd64")
ARM64 = Platform.parse("linux/arm64")
DEBS = [
    ("", Deb("app", fields={"Depends": "libc6 (>= 2.30), debconf"})),
    ("", Deb("libc6", "2.36-9")),
    ("", Deb("app", architecture="arm64")),
    ("-updates", Deb("data", architecture="all")),
    ("-security", Deb("libc6", "2.36-9+deb12u1")),
    ("", Deb("tool", fields={"Depends": "libc6, data"})),
]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The *folder* on a port of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "mirror", debs=list(DEBS))


def _resolve(archive: Archive, fetcher: Fetcher, store: Store, *system: str, **changes: Any) -> Resolved:  # noqa: ANN401 - keywords of the function
    known: dict[str, Any] = {
        "roots": ("app",),
        "fetcher": fetcher,
        "store": store,
        "mirror": MirrorSettings(archive.main, archive.security),
        "certificates": [CERTIFICATE],
        "now": NOW,
    }
    platform = changes.pop("platform", AMD64)
    return resolve_debian(archive.suite, platform, system, **{**known, **changes})


def test_the_newest_versions_of_all_pockets_are_pinned(
    archive: Archive, fetcher: Fetcher, store: Store
) -> None:
    archive.publish()
    found = _resolve(archive, fetcher, store, "tool")
    assert [(p.name, p.version, p.archive) for p in found.packages] == [
        ("app", "1.0-1", "main"),
        ("libc6", "2.36-9+deb12u1", "security"),
    ]
    assert [p.name for p in found.system_packages] == ["data", "tool"]
    assert found.released == NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert archive.main not in msgspec.json.encode(found).decode()


@pytest.mark.parametrize("ending", [".xz", ".gz", ""])
@pytest.mark.parametrize("by_hash", [True, False])
def test_mirrors_of_every_kind_give_the_same_pins(
    archive: Archive, fetcher: Fetcher, store: Store, ending: str, *, by_hash: bool
) -> None:
    archive.ending, archive.by_hash = ending, by_hash
    archive.publish()
    assert [p.name for p in _resolve(archive, fetcher, store, platform=ARM64).packages] == ["app"]


def test_a_resolution_is_remembered_by_the_metadata(archive: Archive, fetcher: Fetcher, store: Store) -> None:
    archive.publish()
    first = _resolve(archive, fetcher, store)
    for path in (archive.folder / "debian" / "dists").rglob("by-hash"):
        shutil.rmtree(path)
    assert _resolve(archive, fetcher, store) == first
    archive.debs.append(("", Deb("libc6", "2.99")))
    archive.publish()
    assert _resolve(archive, fetcher, store) != first


def test_what_an_image_has_is_not_resolved_again(archive: Archive, fetcher: Fetcher, store: Store) -> None:
    archive.publish()
    there = [Installed("libc6", "2.36-9"), Installed("data", "1")]
    found = _resolve(archive, fetcher, store, "tool", roots=(), installed=there)
    assert found.packages == ()
    assert [p.name for p in found.system_packages] == ["tool"]


def test_a_list_of_packages_that_is_not_the_signed_one_is_refused(
    archive: Archive, fetcher: Fetcher, store: Store
) -> None:
    archive.publish()
    for path in (archive.folder / "debian").rglob("SHA256/*"):
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(bytes(data))
    with pytest.raises(WherryError) as caught:
        _resolve(archive, fetcher, store)
    assert len(caught.value.lines()) <= 3


def test_a_mirror_that_is_not_rightly_signed_is_refused(
    archive: Archive, fetcher: Fetcher, store: Store
) -> None:
    archive.publish()
    with pytest.raises(WorldError, match="no valid signature"):
        _resolve(archive, fetcher, store, certificates=None)  # Debian's own


def test_a_mirrors_password_is_in_no_message(archive: Archive, fetcher: Fetcher, store: Store) -> None:
    archive.publish()
    with served(archive.folder) as address:
        named = address.replace("http://", "http://me:secret@")
        mirror = MirrorSettings(f"{named}/debian", f"{named}/debian-security")
        with pytest.raises(WorldError, match="no valid signature") as caught:
            _resolve(archive, fetcher, store, mirror=mirror, certificates=None)
    assert "secret" not in "\n".join(caught.value.lines())


def test_another_suites_metadata_is_refused(archive: Archive, fetcher: Fetcher, store: Store) -> None:
    archive.codename = "trixie"
    archive.publish()
    with pytest.raises(WorldError, match="asked for"):
        _resolve(archive, fetcher, store)


def test_a_stale_mirror_is_refused_unless_it_is_a_snapshot(
    archive: Archive, fetcher: Fetcher, store: Store
) -> None:
    archive.valid_until = NOW - timedelta(days=1)
    archive.publish()
    with pytest.raises(WorldError, match="valid until"):
        _resolve(archive, fetcher, store)
    snapshot = MirrorSettings(archive.main, archive.security, check_valid_until=False)
    assert _resolve(archive, fetcher, store, mirror=snapshot).packages


def test_an_architecture_the_mirror_lacks_is_named(archive: Archive, fetcher: Fetcher, store: Store) -> None:
    archive.architectures = ("amd64",)
    archive.publish()
    with pytest.raises(WorldError, match="no packages for arm64"):
        _resolve(archive, fetcher, store, platform=ARM64)


def test_a_list_that_never_ends_is_refused(
    archive: Archive, fetcher: Fetcher, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.publish()
    monkeypatch.setattr(metadata, "PACKAGES_LIMIT_BYTES", 10)
    with pytest.raises(WorldError, match="far larger"):
        _resolve(archive, fetcher, store)


def test_a_mirror_that_is_not_there_is_the_worlds_fault(
    archive: Archive, fetcher: Fetcher, store: Store
) -> None:
    with pytest.raises(WorldError):
        _resolve(archive, fetcher, store)


def test_an_unknown_suite_is_named_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="sarge") as caught:
        suite_of("debian:sarge")
    assert "debian:bookworm" in caught.value.mend


def test_pinned_packages_are_fetched_once(archive: Archive, fetcher: Fetcher, store: Store) -> None:
    archive.publish()
    mirror = MirrorSettings(archive.main, archive.security)
    pins = _resolve(archive, fetcher, store, "tool").packages
    fetch_debs(pins, fetcher=fetcher, store=store, mirror=mirror)
    assert all(download.digest in store.blobs for download in downloads(pins, mirror))
    shutil.rmtree(archive.folder)
    fetch_debs(pins, fetcher=fetcher, store=store, mirror=mirror)


def test_a_version_the_mirror_has_dropped_is_named_with_the_command_that_helps(
    archive: Archive, fetcher: Fetcher, store: Store
) -> None:
    archive.publish()
    pins = _resolve(archive, fetcher, store).packages
    next(archive.folder.rglob("pool/main/a/app/*amd64.deb")).unlink()
    with served(archive.folder) as address:
        mirror = MirrorSettings(f"{address}/debian", f"{address}/debian-security")
        with pytest.raises(WorldError, match=r"the mirror no longer has app 1\.0-1") as caught:
            fetch_debs(pins, fetcher=fetcher, store=store, mirror=mirror)
    assert caught.value.mend == "wherry lock --upgrade base"


def test_a_package_that_was_changed_on_the_mirror_is_refused(
    archive: Archive, fetcher: Fetcher, store: Store
) -> None:
    archive.publish()
    pins = _resolve(archive, fetcher, store).packages
    path = next(archive.folder.rglob("pool/main/a/app/*amd64.deb"))
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(WherryError):
        fetch_debs(pins, fetcher=fetcher, store=store, mirror=MirrorSettings(archive.main, archive.security))
    assert all(download.digest not in store.blobs for download in downloads(pins[:1], MirrorSettings()))


def _pin(name: str, version: str) -> DebianPin:
    return DebianPin(name, version, "amd64", f"pool/main/x/{name}.deb", "c" * 64, 1)


def test_a_bases_facts_come_from_its_pins() -> None:
    pins = (_pin("libc6", "2.36-9+deb12u1"), _pin("python3.11-minimal", "3.11.2-6+deb12u8"))
    base = debian_base("bookworm", AMD64, pins)
    assert base.python_full_version == "3.11.2"
    assert base.glibc == (2, 36)
    assert base.interpreter == "/usr/bin/python3.11"
    assert base.digest == pins_digest(reversed(pins))
    assert debian_base("bookworm", AMD64, pins[::-1]).digest == base.digest


@pytest.mark.parametrize(
    "pins",
    [(), (_pin("libc6", "2.36"),), (_pin("libc6", "unstable"), _pin("python3.11-minimal", "3.11.2-1"))],
)
def test_pins_without_a_python_or_a_libc_are_no_base(pins: tuple[DebianPin, ...]) -> None:
    with pytest.raises(InputError, match="have no") as caught:
        debian_base("bookworm", AMD64, pins)
    assert caught.value.mend == "wherry lock --upgrade base"
