"""Redirections of a shell script, and the lines of its here-documents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.dockerfile.shell.scanner import Scanner
from wherry.dockerfile.shell.tokens import Document, Extent, RedirectToken
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.dockerfile.shell.scanner import Frame

_DELIMITER: Final = regex(
    rb"[ \t]*((?:[^ \t\n;&|<>()'\"\\]|\\.|'[^'\n]*'|\"(?:[^\"\\\n]|\\.)*\")+)", re.DOTALL
)
_DELIMITER_QUOTES: Final = regex(rb"\\(.)|['\"]", re.DOTALL)


class Redirections(Scanner):
    """Keeps what is redirected, and blanks it in the skeleton."""

    def announce(self, frame: Frame, start: int, operator: bytes, descriptor: int | None) -> None:
        """The name behind ``<<``; its lines come with the next newline."""
        found = _DELIMITER.match(self.script, self.at)
        if found is None:
            self.out.is_broken = True
            return
        self.at = found.end()
        name = _DELIMITER_QUOTES.sub(rb"\1", found[1])
        frame.documents.append((len(self.out.redirects), name, name == found[1], operator == b"<<-"))
        text = operator.decode("ascii")
        self.add_redirect(frame, RedirectToken(start, self.at, text, descriptor, Extent(*found.span(1))))

    def add_redirect(self, frame: Frame, token: RedirectToken) -> None:
        """A redirection with its target."""
        filler = b" " if frame.is_closed else b"w"
        if b"$(" not in self.out.skeleton[token.start : token.end]:
            self.out.skeleton[token.start : token.end] = filler * (token.end - token.start)
        self.out.redirects.append(token._replace(is_trailing=frame.is_closed))

    def drop_redirect(self, frame: Frame) -> None:
        """The target that was awaited does not come."""
        if frame.redirect is not None:
            self.out.is_broken = True
            frame.redirect = None

    def read_documents(self, frame: Frame) -> None:
        """Read the bodies that were announced, from *at* on."""
        for index, name, expands, strips_tabs in frame.documents:
            body, whole = self._body(name, strips_tabs=strips_tabs)
            document = Document(name, expands, strips_tabs, body, whole)
            self.out.redirects[index] = self.out.redirects[index]._replace(document=document)
            self.show(whole.end - whole.start, b" " * (whole.end - whole.start))
        frame.documents = []

    def _body(self, name: bytes, *, strips_tabs: bool) -> tuple[Extent, Extent]:
        script = self.script
        line = self.at
        while line < len(script):
            newline = script.find(b"\n", line)
            end = len(script) if newline < 0 else newline
            text = script[line:end].removesuffix(b"\r")
            if (text.lstrip(b"\t") if strips_tabs else text) == name:
                return Extent(self.at, line), Extent(self.at, min(end + 1, len(script)))
            line = end + 1
        return Extent(self.at, len(script)), Extent(self.at, len(script))
