"""Which wheels share a layer: large ones never, small ones always, and never more layers than fit.

Registries and runtimes break from 60-70 layers up, so the limit is kept by joining the smallest
layers first, and those of one family (``nvidia-…``) before strangers: they change together.
"""

from __future__ import annotations

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
        return frozenset(name.partition("-")[0] for name in self.names)

    def join(self, other: Group) -> Group:
        """Both groups as one."""
        return _group((*self.distributions, *other.distributions))


def group_wheels(
    distributions: Sequence[Distribution], *, own_layer_bytes: int, max_groups: int
) -> list[Group]:
    """Divide wheels into layers: the large ones first and largest first, the shared ones last.

    Args:
        distributions: Wheels to install, of any order.
        own_layer_bytes: A wheel of this size or more has a layer to itself.
        max_groups: At most this many groups, and at least one for the large and one for the small.

    """
    large = [d for d in distributions if (d.size_bytes or 0) >= own_layer_bytes]
    small = [d for d in distributions if (d.size_bytes or 0) < own_layer_bytes]
    singles = sorted((_group([d]) for d in large), key=_largest_first)
    shared = [_group(small)] if small else []
    while len(singles) > max(max_groups - len(shared), 1):
        left, right = _best_pair(singles)
        singles = sorted(
            [g for g in singles if g not in (left, right)] + [left.join(right)], key=_largest_first
        )
    return singles + shared


def _best_pair(groups: Sequence[Group]) -> tuple[Group, Group]:
    """The two groups whose joining costs least: a family's first, then the smallest."""
    pairs = [(left, right) for index, left in enumerate(groups) for right in groups[index + 1 :]]
    related = [(left, right) for left, right in pairs if left.families & right.families]
    return min(related or pairs, key=lambda pair: pair[0].size_bytes + pair[1].size_bytes)


def _group(distributions: Sequence[Distribution]) -> Group:
    return Group(tuple(sorted(distributions, key=lambda d: d.name)))


def _largest_first(group: Group) -> tuple[int, str]:
    return -group.size_bytes, group.distributions[0].name
