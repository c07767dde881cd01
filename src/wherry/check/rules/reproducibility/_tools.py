"""Packages that install others: what holds for an application's packages holds for them in a milder form."""

from __future__ import annotations

from typing import Final

BROUGHT: Final = frozenset({"pip", "setuptools", "wheel"})
"""What every Python environment brings or brought."""

MANAGERS: Final = frozenset(
    {
        *(
            "uv",
            "poetry",
            "poetry-core",
            "poetry-plugin-export",
            "pdm",
            "pipenv",
            "pip-tools",
            "pipx",
            "hatch",
        ),
        *("hatchling", "rye", "pixi", "conda", "mamba", "micromamba", "conda-libmamba-solver", "conda-lock"),
        *("conda-pack", "virtualenv"),
    }
)
"""What installs a project or its packages, and reads its lock."""

TOOLS: Final = BROUGHT | MANAGERS
