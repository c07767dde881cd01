"""The commands of a RUN as they will run: arguments expanded where variables are known, and options read.

What depends on what nobody can know (command substitution, a variable without a value) is kept and marked,
never guessed. Globs are kept as written: a pattern that matches nothing is passed on, and
`pip install torch[cuda]` is one.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from wherry.dockerfile.shell import program_name
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.dockerfile.shell import Command, Word
    from wherry.dockerfile.source import Span

_VARIABLE: Final = regex(r"\$(?:(\w+)|\{(\w+)(?::?-([^${}]*))?\}|(.|$))", re.DOTALL)
_EXPORTS: Final = frozenset({"export", "declare", "local", "readonly", "typeset"})
_ASSIGNMENT: Final = regex(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_UNCERTAIN: Final = frozenset({"if", "elif", "else", "case", "for", "while", "until", "function", "||"})
_MOST_CHANGES: Final = 1000  # variables that one script sets and that are followed
_MAX_EXPANDED: Final = 100_000  # characters: what is longer is no argument but an attack


class Value(Frozen):
    """What one argument is.

    Attributes:
        text: What the program receives; what of it is not known stands as written: ``torch==$VERSION``.
        is_known: Nothing of it depends on what cannot be known here.
        word: Where it stands. Several values share a word when a variable held several words.

    """

    text: str
    is_known: bool
    word: Word

    @property
    def span(self) -> Span:
        """Its bytes in the Dockerfile."""
        return self.word.span

    @property
    def is_whole_word(self) -> bool:
        """The word holds just this, literally: it can be edited in place."""
        return self.word.is_literal

    def __str__(self) -> str:
        """The text."""
        return self.text


class Option(Frozen):
    """One option of a command: ``--index-url URL``, ``-r file``, ``-y``.

    Attributes:
        name: In its long form: ``--requirement`` for ``-r``.
        value: Its value; None for a flag.
        word: The word that has the option's name, and with ``--name=value`` or ``-rfile`` the value too.

    """

    name: str
    value: Value | None
    word: Word

    @property
    def text(self) -> str:
        """The value's text; empty for a flag."""
        return self.value.text if self.value else ""

    @property
    def words(self) -> tuple[Word, ...]:
        """The words it consists of: one, or the option's and its value's."""
        if self.value is None or self.value.word is self.word:
            return (self.word,)
        return (self.word, self.value.word)


class Call(Frozen, eq=False):
    """One command as it will run.

    Attributes:
        command: As the shell reads it.
        program: The program's name without path and version: ``pip`` of ``/opt/venv/bin/pip3.11``.
        arguments: What follows it, expanded.
        env: Every variable whose value is known when it starts: ENV, ARG, ``export`` before it, its own.
        directory: Where it runs: WORKDIR, then ``cd``; empty when not known.

    """

    command: Command
    program: str
    arguments: tuple[Value, ...]
    env: Mapping[str, str]
    directory: str

    @property
    def texts(self) -> tuple[str, ...]:
        """The arguments' texts."""
        return tuple(value.text for value in self.arguments)

    @property
    def is_conditional(self) -> bool:
        """It may not run: in a branch, a loop, a function, or behind ``||``."""
        return _is_uncertain(self.command)

    def path(self, text: str) -> str:
        """*text* as an absolute path from where it runs; as it is when that is not known."""
        return posixpath.normpath(posixpath.join(self.directory, text)) if self.directory else text


class Grammar(Frozen):
    """Which options of a program take a value, and the long names of the short ones.

    Attributes:
        values: Options that are followed by a value, long and short.
        long: The long name of each short one that has one.

    """

    values: frozenset[str]
    long: Mapping[str, str]

    @classmethod
    def of(cls, values: str, flags: str = "") -> Grammar:
        """From words: ``-r/--requirement`` or ``--index-url``, those with a value and those without."""
        taken: set[str] = set()
        long: dict[str, str] = {}
        for text, takes in ((values, True), (flags, False)):
            for entry in text.split():
                names = entry.split("/")
                long |= dict.fromkeys(names[:-1], names[-1])
                taken.update(names if takes else ())
        return cls(frozenset(taken), long)


class Parsed(Frozen):
    """A command's options and what is none."""

    options: Mapping[str, tuple[Option, ...]]  # by long name
    operands: tuple[Value, ...]


def parse_options(arguments: Sequence[Value], grammar: Grammar) -> Parsed:
    """Tell options and operands apart, as getopt does with its operands anywhere."""
    options: dict[str, list[Option]] = {}
    operands: list[Value] = []
    rest = iter(arguments)
    for value in rest:
        text = value.text
        if text == "--":
            operands += rest
            break
        if text.startswith("--"):
            found = [_long(value, rest, grammar)]
        elif text.startswith("-") and len(text) > 1:
            found = _short(value, rest, grammar)
        else:
            operands.append(value)
            continue
        for option in found:
            options.setdefault(option.name, []).append(option)
    return Parsed({name: tuple(found) for name, found in options.items()}, tuple(operands))


def _long(value: Value, rest: Iterable[Value], grammar: Grammar) -> Option:
    name, equals, text = value.text.partition("=")
    long = grammar.long.get(name, name)
    if equals:
        return Option(long, Value(text, value.is_known, value.word), value.word)
    taken = next(iter(rest), None) if name in grammar.values else None
    return Option(long, taken, value.word)


