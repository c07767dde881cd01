"""Programs that only start another: ``sudo``, ``env``, ``timeout``, ``conda run``, and what they start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.dockerfile.shell.model import program_name
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.dockerfile.shell.model import Word

SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "ksh", "zsh", "rbash", "mksh", "busybox sh"})
"""What reads the language that is read here."""

_ASSIGNMENT: Final = regex(r"([A-Za-z_]\w*)=")
_MAX_WRAPPERS: Final = 20


class _Wrapper(Frozen):
    """How to find the command behind a wrapper.

    Attributes:
        values: Options that are followed by a value.
        operands: How many words stand between options and command.
        assigns: Variables may be set before the command.
        refuses: Options with which no command is started.
        environments: Options that name an environment.

    """

    values: frozenset[str] = frozenset()
    operands: int = 0
    assigns: bool = False
    refuses: frozenset[str] = frozenset()
    environments: frozenset[str] = frozenset()


def _wrapper(
    values: str = "", operands: int = 0, *, assigns: bool = False, refuses: str = "", environments: str = ""
) -> _Wrapper:
    named = frozenset(environments.split())
    return _Wrapper(frozenset(values.split()) | named, operands, assigns, frozenset(refuses.split()), named)


_CONDA: Final = _wrapper("--cwd", environments="-n --name -p --prefix")
_UV: Final = _wrapper(
    "--with --with-editable --with-requirements --extra --no-extra --group --no-group --only-group --package "
    "-p --python --directory --project --env-file --index --index-url -i --default-index --extra-index-url "
    "--find-links -f --config-file --cache-dir --link-mode --resolution --prerelease --refresh-package",
    refuses="-m --module -s --script --gui-script",
)
_WRAPPERS: Final = {
    ("sudo",): _wrapper(
        "-u --user -g --group -h --host -p --prompt -C --close-from -D --chdir -R --chroot -r --role -t "
        "--type -T --command-timeout -U --other-user",
        assigns=True,
        refuses="-e --edit -l --list -v --validate -V --version -k --reset-timestamp",
    ),
    ("doas",): _wrapper("-u -C"),
    ("env",): _wrapper("-u --unset -C --chdir", assigns=True, refuses="-S --split-string"),
    ("time",): _wrapper("-o --output -f --format"),
    ("nice",): _wrapper("-n --adjustment"),
    ("ionice",): _wrapper("-c --class -n --classdata", refuses="-p --pid"),
    ("nohup",): _wrapper(),
    ("exec",): _wrapper("-a"),
    ("command",): _wrapper(refuses="-v -V"),
    ("builtin",): _wrapper(),
    ("coproc",): _wrapper(),
    ("setsid",): _wrapper(),
    ("stdbuf",): _wrapper("-i --input -o --output -e --error"),
    ("timeout",): _wrapper("-s --signal -k --kill-after", 1),
    ("xargs",): _wrapper(
        "-a --arg-file -d --delimiter -E -I -L --max-lines -n --max-args -P --max-procs -s --max-chars "
        "--process-slot-var"
    ),
    ("chroot",): _wrapper("--groups --userspec", 1),
    ("gosu",): _wrapper("", 1),
    ("su-exec",): _wrapper("", 1),
    ("setpriv",): _wrapper("--reuid --regid --groups --inh-caps --bounding-set"),
    ("flock",): _wrapper("-w --timeout -E --conflict-exit-code", 1, refuses="-c --command"),
    ("tini",): _wrapper("-p -e"),
    ("dumb-init",): _wrapper("-r --rewrite"),
    ("eatmydata",): _wrapper(),
    ("xvfb-run",): _wrapper("-e -f -n -p -s --server-num --server-args --auth-file --error-file"),
    ("runuser",): _wrapper("-u --user -g --group", refuses="-c --command -l -"),
    ("conda", "run"): _CONDA,
    ("mamba", "run"): _CONDA,
    ("micromamba", "run"): _wrapper(
        "-r --root-prefix -a --attach --cwd -e --env", environments="-n --name -p --prefix"
    ),
    ("uv", "run"): _UV,
    ("poetry", "run"): _wrapper("-C --directory -P --project"),
    ("pipenv", "run"): _wrapper(),
    ("pdm", "run"): _wrapper("-p --project --env-file"),
    ("hatch", "run"): _wrapper(),
    ("rye", "run"): _wrapper("--pyproject"),
    ("pixi", "run"): _wrapper("--manifest-path", environments="-e --environment"),
}
_FIRST: Final = frozenset(names[0] for names in _WRAPPERS)


class Unwrapped(Frozen):
    """The command behind its wrappers."""

    words: tuple[Word, ...]
    wrapped_by: tuple[str, ...] = ()
    assignments: tuple[tuple[str, Word], ...] = ()  # of env and sudo; the words are NAME=value, whole
    environment: str = ""


def unwrap(words: tuple[Word, ...]) -> Unwrapped:
    """Take away what only starts a command; words that start nothing stay as they are."""
    found = Unwrapped(words)
    for _ in range(_MAX_WRAPPERS):
        inner = _inner(found)
        if inner is None:
            break
        found = inner
    return found


def _inner(found: Unwrapped) -> Unwrapped | None:
    words = found.words
    named = _named(words)
    if named is None:
        return None
    names, wrapper, at = named
    read = _options(words, at, wrapper)
    if read is None:
        return None
    at, environment = read
    assignments = list(found.assignments)
    while wrapper.assigns and at < len(words) and (match := _ASSIGNMENT.match(words[at].value)):
        assignments.append((match[1], words[at]))
        at += 1
    at += wrapper.operands
    if at >= len(words):
        return None
    wrapped_by = (*found.wrapped_by, " ".join(names))
    return Unwrapped(words[at:], wrapped_by, tuple(assignments), environment or found.environment)


def _named(words: tuple[Word, ...]) -> tuple[tuple[str, ...], _Wrapper, int] | None:
    """The wrapper that words begin with, its names, and where its options begin."""
    name = program_name(words[0].value) if words else ""
    if name not in _FIRST:
        return None
    wrapper = _WRAPPERS.get((name,))
    if wrapper is not None:
        return (name,), wrapper, 1
    at = 1
    while at < len(words) and words[at].value.startswith("-"):
        at += 1  # options of the program itself: uv --quiet run
    names = (name, words[at].value if at < len(words) else "")
    wrapper = _WRAPPERS.get(names)
    return (names, wrapper, at + 1) if wrapper is not None else None


def _options(words: tuple[Word, ...], at: int, wrapper: _Wrapper) -> tuple[int, str] | None:
    """Where a wrapper's options end, and the environment they name; None if it starts no command."""
    environment = ""
    while at < len(words) and (value := words[at].value).startswith("-"):
        at += 1
        if value == "--":
            break
        option, equals, said = value.partition("=")
        if option in wrapper.refuses:
            return None
        if _takes_next(option, wrapper) and not equals:
            said = words[at].value if at < len(words) else ""
            at += 1
        if option in wrapper.environments:
            environment = said
    return at, environment


