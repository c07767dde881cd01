"""What a registry wants before it answers: the WWW-Authenticate header of a 401 (RFC 9110, 11.6.1).

Registries write its parameters quoted or bare and in any order, and name several schemes in one header or
in several headers. What cannot be understood ends the reading; what came before it counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LONGEST: Final = 16 << 10
_MOST: Final = 16
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110's word for a word
_SCHEME: Final = re.compile(rf"[\s,]*({_TOKEN})(?:\s+([A-Za-z0-9._~+/-]+=*)(?=\s*(?:,|\Z)))?(?=[\s,]|\Z)")
_PARAMETER: Final = re.compile(rf'[\s,]*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))(?=[\s,]|\Z)')


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to say who we are."""

    scheme: str  # in lower case: "bearer", "basic"
    parameters: Mapping[str, str] = field(
        default_factory=dict
    )  # names in lower case; the first of a name counts

    def get(self, name: str) -> str:
        """A parameter, empty if there is none."""
        return self.parameters.get(name, "")


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """Read the values of all WWW-Authenticate headers of an answer, in the order they stand in."""
    found: list[Challenge] = []
    for header in headers:
        found.extend(_parse(header[:_LONGEST]))
    return found[:_MOST]


def _parse(header: str) -> list[Challenge]:
    found: list[Challenge] = []
    parameters: dict[str, str] = {}
    place = 0
    while len(found) <= _MOST:
        # A parameter first: "realm=..." would else be the scheme named "realm".
        if found and (match := _PARAMETER.match(header, place)):
            name, quoted, bare = match.groups()
            value = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            parameters.setdefault(name.lower(), value)
        elif match := _SCHEME.match(header, place):
            parameters = {}  # a token68 after the scheme says nothing that we could use
            found.append(Challenge(match[1].lower(), parameters))
        else:
            break
        place = match.end()
    return found
