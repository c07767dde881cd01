"""Wheels of what the lock has only as source: sdists, git commits, directories, and the project itself.

Each is built once: the wheel is kept in the store under a hash of its source and of all that decides what a
backend makes of it. A second build starts neither uv nor git. What comes out is judged before it is used.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Final

from packaging.utils import parse_wheel_filename
from packaging.version import InvalidVersion, Version

from wherry.build.sources.backend import Backend, BuildOptions
from wherry.build.sources.environment import TOOLCHAIN
from wherry.build.sources.material import DirectoryMaterial, GitMaterial, SdistMaterial
from wherry.build.sources.requirements import build_settings, read_build_system
from wherry.build.sources.result import BuiltWheel, Expected, inspect, require_fit
from wherry.digest import Digest
from wherry.errors import InputError
from wherry.oci.platform import Platform
from wherry.project.locks.model import DirectorySource, GitSource, LockedFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from packaging.utils import NormalizedName

    from wherry.build.sources.material import Material
    from wherry.fetch.credentials import Credentials
    from wherry.fetch.fetcher import Fetcher
    from wherry.layers.model import BytecodeCompiler
    from wherry.plan.select import Chosen
    from wherry.progress import Progress
    from wherry.project.locks.model import LockedPackage
    from wherry.project.project import Project
    from wherry.project.target import Target
    from wherry.store.store import Store

KIND: Final = "built-wheels"
RECIPE_VERSION: Final = 1
"""Part of every key: raised when builds are run in another way that changes what they make."""


def build_source_wheels(  # noqa: PLR0913 - by name: what is built, for what, where, and with what
    chosen: Sequence[Chosen],
    *,
    target: Target,
    store: Store,
    fetcher: Fetcher,
    progress: Progress,
    root: Path | None = None,
    interpreter: BytecodeCompiler | None = None,
) -> dict[NormalizedName, LockedFile]:
    """Build what has no wheel, or find that it was built before.

    Args:
        chosen: Packages without a fitting wheel: each has an sdist or a source.
        target: What the wheels must fit; its Python's minor version runs the backends.
        store: Keeps the wheels, and the logs of failed builds.
        fetcher: Gets sdists; whether it is offline goes for build requirements and git too.
        progress: Told of each build.
        root: The project's directory (or its workspace's): its ``[tool.uv]`` says which indexes and build
            constraints hold. Without it none are read.
        interpreter: The base's own, which runs the backends where uv finds no other of its minor version.

    Returns:
        A wheel in the store for each package, by normalized name.

    Raises:
        InputError: A source is hostile, does not build, builds something else than the lock says, or makes
            native code that does not run on the target.
        WorldError: Network, disk, uv, git or the interpreter failed.

    """
    builds = SourceBuilds(target, store, fetcher, progress, root, interpreter)
    return builds.build_all([c.package for c in chosen])


def find_source_wheels(  # noqa: PLR0913 - the same
    chosen: Sequence[Chosen],
    *,
    target: Target,
    store: Store,
    fetcher: Fetcher,
    progress: Progress,
    root: Path | None = None,
    interpreter: BytecodeCompiler | None = None,
) -> dict[NormalizedName, LockedFile]:
    """The wheels that `build_source_wheels` would find built already: for a plan, which builds nothing."""
    builds = SourceBuilds(target, store, fetcher, progress, root, interpreter)
    found: dict[NormalizedName, LockedFile] = {}
    for package in (c.package for c in chosen):
        with suppress(InputError):  # said when it is built
            built = builds.find(builds.material(package))
            if built is not None:
                found[package.name] = builds.locked(built)
    return found


def build_project_wheel(  # noqa: PLR0913 - the same
    project: Project,
    *,
    target: Target,
    store: Store,
    fetcher: Fetcher,
    progress: Progress,
    interpreter: BytecodeCompiler | None = None,
) -> LockedFile:
    """Build the project's own wheel, or find that this very tree was built before.

    Args:
        project: Has a build system.
        target: What the wheel must fit.
        store: Keeps the wheel.
        fetcher: Whether it is offline goes for build requirements.
        progress: Told of the build, and of model files that were left out.
        interpreter: The base's own, as for `build_source_wheels`.

    Raises:
        InputError: The project does not build, or makes native code that does not run on the target.
        WorldError: Network, disk, uv or the interpreter failed.

    """
    builds = SourceBuilds(target, store, fetcher, progress, project.workspace or project.root, interpreter)
    return builds.locked(builds.build(builds.project_material(project)))


def find_project_wheel(  # noqa: PLR0913 - the same
    project: Project,
    *,
    target: Target,
    store: Store,
    fetcher: Fetcher,
    progress: Progress,
    interpreter: BytecodeCompiler | None = None,
) -> LockedFile | None:
    """The wheel that `build_project_wheel` would find built already: for a plan, which builds nothing."""
    builds = SourceBuilds(target, store, fetcher, progress, project.workspace or project.root, interpreter)
    built = builds.find(builds.project_material(project))
    return None if built is None else builds.locked(built)


class SourceBuilds:
    """Where the sources of one image are built."""

    def __init__(  # noqa: PLR0913, PLR0917 - what all of them share
        self,
        target: Target,
        store: Store,
        fetcher: Fetcher,
        progress: Progress,
        root: Path | None,
        interpreter: BytecodeCompiler | None = None,
    ) -> None:
        self._target = target
        self._store = store
        self._fetcher = fetcher
        self._progress = progress
        self._root = root
        self._interpreter = interpreter
        self._settings = build_settings(root) if root else ""
        self._backends: list[Backend] = []
        self._guard = threading.Lock()

    def _backend(self) -> Backend:
        """Made by the first build: a warm run has none, and need not read the configuration of indexes."""
        from wherry.fetch.indexes import IndexConfiguration  # noqa: PLC0415 - as said

        with self._guard:
            if not self._backends:
                self._backends.append(
                    Backend(
                        python=self._target.python,
                        offline=self._fetcher.offline,
                        cwd=self._root or self._store.root,
                        logs=self._store.root / "logs",
                        redact=self._redact,
                        find_links=tuple(self._fetcher.find_links),
                        variables=IndexConfiguration.read(self._root).uv_environment(),
                        interpreter=self._interpreter,
                    )
                )
            return self._backends[0]

    @cached_property
    def _credentials(self) -> Credentials:
        from wherry.fetch.credentials import Credentials  # noqa: PLC0415 - only what is fetched has any

        return Credentials.read(self._root)

    def _redact(self, text: str) -> str:
        return self._credentials.redact(text)

    def material(self, package: LockedPackage) -> Material:
        """What a package of the lock is built from."""
        expected = Expected(package.name, package.version, package.where)
        if isinstance(package.source, DirectorySource):
            return DirectoryMaterial(expected, package.source.path, self._store)
        if isinstance(package.source, GitSource):
            return GitMaterial(expected, package.source, self._fetcher.offline, self._redact)
        if package.sdist is None:
            raise InputError(
                f"{expected.title} has neither a wheel for {self._target.platform} nor a source to build",
                where=expected.where,
                mend="lock a version that has one",
            )
        return SdistMaterial(expected, package.sdist, package.subdirectory, self._store, self._fetcher)

    def project_material(self, project: Project) -> DirectoryMaterial:
        """The project itself."""
        system = read_build_system(project.root)
        version = None
        if project.version and not system.asks_git:  # else it may be a stand-in for what git will say
            with suppress(InvalidVersion):  # the backend has more to say about that
                version = Version(project.version)
        expected = Expected(system.name, version, project.place("pyproject.toml"))
        return DirectoryMaterial(expected, project.root, self._store)

    def locked(self, built: BuiltWheel) -> LockedFile:
        """A built wheel as if the lock had named it."""
        digest = Digest(built.digest)
        path = self._store.blobs.path(digest)
        return LockedFile(built.filename, digest, path=path, size_bytes=built.size_bytes)

    def build_all(self, packages: Sequence[LockedPackage]) -> dict[NormalizedName, LockedFile]:
        """Build several at once. The first failure ends the others."""
        if not packages:
            return {}
        pool = ThreadPoolExecutor(min(len(packages), os.cpu_count() or 1), thread_name_prefix="build")
        try:
            running = {pool.submit(self.build, self.material(package)): package.name for package in packages}
            done, _ = wait(running, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()  # raises what the build raised
            return {name: self.locked(future.result()) for future, name in running.items()}
        except BaseException:
            for backend in self._backends:
                backend.stop()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def find(self, material: Material) -> BuiltWheel | None:
        """The wheel of an earlier build of the same source, if the store still has it."""
        requirements = [self.find(local) for local in self._local_requirements(material, ())]
        known = [requirement for requirement in requirements if requirement is not None]
        return self._remembered(self._key(material, known)) if len(known) == len(requirements) else None

    def build(self, material: Material, above: tuple[Path, ...] = ()) -> BuiltWheel:
        """Find or build the wheel of one source, after those of the trees that its build requires.

        Args:
            material: The source.
            above: The trees whose builds wait for this one.

        Raises:
            InputError: See `build_source_wheels`; or trees require each other in a circle.
            WorldError: See `build_source_wheels`.

        """
        if isinstance(material, DirectoryMaterial):
            above = (*above, material.directory)
            if material.tree.left_out and len(above) == 1:
                self._progress.note(_left_out(material))
        requirements = [self.build(local, above) for local in self._local_requirements(material, above)]
        key = self._key(material, requirements)
        built = self._remembered(key)
        if built is None:
            with self._store.lock(f"build {hashlib.sha256(key.encode()).hexdigest()}"):
                built = self._remembered(key) or self._make(material, requirements, key)
        require_fit(built, material.expected, self._target)
        if built.libraries:
            self._progress.note(
                f"{material.expected.title} was linked here with {', '.join(built.libraries)}: "
                "the image needs them from the base or from system-packages"
            )
        return built

    def _local_requirements(self, material: Material, above: tuple[Path, ...]) -> list[DirectoryMaterial]:
        system = material.build_system
        found: list[DirectoryMaterial] = []
        for name, path in system.local if system else ():
            if path in above:
                circle = " -> ".join(p.name for p in (*above[above.index(path) :], path))
                raise InputError(
                    f"cyclic path dependency: to build one needs the other: {circle}",
                    where=str(path / "pyproject.toml"),
                    mend="take one of them out of build-system.requires",
                )
            found.append(DirectoryMaterial(Expected(name, None, str(path)), path, self._store))
        return found

    def _make(self, material: Material, requirements: Sequence[BuiltWheel], key: str) -> BuiltWheel:
        title = material.expected.title
        with self._store.scratch("build") as work, self._progress.task(f"building {title}"):
            prepared = material.prepare(work)
            options = BuildOptions(
                find_links=(self._lay_out(requirements, work),) if requirements else (),
                without_sources=tuple(str(parse_wheel_filename(r.filename)[0]) for r in requirements),
                variables=prepared.variables,
            )
            wheel = self._backend().build(title, prepared.tree, work, options)
            digest = Digest.of_file(wheel)
            machine = Platform.of_host().machine
            built = inspect(wheel, digest, material.expected, machine=machine)
            self._store.blobs.add_file(wheel, digest)
        self._store.index.put(KIND, _for_machine(key, built.machine), built)
        return built

    def _lay_out(self, requirements: Sequence[BuiltWheel], work: Path) -> Path:
        links = work / "requirements"
        links.mkdir()
        for requirement in requirements:
            shutil.copyfile(self._store.blobs.path(Digest(requirement.digest)), links / requirement.filename)
        return links

    def _key(self, material: Material, requirements: Sequence[BuiltWheel]) -> str:
        toolchain = {name: value for name, value in os.environ.items() if name in TOOLCHAIN}
        return json.dumps(
            {
                "recipe": RECIPE_VERSION,
                "source": material.identity,
                "python": self._target.python,
                "settings": self._settings,
                "toolchain": toolchain,
                "requirements": sorted(requirement.digest for requirement in requirements),
            },
            sort_keys=True,
        )

    def _remembered(self, key: str) -> BuiltWheel | None:
        for machine in ("", Platform.of_host().machine):
            built = self._store.index.get(KIND, _for_machine(key, machine), BuiltWheel)
            if built is not None and Digest(built.digest) in self._store.blobs:
                return built
        return None


def _for_machine(key: str, machine: str) -> str:
    """A pure wheel serves every machine; native code only the kind it was compiled on."""
    return f"{machine or 'any'} {key}"


def _left_out(material: DirectoryMaterial) -> str:
    names = material.tree.left_out
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004 - a line is a line
    return (
        f"model files are not built into a wheel: {', '.join(names[:3])}{more}; "
        "name them in [tool.wherry] include to have them"
    )
