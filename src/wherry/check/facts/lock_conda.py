"""``conda-lock.yml``, by its lines: these files are too long for a YAML parser to be worth its time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.facts.locks import LockedPackage
from wherry.check.facts.requirement import normalised
from wherry.check.facts.texts import Text
from wherry.dockerfile.source import Span
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.dockerfile.source import Source

_MOST: Final = 20_000
_ENTRY: Final = regex(rb"^- name: *['\"]?([^'\"\s]+)['\"]?[ \t]*\r?$", re.MULTILINE)
_FIELD: Final = regex(rb"^  (version|manager|platform|category|url): *['\"]?([^'\"\r\n]*)", re.MULTILINE)


def conda_packages(source: Source) -> tuple[LockedPackage, ...]:
    """Every package for 64-bit Linux; where the file names no platforms, every package."""
    matches = list(_ENTRY.finditer(source.data))[:_MOST]
    found: list[LockedPackage] = []
    for number, match in enumerate(matches):
        end = matches[number + 1].start() if number + 1 < len(matches) else len(source.data)
        fields = {
            key.decode(): value.decode("utf-8", "replace")
            for key, value in _FIELD.findall(source.data, match.end(), end)
        }
        if fields.get("platform", "linux-64") not in {"linux-64", "linux-aarch64", "noarch"}:
            continue
        name, version = match[1].decode("utf-8", "replace"), fields.get("version", "")
        found.append(
            LockedPackage(
                name=normalised(name),
                version=version,
                text=Text(f"{name} {version}".rstrip(), source, Span(*match.span())),
                block=fields.get("url", "").encode(),
                written_groups=(fields.get("category", "main"),),
                manager=fields.get("manager", "conda"),
            )
        )
    return tuple(found)
