"""Which findings are mended where not all are shown: those shown, and what their mends bring to light."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wherry.check.engine import Judgement
    from wherry.check.fix import Examined
    from wherry.check.model import Finding
    from wherry.dockerfile.source import Source

Key = tuple[str, str, str, bytes]
"""Dockerfile, rule, file, and the text that a finding stands at: the same when other fixes move its lines."""


def only_shown(
    found: Iterable[Judgement], shown: Iterable[Judgement], source: Callable[[str], Source | None]
) -> Callable[[Examined, Finding], bool]:
    """Whether a finding is to be mended: not if it was *found* and is not *shown*.

    Args:
        found: All judgements, before any fix.
        shown: What is left of them.
        source: The file of a path, as it was judged.

    """

    def data(path: str) -> bytes:
        file = source(path)
        return file.data if file else b""

    def keys(judgements: Iterable[Judgement]) -> set[Key]:
        return {_key(one.path, each, data(each.place.path)) for one in judgements for each in one.findings}

    left_out = keys(found) - keys(shown)

    def is_wanted(state: Examined, finding: Finding) -> bool:
        path = finding.place.path
        text = state.files[path] if path in state.files else data(path)
        return _key(state.dockerfile.source.name, finding, text) not in left_out

    return is_wanted


def _key(dockerfile: str, finding: Finding, data: bytes) -> Key:
    place = finding.place
    return dockerfile, finding.rule, place.path, data[place.span.start : place.span.end]
