"""Intervals and counts as Go writes them: ``1m30s``, ``+3``."""

from __future__ import annotations

from typing import Final

from wherry.regex import regex

_COUNT: Final = regex(r"[+-]?0*+([0-9]*)")
_PART: Final = regex(r"([0-9]*+)(?:\.([0-9]*+))?([^0-9.]++)")
_MAX_COUNT: Final = 2**31 - 1
_MAX_NS: Final = 2**63 - 1
_LEAST_NS: Final = 10**6  # a millisecond
_MAX_DIGITS: Final = 19
_UNITS_NS: Final = {
    "ns": 1,
    "us": 10**3,
    "\u00b5s": 10**3,
    "\u03bcs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}


def is_count(text: str) -> bool:
    """Whether it is a whole number from 0 to what 32 bits hold."""
    found = _COUNT.fullmatch(text)
    if found is None or text in {"+", "-"} or len(found[1]) > _MAX_DIGITS:
        return False
    count = int(found[1] or "0")
    return count <= _MAX_COUNT and not (count and text.startswith("-"))


def is_interval(text: str) -> bool:
    """Whether it is 0, or an interval of at least a millisecond."""
    nanoseconds = _nanoseconds(text.removeprefix("+") if text[:1] == "+" else text.removeprefix("-"))
    if nanoseconds is None:
        return False
    return nanoseconds == 0 or (nanoseconds >= _LEAST_NS and not text.startswith("-"))


def _nanoseconds(text: str) -> int | None:
    if text == "0":
        return 0
    total = 0
    at = 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            return None
        whole, fraction, unit = part[1], part[2] or "", _UNITS_NS.get(part[3])
        if unit is None or not whole + fraction or len(whole.lstrip("0")) > _MAX_DIGITS:
            return None
        total += int(whole or "0") * unit + int(fraction[:_MAX_DIGITS] or "0") * unit // 10 ** len(
            fraction[:_MAX_DIGITS]
        )
        if total > _MAX_NS:
            return None
        at = part.end()
    return total if text else None
