"""Read what one image depends on: base, lock, sources, interpreter. What comes out is all a plan needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from wherry.build.distributions import find_distributions, select_distributions
from wherry.build.interpreter import find_bytecode_compiler
from wherry.layers.model import MTIME, Layout, WheelInput
from wherry.layers.wheel_layer import known_facts
from wherry.plan.environment import driver_floor
from wherry.plan.model import Policy
from wherry.plan.planner import Inputs, SourceFacts, make_plan
from wherry.plan.settings import make_settings
from wherry.project.command import find_command
from wherry.project.source import source_files, tree_digest
from wherry.project.target import Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.build.base import FoundBase
    from wherry.build.workshop import Workshop
    from wherry.layers.model import BytecodeCompiler, WheelFacts
    from wherry.plan.model import Distribution, Plan
    from wherry.project.source import SourceTree

PREFIX: Final = "/opt/venv"


@dataclass(frozen=True, slots=True)
class Gathered:
    """A plan and the bytes it was made from."""

    plan: Plan
    sources: SourceTree | None  # None: the image needs no more than the project's wheel
    facts: Sequence[tuple[WheelInput, WheelFacts]] = ()  # of its wheels


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
    interpreter = cache(lambda: _interpreter(found, workshop))
    tree = source_files(project)
    selected = select_distributions(workshop, target)
    # What the image runs is settled before anything is fetched: where that fails, it fails at once.
    command = find_command(project, {c.name for c in selected.production}, tree)
    distributions = find_distributions(selected, workshop, target, lambda: interpreter()[0], dry=dry)
    compiler, remark = interpreter() if project.config.bytecode is not False else (None, ())
    layout = Layout(
        prefix=PREFIX,
        python=base.python,
        interpreter=f"{PREFIX}/bin/python",
        mtime=MTIME if workshop.options.source_date_epoch is None else workshop.options.source_date_epoch,
    )
    versions = {d.name: d.version for d in distributions if not d.dev}
    names = versions.keys()
    floor = driver_floor(versions)
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
        notes=(*selected.notes, *remark, *((floor,) if floor else ()), *_left_out(sources)),
    )
    return Gathered(make_plan(inputs), sources, inputs.facts)


def _facts(
    workshop: Workshop, distributions: Sequence[Distribution], *, dry: bool
) -> list[tuple[WheelInput, WheelFacts]]:
    """What the wheels say of themselves; without those that are not here yet, when *dry*."""
    blobs = workshop.store.blobs
    files = [d.file for d in distributions if d.file is not None and (not dry or d.file.digest in blobs)]
    inputs = [WheelInput(blobs.path(f.digest), f.filename, f.digest) for f in files]
    return [(wheel, known_facts(wheel, workshop.store)) for wheel in inputs]


def _interpreter(found: FoundBase, workshop: Workshop) -> tuple[BytecodeCompiler | None, tuple[str, ...]]:
    """The base's Python as it runs on this host: it compiles bytecode and builds wheels."""
    compiler, note = find_bytecode_compiler(
        found.base,
        workshop.store,
        workshop.fetcher,
        mirror=workshop.mirror,
        host_packages=found.host_packages,
        required=workshop.project.config.bytecode is True,
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
