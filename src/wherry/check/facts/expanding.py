"""Words of the Dockerfile itself (not of a shell) with their variables put in, as far as those are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.dockerfile.words import Budget, WordError, expand

if TYPE_CHECKING:
    from collections.abc import Mapping

_SPECIAL: Final = frozenset("$\"'\\`")
_MAX_STEPS: Final = 200_000


def expanded(
    text: str, env: Mapping[str, str], escape: str = "\\", *, removes_quotes: bool = True
) -> tuple[str, bool]:
    """*text* as the build sees it, and whether all of it is known.

    Args:
        text: A word, with its quotes.
        env: The variables that are known.
        escape: The file's escape character.
        removes_quotes: False for what stands in JSON, where quotes mean themselves.

    """
    if _SPECIAL.isdisjoint(text) or not (removes_quotes or "$" in text):
        return text, True
    try:
        found = expand(text, env, escape=escape, keeps_unset=True, budget=Budget(_MAX_STEPS))
    except WordError:
        return text, False
    return found.value, not found.unknown
