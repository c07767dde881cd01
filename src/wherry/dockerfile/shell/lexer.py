"""The words, redirections and here-documents of a shell script; what is left is its skeleton.

In the skeleton every word and redirection is a run of ``w`` of the same length, and of a quoted or commented
operator nothing is seen. Keywords, operators, parentheses and substitutions stand in it where the script has
them, so that a grammar can read it without knowing how words are quoted. A case statement is a group there,
each of its branches a subshell.
"""

from __future__ import annotations

import re
from typing import Final

from wherry.dockerfile.shell.redirections import Redirections
from wherry.dockerfile.shell.scanner import ARITHMETIC, Case, Frame, Kind
from wherry.dockerfile.shell.tokens import Extent, Lexed, RedirectToken
from wherry.regex import regex

MAX_DEPTH: Final = 60
"""How deep quotes, substitutions and parentheses may nest."""

_PLAIN: Final = regex(rb"[^ \t\r\n\\'\"$`#;&|<>()]+")
_ANSI: Final = regex(rb"\$'(?:[^'\\]|\\.)*'", re.DOTALL)
_REDIRECT: Final = regex(rb"&>>?|<<<|<<-?|<>|<&|>>|>&|>\||<|>")
_OPERATOR: Final = regex(rb";;&|;;|;&|;|&&|&|\|\||\|&|\|")
_ASSIGNMENT: Final = regex(rb"[A-Za-z_]\w*(?:\[[^\]]*\])?\+?=")
_NO_ARGUMENTS: Final = regex(rb"\([ \t]*\)")

_FOLLOWS: Final[dict[bytes, tuple[bytes, ...]]] = {
    b"then": (b"if", b"elif"),
    b"elif": (b"then",),
    b"else": (b"then",),
    b"fi": (b"then", b"else"),
    b"do": (b"while", b"until", b"for", b"select"),
    b"done": (b"do",),
    b"}": (b"{", b"for", b"select"),
}
"""Keywords, and those of which one must be open for them."""
_OPENING: Final = frozenset((b"if", b"while", b"until", b"{", b"for", b"select"))
_CLOSING: Final = frozenset((b"fi", b"done", b"}"))
_JOINING: Final = frozenset((b"&&", b"||", b"|", b"|&"))


def lex(script: bytes) -> Lexed:
    """Take a script apart. It never fails; what no shell would accept is `Lexed.is_broken`."""
    return _Lexer(script).run()


