from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.handmade import Entry, name_image, put_image, put_index, source_of
from tests.results import build_result, built_image
from wherry.bases.debian import pins_digest
from wherry.bases.image import image_facts
from wherry.bases.image_pins import PinnedImage, PinnedLayer
from wherry.bases.model import DebianPin, FoundPackage, ImageLayer
from wherry.bases.pins import FILENAME, Pins, PlatformPins, write_pins
from wherry.build.attachments import attach_documents, push_attachments, write_sboms
from wherry.build.gather import Gathered
from wherry.build.options import BuildOptions
from wherry.build.workshop import open_workshop
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.oci import media_types
from wherry.oci.image import read_image
from wherry.oci.model import decode_manifest
from wherry.oci.platform import Platform
from wherry.oci.reference import RegistryReference
from wherry.oci.registry.client import Registries
from wherry.oci.registry.push import push_image
from wherry.oci.registry.referrers import image_referrers
from wherry.progress import SilentProgress
from wherry.store.attached import Attached
from wherry.store.prune import prune

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.registries import DockerRegistry
    from wherry.build.result import BuiltImage
    from wherry.build.workshop import Workshop
    from wherry.store.store import Store

SBOM = "application/vnd.cyclonedx+json"
TOTO = "application/vnd.in-toto+json"
LOCK = 'lock-version = "1.0"\ncreated-by = "hand"\npackages = []\n'


@pytest.fixture
def options(tmp_path: Path) -> BuildOptions:
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text('[project]\nname = "The.App"\nversion = "1"\n')
    (root / "pylock.toml").write_text(LOCK)
    return BuildOptions(path=root, sbom=True, provenance=True)


@pytest.fixture
def registries() -> Iterator[Registries]:
    with Registries() as found:
        yield found


def shop(options: BuildOptions, store: Store) -> Workshop:
    return open_workshop(options, store, SilentProgress())


def built(store: Store, architecture: str = "amd64") -> BuiltImage:
    """An image whose manifest is in the store."""
    made = built_image()
    platform = Platform.parse(f"linux/{architecture}")
    plan = replace(
        made.plan,
        target=replace(made.plan.target, platform=platform),
        base=replace(made.plan.base, platform=platform),
    )
    return replace(made, plan=plan, descriptor=put_image(store, [[Entry("x")]], architecture=architecture))


def attach(image: BuiltImage, options: BuildOptions, store: Store) -> BuiltImage:
    return attach_documents(image, Gathered(image.plan, None), shop(options, store))


def document(image: BuiltImage, store: Store, kind: str) -> bytes:
    payload = next(one.payload for one in image.attached if one.artifact_type == kind)
    return store.blobs.path(payload.digest).read_bytes()


def test_both_documents_are_artifacts_about_the_image(options: BuildOptions, store: Store) -> None:
    image = attach(built(store), options, store)
    assert [one.artifact_type for one in image.attached] == [SBOM, TOTO]
    for one in image.attached:
        manifest = decode_manifest(store.blobs.path(one.descriptor.digest).read_bytes(), "here")
        assert manifest.artifact_type == one.artifact_type
        assert manifest.subject is not None
        assert manifest.subject.digest == image.descriptor.digest
        assert manifest.subject.platform is None
        assert manifest.layers == (one.payload,)
        assert store.blobs.path(manifest.config.digest).read_bytes() == b"{}"
    assert json.loads(document(image, store, SBOM))["metadata"]["component"]["name"] == "the-app"


def test_another_name_of_the_same_image_changes_no_document(options: BuildOptions, store: Store) -> None:
    one = attach(built(store), options, store)
    assert attach(built(store), replace(options, name="other:v2"), store).attached == one.attached


def test_only_what_was_asked_for_is_attached_and_what_was_there_stays(
    options: BuildOptions, store: Store
) -> None:
    attach(built(store), replace(options, provenance=False), store)
    image = attach(built(store), replace(options, sbom=False), store)
    assert [one.artifact_type for one in image.attached] == [TOTO]
    assert set(Attached(store).of(image.descriptor.digest)) == {SBOM, TOTO}


def test_the_provenance_names_the_projects_lock(options: BuildOptions, store: Store) -> None:
    found = json.loads(document(attach(built(store), options, store), store, TOTO))
    dependencies = found["predicate"]["buildDefinition"]["resolvedDependencies"]
    expected = {"name": "pylock.toml", "digest": {"sha256": Digest.of_bytes(LOCK.encode()).hex}}
    assert expected in dependencies


def test_the_provenance_names_wherry_lock_where_the_base_is_the_one_it_pins(
    options: BuildOptions, store: Store
) -> None:
    pin = DebianPin("libc6", "2.36-9", "amd64", "pool/main/g/glibc/libc6_2.36-9_amd64.deb", "1" * 64, 9)
    pins = PlatformPins(digest=str(pins_digest((pin,))), packages=(pin,))
    write_pins(options.path / FILENAME, Pins(base="debian:bookworm", platforms={"linux/amd64": pins}))
    names = []
    for digest in (Digest(pins.digest), Digest.of_bytes(b"another base, tried on the command line")):
        image = built(store)
        image = replace(image, plan=replace(image.plan, base=replace(image.plan.base, digest=digest)))
        found = json.loads(document(attach(image, options, store), store, TOTO))
        names.append([one["name"] for one in found["predicate"]["buildDefinition"]["resolvedDependencies"]])
    assert names == [["debian:bookworm", "pylock.toml", "wherry.lock"], ["debian:bookworm", "pylock.toml"]]


