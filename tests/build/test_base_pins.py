"""What a base's name means, and what pins of it hold, without a registry in sight."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.handmade import Entry, name_image, put_image
from wherry.bases.image_pins import PinnedImage, PinnedLayer
from wherry.bases.model import DebianPin, FoundPackage, FoundPython
from wherry.bases.pins import Pins, PlatformPins, read_pins, write_pins
from wherry.build.base import find_base
from wherry.build.base_pins import find_pins, plain_hosts, registry_reference
from wherry.build.deliver import parse_destination
from wherry.build.lock import lock_project
from wherry.build.options import BuildOptions
from wherry.build.workshop import open_workshop
from wherry.cli import main
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.oci.origins import Origin, Origins
from wherry.oci.platform import Platform
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from pathlib import Path

    from tests.registry_world.quirks import QuirkRegistry
    from wherry.build.workshop import Workshop
    from wherry.store.store import Store

AMD64 = Platform.parse("linux/amd64")
DIGEST = "sha256:" + "1" * 64
NAME = "python:3.12-slim"
IMAGE = PinnedImage(
    layers=(PinnedLayer(DIGEST, DIGEST, 10),),
    pythons=(
        FoundPython("/usr/bin/python3.11", "3.11.2"),
        FoundPython("/usr/local/bin/python3.12", "3.12.7"),
    ),
    glibc="2.36",
    codename="bookworm",
    user="1000",
    env=("PATH=/usr/local/bin:/usr/bin",),
    installed=(FoundPackage("libc6", "2.36-9"),),
)
SYSTEM = DebianPin("libgomp1", "1", "amd64", "pool/main/g/libgomp1_1_amd64.deb", "0" * 64, 1)


def workshop(
    root: Path, store: Store, base: str = NAME, table: str = "", *, requires: str = ">=3.11"
) -> Workshop:
    """A project on *base*, without network."""
    root.mkdir(exist_ok=True)
    (root / "pyproject.toml").write_text(
        f'[project]\nname = "app"\nversion = "1"\nrequires-python = "{requires}"\n'
        f'[tool.wherry]\ncommand = ["python"]\nbase = "{base}"\n{table}'
    )
    (root / "requirements.txt").write_text("")
    return open_workshop(BuildOptions(root, offline=True), store, SilentProgress())


def pinned(root: Path, *system: DebianPin, base: str = NAME, image: PinnedImage | None = IMAGE) -> Pins:
    """Have the project's wherry.lock pin it."""
    platform = PlatformPins(DIGEST, system_packages=system, image=image)
    asked = tuple(pin.name for pin in system)
    pins = Pins(base, {"linux/amd64": platform}, digest=DIGEST, system_packages=asked)
    root.mkdir(exist_ok=True)
    write_pins(root / "wherry.lock", pins)
    return pins


def test_a_pinned_image_is_a_base_without_network_or_bytes(tmp_path: Path, store: Store) -> None:
    pinned(tmp_path / "p")
    base = find_base(AMD64, workshop(tmp_path / "p", store)).base
    assert (base.name, base.registry_name) == (NAME, "docker.io/library/python:3.12-slim")
    assert (base.interpreter, base.python_full_version) == ("/usr/local/bin/python3.12", "3.12.7")
    assert (base.user, base.env, base.glibc) == ("1000", IMAGE.env, (2, 36))
    assert base.digest == DIGEST
    assert Origins(store).of(Digest(DIGEST)) == (Origin("docker.io", "library/python"),)
    assert Digest(DIGEST) not in store.blobs


def test_of_the_bases_interpreters_the_one_that_the_project_allows_is_taken(
    tmp_path: Path, store: Store
) -> None:
    pinned(tmp_path / "p")
    old = workshop(tmp_path / "p", store, requires="<3.12")
    assert find_base(AMD64, old).base.interpreter == "/usr/bin/python3.11"
    with pytest.raises(
        InputError, match=r"no Python >=3\.13; it has 3\.11\.2 \(/usr/bin/python3\.11\), 3\.12"
    ):
        find_base(AMD64, workshop(tmp_path / "p", store, requires=">=3.13"))


@pytest.mark.parametrize("name", ["docker.io/library/python:3.12-slim", "docker://python:3.12-slim"])
def test_the_same_image_by_another_name_is_pinned_already(tmp_path: Path, store: Store, name: str) -> None:
    pins = pinned(tmp_path / "p")
    assert find_pins(name, workshop(tmp_path / "p", store, name)) == pins


@pytest.mark.parametrize("name", ["python:3.13-slim", "registry.example/python:3.12-slim"])
def test_another_image_is_not_the_pinned_one(tmp_path: Path, store: Store, name: str) -> None:
    pinned(tmp_path / "p")
    with pytest.raises(WorldError, match="is not pinned, and without network it cannot be"):
        find_base(AMD64, workshop(tmp_path / "p", store, name))


def test_a_platform_that_is_not_pinned_says_how_it_would_be(tmp_path: Path, store: Store) -> None:
    pinned(tmp_path / "p")
    with pytest.raises(InputError, match="does not pin") as caught:
        find_base(Platform.parse("linux/arm64"), workshop(tmp_path / "p", store))
    assert caught.value.mend == "wherry lock --upgrade base --platform linux/arm64"


