"""The plan: what an image will be, before a byte of it is made. It can be printed, compared and tested."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wherry.bases.model import Base, DebianPin, ImageLayer
    from wherry.layers.model import BytecodeCompiler, Compression, Layout
    from wherry.project.locks.model import LockedFile
    from wherry.project.target import Target


class LayerKind(StrEnum):
    """What a layer holds; also the order of layers in an image, bottom first."""

    BASE = "base"
    SYSTEM = "system-packages"
    ENVIRONMENT = "environment"
    WHEEL = "wheel"
    WHEELS = "wheels"
    LOCAL = "local"
    PROJECT = "project"
    SOURCE = "source"
    DEV = "dev"


_COMMON: Final = frozenset(
    {LayerKind.BASE, LayerKind.SYSTEM, LayerKind.WHEEL, LayerKind.WHEELS, LayerKind.DEV}
)


class Origin(StrEnum):
    """Where a distribution's wheel comes from."""

    INDEX = "index"  # a wheel that the lock names
    BUILT = "built"  # made here from an sdist, a commit or a directory
    PROJECT = "project"  # the project's own wheel


@dataclass(frozen=True, slots=True)
class Distribution:
    """One wheel that will be installed."""

    name: str  # normalized
    version: str  # "" when only its source tree knows and it is not built yet
    origin: Origin
    file: LockedFile | None  # None: to be built, its bytes are not known yet
    dev: bool = False  # wanted by development groups alone

    @property
    def title(self) -> str:
        """``name version`` as messages show it."""
        return f"{self.name} {self.version}".rstrip()

    @property
    def size_bytes(self) -> int | None:
        """Size of the wheel, where known."""
        return self.file.size_bytes if self.file else None


@dataclass(frozen=True, slots=True)
class PlannedLayer:
    """One layer and why it is there."""

    kind: LayerKind
    title: str
    reason: str
    distributions: tuple[Distribution, ...] = ()
    packages: tuple[DebianPin, ...] = ()
    image_layer: ImageLayer | None = None  # a base's layer, taken as it is
    download_bytes: int | None = None
    unpacked_bytes: int | None = None
    prefetch: tuple[str, ...] = ()  # paths that stand first, if they are of this layer
    key: str | None = None  # under which the store knows the finished layer; None: input not known yet

    @property
    def is_common(self) -> bool:
        """Whether it costs time to make and is the same for everyone with the same lock: worth sharing."""
        return self.key is not None and self.kind in _COMMON


@dataclass(frozen=True, slots=True)
class Policy:
    """Choices that shape every layer of an image."""

    layout: Layout
    compression: Compression = "gzip"
    prefetch: tuple[str, ...] = ()  # paths that stand first in their layers, in the order of first use
    bytecode: BytecodeCompiler | None = None  # None: no bytecode
    max_layers: int = 40
    own_layer_bytes: int = 1 << 20  # a wheel of this size or more has a layer to itself


@dataclass(frozen=True, slots=True)
class Settings:
    """What the image's configuration will say."""

    command: tuple[str, ...]
    command_reason: str
    user: str  # "65532:65532"
    workdir: str
    env: tuple[tuple[str, str], ...]  # in order
    ports: tuple[str, ...]  # "8000/tcp"
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """One image for one platform."""

    name: str
    target: Target
    base: Base
    policy: Policy
    settings: Settings
    layers: tuple[PlannedLayer, ...]
    notes: tuple[str, ...] = field(default=())
