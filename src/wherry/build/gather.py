"""Read what one image depends on: base, lock, sources, interpreter. What comes out is all a plan needs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Final

from wherry.build.distributions import find_distributions, select_distributions
from wherry.build.interpreter import find_bytecode_compiler
from wherry.build.mistold import look_again
from wherry.build.prefetch import layer_format
from wherry.errors import InputError, WorldError
from wherry.layers.conflicts import PathConflictError
from wherry.layers.model import MTIME, BytecodeCompiler, Layout, WheelInput
from wherry.layers.stored import find_layer
from wherry.layers.wheel_layer import known_facts
from wherry.plan.environment import driver_floor
from wherry.plan.model import LayerKind, Policy
from wherry.plan.planner import Inputs, SourceFacts, make_plan
from wherry.plan.settings import make_settings
from wherry.project.command import find_command
from wherry.project.source import source_files, tree_digest
from wherry.project.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wherry.build.base import FoundBase
    from wherry.build.distributions import Selected
    from wherry.build.layer_index.index import LayerIndex
    from wherry.build.workshop import Workshop
    from wherry.digest import Digest
    from wherry.layers.model import LayerBlob, WheelFacts
    from wherry.plan.model import Distribution, Plan
    from wherry.project.source import SourceTree
    from wherry.store.store import Store

PREFIX: Final = "/opt/venv"


@dataclass(frozen=True, slots=True)
class Gathered:
    """A plan and the bytes it was made from."""

    plan: Plan
    sources: SourceTree | None  # None: the image needs no more than the project's wheel
    facts: Sequence[tuple[WheelInput, WheelFacts]] = ()  # of its wheels; none where they need not be known
    elsewhere: Mapping[str, LayerBlob] = field(default_factory=dict)  # finished by others; by key


@dataclass(frozen=True, slots=True)
class _Compiler:
    """What bytecode is compiled with."""

    found: BytecodeCompiler | None
    remarks: tuple[str, ...] = ()
    is_guess: bool = False  # not looked for yet: it will be the base's own, wherever that can be had


def gather(found: FoundBase, workshop: Workshop, *, dry: bool, whole: bool = True) -> Gathered:
    """Read everything that the image on a base depends on, and plan it.

    With a layer index, neither the wheels nor the interpreter are fetched that only layers need which it
    knows. What it knows is fetched instead, or stays where it is.

    Args:
        found: What lies underneath; its platform is the image's.
        workshop: The project and the tools.
        dry: Fetch no wheel and build none: the plan then says what is not known.
        whole: Whether finished layers are needed here, not only where a registry has them.

    Raises:
        InputError: Something the user wrote, or a wheel, is not valid.
        WorldError: Network, disk or a program failed.

    """
    project, base = workshop.project, found.base
    index = None if dry else workshop.layer_index
    target = Target(base.platform, base.python, base.python_full_version, base.glibc)
    interpreter = cache(lambda: _interpreter(found, workshop))
    tree = source_files(project)
    selected = _selected(workshop, target, index)
    # What the image runs is settled before anything is fetched: where that fails, it fails at once.
    command = find_command(project, {c.name for c in selected.production}, tree)
    layout = Layout(
        prefix=PREFIX,
        python=base.python,
        interpreter=f"{PREFIX}/bin/python",
        mtime=MTIME if workshop.options.source_date_epoch is None else workshop.options.source_date_epoch,
    )
    compression, prefetch = layer_format(workshop)
    spared = _spared(selected, workshop, layout, index) if index else _Spared()
    distributions = find_distributions(
        selected, workshop, target, lambda: interpreter().found, dry=dry, spared=spared.sizes
    )
    versions = {d.name: d.version for d in distributions if not d.dev}
    floor = driver_floor(versions)
    sources = tree if command.needs_source or not project.has_build_system else None
    inputs = Inputs(
        name=workshop.options.name or project.image_name,
        base=base,
        target=target,
        policy=Policy(layout=layout, compression=compression, prefetch=prefetch),
        settings=make_settings(project, base, layout, command, versions.keys()),
        distributions=distributions,
        source=None if sources is None else _source_facts(sources),
        facts=[] if spared.are_agreed else _facts(workshop, distributions, index, dry=dry),
        notes=(*found.remarks, *selected.notes, *((floor,) if floor else ()), *_left_out(sources)),
    )
    if index is None:
        compiler = _Compiler(None) if project.config.bytecode is False else interpreter()
        return Gathered(_planned(inputs, compiler), sources, inputs.facts)
    try:
        plan, elsewhere = _settled(inputs, interpreter, workshop, index, whole=whole)
    except PathConflictError as conflict:
        if not look_again(conflict, distributions, workshop, target, index):
            raise
        return gather(found, workshop, dry=dry, whole=whole)
    return Gathered(plan, sources, inputs.facts, elsewhere)


def _selected(workshop: Workshop, target: Target, index: LayerIndex | None) -> Selected:
    """What the lock has for the image; where it has nothing, by the word of the package index alone."""
    try:
        return select_distributions(workshop, target)
    except InputError as error:
        if index is None or workshop.options.offline or not index.doubt_names():
            raise
        try:
            return select_distributions(workshop, target)
        except WorldError:
            raise error from None


def _planned(inputs: Inputs, compiler: _Compiler) -> Plan:
    """The plan of an image whose bytecode is compiled so."""
    policy = replace(inputs.policy, bytecode=compiler.found)
    return make_plan(replace(inputs, policy=policy, notes=(*compiler.remarks, *inputs.notes)))


def _settled(
    inputs: Inputs,
    interpreter: Callable[[], _Compiler],
    workshop: Workshop,
    index: LayerIndex,
    *,
    whole: bool,
) -> tuple[Plan, Mapping[str, LayerBlob]]:
    """The plan whose layers the store has, or the index knows, or this machine can make; and those it knows.

    What compiles a layer's bytecode is part of its key, and finding the interpreter costs a download. So keys
    are first asked for as if the base's own compiled them all; it is found if something has to be made then.
    """
    store, compiler = workshop.store, _Compiler(None)
    if workshop.project.config.bytecode is not False:
        own = inputs.base.python_full_version
        compiler = _Compiler(BytecodeCompiler((), own), is_guess=True)
    made = _planned(inputs, compiler)
    while True:
        keys = [layer.key for layer in made.layers if layer.key and layer.is_common]
        elsewhere = index.layers(key for key in keys if find_layer(store, key) is None)
        if compiler.is_guess and _compiles(made, store, elsewhere):
            compiler = interpreter()
            made = _planned(inputs, compiler)
        elif not whole or index.bring(elsewhere):
            return made, elsewhere


@dataclass(frozen=True, slots=True)
class _Spared:
    """Wheels that a plan needs no bytes of."""

    sizes: Mapping[Digest, int] = field(default_factory=dict)
    are_agreed: bool = False  # they are all there are, and known to agree: nobody need look at what they hold


def _spared(selected: Selected, workshop: Workshop, layout: Layout, index: LayerIndex) -> _Spared:
    """What the index knows of the wheels that are not here."""
    wheels = [c.file for c in selected.chosen if c.file is not None]
    missing = [wheel for wheel in wheels if wheel.digest not in workshop.store.blobs]
    if not missing:
        return _Spared()
    are_all = len(wheels) == len(selected.chosen) and not workshop.project.has_build_system
    if are_all and not workshop.options.sbom:  # a bill of materials says what wheels say of themselves
        sizes = index.agreed(wheels, layout)
        if sizes is not None:
            return _Spared(sizes, are_agreed=True)
    return _Spared(index.wheels(missing))


def _compiles(plan: Plan, store: Store, elsewhere: Mapping[str, LayerBlob]) -> bool:
    """Whether a layer has to be made that has bytecode."""
    return any(
        layer.key not in elsewhere and find_layer(store, layer.key or "") is None
        for layer in plan.layers
        if layer.distributions or (layer.kind is LayerKind.BASE and layer.packages)
    )


def _facts(
    workshop: Workshop, distributions: Sequence[Distribution], index: LayerIndex | None, *, dry: bool
) -> list[tuple[WheelInput, WheelFacts]]:
    """What the wheels say of themselves; without those that are not here yet, when *dry*."""
    blobs = workshop.store.blobs
    files = [d.file for d in distributions if d.file is not None and (not dry or d.file.digest in blobs)]
    teller = index.teller if index else ""
    inputs = [WheelInput(blobs.path(f.digest), f.filename, f.digest, teller=teller) for f in files]
    return [(wheel, known_facts(wheel, workshop.store)) for wheel in inputs]


def _interpreter(found: FoundBase, workshop: Workshop) -> _Compiler:
    """The base's Python as it runs on this host: it compiles bytecode and builds wheels."""
    compiler, note = find_bytecode_compiler(
        found.base,
        workshop.store,
        workshop.fetcher,
        mirror=workshop.mirror,
        host_packages=found.host_packages,
        required=workshop.project.config.bytecode is True,
    )
    return _Compiler(compiler, (note,) if note else ())


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
