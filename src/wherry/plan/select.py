"""From a lock and a target to exactly the files that are installed. Pure: everything is in the arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from wherry.errors import InputError
from wherry.plan.misfit import no_fitting_wheel

if TYPE_CHECKING:
    from packaging.markers import Marker
    from packaging.specifiers import SpecifierSet
    from packaging.tags import Tag
    from packaging.utils import BuildTag, NormalizedName

    from wherry.project.locks.model import Lock, LockedFile, LockedPackage
    from wherry.project.target import Target

_LOCK_AGAIN: Final = "lock again"


@dataclass(frozen=True, slots=True)
class Chosen:
    """One package that is installed, and the wheel it is installed from."""

    package: LockedPackage
    file: LockedFile | None  # None: a wheel has to be built from its source

    @property
    def name(self) -> NormalizedName:
        """The package's normalized name."""
        return self.package.name

    @property
    def title(self) -> str:
        """``name version`` as messages show it."""
        return f"{self.package.name} {self.package.version or ''}".rstrip()


@dataclass(frozen=True, slots=True)
class Selection:
    """What a target gets from a lock, by name."""

    chosen: tuple[Chosen, ...]


def select(lock: Lock, target: Target) -> Selection:
    """Choose what *target* installs, by the rules PEP 751 has for installers.

    Raises:
        InputError: The lock is for other targets, a marker cannot be judged, two entries of one package are
            both wanted, or a package has neither a fitting wheel nor a source.

    """
    environment = _environment(lock, target)
    _require_supported(lock, target, environment)
    selected: dict[NormalizedName, LockedPackage] = {}
    for package in lock.packages:
        if package.marker is not None and not _holds(package.marker, environment, package.where):
            continue
        if not _accepts(package.requires_python, target):
            raise InputError(
                f"{package.name} {package.version or ''} needs Python {package.requires_python}; "
                f"the image has {target.python_full_version}",
                where=package.where,
                mend="choose a base with a fitting Python, or lock for this one",
            )
        other = selected.setdefault(package.name, package)
        if other is not package:
            raise InputError(
                f"the lock wants {package.name} twice, as {other.version} and as {package.version}",
                where=f"{other.where} and {package.where}",
                mend=_LOCK_AGAIN,
            )
    ranks = {tag: rank for rank, tag in enumerate(target.tags)}
    return Selection(tuple(_choose(selected[name], target, ranks) for name in sorted(selected)))


def additional(dev: Selection, production: Selection) -> tuple[Chosen, ...]:
    """What *dev* has beyond *production*, whose layers it stands on.

    Raises:
        InputError: A package of production is another one in *dev*, or is gone: then the development image
            would not be the production image with more in it.

    """
    by_name = {chosen.name: chosen for chosen in dev.chosen}
    for chosen in production.chosen:
        other = by_name.get(chosen.name)
        if other is None or _identity(other) != _identity(chosen):
            instead = f"{other.title} from other files" if other else "none at all"
            instead = other.title if other and other.title != chosen.title else instead
            raise InputError(
                f"with the development groups there is {instead} in place of {chosen.title}",
                where=(other or chosen).package.where,
                mend="lock groups that agree: --target dev stands on the production layers",
            )
    names = {chosen.name for chosen in production.chosen}
    return tuple(chosen for chosen in dev.chosen if chosen.name not in names)


def _identity(chosen: Chosen) -> object:
    package = chosen.package
    return chosen.file.digest if chosen.file else (package.version, package.sdist, package.source)


def _environment(lock: Lock, target: Target) -> dict[str, str | frozenset[str]]:
    """The target's, and PEP 751's variables. `extra` is empty: a lock's extras are chosen when it is read."""
    plain = cast("dict[str, str | frozenset[str]]", dict(target.marker_environment))
    return plain | {"extra": "", "extras": lock.extras, "dependency_groups": lock.groups}


def _require_supported(lock: Lock, target: Target, environment: dict[str, str | frozenset[str]]) -> None:
    if not _accepts(lock.requires_python, target):
        raise InputError(
            f"the lock needs Python {lock.requires_python}; the image has {target.python_full_version}",
            where=str(lock.path),
            mend="choose a base with a fitting Python, or lock for this one",
        )
    if lock.environments and not any(_holds(one, environment, str(lock.path)) for one in lock.environments):
        raise InputError(
            f"the lock was not made for {target.platform} with Python {target.python_full_version}",
            where=str(lock.path),
            mend="add that environment and lock again",
        )


def _accepts(specifiers: SpecifierSet | None, target: Target) -> bool:
    return specifiers is None or specifiers.contains(target.python_full_version, prereleases=True)


def _holds(marker: Marker, environment: dict[str, str | frozenset[str]], where: str) -> bool:
    try:
        return marker.evaluate(environment, context="lock_file")
    except (UndefinedComparison, UndefinedEnvironmentName, ValueError, TypeError) as error:
        raise InputError(
            f"the marker {str(marker)[:200]!r} cannot be judged: {error}", where=where
        ) from error


def _choose(package: LockedPackage, target: Target, ranks: dict[Tag, int]) -> Chosen:
    """The wheel with the best tag, then the highest build number (PEP 427), then the first name."""
    fitting = []
    for file in package.wheels:
        if target.platform.machine not in file.filename and not file.filename.endswith("-any.whl"):
            continue  # the names of most wheels tell at a glance, and a lock has thousands
        try:
            _, _, build, tags = parse_wheel_filename(file.filename)
        except InvalidWheelFilename as error:
            raise InputError(f"{file.filename!r} is not the name of a wheel", where=package.where) from error
        rank = min((ranks[tag] for tag in tags if tag in ranks), default=None)
        if rank is not None:
            fitting.append((rank, _order(build), file.filename, file))
    if fitting:
        return Chosen(package, min(fitting, key=lambda candidate: candidate[:3])[-1])
    if package.sdist is None and package.source is None:
        raise no_fitting_wheel(package, target)
    return Chosen(package, None)


def _order(build: BuildTag) -> tuple[int, str]:
    """Highest first; of equal numbers the suffix that sorts last."""
    if not build:
        return 1, ""
    number, suffix = build
    return -number, "".join(chr(0x10FFFF - ord(letter)) for letter in suffix)
