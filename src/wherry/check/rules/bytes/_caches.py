"""Which RUNs leave what a package manager downloaded, and what a later one needs of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.commands import SHELLS
from wherry.check.rules.bytes._bounds import own_runs, stages_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts.calls import Call
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts

LISTS = "/var/lib/apt/lists"
_MANAGERS: Final = frozenset({"apt", "apt-get", "aptitude"})
_ASKS: Final = frozenset({"apt-cache", "apt-file", "aptitude"})
_VERBS: Final = (
    "update install upgrade dist-upgrade full-upgrade download source build-dep satisfy show policy"
)
_NEEDS: Final = frozenset(_VERBS.split())


def updates_lists(run: RunFacts) -> Install | None:
    """The last ``apt-get update`` of a RUN whose lists stay in its layer."""
    updates = [one for one in run.installs if one.manager == "apt" and one.action == "update"]
    if not updates or _keeps_lists_elsewhere(run):
        return None
    last = updates[-1]
    return None if _drops_lists(run, last.span.end) else last


def _keeps_lists_elsewhere(run: RunFacts) -> bool:
    return any(mount.type in {"cache", "tmpfs"} and mount.holds(LISTS) for mount in run.mounts)


def _drops_lists(run: RunFacts, after: int) -> bool:
    if any(one.subcommand == "distclean" and one.span.start > after for one in run.installs):
        return True
    if run.removes(LISTS, after=after):
        return True
    return any(
        LISTS in path or "/var/lib/{" in path
        for removal in run.removals
        if removal.call.command.span.start >= after
        for path in removal.paths
    )


def later_runs(run: RunFacts) -> Iterator[RunFacts]:
    """The RUNs that start from what *run* leaves: behind it in its stage, and of stages built from that."""
    for stage in stages_of(run.stage.facts):
        if run.stage in stage.chain:
            for other in own_runs(stage):
                if stage is not run.stage or other.index > run.index:
                    yield other


def needs_lists(run: RunFacts) -> bool:
    """It installs, or asks what there is, before it fetches lists of its own."""
    for call in run.calls:
        if call.program in _ASKS:
            return True
        if call.program in _MANAGERS and not _NEEDS.isdisjoint(call.texts):
            return "update" not in call.texts
    return False


def is_built_on_by_apt(run: RunFacts) -> bool:
    """Who builds on a stage that has these lists installs by them, as ONBUILD says."""
    return any(
        "apt" in stage.facts.text(one.span) and "update" not in stage.facts.text(one.span)
        for stage in stages_of(run.stage.facts)
        if run.stage in stage.chain
        for one in stage.instructions("onbuild")
    )


def runs_scripts(run: RunFacts, after: int = 0) -> bool:
    """It starts a script whose commands nobody sees here."""
    return any(_starts_script(call) for call in run.calls if call.command.span.start >= after)


def _starts_script(call: Call) -> bool:
    if call.program in SHELLS and call.texts[:1] != ("-c",):
        return any(not text.startswith("-") for text in call.texts[:2])
    if call.program in {".", "source"}:
        return any(text.endswith(".sh") for text in call.texts)
    return call.command.name.endswith(".sh")