class _Lexer(Redirections):
    """Reads commands: where words begin and end, which are keywords, what is redirected."""

    def run(self) -> Lexed:
        while self.at < len(self.script):
            if self.frame.kind is Kind.CODE:
                self._code(self.frame)
            else:
                self.scan()
            if len(self.frames) > MAX_DEPTH:
                self.out.is_broken = True
                break
        self.at = min(self.at, len(self.script))
        self.out.is_broken |= len(self.frames) > 1
        for frame in self.frames:
            if frame.kind is Kind.CODE:
                self._end(frame)
                self.read_documents(frame)
        self.out.words.sort(key=lambda word: (word.start, -word.end))
        return self.out

    def _code(self, frame: Frame) -> None:
        byte = self.script[self.at : self.at + 1]
        if run := _PLAIN.match(self.script, self.at):
            self._begin_word(frame)
            self.at = run.end()
            if frame.at_command and self.script[frame.word : self.at] == b"[[":
                self._command_group(frame, 2, b"]]")
        elif byte in b" \t\r":
            self._end_word(frame)
            self.show(1, b" ")
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

    def _quoted(self, frame: Frame, byte: bytes) -> None:
        if byte == b"\\" and self.script.startswith(b"\\\n", self.at):
            self.show(2, b"  " if frame.word < 0 else b"ww")
            return
        if byte == b"`" and frame.closer == b"`":
            self._close(frame, b"`")
            return
        self._begin_word(frame)
        if byte == b"\\":
            self.at += 2
        elif byte == b"'":
            self.single()
        elif byte == b'"':
            self.push(Kind.DOUBLE, b'"', 1)
        elif byte == b"`":
            self.backquote()
        elif byte == b"$" and (ansi := _ANSI.match(self.script, self.at)):
            self.at = ansi.end()
        elif byte == b"$":
            self.dollar()
        else:
            self.at += 1

    # ---- words

    def _something(self, frame: Frame, at: int) -> None:
        """A word, a redirection or a parenthesis begins."""
        frame.is_empty = False
        if frame.first < 0:
            frame.first = at
        if frame.cases:
            case = frame.cases[-1]
            if case.branch < 0:
                case.pattern = at if case.pattern < 0 else case.pattern
            elif case.content < 0:
                case.content = at

    def _begin_word(self, frame: Frame) -> None:
        if frame.word < 0:
            frame.word = self.at
            self._something(frame, self.at)

    def _end_word(self, frame: Frame) -> None:
        if frame.word < 0:
            return
        word = Extent(frame.word, min(self.at, len(self.script)))
        frame.word = -1
        if frame.redirect is not None:
            start, operator, descriptor = frame.redirect
            frame.redirect = None
            self.add_redirect(frame, RedirectToken(start, word.end, operator, descriptor, word))
            return
        text = self.script[word.start : word.end]
        frame.bare_in = None
        if frame.cases and frame.cases[-1].branch < 0 and text != b"esac":
            return  # a pattern
        if frame.awaits:
            self._awaited(frame, word, text)
        elif not frame.at_command or not self._keyword(frame, word, text):
            self.out.words.append(word)

    def _awaited(self, frame: Frame, word: Extent, text: bytes) -> None:
        """The words behind for, case and function."""
        is_case = frame.awaits == b"case"
        if frame.awaits == b"function":
            frame.awaits = b""
            frame.at_command = True
        elif text == b"in":
            frame.awaits = b""
            frame.at_command = is_case
            self._put(word, b"w;" if is_case else b"in")
            if is_case:
                frame.cases.append(Case())
            else:
                frame.bare_in = word

    def _keyword(self, frame: Frame, word: Extent, text: bytes) -> bool:
        """The first word of a command; whether it is none of the command's own."""
        frame.is_closed = False
        if text in _FOLLOWS or text in _OPENING:
            self._compound(frame, word, text)
        elif text == b"!":
            self._put(word, b" ")  # grammars have their own mind about what it may stand before
            frame.is_empty = True
            frame.last_joins = False
        elif text == b"esac" and frame.cases:
            self._end_case(frame, word)
            self._closed(frame)
        elif text in {b"case", b"function"}:
            self._put(word, b"{   " if text == b"case" else text)
            if text == b"case":
                self.out.cases.add(word.start)
            frame.awaits = text
            frame.at_command = False
        else:
            frame.at_command = _ASSIGNMENT.match(text) is not None
            return False
        return True

    def _compound(self, frame: Frame, word: Extent, text: bytes) -> None:
        """A keyword of if, while, for, or a brace."""
        self._put(word, text)
        if text in _FOLLOWS:
            is_expected = frame.open and frame.open[-1] in _FOLLOWS[text] and frame.first != word.start
            self.out.is_broken |= not is_expected
            if frame.open:
                frame.open.pop()
        if text in _CLOSING:
            self._closed(frame)
            return
        frame.open.append(text)
        self.out.is_broken |= len(frame.open) > MAX_DEPTH
        frame.first = -1
        frame.is_empty = True
        frame.last_joins = False
        if text in {b"for", b"select"}:
            frame.awaits = b"for"
            frame.at_command = False

    def _closed(self, frame: Frame) -> None:
        frame.at_command = False
        frame.is_closed = True

    def _put(self, word: Extent, text: bytes) -> None:
        self.out.skeleton[word.start : word.end] = text

    # ---- case statements

    def _end_pattern(self, frame: Frame, case: Case) -> None:
        """The parenthesis behind a pattern."""
        start = self.at if case.pattern < 0 else case.pattern
        self.out.skeleton[start : self.at] = b" " * (self.at - start)
        case.branch, case.content = self.at, -1
        self.out.branches.add(self.at)
        self.show(1, b"(")
        frame.at_command = frame.is_empty = True
        frame.last_joins = False

    def _end_branch(self, case: Case, at: int) -> bool:
        """Before ``;;`` or esac, which stands *at*; whether there is anything in the branch."""
        has_content = 0 <= case.content < at
        if case.branch >= 0 and not has_content:
            self._put(Extent(case.branch, case.branch + 1), b" ")
        is_open = case.branch >= 0 and has_content
        case.pattern = case.branch = case.content = -1
        return is_open

    def _end_case(self, frame: Frame, word: Extent) -> None:
        is_open = self._end_branch(frame.cases.pop(), word.start)
        self._put(word, b");} " if is_open else b"}   ")
        self.out.ends[word.start + (3 if is_open else 1)] = word.end

    # ---- operators

    def _end_list(self, frame: Frame) -> None:
        """``for i in; do``: nothing in it, as if it had no list."""
        if frame.bare_in is not None:
            self._put(frame.bare_in, b"  ")
            frame.bare_in = None

    def _newline(self, frame: Frame) -> None:
        self._end_word(frame)
        self._end_list(frame)
        self.show(1, b"\n")
        if frame.awaits != b"case":
            frame.at_command = True
            frame.awaits = b""
        frame.is_closed = False
        if not frame.last_joins:
            frame.is_empty = True
        self.drop_redirect(frame)
        self.read_documents(frame)

    def _comment(self, frame: Frame) -> None:
        end = self.script.find(b"\n", self.at)
        end = len(self.script) if end < 0 else end
        if frame.closer == b"`" and (close := self.script.find(b"`", self.at, end)) >= 0:
            end = close
        self.show(end - self.at, b" " * (end - self.at))

    def _operator(self, frame: Frame) -> None:
        self._end_word(frame)
        self._end_list(frame)
        self.drop_redirect(frame)
        operator = _first(_OPERATOR, self.script, self.at)
        if frame.cases and frame.cases[-1].branch < 0:
            self.at += len(operator)  # of a pattern
            return
        shown = operator
        joins = operator in _JOINING
        if frame.is_empty and (joins or frame.last_joins):
            self.out.is_broken = True
        if frame.cases and len(operator) > 1 and operator.startswith(b";"):
            is_open = self._end_branch(frame.cases[-1], self.at)
            shown = (b");" if is_open else b"  ").ljust(len(operator))
        self.show(len(operator), shown)
        frame.last_joins = joins
        frame.is_empty = frame.at_command = True
        frame.is_closed = False
        frame.awaits = b""

    def _parenthesis(self, frame: Frame, byte: bytes) -> None:
        if byte == b")":
            self._close_parenthesis(frame)
        elif frame.cases and frame.cases[-1].branch < 0:
            self._something(frame, self.at)  # before a pattern
            self.at += 1
        elif frame.word >= 0:
            self._parenthesis_in_word(frame)
        elif frame.awaits == b"for":
            self._begin_word(frame)
            self.push(Kind.GROUP, b"))", 2)
        elif frame.at_command and ARITHMETIC.match(self.script, self.at):
            self._begin_word(frame)
            self.at += 2
            self._command_group(frame, 2, b"))")
        else:
            self.out.is_broken |= not frame.at_command
            self._something(frame, self.at)
            # Two in a row are arithmetic for a grammar; without one of them it has to guess.
            is_second = self.at > 0 and self.out.skeleton[self.at - 1 : self.at] == b"("
            self.out.is_broken |= is_second
            self.push(Kind.CODE, b")", 1, shown=b" " if is_second else b"(")
            self.frame.is_hidden = is_second

    def _parenthesis_in_word(self, frame: Frame) -> None:
        before = self.script[frame.word : self.at]
        if before.endswith(b"=") or before[-1:] in {b"@", b"!", b"?", b"*", b"+"}:
            self.push(Kind.GROUP, b")", 1)
        elif (empty := _NO_ARGUMENTS.match(self.script, self.at)) and (
            frame.at_command or frame.awaits == b"function"
        ):
            frame.word = -1  # the name of a function: no word of a command
            self.show(len(empty[0]), empty[0])
            frame.at_command = frame.is_empty = True
            frame.awaits = b""
        else:
            self._end_word(frame)
            self.out.is_broken = True
            self.push(Kind.CODE, b")", 1, shown=b"(")

    def _close_parenthesis(self, frame: Frame) -> None:
        if frame.word >= 0 and self.script[frame.word : self.at] == b"esac":
            self._end_word(frame)
        case = frame.cases[-1] if frame.cases else None
        if case is not None and case.branch < 0:
            frame.word = -1
            self._end_pattern(frame, case)
            return
        self._end_word(frame)
        if frame.closer == b")":
            self.out.is_broken |= case is not None
            self._close(frame, b")")
        else:
            self.out.is_broken = True
            self.show(1, b")")

    def _end(self, frame: Frame) -> None:
        """Nothing more comes in a frame."""
        self._end_word(frame)
        self.drop_redirect(frame)
        self.out.is_broken |= (frame.last_joins and frame.is_empty) or bool(frame.cases or frame.open)

    def _close(self, frame: Frame, closer: bytes) -> None:
        self._end(frame)
        self.frames.pop()
        self.show(1, b" " if frame.is_hidden else closer)
        outer = next(found for found in reversed(self.frames) if found.kind is Kind.CODE)
        outer.documents += frame.documents
        if outer is self.frame and outer.word < 0:
            self._closed(outer)

    def _command_group(self, frame: Frame, width: int, closer: bytes) -> None:
        """``[[ ... ]]`` and ``((...))``: two words, the brackets and the rest."""
        self.out.words.append(Extent(frame.word, frame.word + width))
        frame.word = self.at
        frame.at_command = False
        self.frames.append(Frame(Kind.GROUP, closer))

    # ---- redirections

    def _redirect(self, frame: Frame) -> None:
        if self.script[self.at + 1 : self.at + 2] == b"(" and self.script[self.at : self.at + 1] != b"&":
            self._begin_word(frame)
            self.push(Kind.CODE, b")", 2, shown=b"$(")
            return
        descriptor = None
        start = self.at
        if frame.word >= 0 and self.script[frame.word : self.at].isdigit() and frame.redirect is None:
            descriptor = int(self.script[frame.word : self.at][:9])
            start, frame.word = frame.word, -1
        self._end_word(frame)
        self.drop_redirect(frame)
        self.out.is_broken |= bool(frame.cases) and frame.cases[-1].branch < 0
        operator = _first(_REDIRECT, self.script, self.at)
        self._something(frame, start)
        self.at += len(operator)
        if operator in {b"<<", b"<<-"}:
            self.announce(frame, start, operator, descriptor)
        else:
            frame.redirect = (start, operator.decode("ascii"), descriptor)


def _first(grammar: re.Pattern[bytes], script: bytes, at: int) -> bytes:
    """What a grammar finds, where it is known to find something."""
    found = grammar.match(script, at)
    return found[0] if found else script[at : at + 1]
