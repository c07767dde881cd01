"""Layers of packages as work for the pool: what lies below may be an image on this disk."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.bases.debs import Deb, File, make_elf
from tests.handmade import Entry, name_image, put_image, source_of, symlink
from tests.layers.unpacking import files
from tests.results import BASE
from wherry.bases.image import image_facts
from wherry.build import layer_jobs
from wherry.build.layer_jobs import ImageUnderneath, PackagesLayerJob
from wherry.build.options import BuildOptions
from wherry.build.workshop import open_workshop
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.layers.deb_layer import deb_layer_key
from wherry.layers.ld_cache import LibraryDirectory, make_ld_cache, read_ld_cache
from wherry.oci.image import read_image
from wherry.oci.platform import Platform
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.store.store import Store

AMD64 = Platform.parse("linux/amd64")
LIBRARY = "x86_64-linux-gnu/libnew.so.1"
NEW = Deb("libnew1", files=(File(f"./lib/{LIBRARY}", make_elf("libnew.so.1")),))


def job(tmp_path: Path, store: Store, *layer: Entry) -> PackagesLayerJob:
    """Lay a package over an image of that layer, which the store calls ``base``."""
    root = put_image(store, [layer], architecture="amd64")
    name_image(store, "base", root)
    pin, path = NEW.write(tmp_path)
    store.blobs.add_bytes(path.read_bytes())
    return PackagesLayerJob(
        key=deb_layer_key([pin], machine="x86_64", compression="gzip", below=str(root.digest)),
        packages=(pin,),
        machine="x86_64",
        compression="gzip",
        mtime=1_700_000_000,
        below=ImageUnderneath(root.digest, "base", AMD64),
    )


def test_packages_over_an_image_follow_its_links_and_add_to_its_loaders_cache(
    tmp_path: Path, store: Store
) -> None:
    old = make_ld_cache([LibraryDirectory("/lib/old", [])], "x86_64", "test").data
    made = job(tmp_path, store, symlink("lib", "usr/lib"), Entry("etc/ld.so.cache", old))
    found = files(pickle.loads(pickle.dumps(made)).make(store, SilentProgress(), beside=False), store)  # noqa: S301 - our own
    assert f"usr/lib/{LIBRARY}" in found
    assert f"lib/{LIBRARY}" not in found
    sonames = [entry.soname for entry in read_ld_cache(found["etc/ld.so.cache"].content)]
    assert sonames == ["libnew.so.1"]


def test_a_base_that_was_replaced_meanwhile_is_not_built_on(tmp_path: Path, store: Store) -> None:
    made = job(tmp_path, store, Entry("one"))
    job(tmp_path, store, Entry("two"))
    with pytest.raises(InputError, match="the base changed while it was built on"):
        made.make(store, SilentProgress(), beside=False)


def test_what_must_be_unpacked_below_counts_as_work(tmp_path: Path, store: Store) -> None:
    over_image = job(tmp_path, store, Entry("one"))
    assert over_image.cost_bytes(store) == replace(over_image, below=None).cost_bytes(store)


def test_packages_over_a_base_in_a_registry_that_was_never_seen_need_network(
    tmp_path: Path, store: Store
) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "app"\nversion = "1"\n')
    workshop = open_workshop(BuildOptions(tmp_path, offline=True), store, SilentProgress())
    name = "registry.example/python:3.12"
    base = replace(BASE, registry_name=name)
    with pytest.raises(WorldError, match="this machine has not seen") as caught:
        layer_jobs._look_at(base, Digest.of_bytes(b"manifest"), workshop)
    assert caught.value.where == name


def test_a_base_in_a_registry_that_was_seen_is_not_asked_for_again(tmp_path: Path, store: Store) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "app"\nversion = "1"\n')
    root = put_image(store, [[symlink("lib", "usr/lib")]], architecture="amd64")
    source = source_of(store, root)
    image_facts(source, read_image(source, root, AMD64), store)
    workshop = open_workshop(BuildOptions(tmp_path, offline=True), store, SilentProgress())
    layer_jobs._look_at(replace(BASE, registry_name="registry.example/x:1"), root.digest, workshop)
    underneath = ImageUnderneath(root.digest, "registry.example/x:1", AMD64)
    assert underneath.read(store, "x86_64").links == {"lib": "usr/lib"}
