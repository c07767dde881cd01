"""Whether a user is known where an instruction stands, so that ``COPY --chown`` may name it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.calls import Grammar, parse_options
from wherry.check.rules.bytes._bounds import runs_of
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.check.facts.calls import Call
    from wherry.check.facts.stages import StageFacts

_MAKES_USERS: Final = frozenset({"useradd", "adduser", "groupadd", "addgroup"})
_OF_DEBIAN: Final = frozenset({"root", "nobody", "nogroup", "www-data", "daemon"})
_LOWEST_OF_USERS: Final = 1000
_USERADD: Final = Grammar.of(
    "-u/--uid -g/--gid -G/--groups -d/--home-dir -s/--shell -c/--comment -k/--skel -p/--password"
    " -b/--base-dir -e/--expiredate -f/--inactive -K/--key -R/--root",
    "-m/--create-home -M/--no-create-home -l/--no-log-init -N/--no-user-group -U/--user-group -r/--system",
)
_GROUPADD: Final = Grammar.of("-g/--gid -K/--key -p/--password -R/--root", "-r/--system -o/--non-unique")
_NAME: Final = r"[a-z_][a-z0-9_-]*|\d+"
_OWNER: Final = regex(rf"(?P<user>{_NAME})?(?::(?P<group>{_NAME}))?")
USER_PROGRAMS: Final = _MAKES_USERS | {"usermod", "deluser", "delgroup", "passwd", "chpasswd"}


def chown_flag(kind: str, owner: str) -> str | None:
    """What ``--chown`` must say for ``chown owner`` or ``chgrp owner``; None where that is not certain.

    COPY makes files of root and its group; ``chown user`` leaves the group, ``--chown=user`` would not.
    """
    found = _OWNER.fullmatch(f":{owner}" if kind == "chgrp" else owner)
    if found is None or not (found["user"] or found["group"]):
        return None
    return f"{found['user'] or '0'}:{found['group'] or '0'}"


def is_known_before(stage: StageFacts, index: int, owner: str) -> bool:
    """Each of ``user:group`` is a number, of the base, or made by a RUN above the instruction *index*."""
    return all(name.isdigit() or _is_known(stage, index, name) for name in owner.split(":"))


def _is_known(stage: StageFacts, index: int, name: str) -> bool:
    base = stage.base
    if name == base.user or (name in _OF_DEBIAN and base.package_manager == "apt"):
        return True
    return any(
        _makes(call, name)
        for run in runs_of(stage)
        if run.index < index
        for call in run.calls
        if not call.is_conditional
    )


def _makes(call: Call, name: str) -> bool:
    """It makes a user, whose group mostly has the same name, or a group."""
    if call.program not in _MAKES_USERS or not call.arguments:
        return False
    is_last = call.arguments[-1].is_known and call.texts[-1] == name
    return is_last or (name in call.texts and call.program in {"useradd", "adduser"})


def numbers_of(stage: StageFacts, owner: str) -> str | None:
    """``user:group`` in numbers, which need no passwd, where the commands that make them tell."""
    user, _, group = owner.partition(":")
    users: dict[str, str] = {"0": "0"}
    groups: dict[str, str] = {"0": "0"}
    for run in runs_of(stage):
        for call in run.calls:
            if call.program in {"useradd", "groupadd"} and not call.is_conditional:
                _learn(call, users, groups)
    found = users.get(user, user), groups.get(group, group)
    return ":".join(found) if all(one.isdigit() for one in found) else None


def _learn(call: Call, users: dict[str, str], groups: dict[str, str]) -> None:
    """Numbers that useradd and groupadd are told; a user's own group has the user's number."""
    if call.program == "groupadd":
        parsed = parse_options(call.arguments, _GROUPADD)
        gid = parsed.options.get("--gid")
        if gid and parsed.operands and gid[-1].text.isdigit():
            groups[parsed.operands[-1].text] = gid[-1].text
        return
    parsed = parse_options(call.arguments, _USERADD)
    uid = parsed.options.get("--uid")
    if not (uid and parsed.operands and uid[-1].text.isdigit()):
        return
    name, number = parsed.operands[-1].text, uid[-1].text
    users[name] = number
    has_own_group = not {"--gid", "--no-user-group"} & parsed.options.keys()
    if has_own_group and int(number) >= _LOWEST_OF_USERS:
        groups.setdefault(name, number)
