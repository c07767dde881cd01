"""Who an image is for: those who develop, test or try things in it, or those whom it serves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.check.facts.facts import Facts

_FOR_PEOPLE: Final = regex(
    r"(?:^|[-_./])(?:dev(?:el|elop|eloper|elopment|container)?|workspace|workbench|sandbox|tests?|testing|ci"
    r"|ut|unit-?tests?|e2e|lint(?:er|ing)?|debug|docs?|notebooks?|jupyter|bench(?:marks?)?)(?:$|[-_./\d])",
    re.IGNORECASE,
)


def is_for_people(facts: Facts) -> bool:
    """It is for development or tests: by the name of its stage or of the file, or it is a dev container's."""
    names = (facts.target.name or "", facts.path.name)
    is_named = facts.path.parent.name == ".devcontainer" or any(map(_FOR_PEOPLE.search, names))
    return is_named or facts.target.base.family == "devcontainer"
