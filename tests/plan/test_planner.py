"""A plan is a pure function of what it is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from wherry.bases.model import Base, DebianPin, ImageLayer
from wherry.digest import Digest
from wherry.errors import InputError
from wherry.layers.model import BytecodeCompiler, Layout, OwnedFile, WheelFacts, WheelInput
from wherry.oci.platform import Platform
from wherry.plan.model import Distribution, LayerKind, Origin, Plan, Policy, Settings
from wherry.plan.planner import Inputs, SourceFacts, make_plan, root_user
from wherry.project.locks.model import LockedFile
from wherry.project.target import Target

MB = 1 << 20
AMD64 = Platform.parse("linux/amd64")


def pin(name: str, size_bytes: int = 1000) -> DebianPin:
    digest = Digest.of_bytes(name.encode()).hex
    return DebianPin(name, "1.0", "amd64", f"pool/main/{name}.deb", digest, size_bytes)


def debian(**changes: object) -> Base:
    facts: dict[str, object] = {
        "name": "debian:bookworm",
        "platform": AMD64,
        "python": (3, 11),
        "python_full_version": "3.11.2",
        "interpreter": "/usr/bin/python3.11",
        "glibc": (2, 36),
        "packages": (pin("libc6", 3 * MB), pin("python3.11-minimal", 2 * MB)),
        "digest": Digest.of_bytes(b"pins"),
    }
    return Base(**(facts | changes))  # type: ignore[arg-type]


def wheel(
    name: str, size_bytes: int | None, origin: Origin = Origin.INDEX, *, dev: bool = False
) -> Distribution:
    digest = Digest.of_bytes(name.encode())
    return Distribution(
        name, "1.0", origin, LockedFile(f"{name}-1.0-py3-none-any.whl", digest, size_bytes=size_bytes), dev
    )


def facts_of(distribution: Distribution, *files: tuple[str, str]) -> tuple[WheelInput, WheelFacts]:
    assert distribution.file is not None
    owned = tuple(OwnedFile("site", path, identity, 10) for path, identity in files)
    facts = WheelFacts(
        distribution.name, "1.0", distribution.name, ("py3-none-any",), (), "", owned, 10 * len(owned)
    )
    return WheelInput(Path("/x"), distribution.file.filename, distribution.file.digest), facts


SETTINGS = Settings(("python", "-m", "app"), "because", "65532:65532", "/app", (), (), ())


def plan(
    *distributions: Distribution,
    base: Base | None = None,
    policy: Policy | None = None,
    settings: Settings = SETTINGS,
    source: SourceFacts | None = None,
    facts: tuple[tuple[WheelInput, WheelFacts], ...] = (),
) -> Plan:
    base = base or debian()
    return make_plan(
        Inputs(
            name="app",
            base=base,
            target=Target(base.platform, base.python, base.python_full_version, base.glibc),
            policy=policy or Policy(Layout()),
            settings=settings,
            distributions=distributions,
            source=source,
            facts=facts,
        )
    )


def kinds(made: Plan) -> list[LayerKind]:
    return [layer.kind for layer in made.layers]


def test_what_changes_least_lies_lowest() -> None:
    made = plan(
        wheel("torch", 500 * MB),
        wheel("idna", 1),
        wheel("lib", 1, Origin.BUILT),
        wheel("app", 1, Origin.PROJECT),
        wheel("pytest", 1, dev=True),
        base=debian(system_packages=(pin("libgl1"),)),
        source=SourceFacts("sha256:x", 3, 100),
    )
    assert kinds(made) == [
        LayerKind.BASE,
        LayerKind.SYSTEM,
        LayerKind.ENVIRONMENT,
        LayerKind.WHEEL,
        LayerKind.WHEEL,
        LayerKind.LOCAL,
        LayerKind.PROJECT,
        LayerKind.SOURCE,
        LayerKind.DEV,
    ]


def test_the_development_image_stands_on_the_same_production_layers() -> None:
    production = plan(wheel("torch", 500 * MB), wheel("idna", 1), source=SourceFacts("sha256:x", 3, 100))
    development = plan(
        wheel("torch", 500 * MB),
        wheel("idna", 1),
        wheel("pytest", 1, dev=True),
        source=SourceFacts("sha256:x", 3, 100),
    )
    assert development.layers[: len(production.layers)] == production.layers
    assert kinds(development)[len(production.layers) :] == [LayerKind.DEV]


def test_an_image_never_has_more_layers_than_the_policy_allows() -> None:
    many = [wheel(f"big{n}", (100 - n) * MB) for n in range(80)]
    made = plan(*many, wheel("small", 1), wheel("dev", 1, dev=True), source=SourceFacts("sha256:x", 1, 1))
    production = [layer for layer in made.layers if layer.kind is not LayerKind.DEV]
    assert len(production) == 40
    assert sum(len(layer.distributions) for layer in made.layers) == 82


def test_many_small_wheels_leave_the_other_layers_their_room() -> None:
    many = [wheel(f"package{n}", 900_000) for n in range(200)]
    made = plan(*many, wheel("app", 1, Origin.PROJECT), source=SourceFacts("sha256:x", 1, 1))
    assert len(made.layers) == 40
    assert sum(len(layer.distributions) for layer in made.layers) == 201


def test_a_small_wheel_that_shares_its_layer_with_none_is_said_to_be_small() -> None:
    alone = plan(wheel("idna", 1)).layers[-1]
    assert (alone.kind, alone.title, alone.reason) == (
        LayerKind.WHEEL,
        "idna 1.0",
        "small, alone in its group",
    )


def test_a_layer_of_a_base_image_is_taken_as_it_is() -> None:
    layer = ImageLayer(Digest.of_bytes(b"a"), Digest.of_bytes(b"b"), 10, "application/x", None)
    made = plan(base=debian(packages=(), layers=(layer, layer), name="oci:base"))
    assert [one.image_layer for one in made.layers[:2]] == [layer, layer]
    assert made.layers[0].title == "oci:base layer 1 of 2"


def test_keys_say_what_a_layer_depends_on() -> None:
    first = plan(wheel("idna", 1))
    assert first.layers == plan(wheel("idna", 1)).layers
    compiled = plan(
        wheel("idna", 1), policy=Policy(Layout(), bytecode=BytecodeCompiler(("python",), "3.11.2"))
    )
    other_time = plan(wheel("idna", 1), policy=Policy(Layout(mtime=5)))
    zstd = plan(wheel("idna", 1), policy=Policy(Layout(), compression="zstd"))
    for changed in (other_time, zstd):
        assert all(a.key != b.key for a, b in zip(first.layers, changed.layers, strict=True))
    assert [a.key == b.key for a, b in zip(first.layers, compiled.layers, strict=True)] == [
        False,
        True,
        False,
    ]


def test_what_has_to_be_built_first_has_no_key_and_no_size_yet() -> None:
    made = plan(Distribution("lib", "", Origin.BUILT, None))
    assert made.layers[-1].kind is LayerKind.LOCAL
    assert (made.layers[-1].key, made.layers[-1].download_bytes, made.layers[-1].title) == (None, None, "lib")


def test_unpacked_bytes_are_known_when_the_facts_of_all_wheels_are() -> None:
    a, b = wheel("a", 1), wheel("b", 2)
    both = plan(a, b, facts=(facts_of(a, ("a.py", "1")), facts_of(b, ("b.py", "2"))))
    assert (both.layers[-1].download_bytes, both.layers[-1].unpacked_bytes) == (3, 20)
    assert plan(a, b, facts=(facts_of(a, ("a.py", "1")),)).layers[-1].unpacked_bytes is None


def test_two_wheels_that_own_one_path_with_different_bytes_are_an_error() -> None:
    a, b = wheel("a", 1), wheel("b", 2)
    with pytest.raises(InputError) as caught:
        plan(a, b, facts=(facts_of(a, ("same.py", "1")), facts_of(b, ("same.py", "2"))))
    assert "a-1.0-py3-none-any.whl and b-1.0-py3-none-any.whl" in caught.value.what


def test_wheels_that_ship_the_same_namespace_file_get_along() -> None:
    a, b = wheel("a", 1), wheel("b", 2)
    plan(a, b, facts=(facts_of(a, ("ns/__init__.py", "e")), facts_of(b, ("ns/__init__.py", "e"))))


@pytest.mark.parametrize(
    ("user", "name", "home"),
    [("0", "root", "/root"), ("1000", "nonroot", "/home/nonroot"), ("5:6", "nonroot", "/home/nonroot")],
)
def test_a_number_gets_an_account(user: str, name: str, home: str) -> None:
    account = root_user(user)
    assert (account.name, account.home) == (name, home)
    assert account.gid == int(user.partition(":")[2] or user)


def test_wheels_of_unknown_size_are_said_to_be_so() -> None:
    made = plan(wheel("a", None), wheel("b", 5))
    assert made.layers[-1].reason.startswith("1 of unknown size")
