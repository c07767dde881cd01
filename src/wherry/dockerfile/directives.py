"""Parser directives: ``# syntax=``, ``# escape=`` and ``# check=`` on a file's first lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.dockerfile import blanks
from wherry.dockerfile.source import Span, decode
from wherry.dockerfile.syntax import Directive, DockerfileError, refusal, shown
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.dockerfile.source import Source

NAMES: Final = ("syntax", "escape", "check")
_ASCII_BLANKS: Final = b"\t\n\f\r "
_NAME: Final = regex(rb"([a-zA-Z][a-zA-Z0-9]*+)[\t\n\f\r ]*+=")


class DirectiveReader:
    """Takes a file's first comment lines, until one is no directive.

    Args:
        source: The file.

    """

    def __init__(self, source: Source) -> None:
        self.escape = b"\\"
        self.found: list[Directive] = []
        self._source = source
        self._is_closed = False

    def close(self) -> None:
        """No directive is recognised any more: another line came between."""
        self._is_closed = True

    def take(self, start: int, end: int) -> bool:
        """Read a comment line as a directive; whether it was one.

        Args:
            start: Where its ``#`` stands.
            end: Where it ends, before its line ending.

        Raises:
            DockerfileError: The directive was there before, or it sets no escape character.

        """
        if self._is_closed:
            return False
        directive = self._read(start, end)
        if directive is None:
            self._is_closed = True
            return False
        if any(directive.name == other.name for other in self.found):
            raise self._refuse(
                f"the directive '{directive.name}' is set a second time", directive, "keep one of them"
            )
        self.found.append(directive)
        if directive.name == "escape":
            self._set_escape(directive)
        return True

    def _read(self, start: int, end: int) -> Directive | None:
        data = self._source.data
        name = _NAME.match(data, blanks.skip(data, start + 1, end), end)
        if name is None or (key := name[1].decode("ascii").lower()) not in NAMES:
            return None
        value = data[name.end() : end]
        # The value has at least one byte, if need be one of the blanks around it.
        value = value.strip(_ASCII_BLANKS) or value[-1:]
        return Directive(key, decode(value), Span(start, end)) if value else None

    def _set_escape(self, directive: Directive) -> None:
        if directive.value not in {"\\", "`"}:
            raise self._refuse(
                f"the escape character is {shown(directive.value)}",
                directive,
                "it is a backslash or a backtick",
            )
        self.escape = directive.value.encode("ascii")

    def _refuse(self, what: str, directive: Directive, mend: str) -> DockerfileError:
        return refusal(self._source, directive.span, what, mend)
