"""Which packages some chosen ones need: the closure of their dependencies, deterministic and explained.

No backtracking: a Debian suite is kept consistent, so the newest version of the first alternative that exists
is what apt would take too. What only maintainer scripts need is left out by ``EXCLUDED``, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wherry.bases.packages import Package, PackageIndex, Relation

_SCRIPTS_ONLY: Final = "only maintainer scripts call it, and none run"

EXCLUDED: Final[Mapping[str, str]] = {
    "adduser": _SCRIPTS_ONLY,
    "awk": "pre-dependency of base-files' scripts",
    "mawk": "pre-dependency of base-files' scripts",
    "base-passwd": "we write /etc/passwd and /etc/group",
    "bash": "an image of ours has no shell",
    "coreutils": _SCRIPTS_ONLY,
    "dash": "an image of ours has no shell",
    "debconf": _SCRIPTS_ONLY,
    "debconf-2.0": _SCRIPTS_ONLY,
    "debianutils": _SCRIPTS_ONLY,
    "diffutils": _SCRIPTS_ONLY,
    "dpkg": "an image of ours has no package manager",
    "findutils": _SCRIPTS_ONLY,
    "grep": _SCRIPTS_ONLY,
    "gzip": _SCRIPTS_ONLY,
    "init-system-helpers": "a container has no init system",
    "install-info": _SCRIPTS_ONLY,
    "libsystemd-shared": "a container has no init system",
    "lsb-base": "a container has no init system",
    "python3": "the base's own Python stands for it; we make the link",
    "python3-minimal": "the base's own Python stands for it; we make the link",
    "sed": _SCRIPTS_ONLY,
    "sensible-utils": _SCRIPTS_ONLY,
    "systemd": "a container has no init system",
    "sysvinit-utils": "a container has no init system",
    "tar": _SCRIPTS_ONLY,
    "ucf": _SCRIPTS_ONLY,
}
"""Packages that count as installed though they are not. One the user asks for by name is never left out."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A package that is there already: in the base below."""

    name: str
    version: str
    provides: tuple[Relation, ...] = ()


def closure(
    index: PackageIndex,
    roots: Iterable[str],
    *,
    installed: Iterable[Installed] = (),
    excluded: Mapping[str, str] = EXCLUDED,
    where: str = "",
) -> tuple[Package, ...]:
    """The *roots* and all they depend on, less what is *installed* or *excluded*, by name.

    Raises:
        InputError: A root does not exist, a dependency cannot be met, or two of the packages conflict.

    """
    resolution = _Closure(index, installed, {k: v for k, v in excluded.items() if k not in set(roots)})
    for name in sorted(set(roots)):
        resolution.add_root(name, where)
    resolution.complete()
    resolution.check_conflicts()
    return tuple(resolution.chosen[name] for name in sorted(resolution.chosen))


class _Closure:
    """One resolution under way. ``versions`` holds what each name, real or virtual, is there as."""

    def __init__(
        self, index: PackageIndex, installed: Iterable[Installed], excluded: Mapping[str, str]
    ) -> None:
        self.index = index
        self.excluded = excluded
        self.chosen: dict[str, Package] = {}
        self.versions: dict[str, list[str | None]] = {}
        self.waiting: list[Package] = []
        self.below = tuple(installed)
        for package in self.below:
            self._note(package.name, package.version, package.provides)

    def add_root(self, name: str, where: str) -> None:
        if name in self.versions and name not in self.chosen:
            return  # the base below has it
        package = self.index.newest(name)
        if package is None:
            providers = [p.name for p in self.index.providers(name)]
            if len(providers) == 1:
                self.add_root(providers[0], where)
                return
            raise _unknown(name, providers, self.index, where)
        self._choose(package)

    def complete(self) -> None:
        """Meet dependencies until none is open: first in, first out, so that one input has one result."""
        for package in self.waiting:
            for alternatives in package.depends:
                self._meet(package, alternatives)

    def check_conflicts(self) -> None:
        present = [*((p.name, p.version, p.provides) for p in self.chosen.values())]
        present += [(p.name, p.version, p.provides) for p in self.below]
        for package in self.chosen.values():
            for conflict in package.conflicts:
                for name, version, provides in present:
                    if name != package.name and _hits(conflict, name, version, provides):
                        raise InputError(
                            f"{package.name} {package.version} and {name} {version} cannot go together",
                            where=f"{package.name}: Conflicts: {conflict}",
                            mend="remove one of them from system-packages",
                        )

    def _meet(self, package: Package, alternatives: tuple[Relation, ...]) -> None:
        usable = [a for a in alternatives if a.architecture in {"", "any", "native", self.index.architecture}]
        if any(self._is_met(alternative) for alternative in usable):
            return
        for alternative in usable:
            real = self.index.newest(alternative.name)
            if real is not None and alternative.met_by(real.version):
                self._choose(real)
                return
        for alternative in usable:
            for provider in self.index.providers(alternative.name):
                if any(
                    r.name == alternative.name and alternative.met_by(r.version or None)
                    for r in provider.provides
                ):
                    self._choose(provider)
                    return
        raise InputError(
            f"{package.name} {package.version} needs {' | '.join(map(str, alternatives))}: there is none",
            where=f"Debian {self.index.architecture}",
            mend="wherry lock --upgrade base",
        )

    def _is_met(self, alternative: Relation) -> bool:
        if alternative.name in self.excluded:
            return True
        return any(alternative.met_by(version) for version in self.versions.get(alternative.name, ()))

    def _choose(self, package: Package) -> None:
        if package.name not in self.chosen:
            self.chosen[package.name] = package
            self.waiting.append(package)
            self._note(package.name, package.version, package.provides)

    def _note(self, name: str, version: str, provides: tuple[Relation, ...]) -> None:
        self.versions.setdefault(name, []).append(version)
        for virtual in provides:
            self.versions.setdefault(virtual.name, []).append(virtual.version or None)


def _hits(conflict: Relation, name: str, version: str, provides: tuple[Relation, ...]) -> bool:
    if conflict.name == name:
        return conflict.met_by(version)
    return any(p.name == conflict.name and conflict.met_by(p.version or None) for p in provides)


def _unknown(name: str, providers: list[str], index: PackageIndex, where: str) -> InputError:
    if providers:
        return InputError(
            f"several Debian packages provide {name}",
            where=where,
            mend=f"name one: {', '.join(providers[:8])}",
        )
    from difflib import get_close_matches  # noqa: PLC0415 - only for this message

    near = get_close_matches(name, list(index.names()), n=3)
    return InputError(
        f"Debian has no package {name} for {index.architecture}",
        where=where,
        mend=f"did you mean {' or '.join(near)}?" if near else "",
    )
