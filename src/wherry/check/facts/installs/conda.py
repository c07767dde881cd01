"""What conda, mamba and micromamba are told to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.calls import parse_options
from wherry.check.facts.installs.grammars import CONDA, CONDA_CLEAN
from wherry.check.facts.installs.packages import conda_package
from wherry.check.facts.installs.python import Found, texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wherry.check.facts.calls import Value

_ACTIONS: Final = {
    "install": "install",
    "create": "install",
    "env create": "install",
    "env update": "install",
    "update": "upgrade",
    "upgrade": "upgrade",
    "remove": "remove",
    "uninstall": "remove",
    "env remove": "remove",
    "clean": "clean",
    "env export": "export",
}
_CLEAN_ALL: Final = frozenset({"--all", "--tarballs", "--packages", "--force-pkgs-dirs"})


def read_conda(arguments: Sequence[Value], _: Mapping[str, str]) -> Found | None:
    """``conda ...``, and the other two, which take the same."""
    is_clean = any(value.text == "clean" for value in arguments[:3])
    parsed = parse_options(arguments, CONDA_CLEAN if is_clean else CONDA)
    if not parsed.operands:
        return None
    subcommand, *operands = parsed.operands
    name = subcommand.text
    if name == "env" and operands:
        name, operands = f"env {operands[0].text}", operands[1:]
    action = _ACTIONS.get(name, "other")
    found: Found = {"subcommand": name, "action": action, "options": parsed.options}
    if action == "clean" and not _CLEAN_ALL & parsed.options.keys():
        return found | {"action": "other"}  # only indexes and locks, which are small
    if action in {"install", "upgrade", "remove"}:
        packages = tuple(conda_package(value) for value in operands)
        found |= {
            "packages": packages,
            "requirement_files": texts(parsed.options, "--file"),
            "has_unknown": any(not package.is_known for package in packages),
        }
    if name.startswith("env ") and action == "install" and "--file" not in parsed.options:
        found["requirement_files"] = ("environment.yml",)  # conda's own default
        found["packages"] = ()
    return found
