"""What a shell script says, as values that know where they stand in the Dockerfile."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.dockerfile.shell.segments import Segment
    from wherry.dockerfile.source import Joined, Span

_VERSIONED: Final = regex(r"(pip|python|pypy|ipython|perl|ruby|node|gcc|g\+\+|clang|clang\+\+)-?[\d.]+")
_PYTHON_OPTIONS: Final = frozenset({"-W", "-X", "--check-hash-based-pycs"})
_OPTION_LETTERS: Final = {"e": "errexit", "u": "nounset", "x": "xtrace", "f": "noglob", "n": "noexec"}


class Word(Frozen):
    """One word of a command.

    Attributes:
        value: Without its quotes. Where it is not literal, expansions stand in it as they are written.
        is_literal: The program gets exactly *value*: nothing in it is expanded or matched against files.
        span: Its bytes in the file.
        raw: As the shell gets it: with quotes, lines joined.

    """

    value: str
    is_literal: bool
    span: Span
    raw: str

    def __str__(self) -> str:
        """The value."""
        return self.value


class HereDocument(Frozen):
    """Lines that are a command's input."""

    name: str
    expands: bool  # variables in it; not when the name was quoted
    text: Joined  # without the tabs that <<- takes away
    span: Span  # the lines, without the closing one
    whole: Span  # with it, and its newline

    @property
    def content(self) -> str:
        """The text."""
        return self.text.text


class Redirect(Frozen):
    """One redirection of a command."""

    operator: str  # ">", ">>", "<", "2>&1" has ">&", "<<", "<<<", "&>", ...
    descriptor: int | None
    target: Word  # of a here-document its name
    span: Span
    document: HereDocument | None = None


class Command(Frozen, eq=False):
    """One simple command, without the programs that only start it; equal to itself only.

    Attributes:
        words: The name first; none where variables are only assigned.
        span: From its first byte to its last, with what it is wrapped in, assignments and redirections.
        assignments: Before the name, or by ``env``: names and values.
        redirects: In order.
        before: The operator that joins it to what stands before it: ``&&``, ``||``, ``;``, ``&``, ``|``,
            ``|&``, a newline; empty at the beginning of a script, a branch, a substitution.
        nesting: What it stands in, outermost first: ``if``, ``elif``, ``else``, ``for``, ``while``,
            ``until``, ``case``, ``function``, ``subshell``, ``group``, ``substitution``, ``condition`` (of if
            and while), ``||`` (only if another failed), ``script`` (of ``bash -c`` and its like).
        wrapped_by: What starts it, outermost first: ``sudo``, ``bash -c``, ``conda run``.
        environment: The conda, mamba or other environment that a wrapper names; empty for none.

    """

    words: tuple[Word, ...]
    span: Span
    assignments: tuple[tuple[str, Word], ...] = ()
    redirects: tuple[Redirect, ...] = ()
    before: str = ""
    nesting: tuple[str, ...] = ()
    wrapped_by: tuple[str, ...] = ()
    environment: str = ""
    segment: Segment | None = None

    @property
    def name(self) -> str:
        """The first word's value; empty where variables are only assigned."""
        return self.words[0].value if self.words else ""

    @property
    def program(self) -> str:
        """What runs, whatever path, version or ``python -m`` calls it: ``pip`` of ``/opt/bin/pip3.11``."""
        if not self.words:
            return ""
        at = self._module_at
        return program_name(self.words[at].value) if at else program_name(self.name)

    @property
    def arguments(self) -> tuple[Word, ...]:
        """What follows the program's name; of ``python -m pip install x`` that is ``install x``."""
        return self.words[self._module_at + 1 :]

    @property
    def _module_at(self) -> int:
        """Where the module of ``python -m module`` stands, 0 if there is none."""
        if not self.words or program_name(self.name) != "python":
            return 0
        at = 1
        while at < len(self.words) and self.words[at].value.startswith("-"):
            value = self.words[at].value
            if value == "-m":
                return at + 1 if at + 1 < len(self.words) else 0
            if value in {"-c", "-"}:
                return 0
            at += 2 if value in _PYTHON_OPTIONS else 1
        return 0

    @property
    def heredoc(self) -> HereDocument | None:
        """The here-document that is its input."""
        found = (redirect.document for redirect in reversed(self.redirects) if not redirect.descriptor)
        return next((document for document in found if document), None)


class Script(Frozen):
    """What one instruction tells a shell.

    Attributes:
        commands: In the order of the text; the commands of a substitution follow the one it stands in.
        errors: It is no proper shell script, and what is here was guessed; or it is beyond all measure.
        is_shell: A shell that is known here reads it: not ``powershell``, ``cmd`` or another interpreter.
        interpreter: Who reads it: ``bash``, ``sh``, ``python3``; empty where a program is executed.
        options: Of the shell from its beginning: ``errexit``, ``pipefail``, ``nounset``, ``xtrace``.
        document: The text for an interpreter that is no shell.

    """

    commands: tuple[Command, ...] = ()
    errors: bool = False
    is_shell: bool = True
    interpreter: str = "sh"
    options: frozenset[str] = frozenset()
    document: HereDocument | None = None

    def options_before(self, command: Command) -> frozenset[str]:
        """The options in force when *command* runs, ``set -e`` and its like before it counted."""
        options = set(self.options)
        for earlier in self.commands:
            if earlier is command:
                break
            if earlier.name == "set" and command.nesting[: len(earlier.nesting)] == earlier.nesting:
                for name, is_on in _set_options(earlier):
                    (options.add if is_on else options.discard)(name)
        return frozenset(options)


def program_name(word: str) -> str:
    """The file's name without directory and version: ``pip`` of ``/usr/bin/pip3.11``."""
    name = posixpath.basename(word.replace("\\", "/")).removesuffix(".exe")
    versioned = _VERSIONED.fullmatch(name)
    return versioned[1] if versioned else name


def _set_options(command: Command) -> Iterator[tuple[str, bool]]:
    return read_options([word.value for word in command.words[1:]])


def read_options(words: list[str]) -> Iterator[tuple[str, bool]]:
    """The shell's options among words, ``-eo pipefail``, and whether each is switched on."""
    rest = iter(words)
    for word in rest:
        if word in {"--", "-"} or word[:1] not in {"-", "+"} or word.startswith("--"):
            continue
        for letter in word[1:]:
            if letter == "o":
                name = next(rest, "")
                if name:
                    yield name, word.startswith("-")
            elif letter in _OPTION_LETTERS:
                yield _OPTION_LETTERS[letter], word.startswith("-")
