from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.results import AMD64, BASE, built_image
from wherry.bases.model import DebianPin, FoundPackage, ImageLayer
from wherry.build.result import MadeLayer
from wherry.build.sbom import Underneath, make_sbom
from wherry.digest import Digest
from wherry.layers.model import LayerBlob, WheelFacts
from wherry.oci import media_types
from wherry.plan.model import Distribution, LayerKind, Origin, PlannedLayer
from wherry.project.locks.model import LockedFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.bases.model import Base
    from wherry.build.result import BuiltImage

LIBC = DebianPin("libc6", "2.36-9+deb12u13", "amd64", "pool/main/g/glibc/libc6_2.36-9_amd64.deb", "1" * 64, 9)
TZDATA = DebianPin("tzdata", "2026a-0+deb12u1", "all", "pool/main/t/tzdata/tzdata_2026a_all.deb", "2" * 64, 9)
GL = DebianPin("libgl1", "1.6.0-1", "amd64", "pool/main/libg/libglvnd/libgl1_1.6.0-1_amd64.deb", "3" * 64, 9)


def digest(name: str) -> Digest:
    return Digest.of_bytes(name.encode())


def distribution(
    name: str, version: str, origin: Origin = Origin.INDEX, *, dev: bool = False
) -> Distribution:
    filename = f"{name}-{version}-py3-none-any.whl"
    return Distribution(name, version, origin, LockedFile(filename, digest(filename)), dev=dev)


def facts(name: str, *requires: str, license: str = "") -> WheelFacts:  # noqa: A002 - the field's name
    return WheelFacts(
        name=name,
        version="1",
        display_name=name,
        tags=(),
        requires=requires,
        requires_python="",
        files=(),
        unpacked_bytes=0,
        license=license,
    )


def layer(
    kind: LayerKind,
    *,
    distributions: Sequence[Distribution] = (),
    packages: Sequence[DebianPin] = (),
    image_layer: ImageLayer | None = None,
) -> MadeLayer:
    planned = PlannedLayer(
        kind,
        kind.value,
        "because",
        distributions=tuple(distributions),
        packages=tuple(packages),
        image_layer=image_layer,
    )
    blob = LayerBlob(
        diff_id=digest(f"{kind} tar"),
        digest=digest(kind.value),
        size_bytes=1,
        unpacked_bytes=1,
        codec="",
        media_type=media_types.LAYER_GZIP,
    )
    return MadeLayer(planned, blob, reused=False)


def image(*layers: MadeLayer, base: Base = BASE) -> BuiltImage:
    made = built_image()
    plan = replace(made.plan, base=base, layers=tuple(one.planned for one in layers))
    return replace(made, plan=plan, layers=layers)


def whole_image() -> BuiltImage:
    """One of each kind of layer."""
    base = replace(BASE, packages=(LIBC, TZDATA), system_packages=(GL,), digest=digest("pins"))
    return image(
        layer(LayerKind.BASE, packages=(LIBC, TZDATA)),
        layer(LayerKind.SYSTEM, packages=(GL,)),
        layer(LayerKind.ENVIRONMENT),
        layer(LayerKind.WHEEL, distributions=(distribution("torch", "2.14.1+cu128"),)),
        layer(LayerKind.WHEELS, distributions=(distribution("numpy", "2.5"), distribution("idna", "3.20"))),
        layer(LayerKind.LOCAL, distributions=(distribution("inner", "0.1", Origin.BUILT),)),
        layer(LayerKind.PROJECT, distributions=(distribution("app", "1.0", Origin.PROJECT),)),
        layer(LayerKind.DEV, distributions=(distribution("pytest", "9.0", dev=True),)),
        base=base,
    )


WHEELS = (
    facts("torch", "numpy>=2; python_version > '3.0'", "triton; sys_platform == 'win32'"),
    facts("numpy", license="BSD-3-Clause AND MIT"),
    facts("idna", license="its own"),
    facts("inner", "idna"),
    facts("app", "torch[fast]", "inner; extra == 'all'"),
    facts("pytest", "not a requirement!"),
)


