"""Package lists that a RUN leaves in its layer, who lives on them, and whether all who do are known.

`all_lists` finds them. A RUN that does nothing but fetch lists can be taken out only where every later
command is known to keep off them, or to bring its own: `Lists.is_only_for_users`.
"""

from __future__ import annotations

import posixpath
from bisect import bisect_right
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.frozen import Frozen, Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts

DIRECTORIES: Final = {"apt": "/var/lib/apt/lists", "apk": "/var/cache/apk", "zypper": "/var/cache/zypp"}
_UPDATES_ITSELF: Final = ("--no-cache", "--update-cache", "--update")
_UPDATERS: Final = frozenset({"add-apt-repository", "apt-add-repository"})
_ASIDE: Final = frozenset({"remove", "clean", "update"})
_MOST_STAGES: Final = 100  # a file of more is no one's to mend at once
_ALOOF: Final = (
    # these neither read package lists nor start what may
    "[ adduser addgroup apt-key apt-mark awk base64 basename cat cd chgrp chmod chown cmake cp curl cut "
    "date df dirname dpkg du echo env export false find gcc getent git gpg grep groupadd gunzip gzip hash "
    "head id install ldconfig ln locale-gen ls make mkdir mv ninja nproc nvcc popd printf pushd pwd rm "
    "sed set sha256sum sleep sort tail tar tee test touch tr true umask uname unset unzip update- "
    "alternatives update-ca-certificates useradd usermod wc wget which xz zip : python python3"
)
_PROGRAMS_ALOOF: Final = frozenset(_ALOOF.split())


class Lists(Record, eq=False):
    """Package lists that a RUN leaves behind, and the installs that go by them."""

    update: Install
    users: list[Install] = msgspec.field(default_factory=list)

    @property
    def run(self) -> RunFacts:
        """The RUN that fetched them."""
        return self.update.run

    @property
    def is_alone(self) -> bool:
        """The RUN does nothing but fetch them."""
        return is_of_manager(self.run, self.update.manager) and all(
            install.action == "update" for install in self.run.installs
        )

    def is_only_for_users(self, around: Around) -> bool:
        """Whatever comes later is one of the users, or known not to look for these lists."""
        first = self.run.stage
        if len(first.facts.stages) > _MOST_STAGES:
            return False
        seen = [first]  # the stages that have these lists
        has_them_at_end: set[int] = set()
        for stage in first.facts.stages[first.index :]:
            if stage is not first and (stage.parent is None or stage.parent.index not in has_them_at_end):
                continue
            seen.append(stage)
            if stage.index in around.with_triggers:
                return False
            start = bisect_right(stage.runs, self.run.index, key=_index_of) if stage is first else 0
            is_renewed = False
            for run in islice(stage.runs, start, None):
                if not self._is_understood(run):
                    return False
                is_renewed = self._renewed_by(run)
                if is_renewed:
                    break
            if not is_renewed:
                has_them_at_end.add(stage.index)
        directory = DIRECTORIES[self.update.manager]
        return not any(
            _covers(path, directory) for stage in seen for path in around.taken.get(stage.index, ())
        )

    def _renewed_by(self, run: RunFacts) -> bool:
        """A RUN fetches lists of its own, for itself and all that follow."""
        return any(
            install.manager == self.update.manager
            and install.action == "update"
            and not install.call.is_conditional
            for install in run.installs
        )

    def _is_understood(self, run: RunFacts) -> bool:
        """No command of a RUN goes by these lists, those of the users aside."""
        if run.script.errors or not run.script.is_shell:
            return False
        by_call = {install.call.command.span: install for install in run.installs}
        has_own = False
        for call in run.calls:
            install = by_call.get(call.command.span)
            if install is None:
                if not _keeps_off(call):
                    return False
            elif install.manager == self.update.manager:
                is_first = (
                    install in self.users or install.has(*_UPDATES_ITSELF) or install.action == "update"
                )
                has_own = has_own or (is_first and not call.is_conditional)
                if install.action not in _ASIDE and not has_own:
                    return False
        return True


