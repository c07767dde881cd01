"""Platforms as OCI names them: ``os/architecture[/variant]`` with Go's architecture names."""

from __future__ import annotations

import platform as host
from dataclasses import dataclass
from typing import Final

from wherry.errors import InputError

_ALIASES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
SUPPORTED: Final = ("linux/amd64", "linux/arm64")


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """One platform an image is for. ``architecture`` is GOARCH: ``amd64``, ``arm64``."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read ``linux/arm64``, ``linux/arm64/v8`` or ``arm64``; aliases (x86_64, aarch64) are understood.

        Raises:
            InputError: The text is not a platform we build for.

        """
        parts = text.strip().lower().split("/")
        if len(parts) == 1:
            parts = ["linux", parts[0]]
        os_name, arch, *rest = parts
        arch = _ALIASES.get(arch, arch)
        variant = rest[0] if rest else ""
        if arch == "arm64" and variant == "v8":
            variant = ""  # v8 is what arm64 means; OCI leaves it out
        found = cls(os_name, arch, variant)
        if len(rest) > 1 or str(found) not in SUPPORTED:
            raise InputError(
                f"platform {text!r} is not one wherry builds for", mend=f"use {' or '.join(SUPPORTED)}"
            )
        return found

    @classmethod
    def of_host(cls) -> Platform:
        """The Linux platform of this machine's processor."""
        machine = host.machine().lower()
        return cls.parse(f"linux/{machine}")

    @property
    def machine(self) -> str:
        """The architecture as Linux and wheel tags name it: ``x86_64``, ``aarch64``."""
        return {"amd64": "x86_64", "arm64": "aarch64"}[self.architecture]

    def __str__(self) -> str:
        """``os/architecture[/variant]``."""
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))
