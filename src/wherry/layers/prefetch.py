"""Which files of a layer stand first in it: those that a program reads when it starts, in that order.

For formats that are fetched lazily: what stands first comes in one request, before anything runs.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")


def wanted_first(items: Mapping[str, T], prefetch: Sequence[str]) -> tuple[list[T], list[T]]:
    """Those of *items* that *prefetch* names, in its order, then the others in theirs.

    A directory among the items comes before what lies in it.

    Args:
        items: Members of a layer by path, relative to the image's root.
        prefetch: Paths of the same kind, of any layer's files.

    """
    first: dict[str, T] = {}
    for path in prefetch:
        if path in items:
            for above in (*_above(path), path):
                if above in items:
                    first.setdefault(above, items[above])
    return list(first.values()), [item for path, item in items.items() if path not in first]


def prefetch_below(prefetch: Sequence[str], directory: str) -> tuple[str, ...]:
    """Those of *prefetch* that lie below *directory*, an absolute path."""
    return tuple(path for path in prefetch if path.startswith(f"{directory.strip('/')}/"))


def prefetch_outside(prefetch: Sequence[str], *directories: str) -> tuple[str, ...]:
    """Those of *prefetch* that lie below none of *directories*, absolute paths."""
    prefixes = tuple(f"{directory.strip('/')}/" for directory in directories)
    return tuple(path for path in prefetch if not path.startswith(prefixes))


def prefetch_key(prefetch: Sequence[str]) -> tuple[str, ...]:
    """What a layer's key says of the files that stand first in it; nothing where none does."""
    text = "\n".join(prefetch)
    return (f"prefetch={hashlib.sha256(text.encode()).hexdigest()}",) if prefetch else ()


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts))]
