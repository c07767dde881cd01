"""``wherry lock``: a lock where there is none, and pins for the base."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wherry.bases.debian import SUITES
from wherry.bases.pins import FILENAME, read_pins, write_pins
from wherry.build.base import base_name
from wherry.build.base_pins import DEBIAN, is_pinned, registry_reference, resolve_pins, wanted_python
from wherry.build.workshop import open_workshop
from wherry.project.locks.write import write_lock

if TYPE_CHECKING:
    from wherry.build.options import BuildOptions
    from wherry.build.workshop import Workshop
    from wherry.progress import Progress
    from wherry.store.store import Store

_OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Locked:
    """What was locked, and what it changed."""

    base: str  # as the user calls it
    lock: str = ""  # the file that distributions are locked in; "" where only the base was asked for
    is_pinned: bool = False  # the base, in wherry.lock, now or before; an image on this disk is not
    is_new: bool = False  # pinned just now
    released: str = ""  # when Debian released what was pinned
    is_upgrade: bool = False  # the same base was pinned before, and *changes* is all that changed
    changes: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        """What was done, a line each."""
        lines = [f"locked in {self.lock}"] if self.lock else []
        if self.is_new:
            released = f", as released {self.released}" if self.released else ""
            lines.append(f"pinned {self.base} in {FILENAME}{released}")
        elif self.is_pinned:
            lines.append(f"{self.base} is pinned in {FILENAME}: 'wherry lock --upgrade base' renews it")
        elif not lines:
            lines.append(f"{self.base} is an image on this disk: there is nothing to pin")
        return lines


def lock_project(options: BuildOptions, store: Store, progress: Progress, *, upgrade_base: bool) -> Locked:
    """Lock what is not locked yet; with *upgrade_base*, pin the base's newest packages or image.

    Raises:
        InputError: There is nothing to lock, or it cannot be resolved.
        WorldError: The index, the mirror, the registry, uv or the disk failed.

    """
    with store.using():
        workshop = open_workshop(options, store, progress)
        project = workshop.project
        name = base_name(workshop)
        to_pin = (
            name.startswith(DEBIAN) or project.config.system_packages or registry_reference(name, workshop)
        )
        locked = _pin_base(name, workshop, upgrade=upgrade_base) if to_pin else Locked(name)
        if upgrade_base:
            return locked
        path = write_lock(project, python=_python(name, workshop), offline=options.offline)
        return replace(locked, lock=path.name)


def _pin_base(name: str, workshop: Workshop, *, upgrade: bool) -> Locked:
    path = workshop.project.root / FILENAME
    before = read_pins(path)
    if before and is_pinned(name, workshop, before) and not upgrade:
        return Locked(name, is_pinned=True)
    after = resolve_pins(name, workshop)
    write_pins(path, after)
    locked = Locked(name, is_pinned=True, is_new=True, released=after.released)
    if before is None or before.base != after.base:
        return locked  # another base has nothing in common that is worth comparing
    from wherry.bases.changes import base_changes  # noqa: PLC0415 - only where something was pinned

    changes = base_changes(before, after, wanted_python(workshop))
    return replace(locked, is_upgrade=True, changes=tuple(changes))


def _python(name: str, workshop: Workshop) -> tuple[int, int]:
    """The Python that plain requirements are locked for: the base's, where that is known without a look."""
    suite = SUITES.get(name.removeprefix(DEBIAN))
    if suite:
        return suite.python
    from wherry.bases.image_base import choose_python  # noqa: PLC0415 - most bases are Debian's

    pins = read_pins(workshop.project.root / FILENAME)
    images = [p.image for p in pins.platforms.values() if p.image] if pins else []
    if not images or not registry_reference(name, workshop):
        return _OLDEST_PYTHON
    return 3, choose_python(images[0], wanted_python(workshop), name).minor
