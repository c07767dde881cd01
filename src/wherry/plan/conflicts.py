"""Paths that two distributions both own.

In an image the upper layer would silently win; with pip the last one installed. Different bytes
under one path are an error naming both; equal bytes (namespace packages ship the same
``__init__.py``) are fine, but the two cannot share a layer, which holds a path only once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.plan.grouping import Pair



def shared_paths(distributions: Sequence[tuple[str, Iterable[tuple[str, str]]]]) -> frozenset[Pair]:
    """Pairs of distribution names that own a path in common, with equal content.

    Args:
        distributions: For each, its name and its files as (installed path, content hash).

    Raises:
        InputError: Two own one path with different bytes, or a file of one is a directory of another.

    """
    owner: dict[str, tuple[str, str]] = {}
    pairs: set[Pair] = set()
    for name, files in distributions:
        for path, content in files:
            first = owner.setdefault(path, (name, content))
            if first[0] == name:
                continue
            if first[1] != content:
                raise _conflict(path, first[0], name)
            pairs.add(frozenset((first[0], name)))
    _refuse_files_that_are_directories(owner)
    return frozenset(pairs)


def _refuse_files_that_are_directories(owner: dict[str, tuple[str, str]]) -> None:
    parents = {path.rpartition("/")[0]: name for path, (name, _) in owner.items()}
    for parent, name in list(parents.items()):
        above = parent.rpartition("/")[0]
        while above and above not in parents:
            parents[above] = name
            above = above.rpartition("/")[0]
    for path in owner.keys() & parents.keys():
        raise _conflict(path, owner[path][0], parents[path])


def _conflict(path: str, first: str, second: str) -> InputError:
    return InputError(
        f"{first} and {second} both own {path}, with different bytes",
        where="two distributions of the lock",
        mend=f"keep one of {first} and {second} in the lock: installed together, one breaks the other",
    )
