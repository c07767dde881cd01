"""The words, redirections and here-documents of a shell script; what is left is its skeleton.

In the skeleton every word and redirection is a run of ``w`` of the same length, and of a quoted or commented
operator nothing is seen. Keywords, operators, parentheses and substitutions stand in it where the script has
them, so that a grammar can read it without knowing how words are quoted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, NamedTuple

MAX_DEPTH: Final = 60
"""How deep quotes, substitutions and parentheses may nest."""

_PLAIN: Final = re.compile(rb"[^ \t\r\n\\'\"$`#;&|<>()]+")
_QUOTED: Final = re.compile(rb"[^\\$`\"]+")
_BRACED: Final = re.compile(rb"[^\\$`\"'}]+")
_PATTERN: Final = re.compile(rb"[^\\$`\"'()]+")
_ANSI: Final = re.compile(rb"\$'(?:[^'\\]|\\.)*'", re.DOTALL)
_REDIRECT: Final = re.compile(rb"&>>?|<<<|<<-?|<>|<&|>>|>&|>\||<|>")
_DELIMITER: Final = re.compile(
    rb"[ \t]*((?:[^ \t\n;&|<>()'\"\\]|\\.|'[^'\n]*'|\"(?:[^\"\\\n]|\\.)*\")+)", re.DOTALL
)
_DELIMITER_QUOTES: Final = re.compile(rb"\\(.)|['\"]", re.DOTALL)
_OPERATOR: Final = re.compile(rb";;&|;;|;&|;|&&|&|\|\||\|&|\|")
_ARITHMETIC: Final = re.compile(rb"\(\([\w \t\n$+*/%<>=!&|^~?:,\[\]-]*(?:\([^()\n;]*\)[^()\n;]*)*\)\)")
_ASSIGNMENT: Final = re.compile(rb"[A-Za-z_]\w*(?:\[[^\]]*\])?\+?=")
_NO_ARGUMENTS: Final = re.compile(rb"\([ \t]*\)")

_OPENING: Final = frozenset((b"if", b"then", b"elif", b"else", b"do", b"while", b"until", b"{", b"!"))
_CLOSING: Final = frozenset((b"fi", b"done", b"esac", b"}"))
_NAMING: Final = frozenset((b"for", b"select", b"case", b"function"))
_JOINING: Final = frozenset((b"&&", b"||", b"|", b"|&"))


class _Kind(Enum):
    CODE = auto()  # commands: all, $(...), (...), `...`
    DOUBLE = auto()  # "..."
    BRACE = auto()  # ${...}
    GROUP = auto()  # array=(...), @(...), $((...)), [[ ... ]]: no commands but in substitutions


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
    document: Document | None
    is_trailing: bool  # of a compound command: it stands behind fi, done, esac, } or )


class Document(NamedTuple):
    """A here-document: the name behind ``<<`` and where the lines are."""

    name: bytes
    expands: bool
    strips_tabs: bool
    body: Extent
    whole: Extent  # body and closing line


@dataclass(slots=True)
class Lexed:
    """A script taken apart.

    Attributes:
        skeleton: As long as the script.
        words: Where the words are, in order; of a word with a substitution those inside of it follow it.
        redirects: In order of their ends.
        is_broken: It has quotes or parentheses that are not closed, or operators with nothing between.

    """

    skeleton: bytearray
    words: list[Extent] = field(default_factory=list)
    redirects: list[RedirectToken] = field(default_factory=list)
    is_broken: bool = False


@dataclass(slots=True)
class _Frame:
    """Something that was opened and must be closed."""

    kind: _Kind
    closer: bytes
    at_command: bool = True  # a command, or a keyword, may begin here
    is_empty: bool = True  # nothing since the last operator
    is_closed: bool = False  # the last word closed a compound command
    word: int = -1  # where the word begins that is being read
    cases: int = 0  # that are open
    awaits: bytes = b""  # "in" of for and case, the name of function
    redirect: tuple[int, str, int | None] | None = None  # whose target is awaited
    last_joins: bool = False
    documents: list[tuple[int, bytes, bool, bool]] = field(default_factory=list)  # whose bodies are awaited


def lex(script: bytes) -> Lexed:
    """Take a script apart. It never fails; what no shell would accept is `Lexed.is_broken`."""
    return _Lexer(script).run()


class _Lexer:
    """Walks over a script once."""

    def __init__(self, script: bytes) -> None:
        self.script = script
        self.out = Lexed(bytearray(b"w") * len(script))
        self.at = 0
        self.frames = [_Frame(_Kind.CODE, b"")]

    @property
    def frame(self) -> _Frame:
        return self.frames[-1]

    def run(self) -> Lexed:
        steps = {
            _Kind.CODE: self._code,
            _Kind.DOUBLE: self._double,
            _Kind.BRACE: self._brace,
            _Kind.GROUP: self._group,
        }
        while self.at < len(self.script):
            steps[self.frame.kind]()
            if len(self.frames) > MAX_DEPTH:
                self.out.is_broken = True
                break
        self._finish()
        self.out.words.sort(key=lambda word: (word.start, -word.end))
        return self.out

    def _finish(self) -> None:
        self.at = min(self.at, len(self.script))
        if len(self.frames) > 1:
            self.out.is_broken = True
        for frame in self.frames:
            if frame.kind is _Kind.CODE:
                self._end_word(frame)
                self.out.is_broken |= frame.last_joins and frame.is_empty
                self._read_documents(frame)

    # ---- what every kind of text may hold

    def _push(self, kind: _Kind, closer: bytes, width: int, *, shown: bytes = b"") -> None:
        """Open something at *at*, *width* bytes wide; *shown* is what the skeleton has of it."""
        if shown:
            self.out.skeleton[self.at : self.at + width] = shown
        self.at += width
        self.frames.append(_Frame(kind, closer))

    def _dollar(self) -> None:
        """A dollar sign that is not quoted by single quotes."""
        script = self.script
        if script.startswith(b"$((", self.at):
            self._push(_Kind.GROUP, b"))", 3)
        elif script.startswith(b"$(", self.at):
            self._push(_Kind.CODE, b")", 2, shown=b"$(")
        elif script.startswith(b"${", self.at):
            self._push(_Kind.BRACE, b"}", 2)
        else:
            self.at += 1

    def _backquote(self) -> None:
        if any(frame.closer == b"`" for frame in self.frames):
            self.out.is_broken = True  # they nest by backslashes only, which nobody should have to read
            self.at += 1
        else:
            self._push(_Kind.CODE, b"`", 1, shown=b"`")

    def _single(self) -> None:
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
            self._dollar()
        elif byte == b"`":
            self._backquote()
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
            self._push(_Kind.DOUBLE, b'"', 1)
        elif any(frame.kind is _Kind.DOUBLE for frame in self.frames[-2:-1]):
            self.at += 1  # inside of double quotes a single one is itself
        else:
            self._single()

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
            self._push(_Kind.GROUP, b")", 1)
        elif byte == b")":
            is_double = closer == b"))" and self.script.startswith(b"))", self.at)
            self._pop(2 if is_double else 1)
        elif byte == b'"':
            self._push(_Kind.DOUBLE, b'"', 1)
        else:
            self._single()

    def _test(self) -> None:
        """Up to the word ``]]``."""
        byte = self.script[self.at : self.at + 1]
        if byte in b" \t\n" and self.script.startswith(b"]]", self.at + 1):
            self._pop(3)
        elif self._inside(byte):
            pass
        elif byte == b'"':
            self._push(_Kind.DOUBLE, b'"', 1)
        elif byte == b"'":
            self._single()
        else:
            self.at += 1

    # ---- commands

    def _code(self) -> None:
        frame = self.frame
        byte = self.script[self.at : self.at + 1]
        if run := _PLAIN.match(self.script, self.at):
            self._begin_word(frame)
            self.at = run.end()
            if frame.at_command and self.script[frame.word : self.at] == b"[[":
                self._command_group(frame, 2, b"]]")
        elif byte in b" \t\r":
            self._end_word(frame)
            self._show(1, b" ")
        elif byte == b"\n":
            self._newline(frame)
        elif byte in b"<>" or self.script.startswith(b"&>", self.at):
            self._redirect(frame)
        elif byte in b";&|":
            self._operator(frame)
        elif byte in b"()":
            self._parenthesis(frame, byte)
        elif byte == b"#" and frame.word < 0:
            self._comment(frame)
        else:
            self._quoted(frame, byte)

    def _quoted(self, frame: _Frame, byte: bytes) -> None:
        if byte == b"\\" and self.script.startswith(b"\\\n", self.at):
            self._show(2, b"  " if frame.word < 0 else b"ww")
            return
        if byte == b"`" and frame.closer == b"`":
            self._close(frame, b"`")
            return
        self._begin_word(frame)
        if byte == b"\\":
            self.at += 2
        elif byte == b"'":
            self._single()
        elif byte == b'"':
            self._push(_Kind.DOUBLE, b'"', 1)
        elif byte == b"`":
            self._backquote()
        elif byte == b"$" and (ansi := _ANSI.match(self.script, self.at)):
            self.at = ansi.end()
        elif byte == b"$":
            self._dollar()
        else:
            self.at += 1

    def _show(self, width: int, text: bytes) -> None:
        self.out.skeleton[self.at : self.at + width] = text
        self.at += width

    def _begin_word(self, frame: _Frame) -> None:
        if frame.word < 0:
            frame.word = self.at
            frame.is_empty = False

    def _end_word(self, frame: _Frame) -> None:
        if frame.word < 0:
            return
        word = Extent(frame.word, min(self.at, len(self.script)))
        frame.word = -1
        if frame.redirect is not None:
            start, operator, descriptor = frame.redirect
            frame.redirect = None
            self._add_redirect(frame, RedirectToken(start, word.end, operator, descriptor, word, None, False))  # noqa: FBT003 - a field
            return
        self.out.words.append(word)
        text = self.script[word.start : word.end]
        if frame.awaits:
            self._awaited(frame, word, text)
        elif frame.at_command:
            self._first_word(frame, word, text)

    def _awaited(self, frame: _Frame, word: Extent, text: bytes) -> None:
        """The words behind for, case and function."""
        if frame.awaits == b"in" and text == b"in":
            self._keyword(word, text)
            frame.awaits = b""
            frame.at_command = frame.cases > 0
        elif frame.awaits == b"name":
            frame.awaits = b""
            frame.at_command = True

    def _first_word(self, frame: _Frame, word: Extent, text: bytes) -> None:
        frame.is_closed = False
        if text in _OPENING:
            self._keyword(word, text)
            frame.is_empty = True
            frame.last_joins = False
        elif text in _CLOSING:
            self._keyword(word, text)
            frame.cases -= text == b"esac" and frame.cases > 0
            frame.at_command = False
            frame.is_closed = True
        elif text in _NAMING:
            self._keyword(word, text)
            frame.cases += text == b"case"
            frame.awaits = b"name" if text == b"function" else b"in"
            frame.at_command = False
        elif not _ASSIGNMENT.match(text):
            frame.at_command = False

    def _keyword(self, word: Extent, text: bytes) -> None:
        shown = b" " if text == b"!" else text  # grammars have their own mind about what it may stand before
        self.out.skeleton[word.start : word.end] = shown
        self.out.words.pop()

    def _newline(self, frame: _Frame) -> None:
        self._end_word(frame)
        self._show(1, b"\n")
        if frame.awaits != b"in" or not frame.cases:
            frame.at_command = True
            frame.awaits = b""
        frame.is_closed = False
        if not frame.last_joins:
            frame.is_empty = True
        self._drop_redirect(frame)
        self._read_documents(frame)

    def _comment(self, frame: _Frame) -> None:
        end = self.script.find(b"\n", self.at)
        end = len(self.script) if end < 0 else end
        if frame.closer == b"`" and (close := self.script.find(b"`", self.at, end)) >= 0:
            end = close
        self._show(end - self.at, b" " * (end - self.at))

    def _operator(self, frame: _Frame) -> None:
        self._end_word(frame)
        self._drop_redirect(frame)
        found = _OPERATOR.match(self.script, self.at)
        operator = found[0] if found else b";"
        joins = operator in _JOINING
        if frame.is_empty and (joins or frame.last_joins):
            self.out.is_broken = True
        self._show(len(operator), operator)
        frame.last_joins = joins
        frame.is_empty = frame.at_command = True
        frame.is_closed = False
        frame.awaits = b""

    def _parenthesis(self, frame: _Frame, byte: bytes) -> None:
        if byte == b")":
            self._close_parenthesis(frame)
        elif frame.word >= 0:
            self._parenthesis_in_word(frame)
        elif frame.awaits == b"in" and not frame.cases:
            self._begin_word(frame)
            self._push(_Kind.GROUP, b"))", 2)
        elif frame.at_command:
            if _ARITHMETIC.match(self.script, self.at):
                self._begin_word(frame)
                self.at += 2
                self._command_group(frame, 2, b"))")
            else:
                frame.is_empty = False
                self._push(_Kind.CODE, b")", 1, shown=b"(")
        else:
            self.out.is_broken = True
            self._push(_Kind.CODE, b")", 1, shown=b"(")

    def _parenthesis_in_word(self, frame: _Frame) -> None:
        before = self.script[frame.word : self.at]
        if before.endswith(b"=") or before[-1:] in {b"@", b"!", b"?", b"*", b"+"}:
            self._push(_Kind.GROUP, b")", 1)
        elif (empty := _NO_ARGUMENTS.match(self.script, self.at)) and frame.at_command:
            frame.word = -1  # the name of a function: no word of a command
            self._show(len(empty[0]), empty[0])
            frame.at_command = frame.is_empty = True
        else:
            self._end_word(frame)
            self.out.is_broken = True
            self._push(_Kind.CODE, b")", 1, shown=b"(")

    def _close_parenthesis(self, frame: _Frame) -> None:
        self._end_word(frame)
        if frame.cases:
            self._show(1, b")")
            frame.at_command = frame.is_empty = True
            frame.last_joins = False
        elif frame.closer == b")":
            self._close(frame, b")")
        else:
            self.out.is_broken = True
            self._show(1, b")")

    def _close(self, frame: _Frame, closer: bytes) -> None:
        self._end_word(frame)
        self._drop_redirect(frame)
        self.out.is_broken |= frame.last_joins and frame.is_empty
        self.frames.pop()
        self._show(1, closer)
        outer = next(found for found in reversed(self.frames) if found.kind is _Kind.CODE)
        outer.documents += frame.documents
        if outer is self.frame and outer.word < 0:
            outer.at_command = False
            outer.is_closed = True

    def _command_group(self, frame: _Frame, width: int, closer: bytes) -> None:
        """``[[ ... ]]`` and ``((...))``: two words, the brackets and the rest."""
        self.out.words.append(Extent(frame.word, frame.word + width))
        frame.word = self.at
        frame.at_command = False
        self.frames.append(_Frame(_Kind.GROUP, closer))

    # ---- redirections

    def _redirect(self, frame: _Frame) -> None:
        if self.script[self.at + 1 : self.at + 2] == b"(" and self.script[self.at] != 0x26:  # noqa: PLR2004 - "&"
            self._begin_word(frame)
            self._push(_Kind.CODE, b")", 2, shown=b"$(")
            return
        descriptor = None
        start = self.at
        if frame.word >= 0 and self.script[frame.word : self.at].isdigit() and frame.redirect is None:
            descriptor = int(self.script[frame.word : self.at][:9])
            start, frame.word = frame.word, -1
        self._end_word(frame)
        self._drop_redirect(frame)
        found = _REDIRECT.match(self.script, self.at)
        operator = found[0] if found else b">"
        frame.is_empty = False
        self.at += len(operator)
        if operator in {b"<<", b"<<-"}:
            self._announce(frame, start, operator, descriptor)
        else:
            frame.redirect = (start, operator.decode("ascii"), descriptor)

    def _announce(self, frame: _Frame, start: int, operator: bytes, descriptor: int | None) -> None:
        found = _DELIMITER.match(self.script, self.at)
        if found is None:
            self.out.is_broken = True
            return
        self.at = found.end()
        name = _DELIMITER_QUOTES.sub(rb"\1", found[1])
        index = len(self.out.redirects)
        text = operator.decode("ascii")
        target = Extent(*found.span(1))
        self._add_redirect(frame, RedirectToken(start, self.at, text, descriptor, target, None, False))  # noqa: FBT003 - a field
        frame.documents.append((index, name, name == found[1], operator == b"<<-"))

    def _add_redirect(self, frame: _Frame, token: RedirectToken) -> None:
        filler = b" " if frame.is_closed else b"w"
        if b"$(" not in self.out.skeleton[token.start : token.end]:
            self.out.skeleton[token.start : token.end] = filler * (token.end - token.start)
        self.out.redirects.append(token._replace(is_trailing=frame.is_closed))

    def _drop_redirect(self, frame: _Frame) -> None:
        if frame.redirect is not None:
            self.out.is_broken = True
            frame.redirect = None

    def _read_documents(self, frame: _Frame) -> None:
        """Read the bodies that were announced, from *at* on."""
        for index, name, expands, strips_tabs in frame.documents:
            body, whole = self._body(name, strips_tabs=strips_tabs)
            document = Document(name, expands, strips_tabs, body, whole)
            self.out.redirects[index] = self.out.redirects[index]._replace(document=document)
            self._show(whole.end - whole.start, b" " * (whole.end - whole.start))
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
