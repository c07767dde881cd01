"""Which installed distribution needs which other: what wheels require, judged for the image's target."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from packaging.markers import InvalidMarker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.layers.model import WheelFacts
    from wherry.project.target import Target


def installed_requirements(wheels: Mapping[str, WheelFacts], target: Target) -> dict[str, frozenset[str]]:
    """For each of *wheels*, the others it needs on *target*, by normalized name.

    An extra counts where another wheel asks for it; which extras the project itself asked for is not told.
    """
    requirements = {name: _parsed(facts) for name, facts in wheels.items()}
    extras: dict[str, set[str]] = {name: set() for name in wheels}
    needed: dict[str, set[str]] = {name: set() for name in wheels}
    waiting = list(wheels)
    while waiting:
        name = waiting.pop()
        for requirement in requirements[name]:
            other = canonicalize_name(requirement.name)
            if other not in wheels or not _holds(requirement, target, extras[name]):
                continue
            if other != name:  # "app[all]" may be made of "app[fast]" and others
                needed[name].add(other)
            asked = {canonicalize_name(extra) for extra in requirement.extras}
            if not asked <= extras[other]:
                extras[other] |= asked
                waiting.append(other)
    return {name: frozenset(others) for name, others in needed.items()}


def _parsed(facts: WheelFacts) -> list[Requirement]:
    """The requirements that can be read: old wheels have some that pip gave up on, too."""
    found = []
    for text in facts.requires:
        try:
            found.append(Requirement(text))
        except (InvalidRequirement, InvalidMarker):
            continue
    return found


def _holds(requirement: Requirement, target: Target, extras: set[str]) -> bool:
    if requirement.marker is None:
        return True
    plain = cast("dict[str, str]", dict(target.marker_environment))
    try:
        return any(requirement.marker.evaluate(plain | {"extra": extra}) for extra in ("", *sorted(extras)))
    except (UndefinedComparison, UndefinedEnvironmentName, ValueError):
        return False
