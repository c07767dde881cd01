"""The arguments of an instruction, each kind by its own grammar, as BuildKit's parser has it."""

from __future__ import annotations

import re
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Final

from wherry.dockerfile import blanks
from wherry.dockerfile.json_form import read_array
from wherry.dockerfile.source import decode
from wherry.dockerfile.syntax import Argument, shown
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.dockerfile.source import Joined


class ArgumentsError(ValueError):
    """Arguments that BuildKit's parser refuses.

    Args:
        what: What is wrong with them.
        mend: How to put it right.

    """

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend


class Text(Frozen):
    """What the arguments are read from: *joined* from *start* to *end*, without blanks around."""

    joined: Joined
    start: int
    end: int
    escape: bytes
    limit: int  # how many arguments at most

    def argument(self, start: int, end: int) -> Argument:
        """The bytes from *start* to *end* as an argument."""
        joined = self.joined
        return Argument(joined.data[start:end].decode("utf-8", "surrogateescape"), joined.span(start, end))


Arguments = tuple[tuple[Argument, ...], bool]
"""The arguments, and whether they were in JSON form."""

_GAP: Final = regex(rb"[\t\v\f\r ]++")
_BETWEEN_GAPS: Final = regex(rb"[^\t\v\f\r ]++")
_HEALTH_TYPE: Final = regex(rb"((?:(?!" + blanks.LATIN1 + rb").)++)" + blanks.LATIN1 + rb"*+", re.DOTALL)


def read_arguments(keyword: str, text: Text) -> Arguments:
    """The arguments of an instruction that is known; none of one that is not.

    Raises:
        ArgumentsError: BuildKit's parser refuses them.

    """
    reader = _READERS.get(keyword)
    if reader is None or text.start == text.end:
        return (), False
    return reader(text)


def _whole(text: Text) -> Arguments:
    return (text.argument(text.start, text.end),), False


def _between_gaps(text: Text) -> Arguments:
    found = _BETWEEN_GAPS.finditer(text.joined.data, text.start, text.end)
    return tuple(text.argument(*word.span()) for word in islice(found, text.limit)), False


def _json_or(otherwise: Callable[[Text], Arguments]) -> Callable[[Text], Arguments]:
    def read(text: Text) -> Arguments:
        array = read_array(text.joined, text.start, text.end, text.limit)
        if array is None:
            return otherwise(text)
        if not array.is_strings:
            raise ArgumentsError(
                "the JSON array holds something other than strings", "put every item into double quotes"
            )
        return array.arguments, True

    return read


def _health(text: Text) -> Arguments:
    found = _HEALTH_TYPE.match(text.joined.data, text.start, text.end)
    if found is None:
        return (), False
    kind = text.argument(*found.span(1))
    if found.end() == text.end:
        return (kind,), False
    rest = Text(text.joined, found.end(), text.end, text.escape, text.limit)
    arguments, is_json = _json_or(_whole)(rest)
    return (kind, *arguments), is_json


@cache
def _word_pattern(escape: bytes) -> re.Pattern[bytes]:
    e = re.escape(escape)
    single = rb"'[^']*+(?:'|\Z)"
    double = rb'"(?:%b.|[^"%b])*+(?:"|\Z|(?=%b\Z))' % (e, e, e)
    plain = rb"[^\t-\r '\"\x80-\xff%b]" % e
    parts = (plain + b"++", e + b".", single, double, blanks.NOT_UNICODE)
    return re.compile(blanks.UNICODE + rb"*+((?:" + b"|".join(parts) + rb")++)", re.DOTALL)


def _words(text: Text) -> list[tuple[int, int]]:
    """Words between blanks; quotes keep blanks in, and are kept. An escape at the very end is dropped."""
    found = _word_pattern(text.escape).finditer(text.joined.data, text.start, text.end)
    return [word.span(1) for word in islice(found, text.limit)]


def _names(text: Text) -> Arguments:
    return tuple(text.argument(*word) for word in _words(text)), False


def _pairs(text: Text) -> Arguments:
    words = _words(text)
    if not words:
        return (), False
    data = text.joined.data
    if b"=" not in data[slice(*words[0])]:
        return _legacy_pair(text)
    arguments: list[Argument] = []
    for start, end in words:
        equals = data.find(b"=", start, end)
        if equals < 0:
            word = shown(decode(data[start:end]))
            raise ArgumentsError(f"{word} has no '='", "write name=value, and quote a value with blanks")
        arguments += text.argument(start, equals), text.argument(equals + 1, end)
    return tuple(arguments), False


def _legacy_pair(text: Text) -> Arguments:
    gap = _GAP.search(text.joined.data, text.start, text.end)
    if gap is None:
        raise ArgumentsError("there is a name but no value", "write name=value")
    return (text.argument(text.start, gap.start()), text.argument(gap.end(), text.end)), False


_READERS: Final[dict[str, Callable[[Text], Arguments]]] = {
    "add": _json_or(_between_gaps),
    "arg": _names,
    "cmd": _json_or(_whole),
    "copy": _json_or(_between_gaps),
    "entrypoint": _json_or(_whole),
    "env": _pairs,
    "expose": _between_gaps,
    "from": _between_gaps,
    "healthcheck": _health,
    "label": _pairs,
    "maintainer": _whole,
    "run": _json_or(_whole),
    "shell": _json_or(_whole),
    "stopsignal": _whole,
    "user": _whole,
    "volume": _json_or(_between_gaps),
    "workdir": _whole,
}
KNOWN: Final = frozenset({*_READERS, "onbuild"})
"""The instructions there are, in lower case."""