def bom(
    made: BuiltImage, wheels: Sequence[WheelFacts] = (), underneath: Underneath | None = None
) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(make_sbom("team/app", made, wheels, underneath))
    return found


def part(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [c for c in document["components"] if c["name"] == name]
    assert len(found) == 1
    return found[0]


def properties(component: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in component.get("properties", ())}


def needs(document: dict[str, Any], ref: str) -> list[str]:
    found: list[list[str]] = [d.get("dependsOn", []) for d in document["dependencies"] if d["ref"] == ref]
    assert len(found) == 1
    return found[0]


IMAGE_LAYERS = tuple(
    ImageLayer(digest(name), digest(f"{name} tar"), 1, media_types.LAYER_GZIP, None) for name in "aba"
)
IMAGE_BASE = replace(
    BASE, name="python:3.12-slim", layers=IMAGE_LAYERS, digest=digest("manifest of the base")
)


def image_on_image(base: Base = IMAGE_BASE) -> BuiltImage:
    below = [layer(LayerKind.BASE, image_layer=one) for one in base.layers]
    return image(*below, layer(LayerKind.WHEEL, distributions=(distribution("numpy", "2.5"),)), base=base)


UNDERNEATH = Underneath("noble", (FoundPackage("libc6", "2.39-0ubuntu8"), FoundPackage("bash", "5.2")))


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(make_sbom("team/app", whole_image(), WHEELS), id="packages"),
        pytest.param(make_sbom("app", image_on_image(), WHEELS, UNDERNEATH), id="image"),
        pytest.param(make_sbom("app", image(layer(LayerKind.SOURCE)), ()), id="source"),
    ],
)
def test_the_document_is_cyclonedx_1_6(document: bytes) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(document.decode()) is None


def test_the_same_image_gives_the_same_bytes_whatever_the_order_of_its_wheels() -> None:
    one = make_sbom("team/app", whole_image(), WHEELS)
    assert make_sbom("team/app", whole_image(), WHEELS[::-1]) == one
    assert b"timestamp" not in one
    other = bom(image_on_image())
    assert other["serialNumber"] != json.loads(one)["serialNumber"]


def test_the_whole_is_the_image_by_its_digest() -> None:
    made = whole_image()
    whole = bom(made)["metadata"]["component"]
    assert whole["type"] == "container"
    assert whole["hashes"] == [{"alg": "SHA-256", "content": made.descriptor.digest.hex}]
    assert whole["purl"] == f"pkg:oci/app@{made.descriptor.digest}?arch=amd64"
    assert properties(whole) == {"wherry:platform": str(AMD64)}


def test_a_distribution_is_told_with_its_wheel_licence_and_layer() -> None:
    document = bom(whole_image(), WHEELS)
    numpy = part(document, "numpy")
    assert numpy["purl"] == "pkg:pypi/numpy@2.5"
    assert numpy["hashes"][0]["content"] == digest("numpy-2.5-py3-none-any.whl").hex
    assert numpy["licenses"] == [{"expression": "BSD-3-Clause AND MIT"}]
    assert properties(numpy) == {
        "wherry:layer": digest("wheels"),
        "wherry:origin": "index",
        "wherry:wheel": "numpy-2.5-py3-none-any.whl",
    }
    assert part(document, "idna")["licenses"] == [{"license": {"name": "its own"}}]
    assert part(document, "torch")["purl"] == "pkg:pypi/torch@2.14.1%2Bcu128"
    assert "licenses" not in part(document, "torch")


def test_what_was_built_here_and_the_project_are_told_apart_and_without_the_hash_of_a_passing_file() -> None:
    document = bom(whole_image(), WHEELS)
    for name, kind, origin in (("inner", "library", "built"), ("app", "application", "project")):
        assert part(document, name)["type"] == kind
        assert properties(part(document, name))["wherry:origin"] == origin
        assert "hashes" not in part(document, name)


