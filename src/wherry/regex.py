"""Regular expressions that wait: compiled when they are first asked, not when their module is read.

Compiling one takes 0.1 to 2 ms. A check knows some hundreds of them and asks a few dozen of one file.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, AnyStr, cast

if TYPE_CHECKING:
    from re import Pattern


def regex(text: AnyStr, flags: int = 0) -> Pattern[AnyStr]:
    """The expression that `re.compile` would make of *text*, made when it is first used.

    For constants of modules. A mistake in *text* shows where it is used: a test compiles them all. What
    ignores case does so for ASCII's letters alone: no other is meant, and compiling is far quicker.
    """
    if flags & re.IGNORECASE or text[:4] in {"(?i)", b"(?i)"}:
        flags |= re.ASCII
    return cast("Pattern[AnyStr]", _Waiting(text, flags))


class _Waiting:
    """Stands for a pattern. A method it was asked once is the compiled one's own: no call costs more."""

    def __init__(self, text: AnyStr, flags: int) -> None:
        self._compiled = partial(re.compile, text, flags)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any of a pattern's methods
        answer = getattr(self._compiled(), name)
        setattr(self, name, answer)
        return answer