def test_system_packages_that_go_need_no_network_and_the_image_stays(tmp_path: Path, store: Store) -> None:
    pinned(tmp_path / "p", SYSTEM)
    with_package = workshop(tmp_path / "p", store, table='system-packages = ["libgomp1"]')
    assert find_base(AMD64, with_package).base.system_packages == (SYSTEM,)
    assert find_base(AMD64, workshop(tmp_path / "p", store)).base.system_packages == ()
    found = read_pins(tmp_path / "p/wherry.lock")
    assert found is not None
    assert (found.digest, found.platforms["linux/amd64"].system_packages) == (DIGEST, ())


def test_system_packages_that_come_are_asked_of_the_mirror(tmp_path: Path, store: Store) -> None:
    pinned(tmp_path / "p")
    with pytest.raises(WorldError, match="without network"):
        find_base(AMD64, workshop(tmp_path / "p", store, table='system-packages = ["libgomp1"]'))


def test_a_name_that_the_store_has_is_that_image_unless_the_registrys_is_pinned(
    tmp_path: Path, store: Store
) -> None:
    name_image(store, NAME, put_image(store, [[Entry("a")]], architecture="amd64"))
    shop = workshop(tmp_path / "p", store)
    assert registry_reference(NAME, shop) is None
    assert registry_reference(f"docker://{NAME}", shop) is not None
    pinned(tmp_path / "p")
    assert registry_reference(NAME, shop) is not None


@pytest.mark.parametrize("name", ["debian:trixie", "oci:x", "docker-archive:x", "docker-daemon:x", DIGEST])
def test_what_is_not_in_a_registry_is_not_looked_for_there(tmp_path: Path, store: Store, name: str) -> None:
    assert registry_reference(name, workshop(tmp_path / "p", store)) is None


BASE = "base.example:5000/python:3.12"
CACHE = 'cache = "cache.example/team/layers"'


@pytest.mark.parametrize(
    ("base", "table", "asked", "hosts"),
    [
        (BASE, "", {}, {"base.example:5000"}),
        (NAME, "", {}, {"docker.io"}),
        ("debian:bookworm", "", {}, set()),
        ("oci:base", "", {}, set()),
        (BASE, CACHE, {}, {"base.example:5000", "cache.example"}),
        (BASE, "", {"base": "other.example/python:3.12"}, {"other.example"}),
        (BASE, "", {"base": "debian:bookworm"}, set()),
        (
            "debian:bookworm",
            CACHE,
            {"cache_from": "a.example/x", "cache_to": "b.example/x"},
            {"a.example", "b.example"},
        ),
        ("debian:bookworm", CACHE, {"cache_from": "none", "cache_to": "none"}, set()),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
def test_plain_http_is_for_the_registries_that_the_project_and_the_command_line_name(  # noqa: PLR0913, PLR0917 - the cases
    tmp_path: Path, store: Store, base: str, table: str, asked: dict[str, Any], hosts: set[str]
) -> None:
    project = workshop(tmp_path / "p", store, base, table)
    options = replace(project.options, offline=False, plain_http=True, **asked)
    named = replace(project, options=options)
    assert plain_hosts(named) == hosts
    there = parse_destination("docker://to.example:5000/team/app:v1")
    assert plain_hosts(named, there) == hosts | {"to.example:5000"}
    assert plain_hosts(named, parse_destination("oci-archive:app.tar")) == hosts


def test_without_plain_http_every_registry_keeps_tls(tmp_path: Path, store: Store) -> None:
    project = workshop(tmp_path / "p", store, BASE, CACHE)
    assert plain_hosts(project, parse_destination("docker://to.example/app:v1")) == frozenset()


def test_plain_http_is_not_for_a_registry_that_only_a_layer_was_seen_in(tmp_path: Path, store: Store) -> None:
    Origins(store).note(Digest(DIGEST), Origin("elsewhere.example", "team/base"))
    pinned(tmp_path / "p", base=BASE)
    project = workshop(tmp_path / "p", store, BASE)
    plain = replace(project, options=replace(project.options, plain_http=True))
    assert plain_hosts(plain) == {"base.example:5000"}


def test_plain_http_is_not_for_an_image_of_the_store_that_has_the_name_of_a_registrys(
    tmp_path: Path, store: Store
) -> None:
    name_image(store, NAME, put_image(store, [[Entry("file", b"")]]))
    project = workshop(tmp_path / "p", store)
    plain = replace(project, options=replace(project.options, plain_http=True))
    assert plain_hosts(plain) == frozenset()


def test_lock_leaves_what_is_pinned_and_locks_for_its_python(tmp_path: Path, store: Store) -> None:
    root = tmp_path / "p"
    pins = pinned(root)
    workshop(root, store)
    (root / "pylock.toml").write_text('lock-version = "1.0"\ncreated-by = "hand"\npackages = []\n')
    locked = lock_project(BuildOptions(root, offline=True), store, SilentProgress(), upgrade_base=False)
    assert locked.words[1:] == [f"{NAME} is pinned in wherry.lock: 'wherry lock --upgrade base' renews it"]
    assert read_pins(root / "wherry.lock") == pins


def test_an_upgrade_of_a_tag_that_is_gone_leaves_the_pins(
    tmp_path: Path, store: Store, quirks: QuirkRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "p"
    name = f"{quirks.host}/python:3.12"
    pins = pinned(root, base=name)
    workshop(root, store, name)
    assert main.run(["lock", str(root), "--upgrade", "base", "-q"]) == 3
    assert name.partition(":")[0] in capsys.readouterr().err
    assert read_pins(root / "wherry.lock") == pins
