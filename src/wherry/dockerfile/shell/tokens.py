"""What a shell script is taken apart into: words, redirections, here-documents, and a skeleton."""

from __future__ import annotations

from typing import NamedTuple

from wherry.frozen import Frozen


class Extent(NamedTuple):
    """Bytes of a script."""

    start: int
    end: int


class RedirectToken(NamedTuple):
    """One redirection, with its file descriptor and its target."""

    start: int
    end: int
    operator: str
    descriptor: int | None
    target: Extent | None
    document: Document | None = None
    is_trailing: bool = False  # of a compound command: it stands behind fi, done, esac, } or )


class Document(Frozen):
    """A here-document: the name behind ``<<`` and where the lines are."""

    name: bytes
    expands: bool
    strips_tabs: bool
    body: Extent
    whole: Extent  # body and closing line


class Lexed:
    """A script taken apart.

    Attributes:
        skeleton: As long as the script.
        words: Where the words are, in order; of a word with a substitution those inside of it follow it.
        redirects: In order of their ends.
        cases: Where a case statement begins, which is a group in the skeleton.
        ends: Where a group that is a case statement ends in the skeleton, and where in the script.
        branches: Where the commands of one of its branches begin, which are a subshell there.
        is_broken: It has quotes or parentheses that are not closed, or operators with nothing between.

    """

    __slots__ = ("branches", "cases", "ends", "is_broken", "redirects", "skeleton", "words")

    def __init__(self, length: int) -> None:
        self.skeleton = bytearray(b"w") * length
        self.words: list[Extent] = []
        self.redirects: list[RedirectToken] = []
        self.cases: set[int] = set()
        self.ends: dict[int, int] = {}
        self.branches: set[int] = set()
        self.is_broken = False