def is_of_manager(run: RunFacts, manager: str) -> bool:
    """A RUN does nothing but call one package manager."""
    return (
        bool(run.installs)
        and len(run.installs) == len(run.calls)
        and all(install.manager == manager for install in run.installs)
    )


def all_lists(facts: Facts) -> list[Lists]:
    """Every RUN that leaves lists behind, with the installs of later RUNs that go by them."""
    found: list[Lists] = []
    at_end: list[dict[str, Lists]] = []  # by stage
    for stage in facts.stages:
        lists = dict(at_end[stage.parent.index]) if stage.parent else {}
        for run in stage.runs:
            for manager, directory in DIRECTORIES.items():
                _live_on(run, manager, lists)
                made = _left_by(run, manager, directory)
                if made:
                    found.append(made)
                    lists[manager] = made
                elif run.removes(directory) or run.mount("cache", directory):
                    lists.pop(manager, None)
        at_end.append(lists)
    return found


def _live_on(run: RunFacts, manager: str, lists: dict[str, Lists]) -> None:
    """Note the first install of a RUN that has no update before it."""
    for install in run.installs:
        if install.manager != manager:
            continue
        if install.action == "update" or install.has(*_UPDATES_ITSELF):
            return
        if install.action in {"install", "upgrade"} and not _is_local(install):
            if manager in lists and not _may_update(run, install):
                lists[manager].users.append(install)
            return


def _is_local(install: Install) -> bool:
    """It takes packages that are here already."""
    return bool(install.packages) and all(package.is_local for package in install.packages)


def _may_update(run: RunFacts, install: Install) -> bool:
    """Something before the install fetches lists by the way: a script from the net, add-apt-repository."""
    before = [call for call in run.calls if call.command.span.start < install.span.start]
    return any(call.program in _UPDATERS for call in before) or any(
        pipe.call.command.span.start < install.span.start for pipe in run.pipes
    )


def _left_by(run: RunFacts, manager: str, directory: str) -> Lists | None:
    """The lists that a RUN leaves in its layer."""
    updates = [found for found in run.installs if found.manager == manager and found.action == "update"]
    if not updates or run.mount("cache", directory) or run.removes(directory, after=updates[-1].span.end):
        return None
    return Lists(updates[-1])


def _keeps_off(call: Call) -> bool:
    if call.program in {"python", "python3"}:
        return call.texts[:1] == ("-c",) or call.texts[:2] == ("-m", "venv") or call.texts == ("--version",)
    return not call.program or call.program in _PROGRAMS_ALOOF or call.program in _UPDATERS


class Around(Frozen):
    """What of the whole file matters to lists.

    Attributes:
        taken: What stages copy or mount out of others, by the index of the other.
        with_triggers: The stages that have an ONBUILD, by their indexes.

    """

    taken: Mapping[int, Sequence[str]]
    with_triggers: frozenset[int]


def around_lists(facts: Facts) -> Around:
    """Look through the file, once for all lists."""
    found: dict[int, list[str]] = {}
    for stage in facts.stages:
        for copy in stage.copies:
            if copy.from_stage:
                found.setdefault(copy.from_stage.index, []).extend(copy.sources)
        for mount in (mount for run in stage.runs for mount in run.mounts if mount.from_):
            if origin := facts.stage_named(mount.from_):
                found.setdefault(origin.index, []).append(mount.source or "/")
    triggers = frozenset(stage.index for stage in facts.stages if stage.instructions("onbuild"))
    return Around(found, triggers)


def _index_of(run: RunFacts) -> int:
    return run.index


def _covers(path: str, directory: str) -> bool:
    """A path is the directory, holds it or lies in it; so may one with a pattern or a variable."""
    if any(sign in path for sign in "*?[$"):
        return True
    plain = posixpath.normpath(posixpath.join("/", path))
    both = (f"{plain.rstrip('/')}/", f"{directory}/")
    return both[1].startswith(both[0]) or both[0].startswith(both[1])
