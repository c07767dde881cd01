"""What the distributions' package managers are told to do, and npm and its kin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.calls import Grammar, parse_options
from wherry.check.facts.installs.grammars import APK, APT, DNF, NODE, ZYPPER
from wherry.check.facts.installs.packages import (
    PackageArgument,
    apk_package,
    apt_package,
    npm_package,
    rpm_package,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wherry.check.facts.calls import Value
    from wherry.check.facts.installs.python import Found

_APT: Final = {
    "install": "install",
    "reinstall": "install",
    "build-dep": "install",
    "satisfy": "install",
    "update": "update",
    "upgrade": "upgrade",
    "dist-upgrade": "upgrade",
    "full-upgrade": "upgrade",
    "safe-upgrade": "upgrade",
    "remove": "remove",
    "purge": "remove",
    "autoremove": "remove",
    "autopurge": "remove",
    "clean": "clean",
    "autoclean": "clean",
    "distclean": "clean",
    "download": "download",
    "source": "download",
}
_APK: Final = {"add": "install", "del": "remove", "update": "update", "upgrade": "upgrade"}
_DNF: Final = {
    "install": "install",
    "reinstall": "install",
    "localinstall": "install",
    "groupinstall": "install",
    "builddep": "install",
    "swap": "install",
    "upgrade": "upgrade",
    "update": "upgrade",
    "upgrade-minimal": "upgrade",
    "distro-sync": "upgrade",
    "makecache": "update",
    "check-update": "update",
    "remove": "remove",
    "erase": "remove",
    "autoremove": "remove",
    "clean": "clean",
    "download": "download",
}
_ZYPPER: Final = {
    "install": "install",
    "in": "install",
    "update": "upgrade",
    "up": "upgrade",
    "dist-upgrade": "upgrade",
    "dup": "upgrade",
    "patch": "upgrade",
    "refresh": "update",
    "ref": "update",
    "remove": "remove",
    "rm": "remove",
    "clean": "clean",
    "cc": "clean",
}
_NODE: Final = {
    "install": "install",
    "i": "install",
    "ci": "install",
    "add": "install",
    "clean-install": "install",
    "fetch": "download",
    "update": "upgrade",
    "upgrade": "upgrade",
    "uninstall": "remove",
    "remove": "remove",
    "prune": "remove",
}


def read_apt(arguments: Sequence[Value], _: Mapping[str, str]) -> Found | None:
    """``apt-get``, ``apt`` and ``aptitude``."""
    return _read(arguments, APT, _APT, apt_package)


def read_dpkg(arguments: Sequence[Value], _: Mapping[str, str]) -> Found | None:
    """``dpkg -i x.deb`` and ``dpkg -r``, ``-P``."""
    words = {value.text for value in arguments}
    files = tuple(apt_package(value) for value in arguments if not value.text.startswith("-"))
    if words & {"-i", "--install"}:
        return {"subcommand": "-i", "action": "install", "packages": files}
    if words & {"-r", "-P", "--remove", "--purge"}:
        return {"subcommand": "-r", "action": "remove", "packages": files}
    return None


def read_apk(arguments: Sequence[Value], _: Mapping[str, str]) -> Found | None:
    """``apk``."""
    found = _read(arguments, APK, _APK, apk_package)
    if found and found["subcommand"] == "cache":
        return found | {"action": "clean"}
    return found


def read_dnf(arguments: Sequence[Value], _: Mapping[str, str]) -> Found | None:
    """``dnf``, ``yum``, ``microdnf``, ``tdnf``."""
    return _read(arguments, DNF, _DNF, rpm_package)


def read_zypper(arguments: Sequence[Value], _: Mapping[str, str]) -> Found | None:
    """``zypper``."""
    return _read(arguments, ZYPPER, _ZYPPER, rpm_package)


def read_node(arguments: Sequence[Value], _: Mapping[str, str]) -> Found | None:
    """``npm`` and ``pnpm``."""
    found = _read(arguments, NODE, _NODE, npm_package)
    words = [value.text for value in arguments]
    if found and ("cache" in words[:1] or words[:2] == ["store", "prune"]):
        return found | {"action": "clean"}
    return found


def read_yarn(arguments: Sequence[Value], env: Mapping[str, str]) -> Found | None:
    """``yarn``: without a subcommand it installs."""
    found = read_node(arguments, env)
    return found or {
        "subcommand": "install",
        "action": "install",
        "options": parse_options(arguments, NODE).options,
    }


def _read(
    arguments: Sequence[Value],
    grammar: Grammar,
    actions: Mapping[str, str],
    package: Callable[[Value], PackageArgument],
) -> Found | None:
    parsed = parse_options(arguments, grammar)
    if not parsed.operands:
        return None
    subcommand, *operands = parsed.operands
    action = actions.get(subcommand.text, "other")
    packages = tuple(package(value) for value in operands) if action not in {"other", "clean"} else ()
    return {
        "subcommand": subcommand.text,
        "action": action,
        "packages": packages,
        "options": parsed.options,
        "has_unknown": any(not found.is_known for found in packages),
    }
