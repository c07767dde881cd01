"""Finished images as values, for tests of what is said and decided about them."""

from __future__ import annotations

from wherry.bases.model import Base
from wherry.build.result import BuildResult, BuiltImage, MadeLayer
from wherry.digest import Digest
from wherry.layers.model import LayerBlob, Layout
from wherry.oci import media_types
from wherry.oci.model import describe
from wherry.oci.platform import Platform
from wherry.plan.model import LayerKind, Plan, PlannedLayer, Policy, Settings
from wherry.project.target import Target

AMD64 = Platform.parse("linux/amd64")
BASE = Base(
    name="debian:bookworm",
    platform=AMD64,
    python=(3, 11),
    python_full_version="3.11.2",
    interpreter="/usr/bin/python3.11",
    glibc=(2, 36),
)


def built_image(*, reused: bool = False, notes: tuple[str, ...] = (), **sizes: int) -> BuiltImage:
    """An image with a layer of so many bytes for each name."""
    layers = tuple(
        MadeLayer(
            PlannedLayer(LayerKind.WHEEL, name, "large: a layer of its own", key=f"key of {name}"),
            LayerBlob(
                diff_id=Digest.of_bytes(f"{name} tar".encode()),
                digest=Digest.of_bytes(name.encode()),
                size_bytes=size_bytes,
                unpacked_bytes=3 * size_bytes,
                codec="gzip",
                media_type=media_types.LAYER_GZIP,
            ),
            reused=reused,
        )
        for name, size_bytes in sizes.items()
    )
    plan = Plan(
        name="app",
        target=Target(AMD64, (3, 11), "3.11.2", (2, 36)),
        base=BASE,
        policy=Policy(Layout()),
        settings=Settings(
            ("python", "-m", "my app"), "because", "65532:65532", "/app", (("A", "1"),), ("80/tcp",), ()
        ),
        layers=tuple(layer.planned for layer in layers),
        notes=notes,
    )
    return BuiltImage(plan, describe(b"manifest", media_types.MANIFEST), layers)


def build_result(*images: BuiltImage) -> BuildResult:
    return BuildResult(
        name="app:latest",
        descriptor=images[0].descriptor,
        images=images,
        seconds_s=1.234,
        delivered=("written to oci:out",),
        notes=("a note",),
    )
