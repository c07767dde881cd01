"""The frameworks that are installed together, as far as a Dockerfile tells: of a stage with its chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.installed import Installed
    from wherry.check.facts.installs import Install
    from wherry.check.facts.stages import StageFacts

_MOST_STAGES: Final = 500


def environments(facts: Facts) -> Iterator[tuple[StageFacts, list[Installed]]]:
    """The frameworks that are installed together, for each stage that installs some and that is built.

    Of a chain of stages only the last is given, as it holds what those before it installed. A package that is
    installed again counts once, as it is at the end.
    """
    if not facts.frameworks or len(facts.stages) > _MOST_STAGES:
        return
    begun = {stage.parent.index for stage in facts.stages if stage.parent and stage.is_reachable}
    for stage in facts.stages:
        if not stage.is_reachable or (stage.index in begun and not stage.is_target):
            continue
        chain = {one.index for one in stage.chain}
        found = [one for one in facts.frameworks if one.stage.index in chain and not _is_elsewhere(one)]
        if found:
            yield stage, list({one.framework.name: one for one in found}.values())


def _is_elsewhere(found: Installed) -> bool:
    """It is installed into an environment that is no part of the others: ``--target``, a named conda one."""
    install = found.install
    return install.has("--target", "--prefix") or install.action in {"download", "wheel"}


def fill_environments_of_their_own(installs: Iterable[Install]) -> Callable[[Install], bool]:
    """Tells of these installs whether one fills an environment that does not see the base's packages.

    uv makes one, and poetry, and conda where it creates one by name.
    """
    stages = {install.run.stage.index: install.run.stage for install in installs}
    words = [call.texts for stage in stages.values() for call in stage.calls]
    if any("--system-site-packages" in texts for texts in words):
        return lambda _: False
    is_told = any({"virtualenvs.create", "false"} <= set(texts) for texts in words)
    return lambda install: _has_its_own(install, is_told=is_told)


def _has_its_own(install: Install, *, is_told: bool) -> bool:
    """One of uv's, poetry's or conda's; *is_told*: poetry is told to make none."""
    if install.manager == "uv":
        return install.subcommand == "sync" and "UV_PROJECT_ENVIRONMENT" not in install.env
    if install.manager == "poetry":
        said = install.env.get("POETRY_VIRTUALENVS_CREATE", "").lower() in {"false", "0"}
        return install.action in {"install", "sync"} and not (said or is_told or "VIRTUAL_ENV" in install.env)
    return install.is_conda and install.subcommand in {"env create", "create"}
