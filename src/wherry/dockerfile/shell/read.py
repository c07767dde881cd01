"""From the text of an instruction to the commands a shell makes of it."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from wherry.dockerfile.heredoc import HeredocError, read_announcement
from wherry.dockerfile.scopes import DEFAULT_SHELL
from wherry.dockerfile.shell.lexer import lex
from wherry.dockerfile.shell.model import (
    Command,
    HereDocument,
    Redirect,
    Script,
    Word,
    program_name,
    read_options,
)
from wherry.dockerfile.shell.quoting import make_word
from wherry.dockerfile.shell.text import json_strings, unquoted, with_heredocs
from wherry.dockerfile.shell.tokens import Extent
from wherry.dockerfile.shell.tree import read_tree
from wherry.dockerfile.shell.wrappers import SHELLS, ShellCall, Unwrapped, shell_call, unwrap
from wherry.dockerfile.source import Span, decode
from wherry.dockerfile.words import Budget, WordError
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.dockerfile.shell.tokens import Lexed, RedirectToken
    from wherry.dockerfile.shell.tree import Found
    from wherry.dockerfile.source import Joined
    from wherry.dockerfile.syntax import Heredoc, Instruction

MAX_BYTES: Final = 128 * 1024
"""What Linux takes for one argument of a program: a longer script cannot be handed to a shell."""

MAX_SCRIPTS: Final = 5
"""How deep scripts may nest: ``bash -c 'bash -c ...'``."""


def read_instruction(
    instruction: Instruction, shell: Sequence[str] = DEFAULT_SHELL, *, budget: Budget | None = None
) -> Script:
    """The commands of RUN, CMD, ENTRYPOINT or HEALTHCHECK in any form; none for other instructions.

    Args:
        instruction: The instruction; of ONBUILD its trigger.
        shell: What SHELL says, `wherry.dockerfile.stages.Scope.shell`.
        budget: How many bytes of scripts may still be read; the scripts of a file may share one.

    """
    if instruction.keyword == "healthcheck":
        return _health(instruction, shell, budget)
    if instruction.keyword not in {"run", "cmd", "entrypoint"}:
        return Script()
    if instruction.is_json:
        return _read_json(instruction, 0, budget)
    heredoc = _only_heredoc(instruction)
    if heredoc is not None:
        return _read_heredoc(heredoc, shell, budget)
    text = with_heredocs(instruction) if instruction.heredocs else instruction.body
    return read_script(text, shell, budget=budget)


def read_script(
    text: Joined, shell: Sequence[str] = DEFAULT_SHELL, *, budget: Budget | None = None
) -> Script:
    """The commands of a script.

    Args:
        text: As the shell gets it.
        shell: The shell with its options, ``("/bin/bash", "-o", "pipefail", "-c")``.
        budget: How many bytes of scripts may still be read.

    """
    start = unwrap(tuple(_bare(word) for word in shell))
    call = _shell_of(start)
    if call is None:
        name = program_name(start.words[0].value) if start.words else ""
        return Script(is_shell=False, interpreter=name.lower())
    reader = _Reader(budget)
    around = _Around(wrapped_by=start.wrapped_by, environment=start.environment)
    commands = reader.read(text, around)
    options = frozenset(name for name, is_on in read_options(list(call.options)) if is_on)
    return Script(tuple(commands), reader.errors, interpreter=call.name, options=options)


def _shell_of(start: Unwrapped) -> ShellCall | None:
    """The shell that words of SHELL name; the script comes behind them."""
    script = _bare("script")
    call = shell_call((*start.words, script))
    return call if call is not None and call.script is script else None


def _bare(text: str) -> Word:
    return Word(text, True, Span(0, 0), text)  # noqa: FBT003 - a field


def _health(instruction: Instruction, shell: Sequence[str], budget: Budget | None) -> Script:
    if len(instruction.arguments) < 2:  # noqa: PLR2004 - CMD and a command
        return Script()
    if instruction.is_json:
        return _read_json(instruction, 1, budget)
    command = len(instruction.arguments[1].value.encode("utf-8", "surrogateescape"))
    body = instruction.body
    return read_script(body.cut(len(body.data) - command, len(body.data)), shell, budget=budget)


# ---- forms


def _only_heredoc(instruction: Instruction) -> Heredoc | None:
    """The heredoc that is all there is: ``RUN <<EOF``."""
    if not instruction.heredocs:
        return None
    try:
        found = read_announcement(instruction.body.text)
    except HeredocError:
        return None
    return instruction.heredocs[0] if found else None


def _read_heredoc(heredoc: Heredoc, shell: Sequence[str], budget: Budget | None) -> Script:
    """A heredoc that is the script, with ``#!`` or without."""
    if not heredoc.content.startswith("#!"):
        return read_script(heredoc.text, shell, budget=budget)
    first = heredoc.content.partition("\n")[0].removeprefix("#!").split()
    if first and program_name(first[0]) == "env":
        first = first[2:] if first[1:2] == ["-S"] else first[1:]
    name = program_name(first[0]) if first else ""
    if name in SHELLS:
        return read_script(heredoc.text, (*first, "-c"), budget=budget)
    whole = Span(heredoc.body.start, heredoc.span.end)
    document = HereDocument(heredoc.name, False, heredoc.text, heredoc.body, whole)  # noqa: FBT003 - a field
    return Script(is_shell=False, interpreter=name, document=document)


