"""Leaving files out of the build by the ignore file, where nothing names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.context import normal
from wherry.check.model import Aspect, Edit, Effect, Fix, Safety
from wherry.dockerfile.source import Span
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.check.facts import Facts

_MOST_NAMED: Final = 2
_MOST_LEFT_OUT: Final = 20
_ODD: Final = regex(r"[*?\[\]\\!#]|^\s|\s$")


def listed(names: Sequence[str], most: int = _MOST_NAMED) -> str:
    """Some names and how many there are besides."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def left_out(facts: Facts, paths: Sequence[str], safety: Safety = Safety.UNSAFE) -> Fix | None:
    """A fix that names *paths* in the ignore file; None where a COPY or a mount asks for one of them."""
    context = facts.context
    if context is None or not paths or len(paths) > _MOST_LEFT_OUT:
        return None
    if any(_ODD.search(path) or is_named(facts, path) for path in paths):
        return None
    data = context.ignore_source.data if context.ignore_source else b""
    lines = "".join(f"{path}\n" for path in sorted(paths))
    text = lines if not data or data.endswith(b"\n") else f"\n{lines}"
    return Fix(
        f"leave {listed(sorted(paths))} out",
        (Edit(context.ignore_path, Span(len(data), len(data)), text),),
        safety,
        Effect(aspects=frozenset({Aspect.FILES})),
    )


def is_named(facts: Facts, path: str) -> bool:
    """A COPY or a bind mount asks for a path of the context, something in it, or what it is in, by name."""
    named = [source for copy in facts.copies if copy.from_ is None for source in copy.sources]
    named += [
        mount.source for run in facts.runs for mount in run.mounts if mount.type == "bind" and not mount.from_
    ]
    for source in named:
        plain = normal(source) or "."
        if plain != "." and (path == plain or path.startswith(f"{plain}/") or plain.startswith(f"{path}/")):
            return True
    return False
