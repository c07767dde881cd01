"""The mounts of a RUN: `run.mounts`, each a `Mount` with its fields expanded as the build does.

``from_`` is a stage or image, ``source`` a path there; a cache mount without an id has its target as id; a
secret without a target is at ``/run/secrets/<id>``. `Mount.holds` tells whether a path lies on it.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from wherry.check.facts.expanding import expanded
from wherry.dockerfile.mounts import FieldsError, split_fields
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.dockerfile.source import Span
    from wherry.dockerfile.syntax import Flag, Instruction

_NAMES: Final = {
    "destination": "target",
    "dst": "target",
    "src": "source",
    "ro": "readonly",
    "rw": "readwrite",
}


class Mount(Frozen):
    """One ``--mount`` of a RUN.

    Attributes:
        type: ``bind`` (also where none is said), ``cache``, ``tmpfs``, ``secret`` or ``ssh``.
        target: Absolute; empty for a secret that is only in the environment, and for ssh.
        id: Of a cache, secret or ssh.
        sharing: Of a cache: ``shared`` where nothing is said, ``private``, ``locked``.
        from_: The stage or image it comes from; empty is the build context, or nothing for a cache.
        source: The path there.
        env: The variable a secret is put in; empty when none.
        required: A secret or ssh socket that the build fails without.
        fields: All fields as written, by their full names.
        span: The whole flag.
        is_known: No variable in it is unknown, as one that only the base sets.

    """

    type: str
    target: str
    id: str
    sharing: str
    from_: str
    source: str
    env: str
    required: bool
    fields: Mapping[str, str]
    span: Span
    is_known: bool = True

    def holds(self, path: str) -> bool:
        """*path*, absolute, is the target or below it."""
        target = self.target.rstrip("/")
        return bool(self.target) and (path == target or path.startswith(f"{target}/"))


def read_mounts(instruction: Instruction, env: Mapping[str, str], workdir: str) -> tuple[Mount, ...]:
    """The mounts of a RUN, in order."""
    return tuple(_mount(flag, env, workdir) for flag in instruction.flag_values("mount"))


def _mount(flag: Flag, env: Mapping[str, str], workdir: str) -> Mount:
    fields, is_known = _fields(flag.value or "", env)
    kind = fields.get("type", "bind")
    target = fields.get("target", "")
    target = posixpath.normpath(posixpath.join(workdir, target)) if target else ""
    name = fields.get("id", "")
    if kind == "secret":
        name = name or posixpath.basename(fields.get("source", "") or target)
        if not target and "env" not in fields:
            target = f"/run/secrets/{name}"
    return Mount(
        type=kind,
        target=target,
        id=name or (target if kind == "cache" else ""),
        sharing=fields.get("sharing", "shared" if kind == "cache" else ""),
        from_=fields.get("from", ""),
        source=fields.get("source", ""),
        env=fields.get("env", ""),
        required=fields.get("required", "false").lower() in {"", "true", "1"},
        fields=fields,
        span=flag.span,
        is_known=is_known,
    )


def _fields(value: str, env: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    try:
        parts = split_fields(value)
    except FieldsError:  # the parser refuses these: they do not come here
        parts = value.split(",")
    found: dict[str, str] = {}
    is_known = True
    for part in parts:
        name, _, text = part.partition("=")
        name = name.strip().lower()
        found[_NAMES.get(name, name)], is_plain = expanded(text, env)
        is_known = is_known and is_plain
    return found, is_known