def test_development_distributions_are_said_to_be() -> None:
    document = bom(whole_image(), WHEELS)
    assert properties(part(document, "pytest"))["wherry:group"] == "development"


def test_debian_packages_are_told_with_release_and_source_package() -> None:
    document = bom(whole_image())
    libc = part(document, "libc6")
    assert libc["purl"] == (
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u13?arch=amd64&distro=debian-12&upstream=glibc"
    )
    assert libc["hashes"] == [{"alg": "SHA-256", "content": "1" * 64}]
    assert "upstream" not in part(document, "tzdata")["purl"]
    assert properties(part(document, "libgl1"))["wherry:layer"] == digest("system-packages")


def test_the_image_depends_on_all_its_parts() -> None:
    document = bom(whole_image(), WHEELS)
    system = "debian@12"
    assert part(document, "debian")["version"] == "12"
    reached = set(needs(document, "image")) | set(needs(document, system))
    assert reached == {component["bom-ref"] for component in document["components"]}
    assert {ref.partition("@")[0] for ref in needs(document, system)} == {
        "pkg:deb/debian/libc6",
        "pkg:deb/debian/libgl1",
        "pkg:deb/debian/tzdata",
    }
    assert document["compositions"] == [{"aggregate": "complete", "assemblies": ["image"]}]


def test_distributions_depend_on_what_they_require_on_the_images_platform() -> None:
    document = bom(whole_image(), WHEELS)
    assert needs(document, "pkg:pypi/torch@2.14.1%2Bcu128") == ["pkg:pypi/numpy@2.5"]
    assert needs(document, "pkg:pypi/app@1.0") == ["pkg:pypi/torch@2.14.1%2Bcu128"]
    assert needs(document, "pkg:pypi/pytest@9.0") == []


def test_an_image_that_is_the_base_is_told_with_its_layers_and_packages() -> None:
    document = bom(image_on_image(), (), UNDERNEATH)
    base = part(document, "base")
    assert base["version"] == digest("manifest of the base")
    assert [one["name"] for one in base["components"]] == [digest("a"), digest("b")]
    assert part(document, "ubuntu")["version"] == "24.04"
    libc = part(document, "libc6")
    assert libc["purl"] == "pkg:deb/ubuntu/libc6@2.39-0ubuntu8?distro=ubuntu-24.04"
    assert properties(libc) == {"wherry:origin": "base"}
    assert needs(document, "base") == ["ubuntu@24.04"]
    assert len(needs(document, "ubuntu@24.04")) == 2
    assert needs(document, "image") == ["base", "pkg:pypi/numpy@2.5"]


def test_what_a_foreign_base_may_hold_beyond_its_packages_is_said_to_be_unknown() -> None:
    assert bom(image_on_image())["compositions"][0]["aggregate"] == "incomplete"


def test_packages_of_a_release_that_nobody_knows_are_told_without_a_package_url() -> None:
    document = bom(image_on_image(), (), replace(UNDERNEATH, codename="wolf"))
    assert "purl" not in part(document, "bash")
    assert len(needs(document, "base")) == 2


def test_a_base_in_a_registry_has_its_name_and_one_on_this_disk_has_none() -> None:
    name = "docker.io/library/python:3.12-slim"
    named = bom(image_on_image(replace(IMAGE_BASE, registry_name=name)))
    assert part(named, name)["bom-ref"] == "base"
    private = image_on_image(replace(IMAGE_BASE, name="oci:/home/someone/base"))
    assert b"someone" not in make_sbom("app", private, ())


def test_a_project_without_a_build_system_is_a_part_of_its_own() -> None:
    made = image(layer(LayerKind.SOURCE))
    labels = (("org.opencontainers.image.version", "7.1"),)
    made = replace(made, plan=replace(made.plan, settings=replace(made.plan.settings, labels=labels)))
    source = part(bom(made), "app")
    assert (source["type"], source["version"], source["bom-ref"]) == ("application", "7.1", "source")
    assert "source" in needs(bom(made), "image")
