"""``wherry referrers``: what it prints, and how it fails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.registry_world.images import make_image, make_index
from wherry.cli import main
from wherry.oci import media_types
from wherry.oci.image import StoreSource
from wherry.oci.model import decode_index
from wherry.oci.reference import RegistryReference
from wherry.oci.registry.client import Registries
from wherry.oci.registry.push import push_image
from wherry.oci.registry.referrers import attach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.registry_world.quirks import QuirkRegistry
    from wherry.oci.model import Descriptor
    from wherry.store.store import Store

SBOM = "application/vnd.cyclonedx+json"
TOTO = "application/vnd.in-toto+json"


@pytest.fixture
def registries() -> Iterator[Registries]:
    with Registries() as found:
        yield found


def push(root: Descriptor, store: Store, quirks: QuirkRegistry, registries: Registries) -> str:
    """Push an image, and say what a user calls it then."""
    target = RegistryReference(quirks.host, "team/app", "v1")
    push_image(StoreSource(store, root), root, target, registries)
    return f"{quirks.host}/team/app:v1"


def put(
    quirks: QuirkRegistry, registries: Registries, subject: Descriptor, kind: str, **about: str
) -> Descriptor:
    return attach(registries.at(quirks.host), "team/app", subject, kind, b"{}", kind, about)


def test_each_artifact_is_a_line(
    quirks: QuirkRegistry, registries: Registries, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_image(store)
    name = push(root, store, quirks, registries)
    sbom = put(quirks, registries, root, SBOM)
    toto = put(quirks, registries, root, TOTO, about="it", long="x" * 200)
    assert main.run(["referrers", name]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["digest", "artifact", "type", "size", "of"]
    by_digest = {line.split()[0]: line.split()[1:] for line in lines}
    of = root.digest.hex[:12]
    assert by_digest[sbom.digest] == [SBOM, str(sbom.size_bytes), "B", of]
    assert by_digest[toto.digest][-2:] == ["about=it", f"long={'x' * 86}..."]


def test_of_an_index_each_line_names_the_platform(
    quirks: QuirkRegistry, registries: Registries, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_index(store)
    name = push(root, store, quirks, registries)
    for image in decode_index(store.blobs.path(root.digest).read_bytes(), "here").manifests:
        put(quirks, registries, image, SBOM)
    assert main.run(["referrers", name]) == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()[1:]] == [
        "linux/amd64",
        "linux/arm64",
    ]


def test_json_has_all_that_is_known_and_only_the_type_asked_for(
    quirks: QuirkRegistry, registries: Registries, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_image(store)
    name = push(root, store, quirks, registries)
    put(quirks, registries, root, SBOM)
    toto = put(quirks, registries, root, TOTO, about="it")
    assert main.run(["referrers", f"docker://{name}", "--artifact-type", TOTO, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "version": 1,
        "reference": f"docker://{name}",
        "referrers": [
            {
                "digest": toto.digest,
                "artifact_type": TOTO,
                "media_type": media_types.MANIFEST,
                "size_bytes": toto.size_bytes,
                "annotations": {"about": "it"},
                "subject": root.digest,
                "platform": "",
            }
        ],
    }


def test_an_image_that_nothing_refers_to_is_no_failure(
    quirks: QuirkRegistry, registries: Registries, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    name = push(make_image(store), store, quirks, registries)
    assert main.run(["referrers", "--plain-http", name]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "nothing refers to it\n")
    assert main.run(["referrers", "--json", name]) == 0
    assert json.loads(capsys.readouterr().out)["referrers"] == []


def test_what_others_wrote_moves_no_cursor(
    quirks: QuirkRegistry, registries: Registries, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_image(store)
    name = push(root, store, quirks, registries)
    put(quirks, registries, root, "evil\x1b[2J", note="one\ntwo\x07")
    assert main.run(["referrers", name]) == 0
    out = capsys.readouterr().out
    assert "evil?[2J" in out
    assert "note=one?two?" in out


def test_an_image_that_is_not_there_or_in_no_registry_is_said_to_be(
    quirks: QuirkRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["referrers", f"{quirks.host}/team/none:v1"]) == 3
    assert "no repository team/none" in capsys.readouterr().err
    assert main.run(["referrers", "app"]) == 2
    assert "registry" in capsys.readouterr().err
