"""Which wheels share a layer: large ones never, small ones always, and never more layers than fit.

Registries and runtimes break from 60-70 layers up, so the limit is kept by joining the smallest
layers first, and those of one family (``nvidia-…``) before strangers: they change together.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from wherry.plan.model import Distribution

Pair = frozenset[str]


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
    distributions: Sequence[Distribution],
    *,
    own_layer_bytes: int,
    max_groups: int,
    apart: Collection[Pair] = (),
) -> list[Group]:
    """Divide wheels into layers: the large ones first and largest first, the shared ones last.

    Args:
        distributions: Wheels to install, of any order.
        own_layer_bytes: A wheel of this size or more has a layer to itself.
        max_groups: At most this many groups, unless *apart* makes that impossible.
        apart: Pairs of names that own a path in common and so cannot share a layer.

    """
    large = [d for d in distributions if (d.size_bytes or 0) >= own_layer_bytes]
    small = [d for d in distributions if (d.size_bytes or 0) < own_layer_bytes]
    singles = sorted((_group([d]) for d in large), key=_largest_first)
    shared = _share(small, apart)
    while len(singles) + len(shared) > max(max_groups, 1):
        pair = _best_pair(singles, apart)
        if pair is None:
            break
        left, right = pair
        singles = sorted([g for g in singles if g not in pair] + [left.join(right)], key=_largest_first)
    return singles + shared


def _share(small: Sequence[Distribution], apart: Collection[Pair]) -> list[Group]:
    """One group for all, save those that own a path in common: each next one opens another group."""
    groups: list[list[Distribution]] = []
    for distribution in sorted(small, key=lambda d: d.name):
        for group in groups:
            if not any(frozenset((distribution.name, other.name)) in apart for other in group):
                group.append(distribution)
                break
        else:
            groups.append([distribution])
    return [_group(group) for group in groups]


def _best_pair(groups: Sequence[Group], apart: Collection[Pair]) -> tuple[Group, Group] | None:
    """The two groups whose joining costs least: a family first, then the smallest."""
    families = Counter(family for group in groups for family in group.families)
    candidates = [
        (not (left.families & right.families), left.size_bytes + right.size_bytes, index, left, right)
        for index, left in enumerate(groups)
        for right in groups[index + 1 :]
        if not _clash(left, right, apart)
    ]
    if not candidates:
        return None
    related = [c for c in candidates if not c[0] and any(families[f] > 1 for f in c[3].families)]
    best = min(related or candidates, key=lambda c: c[:3])
    return best[3], best[4]


def _clash(left: Group, right: Group, apart: Collection[Pair]) -> bool:
    return any(len(pair & left.names) == 1 and len(pair & right.names) == 1 for pair in apart)


def _group(distributions: Sequence[Distribution]) -> Group:
    return Group(tuple(sorted(distributions, key=lambda d: d.name)))


def _largest_first(group: Group) -> tuple[int, str]:
    return -group.size_bytes, group.distributions[0].name
