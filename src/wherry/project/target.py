"""What an image is built *for*: the platform, Python and libc that markers and wheel tags are judged by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.markers import Environment
    from packaging.tags import Tag

    from wherry.oci.platform import Platform


@dataclass(frozen=True)
class Target:
    """The machine inside the image, never the machine that builds it."""

    platform: Platform
    python: tuple[int, int]  # (3, 11)
    python_full_version: str  # "3.11.2"
    glibc: tuple[int, int]  # newest manylinux a wheel may ask for: the base's glibc, (2, 36)

    @cached_property
    def marker_environment(self) -> Environment:
        """The PEP 508 environment of the target."""
        machine = self.platform.machine
        return {
            "implementation_name": "cpython",
            "implementation_version": self.python_full_version,
            "os_name": "posix",
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": self.python_full_version,
            "python_version": f"{self.python[0]}.{self.python[1]}",
            "sys_platform": "linux",
        }

    @cached_property
    def tags(self) -> tuple[Tag, ...]:
        """Wheel tags the target accepts, best first (PEP 425, PEP 600): no musl, no free-threaded build."""
        from packaging import tags  # noqa: PLC0415 - only selection needs it

        floor = 5 if self.platform.machine == "x86_64" else 17  # PEP 600: each architecture's oldest
        major, minor = self.glibc
        machine = self.platform.machine
        legacy = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
        platforms = [f"linux_{machine}"]  # a wheel built for this very machine goes first, as in packaging
        for glibc_minor in range(minor, floor - 1, -1):
            platforms.append(f"manylinux_{major}_{glibc_minor}_{machine}")
            if glibc_minor in legacy:
                platforms.append(f"{legacy[glibc_minor]}_{machine}")
        return (
            *tags.cpython_tags(self.python, platforms=platforms),
            *tags.compatible_tags(self.python, f"cp{self.python[0]}{self.python[1]}", platforms),
        )
