"""The users that a stage makes, by their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.calls import Grammar, parse_options

if TYPE_CHECKING:
    from wherry.check.facts.stages import StageFacts

_OPTIONS: Final = Grammar.of(
    "-u/--uid -g/--gid -G/--groups -d/--home-dir -s/--shell -c/--comment -e/--expiredate -f/--inactive"
    " -k/--skel -K/--key -p/--password -b/--base-dir -R/--root -P/--prefix -Z/--selinux-user -l/--login"
    " --ingroup --gecos --home --conf --firstuid --lastuid --firstgid --lastgid"
)
_MAKERS: Final = frozenset({"useradd", "adduser"})
_CHANGERS: Final = frozenset({"usermod", "userdel", "deluser"})
_MOST_RUNS: Final = 200


def number_of(stage: StageFacts, name: str, before: int | None = None) -> str | None:
    """The number that a stage's chain gives a user as it makes it; None where it is not told, or may change.

    Args:
        stage: Where the user is asked for.
        name: Of the user.
        before: Index of the instruction that asks: only what stands before it in its own stage counts.

    """
    number: str | None = None
    for run in stage.all_runs[:_MOST_RUNS]:
        if before is not None and run.stage is stage and run.index > before:
            break
        for call in run.calls:
            if call.program not in _MAKERS | _CHANGERS:
                continue
            parsed = parse_options(call.arguments, _OPTIONS)
            if [value.text for value in parsed.operands[:1]] != [name]:
                continue
            told = parsed.options.get("--uid", ())
            value = told[-1].value if told and call.program in _MAKERS and not call.is_conditional else None
            number = value.text if value and value.is_known and value.text.isdecimal() else None
    return number
