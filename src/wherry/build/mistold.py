"""What a plan was made with that was told wrongly: looked at for what it is, forgotten, and planned anew.

A layer index may be wrong about sizes, files or the peace between wheels. No build fails of that: whatever
speaks against what was told, the wheels themselves are fetched and asked.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wherry.build.distributions import fetch_wheels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.build.layer_index.index import LayerIndex
    from wherry.build.workshop import Workshop
    from wherry.layers.conflicts import PathConflictError
    from wherry.plan.model import Distribution
    from wherry.project.locks.model import LockedFile
    from wherry.project.target import Target


class MistoldError(Exception):
    """What a plan was made with proved wrong and is forgotten: gather again."""


def look_again(
    conflict: PathConflictError,
    distributions: Iterable[Distribution],
    workshop: Workshop,
    target: Target,
    index: LayerIndex,
) -> bool:
    """Fetch the wheels that are said to be at odds, where they are not here.

    Returns:
        Whether more is known now than was: else they are at odds.

    Raises:
        InputError: One is not a wheel that we can install.
        WorldError: Network or disk failed.

    """
    digests = {wheel.digest for wheel in conflict.wheels}
    wheels = [d.file for d in distributions if d.file is not None and d.file.digest in digests]
    missing = [wheel for wheel in wheels if wheel.digest not in workshop.store.blobs]
    fetch_wheels(map(unsized, missing), workshop, target)
    is_wrong = index.is_disproved_by(wheels) if wheels else False
    return bool(missing) or is_wrong or (bool(wheels) and index.is_at_odds(digests))


def unsized(wheel: LockedFile) -> LockedFile:
    """The wheel to be fetched: its size may have been told, its hash is the lock's."""
    return replace(wheel, size_bytes=None)
