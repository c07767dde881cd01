"""``[tool.wherry]`` in pyproject.toml: what a project may say about its image, strictly typed.

Every complaint names its line; an unknown key is answered with the nearest right one.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

import msgspec

from wherry.oci.platform import Platform
from wherry.project import values

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.project.toml_file import Node

Compression = Literal["gzip", "zstd", "estargz"]
Bytecode = bool | Literal["auto"]


class Budgets(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """Limits that make a build fail with exit code 1 when the image exceeds them. None: no limit."""

    max_image: int | None = None  # compressed bytes of all layers
    max_layer: int | None = None  # compressed bytes of the largest layer
    max_layers: int | None = None  # how many, the base's included


class WherryConfig(msgspec.Struct, frozen=True, rename="kebab"):
    """The table's values, checked. A project without the table has the defaults.

    Patterns of *include* and *exclude* are ``.dockerignore``'s; `wherry.project.source` says how they meet.
    """

    name: str | None = None  # of the image, in image-name grammar
    command: tuple[str, ...] = ()  # exec form; empty: to be found
    python: tuple[int, int] | None = None
    base: str | None = None  # "debian:trixie", "oci:DIR", ...
    platforms: tuple[Platform, ...] = ()  # empty: the host's
    system_packages: tuple[str, ...] = ()  # Debian package names
    env: dict[str, str] = {}
    user: values.User = values.NONROOT
    workdir: str = "/app"
    ports: tuple[values.Port, ...] = ()
    include: tuple[str, ...] = ()  # empty: everything
    exclude: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()  # dependency groups that production needs, normalized
    extras: tuple[str, ...] = ()
    dev_groups: tuple[str, ...] | None = None  # what --target dev adds; None: "dev" where there is one
    bytecode: Bytecode = "auto"
    compression: Compression = "gzip"
    prefetch: str | None = None  # a file of the project: what an eStargz layer's first files are
    budgets: Budgets = Budgets()
    debian_mirror: str | None = None
    labels: dict[str, str] = {}
    cache: str | None = None  # the team's layer index: "registry.example/team/cache"


def read_config(table: Node | None) -> WherryConfig:
    """Check ``[tool.wherry]``.

    Args:
        table: The table, or None where the project has none.

    Raises:
        InputError: A key is unknown or a value is not what its key takes; the place is the key's line.

    """
    return WherryConfig(**_checked(table, _KEYS, _ELSEWHERE)) if table else WherryConfig()


def _budgets(node: Node) -> Budgets:
    return Budgets(**_checked(node, _BUDGET_KEYS))


def _checked(
    table: Node, keys: dict[str, Callable[[Node], Any]], elsewhere: frozenset[str] = frozenset()
) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    for key, node in table.items():
        if key in keys:
            checked[key.replace("-", "_")] = keys[key](node)
        elif key not in elsewhere:
            raise _unknown_key(key, node, table, [*keys, *elsewhere])
    return checked


def _unknown_key(key: str, node: Node, table: Node, known: list[str]) -> Exception:
    where = ".".join(str(part) for part in table.keys)
    near = difflib.get_close_matches(key.lower().replace("_", "-"), known, n=1, cutoff=0.5)
    mend = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(known))}"
    return node.fail(f"unknown key {key[:80]!r} in [{where}]", mend)


def _compression(node: Node) -> Compression:
    text = node.text()
    for known in get_args(Compression):
        if text == known:
            return cast("Compression", known)
    raise node.fail(f"compression {text!r} is not known", 'use "gzip", "zstd" or "estargz"')


def _bytecode(node: Node) -> Bytecode:
    if isinstance(node.value, bool):
        return node.value
    if node.value == "auto":
        return "auto"
    raise node.expected('true, false or "auto"')


_KEYS: Final[dict[str, Callable[[Node], Any]]] = {
    "name": values.image_name,
    "command": values.command,
    "python": values.python_version,
    "base": values.base,
    "platforms": values.platforms,
    "system-packages": values.system_packages,
    "env": values.environment,
    "user": values.user,
    "workdir": values.workdir,
    "ports": values.ports,
    "include": values.patterns,
    "exclude": values.patterns,
    "groups": values.group_names,
    "extras": values.group_names,
    "dev-groups": values.group_names,
    "bytecode": _bytecode,
    "compression": _compression,
    "prefetch": values.project_file,
    "budgets": _budgets,
    "debian-mirror": values.mirror,
    "labels": values.labels,
    "cache": values.repository,
}

_ELSEWHERE: Final = frozenset({"check"})
"""Tables that others read: `wherry.check.settings`."""

_BUDGET_KEYS: Final[dict[str, Callable[[Node], Any]]] = {
    "max-image": values.size_bytes,
    "max-layer": values.size_bytes,
    "max-layers": values.count,
}