def on_image(image: BuiltImage, digest: Digest) -> BuiltImage:
    """*image* on a base that is an image."""
    layer = ImageLayer(Digest.of_bytes(b"a"), Digest.of_bytes(b"b"), 1, media_types.LAYER_GZIP, None)
    base = replace(image.plan.base, layers=(layer,), digest=digest, registry_name="registry.example/base:1")
    return replace(image, plan=replace(image.plan, base=base))


def packages(image: BuiltImage, store: Store) -> list[str]:
    parts = json.loads(document(image, store, SBOM))["components"]
    return [f"{one['name']} {one['version']}" for one in parts if one["type"] == "library"]


def test_the_packages_of_a_base_that_was_never_fetched_are_those_wherry_lock_has(
    options: BuildOptions, store: Store
) -> None:
    digest = Digest.of_bytes(b"the base")
    pinned = PinnedImage(
        layers=(PinnedLayer(Digest.of_bytes(b"a"), Digest.of_bytes(b"b"), 1),),
        codename="bookworm",
        installed=(FoundPackage("bash", "5.2"),),
    )
    platforms = {"linux/amd64": PlatformPins(digest=str(digest), image=pinned)}
    write_pins(options.path / FILENAME, Pins(base="registry.example/base:1", platforms=platforms))
    image = attach(on_image(built(store), digest), options, store)
    assert packages(image, store) == ["bash 5.2"]


def test_the_packages_of_a_base_on_this_disk_are_those_that_were_found_in_it(
    options: BuildOptions, store: Store
) -> None:
    status = b"Package: dash\nStatus: install ok installed\nVersion: 0.5\n"
    root = put_image(store, [[Entry("var/lib/dpkg/status", status)]])
    image = attach(on_image(built(store), root.digest), options, store)
    assert packages(image, store) == []  # nobody has looked
    source = source_of(store, root)
    image_facts(source, read_image(source, root, None), store)
    image = attach(on_image(built(store), root.digest), options, store)
    assert packages(image, store) == ["dash 0.5"]


def test_what_is_attached_lives_as_long_as_the_image_has_a_name(options: BuildOptions, store: Store) -> None:
    image = attach(built(store), options, store)
    blobs = [one.descriptor.digest for one in image.attached] + [one.payload.digest for one in image.attached]
    name_image(store, "app", image.descriptor)
    prune(store, keep_bytes=0)
    assert all(blob in store.blobs for blob in blobs)
    assert Attached(store).of(image.descriptor.digest)
    store.tags.remove("app:latest")
    prune(store, keep_bytes=0)
    assert not any(blob in store.blobs for blob in blobs)
    assert not Attached(store).of(image.descriptor.digest)


def test_a_push_attaches_them_to_the_image_of_each_platform(
    options: BuildOptions,
    store: Store,
    plain_registry: DockerRegistry,
    fresh_repository: str,
    registries: Registries,
) -> None:
    images = [attach(built(store, name), options, store) for name in ("amd64", "arm64")]
    root = put_index(store, [image.descriptor for image in images])
    target = RegistryReference(plain_registry.host, fresh_repository, "v1")
    push_image(source_of(store, root), root, target, registries)
    pushed = push_attachments(store, root, target, registries)
    assert [one.digest for one in pushed] == [a.descriptor.digest for i in images for a in i.attached]
    found = image_referrers(target, registries)
    assert [one.artifact for one in found] == list(pushed)
    subjects = [one.subject.digest for one in found]
    assert subjects == [i.descriptor.digest for i in images for _ in i.attached]


def test_an_image_with_nothing_attached_asks_the_registry_nothing(store: Store) -> None:
    root = put_image(store, [[Entry("x")]])
    target = RegistryReference("registry.example", "app", "v1")
    with Registries() as registries:
        assert push_attachments(store, root, target, registries) == ()


def test_an_attachment_that_the_store_lost_is_left_out(options: BuildOptions, store: Store) -> None:
    image = attach(built(store), options, store)
    store.blobs.remove(image.attached[0].descriptor.digest)
    store.blobs.remove(image.attached[1].payload.digest)
    target = RegistryReference("registry.example", "app", "v1")
    with Registries() as registries:
        assert push_attachments(store, image.descriptor, target, registries) == ()


def test_an_attachment_without_a_document_is_an_error(store: Store) -> None:
    root = put_image(store, [[Entry("x")]])
    empty = put_image(store, [])
    Attached(store).put(root.digest, {SBOM: empty.digest})
    with Registries() as registries, pytest.raises(InputError, match="has no document"):
        push_attachments(store, root, RegistryReference("registry.example", "app"), registries)


def test_a_bill_of_materials_is_written_to_a_file_of_each_platforms_own(
    options: BuildOptions, store: Store, tmp_path: Path
) -> None:
    images = [attach(built(store, name), options, store) for name in ("amd64", "arm64")]
    place = tmp_path / "sbom.json"
    assert write_sboms(place, build_result(images[0]), store) == [place]
    assert place.read_bytes() == document(images[0], store, SBOM)
    assert write_sboms(place, build_result(*images), store) == [
        tmp_path / "sbom.linux-amd64.json",
        tmp_path / "sbom.linux-arm64.json",
    ]
    assert (tmp_path / "sbom.linux-arm64.json").read_bytes() == document(images[1], store, SBOM)
    with pytest.raises(WorldError, match="cannot write"):
        write_sboms(tmp_path / "no" / "sbom.json", build_result(images[0]), store)
