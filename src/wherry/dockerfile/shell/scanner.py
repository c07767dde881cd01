"""Quotes, braces, arithmetic and patterns of a shell script: what holds no commands but in substitutions."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from wherry.dockerfile.shell.tokens import Lexed
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.dockerfile.shell.tokens import Extent

ARITHMETIC: Final = regex(
    rb"\(\([\w \t\n$+*/%<>=!&|^~?:,{}#@.'\"\[\]-]*+(?:\((?:[^()\n;]|\([^()\n;]*\))*+\)[^()\n;]*+)*+\)\)"
)
"""``((1 + (2)))``; what else begins with two parentheses is a subshell in a subshell."""

_QUOTED: Final = regex(rb"[^\\$`\"]+")
_BRACED: Final = regex(rb"[^\\$`\"'}]+")
_PATTERN: Final = regex(rb"[^\\$`\"'()]+")
_TESTED: Final = regex(rb"[^\\$`\"' \t\n]+")


class Kind(Enum):
    """What was opened."""

    CODE = auto()  # commands: all, $(...), (...), `...`
    DOUBLE = auto()  # "..."
    BRACE = auto()  # ${...}
    GROUP = auto()  # array=(...), @(...), $((...)), [[ ... ]]


class Case:
    """A case statement that is being read.

    Attributes:
        pattern: Where the pattern begins; -1 while it is awaited.
        branch: Where its commands begin: at the parenthesis behind the pattern.
        content: Where the first of them begins.

    """

    __slots__ = ("branch", "content", "pattern")

    def __init__(self) -> None:
        self.pattern = self.branch = self.content = -1


class Frame:
    """Something that was opened and must be closed.

    Attributes:
        at_command: A command, or a keyword, may begin here.
        is_empty: Nothing stands behind the last operator.
        is_closed: The last word closed a compound command.
        last_joins: The last operator needs something behind it.
        is_hidden: A parenthesis that the skeleton does not have.
        word: Where the word begins that is being read.
        awaits: What must come: ``for`` and ``case`` for their "in", ``function`` for its name.
        bare_in: The "in" that nothing followed so far.
        open: Keywords that others must close.
        first: What stands first behind the last of them.
        redirect: Whose target is awaited.
        documents: Whose lines are awaited.

    """

    __slots__ = (
        *(
            "at_command",
            "awaits",
            "bare_in",
            "cases",
            "closer",
            "documents",
            "first",
            "is_closed",
            "is_empty",
        ),
        *("is_hidden", "kind", "last_joins", "open", "redirect", "word"),
    )

    def __init__(self, kind: Kind, closer: bytes) -> None:
        self.kind = kind
        self.closer = closer
        self.at_command = self.is_empty = True
        self.is_closed = self.last_joins = self.is_hidden = False
        self.word = self.first = -1
        self.awaits = b""
        self.bare_in: Extent | None = None
        self.open: list[bytes] = []
        self.cases: list[Case] = []
        self.redirect: tuple[int, str, int | None] | None = None
        self.documents: list[tuple[int, bytes, bool, bool]] = []


class Scanner:
    """Walks over a script once; how commands are read is its heir's to say."""

    def __init__(self, script: bytes) -> None:
        self.script = script
        self.out = Lexed(len(script))
        self.at = 0
        self.frames = [Frame(Kind.CODE, b"")]

    @property
    def frame(self) -> Frame:
        """The innermost of what is open."""
        return self.frames[-1]

    def show(self, width: int, text: bytes) -> None:
        """Go on by *width*, of which the skeleton has *text*."""
        self.out.skeleton[self.at : self.at + width] = text
        self.at += width

    def scan(self) -> None:
        """Read a step of what holds no commands."""
        steps = {Kind.DOUBLE: self._double, Kind.BRACE: self._brace, Kind.GROUP: self._group}
        steps[self.frame.kind]()

    def push(self, kind: Kind, closer: bytes, width: int, *, shown: bytes = b"") -> None:
        """Open something at *at*, *width* bytes wide; *shown* is what the skeleton has of it."""
        if shown:
            self.out.skeleton[self.at : self.at + width] = shown
        self.at += width
        self.frames.append(Frame(kind, closer))

    def dollar(self) -> None:
        """A dollar sign that is not quoted by single quotes."""
        script = self.script
        if ARITHMETIC.match(script, self.at + 1):
            self.push(Kind.GROUP, b"))", 3)
        elif script.startswith(b"$(", self.at):
            self.push(Kind.CODE, b")", 2, shown=b"$(")
        elif script.startswith(b"${", self.at):
            self.push(Kind.BRACE, b"}", 2)
        else:
            self.at += 1

    def backquote(self) -> None:
        """A backquote that opens."""
        if any(frame.closer == b"`" for frame in self.frames):
            self.out.is_broken = True  # they nest by backslashes only, which nobody should have to read
            self.at += 1
        else:
            self.push(Kind.CODE, b"`", 1, shown=b"`")

    def single(self) -> None:
        """What stands between single quotes."""
        end = self.script.find(b"'", self.at + 1)
        if end < 0:
            self.out.is_broken = True
            end = len(self.script)
        self.at = end + 1

    def _inside(self, byte: bytes) -> bool:
        """What means the same inside of double quotes, braces and groups; whether it was any of it."""
        if byte == b"\\":
            self.at += 2
        elif byte == b"$":
            self.dollar()
        elif byte == b"`":
            self.backquote()
        else:
            return False
        return True

    def _pop(self, width: int) -> None:
        self.frames.pop()
        self.at += width

    # ---- kinds that hold no commands

    def _double(self) -> None:
        if run := _QUOTED.match(self.script, self.at):
            self.at = run.end()
        elif not self._inside(self.script[self.at : self.at + 1]):
            self._pop(1)

    def _brace(self) -> None:
        byte = self.script[self.at : self.at + 1]
        if run := _BRACED.match(self.script, self.at):
            self.at = run.end()
        elif self._inside(byte):
            pass
        elif byte == b"}":
            self._pop(1)
        elif byte == b'"':
            self.push(Kind.DOUBLE, b'"', 1)
        elif any(frame.kind is Kind.DOUBLE for frame in self.frames[-2:-1]):
            self.at += 1  # inside of double quotes a single one is itself
        else:
            self.single()

    def _group(self) -> None:
        byte = self.script[self.at : self.at + 1]
        closer = self.frame.closer
        if closer == b"]]":
            self._test()
        elif run := _PATTERN.match(self.script, self.at):
            self.at = run.end()
        elif self._inside(byte):
            pass
        elif byte == b"(":
            self.push(Kind.GROUP, b")", 1)
        elif byte == b")":
            is_double = closer == b"))" and self.script.startswith(b"))", self.at)
            self._pop(2 if is_double else 1)
        elif byte == b'"':
            self.push(Kind.DOUBLE, b'"', 1)
        else:
            self.single()

    def _test(self) -> None:
        """Up to the word ``]]``."""
        byte = self.script[self.at : self.at + 1]
        if run := _TESTED.match(self.script, self.at):
            self.at = run.end()
        elif byte in b" \t\n" and self.script.startswith(b"]]", self.at + 1):
            self._pop(3)
        elif self._inside(byte):
            pass
        elif byte == b'"':
            self.push(Kind.DOUBLE, b'"', 1)
        elif byte == b"'":
            self.single()
        else:
            self.at += 1
