"""Whether each instruction is one that can be built: BuildKit's second pass over a file.

Only what BuildKit refuses without looking at anything but the file is refused here; a stage that nobody
named, or a port that is none, comes to light when the file is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.dockerfile.arguments import KNOWN
from wherry.dockerfile.flags import TAKEN
from wherry.dockerfile.heredoc import HeredocError, read_announcement
from wherry.dockerfile.mounts import FieldsError, check_device, check_mount
from wherry.dockerfile.numbers import is_count, is_interval
from wherry.dockerfile.syntax import DockerfileError, refusal, shown
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wherry.dockerfile.source import Source, Span
    from wherry.dockerfile.syntax import Instruction

_STAGE_NAME: Final = regex(r"[a-z][a-z0-9\-_.]*")
_NO_TRIGGERS: Final = frozenset({"from", "maintainer"})
_IGNORES_FLAGS: Final = frozenset({"arg", "stopsignal"})
_NETWORKS: Final = ("default", "none", "host")
_SECURITIES: Final = ("sandbox", "insecure")
_UTF_16_MARKS: Final = ("\udcff\udcfe", "\udcfe\udcff")
"""Its byte order marks, read as UTF-8."""
_FORMS_OF_FROM: Final = (1, 3)  # FROM base, FROM base AS name


class _RefusedError(ValueError):
    def __init__(self, what: str, mend: str, span: Span | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend
        self.span = span


def check_instructions(source: Source, instructions: Iterable[Instruction]) -> None:
    """Refuse the first instruction that BuildKit refuses.

    Raises:
        DockerfileError: There is one; or there is no stage to build.

    """
    has_stage = False
    first: Instruction | None = None
    for instruction in instructions:
        first = first or instruction
        try:
            _check(instruction, has_stage=has_stage)
        except _RefusedError as error:
            raise _refuse(source, instruction, error) from None
        has_stage = has_stage or instruction.keyword == "from"
    if not has_stage and first is not None:
        nothing = _RefusedError("there is no FROM, so no stage to build", "begin the stage with FROM")
        raise _refuse(source, first, nothing)


def _refuse(source: Source, instruction: Instruction, error: _RefusedError) -> DockerfileError:
    refused = refusal(source, instruction.span, error.what, error.mend)
    refused.span = error.span or instruction.span
    return refused


def _check(instruction: Instruction, *, has_stage: bool) -> None:
    keyword = instruction.keyword
    if keyword not in KNOWN:
        raise _unknown(keyword)
    _CHECKS[keyword](instruction)
    if keyword not in _IGNORES_FLAGS and not _is_no_healthcheck(instruction):
        _check_flags(instruction)
    if not has_stage and keyword not in {"from", "arg"}:
        raise _RefusedError(f"{keyword.upper()} stands before the first FROM", "only ARG may")


def _unknown(keyword: str) -> _RefusedError:
    if keyword.startswith(("//", "{")):
        return _RefusedError(
            "this is no instruction",
            "only '# syntax=' is read of a Dockerfile, other forms are other frontends'",
        )
    if "\0" in keyword[:4] or keyword.startswith(_UTF_16_MARKS):
        return _RefusedError("the file is encoded in UTF-16", "save it as UTF-8")
    return _RefusedError(
        f"there is no instruction {shown(keyword.upper())}", _near(keyword, KNOWN, str.upper)
    )


def _near(word: str, known: Iterable[str], say: Callable[[str], str] = str) -> str:
    """Did you mean ...?"""
    import difflib  # noqa: PLC0415 - only a file that is refused pays for it

    names = sorted(known)
    close = difflib.get_close_matches(word[:80], names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {say(close[0])}?"
    return f"there are {', '.join(map(say, names))}" if names else "it takes none"


# ---- flags


def _check_flags(instruction: Instruction) -> None:
    if not instruction.flags:
        return
    taken = TAKEN.get(instruction.keyword, {})
    seen: set[str] = set()
    for flag in instruction.flags:
        kind = taken.get(flag.name)
        if kind is None:
            what = f"{instruction.keyword.upper()} takes no flag {shown(f'--{flag.name}')}"
            raise _RefusedError(what, _near(flag.name, taken, lambda name: f"--{name}"), flag.span)
        if flag.name in seen and kind != "texts":
            raise _RefusedError(f"--{flag.name} is given twice", "keep one of them", flag.span)
        seen.add(flag.name)
        if kind != "bool" and flag.value is None:
            raise _RefusedError(f"--{flag.name} has no value", f"write --{flag.name}=...", flag.span)
        if kind == "bool" and flag.value is not None and flag.value.lower() not in {"true", "false"}:
            raise _RefusedError(
                f"--{flag.name} is neither true nor false", f"write --{flag.name} alone", flag.span
            )
    _CHECKS_OF_FLAGS.get(instruction.keyword, _anything)(instruction)


def _check_run_flags(instruction: Instruction) -> None:
    for name, check in (("device", check_device), ("mount", check_mount)):
        for flag in instruction.flag_values(name):
            try:
                check(flag.value or "")
            except FieldsError as error:
                raise _RefusedError(
                    f"--{name}: {error}", "write --mount=type=...,target=...", flag.span
                ) from None
    for name, known in (("network", _NETWORKS), ("security", _SECURITIES)):
        chosen = instruction.flag(name)
        if chosen and chosen.value not in known:
            what = f"--{name} is {shown(chosen.value or '')}"
            raise _RefusedError(what, f"it is one of {', '.join(known)}", chosen.span)


# ---- arguments


def _at_least_one(instruction: Instruction) -> None:
    if not instruction.arguments:
        raise _RefusedError(f"{instruction.keyword.upper()} has no argument", "it needs at least one")


def _exactly_one(instruction: Instruction) -> None:
    if len(instruction.arguments) != 1:
        raise _RefusedError(f"{instruction.keyword.upper()} has no argument", "it needs one")


def _copy(instruction: Instruction) -> None:
    name = instruction.keyword.upper()
    if len(instruction.arguments) < 2:  # noqa: PLR2004 - a source and a destination
        raise _RefusedError(f"{name} has no destination", f"write {name} source destination")
    destination = instruction.arguments[-1]
    try:
        is_heredoc = "<<" in destination.value and read_announcement(destination.value) is not None
    except HeredocError:
        is_heredoc = False
    if is_heredoc:
        what = f"{name} has a heredoc for its destination"
        raise _RefusedError(what, f"write {name} <<EOF /path/of/the/file", destination.span)


def _from(instruction: Instruction) -> None:
    arguments = instruction.arguments
    is_named = len(arguments) == max(_FORMS_OF_FROM) and arguments[1].value.casefold() == "as"
    if len(arguments) != 1 and not is_named:
        raise _RefusedError("FROM takes a base, or a base, AS and a name", "write FROM base AS name")
    if is_named and not _STAGE_NAME.fullmatch(arguments[2].value.lower()):
        raise _RefusedError(
            f"{shown(arguments[2].value)} is no name of a stage",
            "it begins with a letter and has letters, digits, '-', '_' and '.' only",
            arguments[2].span,
        )


def _names(instruction: Instruction) -> None:
    _at_least_one(instruction)
    for pair in instruction.pairs:
        if not pair.name.value:
            raise _RefusedError(
                f"{instruction.keyword.upper()} has a value without a name",
                "write name=value",
                pair.name.span,
            )


def _onbuild(instruction: Instruction) -> None:
    trigger = instruction.trigger
    if trigger is None:
        raise _RefusedError("ONBUILD has no instruction behind it", "write ONBUILD COPY . /app")
    if trigger.keyword == "onbuild":
        raise _RefusedError("ONBUILD stands behind ONBUILD", "one is enough", trigger.keyword_span)
    if trigger.keyword in _NO_TRIGGERS:
        what = f"ONBUILD cannot trigger {trigger.keyword.upper()}"
        raise _RefusedError(what, "it triggers what builds on an image", trigger.keyword_span)


def _shell(instruction: Instruction) -> None:
    _at_least_one(instruction)
    if not instruction.is_json:
        raise _RefusedError("SHELL takes its arguments in JSON form only", 'write SHELL ["/bin/bash", "-c"]')


def _volume(instruction: Instruction) -> None:
    _at_least_one(instruction)
    for argument in instruction.arguments:
        if not argument.value.strip():
            raise _RefusedError("VOLUME has an empty path", "name a directory", argument.span)


def _anything(_: Instruction) -> None:
    """RUN, CMD and ENTRYPOINT take what comes."""


def _is_no_healthcheck(instruction: Instruction) -> bool:
    """HEALTHCHECK NONE: BuildKit does not even look at its flags."""
    arguments = instruction.arguments
    return instruction.keyword == "healthcheck" and bool(arguments) and arguments[0].value.upper() == "NONE"


def _healthcheck(instruction: Instruction) -> None:
    _at_least_one(instruction)
    kind, *command = instruction.arguments
    if kind.value.upper() == "NONE":
        if command:
            raise _RefusedError("HEALTHCHECK NONE takes no command", "leave it out", command[0].span)
    elif kind.value.upper() != "CMD":
        what = f"HEALTHCHECK knows CMD and NONE, not {shown(kind.value.upper())}"
        raise _RefusedError(what, "write HEALTHCHECK CMD command", kind.span)
    elif not command:
        raise _RefusedError("HEALTHCHECK CMD has no command", "write HEALTHCHECK CMD command", kind.span)


def _check_health_flags(instruction: Instruction) -> None:
    for flag in instruction.flags:
        if not flag.value:
            continue
        if flag.name == "retries":
            if not is_count(flag.value):
                what = f"--retries is {shown(flag.value)}, which is no count"
                raise _RefusedError(what, "write --retries=3", flag.span)
        elif not is_interval(flag.value):
            what = f"--{flag.name} is {shown(flag.value)}, which is no interval of at least a millisecond"
            raise _RefusedError(what, f"write --{flag.name}=30s", flag.span)


_CHECKS: Final[dict[str, Callable[[Instruction], None]]] = {
    "add": _copy,
    "arg": _names,
    "cmd": _anything,
    "copy": _copy,
    "entrypoint": _anything,
    "env": _names,
    "expose": _at_least_one,
    "from": _from,
    "healthcheck": _healthcheck,
    "label": _names,
    "maintainer": _exactly_one,
    "onbuild": _onbuild,
    "run": _anything,
    "shell": _shell,
    "stopsignal": _exactly_one,
    "user": _exactly_one,
    "volume": _volume,
    "workdir": _exactly_one,
}
_CHECKS_OF_FLAGS: Final[dict[str, Callable[[Instruction], None]]] = {
    "healthcheck": _check_health_flags,
    "run": _check_run_flags,
}