def _read_json(instruction: Instruction, skipped: int, budget: Budget | None) -> Script:
    """The JSON form: one command, which may be a shell with a script."""
    words = tuple(
        Word(argument.value, True, argument.span, argument.value)  # noqa: FBT003 - a field
        for argument in instruction.arguments[skipped:]
    )
    if not words:
        return Script(interpreter="")
    found = unwrap(words)
    call = shell_call(found.words)
    if call is None or call.script is None:
        span = Span(words[0].span.start, words[-1].span.end)
        command = _command(found, span, _Around())
        return Script((command,), interpreter="")
    reader = _Reader(budget)
    at = next(index for index, word in enumerate(words) if word is call.script)
    strings = json_strings(instruction)
    text, is_plain = strings[at]
    around = _Around(
        wrapped_by=(*found.wrapped_by, call.label), environment=found.environment, is_editable=is_plain
    )
    commands = reader.read(text, around)
    options = frozenset(name for name, is_on in read_options(list(call.options)) if is_on)
    return Script(tuple(commands), reader.errors, interpreter=call.name, options=options)


# ---- scripts


class _Around(Frozen):
    """What a script stands in."""

    before: str = ""
    nesting: tuple[str, ...] = ()
    wrapped_by: tuple[str, ...] = ()
    environment: str = ""
    is_editable: bool = True
    depth: int = 0


class _Reader:
    """Reads a script and those inside of it."""

    def __init__(self, budget: Budget | None) -> None:
        self.errors = False
        self._budget = budget or Budget(4 * MAX_BYTES)

    def read(self, text: Joined, around: _Around) -> list[Command]:
        try:
            self._budget.spend(len(text.data))
        except WordError:
            self.errors = True
            return []
        if len(text.data) > MAX_BYTES:
            self.errors = True
            return []
        lexed = lex(text.data)
        tree = read_tree(text, lexed, around.before, around.nesting, is_editable=around.is_editable)
        self.errors = self.errors or tree.errors
        commands: list[Command] = []
        lexed.redirects.sort(key=lambda redirect: redirect.start)
        for found in tree.commands:
            commands += self._simple(text, lexed, found, around)
        return commands

    def _simple(self, text: Joined, lexed: Lexed, found: Found, around: _Around) -> list[Command]:
        """One simple command, or those of the script that it hands to a shell."""
        extents = _words(lexed, found.start, found.end)
        tokens = _redirects(lexed, found, extents)
        if not extents and not tokens:
            return []  # what stands between case and in
        redirects = tuple(_redirect(text, token) for token in tokens if token.target is not None)
        found.segment.documents += [token.document.whole for token in tokens if token.document]
        assigned, at = _assignments(text, extents)
        words = tuple(make_word(text, extent) for extent in extents[at:])
        inner = unwrap(words)
        here = _Around(
            found.before,
            found.nesting,
            (*around.wrapped_by, *inner.wrapped_by),
            inner.environment or around.environment,
            around.is_editable,
            around.depth,
        )
        call = shell_call(inner.words)
        if call is not None and around.depth < MAX_SCRIPTS:
            script = _inner_script(text, call, dict(zip(words, extents[at:], strict=True)), redirects)
            if script is not None:
                return self._nested(script, call, here)
        span = text.span(found.start, found.end)
        command = _command(inner, span, here, found, assignments=assigned, redirects=redirects)
        return [command]

    def _nested(self, script: tuple[Joined, bool], call: ShellCall, around: _Around) -> list[Command]:
        text, is_plain = script
        inside = _Around(
            around.before,
            (*around.nesting, "script"),
            (*around.wrapped_by, call.label),
            around.environment,
            around.is_editable and is_plain,
            around.depth + 1,
        )
        return self.read(text, inside)


