"""Packages that install others: what holds for an application's packages holds for them in a milder form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wherry.check.facts.installs import Install, PackageArgument

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


BUILDERS: Final = TOOLS | frozenset(
    [
        "build",
        "cmake",
        "cython",
        "maturin",
        "meson",
        "meson-python",
        "ninja",
        "packaging",
        "pybind11",
        "scikit-build",
        "scikit-build-core",
        "setuptools-rust",
        "setuptools-scm",
    ]
)
"""And those that build packages: in a stage that does not ship, what they made is what counts."""

_ACTIONS: Final = frozenset({"install", "wheel", "download"})


def goes_by_names(install: Install) -> bool:
    """It takes from an index what its command line names, and nothing else bounds the versions."""
    if install.action not in _ACTIONS or not (install.is_python or install.is_conda):
        return False
    if install.constraint_files or install.setting("--constraint") or install.is_on("--no-index"):
        return False
    return all("://" in place for place in install.values("--find-links"))


def is_loose(package: PackageArgument) -> bool:
    """Any newer version will do: there is no version, or only a lower end."""
    if not package.name or package.url or not package.is_known:
        return False
    if any(letter.isdigit() for letter in package.channel.partition("/label/")[2]):
        return False  # the channel holds one release
    clauses = [clause.strip() for clause in package.specifier.split(",")]
    return all(clause.startswith((">", "!=")) or not clause for clause in clauses)