def _takes_next(option: str, wrapper: _Wrapper) -> bool:
    """Whether the next word is the option's value; of ``-EHu`` the last letter decides."""
    if option.startswith("--"):
        return option in wrapper.values
    letters = [f"-{letter}" in wrapper.values for letter in option[1:]]
    return bool(letters) and letters[-1] and not any(letters[:-1])


class ShellCall(Frozen):
    """A shell that is called with a script, or to read one.

    Attributes:
        name: ``bash``.
        script: The word behind ``-c``; None where its input is the script.
        options: Words that are options.

    """

    name: str
    script: Word | None
    options: tuple[str, ...]

    @property
    def label(self) -> str:
        """How `Command.wrapped_by` has it."""
        return f"{self.name} -c" if self.script else self.name


def shell_call(words: tuple[Word, ...]) -> ShellCall | None:
    """The words of a command as the call of a shell with ``-c``, or without a script to read.

    ``su user -c '...'`` and ``eval '...'`` are such calls too.
    """
    name = program_name(words[0].value) if words else ""
    if name == "busybox" and len(words) > 1:
        name, words = f"busybox {words[1].value}", words[1:]
    if name in {"su", "runuser"}:
        at = next((at for at, word in enumerate(words) if word.value in {"-c", "--command"}), len(words))
        return ShellCall(name, words[at + 1], ()) if at + 1 < len(words) else None
    if name == "eval":
        return ShellCall(name, words[1], ()) if len(words) == 2 else None  # noqa: PLR2004 - one argument
    if name not in SHELLS:
        return None
    options: list[str] = []
    has_script = False
    rest = iter(words[1:])
    operand: Word | None = None
    for word in rest:
        value = word.value
        if value[:1] not in {"-", "+"} or len(value) == 1 or value == "--":
            operand = next(rest, None) if value == "--" else word
            break
        options.append(value)
        letters = "" if value.startswith("--") else value[1:]
        has_script = has_script or (value[0] == "-" and "c" in letters)
        options += [found.value for _ in range(letters.count("o")) if (found := next(rest, None))]
    if has_script != (operand is not None):
        return None
    return ShellCall(name, operand, tuple(options))
