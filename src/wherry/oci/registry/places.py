"""Repositories that should have a blob: one after the other is asked, and who sent wrong bytes comes last.

A place that lied once in this run may be right about another blob, so it is asked again when all others fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.errors import WorldError
from wherry.fetch.failures import WrongBytesError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.digest import Digest
    from wherry.errors import WherryError
    from wherry.oci.registry.client import Registry

_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class Place:
    """A repository that should have a blob."""

    registry: Registry
    repository: str

    def __str__(self) -> str:
        return f"{self.registry.host}/{self.repository}"

    @property
    def has_lied(self) -> bool:
        """Whether it sent other bytes than their digest says, in this run."""
        return self.repository in self.registry.liars


class Reasons:
    """Why nobody has given a blob yet."""

    def __init__(self, digest: Digest) -> None:
        """Of the blob *digest*."""
        self._digest = digest
        self._told: list[tuple[str, WherryError]] = []

    def add(self, place: Place | str, error: WherryError) -> None:
        """Note what happened at *place*; who sent wrong bytes is asked last from now on."""
        self._told.append((str(place), error))
        if isinstance(place, Place) and isinstance(error, WrongBytesError):
            place.registry.liars.add(place.repository)

    def error(self) -> WherryError:
        """What to tell: the only reason, or what happened at each place."""
        first = self._told[0][1]
        if len(self._told) == 1:
            return first
        told = "; ".join(f"{place}: {error.what}" for place, error in self._told[:_SHOWN])
        return WorldError(f"nobody gives blob {self._digest}: {told}", where=first.where, mend=first.mend)


def honest_first(places: Iterable[Place]) -> Sequence[Place]:
    """The *places* in their order, save that who sent wrong bytes in this run is last."""
    return sorted(places, key=lambda place: place.has_lied)
