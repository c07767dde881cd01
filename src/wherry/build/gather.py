"""Read what one image depends on: base, lock, sources, interpreter. What comes out is all a plan needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from wherry.build.interpreter import find_bytecode_compiler
from wherry.build.source_wheels import (
    build_project_wheel,
    build_source_wheels,
    find_project_wheel,
    find_source_wheels,
)
from wherry.errors import InputError
from wherry.fetch.fetcher import Download
from wherry.layers.model import MTIME, Layout, WheelInput
from wherry.layers.wheel_layer import known_facts
from wherry.plan.model import Distribution, Origin, Policy
from wherry.plan.planner import Inputs, SourceFacts, make_plan
from wherry.plan.select import additional, select
from wherry.plan.settings import make_settings
from wherry.project.command import find_command
from wherry.project.locks.read import read_lock
from wherry.project.source import source_files, tree_digest
from wherry.project.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.build.base import FoundBase
    from wherry.build.workshop import Workshop
    from wherry.layers.model import BytecodeCompiler, WheelFacts
    from wherry.plan.model import Plan
    from wherry.plan.select import Chosen, Selection
    from wherry.project.locks.model import Lock, LockedFile
    from wherry.project.source import SourceTree

PREFIX: Final = "/opt/venv"


@dataclass(frozen=True, slots=True)
class Gathered:
    """A plan and the bytes it was made from."""

    plan: Plan
    sources: SourceTree | None  # None: the image needs no more than the project's wheel


def gather(found: FoundBase, workshop: Workshop, *, dry: bool) -> Gathered:
    """Read everything that the image on a base depends on, and plan it.

    Args:
        found: What lies underneath; its platform is the image's.
        workshop: The project and the tools.
        dry: Fetch no wheel and build none: the plan then says what is not known.

    Raises:
        InputError: Something the user wrote, or a wheel, is not valid.
        WorldError: Network, disk or a program failed.

    """
    project, base = workshop.project, found.base
    target = Target(base.platform, base.python, base.python_full_version, base.glibc)
    production, development, notes = _select(workshop, target)
    distributions = _distributions(workshop, target, production, development, dry=dry)
    tree = source_files(project)
    compiler, remark = _compiler(found, workshop)
    layout = Layout(
        prefix=PREFIX,
        python=base.python,
        interpreter=f"{PREFIX}/bin/python",
        mtime=MTIME if workshop.options.source_date_epoch is None else workshop.options.source_date_epoch,
    )
    names = {d.name for d in distributions if not d.dev}
    command = find_command(project, names, tree)
    sources = tree if command.needs_source or not project.has_build_system else None
    inputs = Inputs(
        name=workshop.options.name or project.image_name,
        base=base,
        target=target,
        policy=Policy(layout=layout, compression=project.config.compression, bytecode=compiler),
        settings=make_settings(project, base, layout, command, names),
        distributions=distributions,
        source=None if sources is None else _source_facts(sources),
        facts=_facts(workshop, distributions, dry=dry),
        notes=(*notes, *remark, *_left_out(sources)),
    )
    return Gathered(make_plan(inputs), sources)


def _select(workshop: Workshop, target: Target) -> tuple[Selection, Sequence[Chosen], tuple[str, ...]]:
    """What production installs, and what development adds to it."""
    config = workshop.project.config
    lock = _read_lock(workshop, target, config.groups)
    production = select(lock, target)
    if not workshop.options.dev:
        return production, (), lock.notes
    groups = workshop.project.dev_groups
    if not groups:
        raise InputError(
            "the project has no development groups",
            where=workshop.project.place("pyproject.toml"),
            mend='add [dependency-groups] dev = [...], or name yours in [tool.wherry] dev-groups = ["..."]',
        )
    with_development = _read_lock(workshop, target, (*config.groups, *groups))
    return production, additional(select(with_development, target), production), lock.notes


def _read_lock(workshop: Workshop, target: Target, groups: Sequence[str]) -> Lock:
    return read_lock(
        workshop.project,
        store=workshop.store,
        groups=groups,
        extras=workshop.project.config.extras,
        python=target.python,
        offline=workshop.options.offline,
        find_links=workshop.options.find_links,
    )


def _distributions(
    workshop: Workshop, target: Target, production: Selection, development: Sequence[Chosen], *, dry: bool
) -> tuple[Distribution, ...]:
    """Every wheel of the image, fetched or built unless *dry*."""
    project, tools = workshop.project, (workshop.store, workshop.fetcher, workshop.progress)
    chosen = [*production.chosen, *development]
    to_build = [c for c in chosen if c.file is None]
    store, fetcher, progress = tools
    make = find_source_wheels if dry else build_source_wheels
    if not dry:
        fetcher.fetch(_downloads(c.file for c in chosen if c.file is not None))
    built = make(
        to_build,
        target=target,
        store=store,
        fetcher=fetcher,
        progress=progress,
        root=project.workspace or project.root,
    )
    dev = {c.name for c in development}
    found = [
        Distribution(
            name=c.name,
            version=str(c.package.version or ""),
            origin=Origin.BUILT if c.file is None else Origin.INDEX,
            file=_sized(c.file or built.get(c.name), workshop),
            dev=c.name in dev,
        )
        for c in chosen
    ]
    if project.has_build_system:
        own = find_project_wheel if dry else build_project_wheel
        file = own(project, target=target, store=store, fetcher=fetcher, progress=progress)
        found.append(Distribution(project.name, project.version or "", Origin.PROJECT, file))
    return tuple(found)


def _downloads(files: Iterable[LockedFile]) -> list[Download]:
    return [Download(f.filename, f.digest, url=f.url, path=f.path, size_bytes=f.size_bytes) for f in files]


def _sized(file: LockedFile | None, workshop: Workshop) -> LockedFile | None:
    """The file with its true size, where the store has it: a lock may leave sizes out, or lie."""
    if file is None:
        return None
    size_bytes = workshop.store.blobs.size_bytes(file.digest)
    if size_bytes is None and file.size_bytes is None and file.path is not None and file.path.is_file():
        size_bytes = file.path.stat().st_size
    return file if size_bytes is None else replace(file, size_bytes=size_bytes)


def _facts(
    workshop: Workshop, distributions: Sequence[Distribution], *, dry: bool
) -> list[tuple[WheelInput, WheelFacts]]:
    """What the wheels say of themselves; without those that are not here yet, when *dry*."""
    blobs = workshop.store.blobs
    files = [d.file for d in distributions if d.file is not None and (not dry or d.file.digest in blobs)]
    inputs = [WheelInput(blobs.path(f.digest), f.filename, f.digest) for f in files]
    return [(wheel, known_facts(wheel, workshop.store)) for wheel in inputs]


def _compiler(found: FoundBase, workshop: Workshop) -> tuple[BytecodeCompiler | None, tuple[str, ...]]:
    setting = workshop.project.config.bytecode
    if setting is False:
        return None, ()
    compiler, note = find_bytecode_compiler(
        found.base,
        workshop.store,
        workshop.fetcher,
        mirror=workshop.mirror,
        host_packages=found.host_packages,
        required=setting is True,
    )
    return compiler, (note,) if note else ()


def _source_facts(sources: SourceTree) -> SourceFacts:
    return SourceFacts(str(tree_digest(sources.files)), len(sources.files), sources.size_bytes)


def _left_out(sources: SourceTree | None) -> tuple[str, ...]:
    """What the source tree has that the image does not get, one line a rule."""
    if sources is None:
        return ()
    return tuple(
        f"left out, {rule.reason}: {', '.join(rule.examples)}"
        + (f" and {rule.count - len(rule.examples)} more" if rule.count > len(rule.examples) else "")
        for rule in sources.left_out
    )
