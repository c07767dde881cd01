"""Which wheels share a layer: large ones never, small ones with a few others, and never more layers than fit.

A small wheel's place among the small ones is a hash of its name, never of its version. They are halved by
place until no group is too large, so that another version changes one group, and one more wheel changes or
splits one (decision 9). Registries and runtimes break from 60-70 layers up: where there is no room, small
ones stay together, and of the large ones the smallest are joined, those of one family (``nvidia-…``) before
strangers: they change together.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.plan.model import Distribution


@dataclass(frozen=True, slots=True)
class Group:
    """Wheels that share one layer, in name order."""

    distributions: tuple[Distribution, ...]

    @property
    def size_bytes(self) -> int:
        """Compressed bytes of the wheels; unknown sizes count as nothing."""
        return sum(d.size_bytes or 0 for d in self.distributions)

    @property
    def names(self) -> frozenset[str]:
        """Names of the wheels in it."""
        return frozenset(d.name for d in self.distributions)

    @property
    def families(self) -> frozenset[str]:
        """First words of the names: distributions of one family are released together."""
        return frozenset(_family(name) for name in self.names)

    def join(self, other: Group) -> Group:
        """Both groups as one."""
        return _group((*self.distributions, *other.distributions))

    def halves(self) -> tuple[Group, Group]:
        """It in two, at the first bit in which the places of its wheels differ: at least two names, then."""
        places = [_place(d.name) for d in self.distributions]
        bit = 1 << (min(places) ^ max(places)).bit_length() - 1
        pairs = list(zip(places, self.distributions, strict=True))
        return (
            _group([d for place, d in pairs if not place & bit]),
            _group([d for place, d in pairs if place & bit]),
        )


def group_wheels(
    distributions: Sequence[Distribution], *, own_layer_bytes: int, max_groups: int
) -> list[Group]:
    """Divide wheels into layers: the large ones first and largest first, the shared ones last, by place.

    Args:
        distributions: Wheels to install, of any order.
        own_layer_bytes: A wheel of this size or more has a layer to itself; smaller ones share layers of at
            most one and a half times that, as far as there is room.
        max_groups: At most this many groups, and at least one for the large and one for the small.

    """
    large = [d for d in distributions if (d.size_bytes or 0) >= own_layer_bytes]
    small = [d for d in distributions if (d.size_bytes or 0) < own_layer_bytes]
    singles = sorted((_group([d]) for d in large), key=_largest_first)
    shared = _shared(small, own_layer_bytes * 3 // 2, max_groups - len(singles))
    while len(singles) > max(max_groups - len(shared), 1):
        left, right = _best_pair(singles)
        singles = sorted(
            [g for g in singles if g not in (left, right)] + [left.join(right)], key=_largest_first
        )
    return singles + shared


def _shared(distributions: Sequence[Distribution], limit_bytes: int, max_groups: int) -> list[Group]:
    """Groups of at most *limit_bytes*, the largest divided first while there is room; in order of place."""
    groups = [_group(distributions)] if distributions else []
    while len(groups) < max_groups:
        too_large = [g for g in groups if g.size_bytes > limit_bytes and len(g.names) > 1]
        if not too_large:
            break
        largest = min(too_large, key=_largest_first)
        groups.remove(largest)
        groups += largest.halves()
    return sorted(groups, key=lambda group: min(map(_place, group.names)))


def _best_pair(groups: Sequence[Group]) -> tuple[Group, Group]:
    """The two groups whose joining costs least: a family's first, then the smallest."""
    pairs = [(left, right) for index, left in enumerate(groups) for right in groups[index + 1 :]]
    related = [(left, right) for left, right in pairs if left.families & right.families]
    return min(related or pairs, key=lambda pair: pair[0].size_bytes + pair[1].size_bytes)


def _place(name: str) -> int:
    """Where a wheel stands among the small ones: its family's hash, then its own."""
    hashes = (hashlib.sha256(part.encode()).digest() for part in (_family(name), name))
    return int.from_bytes(b"".join(hashes))


def _family(name: str) -> str:
    """The first word of a distribution's name."""
    return name.partition("-")[0]


def _group(distributions: Sequence[Distribution]) -> Group:
    return Group(tuple(sorted(distributions, key=lambda d: d.name)))


def _largest_first(group: Group) -> tuple[int, str]:
    return -group.size_bytes, group.distributions[0].name