def _inner_script(
    text: Joined, call: ShellCall, extents: dict[Word, Extent], redirects: tuple[Redirect, ...]
) -> tuple[Joined, bool] | None:
    """The script that a shell is called with, and whether its bytes can be deleted as they are."""
    if call.script is not None:
        return unquoted(text, extents[call.script])
    document = next((one.document for one in redirects if one.document and not one.descriptor), None)
    return (document.text, True) if document else None


def _words(lexed: Lexed, start: int, end: int) -> list[Extent]:
    """The words between two offsets, without those inside of others."""
    found: list[Extent] = []
    words = lexed.words
    at = bisect_left(words, start, key=lambda word: word.start)
    last = start
    while at < len(words) and words[at].start < end:
        if words[at].start >= last:
            found.append(words[at])
            last = words[at].end
        at += 1
    return found


def _redirects(lexed: Lexed, found: Found, words: list[Extent]) -> list[RedirectToken]:
    """The redirections of a command, without those inside of its words."""
    tokens = lexed.redirects
    at = bisect_left(tokens, found.start, key=lambda token: token.start)
    chosen: list[RedirectToken] = []
    last = found.start
    waiting = iter(words)
    word = next(waiting, None)
    while at < len(tokens) and tokens[at].start < found.end:
        token = tokens[at]
        while word is not None and word.end <= token.start:
            word = next(waiting, None)
        if token.start >= last and (word is None or token.start < word.start):
            chosen.append(token)
            last = token.end
        at += 1
    return chosen


def _redirect(text: Joined, token: RedirectToken) -> Redirect:
    target = token.target or Extent(token.end, token.end)
    document = None
    if token.document is not None:
        found = token.document
        document = HereDocument(
            decode(found.name),
            found.expands,
            _without_tabs(text, found.body) if found.strips_tabs else text.cut(*found.body),
            text.span(*found.body),
            text.span(*found.whole),
        )
    span = text.span(token.start, token.end)
    return Redirect(token.operator, token.descriptor, make_word(text, target), span, document)


def _without_tabs(text: Joined, body: Extent) -> Joined:
    from wherry.dockerfile.shell.text import put_together  # noqa: PLC0415 - only <<- needs it

    pieces: list[tuple[int, bytes]] = []
    at = body.start
    while at < body.end:
        newline = text.data.find(b"\n", at, body.end)
        end = body.end if newline < 0 else newline + 1
        stripped = len(text.data[at:end]) - len(text.data[at:end].lstrip(b"\t"))
        pieces += text.cut(at + stripped, end).pieces()
        at = end
    return put_together(pieces)


def _assignments(text: Joined, extents: list[Extent]) -> tuple[tuple[tuple[str, Word], ...], int]:
    """The variables set before a command's name, and how many words that are."""
    found: list[tuple[str, Word]] = []
    for extent in extents:
        name, equals, _ = text.data[extent.start : extent.end].partition(b"=")
        if not equals or not name.replace(b"_", b"a").isalnum() or name[:1].isdigit():
            break
        value = Extent(extent.start + len(name) + 1, extent.end)
        found.append((decode(name), make_word(text, value)))
    return tuple(found), len(found)


def _command(  # noqa: PLR0913 - what a command consists of
    inner: Unwrapped,
    span: Span,
    around: _Around,
    found: Found | None = None,
    *,
    assignments: tuple[tuple[str, Word], ...] = (),
    redirects: tuple[Redirect, ...] = (),
) -> Command:
    given = tuple((name, _value_of(name, word)) for name, word in inner.assignments)
    return Command(
        words=inner.words,
        span=span,
        assignments=(*assignments, *given),
        redirects=redirects,
        before=around.before,
        nesting=around.nesting,
        wrapped_by=around.wrapped_by if found is not None else inner.wrapped_by,
        environment=around.environment or inner.environment,
        segment=found.segment if found is not None else None,
    )


def _value_of(name: str, word: Word) -> Word:
    """The value of a ``NAME=value`` word that ``env`` or ``sudo`` is given."""
    width = len(name) + 1
    raw = word.raw[width:] if word.raw.startswith(f"{name}=") else word.raw
    return Word(word.value[width:], word.is_literal, word.span, raw)
