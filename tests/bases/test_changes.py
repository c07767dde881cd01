"""What renewing a base changed is said in lines that a review can judge."""

from __future__ import annotations

from wherry.bases.changes import base_changes
from wherry.bases.debian import pins_digest
from wherry.bases.image_pins import PinnedImage, PinnedLayer
from wherry.bases.model import DebianPin, FoundPackage, FoundPython, WantedPython
from wherry.bases.pins import Pins, PlatformPins

ANY = WantedPython()


def image(digit: str, python: str, **packages: str) -> PlatformPins:
    digest = "sha256:" + digit * 64
    pythons = (FoundPython(f"/usr/bin/python{python.rpartition('.')[0]}", python),) if python else ()
    return PlatformPins(
        digest,
        image=PinnedImage(
            (PinnedLayer(digest, digest, 1),),
            pythons,
            installed=tuple(FoundPackage(name, version) for name, version in packages.items()),
        ),
    )


def deb(name: str, version: str) -> DebianPin:
    return DebianPin(name, version, "amd64", f"pool/main/x/{name}_{version}_amd64.deb", "1" * 64, 1)


def debian(python: str, *system: DebianPin) -> Pins:
    packages = (deb("libc6", "2.36-9"), deb("python3.11-minimal", f"{python}-6"))
    pinned = PlatformPins(str(pins_digest(packages)), packages, system)
    return Pins("debian:bookworm", {"linux/amd64": pinned})


def test_an_images_digest_python_and_packages_are_compared() -> None:
    before = Pins("python:3", {"linux/amd64": image("1", "3.12.3", a="1", b="1", c="1")})
    after = Pins("python:3", {"linux/amd64": image("2", "3.13.1", a="1", b="2", d="1")})
    assert base_changes(before, after, ANY) == [
        "sha256:111111111111 -> sha256:222222222222",
        "Python 3.12.3 -> 3.13.1",
        "b 1 -> 2",
        "c 1 removed",
        "d 1 added",
    ]
    assert base_changes(after, after, ANY) == []


def test_a_debian_bases_python_packages_and_system_packages_are_compared() -> None:
    changes = base_changes(debian("3.11.2", deb("libgomp1", "1")), debian("3.11.3"), ANY)
    assert changes == [
        "Python 3.11.2 -> 3.11.3",
        "libgomp1 1 removed",
        "python3.11-minimal 3.11.2-6 -> 3.11.3-6",
    ]


def test_what_is_not_true_of_every_platform_says_of_which_it_is() -> None:
    before = Pins("x", {name: image("1", "3.12.3", a="1") for name in ("linux/amd64", "linux/arm64")})
    after = Pins("x", {**before.platforms, "linux/arm64": image("1", "3.12.3", a="2")})
    assert base_changes(before, after, ANY) == ["a 1 -> 2 (linux/arm64)"]
    alone = Pins("x", {"linux/amd64": before.platforms["linux/amd64"]})
    assert base_changes(before, alone, ANY) == ["linux/arm64 is gone"]
    assert base_changes(alone, before, ANY) == ["linux/arm64 is new"]


def test_a_python_that_goes_is_said() -> None:
    before, after = (Pins("x", {"linux/amd64": image("1", python)}) for python in ("3.12.3", ""))
    assert base_changes(before, after, ANY) == ["Python 3.12.3 -> (none)"]
    over_disk = Pins("oci:x", {"linux/amd64": PlatformPins("sha256:" + "1" * 64)})
    assert base_changes(over_disk, over_disk, ANY) == []


def test_every_package_is_named_behind_the_platforms() -> None:
    many = {f"p{number:02}": "1" for number in range(100)}
    before, after = (Pins("x", {"linux/amd64": image("1", "3.12.3", **p)}) for p in ({}, many))
    after.platforms["linux/arm64"] = image("1", "3.12.3")
    changes = base_changes(before, after, ANY)
    assert changes == ["linux/arm64 is new", *(f"{name} 1 added" for name in sorted(many))]