def _short(value: Value, rest: Iterable[Value], grammar: Grammar) -> list[Option]:
    text = value.text
    if text in grammar.long or text in grammar.values:  # -qq, -afy and such are letters
        taken = next(iter(rest), None) if text in grammar.values else None
        return [Option(grammar.long.get(text, text), taken, value.word)]
    found = []
    for at, letter in enumerate(text[1:], 2):
        name = f"-{letter}"
        if name not in grammar.values:
            found.append(Option(grammar.long.get(name, name), None, value.word))
            continue
        attached = text[at:].removeprefix("=")
        taken = Value(attached, value.is_known, value.word) if attached else next(iter(rest), None)
        found.append(Option(grammar.long.get(name, name), taken, value.word))
        break
    return found


def expand_word(word: Word, env: Mapping[str, str]) -> tuple[Value, ...]:
    """What a word becomes: its variables replaced, split at blanks where it was not quoted."""
    if word.raw.startswith("~") and (home := env.get("HOME")) and word.raw[1:2] in {"", "/"}:
        return (Value(home + word.value[1:], "$" not in word.value, word),)
    if word.is_literal or ("$" not in word.value and "`" not in word.raw):
        return (Value(word.value, is_known=True, word=word),)
    if "$(" in word.value or "`" in word.raw:
        return (Value(word.value, is_known=False, word=word),)
    text, is_known = expand_text(word.value, env)
    if not is_known or word.raw.startswith('"'):
        return (Value(text, is_known, word),)
    return tuple(Value(part, is_known=True, word=word) for part in text.split())


def expand_text(text: str, env: Mapping[str, str]) -> tuple[str, bool]:
    """*text* with its plain variables replaced as a shell does, and whether all of it is known then."""
    if "$" not in text:
        return text, True
    left = _MAX_EXPANDED - len(text)
    is_known = left > 0

    def put(match: re.Match[str]) -> str:
        nonlocal is_known, left
        name = match[1] or match[2]
        found = env.get(name, match[3]) if name else None
        left -= len(found or "")
        if found is None or left < 0:
            is_known = False
            return match[0]
        return found

    return (_VARIABLE.sub(put, text), is_known) if is_known else (text, False)


def read_calls(commands: Iterable[Command], env: Mapping[str, str], directory: str) -> tuple[Call, ...]:
    """Each command of a script as it will run.

    Args:
        commands: In the order of the text.
        env: The variables that are known before the first.
        directory: Where the first runs.

    """
    return tuple(_Walk(env, directory).calls(commands))


class Environment(Mapping[str, str]):
    """What is known of the variables at one command: those before the script, and what it changed since."""

    __slots__ = ("_before", "_changes")

    def __init__(self, before: Mapping[str, str], changes: Mapping[str, str | None]) -> None:
        self._before = before
        self._changes = changes

    def __repr__(self) -> str:
        return f"Environment({dict(self)!r})"

    def __getitem__(self, name: str) -> str:
        found = self._changes[name] if name in self._changes else self._before[name]
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        yield from (name for name, value in self._changes.items() if value is not None)
        yield from (name for name in self._before if name not in self._changes)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def changed(self, changes: Mapping[str, str | None]) -> Environment:
        """The same with some of it changed; None for what is not known any more.

        A script that changes more variables than any does is forgotten what it knew, not followed.
        """
        if len(self._changes) > _MOST_CHANGES:
            return Environment({}, changes)
        return Environment(self._before, {**self._changes, **changes})


class _Walk:
    """A script's commands in order, with what each leaves behind: variables and the directory."""

    def __init__(self, env: Mapping[str, str], directory: str) -> None:
        self._env = Environment(env, {})
        self._directories: dict[tuple[str, ...], str] = {(): directory}

    def calls(self, commands: Iterable[Command]) -> Iterator[Call]:
        """The calls; an assignment that stands alone is none."""
        for command in commands:
            directory = self._enter(tuple(command.nesting))
            if not command.words:
                self._assign(command.assignments, command)
                continue
            values = [value for word in command.words for value in expand_word(word, self._env)]
            program = program_name(values[0].text) if values else ""
            call = Call(command, program, tuple(values[1:]), self._own(command), directory)
            if program in _EXPORTS:
                self._export(call)
            elif program in {"cd", "pushd"}:
                self._move(call)
            yield call

    def _enter(self, nesting: tuple[str, ...]) -> str:
        for left in [key for key in self._directories if key != nesting[: len(key)]]:
            del self._directories[left]
        return self._directories[max(self._directories, key=len)]

    def _move(self, call: Call) -> None:
        operands = [value for value in call.arguments if not value.text.startswith("-")]
        known = len(operands) == 1 and operands[0].is_known
        self._directories[call.command.nesting] = call.path(operands[0].text) if known else ""

    def _own(self, command: Command) -> Environment:
        """What the command itself sees: ``NAME=value command``."""
        env = self._env
        for name, word in command.assignments:
            env = env.changed({name: _joined(expand_word(word, self._env))})
        return env

    def _assign(self, assignments: Iterable[tuple[str, Word]], command: Command) -> None:
        for name, word in assignments:
            self._put(name, _joined(expand_word(word, self._env)), command)

    def _export(self, call: Call) -> None:
        self._assign(call.command.assignments, call.command)
        for value in call.arguments:
            if found := _ASSIGNMENT.fullmatch(value.text):
                self._put(found[1], found[2] if value.is_known else None, call.command)

    def _put(self, name: str, value: str | None, command: Command) -> None:
        if _is_uncertain(command) and self._env.get(name) != value:
            value = None
        self._env = self._env.changed({name: value})


def _joined(values: Sequence[Value]) -> str | None:
    return " ".join(value.text for value in values) if all(value.is_known for value in values) else None


def _is_uncertain(command: Command) -> bool:
    return command.before == "||" or not _UNCERTAIN.isdisjoint(command.nesting)
