"""Which wheels an image installs, and where they are: chosen from the lock, fetched, or built from source."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from wherry.errors import InputError
from wherry.fetch.download import Download
from wherry.plan.model import Distribution, Origin
from wherry.plan.select import additional, select
from wherry.project.locks.read import read_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from wherry.build.workshop import Workshop
    from wherry.digest import Digest
    from wherry.layers.model import BytecodeCompiler
    from wherry.plan.select import Chosen
    from wherry.project.locks.model import Lock, LockedFile
    from wherry.project.target import Target


@dataclass(frozen=True, slots=True)
class Selected:
    """What an image installs, before a byte of it is fetched."""

    production: tuple[Chosen, ...]
    development: tuple[Chosen, ...]
    notes: tuple[str, ...]  # what is worth saying of the lock

    @property
    def chosen(self) -> tuple[Chosen, ...]:
        """All of it."""
        return (*self.production, *self.development)


def find_distributions(  # noqa: PLR0913 - what is installed and for what, and by name what is done for it
    selected: Selected,
    workshop: Workshop,
    target: Target,
    interpreter: Callable[[], BytecodeCompiler | None],
    *,
    dry: bool,
    spared: Mapping[Digest, int] = MappingProxyType({}),
) -> tuple[Distribution, ...]:
    """Every wheel of the image.

    Args:
        selected: What it installs of the lock.
        workshop: The project and the tools.
        target: What the wheels must fit.
        interpreter: Finds the base's own Python, to build with where this machine has none like it.
        dry: Fetch nothing and build nothing: what would have to be built has no file then.
        spared: Wheels that are not needed here, and their sizes.

    Raises:
        InputError: A source is not valid, or does not build.
        WorldError: Network, disk or a program failed.

    """
    if not dry:
        sources = [c.package.sdist for c in selected.chosen if c.file is None and c.package.sdist is not None]
        if placeless := _without_place(sources, workshop):
            selected = select_distributions(workshop, target, addressed=placeless)
        wheels = [c.file for c in selected.chosen if c.file is not None and c.file.digest not in spared]
        fetch_wheels(wheels, workshop, target)
    chosen = selected.chosen
    builder = _Builder(workshop, target, interpreter, dry=dry)
    built = builder.build([c for c in chosen if c.file is None])
    dev = {c.name for c in selected.development}
    found = [_distribution(c, built, workshop, spared, dev=c.name in dev) for c in chosen]
    if workshop.project.has_build_system:
        found.append(builder.own_wheel())
    return tuple(found)


def fetch_wheels(wheels: Iterable[LockedFile], workshop: Workshop, target: Target) -> None:
    """Have *wheels* of the lock in the store.

    Raises:
        InputError: A file on this disk is not the locked one.
        WorldError: Network or disk failed, or nobody has a wheel.

    """
    missing = [wheel for wheel in wheels if wheel.digest not in workshop.store.blobs]
    if placeless := _without_place(missing, workshop):
        selected = select_distributions(workshop, target, addressed=placeless)
        found = {c.file.digest: c.file for c in selected.chosen if c.file is not None}
        missing = [found.get(wheel.digest, wheel) for wheel in missing]
    workshop.fetcher.fetch(
        Download(w.filename, w.digest, url=w.url, path=w.path, size_bytes=w.size_bytes) for w in missing
    )


def _without_place(files: Iterable[LockedFile], workshop: Workshop) -> frozenset[Digest]:
    """Those of *files* of which the layer index told the names alone."""
    if workshop.layer_index is None:
        return frozenset()
    return frozenset(file.digest for file in files if file.url is None and file.path is None)


def read_locks(workshop: Workshop, target: Target) -> tuple[Lock, ...]:
    """The project's lock as production installs it, and where development is wanted as that does.

    Raises:
        InputError: There is none, or it is not valid.
        WorldError: The index or uv failed.

    """
    groups = workshop.project.config.groups
    production = _read_lock(workshop, target, groups)
    if not workshop.options.dev:
        return (production,)
    return production, _read_lock(workshop, target, (*groups, *workshop.project.dev_groups))


def select_distributions(
    workshop: Workshop, target: Target, *, addressed: frozenset[Digest] = frozenset()
) -> Selected:
    """What production installs, and what development adds to it.

    Args:
        workshop: The project and the tools.
        target: What the wheels must fit.
        addressed: Files that are to be fetched: where they lie has to be known.

    Raises:
        InputError: The lock is not valid, or nothing in it fits the target.
        WorldError: The index or uv failed.

    """
    config = workshop.project.config
    lock = _read_lock(workshop, target, config.groups, addressed)
    production = select(lock, target)
    if not workshop.options.dev:
        return Selected(tuple(production.chosen), (), lock.notes)
    groups = workshop.project.dev_groups
    if not groups:
        raise InputError(
            "the project has no development groups",
            where=workshop.project.place("pyproject.toml"),
            mend='add [dependency-groups] dev = [...], or name yours in [tool.wherry] dev-groups = ["..."]',
        )
    with_development = _read_lock(workshop, target, (*config.groups, *groups), addressed)
    added = additional(select(with_development, target), production)
    return Selected(tuple(production.chosen), tuple(added), lock.notes)


def _read_lock(
    workshop: Workshop, target: Target, groups: Sequence[str], addressed: frozenset[Digest] = frozenset()
) -> Lock:
    return read_lock(
        workshop.project,
        store=workshop.store,
        groups=groups,
        extras=workshop.project.config.extras,
        python=target.python,
        offline=workshop.options.offline,
        find_links=workshop.options.find_links,
        names=workshop.layer_index,
        addressed=addressed,
    )


@dataclass(frozen=True)
class _Builder:
    """Makes wheels of sources; or only finds those that were made before."""

    workshop: Workshop
    target: Target
    interpreter: Callable[[], BytecodeCompiler | None]
    _: KW_ONLY
    dry: bool

    def build(self, chosen: Sequence[Chosen]) -> Mapping[str, LockedFile]:
        """Wheels of what the lock has only as source, by name."""
        if not chosen:
            return {}
        from wherry.build import source_wheels  # noqa: PLC0415 - most locks name wheels only

        workshop, project = self.workshop, self.workshop.project
        make = source_wheels.find_source_wheels if self.dry else source_wheels.build_source_wheels
        built = make(
            chosen,
            target=self.target,
            store=workshop.store,
            fetcher=workshop.fetcher,
            progress=workshop.progress,
            root=project.workspace or project.root,
            interpreter=self.interpreter(),
        )
        return {str(name): file for name, file in built.items()}

    def own_wheel(self) -> Distribution:
        """The project's own."""
        from wherry.build import source_wheels  # noqa: PLC0415 - as above

        workshop, project = self.workshop, self.workshop.project
        make = source_wheels.find_project_wheel if self.dry else source_wheels.build_project_wheel
        file = make(
            project,
            target=self.target,
            store=workshop.store,
            fetcher=workshop.fetcher,
            progress=workshop.progress,
            interpreter=self.interpreter(),
        )
        return Distribution(project.name, _version(project.version, file), Origin.PROJECT, file)


def _distribution(
    chosen: Chosen,
    built: Mapping[str, LockedFile],
    workshop: Workshop,
    spared: Mapping[Digest, int],
    *,
    dev: bool,
) -> Distribution:
    file = _sized(chosen.file or built.get(chosen.name), workshop, spared)
    return Distribution(
        name=chosen.name,
        version=_version(chosen.package.version, file),
        origin=Origin.BUILT if chosen.file is None else Origin.INDEX,
        file=file,
        dev=dev,
    )


def _version(known: object, file: LockedFile | None) -> str:
    """The version; where only the source tree knew it, from the name of the wheel made of it (PEP 427)."""
    return str(known or (file.filename.split("-")[1] if file else ""))


def _sized(file: LockedFile | None, workshop: Workshop, spared: Mapping[Digest, int]) -> LockedFile | None:
    """The file with its true size, where that is known: a lock may leave sizes out, or lie."""
    if file is None:
        return None
    size_bytes = workshop.store.blobs.size_bytes(file.digest) or spared.get(file.digest)
    if size_bytes is None and file.size_bytes is None and file.path is not None and file.path.is_file():
        size_bytes = file.path.stat().st_size
    return file if size_bytes is None else replace(file, size_bytes=size_bytes)
