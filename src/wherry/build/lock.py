"""``wherry lock``: a lock where there is none, and pins for the base."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.bases.debian import SUITES
from wherry.bases.pins import FILENAME, Pins, read_pins, write_pins
from wherry.build.base import default_base, resolve_pins
from wherry.build.workshop import open_workshop
from wherry.project.locks.write import write_lock

if TYPE_CHECKING:
    from wherry.bases.pins import PlatformPins
    from wherry.build.options import BuildOptions
    from wherry.build.workshop import Workshop
    from wherry.progress import Progress
    from wherry.store.store import Store


def lock_project(options: BuildOptions, store: Store, progress: Progress, *, upgrade_base: bool) -> list[str]:
    """Lock what is not locked yet; with *upgrade_base*, pin the base's newest packages.

    Returns:
        What was done, a line each.

    Raises:
        InputError: There is nothing to lock, or it cannot be resolved.
        WorldError: The index, the mirror, uv or the disk failed.

    """
    with store.using():
        workshop = open_workshop(options, store, progress)
        project = workshop.project
        name = options.base or project.config.base or default_base(project)
        from_debian = name.startswith("debian:") or project.config.system_packages
        lines = _pin_base(name, workshop, upgrade=upgrade_base) if from_debian else []
        if upgrade_base:
            return lines or [f"{name} is an image on this disk: there is nothing to pin"]
        suite = SUITES.get(name.removeprefix("debian:"))
        path = write_lock(project, python=suite.python if suite else (3, 11), offline=options.offline)
        return [f"locked in {path.name}", *lines]


def _pin_base(name: str, workshop: Workshop, *, upgrade: bool) -> list[str]:
    path = workshop.project.root / FILENAME
    before = read_pins(path)
    wanted = tuple(sorted(workshop.project.config.system_packages))
    if before and before.base == name and tuple(sorted(before.system_packages)) == wanted and not upgrade:
        return [f"{name} is pinned in {FILENAME}: 'wherry lock --upgrade base' renews it"]
    after = resolve_pins(name, workshop)
    write_pins(path, after)
    return [f"pinned {name} in {FILENAME}, as released {after.released}", *_changes(before, after)]


def _changes(before: Pins | None, after: Pins) -> list[str]:
    """What an upgrade changed, for the first platform: versions rarely differ between platforms."""
    if before is None or before.base != after.base:
        return []
    platform = next(iter(sorted(after.platforms)))
    old, new = _versions(before.platforms.get(platform)), _versions(after.platforms[platform])
    return [
        f"  {name} {old.get(name, '(new)')} -> {new.get(name, '(gone)')}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ] or ["  nothing changed"]


def _versions(pins: PlatformPins | None) -> dict[str, str]:
    return {p.name: p.version for p in (*pins.packages, *pins.system_packages)} if pins else {}
