"""Whether wheels agree on the paths they install: what two bring with equal bytes is left to the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.errors import InputError
from wherry.layers.model import SCHEMES
from wherry.layers.paths import directories_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.layers.model import Layout, OwnedFile, WheelFacts, WheelInput


class PathConflictError(InputError):
    """Two wheels bring different things for one path."""

    def __init__(
        self, what: str, *, where: str = "", mend: str = "", wheels: tuple[WheelInput, ...] = ()
    ) -> None:
        super().__init__(what, where=where, mend=mend)
        self.wheels = wheels  # the two; unknown where the error comes from another process


def shared_paths(wheels: Sequence[tuple[WheelInput, WheelFacts]], layout: Layout) -> list[frozenset[str]]:
    """For each wheel, the paths that an earlier one brings already, with equal bytes.

    Args:
        wheels: In the layer's order.
        layout: Where they are installed.

    Raises:
        PathConflictError: Two bring different bytes for a path, or one a file where another has a directory.

    """
    owners: dict[str, tuple[WheelInput, OwnedFile]] = {}
    left_out = []
    for wheel, facts in wheels:
        mine = set()
        directories = {scheme: layout.scheme_directory(scheme, facts.name) for scheme in SCHEMES}
        for file in facts.files:
            path = f"{directories[file.scheme]}/{file.path}"
            first, same = owners.setdefault(path, (wheel, file))
            if first is wheel:
                continue
            if not file.identity or same.identity != file.identity:
                raise _both(first, wheel, path)
            mine.add(path)
        left_out.append(frozenset(mine))
    for path in directories_of(owners, layout.prefix.strip("/")) & owners.keys():
        inside = next(owner for other, (owner, _) in owners.items() if other.startswith(f"{path}/"))
        raise _both(owners[path][0], inside, path)
    return left_out


def _both(one: WheelInput, other: WheelInput, path: str) -> PathConflictError:
    return PathConflictError(
        f"{one.filename} and {other.filename} both install {path}",
        where=path,
        mend="lock only one of them, or versions that agree",
        wheels=(one, other),
    )
